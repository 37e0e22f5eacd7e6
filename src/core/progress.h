/* How far something long is, and when to say so.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * On a terminal twice a second, elsewhere after 5 seconds, then 10, 20, 40 and
 * once a minute, so that a log is not flooded. Times are the caller's.
 */
#ifndef MAINTKIT_PROGRESS_H
#define MAINTKIT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include "../base/buf.h"

struct progress {
	uint64_t total, done;	/* bytes; total is an estimate, 0: none */
	double begun, next, step;	/* seconds; begun 0: not yet */
	bool terminal;
};

void progress_begin(struct progress *p, uint64_t total, bool terminal, double now);
/* Is it time to say something? */
bool progress_due(struct progress *p, double now);
/* "34 %, 120 of about 350 MB, 12 MB/s, 19 s left"; the time from 1 % on. */
void progress_text(const struct progress *p, double now, struct buf *out);

#endif
