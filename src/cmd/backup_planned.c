/* A new plan of a restore in place: which trees change places, in which way, and the names that they get meanwhile.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../base/mounts.h"
#include "backup_restore.h"

#define NAME_MAX_LEN 64		/* of a database */

static bool is_there(struct tool *t, const char *path)
{
	struct stat st;

	return path_stat(&t->root, path, &st, NULL) == 0;
}

static bool below(const char *tree, const char *path)
{
	size_t len = strlen(tree);

	return strncmp(tree, path, len) == 0 && (path[len] == '/' || !path[len]);
}

struct restore_tree *plan_tree_of(const struct restore_plan *p, const char *path)
{
	struct restore_tree *found = NULL;

	for (size_t i = 0; i < p->n; i++)
		if (below(p->tree[i].path, path) && (!found || strlen(p->tree[i].path) > strlen(found->path)))
			found = &p->tree[i];
	return found;
}

static void plan_whole(struct restore_plan *p, struct tool *t, const char *component, const char *path)
{
	AUTO_FREE char *dir = path_dirname(path);
	const char *name = strrchr(path, '/') + 1, *parent = strcmp(dir, "/") == 0 ? "" : dir;

	plan_add_tree(p, component, path, xasprintf("%s/.%s.maintkit-restore-%s", parent, name, p->id),
		      xasprintf("%s/%s.before-restore-%s", parent, name, p->id), is_there(t, path), WAY_WHOLE);
}

static void plan_entries(struct restore_plan *p, const char *component, const char *path, enum restore_way way)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->tree[i].path, path) == 0)
			return;
	plan_add_tree(p, component, path, xasprintf("%s/.maintkit-restore-%s/restored", path, p->id),
		      xasprintf("%s/.maintkit-restore-%s/before", path, p->id), true, way);
}

/* A mount stays where it is, and so do the directories that lead to it. */
static void plan_mount(struct restore_plan *p, const char *component, const char *path, const char *mount)
{
	plan_entries(p, component, mount, WAY_MOUNT);
	for (AUTO_FREE char *dir = path_dirname(mount); below(path, dir); ) {
		char *above = path_dirname(dir);

		plan_entries(p, component, dir, WAY_ENTRIES);
		free(dir);
		dir = above;
	}
}

/* Can a name be made and taken away beside path? */
static bool can_rename(struct tool *t, const char *path)
{
	struct stat here, above;
	const char *name;
	AUTO_FD int dir = path_open_parent(&t->root, path, 0, &name, NULL);

	if (dir < 0 || fstatat(dir, name, &here, AT_SYMLINK_NOFOLLOW) < 0)
		return true;	/* not there yet: making it tells */
	return faccessat(dir, ".", W_OK, AT_EACCESS) == 0 && fstat(dir, &above) == 0 && here.st_dev == above.st_dev;
}

static int plan_tree(struct restore_plan *p, struct tool *t, const char *component, const char *path, struct err *err)
{
	AUTO_STRV mounts = STRV_INIT;
	struct stat st;

	if (plan_tree_of(p, path))
		return 0;
	if (mounts_find(&t->root, path, &mounts, err) < 0)
		return -1;
	for (size_t i = 0; i < mounts.n; i++) {
		if (path_stat(&t->root, mounts.v[i], &st, err) < 0)
			return -1;
		if (!S_ISDIR(st.st_mode)) {
			err_set(err, ERR_FAIL, "'%s' is a file that is mounted on another, which cannot be exchanged for a restored one",
				mounts.v[i]);
			err_hint(err, "unmount it, or restore the rest with --only, and this to another place with --to DIR");
			return -1;
		}
		plan_mount(p, component, path, mounts.v[i]);
	}
	if (mounts.n)
		return 0;
	if (!can_rename(t, path) && path_stat(&t->root, path, &st, NULL) == 0 && S_ISDIR(st.st_mode))
		plan_entries(p, component, path, WAY_ENTRIES);
	else
		plan_whole(p, t, component, path);
	return 0;
}

