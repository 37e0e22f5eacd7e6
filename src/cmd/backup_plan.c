/* The plan of a restore in place: what it exchanges, how far it is, and what it keeps aside.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * File "restore" in the state directory, records of core/record.h:
 *	restore 1 ID PHASE STEP FILE SHA256 CREATED FLAGS
 *	database NAME FRESH OLD HAD
 *	tree COMPONENT PATH FRESH OLD HAD
 * replaced as a whole at every change.
 */
#include <string.h>
#include <time.h>
#include "../core/record.h"
#include "../ext/pending.h"
#include "../ext/statefile.h"
#include "backup_restore.h"

#define LEAF "restore"
#define NAME_MAX_LEN 64		/* of a database */

static const char *const phases[] = {
	[PLAN_NONE] = "none", [PLAN_LOADING] = "loading", [PLAN_SWAPPING] = "swapping", [PLAN_RESTORED] = "restored",
	[PLAN_REVERTING] = "reverting", [PLAN_REVERTED] = "reverted", [PLAN_DROPPING] = "dropping",
};

void plan_release(struct restore_plan *p)
{
	char *own[] = { p->id, p->file, p->sha256, p->created, p->database, p->fresh, p->old };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		free(own[i]);
	for (size_t i = 0; i < p->n; i++) {
		free(p->tree[i].component);
		free(p->tree[i].path);
		free(p->tree[i].fresh);
		free(p->tree[i].old);
	}
	free(p->tree);
	*p = (struct restore_plan)RESTORE_PLAN_INIT;
}

char *plan_path(struct tool *t, const char *leaf)
{
	AUTO_FREE char *below = xasprintf("%s%s%s", RESTORE_DIR, *leaf ? "/" : "", leaf);

	return profile_state_path(t->profile, below);
}

/* ---- on disk --------------------------------------------------------------------- */
static void add_tree(struct restore_plan *p, const char *component, const char *path, char *fresh, char *old, bool had)
{
	p->tree = xreallocarray(p->tree, p->n + 1, sizeof *p->tree);
	p->tree[p->n++] = (struct restore_tree){ xstrdup(component), xstrdup(path), fresh, old, had };
}

static bool take_head(struct restore_plan *p, char **f)
{
	p->id = xstrdup(f[2]);
	for (size_t i = 1; i < ARRAY_LEN(phases); i++)
		if (strcmp(f[3], phases[i]) == 0)
			p->phase = (enum restore_phase)i;
	p->step = atoi(f[4]);
	p->file = xstrdup(f[5]);
	p->sha256 = xstrdup(f[6]);
	p->created = xstrdup(f[7]);
	p->adopt = strchr(f[8], 'a') != NULL;
	p->stopped = strchr(f[8], 's') != NULL;
	p->fresh_kept = strchr(f[8], 'f') != NULL;
	return p->phase != PLAN_NONE && strcmp(f[1], "1") == 0;
}

static int on_record(const struct strv *f, void *arg, struct err *err)
{
	struct restore_plan *p = arg;

	if (strcmp(f->v[0], "restore") == 0 && f->n >= 9 && !p->id && take_head(p, f->v))
		return 0;
	if (strcmp(f->v[0], "database") == 0 && f->n >= 5 && !p->database) {
		p->database = xstrdup(f->v[1]);
		p->fresh = xstrdup(f->v[2]);
		p->old = xstrdup(f->v[3]);
		p->had = strcmp(f->v[4], "1") == 0;
		return 0;
	}
	if (strcmp(f->v[0], "tree") == 0 && f->n >= 6) {
		add_tree(p, f->v[1], f->v[2], xstrdup(f->v[3]), xstrdup(f->v[4]), strcmp(f->v[5], "1") == 0);
		return 0;
	}
	return err_set(err, ERR_FAIL, "the plan of the last restore is of an unknown format; it was made by another maintkit");
}

