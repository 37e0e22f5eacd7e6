/* A run as it was recorded: what undo and verify work from.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_CMD_MIGRATE_UNDO_H
#define MAINTKIT_CMD_MIGRATE_UNDO_H

#include "migrate_frame.h"

#define TABS_MAX 64

struct tab {
	int number;
	char *name, *pk;
	struct strv columns, charsets;	/* by number, from 1 */
	struct strv rows;		/* columns that the marks of inserted rows cover */
	struct migrate_seen seen;
};
struct past {
	int64_t run;
	struct tab tab[TABS_MAX];
	size_t n;
	int64_t restored, kept, removed;
};

/* The tables of a run by its layout, and as they are now. */
int migrate_past_read(struct migrate *m, int64_t run, struct past *p, struct err *err) MUST_CHECK;
void migrate_past_release(struct past *p);
/* How many of the run's undo rows are missing (negative: there are too many). */
int migrate_past_missing(struct migrate *m, const struct past *p, int64_t *missing, struct err *err) MUST_CHECK;
/* ERR_FAIL: some are, and undoing it would be half of it. Ask with the lock held. */
int migrate_past_whole(struct migrate *m, struct past *p, struct err *err) MUST_CHECK;
/* Do its tables take the old values back? Asked over a connection that sees triggers; notes as in migrate_preflight(). */
int migrate_past_tables(struct migrate *m, struct past *p, struct err *err) MUST_CHECK;

#endif
