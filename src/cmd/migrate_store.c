/* The record of runs, and batches: undo rows, changes and position in one transaction.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <mysql.h>
#include <stdio.h>
#include <string.h>

#include "migrate_frame.h"

static const char run_table[] =
	"CREATE TABLE IF NOT EXISTS maintkit_run ("
	" run_id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,"
	" migration varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" options varchar(190) NOT NULL DEFAULT '',"
	" version varchar(64) NOT NULL,"
	" server varchar(64) NOT NULL,"
	" sql_mode text NOT NULL,"
	" layout text NOT NULL,"
	" state varchar(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" stage int NOT NULL DEFAULT 0,"
	" pos bigint NOT NULL,"
	" batch int unsigned NOT NULL DEFAULT 0,"
	" cells bigint NOT NULL DEFAULT 0,"
	" inserted bigint NOT NULL DEFAULT 0,"
	" counts mediumtext NOT NULL,"
	" backup varchar(250) NOT NULL DEFAULT '',"
	" floor_set int NOT NULL DEFAULT 0,"
	" floor_before int NULL,"
	" started datetime NOT NULL,"
	" ended datetime NULL,"
	" undone datetime NULL"
	") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

static const char undo_table[] =
	"CREATE TABLE IF NOT EXISTS maintkit_undo ("
	" run_id int unsigned NOT NULL,"
	" batch int unsigned NOT NULL,"
	" tab tinyint unsigned NOT NULL,"
	" pk bigint NOT NULL,"
	" col tinyint unsigned NOT NULL,"
	" old mediumblob NULL,"
	" now mediumblob NULL,"
	" kept tinyint NOT NULL DEFAULT 0,"
	" PRIMARY KEY (run_id, batch, tab, pk, col)"
	") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

int migrate_store_create(struct db *db, struct err *err)
{
	/* No DDL where none is needed: it takes locks. */
	if (!db_has_table(db, "maintkit_undo", NULL) && db_run(db, undo_table, NULL, 0, NULL, err) < 0)
		return -1;
	if (!db_has_table(db, "maintkit_run", NULL) && db_run(db, run_table, NULL, 0, NULL, err) < 0)
		return -1;
	return 0;
}

/* ---- is it as we made it? ---- */

static int damaged(const char *table, const char *what, struct err *err)
{
	err_set(err, ERR_FAIL, "table '%s', the record of the migrations, %s: nothing can be undone with certainty any more", table, what);
	err_hint(err, "put '%s' back from a backup of the database", table);
	return -1;
}

/* The second word of each line of CREATE TABLE that begins with a blank: the columns. */
static int check_made(struct db *db, const char *table, const char *made, struct err *err)
{
	CLEANUP(migrate_schema_release) struct migrate_seen seen = { 0 };
	AUTO_STRV lines = STRV_INIT;

	if (migrate_schema_read(db, table, &seen, err) < 0)
		return -1;
	if (!seen.there)
		return 0;
	if (strcasecmp(seen.engine, "InnoDB") != 0)
		return damaged(table, "is not kept by InnoDB any more", err);
	strv_split(&lines, strchr(made, '(') + 1, ",");
	for (size_t i = 0; i < lines.n; i++) {
		AUTO_STRV words = STRV_INIT;

		strv_split(&words, lines.v[i], " ");
		if (words.n < 2 || strcmp(words.v[0], "PRIMARY") == 0)
			break;
		if (migrate_schema_column(&seen, words.v[0]))
			continue;
		AUTO_FREE char *what = xasprintf("lacks the column '%s'", words.v[0]);

		return damaged(table, what, err);
	}
	return 0;
}

/* The first run that has undo rows and is not on record; 1, 0 none. By steps: to list all run numbers of a large
 * table at once, the server reads all of it. */
static int stray_run(struct db *db, bool runs, int64_t *run, struct err *err)
{
	for (*run = 0;;) {
		struct db_value v[] = { DBV_INT(*run) };
		struct err why = ERR_INIT;
		int64_t known = 0;

		if (db_get_int(db, "SELECT MIN(run_id) FROM maintkit_undo WHERE run_id > ?", v, 1, run, &why) < 0) {
			if (why.kind == ERR_ABSENT)
				return 0;
			*err = why;
			return -1;
		}
		v[0] = DBV_INT(*run);
		if (runs && db_get_int(db, "SELECT COUNT(*) FROM maintkit_run WHERE run_id = ?", v, 1, &known, err) < 0)
			return -1;
		if (!known)
			return 1;
	}
}

