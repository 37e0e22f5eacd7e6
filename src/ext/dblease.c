/* The lock of a whole Galera cluster: a row that says who works on a database, and until when.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dblease.h"

#include <ctype.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define OWNER_MAX 190
#define TURN "sql"
#define BEAT "sql beat"

struct dblease {
	char *schema, *table;	/* table: quoted, with its schema */
	char node[64];
	int seconds;
};

static const char lease_table[] =
	" ("
	" name varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,"
	" owner varchar(190) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" node varchar(64) CHARACTER SET ascii NOT NULL,"
	" turn bigint NOT NULL,"
	" expires datetime(6) NOT NULL"
	") ENGINE=InnoDB";

/* "host pid 123 0123456789abcdef": the same as long as this process lives. Letters that no character set changes. */
static const char *own_name(void)
{
	static char name[OWNER_MAX + 1];
	char host[65] = "";
	uint64_t nonce = 0;

	if (*name)
		return name;
	if (gethostname(host, sizeof host - 1) < 0 || getrandom(&nonce, sizeof nonce, 0) < 0)
		host[0] = '\0';
	for (char *p = host; *p; p++)	/* it goes into SQL text as it is */
		if (!isalnum((unsigned char)*p) && *p != '.' && *p != '-')
			*p = '-';
	snprintf(name, sizeof name, "%s pid %ld %016llx", host, (long)getpid(), (unsigned long long)nonce);
	return name;
}

int db_is_galera(struct db *db, bool *galera, struct err *err)
{
	struct err e = ERR_INIT;
	int64_t on = 0;

	*galera = false;
	if (db_get_int(db, "SELECT @@wsrep_on", NULL, 0, &on, &e) < 0 && e.lib != ER_UNKNOWN_SYSTEM_VARIABLE) {
		if (err)
			*err = e;
		return -1;
	}
	*galera = on != 0;
	return 0;
}

static void release(struct dblease *l)
{
	free(l->schema);
	free(l->table);
	free(l);
}

/* AFTER behind "... maintkit_lease " where the table's name belongs. */
static int run_on(const struct dblease *l, struct db *db, const char *before, const char *after,
		  const struct db_value *v, size_t n, struct db_rows *rows, struct err *err)
{
	AUTO_FREE char *sql = xasprintf("%s%s%s", before, l->table, after);

	return db_run(db, sql, v, n, rows, err);
}

static int make_rows(const struct dblease *l, struct db *db, struct err *err)
{
	if (!db_has_table(db, "maintkit_lease", NULL) &&
	    run_on(l, db, "CREATE TABLE IF NOT EXISTS ", lease_table, NULL, 0, NULL, err) < 0)
		return -1;
	return run_on(l, db, "INSERT IGNORE INTO ", " VALUES ('" TURN "', '', '', 0, UTC_TIMESTAMP(6)),"
		      " ('" BEAT "', '', '', 0, UTC_TIMESTAMP(6))", NULL, 0, NULL, err);
}

static int read_node(struct dblease *l, struct db *db, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;

	if (db_run(db, "SHOW STATUS LIKE 'wsrep_gcomm_uuid'", NULL, 0, &rows, err) < 0)
		return -1;
	snprintf(l->node, sizeof l->node, "%s", rows.rows && db_cell(&rows, 0, 1) ? db_cell(&rows, 0, 1) : "");
	return 0;
}

/* When that is not to be known (no privilege on mysql), he is. */
static bool is_member(struct db *db, const char *node, struct db_rows *name)
{
	struct db_value v[] = { DBV_STR(node) };

	return db_run(db, "SELECT node_name FROM mysql.wsrep_cluster_members WHERE node_uuid = ?", v, 1, name, NULL) < 0 ||
	       name->rows > 0;
}

struct holder {
	char owner[OWNER_MAX + 1], node[64];
	int64_t turn, left;	/* seconds until it expires */
	bool expired;
};

/* 1, or 0 when there is no row yet. */
static int read_holder(const struct dblease *l, struct db *db, struct holder *h, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	AUTO_FREE char *from = xasprintf(" b ON b.name = '" BEAT "' JOIN %s l ON l.name = '" TURN "'", l->table);

	if (run_on(l, db, "SELECT l.owner, l.node, l.turn, b.expires <= UTC_TIMESTAMP(6),"
		   " TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), b.expires) FROM (SELECT 1) one JOIN ", from, NULL, 0, &rows, err) < 0)
		return -1;
	if (!rows.rows)
		return 0;
	snprintf(h->owner, sizeof h->owner, "%s", db_cell(&rows, 0, 0));
	snprintf(h->node, sizeof h->node, "%s", db_cell(&rows, 0, 1));
	h->turn = strtoll(db_cell(&rows, 0, 2), NULL, 10);
	h->expired = *db_cell(&rows, 0, 3) == '1';
	h->left = strtoll(db_cell(&rows, 0, 4), NULL, 10);
	return 1;
}

static bool may_take(const struct dblease *l, struct db *db, const struct holder *h, struct db_rows *node_name)
{
	return !*h->owner || h->expired || !strcmp(h->owner, own_name()) || !strcmp(h->node, l->node) ||
	       !is_member(db, h->node, node_name);
}

