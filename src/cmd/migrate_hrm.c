/* Migration "hrm": what hospital reports say about patient and recipient, into the columns of HRMDocument.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A step takes the next rows, opens their files, has them parsed by the
 * readers (ext/hrmxml.h) and compares what they say with the row. Everything
 * is derived from the file anew each time, so a run may be repeated; only the
 * differences are written. What the page would do with a file is told per
 * row: same, or recovered (the page would refuse it, stop for good, or store
 * garbage), missing-file, refused-file, unparsable, over-long.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../ext/hrmxml.h"
#include "migrate_hrm.h"

enum { T_DOCUMENT, T_PROVIDER };

/* Columns in `writes`, numbered from 1: those of enum hrm_column, then the provider. */
#define COLUMN(c) ((int)(c) + 1)
#define COLUMN_PROVIDER (HRM_COLUMNS + 1)
#define SQL_COLUMNS "sourceFacilityReportNo formattedName dob gender hcn className subClassName" \
	" recipientId recipientName recipientProviderNo"

static const struct migrate_table tables[] = {
	[T_DOCUMENT] = { "HRMDocument", .pk = "id", .reads = "reportFile", .writes = SQL_COLUMNS, .least = "recipientProviderNo:6",
			 .from = "update-2011-06-18.sql: table; update-2019-03-11.sql: " SQL_COLUMNS },
	[T_PROVIDER] = { "provider", .reads = "provider_no practitionerNo practitionerNoType",
			 .from = "update-2008-09-07.sql: practitionerNo; update-2018-01-15.sql: practitionerNoType" },
	{ 0 }
};

struct row {
	int64_t id;
	struct migrate_value old[HRM_COLUMNS + 1];
	enum hrm_place place;
	struct hrm_report report;
	bool read;		/* the report is there */
	char *why;		/* or why not */
};

struct hrm {
	struct hrm_files *files;
	struct hrm_providers providers;
	struct hrmxml_pool *pool;
	unsigned max[HRM_COLUMNS];
	struct row *rows;	/* of the step that is under way */
	size_t n;
	int64_t with_recipient, found;	/* in the rows looked at */
};

/* ---- before and after ---- */

/* Reports that the last run has looked at and could not read: those do not make it due again. */
static int left_unread(struct migrate *m, int64_t *left, struct err *err)
{
	static const char *const kinds[] = { "missing-file", "refused-file", "unparsable", "page-fails" };
	AUTO_FREE char *counts = NULL;
	AUTO_STRV lines = STRV_INIT;
	struct err why = ERR_INIT;

	*left = 0;
	if (!db_has_table(m->db, "maintkit_run", NULL))
		return 0;
	/* A later run that only looked for providers has read nothing. */
	if (db_get_str(m->db, "SELECT counts FROM maintkit_run WHERE migration = 'hrm' AND state = 'done'"
		       " AND options NOT LIKE '%providers-only%' ORDER BY run_id DESC LIMIT 1", NULL, 0, &counts, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		*err = why;
		return -1;
	}
	strv_split(&lines, counts, "\n");
	for (size_t i = 0; i < lines.n; i++)
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			AUTO_FREE char *begin = xasprintf("p\t%s\t", kinds[k]);

			if (strncmp(lines.v[i], begin, strlen(begin)) == 0)
				*left += strtoll(strrchr(lines.v[i], '\t') + 1, NULL, 10);
		}
	return 0;
}

