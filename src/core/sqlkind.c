/* What a SQL statement does: is it undone with its transaction, and by which objects is it known to have been done?
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sqlkind.h"
#include "sqlkind_priv.h"

void sql_kind_release(struct sql_kind *k)
{
	for (size_t i = 0; i < k->n_traces; i++) {
		free(k->trace[i].schema);
		free(k->trace[i].table);
		free(k->trace[i].name);
		free(k->trace[i].definition);
	}
	free(k->trace);
	free(k->schema);
	free(k->table);
	free(k->use);
	strv_release(&k->variables);
	*k = (struct sql_kind)SQL_KIND_INIT;
}

struct sql_trace *sql_trace_add(struct sql_kind *k, enum sql_trace_kind kind, bool gone,
				const char *schema, const char *table, const char *name)
{
	struct sql_trace *t;

	k->trace = xreallocarray(k->trace, k->n_traces + 1, sizeof *k->trace);
	t = &k->trace[k->n_traces++];
	*t = (struct sql_trace){ .kind = kind, .gone = gone };
	t->schema = schema ? xstrdup(schema) : NULL;
	t->table = table ? xstrdup(table) : NULL;
	t->name = name ? xstrdup(name) : NULL;
	return t;
}

static void set_verb(struct sql_kind *k, const char *a, const char *b)
{
	snprintf(k->verb, sizeof k->verb, "%s%s%s", a, b ? " " : "", b ? b : "");
}

bool sql_take_if_exists(struct sqllex *lx)
{
	if (!sqllex_take(lx, "IF"))
		return false;
	(void)sqllex_take(lx, "NOT");
	return sqllex_take(lx, "EXISTS");
}

/* User variables assigned anywhere in the statement: @x = (SET), @x := and INTO @x. */
static void find_variables(struct sql_kind *k, struct sqllex lx, bool is_set)
{
	bool into = false;

	for (; lx.type != TOK_END; (void)sqllex_next(&lx)) {
		if (sqllex_is(&lx, "INTO")) {
			into = true;
		} else if (lx.type == TOK_VARIABLE && lx.tok[1] != '@') {
			struct sqllex ahead = lx;
			bool assigned = into;

			(void)sqllex_next(&ahead);
			if (sqllex_punct(&ahead, ':') || (is_set && sqllex_punct(&ahead, '=')))
				assigned = true;
			if (assigned) {
				AUTO_FREE char *name = xstrndup(lx.tok, lx.len);

				if (!strv_has(&k->variables, name))
					strv_add(&k->variables, name);
			}
		} else if (!sqllex_punct(&lx, ',')) {
			into = false;
		}
	}
}

/* UPDATE of several tables: a list or a join stands in front of SET, whatever the aliases are. */
static bool joins(struct sqllex lx)
{
	int depth = 0;

	for (; lx.type != TOK_END && (depth || !sqllex_is(&lx, "SET")); (void)sqllex_next(&lx)) {
		if (sqllex_punct(&lx, ',') || sqllex_is(&lx, "JOIN") || sqllex_is(&lx, "STRAIGHT_JOIN"))
			return true;
		depth += sqllex_punct(&lx, '(') ? 1 : sqllex_punct(&lx, ')') ? -1 : 0;
	}
	return false;
}

/* The one table that is changed. Of several (also DELETE t FROM ...) none is named. */
static void dml_target(struct sql_kind *k, struct sqllex *lx, bool update)
{
	static const char *const fillers[] = { "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE", "INTO", "FROM" };
	bool more = true;
	char *schema = NULL, *table = NULL;

	while (more) {
		more = false;
		for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
			more |= sqllex_take(lx, fillers[i]);
	}
	if (sqllex_take_qualified(lx, &schema, &table) && !sqllex_punct(lx, ',') && !sqllex_is(lx, "FROM") &&
	    !(update && joins(*lx))) {
		k->schema = MOVE_PTR(schema);
		k->table = MOVE_PTR(table);
	}
	free(schema);
	free(table);
}

static void load_data(struct sql_kind *k, struct sqllex *lx)
{
	for (; lx->type != TOK_END && !sqllex_is(lx, "TABLE"); (void)sqllex_next(lx))
		k->local_file |= sqllex_is(lx, "LOCAL");
	if (sqllex_take(lx, "TABLE"))
		dml_target(k, lx, false);
}

/* It leaves a file on the server that no transaction takes back. */
static bool writes_file(struct sqllex lx)
{
	while (lx.type != TOK_END)
		if (sqllex_take(&lx, "INTO") && (sqllex_is(&lx, "OUTFILE") || sqllex_is(&lx, "DUMPFILE")))
			return true;
		else if (lx.type != TOK_END && !sqllex_is(&lx, "INTO"))
			(void)sqllex_next(&lx);
	return false;
}

