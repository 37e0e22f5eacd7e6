/* The database as maintkit-sql sees it, and what is due on it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "sql.h"

void sql_view_release(struct sql_view *v)
{
	free(v->origin);
	free(v->installed);
	free(v->instance);
	scriptstate_free(v->state, v->n_states);
	*v = (struct sql_view){ 0 };
}

const char *sql_database(const struct tool *t, struct err *err)
{
	return sql_opts.database ? sql_opts.database : profile_require(t->profile, "database", "name", err);
}

/* Which of several hosts works for us, once for each. */
static void tell_node(const struct db *db)
{
	static char *told;
	const char *node = db_node(db);

	if (!node || (told && !strcmp(told, node)))
		return;
	if (db_skipped_nodes(db))
		log_info("using host '%s' (%s)", node, db_skipped_nodes(db));
	else if (told)
		log_info("using host '%s'", node);
	free(told);
	told = xstrdup(node);
}

static int connect_with(struct tool *t, const struct db_options *o, struct db **db, struct err *err)
{
	if (db_open(db, t->profile, &t->root, o, err) < 0)
		return -1;
	tell_node(*db);
	return 0;
}

int sql_connect(struct tool *t, bool selected, struct db **db, struct err *err)
{
	struct db_options o = { .defaults_file = sql_opts.defaults_file };

	if (selected && !(o.database = sql_database(t, err)))
		return -1;
	return connect_with(t, &o, db, err);
}

int sql_connect_for(struct tool *t, const struct sql_script *s, struct db **db, struct err *err)
{
	struct db_options o = { .defaults_file = sql_opts.defaults_file, .local_infile = s->local_files };

	if (!(o.database = sql_database(t, err)))
		return -1;
	return connect_with(t, &o, db, err);
}

int sql_connect_quietly(struct tool *t, struct db **db, struct err *err)
{
	struct db_options o = { .defaults_file = sql_opts.defaults_file, .io_timeout_s = 10 };

	return db_open(db, t->profile, &t->root, &o, err);
}

static int meta(struct db *db, const char *name, char **out, struct err *err)
{
	struct err e = ERR_INIT;

	if (db_meta_get(db, name, out, &e) == 0 || e.kind == ERR_ABSENT)
		return 0;
	*err = e;
	return -1;
}

int sql_view_load(struct db *db, struct sql_view *v, struct err *err)
{
	int64_t tables;

	if (db_get_int(db, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"
		       " AND table_name NOT LIKE 'maintkit|_%' ESCAPE '|'", NULL, 0, &tables, err) < 0)
		return -1;
	v->exists = true;
	v->empty = tables == 0;
	if (meta(db, SQL_META_ORIGIN, &v->origin, err) < 0 || meta(db, SQL_META_INSTALLED, &v->installed, err) < 0 ||
	    meta(db, "instance_id", &v->instance, err) < 0)
		return -1;
	return scriptstate_list(db, &v->state, &v->n_states, err);
}

int sql_look(struct tool *t, struct db **db, struct sql_view *v, struct err *err)
{
	const char *name = sql_database(t, err);
	AUTO_BUF use = BUF_INIT;
	struct err e = ERR_INIT;

	if (!name || sql_connect(t, false, db, err) < 0)
		return -1;
	if (!db_has_database(*db, name, &e)) {
		if (e.kind != ERR_NONE)
			*err = e;
		return e.kind == ERR_NONE ? 0 : -1;
	}
	buf_adds(&use, "USE ");
	if (db_quote_name(&use, name, err) < 0 || db_run(*db, use.p, NULL, 0, NULL, err) < 0)
		return -1;
	return sql_view_load(*db, v, err);
}

enum sql_due sql_due(const struct sql_view *v, const struct sql_script *s, bool demo)
{
	const struct script_state *st = scriptstate_find(v->state, v->n_states, s->name);
	bool created = v->origin && !strcmp(v->origin, "created");

	if (st && !strcmp(st->state, "running"))
		return SQL_RESUME;
	if (st && !strcmp(st->state, "baselined"))
		return SQL_DONE;
	if (st) {
		if (!*s->sha256 || !strcmp(st->sha256, s->sha256))
			return SQL_DONE;
		return s->repeatable ? SQL_DUE : SQL_CHANGED;
	}
	switch (s->role) {
	case SQL_INSTALL:
		return created && !v->installed ? SQL_DUE : SQL_NOT_WANTED;
	case SQL_DEMO:
		return demo ? SQL_DUE : SQL_NOT_WANTED;
	case SQL_EXTRA:
		if (created && !v->installed)
			return s->on_install ? SQL_DUE : SQL_NOT_WANTED;
		return !strcmp(s->on_upgrade, "yes") ? SQL_DUE : !strcmp(s->on_upgrade, "offer") ? SQL_OFFERED : SQL_NOT_WANTED;
	case SQL_FILE:
		return SQL_DUE;
	}
	return SQL_NOT_WANTED;
}

const char *sql_due_word(enum sql_due due)
{
	static const char *const words[] = {
		[SQL_DUE] = "due", [SQL_RESUME] = "interrupted", [SQL_DONE] = "applied", [SQL_CHANGED] = "changed",
		[SQL_OFFERED] = "offered", [SQL_NOT_WANTED] = "not wanted",
	};

	return words[due];
}
