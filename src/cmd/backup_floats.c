/* The digits of FLOAT columns that a dump lacks.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <mysql.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backup_floats.h"

#define FLUSH (1u << 20)
#define HOLD_WAIT_S "3"
#define HOLD_TRIES 3
#define HEAD "-- maintkit: values of FLOAT columns, of which the rows above have six digits\n"

/* How a column's value is written into a condition. */
enum how { AS_TEXT, AS_BYTES, AS_CHARACTERS };
struct key_column {
	char *name;
	enum how how;
	char *charset;
};
struct plan {
	struct key_column *key;
	size_t n;
	bool usable;		/* there is a key, and none of it a FLOAT */
	struct strv floats;
	struct buf kept;	/* ", `changed`=`changed`": what the server would set to now */
	struct buf sql;		/* the values that are to be set */
};

static void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->key[i].name);
		free(p->key[i].charset);
	}
	free(p->key);
	strv_release(&p->floats);
	buf_release(&p->kept);
	buf_release(&p->sql);
}

void floats_release(struct floats *f)
{
	strv_release(&f->tables);
	db_close(f->db);
	db_close(f->hold);
	f->db = f->hold = NULL;
}

void floats_begun(struct floats *f)
{
	db_close(f->hold);	/* a connection's locks end with it */
	f->hold = NULL;
}

static int add_name(struct buf *sql, const char *name, struct err *err)
{
	return db_quote_name(sql, name, err);
}

static int add_table(struct buf *sql, const struct floats *f, const char *table, struct err *err)
{
	if (add_name(sql, f->database, err) < 0)
		return -1;
	buf_addc(sql, '.');
	return add_name(sql, table, err);
}

/* One moment for the dump's transaction and ours: while nobody writes. Who waits for
 * such a lock holds up all who come after, so not for long: then it is done without. */
static int hold_still(struct floats *f, struct tool *t, struct err *err)
{
	AUTO_BUF lock = BUF_INIT;

	for (size_t i = 0; i < f->tables.n; i++) {
		buf_adds(&lock, i ? ", " : "LOCK TABLES ");
		if (add_table(&lock, f, f->tables.v[i], err) < 0)
			return -1;
		buf_adds(&lock, " READ");
	}
	if (db_open(&f->hold, t->profile, &t->root, NULL, err) < 0 ||
	    db_run(f->hold, "SET SESSION lock_wait_timeout = " HOLD_WAIT_S, NULL, 0, NULL, err) < 0)
		return -1;
	for (int i = 0; i < HOLD_TRIES; i++) {
		struct err why = ERR_INIT;

		if (db_run(f->hold, lock.p, NULL, 0, NULL, &why) == 0)
			return 0;
		if (why.kind != ERR_BUSY) {
			*err = why;
			return -1;
		}
		sleep(1);
	}
	log_warn("somebody works on tables with FLOAT columns for long; a value that changes while the dump begins may come to it "
		 "with six digits");
	return 0;
}

