/* Migration "contacts": which tools have copied relationships before, and what a run of ours must know.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * W, the web helper, logs each row as MIGRATION / NewContacts / "REL->CONTACT"
 * and deletes the relationship. D, the legacy package's SQL, sets updateDate
 * to midnight of the session's zone. J, the page, writes `false`.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "migrate_contacts.h"

#define LOG_PAGE 20000

static int by_contact(const void *a, const void *b)
{
	int64_t x = ((const struct contacts_made *)a)->contact, y = ((const struct contacts_made *)b)->contact;

	return (x > y) - (x < y);
}

static void add_made(struct contacts_made **v, size_t *n, int64_t contact, int64_t of)
{
	/* doubled at each power of two */
	if ((*n & (*n - 1)) == 0)
		*v = xreallocarray(*v, *n ? 2 * *n : 1, sizeof **v);
	(*v)[(*n)++] = (struct contacts_made){ contact, of };
}

/* W's log, page by page: there may be many. */
static int load_log(struct contacts *c, struct migrate *m, struct err *err)
{
	size_t got = LOG_PAGE;

	for (int64_t from = 0; got == LOG_PAGE && migrate_has(m, T_LOG, NULL); from += LOG_PAGE) {
		CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
		struct db_value v[] = { DBV_INT(from), DBV_INT(LOG_PAGE) };

		if (db_run(m->db, "SELECT contentId, UNIX_TIMESTAMP(dateTime) FROM log WHERE action = 'MIGRATION'"
			   " AND content = 'NewContacts' ORDER BY contentId, dateTime LIMIT ?, ?", v, 2, &r, err) < 0)
			return -1;
		got = r.rows;
		for (size_t i = 0; i < r.rows; i++) {
			const char *id = db_cell(&r, i, 0), *at = db_cell(&r, i, 1), *arrow = id ? strstr(id, "->") : NULL;

			if (arrow && strtoll(arrow + 2, NULL, 10) > 0)
				add_made(&c->web, &c->n_web, strtoll(arrow + 2, NULL, 10), at ? strtoll(at, NULL, 10) : 0);
		}
	}
	if (c->n_web)
		qsort(c->web, c->n_web, sizeof *c->web, by_contact);
	return 0;
}

#define AFTER_LAST_DONE "r.run_id > (SELECT COALESCE(MAX(d.run_id), 0) FROM maintkit_run d WHERE d.migration = 'contacts' AND d.state = 'done')"

/* Without their undo rows, contacts that undo retired would look as if a person had deleted them, and stay deleted. */
static int all_retired_known(struct migrate *m, struct err *err)
{
	struct db_value v[] = { DBV_INT(T_CONTACT) };
	int64_t inserted, known = 0;

	if (db_get_int(m->db, "SELECT COALESCE(SUM(inserted), 0) FROM maintkit_run r WHERE migration = 'contacts' AND state = 'undone' AND "
		       AFTER_LAST_DONE, NULL, 0, &inserted, err) < 0)
		return -1;
	if (inserted && db_has_table(m->db, "maintkit_undo", NULL) &&
	    db_get_int(m->db, "SELECT COUNT(*) FROM maintkit_run r JOIN maintkit_undo u ON u.run_id = r.run_id WHERE r.migration = 'contacts'"
		       " AND r.state = 'undone' AND u.tab = ? AND u.col = 0 AND " AFTER_LAST_DONE, v, 1, &known, err) < 0)
		return -1;
	if (known >= inserted)
		return 0;
	err_set(err, ERR_FAIL, "of %" PRId64 " contacts that an undo retired, 'maintkit_undo' knows %" PRId64 ": the others would be taken for"
		" contacts that a person has deleted", inserted, known);
	err_hint(err, "put the table back from a backup made since");
	return -1;
}

/* What an earlier run of ours inserted and its undo retired, unless a run after that has been to the end:
 * that one brought back what was to come back. */
