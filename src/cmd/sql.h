/* Shared by the pieces of maintkit-sql.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_CMD_SQL_H
#define MAINTKIT_CMD_SQL_H

#include <mysql.h>
#include <sys/stat.h>
#include <time.h>

#include "../core/sha256.h"
#include "../core/sqlkind.h"
#include "../core/sqlsplit.h"
#include "../ext/db.h"
#include "../ext/dblease.h"
#include "../ext/scriptstate.h"
#include "tool.h"

/* maintkit_meta: how this database came to us, and which version finished installing it. */
#define SQL_META_ORIGIN "sql_origin"		/* "created" or "baselined" */
#define SQL_META_INSTALLED "sql_installed"

struct sql_options {
	const char *defaults_file, *database;
	bool demo, adopt, exit_code;
	const char *done, *redo;
	long wait;		/* seconds, for another run or for the server to come back */
};
extern struct sql_options sql_opts;

/* ---- scripts: sql_scripts.c ---- */

enum sql_role { SQL_INSTALL, SQL_DEMO, SQL_EXTRA /* [sql:NAME] */, SQL_FILE /* named on the command line */ };

struct sql_script {
	char *name, *path;
	enum sql_role role;
	bool repeatable;		/* policy = repeatable */
	bool local_files;		/* LOAD DATA LOCAL */
	bool on_install;
	const char *on_upgrade;		/* "yes", "offer", "no" */
	const char *charset;
	struct strv session;		/* NAME=VALUE */
	char sha256[SHA256_HEX_SIZE];	/* filled by sql_script_read() */
	int64_t bytes;
	struct stat *seen;		/* the files that have that checksum, as they were when they were read */
	size_t n_seen;
};

struct sql_scripts {
	struct sql_script *v;
	size_t n;
};
#define SQL_SCRIPTS_INIT { NULL, 0 }
void sql_scripts_release(struct sql_scripts *s);
/* All that the profile names, in the order they are applied. */
int sql_scripts_load(struct tool *t, struct sql_scripts *s, struct err *err) MUST_CHECK;
/* One by NAME of the profile or by FILE (appended when it is a file). NULL with err. */
struct sql_script *sql_scripts_find(struct tool *t, struct sql_scripts *s, const char *name, struct err *err);
/* Checksum and size of the file; of one that takes in others by SOURCE, the checksum of all their checksums.
 * ERR_ABSENT when it is not there. */
int sql_script_read(struct tool *t, struct sql_script *s, struct err *err) MUST_CHECK;

/* ---- the database as a whole: sql_due.c ---- */

struct sql_view {
	bool exists;		/* the database does */
	bool empty;		/* no table but ours */
	char *origin;		/* "created", "baselined" or NULL: not known to us */
	char *installed;	/* version that finished the first installation, or NULL */
	char *instance;		/* or NULL */
	struct script_state *state;
	size_t n_states;
};
void sql_view_release(struct sql_view *v);
int sql_view_load(struct db *db, struct sql_view *v, struct err *err) MUST_CHECK;
/* Name of the database: --database or the profile's. NULL with err. */
const char *sql_database(const struct tool *t, struct err *err);
/* Connect; selected: with that database (ERR_ABSENT when there is none). _for: for running that script. */
int sql_connect(struct tool *t, bool selected, struct db **db, struct err *err) MUST_CHECK;
int sql_connect_for(struct tool *t, const struct sql_script *s, struct db **db, struct err *err) MUST_CHECK;
/* For a second thread: says nothing, and does not wait long. */
int sql_connect_quietly(struct tool *t, struct db **db, struct err *err) MUST_CHECK;
/* Connect and see. A database that does not exist leaves *db without one selected. */
int sql_look(struct tool *t, struct db **db, struct sql_view *v, struct err *err) MUST_CHECK;

enum sql_due { SQL_DUE, SQL_RESUME, SQL_DONE, SQL_CHANGED, SQL_OFFERED, SQL_NOT_WANTED };
enum sql_due sql_due(const struct sql_view *v, const struct sql_script *s, bool demo);
const char *sql_due_word(enum sql_due due);

/* ---- one run at a time: sql_lock.c; and an eye on it: sql_watch.c ---- */

struct sql_hold {
	struct db *db;			/* whose connection has the lock */
	struct dblease *lease;		/* NULL unless the server is a Galera node */
	struct sql_watch *watch;
};
/* The lock of all runs on one database, held until the connection ends. Waits with a message.
 * lease: and that of the cluster, if it is one; the database must exist. Declare h behind db: it has to be released before. */
int sql_lock(struct tool *t, struct db *db, const char *database, bool lease, struct sql_hold *h, struct err *err) MUST_CHECK;
void sql_unlock(struct sql_hold *h);

