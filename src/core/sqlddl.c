/* The traces of CREATE, ALTER, DROP and RENAME statements.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sqlkind_priv.h"

/* What CREATE and DROP name after some words of decoration. */
static const struct object {
	const char *word;
	enum sql_trace_kind kind;
	bool known;
} objects[] = {
	{ "TABLE", TRACE_TABLE, true },		{ "VIEW", TRACE_VIEW, true },
	{ "TRIGGER", TRACE_TRIGGER, true },	{ "PROCEDURE", TRACE_ROUTINE, true },
	{ "FUNCTION", TRACE_ROUTINE, true },	{ "PACKAGE", TRACE_ROUTINE, true },
	{ "EVENT", TRACE_EVENT, true },		{ "SEQUENCE", TRACE_SEQUENCE, true },
	{ "DATABASE", TRACE_DATABASE, true },	{ "SCHEMA", TRACE_DATABASE, true },
	{ "INDEX", TRACE_INDEX, true },		{ "USER", TRACE_DATABASE, false },
	{ "ROLE", TRACE_DATABASE, false },	{ "SERVER", TRACE_DATABASE, false },
	{ "PREPARE", TRACE_DATABASE, false },	{ "TABLES", TRACE_TABLE, true },
};

static const struct object *find_object(const struct sqllex *lx)
{
	for (size_t i = 0; i < ARRAY_LEN(objects); i++)
		if (sqllex_is(lx, objects[i].word))
			return &objects[i];
	return NULL;
}

static void name_verb(struct sql_kind *k, const char *first, const struct object *o)
{
	snprintf(k->verb, sizeof k->verb, "%s%s %s", first, k->temporary || k->drops_temporary ? " TEMPORARY" : "", o->word);
}

static struct sql_trace *conditional(struct sql_trace *t, bool yes)
{
	t->conditional = yes;
	return t;
}

/* (a(10), `b` DESC) as "a,b". */
static void key_columns(struct sqllex *lx, struct buf *out)
{
	AUTO_FREE char *name = NULL;

	if (!sqllex_take_punct(lx, '('))
		return;
	while (lx->type != TOK_END && !sqllex_punct(lx, ')')) {
		if (sqllex_take_name(lx, &name))
			buf_addf(out, "%s%s", out->len ? "," : "", name);
		sqllex_skip_element(lx);
		(void)sqllex_take_punct(lx, ',');
	}
	(void)sqllex_take_punct(lx, ')');
}

/* An index whose name may be left out, behind INDEX or KEY. */
static void index_trace(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table,
			const char *constraint, bool iffy)
{
	AUTO_FREE char *name = NULL;
	AUTO_BUF columns = BUF_INIT;

	iffy |= sql_take_if_exists(lx);
	if (!sqllex_is(lx, "USING"))
		(void)sqllex_take_name(lx, &name);
	while (lx->type != TOK_END && !sqllex_punct(lx, '('))
		(void)sqllex_next(lx);
	if (!name && constraint)
		name = xstrdup(constraint);
	if (name) {
		conditional(sql_trace_add(k, TRACE_INDEX, false, schema, table, name), iffy);
	} else {
		key_columns(lx, &columns);
		conditional(sql_trace_add(k, TRACE_INDEX_COLUMNS, false, schema, table, columns.p), iffy);
	}
	k->repeatable &= iffy;
	sqllex_skip_element(lx);
}

static void foreign_key(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table,
			const char *constraint)
{
	AUTO_FREE char *name = NULL;
	bool iffy;

	(void)sqllex_take(lx, "KEY");
	iffy = sql_take_if_exists(lx);
	(void)sqllex_take_name(lx, &name);
	if (constraint || name)
		conditional(sql_trace_add(k, TRACE_CONSTRAINT, false, schema, table, constraint ? constraint : name), iffy);
	else
		k->unknown = true;
	k->repeatable &= iffy;
	sqllex_skip_element(lx);
}

