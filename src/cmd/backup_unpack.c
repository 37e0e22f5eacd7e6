/* Members of a backup into a directory of root's: no link is followed, nothing is overwritten.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "backup_restore.h"

static bool safe_path(const char *path)
{
	for (const char *p = path; *p; ) {
		size_t len = strcspn(p, "/");

		if (!len || (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += len;
		if (*p == '/' && !*++p)
			return true;	/* tar's directories end in a slash */
	}
	return *path != '\0';
}

/* The directory that path lies in, made where the archive does not name it;
 * *name is its last component. No link is followed, also none that the archive brought. */
static int enter(int dir, char *path, char **name, struct err *err)
{
	AUTO_FD int at = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *slash;

	while (at >= 0 && (slash = strchr(path, '/'))) {
		*slash = '\0';
		if (mkdirat(at, path, 0700) < 0 && errno != EEXIST)
			return err_sys(err, errno, "make directory '%s'", path);
		int next = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		close(at);
		at = next;
		if (at < 0)
			return err_sys(err, errno, "enter directory '%s'", path);
		path = slash + 1;
	}
	*name = path;
	return at < 0 ? err_sys(err, errno, "the directory to unpack into") : MOVE_FD(at);
}

static int write_all(int fd, const unsigned char *p, size_t len, struct err *err)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "write");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Behind owner and mode: an ACL has the last word on the mode. */
static int put_attrs(int fd, const struct archive_member *m, struct err *err)
{
	static bool told;
	int lost = xattrs_write(fd, m->attrs, err);

	if (lost < 0)
		err_prefix(err, "'%s'", m->path);
	else if (lost && !told) {
		log_warn("the file system keeps no extended attributes or ACLs; '%s' has some in the backup, and others may", m->path);
		told = true;
	}
	return lost < 0 ? -1 : 0;
}

static int put_file(int at, const char *name, struct reader *r, const struct archive_member *m, unsigned char *chunk,
		    struct err *err)
{
	AUTO_FD int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)m->mtime } };
	ssize_t n;

	if (fd < 0)
		return err_sys(err, errno, "make '%s'", m->path);
	while ((n = reader_read(r, chunk, RESTORE_CHUNK, err)) > 0)
		if (write_all(fd, chunk, (size_t)n, err) < 0) {
			err_prefix(err, "'%s'", m->path);
			return -1;
		}
	if (n < 0)
		return -1;
	if (fchown(fd, (uid_t)m->uid, (gid_t)m->gid) < 0 || fchmod(fd, m->mode & 07777) < 0)
		return err_sys(err, errno, "set owner and mode of '%s'", m->path);
	if (put_attrs(fd, m, err) < 0)
		return -1;
	if (futimens(fd, times) < 0)
		return err_sys(err, errno, "set the time of '%s'", m->path);
	return close(MOVE_FD(fd)) < 0 ? err_sys(err, errno, "close '%s'", m->path) : 0;
}

static int put_dir(int at, const char *name, const struct archive_member *m, struct err *err)
{
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make '%s'", m->path);
	AUTO_FD int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fchown(fd, (uid_t)m->uid, (gid_t)m->gid) < 0 || fchmod(fd, m->mode & 07777) < 0)
		return err_sys(err, errno, "set owner and mode of '%s'", m->path);
	return put_attrs(fd, m, err);
}

int unpack_member(int dir, const char *as, struct reader *r, const struct archive_member *m, unsigned char *chunk,
		  struct err *err)
{
	AUTO_FREE char *path = xstrdup(as);
	size_t len = strlen(path);
	char *name = path;

	if (!safe_path(path))
		return err_set(err, ERR_FAIL, "'%s' is no name for a file of a backup", m->path);
	if (path[len - 1] == '/')
		path[len - 1] = '\0';
	AUTO_FD int at = enter(dir, path, &name, err);

	if (at < 0)
		return -1;
	if (S_ISDIR(m->mode))
		return put_dir(at, name, m, err);
	if (S_ISREG(m->mode))
		return put_file(at, name, r, m, chunk, err);
	if (!S_ISLNK(m->mode))
		return err_set(err, ERR_FAIL, "'%s' is neither file, directory nor link", m->path);
	if (symlinkat(m->target, at, name) < 0 || fchownat(at, name, (uid_t)m->uid, (gid_t)m->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "make link '%s'", m->path);
	return 0;
}
