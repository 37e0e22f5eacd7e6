/* Migration "contacts": relationships and contacts, read patient by patient.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdlib.h>
#include <string.h>

#include "migrate_contacts.h"

/* OSCAR has no index on either side's patient, so each page reads both tables
 * through; rows are small, and pages larger than other migrations' pay. */
#define PAGE_FACTOR 4

static int upper_bound(struct migrate *m, int table, int64_t *hi, struct err *err)
{
	struct db_value v[] = { DBV_INT(m->pos), DBV_INT((int64_t)m->rows * PAGE_FACTOR - 1) };
	struct err e = ERR_INIT;
	const char *sql = table == T_REL ?
		"SELECT demographic_no FROM relationships WHERE demographic_no > ? ORDER BY demographic_no LIMIT ?, 1" :
		"SELECT demographicNo FROM DemographicContact WHERE type = 1 AND demographicNo > ? ORDER BY demographicNo LIMIT ?, 1";

	*hi = INT64_MAX;
	if (db_get_int(m->db, sql, v, 2, hi, &e) == 0)
		return 1;
	if (e.kind == ERR_ABSENT)
		return 0;
	*err = e;
	return -1;
}

static void add_text(struct migrate *m, int table, const char *alias, const char *column, struct buf *sql)
{
	buf_adds(sql, ", ");
	migrate_sql_text(m, table, alias, column, sql);
}

/* Lower case by the rules of text, also where the column is kept as bytes. */
#define LOWERED(column) "LOWER(CONVERT(" column " USING utf8mb4))"

static int read_rels(struct migrate *m, const struct db_value range[2], struct db_rows *out, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;

	buf_adds(&sql, "SELECT r.id, r.demographic_no, CAST(r.relation_demographic_no AS CHAR), " LOWERED("r.relation"));
	add_text(m, T_REL, "r", "relation", &sql);
	/* through the clock and back: a time that a change of the clock skipped becomes one that exists */
	buf_adds(&sql, ", r.facility_id, FROM_UNIXTIME(NULLIF(UNIX_TIMESTAMP(r.creation_date), 0)), r.creation_date IS NOT NULL");
	add_text(m, T_REL, "r", "creator", &sql);
	add_text(m, T_REL, "r", "sub_decision_maker", &sql);
	add_text(m, T_REL, "r", "emergency_contact", &sql);
	add_text(m, T_REL, "r", "notes", &sql);
	add_text(m, T_REL, "r", "deleted", &sql);
	buf_adds(&sql, " FROM relationships r WHERE r.demographic_no > ? AND r.demographic_no <= ? ORDER BY r.demographic_no, r.id");
	return db_run(m->db, sql.p, range, 2, out, err);
}

static int read_contacts(struct migrate *m, const struct db_value range[2], const char *lock, struct db_rows *out,
			 struct err *err)
{
	AUTO_BUF sql = BUF_INIT;

	buf_adds(&sql, "SELECT d.id, d.demographicNo");
	add_text(m, T_CONTACT, "d", "contactId", &sql);
	buf_adds(&sql, ", " LOWERED("d.role"));
	add_text(m, T_CONTACT, "d", "role", &sql);
	buf_addf(&sql, ", d.deleted, d.active, TIME(d.updateDate) = 0, d.facilityId, d.category, UNIX_TIMESTAMP(d.updateDate)"
		 " FROM DemographicContact d WHERE d.type = 1 AND d.demographicNo > ? AND d.demographicNo <= ?"
		 " ORDER BY d.demographicNo, d.id%s", lock);
	return db_run(m->db, sql.p, range, 2, out, err);
}

void contacts_page_release(struct contacts_page *page)
{
	db_rows_release(&page->rels);
	db_rows_release(&page->rows);
	*page = (struct contacts_page){ .rels = DB_ROWS_INIT, .rows = DB_ROWS_INIT };
}

static int64_t number(const struct db_rows *r, size_t row, size_t col)
{
	const char *s = db_cell(r, row, col);

	return s ? strtoll(s, NULL, 10) : 0;
}

static int64_t last_patient(const struct db_rows *r, size_t col)
{
	return r->rows ? number(r, r->rows - 1, col) : INT64_MIN;
}

int contacts_read(struct migrate *m, int table, struct contacts_page *page, struct err *err)
{
	int64_t hi;
	int more = upper_bound(m, table, &hi, err);
	struct db_value range[2] = { DBV_INT(m->pos), DBV_INT(hi) };

	if (more < 0 || read_rels(m, range, &page->rels, err) < 0 ||
	    read_contacts(m, range, m->lock, &page->rows, err) < 0)
		return -1;
	if (!more) {
		int64_t a = last_patient(&page->rels, R_NO), b = last_patient(&page->rows, D_NO);

		hi = a > b ? a : b;
	}
	if (hi > m->pos)
		m->pos = hi;
	return more;
}

/* ---- one patient ---- */

static int by_contact(const void *a, const void *b)
{
	int64_t x = ((const struct contacts_made *)a)->contact, y = ((const struct contacts_made *)b)->contact;

	return (x > y) - (x < y);
}

static const struct contacts_made *made(const struct contacts_made *v, size_t n, int64_t contact)
{
	struct contacts_made key = { contact, 0 };

	return n ? bsearch(&key, v, n, sizeof *v, by_contact) : NULL;
}

static struct contact_rel rel_of(const struct db_rows *r, size_t row)
{
	const char *contact = db_cell(r, row, R_CONTACT), *deleted = db_cell(r, row, R_DELETED);