/* A key or constraint of CREATE TABLE or ADD; false: it is a column. */
static bool key_clause(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table)
{
	AUTO_FREE char *constraint = NULL;
	bool iffy = false;

	if (sqllex_take(lx, "CONSTRAINT")) {
		iffy = sql_take_if_exists(lx);
		if (!sqllex_is(lx, "PRIMARY") && !sqllex_is(lx, "UNIQUE") && !sqllex_is(lx, "FOREIGN") && !sqllex_is(lx, "CHECK"))
			(void)sqllex_take_name(lx, &constraint);
	}
	if (sqllex_take(lx, "PRIMARY")) {
		conditional(sql_trace_add(k, TRACE_INDEX, false, schema, table, "PRIMARY"), iffy);
		k->repeatable &= iffy;
		sqllex_skip_element(lx);
	} else if (sqllex_take(lx, "UNIQUE") || sqllex_take(lx, "FULLTEXT") || sqllex_take(lx, "SPATIAL")) {
		if (!sqllex_take(lx, "INDEX"))
			(void)sqllex_take(lx, "KEY");
		index_trace(k, lx, schema, table, constraint, iffy);
	} else if (sqllex_take(lx, "INDEX") || sqllex_take(lx, "KEY")) {
		index_trace(k, lx, schema, table, NULL, iffy);
	} else if (sqllex_take(lx, "FOREIGN")) {
		foreign_key(k, lx, schema, table, constraint);
	} else if (sqllex_take(lx, "CHECK")) {
		if (constraint)
			conditional(sql_trace_add(k, TRACE_CONSTRAINT, false, schema, table, constraint), iffy);
		else
			k->unknown = true;
		k->repeatable &= iffy;
		sqllex_skip_element(lx);
	} else if (sqllex_is(lx, "PERIOD") || sqllex_is(lx, "SYSTEM") || sqllex_is(lx, "PARTITION")) {
		k->unknown = true;
		k->repeatable = false;
		sqllex_skip_element(lx);
	} else {
		return false;
	}
	return true;
}

/* name definition, up to the end of the list element. */
static void column_clause(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table, bool iffy)
{
	AUTO_FREE char *name = NULL;
	struct sql_trace *t;
	const char *from;

	if (!sqllex_take_name(lx, &name)) {
		sqllex_skip_element(lx);
		return;
	}
	from = lx->tok;
	sqllex_skip_element(lx);
	t = conditional(sql_trace_add(k, TRACE_COLUMN, false, schema, table, name), iffy);
	t->definition = xstrndup(from, (size_t)(lx->tok - from));
}

void sql_kind_columns(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table)
{
	while (lx->type != TOK_END && !sqllex_punct(lx, ')')) {
		if (!key_clause(k, lx, schema, table)) {
			bool iffy = sql_take_if_exists(lx);

			column_clause(k, lx, schema, table, iffy);
			k->repeatable &= iffy;
		}
		if (!sqllex_take_punct(lx, ','))
			break;
	}
	(void)sqllex_take_punct(lx, ')');
}

static void alter_add(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table)
{
	bool iffy;

	if (sqllex_is(lx, "PARTITION") || key_clause(k, lx, schema, table)) {
		k->unknown |= sqllex_is(lx, "PARTITION");
		k->repeatable &= !sqllex_is(lx, "PARTITION");
		return;
	}
	(void)sqllex_take(lx, "COLUMN");
	iffy = sql_take_if_exists(lx);
	if (sqllex_take_punct(lx, '(')) {
		size_t from = k->n_traces;
		bool before = k->repeatable;

		sql_kind_columns(k, lx, schema, table);
		for (; iffy && from < k->n_traces; from++)
			k->trace[from].conditional = true;
		k->repeatable = before && (iffy || k->repeatable);
		return;
	}
	column_clause(k, lx, schema, table, iffy);
	k->repeatable &= iffy;
}

