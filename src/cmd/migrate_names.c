/* middle-names: second names out of demographic.first_name into middleNames, losing none.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rules are core/names.h. What they hold is listed for a person, who fills
 * in what to do; a decision counts only for the names that it was made about.
 * middleNames is never NULL afterwards: OSCAR's mapping cannot load that.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../core/names.h"
#include "migrate.h"

enum { PATIENT };
enum { FIRST = 1, MIDDLE = 2 };

static const struct migrate_table tables[] = {
	[PATIENT] = { .name = "demographic", .pk = "demographic_no", .writes = "first_name middleNames",
		      .from = "update-2019-02-22.sql: middleNames" },
	{ 0 },
};

/* Columns of the list of what is held. */
static const char *const head[] = {
	"demographic_no", "first_name", "middleNames", "why", "split_first", "split_middle", "decision", "new_first", "new_middle",
};
enum { C_KEY, C_FIRST, C_MIDDLE, C_WHY, C_SPLIT_FIRST, C_SPLIT_MIDDLE, C_DECISION, C_NEW_FIRST, C_NEW_MIDDLE, C_ALL };

enum decision { DECIDE_SPLIT, DECIDE_KEEP, DECIDE_SET };
struct decided {
	int64_t key;
	enum decision what;
	char *first, *middle, *new_first, *new_middle;
};

struct work {
	bool compat;
	struct names_rules rules;
	struct strv compound;
	struct decided *decided;
	size_t n;
	struct migrate_csv *holds;
	struct names names;
	struct buf select;
};

/* ---- decisions ---- */

static int by_key(const void *a, const void *b)
{
	int64_t x = ((const struct decided *)a)->key, y = ((const struct decided *)b)->key;

	return x < y ? -1 : x > y;
}

static int parse_decision(struct work *w, const struct strv *row, struct err *err)
{
	static const struct { const char *word; enum decision what; } words[] = {
		{ "split", DECIDE_SPLIT }, { "join", DECIDE_SPLIT }, { "keep", DECIDE_KEEP }, { "set", DECIDE_SET },
	};
	char *end;

	if (row->n != C_ALL)
		return err_set(err, ERR_FAIL, "%zu columns instead of %d", row->n, C_ALL);
	if (!*row->v[C_DECISION])
		return 0;	/* not decided yet */
	struct decided d = { .key = strtoll(row->v[C_KEY], &end, 10) };

	if (*end || end == row->v[C_KEY])
		return err_set(err, ERR_FAIL, "demographic_no: '%.40s' is not a number", row->v[C_KEY]);
	size_t i = 0;

	while (i < ARRAY_LEN(words) && strcasecmp(words[i].word, row->v[C_DECISION]) != 0)
		i++;
	if (i == ARRAY_LEN(words))
		return err_set(err, ERR_FAIL, "decision: '%.40s' is none of split, join, keep, set", row->v[C_DECISION]);
	d.what = words[i].what;
	if (d.what == DECIDE_SET && !*row->v[C_NEW_FIRST])
		return err_set(err, ERR_FAIL, "decision 'set' needs new_first");
	d.first = xstrdup(row->v[C_FIRST]);
	d.middle = xstrdup(strcmp(row->v[C_MIDDLE], "\\N") ? row->v[C_MIDDLE] : "");
	d.new_first = xstrdup(row->v[C_NEW_FIRST]);
	d.new_middle = xstrdup(row->v[C_NEW_MIDDLE]);
	w->decided = xreallocarray(w->decided, w->n + 1, sizeof(*w->decided));
	w->decided[w->n++] = d;
	return 0;
}

static int read_decisions(struct work *w, struct err *err)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_STRV row = STRV_INIT;
	size_t pos = 0, line = 0;
	int rc;

	if (migrate_read_decisions(&text, err) < 0)
		return -1;
	while ((rc = migrate_csv_row(&text, &pos, &row, err)) > 0) {
		if (line++ == 0 && row.n && strcmp(row.v[0], head[0]) == 0)
			continue;
		if (row.n == 1 && !*row.v[0])
			continue;
		if ((rc = parse_decision(w, &row, err)) < 0)
			break;
	}
	if (rc < 0) {
		err_prefix(err, "'%s', row %zu", migrate_opts.decisions, line);
		return -1;
	}
	if (w->n)
		qsort(w->decided, w->n, sizeof(*w->decided), by_key);
	for (size_t i = 1; i < w->n; i++)
		if (w->decided[i].key == w->decided[i - 1].key)
			return err_set(err, ERR_FAIL, "'%s': demographic_no %" PRId64 " is decided twice", migrate_opts.decisions, w->decided[i].key);
	return 0;
}

