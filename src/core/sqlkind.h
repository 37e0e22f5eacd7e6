/* What a SQL statement does: is it undone with its transaction, and by which objects is it known to have been done?
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * MariaDB commits every DDL statement by itself. When a run was killed, the one
 * statement that may or may not have been done is judged by its traces: what
 * it was to make is there, what it was to remove is gone. This module reads the
 * statement and lists the traces; the caller asks information_schema.
 * Source: MariaDB manual, "SQL statements that cause an implicit commit".
 */
#ifndef MAINTKIT_SQLKIND_H
#define MAINTKIT_SQLKIND_H

#include <stdbool.h>
#include <stdint.h>
#include "../base/buf.h"

enum sql_class {
	SQL_DML,		/* part of a transaction (so are SELECT and SHOW) */
	SQL_DDL,		/* commits what is before it, and itself */
	SQL_SESSION,		/* changes the session only: must be done again after a reconnect */
	SQL_BEGIN, SQL_COMMIT, SQL_ROLLBACK,
	SQL_LOCK,		/* LOCK TABLES, UNLOCK TABLES, FLUSH ... WITH READ LOCK */
	SQL_OPAQUE,		/* runs code we do not look into: CALL, EXECUTE, compound blocks, several statements in one;
				 * or leaves what no transaction undoes and nobody can look for: SELECT ... INTO OUTFILE */
};

enum sql_trace_kind {
	TRACE_TABLE, TRACE_COLUMN, TRACE_INDEX, TRACE_INDEX_COLUMNS /* name: "a,b" */, TRACE_CONSTRAINT,
	TRACE_VIEW, TRACE_TRIGGER, TRACE_ROUTINE, TRACE_EVENT, TRACE_SEQUENCE, TRACE_DATABASE,
};

struct sql_trace {
	enum sql_trace_kind kind;
	bool gone;		/* the statement removes it */
	bool conditional;	/* IF [NOT] EXISTS, or the same before and after (MODIFY; dropped and added in one statement): proves nothing */
	char *schema;		/* NULL: the selected database */
	char *table, *name;	/* name is NULL for TRACE_TABLE */
	char *definition;	/* of a column, as written (type and the rest); else NULL */
};

struct sql_kind {
	enum sql_class class;
	char verb[48];		/* "ALTER TABLE" */
	char *schema, *table;	/* the one table that DML changes or ALTER TABLE, TRUNCATE name; NULL: none or not known */
	bool inserts;		/* INSERT, REPLACE, LOAD DATA: may use up AUTO_INCREMENT values */
	uint64_t auto_increment;	/* CREATE TABLE ... AUTO_INCREMENT = n; 1 when not said */
	bool reads_only;	/* SELECT, SHOW ... */
	bool chains;		/* COMMIT AND CHAIN: the next transaction has begun */
	bool savepoint;		/* SAVEPOINT, RELEASE SAVEPOINT, ROLLBACK TO */
	bool temporary;		/* makes a temporary table */
	bool drops_temporary;
	bool local_file;	/* LOAD DATA LOCAL */
	char *use;		/* database named by USE */
	struct strv variables;	/* user variables that it assigns: "@x" as written */
	bool only_variables;	/* SET, and of nothing else: who knows their values need not do it again */
	bool wants_row_count;	/* asks what the statement before it did (ROW_COUNT() ...) */
	/* DDL: */
	bool repeatable;	/* doing it again gives the same: IF NOT EXISTS, OR REPLACE, MODIFY ... */
	bool unknown;		/* does something of which no trace is known */
	bool hides;		/* ... and it may leave the table's definition as it was: EXCHANGE PARTITION */
	bool copies;		/* what it makes depends on what stands in, or is known of, other tables: AS SELECT, LIKE, a view */
	struct sql_trace *trace;
	size_t n_traces;
};
#define SQL_KIND_INIT { .class = SQL_OPAQUE }

/* several: the script's delimiter is not ";", so the text may hold more than one statement. */
void sql_kind_of(struct sql_kind *k, const char *text, size_t len, bool ansi_quotes, bool no_backslash, bool several);
void sql_kind_release(struct sql_kind *k);

/* A column definition, reduced to what information_schema.columns can confirm. Members are NULL where the text says nothing. */
struct sql_column {
	char *type;		/* "varchar(20)", "int", "enum('a','b')": lower case, display widths of integers dropped */
	int nullable;		/* 1, 0, or -1 not said */
	char *fallback;		/* DEFAULT as literal text without quotes; "NULL"; NULL when not said or an expression */
	bool has_default;	/* DEFAULT is said in any form, or the server fills the column (AUTO_INCREMENT, GENERATED, SERIAL) */
};
void sql_column_parse(struct sql_column *c, const char *definition);
void sql_column_release(struct sql_column *c);
/* The same reduction for information_schema's column_type. To be freed. */
char *sql_type_reduce(const char *type);
/* Is this what information_schema's column_default (NULL: none) says of that DEFAULT of a column of this type? */
bool sql_default_is(const char *type, const char *want, const char *have);

#endif
