/* AUTO_INCREMENT counters: a run that was cut off must not leave other ids than an undisturbed one.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The server does not take numbers back when a transaction is rolled back. So
 * the counters of tables that the script inserts into go on record with each
 * commit, and where a run goes on they are set to that (a server that was killed
 * may also have forgotten numbers that INSERT ... SELECT reserved). The server
 * never lets a counter fall below the ids in use, whoever wrote them. A table that
 * was there before goes on record before the first insert; for one that the
 * script made, its own statement says where it began.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sql.h"

static size_t find_created(const struct sql_run *r, const char *table)
{
	size_t n = strlen(table), i;

	for (i = 0; i < r->created.n; i++)
		if (!strncmp(r->created.v[i], table, n) && r->created.v[i][n] == '=')
			break;
	return i;
}

static bool is_ours(const struct sql_run *r, const char *schema)
{
	return !schema || !strcasecmp(schema, r->schema);
}

/* Over the second connection where ours may not commit: in a transaction of the script's own, and while there are temporary
 * tables, which would not outlive a cut. */
static int put_on_record(struct sql_run *r, const struct strv *tables, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;
	int failed, rc;

	scriptstate_format_counters(&sql, r->schema, r->script->name, tables);
	if (r->script_tx || r->temporary.n) {
		rc = sql_send_beside(r, &sql, err);
	} else {
		if (r->open && sql_journal_flush(r, err) < 0)
			return -1;
		rc = sql_send(r, sql.p, sql.len, &failed, err);
		r->rows = 0;
		r->warnings = 0;
	}
	for (size_t i = 0; rc == 0 && i < tables->n; i++)
		strv_add(&r->counted, tables->v[i]);
	return rc;
}

int sql_counters_before(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	AUTO_STRV one = STRV_INIT;

	/* On a cluster the numbers depend on the node anyway. */
	if (r->hold->lease || !k->inserts || !k->table || !is_ours(r, k->schema) || strv_has(&r->touched, k->table))
		return 0;
	strv_add(&one, k->table);
	if (!strv_has(&r->counted, k->table) && find_created(r, k->table) == r->created.n && put_on_record(r, &one, err) < 0)
		return -1;
	strv_add(&r->touched, k->table);
	return 0;
}

