/* Advisory locks with a time limit.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "lock.h"

#define DIR_ASK_MS 2000		/* where anybody may hold it */
#define DIR_INSIST_MS 30000	/* where only our own programs do: for as long as a busy disk takes to sync */

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int take(int fd, int how, const char *what, int timeout_ms, struct err *err)
{
	long long end = now_ms() + timeout_ms;
	struct timespec pause = { .tv_nsec = 1000000 };

	/* Polling, because flock(2) has no time limit and SIGALRM would not
	 * be ours to take in a library. The pause doubles up to 64 ms. */
	for (;;) {
		if (flock(fd, how | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, errno, "lock '%s'", what);
		if (now_ms() >= end) {
			err_set(err, ERR_BUSY, "'%s' is locked by another process", what);
			err_hint(err, "try again when it has finished");
			return -1;
		}
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 64000000)
			pause.tv_nsec *= 2;
	}
}

int lock_fd(int fd, const char *what, int timeout_ms, struct err *err)
{
	return take(fd, LOCK_EX, what, timeout_ms, err);
}

static int open_locked(const struct root *root, const char *path, int how, int timeout_ms, struct err *err)
{
	/* Whoever held the lock may have removed the file (a purge): then we hold
	 * a lock that nobody else will ever see, and begin again. */
	for (;;) {
		AUTO_FD int fd = path_open(root, path, O_RDWR | O_CREAT | O_NONBLOCK, 0600, 0, err);
		struct stat st;

		if (fd < 0 || take(fd, how, path, timeout_ms, err) < 0)
			return -1;
		if (fstat(fd, &st) < 0)
			return err_sys(err, errno, "'%s'", path);
		if (!S_ISREG(st.st_mode))
			return err_set(err, ERR_FAIL, "'%s%s' is not a regular file", root->prefix, path);
		if (st.st_nlink)
			return MOVE_FD(fd);
	}
}

int lock_file(const struct root *root, const char *path, int timeout_ms, struct err *err)
{
	return open_locked(root, path, LOCK_EX, timeout_ms, err);
}

int lock_file_shared(const struct root *root, const char *path, int timeout_ms, struct err *err)
{
	return open_locked(root, path, LOCK_SH, timeout_ms, err);
}

static bool others_may_open(int dirfd)
{
	struct stat st;

	return fstat(dirfd, &st) == 0 &&
	       ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 044));
}

int lock_dir(int fd, const char *what, struct err *err)
{
	struct err why = ERR_INIT;
	bool insist = !others_may_open(fd);

	if (lock_fd(fd, what, insist ? DIR_INSIST_MS : DIR_ASK_MS, &why) == 0 || (!insist && why.kind == ERR_BUSY))
		return 0;
	if (err)
		*err = why;
	return -1;
}