static void alter_drop(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table)
{
	enum sql_trace_kind kind = TRACE_COLUMN;
	AUTO_FREE char *name = NULL;
	bool iffy;

	if (sqllex_take(lx, "PRIMARY")) {
		(void)sqllex_take(lx, "KEY");
		sql_trace_add(k, TRACE_INDEX, true, schema, table, "PRIMARY");
		k->repeatable = false;
		return;
	}
	if (sqllex_is(lx, "PARTITION") || sqllex_is(lx, "SYSTEM") || sqllex_is(lx, "PERIOD")) {
		k->unknown = true;
		k->repeatable = false;
		return;
	}
	if (sqllex_take(lx, "INDEX") || sqllex_take(lx, "KEY"))
		kind = TRACE_INDEX;
	else if (sqllex_take(lx, "FOREIGN") && sqllex_take(lx, "KEY"))
		kind = TRACE_CONSTRAINT;
	else if (sqllex_take(lx, "CONSTRAINT"))
		kind = TRACE_CONSTRAINT;
	else
		(void)sqllex_take(lx, "COLUMN");
	iffy = sql_take_if_exists(lx);
	if (sqllex_take_name(lx, &name))
		conditional(sql_trace_add(k, kind, true, schema, table, name), iffy);
	k->repeatable &= iffy;
}

static void alter_change(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table)
{
	AUTO_FREE char *from = NULL, *to = NULL;
	struct sqllex ahead;
	bool iffy, same;

	(void)sqllex_take(lx, "COLUMN");
	iffy = sql_take_if_exists(lx);
	if (!sqllex_take_name(lx, &from))
		return;
	ahead = *lx;
	if (!sqllex_take_name(&ahead, &to))
		return;
	same = !strcasecmp(from, to);
	column_clause(k, lx, schema, table, iffy || same);
	if (!same)
		conditional(sql_trace_add(k, TRACE_COLUMN, true, schema, table, from), iffy);
	k->repeatable &= same;	/* IF EXISTS or not: names that are swapped would be swapped back */
}

static void rename_trace(struct sql_kind *k, enum sql_trace_kind kind, const char *schema, const char *table,
			 const char *from, const char *to)
{
	sql_trace_add(k, kind, true, schema, table, from);
	sql_trace_add(k, kind, false, schema, table, to);
	k->repeatable = false;
}

static void alter_rename(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table)
{
	AUTO_FREE char *from = NULL, *to = NULL, *to_schema = NULL;
	enum sql_trace_kind kind = TRACE_TABLE;

	if (sqllex_take(lx, "COLUMN"))
		kind = TRACE_COLUMN;
	else if (sqllex_take(lx, "INDEX") || sqllex_take(lx, "KEY"))
		kind = TRACE_INDEX;
	if (kind == TRACE_TABLE) {
		if (!sqllex_take(lx, "TO") && !sqllex_take(lx, "AS"))
			(void)sqllex_take_punct(lx, '=');
		if (!sqllex_take_qualified(lx, &to_schema, &to))
			return;
		sql_trace_add(k, TRACE_TABLE, true, schema, table, NULL);
		sql_trace_add(k, TRACE_TABLE, false, to_schema ? to_schema : schema, to, NULL);
		k->repeatable = false;
		return;
	}
	(void)sql_take_if_exists(lx);
	if (sqllex_take_name(lx, &from) && sqllex_take(lx, "TO") && sqllex_take_name(lx, &to))
		rename_trace(k, kind, schema, table, from, to);
}

/* ALTER [COLUMN] name SET DEFAULT ...: what is known of the column's default holds no more. */
static void alter_column(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table)
{
	AUTO_FREE char *name = NULL;

	if (sqllex_is(lx, "INDEX") || sqllex_is(lx, "KEY"))
		return;
	(void)sqllex_take(lx, "COLUMN");
	(void)sql_take_if_exists(lx);
	if (sqllex_take_name(lx, &name))
		conditional(sql_trace_add(k, TRACE_COLUMN, false, schema, table, name), true);
}

/* DROP PRIMARY KEY, ADD PRIMARY KEY (b): something of that name is there before and after, so it proves nothing. */
static void neutralize(struct sql_kind *k)
{
	for (size_t i = 0; i < k->n_traces; i++)
		for (size_t j = 0; k->trace[i].gone && j < k->n_traces; j++) {
			struct sql_trace *a = &k->trace[i], *b = &k->trace[j];

			if (!b->gone && a->kind == b->kind && a->name && b->name && !strcasecmp(a->name, b->name))
				a->conditional = b->conditional = true;
		}
	/* What is under the old name of a table is not to be found there afterwards. */
	for (size_t i = 0; i < k->n_traces; i++)
		for (size_t j = 0; k->trace[i].kind == TRACE_TABLE && k->trace[i].gone && j < k->n_traces; j++)
			k->trace[j].conditional |= k->trace[j].kind != TRACE_TABLE;
}