int migrate_store_whole(struct db *db, struct err *err)
{
	int64_t run;
	int rc;

	if (check_made(db, "maintkit_run", run_table, err) < 0 || check_made(db, "maintkit_undo", undo_table, err) < 0)
		return -1;
	if (!db_has_table(db, "maintkit_undo", NULL))
		return 0;
	rc = stray_run(db, db_has_table(db, "maintkit_run", NULL), &run, err);
	if (rc <= 0)
		return rc;
	AUTO_FREE char *what = xasprintf("does not know run %" PRId64 ", of which 'maintkit_undo' has the old values", run);

	return damaged("maintkit_run", what, err);
}

/* ---- the run row ---- */

int64_t migrate_run_id(const struct migrate *m)
{
	return m->store->run;
}

int migrate_store_resume(struct migrate *m, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	struct db_value v[] = { DBV_STR(m->what->name) };
	struct migrate_store *s = m->store;

	if (db_run(m->db, "SELECT run_id, stage, pos, batch, cells, inserted, options, counts, backup, floor_set, floor_before FROM maintkit_run"
		   " WHERE migration = ? AND state = 'running' ORDER BY run_id DESC LIMIT 1", v, 1, &r, err) < 0)
		return -1;
	if (!r.rows)
		return 0;
	s->run = strtoll(db_cell(&r, 0, 0), NULL, 10);
	m->stage = (int)strtol(db_cell(&r, 0, 1), NULL, 10);
	m->pos = strtoll(db_cell(&r, 0, 2), NULL, 10);
	s->batch = strtoll(db_cell(&r, 0, 3), NULL, 10);
	s->cells = strtoll(db_cell(&r, 0, 4), NULL, 10);
	s->inserted = strtoll(db_cell(&r, 0, 5), NULL, 10);
	free(s->options);
	s->options = xstrdup(db_cell(&r, 0, 6));
	migrate_ledger_load(m->ledger, db_cell(&r, 0, 7));
	free(s->backup);
	s->backup = xstrdup(db_cell(&r, 0, 8));
	s->floor = strtol(db_cell(&r, 0, 9), NULL, 10);
	s->floor_before = db_cell(&r, 0, 10) ? strtol(db_cell(&r, 0, 10), NULL, 10) : -1;
	s->marked = s->cells || s->inserted;
	return 1;
}

/* One line a table, as migrate_frame.h says. */
static void format_layout(const struct migrate *m, struct buf *out)
{
	for (int i = 0; m->what->tables[i].name; i++) {
		const struct migrate_table *t = &m->what->tables[i];
		const struct migrate_seen *seen = &m->store->seen[i];
		AUTO_STRV words = STRV_INIT;

		if ((!t->writes && !t->inserts) || !seen->there)
			continue;
		buf_addf(out, "%d %s %s", i, t->name, t->pk);
		strv_split(&words, t->writes ? t->writes : "", " ");
		for (size_t c = 0; c < words.n; c++) {
			const struct migrate_column *col = migrate_schema_column(seen, words.v[c]);

			buf_addf(out, " %zu:%s:%s", c + 1, words.v[c], col && col->charset ? col->charset : "-");
		}
		buf_addc(out, '\n');
		if (!t->inserts)
			continue;
		buf_addf(out, "rows %d", i);
		for (size_t c = 0; c < seen->n; c++)
			buf_addf(out, " %s", seen->col[c].name);
		buf_addc(out, '\n');
	}
}

int migrate_store_begin_run(struct migrate *m, const char *options, struct err *err)
{
	struct migrate_store *s = m->store;
	AUTO_BUF layout = BUF_INIT;

	format_layout(m, &layout);
	struct db_value v[] = { DBV_STR(m->what->name), DBV_STR(options), DBV_STR(MAINTKIT_VERSION), DBV_STR(layout.p),
				DBV_INT(INT64_MIN), DBV_STR(s->backup ? s->backup : ""), DBV_INT(s->floor),
				s->floor_before < 0 ? DBV_NULL : DBV_INT(s->floor_before) };

	if (db_run(m->db, "INSERT INTO maintkit_run (migration, options, version, server, sql_mode, layout, state, pos,"
		   " counts, backup, floor_set, floor_before, started) VALUES (?, ?, ?, VERSION(), @@GLOBAL.sql_mode, ?, 'running', ?, '', ?,"
		   " ?, ?, UTC_TIMESTAMP())",
		   v, ARRAY_LEN(v), NULL, err) < 0)
		return -1;
	s->run = (int64_t)mysql_insert_id(db_handle(m->db));
	if (!s->run && db_get_int(m->db, "SELECT LAST_INSERT_ID()", NULL, 0, &s->run, err) < 0)
		return -1;
	s->batch = s->cells = s->inserted = 0;
	free(s->options);
	s->options = xstrdup(options);
	m->stage = 0;
	m->pos = INT64_MIN;
	return 0;
}

