/* The parameters of one-time codes, their otpauth:// address, and the time steps they live in.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <strings.h>
#include "otpauth.h"

static const char *const algorithm_names[] = { "sha1", "sha256", "sha512" };

int otp_algorithm_parse(const char *name, enum otp_algorithm *out, struct err *err)
{
	const char *from = strncasecmp(name, "hmac", 4) == 0 ? name + 4 : name;
	char plain[16];
	size_t n = 0;

	for (; *from && n < sizeof plain - 1; from++)
		if (*from != '-')
			plain[n++] = *from;
	plain[n] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(algorithm_names); i++)
		if (!*from && strcasecmp(plain, algorithm_names[i]) == 0) {
			*out = (enum otp_algorithm)i;
			return 0;
		}
	return err_set(err, ERR_FAIL, "'%.20s' is not an algorithm of one-time codes; use sha1, sha256 or sha512", name);
}

const char *otp_algorithm_name(enum otp_algorithm a)
{
	return algorithm_names[a];
}

int otp_params_check(const struct otp_params *p, struct err *err)
{
	if (p->digits < OTP_DIGITS_MIN || p->digits > OTP_DIGITS_MAX)
		return err_set(err, ERR_FAIL, "a code of %u digits cannot be made; 6, 7 or 8", p->digits);
	if (p->period < OTP_PERIOD_MIN || p->period > OTP_PERIOD_MAX)
		return err_set(err, ERR_FAIL, "a period of %u seconds is not possible; 15 to 60", p->period);
	return 0;
}

static bool unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

void otpauth_percent(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (unreserved((unsigned char)*text))
			buf_addc(out, *text);
		else
			buf_addf(out, "%%%02X", (unsigned char)*text);
	}
}

/* Length of the well-formed UTF-8 sequence at s, 0 when it is none (RFC 3629, 4). */
static size_t utf8_length(const unsigned char *s)
{
	static const struct { unsigned char first_min, first_max, second_min, second_max, length; } forms[] = {
		{ 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (s[0] < forms[i].first_min || s[0] > forms[i].first_max)
			continue;
		if (forms[i].length > 1 && (s[1] < forms[i].second_min || s[1] > forms[i].second_max))
			return 0;
		for (size_t k = 2; k < forms[i].length; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

static int check_label(const char *what, const char *text, struct err *err)
{
	for (const unsigned char *s = (const unsigned char *)text; *s;) {
		size_t n = utf8_length(s);

		if (!n)
			return err_set(err, ERR_FAIL, "the %s is not UTF-8 text", what);
		if (*s < 0x20 || *s == 0x7f)
			return err_set(err, ERR_FAIL, "the %s holds a control character", what);
		if (*s == ':')
			return err_set(err, ERR_FAIL, "the %s '%.40s' holds a colon, which authenticator apps take as the end of the issuer", what, text);
		s += n;
	}
	return 0;
}

int otpauth_uri(struct buf *out, const struct otp_params *p, const char *issuer,
		const char *account, const char *secret, struct err *err)
{
	static const char *const upper[] = { "SHA1", "SHA256", "SHA512" };

	if (!*account)
		return err_set(err, ERR_FAIL, "the account name is empty");
	if (otp_params_check(p, err) < 0 || check_label("issuer", issuer, err) < 0 ||
	    check_label("account name", account, err) < 0)
		return -1;
	buf_adds(out, "otpauth://totp/");
	if (*issuer) {
		otpauth_percent(out, issuer);
		buf_addc(out, ':');
	}
	otpauth_percent(out, account);
	buf_adds(out, "?secret=");
	otpauth_percent(out, secret);
	if (*issuer) {
		buf_adds(out, "&issuer=");
		otpauth_percent(out, issuer);
	}
	buf_addf(out, "&algorithm=%s&digits=%u&period=%u", upper[p->algorithm], p->digits, p->period);
	return 0;
}

int64_t otp_step(int64_t when, unsigned period)
{
	return when / (int64_t)period;
}

int64_t otp_next_boundary(int64_t when, const unsigned *periods, size_t n)
{
	int64_t best = (when / 30 + 1) * 30;

	for (size_t i = 0; i < n; i++) {
		int64_t next = (otp_step(when, periods[i]) + 1) * (int64_t)periods[i];

		if (i == 0 || next < best)
			best = next;
	}
	return best;
}

int otp_clock_check(int64_t when, struct err *err)
{
	if (when < 0 || when > INT32_MAX)
		return err_set(err, ERR_FAIL, "the clock says %lld seconds since 1970, %s; set the clock",
			       (long long)when, when < 0 ? "a time before 1970" : "a time after January 2038");
	return 0;
}
