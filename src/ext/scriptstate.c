/* What the database knows about the SQL scripts run on it: tables maintkit_script and maintkit_statement.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "scriptstate.h"

#ifndef MAINTKIT_VERSION
#define MAINTKIT_VERSION "unknown"
#endif

static const char script_table[] =
	"CREATE TABLE IF NOT EXISTS maintkit_script ("
	" name varchar(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,"
	" sha256 char(64) CHARACTER SET ascii NOT NULL,"
	" bytes bigint NOT NULL DEFAULT 0,"
	" state varchar(16) CHARACTER SET ascii NOT NULL,"
	" statements bigint NULL,"
	" version varchar(64) NOT NULL,"
	" started datetime NOT NULL,"
	" finished datetime NULL,"
	" error text NULL,"
	" beyond bigint NULL"
	") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

static const char statement_table[] =
	"CREATE TABLE IF NOT EXISTS maintkit_statement ("
	" script varchar(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,"
	" number bigint NOT NULL,"
	" upto bigint NOT NULL,"
	" line bigint NOT NULL,"
	" sha256 char(64) CHARACTER SET ascii NOT NULL,"
	" state varchar(16) CHARACTER SET ascii NOT NULL,"
	" started datetime NOT NULL,"
	" done datetime NULL,"
	" row_count bigint NOT NULL DEFAULT 0,"
	" warnings bigint NOT NULL DEFAULT 0,"
	" last_id bigint unsigned NOT NULL DEFAULT 0,"
	" replay mediumblob NULL,"
	" looked char(64) CHARACTER SET ascii NULL,"
	" PRIMARY KEY (script, number)"
	") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

static const char counter_table[] =
	"CREATE TABLE IF NOT EXISTS maintkit_counter ("
	" script varchar(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,"
	" tbl varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,"
	" value bigint unsigned NOT NULL,"
	" PRIMARY KEY (script, tbl)"
	") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

/* Tables that an older version made lack columns. */
static int add_column(struct db *db, const char *table, const char *column, const char *sql, struct err *err)
{
	if (!db_has_table(db, table, NULL) || db_has_column(db, table, column, NULL))
		return 0;
	return db_run(db, sql, NULL, 0, NULL, err);
}

int scriptstate_create(struct db *db, struct err *err)
{
	if (db_meta_create(db, err) < 0 ||
	    add_column(db, "maintkit_statement", "looked",
		       "ALTER TABLE maintkit_statement ADD COLUMN IF NOT EXISTS looked char(64) CHARACTER SET ascii NULL", err) < 0 ||
	    add_column(db, "maintkit_script", "beyond",
		       "ALTER TABLE maintkit_script ADD COLUMN IF NOT EXISTS beyond bigint NULL", err) < 0)
		return -1;
	if (!db_has_table(db, "maintkit_statement", NULL) && db_run(db, statement_table, NULL, 0, NULL, err) < 0)
		return -1;
	if (!db_has_table(db, "maintkit_counter", NULL) && db_run(db, counter_table, NULL, 0, NULL, err) < 0)
		return -1;
	/* Last: where this table is, readers expect the others. */
	if (!db_has_table(db, "maintkit_script", NULL) && db_run(db, script_table, NULL, 0, NULL, err) < 0)
		return -1;
	return 0;
}

static char *dup_cell(const struct db_rows *r, size_t row, size_t col)
{
	const char *s = db_cell(r, row, col);

	return s ? xstrdup(s) : NULL;
}

int scriptstate_list(struct db *db, struct script_state **list, size_t *n, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	struct err e = ERR_INIT;

	*list = NULL;
	*n = 0;
	if (!db_has_table(db, "maintkit_script", &e)) {
		if (e.kind != ERR_NONE && err)
			*err = e;
		return e.kind == ERR_NONE ? 0 : -1;
	}
	if (db_run(db, "SELECT s.name, s.sha256, s.state, s.version, s.started, s.finished, s.error,"
		   " COALESCE(s.statements, (SELECT MAX(upto) FROM maintkit_statement t WHERE t.script = s.name"
		   " AND t.state = 'done'), 0) FROM maintkit_script s ORDER BY s.started, s.name", NULL, 0, &r, err) < 0)
		return -1;
	*list = xcalloc(r.rows ? r.rows : 1, sizeof **list);
	for (size_t i = 0; i < r.rows; i++) {
		struct script_state *s = &(*list)[(*n)++];

		s->name = dup_cell(&r, i, 0);
		s->sha256 = dup_cell(&r, i, 1);
		s->state = dup_cell(&r, i, 2);
		s->version = dup_cell(&r, i, 3);
		s->started = dup_cell(&r, i, 4);
		s->finished = dup_cell(&r, i, 5);
		s->error = dup_cell(&r, i, 6);
		s->statements = strtoll(db_cell(&r, i, 7), NULL, 10);
	}
	return 0;
}

void scriptstate_free(struct script_state *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].name);
		free(list[i].sha256);
		free(list[i].state);
		free(list[i].version);
		free(list[i].started);
		free(list[i].finished);
		free(list[i].error);
	}
	free(list);
}

