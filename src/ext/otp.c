/* One-time codes by liboath: secrets in base32, codes for a given time, and which step a code belongs to.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <ctype.h>
#include <errno.h>
#include <liboath/oath.h>
#include <string.h>
#include <sys/random.h>
#include "otp.h"

static int oath_error(struct err *err, int rc, const char *what)
{
	err_set(err, ERR_FAIL, "%s: %s", what, oath_strerror(rc));
	if (err)
		err->lib = (unsigned)-rc;
	return -1;
}

static int need_oath(struct err *err)
{
	static bool ready;
	int rc;

	if (ready)
		return 0;
	rc = oath_init();
	if (rc != OATH_OK)
		return oath_error(err, rc, "liboath cannot be used");
	ready = true;
	return 0;
}

int otp_random(void *p, size_t len, struct err *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = getrandom((char *)p + done, len - done, 0);

		if (n < 0 && errno != EINTR)
			return err_sys(err, errno, "no random numbers");
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

int otp_secret_new(struct buf *out, struct err *err)
{
	char raw[OTP_SECRET_BYTES];
	char *text = NULL;
	size_t len;
	int rc;

	if (need_oath(err) < 0 || otp_random(raw, sizeof raw, err) < 0)
		return -1;
	rc = oath_base32_encode(raw, sizeof raw, &text, &len);
	explicit_bzero(raw, sizeof raw);
	if (rc != OATH_OK)
		return oath_error(err, rc, "base32");
	buf_add(out, text, len);
	mem_wipe_string(text);
	return 0;
}

/* The 32 characters only, capitals, without padding. liboath takes more than
 * is defined (0 for O, a '=' anywhere), phones do not. */
static int plain_base32(const char *given, struct buf *out, struct err *err)
{
	size_t start = out->len, n;
	bool padded = false;

	for (; *given; given++) {
		unsigned char c = (unsigned char)*given;

		if (isspace(c) || c == '-')
			continue;
		if (c == '=') {
			padded = true;
			continue;
		}
		c = (unsigned char)toupper(c);
		if (padded || !((c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7')))
			return err_set(err, ERR_FAIL, "the secret is not base32; only the letters A to Z and the digits 2 to 7 may be in it");
		buf_addc(out, (char)c);
	}
	n = (out->len - start) % 8;
	if (out->len == start)
		return err_set(err, ERR_FAIL, "the secret is empty");
	if (n == 1 || n == 3 || n == 6)	/* RFC 4648, 6: no number of bytes gives these */
		return err_set(err, ERR_FAIL, "the secret is not base32; some of its characters are missing");
	return 0;
}

int otp_secret_decode(const char *base32, struct buf *raw, struct err *err)
{
	CLEANUP(buf_release) struct buf plain = BUF_SECRET_INIT;
	char *bytes = NULL;
	size_t len;
	int rc;

	if (need_oath(err) < 0 || plain_base32(base32, &plain, err) < 0)
		return -1;
	rc = oath_base32_decode(plain.p, plain.len, &bytes, &len);
	if (rc != OATH_OK)
		return oath_error(err, rc, "the secret is not base32");
	buf_add(raw, bytes, len);
	mem_wipe(bytes, len);
	return 0;
}

int otp_secret_adopt(const char *given, struct buf *out, struct err *err)
{
	CLEANUP(buf_release) struct buf plain = BUF_SECRET_INIT;
	CLEANUP(buf_release) struct buf raw = BUF_SECRET_INIT;

	if (plain_base32(given, &plain, err) < 0 || otp_secret_decode(plain.p, &raw, err) < 0)
		return -1;
	if (raw.len < OTP_SECRET_MIN_BYTES)
		return err_set(err, ERR_FAIL, "the secret has %zu bytes; at least %d are needed (26 characters)", raw.len, OTP_SECRET_MIN_BYTES);
	if (plain.len > OTP_SECRET_MAX_CHARS)
		return err_set(err, ERR_FAIL, "the secret has %zu characters; at most %d fit", plain.len, OTP_SECRET_MAX_CHARS);
	buf_add(out, plain.p, plain.len);
	return 0;
}

int otp_code(const struct buf *raw, const struct otp_params *p, int64_t when,
	     char code[OTP_CODE_SIZE], struct err *err)
{
	static const int flags[] = { 0, OATH_TOTP_HMAC_SHA256, OATH_TOTP_HMAC_SHA512 };
	int rc;

	if (need_oath(err) < 0 || otp_params_check(p, err) < 0)
		return -1;
	if (when < 0)
		return err_set(err, ERR_FAIL, "no code can be made for a time before 1970");
	rc = oath_totp_generate2(raw->p, raw->len, (time_t)when, p->period, 0, p->digits,
				 flags[p->algorithm], code);
	return rc == OATH_OK ? 0 : oath_error(err, rc, "no code can be made");
}

static bool equal_digits(const char *a, const char *b, size_t n)
{
	unsigned char diff = 0;

	for (size_t i = 0; i < n; i++)
		diff |= (unsigned char)(a[i] ^ b[i]);
	return diff == 0;
}

int otp_match(const struct buf *raw, const struct otp_params *p, int64_t when, unsigned window,
	      const char *code, int64_t *step, struct err *err)
{
	int found = 0;

	if (strlen(code) != p->digits || strspn(code, "0123456789") != p->digits)
		return 0;
	for (unsigned i = 0; i <= 2 * window; i++) {
		/* 0, -1, +1, -2, +2 ... */
		int64_t off = i % 2 ? -(int64_t)(i / 2 + 1) : (int64_t)(i / 2);
		int64_t at = when + off * (int64_t)p->period;
		char own[OTP_CODE_SIZE];

		if (at < 0)
			continue;
		if (otp_code(raw, p, at, own, err) < 0)
			return -1;
		if (equal_digits(own, code, p->digits) && !found) {
			found = 1;
			*step = otp_step(at, p->period);
		}
		explicit_bzero(own, sizeof own);
	}
	return found;
}
