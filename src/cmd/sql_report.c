/* sql plan and sql status: what would be run, and what was.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <unistd.h>

#include "../core/json.h"
#include "sql.h"

static int count_one(struct sql_run *r, void *arg, struct err *err)
{
	(void)err;
	*(int64_t *)arg = r->number;
	return 0;
}

struct listing {
	struct json *j;
	struct buf *text;
	int64_t skip;
};

static int list_one(struct sql_run *r, void *arg, struct err *err)
{
	CLEANUP(sql_kind_release) struct sql_kind k = SQL_KIND_INIT;
	const struct sqlsplit_item *item = &r->item;
	struct listing *l = arg;
	size_t n = 0;

	(void)err;
	if (r->number <= l->skip)
		return 0;
	sql_kind_of(&k, item->text, item->len, r->my->server_status & SERVER_STATUS_ANSI_QUOTES,
		    r->my->server_status & SERVER_STATUS_NO_BACKSLASH_ESCAPES, false);
	while (n < item->len && n < 100 && item->text[n] != '\n')
		n++;
	if (l->j) {
		AUTO_FREE char *head = xstrndup(item->text, n);

		json_object(l->j, NULL);
		json_int(l->j, "number", r->number);
		json_int(l->j, "line", (int64_t)item->line);
		json_string(l->j, "kind", item->command ? "client command" : k.verb);
		json_string(l->j, "text", head);
		json_end(l->j);
	} else {
		buf_addf(l->text, "  %lld line %llu: %.*s%s\n", (long long)r->number, (unsigned long long)item->line, (int)n,
			 item->text, n < item->len ? " ..." : "");
	}
	return 0;
}

static int plan_script(struct tool *t, struct db *db, const struct sql_view *v, struct sql_script *s, enum sql_due due, bool list,
		       struct json *j, struct buf *out, struct err *err)
{
	const struct script_state *st = scriptstate_find(v->state, v->n_states, s->name);
	struct listing l = { .j = t->json ? j : NULL, .text = out, .skip = due == SQL_RESUME && st ? st->statements : 0 };
	int64_t total = 0;

	if (sql_scan(t, db, s, count_one, &total, err) < 0)
		return -1;
	if (t->json) {
		json_object(j, NULL);
		json_string(j, "script", s->name);
		json_string(j, "file", s->path);
		json_string(j, "state", sql_due_word(due));
		json_int(j, "statements", total);
		json_int(j, "done", l.skip);
		if (list)
			json_array(j, "list");
	} else {
		buf_addf(out, "%s %s: %lld statements", sql_due_word(due), s->name, (long long)total);
		if (l.skip)
			buf_addf(out, ", %lld of them done", (long long)l.skip);
		buf_addf(out, " (%s)\n", s->path);
	}
	if (list && sql_scan(t, db, s, list_one, &l, err) < 0)
		return -1;
	if (t->json) {
		if (list)
			json_end(j);
		json_end(j);
	}
	return 0;
}

static int plan_all(struct tool *t, struct db *db, const struct sql_view *v, struct sql_scripts *all, int argc, char **argv,
		    struct json *j, struct buf *out, size_t *due_count, struct err *err)
{
	size_t n = argc ? (size_t)argc : all->n;

	for (size_t i = 0; i < n; i++) {
		struct sql_script *s = argc ? sql_scripts_find(t, all, argv[i], err) : &all->v[i];
		enum sql_due due;

		if (!s)
			return -1;
		if (!argc && s->role == SQL_DEMO && !sql_opts.demo && !scriptstate_find(v->state, v->n_states, s->name))
			continue;
		if (sql_script_read(t, s, err) < 0)
			return -1;
		due = sql_due(v, s, sql_opts.demo || argc);
		if (argc && (due == SQL_OFFERED || due == SQL_NOT_WANTED))
			due = SQL_DUE;
		/* A new database's script may change later; that concerns new databases. */
		if (due == SQL_CHANGED && s->role != SQL_EXTRA)
			due = SQL_DONE;
		if (!v->exists && s->role == SQL_INSTALL)
			due = SQL_DUE;
		*due_count += due == SQL_DUE || due == SQL_RESUME || due == SQL_CHANGED;
		if (!argc && (due == SQL_DONE || due == SQL_NOT_WANTED))
			continue;
		if (plan_script(t, db, v, s, due, argc > 0, j, out, err) < 0)
			return -1;
	}
	return 0;
}

