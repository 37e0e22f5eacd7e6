/* The journal around statements: what was done is committed together with having been done.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Statements that a transaction undoes are run in one of ours, many together,
 * and one journal row for all of them is written before its COMMIT: killed at
 * any moment, either all of them are done and recorded, or none. That is also faster than the
 * client, which lets the server commit (and flush) each.
 *
 * A statement that commits by itself (DDL) cannot share a transaction with its
 * record. Its row is written as "intended" in the same packet, right in front
 * of it; the next row to be written says that it was done.
 */
#include <stdio.h>
#include <string.h>

#include "sql.h"

#define GROUP_COUNT 5000
#define GROUP_BYTES (8u << 20)
#define GROUP_SECONDS 2

static double seconds_since(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - from->tv_sec) + (double)(now.tv_nsec - from->tv_nsec) / 1e9;
}

static struct script_range *add_pending(struct sql_run *r)
{
	if (r->n_pend == r->cap_pend) {
		r->cap_pend = r->cap_pend ? 2 * r->cap_pend : 16;
		r->pend = xreallocarray(r->pend, r->cap_pend, sizeof *r->pend);
	}
	r->pend[r->n_pend] = (struct script_range){ .from = r->number, .upto = r->number, .done = true,
						    .line = (int64_t)r->item.line };
	sha256_init(&r->pend_sha);
	return &r->pend[r->n_pend++];
}

static void close_range(struct sql_run *r)
{
	struct sha256 h = r->pend_sha;

	if (r->n_pend && !r->pend[r->n_pend - 1].sha256[0])
		sha256_final_hex(&h, r->pend[r->n_pend - 1].sha256);
}

/* Is the latest pending row still open for one more statement? */
static bool can_extend(const struct sql_run *r)
{
	const struct script_range *g = r->n_pend ? &r->pend[r->n_pend - 1] : NULL;

	return g && !g->sha256[0] && !g->replay && g->upto == r->number - 1;
}

void sql_journal_note(struct sql_run *r, const char *replay)
{
	struct script_range *g;

	if (replay || !can_extend(r)) {
		close_range(r);
		g = add_pending(r);
	} else {
		g = &r->pend[r->n_pend - 1];
	}
	g->upto = r->number;
	g->rows += r->rows;
	r->all_rows += r->rows;
	g->warnings += r->warnings;
	g->replay = replay ? xstrdup(replay) : NULL;
	sha256_update(&r->pend_sha, r->item.text, r->item.len);
	sha256_update(&r->pend_sha, "", 1);
	if (replay)
		close_range(r);
	r->pend_bytes += r->item.len;
	r->pend_count++;
	r->rows = 0;
	r->warnings = 0;
}

void sql_journal_amend(struct sql_run *r, const char *replay)
{
	struct script_range *g = &r->pend[r->n_pend - 1];
	char *before = MOVE_PTR(g->replay);

	close_range(r);
	g->replay = before ? xasprintf("%s; %s", before, replay) : xstrdup(replay);
	free(before);
}

void sql_journal_drop(struct sql_run *r)
{
	for (size_t i = 0; i < r->n_pend; i++)
		free(r->pend[i].replay);
	r->n_pend = 0;
	r->pend_bytes = r->pend_count = 0;
}

bool sql_journal_is_full(const struct sql_run *r)
{
	return r->pend_count >= GROUP_COUNT || r->pend_bytes >= GROUP_BYTES ||
	       (r->n_pend && seconds_since(&r->since) >= GROUP_SECONDS);
}

int sql_journal_begin(struct sql_run *r, struct err *err)
{
	int failed;

	if (r->open || r->script_tx)
		return 0;
	if (sql_send(r, "START TRANSACTION", 17, &failed, err) < 0)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &r->since);
	r->open = true;
	return 0;
}

/* On a cluster: what is committed is committed together with the lease being ours. */
static void format_fence(struct sql_run *r, struct buf *sql)
{
	if (!r->hold->lease || !r->n_pend)
		return;
	if (!r->open && !r->script_tx) {
		buf_adds(sql, "START TRANSACTION;");
		r->open = true;
	}
	dblease_format_fence(r->hold->lease, sql);
	buf_adds(sql, ";");
}

