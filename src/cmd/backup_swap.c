/* Exchanging the restored state and the one in use by renaming, in either direction, from wherever it stopped.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/tree.h"
#include "../ext/identity.h"
#include "backup_restore.h"

#define LOCK_WAIT_S 60		/* a killed run's last statement may still be at work */

/* ---- trees ----------------------------------------------------------------------------- */
static int is_there(struct tool *t, const char *path, struct err *err)
{
	struct err why = ERR_INIT;
	struct stat st;

	if (path_stat(&t->root, path, &st, &why) == 0)
		return 1;
	if (why.kind == ERR_ABSENT)
		return 0;
	*err = why;
	return -1;
}

static int rename_durably(struct tool *t, const char *from, const char *to, struct err *err)
{
	AUTO_FREE char *dir = path_dirname(to);
	const char *a, *b;

	if (path_mkdirs(&t->root, dir, 0700, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	AUTO_FD int at = path_open_parent(&t->root, from, 0, &a, err);
	AUTO_FD int into = at < 0 ? -1 : path_open_parent(&t->root, to, 0, &b, err);

	if (into < 0)
		return -1;
	if (renameat(at, a, into, b) < 0) {
		err_sys(err, errno, "rename '%s' to '%s'", from, to);
		return -1;
	}
	return fsync(into) < 0 || fsync(at) < 0 ? err_sys(err, errno, "write out '%s'", dir) : 0;
}

/* away: where what is in use goes; in: what comes. Both names are ours alone,
 * so what is there tells how far a former run came. */
static int swap_tree(struct tool *t, const struct restore_tree *r, bool forward, struct err *err)
{
	const char *away = forward ? r->old : r->fresh, *in = forward ? r->fresh : r->old;
	int used = is_there(t, r->path, err), out = is_there(t, away, err), comes = is_there(t, in, err);

	if (used < 0 || out < 0 || comes < 0)
		return -1;
	if (!comes && !forward && !r->had && used && !out)	/* there was nothing before */
		return rename_durably(t, r->path, away, err);
	if (!comes)
		return 0;
	if (used && !out && rename_durably(t, r->path, away, err) < 0)
		return -1;
	if (used && out) {
		/* made in between by somebody else, as systemd-tmpfiles(8) does at boot */
		AUTO_FREE char *aside = xasprintf("%s.found", away);

		log_warn("'%s' was made while the restore was interrupted; it is now '%s'", r->path, aside);
		if (rename_durably(t, r->path, aside, err) < 0)
			return -1;
	}
	return rename_durably(t, in, r->path, err);
}

static int swap_trees(const struct restore_plan *p, struct tool *t, bool forward, struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct restore_tree *r = &p->tree[i];

		if (r->way == WAY_STAYS)
			continue;
		if ((tree_by_entries(r) ? entries_swap(p, t, r, forward, err) : swap_tree(t, r, forward, err)) < 0)
			return -1;
	}
	return 0;
}

/* Purge with consent to destroy takes what is kept as well. */
static int note_kept(const struct restore_plan *p, struct tool *t, bool forward, struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->tree[i].way == WAY_STAYS)
			continue;
		const char *kept = forward ? p->tree[i].old : p->tree[i].fresh, *used = forward ? p->tree[i].fresh : p->tree[i].old;

		if (effect_undone(t->profile, &t->root, "dir", used, err) < 0 ||
		    effect_done(t->profile, &t->root, EFFECT_DATA, "dir", kept, EFFECT_ABSENT, "", err) < 0)
			return -1;
	}
	return 0;
}

/* ---- database ------------------------------------------------------------------------- */
static int connect_locked(struct db **db, const struct restore_plan *p, struct tool *t, struct err *err)
{
	AUTO_FREE char *lock = xasprintf("maintkit-restore:%.40s", p->database);

	return db_open(db, t->profile, &t->root, NULL, err) < 0 || db_lock(*db, lock, LOCK_WAIT_S, err) < 0 ? -1 : 0;
}

