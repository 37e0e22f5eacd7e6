/* What a data migration is, and what the frame of maintkit-migrate does for it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A migration is a file src/cmd/migrate_NAME*.c that defines one
 * `const struct migration migrate_NAME` and stands in the table of migrate.c.
 * It says which tables it needs and has a step() that looks at some rows and
 * says what shall change; it writes nothing itself. `plan` and `run` call the
 * same step(): what was planned is what is done.
 *
 * In a run, step() is called in a transaction of the frame's, which writes the
 * undo rows (maintkit_undo), applies them, notes the position (maintkit_run)
 * and commits: all of a batch or nothing. A lock wait or deadlock rolls back
 * and calls step() again with the same position, so it must keep no state of
 * its own between calls other than what begin() read.
 *
 * Text is UTF-8 whatever character set the column has, except where a select
 * is told to the frame as SQL. Read text with migrate_sql_text(), which keeps
 * invalid bytes as they are. sql_mode is STRICT_TRANS_TABLES: a value that does
 * not fit is an error that stops the run, so measure with migrate_fit() first.
 * Tables are InnoDB, checked before. SQL must run on MariaDB 10.1: no CTE, no
 * window functions, no RETURNING. The account has SELECT on the tables named,
 * UPDATE and INSERT where the table says so, and no other right.
 */
#ifndef MAINTKIT_CMD_MIGRATE_H
#define MAINTKIT_CMD_MIGRATE_H

#include <stdint.h>

#include "../ext/db.h"
#include "tool.h"

struct migrate;

/* ---- what a migration declares ---- */

struct migrate_table {
	const char *name;
	const char *pk;		/* its integer primary key; NULL: not needed, the table is only read */
	const char *reads;	/* words: further columns that must be there */
	const char *writes;	/* words: columns of which cells may change; numbered from 1. NULL: only read */
	/* Rows may be added, each with a value for every column of reads and writes, and no other. */
	bool inserts;
	/* words "COLUMN:N": what is written there has up to N characters that may not be cut;
	 * "COLUMN#N": an integer column for numbers of N digits. */
	const char *least;
	bool optional;		/* may be missing: ask migrate_has() */
	bool numbers;		/* `writes` has other columns than text */
	/* For the message when something is missing: what of OSCAR adds it, "SCRIPT: words; SCRIPT: words";
	 * the word "table" is the table, and what is named nowhere came with it. NULL: the first schema. */
	const char *from;
};

struct migrate_stage {
	const char *what;	/* for the progress line: "patients" */
	int table;		/* whose keys are walked: index in tables */
	const char *key;	/* another integer column to walk by; NULL: the primary key */
	/* Look at the next rows: those with m->pos < key, at most about m->rows of
	 * them; say each change; set m->pos to the last key looked at.
	 * 1: there may be more; 0: no row was left; -1 error. */
	int (*step)(struct migrate *m, struct err *err);
};

/* Options that not every migration takes; bits of struct migration.takes. */
#define MIGRATE_COMPAT 1u		/* --compat */
#define MIGRATE_DECISIONS 2u		/* --decisions FILE, --holds FILE */
#define MIGRATE_NO_INVENTED 4u		/* --no-invented-reason */
#define MIGRATE_JOIN 8u			/* --join */
#define MIGRATE_LOOKUP_ONLY 16u		/* --providers-only */
#define MIGRATE_GUESS 32u		/* --guess-provider-types */
#define MIGRATE_NO_BLANK 64u		/* --skip-blank-providers */

