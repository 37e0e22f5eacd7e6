/* Exchanging what is in a directory for what is restored, entry by entry, where the directory itself cannot be renamed.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * In the tree lies a directory of root's, ".maintkit-restore-ID", and in it each
 * of the two sets of entries, "restored" and "before":
 *	NAME		all of the set is here
 *	NAME.part	some of it is here, the rest is in use
 *	neither		all of it is in use
 * At most one set is in part, and what is in use besides what is ours belongs to
 * it. So the names alone say how far a run came, whichever way it went, and the
 * next one may go on or turn round. From nothing to part the directory is made
 * under a third name and gets the owner, mode and attributes that the tree has;
 * these come into use with the last entry.
 *
 * The web user can write in the tree, so everything is done by descriptors and no
 * link is followed. What he puts there meanwhile is taken for part of the set.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/mounts.h"
#include "../base/temp.h"
#include "../base/xattrs.h"
#include "backup_restore.h"

#define BEGUN "begun"
#define LOST_FOUND "lost+found"	/* the file system's own; an empty one is nobody's document */

struct exchange {
	const struct restore_plan *plan;
	const struct restore_tree *tree;
	int used, aside;	/* directories: the tree, and ours in it */
	const char *ours;	/* its name */
};

bool tree_by_entries(const struct restore_tree *r)
{
	return r->way == WAY_ENTRIES || r->way == WAY_MOUNT;
}

char *entries_aside(const struct restore_tree *r)
{
	return path_dirname(r->fresh);
}

int entries_sweep(struct tool *t, const struct restore_tree *r, struct err *err)
{
	AUTO_FREE char *aside = entries_aside(r);
	struct err why = ERR_INIT;
	AUTO_FD int fd = path_open_dir(&t->root, r->path, 0, &why);

	if (fd >= 0)
		return temp_sweep(fd, strrchr(aside, '/') + 1, err);
	if (why.kind == ERR_ABSENT)
		return 0;
	*err = why;
	return -1;
}

static int sync_dir(int fd, const struct exchange *x, struct err *err)
{
	return fsync(fd) < 0 ? err_sys(err, errno, "write out '%s'", x->tree->path) : 0;
}

/* 1 there, 0 not. */
static int is_there(const struct exchange *x, const char *name, struct err *err)
{
	struct stat st;

	if (fstatat(x->aside, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_sys(err, errno, "look at '%s' in '%s'", name, x->tree->path);
}

static int open_dir(int at, const char *name, const struct exchange *x, struct err *err)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "open '%s' in '%s'", name, x->tree->path) : fd;
}

static int rename_aside(const struct exchange *x, const char *from, const char *to, struct err *err)
{
	if (renameat(x->aside, from, x->aside, to) < 0)
		return err_sys(err, errno, "rename '%s' in '%s'", from, x->tree->path);
	return sync_dir(x->aside, x, err);
}

/* ---- what stays where it is --------------------------------------------------------------- */
static bool is_other_tree(const struct exchange *x, const char *name)
{
	size_t len = strlen(x->tree->path);

	for (size_t i = 0; i < x->plan->n; i++) {
		const char *path = x->plan->tree[i].path;

		if (strncmp(path, x->tree->path, len) == 0 && path[len] == '/' && strcmp(path + len + 1, name) == 0)
			return true;
	}
	return false;
}

static bool is_empty_lost_found(int dir, const char *name)
{
	if (strcmp(name, LOST_FOUND) != 0)
		return false;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int n = 0;

	if (!d) {
		mem_close_cleanup(&fd);
		return false;
	}
	while (readdir(d))
		n++;
	closedir(d);
	return n <= 2;
}

static bool stays(const struct exchange *x, int dir, const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, x->ours) == 0 ||
	       is_empty_lost_found(dir, name) || (dir == x->used && is_other_tree(x, name));
}

/* ---- moving --------------------------------------------------------------------------------- */
/* Somebody made it while the exchange was interrupted. */
static int put_aside(const struct exchange *x, const char *name, struct err *err)
{
	for (unsigned i = 1; ; i++) {
		AUTO_FREE char *as = xasprintf("found-%u-%.200s", i, name);
		int there = is_there(x, as, err);

		if (there < 0)
			return -1;
		if (there)
			continue;
		log_warn("'%s/%s' was made while the restore was interrupted; it is now '%s/%s/%s'", x->tree->path, name, x->tree->path,
			 x->ours, as);
		return renameat(x->used, name, x->aside, as) < 0 ?
		       err_sys(err, errno, "rename '%s/%s'", x->tree->path, name) : 0;
	}
}

