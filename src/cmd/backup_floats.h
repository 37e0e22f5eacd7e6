/* The digits of FLOAT columns that a dump lacks.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The server shows a FLOAT with six digits, mariadb-dump writes what it is
 * shown, and 1234567 comes back as 1234570. So statements go into the dump,
 * directly behind the rows of such a table and before its triggers, that set
 * what does not read back as the same value: whatever loads the dump runs
 * them, plain tools too. A row is named by its primary key; values of tables
 * without one are counted and told.
 */
#ifndef MAINTKIT_BACKUP_FLOATS_H
#define MAINTKIT_BACKUP_FLOATS_H

#include "backup.h"

struct floats {
	const char *database;
	struct strv tables;	/* that have such columns; most databases have few or none */
	struct db *db;		/* in a transaction that sees them as the dump does */
	struct db *hold;	/* keeps them from changing until the dump has begun */
	uint64_t set, lost;	/* values */
};
#define FLOATS_INIT { .tables = STRV_INIT }
/* Before the dump is started. Nobody can write to these tables from here to floats_begun(). */
int floats_begin(struct floats *f, struct tool *t, const char *database, struct err *err) MUST_CHECK;
/* The dump has begun, so its transaction has. */
void floats_begun(struct floats *f);
/* The statements for a table, if there are any, by put() in pieces of whole statements. *lost: values that
 * cannot be set. */
typedef int floats_put(void *arg, const void *data, size_t len, struct err *err);
int floats_table(struct floats *f, const char *table, floats_put *put, void *arg, uint64_t *lost, struct err *err) MUST_CHECK;
void floats_release(struct floats *f);

#endif
