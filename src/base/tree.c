/* Measuring and deleting trees that a service user can write in: by descriptors, never through a link.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every directory is opened relative to its parent's descriptor with O_NOFOLLOW,
 * so nobody can swap one for a link between the look and the deed. A directory
 * that is a mount point is not entered: what is mounted there belongs to
 * somebody else. Entries are taken in the order of their inodes, a batch at a
 * time, because in a directory of 200,000 files the order of names makes a
 * disk seek for each.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree.h"

#define BATCH 10000
#define LEFT_MAX 20	/* paths named in a message */

struct walk {
	struct tree_count *count;
	struct strv *left;	/* deleting: what could not be removed */
	struct buf path;	/* of where we are, for messages */
	bool delete, bytes;
	struct err *err;
};

struct entry {
	ino_t ino;
	unsigned char type;
	char *name;
};

static int by_inode(const void *a, const void *b)
{
	ino_t x = ((const struct entry *)a)->ino, y = ((const struct entry *)b)->ino;

	return (x > y) - (x < y);
}

static void note(struct walk *w, const char *name, const char *why)
{
	if (w->left && w->left->n < LEFT_MAX)
		strv_addf(w->left, "%s%s%s: %s", w->path.p, name ? "/" : "", name ? name : "", why);
	else if (w->left && w->left->n == LEFT_MAX)
		strv_add(w->left, "...");
}

/* Is the open directory the root of a mount? Bind mounts keep the device
 * number, so the kernel is asked (Linux 5.8); older ones compare devices. */
static bool is_mount_root(int fd, dev_t parent)
{
	struct statx sx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &sx) < 0)
		return true;
	if (sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
		return sx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	struct stat st;

	return fstat(fd, &st) < 0 || st.st_dev != parent;
}

static int walk_dir(struct walk *w, int fd, dev_t device);

static unsigned char type_of(int dir, const char *name, unsigned char type)
{
	struct stat st;

	if (type != DT_UNKNOWN)
		return type;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return DT_UNKNOWN;
	return S_ISDIR(st.st_mode) ? DT_DIR : DT_REG;
}

static int visit_dir(struct walk *w, int dir, dev_t device, const char *name)
{
	size_t before = w->path.len;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || is_mount_root(fd, device)) {
		note(w, name, fd < 0 ? strerror(errno) : "something is mounted there");
		if (fd < 0 && !w->delete)
			return err_sys(w->err, errno, "'%s/%s'", w->path.p, name);
		w->count->mounts += fd >= 0;
		w->count->files++;
		if (fd >= 0)
			close(fd);
		return 0;
	}
	buf_addf(&w->path, "/%s", name);
	rc = walk_dir(w, fd, device);
	buf_truncate(&w->path, before);
	w->count->dirs++;
	if (rc == 0 && w->delete && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT &&
	    errno != ENOTEMPTY && errno != EEXIST)
		note(w, name, strerror(errno));
	return rc;
}

static int visit_file(struct walk *w, int dir, const char *name)
{
	struct stat st;

	if (w->delete) {
		if (unlinkat(dir, name, 0) == 0)
			w->count->files++;
		else if (errno != ENOENT)
			note(w, name, strerror(errno));
		return 0;
	}
	w->count->files++;
	if (w->bytes && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		w->count->bytes += (uint64_t)st.st_size;
	return 0;
}

static int visit_batch(struct walk *w, int dir, dev_t device, struct entry *list, size_t n)
{
	int rc = 0;

	if (n > 100)
		qsort(list, n, sizeof *list, by_inode);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			rc = type_of(dir, list[i].name, list[i].type) == DT_DIR ?
			     visit_dir(w, dir, device, list[i].name) : visit_file(w, dir, list[i].name);
		free(list[i].name);
	}
	return rc;
}

