/* Deferred steps: what was asked for while its backend was absent, to be done at boot.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * File /var/lib/maintkit/PKG/pending, one record a line: CHAIN REASON
 * COMMAND VERB ARGS... Steps of one chain run in order, and a new step of a
 * chain that already waits is put behind it instead of being run early. Bytes
 * for a step's stdin (secrets) lie in pending.d/NAME (0600).
 *
 * A maintainer script that is run again (an upgrade, before anything was done)
 * asks for all its steps anew, perhaps for others than the last time. It first
 * calls pending_renew() for its chains: what waits in them no longer counts as
 * waiting, but is kept, under the chain's name with a '~', until
 * pending_renewed() at the end. A step that is asked for again takes its new
 * place. So nothing is lost when the script is killed in between, and nothing
 * of a version that is gone (its level, its code) is done late.
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
/* See above. Steps of a chain that is being renewed are not run. */
int pending_renew(const struct profile *p, const struct root *root, char *const *chains, size_t n,
		  struct err *err) MUST_CHECK;
int pending_renewed(const struct profile *p, const struct root *root, char *const *chains, size_t n,
		    struct err *err) MUST_CHECK;
bool pending_is_superseded(const struct pending_step *s);
/* Does a chain have waiting steps? chain NULL: any. 1 yes, 0 no. */
int pending_waits(const struct profile *p, const struct root *root, const char *chain,
		  struct err *err) MUST_CHECK;

#endif