static int look(struct migrate *m, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT, p = DB_ROWS_INIT;
	int64_t all, unnamed, garbage, untyped, left;

	if (db_run(m->db, "SELECT COUNT(*), COALESCE(SUM(formattedName IS NULL), 0), COALESCE(SUM(dob LIKE '%-0-%'), 0)"
		   " FROM HRMDocument", NULL, 0, &r, err) < 0 ||
	    db_run(m->db, "SELECT COUNT(*) FROM provider WHERE practitionerNo <> ''"
		   " AND COALESCE(practitionerNoType, '') = ''", NULL, 0, &p, err) < 0 || left_unread(m, &left, err) < 0)
		return -1;
	all = strtoll(db_cell(&r, 0, 0), NULL, 10);
	unnamed = strtoll(db_cell(&r, 0, 1), NULL, 10);
	garbage = strtoll(db_cell(&r, 0, 2), NULL, 10);
	untyped = strtoll(db_cell(&p, 0, 0), NULL, 10);
	/* Whoever runs it again wants every file read again. */
	m->need.needed = m->mode == MIGRATE_RUN ? all > 0 : unnamed > left || garbage > 0;
	m->need.rows = unnamed;
	buf_addf(&m->need.evidence, "%" PRId64 " of %" PRId64 " hospital reports have no name yet", unnamed, all);
	if (left && unnamed)
		buf_addf(&m->need.evidence, ", %" PRId64 " of them could not be read the last time", left < unnamed ? left : unnamed);
	if (garbage)
		buf_addf(&m->need.evidence, ", %" PRId64 " a date of birth as the web tool garbles it", garbage);
	if (untyped && all)
		buf_addf(&m->need.warning, "%" PRId64 " providers have a practitioner number but no type (CPSO, CNORNP ...), so their "
			 "reports find no recipient; set the types first, or use --guess-provider-types, or repeat later with --providers-only",
			 untyped);
	return 0;
}

static int on_report(void *arg, uint64_t id, struct hrm_report *report, const struct err *e)
{
	struct hrm *h = arg;
	struct row *r = &h->rows[id];

	if (e) {
		r->why = xstrdup(e->text);
		return 0;
	}
	r->report = *report;
	r->read = true;
	*report = (struct hrm_report)HRM_REPORT_INIT;
	return 0;
}

/* Readers that are nobody where there is no user of the application. */
static int open_pool(struct hrm *h, struct migrate *m, struct err *err)
{
	struct hrmxml_options o = { .schema = hrm_files_schema(h->files), .drop = geteuid() == 0, .uid = 65534, .gid = 65534 };
	struct err e = ERR_INIT;

	if (o.drop && !root_is_foreign(&m->t->root) &&
	    profile_user(m->t->profile, &m->t->root, &o.uid, &o.gid, &e) < 0 && e.kind != ERR_ABSENT) {
		*err = e;
		return -1;
	}
	return hrmxml_pool_open(&h->pool, &o, on_report, h, err);
}

static int begin(struct migrate *m, struct err *err)
{
	struct hrm *h = xcalloc(1, sizeof *h);
	size_t max;

	m->own = h;
	if (m->mode != MIGRATE_PLAN && m->mode != MIGRATE_RUN)
		return 0;
	if (hrm_providers_load(&h->providers, m, migrate_opts.guess, err) < 0)
		return -1;
	if (migrate_opts.providers_only)
		return 0;
	for (int c = 0; c < HRM_COLUMNS; c++) {
		migrate_fit(m, T_DOCUMENT, COLUMN(c), "", 0, &max);
		h->max[c] = max > 65535 ? 65535 : (unsigned)max;
	}
	if (hrm_files_open(&h->files, m, err) < 0)
		return -1;
	return open_pool(h, m, err);
}

static void forget_rows(struct hrm *h)
{
	for (size_t i = 0; i < h->n; i++) {
		hrm_report_release(&h->rows[i].report);
		free(h->rows[i].why);
	}
	free(h->rows);
	h->rows = NULL;
	h->n = 0;
}

static void end(struct migrate *m)
{
	struct hrm *h = m->own;

	if (!h)
		return;
	hrmxml_pool_cleanup(&h->pool);
	forget_rows(h);
	hrm_files_close(h->files);
	hrm_providers_release(&h->providers);
	free(h);
	m->own = NULL;
}

/* ---- one row ---- */

static int change(struct migrate *m, const struct row *r, int column, const char *now, struct err *err)
{
	struct migrate_value old = r->old[column - 1];
	const char *kind = column == COLUMN_PROVIDER ? "recipient" : old.p ? "corrected" : "filled";

	return migrate_change(m, T_DOCUMENT, r->id, column, old, now ? MIGRATE_STR(now) : MIGRATE_NULL, kind, err);
}

