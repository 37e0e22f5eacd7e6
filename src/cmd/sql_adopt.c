/* sql baseline, verify and repair: comparing what scripts promise with what the database has.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../core/json.h"
#include "../ext/effects.h"
#include "../ext/identity.h"
#include "sql.h"

#ifndef MAINTKIT_VERSION
#define MAINTKIT_VERSION "unknown"
#endif
#define MISSING_SHOWN 12

/* What must be there when a script has been applied. */
struct promises {
	struct sql_trace *v;
	size_t n, cap;
	bool opaque;	/* it also does things that leave no trace */
};

static void promises_release(struct promises *p)
{
	struct sql_kind k = { .trace = p->v, .n_traces = p->n };

	sql_kind_release(&k);
	*p = (struct promises){ 0 };
}

static bool equal(const char *a, const char *b)
{
	return a == b || (a && b && !strcasecmp(a, b));
}

/* Is b about a, or about something inside the table a? */
static bool concerns(const struct sql_trace *a, const struct sql_trace *b)
{
	if (!equal(a->schema, b->schema) || !equal(a->table, b->table))
		return false;
	return a->kind == TRACE_TABLE || (a->kind == b->kind && equal(a->name, b->name));
}

static void forget(struct promises *p, const struct sql_trace *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (!concerns(t, &p->v[i])) {
			p->v[kept++] = p->v[i];
			continue;
		}
		free(p->v[i].schema);
		free(p->v[i].table);
		free(p->v[i].name);
		free(p->v[i].definition);
	}
	p->n = kept;
}

/* A later statement's word counts. A table that IF NOT EXISTS may have met keeps its columns. */
static void learn(struct promises *p, struct sql_trace *t)
{
	if (t->gone || t->kind != TRACE_TABLE)
		forget(p, t);
	if (t->gone)
		return;
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->v = xreallocarray(p->v, p->cap, sizeof *p->v);
	}
	p->v[p->n++] = *t;
	*t = (struct sql_trace){ 0 };
}

static int gather(struct sql_run *r, void *arg, struct err *err)
{
	CLEANUP(sql_kind_release) struct sql_kind k = SQL_KIND_INIT;
	unsigned status = r->my->server_status;
	struct promises *p = arg;

	(void)err;
	if (r->item.command)
		return 0;
	sql_kind_of(&k, r->item.text, r->item.len, status & SERVER_STATUS_ANSI_QUOTES, status & SERVER_STATUS_NO_BACKSLASH_ESCAPES,
		    memchr(r->item.text, ';', r->item.len));
	p->opaque |= k.class == SQL_OPAQUE;
	if (k.class != SQL_DDL)
		return 0;
	/* What goes comes first: RENAME and CHANGE name both. */
	for (size_t i = 0; i < k.n_traces; i++)
		if (k.trace[i].gone)
			learn(p, &k.trace[i]);
	for (size_t i = 0; i < k.n_traces; i++)
		if (!k.trace[i].gone && k.trace[i].kind <= TRACE_EVENT && (k.trace[i].table || k.trace[i].name))
			learn(p, &k.trace[i]);
	return 0;
}

/* ---- columns in detail ---- */

/* What is not said is NULL, and no default; but keys and timestamps have rules of their own. */
static void check_null_and_default(const struct sql_column *want, const struct db_rows *rows, struct buf *why)
{
	const char *sep = why->len ? "; " : "", *have = db_cell(rows, 0, 2);
	bool null = !strcmp(db_cell(rows, 0, 1), "YES"), key = !strcmp(db_cell(rows, 0, 3), "PRI");
	bool own_rules = !want->type || key || !strncmp(want->type, "timestamp", 9);

	if (want->nullable == 0 && null)
		buf_addf(why, "%smay be NULL, promised was NOT NULL", sep);
	else if (!null && !own_rules && want->nullable != 0)
		buf_addf(why, "%smay not be NULL, promised was NULL", sep);
	sep = why->len ? "; " : "";
	if (want->fallback && !sql_default_is(want->type, want->fallback, have))
		buf_addf(why, "%shas default %s, promised was '%s'", sep, have ? have : "none", want->fallback);
	else if (!want->has_default && !own_rules && have && strcmp(have, "NULL"))
		buf_addf(why, "%shas default %s, promised was none", sep, have);
}