struct migration {
	const char *name;
	const char *summary;		/* one line for `list` */
	unsigned takes;
	const struct migrate_table *tables;	/* ends with { 0 } */
	const struct migrate_stage *stages;	/* in order; ends with { 0 }. NULL: detection only */
	long floor;			/* level that reads the outcome; 0: [guard] database-floor */
	long since;			/* an upgrade from a level below this one may run it (--for-upgrade); 0: none may */
	/* What stands in this database: fill m->need. Cheap (a second or two at
	 * most); the tables are there. */
	int (*look)(struct migrate *m, struct err *err);
	/* Read what step() needs (decisions, providers) into m->own; may be NULL.
	 * m->mode says for what. end() is always called after it, also when it failed. */
	int (*begin)(struct migrate *m, struct err *err);
	void (*end)(struct migrate *m);
	/* After plan and run: migrate_fact() lines, such as totals to sign off. May be NULL. */
	int (*report)(struct migrate *m, struct err *err);
	/* After a run: migrate_check() for each thing that must hold. The frame
	 * itself checks that the cells still hold what was written. May be NULL. */
	int (*verify)(struct migrate *m, struct err *err);
	/* Rows of `table` that the run inserted and that are still as inserted are
	 * deleted by undo. With this the migration has its own way; sql receives the
	 * SET clause of an UPDATE ("deleted = 1, active = 0"). May be NULL. */
	void (*retire)(struct migrate *m, int table, struct buf *sql);
};

/* ---- what a migration is given ---- */

struct migrate_options {
	const char *defaults_file, *database, *csv, *holds, *decisions, *without_backup, *from;
	bool compat, no_invented, join, providers_only, guess, skip_blank, online, exit_code, for_upgrade;
	long rows, wait, samples;
};
extern struct migrate_options migrate_opts;

enum migrate_mode { MIGRATE_LOOK, MIGRATE_PLAN, MIGRATE_RUN, MIGRATE_UNDO, MIGRATE_VERIFY };

struct migrate_need {
	bool needed;		/* this database wants the migration */
	int64_t rows;		/* how many rows are concerned; -1: not counted */
	struct buf evidence;	/* one line: what was seen */
	struct buf warning;	/* or empty: what speaks against running it now, such as traces of the web tool */
};

struct migrate_ledger;		/* counters, samples, problems, facts: migrate_ledger.c */
struct migrate_store;		/* run and undo rows: migrate_store.c */

struct migrate {
	struct tool *t;
	const struct migration *what;
	struct db *db;
	const char *schema;
	enum migrate_mode mode;
	int stage;
	int64_t pos;		/* key of the last row looked at; INT64_MIN at the start of a stage */
	int rows;		/* look at so many at a time */
	const char *lock;	/* to append to the SELECTs of rows that may change: " FOR UPDATE" or "" */
	struct migrate_need need;
	void *own;		/* the migration's */
	struct migrate_ledger *ledger;
	struct migrate_store *store;
};

struct migrate_value {
	const char *p;		/* NULL: SQL NULL */
	size_t len;
};
#define MIGRATE_NULL ((struct migrate_value){ NULL, 0 })
#define MIGRATE_STR(s) ((struct migrate_value){ (s), strlen(s) })
/* A cell of a result. */
static inline struct migrate_value migrate_cell(const struct db_rows *r, size_t row, size_t col)
{
	return (struct migrate_value){ r->cell[row * r->cols + col], r->len[row * r->cols + col] };
}

/* Is the table (or with column != NULL: that column of it) there? */
bool migrate_has(struct migrate *m, int table, const char *column);
/* Append "CAST(ALIAS.COLUMN AS BINARY)", converted to UTF-8 if it is another character set. */
void migrate_sql_text(struct migrate *m, int table, const char *alias, const char *column, struct buf *sql);
/* Append the text expression so that it can be compared with the column, by the column's rules and index: two columns of
 * one character set and different collations cannot be compared as they are. */
void migrate_sql_as(struct migrate *m, int table, const char *column, const char *expression, struct buf *sql);
/* Append " AND ..." that the text of a column of the same table (ALIAS x) can be said in the character set of `column`;
 * nothing where that is so anyway. For a SELECT: in a statement that writes, the test is the server's error. */