/* All that SET sets are user variables: @a = ..., @b := ... */
static bool only_variables(struct sqllex lx)
{
	do {
		if (lx.type != TOK_VARIABLE || lx.tok[1] == '@')
			return false;
		sqllex_skip_element(&lx);
	} while (sqllex_take_punct(&lx, ','));
	return lx.type == TOK_END || sqllex_punct(&lx, ';');
}

/* FLUSH ... WITH READ LOCK, FOR EXPORT */
static bool locks(struct sqllex lx)
{
	for (; lx.type != TOK_END; (void)sqllex_next(&lx))
		if (sqllex_is(&lx, "LOCK") || sqllex_is(&lx, "EXPORT"))
			return true;
	return false;
}

/* SET: mostly the session; GLOBAL and PASSWORD are kept by the server. */
static void set_statement(struct sql_kind *k, struct sqllex *lx)
{
	struct sqllex all = *lx;

	k->class = SQL_SESSION;
	if (sqllex_is(lx, "PASSWORD") || sqllex_is(lx, "GLOBAL") || sqllex_is(lx, "DEFAULT")) {
		k->class = SQL_DDL;
		k->repeatable = true;
	}
	find_variables(k, all, true);
	k->only_variables = only_variables(all);
}

static bool is_one_of(struct sqllex *lx, const char *const *words)
{
	for (; *words; words++)
		if (sqllex_is(lx, *words))
			return true;
	return false;
}

/* ANALYZE UPDATE ... does what it analyzes. */
static bool analyzes_tables(struct sqllex lx)
{
	static const char *const words[] = { "TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG", NULL };

	return sqllex_next(&lx) && is_one_of(&lx, words);
}

static const char *const reading[] = { "SELECT", "SHOW", "DESC", "DESCRIBE", "EXPLAIN", "HELP", "VALUES", "DO", "TABLE", NULL };
static const char *const changing[] = { "INSERT", "REPLACE", "UPDATE", "DELETE", NULL };
static const char *const upkeep[] = { "GRANT", "REVOKE", "ANALYZE", "OPTIMIZE", "REPAIR", "CHECK", "CHECKSUM", "FLUSH",
				      "RESET", "TRUNCATE", "CACHE", "KILL", "PURGE", NULL };
static const char *const points[] = { "SAVEPOINT", "RELEASE", NULL };

/* A procedure may give any variable it is called with another value. */
static void find_parameters(struct sql_kind *k, struct sqllex lx)
{
	for (; lx.type != TOK_END; (void)sqllex_next(&lx)) {
		AUTO_FREE char *name = xstrndup(lx.tok, lx.len);

		if (lx.type == TOK_VARIABLE && lx.tok[1] != '@' && !strv_has(&k->variables, name))
			strv_add(&k->variables, name);
	}
}

static void word_upper(char out[48], const struct sqllex *lx)
{
	size_t n = lx->len < 47 ? lx->len : 47;

	for (size_t i = 0; i < n; i++)
		out[i] = (char)toupper((unsigned char)lx->tok[i]);
	out[n] = '\0';
}