/* 1 as promised, 0 differs (why appended), -1. */
static int check_column(struct db *db, const struct sql_trace *t, struct buf *why, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	CLEANUP(sql_column_release) struct sql_column want;
	struct db_value v[] = { t->schema ? DBV_STR(t->schema) : DBV_NULL, DBV_STR(t->table), DBV_STR(t->name) };
	AUTO_FREE char *type = NULL;

	sql_column_parse(&want, t->definition ? t->definition : "");
	if (db_run(db, "SELECT column_type, is_nullable, column_default, column_key FROM information_schema.columns"
		   " WHERE table_schema = IFNULL(?, DATABASE()) AND table_name = ? AND column_name = ?", v, 3, &rows, err) < 0)
		return -1;
	if (!rows.rows) {
		buf_adds(why, "is missing");
		return 0;
	}
	type = sql_type_reduce(db_cell(&rows, 0, 0));
	if (want.type && strcasecmp(want.type, type))
		buf_addf(why, "is %s, promised was %s", type, want.type);
	check_null_and_default(&want, &rows, why);
	return !why->len;
}

static int check_promise(struct db *db, const struct sql_trace *t, struct buf *why, struct err *err)
{
	int holds;

	if (t->kind == TRACE_COLUMN)
		return check_column(db, t, why, err);
	holds = sql_trace_holds(db, t, err);
	if (holds == 0)
		buf_adds(why, "is missing");
	return holds;
}

/* ---- verify ---- */

static int gather_applied(struct tool *t, struct db *db, const struct sql_view *v, struct sql_scripts *all, struct promises *p, struct err *err)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct script_state *st = scriptstate_find(v->state, v->n_states, all->v[i].name);

		if (!st || !strcmp(st->state, "running"))
			continue;
		if (sql_script_read(t, &all->v[i], err) < 0)
			return -1;
		/* Another version's text promises other things. */
		if (strcmp(st->sha256, all->v[i].sha256))
			log_info("script '%s' is not the text that was applied; it is left out", all->v[i].name);
		else if (sql_scan(t, db, &all->v[i], gather, p, err) < 0)
			return -1;
	}
	return 0;
}

int sql_verify(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(sql_scripts_release) struct sql_scripts all = SQL_SCRIPTS_INIT;
	CLEANUP(sql_view_release) struct sql_view v = { 0 };
	CLEANUP(promises_release) struct promises p = { 0 };
	CLEANUP(db_cleanup) struct db *db = NULL;
	AUTO_BUF out = BUF_INIT;
	struct json j = { .out = &out };
	size_t bad = 0;

	(void)argc;
	(void)argv;
	if (sql_scripts_load(t, &all, err) < 0 || sql_look(t, &db, &v, err) < 0)
		return -1;
	if (!v.exists)
		return err_set(err, ERR_FAIL, "database '%s' does not exist", sql_database(t, NULL));
	if (gather_applied(t, db, &v, &all, &p, err) < 0)
		return -1;
	if (t->json) {
		json_object(&j, NULL);
		json_array(&j, "drift");
	}
	for (size_t i = 0; i < p.n; i++) {
		AUTO_BUF why = BUF_INIT, name = BUF_INIT;
		int ok = check_promise(db, &p.v[i], &why, err);

		if (ok < 0)
			return -1;
		if (ok)
			continue;
		bad++;
		sql_trace_name(&p.v[i], &name);
		if (t->json) {
			json_object(&j, NULL);
			json_string(&j, "object", name.p);
			json_string(&j, "problem", why.p);
			json_end(&j);
		} else {
			buf_addf(&out, "%s %s\n", name.p, why.p);
		}
	}
	if (t->json) {
		json_end(&j);
		json_int(&j, "checked", (int64_t)p.n);
		json_end(&j);
	}
	if (tool_print(&out, err) < 0)
		return -1;
	log_info("%zu of %zu promises of applied scripts hold", p.n - bad, p.n);
	return bad ? 1 : 0;
}

/* ---- baseline ---- */

/* Names what is missing of a script's tables (or, for extras, of all it makes). Count, or -1. */
static int64_t missing_of(struct db *db, const struct promises *p, bool tables_only, struct buf *names, struct err *err)
{
	int64_t missing = 0;

	for (size_t i = 0; i < p->n; i++) {
		int holds;

		if (tables_only && p->v[i].kind != TRACE_TABLE && p->v[i].kind != TRACE_VIEW)
			continue;
		holds = sql_trace_holds(db, &p->v[i], err);
		if (holds < 0)
			return -1;
		if (holds)
			continue;
		if (++missing <= MISSING_SHOWN) {
			buf_adds(names, names->len ? ", " : "");
			sql_trace_name(&p->v[i], names);
		}
	}
	if (missing > MISSING_SHOWN)
		buf_addf(names, " and %lld more", (long long)missing - MISSING_SHOWN);
	return missing;
}

