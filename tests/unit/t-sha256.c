// proves: SHA-256 gives the standard's values, in one piece and in pieces of every size
// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "core/sha256.h"

static void standard_values(void **state)
{
	/* FIPS 180-2, appendix B, and the empty message. */
	static const struct { const char *text, *hex; } v[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	char hex[SHA256_HEX_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		sha256_hex(v[i].text, strlen(v[i].text), hex);
		assert_string_equal(hex, v[i].hex);
	}
}

static void a_million(void **state)
{
	struct sha256 s;
	char hex[SHA256_HEX_SIZE], chunk[1000];

	(void)state;
	memset(chunk, 'a', sizeof(chunk));
	sha256_init(&s);
	for (int i = 0; i < 1000; i++)
		sha256_update(&s, chunk, sizeof(chunk));
	sha256_final_hex(&s, hex);
	assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void in_pieces(void **state)
{
	char whole[SHA256_HEX_SIZE], hex[SHA256_HEX_SIZE], text[300];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	for (size_t len = 0; len <= sizeof(text); len++) {
		sha256_hex(text, len, whole);
		for (size_t step = 1; step < 130; step += 9) {
			struct sha256 s;

			sha256_init(&s);
			for (size_t at = 0; at < len; at += step)
				sha256_update(&s, text + at, len - at < step ? len - at : step);
			sha256_final_hex(&s, hex);
			assert_string_equal(hex, whole);
		}
	}
}

/* From here on. */
static void portable(void **state)
{
	(void)state;
	sha256_portable();
	standard_values(state);
	a_million(state);
	in_pieces(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(standard_values), cmocka_unit_test(a_million), cmocka_unit_test(in_pieces),
		cmocka_unit_test(portable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