void sql_kind_alter(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table)
{
	k->repeatable = true;
	while (lx->type != TOK_END) {
		if (sqllex_take(lx, "ADD")) {
			alter_add(k, lx, schema, table);
		} else if (sqllex_take(lx, "DROP")) {
			alter_drop(k, lx, schema, table);
		} else if (sqllex_take(lx, "CHANGE")) {
			alter_change(k, lx, schema, table);
		} else if (sqllex_take(lx, "MODIFY")) {
			(void)sqllex_take(lx, "COLUMN");
			(void)sql_take_if_exists(lx);
			column_clause(k, lx, schema, table, true);
		} else if (sqllex_take(lx, "ALTER")) {
			alter_column(k, lx, schema, table);
		} else if (sqllex_take(lx, "RENAME")) {
			alter_rename(k, lx, schema, table);
		} else if (sqllex_is(lx, "EXCHANGE") || sqllex_is(lx, "REORGANIZE") || sqllex_is(lx, "COALESCE") ||
			   sqllex_is(lx, "DISCARD") || sqllex_is(lx, "IMPORT") || sqllex_is(lx, "PARTITION")) {
			k->unknown = true;
			k->repeatable = false;
			k->hides |= sqllex_is(lx, "EXCHANGE") || sqllex_is(lx, "DISCARD") || sqllex_is(lx, "IMPORT");
		}
		/* All others are options that come out the same the second time. */
		sqllex_skip_element(lx);
		if (!sqllex_take_punct(lx, ',') && lx->type != TOK_END)
			(void)sqllex_next(lx);
	}
	neutralize(k);
}

static bool has_word(struct sqllex lx, const char *word)
{
	for (; lx.type != TOK_END; (void)sqllex_next(&lx))
		if (sqllex_is(&lx, word))
			return true;
	return false;
}

static void create_table(struct sql_kind *k, struct sqllex *lx, bool again)
{
	AUTO_FREE char *schema = NULL, *name = NULL;
	bool iffy = sql_take_if_exists(lx);
	size_t from;

	if (!sqllex_take_qualified(lx, &schema, &name))
		return;
	conditional(sql_trace_add(k, TRACE_TABLE, false, schema, name, NULL), iffy || again);
	from = k->n_traces;
	k->copies = has_word(*lx, "SELECT") || has_word(*lx, "LIKE");
	if (sqllex_take_punct(lx, '(') && !sqllex_is(lx, "SELECT") && !sqllex_is(lx, "LIKE"))
		sql_kind_columns(k, lx, schema, name);
	for (; from < k->n_traces; from++)	/* the table itself is the proof */
		k->trace[from].conditional = true;
	k->unknown = false;
	k->repeatable = again || (iffy && !has_word(*lx, "SELECT"));
	if (k->temporary)
		k->class = SQL_DML;	/* makes no commit */
	for (k->auto_increment = 1; lx->type != TOK_END; (void)sqllex_next(lx))
		if (sqllex_take(lx, "AUTO_INCREMENT")) {
			(void)sqllex_take_punct(lx, '=');
			if (lx->type == TOK_NUMBER)
				k->auto_increment = strtoull(lx->tok, NULL, 10);
		}
}

static void create_other(struct sql_kind *k, struct sqllex *lx, const struct object *o, bool again)
{
	AUTO_FREE char *schema = NULL, *name = NULL, *table = NULL;
	bool iffy = sql_take_if_exists(lx) || again;

	k->repeatable = iffy;
	k->copies = o->kind == TRACE_VIEW;
	if (!o->known || !sqllex_take_qualified(lx, &schema, &name)) {
		k->unknown = true;
		return;
	}
	if (o->kind == TRACE_INDEX) {
		while (lx->type != TOK_END && !sqllex_take(lx, "ON"))
			(void)sqllex_next(lx);
		free(MOVE_PTR(schema));
		if (!sqllex_take_qualified(lx, &schema, &table))
			return;
	}
	conditional(sql_trace_add(k, o->kind, false, schema, table, name), iffy);
}

