/* Advisory locks with a time limit.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include "lock.h"

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int lock_fd(int fd, const char *what, int timeout_ms, struct err *err)
{
	long long end = now_ms() + timeout_ms;
	struct timespec pause = { .tv_nsec = 1000000 };

	/* Polling, because flock(2) has no time limit and SIGALRM would not
	 * be ours to take in a library. The pause doubles up to 64 ms. */
	for (;;) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
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

int lock_file(const struct root *root, const char *path, int timeout_ms, struct err *err)
{
	AUTO_FD int fd = path_open(root, path, O_RDWR | O_CREAT, 0600, 0, err);

	if (fd < 0 || lock_fd(fd, path, timeout_ms, err) < 0)
		return -1;
	return MOVE_FD(fd);
}
