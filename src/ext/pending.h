/* Deferred steps: what was asked for while its backend was absent, to be done at boot.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * File /var/lib/maintkit/PKG/pending, one record a line: CHAIN REASON
 * COMMAND VERB ARGS... Steps of one chain run in order, and a new step of a
 * chain that already waits is put behind it instead of being run early. Bytes
 * for a step's stdin (secrets) lie in pending.d/NAME (0600).
 */
#ifndef MAINTKIT_PENDING_H
#define MAINTKIT_PENDING_H

#include "profile.h"

struct pending_step {
	char *chain, *reason, *input;	/* input: file name in pending.d, or "" */
	struct strv argv;		/* command, verb, arguments */
};

/* Add unless the very same step waits already (its input is then replaced).
 * input may be NULL. */
int pending_add(const struct profile *p, const struct root *root, const char *chain,
		const char *reason, const struct strv *argv, const struct buf *input,
		struct err *err) MUST_CHECK;
int pending_list(const struct profile *p, const struct root *root, struct pending_step **list,
		 size_t *n, struct err *err) MUST_CHECK;
void pending_free(struct pending_step *list, size_t n);
/* Take the step with this argv away (it was done), and its input file. */
int pending_remove(const struct profile *p, const struct root *root, const struct strv *argv,
		   struct err *err) MUST_CHECK;
/* Does a chain have waiting steps? chain NULL: any. 1 yes, 0 no. */
int pending_waits(const struct profile *p, const struct root *root, const char *chain,
		  struct err *err) MUST_CHECK;

#endif
