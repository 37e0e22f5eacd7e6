/* Counting the rows of each table in a stream of mariadb-dump's output.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The dump itself is the only place where the numbers belong to the same
 * snapshot as the rows. Relied on (mariadb-dump 10.5 to 11.8): a statement
 * begins at the beginning of a line, line feeds in values are escaped, bodies
 * of routines stand between "DELIMITER ;;" and "DELIMITER ;", the last line
 * is "-- Dump completed".
 */
#ifndef MAINTKIT_DUMPSCAN_H
#define MAINTKIT_DUMPSCAN_H

#include <stdbool.h>
#include <stdint.h>
#include "../base/buf.h"

/* table is valid during the call only. */
typedef void dumpscan_fn(void *arg, const char *table, uint64_t rows);

struct dumpscan {
	dumpscan_fn *found;
	void *arg;
	struct buf line;	/* beginning of the current line */
	struct buf table;
	uint64_t rows;
	bool in_table, routine, insert, values, in_string, in_name, escaped, complete, rows_end;
	unsigned depth;
};

/* found is called once for each table, in the dump's order. */
void dumpscan_init(struct dumpscan *s, dumpscan_fn *found, void *arg);
void dumpscan_add(struct dumpscan *s, const void *data, size_t len);
/* The same up to where the rows of a table have ended: statements of ours may
 * follow there, before the table's triggers. Returns the bytes that it took,
 * all of them unless s->rows_end. s->table: the table. */
size_t dumpscan_add_rows(struct dumpscan *s, const void *data, size_t len);
/* Reports the last table. False when the dump is not complete. */
bool dumpscan_end(struct dumpscan *s);
void dumpscan_release(struct dumpscan *s);

#endif
