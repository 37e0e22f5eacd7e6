/* proves: records come back as they were written, and damage of any one byte is noticed
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scratch.h"
#include "core/record.h"

static void test_crc(void **state UNUSED)
{
	/* The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms. */
	assert_int_equal(record_crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(record_crc32("", 0), 0);
}

static void test_round_trip(void **state UNUSED)
{
	static const char *const fields[] = { "a b", "", "tab\there", "line\nfeed\r", "back\\slash \\x41",
					      "\x01\x1f\x7f\xc3\xa4\xff", NULL };
	AUTO_BUF b = BUF_INIT;
	AUTO_STRV sv = STRV_INIT;
	size_t pos = 0;

	record_format(&b, fields, ARRAY_LEN(fields));
	assert_ptr_equal(strchr(b.p, '\n'), b.p + b.len - 1);
	record_format(&b, fields, 1);
	assert_int_equal(record_parse(b.p, b.len, &pos, &sv), RECORD_OK);
	assert_int_equal(sv.n, ARRAY_LEN(fields));
	for (size_t i = 0; i < sv.n; i++)
		assert_string_equal(sv.v[i], fields[i] ? fields[i] : "");
	assert_int_equal(record_parse(b.p, b.len, &pos, &sv), RECORD_OK);
	assert_int_equal(sv.n, 1);
	assert_int_equal(record_parse(b.p, b.len, &pos, &sv), RECORD_END);
	assert_int_equal(sv.n, 0);
}

static void test_damage(void **state UNUSED)
{
	static const char *const fields[] = { "one", "two\n" };
	AUTO_BUF b = BUF_INIT;
	AUTO_STRV sv = STRV_INIT;

	record_format(&b, fields, 2);
	for (size_t len = 1; len < b.len; len++) {
		size_t pos = 0;

		assert_int_equal(record_parse(b.p, len, &pos, &sv), RECORD_TORN);
		assert_int_equal(pos, len);
	}
	for (size_t i = 0; i < b.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			size_t pos = 0;

			b.p[i] ^= (char)(1 << bit);
			assert_int_not_equal(record_parse(b.p, b.len, &pos, &sv), RECORD_OK);
			b.p[i] ^= (char)(1 << bit);
		}
}

/* A right checksum over escapes that we would not write. */
static void test_bad_escapes(void **state UNUSED)
{
	static const char *const bodies[] = { "\\", "\\x", "\\x4", "\\x4g", "\\x00", "\\n", "a\tb\\", "\\X41", "\\x4A" };

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		AUTO_BUF b = BUF_INIT;
		AUTO_STRV sv = STRV_INIT;
		size_t pos = 0;

		buf_addf(&b, "%08x %s\n", (unsigned)record_crc32(bodies[i], strlen(bodies[i])), bodies[i]);
		assert_int_equal(record_parse(b.p, b.len, &pos, &sv), RECORD_BAD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_bad_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
