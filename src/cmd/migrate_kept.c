/* migrate undo --csv: every cell that an undo left, because it holds something else now.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "migrate_frame.h"

int migrate_kept_open(struct migrate *m, struct err *err)
{
	static const char *const head[] = { "run", "table", "key", "column", "before", "written", "now" };

	if (migrate_csv_open(&m->store->csv, migrate_opts.csv, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		migrate_csv_cell(m->store->csv, MIGRATE_STR(head[i]));
	migrate_csv_end_row(m->store->csv);
	return 0;
}

/* Bytes as kept or stored, as UTF-8 where they are text of another character set. */
static void add_text(struct buf *sql, const char *expression, const char *charset)
{
	bool convert = charset && strcmp(charset, "-") != 0 && strncmp(charset, "utf8", 4) != 0 && strcmp(charset, "ascii") != 0;

	if (convert)
		buf_addf(sql, ", CAST(CONVERT(CONVERT(%s USING %s) USING utf8mb4) AS BINARY)", expression, charset);
	else
		buf_addf(sql, ", %s", expression);
}

/* A batch is small; all of a run may be more than we want in memory. */
static int write_batch(struct migrate *m, const struct migrate_kept *k, size_t column, const char *batch, struct err *err)
{
	const struct migrate_column *c = column ? migrate_schema_column(k->seen, k->columns->v[column]) : NULL;
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	AUTO_BUF sql = BUF_INIT, raw = BUF_INIT;
	struct db_value v[] = { DBV_INT(k->run), DBV_STR(batch), DBV_INT(k->tab), DBV_INT((int64_t)column) };
	AUTO_FREE char *run = xasprintf("%" PRId64, k->run);

	buf_adds(&sql, "SELECT u.pk");
	add_text(&sql, column ? "u.old" : "NULL", column ? k->charsets->v[column] : NULL);
	add_text(&sql, column ? "u.now" : "NULL", column ? k->charsets->v[column] : NULL);
	if (c)
		migrate_sql_raw("t", c, &raw);
	add_text(&sql, c ? raw.p : "NULL", c ? c->charset : NULL);
	buf_adds(&sql, " FROM maintkit_undo u");
	if (c) {
		buf_adds(&sql, " LEFT JOIN ");
		migrate_sql_name(&sql, k->name);
		buf_addf(&sql, " t ON t.`%s` = u.pk", k->pk);
	}
	buf_adds(&sql, " WHERE u.run_id = ? AND u.batch = ? AND u.tab = ? AND u.col = ? AND u.kept = 1 ORDER BY u.pk");
	if (db_run(m->db, sql.p, v, ARRAY_LEN(v), &r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.rows; i++) {
		migrate_csv_cell(m->store->csv, MIGRATE_STR(run));
		migrate_csv_cell(m->store->csv, MIGRATE_STR(k->name));
		migrate_csv_cell(m->store->csv, migrate_cell(&r, i, 0));
		migrate_csv_cell(m->store->csv, MIGRATE_STR(column ? k->columns->v[column] : "(row)"));
		for (size_t side = 1; side <= 3; side++)
			migrate_csv_cell(m->store->csv, migrate_cell(&r, i, side));
		migrate_csv_end_row(m->store->csv);
	}
	return 0;
}

int migrate_kept_csv(struct migrate *m, const struct migrate_kept *k, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	struct db_value v[] = { DBV_INT(k->run), DBV_INT(k->tab) };

	if (db_run(m->db, "SELECT DISTINCT batch, col FROM maintkit_undo WHERE run_id = ? AND tab = ? AND kept = 1 ORDER BY batch, col",
		   v, 2, &r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.rows; i++) {
		size_t column = strtoul(db_cell(&r, i, 1), NULL, 10);

		if (column < k->columns->n && write_batch(m, k, column, db_cell(&r, i, 0), err) < 0)
			return -1;
	}
	return 0;
}