int plan_read(struct restore_plan *p, struct tool *t, struct err *err)
{
	if (statefile_read(t->profile, &t->root, LEAF, on_record, p, err) < 0)
		return -1;
	return !p->n && !p->database ? 0 : p->id ? 0 :
	       err_set(err, ERR_FAIL, "the plan of the last restore is damaged: its first line is missing");
}

int plan_write(const struct restore_plan *p, struct tool *t, struct err *err)
{
	AUTO_FREE char *step = xasprintf("%d", p->step);
	AUTO_FREE char *flags = xasprintf("-%s%s%s", p->adopt ? "a" : "", p->stopped ? "s" : "", p->fresh_kept ? "f" : "");
	const char *head[] = { "restore", "1", p->id, phases[p->phase], step, p->file, p->sha256, p->created, flags };
	const char *database[] = { "database", p->database, p->fresh, p->old, p->had ? "1" : "0" };
	AUTO_BUF text = BUF_INIT;

	record_format(&text, head, ARRAY_LEN(head));
	if (p->database)
		record_format(&text, database, ARRAY_LEN(database));
	for (size_t i = 0; i < p->n; i++) {
		const struct restore_tree *r = &p->tree[i];
		const char *f[] = { "tree", r->component, r->path, r->fresh, r->old, r->had ? "1" : "0" };

		record_format(&text, f, ARRAY_LEN(f));
	}
	return statefile_write(t->profile, &t->root, LEAF, &text, err);
}

int plan_forget(struct restore_plan *p, struct tool *t, struct err *err)
{
	const struct buf none = BUF_INIT;

	plan_release(p);
	return statefile_write(t->profile, &t->root, LEAF, &none, err);
}

/* ---- a new one ---------------------------------------------------------------------- */
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
	for (size_t i = 0; i < p->n; i++)
		if (below(p->tree[i].path, path))
			return &p->tree[i];
	return NULL;
}

static void plan_tree(struct restore_plan *p, struct tool *t, const char *component, const char *path)
{
	AUTO_FREE char *dir = path_dirname(path);
	const char *name = strrchr(path, '/') + 1, *parent = strcmp(dir, "/") == 0 ? "" : dir;

	if (!plan_tree_of(p, path))
		add_tree(p, component, path, xasprintf("%s/.%s.maintkit-restore-%s", parent, name, p->id),
			 xasprintf("%s/%s.before-restore-%s", parent, name, p->id), is_there(t, path));
}

/* A single file of the state directory: aside in a directory of its own there. */
static void plan_state(struct restore_plan *p, struct tool *t, const char *component, const char *path)
{
	AUTO_FREE char *dir = profile_state_path(t->profile, "");

	if (!path || strncmp(path, dir, strlen(dir)) != 0) {
		if (path)
			plan_tree(p, t, component, path);
		return;
	}
	AUTO_FREE char *fresh = xasprintf("fresh/%s", path + strlen(dir)), *old = xasprintf("old/%s", path + strlen(dir));

	if (!strchr(path + strlen(dir), '/'))
		add_tree(p, component, path, plan_path(t, fresh), plan_path(t, old), is_there(t, path));
}

static void plan_words(struct restore_plan *p, struct tool *t, const char *component, const char *key)
{
	AUTO_STRV paths = STRV_INIT;

	profile_words(t->profile, "data", key, &paths);
	for (size_t i = 0; i < paths.n; i++) {
		AUTO_FREE char *real = backup_real_tree(t, paths.v[i], NULL);

		plan_tree(p, t, component, real ? real : paths.v[i]);
	}
}

/* The exchange renames the tree, which cannot be done to the top of a file system. */
static int refuse_mounts(const struct restore_plan *p, struct tool *t, struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		AUTO_FREE char *dir = path_dirname(p->tree[i].path);
		struct stat tree, above;

		if (path_stat(&t->root, p->tree[i].path, &tree, NULL) < 0 || path_stat(&t->root, dir, &above, NULL) < 0 ||
		    !S_ISDIR(tree.st_mode) || S_ISLNK(above.st_mode) || tree.st_dev == above.st_dev)
			continue;
		err_set(err, ERR_FAIL, "'%s' is a file system of its own, which cannot be exchanged for a restored one", p->tree[i].path);
		err_hint(err, "restore the rest with --only, and this one to another place with --to DIR");
		return -1;
	}
	return 0;
}

