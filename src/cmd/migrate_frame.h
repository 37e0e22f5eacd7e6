/* What the pieces of the migrations' frame share; a migration includes migrate.h only.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two tables in the package's database, InnoDB:
 *
 * maintkit_run, a row per run: which migration, with which options, by which
 * version, how far (stage, pos, batch), what it changed (counts), state
 *	running -> done -> undoing -> undone
 * where pos, while undoing, is how many undo rows are still to be looked at.
 * layout says what the numbers in maintkit_undo mean, one line a table,
 * "TAB NAME PK C:COLUMN:CHARSET ...", so that a later version can undo it, and
 * "rows TAB COLUMN ..." for the columns that the marks of inserted rows cover.
 *
 * maintkit_undo, a row per changed cell: old and now are the bytes as stored
 * (numbers and dates as text), NULL is NULL. col 0: a row that was inserted;
 * old is the key it was made from, now a hash over its columns. kept = 1: undo
 * found something else than we wrote there, and left it. Undone rows go.
 */
#ifndef MAINTKIT_CMD_MIGRATE_FRAME_H
#define MAINTKIT_CMD_MIGRATE_FRAME_H

#include "migrate.h"

/* ---- migrate_schema.c: the tables as they are ---- */

struct migrate_column {
	char *name, *type, *charset, *collation;	/* charset NULL: no text */
	char *declared;		/* the type in full: "varchar(20)" */
	int64_t chars;		/* of text */
	bool on_update;		/* sets itself to the present at every UPDATE */
	bool computed;		/* GENERATED ALWAYS AS */
	bool numbered;		/* AUTO_INCREMENT */
	bool wanted;		/* NOT NULL, and the server knows no value for it */
	bool unique;		/* alone it tells rows apart */
	bool in_unique;		/* part of a key that allows a value once */
};
struct migrate_seen {
	bool there, view;
	bool changed_before;	/* has BEFORE UPDATE triggers: migrate_schema_triggers() */
	char *engine;
	struct migrate_column *col;
	size_t n;
	const struct migrate_column **written;	/* migrate_schema_written(): by number, from 1 */
};
int migrate_schema_read(struct db *db, const char *table, struct migrate_seen *seen, struct err *err) MUST_CHECK;
void migrate_schema_release(struct migrate_seen *seen);
const struct migrate_column *migrate_schema_column(const struct migrate_seen *seen, const char *name);
/* Look the columns up that the migration writes; NULL: not there. */
void migrate_schema_written(struct migrate_seen *seen, const struct migrate_table *table);
/* Everything that the migration reads and writes is there (ERR_FAIL: not, and what adds it). */
int migrate_schema_check(struct migrate *m, struct err *err) MUST_CHECK;
bool migrate_column_is_integer(const struct migrate_column *c);
bool migrate_column_is_string(const struct migrate_column *c);
/* Append the bytes of a column as maintkit_undo keeps them / the way back from them. from: the
 * character set they were kept in, NULL: the column's. */
void migrate_sql_raw(const char *alias, const struct migrate_column *c, struct buf *sql);
void migrate_sql_unraw(const char *expression, const struct migrate_column *c, const char *from, struct buf *sql);
/* Append the condition that the column holds what is kept in the expression `kept` (of maintkit_undo). */
void migrate_sql_holds(const char *alias, const struct migrate_column *c, const char *kept, const char *from, struct buf *sql);
/* Append ", ALIAS.x = ALIAS.x" for each column that would set itself to the present, but for those in words. */
void migrate_sql_keep(const char *alias, const struct migrate_seen *seen, const struct strv *but, struct buf *sql);
/* Append `name`; a name that MariaDB cannot have would be a programming error. */
void migrate_sql_name(struct buf *sql, const char *name);

/* ---- migrate_preflight.c: can the tables take what a run writes, and give it back? ---- */

/* What would stop a run or an undo half way, or falsify it: ERR_FAIL, or ERR_POLICY where it could be done but not
 * undone. What only wants to be known is put into m->store->notes. */
int migrate_preflight(struct migrate *m, struct err *err) MUST_CHECK;
/* The same for the triggers of one table; columns: what is written there. Notes in seen whether there are any before UPDATE. */
int migrate_preflight_triggers(struct db *db, const char *table, const struct strv *columns, bool inserts, bool deletes,
			       struct migrate_seen *seen, struct strv *notes, struct err *err) MUST_CHECK;
/* ERR_POLICY: a table that cannot roll back; ERR_FAIL: a view. */
int migrate_preflight_engine(const char *table, const struct migrate_seen *seen, struct err *err) MUST_CHECK;