/* A second thread with a connection of its own (made when it is needed): it
 * keeps the lease alive, and tells who blocks a statement that waits for a lock,
 * while it waits, and that a long one is still at work. NULL when there can be none. */
struct sql_watch *sql_watch_start(struct tool *t, struct db *db, const struct dblease *lease);
void sql_watch_stop(struct sql_watch *w);
/* Around each request; what 0: between statements. */
void sql_watch_busy(struct sql_watch *w, int64_t statement);
void sql_watch_idle(struct sql_watch *w);
/* Who blocked the latest statement, as far as it was seen; to be freed, or NULL. */
char *sql_watch_blockers(struct sql_watch *w);
/* Is the lease gone? Then whatever is done now is another one's business. Asks over db after a time without a sign of life. */
bool sql_watch_lost(struct sql_watch *w, struct db *db);

/* ---- running one script: sql_run.c, sql_journal.c, sql_resolve.c, sql_source.c ---- */

struct sql_file {			/* one of the stack that SOURCE makes */
	int fd;
	char *path;
	struct stat st;			/* as it was opened */
	struct sqlsplit *sp;
};
#define SQL_SOURCE_DEPTH 16

struct sql_run {
	struct tool *t;
	struct db *db;
	MYSQL *my;
	const struct sql_hold *hold;
	bool fenced_out;		/* another run has taken the cluster's lease */
	const struct sql_script *script;
	const char *schema;

	struct sql_file file[SQL_SOURCE_DEPTH];
	int depth;			/* files open */
	char *top;			/* directory that SOURCE may not leave */
	struct sqlsplit_item item;	/* the statement at hand */
	int64_t number;

	/* what was done by earlier runs */
	struct script_range *past;
	size_t n_past, at_past;
	struct sha256 past_sha;
	int64_t skip_upto, ambiguous;	/* 0: none */
	int64_t beyond;			/* it changed what its transaction did not undo; 0: none */
	bool has_id, has_transaction;	/* SET insert_id, SET TRANSACTION were done again */
	bool asked_of;			/* the statement before was run by this session: ROW_COUNT() knows */
	struct strv lost;		/* user variables whose value nobody knows */
	uint64_t last_id;
	struct strv temporary;		/* SCHEMA.TABLE: temporary tables made and not dropped */
	bool skipping;

	/* what was done and is not yet in the journal */
	struct script_range *pend;
	size_t n_pend, cap_pend;
	struct sha256 pend_sha;
	size_t pend_bytes, pend_count;
	int64_t recorded;		/* the database knows that statements up to this one are done */
	bool open;			/* a transaction of ours */
	bool script_tx, tx_dirty;	/* one of the script's own; it has changed something */
	struct timespec since;

	struct strv touched;		/* tables inserted into since the last commit */
	struct strv counted;		/* tables whose counter is on record */
	bool counted_all;		/* all that were there before have been looked at */
	struct strv created;		/* "NAME=VALUE": made by this script, counter as it began */
	struct strv near;		/* tables and others of the latest statement that was run alone, and of those behind it that are not on record */
	bool near_all;			/* ... it reads what we do not know */
	struct strv safe, unsafe;	/* tables by name: engine undoes a transaction, or does not */
	/* There are routines or triggers; such as DML runs; they may write into tables that keep it; end transactions. */
	bool code_known, code_any, code_hidden, code_writes, code_free_known, code_free;
	struct db *side;		/* a second connection, for what must not go through ours; or NULL */
	bool marked;			/* the database knows that this transaction left something that it will not undo */
	struct strv prepared;		/* name, text ("": not known), name, text ... */
	bool heeding;			/* what the server tells of the session is to be recorded */
	bool session_moved;		/* it told something */
	bool unlooked;			/* statements were run since the user variables were looked at */
	struct buf session;		/* SQL that sets again what it told */
	struct strv variables;		/* name, literal as recorded, name, literal ... */
	int64_t made_temporary;		/* statements of this session that made temporary tables */
	int64_t rows;			/* of the statement at hand */
	int64_t all_rows;		/* of all that this process ran */
	bool loads;			/* it is LOAD DATA LOCAL */
	bool load_failed;		/* a file could not be read to its end, and the server does not know */
	unsigned warnings;
	int count_from;			/* results before this one are the journal's */
	struct timespec begun, told;
	size_t packet;			/* the server's max_allowed_packet */
	bool progress;			/* something was applied by this process: worth a reconnect */
};

/* Run or resume one script. Statements applied now: >= 0. */
int64_t sql_run_script(struct tool *t, const struct sql_hold *hold, const char *schema, const struct sql_script *s,
		       bool *progress, struct err *err);
/* Send text, read every result; rows and warnings are added up. *failed: which result (from 0) had the error. */
int sql_send(struct sql_run *r, const char *text, size_t len, int *failed, struct err *err) MUST_CHECK;

