/* proves: a name with control characters forges no line of the log and steers no terminal
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scratch.h"
#include "base/log.h"

static void speak(void)
{
	log_init("maintkit-test");
	log_debug("not shown");
	log_info("plain \xc3\xa4");
	log_warn("name '%s'", "x\x1b[31m\r\x7f\xc2\x9b" "31m\nmaintkit-sql: forged");
	log_set_level(LOG_WARN_LEVEL);
	log_info("quiet");
	struct err e = ERR_INIT;

	log_err(&e);
}

/* What goes to stderr, and to the file below the root. */
static void test_lines(void **state UNUSED)
{
	AUTO_BUF said = BUF_INIT, file = BUF_INIT;
	AUTO_FREE char *path = in_scratch("stderr");

	umask(0);
	pid_t pid = forked();

	if (pid == 0) {
		int fd = open(path, O_WRONLY | O_CREAT, 0600);

		dup2(fd, 2);
		log_open_file(&root, "/log");
		speak();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	assert_works(path_read_file(&root, "/stderr", &said, 10000, NULL, err), 0);
	assert_string_equal(said.p, "maintkit-test: plain \xc3\xa4\n"
			    "maintkit-test: warning: name 'x\\x1b[31m\\x0d\\x7f\\x9b31m\nmaintkit-sql: forged'\n"
			    "maintkit-test: error: failed without saying why\n");
	assert_int_equal(stat_of("log").st_mode & 07777, 0640);
	assert_works(path_read_file(&root, "/log", &file, 10000, NULL, err), 0);
	AUTO_STRV lines = STRV_INIT;

	strv_split(&lines, file.p, "\n");
	assert_int_equal(lines.n, 4);	/* "quiet" is in the file, "not shown" is not */
	for (size_t i = 0; i < lines.n; i++) {
		assert_int_equal(lines.v[i][10], 'T');
		assert_int_equal(lines.v[i][19], 'Z');
		assert_non_null(strstr(lines.v[i], " maintkit-test["));
	}
	assert_non_null(strstr(lines.v[1], "warning: name 'x\\x1b[31m\\x0d\\x7f\\x9b31m | maintkit-sql: forged'"));
}

/* A FIFO, a link, a directory in the log's place are no reason to hang or fail. */
static void test_no_file(void **state UNUSED)
{
	AUTO_FREE char *fifo = in_scratch("fifo");

	assert_int_equal(mkfifo(fifo, 0600), 0);
	put("target", "", 0600);
	make_link("link", "target");
	log_set_level(LOG_ERR_LEVEL);
	log_open_file(&root, "/fifo");
	log_info("x");
	log_open_file(&root, "/link");
	log_info("x");
	log_open_file(&root, "/none/log");
	log_info("x");
	assert_content("target", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(test_lines),
		WITH_SCRATCH(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
