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
	const char *symmetric;		/* passphrase of symmetric mode, or NULL: as it is */
	bool no_symmetric;		/* forget it */
	bool look_only;
	bool with_secret;		/* export the secret key too: that takes the agent a second */
};

/* For place_run(); arg is a struct ensure_job *. Puts one record out: fingerprint,
 * user id, expiry, "1" when made, "1" when prolonged, "1" when there is a
 * passphrase for symmetric mode, public key, secret key
 * (empty when its passphrase is not known, or not asked for). 1: there is no key (and none was to be made). */
int pgp_ensure_in_home(struct pgp *pgp, int home_fd, void *arg, struct buf *out, struct err *err);

/* As the web user: exports go to these public keys (armoured; empty: to none)
 * too. Those that were recipients and are no more are removed, if it was we
 * who brought them. */
int pgp_set_recipients(struct pgp *pgp, int home_fd, const struct buf *keys, struct err *err) MUST_CHECK;

/* What comes back from the web user's side. */
struct found {
	char *fpr, *uid, *public, *secret;	/* secret: "" when it could not be exported */
	long long expires;
	bool made, prolonged, symmetric;
};
/* Keep copies for root, write it down, and set the properties. */
int pgp_publish(struct tool *t, const struct found *f, const struct place *p, struct err *err) MUST_CHECK;
bool pgp_has_secret_copy(struct tool *t);
/* Root's copy is of this key, as it is now. */
bool pgp_has_public_copy(struct tool *t, const struct found *f);

#endif