void migrate_sql_sayable(struct migrate *m, int table, const char *column, const char *from, struct buf *sql);
/* Does UTF-8 text fit the column? MIGRATE_LONG: more characters than *max. */
enum migrate_fit { MIGRATE_FITS, MIGRATE_LONG, MIGRATE_UNREPRESENTABLE /* not in its character set */, MIGRATE_INVALID /* no UTF-8 */ };
enum migrate_fit migrate_fit(struct migrate *m, int table, int column, const char *text, size_t len, size_t *max);
/* Make UTF-8 text fit: what the column's character set does not have, and bytes that are no UTF-8,
 * become '?', as a server that is not strict makes them; the rest is cut. Returns what was done. */
#define MIGRATE_CUT 1u
#define MIGRATE_REPLACED 2u
unsigned migrate_squeeze(struct migrate *m, int table, int column, struct buf *text);

/* ---- what step() says; kind is a short static word counted in the report ("enrolled", "cut") ---- */

/* Cell `column` (number in writes) of row pk goes from old to now. Equal: nothing. One cell at most once per run. */
int migrate_change(struct migrate *m, int table, int64_t pk, int column, struct migrate_value old,
		   struct migrate_value now, const char *kind, struct err *err) MUST_CHECK;
/* The same for many rows, by the server: SELECT pk, old, now FROM `from` (tables, joins, WHERE with
 * the range of keys; conditions joined by AND, more are appended). old and now are expressions. */
int migrate_change_select(struct migrate *m, int table, int column, const char *pk, const char *old,
			  const char *now, const char *from, const char *kind, struct err *err) MUST_CHECK;
/* Add a row; names are the columns, separated by blanks. *id (may be NULL, which is
 * quicker: many rows are inserted together): its
 * key, in a plan 0. origin: key of the row that it was made from, kept in the undo row (column old). */
int migrate_insert(struct migrate *m, int table, const char *names, const struct migrate_value *values,
		   size_t n, int64_t origin, const char *kind, int64_t *id, struct err *err) MUST_CHECK;
/* A row that is left as it is, or wants looking at; text is one line and goes into reports and the CSV file. */
void migrate_problem(struct migrate *m, int table, int64_t pk, const char *kind, const char *fmt, ...) PRINTF(5, 6);
/* A row that was looked at, of this kind, without a change ("same"). */
void migrate_count(struct migrate *m, const char *kind, int64_t n);
/* A line of the report: "provider 101: 1234 patients". */
void migrate_fact(struct migrate *m, const char *key, const char *fmt, ...) PRINTF(3, 4);
/* For verify(): what must be zero. */
void migrate_check(struct migrate *m, const char *what, int64_t wrong);

/* ---- CSV (RFC 4180; NULL is an unquoted \N, every value is quoted): migrate_csv.c ---- */

struct migrate_csv;
/* A new file, 0600, that gets its name only by close(). */
int migrate_csv_open(struct migrate_csv **out, const char *path, struct err *err) MUST_CHECK;
void migrate_csv_cell(struct migrate_csv *c, struct migrate_value v);
void migrate_csv_end_row(struct migrate_csv *c);
/* Errors while writing come out here. */
int migrate_csv_close(struct migrate_csv **c, struct err *err) MUST_CHECK;
void migrate_csv_abort(struct migrate_csv **c);
/* Parse one row of text at *pos: cells appended to sv (a NULL cell as the two bytes \N). 1, 0 at the end. */
int migrate_csv_row(const struct buf *text, size_t *pos, struct strv *sv, struct err *err) MUST_CHECK;

/* run_id of the run at hand, for reports that read maintkit_undo; tab there is the index in tables. */
int64_t migrate_run_id(const struct migrate *m);
/* What --decisions names, whole. */
int migrate_read_decisions(struct buf *text, struct err *err) MUST_CHECK;

/* ---- the migrations ---- */
extern const struct migration migrate_roster, migrate_middle_names, migrate_onar;
extern const struct migration migrate_hrm, migrate_contacts;

#endif