/* ---- a batch ---- */

int migrate_store_begin(struct migrate *m, struct err *err)
{
	struct migrate_store *s = m->store;

	s->batch++;
	buf_reset(&s->rows);
	s->n_rows = 0;
	s->n_inserts = 0;
	s->server_rows = false;
	return db_run(m->db, "START TRANSACTION", NULL, 0, NULL, err);
}

void migrate_store_rollback(struct migrate *m)
{
	m->store->batch--;
	if (db_settle(m->db, NULL) < 0)
		log_debug("what was sent last failed, too");
	if (db_run(m->db, "ROLLBACK", NULL, 0, NULL, NULL) < 0)
		return;		/* a connection that is gone rolls back by itself */
}

/* What of one table waits in a batch. Cells of all columns are set by one UPDATE where that can be: driven
 * from the undo rows of a column in which every row of the part has a cell, else, where the part is about
 * as dense as the table, by walking that. */
#define COLUMNS_MAX 64
struct part {
	int table;
	int64_t lo, hi, rows;		/* keys; how many rows change */
	int64_t cells, inserted;
	int64_t of[COLUMNS_MAX];	/* cells by column; 0 is not used */
};

static int read_parts(struct db *db, int64_t run, int64_t batch, int table, int columns, struct part **out, size_t *n, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	AUTO_BUF sql = BUF_INIT;

	*out = NULL;
	*n = 0;
	buf_adds(&sql, "SELECT tab, MIN(pk), MAX(pk), COUNT(DISTINCT IF(col > 0, pk, NULL)), SUM(col > 0), SUM(col = 0)");
	for (int c = 1; c < columns; c++)
		buf_addf(&sql, ", SUM(col = %d)", c);
	buf_addf(&sql, " FROM maintkit_undo WHERE run_id = %" PRId64 " AND batch = %" PRId64 " AND kept = 0", run, batch);
	if (table >= 0)
		buf_addf(&sql, " AND tab = %d", table);
	buf_adds(&sql, " GROUP BY tab");
	if (db_run(db, sql.p, NULL, 0, &r, err) < 0)
		return -1;
	*out = xcalloc(r.rows, sizeof(**out));
	for (size_t i = 0; i < r.rows; i++) {
		struct part *p = &(*out)[(*n)++];

		*p = (struct part){
			.table = (int)strtol(db_cell(&r, i, 0), NULL, 10), .lo = strtoll(db_cell(&r, i, 1), NULL, 10),
			.hi = strtoll(db_cell(&r, i, 2), NULL, 10), .rows = strtoll(db_cell(&r, i, 3), NULL, 10),
			.cells = strtoll(db_cell(&r, i, 4), NULL, 10), .inserted = strtoll(db_cell(&r, i, 5), NULL, 10),
		};
		for (int c = 1; c < columns; c++)
			p->of[c] = strtoll(db_cell(&r, i, 5 + (size_t)c), NULL, 10);
	}
	return 0;
}

/* " u3.run_id = ... ": the cells of column c in this part. */
static void cells_of(const struct migrate_target *to, const struct part *p, int c, struct buf *sql)
{
	buf_addf(sql, "u%d.run_id = %" PRId64 " AND u%d.batch = %" PRId64 " AND u%d.tab = %d AND u%d.col = %d AND u%d.kept = 0",
		 c, to->run, c, to->batch, c, p->table, c, c, c);
}

