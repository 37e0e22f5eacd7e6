/* Several database hosts in one option file: `host = a, b:3307, [2001:db8::1]:3306`.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The form is that of MariaDB Connector/C 3.3, so that the mariadb client can
 * use the same file. Its older versions do not know it, and none looks
 * whether the node that answers is fit to work; so we go through the list ourselves.
 */
#ifndef MAINTKIT_DBHOSTS_H
#define MAINTKIT_DBHOSTS_H

#include "../base/buf.h"

struct dbhost {
	char *name;		/* without brackets */
	unsigned port;		/* 0: not said */
};

/* The hosts that an option file's text lists in the groups that a client reads
 * ([client], [client-server], [client-mariadb]; the last `host` counts). One
 * host without a comma is the library's own affair: *n is 0 then. ERR_FAIL for
 * a list that cannot be read. */
int dbhosts_parse(const char *text, size_t len, struct dbhost **hosts, size_t *n, struct err *err) MUST_CHECK;
/* Has a group that a client reads the option `key` without a value ("-" and "_" are the same)? */
bool dbhosts_has_bare(const char *text, size_t len, const char *key);
void dbhosts_free(struct dbhost *hosts, size_t n);

#endif
