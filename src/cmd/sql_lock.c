/* One run at a time on a database: a lock of the server, and a lease where the server is one of a cluster.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <unistd.h>

#include "sql.h"

#define LEASE_SECONDS 20

static int lock_server(struct db *db, const char *database, struct err *err)
{
	AUTO_FREE char *name = xasprintf("maintkit_sql/%.50s", database);
	struct err e = ERR_INIT;

	if (db_lock(db, name, 0, &e) == 0)
		return 0;
	if (e.kind == ERR_BUSY) {
		log_info("%s; waiting up to %ld s", e.text, sql_opts.wait);
		return db_lock(db, name, (int)sql_opts.wait, err);
	}
	*err = e;
	return -1;
}

static int lease_seconds(const struct tool *t, int *seconds, struct err *err)
{
	const char *s = profile_get(t->profile, "sql", "lease");
	char *end;
	long n = s ? strtol(s, &end, 10) : LEASE_SECONDS;

	if (n < 2 || n > 3600 || (s && *end))
		return err_set(err, ERR_FAIL, "[sql] lease of the profile: '%s' is not 2 to 3600 seconds", s);
	*seconds = (int)n;
	return 0;
}

static int lock_cluster(const struct tool *t, struct db *db, const char *database, struct dblease **lease, struct err *err)
{
	struct err e = ERR_INIT;
	int seconds = 0;

	if (lease_seconds(t, &seconds, err) < 0)
		return -1;
	for (long waited = 0;; waited++) {
		if (dblease_take(lease, db, database, seconds, &e) == 0)
			return 0;
		if (e.kind != ERR_BUSY || waited >= sql_opts.wait) {
			*err = e;
			return -1;
		}
		if (!waited)
			log_info("%s; waiting up to %ld s", e.text, sql_opts.wait);
		sleep(1);
	}
}

int sql_lock(struct tool *t, struct db *db, const char *database, bool lease, struct sql_hold *h, struct err *err)
{
	bool galera;

	*h = (struct sql_hold){ .db = db };
	if (lock_server(db, database, err) < 0)
		return -1;
	if (lease && (db_is_galera(db, &galera, err) < 0 || (galera && lock_cluster(t, db, database, &h->lease, err) < 0)))
		return -1;
	h->watch = sql_watch_start(t, db, h->lease);
	return 0;
}

void sql_unlock(struct sql_hold *h)
{
	sql_watch_stop(h->watch);
	dblease_give_back(h->lease, h->db);
	*h = (struct sql_hold){ 0 };
}