static const char *situation(const struct sql_view *v)
{
	if (!v->exists)
		return "missing";
	if (v->origin)
		return v->origin;
	return v->empty ? "empty" : "unknown";
}

static const char *advice(const struct sql_view *v)
{
	if (!v->exists || (!v->origin && v->empty))
		return "sql create";
	return v->origin ? NULL : "sql baseline";
}

int sql_plan(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(sql_scripts_release) struct sql_scripts all = SQL_SCRIPTS_INIT;
	CLEANUP(sql_view_release) struct sql_view v = { 0 };
	CLEANUP(db_cleanup) struct db *db = NULL;
	AUTO_BUF out = BUF_INIT;
	struct json j = { .out = &out };
	size_t due = 0;

	if (sql_scripts_load(t, &all, err) < 0 || sql_look(t, &db, &v, err) < 0)
		return -1;
	if (t->json) {
		json_object(&j, NULL);
		json_string(&j, "database", sql_database(t, NULL));
		json_string(&j, "situation", situation(&v));
		json_string(&j, "first", advice(&v));
		json_array(&j, "scripts");
	} else if (advice(&v)) {
		buf_addf(&out, "first: maintkit -p %s %s (database '%s' is %s)\n", t->package, advice(&v), sql_database(t, NULL), situation(&v));
	}
	due += advice(&v) != NULL;
	if ((!advice(&v) || !v.exists || argc) && plan_all(t, db, &v, &all, argc, argv, &j, &out, &due, err) < 0)
		return -1;
	if (t->json) {
		json_end(&j);
		json_int(&j, "due", (int64_t)due);
		json_end(&j);
	} else if (!out.len) {
		buf_adds(&out, "nothing is due\n");
	}
	/* A maintainer script asks by exit code, and debconf owns its stdout. */
	if (!sql_opts.exit_code && tool_print(&out, err) < 0)
		return -1;
	return sql_opts.exit_code && due ? 1 : 0;
}

static void status_json(const struct tool *t, const struct sql_view *v, struct buf *out)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_string(&j, "database", sql_database(t, NULL));
	json_string(&j, "situation", situation(v));
	json_string(&j, "instance", v->instance);
	json_string(&j, "installed", v->installed);
	json_array(&j, "scripts");
	for (size_t i = 0; i < v->n_states; i++) {
		const struct script_state *s = &v->state[i];

		json_object(&j, NULL);
		json_string(&j, "name", s->name);
		json_string(&j, "state", s->state);
		json_int(&j, "statements", s->statements);
		json_string(&j, "sha256", s->sha256);
		json_string(&j, "version", s->version);
		json_string(&j, "started", s->started);
		json_string(&j, "finished", s->finished);
		json_string(&j, "error", s->error);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
}

static void status_text(const struct tool *t, const struct sql_view *v, struct buf *out)
{
	buf_addf(out, "database %s: %s\n", sql_database(t, NULL), situation(v));
	if (v->instance)
		buf_addf(out, "instance %s\n", v->instance);
	for (size_t i = 0; i < v->n_states; i++) {
		const struct script_state *s = &v->state[i];

		buf_addf(out, "%s %s: %lld statements, %s\n", s->state, s->name, (long long)s->statements,
			 s->finished ? s->finished : s->started);
		if (s->error)
			buf_addf(out, "  stopped: %s\n", s->error);
	}
}

int sql_status(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(sql_view_release) struct sql_view v = { 0 };
	CLEANUP(db_cleanup) struct db *db = NULL;
	AUTO_BUF out = BUF_INIT;

	(void)argc;
	(void)argv;
	if (sql_look(t, &db, &v, err) < 0)
		return -1;
	(t->json ? status_json : status_text)(t, &v, &out);
	return tool_print(&out, err);
}
