/* MariaDB by libmariadb: run statements with bound values, map errors.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "db_priv.h"

#include <errmsg.h>
#include <errno.h>
#include <mysqld_error.h>
#include <string.h>

#define NAME_MAX_CHARS 64	/* MariaDB: identifier names */

/* MariaDB's numbers that mean "not now" rather than "no". */
static enum err_kind kind_of(unsigned code)
{
	switch (code) {
	case CR_CONNECTION_ERROR:
	case CR_CONN_HOST_ERROR:
	case CR_UNKNOWN_HOST:
	case CR_IPSOCK_ERROR:
	case CR_SERVER_GONE_ERROR:
	case CR_SERVER_LOST:
	case CR_SERVER_LOST_EXTENDED:
	case CR_SERVER_HANDSHAKE_ERR:
	case ER_CON_COUNT_ERROR:
	case ER_SERVER_SHUTDOWN:
	case ER_NORMAL_SHUTDOWN:
	case ER_CONNECTION_KILLED:
	case ER_UNKNOWN_COM_ERROR:	/* 1047: what a Galera node says while it is not synced */
		return ERR_BACKEND;
	case ER_LOCK_WAIT_TIMEOUT:
	case ER_LOCK_DEADLOCK:
	case ER_CHECKREAD:		/* 1020: with innodb_snapshot_isolation, what deadlocks are otherwise */
	case ER_STATEMENT_TIMEOUT:
		return ERR_BUSY;
	case ER_BAD_DB_ERROR:
		return ERR_ABSENT;
	default:
		return ERR_FAIL;
	}
}

int db_set_error(struct err *err, unsigned code, const char *text, const char *state)
{
	err_set(err, kind_of(code), "%s (error %u, SQLSTATE %s)", text, code, state);
	if (err)
		err->lib = code;
	return -1;
}

int db_error(struct db *db, struct err *err)
{
	return db_set_error(err, mysql_errno(db->my), mysql_error(db->my), mysql_sqlstate(db->my));
}

/* Take over the statement's error, then close it. */
static int stmt_error(MYSQL_STMT *st, struct err *err)
{
	db_set_error(err, mysql_stmt_errno(st), mysql_stmt_error(st), mysql_stmt_sqlstate(st));
	mysql_stmt_close(st);
	return -1;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	mysql_close(db->my);
	free(db->node);
	free(db->skipped);
	free(db);
}

void db_cleanup(struct db **db)
{
	db_close(*db);
	*db = NULL;
}

void *db_handle(struct db *db)
{
	return db->my;
}

void db_rows_release(struct db_rows *r)
{
	for (size_t i = 0; r->cell && i < r->rows * r->cols; i++)
		mem_wipe(r->cell[i], r->len[i]);
	for (size_t i = 0; r->name && i < r->cols; i++)
		free(r->name[i]);
	free(r->cell);
	free(r->len);
	free(r->name);
	*r = (struct db_rows)DB_ROWS_INIT;
}

static void rows_columns(struct db_rows *r, MYSQL_RES *meta)
{
	MYSQL_FIELD *f = mysql_fetch_fields(meta);

	r->cols = mysql_num_fields(meta);
	r->name = xcalloc(r->cols, sizeof *r->name);
	for (size_t i = 0; i < r->cols; i++)
		r->name[i] = xstrdup(f[i].name);
}

/* Room for one more row; its first cell. */
static size_t rows_grow(struct db_rows *r)
{
	size_t used = r->rows * r->cols;

	if ((r->rows & (r->rows - 1)) == 0) {	/* full at every power of two */
		size_t rows = r->rows ? r->rows * 2 : 1;

		r->cell = xreallocarray(r->cell, rows, r->cols * sizeof *r->cell);
		r->len = xreallocarray(r->len, rows, r->cols * sizeof *r->len);
	}
	memset(r->cell + used, 0, r->cols * sizeof *r->cell);
	memset(r->len + used, 0, r->cols * sizeof *r->len);
	r->rows++;
	return used;
}

