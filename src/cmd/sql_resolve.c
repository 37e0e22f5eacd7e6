/* The one statement that a killed run may or may not have finished: ask the server's dictionary, then decide.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A DDL statement is atomic, so its traces are all there or all missing. Traces
 * that hold in part, or a statement that leaves none, are for a person to judge.
 */
#include <string.h>

#include "sql.h"

static const char *const questions[] = {
	[TRACE_TABLE] = "SELECT 1 FROM information_schema.tables WHERE table_schema = IFNULL(?, DATABASE())"
			" AND table_name = ? AND ? IS NULL",
	[TRACE_COLUMN] = "SELECT 1 FROM information_schema.columns WHERE table_schema = IFNULL(?, DATABASE())"
			 " AND table_name = ? AND column_name = ?",
	[TRACE_INDEX] = "SELECT 1 FROM information_schema.statistics WHERE table_schema = IFNULL(?, DATABASE())"
			" AND table_name = ? AND index_name = ?",
	[TRACE_INDEX_COLUMNS] = "SELECT 1 FROM information_schema.statistics WHERE table_schema = IFNULL(?, DATABASE())"
				" AND table_name = ? GROUP BY index_name"
				" HAVING GROUP_CONCAT(column_name ORDER BY seq_in_index) = ?",
	[TRACE_CONSTRAINT] = "SELECT 1 FROM information_schema.table_constraints WHERE table_schema = IFNULL(?, DATABASE())"
			     " AND table_name = ? AND constraint_name = ?",
	[TRACE_VIEW] = "SELECT 1 FROM information_schema.views WHERE table_schema = IFNULL(?, DATABASE())"
		       " AND ? IS NULL AND table_name = ?",
	[TRACE_TRIGGER] = "SELECT 1 FROM information_schema.triggers WHERE trigger_schema = IFNULL(?, DATABASE())"
			  " AND ? IS NULL AND trigger_name = ?",
	[TRACE_ROUTINE] = "SELECT 1 FROM information_schema.routines WHERE routine_schema = IFNULL(?, DATABASE())"
			  " AND ? IS NULL AND routine_name = ?",
	[TRACE_EVENT] = "SELECT 1 FROM information_schema.events WHERE event_schema = IFNULL(?, DATABASE())"
			" AND ? IS NULL AND event_name = ?",
	[TRACE_SEQUENCE] = "SELECT 1 FROM information_schema.tables WHERE table_schema = IFNULL(?, DATABASE())"
			   " AND ? IS NULL AND table_name = ? AND table_type = 'SEQUENCE'",
	[TRACE_DATABASE] = "SELECT 1 FROM information_schema.schemata WHERE ? IS NULL AND ? IS NULL AND schema_name = ?",
};

static struct db_value text_or_null(const char *s)
{
	return s ? DBV_STR(s) : DBV_NULL;
}

int sql_trace_holds(struct db *db, const struct sql_trace *t, struct err *err)
{
	struct db_value v[] = { text_or_null(t->schema), text_or_null(t->table), text_or_null(t->name) };
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;

	if (db_run(db, questions[t->kind], v, 3, &rows, err) < 0)
		return -1;
	return (rows.rows > 0) != t->gone;
}

void sql_trace_name(const struct sql_trace *t, struct buf *out)
{
	static const char *const words[] = { "table", "column", "index", "index on", "constraint", "view", "trigger",
					     "routine", "event", "sequence", "database" };

	buf_addf(out, "%s %s%s%s", words[t->kind], t->table ? t->table : "", t->table && t->name ? "." : "",
		 t->name ? t->name : "");
}

static void list_traces(const struct sql_kind *k, struct buf *out)
{
	for (size_t i = 0; i < k->n_traces; i++) {
		buf_adds(out, i ? ", " : "");
		sql_trace_name(&k->trace[i], out);
		buf_adds(out, k->trace[i].gone ? " (should be gone)" : " (should be there)");
	}
}

static int cannot_know(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	AUTO_BUF look = BUF_INIT;
	const char *p = profile_package(r->t->profile), *name = r->script->name;

	list_traces(k, &look);
	return err_set(err, ERR_FAIL, "%s:%llu:%llu: statement %lld of script '%s' (%s) was begun by a run that was cut off, and it cannot be told whether it was done\n"
		       "  statement: %.200s\n  look at: %s\n  then run: maintkit -p %s sql repair %s --done %lld (it was done) or --redo %lld (it was not), and apply again",
		       r->file[r->depth - 1].path, (unsigned long long)r->item.line, (unsigned long long)r->item.column,
		       (long long)r->number, name, k->verb, r->item.text, look.len ? look.p : "what the statement changes",
		       p, name, (long long)r->number, (long long)r->number);
}

/* The text must be the one that was begun, else the answer is about another statement. */
static bool is_same_text(struct sql_run *r)
{
	struct sha256 h;
	char hex[SHA256_HEX_SIZE];

	sha256_init(&h);
	sha256_update(&h, r->item.text, r->item.len);
	sha256_update(&h, "", 1);
	sha256_final_hex(&h, hex);
	return !strcmp(hex, r->past[r->at_past].sha256);
}

int sql_resolve(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	size_t held = 0, proofs = 0;

	if (!is_same_text(r))
		return cannot_know(r, k, err);
	if (k->repeatable || k->reads_only || r->script->repeatable) {
		log_info("statement %lld of script '%s' (%s) is done again: that is harmless", (long long)r->number, r->script->name, k->verb);
		return 0;
	}
	for (size_t i = 0; i < k->n_traces; i++) {
		int holds;

		if (k->trace[i].conditional)
			continue;
		holds = sql_trace_holds(r->db, &k->trace[i], err);
		if (holds < 0)
			return -1;
		proofs++;
		held += (size_t)holds;
	}
	if (!proofs || (held && held != proofs))
		return cannot_know(r, k, err);
	log_info("statement %lld of script '%s' (%s) was cut off: the database shows that it was %s", (long long)r->number,
		 r->script->name, k->verb, held ? "done" : "not done");
	return held != 0;
}