/* The journal's part of a packet failed. */
static int journal_error(struct sql_run *r, struct err *err)
{
	if (r->hold->lease && err->lib == DBLEASE_FENCED) {
		return sql_fenced_out(r, err);
	}
	err_prefix(err, "the journal could not be written");
	return -1;
}

/* Up to where the database knows that the script is done. */
static void recorded(struct sql_run *r)
{
	if (!r->n_pend)
		return;
	r->progress = true;
	r->recorded = r->pend[r->n_pend - 1].done ? r->pend[r->n_pend - 1].upto : r->pend[r->n_pend - 1].from - 1;
}

/* The INSERT for all pending rows. */
static void format_pending(struct sql_run *r, struct buf *sql)
{
	close_range(r);
	format_fence(r, sql);
	if (r->n_pend)
		scriptstate_format(sql, r->schema, r->script->name, r->pend, r->n_pend);
	if (r->marked) {
		buf_adds(sql, sql->len ? ";" : "");
		scriptstate_format_beyond(sql, r->schema, r->script->name, 0);
		r->marked = false;
	}
	sql_counters_format(r, sql);
}

int sql_journal_flush(struct sql_run *r, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;
	int failed;

	if (sql_session_settle(r, err) < 0)
		return -1;
	format_pending(r, &sql);
	if (r->open || r->script_tx)
		buf_addf(&sql, "%sCOMMIT", sql.len ? ";" : "");
	if (!sql.len)
		return 0;
	if (sql_send(r, sql.p, sql.len, &failed, err) < 0)
		return journal_error(r, err);
	recorded(r);
	sql_journal_drop(r);
	r->open = false;
	r->tx_dirty = false;
	r->rows = 0;
	r->warnings = 0;
	return 0;
}

int sql_journal_with_commit(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;
	int failed;

	if (sql_session_settle(r, err) < 0)
		return -1;
	sql_journal_note(r, k->chains ? "START TRANSACTION" : NULL);
	format_pending(r, &sql);
	buf_adds(&sql, ";\n");
	buf_add(&sql, r->item.text, r->item.len);
	if (sql_send(r, sql.p, sql.len, &failed, err) < 0)
		return r->hold->lease && err->lib == DBLEASE_FENCED ? journal_error(r, err) : -1;
	recorded(r);
	sql_journal_drop(r);
	r->open = r->tx_dirty = false;
	return 0;
}

/* Our own text holds no strings with a semicolon. */
static size_t count_statements(const struct buf *sql)
{
	size_t n = 1;

	for (size_t i = 0; i < sql->len; i++)
		n += sql->p[i] == ';';
	return n;
}

/* The statement failed: it is not intended any more. What was before it stays done. */
int sql_journal_withdraw(struct sql_run *r, struct err *err)
{
	struct err e = ERR_INIT;
	int failed;

	if (err->kind == ERR_BACKEND || r->load_failed)
		return -1;	/* no way to tell it to anybody; half a file is in a table that cannot undo it */
	if (scriptstate_settle(r->db, r->schema, r->script->name, r->number, false, &e) < 0 ||
	    (!(r->my->server_status & SERVER_STATUS_AUTOCOMMIT) && sql_send(r, "COMMIT", 6, &failed, &e) < 0))
		log_debug("%s", e.text);
	return -1;
}

static void note_intended(struct sql_run *r)
{
	close_range(r);
	add_pending(r)->done = false;
	sha256_update(&r->pend_sha, r->item.text, r->item.len);
	sha256_update(&r->pend_sha, "", 1);
}