static int look_at_script(struct tool *t, struct db *db, struct sql_script *s, struct strv *found, struct err *err)
{
	CLEANUP(promises_release) struct promises p = { 0 };
	AUTO_BUF names = BUF_INIT;
	int64_t missing;

	if (sql_script_read(t, s, err) < 0 || sql_scan(t, db, s, gather, &p, err) < 0)
		return -1;
	missing = missing_of(db, &p, s->role == SQL_INSTALL, &names, err);
	if (missing < 0)
		return -1;
	if (s->role == SQL_INSTALL && missing) {
		sql_json_script(s->name, s->path, "not there", -1);
		return err_set(err, ERR_POLICY, "database '%s' cannot be adopted: %lld object%s of script '%s' %s missing: %s",
			       sql_database(t, NULL), (long long)missing, missing == 1 ? "" : "s", s->name, missing == 1 ? "is" : "are", names.p);
	}
	if (s->role == SQL_INSTALL || (p.n && !missing)) {
		strv_add(found, s->name);
		sql_json_script(s->name, s->path, t->dry_run ? "would be adopted" : "adopted", -1);
		log_info("script '%s': its objects are there (%zu looked at)", s->name, p.n);
	} else {
		sql_json_script(s->name, s->path, "not there", -1);
		log_info("script '%s': not there: %s", s->name, names.len ? names.p : "nothing to look at");
	}
	return 0;
}

static int record_baseline(struct tool *t, struct db *db, struct sql_scripts *all, const struct strv *found, struct err *err)
{
	const char *schema = sql_database(t, err);

	if (!schema || identity_bind(t->profile, &t->root, db, sql_opts.adopt, err) < 0 || scriptstate_create(db, err) < 0)
		return -1;
	for (size_t i = 0; i < all->n; i++)
		if (strv_has(found, all->v[i].name) &&
		    scriptstate_finish(db, schema, all->v[i].name, all->v[i].sha256, "baselined", 0, err) < 0)
			return -1;
	if (effect_done(t->profile, &t->root, EFFECT_DATA, "database", schema, schema, schema, err) < 0)
		return -1;
	if (db_meta_set(db, SQL_META_INSTALLED, MAINTKIT_VERSION, "found as it was", err) < 0)
		return -1;
	return db_meta_set(db, SQL_META_ORIGIN, "baselined", NULL, err);
}

static int baseline(struct tool *t, struct err *err)
{
	CLEANUP(sql_scripts_release) struct sql_scripts all = SQL_SCRIPTS_INIT;
	CLEANUP(sql_view_release) struct sql_view v = { 0 };
	CLEANUP(db_cleanup) struct db *db = NULL;
	CLEANUP(sql_unlock) struct sql_hold hold = { 0 };
	AUTO_STRV found = STRV_INIT;

	if (sql_scripts_load(t, &all, err) < 0 || sql_look(t, &db, &v, err) < 0 ||
	    sql_lock(t, db, sql_database(t, NULL), v.exists && !t->dry_run, &hold, err) < 0)
		return -1;
	if (!v.exists || (v.empty && !v.origin))
		return err_set(err, ERR_FAIL, "there is nothing to adopt: database '%s' %s; make a new one with: maintkit -p %s sql create",
			       sql_database(t, NULL), v.exists ? "is empty" : "does not exist", t->package);
	if (v.origin) {
		log_info("database '%s' is known already (%s)", sql_database(t, NULL), v.origin);
		return 0;
	}
	for (size_t i = 0; i < all.n; i++)
		if (all.v[i].role != SQL_DEMO && look_at_script(t, db, &all.v[i], &found, err) < 0)
			return -1;
	if (t->dry_run)
		return 0;
	if (record_baseline(t, db, &all, &found, err) < 0)
		return -1;
	log_info("database '%s' was adopted as it is", sql_database(t, NULL));
	return 0;
}

