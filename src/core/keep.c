/* Which backups stay and which go: so many days, weeks and months, and what must never go.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "keep.h"

#define DAY 86400

/* Newest first; those of one second by name, the unknown last. */
static int newer_first(const void *pa, const void *pb)
{
	const struct keep_item *a = pa, *b = pb;

	if (a->created != b->created)
		return a->created < b->created ? 1 : -1;
	return strcmp(b->name, a->name);
}

static long long number_of_day(long long t)
{
	return t / DAY;
}

/* 1 January 1970 was a Thursday. */
static long long number_of_week(long long t)
{
	return (t / DAY + 3) / 7;
}

/* Months since the year 0 of the proleptic Gregorian calendar, counted in years that begin in March. */
static long long number_of_month(long long t)
{
	long long days = t / DAY + 719468;	/* since 1 March 0000 */
	long long era = days / 146097, of_era = days % 146097;
	long long year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	long long of_year = of_era - (365 * year + year / 4 - year / 100);

	return (era * 400 + year) * 12 + (5 * of_year + 2) / 153;
}

static void keep(struct keep_item *i, const char *why, const char *more)
{
	size_t len = strlen(i->why);

	i->kept = true;
	snprintf(i->why + len, sizeof(i->why) - len, "%s%s%s", len ? ", " : "", why, more);
}

static void keep_periods(struct keep_item *v, size_t n, long count, const char *word, long long number(long long))
{
	long long last = -1;
	long have = 0;

	for (size_t i = 0; i < n && have < count; i++) {
		if (v[i].bad || v[i].created < 0 || number(v[i].created) == last)
			continue;
		char text[32];

		last = number(v[i].created);
		snprintf(text, sizeof(text), " %ld", ++have);
		keep(&v[i], word, text);
	}
}

static void keep_special(struct keep_item *v, size_t n)
{
	size_t i;

	for (i = 0; i < n && v[i].bad; i++)
		;
	if (i < n)
		keep(&v[i], "the newest", "");
	for (i = 0; i < n && !(v[i].verified && !v[i].bad); i++)
		;
	if (i < n)
		keep(&v[i], "the last verified one", "");
	for (i = 0; i < n; i++) {
		if (v[i].named)
			keep(&v[i], v[i].named, "");
		if (v[i].created < 0)
			keep(&v[i], "its age is not known", "");
	}
}

/* A base may itself need none, so one round is enough. */
static void keep_bases(struct keep_item *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!v[i].kept || !v[i].base)
			continue;
		for (size_t k = 0; k < n; k++)
			if (strcmp(v[k].name, v[i].base) == 0 && !strstr(v[k].why, "needed by "))
				keep(&v[k], "needed by ", v[i].name);
	}
}

void keep_decide(struct keep_item *v, size_t n, const struct keep_rules *rules)
{
	if (!n)
		return;
	qsort(v, n, sizeof(*v), newer_first);
	for (size_t i = 0; i < n; i++) {
		v[i].kept = false;
		*v[i].why = '\0';
	}
	keep_special(v, n);
	keep_periods(v, n, rules->days, "day", number_of_day);
	keep_periods(v, n, rules->weeks, "week", number_of_week);
	keep_periods(v, n, rules->months, "month", number_of_month);
	keep_bases(v, n);
	for (size_t i = 0; i < n; i++)
		if (!v[i].kept)
			snprintf(v[i].why, sizeof(v[i].why), "%s", v[i].bad ? "it cannot be restored" : "no rule keeps it");
}