/* The journal's part, and behind it the statement at hand. *journal: what has failed is the journal's. */
static int send_behind(struct sql_run *r, struct buf *sql, bool *journal, struct err *err)
{
	int own = (int)count_statements(sql), failed = 0, rc;

	/* A statement that fills a packet has one for itself. */
	if (sql->len + r->item.len + 4 > r->packet) {
		*journal = true;
		if (sql_send(r, sql->p, sql->len, &failed, err) < 0)
			return -1;
		buf_reset(sql);
		own = 0;
	} else {
		buf_adds(sql, ";\n");
	}
	buf_add(sql, r->item.text, r->item.len);
	r->rows = 0;
	r->warnings = 0;
	r->count_from = own;
	rc = sql_send(r, sql->p, sql->len, &failed, err);
	r->count_from = 0;
	*journal = failed < own;
	return rc;
}

int sql_send_beside(struct sql_run *r, const struct buf *sql, struct err *err)
{
	if (!r->side && sql_connect_quietly(r->t, &r->side, err) < 0)
		return -1;
	return db_run(r->side, sql->p, NULL, 0, NULL, err);
}

int sql_journal_beside(struct sql_run *r, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;
	int64_t rows = r->rows;

	note_intended(r);
	close_range(r);
	scriptstate_format(&sql, r->schema, r->script->name, r->pend, r->n_pend);
	if (sql_send_beside(r, &sql, err) < 0)
		return journal_error(r, err);
	recorded(r);
	sql_journal_drop(r);
	r->rows = rows;
	return 0;
}

int sql_journal_mark(struct sql_run *r, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;

	if (r->marked)
		return 0;
	scriptstate_format_beyond(&sql, r->schema, r->script->name, r->number);
	if (sql_send_beside(r, &sql, err) < 0)
		return journal_error(r, err);
	r->marked = true;
	return 0;
}

int sql_journal_alone(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	AUTO_BUF sql = BUF_INIT, replay = BUF_INIT;
	bool journal;
	int rc;

	if (sql_session_settle(r, err) < 0)
		return -1;
	note_intended(r);
	sql_look_before(r, k, r->pend[r->n_pend - 1].looked);
	format_pending(r, &sql);
	sql_counters_format_stale(r, k, &sql);
	if (r->open || r->script_tx)
		buf_adds(&sql, ";COMMIT");
	rc = send_behind(r, &sql, &journal, err);
	if (rc < 0 && journal)
		return journal_error(r, err);
	/* From here on all that was pending is in the database. */
	r->open = r->tx_dirty = false;
	recorded(r);
	sql_journal_drop(r);
	if (rc < 0)
		return sql_journal_withdraw(r, err);
	if (sql_session_keep(r, k, &replay, err) < 0)
		return -1;
	sql_journal_note(r, replay.len ? replay.p : NULL);
	close_range(r);		/* its row exists already and must stay of this one statement */
	clock_gettime(CLOCK_MONOTONIC, &r->since);
	return 0;
}

/* The rows go into the transaction in front of the statement. Does that
 * commit (a procedure with DDL in it), they are committed with it, and the
 * statement is the one in question until the next flush. Else they are written
 * once more at the COMMIT; they are kept, because a ROLLBACK takes them away. */
int sql_journal_inside(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	AUTO_BUF sql = BUF_INIT, replay = BUF_INIT;
	struct script_range *g;
	bool journal;

	if (sql_session_settle(r, err) < 0)
		return -1;
	note_intended(r);
	close_range(r);
	format_fence(r, &sql);
	scriptstate_format(&sql, r->schema, r->script->name, r->pend, r->n_pend);
	/* In the script's transaction an error needs no withdrawal: the caller rolls back, and with it the row, unless what is
	 * in question was committed. */
	if (send_behind(r, &sql, &journal, err) < 0) {
		if (journal)
			return journal_error(r, err);
		r->n_pend -= !r->script_tx;
		return r->script_tx ? -1 : sql_journal_withdraw(r, err);
	}
	if (sql_session_keep(r, k, &replay, err) < 0)
		return -1;
	g = &r->pend[r->n_pend - 1];
	g->done = true;
	g->rows = r->rows;
	r->all_rows += r->rows;
	g->warnings = r->warnings;
	g->replay = replay.len ? xstrdup(replay.p) : NULL;
	r->pend_bytes += r->item.len;
	r->pend_count++;
	return 0;
}
