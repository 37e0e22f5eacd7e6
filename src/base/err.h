/* The error object: what failed, of which kind, and what to do next.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Convention of the whole tree: a function that can fail takes a
 * `struct err *` as its last argument, returns 0 (or a useful value >= 0) when
 * it succeeded and -1 when it filled the object. Callers may put context in
 * front with err_prefix() or advice behind with err_hint(). Only a program's
 * main prints. A NULL object is allowed where the caller only wants to know
 * that it failed.
 *
 * The kind decides the exit status (maintkit(8): exit statuses are the contract that
 * maintainer scripts branch on).
 */
#ifndef MAINTKIT_ERR_H
#define MAINTKIT_ERR_H

#include <stdbool.h>
#include "mem.h"

enum err_kind {
	ERR_NONE = 0,
	ERR_NO,		/* exit 1: a predicate's "no" */
	ERR_FAIL,	/* exit 2: it did not work */
	ERR_USAGE,	/* exit 2: called wrongly; main adds "see --help" */
	ERR_ABSENT,	/* exit 2: the named thing does not exist (ENOENT); callers branch on it */
	ERR_BACKEND,	/* exit 3: database, ufw, systemd ... not available now; may be deferred */
	ERR_BUSY,	/* exit 3: locked, or changed under us; try again */
	ERR_POLICY,	/* exit 4: refused on purpose */
};

struct err {
	enum err_kind kind;
	int sys;		/* errno, or 0 */
	unsigned lib;		/* the library's own code (MariaDB errno, gpgme code), or 0 */
	char text[2048];	/* one or more lines, no trailing line feed; cut with "..." when longer,
				 * but never in the middle of a UTF-8 character */
};

#define ERR_INIT { .kind = ERR_NONE }

/* Replace the object's content. Both return -1 so that `return err_set(...)` reads well.
 * err_sys appends ": " and the text of errnum, and turns ENOENT into ERR_ABSENT. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);
int err_sys(struct err *err, int errnum, const char *fmt, ...) PRINTF(3, 4);

/* "context: text". */
void err_prefix(struct err *err, const char *fmt, ...) PRINTF(2, 3);
/* "text; advice". Advice is what helps: where both are too long, the text is cut. */
void err_hint(struct err *err, const char *fmt, ...) PRINTF(2, 3);

void err_clear(struct err *err);
/* Exit status 0-4 for the kind. */
int err_exit_status(const struct err *err);

#endif
