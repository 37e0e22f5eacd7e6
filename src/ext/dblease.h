/* The lock of a whole Galera cluster: a row that says who works on a database, and until when.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * GET_LOCK() is known to one node only. Table maintkit_lease is known to all: row
 * "sql" says whose turn it is, row "sql beat" until when he counts as alive, by
 * the server's clock (UTC). They are two rows so that the sign of life, sent over a second
 * connection while the first one is in a long statement, is in nobody's way.
 *
 * A lease is taken over when it has expired, and at once when its owner cannot be alive: his
 * node is no member of the cluster any more, or is the one that we are connected to,
 * where he would hold the lock (so: take db_lock() on that name before). Two that
 * take it at the same time through two nodes: the cluster's certification lets one
 * of them commit.
 *
 * An owner that was only thought dead (a stopped process, a frozen machine) must
 * not go on behind the other's back: whatever he commits goes together with the
 * fence, a statement that fails when the row is not his, and that the cluster
 * undoes when it is taken at the same time.
 */
#ifndef MAINTKIT_DBLEASE_H
#define MAINTKIT_DBLEASE_H

#include "db.h"

struct dblease;

/* Is the server a node of a cluster (wsrep_on)? */
int db_is_galera(struct db *db, bool *galera, struct err *err) MUST_CHECK;

/* Take the lease on schema (in which the table is made) for seconds. ERR_BUSY
 * with the owner's name when it is held. schema is copied. A process that lost its
 * connection has its own lease back at once. */
int dblease_take(struct dblease **out, struct db *db, const char *schema, int seconds, struct err *err) MUST_CHECK;
/* Another sign of life, over any connection to the cluster. ERR_BUSY: it is somebody else's now. */
int dblease_beat(const struct dblease *lease, struct db *db, struct err *err) MUST_CHECK;
/* Does the table still say so? Also when that cannot be asked: no. */
bool dblease_is_ours(const struct dblease *lease, struct db *db);
int dblease_seconds(const struct dblease *lease);
/* Append the fence. It fails with DBLEASE_FENCED when the lease is not ours. */
void dblease_format_fence(const struct dblease *lease, struct buf *sql);
#define DBLEASE_FENCED 1242u	/* ER_SUBQUERY_NO_1_ROW: the one error that no sql_mode turns into a warning */
/* Free it for others, over the connection of dblease_take (rolls back what is open there), and release it. */
void dblease_give_back(struct dblease *lease, struct db *db);

#endif
