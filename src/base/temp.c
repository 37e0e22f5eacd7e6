/* Names for unfinished files and directories, and their sweeping.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
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

static bool is_temp_of(const char *entry, const char *name)
{
	AUTO_FREE char *front = xasprintf(".%.200s%s", name, infix);
	size_t len = strlen(front);

	return strncmp(entry, front, len) == 0 && strlen(entry + len) == DIGITS &&
	       strspn(entry + len, "0123456789abcdef") == DIGITS;
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
		if (!is_temp_of(e->d_name, name))
			continue;
		if (unlinkat(dirfd, e->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno == EISDIR && unlinkat(dirfd, e->d_name, AT_REMOVEDIR) == 0)
			continue;
		if (errno != ENOTEMPTY)
			return err_sys(err, errno, "remove left-over '%s'", e->d_name);
	}
}
