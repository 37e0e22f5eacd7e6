/* SHA-256 (FIPS 180-4) of bytes in memory or passing by, as hexadecimal text.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_SHA256_H
#define MAINTKIT_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32
#define SHA256_HEX_SIZE 65

/* Piece by piece, for what is not in memory at once. Not wiped: for public data. */
struct sha256 {
	uint32_t state[8];
	uint64_t len;
	unsigned char block[64];
};
void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t len);
/* Ends the computation. */
void sha256_final(struct sha256 *h, unsigned char out[SHA256_SIZE]);
/* The same as 64 lower-case digits and a NUL. */
void sha256_final_hex(struct sha256 *h, char out[SHA256_HEX_SIZE]);

void sha256_to_hex(const unsigned char sum[SHA256_SIZE], char out[SHA256_HEX_SIZE]);
/* From now on without the processor's own instructions, for tests. */
void sha256_portable(void);

/* 64 lower-case digits and a NUL. What it computed with is wiped. */
void sha256_hex(const void *data, size_t len, char out[SHA256_HEX_SIZE]);

#endif
