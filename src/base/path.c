/* Files below a root directory, reached without following anybody else's symbolic links.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lock.h"
#include "path.h"
#include "temp.h"

#define MAX_LINKS 40	/* as the kernel's own limit (path_resolution(7)) */

int root_init(struct root *root, const char *prefix, struct err *err)
{
	char resolved[PATH_MAX];

	root->fd = -1;
	root->prefix = NULL;
	if (!prefix || !*prefix)
		prefix = "/";
	if (!realpath(prefix, resolved))
		return err_sys(err, errno, "root directory '%s'", prefix);
	root->fd = open(resolved, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root->fd < 0)
		return err_sys(err, errno, "root directory '%s'", prefix);
	root->prefix = xstrdup(strcmp(resolved, "/") == 0 ? "" : resolved);
	return 0;
}

void root_release(struct root *root)
{
	if (root->fd >= 0)
		close(root->fd);
	root->fd = -1;
	free(root->prefix);
	root->prefix = NULL;
}

bool root_is_foreign(const struct root *root)
{
	return root->prefix && root->prefix[0];
}

char *path_dirname(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return xstrdup("/");
	return xstrndup(path, (size_t)(slash - path));
}

/* Who but root and we could have made, or exchanged, the entries of a directory? */
enum trust {
	TRUST_NONE,	/* somebody else */
	TRUST_STICKY,	/* nobody, if they belong to root or us: restricted deletion */
	TRUST_FULL,	/* nobody */
};

/* The state of a walk: where we are (descriptor and physical path) and what
 * is still to come. */
struct walk {
	const struct root *root;
	const char *asked;	/* for messages */
	unsigned flags;
	int fd;			/* O_PATH */
	enum trust trust;	/* in fd's entries, see judge() */
	struct buf here;	/* physical path of fd below the root, "" = root */
	struct buf rest;	/* components still to come, separated by '/' */
	int links;
};

static void walk_release(struct walk *w)
{
	if (w->fd >= 0)
		close(w->fd);
	buf_release(&w->here);
	buf_release(&w->rest);
}

static bool trusted_owner(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

/* A directory, reached through entries that were trusted or not. */
static enum trust judge(const struct stat *dir, bool reached)
{
	if (!reached || !trusted_owner(dir->st_uid))
		return TRUST_NONE;
	if (!(dir->st_mode & 022))
		return TRUST_FULL;
	return dir->st_mode & S_ISVTX ? TRUST_STICKY : TRUST_NONE;
}

/* Step into the directory fd, which the walk owns from now on. */
static int walk_into(struct walk *w, int fd, struct err *err)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_sys(err, errno, "'%s%s'", w->root->prefix, w->asked);
		mem_close_cleanup(&fd);
		return -1;
	}
	bool reached = w->trust == TRUST_FULL || (w->trust == TRUST_STICKY && trusted_owner(st.st_uid));

	if (w->fd >= 0)
		close(w->fd);
	w->fd = fd;
	w->trust = judge(&st, reached);
	return 0;
}

static int walk_restart(struct walk *w, struct err *err)
{
	buf_reset(&w->here);
	w->trust = TRUST_FULL;	/* the caller chose the root */
	return walk_into(w, openat(w->root->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), err);
}

/* Continue from the root with FRONT "/" the rest. */
static int walk_redirect(struct walk *w, const char *front, struct err *err)
{
	AUTO_BUF path = BUF_INIT;

	buf_addf(&path, "%s/%s", front, w->rest.p);
	buf_reset(&w->rest);
	buf_add(&w->rest, path.p, path.len);
	return walk_restart(w, err);
}

/* Follow the link NAME in the current directory if only root could have put
 * it there (path.h); else refuse. */
static int walk_link(struct walk *w, const char *name, const struct stat *link, struct err *err)
{
	char target[PATH_MAX];

	if ((w->flags & PATH_NO_LINKS) || !trusted_owner(link->st_uid) || w->trust != TRUST_FULL) {
		err_set(err, ERR_FAIL, "'%s%s': '%s/%s' is a symbolic link, which is not followed here",
			w->root->prefix, w->asked, w->here.p, name);
		if (err)
			err->sys = ELOOP;
		return -1;
	}
	if (++w->links > MAX_LINKS)
		return err_sys(err, ELOOP, "'%s%s'", w->root->prefix, w->asked);
	ssize_t n = readlinkat(w->fd, name, target, sizeof(target) - 1);

	if (n <= 0)
		return err_sys(err, n ? errno : ENOENT, "'%s%s'", w->root->prefix, w->asked);
	if ((size_t)n == sizeof(target) - 1)
		return err_sys(err, ENAMETOOLONG, "'%s%s'", w->root->prefix, w->asked);
	target[n] = '\0';
	AUTO_FREE char *front = target[0] == '/' ? xstrdup(target)
						 : xasprintf("%s/%s", w->here.p, target);
	return walk_redirect(w, front, err);
}

/* ".." comes only from links' targets. `here` has no link in it, so cutting
 * its text is exact, and at the root it stays there. */
