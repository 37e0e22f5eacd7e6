/* Documents of a backup that are hard links beside it: FILE.documents, which is root's alone.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "../base/temp.h"
#include "../base/tree.h"
#include "backup.h"
#include "backup_links.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

void links_release(struct links *l)
{
	mem_close_cleanup(&l->at);
	mem_close_cleanup(&l->top);
	mem_close_cleanup(&l->parent);
	free(l->dir);
	free(l->temp);
	free(l->name);
	free(l->last);
	*l = (struct links)LINKS_INIT;
}

static int open_parent(struct links *l, const char *file, struct err *err)
{
	l->dir = path_dirname(file);
	l->name = xasprintf("%s" BACKUP_LINKS, strrchr(file, '/') + 1);
	l->parent = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return l->parent < 0 ? err_sys(err, errno, "'%s'", l->dir) : 0;
}

/* Into the directory that path lies in, which stays open for the next; *leaf is its last component. */
static int enter(struct links *l, const char *path, bool make, const char **leaf)
{
	AUTO_FREE char *dir = path_dirname(path);
	int at;

	*leaf = strrchr(path, '/') + 1;
	if (l->last && strcmp(l->last, dir) == 0)
		return l->at;
	at = openat(l->top, ".", OPEN_DIR);
	for (char *save = NULL, *name = strtok_r(dir, "/", &save); at >= 0 && name; name = strtok_r(NULL, "/", &save)) {
		int next = make && mkdirat(at, name, 0700) < 0 && errno != EEXIST ? -1 : openat(at, name, OPEN_DIR);
		int saved = errno;

		close(at);
		at = next;
		errno = saved;
	}
	mem_close_cleanup(&l->at);
	free(l->last);
	l->last = at < 0 ? NULL : path_dirname(path);
	l->at = at;
	return at;
}

/* ---- making ---------------------------------------------------------------------------- */
int links_begin(struct links *l, const char *file, struct err *err)
{
	if (open_parent(l, file, err) < 0)
		return -1;
	l->temp = temp_name(l->name);
	if (mkdirat(l->parent, l->temp, 0700) < 0)
		return err_sys(err, errno, "make '%s/%s'", l->dir, l->temp);
	l->top = openat(l->parent, l->temp, OPEN_DIR);
	if (l->top < 0 || flock(l->top, LOCK_EX | LOCK_NB) < 0)
		return err_sys(err, errno, "open '%s/%s'", l->dir, l->temp);
	return 0;
}

/* By descriptor: with CAP_DAC_READ_SEARCH directly, else by its name in /proc. */
static int link_fd(int fd, int at, const char *name)
{
	char proc[32];

	if (linkat(fd, "", at, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOENT)
		return -1;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, proc, at, name, AT_SYMLINK_FOLLOW);
}

int links_put(struct links *l, const char *path, int fd, struct err *err)
{
	const char *leaf;
	int at = enter(l, path, true, &leaf);

	if (at < 0)
		return err_sys(err, errno, "make a directory below '%s/%s'", l->dir, l->temp);
	if (link_fd(fd, at, leaf) == 0)
		return 1;
	if (errno == EXDEV)
		return err_set(err, ERR_FAIL, "'%s' lies on another file system than '%s', or another mount of it, and a hard link cannot lead "
			       "there; use --documents=since or full", path, l->dir);
	/* too many links; an immutable file; one that vanished from every directory */
	return errno == EMLINK || errno == EPERM || errno == ENOENT ? 0 : err_sys(err, errno, "link '%s'", path);
}

int links_drop(struct links *l, const char *path, struct err *err)
{
	const char *leaf;
	int at = enter(l, path, false, &leaf);

	return at < 0 || unlinkat(at, leaf, 0) < 0 ? err_sys(err, errno, "remove the link to '%s'", path) : 0;
}

int links_commit(struct links *l, struct err *err)
{
	if (syncfs(l->top) < 0)
		return err_sys(err, errno, "write out '%s/%s'", l->dir, l->temp);
	if (renameat2(l->parent, l->temp, l->parent, l->name, RENAME_NOREPLACE) < 0)
		return err_sys(err, errno, "make '%s/%s'", l->dir, l->name);
	free(l->temp);
	l->temp = NULL;
	return fsync(l->parent) < 0 ? err_sys(err, errno, "write out '%s'", l->dir) : 0;
}

static int delete(const char *dir, const char *name, struct err *err)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	struct tree_count gone = { 0 };
	AUTO_STRV left = STRV_INIT;
	int rc;

	if (root_init(&real, "/", err) < 0 || (rc = tree_delete(&real, path, &gone, &left, err)) < 0)
		return -1;
	return rc ? err_set(err, ERR_FAIL, "'%s' could not be removed: %s", path, left.v[0]) : 0;
}

void links_abort(struct links *l)
{
	struct err why = ERR_INIT;

	if (l->top >= 0 && delete(l->dir, l->temp ? l->temp : l->name, &why) < 0)
		log_warn("%s", why.text);
	links_release(l);
}

/* Nobody makes it now. */
static int delete_unlocked(int parent, const char *dir, const char *name, struct err *err)
{
	AUTO_FD int fd = openat(parent, name, OPEN_DIR);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(err, errno, "'%s/%s'", dir, name);
	return flock(fd, LOCK_EX | LOCK_NB) < 0 ? 0 : delete(dir, name, err);
}

int links_sweep(const char *dir, struct err *err)
{
	static const char end[] = BACKUP_SUFFIX BACKUP_LINKS;
	CLEANUP(root_release) struct root real = ROOT_INIT;
	AUTO_STRV names = STRV_INIT;
	AUTO_FD int parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (parent < 0)
		return err_sys(err, errno, "'%s'", dir);
	if (root_init(&real, "/", err) < 0 || path_list(&real, dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.v[i], *at = strstr(name, end);

		if (!at)
			continue;
		AUTO_FREE char *backup = xstrndup(name, (size_t)(at - name) + strlen(BACKUP_SUFFIX));
		bool unfinished = name[0] == '.' && strncmp(at + strlen(end), ".maintkit-", 10) == 0;
		bool orphan = name[0] != '.' && !at[strlen(end)] && !strv_has(&names, backup);

		if ((unfinished || orphan) && delete_unlocked(parent, dir, name, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- reading ----------------------------------------------------------------------------- */
int links_open(struct links *l, const char *file, struct err *err)
{
	if (open_parent(l, file, err) < 0)
		return -1;
	l->top = openat(l->parent, l->name, OPEN_DIR);
	return l->top < 0 ? err_sys(err, errno, "'%s/%s'", l->dir, l->name) : 0;
}

int links_get(struct links *l, const char *path, struct err *err)
{
	const char *leaf;
	int at = enter(l, path, false, &leaf);
	int fd = at < 0 ? -1 : openat(at, leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "'%s/%s%s'", l->dir, l->name, path) : fd;
}
