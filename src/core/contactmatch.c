/* Which rows of relationships have their contact in DemographicContact already, and which contacts exist twice.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A patient has a handful of contacts, so everything here compares each with
 * each. The order (deleted, id) is made by always taking the least candidate.
 */
#include "contactmatch.h"

#include <string.h>

#include "../base/mem.h"

static size_t word_len(const char *s)
{
	size_t n = strlen(s);

	while (n && s[n - 1] == ' ')
		n--;
	return n;
}

static int family(const char *s, size_t len)
{
	static const char *const words[2][3] = { { "child", "son", "daughter" }, { "spouse", "wife", "husband" } };

	for (int f = 0; f < 2; f++)
		for (size_t i = 0; i < 3; i++)
			if (strlen(words[f][i]) == len && memcmp(words[f][i], s, len) == 0)
				return f;
	return -1;
}

bool contactmatch_same_class(const char *a, const char *b)
{
	size_t n = word_len(a = a ? a : ""), m = word_len(b = b ? b : "");
	int f = family(a, n);

	if (f >= 0)
		return family(b, m) == f;
	return n == m && memcmp(a, b, n) == 0;
}

/* Live before unknown before deleted, then by id. */
static bool row_before(const struct contact_row *a, const struct contact_row *b)
{
	return a->deleted != b->deleted ? a->deleted < b->deleted : a->id < b->id;
}

static bool rel_before(const struct contact_rel *a, const struct contact_rel *b)
{
	return a->deleted != b->deleted ? b->deleted : a->id < b->id;
}

static bool fits(const struct contact_rel *rel, const struct contact_row *row, bool any_role)
{
	return strcmp(rel->contact, row->contact) == 0 &&
	       (any_role || contactmatch_same_class(rel->role, row->role));
}

/* The first relationship of all that is not paired yet and comes after `after`. */
static int next_rel(const struct contact_rel *rels, size_t n, int after)
{
	int best = CONTACT_NONE;

	for (size_t i = 0; i < n; i++)
		if ((after == CONTACT_NONE || rel_before(&rels[after], &rels[i])) &&
		    (best == CONTACT_NONE || rel_before(&rels[i], &rels[best])))
			best = (int)i;
	return best;
}

static int first_row(const struct contact_rel *rel, const struct contact_row *rows, size_t n, bool any_role)
{
	int best = CONTACT_NONE;

	for (size_t i = 0; i < n; i++)
		if (rows[i].match == CONTACT_NONE && fits(rel, &rows[i], any_role) &&
		    (best == CONTACT_NONE || row_before(&rows[i], &rows[best])))
			best = (int)i;
	return best;
}

static bool is_twin(const struct contact_rel *rels, size_t n, const struct contact_rel *rel)
{
	for (size_t i = 0; i < n; i++)
		if (rels[i].id < rel->id && rels[i].deleted == rel->deleted &&
		    strcmp(rels[i].contact, rel->contact) == 0 && contactmatch_same_class(rels[i].role, rel->role))
			return true;
	return false;
}

void contactmatch_rows(struct contact_rel *rels, size_t n_rels, struct contact_row *rows, size_t n_rows)
{
	int i;

	for (size_t k = 0; k < n_rows; k++) {
		rows[k].match = rows[k].twin = CONTACT_NONE;
		rows[k].near = false;
	}
	for (size_t k = 0; k < n_rels; k++) {
		rels[k].match = rels[k].near = CONTACT_NONE;
		rels[k].twin = is_twin(rels, n_rels, &rels[k]);
	}
	for (i = next_rel(rels, n_rels, CONTACT_NONE); i != CONTACT_NONE; i = next_rel(rels, n_rels, i)) {
		rels[i].match = first_row(&rels[i], rows, n_rows, false);
		if (rels[i].match != CONTACT_NONE)
			rows[rels[i].match].match = i;
	}
	for (i = next_rel(rels, n_rels, CONTACT_NONE); i != CONTACT_NONE; i = next_rel(rels, n_rels, i)) {
		if (rels[i].match != CONTACT_NONE)
			continue;
		rels[i].near = first_row(&rels[i], rows, n_rows, true);
		if (rels[i].near != CONTACT_NONE) {
			rows[rels[i].near].match = i;
			rows[rels[i].near].near = true;
		}
	}
}

static bool same_key(const struct contact_row *a, const struct contact_row *b)
{
	return strcmp(a->contact, b->contact) == 0 && contactmatch_same_class(a->role, b->role);
}

/* The least row of one tool, not paired yet, and of key's key unless that is NULL. */
static int least(const struct contact_row *rows, size_t n, bool web, const struct contact_row *key, int after)
{
	int best = CONTACT_NONE;

	for (size_t i = 0; i < n; i++) {
		if (rows[i].web != web || rows[i].twin != CONTACT_NONE || (!web && !rows[i].personal))
			continue;
		if ((key && !same_key(&rows[i], key)) ||
		    (after != CONTACT_NONE && !row_before(&rows[after], &rows[i])))
			continue;
		if (best == CONTACT_NONE || row_before(&rows[i], &rows[best]))
			best = (int)i;
	}
	return best;
}

void contactmatch_tools(struct contact_row *rows, size_t n)
{
	int w, d;

	for (size_t i = 0; i < n; i++)
		rows[i].twin = CONTACT_NONE;
	for (w = least(rows, n, true, NULL, CONTACT_NONE); w != CONTACT_NONE; w = least(rows, n, true, NULL, w)) {
		d = least(rows, n, false, &rows[w], CONTACT_NONE);
		if (d == CONTACT_NONE)
			continue;
		rows[w].twin = d;
		rows[d].twin = w;
	}
}

enum contact_repair contactmatch_repair(const struct contact_row *web, const struct contact_row *other)
{
	/* one that is hidden already is nobody's second contact; NULL is hidden, and D's */
	if (web->deleted != CONTACT_LIVE || other->deleted == CONTACT_DELETED)
		return CONTACT_SETTLED;
	/* nobody can edit what the application hides */
	if (other->deleted == CONTACT_UNKNOWN && !other->untouched)
		return CONTACT_REPORT;
	if (web->untouched)
		return other->untouched ? CONTACT_KEEP_WEB : CONTACT_KEEP_OTHER;
	return other->untouched ? CONTACT_KEEP_WEB_EDITED : CONTACT_REPORT;
}

enum contact_null contactmatch_null(const struct contact_row *rows, size_t n, size_t which)
{
	const struct contact_row *r = &rows[which];

	if (r->match != CONTACT_NONE && !r->near)
		return CONTACT_NULL_SHOW;
	if (r->near)
		return CONTACT_NULL_REPORT;
	for (size_t i = 0; i < n; i++) {
		if (i == which || !same_key(&rows[i], r))
			continue;
		/* another one of the key stands for the relationship that D copied twice */
		if (rows[i].match != CONTACT_NONE || (rows[i].deleted == CONTACT_UNKNOWN && rows[i].id < r->id))
			return r->shape ? CONTACT_NULL_RETIRE : CONTACT_NULL_REPORT;
		/* perhaps another tool's; without its log nothing is certain */
		if (rows[i].deleted != CONTACT_UNKNOWN)
			return CONTACT_NULL_REPORT;
	}
	return CONTACT_NULL_SHOW;
}
