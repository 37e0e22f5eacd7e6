/* The leading packets of an OpenPGP message: to whom it is encrypted.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Source: RFC 4880, 4.2 (packet headers), 5.1 (public-key encrypted session
 * key), 5.3 (symmetric-key encrypted session key), 5.13 (encrypted data).
 */
#ifndef MAINTKIT_OPENPGP_H
#define MAINTKIT_OPENPGP_H

#include <stdbool.h>
#include "../base/buf.h"

struct openpgp_head {
	struct strv key_ids;	/* 16 upper-case digits each; all zero: hidden recipient */
	bool passphrase;	/* also or only to a passphrase */
	bool data;		/* the integrity-protected data packet was reached */
};
#define OPENPGP_HEAD_INIT { .passphrase = false }
void openpgp_head_release(struct openpgp_head *h);

/* data: the first bytes of a binary (not armoured) message. Packets that are
 * cut off end the reading without an error; what is no such message, or has
 * unprotected data (tag 9), is ERR_FAIL. */
int openpgp_read_head(const void *data, size_t len, struct openpgp_head *h, struct err *err) MUST_CHECK;

#endif
