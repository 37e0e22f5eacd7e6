/* Which rows a transaction undoes: those of InnoDB; also where a trigger or a routine writes them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <strings.h>

#include "sql.h"

#define FOREIGN_SCHEMAS "('mysql', 'sys', 'information_schema', 'performance_schema')"

/* A name as a whole word. Bound, because a backslash means different things in different modes. */
#define WORD_BEGINS DBV_STR("(?i)(?<![\\w$])\\Q")
#define WORD_ENDS DBV_STR("\\E(?![\\w$])")

/* A statement about several tables: does it name one (or a view, whose tables are not known here) that may keep its rows? */
static bool all_are_undone(struct sql_run *r)
{
	struct db_value v[] = { DBV_STR(r->item.text), DBV_STR(r->item.text), WORD_BEGINS, WORD_ENDS, DBV_STR(r->item.text) };
	int64_t doubtful = 1;

	return r->item.len < 65536 &&
	       db_get_int(r->db, "SELECT COUNT(*) FROM information_schema.tables WHERE IFNULL(engine, '') <> 'InnoDB' AND LOCATE(table_name, ?)"
			  " AND ? REGEXP CONCAT(?, table_name, ?)"
			  " AND (table_schema = DATABASE() OR (table_schema <> 'information_schema' AND LOCATE(table_schema, ?)))",
			  v, 5, &doubtful, NULL) == 0 && !doubtful;
}

#define CODE " (SELECT routine_definition AS body, routine_type <> 'PROCEDURE' AS hidden FROM information_schema.routines WHERE routine_schema NOT IN " FOREIGN_SCHEMAS \
	     " UNION ALL SELECT action_statement, 1 FROM information_schema.triggers WHERE trigger_schema NOT IN " FOREIGN_SCHEMAS ") c"

/* Look once: is there code that a DML statement may run, or any; does it name a table that keeps its rows, does it write files? */
static void look_at_code(struct sql_run *r)
{
	struct db_value v[] = { WORD_BEGINS, WORD_ENDS, DBV_STR("(?i)\\b(outfile|dumpfile)\\b") };
	int64_t any = 1, hidden = 1, doubtful = 1;

	if (r->code_known)
		return;
	r->code_known = true;
	if (db_get_int(r->db, "SELECT COUNT(*) FROM" CODE, NULL, 0, &any, NULL) == 0 && !any)
		hidden = doubtful = 0;
	else if (db_get_int(r->db, "SELECT COUNT(*) FROM" CODE " WHERE c.hidden", NULL, 0, &hidden, NULL) < 0 ||
		 db_get_int(r->db, "SELECT COUNT(*) FROM" CODE
				 " LEFT JOIN information_schema.tables t ON t.table_type = 'BASE TABLE' AND t.engine <> 'InnoDB'"
				 " AND t.table_schema NOT IN " FOREIGN_SCHEMAS " AND LOCATE(t.table_name, c.body) AND c.body REGEXP CONCAT(?, t.table_name, ?)"
				 " WHERE t.table_name IS NOT NULL OR c.body IS NULL OR c.body REGEXP ?", v, 3, &doubtful, NULL) < 0)
		hidden = doubtful = 1;
	r->code_any = any;
	r->code_hidden = hidden;
	r->code_writes = doubtful;
	r->code_free_known = false;
}

bool sql_has_code(struct sql_run *r, const struct sql_kind *k)
{
	look_at_code(r);
	return k->class == SQL_OPAQUE ? r->code_any : r->code_hidden;
}

static bool code_may_write(struct sql_run *r)
{
	look_at_code(r);
	return r->code_writes;
}

/* A procedure (no trigger or function can) that makes up its statements, or begins and ends transactions itself. */
static bool code_is_free(struct sql_run *r)
{
	struct db_value v[] = { DBV_STR("(?i)\\b(execute|transaction|commit|rollback|autocommit)\\b") };
	int64_t n = 1;

	look_at_code(r);
	if (!r->code_any || r->code_free_known)
		return r->code_any && r->code_free;
	r->code_free = db_get_int(r->db, "SELECT COUNT(*) FROM" CODE " WHERE c.body REGEXP ?", v, 1, &n, NULL) < 0 || n;
	r->code_free_known = true;
	return r->code_free;
}

/* Of what is not read to its end: is it code and statements whose text says where they write? */
static bool opaque_is_undone(struct sql_run *r, const struct sql_kind *k)
{
	static const char *const verbs[] = { "CALL", "BEGIN", "SELECT", "SET", "INSERT", "REPLACE", "UPDATE", "DELETE" };
	static const char *const words[] = { "outfile", "dumpfile", "execute", "transaction", "commit", "rollback" };
	bool good = r->script_tx && strcmp(k->verb, "EXECUTE");	/* else it is run alone, which is always right */

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		good |= !strcmp(k->verb, verbs[i]);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		good &= !strcasestr(r->item.text, words[i]);
	return good && !code_may_write(r) && (r->script_tx || !code_is_free(r)) && all_are_undone(r);
}

int sql_is_undone(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	AUTO_FREE char *full = NULL, *engine = NULL;
	struct db_value v[2];
	struct err e = ERR_INIT;
	bool safe;

	if (k->class == SQL_OPAQUE)
		return opaque_is_undone(r, k);
	if (k->temporary || k->drops_temporary || k->savepoint)
		return 1;
	/* Of reading, only a function could write. */
	if (k->reads_only)
		return !memchr(r->item.text, '(', r->item.len) || !code_may_write(r);
	if (code_may_write(r))
		return 0;
	if (!k->table)
		return all_are_undone(r);
	full = xasprintf("%s.%s", k->schema ? k->schema : "", k->table);
	if (strv_has(&r->safe, full))
		return 1;
	if (strv_has(&r->unsafe, full))
		return 0;
	v[0] = k->schema ? DBV_STR(k->schema) : DBV_NULL;
	v[1] = DBV_STR(k->table);
	if (db_get_str(r->db, "SELECT engine FROM information_schema.tables WHERE table_schema = IFNULL(?, DATABASE())"
		       " AND table_name = ?", v, 2, &engine, &e) < 0 && e.kind != ERR_ABSENT) {
		*err = e;
		return -1;
	}
	safe = engine && !strcasecmp(engine, "InnoDB");
	if (engine && !safe && r->hold->lease)
		return err_set(err, ERR_FAIL, "table '%s' has engine %s, whose rows the cluster does not copy to its other nodes; make it InnoDB (for tables that scripts make: session = enforce_storage_engine=InnoDB in [sql] of the profile)",
			       k->table, engine);
	/* Not there, or a temporary one: not remembered, it may come. */
	if (engine)
		strv_add(safe ? &r->safe : &r->unsafe, full);
	return safe || (!engine && r->temporary.n);
}

void sql_engine_forget(struct sql_run *r, const struct sql_kind *k)
{
	strv_release(&r->safe);
	strv_release(&r->unsafe);
	/* A table with an engine of its own choice, or other code. */
	if (k->class != SQL_DDL || !k->n_traces || k->copies || k->trace[0].kind == TRACE_TRIGGER || k->trace[0].kind == TRACE_ROUTINE ||
	    strcasestr(r->item.text, "engine"))
		r->code_known = false;
}
