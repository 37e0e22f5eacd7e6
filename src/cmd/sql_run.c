/* Run one SQL script from where it stands to its end, so that being killed at any moment is no harm.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Statements are numbered in the order they come. Those that the journal calls
 * done are skipped, except what only the session knows (SET, USE ...), which
 * is done again. One statement at most is ambiguous: the one that was intended.
 */
#include <errno.h>
#include <fcntl.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "sql.h"

static int send_text(struct sql_run *r, const char *text, size_t len, int *failed, struct err *err)
{
	int more;

	*failed = 0;
	if (mysql_real_query(r->my, text, len))
		return db_error(r->db, err);
	do {
		MYSQL_RES *res = mysql_use_result(r->my);
		bool counted = *failed >= r->count_from;

		if (res) {
			while (mysql_fetch_row(res))
				;
			mysql_free_result(res);
		} else if (counted && mysql_field_count(r->my) == 0) {
			r->rows += (int64_t)mysql_affected_rows(r->my);
		}
		if (mysql_errno(r->my))
			return db_error(r->db, err);
		sql_session_heed(r);
		r->warnings += counted ? mysql_warning_count(r->my) : 0;
		more = mysql_next_result(r->my);
		++*failed;
	} while (more == 0);
	return more > 0 ? db_error(r->db, err) : 0;
}

int sql_send(struct sql_run *r, const char *text, size_t len, int *failed, struct err *err)
{
	int rc;

	sql_watch_busy(r->hold->watch, r->number);
	rc = send_text(r, text, len, failed, err);
	sql_watch_idle(r->hold->watch);
	return rc;
}

static int send_item(struct sql_run *r, struct err *err)
{
	int failed;

	return sql_send(r, r->item.text, r->item.len, &failed, err);
}

/* ---- one statement ---- */

static bool name_is(const char *a, const char *b)
{
	return !strcasecmp(a, b);
}

static int check_database(struct sql_run *r, const char *name, struct err *err)
{
	AUTO_STRV allowed = STRV_INIT;

	profile_words(r->t->profile, "sql", "databases", &allowed);
	if (name_is(name, r->schema) || strv_has(&allowed, name))
		return 0;
	return err_set(err, ERR_POLICY, "USE of another database '%s' is not allowed; name it in [sql] databases of the profile if it is meant",
		       name);
}

static int do_command(struct sql_run *r, struct err *err)
{
	switch (r->item.command) {
	case SQLSPLIT_USE:
		if (check_database(r, r->item.text, err) < 0)
			return -1;
		return mysql_select_db(r->my, r->item.text) ? db_error(r->db, err) : 0;
	case SQLSPLIT_CHARSET:
		if (mysql_set_character_set(r->my, r->item.text))
			return db_error(r->db, err);
		sql_file_set_charset(r, r->item.text);
		return 0;
	case SQLSPLIT_SOURCE:
	case SQLSPLIT_NO_COMMAND:
		break;
	}
	return 0;
}

static int note(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	AUTO_BUF replay = BUF_INIT;

	if (sql_session_keep(r, k, &replay, err) < 0)
		return -1;
	sql_journal_note(r, replay.len ? replay.p : NULL);
	return 0;
}

static bool autocommit(const struct sql_run *r)
{
	return r->my->server_status & SERVER_STATUS_AUTOCOMMIT;
}

/* None of ours is open: is one of the script's? AND CHAIN and completion_type begin one, a procedure may leave one open. */
static void follow_transaction(struct sql_run *r)
{
	r->script_tx = !autocommit(r) || (r->my->server_status & SERVER_STATUS_IN_TRANS);
}

/* Asked what the statement before it did: nothing may come between. Its record is written over another connection. */
static int run_asking(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	bool alone = !r->open && !r->script_tx && !k->reads_only && !r->hold->lease;

	if (alone && sql_journal_beside(r, err) < 0)
		return -1;
	if (send_item(r, err) < 0)
		return alone ? sql_journal_withdraw(r, err) : -1;
	r->tx_dirty |= !k->reads_only;
	if (note(r, k, err) < 0)
		return -1;
	return alone || r->open || r->script_tx || k->reads_only ? 0 : sql_journal_flush(r, err);
}