static char *copy_cell(const char *data, size_t len)
{
	char *s = xmalloc(len + 1);

	memcpy(s, data, len);
	s[len] = '\0';
	return s;
}

/* Read and drop what a statement returned beyond its first result. */
static int drain(MYSQL *my)
{
	int more;

	while ((more = mysql_next_result(my)) == 0) {
		MYSQL_RES *res = mysql_use_result(my);

		if (res)
			mysql_free_result(res);
	}
	return more > 0 ? -1 : 0;
}

int db_settle(struct db *db, struct err *err)
{
	if (!db->sent)
		return 0;
	db->sent = false;
	return mysql_read_query_result(db->my) ? db_error(db, err) : 0;
}

int db_send(struct db *db, const char *sql, size_t len, struct err *err)
{
	if (db_settle(db, err) < 0)
		return -1;
	if (mysql_send_query(db->my, sql, len))
		return db_error(db, err);
	db->sent = true;
	return 0;
}

/* Text protocol: takes every kind of statement, prepared ones do not. */
static int run_text(struct db *db, const char *sql, struct db_rows *rows, struct err *err)
{
	MYSQL_RES *res;
	MYSQL_ROW row;

	if (mysql_real_query(db->my, sql, strlen(sql)))
		return db_error(db, err);
	rows->warnings = mysql_warning_count(db->my);
	rows->affected = mysql_affected_rows(db->my);
	res = mysql_store_result(db->my);
	if (!res) {
		if (mysql_errno(db->my) || drain(db->my) < 0)
			return db_error(db, err);
		return 0;
	}
	rows_columns(rows, res);
	while ((row = mysql_fetch_row(res))) {
		unsigned long *len = mysql_fetch_lengths(res);
		size_t at = rows_grow(rows);

		for (size_t c = 0; c < rows->cols; c++)
			if (row[c]) {
				rows->cell[at + c] = copy_cell(row[c], len[c]);
				rows->len[at + c] = len[c];
			}
	}
	mysql_free_result(res);
	rows->affected = 0;
	return drain(db->my) < 0 ? db_error(db, err) : 0;
}

/* The library's bind structure serves both ways; it does not write to what goes in. */
static void *unconst(const void *p)
{
	return (void *)(uintptr_t)p;
}

static void bind_values(MYSQL_BIND *b, const struct db_value *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		switch (v[i].type) {
		case DB_NULL:
			b[i].buffer_type = MYSQL_TYPE_NULL;
			break;
		case DB_INT:
			b[i].buffer_type = MYSQL_TYPE_LONGLONG;
			b[i].buffer = unconst(&v[i].i);
			break;
		case DB_STR:
		case DB_BLOB:
			b[i].buffer_type = v[i].type == DB_STR ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB;
			b[i].buffer = unconst(v[i].s);
			b[i].buffer_length = v[i].type == DB_STR ? strlen(v[i].s) : v[i].len;
			break;
		}
}

/* One cell: its length is known only after the row was fetched. */
static int fetch_cell(MYSQL_STMT *st, unsigned col, unsigned long len, char **out)
{
	unsigned long got = 0;
	MYSQL_BIND b = { .buffer_type = MYSQL_TYPE_STRING, .buffer = xmalloc(len + 1),
			 .buffer_length = len + 1, .length = &got };

	if (mysql_stmt_fetch_column(st, &b, col, 0)) {
		free(b.buffer);
		return -1;
	}
	((char *)b.buffer)[len] = '\0';
	*out = b.buffer;
	return 0;
}

