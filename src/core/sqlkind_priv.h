/* Shared by the pieces of sqlkind: statements that define objects are read in their own file.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_SQLKIND_PRIV_H
#define MAINTKIT_SQLKIND_PRIV_H

#include "sqlkind.h"
#include "sqllex.h"

struct sql_trace *sql_trace_add(struct sql_kind *k, enum sql_trace_kind kind, bool gone,
				const char *schema, const char *table, const char *name);
/* IF [NOT] EXISTS. */
bool sql_take_if_exists(struct sqllex *lx);
/* The current token is CREATE, ALTER, DROP or RENAME. */
void sql_kind_ddl(struct sql_kind *k, struct sqllex *lx);
/* Clauses of ALTER TABLE, behind the table's name. */
void sql_kind_alter(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table);
/* The column and key list of CREATE TABLE, behind its opening bracket. */
void sql_kind_columns(struct sql_kind *k, struct sqllex *lx, const char *schema, const char *table);

#endif