static void classify(struct sql_kind *k, struct sqllex *lx)
{
	char verb[48];

	while (sqllex_take_punct(lx, '('))
		;
	word_upper(verb, lx);
	set_verb(k, verb, NULL);
	if (is_one_of(lx, reading) || sqllex_is(lx, "WITH")) {
		struct sqllex all = *lx;

		k->class = SQL_DML;
		k->reads_only = !sqllex_is(lx, "WITH");
		find_variables(k, all, false);
		if (writes_file(all)) {
			k->class = SQL_OPAQUE;
			k->reads_only = false;
		}
	} else if (is_one_of(lx, changing)) {
		k->class = SQL_DML;
		bool update = sqllex_is(lx, "UPDATE");

		k->inserts = sqllex_is(lx, "INSERT") || sqllex_is(lx, "REPLACE");
		(void)sqllex_next(lx);
		dml_target(k, lx, update);
	} else if (sqllex_take(lx, "LOAD")) {
		k->class = SQL_DML;
		k->inserts = true;
		load_data(k, lx);
	} else if (sqllex_take(lx, "SET")) {
		if (sqllex_take(lx, "STATEMENT")) {
			while (lx->type != TOK_END && !sqllex_take(lx, "FOR"))
				(void)sqllex_next(lx);
			classify(k, lx);
			return;
		}
		set_statement(k, lx);
	} else if (sqllex_take(lx, "USE")) {
		k->class = SQL_SESSION;
		(void)sqllex_take_name(lx, &k->use);
	} else if (sqllex_take(lx, "START")) {
		k->class = sqllex_is(lx, "TRANSACTION") ? SQL_BEGIN : SQL_OPAQUE;
	} else if (sqllex_take(lx, "BEGIN")) {
		(void)sqllex_take(lx, "WORK");
		k->class = lx->type == TOK_END ? SQL_BEGIN : SQL_OPAQUE;
	} else if (sqllex_take(lx, "COMMIT")) {
		k->class = SQL_COMMIT;
		(void)sqllex_take(lx, "WORK");
		k->chains = sqllex_take(lx, "AND") && sqllex_is(lx, "CHAIN");
	} else if (sqllex_take(lx, "ROLLBACK")) {
		(void)sqllex_take(lx, "WORK");
		k->savepoint = sqllex_is(lx, "TO");
		k->class = k->savepoint ? SQL_DML : SQL_ROLLBACK;
		k->reads_only = true;
	} else if (is_one_of(lx, points)) {
		k->class = SQL_DML;
		k->reads_only = k->savepoint = true;
	} else if (sqllex_is(lx, "LOCK") || sqllex_is(lx, "UNLOCK")) {
		k->class = SQL_LOCK;
	} else if (sqllex_is(lx, "PREPARE") || sqllex_is(lx, "DEALLOCATE")) {
		k->class = SQL_SESSION;
	} else if (sqllex_is(lx, "FLUSH") && locks(*lx)) {
		k->class = SQL_LOCK;
	} else if (is_one_of(lx, upkeep)) {
		bool runs = sqllex_is(lx, "ANALYZE") && !analyzes_tables(*lx);

		k->class = runs ? SQL_OPAQUE : SQL_DDL;
		k->repeatable = !runs;
		if (sqllex_take(lx, "TRUNCATE")) {
			(void)sqllex_take(lx, "TABLE");
			(void)sqllex_take_qualified(lx, &k->schema, &k->table);
		}
	} else if (sqllex_is(lx, "CREATE") || sqllex_is(lx, "ALTER") || sqllex_is(lx, "DROP") || sqllex_is(lx, "RENAME")) {
		k->class = SQL_DDL;
		sql_kind_ddl(k, lx);
	} else {
		k->class = SQL_OPAQUE;
		k->unknown = true;
		if (sqllex_is(lx, "CALL"))
			find_parameters(k, *lx);
	}
}

/* A ";" with something behind it that is not in the body of a routine. */
static bool holds_several(const char *text, size_t len, bool ansi, bool nobs)
{
	struct sqllex lx;

	for (sqllex_init(&lx, text, len, ansi, nobs); lx.type != TOK_END; (void)sqllex_next(&lx))
		if (sqllex_punct(&lx, ';'))
			return sqllex_next(&lx);
	return false;
}

/* Is it asked about the statement before? Cheap to look for in the beginning only; a word in a string asks nothing. */
static bool asks_back(const char *text, size_t len, bool ansi, bool nobs)
{
	static const char *const words[] = { "ROW_COUNT", "FOUND_ROWS", "WARNINGS", "ERRORS" };
	static const char *const variables[] = { "@@warning_count", "@@error_count" };
	struct sqllex lx;

	for (sqllex_init(&lx, text, len < 4096 ? len : 4096, ansi, nobs); lx.type != TOK_END; (void)sqllex_next(&lx)) {
		for (size_t w = 0; w < ARRAY_LEN(words); w++)
			if (sqllex_is(&lx, words[w]))
				return true;
		for (size_t w = 0; w < ARRAY_LEN(variables) && lx.type == TOK_VARIABLE; w++)
			if (lx.len == strlen(variables[w]) && !strncasecmp(lx.tok, variables[w], lx.len))
				return true;
	}
	return false;
}

void sql_kind_of(struct sql_kind *k, const char *text, size_t len, bool ansi_quotes, bool no_backslash, bool several)
{
	struct sqllex lx;

	sql_kind_release(k);
	sqllex_init(&lx, text, len, ansi_quotes, no_backslash);
	classify(k, &lx);
	k->wants_row_count = asks_back(text, len, ansi_quotes, no_backslash);
	if (!several || (k->class == SQL_DDL && k->n_traces && k->trace[0].kind >= TRACE_TRIGGER))
		return;
	if (k->class != SQL_OPAQUE && holds_several(text, len, ansi_quotes, no_backslash)) {
		k->class = SQL_OPAQUE;
		k->unknown = true;
		k->repeatable = k->only_variables = false;
		sqllex_init(&lx, text, len, ansi_quotes, no_backslash);
		find_variables(k, lx, true);
	}
}
