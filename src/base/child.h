/* Run another program as root would want to: no shell, clean environment, bounded in time and output.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The program is found in a fixed list of directories (never PATH), its
 * environment is built from scratch (PATH, LANG=C.UTF-8, HOME=/ plus what is
 * asked), stdin is /dev/null or the given bytes, descriptors from 3 on are
 * closed, an exec that fails is told through a pipe as an error of ours and
 * never looks like an exit status of the program. On timeout: TERM, after two
 * seconds KILL, to the child's whole process group. The program gets a TERM
 * when we end before it. Once it has ended, what is in the pipes is read and
 * nothing more: a daemon that it left behind with our pipe is not waited for.
 */
#ifndef MAINTKIT_CHILD_H
#define MAINTKIT_CHILD_H

#include <sys/types.h>
#include "buf.h"

struct child {
	const char *const *argv;	/* argv[0]: absolute path, or a bare name looked up in the fixed list */
	const char *name;		/* the program's in messages; NULL: argv[0] */
	const char *const *env;		/* more "NAME=value" strings, before and instead of those above, or NULL */
	const char *cwd;		/* default "/" */
	const void *in;			/* bytes for stdin, or NULL */
	size_t in_len;
	int in_fd;			/* descriptor for stdin when > 0 (and in == NULL) */
	int out_fd;			/* descriptor for stdout when > 0 (and out == NULL) */
	struct buf *out;		/* captured stdout; NULL and no out_fd: goes to our stderr */
	struct buf *errs;		/* captured stderr; NULL: our stderr. May equal out */
	size_t cap;			/* most bytes captured per buffer (0: 1 MiB); the rest is read and dropped */
	/* Takes stdout piece by piece instead of out and out_fd. -1 with errno ends the program. */
	int (*take)(void *arg, const void *data, size_t len);
	int more_fd;			/* descriptor that the program has as number 4, when > 0 */
	int timeout_ms;			/* 0: 60 s; < 0: none */
	/* Asked when the time is up: has it got on since? true gives it the same time once more, so that
	 * the limit is on time without progress. NULL: no. */
	bool (*gets_on)(void *arg);
	void *arg;			/* of take and gets_on */
	bool drop;			/* become uid/gid first (initgroups by name of uid) */
	uid_t uid;
	gid_t gid;
};

/* Absolute path of a program, to be freed; NULL when it is not installed. */
char *child_find(const char *name);

/* Returns the exit status (0-255), 128+N when killed by signal N; -1 with err
 * when it could not be run (not installed: ERR_BACKEND), timed out (ERR_BACKEND), or take failed (ERR_FAIL, err->sys). */
int child_run(const struct child *c, struct err *err) MUST_CHECK;

/* child_run, and a status other than 0 is an error too: "PROGRAM: exit status N: last line of its stderr". */
int child_check(const struct child *c, struct err *err) MUST_CHECK;

#endif
