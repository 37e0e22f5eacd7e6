/* migrate plan and run: walking the stages of a migration, batch by batch.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../core/json.h"
#include "../core/sha256.h"
#include "migrate_undo.h"

#define ROWS_MAX 100000
#define RETRIES 8		/* of a batch, after a lock wait or deadlock */
#define DECISIONS_MAX (16u << 20)

/* ---- opening ---- */

static const struct { unsigned bit; const char *option, *word; } choices[] = {
	{ MIGRATE_COMPAT, "--compat", "compat" },
	{ MIGRATE_DECISIONS, "--decisions or --holds", NULL },
	{ MIGRATE_NO_INVENTED, "--no-invented-reason", "no-invented-reason" },
	{ MIGRATE_JOIN, "--join", "join" },
	{ MIGRATE_LOOKUP_ONLY, "--providers-only", "providers-only" },
	{ MIGRATE_GUESS, "--guess-provider-types", "guess-provider-types" },
	{ MIGRATE_NO_BLANK, "--skip-blank-providers", "skip-blank-providers" },
};

static bool chosen(unsigned bit)
{
	const struct migrate_options *o = &migrate_opts;

	switch (bit) {
	case MIGRATE_COMPAT: return o->compat;
	case MIGRATE_DECISIONS: return o->decisions || o->holds;
	case MIGRATE_NO_INVENTED: return o->no_invented;
	case MIGRATE_JOIN: return o->join;
	case MIGRATE_LOOKUP_ONLY: return o->providers_only;
	case MIGRATE_GUESS: return o->guess;
	case MIGRATE_NO_BLANK: return o->skip_blank;
	}
	return false;
}

static int check_options(const struct migration *what, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(choices); i++)
		if (chosen(choices[i].bit) && !(what->takes & choices[i].bit))
			return err_set(err, ERR_USAGE, "'%s' has no %s", what->name, choices[i].option);
	if (migrate_opts.rows < 1 || migrate_opts.rows > ROWS_MAX)
		return err_set(err, ERR_USAGE, "--batch must be 1 to %d rows", ROWS_MAX);
	return 0;
}

/* What decides the outcome, to be the same when a run is resumed. */
static int describe_options(const struct migrate *m, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(choices); i++)
		if (choices[i].word && chosen(choices[i].bit))
			buf_addf(out, "%s%s", out->len ? " " : "", choices[i].word);
	if (!migrate_opts.decisions)
		return 0;
	AUTO_BUF text = BUF_INIT;
	char hex[SHA256_HEX_SIZE];

	(void)m;
	if (migrate_read_decisions(&text, err) < 0)
		return -1;
	sha256_hex(text.p, text.len, hex);
	buf_addf(out, "%sdecisions=%.16s", out->len ? " " : "", hex);
	return 0;
}

int migrate_read_decisions(struct buf *text, struct err *err)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;
	const char *given = migrate_opts.decisions;
	AUTO_FREE char *cwd = given[0] == '/' ? NULL : getcwd(NULL, 0);
	AUTO_FREE char *path = cwd ? xasprintf("%s/%s", cwd, given) : xstrdup(given);

	if (root_init(&real, "/", err) < 0)
		return -1;
	return path_read_file(&real, path, text, DECISIONS_MAX, NULL, err);
}

int migrate_open(struct migrate *m, struct tool *t, const char *name, enum migrate_mode mode, struct err *err)
{
	size_t n = 0;

	*m = (struct migrate){ .t = t, .mode = mode, .pos = INT64_MIN, .lock = mode == MIGRATE_RUN ? " FOR UPDATE" : "",
			       .need = { .evidence = BUF_INIT, .warning = BUF_INIT } };
	m->store = xcalloc(1, sizeof(*m->store));
	m->store->rows = m->store->inserts = (struct buf)BUF_INIT;
	m->ledger = migrate_ledger_new(migrate_opts.samples);
	m->what = migrate_find(name, err);
	if (!m->what || check_options(m->what, err) < 0)
		return -1;
	m->rows = (int)migrate_opts.rows;
	m->schema = migrate_opts.database ? migrate_opts.database : profile_require(t->profile, "database", "name", err);
	if (!m->schema || migrate_connect(m, err) < 0)
		return -1;
	while (m->what->tables[n].name)
		n++;
	m->store->seen = xcalloc(n, sizeof(*m->store->seen));
	for (size_t i = 0; i < n; i++) {
		if (migrate_schema_read(m->db, m->what->tables[i].name, &m->store->seen[i], err) < 0)
			return -1;
		migrate_schema_written(&m->store->seen[i], &m->what->tables[i]);
	}
	return 0;
}