/* All entries of d once; *n how many. */
static int walk_once(struct walk *w, DIR *d, dev_t device, size_t *n)
{
	AUTO_FREE struct entry *list = xreallocarray(NULL, BATCH, sizeof *list);
	size_t held = 0;
	struct dirent *e;
	int rc = 0;

	*n = 0;
	while (rc == 0) {
		errno = 0;
		e = readdir(d);
		if (!e)
			break;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		list[held++] = (struct entry){ e->d_ino, e->d_type, xstrdup(e->d_name) };
		++*n;
		if (held == BATCH) {
			rc = visit_batch(w, dirfd(d), device, list, held);
			held = 0;
		}
	}
	if (rc == 0 && errno)
		rc = err_sys(w->err, errno, "read '%s'", w->path.p);
	if (rc == 0)
		return visit_batch(w, dirfd(d), device, list, held);
	while (held)
		free(list[--held].name);
	return rc;
}

/* Takes fd over. When deleting, once more as long as that makes progress: some
 * file systems skip entries of a directory that changes while it is read. */
static int walk_dir(struct walk *w, int fd, dev_t device)
{
	DIR *d = fdopendir(fd);
	size_t n = 0, last = (size_t)-1;
	int rc;

	if (!d) {
		close(fd);
		return err_sys(w->err, errno, "'%s'", w->path.p);
	}
	rc = walk_once(w, d, device, &n);
	while (rc == 0 && w->delete && n > 0 && n < last && !w->left->n) {
		last = n;
		rewinddir(d);
		rc = walk_once(w, d, device, &n);
	}
	closedir(d);
	return rc;
}

/* A level of directories needs a descriptor each. */
static void allow_depth(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

/* The top itself: it may be a mount point (a disk for the documents), but no link. */
static int walk_top(struct walk *w, const struct root *root, const char *path)
{
	const char *name;
	struct err why = ERR_INIT;
	struct stat st;
	AUTO_FD int parent = path_open_parent(root, path, 0, &name, &why);

	if (parent < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (parent >= 0 ? errno == ENOENT : why.kind == ERR_ABSENT)
			return 0;
		if (parent >= 0)
			return err_sys(w->err, errno, "'%s'", path);
		if (w->err)
			*w->err = why;
		return -1;
	}
	buf_adds(&w->path, path);
	if (S_ISLNK(st.st_mode) && !w->delete)
		return err_set(w->err, ERR_FAIL, "'%s' is a symbolic link; what it points to is not looked at", path);
	if (S_ISLNK(st.st_mode)) {
		note(w, NULL, "is a symbolic link; what it points to was not touched");
		return 0;
	}
	if (!S_ISDIR(st.st_mode)) {
		buf_truncate(&w->path, w->path.len - strlen(name) - 1);
		return visit_file(w, parent, name);
	}
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_sys(w->err, errno, "'%s'", path);
	allow_depth();
	if (walk_dir(w, fd, st.st_dev) < 0)
		return -1;
	w->count->dirs++;
	/* a mount point stays (EBUSY); whether it is empty is looked at afterwards */
	if (w->delete && unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != EBUSY && !w->left->n)
		note(w, NULL, strerror(errno));
	if (w->delete)
		fsync(parent);	/* not checked: whether it is gone is looked at afterwards */
	return 0;
}

int tree_measure(const struct root *root, const char *path, bool bytes, struct tree_count *c, struct err *err)
{
	struct walk w = { .count = c, .path = BUF_INIT, .bytes = bytes, .err = err };
	int rc = walk_top(&w, root, path);

	buf_release(&w.path);
	return rc;
}

int tree_delete(const struct root *root, const char *path, struct tree_count *gone, struct strv *left,
		struct err *err)
{
	AUTO_STRV mine = STRV_INIT;
	struct walk w = { .count = gone, .left = &mine, .path = BUF_INIT, .delete = true, .err = err };
	int rc = walk_top(&w, root, path);

	buf_release(&w.path);
	for (size_t i = 0; i < mine.n; i++)
		strv_add(left, mine.v[i]);
	return rc < 0 ? -1 : mine.n > 0;
}
