// proves: codes are those of RFC 4226 and RFC 6238, secrets are read strictly, a match names its step
// SPDX-License-Identifier: GPL-2.0-or-later
// ext: otp
// libs: -loath
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "ext/otp.h"

/* RFC 4226, appendix D: ten codes of six digits, counter 0 to 9. */
static void rfc4226(void **state UNUSED)
{
	static const char *const want[] = { "755224", "287082", "359152", "969429", "338314",
					    "254676", "287922", "162583", "399871", "520489" };
	struct otp_params p = OTP_PARAMS_INIT;
	AUTO_BUF key = BUF_INIT;

	buf_adds(&key, "12345678901234567890");
	for (int i = 0; i < 10; i++) {
		char code[OTP_CODE_SIZE];

		assert_int_equal(otp_code(&key, &p, 30 * i, code, NULL), 0);
		assert_string_equal(code, want[i]);
	}
}

/* RFC 6238, appendix B (with the key lengths of erratum 2866). */
static void rfc6238(void **state UNUSED)
{
	static const struct { int64_t when; const char *code[3]; } cases[] = {
		{ 59, { "94287082", "46119246", "90693936" } },
		{ 1111111109, { "07081804", "68084774", "25091201" } },
		{ 1111111111, { "14050471", "67062674", "99943326" } },
		{ 1234567890, { "89005924", "91819424", "93441116" } },
		{ 2000000000, { "69279037", "90698825", "38618901" } },
		{ 20000000000, { "65353130", "77737706", "47863826" } },
	};
	static const size_t key_len[] = { 20, 32, 64 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (int a = OTP_SHA1; a <= OTP_SHA512; a++) {
			struct otp_params p = { (enum otp_algorithm)a, 8, 30 };
			AUTO_BUF key = BUF_INIT;
			char code[OTP_CODE_SIZE];

			while (key.len < key_len[a])
				buf_addc(&key, "1234567890"[key.len % 10]);
			assert_int_equal(otp_code(&key, &p, cases[i].when, code, NULL), 0);
			assert_string_equal(code, cases[i].code[a]);
		}
}

static void base32(void **state UNUSED)
{
	/* RFC 4648, section 10 */
	static const struct { const char *text, *bytes; } cases[] = {
		{ "MY======", "f" }, { "MZXQ====", "fo" }, { "MZXW6===", "foo" }, { "MZXW6YQ=", "foob" },
		{ "MZXW6YTB", "fooba" }, { "MZXW6YTBOI======", "foobar" },
		{ "mzxw 6ytb-oi", "foobar" }, { "\tMZXW6YTBOI\n", "foobar" },
	};
	static const char *const bad[] = { "", " ", "=", "M", "MZX", "MZXW6Y", "MZXW6YT1", "MZXW6YT0", "MZXW8YTB", "MZXW=YTB",
					   "MZXW6YT\xc3\xa9", "MZXW6YT!" };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF raw = BUF_INIT;

		assert_int_equal(otp_secret_decode(cases[i].text, &raw, NULL), 0);
		assert_string_equal(raw.p, cases[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_BUF raw = BUF_INIT;

		assert_int_equal(otp_secret_decode(bad[i], &raw, NULL), -1);
	}
}

static void adopt(void **state UNUSED)
{
	struct err e = ERR_INIT;
	AUTO_BUF out = BUF_INIT;
	char longest[300];

	assert_int_equal(otp_secret_adopt("gezd gnbv gy3t qojq gezd gnbv gy3t qojq gezd gnbv gy3t qojq", &out, &e), 0);
	assert_string_equal(out.p, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
	/* 15 bytes are too few, 16 (26 characters, padded or not) are enough */
	assert_int_equal(otp_secret_adopt("GEZDGNBVGY3TQOJQGEZDGNBV", &out, &e), -1);
	assert_non_null(strstr(e.text, "15 bytes"));
	assert_null(strstr(e.text, "GEZD"));
	buf_reset(&out);
	assert_int_equal(otp_secret_adopt("GEZDGNBVGY3TQOJQGEZDGNBVGY======", &out, NULL), 0);
	assert_string_equal(out.p, "GEZDGNBVGY3TQOJQGEZDGNBVGY");
	memset(longest, 'A', sizeof longest);
	longest[256] = '\0';
	assert_int_equal(otp_secret_adopt(longest, &out, NULL), -1);
	longest[253] = '\0';	/* 5 of 8: a possible length */
	assert_int_equal(otp_secret_adopt(longest, &out, NULL), 0);
}

static void new_secret(void **state UNUSED)
{
	AUTO_BUF a = BUF_INIT;
	AUTO_BUF b = BUF_INIT;
	AUTO_BUF raw = BUF_INIT;

	assert_int_equal(otp_secret_new(&a, NULL), 0);
	assert_int_equal(otp_secret_new(&b, NULL), 0);
	assert_int_equal(a.len, 48);
	assert_string_not_equal(a.p, b.p);
	assert_int_equal(otp_secret_decode(a.p, &raw, NULL), 0);
	assert_int_equal(raw.len, OTP_SECRET_BYTES);
}

static void match(void **state UNUSED)
{
	struct otp_params p = OTP_PARAMS_INIT;
	AUTO_BUF key = BUF_INIT;
	int64_t step = -1;

	buf_adds(&key, "12345678901234567890");
	/* 287082 is step 1: 30 to 59 */
	assert_int_equal(otp_match(&key, &p, 30, 0, "287082", &step, NULL), 1);
	assert_int_equal(step, 1);
	assert_int_equal(otp_match(&key, &p, 59, 0, "287082", &step, NULL), 1);
	assert_int_equal(otp_match(&key, &p, 29, 0, "287082", &step, NULL), 0);
	assert_int_equal(otp_match(&key, &p, 60, 0, "287082", &step, NULL), 0);
	step = -1;
	assert_int_equal(otp_match(&key, &p, 89, 1, "287082", &step, NULL), 1);
	assert_int_equal(step, 1);
	assert_int_equal(otp_match(&key, &p, 0, 1, "287082", &step, NULL), 1);
	assert_int_equal(otp_match(&key, &p, 90, 1, "287082", &step, NULL), 0);
	assert_int_equal(otp_match(&key, &p, 90, 2, "287082", &step, NULL), 1);
	static const char *const no[] = { "", "28708", "2870822", "28708a", "287082 ", "-87082", "+287082", "287083" };

	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_int_equal(otp_match(&key, &p, 45, 1, no[i], &step, NULL), 0);
}

static void refused(void **state UNUSED)
{
	struct otp_params p = OTP_PARAMS_INIT, five = { OTP_SHA1, 5, 30 };
	AUTO_BUF key = BUF_INIT;
	char code[OTP_CODE_SIZE];

	buf_adds(&key, "12345678901234567890");
	assert_int_equal(otp_code(&key, &p, -1, code, NULL), -1);
	assert_int_equal(otp_code(&key, &five, 1, code, NULL), -1);
}

/* "t-otp codes": lines "SECRET ALGORITHM DIGITS PERIOD TIME" on stdin, codes on
 * stdout, for the comparison with oathtool in tests/cli/totp-as-oathtool.sh. */
static int print_codes(void)
{
	char secret[256], algorithm[16], code[OTP_CODE_SIZE];
	struct otp_params p;
	long long when;

	while (scanf("%255s %15s %u %u %lld", secret, algorithm, &p.digits, &p.period, &when) == 5) {
		struct err e = ERR_INIT;
		AUTO_BUF raw = BUF_INIT;

		if (otp_algorithm_parse(algorithm, &p.algorithm, &e) < 0 || otp_secret_decode(secret, &raw, &e) < 0 ||
		    otp_code(&raw, &p, when, code, &e) < 0) {
			fprintf(stderr, "%s\n", e.text);
			return 2;
		}
		puts(code);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "codes") == 0)
		return print_codes();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc4226), cmocka_unit_test(rfc6238), cmocka_unit_test(base32), cmocka_unit_test(adopt),
		cmocka_unit_test(new_secret), cmocka_unit_test(match), cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