static int count_all(struct sql_run *r, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	struct db_value v[] = { DBV_STR(r->schema) };
	AUTO_STRV fresh = STRV_INIT;

	if (db_run(r->db, "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND auto_increment IS NOT NULL", v, 1, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.rows; i++)
		if (!strv_has(&r->counted, db_cell(&rows, i, 0)) && find_created(r, db_cell(&rows, i, 0)) == r->created.n)
			strv_add(&fresh, db_cell(&rows, i, 0));
	r->counted_all = true;
	return fresh.n ? put_on_record(r, &fresh, err) : 0;
}

/* All tables that are known count as inserted into. */
int sql_counters_hidden(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	if (r->hold->lease || !sql_has_code(r, k))
		return 0;
	if (!r->counted_all && count_all(r, err) < 0)
		return -1;
	for (size_t i = 0; i < r->counted.n; i++)
		if (!strv_has(&r->touched, r->counted.v[i]))
			strv_add(&r->touched, r->counted.v[i]);
	for (size_t i = 0; i < r->created.n; i++) {
		AUTO_FREE char *name = xstrndup(r->created.v[i], (size_t)(strrchr(r->created.v[i], '=') - r->created.v[i]));

		if (!strv_has(&r->touched, name))
			strv_add(&r->touched, name);
	}
	return 0;
}

void sql_counters_format(struct sql_run *r, struct buf *sql)
{
	if (!r->touched.n)
		return;
	buf_adds(sql, sql->len ? ";" : "");
	scriptstate_format_counters(sql, r->schema, r->script->name, &r->touched);
	for (size_t i = 0; i < r->touched.n; i++)
		if (!strv_has(&r->counted, r->touched.v[i]))
			strv_add(&r->counted, r->touched.v[i]);
	strv_release(&r->touched);
}

/* Does the statement give this table another counter, or another name? */
static bool changes(const struct sql_kind *k, const char *table)
{
	if (k->class == SQL_OPAQUE || (k->table && !strcasecmp(k->table, table)))
		return true;
	for (size_t i = 0; i < k->n_traces; i++)
		if (k->trace[i].table && !strcasecmp(k->trace[i].table, table))
			return true;
	return false;
}

bool sql_counters_concern(const struct sql_run *r, const struct sql_kind *k)
{
	for (size_t i = 0; i < r->counted.n; i++)
		if (changes(k, r->counted.v[i]))
			return true;
	return false;
}

void sql_counters_format_stale(struct sql_run *r, const struct sql_kind *k, struct buf *sql)
{
	if (k->class != SQL_DDL && k->class != SQL_OPAQUE)
		return;
	for (size_t i = 0; i < r->counted.n; i++) {
		AUTO_BUF del = BUF_INIT;

		if (!changes(k, r->counted.v[i]))
			continue;
		scriptstate_format_uncount(&del, r->schema, r->script->name, r->counted.v[i]);
		buf_addf(sql, "%s%s", sql->len ? ";" : "", del.p);
		strv_remove(&r->counted, i--);
	}
}

void sql_counters_learn(struct sql_run *r, const struct sql_kind *k)
{
	if (k->class != SQL_DDL)
		return;
	for (size_t i = 0; i < r->created.n; i++) {
		AUTO_FREE char *name = xstrndup(r->created.v[i], (size_t)(strrchr(r->created.v[i], '=') - r->created.v[i]));

		if (changes(k, name))
			strv_remove(&r->created, i--);
	}
	if (k->auto_increment && k->n_traces && k->trace[0].kind == TRACE_TABLE && !k->trace[0].conditional &&
	    is_ours(r, k->trace[0].schema))
		strv_addf(&r->created, "%s=%llu", k->trace[0].table, (unsigned long long)k->auto_increment);
}

static int set_back(struct sql_run *r, const char *table, uint64_t value, struct err *err)
{
	struct db_value v[] = { DBV_STR(r->schema), DBV_STR(table), DBV_INT((int64_t)value) };
	AUTO_BUF sql = BUF_INIT;
	struct err e = ERR_INIT;
	int64_t now;

	if (db_get_int(r->db, "SELECT auto_increment FROM information_schema.tables WHERE table_schema = ?"
		       " AND table_name = ? AND auto_increment <> ?", v, 3, &now, &e) < 0) {
		if (e.kind == ERR_ABSENT)
			return 0;
		*err = e;
		return -1;
	}
	buf_adds(&sql, "ALTER TABLE ");
	if (db_quote_name(&sql, r->schema, err) < 0)
		return -1;
	buf_addc(&sql, '.');
	if (db_quote_name(&sql, table, err) < 0)
		return -1;
	buf_addf(&sql, " AUTO_INCREMENT = %llu", (unsigned long long)value);
	log_debug("counter of table '%s' is set from %lld to %llu", table, (long long)now, (unsigned long long)value);
	return db_run(r->db, sql.p, NULL, 0, NULL, err);
}

int sql_counters_restore(struct sql_run *r, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;

	if (r->hold->lease)
		return 0;
	if (scriptstate_counters(r->db, r->schema, r->script->name, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.rows; i++) {
		const char *table = db_cell(&rows, i, 0);

		if (set_back(r, table, strtoull(db_cell(&rows, i, 1), NULL, 10), err) < 0)
			return -1;
		if (!strv_has(&r->counted, table))
			strv_add(&r->counted, table);
	}
	for (size_t i = 0; i < r->created.n; i++) {
		const char *eq = strrchr(r->created.v[i], '=');
		AUTO_FREE char *table = xstrndup(r->created.v[i], (size_t)(eq - r->created.v[i]));

		if (!strv_has(&r->counted, table) && set_back(r, table, strtoull(eq + 1, NULL, 10), err) < 0)
			return -1;
	}
	return 0;
}
