/* Taking the database's name out of the triggers in a stream of mariadb-dump's output.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A trigger is dumped as it was typed. One that was typed as "CREATE TRIGGER
 * db.name ... ON db.table" is made in db wherever the dump is loaded: that
 * fails, or changes a database that should not be touched. A trigger and its
 * table are always in one database (MariaDB manual, CREATE TRIGGER), so the
 * name can go. Relied on (mariadb-dump 10.5 to 11.8): such a statement begins
 * a line with a comment of version 50003 that holds CREATE, and line feeds in
 * values are escaped.
 */
#ifndef MAINTKIT_DUMPTRIGGER_H
#define MAINTKIT_DUMPTRIGGER_H

#include <stdbool.h>
#include "../base/buf.h"

struct dumptrigger {
	struct buf held;	/* what may be the beginning of such a statement */
	size_t done;		/* bytes of it that were put out */
	bool begun;
};
#define DUMPTRIGGER_INIT { .held = BUF_INIT }

/* More of the dump: append what is known to be done with to out. last: there is no more. */
void dumptrigger_add(struct dumptrigger *f, const void *data, size_t len, bool last, struct buf *out);
void dumptrigger_release(struct dumptrigger *f);

#endif
