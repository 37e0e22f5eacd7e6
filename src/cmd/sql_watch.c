/* A second pair of eyes on a run: keeps the cluster's lease alive, names who blocks, tells that a long statement is at work.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The connection that runs the script can do none of it while a statement is
 * under way. This thread shares nothing with it but what stands in struct
 * sql_watch; both only ever speak to the server over their own connection.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "sql.h"

#define TICK_MS 250
#define BLOCKED_AFTER_MS 1000	/* look for a lock wait after that */
#define LONG_AFTER_MS 15000	/* say that it is at work, then less and less often */

struct sql_watch {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool stop;			/* under mutex */
	char *blockers;			/* under mutex: who blocked statement blocked */
	int64_t blocked;

	struct tool *t;
	const struct dblease *lease;
	int64_t connection;
	_Atomic int64_t busy_since;	/* ms; 0: idle */
	_Atomic int64_t statement;
	atomic_bool lost;
	_Atomic int64_t sure;		/* when the lease was known to be ours */

	/* the thread's own */
	struct db *db;
	int64_t last_beat, told_blockers, told_long;	/* told_*: busy_since of the request they were told of */
	int64_t next_long;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);	/* a machine that sleeps loses its lease too */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* NULL: not now. What fails is tried again at the next tick, or concerns nobody. */
static struct db *connection(struct sql_watch *w)
{
	if (!w->db && sql_connect_quietly(w->t, &w->db, NULL) < 0)
		w->db = NULL;
	return w->db;
}

static void disconnect(struct sql_watch *w)
{
	db_close(w->db);
	w->db = NULL;
}

static void beat(struct sql_watch *w, int64_t now)
{
	struct err e = ERR_INIT;

	if (!w->lease || w->lost || now - w->last_beat < dblease_seconds(w->lease) * 1000L / 4 || !connection(w))
		return;
	w->last_beat = now;
	if (dblease_beat(w->lease, w->db, &e) == 0) {
		w->sure = now;
		return;
	}
	if (e.kind == ERR_BUSY && !e.lib)
		w->lost = true;
	disconnect(w);
}

static void look_for_blockers(struct sql_watch *w, int64_t since)
{
	AUTO_BUF who = BUF_INIT;

	if (w->told_blockers == since || !connection(w) || !db_blockers(w->db, w->connection, &who) || w->busy_since != since)
		return;
	w->told_blockers = since;
	log_warn("statement %lld waits for a lock; in its way: %s", (long long)w->statement, who.p);
	pthread_mutex_lock(&w->mutex);
	free(w->blockers);
	w->blockers = buf_steal(&who);
	w->blocked = w->statement;
	pthread_mutex_unlock(&w->mutex);
}

static void tell_long(struct sql_watch *w, int64_t since, int64_t took)
{
	if (w->told_long != since) {
		w->told_long = since;
		w->next_long = LONG_AFTER_MS;
	}
	if (took < w->next_long)
		return;
	log_info("statement %lld has been at work for %lld s", (long long)w->statement, (long long)took / 1000);
	w->next_long *= 2;
}

static void look(struct sql_watch *w)
{
	int64_t now = now_ms(), since = w->busy_since;

	beat(w, now);
	if (!since || now - since < BLOCKED_AFTER_MS || !w->statement)
		return;
	look_for_blockers(w, since);
	if (w->told_blockers != since)
		tell_long(w, since, now - since);
}

static void *watch_main(void *arg)
{
	struct sql_watch *w = arg;

	mysql_thread_init();
	pthread_mutex_lock(&w->mutex);
	while (!w->stop) {
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += TICK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&w->wake, &w->mutex, &until);
		if (w->stop)
			break;
		pthread_mutex_unlock(&w->mutex);
		look(w);
		pthread_mutex_lock(&w->mutex);
	}
	pthread_mutex_unlock(&w->mutex);
	disconnect(w);
	mysql_thread_end();
	return NULL;
}

struct sql_watch *sql_watch_start(struct tool *t, struct db *db, const struct dblease *lease)
{
	struct sql_watch *w = xcalloc(1, sizeof *w);
	pthread_condattr_t attr;

	w->t = t;
	w->lease = lease;
	w->connection = (int64_t)mysql_thread_id(db_handle(db));
	w->last_beat = w->sure = now_ms();
	pthread_mutex_init(&w->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&w->thread, NULL, watch_main, w) == 0)
		return w;
	free(w);
	return NULL;
}

void sql_watch_stop(struct sql_watch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->mutex);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->mutex);
	free(w->blockers);
	free(w);
}

void sql_watch_busy(struct sql_watch *w, int64_t statement)
{
	if (!w)
		return;
	w->statement = statement;
	w->busy_since = now_ms();
}

void sql_watch_idle(struct sql_watch *w)
{
	if (w)
		w->busy_since = 0;
}

char *sql_watch_blockers(struct sql_watch *w)
{
	char *who = NULL;

	if (!w)
		return NULL;
	pthread_mutex_lock(&w->mutex);
	if (w->blocked == w->statement)
		who = MOVE_PTR(w->blockers);
	pthread_mutex_unlock(&w->mutex);
	return who;
}

bool sql_watch_lost(struct sql_watch *w, struct db *db)
{
	int64_t now;

	if (!w || !w->lease || w->lost)
		return w && w->lost;
	now = now_ms();
	if (now - w->sure < dblease_seconds(w->lease) * 1000L)
		return false;
	if (!dblease_is_ours(w->lease, db))
		return true;
	w->sure = now;
	return false;
}
