/* Shared by the pieces of db: the connection, and how errors are filled.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_DB_PRIV_H
#define MAINTKIT_DB_PRIV_H

#include <mysql.h>

#include "db.h"

struct db {
	MYSQL *my;
	bool sent;		/* by db_send(), and its outcome not read yet */
	char *node, *skipped;	/* NULL without a list of hosts; NULL when the first one answered */
};

/* Fill err with MariaDB's code, text and SQLSTATE, and the kind that the code means; -1. */
int db_set_error(struct err *err, unsigned code, const char *text, const char *state);

#endif
