/* backup prune: what the keep rules do not hold goes.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../core/json.h"
#include "../core/keep.h"
#include "../ext/effects.h"
#include "backup.h"

#define COUNT_MAX 10000

static int read_rules(struct tool *t, struct keep_rules *r, struct err *err)
{
	return profile_int(t->profile, "backup", "keep-days", 0, COUNT_MAX, 7, &r->days, err) < 0 ||
	       profile_int(t->profile, "backup", "keep-weeks", 0, COUNT_MAX, 4, &r->weeks, err) < 0 ||
	       profile_int(t->profile, "backup", "keep-months", 0, COUNT_MAX, 12, &r->months, err) < 0 ? -1 : 0;
}

/* The way back of the last upgrade, and what was archived before a purge. */
static void find_named(const struct backup_set *set, struct keep_item *v)
{
	const char *upgrade = NULL;

	for (size_t i = set->n; i-- > 0; ) {
		const struct buf *info = &set->v[i].info;

		if (info_is(info, "purpose", "archive"))
			v[i].named = "the archive of a purge";
		if (info_is(info, "purpose", "upgrade") && !upgrade)
			v[i].named = upgrade = "the way back of the last upgrade";
	}
}

static struct keep_item *describe(const struct backup_set *set, struct strv *bases)
{
	struct keep_item *v = xcalloc(set->n + 1, sizeof(*v));

	for (size_t i = 0; i < set->n; i++) {
		const struct buf *info = &set->v[i].info;
		AUTO_FREE char *base = info_get(info, "base"), *verified = info_get(info, "verified");
		AUTO_FREE char *failed = info_get(info, "failed");

		strv_add(bases, base ? base : "");
		v[i] = (struct keep_item){ .name = set->v[i].name, .age = set->v[i].age, .verified = verified && *verified };
		v[i].scheduled = info_is(info, "purpose", "scheduled");
		v[i].bad = failed || (base && !backup_set_find(set, base));
	}
	for (size_t i = 0; i < set->n; i++)
		v[i].base = *bases->v[i] ? bases->v[i] : NULL;
	find_named(set, v);
	return v;
}

static int remove_entry(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *at UNUSED)
{
	if (remove(path) < 0)
		log_debug("'%s' could not be removed", path);
	return 0;
}

/* What lies beside a backup. A directory of linked documents is a tree of root's own. */
static int remove_companions(struct tool *t, const char *name, struct err *err)
{
	static const char *const ends[] = { ".sha256", ".info", ".index" };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		AUTO_FREE char *path = xasprintf("%s/%s%s", backup_dir(t), name, ends[i]);

		if (path_unlink(&t->root, path, err) < 0)
			return -1;
	}
	AUTO_FREE char *links = xasprintf("%s/%s" BACKUP_LINKS, backup_dir(t), name);
	AUTO_FREE char *real = xasprintf("%s%s", t->root.prefix, links);

	if (access(real, F_OK) < 0)
		return 0;
	nftw(real, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	return access(real, F_OK) == 0 ? err_set(err, ERR_FAIL, "'%s' could not be removed", real) :
	       effect_undone(t->profile, &t->root, "dir", links, err);
}

/* The backup first: what lies beside it alone is swept by the next run, a
 * backup of which nothing is known would stay. */
static int remove_backup(struct tool *t, const char *name, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", backup_dir(t), name);
	AUTO_FREE char *file = xasprintf("%s%s", t->root.prefix, path);

	return path_unlink(&t->root, path, err) < 0 || remove_companions(t, name, err) < 0 ||
	       effect_undone(t->profile, &t->root, "backup", file, err) < 0 ? -1 : 0;
}

/* Companions of backups that are gone. */
static int sweep(struct tool *t, struct err *err)
{
	AUTO_STRV names = STRV_INIT;
	struct err why = ERR_INIT;

	if (path_list(&t->root, backup_dir(t), &names, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		*err = why;
		return -1;
	}
	for (size_t i = 0; i < names.n; i++) {
		const char *end = strstr(names.v[i], BACKUP_SUFFIX ".");

		if (!end || names.v[i][0] == '.')
			continue;
		AUTO_FREE char *name = xstrndup(names.v[i], (size_t)(end - names.v[i]) + strlen(BACKUP_SUFFIX));

		if (!strv_has(&names, name) && remove_companions(t, name, err) < 0)
			return -1;
	}
	return 0;
}

static int report(struct tool *t, const struct keep_item *v, size_t n, struct err *err)
{
	AUTO_BUF out = BUF_INIT;
	struct json j = { .out = &out };

	if (t->json)
		json_array(&j, NULL);
	for (size_t i = 0; i < n; i++) {
		if (!t->json) {
			buf_addf(&out, "%-5s %s: %s\n", v[i].kept ? "keep" : "go", v[i].name, v[i].why);
			continue;
		}
		json_object(&j, NULL);
		json_string(&j, "name", v[i].name);
		json_bool(&j, "kept", v[i].kept);
		json_string(&j, "why", v[i].why);
		json_end(&j);
	}
	if (t->json)
		json_end(&j);
	return tool_print(&out, err);
}

/* Those that need another one before that one. */
static int remove_all(struct tool *t, const struct keep_item *v, size_t n, struct err *err)
{
	size_t gone = 0;

	for (int full = false; full <= true; full++)
		for (size_t i = 0; i < n; i++) {
			if (v[i].kept || (v[i].base == NULL) != full)
				continue;
			if (remove_backup(t, v[i].name, err) < 0)
				return -1;
			log_info("removed '%s': %s", v[i].name, v[i].why);
			gone++;
		}
	log_info("%zu of %zu backups were removed", gone, n);
	return sweep(t, err);
}

int backup_run_prune(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(backup_set_release) struct backup_set set = BACKUP_SET_INIT;
	AUTO_STRV bases = STRV_INIT;
	struct keep_rules rules = { .now = time(NULL) };

	/* in this order: who makes a backup has the package's lock when it asks for that of backups, and does not wait */
	AUTO_FD int lock = t->dry_run ? -1 : tool_lock(t, err);
	AUTO_FD int alone = lock < 0 ? -1 : tool_lock_backups(t, true, err);

	if (alone < 0 && !t->dry_run && backup_options.unless_busy && err->kind == ERR_BUSY) {
		log_info("nothing is removed now: a backup is being made or read");
		err_clear(err);
		return 0;
	}
	if ((alone < 0 && !t->dry_run) || read_rules(t, &rules, err) < 0 || backup_set_load(&set, t, err) < 0)
		return -1;
	struct keep_item *v = describe(&set, &bases);

	keep_decide(v, set.n, &rules);
	int rc = t->dry_run || t->json ? report(t, v, set.n, err) : 0;

	if (rc == 0 && !t->dry_run)
		rc = remove_all(t, v, set.n, err);
	free(v);
	return rc;
}