/* The provider is written only when there is one. */
static int set_provider(struct migrate *m, const struct row *r, const char *recipient_id, struct err *err)
{
	struct hrm *h = m->own;
	const char *provider = hrm_providers_find(&h->providers, recipient_id);

	h->with_recipient += recipient_id && *recipient_id;
	if (!provider)
		return 0;
	h->found++;
	/* Half a number would be another provider's. */
	size_t max;

	if (migrate_fit(m, T_DOCUMENT, COLUMN_PROVIDER, provider, strlen(provider), &max) != MIGRATE_FITS) {
		migrate_problem(m, T_DOCUMENT, r->id, "recipient", "the column cannot hold provider '%s': it is left as it is", provider);
		return 0;
	}
	return change(m, r, COLUMN_PROVIDER, provider, err);
}

/* Without the file, what the page garbled can be put right all the same. */
static int mend_dob(struct migrate *m, const struct row *r, struct err *err)
{
	const struct migrate_value *dob = &r->old[HRM_DOB];
	AUTO_FREE char *old = dob->p ? xstrndup(dob->p, dob->len) : NULL;

	if (migrate_opts.compat || !hrm_dob_is_artefact(old))
		return 0;
	*strstr(old, "-0-") = '\0';
	return change(m, r, COLUMN(HRM_DOB), old, err);
}

static int without_report(struct migrate *m, const struct row *r, struct err *err)
{
	if (r->place == HRM_MISSING)
		migrate_problem(m, T_DOCUMENT, r->id, "missing-file", "its file is not there");
	else
		migrate_problem(m, T_DOCUMENT, r->id, r->place == HRM_REFUSED ? "refused-file" : "unparsable", "%s",
				r->why ? r->why : "no reason given");
	return mend_dob(m, r, err);
}

static void tell_verdict(struct migrate *m, const struct row *r, unsigned why, unsigned cut)
{
	for (int c = 0; c < HRM_COLUMNS; c++)
		if (cut & 1u << c)
			migrate_problem(m, T_DOCUMENT, r->id, "over-long", "%s is cut to the column's length",
					hrm_column_name[c]);
	if (cut)
		return;
	if (why)
		migrate_problem(m, T_DOCUMENT, r->id, "recovered", "%s", hrm_why_text(why));
	else if (r->place == HRM_ELSEWHERE)
		migrate_problem(m, T_DOCUMENT, r->id, "recovered", "its file is not where the page looks");
	else
		migrate_count(m, "same", 1);
}

static int with_report(struct migrate *m, const struct row *r, struct err *err)
{
	const struct hrm *h = m->own;
	CLEANUP(hrm_values_release) struct hrm_values v = HRM_VALUES_INIT;
	unsigned why = hrm_why(&r->report);

	if (migrate_opts.compat && (why & (HRM_WHY_SCHEMA | HRM_WHY_STOP))) {
		migrate_problem(m, T_DOCUMENT, r->id, "page-fails", "%s", hrm_why_text(why));
		return 0;
	}
	hrm_values(&v, &r->report, migrate_opts.compat ? HRM_COMPAT : HRM_FIXED, h->max);
	tell_verdict(m, r, migrate_opts.compat ? 0 : why, v.cut);
	for (int c = 0; c < HRM_COLUMNS; c++) {
		AUTO_BUF text = BUF_INIT;

		if (v.v[c])
			buf_adds(&text, v.v[c]);
		if (migrate_squeeze(m, T_DOCUMENT, COLUMN(c), &text))
			migrate_problem(m, T_DOCUMENT, r->id, "character", "%s has characters that the column cannot hold: '?'",
					hrm_column_name[c]);
		if (change(m, r, COLUMN(c), v.v[c] ? text.p : NULL, err) < 0)
			return -1;
	}
	return set_provider(m, r, v.v[HRM_RECIPIENT_ID], err);
}

/* ---- a step ---- */

static int select_rows(struct migrate *m, struct db_rows *out, struct err *err)
{
	AUTO_STRV names = STRV_INIT;
	AUTO_BUF sql = BUF_INIT;
	struct db_value v[] = { DBV_INT(m->pos), DBV_INT(m->rows) };

	strv_split(&names, SQL_COLUMNS, " ");
	buf_adds(&sql, "SELECT d.id, ");
	migrate_sql_text(m, T_DOCUMENT, "d", "reportFile", &sql);
	for (size_t i = 0; i < names.n; i++) {
		buf_adds(&sql, ", ");
		migrate_sql_text(m, T_DOCUMENT, "d", names.v[i], &sql);
	}
	buf_addf(&sql, " FROM HRMDocument d WHERE d.id > ? ORDER BY d.id LIMIT ?%s", m->lock);
	return db_run(m->db, sql.p, v, 2, out, err);
}

