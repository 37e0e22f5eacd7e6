/* migrate undo and verify: taking runs back cell by cell, and proving that they hold.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The last run first, its last batch first; a batch is one transaction. A cell
 * is put back only if it still holds what we wrote; else somebody has edited it
 * since, it is left, and its undo row stays (kept = 1) as the record of that.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../core/json.h"
#include "migrate_undo.h"

#define RETRIES 8

/* "u JOIN table t ..., what of t the undo row speaks of, and is it as we left it?" */
static int compare_sql(const struct tab *t, int column, struct buf *join, struct buf *same, struct err *err)
{
	buf_addf(join, "maintkit_undo u LEFT JOIN ");
	migrate_sql_name(join, t->name);
	buf_addf(join, " t ON t.`%s` = u.pk", t->pk);
	buf_addf(same, "t.`%s` IS NOT NULL AND ", t->pk);
	if (column == 0) {
		AUTO_BUF mark = BUF_INIT;

		migrate_sql_mark("t", &t->seen, &t->rows, &mark);
		buf_addf(same, "%s <=> u.now", mark.p);
		return 0;
	}
	const struct migrate_column *c = migrate_schema_column(&t->seen, t->columns.v[column]);

	if (!c)
		return err_set(err, ERR_FAIL, "column '%s.%s' is no longer there", t->name, t->columns.v[column]);
	migrate_sql_holds("t", c, "u.now", strcmp(t->charsets.v[column], "-") ? t->charsets.v[column] : NULL, same);
	return 0;
}

/* ---- verify: how much is still as we left it ---- */

static int count_edited(struct migrate *m, const struct past *p, const struct tab *t, int column, int64_t *edited, struct err *err)
{
	AUTO_BUF join = BUF_INIT, same = BUF_INIT;

	if (compare_sql(t, column, &join, &same, err) < 0)
		return -1;
	AUTO_FREE char *sql = xasprintf("SELECT COUNT(*) FROM %s WHERE u.run_id = ? AND u.tab = ? AND u.col = ? AND NOT (%s)", join.p, same.p);
	struct db_value v[] = { DBV_INT(p->run), DBV_INT(t->number), DBV_INT(column) };

	return db_get_int(m->db, sql, v, 3, edited, err);
}

static int verify_past(struct migrate *m, int64_t run, struct err *err)
{
	CLEANUP(migrate_past_release) struct past p = { 0 };
	int64_t missing;

	if (migrate_past_read(m, run, &p, err) < 0 || migrate_past_missing(m, &p, &missing, err) < 0)
		return -1;
	AUTO_FREE char *lost = xasprintf("run %" PRId64 ", old values missing in maintkit_undo", run);

	if (missing)
		migrate_check(m, lost, missing < 0 ? -missing : missing);
	for (size_t i = 0; i < p.n && db_has_table(m->db, "maintkit_undo", NULL); i++) {
		const struct tab *t = &p.tab[i];

		for (int c = t->rows.n ? 0 : 1; c < (int)t->columns.n; c++) {
			AUTO_FREE char *what = xasprintf("run %" PRId64 ", %s%s%s", run, t->name, c ? "." : "", c ? t->columns.v[c] : " (new rows)");
			int64_t edited;

			if (!t->seen.there) {
				migrate_fact(m, what, "the table is no longer there");
				continue;
			}
			if (count_edited(m, &p, t, c, &edited, err) < 0)
				return -1;
			if (edited)
				migrate_fact(m, what, "%" PRId64 " edited since, or changed again by a later run", edited);
		}
	}
	return 0;
}

static int list_runs(struct migrate *m, const char *states, struct db_rows *r, struct err *err)
{
	AUTO_FREE char *sql = xasprintf("SELECT run_id, state, floor_set, COALESCE(floor_before, 0) FROM maintkit_run WHERE migration = ?"
					" AND state IN (%s) ORDER BY run_id DESC", states);
	struct db_value v[] = { DBV_STR(m->what->name) };

	return db_run(m->db, sql, v, 1, r, err);
}