static int run_dml(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	int safe;

	if (k->wants_row_count)
		return run_asking(r, k, err);
	/* Outside of a transaction there are none; in ours there would be. */
	if (k->savepoint && !r->script_tx && sql_journal_flush(r, err) < 0)
		return -1;
	safe = sql_is_undone(r, k, err);
	if (safe < 0)
		return -1;
	if (!safe && !r->script_tx)
		return sql_journal_alone(r, k, err);
	if (!safe && sql_journal_mark(r, err) < 0)
		return -1;
	if (!k->savepoint && (sql_counters_before(r, k, err) < 0 || (!k->reads_only && sql_counters_hidden(r, k, err) < 0) ||
			      sql_journal_begin(r, err) < 0))
		return -1;
	if (send_item(r, err) < 0)
		return -1;
	r->tx_dirty |= !k->reads_only;
	sql_temporary_follow(r, k);
	r->made_temporary += k->temporary;
	return note(r, k, err);
}

/* These words of a SET concern transactions, so ours must not be open. */
static bool sets_transaction(const struct sql_run *r)
{
	size_t n = r->item.len < 512 ? r->item.len : 512;
	AUTO_FREE char *head = xstrndup(r->item.text, n);

	return strcasestr(head, "autocommit") || strcasestr(head, "transaction") || strcasestr(head, "isolation");
}

static int run_rollback(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	if (!r->script_tx && sql_journal_flush(r, err) < 0)
		return -1;
	if (send_item(r, err) < 0)
		return -1;
	follow_transaction(r);
	r->tx_dirty = false;
	return note(r, k, err);
}

static int run_begin(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	if (sql_journal_flush(r, err) < 0 || send_item(r, err) < 0)
		return -1;
	r->script_tx = true;
	return note(r, k, err);
}

/* Does the statement name something of the latest one that was recorded by itself, or of one behind it that is not on record yet? */
static bool is_near(const struct sql_run *r, const struct sql_kind *k)
{
	if (r->near_all || (k->table && strv_has(&r->near, k->table)))
		return true;
	for (size_t i = 0; i < k->n_traces; i++) {
		const char *name = k->trace[i].table ? k->trace[i].table : k->trace[i].name;

		if (name && strv_has(&r->near, name))
			return true;
	}
	return false;
}

static void remember_near(struct sql_run *r, const struct sql_kind *k)
{
	if (k->table && !strv_has(&r->near, k->table))
		strv_add(&r->near, k->table);
	for (size_t i = 0; i < k->n_traces; i++) {
		const char *name = k->trace[i].table ? k->trace[i].table : k->trace[i].name;

		if (name && !strv_has(&r->near, name))
			strv_add(&r->near, name);
	}
}

/* A statement that may be done twice needs no record of its beginning; its end
 * goes with the next record. After a cut all those are done again in a row, so none may depend on what
 * another one of them changes (DROP COLUMN IF EXISTS a, then a column that is renamed to a: the second
 * time it is the wrong one that goes), nor blur the traces of the one before. */
static bool may_be_lazy(const struct sql_run *r, const struct sql_kind *k)
{
	return k->repeatable && !k->unknown && !k->copies && k->n_traces && k->trace[0].kind != TRACE_DATABASE && !r->open && !r->script_tx &&
	       !r->temporary.n && !is_near(r, k) && !sql_counters_concern(r, k) && r->pend_count < 100;
}

static int run_lazy(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	if (send_item(r, err) < 0)
		return -1;
	sql_engine_forget(r, k);
	remember_near(r, k);
	return note(r, k, err);
}

static int run_alone(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	if (sql_journal_alone(r, k, err) < 0)
		return -1;
	strv_release(&r->near);
	remember_near(r, k);
	r->near_all = k->class != SQL_DDL || k->copies;
	follow_transaction(r);
	sql_temporary_follow(r, k);
	sql_engine_forget(r, k);
	return 0;
}

/* In a transaction, which the statement may end by itself: the script's own, or ours when that undoes all that it does. */
static int run_inside(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	int safe = k->class == SQL_SESSION ? 1 : sql_is_undone(r, k, err);

	if (safe < 0)
		return -1;
	if (!safe && !r->script_tx)
		return run_alone(r, k, err);
	if (!safe && sql_journal_mark(r, err) < 0)
		return -1;
	if (sql_counters_hidden(r, k, err) < 0 || sql_journal_begin(r, err) < 0 || sql_journal_inside(r, k, err) < 0)
		return -1;
	r->tx_dirty |= k->class != SQL_SESSION;
	if (r->my->server_status & SERVER_STATUS_IN_TRANS)
		return 0;
	sql_engine_forget(r, k);
	r->open = false;
	r->near_all = true;
	follow_transaction(r);
	return sql_journal_flush(r, err);
}