/* Set the columns `from` to `upto` that have cells. driver: every row has a cell in this column; 0: walk the table. */
static int set_columns(struct db *db, const struct migrate_target *to, const struct part *p, int from, int upto, int driver,
		       int64_t *changed, struct err *err)
{
	AUTO_BUF sql = BUF_INIT, set = BUF_INIT, any = BUF_INIT;
	AUTO_STRV names = STRV_INIT;
	struct db_rows done = DB_ROWS_INIT;

	buf_adds(&sql, "UPDATE ");
	if (driver)
		buf_addf(&sql, "maintkit_undo u%d STRAIGHT_JOIN ", driver);
	migrate_sql_name(&sql, to->name);
	buf_adds(&sql, " t");
	if (driver)
		buf_addf(&sql, " ON t.`%s` = u%d.pk", to->pk, driver);
	for (int c = from; c <= upto; c++) {
		if (!p->of[c])
			continue;
		const struct migrate_column *col = migrate_schema_column(to->seen, to->columns[c]);
		AUTO_FREE char *value = xasprintf("u%d.%s", c, to->side);

		if (!col)
			return err_set(err, ERR_FAIL, "column '%s.%s' is no longer there", to->name, to->columns[c]);
		strv_add(&names, col->name);
		if (c != driver) {
			buf_addf(&sql, " LEFT JOIN maintkit_undo u%d ON u%d.pk = t.`%s` AND ", c, c, to->pk);
			cells_of(to, p, c, &sql);
			buf_addf(&any, "%su%d.pk IS NOT NULL", any.len ? " OR " : "", c);
		}
		buf_addf(&set, "%st.`%s` = ", set.len ? ", " : "", col->name);
		if (c != driver)
			buf_addf(&set, "IF(u%d.pk IS NULL, t.`%s`, ", c, col->name);
		migrate_sql_unraw(value, col, to->charsets[c], &set);
		if (c != driver)
			buf_addc(&set, ')');
	}
	migrate_sql_keep("t", to->seen, &names, &set);
	buf_addf(&sql, " SET %s WHERE ", set.p);
	if (driver)
		cells_of(to, p, driver, &sql);
	else
		buf_addf(&sql, "t.`%s` BETWEEN %" PRId64 " AND %" PRId64 " AND (%s)", to->pk, p->lo, p->hi, any.p);
	if (db_run(db, sql.p, NULL, 0, &done, err) < 0)
		return -1;
	*changed = (int64_t)done.affected;
	return 0;
}

/* Every cell said must have become so; anything else is a fault of ours, and undone. */
static int expect(const struct migrate_target *to, int64_t changed, int64_t wanted, struct err *err)
{
	if (changed == wanted)
		return 0;
	return err_set(err, ERR_FAIL, "table '%s': %" PRId64 " rows changed where %" PRId64 " should have; nothing of this batch was kept",
		       to->name, changed, wanted);
}

/* A trigger may have put something else there. */
static int read_back(struct db *db, const struct migrate_target *to, const struct part *p, struct err *err)
{
	for (int c = 1; c < to->n; c++) {
		const struct migrate_column *col = migrate_schema_column(to->seen, to->columns[c]);
		AUTO_BUF sql = BUF_INIT;
		AUTO_FREE char *kept = xasprintf("u%d.%s", c, to->side);
		int64_t wrong;

		if (!p->of[c])
			continue;
		buf_addf(&sql, "SELECT COUNT(*) FROM maintkit_undo u%d JOIN ", c);
		migrate_sql_name(&sql, to->name);
		buf_addf(&sql, " t ON t.`%s` = u%d.pk WHERE ", to->pk, c);
		cells_of(to, p, c, &sql);
		buf_adds(&sql, " AND NOT (");
		migrate_sql_holds("t", col, kept, to->charsets[c], &sql);
		buf_addc(&sql, ')');
		if (db_get_int(db, sql.p, NULL, 0, &wrong, err) < 0)
			return -1;
		if (wrong)
			return err_set(err, ERR_FAIL, "'%s.%s' does not hold what was written to %" PRId64 " rows: a trigger has changed it;"
				       " nothing of this batch was kept", to->name, col->name, wrong);
	}
	return 0;
}

static int change_part(struct db *db, const struct migrate_target *to, const struct part *p, struct err *err)
{
	int64_t changed;
	int driver = 0;

	if (!p->rows)
		return 0;
	for (int c = 1; c < to->n && !driver; c++)
		driver = p->of[c] == p->rows ? c : 0;
	if (driver || p->hi - p->lo < 4 * p->rows + 1000)
		return set_columns(db, to, p, 1, to->n - 1, driver, &changed, err) < 0 ? -1 : expect(to, changed, p->rows, err);
	for (int c = 1; c < to->n; c++)
		if (p->of[c] && (set_columns(db, to, p, c, c, c, &changed, err) < 0 || expect(to, changed, p->of[c], err) < 0))
			return -1;
	return 0;
}

static int apply_part(struct db *db, const struct migrate_target *to, const struct part *p, struct err *err)
{
	if (change_part(db, to, p, err) < 0)
		return -1;
	return to->seen->changed_before ? read_back(db, to, p, err) : 0;
}

