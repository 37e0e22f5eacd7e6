// proves: progress is told at the times it promises, and never as more than it is
// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/progress.h"

static void times(void **state)
{
	struct progress p;
	unsigned told = 0;

	(void)state;
	progress_begin(&p, 0, false, 100);
	for (double t = 100; t < 400; t += 0.25)
		if (progress_due(&p, t)) {
			static const double at[] = { 105, 115, 135, 175, 235, 295, 355 };

			assert_true(told < 7 && t == at[told]);
			told++;
		}
	assert_int_equal(told, 7);
	progress_begin(&p, 0, true, 0);
	assert_false(progress_due(&p, 0.4));
	assert_true(progress_due(&p, 0.5));
	assert_false(progress_due(&p, 0.9));
	assert_true(progress_due(&p, 1.1));
}

static void text_is(const struct progress *p, double now, const char *want)
{
	AUTO_BUF out = BUF_INIT;

	progress_text(p, now, &out);
	assert_string_equal(out.p, want);
}

static void texts(void **state)
{
	struct progress p;

	(void)state;
	progress_begin(&p, 1000000000, false, 50);
	p.done = 340000000;
	text_is(&p, 84, "34 %, 340 of about 1000 MB, 10 MB/s, 66 s left");
	text_is(&p, 390, "34 %, 340 of about 1000 MB, 1 MB/s, 11 min left");
	text_is(&p, 34050, "34 %, 340 of about 1000 MB, 0 MB/s, 18 h 20 min left");
	p.done = 999999999;
	text_is(&p, 60, "99 %, 1000 of about 1000 MB, 100 MB/s, 0 s left");
	p.done = 2000000000;
	text_is(&p, 60, "2000 MB, 200 MB/s");
	p.done = 0;
	text_is(&p, 50, "0 %, 0 of about 1000 MB, 0 MB/s");
	progress_begin(&p, 0, false, 50);
	p.done = 5000000;
	text_is(&p, 51, "5 MB, 5 MB/s");
	progress_begin(&p, 1000000000, true, 50);
	p.done = 9000000;
	text_is(&p, 51, "0 %, 9 of about 1000 MB, 9 MB/s");
	p.done = 10000000;
	text_is(&p, 51, "1 %, 10 of about 1000 MB, 10 MB/s, 99 s left");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(times), cmocka_unit_test(texts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
