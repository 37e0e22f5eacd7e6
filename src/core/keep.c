/* Which backups stay and which go: so many days, weeks and months, and what must never go.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "keep.h"

#define DAY 86400

/* Newest first; what age does not tell by name, the unknown last. */
static int newer_first(const void *pa, const void *pb)
{
	const struct keep_item *a = pa, *b = pb;

	int rc = backup_age_compare(&b->age, &a->age);

	return rc ? rc : strcmp(b->name, a->name);
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

/* The latest by the clock before that time; NULL: none. Of one second the one made last. */
static struct keep_item *latest_before(struct keep_item *v, size_t n, bool scheduled, long long before)
{
	struct keep_item *found = NULL;

	for (size_t i = 0; i < n; i++)
		if (!v[i].bad && v[i].scheduled >= scheduled && backup_age_known(&v[i].age, before - 1) && (!found || v[i].age.created > found->age.created))
			found = &v[i];
	return found;
}

/* scheduled: count those alone, and keep what no other rule has kept. */
static void keep_periods(struct keep_item *v, size_t n, bool scheduled, long count, long long now, const char *word,
			 long long number(long long))
{
	struct keep_item *i = latest_before(v, n, scheduled, now + 1);
	long have = 0;

	while (i && have < count) {
		long long period = number(i->age.created);
		char text[48];

		snprintf(text, sizeof(text), " %ld%s", ++have, scheduled ? " of the scheduled" : "");
		if (!scheduled || !i->kept)
			keep(i, word, text);
		while (i && number(i->age.created) == period)
			i = latest_before(v, n, scheduled, i->age.created);
	}
}

static void keep_special(struct keep_item *v, size_t n, long long now)
{
	size_t i;

	for (i = 0; i < n && v[i].bad; i++)
		;
	if (i < n)
		keep(&v[i], "the newest", "");
	for (size_t k = 0; i == n && k < n; k++)	/* most of what is in a damaged one can be had */
		keep(&v[k], "damaged, but none is good", "");
	for (i = 0; i < n && !(v[i].verified && !v[i].bad); i++)
		;
	if (i < n)
		keep(&v[i], "the last verified one", "");
	for (i = 0; i < n; i++) {
		if (v[i].named)
			keep(&v[i], v[i].named, "");
		if (!backup_age_known(&v[i].age, now))
			keep(&v[i], v[i].age.created < 0 ? "its age is not known" : "made at a time that has not come yet", "");
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
	keep_special(v, n, rules->now);
	for (int scheduled = 0; scheduled <= 1; scheduled++) {
		keep_periods(v, n, scheduled, rules->days, rules->now, "day", number_of_day);
		keep_periods(v, n, scheduled, rules->weeks, rules->now, "week", number_of_week);
		keep_periods(v, n, scheduled, rules->months, rules->now, "month", number_of_month);
	}
	keep_bases(v, n);
	for (size_t i = 0; i < n; i++)
		if (!v[i].kept)
			snprintf(v[i].why, sizeof(v[i].why), "%s", v[i].bad ? "it cannot be restored" : "no rule keeps it");
}