/* ---- migrate_store.c ---- */

struct migrate_store {
	struct migrate_seen *seen;	/* one per table of the migration */
	int64_t run, batch;
	char *options;			/* of the run, as recorded */
	struct buf rows;		/* undo rows to insert */
	size_t n_rows;
	bool server_rows;		/* the server has inserted some in this batch already */
	struct buf inserts;		/* new rows that wait to be inserted, as one statement */
	size_t n_inserts, inserts_max;
	int inserts_table;
	const char *inserts_names;
	int64_t *origins;		/* of each */
	int64_t key_step, last_key;	/* how the server numbers; 0: not asked yet */
	int64_t cells, inserted;	/* changed in this run, this batch included */
	bool marked;			/* the guard knows */
	long floor, floor_before;	/* min_app_level with this run, and without; -1: there was none */
	struct migrate_csv *csv;
	struct strv notes;		/* of migrate_preflight(), a line each */
	char *backup;			/* what stands in for the way back: a file, or why there is none */
};
/* Little enough that the server works on one statement while the next is made, and well below the least
 * max_allowed_packet in use, 1 MiB. */
#define MIGRATE_FLUSH_BYTES (128u << 10)
/* Begin an undo row; the caller adds "OLD, NOW)". */
void migrate_undo_row(struct migrate_store *s, int table, int64_t pk, int column);
/* Insert the rows that wait, and note their undo rows; migrate_flush() does it, too. */
int migrate_flush_inserts(struct migrate *m, struct err *err) MUST_CHECK;
int migrate_store_create(struct db *db, struct err *err) MUST_CHECK;
/* The two tables, as far as they are there, are as we made them, and know of each other's runs. ERR_FAIL: somebody
 * has changed them; nothing may be undone or begun then. */
int migrate_store_whole(struct db *db, struct err *err) MUST_CHECK;
/* The run of this migration that is in `state` ("running"); 1 and its state loaded, 0 none. */
int migrate_store_resume(struct migrate *m, struct err *err) MUST_CHECK;
int migrate_store_begin_run(struct migrate *m, const char *options, struct err *err) MUST_CHECK;
int migrate_store_begin(struct migrate *m, struct err *err) MUST_CHECK;
/* Write undo rows, apply them, note position and counts, commit. Calls `before` (may be NULL) when
 * something changes and nothing did before in this run. */
int migrate_store_commit(struct migrate *m, int next_stage, bool done,
			 int (*before)(struct migrate *m, struct err *err), struct err *err) MUST_CHECK;
void migrate_store_rollback(struct migrate *m);
/* Set the cells of one table and batch, those with kept = 0, to what stands in undo column `side`. */
struct migrate_target {
	int64_t run, batch;
	const char *name, *pk;
	const struct migrate_seen *seen;
	char **columns;			/* by number, from 1; n is one more than there are */
	char **charsets;		/* that the bytes were kept in, or NULL: the column's */
	int n;
	const char *side;		/* "now" or "old" */
};
int migrate_store_apply(struct db *db, const struct migrate_target *to, int table, struct err *err) MUST_CHECK;
/* The hash over the named columns of ALIAS; "NULL" when one of them is no longer there. */
void migrate_sql_mark(const char *alias, const struct migrate_seen *seen, const struct strv *names, struct buf *sql);

/* ---- migrate_change.c ---- */
int migrate_flush(struct migrate *m, struct err *err) MUST_CHECK;	/* send the undo rows noted so far */

/* ---- migrate_kept.c: what an undo has left, as a CSV file for a person to go through ---- */

struct migrate_kept {
	int64_t run;
	int tab;
	const char *name, *pk;
	const struct strv *columns, *charsets;	/* by number, from 1; charset "-": no text */
	const struct migrate_seen *seen;
};
/* Open --csv as m->store->csv, with its head. */
int migrate_kept_open(struct migrate *m, struct err *err) MUST_CHECK;
/* A row per cell: run, table, key, column, before, written, now (NULL: that, or the row is gone). */
int migrate_kept_csv(struct migrate *m, const struct migrate_kept *k, struct err *err) MUST_CHECK;

/* ---- migrate_ledger.c ---- */

struct migrate_ledger;
struct migrate_ledger *migrate_ledger_new(long samples);
void migrate_ledger_free(struct migrate_ledger *l);
/* column NULL: rows were inserted. old NULL: counted only; else it may become a sample. */
void migrate_ledger_change(struct migrate_ledger *l, const char *table, const char *column, const char *kind,
			   int64_t pk, const struct migrate_value *old, const struct migrate_value *now, int64_t n);