static void plan_trees(struct restore_plan *p, struct tool *t, const char *only)
{
	static const char *const copies[] = { "public-copy", "secret-copy", "passphrase-file" };
	AUTO_FREE char *base = profile_state_path(t->profile, "props-base");
	const char *file = profile_get(t->profile, "properties", "file");

	if (!only || strcmp(only, "documents") == 0) {
		plan_words(p, t, "documents", "documents");
		plan_words(p, t, "documents", "legacy");
	}
	if (!only || strcmp(only, "keys") == 0) {
		plan_words(p, t, "keys", "keys");
		for (size_t i = 0; i < ARRAY_LEN(copies); i++)
			plan_state(p, t, "keys", profile_get(t->profile, "pgp", copies[i]));
	}
	if (!only || strcmp(only, "properties") == 0) {
		plan_words(p, t, "properties", "configuration");
		if (file)
			plan_tree(p, t, "properties", file);
		plan_state(p, t, "properties", base);
	}
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
		plan_trees(p, t, only);
		if (!taken(p, t))
			break;
	}
	if (refuse_mounts(p, t, err) < 0)
		return -1;
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

/* ---- at boot -------------------------------------------------------------------------- */
/* Steps of the chain "restore" keep the application down (guard start-check). */
static void pending_words(struct strv *argv)
{
	strv_add(argv, "backup");
	strv_add(argv, "restore");
	strv_add(argv, "--continue");
}

int plan_pend(struct tool *t, struct err *err)
{
	AUTO_STRV argv = STRV_INIT;

	pending_words(&argv);
	return pending_add(t->profile, &t->root, "restore", "a restore was interrupted", &argv, NULL, err);
}

int plan_unpend(struct tool *t, struct err *err)
{
	AUTO_STRV argv = STRV_INIT;

	pending_words(&argv);
	return pending_remove(t->profile, &t->root, &argv, err) < 0 ? -1 : 0;
}

/* ---- for people ------------------------------------------------------------------------ */
void plan_tell(const struct restore_plan *p, struct tool *t)
{
	const char *package = t->package;

	switch (p->phase) {
	case PLAN_NONE:
		return;
	case PLAN_LOADING:
		log_info("a restore was interrupted before anything in use was touched; throw away what it left: "
			 "maintkit -p %s backup restore --discard", package);
		return;
	case PLAN_SWAPPING:
	case PLAN_REVERTING:
		log_warn("a restore was interrupted half way; the application does not start until it is finished:\n"
			 "  maintkit -p %s backup restore --continue%s", package,
			 p->phase == PLAN_SWAPPING ? "\nor undone:\n  ... backup restore --revert" : "");
		return;
	case PLAN_DROPPING:
		log_info("dropping what a restore kept was interrupted; finish it: maintkit -p %s backup restore --confirm", package);
		return;
	case PLAN_RESTORED:
	case PLAN_REVERTED:
		break;
	}
	bool restored = p->phase == PLAN_RESTORED;

	log_info("%s is kept aside since %s:", restored ? "what was in use before the restore" : "what had been restored", p->id);
	if (p->database && (p->had || !restored))
		log_info("  database '%s'", restored ? p->old : p->fresh);
	for (size_t i = 0; i < p->n; i++)
		if (!restored || p->tree[i].had)
			log_info("  %s", restored ? p->tree[i].old : p->tree[i].fresh);
	log_info("drop it when all is well:  maintkit -p %s backup restore --confirm", package);
	log_info("or change places again:    maintkit -p %s backup restore --revert", package);
}