void migrate_close(struct migrate *m)
{
	if (!m->store)
		return;		/* never opened */
	migrate_disconnect(m);
	for (size_t i = 0; m->what && m->store->seen && m->what->tables[i].name; i++)
		migrate_schema_release(&m->store->seen[i]);
	migrate_csv_abort(&m->store->csv);
	free(m->store->seen);
	free(m->store->options);
	free(m->store->backup);
	strv_release(&m->store->notes);
	buf_release(&m->store->rows);
	buf_release(&m->store->inserts);
	free(m->store->origins);
	free(m->store);
	migrate_ledger_free(m->ledger);
	buf_release(&m->need.evidence);
	buf_release(&m->need.warning);
}

/* ---- progress ---- */

struct progress {
	int64_t lo, hi;
	struct timespec begun, told;
};

static double since(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - from->tv_sec) + (double)(now.tv_nsec - from->tv_nsec) / 1e9;
}

static int start_progress(struct migrate *m, struct progress *p, struct err *err)
{
	const struct migrate_stage *stage = &m->what->stages[m->stage];
	const struct migrate_table *table = &m->what->tables[stage->table];
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	AUTO_BUF sql = BUF_INIT, key = BUF_INIT;

	migrate_sql_name(&key, stage->key ? stage->key : table->pk);
	buf_addf(&sql, "SELECT MIN(%s), MAX(%s) FROM ", key.p, key.p);
	migrate_sql_name(&sql, table->name);
	if (db_run(m->db, sql.p, NULL, 0, &r, err) < 0)
		return -1;
	p->lo = db_cell(&r, 0, 0) ? strtoll(db_cell(&r, 0, 0), NULL, 10) : 0;
	p->hi = db_cell(&r, 0, 1) ? strtoll(db_cell(&r, 0, 1), NULL, 10) : 0;
	if (m->pos > p->lo)
		p->lo = m->pos;		/* time is measured from where we begin */
	clock_gettime(CLOCK_MONOTONIC, &p->begun);
	p->told = p->begun;
	return 0;
}

static void show_progress(struct migrate *m, struct progress *p, bool end)
{
	static int terminal = -1;
	const char *what = m->what->stages[m->stage].what;
	double share = p->hi > p->lo && m->pos > p->lo ? (double)(m->pos - p->lo) / (double)(p->hi - p->lo) : 0;
	double took = since(&p->begun);

	if (terminal < 0)
		terminal = isatty(STDERR_FILENO);
	if (since(&p->told) < (terminal ? 0.2 : 5) && !end)
		return;
	if (end) {
		if (terminal && p->told.tv_nsec != p->begun.tv_nsec)
			fprintf(stderr, "\r%*s\r", 78, "");
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &p->told);
	int percent = (int)(share * 100), left = share > 0.01 ? (int)(took / share - took + 0.5) : 0;

	if (terminal)
		fprintf(stderr, "\r%s, %s [%.*s%*s] %3d%%, about %d s left   ", m->what->name, what, percent * 3 / 10,
			"##############################", 30 - percent * 3 / 10, "", percent, left);
	else
		log_info("'%s', %s: %d%%, about %d s left", m->what->name, what, percent, left);
}

/* ---- walking ---- */

static int plan_stage(struct migrate *m, struct progress *p, struct err *err)
{
	int rc;

	while ((rc = m->what->stages[m->stage].step(m, err)) > 0)
		show_progress(m, p, false);
	return rc;
}

/* One batch: step, undo rows, changes, position. */
static int try_batch(struct migrate *m, bool *more, struct err *err)
{
	bool last_stage = !m->what->stages[m->stage + 1].what;
	int rc;

	if (migrate_store_begin(m, err) < 0)
		return -1;
	rc = m->what->stages[m->stage].step(m, err);
	if (rc < 0)
		return -1;
	*more = rc > 0;
	return migrate_store_commit(m, rc > 0 ? m->stage : m->stage + 1, rc == 0 && last_stage, migrate_policy_mark, err);
}

/* After the server was lost nobody knows whether the last commit arrived: the run row does. */
static int come_back(struct migrate *m, bool *over, struct err *err)
{
	int found;

	if (migrate_reconnect(m, err) < 0 || (found = migrate_store_resume(m, err)) < 0)
		return -1;
	*over = !found;
	return 0;
}

static int batch(struct migrate *m, bool *more, bool *over, struct err *err)
{
	AUTO_BUF counts = BUF_INIT;
	int64_t pos = m->pos;
	int stage = m->stage;

	migrate_ledger_save(m->ledger, &counts);
	for (int i = 0;; i++) {
		err_clear(err);
		if (try_batch(m, more, err) == 0)
			return 0;
		if (err->kind == ERR_BACKEND) {
			if (come_back(m, over, err) < 0)
				return -1;
			*more = true;
			if (*over || m->stage != stage)
				return 0;	/* the commit had arrived */
			pos = m->pos;
			buf_reset(&counts);
			migrate_ledger_save(m->ledger, &counts);
			continue;
		}
		migrate_store_rollback(m);
		m->pos = pos;
		migrate_ledger_load(m->ledger, counts.p);
		if (err->kind != ERR_BUSY || i == RETRIES)
			return -1;
		log_debug("%s; again", err->text);
	}
}