static const struct decided *decision_for(const struct work *w, int64_t key)
{
	const struct decided k = { .key = key };

	return w->n ? bsearch(&k, w->decided, w->n, sizeof(*w->decided), by_key) : NULL;
}

/* ---- one patient ---- */

static bool text_is(struct migrate_value v, const char *text)
{
	size_t len = strlen(text);

	return v.p ? v.len == len && memcmp(v.p, text, len) == 0 : len == 0;
}

/* What to write, what to hold. 1: decided by a person. */
static int decide(struct migrate *m, struct work *w, int64_t key, struct migrate_value first, struct migrate_value middle)
{
	const struct decided *d = decision_for(w, key);
	struct names *n = &w->names;

	if (w->compat) {
		names_as_manual(n, first.p, first.len, middle.p, middle.len);
		return 0;
	}
	names_split(n, &w->rules, first.p, first.len, middle.p, middle.len);
	if (!d)
		return 0;
	if (!text_is(first, d->first) || !text_is(middle, d->middle)) {
		/* Done by an earlier run, or typed over since: what was decided is about other names. */
		if (n->verdict == NAMES_HOLD)
			migrate_problem(m, PATIENT, key, "decision about other names", "the list has '%s' / '%s'", d->first, d->middle);
		return 0;
	}
	if (d->what == DECIDE_KEEP) {
		n->verdict = NAMES_KEEP;
	} else if (d->what == DECIDE_SPLIT) {
		struct names_rules force = w->rules;

		force.force = true;
		names_split(n, &force, first.p, first.len, middle.p, middle.len);
	} else {
		buf_reset(&n->first);
		buf_adds(&n->first, d->new_first);
		buf_reset(&n->middle);
		buf_adds(&n->middle, d->new_middle);
		n->verdict = NAMES_WRITE;
	}
	return 1;
}

/* What does not fit is held. */
static void measure(struct migrate *m, struct names *n)
{
	static const char *const why[] = {
		[MIGRATE_LONG] = "it is too long together", [MIGRATE_UNREPRESENTABLE] = "the column cannot hold its letters",
		[MIGRATE_INVALID] = "it is not valid UTF-8",
	};
	size_t max;
	enum migrate_fit fit;

	if (n->verdict != NAMES_WRITE)
		return;
	fit = migrate_fit(m, PATIENT, FIRST, n->first.p, n->first.len, &max);
	if (fit == MIGRATE_FITS)
		fit = migrate_fit(m, PATIENT, MIDDLE, n->middle.p, n->middle.len, &max);
	if (fit == MIGRATE_FITS)
		return;
	n->verdict = NAMES_HOLD;
	n->why = why[fit];
}

static void list_hold(struct work *w, int64_t key, struct migrate_value first, struct migrate_value middle)
{
	const struct names *n = &w->names;
	char number[24];

	if (!w->holds)
		return;
	snprintf(number, sizeof(number), "%" PRId64, key);
	migrate_csv_cell(w->holds, MIGRATE_STR(number));
	migrate_csv_cell(w->holds, first);
	migrate_csv_cell(w->holds, middle);
	migrate_csv_cell(w->holds, MIGRATE_STR(n->why));
	migrate_csv_cell(w->holds, ((struct migrate_value){ n->first.p, n->first.len }));
	migrate_csv_cell(w->holds, ((struct migrate_value){ n->middle.p, n->middle.len }));
	for (int i = C_DECISION; i < C_ALL; i++)
		migrate_csv_cell(w->holds, MIGRATE_STR(""));
	migrate_csv_end_row(w->holds);
}

