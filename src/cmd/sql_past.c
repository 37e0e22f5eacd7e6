/* What earlier runs of a script did: skipped, checked to be the same text, and the session made what it was.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql.h"

/* In a transaction that was undone, statement r->beyond changed what none undoes. */
static int went_beyond(struct sql_run *r, struct err *err)
{
	return err_set(err, ERR_FAIL, "script '%s' was cut off in a transaction; the server has undone it, except what statement %lld (and those behind it) changed in tables that are not InnoDB: run again, that would be there twice\n"
		       "  look at: those tables, and take back what the transaction from statement %lld on left in them\n  then run: maintkit -p %s sql repair %s --redo %lld, and apply again",
		       r->script->name, (long long)r->beyond, (long long)r->skip_upto + 1, r->t->package, r->script->name, (long long)r->beyond);
}

int sql_past_load(struct sql_run *r, struct err *err)
{
	if (scriptstate_ranges(r->db, r->schema, r->script->name, &r->past, &r->n_past, err) < 0 ||
	    scriptstate_beyond(r->db, r->schema, r->script->name, &r->beyond, err) < 0)
		return -1;
	sha256_init(&r->past_sha);
	for (size_t i = 0; i < r->n_past; i++) {
		const struct script_range *g = &r->past[i];

		if (g->from != r->skip_upto + 1)
			return err_set(err, ERR_FAIL, "the journal of script '%s' has a gap before statement %lld; look into table maintkit_statement",
				       r->script->name, (long long)g->from);
		r->last_id = g->last_id;
		if (!g->done) {
			r->ambiguous = g->from;
			if (i + 1 < r->n_past)
				return err_set(err, ERR_FAIL, "the journal of script '%s' has something behind statement %lld, which is in question; look into table maintkit_statement",
					       r->script->name, (long long)g->from);
			break;
		}
		r->skip_upto = r->recorded = g->upto;
	}
	return r->beyond > r->skip_upto ? went_beyond(r, err) : 0;
}

int sql_past_check(struct sql_run *r, struct err *err)
{
	const struct script_range *g = &r->past[r->at_past];
	char now[SHA256_HEX_SIZE];

	sha256_update(&r->past_sha, r->item.text, r->item.len);
	sha256_update(&r->past_sha, "", 1);
	if (r->number < g->upto)
		return 0;
	sha256_final_hex(&r->past_sha, now);
	sha256_init(&r->past_sha);
	r->at_past++;
	if (!strcmp(now, g->sha256))
		return 0;
	return err_set(err, ERR_POLICY, "script '%s' was changed where it is already applied: statements %lld to %lld (from line %lld) have checksum %s, applied was %s; put the old text back, and changes behind it",
		       r->script->name, (long long)g->from, (long long)g->upto, (long long)g->line, now, g->sha256);
}

static int lost_temporary(struct sql_run *r, struct err *err)
{
	return err_set(err, ERR_FAIL, "the temporary tables that script '%s' made before statement %lld went with the session that was cut off; undo what it did so far and forget it: maintkit -p %s sql repair %s --redo 1",
		       r->script->name, (long long)r->number, r->t->package, r->script->name);
}

int sql_past_end(struct sql_run *r, struct err *err)
{
	char sql[80];
	int failed, n;

	r->skipping = false;
	if (r->temporary.n)
		return lost_temporary(r, err);
	if (!r->skip_upto)
		return 0;
	log_info("resuming script '%s' at statement %lld (%s:%llu)", r->script->name, (long long)r->number,
		 r->file[r->depth - 1].path, (unsigned long long)r->item.line);
	n = snprintf(sql, sizeof sql, "SET SESSION last_insert_id = %llu", (unsigned long long)r->last_id);
	return r->last_id ? sql_send(r, sql, (size_t)n, &failed, err) : 0;
}

int sql_past_replay(struct sql_run *r, size_t before, struct err *err)
{
	int failed;

	for (; before < r->at_past; before++) {
		const char *replay = r->past[before].replay;

		/* One that was left open then has been ended by what comes behind it. */
		if (r->my->server_status & SERVER_STATUS_IN_TRANS && sql_send(r, "ROLLBACK", 8, &failed, err) < 0)
			return -1;
		if (!replay || !*replay || sql_send(r, replay, strlen(replay), &failed, err) == 0)
			continue;
		if (err->lib == (unsigned)atoi(SQL_LOST_TEMPORARY))
			return lost_temporary(r, err);
		err_prefix(err, "what statement %lld of script '%s' made of the session cannot be brought back", (long long)r->past[before].upto,
			   r->script->name);
		return -1;
	}
	return 0;
}

/* ---- what the next statement only has once ---- */

/* SET insert_id and SET TRANSACTION are for one statement. Who had it has been skipped. */
int sql_past_consume(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	static const char id[] = "SET SESSION insert_id = DEFAULT", transaction[] = "START TRANSACTION; COMMIT";
	int failed;

	if (k->class == SQL_SESSION) {
		AUTO_FREE char *head = xstrndup(r->item.text, r->item.len < 512 ? r->item.len : 512);

		r->has_id |= !k->only_variables && strcasestr(head, "insert_id");
		r->has_transaction |= !k->only_variables && strcasestr(head, "transaction");
		return 0;
	}
	if (r->has_id && (k->inserts || k->class == SQL_OPAQUE)) {
		r->has_id = false;
		if (sql_send(r, id, sizeof id - 1, &failed, err) < 0)
			return -1;
	}
	if (r->has_transaction) {
		r->has_transaction = false;
		return sql_send(r, transaction, sizeof transaction - 1, &failed, err);
	}
	return 0;
}

/* ---- what cannot be brought back ---- */

static bool was_settled(const struct sql_run *r)
{
	const struct script_range *g = r->at_past ? &r->past[r->at_past - 1] : NULL;

	return g && g->from == r->number && g->upto == r->number && g->replay && !*g->replay;
}

void sql_past_lose(struct sql_run *r, const struct sql_kind *k)
{
	if (r->skipping && !was_settled(r))
		return;
	for (size_t i = 0; i < k->variables.n; i++)
		strv_add(&r->lost, k->variables.v[i]);
}

int sql_past_suffices(struct sql_run *r, const struct sql_kind *k, struct err *err)
{
	bool asks = k->wants_row_count && (!k->reads_only || k->variables.n) && k->class != SQL_DDL && k->class != SQL_OPAQUE;

	for (size_t i = 0; i < r->lost.n; i++)
		if (!k->only_variables || !strv_has(&k->variables, r->lost.v[i]))
			return err_set(err, ERR_FAIL, "the value that %s got went with the session that was cut off; put a line in front of this statement that sets all such variables, as: SET %s = ...;",
				       r->lost.v[i], r->lost.v[i]);
	strv_release(&r->lost);
	if (!asks || r->asked_of || r->number == 1)
		return 0;
	return err_set(err, ERR_FAIL, "this statement asks what the one before it did, which went with the session that was cut off (rows on record: %lld); write the number in its place",
		       r->n_past ? (long long)r->past[r->n_past - 1].rows : 0);
}