static int verify(struct migrate *m, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	AUTO_BUF out = BUF_INIT;
	struct json j = { .out = &out };

	if (!m->what->stages)
		return err_set(err, ERR_USAGE, "'%s' is detection only", m->what->name);
	if (migrate_schema_check(m, err) < 0)
		return -1;
	if (migrate_store_whole(m->db, err) < 0)
		return -1;
	if (db_has_table(m->db, "maintkit_run", NULL) && list_runs(m, "'done'", &r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.rows; i++)
		if (verify_past(m, strtoll(db_cell(&r, i, 0), NULL, 10), err) < 0)
			return -1;
	int rc = m->what->begin ? m->what->begin(m, err) : 0;

	if (rc == 0 && m->what->verify)
		rc = m->what->verify(m, err);
	if (m->what->end)
		m->what->end(m);
	if (rc < 0)
		return -1;
	if (m->t->json) {
		json_object(&j, NULL);
		json_string(&j, "migration", m->what->name);
		json_int(&j, "runs", (int64_t)r.rows);
		json_bool(&j, "well", migrate_ledger_wrong(m->ledger) == 0);
		migrate_ledger_json(m->ledger, &j);
		json_end(&j);
	} else {
		buf_addf(&out, "%zu run%s done\n", r.rows, r.rows == 1 ? "" : "s");
		migrate_ledger_text(m->ledger, &out);
	}
	if (tool_print(&out, err) < 0)
		return -1;
	return migrate_ledger_wrong(m->ledger) ? 1 : 0;
}

int migrate_verb_verify(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(migrate_close) struct migrate m;

	return migrate_open(&m, t, argv[0], MIGRATE_VERIFY, err) < 0 ? -1 : verify(&m, err);
}

/* ---- undo ---- */

static int counted(struct migrate *m, const char *sql, int64_t *n, struct err *err)
{
	struct db_rows done = DB_ROWS_INIT;

	if (db_run(m->db, sql, NULL, 0, &done, err) < 0)
		return -1;
	*n += (int64_t)done.affected;
	return 0;
}

/* What is not as we left it gets its mark. */
static int keep_edited(struct migrate *m, struct past *p, const struct tab *t, int64_t batch, int column, struct err *err)
{
	AUTO_BUF join = BUF_INIT, same = BUF_INIT;

	if (compare_sql(t, column, &join, &same, err) < 0)
		return -1;
	AUTO_FREE char *sql = xasprintf("UPDATE %s SET u.kept = 1 WHERE u.run_id = %" PRId64 " AND u.batch = %" PRId64
					" AND u.tab = %d AND u.col = %d AND u.kept = 0 AND NOT (%s)", join.p, p->run, batch, t->number,
					column, same.p);

	return counted(m, sql, &p->kept, err);
}

static int remove_rows(struct migrate *m, struct past *p, const struct tab *t, int64_t batch, struct err *err)
{
	AUTO_BUF sql = BUF_INIT, set = BUF_INIT, name = BUF_INIT;

	migrate_sql_name(&name, t->name);
	if (m->what->retire)
		m->what->retire(m, t->number, &set);
	if (set.len)
		buf_addf(&sql, "UPDATE maintkit_undo u STRAIGHT_JOIN %s t ON t.`%s` = u.pk SET %s", name.p, t->pk, set.p);
	else
		buf_addf(&sql, "DELETE t FROM maintkit_undo u STRAIGHT_JOIN %s t ON t.`%s` = u.pk", name.p, t->pk);
	buf_addf(&sql, " WHERE u.run_id = %" PRId64 " AND u.batch = %" PRId64 " AND u.tab = %d AND u.col = 0 AND u.kept = 0",
		 p->run, batch, t->number);
	if (counted(m, sql.p, &p->removed, err) < 0)
		return -1;
	if (!set.len)
		return 0;
	/* Rows that are still there, though retired, are known to a later run by their undo rows. */
	AUTO_FREE char *keep = xasprintf("UPDATE maintkit_undo SET kept = 2 WHERE run_id = %" PRId64 " AND batch = %" PRId64
					 " AND tab = %d AND col = 0 AND kept = 0", p->run, batch, t->number);

	return counted(m, keep, &p->restored, err);
}

static int undo_table(struct migrate *m, struct past *p, const struct tab *t, int64_t batch, struct err *err)
{
	if (!t->seen.there) {
		AUTO_FREE char *sql = xasprintf("UPDATE maintkit_undo SET kept = 1 WHERE run_id = %" PRId64 " AND batch = %" PRId64
						" AND tab = %d AND kept = 0", p->run, batch, t->number);

		return counted(m, sql, &p->kept, err);
	}
	AUTO_FREE char **charsets = xcalloc(t->columns.n, sizeof(*charsets));
	struct migrate_target to = { .run = p->run, .batch = batch, .name = t->name, .pk = t->pk, .seen = &t->seen,
				     .columns = t->columns.v, .charsets = charsets, .n = (int)t->columns.n, .side = "old" };

	for (size_t c = 1; c < t->columns.n; c++)
		charsets[c] = strcmp(t->charsets.v[c], "-") ? t->charsets.v[c] : NULL;
	for (int c = 0; c < to.n; c++)
		if ((c || t->rows.n) && keep_edited(m, p, t, batch, c, err) < 0)
			return -1;
	if (migrate_store_apply(m->db, &to, t->number, err) < 0)
		return -1;
	return t->rows.n ? remove_rows(m, p, t, batch, err) : 0;
}

static int try_batch(struct migrate *m, struct past *p, int64_t batch, struct err *err)
{
	AUTO_FREE char *clear = xasprintf("DELETE FROM maintkit_undo WHERE run_id = %" PRId64 " AND batch = %" PRId64 " AND kept = 0",
					  p->run, batch);
	int64_t gone = 0, before = p->kept + p->restored;

	if (db_run(m->db, "START TRANSACTION", NULL, 0, NULL, err) < 0)
		return -1;
	for (size_t i = 0; i < p->n; i++)
		if (undo_table(m, p, &p->tab[i], batch, err) < 0)
			return -1;
	if (counted(m, clear, &gone, err) < 0)
		return -1;
	p->restored += gone;
	struct db_value v[] = { DBV_INT(p->kept + p->restored - before), DBV_INT(p->run) };

	if (db_run(m->db, "UPDATE maintkit_run SET pos = pos - ? WHERE run_id = ?", v, 2, NULL, err) < 0)
		return -1;
	return db_run(m->db, "COMMIT", NULL, 0, NULL, err);
}

/* 1: done; 0: the server was lost meanwhile, and is back. */
static int undo_batch(struct migrate *m, struct past *p, int64_t batch, struct err *err)
{
	for (int i = 0;; i++) {
		int64_t kept = p->kept, removed = p->removed, restored = p->restored;

		err_clear(err);
		if (try_batch(m, p, batch, err) == 0)
			return 1;
		p->kept = kept;
		p->removed = removed;
		p->restored = restored;
		if (err->kind == ERR_BACKEND)	/* the undo rows tell what is left to do */
			return migrate_reconnect(m, err);
		if (db_run(m->db, "ROLLBACK", NULL, 0, NULL, NULL) < 0 || err->kind != ERR_BUSY || i == RETRIES)
			return -1;
	}
}

/* From the last one down. Each looks below the one before it only: what was just deleted stays in the
 * index for a while, and stepping over all of that again and again took more time than the rest. */
static int undo_batches(struct migrate *m, struct past *p, struct err *err)
{
	for (int64_t below = INT64_MAX;;) {
		struct db_value v[] = { DBV_INT(p->run), DBV_INT(below) };
		struct err why = ERR_INIT;
		int64_t batch;

		if (db_get_int(m->db, "SELECT batch FROM maintkit_undo WHERE run_id = ? AND batch < ? AND kept = 0"
			       " ORDER BY batch DESC LIMIT 1", v, 2, &batch, &why) == 0) {
			int rc = undo_batch(m, p, batch, err);

			if (rc < 0)
				return -1;
			below = rc ? batch : batch + 1;
			continue;
		}
		if (why.kind == ERR_ABSENT)
			return 0;
		*err = why;
		if (why.kind != ERR_BACKEND || migrate_reconnect(m, err) < 0)
			return -1;
	}
}

/* The floor goes down when nothing of ours is in force any more. */
static int lower_floor(struct migrate *m, int64_t run, long set, long before, struct err *err)
{
	struct db_value v[] = { DBV_INT(run) };
	int64_t others;

	if (db_get_int(m->db, "SELECT COUNT(*) FROM maintkit_run WHERE run_id <> ? AND state <> 'undone' AND cells + inserted > 0",
		       v, 1, &others, err) < 0)
		return -1;
	if (others) {
		log_info("other migrations are in force: versions that cannot read them stay refused");
		return 0;
	}
	/* This run may have found the floor raised by one that was undone before it. */
	if (set <= before) {
		CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;

		if (db_run(m->db, "SELECT floor_set, COALESCE(floor_before, 0) FROM maintkit_run WHERE floor_set > COALESCE(floor_before, 0)"
			   " AND cells + inserted > 0 ORDER BY run_id DESC LIMIT 1", NULL, 0, &r, err) < 0)
			return -1;
		if (!r.rows)
			return 0;
		set = strtol(db_cell(&r, 0, 0), NULL, 10);
		before = strtol(db_cell(&r, 0, 1), NULL, 10);
	}
	return migrate_policy_unmark(m, set, before, err);
}

static int set_state(struct migrate *m, int64_t run, const char *state, struct err *err)
{
	struct db_value v[] = { DBV_STR(state), DBV_STR(state), DBV_INT(run) };

	return db_run(m->db, "UPDATE maintkit_run SET state = ?, undone = IF(? = 'undone', UTC_TIMESTAMP(), NULL) WHERE run_id = ?",
		      v, 3, NULL, err);
}

static int set_undoing(struct migrate *m, int64_t run, struct err *err)
{
	struct db_value v[] = { DBV_INT(run) };

	return db_run(m->db, "UPDATE maintkit_run SET pos = cells + inserted, state = 'undoing' WHERE run_id = ? AND state <> 'undoing'",
		      v, 1, NULL, err);
}

static int undo_run(struct migrate *m, const struct db_rows *r, size_t row, struct past *p, struct err *err)
{
	int64_t run = strtoll(db_cell(r, row, 0), NULL, 10);

	if (set_undoing(m, run, err) < 0 || undo_batches(m, p, err) < 0)
		return -1;
	if (lower_floor(m, run, strtol(db_cell(r, row, 2), NULL, 10), strtol(db_cell(r, row, 3), NULL, 10), err) < 0 ||
	    set_state(m, run, "undone", err) < 0)
		return -1;
	return 0;
}

/* What was left, as lines "table key column". */
static int print_kept(struct migrate *m, const struct past *p, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct tab *t = &p->tab[i];
		const struct migrate_kept kept = { .run = p->run, .tab = t->number, .name = t->name, .pk = t->pk, .columns = &t->columns,
						   .charsets = &t->charsets, .seen = &t->seen };

		if (m->store->csv && migrate_kept_csv(m, &kept, err) < 0)
			return -1;
		CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
		struct db_value v[] = { DBV_INT(p->run), DBV_INT(t->number), DBV_INT(migrate_opts.samples) };

		if (db_run(m->db, "SELECT pk, col FROM maintkit_undo WHERE run_id = ? AND tab = ? AND kept = 1 ORDER BY pk, col LIMIT ?",
			   v, 3, &r, err) < 0)
			return -1;
		for (size_t k = 0; k < r.rows; k++) {
			size_t c = strtoul(db_cell(&r, k, 1), NULL, 10);

			buf_addf(out, "left as it is: %s %s %s\n", t->name, db_cell(&r, k, 0),
				 c == 0 ? "(row)" : c < t->columns.n ? t->columns.v[c] : "?");
		}
	}
	return 0;
}