static int run_session(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	if (k->use && check_database(r, k->use, err) < 0)
		return -1;
	if (r->open && sets_transaction(r) && sql_journal_flush(r, err) < 0)
		return -1;
	/* It will be done again with the variables as they are now. */
	if (!k->only_variables && !k->wants_row_count && memchr(r->item.text, '@', r->item.len) && sql_session_settle(r, err) < 0)
		return -1;
	/* A function that is called for a value may change rows: with its record, or not at all. */
	if (k->only_variables && !k->wants_row_count && memchr(r->item.text, '(', r->item.len) &&
	    (sql_counters_hidden(r, k, err) < 0 || sql_journal_begin(r, err) < 0))
		return -1;
	if (strcasestr(r->item.text, "completion_type"))
		return err_set(err, ERR_FAIL, "completion_type is not supported: the journal would not know which transactions have begun; say AND CHAIN where it is meant");
	/* SET autocommit = 1 commits: with the record of what is committed. */
	if (r->script_tx && strcasestr(r->item.text, "autocommit"))
		return run_inside(r, k, err);
	if ((r->item.command ? do_command(r, err) : send_item(r, err)) < 0)
		return -1;
	if (!strcmp(k->verb, "PREPARE"))
		sql_prepared_learn(r);
	if (!autocommit(r) && !r->script_tx) {
		if (r->open && sql_journal_flush(r, err) < 0)
			return -1;
		r->script_tx = true;
	}
	r->rows = 0;
	if (k->use || r->item.command == SQLSPLIT_USE || strcasestr(r->item.text, "engine"))
		sql_engine_forget(r, k);	/* a name without a database means another table now */
	return note(r, k, err);
}

static int run_kind(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	switch (k->class) {
	case SQL_DML:
		if (k->local_file && !r->script->local_files)
			return err_set(err, ERR_POLICY, "LOAD DATA LOCAL reads files of this machine at the server's wish and is not allowed; if it is meant, say local-files = yes in [sql] or [sql:%s] of the profile",
				       r->script->name);
		r->loads = k->local_file;
		return run_dml(r, k, err);
	case SQL_SESSION:
		return run_session(r, k, err);
	case SQL_BEGIN:
		return run_begin(r, k, err);
	case SQL_COMMIT:
		if (sql_journal_with_commit(r, k, err) < 0)
			return -1;
		follow_transaction(r);
		return 0;
	case SQL_ROLLBACK:
		return run_rollback(r, k, err);
	case SQL_LOCK:
		/* Our lock keeps others of ours away, and under LOCK TABLES the
		 * journal could not be written. What it implies is kept: a commit. */
		if (r->script_tx && sql_journal_flush(r, err) < 0)
			return -1;
		r->script_tx = !autocommit(r);
		return note(r, k, err);
	case SQL_OPAQUE:
		if (!strcmp(k->verb, "XA"))
			return err_set(err, ERR_FAIL, "XA transactions are not supported: they outlive the session, and the journal cannot be written in them; use START TRANSACTION");
		if (k->wants_row_count && !strcmp(k->verb, "CALL"))
			return err_set(err, ERR_FAIL, "CALL with a question about the statement before it is not supported; put the answer into a variable first: SET @n = ROW_COUNT()");
		return run_inside(r, k, err);
	case SQL_DDL:
		return may_be_lazy(r, k) ? run_lazy(r, k, err) : run_alone(r, k, err);
	}
	return 0;
}

/* What is recorded outside of a transaction must stay, also when the script turned autocommit off. */
static int record_for_good(struct sql_run *r, struct err *err)
{
	static const char on[] = "SET SESSION autocommit = 1";
	int failed;

	return autocommit(r) ? 0 : sql_send(r, on, sizeof on - 1, &failed, err);
}

/* The connection is lost: nothing can be told to the server. Lock trouble may
 * have undone the whole transaction: forget it. Else keep what was done before. */
