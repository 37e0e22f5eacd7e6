/* Which backups stay and which go: so many days, weeks and months, and what must never go.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A backup stays when it is the newest good one of one of the last N days,
 * weeks (from Monday) or months, in UTC, that have a good one: a machine that
 * was off for a year loses nothing. The scheduled ones are counted once more by
 * themselves: they open without this machine, which the one of an upgrade in the
 * same night may not. One whose time has not come yet stands for
 * no day, so that a clock that was wrong for a week does not cost those made
 * when it is right again; it stays until that time. And whatever the rules say: the newest
 * (messages of the guard name it), the newest verified (all, where none is good), those that something
 * names, those whose age is not known, and every full one that a kept one needs.
 */
#ifndef MAINTKIT_KEEP_H
#define MAINTKIT_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include "backupage.h"

struct keep_item {
	const char *name;
	struct backup_age age;
	bool bad;		/* was read and found damaged, or what it needs is gone: fills no day */
	bool verified;
	bool scheduled;		/* opens without this machine */
	const char *named;	/* by what, in words: it must stay; or NULL */
	const char *base;	/* name of the one without which it cannot be restored, or NULL */
	/* result */
	bool kept;
	char why[120];		/* "day 1", "the last verified one", ...; of one that goes too */
};

struct keep_rules {
	long days, weeks, months;	/* 0: none because of that */
	long long now;			/* seconds since 1970 */
};

/* Fills the results and puts the newest first. */
void keep_decide(struct keep_item *v, size_t n, const struct keep_rules *rules);

#endif