const struct script_state *scriptstate_find(const struct script_state *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

/* Our tables by their full names: a script may have changed the selected database. */
static int run_on(struct db *db, const char *before, const char *schema, const char *table, const char *after,
		  const struct db_value *v, size_t n, struct db_rows *rows, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;

	buf_adds(&sql, before);
	if (db_quote_name(&sql, schema, err) < 0)
		return -1;
	buf_addf(&sql, ".%s %s", table, after);
	return db_run(db, sql.p, v, n, rows, err);
}

static int forget_counters(struct db *db, const char *schema, const char *name, struct err *err)
{
	struct db_value v[] = { DBV_STR(name) };

	return run_on(db, "DELETE FROM ", schema, "maintkit_counter", "WHERE script = ?", v, 1, NULL, err);
}

int scriptstate_begin(struct db *db, const char *schema, const char *name, const char *sha256, int64_t bytes,
		      struct err *err)
{
	struct db_value v[] = { DBV_STR(name), DBV_STR(sha256), DBV_INT(bytes), DBV_STR(MAINTKIT_VERSION) };

	return run_on(db, "INSERT INTO ", schema, "maintkit_script",
		      "(name, sha256, bytes, state, version, started) VALUES (?, ?, ?, 'running', ?, NOW())"
		      " ON DUPLICATE KEY UPDATE sha256 = VALUES(sha256), bytes = VALUES(bytes), state = 'running',"
		      " statements = NULL, version = VALUES(version), finished = NULL, error = NULL", v, 4, NULL, err);
}

int scriptstate_finish(struct db *db, const char *schema, const char *name, const char *sha256, const char *state,
		       int64_t statements, struct err *err)
{
	struct db_value v[] = { DBV_STR(name), DBV_STR(sha256), DBV_STR(state), DBV_INT(statements),
				DBV_STR(MAINTKIT_VERSION) };

	if (run_on(db, "INSERT INTO ", schema, "maintkit_script",
		      "(name, sha256, state, statements, version, started, finished) VALUES (?, ?, ?, ?, ?, NOW(), NOW())"
		      " ON DUPLICATE KEY UPDATE sha256 = VALUES(sha256), state = VALUES(state),"
		      " statements = VALUES(statements), finished = NOW(), error = NULL", v, 5, NULL, err) < 0)
		return -1;
	return forget_counters(db, schema, name, err);
}

int scriptstate_error(struct db *db, const char *schema, const char *name, const char *text, struct err *err)
{
	struct db_value v[] = { DBV_STR(text), DBV_STR(name) };

	return run_on(db, "UPDATE ", schema, "maintkit_script", "SET error = ? WHERE name = ?", v, 2, NULL, err);
}

int scriptstate_forget(struct db *db, const char *schema, const char *name, struct err *err)
{
	struct db_value v[] = { DBV_STR(name) };

	if (forget_counters(db, schema, name, err) < 0)
		return -1;
	if (run_on(db, "UPDATE ", schema, "maintkit_script", "SET beyond = NULL WHERE name = ?", v, 1, NULL, err) < 0)
		return -1;
	return run_on(db, "DELETE FROM ", schema, "maintkit_statement", "WHERE script = ?", v, 1, NULL, err);
}

static void range_of(struct script_range *g, const struct db_rows *r, size_t i)
{
	g->from = strtoll(db_cell(r, i, 0), NULL, 10);
	g->upto = strtoll(db_cell(r, i, 1), NULL, 10);
	g->line = strtoll(db_cell(r, i, 2), NULL, 10);
	snprintf(g->sha256, sizeof g->sha256, "%s", db_cell(r, i, 3));
	g->done = !strcmp(db_cell(r, i, 4), "done");
	g->last_id = strtoull(db_cell(r, i, 5), NULL, 10);
	g->replay = dup_cell(r, i, 6);
	g->rows = strtoll(db_cell(r, i, 7), NULL, 10);
	g->warnings = (unsigned)strtoul(db_cell(r, i, 8), NULL, 10);
	snprintf(g->looked, sizeof g->looked, "%s", db_cell(r, i, 9) ? db_cell(r, i, 9) : "");
	snprintf(g->started, sizeof g->started, "%s", db_cell(r, i, 10));
}

int scriptstate_ranges(struct db *db, const char *schema, const char *name, struct script_range **list, size_t *n,
		       struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	struct db_value v[] = { DBV_STR(name) };

	*list = NULL;
	*n = 0;
	if (run_on(db, "SELECT number, upto, line, sha256, state, last_id, replay, row_count, warnings, looked, started FROM ", schema,
		   "maintkit_statement", "WHERE script = ? ORDER BY number", v, 1, &r, err) < 0)
		return -1;
	*list = xcalloc(r.rows ? r.rows : 1, sizeof **list);
	for (size_t i = 0; i < r.rows; i++)
		range_of(&(*list)[(*n)++], &r, i);
	return 0;
}

void scriptstate_ranges_free(struct script_range *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].replay);
	free(list);
}

static void hex(struct buf *b, const char *s)
{
	static const char digit[] = "0123456789abcdef";

	buf_adds(b, "0x");
	for (; *s; s++) {
		buf_addc(b, digit[(unsigned char)*s >> 4]);
		buf_addc(b, digit[*s & 15]);
	}
}