/* text NULL: counted only. */
void migrate_ledger_problem(struct migrate_ledger *l, const char *table, const char *kind, int64_t pk, const char *text);
/* Counts as text, to keep in the run row; load makes them what the text says and forgets the rest. */
void migrate_ledger_save(const struct migrate_ledger *l, struct buf *out);
void migrate_ledger_load(struct migrate_ledger *l, const char *text);
int64_t migrate_ledger_changes(const struct migrate_ledger *l);
int64_t migrate_ledger_problems(const struct migrate_ledger *l);
int64_t migrate_ledger_wrong(const struct migrate_ledger *l);	/* sum of the checks */
struct json;
void migrate_ledger_text(const struct migrate_ledger *l, struct buf *out);
void migrate_ledger_json(const struct migrate_ledger *l, struct json *j);

/* ---- migrate_connect.c ---- */

/* Read-only, as root or the defaults file's account. */
int migrate_connect(struct migrate *m, struct err *err) MUST_CHECK;
/* The own account, made now, with the lock held. */
int migrate_connect_own(struct migrate *m, struct err *err) MUST_CHECK;
/* After the server was lost: wait for it. 0: connected and locked again. */
int migrate_reconnect(struct migrate *m, struct err *err) MUST_CHECK;
void migrate_disconnect(struct migrate *m);

/* ---- migrate_policy.c ---- */
/* Is the web application stopped, or --online given? ERR_POLICY: no. */
int migrate_policy_quiet(struct migrate *m, struct err *err) MUST_CHECK;
/* Does the server take changes at all? ERR_BACKEND: not now. */
int migrate_policy_writable(struct migrate *m, struct err *err) MUST_CHECK;
/* Is there a backup to fall back to? Sets m->store->backup, unless it is set already. ERR_POLICY: no. */
int migrate_policy_backup(struct migrate *m, struct err *err) MUST_CHECK;
/* The newest one that an upgrade made of this database for itself, young enough, verified or not; to be freed.
 * ERR_ABSENT: none. */
int migrate_policy_upgrade_backup(struct migrate *m, char **file, bool *verified, struct err *err) MUST_CHECK;
/* Run our program `name` (maintkit-NAME beside us) for this package, with these words; its text for people
 * is ours, its stdout is dropped. timeout_ms as in child.h. Its exit status, -1 it could not be run. */
int migrate_policy_program(struct migrate *m, const char *name, const struct strv *words, int timeout_ms, struct err *err) MUST_CHECK;
bool migrate_policy_unit_runs(const char *unit);
/* Sets m->store->floor, the level below which no program reads what this migration leaves (0: not said in
 * the profile, or the database is a copy), and floor_before. */
int migrate_policy_floor(struct migrate *m, struct err *err) MUST_CHECK;
/* Tell the guard: nothing below the floor from now on. */
int migrate_policy_mark(struct migrate *m, struct err *err) MUST_CHECK;
/* Tell the guard that min_app_level is `to` again, if it is `from` now. */
int migrate_policy_unmark(struct migrate *m, long from, long to, struct err *err) MUST_CHECK;

/* ---- migrate_upgrade.c: what the maintainer script of an upgrade asks for ---- */
/* Does the data come from a version that needs it? 1 yes, 0 no. The database is not asked. */
int migrate_upgrade_wants(struct tool *t, const char *name, struct err *err) MUST_CHECK;
/* Run it, if that was not done before; 0 also when it is left to a person, which is said. */
int migrate_upgrade(struct migrate *m, struct err *err) MUST_CHECK;

/* ---- verbs ---- */
/* migrate_run.c: as the verb does it. */
int migrate_run(struct migrate *m, struct err *err) MUST_CHECK;
int migrate_open(struct migrate *m, struct tool *t, const char *name, enum migrate_mode mode, struct err *err) MUST_CHECK;
void migrate_close(struct migrate *m);
extern const struct migration *const migrate_all[];
const struct migration *migrate_find(const char *name, struct err *err);
int migrate_verb_list(struct tool *t, int argc, char **argv, struct err *err);
int migrate_verb_status(struct tool *t, int argc, char **argv, struct err *err);
int migrate_verb_plan(struct tool *t, int argc, char **argv, struct err *err);
int migrate_verb_run(struct tool *t, int argc, char **argv, struct err *err);
int migrate_verb_undo(struct tool *t, int argc, char **argv, struct err *err);
int migrate_verb_verify(struct tool *t, int argc, char **argv, struct err *err);

#endif