int sql_baseline(struct tool *t, int argc, char **argv, struct err *err)
{
	(void)argc;
	(void)argv;
	sql_json_begin(t, true);
	return sql_json_end(t, baseline(t, err), err);
}

/* ---- repair ---- */

static int number_of(const char *s, int64_t *out, struct err *err)
{
	char *end;

	*out = strtoll(s, &end, 10);
	if (*end || end == s || *out < 1)
		return err_set(err, ERR_USAGE, "'%s' is no statement number", s);
	return 0;
}

/* What a transaction that was undone left behind has been taken back by somebody. */
static int repair_beyond(struct tool *t, struct db *db, const char *name, int64_t number, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;

	if (sql_opts.done)
		return err_set(err, ERR_FAIL, "statement %lld of script '%s' stands in a transaction that was undone, so it cannot be kept alone: take back what it left, then: --redo %lld",
			       (long long)number, name, (long long)number);
	scriptstate_format_beyond(&sql, sql_database(t, NULL), name, 0);
	if (!t->dry_run && db_run(db, sql.p, NULL, 0, NULL, err) < 0)
		return -1;
	sql_json_script(name, NULL, t->dry_run ? "would be taken back" : "taken back", -1);
	log_info("the transaction of statement %lld of script '%s' %s recorded as taken back; go on with: maintkit -p %s sql apply %s", (long long)number,
		 name, t->dry_run ? "would be" : "is", t->package, name);
	return 0;
}

static int repair(struct tool *t, const char *name, struct err *err)
{
	CLEANUP(sql_view_release) struct sql_view v = { 0 };
	CLEANUP(db_cleanup) struct db *db = NULL;
	CLEANUP(sql_unlock) struct sql_hold hold = { 0 };
	const char *schema = sql_database(t, err);
	struct script_range *past = NULL;
	size_t n = 0;
	int64_t number, open_at = 0, beyond = 0;

	if (!schema || !!sql_opts.done == !!sql_opts.redo)
		return schema ? err_set(err, ERR_USAGE, "say --done N or --redo N") : -1;
	if (number_of(sql_opts.done ? sql_opts.done : sql_opts.redo, &number, err) < 0 || sql_connect(t, true, &db, err) < 0 ||
	    sql_lock(t, db, schema, !t->dry_run, &hold, err) < 0 || sql_view_load(db, &v, err) < 0)
		return -1;
	if (!scriptstate_find(v.state, v.n_states, name))
		return err_set(err, ERR_FAIL, "no script '%s' was ever begun on database '%s'", name, schema);
	if (scriptstate_ranges(db, schema, name, &past, &n, err) < 0)
		return -1;
	if (n && !past[n - 1].done)
		open_at = past[n - 1].from;
	scriptstate_ranges_free(past, n);
	if (sql_opts.redo && number == 1) {
		if (!t->dry_run && (scriptstate_forget(db, schema, name, err) < 0 ||
				    scriptstate_begin(db, schema, name, "", 0, err) < 0))
			return -1;
		sql_json_script(name, NULL, t->dry_run ? "would be forgotten" : "forgotten", -1);
		log_info("script '%s' %s forgotten: the next apply begins it anew", name, t->dry_run ? "would be" : "is");
		return 0;
	}
	if (scriptstate_beyond(db, schema, name, &beyond, err) < 0)
		return -1;
	if (beyond && number == beyond)
		return repair_beyond(t, db, name, beyond, err);
	if (number != open_at)
		return open_at ? err_set(err, ERR_FAIL, "the statement of script '%s' in question is %lld, not %lld", name, (long long)open_at, (long long)number) :
				 err_set(err, ERR_FAIL, "no statement of script '%s' is in question", name);
	if (!t->dry_run && scriptstate_settle(db, schema, name, number, sql_opts.done, err) < 0)
		return -1;
	sql_json_script(name, NULL, sql_opts.done ? t->dry_run ? "would be done" : "done" : t->dry_run ? "would be not done" : "not done", -1);
	log_info("statement %lld of script '%s' %s recorded as %s; go on with: maintkit -p %s sql apply %s", (long long)number,
		 name, t->dry_run ? "would be" : "is", sql_opts.done ? "done" : "not done", t->package, name);
	return 0;
}

int sql_repair(struct tool *t, int argc, char **argv, struct err *err)
{
	(void)argc;
	sql_json_begin(t, true);
	return sql_json_end(t, repair(t, argv[0], err), err);
}
