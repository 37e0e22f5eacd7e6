/* proves: record files lose nothing that was reported as written, and drop what a crash left unfinished
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
// ext: profile statefile
#include "with-profile.h"
#include "core/record.h"
#include "ext/statefile.h"

static struct buf seen = BUF_INIT;
static int collect(const struct strv *f, void *arg UNUSED, struct err *err UNUSED)
{
	for (size_t i = 0; i < f->n; i++)
		buf_addf(&seen, "%s%s", i ? "|" : "", f->v[i]);
	buf_addc(&seen, '\n');
	return 0;
}

static int stop(const struct strv *f UNUSED, void *arg UNUSED, struct err *err)
{
	return err_set(err, ERR_POLICY, "enough");
}

static int append(const char *a, const char *b, struct err *err)
{
	return statefile_append(pkg, &root, "list", (const char *const[]){ a, b }, 2, err);
}

static void assert_reads(const char *want)
{
	buf_reset(&seen);
	assert_works(statefile_read(pkg, &root, "list", collect, NULL, err), 0);
	assert_string_equal(seen.p, want);
}

static void test_append(void **state UNUSED)
{
	assert_reads("");
	assert_works(append("one", "1", err), 0);
	assert_works(append("two\n", "", err), 0);
	assert_reads("one|1\ntwo\n|\n");
	assert_int_equal(stat_of(STATE "list").st_mode & 07777, 0600);
	assert_int_equal(stat_of("var/lib/maintkit/pkg").st_mode & 07777, 0700);
	assert_int_equal(stat_of("var/lib/maintkit").st_mode & 07777, 0755);
	assert_fails(statefile_read(pkg, &root, "list", stop, NULL, err), ERR_POLICY, "enough");
	make_link(STATE "link", "list");
	assert_fails(statefile_append(pkg, &root, "link", (const char *const[]){ "x" }, 1, err), ERR_FAIL, "symbolic link");
}

/* Cut at each byte: whole records stay, and the next append goes on cleanly. */
static void test_torn(void **state UNUSED)
{
	assert_works(append("one", "1", err), 0);
	off_t first = stat_of(STATE "list").st_size;

	assert_works(append("two", "2", err), 0);
	off_t both = stat_of(STATE "list").st_size;

	for (off_t len = first; len < both; len++) {
		cut(STATE "list", len);
		assert_reads("one|1\n");
		assert_works(append("two", "2", err), 0);
		assert_reads("one|1\ntwo|2\n");
	}
	/* A block that was given to the file but never written: zeros. */
	cut(STATE "list", first);
	cut(STATE "list", first + 300);
	assert_reads("one|1\n");
	assert_works(append("three", "3", err), 0);
	assert_reads("one|1\nthree|3\n");
	/* A last line with line feed and a wrong checksum. */
	append_text(STATE "list", "00000000 x\n");
	assert_reads("one|1\nthree|3\n");
	assert_works(append("four", "4", err), 0);
	assert_reads("one|1\nthree|3\nfour|4\n");
}

static void test_damage(void **state UNUSED)
{
	assert_works(append("one", "1", err), 0);
	append_text(STATE "list", "00000000 x\n");
	append_text(STATE "list", "00000000 y\n");
	struct stat before = stat_of(STATE "list");

	assert_fails(statefile_read(pkg, &root, "list", collect, NULL, err), ERR_FAIL, "/list:2: the line is damaged");
	assert_fails(append("two", "2", err), ERR_FAIL, "remove that line");
	assert_int_equal(stat_of(STATE "list").st_size, before.st_size);
}

static void test_write(void **state UNUSED)
{
	AUTO_BUF text = BUF_INIT;

	assert_works(append("one", "1", err), 0);
	record_format(&text, (const char *const[]){ "only", "x" }, 2);
	assert_works(statefile_write(pkg, &root, "list", &text, err), 0);
	assert_reads("only|x\n");
	buf_reset(&text);
	assert_works(statefile_write(pkg, &root, "list", &text, err), 0);
	assert_false(there_is(STATE "list"));
	assert_works(statefile_write(pkg, &root, "list", &text, err), 0);
}

static void append_often(char c)
{
	for (int i = 0; i < 50; i++)
		if (append((char[]){ c, '\0' }, "x", NULL) < 0)
			_exit(1);
	_exit(0);
}

/* Four append while a fifth reads and rewrites the whole: nothing may get lost. */
static void test_concurrent(void **state UNUSED)
{
	pid_t pids[4];
	int status;

	for (int i = 0; i < 4; i++)
		if ((pids[i] = forked()) == 0)
			append_often((char)('a' + i));
	for (int i = 0; i < 30; i++) {
		AUTO_FD int lock = statefile_lock(pkg, &root, NULL);
		AUTO_BUF all = BUF_INIT;
		struct err none = ERR_INIT;

		assert_true(lock >= 0);
		if (path_read_file(&root, "/" STATE "list", &all, 100000, NULL, &none) == 0)
			assert_works(statefile_write(pkg, &root, "list", &all, err), 0);
		buf_addf(&all, "x");
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	buf_reset(&seen);
	assert_works(statefile_read(pkg, &root, "list", collect, NULL, err), 0);
	assert_int_equal(seen.len, 200 * strlen("a|x\n"));
	assert_int_equal(entries_in(STATE), 2);	/* the list and the lock */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PROFILE(test_append),
		WITH_PROFILE(test_torn),
		WITH_PROFILE(test_damage),
		WITH_PROFILE(test_write),
		WITH_PROFILE(test_concurrent),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	buf_release(&seen);
	return rc;
}
