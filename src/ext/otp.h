/* One-time codes by liboath: secrets in base32, codes for a given time, and which step a code belongs to.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sources: RFC 4226 (HOTP), RFC 6238 (TOTP), RFC 4648 section 6 (base32).
 * Time is always an argument. Secrets are held in buffers marked secret.
 */
#ifndef MAINTKIT_OTP_H
#define MAINTKIT_OTP_H

#include "../core/otpauth.h"

#define OTP_SECRET_BYTES 30		/* of a new secret: 48 characters, no padding */
#define OTP_SECRET_MIN_BYTES 16		/* RFC 4226, 4, R6: at least 128 bits */
#define OTP_SECRET_MAX_CHARS 254	/* what the column of OSCAR 19.5 holds */
#define OTP_CODE_SIZE (OTP_DIGITS_MAX + 1)

/* len bytes of getrandom(2) to p. */
int otp_random(void *p, size_t len, struct err *err) MUST_CHECK;
/* A new secret, base32, appended to out. */
int otp_secret_new(struct buf *out, struct err *err) MUST_CHECK;
/* What a person typed or a file holds: blanks, dashes and padding go, letters
 * become capitals. ERR_FAIL unless it is base32 of 16 bytes or more that fits
 * the column; no message repeats any of it. */
int otp_secret_adopt(const char *given, struct buf *out, struct err *err) MUST_CHECK;
/* base32 (in any of the forms above, of any length) to bytes. */
int otp_secret_decode(const char *base32, struct buf *raw, struct err *err) MUST_CHECK;

/* The code at a time; code gets digits + NUL. */
int otp_code(const struct buf *raw, const struct otp_params *p, int64_t when,
	     char code[OTP_CODE_SIZE], struct err *err) MUST_CHECK;
/* Does code belong to a step at most `window` away from the one of `when`?
 * 1 and *step, 0 no. The nearest step is tried first; all are compared in
 * constant time. A code of other length or with other than digits: 0. */
int otp_match(const struct buf *raw, const struct otp_params *p, int64_t when, unsigned window,
	      const char *code, int64_t *step, struct err *err) MUST_CHECK;

#endif