/* All runs, before the first one is touched: it is all of them or none. */
static int each_past(struct migrate *m, const struct db_rows *r, int (*check)(struct migrate *m, struct past *p, struct err *err),
		     struct err *err)
{
	for (size_t i = 0; i < r->rows; i++) {
		CLEANUP(migrate_past_release) struct past p = { 0 };

		if (migrate_past_read(m, strtoll(db_cell(r, i, 0), NULL, 10), &p, err) < 0 || check(m, &p, err) < 0)
			return -1;
	}
	return 0;
}

static int dry_undo(struct migrate *m, const struct db_rows *r, struct err *err)
{
	AUTO_BUF out = BUF_INIT;

	for (size_t i = 0; i < r->rows; i++)
		if (verify_past(m, strtoll(db_cell(r, i, 0), NULL, 10), err) < 0)
			return -1;
	if (each_past(m, r, migrate_past_tables, err) < 0 || each_past(m, r, migrate_past_whole, err) < 0)
		return -1;
	buf_addf(&out, "would undo %zu run%s\n", r->rows, r->rows == 1 ? "" : "s");
	migrate_ledger_text(m->ledger, &out);
	return tool_print(&out, err);
}

static int report(struct migrate *m, const struct db_rows *r, int64_t restored, int64_t kept, const struct buf *list, struct err *err)
{
	AUTO_BUF out = BUF_INIT;
	struct json j = { .out = &out };

	log_info("'%s' is undone: %" PRId64 " changes taken back, %" PRId64 " left because they were edited or deleted since", m->what->name, restored, kept);
	if (kept && !migrate_opts.csv)
		log_info("all of those: maintkit -p %s migrate undo %s --csv FILE", m->t->package, m->what->name);
	if (!m->t->json)
		return list->len ? tool_print(list, err) : 0;
	json_object(&j, NULL);
	json_string(&j, "migration", m->what->name);
	json_int(&j, "runs", (int64_t)r->rows);
	json_int(&j, "restored", restored);
	json_int(&j, "kept", kept);
	json_end(&j);
	return tool_print(&out, err);
}

