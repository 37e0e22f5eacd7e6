/* What earlier runs of a script did: skipped, checked to be the same text, and the session made what it was.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "sql.h"

int sql_past_load(struct sql_run *r, struct err *err)
{
	if (scriptstate_ranges(r->db, r->schema, r->script->name, &r->past, &r->n_past, err) < 0)
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
			break;
		}
		r->skip_upto = r->recorded = g->upto;
	}
	return 0;
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

int sql_past_end(struct sql_run *r, struct err *err)
{
	char sql[80];
	int failed, n;

	r->skipping = false;
	if (r->temporary > 0)
		return err_set(err, ERR_FAIL, "the temporary tables that script '%s' made before statement %lld went with the session that was cut off; undo what it did so far and forget it: sql repair %s --redo 1",
			       r->script->name, (long long)r->number, r->script->name);
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

	for (; before < r->at_past; before++)
		if (r->past[before].replay && sql_send(r, r->past[before].replay, strlen(r->past[before].replay), &failed, err) < 0)
			return -1;
	return 0;
}

/* One variable, in words that give it the same type, bytes and collation. cell: it, its HEX(), CHARSET(), COLLATION(). */
static void format_variable(struct buf *out, const MYSQL_FIELD *f, char **cell)
{
	if (!cell[0])
		buf_adds(out, "NULL");
	else if (f->type == MYSQL_TYPE_DOUBLE)	/* without an exponent it would be a DECIMAL */
		buf_addf(out, "%s%s", cell[0], strchr(cell[0], 'e') ? "" : "e0");
	else if (IS_NUM(f->type))
		buf_adds(out, cell[0]);
	else if (!strcmp(cell[2], "binary"))
		buf_addf(out, "X'%s'", cell[1]);
	else
		buf_addf(out, "_%s X'%s' COLLATE %s", cell[2], cell[1], cell[3]);
}

int sql_past_keep(struct sql_run *r, const struct strv *variables, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < variables->n; i++) {
		const char *v = variables->v[i];
		AUTO_FREE char *ask = xasprintf("SELECT %s, HEX(%s), CHARSET(%s), COLLATION(%s)", v, v, v, v);
		MYSQL_RES *res = NULL;
		MYSQL_ROW row = NULL;
		bool whole;

		if (mysql_real_query(r->my, ask, strlen(ask)) || !(res = mysql_store_result(r->my)))
			return db_error(r->db, err);
		row = mysql_fetch_row(res);
		whole = row && (!row[0] || (row[1] && row[2] && row[3]));
		if (whole) {
			buf_addf(out, "%s%s = ", i ? ", " : "SET ", v);
			format_variable(out, mysql_fetch_fields(res), row);
		}
		mysql_free_result(res);
		if (!whole)
			return err_set(err, ERR_FAIL, "variable '%s' is too long to be recorded (max_allowed_packet)", v);
	}
	return 0;
}