void scriptstate_format(struct buf *sql, const char *schema, const char *name, const struct script_range *list, size_t n)
{
	AUTO_BUF quoted = BUF_INIT;

	if (db_quote_name(&quoted, schema, NULL) < 0)
		buf_adds(&quoted, "``");	/* the server will say what it thinks of that */
	buf_addf(sql, "INSERT INTO %s.maintkit_statement (script, number, upto, line, sha256, state, started, done,"
		 " row_count, warnings, last_id, looked, replay) VALUES ", quoted.p);
	for (size_t i = 0; i < n; i++) {
		const struct script_range *g = &list[i];

		buf_adds(sql, i ? ",(" : "(");
		hex(sql, name);
		/* A later session has to begin where this one ends. */
		buf_addf(sql, ",%lld,%lld,%lld,'%s','%s',NOW(),%s,%lld,%u,%s,%s%s%s,", (long long)g->from, (long long)g->upto,
			 (long long)g->line, g->sha256, g->done ? "done" : "intended", g->done ? "NOW()" : "NULL",
			 (long long)g->rows, g->warnings, i + 1 == n ? "LAST_INSERT_ID()" : "0",
			 *g->looked ? "'" : "", *g->looked ? g->looked : "NULL", *g->looked ? "'" : "");
		if (g->replay && *g->replay)
			hex(sql, g->replay);
		else
			buf_adds(sql, "NULL");
		buf_addc(sql, ')');
	}
	buf_adds(sql, " ON DUPLICATE KEY UPDATE upto = VALUES(upto), state = VALUES(state), done = VALUES(done),"
		 " sha256 = VALUES(sha256), row_count = VALUES(row_count), warnings = VALUES(warnings),"
		 " last_id = VALUES(last_id), replay = VALUES(replay)");
}

void scriptstate_format_counters(struct buf *sql, const char *schema, const char *name, const struct strv *tables)
{
	AUTO_BUF quoted = BUF_INIT;

	if (db_quote_name(&quoted, schema, NULL) < 0)
		buf_adds(&quoted, "``");
	buf_addf(sql, "INSERT INTO %s.maintkit_counter (script, tbl, value) SELECT ", quoted.p);
	hex(sql, name);
	buf_adds(sql, ", table_name, auto_increment FROM information_schema.tables WHERE table_schema = ");
	hex(sql, schema);
	buf_adds(sql, " AND table_name IN (");
	for (size_t i = 0; i < tables->n; i++) {
		buf_adds(sql, i ? "," : "");
		hex(sql, tables->v[i]);
	}
	buf_adds(sql, ") AND auto_increment IS NOT NULL ON DUPLICATE KEY UPDATE value = VALUES(value)");
}

void scriptstate_format_uncount(struct buf *sql, const char *schema, const char *name, const char *table)
{
	AUTO_BUF quoted = BUF_INIT;

	if (db_quote_name(&quoted, schema, NULL) < 0)
		buf_adds(&quoted, "``");
	buf_addf(sql, "DELETE FROM %s.maintkit_counter WHERE script = ", quoted.p);
	hex(sql, name);
	buf_adds(sql, " AND tbl = ");
	hex(sql, table);
}

int scriptstate_counters(struct db *db, const char *schema, const char *name, struct db_rows *rows, struct err *err)
{
	struct db_value v[] = { DBV_STR(name) };

	return run_on(db, "SELECT tbl, value FROM ", schema, "maintkit_counter", "WHERE script = ?", v, 1, rows, err);
}

int scriptstate_beyond(struct db *db, const char *schema, const char *name, int64_t *number, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	struct db_value v[] = { DBV_STR(name) };

	if (run_on(db, "SELECT beyond FROM ", schema, "maintkit_script", "WHERE name = ?", v, 1, &r, err) < 0)
		return -1;
	*number = r.rows && db_cell(&r, 0, 0) ? strtoll(db_cell(&r, 0, 0), NULL, 10) : 0;
	return 0;
}

void scriptstate_format_beyond(struct buf *sql, const char *schema, const char *name, int64_t number)
{
	AUTO_BUF quoted = BUF_INIT;

	if (db_quote_name(&quoted, schema, NULL) < 0)
		buf_adds(&quoted, "``");
	buf_addf(sql, "UPDATE %s.maintkit_script SET beyond = NULLIF(%lld, 0) WHERE name = ", quoted.p, (long long)number);
	hex(sql, name);
}

int scriptstate_settle(struct db *db, const char *schema, const char *name, int64_t number, bool done,
		       struct err *err)
{
	struct db_value v[] = { DBV_STR(name), DBV_INT(number) };

	if (done)
		return run_on(db, "UPDATE ", schema, "maintkit_statement",
			      "SET state = 'done', done = NOW(), replay = '' WHERE script = ? AND number = ?", v, 2, NULL, err);
	return run_on(db, "DELETE FROM ", schema, "maintkit_statement",
		      "WHERE script = ? AND number = ? AND state = 'intended'", v, 2, NULL, err);
}