/* Of undos that have ended: what they left is still on record. */
static int list_left(struct migrate *m, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	AUTO_BUF samples = BUF_INIT;

	if (migrate_kept_open(m, err) < 0 ||
	    (db_has_table(m->db, "maintkit_run", NULL) && list_runs(m, "'undone'", &r, err) < 0))
		return -1;
	for (size_t i = 0; i < r.rows; i++) {
		CLEANUP(migrate_past_release) struct past p = { 0 };

		if (migrate_past_read(m, strtoll(db_cell(&r, i, 0), NULL, 10), &p, err) < 0 || print_kept(m, &p, &samples, err) < 0)
			return -1;
	}
	return migrate_csv_close(&m->store->csv, err);
}

static int undo(struct migrate *m, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	int64_t restored = 0, kept = 0;
	AUTO_BUF list = BUF_INIT;

	if (migrate_store_whole(m->db, err) < 0)
		return -1;
	if (db_has_table(m->db, "maintkit_run", NULL) && list_runs(m, "'running', 'done', 'undoing'", &r, err) < 0)
		return -1;
	if (migrate_opts.csv && m->t->dry_run)
		return err_set(err, ERR_USAGE, "--csv lists what an undo has left, which --dry-run cannot know");
	if (!r.rows) {
		log_info("'%s': there is nothing to undo", m->what->name);
		return migrate_opts.csv ? list_left(m, err) : 0;
	}
	if (m->t->dry_run)
		return dry_undo(m, &r, err);
	if (migrate_opts.csv && migrate_kept_open(m, err) < 0)
		return -1;
	if (each_past(m, &r, migrate_past_tables, err) < 0)
		return -1;
	for (size_t i = 0; i < m->store->notes.n; i++)
		log_warn("%s", m->store->notes.v[i]);
	if (migrate_policy_writable(m, err) < 0 || migrate_policy_quiet(m, err) < 0 || migrate_store_create(m->db, err) < 0 || migrate_connect_own(m, err) < 0 ||
	    list_runs(m, "'running', 'done', 'undoing'", &r, err) < 0 || each_past(m, &r, migrate_past_whole, err) < 0)
		return -1;
	for (size_t i = 0; i < r.rows; i++) {
		CLEANUP(migrate_past_release) struct past p = { 0 };

		if (migrate_past_read(m, strtoll(db_cell(&r, i, 0), NULL, 10), &p, err) < 0 || undo_run(m, &r, i, &p, err) < 0 ||
		    print_kept(m, &p, &list, err) < 0) {
			if (err->kind == ERR_FAIL)
				err_hint(err, "when that is mended, the same command goes on");
			return -1;
		}
		restored += p.restored;
		kept += p.kept;
	}
	if (m->store->csv && migrate_csv_close(&m->store->csv, err) < 0)
		return -1;
	return report(m, &r, restored, kept, &list, err);
}

int migrate_verb_undo(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(migrate_close) struct migrate m;

	return migrate_open(&m, t, argv[0], t->dry_run ? MIGRATE_VERIFY : MIGRATE_UNDO, err) < 0 ? -1 : undo(&m, err);
}