/* What earlier runs did, sql_past.c: read it; is the skipped statement at hand still the one that was done; the session as
 * it was behind the skipped ranges from `before` on; the first one that is not skipped. */
int sql_past_load(struct sql_run *r, struct err *err) MUST_CHECK;
int sql_past_check(struct sql_run *r, struct err *err) MUST_CHECK;
int sql_past_replay(struct sql_run *r, size_t before, struct err *err) MUST_CHECK;
int sql_past_end(struct sql_run *r, struct err *err) MUST_CHECK;
/* Of a skipped statement: take away again what was set for one statement only, when this is the one. */
int sql_past_consume(struct sql_run *r, const struct sql_kind *k, struct err *err) MUST_CHECK;
/* Of a statement that was found to be done, or was said to be: nobody knows the values of variables that it set. */
void sql_past_lose(struct sql_run *r, const struct sql_kind *k);
/* Before a statement is run: has the session all that it wants? */
int sql_past_suffices(struct sql_run *r, const struct sql_kind *k, struct err *err) MUST_CHECK;

/* What statements made of the session, sql_session.c. Have the server tell changes; note what the latest result told (only
 * while r->heeding: statements that are done again need no record). */
int sql_session_track(struct sql_run *r, struct err *err) MUST_CHECK;
void sql_session_heed(struct sql_run *r);
/* Behind a statement: append the SQL that makes a later session the same, as far as it is known without asking (and the
 * user variables, where the statement names some). */
int sql_session_keep(struct sql_run *r, const struct sql_kind *k, struct buf *out, struct err *err) MUST_CHECK;
/* Before something is recorded: ask the server for the rest, and put that into the last row that is pending. */
int sql_session_settle(struct sql_run *r, struct err *err) MUST_CHECK;
/* Which temporary tables there are behind the statement at hand. */
void sql_temporary_follow(struct sql_run *r, const struct sql_kind *k);
/* Error number of a replay that says: this cannot be brought back. */
#define SQL_LOST_TEMPORARY "30451"

/* LOAD DATA LOCAL, sql_local.c: be the one who answers when the server asks for a file. Only while the statement at hand is
 * one that loads, and only with files below the script's directory. */
void sql_local_prepare(struct sql_run *r);

/* Note the statement at hand as done; replay may be NULL. */
void sql_journal_note(struct sql_run *r, const char *replay);
/* Append to the replay of the latest statement that is noted. */
void sql_journal_amend(struct sql_run *r, const char *replay);
/* Write what is noted and commit. */
int sql_journal_flush(struct sql_run *r, struct err *err) MUST_CHECK;
/* Begin our transaction if none is open. */
int sql_journal_begin(struct sql_run *r, struct err *err) MUST_CHECK;
bool sql_journal_is_full(const struct sql_run *r);
/* Run the statement at hand by itself: intended before, noted after. */
int sql_journal_alone(struct sql_run *r, const struct sql_kind *k, struct err *err) MUST_CHECK;
/* The same in a transaction of the script's own, without ending that: for a statement that may do so (CALL). */
int sql_journal_inside(struct sql_run *r, const struct sql_kind *k, struct err *err) MUST_CHECK;
/* COMMIT of the script's own: the journal goes with it. */
int sql_journal_with_commit(struct sql_run *r, const struct sql_kind *k, struct err *err) MUST_CHECK;
void sql_journal_drop(struct sql_run *r);

/* A statement over a second connection, so that it is committed whatever becomes of ours. */
int sql_send_beside(struct sql_run *r, const struct buf *sql, struct err *err) MUST_CHECK;
/* Outside of all transactions: put the statement at hand on record as intended over another connection. It counts as noted. */
int sql_journal_beside(struct sql_run *r, struct err *err) MUST_CHECK;
/* It failed: it is not intended any more. Keeps err; -1. */
int sql_journal_withdraw(struct sql_run *r, struct err *err);
/* In a transaction of the script's own, before a statement that it would not undo: let the database know. */
int sql_journal_mark(struct sql_run *r, struct err *err) MUST_CHECK;

/* Does a transaction undo what the statement changes? 1, 0, -1. sql_engine.c. And: the statement at hand may have changed that. */
int sql_is_undone(struct sql_run *r, const struct sql_kind *k, struct err *err) MUST_CHECK;
/* Are there routines or triggers that such a statement may run? */
bool sql_has_code(struct sql_run *r, const struct sql_kind *k);
void sql_engine_forget(struct sql_run *r, const struct sql_kind *k);

/* AUTO_INCREMENT counters, sql_counters.c. Before an insert; after any statement of the script
 * (also skipped ones); at the point where a run goes on. */
