/* How long a program may get no further before it is stopped: a stuck one must not hold up an upgrade at night for ever.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The watchers are gets_on of base/child.h, in the process that runs the program.
 */
#ifndef MAINTKIT_BACKUP_STALL_H
#define MAINTKIT_BACKUP_STALL_H

#include "tool.h"

/* [backup] stalled-after, in milliseconds. */
int stall_limit(struct tool *t, int *ms, struct err *err) MUST_CHECK;
/* In a child process: from now on it may live for so long (0: as long as it
 * will). For libraries that wait without a limit; userproc.h tells it as ERR_BACKEND. */
void stall_alarm(int ms);

/* A program that writes into a pipe, out, which another process of ours reads
 * and adds to *taken (shared memory) what it has read. */
struct stall_source {
	volatile uint64_t *taken;
	uint64_t seen;
	int out;
};
int stall_source_init(struct stall_source *s, int out, struct err *err) MUST_CHECK;
void stall_source_release(struct stall_source *s);
bool stall_source_gets_on(void *source);

/* The client 'mariadb' that reads statements for database from a pipe, in. A
 * statement may take hours: as long as the server works, it gets on. */
struct stall_client {
	const char *where;	/* backup_db_where() */
	const char *database;
	int in, seen;
};
bool stall_client_gets_on(void *client);

#endif
