/* Migration "contacts": relationships as contacts, whatever tool has copied some of them before.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * First each relationship that has no contact gets one, mapped as the web
 * helper does it; what the rule is stands in core/contactmatch.h. Then, where
 * other tools have left traces, their doubles are retired where that is
 * certain. Nothing is ever deleted, in either table; relationships are only
 * read. Undo marks inserted contacts deleted, because the application forbids
 * to take them away; a later run brings the same rows back.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "migrate_contacts.h"

static const struct migrate_table tables[] = {
	[T_REL] = { "relationships", .pk = "id", .reads = "demographic_no relation_demographic_no facility_id relation creation_date"
		    " creator sub_decision_maker emergency_contact notes deleted" },
	[T_CONTACT] = { "DemographicContact", .pk = "id", .reads = "created updateDate demographicNo type category facilityId"
			" consentToContact", .writes = CONTACT_WRITES, .numbers = true, .inserts = true,
			.least = "demographicNo#10 facilityId#2 type#1 consentToContact#1 deleted#1 active#1 contactId:10 creator:6"
			" category:8 sdm:4 ec:4",
			.from = "update-2011-04-01.sql: table category; update-2011-09-28.sql: note; update-2012-03-30.sql: facilityId creator;"
			" update-2012-12-01.sql: consentToContact active" },
	[T_LOG] = { "log", .reads = "dateTime action content contentId", .optional = true },
	[T_FACILITY] = { "Facility", .pk = "id", .optional = true },
	{ 0 }
};

static int begin(struct migrate *m, struct err *err)
{
	m->own = xcalloc(1, sizeof(struct contacts));
	return contacts_load(m->own, m, err);
}

static void end(struct migrate *m)
{
	if (m->own)
		contacts_release(m->own);
	free(m->own);
	m->own = NULL;
}

/* ---- a contact for a relationship ---- */

/* NULL where the column takes it, else ''. */
static struct migrate_value or_empty(struct migrate_value v, bool may_be_null)
{
	return v.p || may_be_null ? v : MIGRATE_STR("");
}

static bool is_one(struct migrate_value v)
{
	return v.p && v.len == 1 && *v.p == '1';
}

/* The text as the column holds it; buf keeps it. */
static struct migrate_value fitted(struct migrate *m, int64_t rel, int column, const char *name, struct migrate_value v, struct buf *b)
{
	unsigned how;

	if (!v.p)
		return v;
	buf_add(b, v.p, v.len);
	how = migrate_squeeze(m, T_CONTACT, column, b);
	if (how & MIGRATE_CUT)
		migrate_problem(m, T_REL, rel, "over-long", "%s is cut to the column's length", name);
	if (how & MIGRATE_REPLACED)
		migrate_problem(m, T_REL, rel, "character", "%s has characters that the column cannot hold: '?'", name);
	return (struct migrate_value){ b->p, b->len };
}

static int insert(struct migrate *m, const struct db_rows *r, size_t row, const struct contact_rel *rel, struct err *err)
{
	struct contacts *c = m->own;
	AUTO_BUF role = BUF_INIT, note = BUF_INIT, creator = BUF_INIT, contact = BUF_INIT;
	const char *made = db_cell(r, row, R_CREATED), *dated = db_cell(r, row, R_DATED), *facility = db_cell(r, row, R_FACILITY);
	const struct migrate_value values[] = {
		MIGRATE_STR(made ? made : c->now), MIGRATE_STR(c->now), MIGRATE_STR(rel->deleted ? "1" : "0"),
		migrate_cell(r, row, R_NO),
		fitted(m, rel->id, C_CONTACT, "the contact's number", MIGRATE_STR(rel->contact), &contact),
		or_empty(fitted(m, rel->id, C_ROLE, "the relation", migrate_cell(r, row, R_ROLE), &role), c->role_null),
		MIGRATE_STR("1"), MIGRATE_STR("personal"),
		MIGRATE_STR(is_one(migrate_cell(r, row, R_SDM)) ? "true" : ""),
		MIGRATE_STR(is_one(migrate_cell(r, row, R_EC)) ? "true" : ""),
		or_empty(fitted(m, rel->id, C_NOTE, "the note", migrate_cell(r, row, R_NOTE), &note), c->note_null),
		MIGRATE_STR(facility ? facility : c->facility),
		or_empty(fitted(m, rel->id, C_CREATOR, "the creator", migrate_cell(r, row, R_CREATOR), &creator), c->creator_null),
		MIGRATE_STR("1"), MIGRATE_STR(rel->deleted ? "0" : "1"),
	};

	if (!made && dated && strcmp(dated, "1") == 0)
		migrate_problem(m, T_REL, rel->id, "date", "its date is zero or out of range: now is taken");
	if (!facility)
		migrate_problem(m, T_REL, rel->id, "facility", "it has no facility: %s is taken", c->facility);
	if (rel->twin)
		migrate_problem(m, T_REL, rel->id, "identical", "the patient has the same relationship twice: both are copied");
	c->inserted++;
	return migrate_insert(m, T_CONTACT, "created updateDate deleted demographicNo contactId role type category sdm ec note"
			      " facilityId creator consentToContact active", values, ARRAY_LEN(values), rel->id, "inserted", NULL, err);
}