	return (struct contact_rel){ .id = number(r, row, R_ID), .contact = contact ? contact : "", .role = db_cell(r, row, R_LOWER),
				     .deleted = deleted && strcmp(deleted, "1") == 0 };
}

static struct contact_row row_of(const struct contacts *c, const struct db_rows *r, size_t row)
{
	const char *contact = db_cell(r, row, D_CONTACT), *deleted = db_cell(r, row, D_DELETED);
	const char *category = db_cell(r, row, D_CATEGORY);
	int64_t id = number(r, row, D_ID), updated = number(r, row, D_UPDATED);
	const struct contacts_made *web = made(c->web, c->n_web, id);
	bool midnight = number(r, row, D_MIDNIGHT) == 1;

	return (struct contact_row){
		.id = id, .contact = contact ? contact : "", .role = db_cell(r, row, D_LOWER),
		.deleted = !deleted ? CONTACT_UNKNOWN : strcmp(deleted, "0") == 0 ? CONTACT_LIVE : CONTACT_DELETED,
		.web = web != NULL,
		.untouched = web ? llabs(updated - web->of) <= 60 : midnight,
		.shape = midnight && number(r, row, D_FACILITY) == 1 && number(r, row, D_ACTIVE) == 1,
		.personal = category && strcasecmp(category, "personal") == 0,
	};
}

int contacts_retired(const struct contacts *c, const struct contacts_patient *p, int64_t rel)
{
	for (size_t i = p->n_rows; c->n_retired && i-- > 0;) {	/* of several the last */
		const struct contacts_made *r = made(c->retired, c->n_retired, p->rows[i].id);

		if (r && r->of == rel && p->rows[i].deleted == CONTACT_DELETED)
			return (int)i;
	}
	return CONTACT_NONE;
}

/* What undo retired is no contact for the rule: it must not pair with anything. */
static void match(const struct contacts *c, struct contacts_patient *p)
{
	struct contact_row *rows = xcalloc(p->n_rows + 1, sizeof *rows);
	size_t *at = xcalloc(p->n_rows + 1, sizeof *at), n = 0;

	for (size_t i = 0; i < p->n_rows; i++) {
		p->rows[i].match = p->rows[i].twin = CONTACT_NONE;
		if (p->rows[i].deleted == CONTACT_DELETED && made(c->retired, c->n_retired, p->rows[i].id))
			continue;
		at[n] = i;
		rows[n++] = p->rows[i];
	}
	contactmatch_rows(p->rels, p->n_rels, rows, n);
	contactmatch_tools(rows, n);
	for (size_t i = 0; i < n; i++) {
		p->rows[at[i]] = rows[i];
		if (rows[i].twin != CONTACT_NONE)
			p->rows[at[i]].twin = (int)at[rows[i].twin];
	}
	for (size_t i = 0; i < p->n_rels; i++) {
		if (p->rels[i].match != CONTACT_NONE)
			p->rels[i].match = (int)at[p->rels[i].match];
		if (p->rels[i].near != CONTACT_NONE)
			p->rels[i].near = (int)at[p->rels[i].near];
	}
	free(rows);
	free(at);
}

void contacts_patient_release(struct contacts_patient *p)
{
	free(p->rels);
	free(p->rows);
	*p = (struct contacts_patient){ 0 };
}

bool contacts_next(const struct contacts *c, struct contacts_page *page, struct contacts_patient *p)
{
	const struct db_rows *rels = &page->rels, *rows = &page->rows;
	bool a = page->rel < rels->rows, b = page->row < rows->rows;
	int64_t no;

	contacts_patient_release(p);
	if (!a && !b)
		return false;
	no = !b ? number(rels, page->rel, R_NO) : !a ? number(rows, page->row, D_NO) : number(rels, page->rel, R_NO);
	if (a && b && number(rows, page->row, D_NO) < no)
		no = number(rows, page->row, D_NO);
	p->first_rel = page->rel;
	p->first_row = page->row;
	while (page->rel < rels->rows && number(rels, page->rel, R_NO) == no)
		page->rel++;
	while (page->row < rows->rows && number(rows, page->row, D_NO) == no)
		page->row++;
	p->n_rels = page->rel - p->first_rel;
	p->n_rows = page->row - p->first_row;
	p->rels = xcalloc(p->n_rels + 1, sizeof *p->rels);
	p->rows = xcalloc(p->n_rows + 1, sizeof *p->rows);
	for (size_t i = 0; i < p->n_rels; i++)
		p->rels[i] = rel_of(rels, p->first_rel + i);
	for (size_t i = 0; i < p->n_rows; i++)
		p->rows[i] = row_of(c, rows, p->first_row + i);
	match(c, p);
	return true;
}

int contacts_missing(struct migrate *m, const struct contacts *c, int64_t *missing, struct err *err)
{
	CLEANUP(contacts_patient_release) struct contacts_patient p = { 0 };
	CLEANUP(contacts_page_release) struct contacts_page page = { .rels = DB_ROWS_INIT, .rows = DB_ROWS_INIT };
	int64_t pos = m->pos;
	int more = 1;

	*missing = 0;
	for (m->pos = INT64_MIN; more > 0;) {
		more = contacts_read(m, T_REL, &page, err);
		while (more >= 0 && contacts_next(c, &page, &p))
			for (size_t i = 0; i < p.n_rels; i++)
				*missing += p.rels[i].match == CONTACT_NONE && p.rels[i].near == CONTACT_NONE;
		contacts_page_release(&page);
	}
	m->pos = pos;
	return more;
}