static int read_reports(struct migrate *m, const struct db_rows *rows, struct err *err)
{
	struct hrm *h = m->own;

	for (size_t i = 0; i < h->n; i++) {
		struct row *r = &h->rows[i];
		struct err why = ERR_INIT;
		int fd;

		r->place = hrm_files_find(h->files, db_cell(rows, i, 1), migrate_opts.compat, &fd, &why);
		if (r->place == HRM_REFUSED)
			r->why = xstrdup(why.text);
		if (fd >= 0 && hrmxml_pool_add(h->pool, i, fd, err) < 0)
			return -1;
	}
	return hrmxml_pool_drain(h->pool, err);
}

static int only_provider(struct migrate *m, const struct row *r, struct err *err)
{
	const struct migrate_value *id = &r->old[HRM_RECIPIENT_ID];
	AUTO_FREE char *recipient = id->p ? xstrndup(id->p, id->len) : NULL;

	return set_provider(m, r, recipient, err);
}

static int step(struct migrate *m, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	struct hrm *h = m->own;
	int rc = 0;

	if (select_rows(m, &rows, err) < 0)
		return -1;
	h->n = rows.rows;
	h->rows = xcalloc(h->n + 1, sizeof *h->rows);
	for (size_t i = 0; i < h->n; i++) {
		h->rows[i].id = strtoll(db_cell(&rows, i, 0), NULL, 10);
		for (size_t c = 0; c <= HRM_COLUMNS; c++)
			h->rows[i].old[c] = migrate_cell(&rows, i, 2 + c);
	}
	if (!migrate_opts.providers_only)
		rc = read_reports(m, &rows, err);
	for (size_t i = 0; rc == 0 && i < h->n; i++) {
		const struct row *r = &h->rows[i];

		rc = migrate_opts.providers_only ? only_provider(m, r, err) :
		     r->read ? with_report(m, r, err) : without_report(m, r, err);
	}
	if (rc == 0 && h->n)
		m->pos = h->rows[h->n - 1].id;
	forget_rows(h);
	return rc < 0 ? -1 : rows.rows == (size_t)m->rows;
}

static const struct migrate_stage stages[] = {
	{ "hospital reports", T_DOCUMENT, NULL, step },
	{ 0 }
};

static int report(struct migrate *m, struct err *err UNUSED)
{
	const struct hrm *h = m->own;

	if (h->files) {
		migrate_fact(m, "documents", "%s", hrm_files_documents(h->files));
		if (hrm_files_schema(h->files))
			migrate_fact(m, "schema", "%s", hrm_files_schema(h->files));
		else
			migrate_fact(m, "schema", "judged by the rules of 1.1.2 (there is none on the disk: the web tool itself would read nothing)");
	}
	migrate_fact(m, "recipients", "%" PRId64 " of %" PRId64 " reports found their provider", h->found, h->with_recipient);
	if (h->providers.untyped)
		migrate_fact(m, "providers without type", "%" PRId64 "%s", h->providers.untyped,
			     migrate_opts.guess ? ", guessed by the length of their number" : "");
	return 0;
}

static int verify(struct migrate *m, struct err *err)
{
	int64_t garbage;

	if (db_get_int(m->db, "SELECT COUNT(*) FROM HRMDocument WHERE dob LIKE '%-0-%'", NULL, 0, &garbage, err) < 0)
		return -1;
	if (!migrate_opts.compat)
		migrate_check(m, "dates of birth as the web tool garbles them", garbage);
	return 0;
}

const struct migration migrate_hrm = {
	.name = "hrm",
	.summary = "patient and recipient of hospital reports, out of their files",
	.takes = MIGRATE_COMPAT | MIGRATE_LOOKUP_ONLY | MIGRATE_GUESS,
	.tables = tables,
	.stages = stages,
	.look = look,
	.begin = begin,
	.end = end,
	.report = report,
	.verify = verify,
};
