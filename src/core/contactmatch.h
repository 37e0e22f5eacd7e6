/* Which rows of relationships have their contact in DemographicContact already, and which contacts exist twice.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Three tools of OSCAR copy relationships into contacts, each in its own way,
 * and none knows of the others: W, the web helper (moves each row and logs
 * it); D, the legacy package's SQL (copies all, renames roles, drops what it
 * takes for duplicates); J, a page (copies unless any contact of that number
 * is there). Ids of the two tables have nothing to do with each other, so
 * what belongs together is found by a multiset rule, one patient at a time:
 *
 *   key = (patient, contact, role class), contacts of type 1 only;
 *   both sides ordered by (deleted as 0/1, id) and paired off.
 *
 * A relationship left over may still have a contact whose role somebody
 * edited: a second pass pairs it with a left-over contact of the same two
 * patients. Such a pair is reported, never acted upon, so that a contact that
 * a user changed or deleted does not come back.
 */
#ifndef MAINTKIT_CONTACTMATCH_H
#define MAINTKIT_CONTACTMATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTACT_NONE (-1)

/* A relationship of the patient. */
struct contact_rel {
	int64_t id;
	const char *contact;	/* the other patient's number, decimal */
	const char *role;	/* lower case (the server's LOWER()), NULL: none */
	bool deleted;		/* '1' in the table */
	int match;		/* out: index of its contact, or CONTACT_NONE */
	int near;		/* out: index of a contact of another role, or CONTACT_NONE */
	bool twin;		/* out: an earlier relationship of the patient has the same key and deleted mark */
};

enum contact_deleted { CONTACT_LIVE, CONTACT_UNKNOWN /* NULL: D's; the application hides it */, CONTACT_DELETED };

/* A contact of type 1 of the patient. */
struct contact_row {
	int64_t id;
	const char *contact, *role;	/* as above */
	enum contact_deleted deleted;
	bool web;		/* W made it: its id stands in the log */
	bool untouched;		/* as the tool left it: W within a minute of the log's time, D at midnight */
	bool shape;		/* D's shape: midnight, facility 1, active */
	bool personal;		/* category */
	int match;		/* out: index of the relationship (also by the second pass), or CONTACT_NONE */
	bool near;		/* out: by the second pass */
	int twin;		/* out of contactmatch_tools(): index of the other tool's copy, or CONTACT_NONE */
};

/* {child, son, daughter}, {spouse, wife, husband}, else the role itself; trailing
 * blanks do not count (the column's collation ignores them). */
bool contactmatch_same_class(const char *a, const char *b);

void contactmatch_rows(struct contact_rel *rels, size_t n_rels, struct contact_row *rows, size_t n_rows);

/* Pair W's rows with personal ones that are not W's, by the same rule. */
void contactmatch_tools(struct contact_row *rows, size_t n);

/* What is to be done with such a pair. */
enum contact_repair {
	CONTACT_SETTLED,	/* not both are live: nobody sees two */
	CONTACT_KEEP_WEB,	/* keep W's (true date, facility, active) with D's renamed role, retire D's */
	CONTACT_KEEP_WEB_EDITED,	/* only W's was edited since: keep it as it is, retire D's */
	CONTACT_KEEP_OTHER,	/* only D's was edited since: keep it, retire W's */
	CONTACT_REPORT,		/* both were */
};
enum contact_repair contactmatch_repair(const struct contact_row *web, const struct contact_row *other);

/* What becomes of a contact whose deleted mark is NULL; call after the two above. */
enum contact_null {
	CONTACT_NULL_SHOW,	/* set it to 0 */
	CONTACT_NULL_RETIRE,	/* a copy that D made by running again: deleted = 1, active = 0 */
	CONTACT_NULL_REPORT,
};
enum contact_null contactmatch_null(const struct contact_row *rows, size_t n, size_t which);

#endif