static int fetch_rows(MYSQL_STMT *st, struct db_rows *rows)
{
	size_t cols = rows->cols;
	AUTO_FREE MYSQL_BIND *b = xcalloc(cols, sizeof *b);
	AUTO_FREE unsigned long *len = xcalloc(cols, sizeof *len);
	AUTO_FREE my_bool *null = xcalloc(cols, sizeof *null);
	int rc;

	for (size_t c = 0; c < cols; c++) {
		b[c].buffer_type = MYSQL_TYPE_STRING;
		b[c].length = &len[c];
		b[c].is_null = &null[c];
	}
	if (mysql_stmt_bind_result(st, b) || mysql_stmt_store_result(st))
		return -1;
	while ((rc = mysql_stmt_fetch(st)) == 0 || rc == MYSQL_DATA_TRUNCATED) {
		size_t at = rows_grow(rows);

		for (size_t c = 0; c < cols; c++) {
			if (null[c])
				continue;
			if (fetch_cell(st, (unsigned)c, len[c], &rows->cell[at + c]) < 0)
				return -1;
			rows->len[at + c] = len[c];
		}
	}
	return rc == MYSQL_NO_DATA ? 0 : -1;
}

static int run_bound(struct db *db, const char *sql, const struct db_value *values, size_t n,
		     struct db_rows *rows, struct err *err)
{
	AUTO_FREE MYSQL_BIND *b = xcalloc(n, sizeof *b);
	MYSQL_STMT *st = mysql_stmt_init(db->my);
	MYSQL_RES *meta;
	int rc = 0;

	if (!st)
		return err_set(err, ERR_FAIL, "out of memory");
	if (mysql_stmt_prepare(st, sql, strlen(sql)))
		return stmt_error(st, err);
	if (mysql_stmt_param_count(st) != n) {
		mysql_stmt_close(st);
		return err_set(err, ERR_FAIL, "statement has not %zu placeholders: %.80s", n, sql);
	}
	bind_values(b, values, n);
	if (mysql_stmt_bind_param(st, b) || mysql_stmt_execute(st))
		return stmt_error(st, err);
	rows->warnings = mysql_stmt_warning_count(st);
	rows->affected = mysql_stmt_affected_rows(st);
	meta = mysql_stmt_result_metadata(st);
	if (meta) {
		rows->affected = 0;
		rows_columns(rows, meta);
		mysql_free_result(meta);
		rc = fetch_rows(st, rows);
	}
	if (rc < 0)
		return stmt_error(st, err);
	mysql_stmt_close(st);
	return 0;
}

int db_run(struct db *db, const char *sql, const struct db_value *values, size_t n,
	   struct db_rows *rows, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows own = DB_ROWS_INIT;
	int rc = db_settle(db, err);

	if (rc < 0)
		return rc;
	rc = n ? run_bound(db, sql, values, n, &own, err) : run_text(db, sql, &own, err);
	if (rows && rc == 0) {
		db_rows_release(rows);
		*rows = own;
		own = (struct db_rows)DB_ROWS_INIT;
	}
	return rc;
}

int db_get_str(struct db *db, const char *sql, const struct db_value *values, size_t n,
	       char **out, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;

	*out = NULL;
	if (db_run(db, sql, values, n, &r, err) < 0)
		return -1;
	if (!r.rows || !db_cell(&r, 0, 0))
		return err_set(err, ERR_ABSENT, "no row for: %.80s", sql);
	*out = MOVE_PTR(r.cell[0]);
	return 0;
}

int db_get_int(struct db *db, const char *sql, const struct db_value *values, size_t n,
	       int64_t *out, struct err *err)
{
	AUTO_FREE char *s = NULL;
	char *end;

	if (db_get_str(db, sql, values, n, &s, err) < 0)
		return -1;
	errno = 0;
	*out = strtoll(s, &end, 10);
	if (errno || *end || end == s)
		return err_set(err, ERR_FAIL, "not an integer: '%.40s'", s);
	return 0;
}

int db_quote_name(struct buf *out, const char *name, struct err *err)
{
	size_t chars = 0;

	for (const char *s = name; *s; s++)
		chars += (*s & 0xc0) != 0x80;
	if (!chars || chars > NAME_MAX_CHARS)
		return err_set(err, ERR_FAIL, "'%.80s' cannot be a name in MariaDB (1 to %d characters)", name, NAME_MAX_CHARS);
	buf_addc(out, '`');
	for (; *name; name++) {
		if (*name == '`')
			buf_addc(out, '`');
		buf_addc(out, *name);
	}
	buf_addc(out, '`');
	return 0;
}

