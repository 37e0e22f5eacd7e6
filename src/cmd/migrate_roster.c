/* roster: who a patient is enrolled to, and why a roster ended, as OSCAR's admin page writes them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The page (admin/upgradeRosterData.jsp) compares as Java's equals() does, so
 * here bytes are compared: `ro` and `RO ` are other codes. "Empty" is NULL or
 * no byte; a blank is a value. Former states (demographicArchive) of patients
 * that are gone stay as they are. Dates and users of the last change stay too.
 * Where the page dies (a patient whose middleNames is NULL) this goes on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "migrate.h"

enum { ARCHIVE, PATIENT, PROVIDER };
enum { ENROLLED = 1, REASON = 2 };	/* numbers of the columns below */

#define REASON_UNKNOWN "33"	/* "cannot be released (due to patient confidentiality)": the page's choice */

static const struct migrate_table tables[] = {
	[ARCHIVE] = { .name = "demographicArchive", .pk = "id", .reads = "demographic_no roster_status provider_no",
		      .writes = "roster_enrolled_to", .least = "roster_enrolled_to:6",
		      .from = "update-2010-10-07.sql: table; update-2011-06-25.sql: id; update-2019-02-22.sql: roster_enrolled_to" },
	[PATIENT] = { .name = "demographic", .pk = "demographic_no", .reads = "roster_status provider_no",
		      .writes = "roster_enrolled_to roster_termination_reason",
		      .least = "roster_enrolled_to:6 roster_termination_reason:2",
		      .from = "update-2011-10-14.sql: roster_termination_reason; update-2019-02-22.sql: roster_enrolled_to" },
	[PROVIDER] = { .name = "provider", .pk = "provider_no", .optional = true },
	{ 0 },
};

#define EMPTY(column) "(x." column " IS NULL OR LENGTH(x." column ") = 0)"
#define OF_A_PATIENT " AND EXISTS (SELECT 1 FROM demographic p WHERE p.demographic_no = x.demographic_no)"
#define NOT_BLANK " AND LENGTH(TRIM(x.provider_no)) > 0"

/* "TABLE x WHERE ... AND its status is one of those, to the byte AND ...": to be freed. */
static char *rows_with(struct migrate *m, int table, const char *range, const char *codes, const char *more)
{
	AUTO_BUF status = BUF_INIT;

	migrate_sql_text(m, table, "x", "roster_status", &status);
	return xasprintf("%s x WHERE %s AND %s IN (%s)%s", tables[table].name, range, status.p, codes, more);
}

/* range NULL: of the whole table, those that a run would give one; it leaves a provider's number alone that the column
 * has no letters for. */
static char *lacks_enrolled(struct migrate *m, int table, const char *range, const char *blank, const char *more)
{
	AUTO_BUF rest = BUF_INIT;

	buf_addf(&rest, " AND LENGTH(x.provider_no) > 0 AND " EMPTY("roster_enrolled_to") "%s%s", blank, more);
	if (!range)
		migrate_sql_sayable(m, table, "roster_enrolled_to", "provider_no", &rest);
	return rows_with(m, table, range ? range : "TRUE", "'RO','TE'", rest.p);
}

static char *lacks_reason(struct migrate *m, const char *range)
{
	return rows_with(m, PATIENT, range, "'TE'", " AND " EMPTY("roster_termination_reason"));
}

/* Options of the last run, or the ones given: what `verify` must not expect. */
struct roster {
	bool no_invented, skip_blank;
	size_t width[2];	/* of roster_enrolled_to, by table */
};

static const char *blank(const struct roster *r)
{
	return r->skip_blank ? NOT_BLANK : "";
}

/* The next m->rows rows: 1, their last key to *hi, and whether a provider's number in them may be longer than
 * the new column, or of letters that it does not have; none left: 0. */
static int next_range(struct migrate *m, int table, int64_t *hi, bool *wide, struct err *err)
{
	const struct roster *r = m->own;
	const char *pk = tables[table].pk;
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	AUTO_FREE char *sql = xasprintf("SELECT MAX(k), MAX(w) FROM (SELECT %s AS k, CHAR_LENGTH(provider_no) > %zu OR LENGTH(provider_no) <>"
					" CHAR_LENGTH(provider_no) AS w FROM %s WHERE %s > %" PRId64 " ORDER BY %s LIMIT %d) r", pk,
					r->width[table], tables[table].name, pk, m->pos, pk, m->rows);

	if (db_run(m->db, sql, NULL, 0, &rows, err) < 0)
		return -1;
	if (!db_cell(&rows, 0, 0))
		return 0;
	*hi = strtoll(db_cell(&rows, 0, 0), NULL, 10);
	*wide = db_cell(&rows, 0, 1) && *db_cell(&rows, 0, 1) == '1';
	return 1;
}

/* Provider numbers that the new column does not hold as they are. Half of its letters would be another provider: such
 * rows are left out, " AND KEY NOT IN (...)" is appended to but. */
