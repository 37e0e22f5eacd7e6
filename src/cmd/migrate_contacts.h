/* Pieces of the migration "contacts" of maintkit-migrate: reading, and which tool has run.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_CMD_MIGRATE_CONTACTS_H
#define MAINTKIT_CMD_MIGRATE_CONTACTS_H

#include "../core/contactmatch.h"
#include "migrate.h"

enum { T_REL, T_CONTACT, T_LOG, T_FACILITY };

/* Columns in `writes` of T_CONTACT, numbered from 1. */
enum { C_DELETED = 1, C_ACTIVE, C_ROLE, C_NOTE, C_CREATOR, C_CONTACT, C_SDM, C_EC };
#define CONTACT_WRITES "deleted active role note creator contactId sdm ec"

/* Columns of the two results that contacts_read() gives. */
enum { R_ID, R_NO, R_CONTACT, R_LOWER, R_ROLE, R_FACILITY, R_CREATED, R_DATED, R_CREATOR, R_SDM, R_EC, R_NOTE, R_DELETED };
enum { D_ID, D_NO, D_CONTACT, D_LOWER, D_ROLE, D_DELETED, D_ACTIVE, D_MIDNIGHT, D_FACILITY, D_CATEGORY, D_UPDATED };

struct contacts_made { int64_t contact, of; };	/* sorted by contact */

struct contacts {
	char *now, *facility;		/* of this run; for rows that have none */
	bool creator_null, role_null, note_null, contact_null;	/* may the column be NULL? */
	struct contacts_made *web;	/* rows that W made, and when (seconds) by its log */
	size_t n_web;
	struct contacts_made *retired;	/* rows that undo retired, and the relationship they came from */
	size_t n_retired;
	bool repair;			/* are there traces that the second stage must look at? */
	int64_t inserted, there, near;
};

/* ---- migrate_contacts_read.c ---- */

/* The next patients by key of `table` (T_REL or T_CONTACT): both sides in full, and those of no
 * other patient. Sets m->pos. 1 there may be more, 0 these were the last (there may be none). */
struct contacts_page { struct db_rows rels, rows; size_t rel, row; };
int contacts_read(struct migrate *m, int table, struct contacts_page *page, struct err *err) MUST_CHECK;
void contacts_page_release(struct contacts_page *page);

/* One patient of a page; indices into the page's results are first_rel, first_row + i. */
struct contacts_patient {
	struct contact_rel *rels;
	struct contact_row *rows;
	size_t n_rels, n_rows, first_rel, first_row;
};
/* False when the page is over. Pairs are found already. */
bool contacts_next(const struct contacts *c, struct contacts_page *page, struct contacts_patient *p);
void contacts_patient_release(struct contacts_patient *p);

/* The relationship's contact that undo retired, as index of p->rows, or CONTACT_NONE. */
int contacts_retired(const struct contacts *c, const struct contacts_patient *p, int64_t rel);

/* How many relationships have neither a contact nor one whose role was edited. Walks all. */
int contacts_missing(struct migrate *m, const struct contacts *c, int64_t *missing, struct err *err) MUST_CHECK;

/* ---- migrate_contacts_trace.c ---- */

int contacts_load(struct contacts *c, struct migrate *m, struct err *err) MUST_CHECK;
void contacts_release(struct contacts *c);
/* Which tools have run, as far as the tables tell; see maintkit-migrate(8). */
int contacts_look(struct migrate *m, struct err *err) MUST_CHECK;

#endif
