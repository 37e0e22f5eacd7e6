/* Who blocks: the connections that a connection waits for, as a person can find them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For row locks InnoDB tells exactly who holds what another one wants. For
 * metadata locks (DDL behind an open transaction) the server tells only with a
 * plugin that is not loaded by default, so all open transactions are named.
 */
#include "db_priv.h"

#include <string.h>

#define COLUMNS "p.id, p.user, p.host, TIMESTAMPDIFF(SECOND, b.trx_started, NOW()), p.command, LEFT(IFNULL(p.info, ''), 60)"
#define NAMED_MAX " ORDER BY b.trx_started LIMIT 3"

static const char row_locks[] =
	"SELECT DISTINCT " COLUMNS " FROM information_schema.innodb_lock_waits w"
	" JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id"
	" JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id"
	" JOIN information_schema.processlist p ON p.id = b.trx_mysql_thread_id"
	" WHERE r.trx_mysql_thread_id = ?" NAMED_MAX;
static const char transactions[] =
	"SELECT " COLUMNS " FROM information_schema.innodb_trx b"
	" JOIN information_schema.processlist p ON p.id = b.trx_mysql_thread_id"
	" WHERE p.id <> ? AND p.id <> CONNECTION_ID()" NAMED_MAX;
static const char waiting[] =
	"SELECT state FROM information_schema.processlist WHERE id = ? AND state LIKE 'Waiting for%lock%'";

static void list(const struct db_rows *rows, struct buf *out)
{
	for (size_t i = 0; i < rows->rows; i++) {
		bool idle = !strcmp(db_cell(rows, i, 4), "Sleep");
		const char *since = db_cell(rows, i, 3);

		buf_addf(out, "%sconnection %s of '%s'@'%s' (in a transaction for %s s, %s%s)", out->len ? ", " : "", db_cell(rows, i, 0),
			 db_cell(rows, i, 1), db_cell(rows, i, 2), since ? since : "?", idle ? "idle" : "now in: ",
			 idle ? "" : db_cell(rows, i, 5));
	}
}

void db_open_transactions(struct db *db, int64_t except, struct buf *out)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	struct db_value v[] = { DBV_INT(except) };

	if (db_run(db, transactions, v, 1, &rows, NULL) == 0)
		list(&rows, out);
}

bool db_blockers(struct db *db, int64_t connection, struct buf *out)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	struct db_value v[] = { DBV_INT(connection) };

	if (db_run(db, row_locks, v, 1, &rows, NULL) == 0 && rows.rows) {
		list(&rows, out);
		return true;
	}
	if (db_run(db, waiting, v, 1, &rows, NULL) < 0 || !rows.rows)
		return false;
	db_open_transactions(db, connection, out);
	if (!out->len)
		buf_addf(out, "somebody (the server says '%s')", db_cell(&rows, 0, 0));
	return true;
}