int swap_prepare(const struct restore_plan *p, struct tool *t, struct err *err)
{
	CLEANUP(db_cleanup) struct db *db = NULL;
	AUTO_FREE char *dir = plan_path(t, "");
	bool restored = p->phase == PLAN_RESTORED;

	if (path_mkdirs(&t->root, dir, 0700, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	if (!p->database)
		return 0;
	/* Of a database that is broken, what can be had. What is kept aside was
	 * written down when it went there, with its events. */
	if (connect_locked(&db, p, t, err) < 0 ||
	    swapdb_prepare(db, t, p->database, restored ? "fresh" : "old", restored, err) < 0)
		return -1;
	return p->phase == PLAN_LOADING ? swapdb_prepare(db, t, p->fresh, "fresh", true, err) : 0;
}

static int next_step(struct restore_plan *p, struct tool *t, int step, struct err *err)
{
	p->step = step;
	return plan_write(p, t, err);
}

static int swap_database(struct restore_plan *p, struct tool *t, struct db *db, bool forward, struct err *err)
{
	const char *away = forward ? p->old : p->fresh, *in = forward ? p->fresh : p->old;

	if (p->step == 0 && (swapdb_move(db, t, p->database, away, forward ? "old" : "fresh", false, err) < 0 ||
			     next_step(p, t, 1, err) < 0))
		return -1;
	if (p->step == 1 && (swapdb_move(db, t, in, p->database, forward ? "fresh" : "old", true, err) < 0 ||
			     next_step(p, t, 2, err) < 0))
		return -1;
	return 0;
}

/* ---- what follows ------------------------------------------------------------------------ */
/* The identity that counts is the restored data's. */
static int settle_identity(struct tool *t, struct db *db, const char *database, struct err *err)
{
	AUTO_FREE char *theirs = NULL;
	AUTO_BUF use = BUF_INIT;
	struct err why = ERR_INIT;

	buf_adds(&use, "USE ");
	if (db_quote_name(&use, database, err) < 0 || db_run(db, use.p, NULL, 0, NULL, err) < 0)
		return -1;
	if (!db_has_table(db, "maintkit_meta", NULL) || db_meta_get(db, "instance_id", &theirs, &why) < 0)
		return 0;	/* it never had one; it gets ours when it is marked next */
	return identity_bind(t->profile, &t->root, db, true, err) < 0 ? -1 : 0;
}

static int settle_guard(const struct restore_plan *p, struct tool *t, bool forward, struct err *err)
{
	AUTO_FREE char *reason = xasprintf(forward ? "the backup of %s was restored" :
					   "the restore of the backup of %s was undone", *p->created ? p->created : "?");
	const char *words[] = { "mark", "--from-database", "--reason", reason, NULL };

	return around_run(t, "maintkit-guard", words, err);
}

/* The account's password is the one in the properties, whichever were restored. */
static int settle_account(const struct restore_plan *p, struct tool *t, struct err *err)
{
	static const char *const words[] = { "create", NULL };
	bool touched = p->database != NULL;

	for (size_t i = 0; i < p->n; i++)
		touched = touched || strcmp(p->tree[i].component, "properties") == 0;
	if (!touched || !profile_get(t->profile, "database", "user") || !profile_get(t->profile, "database", "property-password"))
		return 0;
	return around_run(t, "maintkit-sql", words, err);
}

static int settle(const struct restore_plan *p, struct tool *t, struct db *db, bool forward, struct err *err)
{
	bool there = false;

	if (p->database && !forward && !p->had)
		return 0;	/* back to nothing */
	if (p->database) {
		struct err why = ERR_INIT;

		there = db_has_database(db, p->database, &why);
		if (why.kind) {
			*err = why;
			return -1;
		}
	}
	if (there && (settle_identity(t, db, p->database, err) < 0 || settle_guard(p, t, forward, err) < 0))
		return -1;
	return settle_account(p, t, err);
}

int swap_run(struct restore_plan *p, struct tool *t, struct err *err)
{
	CLEANUP(db_cleanup) struct db *db = NULL;
	bool forward = p->phase == PLAN_SWAPPING;

	if (p->database && (connect_locked(&db, p, t, err) < 0 || swap_database(p, t, db, forward, err) < 0))
		return -1;
	if (swap_trees(p, t, forward, err) < 0 || note_kept(p, t, forward, err) < 0 || settle(p, t, db, forward, err) < 0)
		return -1;
	p->phase = forward ? PLAN_RESTORED : PLAN_REVERTED;
	p->step = 0;
	return plan_write(p, t, err) < 0 || plan_unpend(t, err) < 0 ? -1 : 0;
}

/* ---- the end --------------------------------------------------------------------------- */
static int drop_tree(struct tool *t, const char *path, struct err *err)
{
	struct tree_count gone = { 0 };
	AUTO_STRV left = STRV_INIT;
	int rc = tree_delete(&t->root, path, &gone, &left, err);

	if (rc > 0)
		return err_set(err, ERR_FAIL, "not all of '%s' could be removed: %s", path, left.v[0]);
	return rc;
}

static int drop_trees(const struct restore_plan *p, struct tool *t, struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct restore_tree *r = &p->tree[i];
		const char *kept = p->fresh_kept ? r->fresh : r->old;
		AUTO_FREE char *beside = tree_by_entries(r) ? entries_aside(r) : xasprintf("%s.found", r->old);

		struct err why = ERR_INIT;

		if (r->way == WAY_STAYS)
			continue;
		if (entries_require_mounted(t, r, &why) < 0)
			log_warn("what is kept in '%s' stays there, to be removed by hand: %s", beside, why.text);
		if (tree_by_entries(r) && entries_sweep(t, r, err) < 0)
			return -1;
		if (drop_tree(t, kept, err) < 0 || drop_tree(t, beside, err) < 0 ||
		    effect_undone(t->profile, &t->root, "dir", kept, err) < 0)
			return -1;
	}
	AUTO_FREE char *dir = plan_path(t, "");

	return drop_tree(t, dir, err);
}

int swap_drop(struct restore_plan *p, struct tool *t, struct err *err)
{
	CLEANUP(db_cleanup) struct db *db = NULL;

	if (p->phase != PLAN_DROPPING) {
		p->fresh_kept = p->phase == PLAN_LOADING || p->phase == PLAN_REVERTED;
		p->phase = PLAN_DROPPING;
		if (plan_write(p, t, err) < 0)
			return -1;
	}
	if (p->database && (connect_locked(&db, p, t, err) < 0 ||
			    swapdb_drop(db, t, p->fresh_kept ? p->fresh : p->old, err) < 0))
		return -1;
	return drop_trees(p, t, err) < 0 ? -1 : plan_forget(p, t, err);
}