static int write_names(struct migrate *m, int64_t key, struct migrate_value first, struct migrate_value middle,
		       bool by_person, struct err *err)
{
	const struct names *n = &((struct work *)m->own)->names;
	struct migrate_value now_first = { n->first.p, n->first.len }, now_middle = { n->middle.p, n->middle.len };
	bool moved = now_first.len < first.len && !text_is(middle, n->middle.p);
	const char *kind = by_person ? "by decision" : moved ? "second name" : !middle.p && text_is(first, n->first.p) ?
			   "empty for NULL" : "cleaned";

	if (migrate_change(m, PATIENT, key, FIRST, first, now_first, kind, err) < 0)
		return -1;
	return migrate_change(m, PATIENT, key, MIDDLE, middle, now_middle, kind, err);
}

static int one(struct migrate *m, int64_t key, struct migrate_value first, struct migrate_value middle, struct err *err)
{
	struct work *w = m->own;
	int by_person = decide(m, w, key, first, middle);

	measure(m, &w->names);
	if (w->names.zero_width && m->mode == MIGRATE_PLAN)
		migrate_problem(m, PATIENT, key, "invisible characters", "'%s'", first.p);
	if (w->names.verdict == NAMES_WRITE)
		return write_names(m, key, first, middle, by_person, err);
	if (w->names.verdict == NAMES_HOLD) {
		list_hold(w, key, first, middle);
		AUTO_FREE char *kind = xasprintf("held: %s", w->names.why);

		migrate_problem(m, PATIENT, key, kind, "'%s' / '%s'", first.p, middle.p ? middle.p : "NULL");
	}
	/* Nothing is lost by that, and OSCAR can load the patient. */
	return middle.p ? 0 : migrate_change(m, PATIENT, key, MIDDLE, middle, MIGRATE_STR(""), "empty for NULL", err);
}

/* first_name is NOT NULL in every OSCAR; elsewhere NULL is taken as ''. */
static struct migrate_value text_or_empty(struct migrate_value v)
{
	return v.p ? v : MIGRATE_STR("");
}

static int read_batch(struct migrate *m, struct db_rows *r, struct err *err)
{
	struct work *w = m->own;
	AUTO_FREE char *sql = xasprintf("%s WHERE d.demographic_no > %" PRId64 " ORDER BY d.demographic_no LIMIT %d%s", w->select.p, m->pos,
					m->rows, m->lock);

	return db_run(m->db, sql, NULL, 0, r, err);
}

