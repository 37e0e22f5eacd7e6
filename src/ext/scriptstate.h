/* What the database knows about the SQL scripts run on it: tables maintkit_script and maintkit_statement.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * maintkit_script has one row a script: name, sha256 and size of the file,
 * state ("running": begun and not finished, "done", "baselined": found to be
 * there already), number of statements, maintkit version, times, last error.
 * maintkit_statement has one row for a run of consecutive statements
 * `number`..`upto` that were committed together: sha256 over their texts (each
 * followed by a NUL byte), state "intended" (at most one, the last) or "done",
 * rows, warnings, LAST_INSERT_ID() as it was behind them (last row of a commit), and the SQL that makes a new session what
 * this one was ("": a person said that it was done, or its traces did, so nobody knows). `looked`, of an intended one: SHA-256 of
 * the table's definition in front of it. Statements are numbered from 1 in the order they are run.
 *
 * `beyond` of maintkit_script: this statement changes what the transaction that it stands in would not undo, and
 * that transaction has not been committed.
 *
 * maintkit_counter remembers, while a script is unfinished, the AUTO_INCREMENT
 * counters of tables that it inserts into. A rolled back transaction does not
 * give its numbers back, so a run that was cut off would else leave other ids
 * than an undisturbed one.
 *
 * The rows are written in the transaction of the statements themselves, or,
 * around DDL, before and after it.
 */
#ifndef MAINTKIT_SCRIPTSTATE_H
#define MAINTKIT_SCRIPTSTATE_H

#include "db.h"

#define SCRIPT_NAME_MAX 190

struct script_state {
	char *name, *sha256, *state, *version, *started, *finished, *error;
	int64_t statements;	/* known when done; else how many are */
};

struct script_range {
	int64_t from, upto, line, rows;
	uint64_t last_id;
	unsigned warnings;
	bool done;
	char sha256[65];
	char *replay;		/* or NULL */
	char looked[65];	/* or "" */
	char started[20];	/* "2026-11-22 17:31:40", the server's time; as read */
};

/* Make the tables when they are missing. */
int scriptstate_create(struct db *db, struct err *err) MUST_CHECK;
/* All scripts by name; no tables: none. */
int scriptstate_list(struct db *db, struct script_state **list, size_t *n, struct err *err) MUST_CHECK;
void scriptstate_free(struct script_state *list, size_t n);
const struct script_state *scriptstate_find(const struct script_state *list, size_t n, const char *name);

/* Record that a run begins or goes on, that it ended well, or why it stopped. */
int scriptstate_begin(struct db *db, const char *schema, const char *name, const char *sha256, int64_t bytes,
		      struct err *err) MUST_CHECK;
int scriptstate_finish(struct db *db, const char *schema, const char *name, const char *sha256, const char *state,
		       int64_t statements, struct err *err) MUST_CHECK;
int scriptstate_error(struct db *db, const char *schema, const char *name, const char *text, struct err *err) MUST_CHECK;
/* Forget its statements, for scripts that may be run again. */
int scriptstate_forget(struct db *db, const char *schema, const char *name, struct err *err) MUST_CHECK;

/* Ranges in order. */
int scriptstate_ranges(struct db *db, const char *schema, const char *name, struct script_range **list, size_t *n,
		       struct err *err) MUST_CHECK;
void scriptstate_ranges_free(struct script_range *list, size_t n);
/* Append the INSERT that stores ranges; last_id is asked of the session. ASCII
 * only, so that it is the same in every character set and sql_mode. */
void scriptstate_format(struct buf *sql, const char *schema, const char *name, const struct script_range *list, size_t n);
/* Append the statement that stores the counters of these tables of schema as they are now. */
void scriptstate_format_counters(struct buf *sql, const char *schema, const char *name, const struct strv *tables);
/* Append the statement that takes one off the record. */
void scriptstate_format_uncount(struct buf *sql, const char *schema, const char *name, const char *table);
/* Rows of table name and counter. */
int scriptstate_counters(struct db *db, const char *schema, const char *name, struct db_rows *rows, struct err *err) MUST_CHECK;
/* The statement that went beyond its transaction, 0: none; and append the statement that stores it. */
int scriptstate_beyond(struct db *db, const char *schema, const char *name, int64_t *number, struct err *err) MUST_CHECK;
void scriptstate_format_beyond(struct buf *sql, const char *schema, const char *name, int64_t number);
/* The ambiguous statement is settled: done, or never begun (its row goes). */
int scriptstate_settle(struct db *db, const char *schema, const char *name, int64_t number, bool done,
		       struct err *err) MUST_CHECK;

#endif
