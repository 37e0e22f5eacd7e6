/* A throw-away GNUPGHOME inside a real one, for work that must not touch the keys there.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "pgp_staging.h"

#define PREFIX "maintkit-work-"
#define DEPTH 3		/* gpg makes directories of files and nothing deeper */

static void empty_dir(int dir, int depth)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	if (!d && copy >= 0)
		close(copy);
	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dir, e->d_name, 0) == 0 || !depth)
			continue;
		AUTO_FD int sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (sub >= 0)
			empty_dir(sub, depth - 1);
		unlinkat(dir, e->d_name, AT_REMOVEDIR);
	}
	if (d)
		closedir(d);
}

static void sweep(int home_fd)
{
	int copy = openat(home_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	if (!d && copy >= 0)
		close(copy);
	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, PREFIX, sizeof(PREFIX) - 1) != 0)
			continue;
		AUTO_FD int dir = openat(home_fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (dir < 0 || flock(dir, LOCK_EX | LOCK_NB) < 0)
			continue;
		empty_dir(dir, DEPTH);
		unlinkat(home_fd, e->d_name, AT_REMOVEDIR);
	}
	if (d)
		closedir(d);
}

int pgp_staging_open(struct pgp_staging *s, int home_fd, const char *home, struct err *err)
{
	sweep(home_fd);
	s->home_fd = home_fd;
	s->path = xasprintf("%s/" PREFIX "XXXXXX", home);
	if (!mkdtemp(s->path)) {
		err_sys(err, errno, "make a directory in '%s'", home);
		free(s->path);
		s->path = NULL;
		return -1;
	}
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->fd < 0 || flock(s->fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(err, errno, "'%s'", s->path);
	return 0;
}

void pgp_staging_release(struct pgp_staging *s)
{
	if (s->path && s->fd >= 0) {
		pgp_stop_agent(s->path);
		empty_dir(s->fd, DEPTH);
		unlinkat(s->home_fd, strrchr(s->path, '/') + 1, AT_REMOVEDIR);
	}
	mem_close_cleanup(&s->fd);
	free(s->path);
	s->path = NULL;
}

int pgp_staging_put(struct pgp_staging *s, const char *name, const void *data, size_t len, struct err *err)
{
	const char *slash = strchr(name, '/');
	AUTO_FREE char *dir = slash ? xstrndup(name, (size_t)(slash - name)) : NULL;
	union { const void *c; char *v; } bytes = { .c = data };
	const struct buf text = { .p = bytes.v, .len = len };

	if (dir && mkdirat(s->fd, dir, 0700) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make '%s/%s'", s->path, dir);
	AUTO_FD int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "make '%s/%s'", s->path, name);
	return buf_write_fd(&text, fd, err);
}
