/* Passphrases that people write down: made at random, recognised when typed again.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_PASSPHRASE_H
#define MAINTKIT_PASSPHRASE_H

#include "buf.h"

#define PASSPHRASE_GROUPS 6
#define PASSPHRASE_GROUP_LEN 5

/* Append 30 characters of 31 in groups of five with dashes between: 148 bits,
 * and nothing that is misread on paper. out should be secret. */
void passphrase_invent(struct buf *out);
/* As passphrase_invent() writes it: letters small, blanks and dashes only
 * between groups. Text that is none of ours is left alone. */
void passphrase_tidy(struct buf *text);

#endif