/* Never over what is there: rename(2) would do that, or nothing where both are one file. */
static int rename_new(int from, const char *name, int to)
{
	struct stat st;

	if (renameat2(from, name, to, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* this file system knows no such rename; between look and deed is only the application, and that is stopped */
	if (fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from, name, to, name);
}

/* A set has each name once: what is in use under a name that is taken was made by somebody else. */
static int move_entry(const struct exchange *x, int from, const char *name, int to, struct err *err)
{
	int rc = rename_new(from, name, to);

	if (rc < 0 && errno == EEXIST) {
		bool replace = is_empty_lost_found(to, name);

		if (!replace && put_aside(x, name, err) < 0)
			return -1;
		rc = from == x->used && !replace ? 0 : renameat(from, name, to, name);
	}
	if (rc < 0 && errno != ENOENT)
		return err_sys(err, errno, "rename '%s/%s'", x->tree->path, name);
	return 0;
}

/* All entries of one directory into another, until a look finds none left. Takes no descriptor over. */
static int move_all(const struct exchange *x, int from, int to, struct err *err)
{
	int fd = dup(from), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	size_t moved = 1;

	if (!d) {
		int saved = errno;

		mem_close_cleanup(&fd);
		return err_sys(err, saved, "read '%s'", x->tree->path);
	}
	while (rc == 0 && moved) {
		moved = 0;
		rewinddir(d);
		while (rc == 0 && (errno = 0, e = readdir(d))) {
			if (stays(x, from, e->d_name))
				continue;
			rc = move_entry(x, from, e->d_name, to, err);
			moved++;
		}
		if (rc == 0 && errno)
			rc = err_sys(err, errno, "read '%s'", x->tree->path);
	}
	closedir(d);
	/* the names that follow say that it is done */
	return rc < 0 || sync_dir(to, x, err) < 0 || sync_dir(from, x, err) < 0 ? -1 : 0;
}

static int copy_attributes(const struct exchange *x, int from, int to, struct err *err)
{
	struct stat st;

	AUTO_XATTRS attrs = XATTRS_INIT;

	if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0)
		return err_sys(err, errno, "set owner and mode of '%s'", x->tree->path);
	return xattrs_read(from, &attrs, err) < 0 || xattrs_write(to, &attrs, err) < 0 ? -1 : 0;
}

/* An empty NAME.part, with the attributes of what is in use. */
static int begin_part(const struct exchange *x, const char *part, struct err *err)
{
	if (mkdirat(x->aside, BEGUN, 0700) < 0)
		return err_sys(err, errno, "make a directory in '%s/%s'", x->tree->path, x->ours);
	AUTO_FD int fd = open_dir(x->aside, BEGUN, x, err);

	if (fd < 0 || copy_attributes(x, x->used, fd, err) < 0 || sync_dir(fd, x, err) < 0)
		return -1;
	return rename_aside(x, BEGUN, part, err);
}

/* What is in use, of the set NAME, to where it is kept. */
static int move_out(const struct exchange *x, const char *part, const char *name, struct err *err)
{
	AUTO_FD int fd = open_dir(x->aside, part, x, err);

	return fd < 0 || move_all(x, x->used, fd, err) < 0 ? -1 : rename_aside(x, part, name, err);
}

static int move_in(const struct exchange *x, const char *part, struct err *err)
{
	AUTO_FD int fd = open_dir(x->aside, part, x, err);

	if (fd < 0 || move_all(x, fd, x->used, err) < 0 || copy_attributes(x, fd, x->used, err) < 0 || sync_dir(x->used, x, err) < 0)
		return -1;
	if (unlinkat(fd, LOST_FOUND, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove '" LOST_FOUND "' in '%s/%s'", x->tree->path, x->ours);
	if (unlinkat(x->aside, part, AT_REMOVEDIR) < 0)
		return err_sys(err, errno, "remove '%s' in '%s/%s'", part, x->tree->path, x->ours);
	return sync_dir(x->aside, x, err);
}

/* ---- all of it -------------------------------------------------------------------------------- */
static int run(const struct exchange *x, const char *in, const char *out, struct err *err)
{
	AUTO_FREE char *in_part = xasprintf("%s.part", in), *out_part = xasprintf("%s.part", out);
	int comes = is_there(x, in, err), coming = comes < 0 ? -1 : is_there(x, in_part, err);
	int gone = coming < 0 ? -1 : is_there(x, out, err), going = gone < 0 ? -1 : is_there(x, out_part, err);

	if (going < 0)
		return -1;
	if (unlinkat(x->aside, BEGUN, AT_REMOVEDIR) < 0 && errno != ENOENT)	/* of a run that was killed */
		return err_sys(err, errno, "remove '" BEGUN "' in '%s/%s'", x->tree->path, x->ours);
	if (!comes && !coming)	/* in use; then what was is here */
		return gone ? 0 : err_set(err, ERR_FAIL, "'%s/%s' holds nothing of what was in use and what was restored; "
					  "somebody moved it: put it back", x->tree->path, x->ours);
	if (!coming && !gone) {
		if ((!going && begin_part(x, out_part, err) < 0) || move_out(x, out_part, out, err) < 0)
			return -1;
	}
	if (!coming && rename_aside(x, in, in_part, err) < 0)
		return -1;
	return move_in(x, in_part, err);
}

int entries_require_mounted(struct tool *t, const struct restore_tree *r, struct err *err)
{
	AUTO_STRV mounts = STRV_INIT;

	if (r->way != WAY_MOUNT)
		return 0;
	if (mounts_find(&t->root, r->path, &mounts, err) < 0)
		return -1;
	return strv_has(&mounts, r->path) ? 0 :
	       err_set(err, ERR_BACKEND, "nothing is mounted on '%s', where there was a file system when the restore began; mount it", r->path);
}

int entries_swap(const struct restore_plan *p, struct tool *t, const struct restore_tree *r, bool forward, struct err *err)
{
	AUTO_FREE char *aside = entries_aside(r);
	struct exchange x = { .plan = p, .tree = r, .used = -1, .aside = -1, .ours = strrchr(aside, '/') + 1 };
	struct stat st;
	int rc = -1;

	if (entries_require_mounted(t, r, err) < 0)
		return -1;
	x.used = path_open_dir(&t->root, r->path, 0, err);
	x.aside = x.used < 0 ? -1 : open_dir(x.used, x.ours, &x, err);
	if (x.aside >= 0 && fstat(x.aside, &st) == 0 && st.st_uid != geteuid())
		err_set(err, ERR_FAIL, "'%s' is not the directory that was made for the restore; somebody moved that", aside);
	else if (x.aside >= 0)
		rc = forward ? run(&x, "restored", "before", err) : run(&x, "before", "restored", err);
	mem_close_cleanup(&x.aside);
	mem_close_cleanup(&x.used);
	return rc;
}
