/* What a step says: changes and new rows become undo rows in a run, lines of the report in a plan.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "migrate_frame.h"

int migrate_flush(struct migrate *m, struct err *err)
{
	struct migrate_store *s = m->store;

	if (migrate_flush_inserts(m, err) < 0)
		return -1;
	if (!s->n_rows)
		return 0;
	if (db_send(m->db, s->rows.p, s->rows.len, err) < 0)
		return -1;
	buf_reset(&s->rows);
	s->n_rows = 0;
	s->server_rows = true;
	return 0;
}

static void literal(struct migrate *m, struct migrate_value v, const struct migrate_column *c, struct buf *sql)
{
	bool convert = c->charset && strncmp(c->charset, "utf8", 4) != 0 && strcmp(c->charset, "ascii") != 0;

	if (!v.p) {
		buf_adds(sql, "NULL");
		return;
	}
	buf_adds(sql, convert ? "CAST(CONVERT(CONVERT(_binary" : "_binary");
	db_quote_string(m->db, sql, v.p, v.len);
	if (convert)
		buf_addf(sql, " USING utf8mb4) USING %s) AS BINARY)", c->charset);
}

static bool same_value(struct migrate_value a, struct migrate_value b)
{
	return (!a.p && !b.p) || (a.p && b.p && a.len == b.len && memcmp(a.p, b.p, a.len) == 0);
}

static void csv_change(struct migrate *m, int table, int64_t pk, const char *column, struct migrate_value old,
		       struct migrate_value now, const char *kind)
{
	char key[24];

	snprintf(key, sizeof(key), "%" PRId64, pk);
	migrate_csv_cell(m->store->csv, MIGRATE_STR(kind));
	migrate_csv_cell(m->store->csv, MIGRATE_STR(m->what->tables[table].name));
	migrate_csv_cell(m->store->csv, MIGRATE_STR(key));
	migrate_csv_cell(m->store->csv, MIGRATE_STR(column));
	migrate_csv_cell(m->store->csv, old);
	migrate_csv_cell(m->store->csv, now);
	migrate_csv_cell(m->store->csv, MIGRATE_STR(""));
	migrate_csv_end_row(m->store->csv);
}

void migrate_undo_row(struct migrate_store *s, int table, int64_t pk, int column)
{
	if (!s->n_rows)
		buf_adds(&s->rows, "INSERT INTO maintkit_undo (run_id, batch, tab, pk, col, old, now) VALUES ");
	buf_addf(&s->rows, "%s(%" PRId64 ",%" PRId64 ",%d,%" PRId64 ",%d,", s->n_rows++ ? "," : "", s->run, s->batch, table,
		 pk, column);
}

int migrate_change(struct migrate *m, int table, int64_t pk, int column, struct migrate_value old,
		   struct migrate_value now, const char *kind, struct err *err)
{
	struct migrate_store *s = m->store;
	const struct migrate_column *c;

	if (same_value(old, now))
		return 0;
	c = s->seen[table].written[column];
	migrate_ledger_change(m->ledger, m->what->tables[table].name, c->name, kind, pk,
			      m->mode == MIGRATE_PLAN ? &old : NULL, &now, 1);
	if (m->mode == MIGRATE_PLAN) {
		if (s->csv)
			csv_change(m, table, pk, c->name, old, now, kind);
		return 0;
	}
	migrate_undo_row(s, table, pk, column);
	literal(m, old, c, &s->rows);
	buf_addc(&s->rows, ',');
	literal(m, now, c, &s->rows);
	buf_addc(&s->rows, ')');
	return s->rows.len >= MIGRATE_FLUSH_BYTES ? migrate_flush(m, err) : 0;
}

/* Both values as bytes of the column's own character set, or of UTF-8 for people. */
static void select_value(const char *expression, const struct migrate_column *c, bool for_people, struct buf *sql)
{
	if (!c->charset)
		buf_addf(sql, "CAST(CAST(%s AS CHAR) AS BINARY)", expression);
	else
		buf_addf(sql, "CAST(CONVERT(%s USING %s) AS BINARY)", expression, for_people ? "utf8mb4" : c->charset);
}

static int plan_select(struct migrate *m, int table, const struct migrate_column *c, const char *kind, const char *sql,
		       struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;

	if (db_run(m->db, sql, NULL, 0, &r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.rows; i++) {
		struct migrate_value old = migrate_cell(&r, i, 1), now = migrate_cell(&r, i, 2);
		int64_t pk = strtoll(db_cell(&r, i, 0), NULL, 10);

		migrate_ledger_change(m->ledger, m->what->tables[table].name, c->name, kind, pk, &old, &now, 1);
		if (m->store->csv)
			csv_change(m, table, pk, c->name, old, now, kind);
	}
	return 0;
}

int migrate_change_select(struct migrate *m, int table, int column, const char *pk, const char *old,
			  const char *now, const char *from, const char *kind, struct err *err)
{
	const struct migrate_column *c = m->store->seen[table].written[column];
	bool plan = m->mode == MIGRATE_PLAN;
	AUTO_BUF sql = BUF_INIT, was = BUF_INIT, becomes = BUF_INIT;
	struct db_rows done = DB_ROWS_INIT;

	select_value(old, c, plan, &was);
	select_value(now, c, plan, &becomes);
	if (plan)
		buf_addf(&sql, "SELECT %s, %s, %s FROM %s", pk, was.p, becomes.p, from);
	else
		buf_addf(&sql, "INSERT INTO maintkit_undo (run_id, batch, tab, pk, col, old, now) SELECT %" PRId64 ", %" PRId64
			 ", %d, %s, %d, %s, %s FROM %s", m->store->run, m->store->batch, table, pk, column, was.p, becomes.p, from);
	buf_addf(&sql, " AND NOT (%s <=> %s)", was.p, becomes.p);
	if (plan)
		return plan_select(m, table, c, kind, sql.p, err);
	if (migrate_flush(m, err) < 0 || db_run(m->db, sql.p, NULL, 0, &done, err) < 0)
		return -1;
	if (done.affected) {
		m->store->server_rows = true;
		migrate_ledger_change(m->ledger, m->what->tables[table].name, c->name, kind, 0, NULL, NULL, (int64_t)done.affected);
	}
	db_rows_release(&done);
	return 0;
}
