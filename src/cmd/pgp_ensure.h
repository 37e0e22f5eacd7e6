/* The two sides of pgp ensure: what root asks for, what the web user's side does.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_CMD_PGP_ENSURE_H
#define MAINTKIT_CMD_PGP_ENSURE_H

#include "pgp.h"

struct ensure_job {
	const char *name, *email, *algorithm;
	long days;
	struct strv wanted;		/* patterns in order of preference */
	bool insist;			/* the first of them was asked for: no other will do */
	bool may_make;			/* a new key, when there is none */
	const char *passphrase;		/* or NULL: none is known */
	struct buf further;		/* public keys of further recipients, armoured */
	const char *symmetric;		/* passphrase of symmetric mode, or NULL */
	bool look_only;
	bool with_secret;		/* export the secret key too: that takes the agent a second */
};

/* For place_run(); arg is a struct ensure_job *. Puts one record out: fingerprint,
 * user id, expiry, "1" when made, "1" when prolonged, public key, secret key
 * (empty when its passphrase is not known, or not asked for). 1: there is no key (and none was to be made). */
int pgp_ensure_in_home(struct pgp *pgp, int home_fd, void *arg, struct buf *out, struct err *err);

#endif
