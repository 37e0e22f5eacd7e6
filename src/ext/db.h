/* MariaDB by libmariadb: connect, run statements with bound values, map errors.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where: on this machine over the unix socket as root (unix_socket
 * authentication: there is no password), unless [database] defaults-file of
 * the profile (default /etc/PKG/db.cnf, group [client], must not be readable
 * by others) exists; libmariadb reads that file itself. A list of hosts in it
 * (core/dbhosts.h) is tried in turn. MAINTKIT_DB_SOCKET in
 * the environment names another local socket, for tests. Errors: server absent
 * or connection lost -> ERR_BACKEND; access denied -> ERR_FAIL naming the file
 * to mend; lock wait -> ERR_BUSY; else ERR_FAIL. err->lib holds MariaDB's
 * error number, the text has number and SQLSTATE.
 *
 * Session: utf8mb4, autocommit on, lock_wait_timeout 20 s (the default of a
 * day would hang dpkg behind an open transaction), sql_mode as the server's,
 * unless told otherwise by statements.
 */
#ifndef MAINTKIT_DB_H
#define MAINTKIT_DB_H

#include <stdint.h>
#include "../base/path.h"
#include "profile.h"

struct db;

struct db_options {
	const char *defaults_file;	/* --defaults-file; NULL: by the profile */
	const char *database;		/* NULL: none selected; "" : [database] name */
	int connect_timeout_s;		/* 0: 5 */
	const char *user;		/* NULL: root, or as the defaults file says */
	const char *password;		/* of user; goes to the library only */
	int io_timeout_s;		/* 0: none; then a silent server counts as lost */
	bool local_infile;		/* LOAD DATA LOCAL may ask for files: set a handler before it can */
};

/* ERR_BACKEND also when script_is_booted() says no. */
int db_open(struct db **out, const struct profile *p, const struct root *root,
	    const struct db_options *o, struct err *err) MUST_CHECK;
/* With a list of hosts: the one that was taken, as the file writes it, and why those before it were not ("'a': reason;
 * 'b': reason"). Else NULL. Valid as long as db. */
const char *db_node(const struct db *db);
const char *db_skipped_nodes(const struct db *db);
void db_close(struct db *db);
void db_cleanup(struct db **db);	/* for CLEANUP() */

enum db_type { DB_NULL, DB_STR, DB_BLOB, DB_INT };
struct db_value {
	enum db_type type;
	const char *s;
	size_t len;		/* DB_BLOB */
	int64_t i;
};
#define DBV_STR(x) ((struct db_value){ .type = DB_STR, .s = (x) })
#define DBV_INT(x) ((struct db_value){ .type = DB_INT, .i = (x) })
#define DBV_BLOB(x, n) ((struct db_value){ .type = DB_BLOB, .s = (x), .len = (n) })
#define DBV_NULL ((struct db_value){ .type = DB_NULL })

/* Rows as text; cell(r, c) is NULL for SQL NULL. Wiped on release. */
struct db_rows {
	size_t rows, cols;
	char **cell;		/* rows * cols */
	size_t *len;
	char **name;		/* column names */
	uint64_t affected;	/* for statements without a result */
	unsigned warnings;
};
#define DB_ROWS_INIT { 0 }
void db_rows_release(struct db_rows *r);
static inline const char *db_cell(const struct db_rows *r, size_t row, size_t col)
{
	return r->cell[row * r->cols + col];
}

/* One statement with `?` placeholders, values bound (prepared statement).
 * rows may be NULL when the result does not matter. */
int db_run(struct db *db, const char *sql, const struct db_value *values, size_t n,
	   struct db_rows *rows, struct err *err) MUST_CHECK;
/* Send a statement that returns no rows, and do not wait for its outcome. The next db_run() on this
 * connection, and db_settle(), wait for it; if it failed, they fail with its error and do nothing else. */
int db_send(struct db *db, const char *sql, size_t len, struct err *err) MUST_CHECK;
int db_settle(struct db *db, struct err *err) MUST_CHECK;
/* First cell of the first row as integer / string; no row or NULL: ERR_ABSENT. */
int db_get_int(struct db *db, const char *sql, const struct db_value *values, size_t n,
	       int64_t *out, struct err *err) MUST_CHECK;
int db_get_str(struct db *db, const char *sql, const struct db_value *values, size_t n,
	       char **out, struct err *err) MUST_CHECK;
/* Append name as a quoted identifier (`x`, backticks doubled). Empty, longer
 * than 64 characters, or with NUL: ERR_FAIL. */
int db_quote_name(struct buf *out, const char *name, struct err *err) MUST_CHECK;
/* Append text as a string literal of this connection ('...', escaped). */
void db_quote_string(struct db *db, struct buf *out, const char *text, size_t len);

bool db_has_database(struct db *db, const char *name, struct err *err);
bool db_has_table(struct db *db, const char *table, struct err *err);	/* in the selected database */
bool db_has_column(struct db *db, const char *table, const char *column, struct err *err);

/* GET_LOCK(name) on this connection: ERR_BUSY after wait_s. Released by db_close. */
int db_lock(struct db *db, const char *name, int wait_s, struct err *err) MUST_CHECK;

/* maintkit_meta (name PRIMARY KEY, value, reason, changed): created when missing
 * by db_meta_set (and db_meta_create); db_meta_get on a database without it: ERR_ABSENT. */
int db_meta_create(struct db *db, struct err *err) MUST_CHECK;
int db_meta_get(struct db *db, const char *name, char **value, struct err *err) MUST_CHECK;	/* ERR_ABSENT */
int db_meta_set(struct db *db, const char *name, const char *value, const char *reason, struct err *err) MUST_CHECK;

/* Does the connection with that id wait for a lock? Then append who is in its way ("connection 17 of 'oscar'@'localhost'
 * (in a transaction for 312 s, idle)"). Asked over another connection. */
bool db_blockers(struct db *db, int64_t connection, struct buf *out);
/* Append the oldest open transactions of others (but not of connection except), in the same words. */
void db_open_transactions(struct db *db, int64_t except, struct buf *out);

/* Fill err from the connection's last error, for users of db_handle(); -1. */
int db_error(struct db *db, struct err *err);
/* The MYSQL handle, for the statement runner (cast to MYSQL *). */
void *db_handle(struct db *db);
/* Path of the unix socket that we are connected by, to be freed; NULL: over the network. */
char *db_socket(struct db *db);

#endif