static void create(struct sql_kind *k, struct sqllex *lx)
{
	const struct object *o = NULL;
	bool again = false;

	/* Decoration: OR REPLACE, DEFINER = user@host, ALGORITHM = x, UNIQUE ... */
	for (; lx->type != TOK_END && !(o = find_object(lx)); (void)sqllex_next(lx)) {
		again |= sqllex_is(lx, "REPLACE");
		k->temporary |= sqllex_is(lx, "TEMPORARY");
	}
	if (!o) {
		k->unknown = true;
		return;
	}
	name_verb(k, "CREATE", o);
	(void)sqllex_next(lx);
	if (o->kind == TRACE_ROUTINE)
		(void)sqllex_take(lx, "BODY");
	if (o->kind == TRACE_TABLE)
		create_table(k, lx, again);
	else
		create_other(k, lx, o, again);
}

static void drop(struct sql_kind *k, struct sqllex *lx)
{
	AUTO_FREE char *schema = NULL, *name = NULL, *table = NULL;
	const struct object *o;
	bool iffy;

	k->drops_temporary = sqllex_take(lx, "TEMPORARY");
	o = find_object(lx);
	if (!o) {
		k->unknown = true;
		return;
	}
	name_verb(k, "DROP", o);
	(void)sqllex_next(lx);
	iffy = sql_take_if_exists(lx);
	k->repeatable = iffy;
	if (!o->known) {
		k->unknown = true;
		return;
	}
	do {
		if (!sqllex_take_qualified(lx, &schema, &name))
			break;
		if (o->kind == TRACE_INDEX) {
			free(MOVE_PTR(schema));
			if (!sqllex_take(lx, "ON") || !sqllex_take_qualified(lx, &schema, &table))
				break;
		}
		conditional(sql_trace_add(k, o->kind, true, schema, o->kind == TRACE_TABLE ? name : table,
					  o->kind == TRACE_TABLE ? NULL : name), iffy);
	} while (sqllex_take_punct(lx, ','));
	if (k->drops_temporary)
		k->class = SQL_DML;
}

static void alter(struct sql_kind *k, struct sqllex *lx)
{
	AUTO_FREE char *schema = NULL, *table = NULL;
	const struct object *o;

	(void)sqllex_take(lx, "ONLINE");
	(void)sqllex_take(lx, "IGNORE");
	o = find_object(lx);
	if (o)
		name_verb(k, "ALTER", o);
	k->repeatable = true;	/* of databases, events, views ...: they are given a state */
	if (!o || o->kind != TRACE_TABLE)
		return;
	(void)sqllex_next(lx);
	(void)sql_take_if_exists(lx);
	if (!sqllex_take_qualified(lx, &schema, &table))
		return;
	if (sqllex_take(lx, "WAIT"))
		(void)sqllex_next(lx);
	else
		(void)sqllex_take(lx, "NOWAIT");
	sql_kind_alter(k, lx, schema, table);
	k->schema = MOVE_PTR(schema);
	k->table = MOVE_PTR(table);
}

static void rename_tables(struct sql_kind *k, struct sqllex *lx)
{
	AUTO_FREE char *schema = NULL, *from = NULL, *to_schema = NULL, *to = NULL;

	if (!sqllex_take(lx, "TABLE") && !sqllex_take(lx, "TABLES")) {
		k->unknown = true;
		return;
	}
	do {
		(void)sql_take_if_exists(lx);
		if (!sqllex_take_qualified(lx, &schema, &from) || !sqllex_take(lx, "TO") ||
		    !sqllex_take_qualified(lx, &to_schema, &to))
			break;
		sql_trace_add(k, TRACE_TABLE, true, schema, from, NULL);
		sql_trace_add(k, TRACE_TABLE, false, to_schema, to, NULL);
	} while (sqllex_take_punct(lx, ','));
}

void sql_kind_ddl(struct sql_kind *k, struct sqllex *lx)
{
	if (sqllex_take(lx, "CREATE"))
		create(k, lx);
	else if (sqllex_take(lx, "ALTER"))
		alter(k, lx);
	else if (sqllex_take(lx, "DROP"))
		drop(k, lx);
	else if (sqllex_take(lx, "RENAME"))
		rename_tables(k, lx);
}