static int walk_up(struct walk *w, struct err *err)
{
	AUTO_FREE char *up = path_dirname(w->here.len ? w->here.p : "/");

	return walk_redirect(w, up, err);
}

/* Enter one component that must be a directory. */
static int walk_enter(struct walk *w, const char *name, struct err *err)
{
	int fd = openat(w->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd >= 0) {
		if (walk_into(w, fd, err) < 0)
			return -1;
		buf_addf(&w->here, "/%s", name);
		return 0;
	}
	int saved = errno;

	if ((saved == ENOTDIR || saved == ELOOP) &&
	    fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return walk_link(w, name, &st, err);
	return err_sys(err, saved, "'%s%s'", w->root->prefix, w->asked);
}

/* Take the next component out of the rest; NULL at the end. */
static char *walk_next(struct walk *w)
{
	size_t skip = strspn(w->rest.p, "/");
	size_t len = strcspn(w->rest.p + skip, "/");

	if (!len)
		return NULL;
	char *name = xstrndup(w->rest.p + skip, len);
	AUTO_FREE char *tail = xstrdup(w->rest.p + skip + len);

	buf_reset(&w->rest);
	buf_adds(&w->rest, tail);
	return name;
}

static int walk_all(struct walk *w, struct err *err)
{
	if (walk_restart(w, err) < 0)
		return -1;
	for (;;) {
		AUTO_FREE char *name = walk_next(w);
		int rc = 0;

		if (!name)
			return 0;
		if (strcmp(name, "..") == 0)
			rc = walk_up(w, err);
		else if (strcmp(name, ".") != 0)
			rc = walk_enter(w, name, err);
		if (rc < 0)
			return -1;
	}
}

static int check_shape(const char *path, struct err *err)
{
	size_t len = strlen(path);

	if (path[0] != '/')
		return err_set(err, ERR_FAIL, "'%s' is not an absolute path", path);
	if (len >= PATH_MAX)
		return err_sys(err, ENAMETOOLONG, "'%.60s...'", path);
	if (strstr(path, "/../") || (len >= 3 && strcmp(path + len - 3, "/..") == 0))
		return err_set(err, ERR_FAIL, "'%s' contains '..', which is not allowed here", path);
	return 0;
}

int path_open_dir(const struct root *root, const char *path, unsigned flags, struct err *err)
{
	CLEANUP(walk_release) struct walk w = {
		.root = root, .asked = path, .flags = flags, .fd = -1,
		.here = BUF_INIT, .rest = BUF_INIT,
	};

	if (check_shape(path, err) < 0)
		return -1;
	buf_adds(&w.rest, path);
	if (walk_all(&w, err) < 0)
		return -1;
	int fd = openat(w.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "'%s%s'", root->prefix, path) : fd;
}

int path_open_parent(const struct root *root, const char *path, unsigned flags,
		     const char **name, struct err *err)
{
	AUTO_FREE char *dir = path_dirname(path);
	const char *slash = strrchr(path, '/');

	if (!slash || !slash[1] || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0)
		return err_set(err, ERR_FAIL, "'%s' does not name a file", path);
	*name = slash + 1;
	return path_open_dir(root, dir, flags, err);
}

char *path_real_dir(const struct root *root, const char *path, struct err *err)
{
	AUTO_FD int fd = path_open_dir(root, path, 0, err);
	char proc[32], real[PATH_MAX];
	size_t skip = strlen(root->prefix);
	ssize_t n;

	if (fd < 0)
		return NULL;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = readlink(proc, real, sizeof(real) - 1);
	if (n < 0 || (size_t)n < skip) {
		err_sys(err, n < 0 ? errno : ENOENT, "'%s%s'", root->prefix, path);
		return NULL;
	}
	real[n] = '\0';
	return xstrdup(real[skip] ? real + skip : "/");
}

int path_open(const struct root *root, const char *path, int oflags, mode_t mode,
	      unsigned flags, struct err *err)
{
	const char *name;
	AUTO_FD int dir = path_open_parent(root, path, flags, &name, err);

	if (dir < 0)
		return -1;
	int fd = openat(dir, name, oflags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, mode);

	if (fd >= 0)
		return fd;
	if (errno == ELOOP || errno == EMLINK) {
		err_set(err, ERR_FAIL, "'%s%s' is a symbolic link, which is not followed here",
			root->prefix, path);
		if (err)
			err->sys = ELOOP;
		return -1;
	}
	return err_sys(err, errno, "'%s%s'", root->prefix, path);
}

int path_stat(const struct root *root, const char *path, struct stat *st, struct err *err)
{
	const char *name;
	AUTO_FD int dir = path_open_parent(root, path, 0, &name, err);

	if (dir < 0)
		return -1;
	if (fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "'%s%s'", root->prefix, path);
	return 0;
}

int path_read_file(const struct root *root, const char *path, struct buf *out, size_t max,
		   struct stat *st, struct err *err)
{
	struct stat own;
	/* O_NONBLOCK: opening a FIFO must not hang before we see that it is one. */
	AUTO_FD int fd = path_open(root, path, O_RDONLY | O_NONBLOCK, 0, 0, err);

	if (fd < 0)
		return -1;
	if (fstat(fd, &own) < 0)
		return err_sys(err, errno, "'%s%s'", root->prefix, path);
	if (!S_ISREG(own.st_mode))
		return err_set(err, ERR_FAIL, "'%s%s' is not a regular file", root->prefix, path);
	if (own.st_size > 0 && (uintmax_t)own.st_size > max)
		return err_set(err, ERR_FAIL, "'%s%s' has %jd bytes, more than the %zu that are allowed",
			       root->prefix, path, (intmax_t)own.st_size, max);
	/* All at once: a buffer that grows is copied, and wiped, each time. */
	buf_reserve(out, (size_t)own.st_size + 16384);
	if (buf_read_fd(out, fd, max, err) < 0) {
		err_prefix(err, "'%s%s'", root->prefix, path);
		return -1;
	}
	if (st)
		*st = own;
	return 0;
}

/* Set owner and exact mode of a new directory and make it durable. */
static int finish_dir(int fd, mode_t mode, uid_t uid, gid_t gid)
{
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) < 0)
		return -1;
	return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -1 : 0;
}