static void after_error(struct sql_run *r, bool explain, struct err *err)
{
	struct err e = ERR_INIT;
	int failed;

	if (err->kind == ERR_BACKEND)
		return;
	if (r->hold->lease && (r->fenced_out || !dblease_is_ours(r->hold->lease, r->db))) {
		explain = false;
		(void)sql_fenced_out(r, err);
	}
	if (err->lib == ER_LOCK_WAIT_TIMEOUT)
		sql_name_blockers(r, err);
	if (err->kind == ERR_BUSY || r->script_tx || r->load_failed) {
		if (sql_send(r, "ROLLBACK", 8, &failed, &e) < 0)
			log_debug("%s", e.text);
		sql_journal_drop(r);
		r->open = false;
		if (r->fenced_out)
			return;		/* what is recorded of the script is another one's now */
	} else if (sql_journal_flush(r, &e) < 0) {
		log_debug("%s", e.text);
	}
	if (explain)
		sql_explain(r, err);
	if (record_for_good(r, &e) < 0 || scriptstate_error(r->db, r->schema, r->script->name, err->text, &e) < 0)
		log_debug("%s", e.text);
}

/* What was done is skipped, but the session has to become what it was. */
static int again_for_session(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	int rc = r->item.command ? do_command(r, err) : send_item(r, err);

	/* What it was prepared for may have gone since; whoever needs it will say so. */
	if (rc < 0 && err->kind != ERR_BACKEND && (!strcmp(k->verb, "PREPARE") || !strcmp(k->verb, "DEALLOCATE")))
		return 0;
	if (rc == 0 && !strcmp(k->verb, "PREPARE"))
		sql_prepared_learn(r);
	return rc;
}

/* What is done again when a run goes on needs no record of what it made of the session. */
static int run_heeding(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	int rc;

	r->heeding = k->class != SQL_SESSION || k->only_variables;
	rc = run_kind(r, k, err);
	r->heeding = false;
	return rc;
}

/* The statement in question: was it done? */
static int settle(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	int done = sql_resolve(r, k, err), failed;

	if (done < 0 || scriptstate_settle(r->db, r->schema, r->script->name, r->number, done, err) < 0 ||
	    (!autocommit(r) && sql_send(r, "COMMIT", 6, &failed, err) < 0))
		return -1;
	if (done)
		sql_counters_learn(r, k);
	return done;
}

/* Counters are set back by DDL, which ends the transaction that AND CHAIN has left open. */
static int go_on(struct sql_run *r, struct err *err)
{
	bool open = r->my->server_status & SERVER_STATUS_IN_TRANS;
	int failed;

	if (sql_counters_restore(r, err) < 0 || (open && sql_send(r, "START TRANSACTION", 17, &failed, err) < 0))
		return -1;
	follow_transaction(r);
	return 0;
}

static int run_item(struct sql_run *r, struct err *err)
{
	CLEANUP(sql_kind_release) struct sql_kind k = SQL_KIND_INIT;
	unsigned status = r->my->server_status;
	const char *text = r->item.text;
	bool first;
	int settled = 0;

	/* A custom delimiter is worth a look into the whole text, which cannot
	 * hold another statement otherwise. */
	sql_kind_of(&k, text, r->item.len, status & SERVER_STATUS_ANSI_QUOTES,
		    status & SERVER_STATUS_NO_BACKSLASH_ESCAPES, memchr(text, ';', r->item.len < 65536 ? r->item.len : 65536));
	if (r->item.command)
		k.class = SQL_SESSION;
	else if (k.class == SQL_OPAQUE)
		sql_prepared_judge(r, &k);
	if (r->skipping && r->number <= r->skip_upto) {
		if (sql_past_check(r, err) < 0)
			return -1;
		sql_counters_learn(r, &k);
		sql_temporary_follow(r, &k);
		if (sql_past_consume(r, &k, err) < 0)
			return -1;
		if (k.class == SQL_SESSION && !k.only_variables)
			return again_for_session(r, &k, err);
		sql_past_lose(r, &k);
		return 0;
	}
	first = r->skipping;
	if (first && sql_past_end(r, err) < 0)
		return -1;
	if (r->number == r->ambiguous && (settled = settle(r, &k, err)) < 0)
		return -1;
	/* Only now is it known what the tables are that have counters. */
	if (first && go_on(r, err) < 0)
		return -1;
	if (settled) {
		r->recorded = r->number;
		sql_past_lose(r, &k);
		return 0;
	}
	if (sql_past_suffices(r, &k, err) < 0 || run_heeding(r, &k, err) < 0) {
		after_error(r, true, err);
		return -1;
	}
	r->asked_of = true;
	sql_counters_learn(r, &k);
	return 0;
}

