/* For unit tests that need real files: a directory of their own, and short ways to fill and look at it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scratch_setup/_teardown are for cmocka_unit_test_setup_teardown: each test
 * has an empty directory `scratch` (mode 0755) and `root`, a struct root of it.
 * Names are relative to it.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/path.h"

#define OTHER_USER 61234	/* a user that is neither root nor us and owns nothing else */
#define WITH_SCRATCH(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

static char *scratch UNUSED;
static struct root root UNUSED = ROOT_INIT;

static int UNUSED scratch_remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED,
				     struct FTW *ftw UNUSED)
{
	return remove(path);
}

static int UNUSED scratch_setup(void **state UNUSED)
{
	const char *where = getenv("TMPDIR");
	char path[4096];

	alarm(60);	/* what must not hang ends the test if it does */
	umask(022);
	snprintf(path, sizeof(path), "%s/t-scratch.XXXXXX", where && *where ? where : "/tmp");
	if (!mkdtemp(path) || chmod(path, 0755) < 0)
		return -1;
	scratch = realpath(path, NULL);
	return root_init(&root, scratch, NULL);
}

static int UNUSED scratch_teardown(void **state UNUSED)
{
	root_release(&root);
	int rc = nftw(scratch, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);

	free(scratch);
	scratch = NULL;
	return rc;
}

/* fork(2); the child does not outlive a test that fails. */
static pid_t UNUSED forked(void)
{
	pid_t pid = fork();

	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static char * UNUSED in_scratch(const char *name)
{
	return xasprintf("%s/%s", scratch, name);
}

static void UNUSED put(const char *name, const char *text, mode_t mode)
{
	AUTO_FREE char *path = in_scratch(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void UNUSED make_dir_at(const char *name, mode_t mode)
{
	AUTO_FREE char *path = in_scratch(name);

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void UNUSED make_link(const char *name, const char *target)
{
	AUTO_FREE char *path = in_scratch(name);

	assert_int_equal(symlink(target, path), 0);
}

static void UNUSED give_away(const char *name)
{
	AUTO_FREE char *path = in_scratch(name);

	assert_int_equal(lchown(path, OTHER_USER, OTHER_USER), 0);
}

/* Compare a file's whole content. */
static void UNUSED assert_content(const char *name, const char *want)
{
	AUTO_FREE char *path = in_scratch(name);
	AUTO_BUF b = BUF_INIT;
	AUTO_FD int fd = open(path, O_RDONLY | O_NOFOLLOW);

	assert_true(fd >= 0);
	assert_int_equal(buf_read_fd(&b, fd, 1u << 20, NULL), 0);
	assert_string_equal(b.p, want);
}

static struct stat UNUSED stat_of(const char *name)
{
	AUTO_FREE char *path = in_scratch(name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st;
}

static bool UNUSED there_is(const char *name)
{
	AUTO_FREE char *path = in_scratch(name);
	struct stat st;

	return lstat(path, &st) == 0;
}

static int UNUSED entries_in(const char *name)
{
	AUTO_FREE char *path = in_scratch(name);
	DIR *d = opendir(path);
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* cmocka's skip() prints a TAP line that prove takes for a failure. */
#define NEEDS_ROOT() do { \
		if (geteuid() != 0) { \
			printf("# %s: nothing to prove without root\n", __func__); \
			return; \
		} \
	} while (0)

#define assert_fails(call, wanted_kind, wanted_text) do { \
		struct err e_ = ERR_INIT; \
		struct err *err = &e_; \
		assert_int_equal(call, -1); \
		if (!strstr(e_.text, wanted_text)) \
			fail_msg("'%s' is not in '%s'", wanted_text, e_.text); \
		assert_int_equal(e_.kind, wanted_kind); \
	} while (0)

#define assert_works(call, wanted) do { \
		struct err e_ = ERR_INIT; \
		struct err *err = &e_; \
		int rc_ = (call); \
		if (rc_ != (wanted)) \
			fail_msg("%d instead of %d: %s", rc_, (int)(wanted), e_.text); \
	} while (0)

#endif
