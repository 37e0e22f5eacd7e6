/* What the pieces of the gpgme adapter share.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_PGP_INTERNAL_H
#define MAINTKIT_PGP_INTERNAL_H

#include <gpgme.h>
#include "pgp.h"

#define PGP_WATCHES 16	/* gpgme uses up to six descriptors for one operation */
struct pgp_watch {
	int fd, reads;
	gpgme_io_cb_t fnc;	/* NULL: free */
	void *data;
};

struct pgp {
	gpgme_ctx_t ctx;
	char *home;
	const char *passphrase;
	const char *next_passphrase;	/* what gpg is told when it asks again: the new one */
	bool also_passphrase;
	struct pgp_watch watch[PGP_WATCHES];
	bool done;		/* the operation in the loop has ended, with result */
	gpgme_error_t result;
	bool finished;		/* gpg said that an encryption is complete */
};

/* Fill err from gpgme's code as "what: text" and return -1. */
int pgp_error(struct err *err, gpgme_error_t e, const char *what);

/* The keys of the fingerprints; keys has room for them and ends with NULL. */
int pgp_recipients_get(struct pgp *p, const struct strv *fprs, gpgme_key_t *keys, struct err *err) MUST_CHECK;
void pgp_recipients_release(gpgme_key_t *keys);
/* Can each recipient open the message that begins so? */
#define PGP_HEAD_MAX 65536	/* room for the packets of over 100 recipients */
int pgp_check_output(const struct buf *start, gpgme_key_t *keys, bool passphrase, struct err *err) MUST_CHECK;

/* pgp_loop.c: enter before a gpgme_op_..._start(), run after it, leave in any case. */
void pgp_loop_enter(struct pgp *p);
gpgme_error_t pgp_loop_run(struct pgp *p);
void pgp_loop_leave(struct pgp *p);

/* pgp_gpg.c: before that version gpgme has no call for the one, and does not
 * hand the passphrase over for the other. */
#if GPGME_VERSION_NUMBER < 0x010f01
#define PGP_BY_GPG
int pgp_gpg_set_expiry(const struct pgp *p, const char *fpr, unsigned long seconds, const struct strv *subkeys,
		       struct err *err) MUST_CHECK;
int pgp_gpg_export_secret(const struct pgp *p, const char *fpr, struct buf *out, struct err *err) MUST_CHECK;
#endif

#endif