static int run_stage(struct migrate *m, struct progress *p, bool *over, struct err *err)
{
	int stage = m->stage;
	bool more = true;

	while (more && !*over && m->stage == stage) {
		if (batch(m, &more, over, err) < 0)
			return -1;
		show_progress(m, p, false);
	}
	return 0;
}

static int walk(struct migrate *m, struct err *err)
{
	bool over = false;

	while (!over && m->what->stages[m->stage].what) {
		struct progress p;
		int stage = m->stage, rc;

		rc = start_progress(m, &p, err);
		if (rc == 0)
			rc = m->mode == MIGRATE_PLAN ? plan_stage(m, &p, err) : run_stage(m, &p, &over, err);
		if (m->stage == stage)
			show_progress(m, &p, true);
		if (rc < 0)
			return -1;
		if (m->stage == stage) {
			m->stage++;
			m->pos = INT64_MIN;
		}
	}
	return 0;
}

static int begin_walk_end(struct migrate *m, struct err *err)
{
	int rc = m->what->begin ? m->what->begin(m, err) : 0;

	if (rc == 0)
		rc = walk(m, err);
	if (rc == 0 && m->what->report)
		rc = m->what->report(m, err);
	if (rc == 0 && m->mode == MIGRATE_RUN && m->what->verify)
		rc = m->what->verify(m, err);
	if (m->what->end)
		m->what->end(m);
	return rc;
}

/* ---- plan ---- */

static int print_report(struct migrate *m, const char *state, struct err *err)
{
	AUTO_BUF out = BUF_INIT;

	if (m->t->json) {
		struct json j = { .out = &out };

		json_object(&j, NULL);
		json_string(&j, "migration", m->what->name);
		json_string(&j, "state", state);
		migrate_ledger_json(m->ledger, &j);
		json_end(&j);
		return tool_print(&out, err);
	}
	migrate_ledger_text(m->ledger, &out);
	if (!out.len)
		buf_adds(&out, "nothing to do\n");
	if (m->mode == MIGRATE_PLAN)
		return tool_print(&out, err);
	/* A run's report is for the log: it has no patient's name in it. */
	buf_trim_end(&out);
	log_info("%s", out.p);
	return 0;
}

static int preflight(struct migrate *m, struct err *err)
{
	int rc = migrate_preflight(m, err);

	for (size_t i = 0; i < m->store->notes.n; i++)
		log_warn("%s", m->store->notes.v[i]);
	return rc;
}

/* What a run would do; then whether it could. */
static int plan(struct migrate *m, struct err *err)
{
	static const char *const head[] = { "kind", "table", "key", "column", "old", "new", "note" };

	if (migrate_opts.csv) {
		if (migrate_csv_open(&m->store->csv, migrate_opts.csv, err) < 0)
			return -1;
		for (size_t i = 0; i < ARRAY_LEN(head); i++)
			migrate_csv_cell(m->store->csv, MIGRATE_STR(head[i]));
		migrate_csv_end_row(m->store->csv);
	}
	if (begin_walk_end(m, err) < 0 || (m->store->csv && migrate_csv_close(&m->store->csv, err) < 0))
		return -1;
	if (print_report(m, "planned", err) < 0)
		return -1;
	if (!migrate_ledger_changes(m->ledger) || preflight(m, err) == 0)
		return 0;
	err_prefix(err, "a run would be refused");
	return -1;
}

static int detection_only(const struct migrate *m, struct err *err)
{
	if (m->what->stages)
		return 0;
	return err_set(err, ERR_USAGE, "'%s' is detection only; see 'maintkit -p %s migrate list'", m->what->name, m->t->package);
}

int migrate_verb_plan(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(migrate_close) struct migrate m;

	if (migrate_open(&m, t, argv[0], MIGRATE_PLAN, err) < 0 || detection_only(&m, err) < 0 ||
	    migrate_schema_check(&m, err) < 0 || plan(&m, err) < 0)
		return -1;
	return migrate_opts.exit_code && migrate_ledger_changes(m.ledger) ? 1 : 0;
}

/* ---- run ---- */

static int interrupted_undo(struct migrate *m, struct err *err)
{
	struct db_value v[] = { DBV_STR(m->what->name) };
	int64_t n;

	if (db_get_int(m->db, "SELECT COUNT(*) FROM maintkit_run WHERE migration = ? AND state = 'undoing'", v, 1, &n, err) < 0)
		return -1;
	if (!n)
		return 0;
	return err_set(err, ERR_POLICY, "an undo of '%s' was cut off; finish it first with: maintkit -p %s migrate undo %s", m->what->name,
		       m->t->package, m->what->name);
}

