/* Migration "hrm": the provider that a hospital report is addressed to.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "migrate_hrm.h"

struct hrm_provider {
	char *number;		/* folded as the column's collation compares: lower case, no trailing blanks */
	char *provider_no, *type;
	size_t order;
};

static char *folded(const char *s)
{
	size_t len = strlen(s);
	char *out;

	while (len && s[len - 1] == ' ')
		len--;
	out = xstrndup(s, len);
	for (char *p = out; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return out;
}

static int by_number(const void *a, const void *b)
{
	const struct hrm_provider *x = a, *y = b;
	int c = strcmp(x->number, y->number);

	return c ? c : (x->order > y->order) - (x->order < y->order);
}

int hrm_providers_load(struct hrm_providers *p, struct migrate *m, bool guess, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;

	*p = (struct hrm_providers){ .guess = guess };
	if (db_run(m->db, "SELECT provider_no, practitionerNo, practitionerNoType FROM provider"
		   " WHERE practitionerNo <> '' AND provider_no IS NOT NULL ORDER BY provider_no", NULL, 0, &r, err) < 0)
		return -1;
	p->v = xcalloc(r.rows + 1, sizeof *p->v);
	for (; p->n < r.rows; p->n++) {
		const char *type = db_cell(&r, p->n, 2);

		p->v[p->n] = (struct hrm_provider){ folded(db_cell(&r, p->n, 1)), xstrdup(db_cell(&r, p->n, 0)),
						    type ? xstrdup(type) : NULL, p->n };
		p->untyped += !type || !type[strspn(type, " ")];
	}
	qsort(p->v, p->n, sizeof *p->v, by_number);
	return 0;
}

void hrm_providers_release(struct hrm_providers *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].number);
		free(p->v[i].provider_no);
		free(p->v[i].type);
	}
	free(p->v);
	*p = (struct hrm_providers){ 0 };
}

const char *hrm_providers_find(const struct hrm_providers *p, const char *recipient_id)
{
	char kind;
	const char *number = hrm_recipient_number(recipient_id, &kind);
	size_t low = 0, high = p->n;

	if (!number)
		return NULL;
	AUTO_FREE char *key = folded(number);

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(p->v[mid].number, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < p->n && strcmp(p->v[low].number, key) == 0; low++)
		if (hrm_type_fits(kind, p->v[low].type, key, p->guess))
			return p->v[low].provider_no;
	return NULL;
}
