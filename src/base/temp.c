/* Names for unfinished files and directories, and their sweeping.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "temp.h"

#define DIGITS 12
static const char infix[] = ".maintkit-";

char *temp_name(const char *name)
{
	uint8_t r[DIGITS / 2];

	/* Up to 256 bytes arrive whole or not at all (getrandom(2)); not at all
	 * is a kernel without entropy, for which no name is safe. */
	while (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
		if (errno != EINTR)
			abort();
	return xasprintf(".%.200s%s%02x%02x%02x%02x%02x%02x", name, infix,
			 r[0], r[1], r[2], r[3], r[4], r[5]);
}

int temp_create(int dirfd, const char *name, char **temp)
{
	for (;;) {
		AUTO_FREE char *fresh = temp_name(name);
		AUTO_FD int fd = openat(dirfd, fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		struct stat st;

		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return -1;
		/* A sweep between the two calls may have locked or removed it; a
		 * file system without locks (some network ones) has none to fear. */
		bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0 || (errno != EWOULDBLOCK && errno != EINTR);

		if (locked && fstat(fd, &st) == 0 && st.st_nlink) {
			*temp = MOVE_PTR(fresh);
			return MOVE_FD(fd);
		}
		unlinkat(dirfd, fresh, 0);
	}
}

static bool is_temp_of(const char *entry, const char *name)
{
	AUTO_FREE char *front = xasprintf(".%.200s%s", name, infix);
	size_t len = strlen(front);

	return strncmp(entry, front, len) == 0 && strlen(entry + len) == DIGITS &&
	       strspn(entry + len, "0123456789abcdef") == DIGITS;
}

static bool is_stale(int dirfd, const char *entry)
{
	struct stat st;

	if (fstatat(dirfd, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (!S_ISREG(st.st_mode))
		return true;
	AUTO_FD int fd = openat(dirfd, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static int sweep_one(int dirfd, const char *entry, struct err *err)
{
	if (!is_stale(dirfd, entry) || unlinkat(dirfd, entry, 0) == 0)
		return 0;
	if (errno == EISDIR && unlinkat(dirfd, entry, AT_REMOVEDIR) == 0)
		return 0;
	if (errno == ENOENT || errno == ENOTEMPTY || errno == EACCES || errno == EPERM)
		return 0;
	return err_sys(err, errno, "remove left-over '%s'", entry);
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

int temp_sweep(int dirfd, const char *name, struct err *err)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "open directory of '%s'", name);
	CLEANUP(close_dir) DIR *d = fdopendir(fd);

	if (!d) {
		close(fd);
		return err_sys(err, errno, "list directory of '%s'", name);
	}
	for (;;) {
		errno = 0;
		struct dirent *e = readdir(d);

		if (!e)
			return errno ? err_sys(err, errno, "list directory of '%s'", name) : 0;
		if (is_temp_of(e->d_name, name) && sweep_one(dirfd, e->d_name, err) < 0)
			return -1;
	}
}