static int busy(struct db *db, const struct err *why, struct err *err)
{
	if (db_run(db, "ROLLBACK", NULL, 0, NULL, NULL) < 0 || why->kind != ERR_BUSY) {
		if (err)
			*err = *why;
		return -1;
	}
	return err_set(err, ERR_BUSY, "another run has just taken the lease on the database");
}

/* The turn must still be the one that was read, and an expired beat still expired. */
static int write_holder(const struct dblease *l, struct db *db, const struct holder *h, struct err *err)
{
	struct db_value turn[] = { DBV_STR(own_name()), DBV_STR(l->node), DBV_INT(h->turn) };
	struct db_value beat[] = { DBV_STR(own_name()), DBV_STR(l->node), DBV_INT(l->seconds), DBV_INT(!h->expired) };
	CLEANUP(db_rows_release) struct db_rows a = DB_ROWS_INIT;
	CLEANUP(db_rows_release) struct db_rows b = DB_ROWS_INIT;
	struct err e = ERR_INIT;

	if (db_run(db, "START TRANSACTION", NULL, 0, NULL, err) < 0)
		return -1;
	if (run_on(l, db, "UPDATE ", " SET owner = ?, node = ?, turn = turn + 1 WHERE name = '" TURN "' AND turn = ?", turn, 3, &a, &e) < 0 ||
	    run_on(l, db, "UPDATE ", " SET owner = ?, node = ?, turn = turn + 1, expires = UTC_TIMESTAMP(6) + INTERVAL ? SECOND"
		   " WHERE name = '" BEAT "' AND (expires <= UTC_TIMESTAMP(6) OR ?)", beat, 4, &b, &e) < 0)
		return busy(db, &e, err);
	if (a.affected != 1 || b.affected != 1) {
		err_set(&e, ERR_BUSY, "-");
		return busy(db, &e, err);
	}
	return db_run(db, "COMMIT", NULL, 0, NULL, &e) < 0 ? busy(db, &e, err) : 0;
}

static int take(struct dblease *l, struct db *db, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows name = DB_ROWS_INIT;
	struct holder h;
	int got = -1;

	if (read_node(l, db, err) < 0)
		return -1;
	if (db_has_table(db, "maintkit_lease", NULL) && (got = read_holder(l, db, &h, err)) < 0)
		return -1;
	if (got <= 0 && (make_rows(l, db, err) < 0 || read_holder(l, db, &h, err) < 0))
		return -1;
	if (!may_take(l, db, &h, &name))
		return err_set(err, ERR_BUSY, "another run has the lease on database '%s': '%s' through node '%s', alive for %lld s more at least",
			       l->schema, h.owner, name.rows ? db_cell(&name, 0, 0) : h.node, (long long)(h.left > 0 ? h.left : 0));
	return write_holder(l, db, &h, err);
}

int dblease_take(struct dblease **out, struct db *db, const char *schema, int seconds, struct err *err)
{
	struct dblease *l = xcalloc(1, sizeof *l);
	AUTO_BUF table = BUF_INIT;

	*out = NULL;
	l->schema = xstrdup(schema);
	l->seconds = seconds;
	if (db_quote_name(&table, schema, err) == 0) {
		buf_adds(&table, ".maintkit_lease");
		l->table = buf_steal(&table);
		if (take(l, db, err) == 0) {
			*out = l;
			return 0;
		}
	}
	release(l);
	return -1;
}

int dblease_beat(const struct dblease *l, struct db *db, struct err *err)
{
	struct db_value v[] = { DBV_INT(l->seconds), DBV_STR(own_name()) };
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;

	if (run_on(l, db, "UPDATE ", " SET turn = turn + 1, expires = UTC_TIMESTAMP(6) + INTERVAL ? SECOND"
		   " WHERE name = '" BEAT "' AND owner = ?", v, 2, &rows, err) < 0)
		return -1;
	return rows.affected == 1 ? 0 : err_set(err, ERR_BUSY, "the lease on database '%s' is not ours any more", l->schema);
}

bool dblease_is_ours(const struct dblease *l, struct db *db)
{
	struct db_value v[] = { DBV_STR(own_name()) };
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;

	return run_on(l, db, "SELECT 1 FROM ", " WHERE name = '" TURN "' AND owner = ? LOCK IN SHARE MODE", v, 1, &rows, NULL) == 0 && rows.rows;
}

int dblease_seconds(const struct dblease *l)
{
	return l->seconds;
}

void dblease_format_fence(const struct dblease *l, struct buf *sql)
{
	buf_addf(sql, "UPDATE %s SET turn = turn + 1, owner = IF(owner = '%s', owner, (SELECT 1 UNION SELECT 2)) WHERE name = '" TURN "'",
		 l->table, own_name());
}

void dblease_give_back(struct dblease *l, struct db *db)
{
	struct db_value v[] = { DBV_STR(own_name()) };

	if (!l)
		return;
	/* A script may have left the session with anything. What fails here expires by itself. */
	if (db_run(db, "ROLLBACK", NULL, 0, NULL, NULL) < 0 || db_run(db, "SET SESSION autocommit = 1", NULL, 0, NULL, NULL) < 0 ||
	    run_on(l, db, "UPDATE ", " SET owner = '', turn = turn + 1 WHERE owner = ?", v, 1, NULL, NULL) < 0)
		(void)0;
	release(l);
}