static int next_statement(struct sql_run *r, struct err *err)
{
	size_t at = r->at_past;

	if (r->item.command == SQLSPLIT_SOURCE) {
		if (sql_file_source(r, r->item.text, err) == 0)
			return 0;
		after_error(r, false, err);
		return -1;
	}
	if (sql_watch_lost(r->hold->watch, r->db)) {
		after_error(r, false, err);
		return -1;
	}
	r->number++;
	r->rows = 0;
	r->warnings = 0;
	r->loads = false;
	if (run_item(r, err) < 0 || sql_past_replay(r, at, err) < 0)
		return -1;
	sql_file_set_modes(r);
	if (!r->script_tx && !r->temporary.n && sql_journal_is_full(r) && sql_journal_flush(r, err) < 0)
		return -1;
	sql_show_progress(r, false);
	return 0;
}

/* ---- the script ---- */

static int prepare(struct sql_run *r, struct err *err)
{
	int64_t packet;

	sql_local_prepare(r);
	if (mysql_set_server_option(r->my, MYSQL_OPTION_MULTI_STATEMENTS_ON))
		return db_error(r->db, err);
	if (mysql_set_character_set(r->my, r->script->charset)) {
		db_error(r->db, err);
		err_prefix(err, "character set '%s' of script '%s'", r->script->charset, r->script->name);
		return -1;
	}
	if (db_get_int(r->db, "SELECT @@max_allowed_packet", NULL, 0, &packet, err) < 0 ||
	    sql_session_settings(r, NULL, err) < 0 || sql_session_track(r, err) < 0 || sql_past_load(r, err) < 0)
		return -1;
	if (sql_file_push(r, r->script->path, err) < 0)
		return -1;
	r->packet = (size_t)packet;
	sqlsplit_set_limit(r->file[0].sp, r->packet);
	sql_file_set_modes(r);
	return scriptstate_begin(r->db, r->schema, r->script->name, r->script->sha256, r->script->bytes, err);
}

static int end_script(struct sql_run *r, struct err *err)
{
	int failed;

	if (r->number < r->skip_upto)
		return err_set(err, ERR_POLICY, "script '%s' has only %lld statements, but %lld of it are applied; put the old text back",
			       r->script->name, (long long)r->number, (long long)r->skip_upto);
	if (r->script_tx && r->tx_dirty) {
		if (sql_send(r, "ROLLBACK", 8, &failed, err) < 0)
			return -1;
		return err_set(err, ERR_FAIL, "%s: the script ends inside a transaction, so the server threw its statements away; it lacks a COMMIT",
			       r->script->path);
	}
	if (sql_journal_flush(r, err) < 0 || record_for_good(r, err) < 0)
		return -1;
	sql_show_progress(r, true);
	return scriptstate_finish(r->db, r->schema, r->script->name, r->script->sha256, "done", r->number, err);
}

static void run_release(struct sql_run *r)
{
	while (r->depth)
		sql_file_pop(r);
	sql_journal_drop(r);
	free(r->pend);
	free(r->top);
	scriptstate_ranges_free(r->past, r->n_past);
	db_close(r->side);
	strv_release(&r->lost);
	strv_release(&r->safe);
	strv_release(&r->unsafe);
	strv_release(&r->touched);
	strv_release(&r->counted);
	strv_release(&r->created);
	strv_release(&r->near);
	strv_release(&r->temporary);
	strv_release(&r->variables);
	buf_release(&r->session);
	strv_release(&r->prepared);
}

int64_t sql_run_script(struct tool *t, const struct sql_hold *hold, const char *schema, const struct sql_script *s,
		       bool *progress, struct err *err)
{
	CLEANUP(run_release) struct sql_run r = { .t = t, .hold = hold, .db = hold->db, .my = db_handle(hold->db), .script = s,
						  .schema = schema, .skipping = true };
	int got, rc;

	r.top = path_dirname(s->path);
	clock_gettime(CLOCK_MONOTONIC, &r.begun);
	r.told = r.since = r.begun;
	rc = prepare(&r, err);
	while (rc == 0 && (got = sql_file_next(&r, err)) != 0) {
		if (got < 0)
			after_error(&r, false, err);	/* the text knows its place */
		rc = got < 0 ? -1 : next_statement(&r, err);
	}
	if (rc == 0)
		rc = end_script(&r, err);
	*progress |= r.progress;
	return rc < 0 ? -1 : r.number - r.skip_upto;
}