int floats_begin(struct floats *f, struct tool *t, const char *database, struct err *err)
{
	static const char *const session[] = {
		"SET SESSION time_zone = '+00:00', wait_timeout = 604800",	/* as mariadb-dump's */
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT",
	};
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;

	f->database = database;
	if (db_open(&f->db, t->profile, &t->root, NULL, err) < 0 ||
	    db_run(f->db, "SELECT DISTINCT c.table_name FROM information_schema.columns c JOIN information_schema.tables t "
		   "ON t.table_schema = c.table_schema AND t.table_name = c.table_name WHERE c.table_schema = ? "
		   "AND c.data_type = 'float' AND c.is_generated = 'NEVER' AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')",
		   (struct db_value[]){ DBV_STR(database) }, 1, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.rows; i++)
		strv_add(&f->tables, db_cell(&rows, i, 0));
	if (!rows.rows) {
		db_close(f->db);
		f->db = NULL;
		return 0;
	}
	if (hold_still(f, t, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(session); i++)
		if (db_run(f->db, session[i], NULL, 0, NULL, err) < 0)
			return -1;
	return 0;
}

static int read_columns(struct floats *f, const char *table, struct plan *p, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;

	if (db_run(f->db, "SELECT column_name, data_type, COALESCE(character_set_name, ''), column_key = 'PRI', "
		   "extra LIKE '%on update%', is_generated = 'NEVER', (SELECT table_type FROM information_schema.tables t "
		   "WHERE t.table_schema = c.table_schema AND t.table_name = c.table_name) = 'BASE TABLE' "
		   "FROM information_schema.columns c WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
		   (struct db_value[]){ DBV_STR(f->database), DBV_STR(table) }, 2, &rows, err) < 0)
		return -1;
	p->usable = true;
	for (size_t i = 0; i < rows.rows; i++) {
		const char *name = db_cell(&rows, i, 0), *type = db_cell(&rows, i, 1), *charset = db_cell(&rows, i, 2);
		bool is_float = strcmp(type, "float") == 0, in_key = db_cell(&rows, i, 3)[0] == '1';

		if (is_float && db_cell(&rows, i, 5)[0] == '1')
			strv_add(&p->floats, name);
		/* an UPDATE of a versioned table would make history */
		p->usable = p->usable && !(in_key && is_float) && db_cell(&rows, i, 6)[0] == '1';
		if (db_cell(&rows, i, 4)[0] == '1') {
			buf_adds(&p->kept, ", ");
			if (add_name(&p->kept, name, err) < 0)
				return -1;
			buf_addc(&p->kept, '=');
			if (add_name(&p->kept, name, err) < 0)
				return -1;
		}
		if (!in_key)
			continue;
		p->key = xreallocarray(p->key, p->n + 1, sizeof(*p->key));
		p->key[p->n++] = (struct key_column){ xstrdup(name), *charset ? AS_CHARACTERS : strstr(type, "binary") ||
						      strstr(type, "blob") || strcmp(type, "bit") == 0 ? AS_BYTES : AS_TEXT,
						      xstrdup(charset) };
	}
	p->usable = p->usable && p->n;
	return 0;
}

/* Does the text of the value, read back, give another one? */
static int add_differs(struct buf *sql, const char *column, struct err *err)
{
	if (add_name(sql, column, err) < 0)
		return -1;
	buf_adds(sql, " <> CAST(CONCAT(");
	if (add_name(sql, column, err) < 0)
		return -1;
	buf_adds(sql, ") AS FLOAT)");
	return 0;
}

/* The key's columns, then of each FLOAT all digits, or NULL when nothing is wrong with it. */
static int build_select(const struct floats *f, const char *table, const struct plan *p, struct buf *sql, struct err *err)
{
	AUTO_BUF where = BUF_INIT;

	buf_adds(sql, "SELECT ");
	for (size_t i = 0; p->usable && i < p->n; i++) {
		buf_adds(sql, p->key[i].how == AS_TEXT ? "CONCAT(" : "HEX(");
		if (add_name(sql, p->key[i].name, err) < 0)
			return -1;
		buf_adds(sql, "), ");
	}
	for (size_t i = 0; i < p->floats.n; i++) {
		buf_adds(sql, i ? ", IF(" : "IF(");
		buf_adds(&where, i ? " OR " : "");
		if (add_differs(sql, p->floats.v[i], err) < 0 || add_differs(&where, p->floats.v[i], err) < 0)
			return -1;
		buf_adds(sql, ", CONCAT(CAST(");
		if (add_name(sql, p->floats.v[i], err) < 0)
			return -1;
		buf_adds(sql, " AS DOUBLE)), NULL)");
	}
	buf_adds(sql, " FROM ");
	if (add_table(sql, f, table, err) < 0)
		return -1;
	buf_adds(sql, " WHERE ");
	buf_adds(sql, where.p);
	return 0;
}

static void add_key(struct db *db, const struct key_column *k, const char *value, size_t len, struct buf *sql)
{
	if (k->how == AS_TEXT)
		db_quote_string(db, sql, value, len);
	else if (k->how == AS_CHARACTERS)
		buf_addf(sql, "_%s X'%s'", k->charset, value);
	else if (len)
		buf_addf(sql, "0x%s", value);
	else
		buf_adds(sql, "''");
}

static int add_update(struct db *db, const char *table, const struct plan *p, char **row, const unsigned long *len,
		      struct buf *sql, uint64_t *set, struct err *err)
{
	bool any = false;

	buf_adds(sql, "UPDATE ");
	if (add_name(sql, table, err) < 0)
		return -1;
	for (size_t i = 0; i < p->floats.n; i++) {
		const char *value = row[p->n + i];

		if (!value)
			continue;
		buf_adds(sql, any ? ", " : " SET ");
		if (add_name(sql, p->floats.v[i], err) < 0)
			return -1;
		/* with an exponent it is read as a DOUBLE, which has all digits of a FLOAT */
		buf_addf(sql, "=%s%s", value, strpbrk(value, "eE") ? "" : "e0");
		any = true;
		++*set;
	}
	buf_adds(sql, p->kept.p);
	for (size_t i = 0; i < p->n; i++) {
		buf_adds(sql, i ? " AND " : " WHERE ");
		if (add_name(sql, p->key[i].name, err) < 0)
			return -1;
		buf_addc(sql, '=');
		add_key(db, &p->key[i], row[i], len[i], sql);
	}
	buf_adds(sql, ";\n");
	return 0;
}

/* A transaction, so that not every row waits for the disk. */
static int flush(struct buf *sql, floats_put *put, void *arg, struct err *err)
{
	AUTO_BUF text = BUF_INIT;

	if (!sql->len)
		return 0;
	buf_adds(&text, HEAD "START TRANSACTION;\n");
	buf_add(&text, sql->p, sql->len);
	buf_adds(&text, "COMMIT;\n");
	buf_reset(sql);
	return put(arg, text.p, text.len, err);
}

static int take_rows(struct floats *f, const char *table, struct plan *p, MYSQL_RES *res, floats_put *put, void *arg,
		     uint64_t *lost, struct err *err)
{
	MYSQL_ROW row;

	while ((row = mysql_fetch_row(res))) {
		if (!p->usable) {
			for (size_t i = 0; i < p->floats.n; i++)
				*lost += row[i] != NULL;
			continue;
		}
		if (add_update(f->db, table, p, row, mysql_fetch_lengths(res), &p->sql, &f->set, err) < 0 ||
		    (p->sql.len >= FLUSH && flush(&p->sql, put, arg, err) < 0))
			return -1;
	}
	return mysql_errno(db_handle(f->db)) ? db_error(f->db, err) : flush(&p->sql, put, arg, err);
}

int floats_table(struct floats *f, const char *table, floats_put *put, void *arg, uint64_t *lost, struct err *err)
{
	CLEANUP(plan_free) struct plan p = { .floats = STRV_INIT, .kept = BUF_INIT, .sql = BUF_INIT };
	AUTO_BUF select = BUF_INIT;

	*lost = 0;
	if (!strv_has(&f->tables, table))
		return 0;
	if (read_columns(f, table, &p, err) < 0 || build_select(f, table, &p, &select, err) < 0)
		return -1;
	MYSQL *my = db_handle(f->db);

	if (mysql_real_query(my, select.p, select.len))
		return db_error(f->db, err);
	MYSQL_RES *res = mysql_use_result(my);

	if (!res)
		return db_error(f->db, err);
	int rc = take_rows(f, table, &p, res, put, arg, lost, err);

	mysql_free_result(res);
	f->lost += *lost;
	return rc;
}
