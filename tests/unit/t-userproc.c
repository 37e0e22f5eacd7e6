/* proves: a function in a forked child gives back result, output and error, and a child that dies or hangs is an error.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>
#include <cmocka.h>
#include "base/userproc.h"

static int says(void *arg, struct buf *out, struct err *err)
{
	(void)err;
	buf_adds(out, arg);
	return 7;
}

static int fails(void *arg, struct buf *out, struct err *err)
{
	(void)arg;
	buf_adds(out, "so far");
	return err_set(err, ERR_POLICY, "no: %s", "reason");
}

static int dies(void *arg, struct buf *out, struct err *err)
{
	(void)out;
	(void)err;
	if (arg)
		raise(SIGKILL);
	_exit(0);
}

static int hangs(void *arg, struct buf *out, struct err *err)
{
	(void)arg;
	(void)out;
	(void)err;
	sleep(100);
	return 0;
}

static int looks_around(void *arg, struct buf *out, struct err *err)
{
	int *fds = arg;

	(void)err;
	buf_addf(out, "%d %d %d %s %s %s", fcntl(fds[0], F_GETFD) >= 0, fcntl(fds[1], F_GETFD) >= 0,
		 (int)umask(0), getenv("SECRET") ? "leak" : "-", getenv("EXTRA"), getenv("PATH"));
	return (int)geteuid();
}

static void results(void **state)
{
	struct userproc_opts o = { .timeout_ms = 10000 };
	struct err err = ERR_INIT;
	AUTO_BUF out = BUF_INIT;
	char text[] = "hello";

	(void)state;
	assert_int_equal(userproc_run(&o, says, text, &out, &err), 7);
	assert_string_equal(out.p, "hello");
	buf_reset(&out);
	assert_int_equal(userproc_run(&o, fails, NULL, &out, &err), -1);
	assert_int_equal(err.kind, ERR_POLICY);
	assert_string_equal(err.text, "no: reason");
	assert_string_equal(out.p, "so far");
}

static void deaths(void **state)
{
	struct userproc_opts o = { .timeout_ms = 10000 };
	struct err err = ERR_INIT;
	char yes[] = "";

	(void)state;
	assert_int_equal(userproc_run(&o, dies, yes, NULL, &err), -1);
	assert_non_null(strstr(err.text, "signal 9"));
	assert_int_equal(userproc_run(&o, dies, NULL, NULL, &err), -1);
	assert_non_null(strstr(err.text, "before it was done"));
	o.timeout_ms = 200;
	assert_int_equal(userproc_run(&o, hangs, NULL, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_BACKEND);
}

static void surroundings(void **state)
{
	static const char *const env[] = { "EXTRA=1", NULL };
	int fds[2] = { dup(2), dup(2) };
	struct userproc_opts o = { .keep = { fds[0] }, .env = env, .timeout_ms = 10000 };
	AUTO_BUF out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	setenv("SECRET", "x", 1);
	if (geteuid() == 0) {
		o.drop = true;
		o.uid = o.gid = 65534;
	}
	assert_int_equal(userproc_run(&o, looks_around, fds, &out, &err), geteuid() == 0 ? 65534 : (int)geteuid());
	assert_string_equal(out.p, "1 0 63 - 1 /usr/sbin:/usr/bin:/sbin:/bin");
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results), cmocka_unit_test(deaths), cmocka_unit_test(surroundings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