void db_quote_string(struct db *db, struct buf *out, const char *text, size_t len)
{
	buf_addc(out, '\'');
	buf_reserve(out, 2 * len + 1);
	/* Knows the character set and NO_BACKSLASH_ESCAPES of the session. */
	out->len += mysql_real_escape_string(db_handle(db), out->p + out->len, text, len);
	buf_addc(out, '\'');
}

static bool exists(struct db *db, const char *sql, const struct db_value *v, size_t n, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;

	return db_run(db, sql, v, n, &r, err) == 0 && r.rows > 0;
}

bool db_has_database(struct db *db, const char *name, struct err *err)
{
	struct db_value v[] = { DBV_STR(name) };

	return exists(db, "SELECT 1 FROM information_schema.schemata WHERE schema_name = ?", v, 1, err);
}

bool db_has_table(struct db *db, const char *table, struct err *err)
{
	struct db_value v[] = { DBV_STR(table) };

	return exists(db, "SELECT 1 FROM information_schema.tables"
		      " WHERE table_schema = DATABASE() AND table_name = ?", v, 1, err);
}

bool db_has_column(struct db *db, const char *table, const char *column, struct err *err)
{
	struct db_value v[] = { DBV_STR(table), DBV_STR(column) };

	return exists(db, "SELECT 1 FROM information_schema.columns"
		      " WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?", v, 2, err);
}

int db_lock(struct db *db, const char *name, int wait_s, struct err *err)
{
	struct db_value v[] = { DBV_STR(name), DBV_INT(wait_s) };
	AUTO_FREE char *holder = NULL;
	int64_t got;

	if (db_get_int(db, "SELECT GET_LOCK(?, ?)", v, 2, &got, err) < 0)
		return -1;
	if (got == 1)
		return 0;
	if (db_get_str(db, "SELECT IS_USED_LOCK(?)", v, 1, &holder, NULL) < 0)
		holder = xstrdup("that has just gone");
	return err_set(err, ERR_BUSY, "another run holds the lock '%s' (database connection %s)", name, holder);
}

int db_meta_get(struct db *db, const char *name, char **value, struct err *err)
{
	struct db_value v[] = { DBV_STR(name) };
	struct err e = ERR_INIT;

	if (db_get_str(db, "SELECT value FROM maintkit_meta WHERE name = ?", v, 1, value, &e) == 0)
		return 0;
	if (e.lib == ER_NO_SUCH_TABLE || e.kind == ERR_ABSENT)
		return err_set(err, ERR_ABSENT, "maintkit_meta has no '%s'", name);
	if (err)
		*err = e;
	return -1;
}

int db_meta_create(struct db *db, struct err *err)
{
	if (db_has_table(db, "maintkit_meta", NULL))
		return 0;	/* no DDL where none is needed: it would commit and take locks */
	return db_run(db, "CREATE TABLE IF NOT EXISTS maintkit_meta ("
		      " name varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,"
		      " value text NOT NULL,"
		      " reason text NULL,"
		      " changed timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"
		      ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4", NULL, 0, NULL, err);
}

int db_meta_set(struct db *db, const char *name, const char *value, const char *reason, struct err *err)
{
	struct db_value v[] = { DBV_STR(name), DBV_STR(value), reason ? DBV_STR(reason) : DBV_NULL };

	if (db_meta_create(db, err) < 0)
		return -1;
	return db_run(db, "INSERT INTO maintkit_meta (name, value, reason) VALUES (?, ?, ?)"
		      " ON DUPLICATE KEY UPDATE value = VALUES(value), reason = VALUES(reason)", v, 3, NULL, err);
}

char *db_socket(struct db *db)
{
	const char *path = NULL;

	if (mariadb_get_infov(db->my, MARIADB_CONNECTION_UNIX_SOCKET, &path) != 0 || !path || *path != '/')
		return NULL;
	return xstrdup(path);
}
