/* sql apply: run what is due, one script after the other, each on a connection of its own.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sql.h"

#ifndef MAINTKIT_VERSION
#define MAINTKIT_VERSION "unknown"
#endif

#define LOST_MAX 3		/* lost this often in a row without having got any further: give up */
#define DEADLOCK_MAX 3		/* the same for being chosen as a deadlock's victim */

static void tell(const struct sql_script *s, const char *outcome, int64_t statements)
{
	sql_json_script(s->name, s->path, outcome, statements);
}

/* May scripts be run here at all? named: the admin asked for this one. */
static int check_origin(struct tool *t, const struct sql_view *v, const struct sql_script *s, bool named, struct err *err)
{
	const char *p = t->package;

	if (!v->exists)
		return err_set(err, ERR_FAIL, "database '%s' does not exist; make it with: maintkit -p %s sql create", sql_database(t, NULL), p);
	if (v->origin && (s->role != SQL_INSTALL || strcmp(v->origin, "baselined")))
		return 0;
	if (named && (s->role == SQL_EXTRA || s->role == SQL_FILE))
		return 0;
	if (v->origin)
		return err_set(err, ERR_POLICY, "database '%s' was adopted with its tables: script '%s' is for new databases only", sql_database(t, NULL), s->name);
	if (v->empty)
		return err_set(err, ERR_POLICY, "database '%s' is empty and not recorded as ours; take it with: maintkit -p %s sql create", sql_database(t, NULL), p);
	return err_set(err, ERR_POLICY, "database '%s' has tables already and maintkit knows nothing about them: installing over them would destroy data; adopt it with: maintkit -p %s sql baseline",
		       sql_database(t, NULL), p);
}

static int refuse_changed(const struct sql_view *v, const struct sql_script *s, struct err *err)
{
	const struct script_state *st = scriptstate_find(v->state, v->n_states, s->name);

	return err_set(err, ERR_POLICY, "script '%s' was changed after it was applied (file %s, applied %s); a new change belongs into a new script, or say policy = repeatable in [sql:%s] of the profile",
		       s->name, s->sha256, st ? st->sha256 : "?", s->name);
}

/* One connection, the lock, what the database says now, and the script. 1 ran, 0 nothing to do, -1. */
static int attempt(struct tool *t, struct sql_script *s, bool named, bool *progress, struct err *err)
{
	CLEANUP(db_cleanup) struct db *db = NULL;
	CLEANUP(sql_unlock) struct sql_hold hold = { 0 };
	CLEANUP(sql_view_release) struct sql_view v = { 0 };
	const char *schema = sql_database(t, err);
	enum sql_due due;
	int64_t n;

	if (!schema || sql_connect_for(t, s, &db, err) < 0 || sql_lock(t, db, schema, true, &hold, err) < 0 ||
	    sql_view_load(db, &v, err) < 0)
		return -1;
	due = sql_due(&v, s, sql_opts.demo || (named && s->role == SQL_DEMO));
	if (due == SQL_DONE) {
		log_info("script '%s' is applied already", s->name);
		tell(s, "applied already", 0);
		return 0;
	}
	if (due == SQL_CHANGED)
		return refuse_changed(&v, s, err);
	if (scriptstate_create(db, err) < 0)
		return -1;
	if (due == SQL_DUE && scriptstate_find(v.state, v.n_states, s->name) &&
	    scriptstate_forget(db, schema, s->name, err) < 0)
		return -1;	/* a repeatable one, changed: from the beginning */
	log_debug("applying script '%s' (%s)", s->name, s->path);
	n = sql_run_script(t, &hold, schema, s, progress, err);
	if (n < 0)
		return -1;
	log_info("script '%s' is applied (%lld statement%s)", s->name, (long long)n, n == 1 ? "" : "s");
	tell(s, "applied", n);
	return 1;
}

static int wait_for_server(struct tool *t, struct err *err)
{
	struct err why = *err;

	log_warn("%s; waiting up to %ld s for the server", err->text, sql_opts.wait);
	for (long i = 0; i < sql_opts.wait; i++) {
		CLEANUP(db_cleanup) struct db *db = NULL;

		sleep(1);
		if (sql_connect(t, false, &db, err) == 0)
			return 0;
		if (err->kind != ERR_BACKEND)
			return -1;
	}
	*err = why;
	err_hint(err, "what is done is recorded; run the same command again to go on");
	return -1;
}