static int step(struct migrate *m, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	int64_t last = m->pos;

	if (read_batch(m, &r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.rows; i++) {
		last = strtoll(db_cell(&r, i, 0), NULL, 10);
		if (one(m, last, text_or_empty(migrate_cell(&r, i, 1)), migrate_cell(&r, i, 2), err) < 0)
			return -1;
	}
	m->pos = last;
	return r.rows > 0;
}

/* ---- begin, look, verify ---- */

static int last_choices(struct migrate *m, bool *compat, struct err *err)
{
	AUTO_FREE char *options = NULL;
	struct err why = ERR_INIT;

	*compat = migrate_opts.compat;
	if (m->mode == MIGRATE_RUN || m->mode == MIGRATE_PLAN || !db_has_table(m->db, "maintkit_run", NULL))
		return 0;
	if (db_get_str(m->db, "SELECT options FROM maintkit_run WHERE migration = 'middle-names' AND state = 'done'"
		       " ORDER BY run_id DESC LIMIT 1", NULL, 0, &options, &why) == 0) {
		*compat = strstr(options, "compat") != NULL;
		return 0;
	}
	if (why.kind == ERR_ABSENT)
		return 0;
	*err = why;
	return -1;
}

static int open_holds(struct work *w, struct err *err)
{
	if (migrate_csv_open(&w->holds, migrate_opts.holds, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		migrate_csv_cell(w->holds, MIGRATE_STR(head[i]));
	migrate_csv_end_row(w->holds);
	return 0;
}

static int begin(struct migrate *m, struct err *err)
{
	struct work *w = xcalloc(1, sizeof(*w));

	m->own = w;
	w->names = (struct names)NAMES_INIT;
	w->select = (struct buf)BUF_INIT;
	profile_words(m->t->profile, "migrate", "compound-names", &w->compound);
	w->rules = (struct names_rules){ .compound = w->compound.n ? &w->compound : NULL, .join = migrate_opts.join };
	buf_adds(&w->select, "SELECT d.demographic_no, ");
	migrate_sql_text(m, PATIENT, "d", "first_name", &w->select);
	buf_adds(&w->select, ", ");
	migrate_sql_text(m, PATIENT, "d", "middleNames", &w->select);
	buf_adds(&w->select, " FROM demographic d");
	if (migrate_opts.compat && (migrate_opts.decisions || migrate_opts.join))
		return err_set(err, ERR_USAGE, "--compat does as the manual does; it takes no --decisions and no --join");
	if (last_choices(m, &w->compat, err) < 0 || (migrate_opts.decisions && read_decisions(w, err) < 0))
		return -1;
	return migrate_opts.holds && m->mode == MIGRATE_PLAN ? open_holds(w, err) : 0;
}

static void end(struct migrate *m)
{
	struct work *w = m->own;

	for (size_t i = 0; i < w->n; i++) {
		free(w->decided[i].first);
		free(w->decided[i].middle);
		free(w->decided[i].new_first);
		free(w->decided[i].new_middle);
	}
	free(w->decided);
	strv_release(&w->compound);
	names_release(&w->names);
	buf_release(&w->select);
	migrate_csv_abort(&w->holds);
	free(w);
	m->own = NULL;
}

static int report(struct migrate *m, struct err *err)
{
	struct work *w = m->own;

	return w->holds ? migrate_csv_close(&w->holds, err) : 0;
}

/* How many names a run would change, and how many it would hold; enough: stop when one was found. */
static int count_due(struct migrate *m, bool enough, int64_t *due, int64_t *held, struct err *err)
{
	struct work *w = m->own;
	bool more = true;

	*due = *held = 0;
	m->pos = INT64_MIN;
	while (more && !(enough && *due)) {
		CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
		const char *lock = m->lock;

		m->lock = "";
		int rc = read_batch(m, &r, err);

		m->lock = lock;
		if (rc < 0)
			return -1;
		more = r.rows > 0;
		for (size_t i = 0; i < r.rows; i++) {
			struct migrate_value first = text_or_empty(migrate_cell(&r, i, 1)), middle = migrate_cell(&r, i, 2);

			m->pos = strtoll(db_cell(&r, i, 0), NULL, 10);
			decide(m, w, m->pos, first, middle);
			measure(m, &w->names);
			*due += w->names.verdict == NAMES_WRITE || !middle.p;
			*held += w->names.verdict == NAMES_HOLD;
		}
	}
	m->pos = INT64_MIN;
	return 0;
}

static int look(struct migrate *m, struct err *err)
{
	int64_t due = 0, held = 0;
	int rc = begin(m, err);

	if (rc == 0)
		rc = count_due(m, m->mode == MIGRATE_RUN, &due, &held, err);
	end(m);
	if (rc < 0)
		return -1;
	m->need.rows = due;
	m->need.needed = due > 0;
	buf_addf(&m->need.evidence, "%" PRId64 " patients' names can be put in order, %" PRId64 " wait for a decision", due, held);
	return 0;
}

static int verify(struct migrate *m, struct err *err)
{
	int64_t n, held;

	if (db_get_int(m->db, "SELECT COUNT(*) FROM demographic WHERE middleNames IS NULL", NULL, 0, &n, err) < 0)
		return -1;
	migrate_check(m, "patients whose middleNames is NULL", n);
	if (m->mode == MIGRATE_RUN)
		return 0;	/* the step has just looked at every one */
	if (count_due(m, false, &n, &held, err) < 0)
		return -1;
	migrate_check(m, "patients with a second name that could be taken out", n);
	migrate_fact(m, "names that wait for a decision", "%" PRId64, held);
	return 0;
}

static const struct migrate_stage stages[] = {
	{ .what = "patients", .table = PATIENT, .step = step },
	{ 0 },
};

const struct migration migrate_middle_names = {
	.name = "middle-names", .summary = "second names in a column of their own",
	.takes = MIGRATE_COMPAT | MIGRATE_DECISIONS | MIGRATE_JOIN, .tables = tables, .stages = stages,
	.look = look, .begin = begin, .end = end, .report = report, .verify = verify,
};
