/* The one statement that a killed run may or may not have finished: ask the server's dictionary, then decide.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A DDL statement is atomic, so its traces are all there or all missing. What
 * the table's definition was before is on record, too: a statement with any clause that changes
 * it is decided by that, also where something of the same name is there before and
 * after (DROP PRIMARY KEY, ADD PRIMARY KEY). Traces that hold in part, or a
 * statement that leaves none, are for a person to judge.
 */
#include <mysqld_error.h>
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

/* ---- the table's definition, before and now ---- */

static bool makes_table(const struct sql_kind *k)
{
	return !strcmp(k->verb, "CREATE TABLE") && k->n_traces && !k->trace[0].conditional;
}

/* Statements about one table, of which its definition tells. */
static bool is_looked_at(const struct sql_kind *k)
{
	static const char *const verbs[] = { "ALTER TABLE", "CREATE TABLE", "CREATE INDEX", "DROP INDEX" };
	bool good = false;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		good |= !strcmp(k->verb, verbs[i]);
	/* Of a new table its own age tells, which costs nothing before. */
	return good && k->class == SQL_DDL && !k->repeatable && k->n_traces + (k->table != NULL) > 0 && !makes_table(k);
}

/* The table is older than the statement that was to make it: that one would have failed, so it was not done. Both times
 * are the server's, in seconds. */
static bool is_older(struct sql_run *r, const struct sql_kind *k)
{
	const struct sql_trace *t = &k->trace[0];
	struct db_value v[] = { DBV_STR(r->past[r->at_past].started), t->schema ? DBV_STR(t->schema) : DBV_NULL, DBV_STR(t->table) };
	int64_t older = 0;

	return makes_table(k) && db_get_int(r->db, "SELECT create_time < CAST(? AS DATETIME) - INTERVAL 2 SECOND FROM information_schema.tables"
					    " WHERE table_schema = IFNULL(?, DATABASE()) AND table_name = ?", v, 3, &older, NULL) == 0 && older;
}

static int subject(const struct sql_kind *k, struct buf *out, struct err *err)
{
	const char *schema = k->table ? k->schema : k->trace[0].schema, *table = k->table ? k->table : k->trace[0].table;

	if (!table)
		return err_set(err, ERR_ABSENT, "no table");
	if (schema) {
		if (db_quote_name(out, schema, err) < 0)
			return -1;
		buf_addc(out, '.');
	}
	return db_quote_name(out, table, err);
}

/* Rows that others insert meanwhile move the counter. */
static void digest_definition(const char *text, char hex[SHA256_HEX_SIZE])
{
	static const char counter[] = " AUTO_INCREMENT=";
	const char *at = strstr(text, "\n)");
	struct sha256 h;

	at = at ? strstr(at, counter) : NULL;
	sha256_init(&h);
	sha256_update(&h, text, at ? (size_t)(at - text) : strlen(text));
	if (at) {
		at += sizeof counter - 1;
		at += strspn(at, "0123456789");
		sha256_update(&h, at, strlen(at));
	}
	sha256_final_hex(&h, hex);
}

void sql_look_before(struct sql_run *r, const struct sql_kind *k, char hex[SHA256_HEX_SIZE])
{
	AUTO_BUF ask = BUF_INIT;
	MYSQL_RES *res;
	MYSQL_ROW row;

	hex[0] = '\0';
	buf_adds(&ask, "SHOW CREATE TABLE ");
	if (!is_looked_at(k) || subject(k, &ask, NULL) < 0)
		return;
	if (mysql_real_query(r->my, ask.p, ask.len)) {
		if (mysql_errno(r->my) == ER_NO_SUCH_TABLE)
			digest_definition("", hex);
		return;
	}
	res = mysql_store_result(r->my);
	row = res ? mysql_fetch_row(res) : NULL;
	if (row && row[1])
		digest_definition(row[1], hex);
	mysql_free_result(res);
}

/* Is a statement done as a whole or not at all, also when the server died in its middle? MariaDB can since 10.6 ("Atomic DDL");
 * an older one that has not died since has either finished it or taken it back. */
static bool was_atomic(struct sql_run *r)
{
	AUTO_FREE char *ask = NULL;
	AUTO_BUF schema = BUF_INIT;
	struct db_value v[] = { DBV_STR(r->script->name), DBV_INT(r->ambiguous) };
	int64_t survived = 0;

	if (mysql_get_server_version(r->my) >= 100600)
		return true;
	if (r->hold->lease || db_quote_name(&schema, r->schema, NULL) < 0)
		return false;
	ask = xasprintf("SELECT UNIX_TIMESTAMP(started) > UNIX_TIMESTAMP(SYSDATE()) - (SELECT variable_value FROM information_schema.global_status"
			" WHERE variable_name = 'UPTIME') + 2 FROM %s.maintkit_statement WHERE script = ? AND number = ?", schema.p);
	return db_get_int(r->db, ask, v, 2, &survived, NULL) == 0 && survived;
}