static int check_same_options(const struct migrate *m, const char *options, struct err *err)
{
	if (strcmp(m->store->options, options) == 0)
		return 0;
	return err_set(err, ERR_POLICY, "the run that was cut off had the options '%s', this one has '%s'; give the same ones, or undo it first",
		       m->store->options, options);
}

/* The run that was cut off, or a new one. Its lock is held from here on. */
static int start_run(struct migrate *m, const char *options, struct err *err)
{
	int found;

	if (migrate_policy_writable(m, err) < 0 || migrate_store_whole(m->db, err) < 0 || migrate_store_create(m->db, err) < 0 || interrupted_undo(m, err) < 0 || (found = migrate_store_resume(m, err)) < 0)
		return -1;
	if (found && check_same_options(m, options, err) < 0)
		return -1;
	if (migrate_policy_quiet(m, err) < 0 || (!found && migrate_policy_backup(m, err) < 0) || migrate_policy_floor(m, err) < 0 ||
	    migrate_connect_own(m, err) < 0)
		return -1;
	/* Again, under the lock: the one that we waited for may have ended. */
	found = migrate_store_resume(m, err);
	struct past p = { .run = m->store->run };

	if (found > 0 && migrate_past_whole(m, &p, err) < 0)
		return -1;
	if (found > 0)
		log_info("going on with run %" PRId64 " of '%s', %" PRId64 " cells and %" PRId64 " new rows done", m->store->run,
			 m->what->name, m->store->cells, m->store->inserted);
	return found < 0 ? -1 : found ? 0 : migrate_store_begin_run(m, options, err);
}

static int nothing_due(struct migrate *m, struct err *err)
{
	struct db_value v[] = { DBV_STR(m->what->name) };
	int64_t n = 0;

	if (m->what->look(m, err) < 0)
		return -1;
	if (m->need.needed)
		return 0;
	if (db_has_table(m->db, "maintkit_run", NULL) &&
	    db_get_int(m->db, "SELECT COUNT(*) FROM maintkit_run WHERE migration = ? AND state IN ('running', 'undoing')", v, 1, &n, err) < 0)
		return -1;
	return n == 0;
}

int migrate_run(struct migrate *m, struct err *err)
{
	AUTO_BUF options = BUF_INIT;
	int rc;

	if (detection_only(m, err) < 0 || migrate_schema_check(m, err) < 0 || describe_options(m, &options, err) < 0 ||
	    (rc = nothing_due(m, err)) < 0)
		return -1;
	if (rc) {
		log_info("'%s': nothing to do (%s)", m->what->name, m->need.evidence.p);
		return m->t->json ? print_report(m, "done", err) : 0;
	}
	if (m->need.warning.len)
		log_warn("%s", m->need.warning.p);
	if (preflight(m, err) < 0 || start_run(m, options.p, err) < 0)
		return -1;
	if (begin_walk_end(m, err) < 0) {
		if (err->kind == ERR_FAIL)
			err_hint(err, "when that is mended, the same command goes on behind what is done (%" PRId64 " cells, %" PRId64
				 " new rows), and 'migrate undo %s' takes that back", m->store->cells, m->store->inserted, m->what->name);
		return -1;
	}
	if (print_report(m, "done", err) < 0)
		return -1;
	if (migrate_ledger_wrong(m->ledger))
		return err_set(err, ERR_FAIL, "the run ended, but something does not hold that should; see 'maintkit -p %s migrate verify %s'",
			       m->t->package, m->what->name);
	log_info("'%s' is done: %" PRId64 " cells changed, %" PRId64 " rows added; 'maintkit -p %s migrate undo %s' takes it back",
		 m->what->name, m->store->cells, m->store->inserted, m->t->package, m->what->name);
	return 0;
}

int migrate_verb_run(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(migrate_close) struct migrate m = { 0 };
	int wanted = 1;

	if (migrate_opts.from && !migrate_opts.for_upgrade)
		return err_set(err, ERR_USAGE, "--from goes with --for-upgrade");
	if (migrate_opts.for_upgrade && (wanted = migrate_upgrade_wants(t, argv[0], err)) <= 0)
		return wanted;
	if (migrate_open(&m, t, argv[0], t->dry_run ? MIGRATE_PLAN : MIGRATE_RUN, err) < 0)
		return -1;
	if (!t->dry_run)
		return migrate_opts.for_upgrade ? migrate_upgrade(&m, err) : migrate_run(&m, err);
	if (detection_only(&m, err) < 0 || migrate_schema_check(&m, err) < 0)
		return -1;
	return plan(&m, err);
}