static int apply_until_done(struct tool *t, struct sql_script *s, bool named, struct err *err)
{
	int lost = 0, victim = 0;

	for (;;) {
		bool progress = false;
		int rc = attempt(t, s, named, &progress, err);

		if (rc < 0 && err->kind == ERR_BUSY && (err->lib == ER_LOCK_DEADLOCK || err->lib == ER_CHECKREAD)) {
			victim = progress ? 1 : victim + 1;
			if (victim >= DEADLOCK_MAX)
				return -1;
			log_info("%s; going on with it", err->text);
			continue;
		}
		if (rc >= 0 || err->kind != ERR_BACKEND)
			return rc;
		lost = progress ? 1 : lost + 1;
		if (lost >= LOST_MAX || wait_for_server(t, err) < 0)
			return -1;
	}
}

static int apply_one(struct tool *t, struct sql_script *s, enum sql_due due, bool named, struct err *err)
{
	if (t->dry_run) {
		log_info("would apply script '%s' (%s): %s", s->name, s->path, sql_due_word(due));
		tell(s, "would be applied", 0);
		return 0;
	}
	if (apply_until_done(t, s, named, err) >= 0)
		return 0;
	tell(s, "not applied", 0);
	return -1;
}

static int apply_named(struct tool *t, const struct sql_view *v, struct sql_scripts *all, int argc, char **argv,
		       struct err *err)
{
	for (int i = 0; i < argc; i++) {
		struct sql_script *s = sql_scripts_find(t, all, argv[i], err);
		enum sql_due due;

		if (!s || sql_script_read(t, s, err) < 0)
			return -1;
		due = sql_due(v, s, true);
		if (due != SQL_DONE && due != SQL_RESUME && check_origin(t, v, s, true, err) < 0)
			return -1;
		if (apply_one(t, s, due, true, err) < 0)
			return -1;
	}
	return 0;
}

static int set_installed(struct tool *t, struct err *err)
{
	CLEANUP(db_cleanup) struct db *db = NULL;

	if (sql_connect(t, true, &db, err) < 0)
		return -1;
	return db_meta_set(db, SQL_META_INSTALLED, MAINTKIT_VERSION, "all scripts of a new database were applied", err);
}

static int apply_due(struct tool *t, const struct sql_view *v, struct sql_scripts *all, struct err *err)
{
	size_t ran = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct sql_script *s = &all->v[i];
		enum sql_due due;

		if (s->role == SQL_DEMO && !sql_opts.demo && !scriptstate_find(v->state, v->n_states, s->name))
			continue;
		if (sql_script_read(t, s, err) < 0)
			return -1;
		due = sql_due(v, s, sql_opts.demo);
		if (due == SQL_CHANGED && s->role == SQL_EXTRA)
			return refuse_changed(v, s, err);
		if (due == SQL_OFFERED) {
			log_info("script '%s' is offered and not applied by itself; to apply it: maintkit -p %s sql apply %s", s->name, t->package, s->name);
			tell(s, "offered", 0);
		}
		if (due != SQL_DUE && due != SQL_RESUME)
			continue;
		ran++;
		if (due == SQL_DUE && check_origin(t, v, s, false, err) < 0)
			return -1;
		if (apply_one(t, s, due, false, err) < 0)
			return -1;
	}
	if (!ran)
		log_info("nothing is due on database '%s'", sql_database(t, NULL));
	if (t->dry_run || v->installed)
		return 0;
	return set_installed(t, err);
}

static int apply(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(sql_scripts_release) struct sql_scripts all = SQL_SCRIPTS_INIT;
	CLEANUP(sql_view_release) struct sql_view v = { 0 };
	struct sql_script nothing = { .role = SQL_INSTALL, .name = NULL };

	{
		CLEANUP(db_cleanup) struct db *db = NULL;

		if (sql_scripts_load(t, &all, err) < 0 || sql_look(t, &db, &v, err) < 0)
			return -1;
	}
	if (!v.exists)
		return check_origin(t, &v, &nothing, false, err);
	if (argc)
		return apply_named(t, &v, &all, argc, argv, err);
	if (!v.origin)
		return check_origin(t, &v, &nothing, false, err);
	return apply_due(t, &v, &all, err);
}

int sql_apply(struct tool *t, int argc, char **argv, struct err *err)
{
	sql_json_begin(t, true);
	return sql_json_end(t, apply(t, argc, argv, err), err);
}
