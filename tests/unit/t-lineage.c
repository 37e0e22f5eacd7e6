// proves: legacy versions are placed by product and build, not by dpkg's order, and nothing else is taken for one
// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/lineage.h"
#include "base/mem.h"

static void parses(void **state)
{
	static const struct { const char *text; int product; enum lineage_stage stage; int revision; long build; } t[] = {
		{ "19-97~3743", 19, LINEAGE_PLAIN, 97, 3743 },
		{ "15-88~844", 15, LINEAGE_PLAIN, 88, 844 },
		{ "15.88~844", 15, LINEAGE_PLAIN, 88, 844 },
		{ "0:15-88~844", 15, LINEAGE_PLAIN, 88, 844 },
		{ "15-97final858", 15, LINEAGE_FINAL, 97, 858 },
		{ "18alpha-7~928", 18, LINEAGE_ALPHA, 7, 928 },
		{ "19beta-1~932", 19, LINEAGE_BETA, 1, 932 },
		{ "14-10alpha15", 14, LINEAGE_ALPHA, 10, -1 },
		{ "19-97", 19, LINEAGE_PLAIN, 97, -1 },
		{ "15", 15, LINEAGE_PLAIN, -1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct lineage l;

		if (!lineage_parse(&l, t[i].text))
			fail_msg("%s was not taken", t[i].text);
		assert_int_equal(l.product, t[i].product);
		assert_int_equal(l.stage, t[i].stage);
		assert_int_equal(l.revision, t[i].revision);
		assert_int_equal(l.build, t[i].build);
	}
}

static void refuses(void **state)
{
	static const char *const t[] = {
		"", "1:20.0-1", "1:1:15-88", "0:", "-", "~", "v15-88", "15-", "15-88~", "15-88~844x", "15-88~844~1",
		"15 -88", "15-88\n", "100-1", "0-1", "15gamma-1", "15-99999999", "20.0-1+b1", "15-88~99999999999999999999",
		"15-88~-1", "15--88", "19betabeta-1",
	};
	char longest[301];
	struct lineage l = { .product = 7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		if (lineage_parse(&l, t[i]))
			fail_msg("'%s' was taken for a legacy version", t[i]);
	memset(longest, '1', 300);
	longest[300] = '\0';
	assert_false(lineage_parse(&l, longest));
	assert_false(lineage_parse(&l, NULL));
	assert_int_equal(l.product, 7);
}

/* The order in time, by build; dpkg sorts 19beta-1~932 behind 19-97~3743. */
static void order(void **state)
{
	static const char *const in_time[] = {
		"14-10alpha15", "15-42~437", "15-51~508", "15-63~667", "15-70~690", "15-71~691", "15-80~745",
		"15-88~844", "15-97final858", "18beta-1~859", "18alpha-7~928", "19beta-0~929", "19beta-1~932",
		"19-6~952", "19-45~1364", "19-49~1508", "19-65~1842", "19-68~2239", "19-84~3743",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(in_time); i++)
		for (size_t j = 0; j < ARRAY_LEN(in_time); j++) {
			struct lineage a, b;
			int c;

			assert_true(lineage_parse(&a, in_time[i]) && lineage_parse(&b, in_time[j]));
			c = lineage_compare(&a, &b);
			if ((c > 0) - (c < 0) != (i > j) - (i < j))
				fail_msg("%s against %s gave %d", in_time[i], in_time[j], c);
		}
}

static void order_without_build(void **state)
{
	struct lineage a, b;

	(void)state;
	assert_true(lineage_parse(&a, "19beta-5") && lineage_parse(&b, "19-1"));
	assert_true(lineage_compare(&a, &b) < 0);
	assert_true(lineage_parse(&a, "19-97") && lineage_parse(&b, "19-97~3743"));
	assert_int_equal(lineage_compare(&a, &b), 0);
	assert_true(lineage_parse(&a, "15.88~844") && lineage_parse(&b, "15-88~844"));
	assert_int_equal(lineage_compare(&a, &b), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses), cmocka_unit_test(refuses), cmocka_unit_test(order),
		cmocka_unit_test(order_without_build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
