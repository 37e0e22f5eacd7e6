/* Replace a file so that after a crash or power cut it is the old one or the new one.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "atomic.h"
#include "lock.h"
#include "temp.h"

#define XATTR_NAMES_MAX 65536
#define XATTR_VALUE_MAX 65536

static int fail(const struct atomic *a, int errnum, const char *what, struct err *err)
{
	err_sys(err, errnum, "%s '%s'", what, a->path);
	/* ENOENT here is a file that vanished under us, not "no such thing". */
	if (err && errnum == ENOENT)
		err->kind = ERR_FAIL;
	return -1;
}

static int look_at_old(struct atomic *a, struct err *err)
{
	if (fstatat(a->dirfd, a->name, &a->old, AT_SYMLINK_NOFOLLOW) < 0) {
		a->had_old = false;
		return errno == ENOENT ? 0 : fail(a, errno, "look at", err);
	}
	a->had_old = true;
	if (!S_ISREG(a->old.st_mode))
		return err_set(err, ERR_FAIL, "'%s' is not a regular file and is not replaced", a->path);
	return 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int changed(const struct atomic *a, struct err *err)
{
	err_set(err, ERR_BUSY, "'%s' was changed by someone else meanwhile; nothing was written", a->path);
	err_hint(err, "look at the file and try again");
	return -1;
}

/* Is the file still what the caller has read? */
static int check_expected(struct atomic *a, struct err *err)
{
	const struct stat *expect = a->opts.expect;

	if (look_at_old(a, err) < 0)
		return -1;
	if (!expect || (expect->st_ino ? a->had_old && same_file(expect, &a->old) : !a->had_old))
		return 0;
	return changed(a, err);
}

int atomic_begin(struct atomic *a, const struct root *root, const char *path,
		 const struct atomic_opts *opts, struct err *err)
{
	const char *name;

	a->fd = a->hold = -1;
	a->temp = a->name = NULL;
	a->opts = *opts;
	a->path = xasprintf("%s%s", root->prefix, path);
	a->dirfd = path_open_parent(root, path, opts->path_flags, &name, err);
	if (a->dirfd < 0 || temp_sweep(a->dirfd, name, err) < 0)
		return -1;
	a->name = xstrdup(name);
	if (check_expected(a, err) < 0)
		return -1;
	a->fd = temp_create(a->dirfd, name, &a->temp);
	if (a->fd < 0)
		return fail(a, errno, "make a temporary file for", err);
	a->hold = fcntl(a->fd, F_DUPFD_CLOEXEC, 0);
	return a->hold < 0 ? fail(a, errno, "make a temporary file for", err) : 0;
}

/* Attributes that only the kernel or a security module sets may be refused to
 * us without harm; an ACL may not. */
static bool xattr_may_fail(const char *name, int errnum)
{
	if (strncmp(name, "system.posix_acl_", 17) == 0)
		return false;
	return errnum == ENOTSUP || ((errnum == EPERM || errnum == EACCES) &&
		(strncmp(name, "security.", 9) == 0 || strncmp(name, "trusted.", 8) == 0));
}

static int copy_xattr(struct atomic *a, int from, const char *name, struct err *err)
{
	AUTO_FREE char *value = xmalloc(XATTR_VALUE_MAX);
	ssize_t n = fgetxattr(from, name, value, XATTR_VALUE_MAX);

	if (n < 0)
		return errno == ENODATA || xattr_may_fail(name, errno) ? 0 :
			fail(a, errno, "read an extended attribute of", err);
	if (fsetxattr(a->fd, name, value, (size_t)n, 0) < 0 && !xattr_may_fail(name, errno))
		return fail(a, errno, "set an extended attribute of", err);
	return 0;
}

/* What the directory's default ACL gave to the new file is not the old file's. */
static int drop_inherited_acl(struct atomic *a, struct err *err)
{
	if (fremovexattr(a->fd, "system.posix_acl_access") < 0 && errno != ENODATA && errno != ENOTSUP)
		return fail(a, errno, "remove the inherited ACL of", err);
	return 0;
}

static int copy_xattrs(struct atomic *a, struct err *err)
{
	AUTO_FD int from = openat(a->dirfd, a->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_FREE char *names = xmalloc(XATTR_NAMES_MAX);

	if (from < 0)
		return fail(a, errno, "open", err);
	ssize_t n = flistxattr(from, names, XATTR_NAMES_MAX);

	if (n < 0)
		return errno == ENOTSUP ? 0 : fail(a, errno, "list extended attributes of", err);
	if (drop_inherited_acl(a, err) < 0)
		return -1;
	for (const char *p = names; p < names + n; p += strlen(p) + 1)
		if (copy_xattr(a, from, p, err) < 0)
			return -1;
	return 0;
}

static int set_attributes(struct atomic *a, struct err *err)
{
	bool keep = a->opts.keep && a->had_old;
	uid_t uid = keep ? a->old.st_uid : a->opts.uid;
	gid_t gid = keep ? a->old.st_gid : a->opts.gid;
	mode_t mode = keep ? a->old.st_mode & 07777 : a->opts.mode;
	struct stat now;

	if (fstat(a->fd, &now) < 0)
		return fail(a, errno, "look at the temporary file of", err);
	if (uid == now.st_uid)
		uid = (uid_t)-1;
	if (gid == now.st_gid)
		gid = (gid_t)-1;
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(a->fd, uid, gid) < 0)
		return fail(a, errno, "set the owner of", err);
	if (keep && copy_xattrs(a, err) < 0)
		return -1;
	/* Last: an ACL, and its removal, change the mode. */
	return fchmod(a->fd, mode) < 0 ? fail(a, errno, "set the mode of", err) : 0;
}

static int put_in_place(struct atomic *a)
{
	/* Where there must be no file, not even one of this moment is replaced. */
	if (a->opts.expect && !a->opts.expect->st_ino) {
		if (renameat2(a->dirfd, a->temp, a->dirfd, a->name, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EINVAL)	/* a file system that does not know the flag */
			return -1;
	}
	return renameat(a->dirfd, a->temp, a->dirfd, a->name);
}

int atomic_commit(struct atomic *a, struct err *err)
{
	if (set_attributes(a, err) < 0)
		return -1;
	if (fsync(a->fd) < 0)
		return fail(a, errno, "write out", err);
	if (close(MOVE_FD(a->fd)) < 0)
		return fail(a, errno, "close", err);
	if (lock_dir(a->dirfd, a->path, err) < 0 || check_expected(a, err) < 0)
		return -1;
	if (put_in_place(a) < 0)
		return errno == EEXIST ? changed(a, err) : fail(a, errno, "put in place", err);
	free(a->temp);
	a->temp = NULL;
	if (fsync(a->dirfd) < 0)
		return fail(a, errno, "write out the directory of", err);
	return 0;
}

void atomic_abort(struct atomic *a)
{
	if (a->fd >= 0)
		close(a->fd);
	if (a->temp)
		unlinkat(a->dirfd, a->temp, 0);
	if (a->hold >= 0)
		close(a->hold);
	if (a->dirfd >= 0)
		close(a->dirfd);
	free(a->temp);
	free(a->name);
	free(a->path);
	a->fd = a->dirfd = a->hold = -1;
	a->temp = a->name = a->path = NULL;
}

static bool attributes_equal(const struct stat *st, const struct atomic_opts *o)
{
	return o->keep || ((st->st_mode & 07777) == o->mode &&
			   (o->uid == (uid_t)-1 || st->st_uid == o->uid) &&
			   (o->gid == (gid_t)-1 || st->st_gid == o->gid));
}

/* A run that was killed between rename and fsync left the right content in
 * memory only; "already so" must survive a power cut too. */
static int write_out(int fd, const struct root *root, const char *path, unsigned flags, struct err *err)
{
	const char *name;
	AUTO_FD int dir = path_open_parent(root, path, flags, &name, err);

	if (dir < 0)
		return -1;
	if (fsync(fd) < 0 || fsync(dir) < 0)
		return err_sys(err, errno, "write out '%s%s'", root->prefix, path);
	return 1;
}

/* 1 when the file already has this content and these attributes, durably; 0
 * when it has not, or cannot be read: then the replacement reports why. */
static int already_so(const struct root *root, const char *path, const void *data, size_t len,
		      const struct atomic_opts *o, struct err *err)
{
	AUTO_BUF now = BUF_SECRET_INIT;
	struct stat st;
	struct err ignored = ERR_INIT;
	AUTO_FD int fd = path_open(root, path, O_RDONLY | O_NONBLOCK, 0, o->path_flags, &ignored);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size != len ||
	    buf_read_fd(&now, fd, len, &ignored) < 0)
		return 0;
	if (o->expect && !(o->expect->st_ino && same_file(o->expect, &st)))
		return 0;
	if (now.len != len || memcmp(now.p, data, len) != 0 || !attributes_equal(&st, o))
		return 0;
	return write_out(fd, root, path, o->path_flags, err);
}

int atomic_replace(const struct root *root, const char *path, const void *data, size_t len,
		   const struct atomic_opts *opts, struct err *err)
{
	int same = opts->may_exist_equal ? already_so(root, path, data, len, opts, err) : 0;

	if (same)
		return same;
	CLEANUP(atomic_abort) struct atomic a = ATOMIC_INIT;

	if (atomic_begin(&a, root, path, opts, err) < 0)
		return -1;
	/* A view, not a buffer of its own: never released. */
	struct buf view = { .p = (char *)(uintptr_t)data, .len = len };

	if (buf_write_fd(&view, a.fd, err) < 0) {
		err_prefix(err, "'%s'", a.path);
		return -1;
	}
	return atomic_commit(&a, err);
}