int sql_counters_before(struct sql_run *r, const struct sql_kind *k, struct err *err) MUST_CHECK;
/* Before a statement that may run a routine or trigger: it may insert into any table. */
int sql_counters_hidden(struct sql_run *r, const struct sql_kind *k, struct err *err) MUST_CHECK;
void sql_counters_learn(struct sql_run *r, const struct sql_kind *k);
int sql_counters_restore(struct sql_run *r, struct err *err) MUST_CHECK;
/* Statements for the journal's packet; what is on record must not outlive an ALTER. */
void sql_counters_format(struct sql_run *r, struct buf *sql);
/* Does the statement make a counter on record stale? */
bool sql_counters_concern(const struct sql_run *r, const struct sql_kind *k);
void sql_counters_format_stale(struct sql_run *r, const struct sql_kind *k, struct buf *sql);

/* Was the one ambiguous statement done? 1 yes, 0 no, -1 not to be known (or error). */
int sql_resolve(struct sql_run *r, const struct sql_kind *k, struct err *err) MUST_CHECK;
/* What the one table that a DDL statement changes is now, as a checksum; "" where there is no such table or no telling. */
void sql_look_before(struct sql_run *r, const struct sql_kind *k, char hex[SHA256_HEX_SIZE]);
/* Does a trace hold: object there, or gone? 1, 0, -1. */
int sql_trace_holds(struct db *db, const struct sql_trace *t, struct err *err) MUST_CHECK;
/* "column t.c" */
void sql_trace_name(const struct sql_trace *t, struct buf *out);

/* Put file:line:column, the first line and what is applied around an error of the statement at hand. */
void sql_explain(struct sql_run *r, struct err *err);
/* The first line of the statement at hand, appended. */
void sql_first_line(const struct sql_run *r, struct buf *out);
/* Name who blocks, for lock waits. */
void sql_name_blockers(struct sql_run *r, struct err *err);
/* The cluster's lease is another run's: say so, and write nothing more. -1. */
int sql_fenced_out(struct sql_run *r, struct err *err);
void sql_show_progress(struct sql_run *r, bool end);

/* How the innermost file is to be read: its character set, and the SQL mode as the server has it now. */
void sql_file_set_charset(struct sql_run *r, const char *name);
void sql_file_set_modes(struct sql_run *r);
int sql_file_push(struct sql_run *r, const char *path, struct err *err) MUST_CHECK;
void sql_file_pop(struct sql_run *r);
/* A name is relative to the file that says it, as people mean it. To be freed; NULL when it leads out of the directory top. */
char *sql_path_below(const char *top, const char *file, const char *name);
char *sql_file_path(const struct sql_run *r, const char *name);
int sql_file_source(struct sql_run *r, const char *name, struct err *err) MUST_CHECK;
/* Next item of the innermost file: 1, 0 at the end of all, -1. */
int sql_file_next(struct sql_run *r, struct err *err) MUST_CHECK;

/* Prepared statements, sql_prepared.c: the statement at hand is a PREPARE that was done; *k is what an EXECUTE does. */
void sql_prepared_learn(struct sql_run *r);
void sql_prepared_judge(struct sql_run *r, struct sql_kind *k);

/* ---- reading a script without running it: sql_scan.c ---- */

/* Called for each statement and client command (but SOURCE): r->item, r->number. */
typedef int sql_scan_fn(struct sql_run *r, void *arg, struct err *err);
/* db's sql_mode is changed as the script changes it; nothing else. 0, or -1. */
int sql_scan(struct tool *t, struct db *db, const struct sql_script *s, sql_scan_fn *fn, void *arg, struct err *err) MUST_CHECK;
/* The settings that the profile gives the session; only: no other than this one (NULL: all). */
int sql_session_settings(struct sql_run *r, const char *only, struct err *err) MUST_CHECK;

/* ---- --json of the verbs that change something: sql_json.c ---- */

/* { "database": ..., members or "scripts": [ ... ], "error": null or text } on stdout, also when the verb failed. */
void sql_json_begin(struct tool *t, bool scripts);
void sql_json_member(const char *key, const char *value);
/* statements < 0: not counted. */
void sql_json_script(const char *name, const char *path, const char *outcome, int64_t statements);
/* rc of the verb; returned, or -1 when it could not be written. */
int sql_json_end(struct tool *t, int rc, struct err *err);

/* ---- verbs ---- */
int sql_create(struct tool *t, int argc, char **argv, struct err *err);
int sql_apply(struct tool *t, int argc, char **argv, struct err *err);
int sql_plan(struct tool *t, int argc, char **argv, struct err *err);
int sql_status(struct tool *t, int argc, char **argv, struct err *err);
int sql_verify(struct tool *t, int argc, char **argv, struct err *err);
int sql_repair(struct tool *t, int argc, char **argv, struct err *err);
int sql_baseline(struct tool *t, int argc, char **argv, struct err *err);

#endif