/* A single file of the state directory: aside in a directory of its own there. */
static int plan_state(struct restore_plan *p, struct tool *t, const char *component, const char *path, struct err *err)
{
	AUTO_FREE char *dir = profile_state_path(t->profile, "");

	if (!path || strncmp(path, dir, strlen(dir)) != 0)
		return path ? plan_tree(p, t, component, path, err) : 0;
	AUTO_FREE char *fresh = xasprintf("fresh/%s", path + strlen(dir)), *old = xasprintf("old/%s", path + strlen(dir));

	if (!strchr(path + strlen(dir), '/'))
		plan_add_tree(p, component, path, plan_path(t, fresh), plan_path(t, old), is_there(t, path), WAY_WHOLE);
	return 0;
}

static int plan_words(struct restore_plan *p, struct tool *t, const char *component, const char *key, struct err *err)
{
	AUTO_STRV paths = STRV_INIT;

	profile_words(t->profile, "data", key, &paths);
	for (size_t i = 0; i < paths.n; i++) {
		AUTO_FREE char *real = backup_real_tree(t, paths.v[i], NULL);

		if (plan_tree(p, t, component, real ? real : paths.v[i], err) < 0)
			return -1;
	}
	return 0;
}

static int plan_trees(struct restore_plan *p, struct tool *t, const char *only, struct err *err)
{
	static const char *const copies[] = { "public-copy", "secret-copy", "passphrase-file" };
	AUTO_FREE char *base = profile_state_path(t->profile, "props-base");
	const char *file = profile_get(t->profile, "properties", "file");

	if ((!only || strcmp(only, "documents") == 0) &&
	    (plan_words(p, t, "documents", "documents", err) < 0 || plan_words(p, t, "documents", "legacy", err) < 0))
		return -1;
	if (!only || strcmp(only, "keys") == 0) {
		if (plan_words(p, t, "keys", "keys", err) < 0)
			return -1;
		for (size_t i = 0; i < ARRAY_LEN(copies); i++)
			if (plan_state(p, t, "keys", profile_get(t->profile, "pgp", copies[i]), err) < 0)
				return -1;
	}
	if (only && strcmp(only, "properties") != 0)
		return 0;
	if (plan_words(p, t, "properties", "configuration", err) < 0 || (file && plan_tree(p, t, "properties", file, err) < 0))
		return -1;
	return plan_state(p, t, "properties", base, err);
}

static bool taken(const struct restore_plan *p, struct tool *t)
{
	for (size_t i = 0; i < p->n; i++)
		if (is_there(t, p->tree[i].fresh) || is_there(t, p->tree[i].old))
			return true;
	return false;
}

static void set_id(struct restore_plan *p, time_t when)
{
	char text[24];
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &tm);
	free(p->id);
	p->id = xstrdup(text);
}

int plan_make(struct restore_plan *p, struct tool *t, const char *only, struct err *err)
{
	time_t now = time(NULL);

	if (only && strcmp(only, "database") != 0 && strcmp(only, "documents") != 0 && strcmp(only, "keys") != 0 &&
	    strcmp(only, "properties") != 0)
		return err_set(err, ERR_USAGE, "--only: '%s' is none of database, documents, properties, keys", only);
	for (;; now++) {
		plan_release(p);
		set_id(p, now);
		if (plan_trees(p, t, only, err) < 0)
			return -1;
		if (!taken(p, t))
			break;
	}
	p->phase = PLAN_LOADING;
	if (only && strcmp(only, "database") != 0)
		return 0;
	const char *name = profile_require(t->profile, "database", "name", err);

	if (!name)
		return -1;
	int room = NAME_MAX_LEN - (int)strlen(p->id) - 8;

	p->database = xstrdup(name);
	p->fresh = xasprintf("%.*s_fresh_%s", room, name, p->id);
	p->old = xasprintf("%.*s_before_%s", room - 1, name, p->id);
	return 0;
}