static int load_retired(struct contacts *c, struct migrate *m, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	struct db_value v[] = { DBV_INT(T_CONTACT) };

	if (!db_has_table(m->db, "maintkit_run", NULL))
		return 0;
	if (all_retired_known(m, err) < 0)
		return -1;
	if (!db_has_table(m->db, "maintkit_undo", NULL))
		return 0;
	if (db_run(m->db, "SELECT u.pk, CAST(u.old AS CHAR) FROM maintkit_run r JOIN maintkit_undo u ON u.run_id = r.run_id"
		   " WHERE r.migration = 'contacts' AND r.state = 'undone' AND u.tab = ? AND u.col = 0 AND u.kept = 2 AND " AFTER_LAST_DONE,
		   v, 1, &r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.rows; i++)
		if (db_cell(&r, i, 1))
			add_made(&c->retired, &c->n_retired, strtoll(db_cell(&r, i, 0), NULL, 10), strtoll(db_cell(&r, i, 1), NULL, 10));
	if (c->n_retired)
		qsort(c->retired, c->n_retired, sizeof *c->retired, by_contact);
	return 0;
}

static int load_nullable(struct contacts *c, struct migrate *m, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;

	if (db_run(m->db, "SELECT LOWER(column_name) FROM information_schema.columns WHERE table_schema = DATABASE()"
		   " AND table_name = 'DemographicContact' AND is_nullable = 'YES'", NULL, 0, &r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.rows; i++) {
		const char *name = db_cell(&r, i, 0);

		c->creator_null |= strcmp(name, "creator") == 0;
		c->role_null |= strcmp(name, "role") == 0;
		c->note_null |= strcmp(name, "note") == 0;
	}
	return 0;
}

static int load_site(struct contacts *c, struct migrate *m, struct err *err)
{
	struct err e = ERR_INIT;

	if (db_get_str(m->db, "SELECT NOW()", NULL, 0, &c->now, err) < 0)
		return -1;
	if (migrate_has(m, T_FACILITY, NULL) &&
	    db_get_str(m->db, "SELECT CAST(MIN(id) AS CHAR) FROM Facility", NULL, 0, &c->facility, &e) < 0 && e.kind != ERR_ABSENT) {
		*err = e;
		return -1;
	}
	if (!c->facility)
		c->facility = xstrdup("1");
	return 0;
}

#define D_SHAPE "type = 1 AND TIME(updateDate) = 0 AND facilityId = 1 AND active = 1"

int contacts_load(struct contacts *c, struct migrate *m, struct err *err)
{
	int64_t traces;

	if (load_log(c, m, err) < 0 || load_retired(c, m, err) < 0 || load_nullable(c, m, err) < 0 || load_site(c, m, err) < 0 ||
	    db_get_int(m->db, "SELECT COUNT(*) FROM DemographicContact WHERE " D_SHAPE " OR (type = 1 AND deleted IS NULL)",
		       NULL, 0, &traces, err) < 0)
		return -1;
	c->repair = traces > 0 || c->n_web > 0;
	return 0;
}

void contacts_release(struct contacts *c)
{
	free(c->now);
	free(c->facility);
	free(c->web);
	free(c->retired);
	*c = (struct contacts){ 0 };
}

int contacts_look(struct migrate *m, struct err *err)
{
	CLEANUP(contacts_release) struct contacts c = { 0 };
	int64_t rels, missing, script, page, hidden, stopped;
	struct buf *evidence = &m->need.evidence;

	if (contacts_load(&c, m, err) < 0 || contacts_missing(m, &c, &missing, err) < 0 ||
	    db_get_int(m->db, "SELECT COUNT(*) FROM relationships", NULL, 0, &rels, err) < 0 ||
	    db_get_int(m->db, "SELECT COUNT(*) FROM relationships WHERE facility_id IS NULL", NULL, 0, &stopped, err) < 0 ||
	    db_get_int(m->db, "SELECT COUNT(*) FROM DemographicContact WHERE " D_SHAPE, NULL, 0, &script, err) < 0 ||
	    db_get_int(m->db, "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND (sdm = 'false' OR ec = 'false')",
		       NULL, 0, &page, err) < 0 ||
	    db_get_int(m->db, "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND deleted IS NULL", NULL, 0, &hidden, err) < 0)
		return -1;
	m->need.needed = missing > 0 || hidden > 0 || (script && c.n_web);
	m->need.rows = missing;
	buf_addf(evidence, "%" PRId64 " of %" PRId64 " relationships have no contact", missing, rels);
	if (hidden)
		buf_addf(evidence, ", %" PRId64 " contacts are hidden", hidden);
	if (script)
		buf_addf(evidence, "; traces of the legacy package's script (%" PRId64 " contacts)", script);
	if (c.n_web)
		buf_addf(evidence, "; of the web tool (%zu contacts)", c.n_web);
	if (page)
		buf_addf(evidence, "; of the contacts page (%" PRId64 " contacts)", page);
	if (c.n_web && rels)
		buf_addf(&m->need.warning, "the web tool stopped half way, or relationships were entered since (%" PRId64 " have no facility, which stops it)",
			 stopped);
	else
		buf_adds(&m->need.warning, "do not run the web tool for relationships any more: it would copy again what is here");
	return 0;
}
