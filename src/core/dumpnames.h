/* Taking the database's name out of the triggers and views in a stream of mariadb-dump's output.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A trigger is dumped as it was typed. One that was typed as "CREATE TRIGGER
 * db.name ... ON db.table" is made in db wherever the dump is loaded: that
 * fails, or changes a database that should not be touched. A trigger and its
 * table are always in one database (MariaDB manual, CREATE TRIGGER), so the
 * name can go. Relied on (mariadb-dump 10.5 to 11.8): such a statement begins
 * a line with a comment of version 50003 that holds CREATE, and line feeds in
 * values are escaped.
 *
 * A view whose definer has no account any more is shown by the server with the
 * database's name before every column, but not before its tables: that loads in
 * a database of the same name only. A column of three parts has a database's
 * name first (an alias has none before it), so where it is this one it can go.
 * The statement is a line that begins with a comment of version 50001.
 */
#ifndef MAINTKIT_DUMPNAMES_H
#define MAINTKIT_DUMPNAMES_H

#include <stdbool.h>
#include "../base/buf.h"

struct dumpnames {
	const char *database;	/* whose name goes from views; NULL: none */
	struct buf held;	/* what may be the beginning of such a statement */
	size_t done;		/* bytes of it that were put out */
	bool begun;
};
#define DUMPNAMES_INIT(of) { .database = (of), .held = BUF_INIT }

/* More of the dump: append what is known to be done with to out. last: there is no more. */
void dumpnames_add(struct dumpnames *f, const void *data, size_t len, bool last, struct buf *out);
void dumpnames_release(struct dumpnames *f);

#endif
