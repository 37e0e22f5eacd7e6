/* SHA-1 (FIPS 180-4), for formats that demand it: MariaDB's password hash.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_SHA1_H
#define MAINTKIT_SHA1_H

#include <stddef.h>

#define SHA1_SIZE 20

/* What it computed with is wiped. */
void sha1(const void *data, size_t len, unsigned char out[SHA1_SIZE]);

#endif
