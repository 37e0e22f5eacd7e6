/* migrate list and status: what there is, what this database needs, and what was done.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "../core/json.h"
#include "migrate_frame.h"

struct view {
	const char *state;
	char *why;		/* with "not possible" */
	struct migrate m;
	struct db_rows runs;
};

static void view_release(struct view *v)
{
	db_rows_release(&v->runs);
	free(v->why);
	migrate_close(&v->m);
}

static bool has_run(const struct view *v, const char *state)
{
	for (size_t i = 0; i < v->runs.rows; i++)
		if (strcmp(db_cell(&v->runs, i, 1), state) == 0)
			return true;
	return false;
}

/* Errors are for what makes the whole answer worthless; a database that lacks
 * this migration's tables is an answer. */
static int look(struct view *v, struct tool *t, const char *name, struct err *err)
{
	struct db_value n[] = { DBV_STR(name) };
	struct err why = ERR_INIT;

	if (migrate_open(&v->m, t, name, MIGRATE_LOOK, err) < 0)
		return -1;
	if (db_has_table(v->m.db, "maintkit_run", NULL) &&
	    db_run(v->m.db, "SELECT run_id, state, options, version, cells, inserted, started, ended, undone, backup FROM maintkit_run"
		   " WHERE migration = ? ORDER BY run_id", n, 1, &v->runs, err) < 0)
		return -1;
	if (migrate_schema_check(&v->m, &why) < 0 || v->m.what->look(&v->m, &why) < 0) {
		if (why.kind == ERR_BACKEND) {
			*err = why;
			return -1;
		}
		v->state = "not possible";
		v->why = xstrdup(why.text);
		return 0;
	}
	if (v->m.need.needed && v->m.what->stages && migrate_preflight(&v->m, &why) < 0) {
		if (why.kind == ERR_BACKEND) {
			*err = why;
			return -1;
		}
		buf_addf(&v->m.need.warning, "%sa run would be refused now: %s", v->m.need.warning.len ? "; " : "", why.text);
		err_clear(&why);
	}
	if (v->m.what->stages && migrate_store_whole(v->m.db, &why) < 0) {
		if (why.kind == ERR_BACKEND) {
			*err = why;
			return -1;
		}
		buf_addf(&v->m.need.warning, "%s%s", v->m.need.warning.len ? "; " : "", why.text);
	}
	if (has_run(v, "running"))
		v->state = "interrupted";
	else if (has_run(v, "undoing"))
		v->state = "undo interrupted";
	else if (v->m.need.needed && !v->m.what->stages)
		v->state = "due in the application";	/* detection only; the warning says what to do */
	else if (v->m.need.needed)
		v->state = has_run(v, "undone") && !has_run(v, "done") ? "undone" : has_run(v, "done") ? "due again" : "due";
	else
		v->state = has_run(v, "done") ? "done" : "not needed";
	return 0;
}

static void as_json(struct view *v, struct json *j)
{
	static const char *const keys[] = { "run", "state", "options", "version", "cells", "inserted", "started", "ended", "undone", "backup" };
	const struct migrate *m = &v->m;

	json_object(j, NULL);
	json_string(j, "name", m->what->name);
	json_string(j, "summary", m->what->summary);
	json_string(j, "state", v->state);
	json_bool(j, "needed", m->need.needed);
	json_int(j, "rows", m->need.rows);
	json_string(j, "evidence", v->why ? v->why : m->need.evidence.p);
	json_string(j, "warning", m->need.warning.len ? m->need.warning.p : NULL);
	json_array(j, "runs");
	for (size_t i = 0; i < v->runs.rows; i++) {
		json_object(j, NULL);
		for (size_t c = 0; c < ARRAY_LEN(keys); c++)
			json_string(j, keys[c], db_cell(&v->runs, i, c));
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static void as_text(struct view *v, bool runs, struct buf *out)
{
	const struct migrate *m = &v->m;

	buf_addf(out, "%-14s %-16s %s\n", m->what->name, v->state, m->what->summary);
	buf_addf(out, "%-14s %s\n", "", v->why ? v->why : m->need.evidence.p);
	if (m->need.warning.len)
		buf_addf(out, "%-14s warning: %s\n", "", m->need.warning.p);
	for (size_t i = 0; runs && i < v->runs.rows; i++) {
		const char *options = db_cell(&v->runs, i, 2), *ended = db_cell(&v->runs, i, 7), *undone = db_cell(&v->runs, i, 8);

		buf_addf(out, "%-14s run %s: %s, %s cells, %s new rows, begun %s UTC%s%s%s%s%s%s; backup: %s\n", "", db_cell(&v->runs, i, 0),
			 db_cell(&v->runs, i, 1), db_cell(&v->runs, i, 4), db_cell(&v->runs, i, 5), db_cell(&v->runs, i, 6),
			 ended ? ", ended " : "", ended ? ended : "", undone ? ", undone " : "", undone ? undone : "",
			 *options ? ", options " : "", options, db_cell(&v->runs, i, 9));
	}
	if (strcmp(v->state, "due") == 0 || strcmp(v->state, "due again") == 0)
		buf_addf(out, "%-14s look first: maintkit -p %s migrate plan %s\n", "", m->t->package, m->what->name);
	else if (strcmp(v->state, "interrupted") == 0)
		buf_addf(out, "%-14s go on with: maintkit -p %s migrate run %s\n", "", m->t->package, m->what->name);
	else if (strcmp(v->state, "undo interrupted") == 0)
		buf_addf(out, "%-14s go on with: maintkit -p %s migrate undo %s\n", "", m->t->package, m->what->name);
}

static int show(struct tool *t, const char *only, bool runs, struct err *err)
{
	AUTO_BUF out = BUF_INIT;
	struct json j = { .out = &out };

	if (only && !migrate_find(only, err))
		return -1;
	if (t->json)
		json_array(&j, NULL);
	for (size_t i = 0; migrate_all[i]; i++) {
		if (only && strcmp(only, migrate_all[i]->name) != 0)
			continue;
		CLEANUP(view_release) struct view v = { 0 };

		if (look(&v, t, migrate_all[i]->name, err) < 0)
			return -1;
		if (t->json)
			as_json(&v, &j);
		else
			as_text(&v, runs, &out);
	}
	if (t->json)
		json_end(&j);
	return tool_print(&out, err);
}

int migrate_verb_list(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	return show(t, NULL, false, err);
}

int migrate_verb_status(struct tool *t, int argc, char **argv, struct err *err)
{
	return show(t, argc ? argv[0] : NULL, true, err);
}