int migrate_store_apply(struct db *db, const struct migrate_target *to, int table, struct err *err)
{
	struct part *part;
	size_t n;
	int rc = 0;

	if (read_parts(db, to->run, to->batch, table, to->n, &part, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = apply_part(db, to, &part[i], err);
	free(part);
	return rc;
}

static void target_of(struct migrate *m, int table, struct strv *words, struct migrate_target *to)
{
	const struct migrate_table *t = &m->what->tables[table];
	AUTO_STRV split = STRV_INIT;

	strv_add(words, "");	/* columns count from 1 */
	strv_split(&split, t->writes ? t->writes : "", " ");
	for (size_t i = 0; i < split.n; i++)
		strv_add(words, split.v[i]);
	*to = (struct migrate_target){
		.run = m->store->run, .batch = m->store->batch, .name = t->name, .pk = t->pk, .seen = &m->store->seen[table],
		.columns = words->v, .n = (int)words->n, .side = "now",
	};
	to->charsets = xcalloc(words->n, sizeof(*to->charsets));
}

/* The marks of what was inserted: read back, with the defaults that the server filled in. */
static int mark_inserted(struct migrate *m, int table, struct err *err)
{
	const struct migrate_table *t = &m->what->tables[table];
	const struct migrate_seen *seen = &m->store->seen[table];
	AUTO_STRV names = STRV_INIT;
	AUTO_BUF sql = BUF_INIT;

	for (size_t i = 0; i < seen->n; i++)
		strv_add(&names, seen->col[i].name);
	buf_adds(&sql, "UPDATE maintkit_undo u STRAIGHT_JOIN ");
	migrate_sql_name(&sql, t->name);
	buf_addf(&sql, " t ON t.`%s` = u.pk SET u.now = ", t->pk);
	migrate_sql_mark("t", seen, &names, &sql);
	buf_addf(&sql, " WHERE u.run_id = %" PRId64 " AND u.batch = %" PRId64 " AND u.tab = %d AND u.col = 0",
		 m->store->run, m->store->batch, table);
	return db_run(m->db, sql.p, NULL, 0, NULL, err);
}

/* One more than the most columns that the migration writes in a table. */
static int columns_of(const struct migrate *m)
{
	int most = 1;

	for (int i = 0; m->what->tables[i].name; i++) {
		AUTO_STRV words = STRV_INIT;

		strv_split(&words, m->what->tables[i].writes ? m->what->tables[i].writes : "", " ");
		most = (int)words.n + 1 > most ? (int)words.n + 1 : most;
	}
	return most < COLUMNS_MAX ? most : COLUMNS_MAX;
}

static int apply_all(struct migrate *m, int64_t *cells, int64_t *inserted, struct err *err)
{
	struct part *part;
	size_t n;
	int rc = 0;

	*cells = *inserted = 0;
	if (read_parts(m->db, m->store->run, m->store->batch, -1, columns_of(m), &part, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		AUTO_STRV words = STRV_INIT;
		struct migrate_target to;

		target_of(m, part[i].table, &words, &to);
		rc = apply_part(m->db, &to, &part[i], err);
		free(to.charsets);
		if (rc == 0 && part[i].inserted)
			rc = mark_inserted(m, part[i].table, err);
		*cells += part[i].cells;
		*inserted += part[i].inserted;
	}
	free(part);
	return rc;
}

static int write_position(struct migrate *m, int stage, bool done, struct err *err)
{
	struct migrate_store *s = m->store;
	AUTO_BUF counts = BUF_INIT;

	migrate_ledger_save(m->ledger, &counts);
	struct db_value v[] = { DBV_INT(stage), DBV_INT(stage == m->stage ? m->pos : INT64_MIN), DBV_INT(s->batch), DBV_INT(s->cells),
				DBV_INT(s->inserted), DBV_STR(counts.p), DBV_STR(done ? "done" : "running"), DBV_INT(done), DBV_INT(s->run) };

	return db_run(m->db, "UPDATE maintkit_run SET stage = ?, pos = ?, batch = ?, cells = ?, inserted = ?, counts = ?, state = ?,"
		      " ended = IF(?, UTC_TIMESTAMP(), NULL) WHERE run_id = ?", v, ARRAY_LEN(v), NULL, err);
}

int migrate_store_commit(struct migrate *m, int next_stage, bool done,
			 int (*before)(struct migrate *m, struct err *err), struct err *err)
{
	struct migrate_store *s = m->store;
	int64_t cells = 0, inserted = 0;
	bool any;

	any = s->n_rows || s->n_inserts || s->server_rows;
	if (migrate_flush(m, err) < 0 || (any && apply_all(m, &cells, &inserted, err) < 0))
		return -1;
	if ((cells || inserted) && !s->marked && before) {
		if (before(m, err) < 0)
			return -1;
		s->marked = true;
	}
	s->cells += cells;
	s->inserted += inserted;
	if (write_position(m, next_stage, done, err) < 0 || db_run(m->db, "COMMIT", NULL, 0, NULL, err) < 0) {
		s->cells -= cells;
		s->inserted -= inserted;
		return -1;
	}
	return 0;
}
