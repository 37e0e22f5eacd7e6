/* Run a function of ours in a forked child, as another user if need be, and get its result back.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For work in directories that a service user owns (its keyring): root never
 * touches them, a child that has become that user does. The child has its own
 * session, umask 077, an environment built from scratch, "/" as its working
 * directory, only the descriptors that are named, and dies with its parent.
 * It ends by _exit(), so nothing of the parent's (buffers, locks, atexit) runs
 * twice. Result, error object and output come back over a pipe; a child that
 * dies before it has told its result is an error, never a success. Work that
 * waits in a library without a limit sets one by alarm(2): ERR_BACKEND then.
 *
 *	static int work(void *arg, struct buf *out, struct err *err) { ... }
 *	struct userproc_opts o = { .drop = true, .uid = uid, .gid = gid, .timeout_ms = 60000 };
 *	int rc = userproc_run(&o, work, &arg, &out, err);
 *
 * What work() changes behind arg is lost; only out and err travel.
 */
#ifndef MAINTKIT_USERPROC_H
#define MAINTKIT_USERPROC_H

#include <sys/types.h>
#include "buf.h"

typedef int userproc_fn(void *arg, struct buf *out, struct err *err);

#define USERPROC_KEEP 4

struct userproc_opts {
	bool drop;			/* become uid/gid first, with the user's groups; needs root unless it is us already */
	uid_t uid;
	gid_t gid;
	const char *const *env;		/* more "NAME=value" strings besides PATH, LANG and HOME, or NULL */
	int keep[USERPROC_KEEP];	/* descriptors >= 3 that stay open; 0 ends the list */
	int timeout_ms;			/* userproc_run and _wait: 0: 60 s; < 0: none */
};

/* Returns work's own value (>= 0), or -1 with work's error; out (may be NULL)
 * gets what work put there and is wiped when it is marked secret. A child that
 * is late (ERR_BACKEND) is killed with its whole session. */
int userproc_run(const struct userproc_opts *o, userproc_fn *work, void *arg,
		 struct buf *out, struct err *err) MUST_CHECK;

/* The same in two steps, for work that goes on beside ours. */
struct userproc {
	pid_t pid;
	int fd;
	int timeout_ms;
};
#define USERPROC_INIT { .pid = -1, .fd = -1 }
int userproc_start(struct userproc *u, const struct userproc_opts *o, userproc_fn *work, void *arg,
		   struct err *err) MUST_CHECK;
int userproc_wait(struct userproc *u, struct buf *out, struct err *err) MUST_CHECK;
/* Kill and reap; safe at any time, also after wait. For CLEANUP(). */
void userproc_stop(struct userproc *u);

#endif
