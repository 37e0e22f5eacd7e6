/* The parameters of one-time codes, their otpauth:// address, and the time steps they live in.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sources: RFC 6238 (time steps; algorithms), RFC 3986 2.1 and 2.3 (percent
 * encoding; unreserved characters), the Key URI Format page of Google
 * Authenticator's wiki (label, parameters; neither issuer nor account may hold
 * a colon). Pure: time comes in as an argument.
 */
#ifndef MAINTKIT_OTPAUTH_H
#define MAINTKIT_OTPAUTH_H

#include <stdint.h>
#include "../base/buf.h"

enum otp_algorithm { OTP_SHA1, OTP_SHA256, OTP_SHA512 };

struct otp_params {
	enum otp_algorithm algorithm;
	unsigned digits;	/* 6 to 8 */
	unsigned period;	/* seconds, 15 to 60 */
};
#define OTP_PARAMS_INIT { OTP_SHA1, 6, 30 }

#define OTP_DIGITS_MIN 6
#define OTP_DIGITS_MAX 8
#define OTP_PERIOD_MIN 15
#define OTP_PERIOD_MAX 60

/* "sha1", "SHA-256", "HmacSHA512" ...: case, dashes and an "hmac" in front do not matter. */
int otp_algorithm_parse(const char *name, enum otp_algorithm *out, struct err *err) MUST_CHECK;
/* "sha1", "sha256", "sha512". */
const char *otp_algorithm_name(enum otp_algorithm a);
/* Digits and period within what phones and RFC 6238 can do. */
int otp_params_check(const struct otp_params *p, struct err *err) MUST_CHECK;

/* Append text, every byte but the unreserved ones (letters, digits, "-._~") as %XX. */
void otpauth_percent(struct buf *out, const char *text);
/* Append otpauth://totp/ISSUER:ACCOUNT?secret=...&issuer=...&algorithm=...&digits=...&period=...
 * secret: base32 without padding. issuer may be "". ERR_FAIL for a colon, a
 * control character or text that is not UTF-8 in issuer or account. */
int otpauth_uri(struct buf *out, const struct otp_params *p, const char *issuer,
		const char *account, const char *secret, struct err *err) MUST_CHECK;

/* Number of the step that a time lies in (time >= 0). */
int64_t otp_step(int64_t when, unsigned period);
/* The first second after `when` at which a step of any of the given periods begins. n == 0: 30 seconds. */
int64_t otp_next_boundary(int64_t when, const unsigned *periods, size_t n);
/* Is it a time that codes can be made for? ERR_FAIL before 1970 and after
 * 2038-01-19 03:14:07 UTC, where TIMESTAMP columns and 32-bit clocks end. */
int otp_clock_check(int64_t when, struct err *err) MUST_CHECK;

#endif