static int report_cut(struct migrate *m, int table, const char *from, struct buf *but, struct err *err)
{
	size_t left = 0;
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	AUTO_BUF sql = BUF_INIT;

	buf_addf(&sql, "SELECT x.%s, CHAR_LENGTH(x.provider_no), ", tables[table].pk);
	migrate_sql_text(m, table, "x", "provider_no", &sql);
	buf_addf(&sql, " FROM %s", from);
	if (db_run(m->db, sql.p, NULL, 0, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.rows; i++) {
		struct migrate_value v = migrate_cell(&rows, i, 2);
		int64_t key = strtoll(db_cell(&rows, i, 0), NULL, 10);
		size_t max;
		enum migrate_fit fit = migrate_fit(m, table, ENROLLED, v.p, v.len, &max);

		if (fit == MIGRATE_LONG)
			migrate_problem(m, table, key, "cut", "provider_no of %s characters, cut to %zu", db_cell(&rows, i, 1), max);
		if (fit == MIGRATE_FITS || fit == MIGRATE_LONG)
			continue;
		migrate_problem(m, table, key, "character", "provider_no '%s' has characters that the column cannot hold: it is left as it is",
				v.p);
		if (left++)
			buf_addf(but, ", %" PRId64, key);
		else
			buf_addf(but, " AND x.%s NOT IN (%" PRId64, tables[table].pk, key);
	}
	if (left)
		buf_addc(but, ')');
	return 0;
}

/* Who is nobody, or left, gets the patient all the same; a person may want to know. */
static int report_providers(struct migrate *m, const char *from, struct err *err)
{
	static const char *const kinds[] = { "provider unknown", "provider inactive" };
	const char *status = migrate_has(m, PROVIDER, "status") ? "COALESCE(v.status, '') <> '1'" : "0";
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	AUTO_BUF number = BUF_INIT;

	/* Only for people: a plan. */
	if (m->mode != MIGRATE_PLAN || !migrate_has(m, PROVIDER, NULL))
		return 0;
	migrate_sql_as(m, PROVIDER, "provider_no", "x.provider_no", &number);
	AUTO_FREE char *sql = xasprintf("SELECT x.demographic_no, x.provider_no, NOT EXISTS (SELECT 1 FROM provider v WHERE v.provider_no = %s),"
					" EXISTS (SELECT 1 FROM provider v WHERE v.provider_no = %s AND %s) FROM %s", number.p, number.p,
					status, from);

	if (db_run(m->db, sql, NULL, 0, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.rows; i++)
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
			if (*db_cell(&rows, i, 2 + k) == '1')
				migrate_problem(m, PATIENT, strtoll(db_cell(&rows, i, 0), NULL, 10), kinds[k], "'%s'", db_cell(&rows, i, 1));
	return 0;
}

static int enroll(struct migrate *m, int table, const char *range, const char *more, bool wide, struct err *err)
{
	const struct roster *r = m->own;
	AUTO_FREE char *key = xasprintf("x.%s", tables[table].pk);
	AUTO_FREE char *from = lacks_enrolled(m, table, range, blank(r), more);
	AUTO_FREE char *now = xasprintf("LEFT(x.provider_no, %zu)", r->width[table]);

	AUTO_BUF rows = BUF_INIT;

	buf_adds(&rows, from);
	if ((wide && report_cut(m, table, from, &rows, err) < 0) || (table == PATIENT && report_providers(m, rows.p, err) < 0))
		return -1;
	return migrate_change_select(m, table, ENROLLED, key, "x.roster_enrolled_to", now, rows.p, "enrolled", err);
}

static int step_archive(struct migrate *m, struct err *err)
{
	int64_t hi;
	bool wide;
	int rc = next_range(m, ARCHIVE, &hi, &wide, err);

	if (rc <= 0)
		return rc;
	AUTO_FREE char *range = xasprintf("x.id > %" PRId64 " AND x.id <= %" PRId64, m->pos, hi);

	if (enroll(m, ARCHIVE, range, OF_A_PATIENT, wide, err) < 0)
		return -1;
	m->pos = hi;
	return 1;
}

static int step_patients(struct migrate *m, struct err *err)
{
	const struct roster *r = m->own;
	int64_t hi;
	bool wide;
	int rc = next_range(m, PATIENT, &hi, &wide, err);

	if (rc <= 0)
		return rc;
	AUTO_FREE char *range = xasprintf("x.demographic_no > %" PRId64 " AND x.demographic_no <= %" PRId64, m->pos, hi);
	AUTO_FREE char *ended = lacks_reason(m, range);

	if (enroll(m, PATIENT, range, "", wide, err) < 0)
		return -1;
	if (!r->no_invented && migrate_change_select(m, PATIENT, REASON, "x.demographic_no", "x.roster_termination_reason",
						     "'" REASON_UNKNOWN "'", ended, "reason " REASON_UNKNOWN, err) < 0)
		return -1;
	m->pos = hi;
	return 1;
}

static int count(struct migrate *m, const char *from, int64_t *n, struct err *err)
{
	AUTO_FREE char *sql = xasprintf("SELECT COUNT(*) FROM %s", from);

	return db_get_int(m->db, sql, NULL, 0, n, err);
}

static int look(struct migrate *m, struct err *err)
{
	AUTO_FREE char *states = lacks_enrolled(m, ARCHIVE, NULL, "", OF_A_PATIENT), *now = lacks_enrolled(m, PATIENT, NULL, "", "");
	AUTO_FREE char *ended = lacks_reason(m, "TRUE");
	int64_t archive, patients, reasons;

	if (count(m, states, &archive, err) < 0 || count(m, now, &patients, err) < 0 || count(m, ended, &reasons, err) < 0)
		return -1;
	m->need.rows = archive + patients + reasons;
	m->need.needed = m->need.rows > 0;
	buf_addf(&m->need.evidence, "%" PRId64 " patients and %" PRId64 " former states with status RO or TE lack roster_enrolled_to, %"
		 PRId64 " with TE a reason", patients, archive, reasons);
	return 0;
}

/* The choices of the last run that stands, when this only verifies. */
static int recall_choices(struct migrate *m, struct roster *r, struct err *err)
{
	AUTO_FREE char *options = NULL;
	struct err why = ERR_INIT;

	r->no_invented = migrate_opts.no_invented;
	r->skip_blank = migrate_opts.skip_blank;
	if (m->mode != MIGRATE_VERIFY || !db_has_table(m->db, "maintkit_run", NULL))
		return 0;
	if (db_get_str(m->db, "SELECT options FROM maintkit_run WHERE migration = 'roster' AND state = 'done' ORDER BY run_id DESC LIMIT 1",
		       NULL, 0, &options, &why) == 0) {
		r->no_invented = strstr(options, "no-invented-reason") != NULL;
		r->skip_blank = strstr(options, "skip-blank-providers") != NULL;
		return 0;
	}
	if (why.kind == ERR_ABSENT)
		return 0;
	*err = why;
	return -1;
}

static int begin(struct migrate *m, struct err *err)
{
	struct roster *r = xcalloc(1, sizeof(*r));

	m->own = r;
	migrate_fit(m, ARCHIVE, ENROLLED, "", 0, &r->width[ARCHIVE]);
	migrate_fit(m, PATIENT, ENROLLED, "", 0, &r->width[PATIENT]);
	return recall_choices(m, r, err);
}

static void end(struct migrate *m)
{
	free(m->own);
	m->own = NULL;
}

/* How many patients went to whom, for the provider to sign off. */
static int report(struct migrate *m, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	const struct roster *r = m->own;
	AUTO_FREE char *done = xasprintf("SELECT CONVERT(now USING utf8mb4) AS who, COUNT(*) FROM maintkit_undo WHERE run_id = %" PRId64
					 " AND tab = %d AND col = %d GROUP BY who ORDER BY who", migrate_run_id(m), PATIENT, ENROLLED);
	AUTO_FREE char *from = lacks_enrolled(m, PATIENT, NULL, blank(r), "");
	AUTO_FREE char *planned = xasprintf("SELECT LEFT(x.provider_no, %zu) AS who, COUNT(*) FROM %s GROUP BY who ORDER BY who",
					    r->width[PATIENT], from);

	if (db_run(m->db, m->mode == MIGRATE_RUN ? done : planned, NULL, 0, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.rows; i++) {
		AUTO_FREE char *who = xasprintf("patients enrolled to provider '%s'", db_cell(&rows, i, 0));

		migrate_fact(m, who, "%s", db_cell(&rows, i, 1));
	}
	return 0;
}

static int verify(struct migrate *m, struct err *err)
{
	const struct roster *r = m->own;
	AUTO_FREE char *archive = lacks_enrolled(m, ARCHIVE, NULL, blank(r), OF_A_PATIENT);
	AUTO_FREE char *patients = lacks_enrolled(m, PATIENT, NULL, blank(r), "");
	AUTO_FREE char *ended = lacks_reason(m, "TRUE");
	int64_t n;

	if (count(m, archive, &n, err) < 0)
		return -1;
	migrate_check(m, "former states without roster_enrolled_to", n);
	if (count(m, patients, &n, err) < 0)
		return -1;
	migrate_check(m, "patients without roster_enrolled_to", n);
	if (r->no_invented)
		return 0;
	if (count(m, ended, &n, err) < 0)
		return -1;
	migrate_check(m, "patients with status TE without a reason", n);
	return 0;
}

static const struct migrate_stage stages[] = {
	{ .what = "former states", .table = ARCHIVE, .step = step_archive },
	{ .what = "patients", .table = PATIENT, .step = step_patients },
	{ 0 },
};

const struct migration migrate_roster = {
	.name = "roster", .summary = "who each rostered patient is enrolled to",
	.takes = MIGRATE_NO_INVENTED | MIGRATE_NO_BLANK, .tables = tables, .stages = stages,
	.look = look, .begin = begin, .end = end, .report = report, .verify = verify,
};