static int be_dir(const struct root *root, const char *path, struct err *err)
{
	AUTO_FD int fd = path_open_dir(root, path, 0, err);

	return fd < 0 ? -1 : 0;
}

/* Put the finished directory in place, unless something is there by now. */
static int place_dir(int parent, const char *temp, const char *name)
{
	struct stat st;

	if (renameat2(parent, temp, parent, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -1;
	/* A file system that does not know the flag (NFS, FUSE). */
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(parent, temp, parent, name);
}

/* Make one directory so that it is there with its owner and mode, or not at all. */
static int make_dir(const struct root *root, const char *path, mode_t mode, uid_t uid, gid_t gid,
		    struct err *err)
{
	const char *name;
	AUTO_FD int parent = path_open_parent(root, path, 0, &name, err);

	if (parent < 0 || lock_dir(parent, path, err) < 0 ||
	    temp_sweep(parent, name, err) < 0)
		return -1;
	AUTO_FREE char *temp = temp_name(name);

	if (mkdirat(parent, temp, 0700) < 0)
		return err_sys(err, errno, "make directory '%s%s'", root->prefix, path);
	AUTO_FD int fd = openat(parent, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || finish_dir(fd, mode, uid, gid) < 0 ||
	    place_dir(parent, temp, name) < 0) {
		int saved = errno;

		unlinkat(parent, temp, AT_REMOVEDIR);
		if (saved == EEXIST)	/* made by somebody else meanwhile, or no directory at all */
			return be_dir(root, path, err);
		return err_sys(err, saved, "make directory '%s%s'", root->prefix, path);
	}
	return fsync(parent) < 0 ? err_sys(err, errno, "'%s%s'", root->prefix, path) : 0;
}

/* A path without blank components at its end: "/a//" -> "/a". */
static char *without_slashes(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return xstrndup(path, len);
}

int path_mkdirs(const struct root *root, const char *asked, mode_t mode, uid_t uid, gid_t gid,
		struct err *err)
{
	struct err why = ERR_INIT;
	AUTO_FREE char *path = without_slashes(asked);
	AUTO_FD int fd = path_open_dir(root, path, 0, &why);

	if (fd >= 0)
		return 0;
	if (why.kind != ERR_ABSENT) {
		if (err)
			*err = why;
		return -1;
	}
	if (strcmp(path, "/") == 0)
		return err_sys(err, ENOENT, "'%s'", root->prefix);
	AUTO_FREE char *parent = path_dirname(path);

	if (path_mkdirs(root, parent, mode, uid, gid, err) < 0)
		return -1;
	return make_dir(root, path, mode, uid, gid, err);
}

int path_unlink(const struct root *root, const char *path, struct err *err)
{
	const char *name;
	struct err why = ERR_INIT;
	AUTO_FD int dir = path_open_parent(root, path, 0, &name, &why);

	if (dir < 0) {
		if (why.kind == ERR_ABSENT)
			return 1;
		if (err)
			*err = why;
		return -1;
	}
	if (unlinkat(dir, name, 0) < 0) {
		if (errno == ENOENT)
			return 1;
		return err_sys(err, errno, "remove '%s%s'", root->prefix, path);
	}
	return fsync(dir) < 0 ? err_sys(err, errno, "'%s%s'", root->prefix, path) : 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int path_list(const struct root *root, const char *path, struct strv *names, struct err *err)
{
	int fd = path_open_dir(root, path, 0, err);

	if (fd < 0)
		return -1;
	DIR *d = fdopendir(fd);

	if (!d) {
		int saved = errno;

		close(fd);
		return err_sys(err, saved, "'%s%s'", root->prefix, path);
	}
	size_t first = names->n;
	struct dirent *e;

	errno = 0;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			strv_add(names, e->d_name);
	int saved = errno;

	closedir(d);
	if (saved)
		return err_sys(err, saved, "list '%s%s'", root->prefix, path);
	if (names->n > first)
		qsort(names->v + first, names->n - first, sizeof(char *), by_bytes);
	return 0;
}