static int set_number(struct migrate *m, const struct db_rows *r, size_t row, int column, size_t from, const char *now,
		      const char *kind, struct err *err)
{
	int64_t id = strtoll(db_cell(r, row, D_ID), NULL, 10);

	return migrate_change(m, T_CONTACT, id, column, migrate_cell(r, row, from), MIGRATE_STR(now), kind, err);
}

/* A contact that undo had retired comes back as it was inserted. */
static int revive(struct migrate *m, const struct db_rows *r, size_t row, const struct contact_rel *rel, struct err *err)
{
	if (set_number(m, r, row, C_DELETED, D_DELETED, rel->deleted ? "1" : "0", "revived", err) < 0)
		return -1;
	return set_number(m, r, row, C_ACTIVE, D_ACTIVE, rel->deleted ? "0" : "1", "revived", err);
}

static int patient_rels(struct migrate *m, const struct contacts_page *page, const struct contacts_patient *p, struct err *err)
{
	struct contacts *c = m->own;

	for (size_t i = 0; i < p->n_rels; i++) {
		const struct contact_rel *rel = &p->rels[i];
		int retired, rc;

		if (rel->match != CONTACT_NONE) {
			c->there++;
			migrate_count(m, "has its contact", 1);
			continue;
		}
		if (rel->near != CONTACT_NONE) {
			c->near++;
			migrate_problem(m, T_REL, rel->id, "role-edited",
					"contact %" PRId64 " of the same two patients has another role: taken for this one",
					p->rows[rel->near].id);
			continue;
		}
		retired = contacts_retired(c, p, rel->id);
		rc = retired != CONTACT_NONE ? revive(m, &page->rows, p->first_row + (size_t)retired, rel, err) :
		     insert(m, &page->rels, p->first_rel + i, rel, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* ---- what other tools left ---- */

static int retire_row(struct migrate *m, const struct db_rows *r, size_t row, struct err *err)
{
	if (set_number(m, r, row, C_DELETED, D_DELETED, "1", "double retired", err) < 0)
		return -1;
	return set_number(m, r, row, C_ACTIVE, D_ACTIVE, "0", "double retired", err);
}

static int repair_pair(struct migrate *m, const struct db_rows *r, const struct contacts_patient *p, size_t web, struct err *err)
{
	size_t other = (size_t)p->rows[web].twin, w = p->first_row + web, d = p->first_row + other;

	switch (contactmatch_repair(&p->rows[web], &p->rows[other])) {
	case CONTACT_KEEP_WEB:
		if (migrate_change(m, T_CONTACT, p->rows[web].id, C_ROLE, migrate_cell(r, w, D_ROLE), migrate_cell(r, d, D_ROLE),
				   "role", err) < 0)
			return -1;
		return retire_row(m, r, d, err);
	case CONTACT_KEEP_WEB_EDITED:
		return retire_row(m, r, d, err);
	case CONTACT_KEEP_OTHER:
		return retire_row(m, r, w, err);
	case CONTACT_REPORT:
		migrate_problem(m, T_CONTACT, p->rows[web].id, "double", "contact %" PRId64 " is a copy of the same relationship,"
				" and both were edited since: decide by hand", p->rows[other].id);
		return 0;
	case CONTACT_SETTLED:
		break;
	}
	/* D's copy with a NULL mark must not come to light when W's was deleted */
	if (p->rows[other].deleted == CONTACT_UNKNOWN)
		return retire_row(m, r, d, err);
	migrate_count(m, "double settled already", 1);
	return 0;
}

static int repair_null(struct migrate *m, const struct db_rows *r, const struct contacts_patient *p, size_t which, struct err *err)
{
	size_t row = p->first_row + which;

	switch (contactmatch_null(p->rows, p->n_rows, which)) {
	case CONTACT_NULL_SHOW:
		return set_number(m, r, row, C_DELETED, D_DELETED, "0", "shown", err);
	case CONTACT_NULL_RETIRE:
		return retire_row(m, r, row, err);
	case CONTACT_NULL_REPORT:
		migrate_problem(m, T_CONTACT, p->rows[which].id, "hidden", "its deleted mark is NULL, which hides it, and what it belongs to is not certain");
	}
	return 0;
}

/* Looks like a double of D's, but the log that would prove it is gone. */
static void tell_suspects(struct migrate *m, const struct contacts_patient *p)
{
	for (size_t i = 0; i < p->n_rows; i++)
		for (size_t k = 0; p->rows[i].shape && k < p->n_rows; k++) {
			const struct contact_row *d = &p->rows[i], *w = &p->rows[k];

			if (!w->shape && w->personal && d->deleted == CONTACT_LIVE && w->deleted == CONTACT_LIVE &&
			    d->twin == CONTACT_NONE && w->twin == CONTACT_NONE && d->match == CONTACT_NONE && w->match == CONTACT_NONE &&
			    strcmp(d->contact, w->contact) == 0 && contactmatch_same_class(d->role, w->role))
				migrate_problem(m, T_CONTACT, w->id, "suspected double",
						"contact %" PRId64 " looks like a copy of the same relationship; there is no log to prove it", d->id);
		}
}

static int patient_contacts(struct migrate *m, const struct contacts_page *page, const struct contacts_patient *p, struct err *err)
{
	for (size_t i = 0; i < p->n_rows; i++) {
		int rc = 0;

		if (p->rows[i].twin != CONTACT_NONE)
			rc = p->rows[i].web ? repair_pair(m, &page->rows, p, i, err) : 0;
		else if (p->rows[i].deleted == CONTACT_UNKNOWN)
			rc = repair_null(m, &page->rows, p, i, err);
		if (rc < 0)
			return -1;
	}
	tell_suspects(m, p);
	return 0;
}

/* ---- the stages ---- */

typedef int patient_fn(struct migrate *m, const struct contacts_page *page, const struct contacts_patient *p, struct err *err);

static int each_patient(struct migrate *m, int table, patient_fn *fn, struct err *err)
{
	CLEANUP(contacts_patient_release) struct contacts_patient p = { 0 };
	CLEANUP(contacts_page_release) struct contacts_page page = { .rels = DB_ROWS_INIT, .rows = DB_ROWS_INIT };
	int more = contacts_read(m, table, &page, err);

	while (more >= 0 && contacts_next(m->own, &page, &p))
		if (fn(m, &page, &p, err) < 0)
			return -1;
	return more;
}

static int step_rels(struct migrate *m, struct err *err)
{
	return each_patient(m, T_REL, patient_rels, err);
}

static int step_contacts(struct migrate *m, struct err *err)
{
	const struct contacts *c = m->own;

	return c->repair ? each_patient(m, T_CONTACT, patient_contacts, err) : 0;
}

static const struct migrate_stage stages[] = {
	{ "relationships", T_REL, "demographic_no", step_rels },
	{ "contacts", T_CONTACT, "demographicNo", step_contacts },
	{ 0 }
};

static int report(struct migrate *m, struct err *err UNUSED)
{
	const struct contacts *c = m->own;

	migrate_fact(m, "facility for rows without one", "%s", c->facility);
	migrate_fact(m, "web tool", "must not be run any more: it would copy again what is here");
	return 0;
}

static int verify(struct migrate *m, struct err *err)
{
	/* read anew: what was retired at the beginning of the run is not now */
	CLEANUP(contacts_release) struct contacts c = { 0 };
	int64_t missing;

	if (contacts_load(&c, m, err) < 0 || contacts_missing(m, &c, &missing, err) < 0)
		return -1;
	migrate_check(m, "relationships without a contact", missing);
	return 0;
}

static void retire(struct migrate *m UNUSED, int table, struct buf *sql)
{
	if (table == T_CONTACT)
		buf_adds(sql, "t.deleted = 1, t.active = 0, t.created = t.created");
}

const struct migration migrate_contacts = {
	.name = "contacts",
	.summary = "relationships as contacts, after whatever tool has run",
	.since = 19,
	.tables = tables,
	.stages = stages,
	.look = contacts_look,
	.begin = begin,
	.end = end,
	.report = report,
	.verify = verify,
	.retire = retire,
};
