/* Raising the levels of the data (`guard mark`).
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_GUARD_MARK_H
#define MAINTKIT_GUARD_MARK_H

#include "guard.h"

struct guard_mark {
	long level, min;	/* -1: not asked for */
	const char *lineage, *reason;
	bool from_database;
	long lower_from;	/* min_app_level that a migration set and has undone; 0: none */
};

/* Errors: ERR_USAGE for a request that makes no sense, ERR_BACKEND when only
 * the mirror could be written, ERR_POLICY when the database is another instance's. */
int guard_mark(struct tool *t, const struct guard_mark *m, struct err *err) MUST_CHECK;

#endif
