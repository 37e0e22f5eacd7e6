// proves: the otpauth address is what the Key URI Format asks for; steps and boundaries; parameters out of range are refused
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "core/otpauth.h"

static void uri(void **state UNUSED)
{
	struct otp_params p = OTP_PARAMS_INIT;
	AUTO_BUF b = BUF_INIT;

	assert_int_equal(otpauth_uri(&b, &p, "OSCAR", "oscardoc", "MFRGG", NULL), 0);
	assert_string_equal(b.p, "otpauth://totp/OSCAR:oscardoc?secret=MFRGG&issuer=OSCAR&algorithm=SHA1&digits=6&period=30");
	buf_reset(&b);
	p = (struct otp_params){ OTP_SHA512, 8, 60 };
	assert_int_equal(otpauth_uri(&b, &p, "Dr. M\xc3\xbcller & Co", "o'brien/%_\"?#", "MFRGG", NULL), 0);
	assert_string_equal(b.p, "otpauth://totp/Dr.%20M%C3%BCller%20%26%20Co:o%27brien%2F%25_%22%3F%23?secret=MFRGG"
			    "&issuer=Dr.%20M%C3%BCller%20%26%20Co&algorithm=SHA512&digits=8&period=60");
	buf_reset(&b);
	assert_int_equal(otpauth_uri(&b, &p, "", "a", "MFRGG", NULL), 0);
	assert_string_equal(b.p, "otpauth://totp/a?secret=MFRGG&algorithm=SHA512&digits=8&period=60");
}

static void uri_refused(void **state UNUSED)
{
	static const char *const bad[] = {
		"", "a:b", "a\nb", "a\x7f", "\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82",
	};
	struct otp_params p = OTP_PARAMS_INIT;
	AUTO_BUF b = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = ERR_INIT;

		assert_int_equal(otpauth_uri(&b, &p, "OSCAR", bad[i], "MFRGG", &e), -1);
		assert_int_equal(e.kind, ERR_FAIL);
	}
	assert_int_equal(otpauth_uri(&b, &p, "a:b", "c", "MFRGG", NULL), -1);
}

static void every_byte(void **state UNUSED)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (int c = 1; c < 256; c++) {
		char text[2] = { (char)c, '\0' };
		AUTO_BUF b = BUF_INIT;

		otpauth_percent(&b, text);
		assert_int_equal(b.len, strchr(plain, c) ? 1 : 3);
		assert_int_equal(b.p[0], strchr(plain, c) ? c : '%');
	}
}

static void algorithms(void **state UNUSED)
{
	static const struct { const char *name; int want; } cases[] = {
		{ "sha1", OTP_SHA1 }, { "SHA-1", OTP_SHA1 }, { "HmacSHA1", OTP_SHA1 }, { "sha256", OTP_SHA256 },
		{ "HMAC-SHA-256", OTP_SHA256 }, { "Sha512", OTP_SHA512 },
		{ "", -1 }, { "sha", -1 }, { "sha224", -1 }, { "sha1 ", -1 }, { "sha1sha1sha1sha1sha1", -1 }, { "md5", -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum otp_algorithm a = OTP_SHA1;
		int rc = otp_algorithm_parse(cases[i].name, &a, NULL);

		assert_int_equal(rc < 0 ? -1 : (int)a, cases[i].want);
	}
	assert_string_equal(otp_algorithm_name(OTP_SHA256), "sha256");
}

static void params(void **state UNUSED)
{
	for (unsigned digits = 0; digits < 12; digits++)
		for (unsigned period = 0; period < 100; period++) {
			struct otp_params p = { OTP_SHA1, digits, period };
			int want = digits >= 6 && digits <= 8 && period >= 15 && period <= 60 ? 0 : -1;

			assert_int_equal(otp_params_check(&p, NULL), want);
		}
}

static void boundaries(void **state UNUSED)
{
	unsigned both[] = { 30, 45 };

	assert_int_equal(otp_step(59, 30), 1);
	assert_int_equal(otp_step(60, 30), 2);
	assert_int_equal(otp_next_boundary(59, NULL, 0), 60);
	assert_int_equal(otp_next_boundary(60, NULL, 0), 90);
	/* 30 and 45 meet at 90 only */
	assert_int_equal(otp_next_boundary(0, both, 2), 30);
	assert_int_equal(otp_next_boundary(30, both, 2), 45);
	assert_int_equal(otp_next_boundary(45, both, 2), 60);
	assert_int_equal(otp_next_boundary(60, both, 2), 90);
	assert_int_equal(otp_next_boundary(89, both, 2), 90);
	for (int64_t t = 1795334000; t < 1795334200; t++)
		assert_true(otp_next_boundary(t, both, 2) > t);
}

static void clock_range(void **state UNUSED)
{
	assert_int_equal(otp_clock_check(0, NULL), 0);
	assert_int_equal(otp_clock_check(2147483647, NULL), 0);
	assert_int_equal(otp_clock_check(-1, NULL), -1);
	assert_int_equal(otp_clock_check(2147483648LL, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uri), cmocka_unit_test(uri_refused), cmocka_unit_test(every_byte),
		cmocka_unit_test(algorithms), cmocka_unit_test(params), cmocka_unit_test(boundaries),
		cmocka_unit_test(clock_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