/* 1 the definition is another one now, 0 the same, -1 not to be known. */
static int definition_changed(struct sql_run *r, const struct sql_kind *k)
{
	const char *before = r->past[r->at_past].looked;
	char now[SHA256_HEX_SIZE];

	if (!*before || !was_atomic(r))
		return -1;
	sql_look_before(r, k, now);
	return *now ? strcmp(before, now) != 0 : -1;
}

/* ---- a question ---- */

static const char *trace_state(const struct sql_trace *t)
{
	return t->gone ? "gone" : "there";
}

static void list_traces(const struct sql_kind *k, struct buf *out)
{
	for (size_t i = 0; i < k->n_traces; i++) {
		buf_adds(out, i ? ", " : "");
		sql_trace_name(&k->trace[i], out);
		buf_addf(out, " (done: it is %s)", trace_state(&k->trace[i]));
	}
}

/* A query that shows what the statement changes. */
static void ready_query(struct sql_run *r, const struct sql_kind *k, struct buf *out)
{
	AUTO_BUF table = BUF_INIT;
	bool named = (k->table || (k->n_traces && k->trace[0].table)) && subject(k, &table, NULL) == 0;

	if (k->class == SQL_DDL)
		buf_addf(out, named ? "SHOW CREATE TABLE %s" : "SHOW TABLES", table.p);
	else if (named)
		buf_addf(out, "SELECT * FROM %s", table.p);
	else
		buf_addf(out, "SHOW TABLE STATUS FROM %s", r->schema);
}

static int cannot_know(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	AUTO_BUF look = BUF_INIT, query = BUF_INIT, first = BUF_INIT;
	const char *p = r->t->package, *name = r->script->name, *since = r->past[r->at_past].started;
	long long n = (long long)r->number;

	list_traces(k, &look);
	ready_query(r, k, &query);
	sql_first_line(r, &first);
	return err_set(err, ERR_FAIL, "%s:%llu:%llu: statement %lld of script '%s' (%s) was begun at %s by a run that was cut off, and it cannot be told whether it was done\n"
		       "  statement %lld: %s\n"
		       "  look at: %s\n"
		       "  for instance: mariadb %s -e '%s'\n"
		       "  it was done, wholly: maintkit -p %s sql repair %s --done %lld\n"
		       "  it was not, or you have taken it back: maintkit -p %s sql repair %s --redo %lld\n"
		       "  and then go on: maintkit -p %s sql apply %s",
		       r->file[r->depth - 1].path, (unsigned long long)r->item.line, (unsigned long long)r->item.column,
		       n, name, k->verb, since, n, first.p, look.len ? look.p : "what the statement changes", r->schema, query.p,
		       p, name, n, p, name, n, p, r->script->role == SQL_FILE ? r->script->path : name);
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

/* Proofs that hold, of all. */
static int count_proofs(struct sql_run *r, const struct sql_kind *k, size_t *held, size_t *proofs, struct err *err)
{
	for (size_t i = 0; i < k->n_traces; i++) {
		int holds;

		if (k->trace[i].conditional)
			continue;
		holds = sql_trace_holds(r->db, &k->trace[i], err);
		if (holds < 0)
			return -1;
		++*proofs;
		*held += (size_t)holds;
	}
	return 0;
}

int sql_resolve(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	size_t held = 0, proofs = 0;
	bool done;
	int changed;

	if (!is_same_text(r))
		return cannot_know(r, k, err);
	if (k->repeatable || k->reads_only || k->class == SQL_SESSION || r->script->repeatable) {
		log_info("statement %lld of script '%s' (%s) is done again: that is harmless", (long long)r->number, r->script->name, k->verb);
		return 0;
	}
	if (count_proofs(r, k, &held, &proofs, err) < 0)
		return -1;
	changed = definition_changed(r, k);
	/* The same as before: not done, whatever was there already. Another one: all that can be looked for must be there. */
	if (changed == 0 && !k->hides)
		done = false;
	else if (changed > 0 && (!proofs || held == proofs))
		done = true;
	else if (changed < 0 && proofs && (!held || held == proofs))
		done = held && !is_older(r, k);
	else
		return cannot_know(r, k, err);
	log_info("statement %lld of script '%s' (%s) was cut off: the database shows that it was %s", (long long)r->number,
		 r->script->name, k->verb, done ? "done" : "not done");
	return done;
}
