/* proves: properties are read as java.util.Properties reads them, and an edit changes the bytes it must and no other.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The wanted values were taken from OpenJDK 17; tests/fuzz/props-java.sh
 * compares with it directly, on random files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/props.h"
#include "core/sha256.h"

static struct props *parse(const char *text, enum props_encoding enc)
{
	struct props *p;
	struct err err = ERR_INIT;

	if (props_parse(&p, text, strlen(text), enc, &err) < 0)
		fail_msg("'%s': %s", text, err.text);
	return p;
}

static void text_is(const struct props *p, const char *want)
{
	AUTO_BUF b = BUF_INIT;

	props_text(p, &b);
	assert_string_equal(b.p, want);
}

static int join(const char *key, const char *value, void *arg)
{
	buf_addf(arg, "<%s|%s>", key, value);
	return 0;
}

/* ---- reading ---- */

static void t_reads_like_java(void **state UNUSED)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "\n \t\f\r\n", "" },
		{ "a=b", "<a|b>" },
		{ "a:b\na2 b2\na3\tb3\n", "<a|b><a2|b2><a3|b3>" },
		{ "  a  =  b  \n", "<a|b  >" },
		{ "a\n", "<a|>" },
		{ "a=\n=v\n", "<a|><|v>" },
		{ "a==b\na2 ==b\na3 = :b\n", "<a|=b><a2|=b><a3|:b>" },
		{ "# c\n! d\n  #e=1\na=1 # not a comment\n", "<a|1 # not a comment>" },
		{ "# ends in a backslash \\\na=1\n", "<a|1>" },
		{ "a=1,\\\n    2,\\\r\n\t3\\\r4\n", "<a|1,2,34>" },
		{ "a=1\\\n\nb=2\n", "<a|1><b|2>" },
		{ "a=1\\\n# x\n", "<a|1# x>" },
		{ "ke\\\n  y\\\n =\\\n v\n", "<key|v>" },
		{ "a\\=b\\:c\\ d=1\n", "<a=b:c d|1>" },
		{ "\\#a=1\n\\!b=2\n", "<#a|1><!b|2>" },
		{ "a=\\t\\n\\r\\f\\\\\\x\\\"\n", "<a|\t\n\r\f\\x\">" },
		{ "a=C:\\temp\n", "<a|C:\temp>" },
		{ "a=dir\\\\\n", "<a|dir\\>" },
		{ "a=\\u0041\\u00e9\\uD83D\\uDE00\n", "<a|A\303\251\360\237\230\200>" },
		{ "a=\\u00\\\n  41\n", "<a|A>" },
		{ "a=1\nb=2\na=3\n", "<b|2><a|3>" },
		{ "a=1\\", "<a|1>" },
		{ "a=1\\\n", "<a|1>" },
		/* A backslash alone: nothing, but an empty key at the very end. */
		{ "\\\na=1\n", "<a|1>" },
		{ "\\\n#a=1\n", "" },
		{ "\\", "<|>" },
		{ "\\\n", "<|>" },
		{ "\\\r\n", "" },
		{ "\\\n  ", "" },
		{ "a\\u003db=c\n", "<a=b|c>" },
		{ "a=1\rb=2\r", "<a|1><b|2>" },
		{ "a=1\vb\n", "<a|1\vb>" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(props_cleanup) struct props *p = parse(cases[i].text, PROPS_LATIN1);
		AUTO_BUF got = BUF_INIT;

		props_each(p, join, &got);
		assert_string_equal(got.p, cases[i].want);
		text_is(p, cases[i].text);
	}
}

static void t_encodings(void **state UNUSED)
{
	CLEANUP(props_cleanup) struct props *latin1 = parse("k\351=\351\200\n", PROPS_LATIN1);
	CLEANUP(props_cleanup) struct props *utf8 = parse("k\303\251=\342\202\254\360\237\230\200\n", PROPS_UTF8);

	assert_string_equal(props_get(latin1, "k\303\251"), "\303\251\302\200");
	assert_string_equal(props_get(utf8, "k\303\251"), "\342\202\254\360\237\230\200");
}

static void t_two_values_live_at_once(void **state UNUSED)
{
	CLEANUP(props_cleanup) struct props *p = parse("a=1\nb=2\n", PROPS_LATIN1);
	const char *a = props_get(p, "a"), *b = props_get(p, "b");

	assert_string_equal(a, "1");
	assert_string_equal(b, "2");
	assert_null(props_get(p, "c"));
}

static void t_refuses_with_place(void **state UNUSED)
{
	static const struct {
		const char *text;
		size_t len;
		enum props_encoding enc;
		const char *want;
	} cases[] = {
		{ "a=1\nb=x\\u12\n", 0, PROPS_LATIN1, "2:4: malformed" },
		{ "a=1\r\nb\\uZZZZ=2\n", 0, PROPS_LATIN1, "2:2: malformed" },
		{ "a=1,\\\n  \\u1\n", 0, PROPS_LATIN1, "2:3: malformed" },
		{ "a=\\ud83dx\n", 0, PROPS_LATIN1, "1:3: half of a surrogate pair" },
		{ "a=\\ude00\n", 0, PROPS_LATIN1, "1:3: half of a surrogate pair" },
		{ "a=\\ud83d", 0, PROPS_LATIN1, "1:3: half of a surrogate pair" },
		{ "a=\\u0000\n", 0, PROPS_LATIN1, "1:3: a NUL character" },
		{ "a=1\n#\0\n", 7, PROPS_LATIN1, "2:2: a NUL byte" },
		{ "a=\351\n", 0, PROPS_UTF8, "1:3: byte 0xE9 is not valid UTF-8" },
		{ "a=\355\240\200\n", 0, PROPS_UTF8, "1:3: byte 0xED" },
		{ "a=\300\200\n", 0, PROPS_UTF8, "1:3: byte 0xC0" },
		{ "a=\342\202", 0, PROPS_UTF8, "1:3: byte 0xE2" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct props *p;
		struct err err = ERR_INIT;
		size_t len = cases[i].len ? cases[i].len : strlen(cases[i].text);

		assert_int_equal(props_parse(&p, cases[i].text, len, cases[i].enc, &err), -1);
		assert_null(p);
		assert_memory_equal(err.text, cases[i].want, strlen(cases[i].want));
	}
	/* In a comment they do no harm. */
	CLEANUP(props_cleanup) struct props *fine = parse("#\\u12 \351\na=1\n", PROPS_UTF8);

	assert_string_equal(props_get(fine, "a"), "1");
}

/* ---- set ---- */

static void t_set(void **state UNUSED)
{
	static const struct {
		const char *text, *key, *value, *want;
	} cases[] = {
		/* In place: separator, indentation, line end stay. */
		{ "a=1\n", "a", "2", "a=2\n" },
		{ "x=0\r\n  a : 1\r\ny=0\r\n", "a", "2", "x=0\r\n  a : 2\r\ny=0\r\n" },
		{ "a 1\n", "a", "2", "a 2\n" },
		{ "a 1\n", "a", "=2", "a \\=2\n" },
		{ "a=1\n", "a", "=2", "a==2\n" },
		{ "a\n", "a", "2", "a=2\n" },
		{ "a", "a", "2", "a=2" },
		{ "a = 1", "a", "", "a = " },
		{ "a=1,\\\n  2\nb=3\n", "a", "9", "a=9\nb=3\n" },
		{ "a\\\n  =1\n", "a", "9", "a\\\n  =9\n" },
		{ "a=1\\", "a", "2", "a=2" },
		{ "a=1\\\n", "a", "2", "a=2\n" },
		{ "\\", "", "x", "=x" },
		{ "\\u0061=1\n", "a", "2", "\\u0061=2\n" },
		/* The last one of several. */
		{ "a=1\na=2\n#a=3\n", "a", "4", "a=1\na=4\n#a=3\n" },
		/* So already, in another spelling. */
		{ "a=\\u0031\n", "a", "1", "a=\\u0031\n" },
		/* New keys: at the end, or below their comment. */
		{ "", "a", "1", "a=1\n" },
		{ "x=0", "a", "1", "x=0\na=1\n" },
		{ "x=0\r\ny=0", "a", "1", "x=0\r\ny=0\r\na=1\r\n" },
		{ "x=0\r", "a", "1", "x=0\ra=1\r" },
		{ "#a=0\nx=0\n", "a", "1", "#a=0\na=1\nx=0\n" },
		{ "# PGP_KEY: Name <m>\nx=0\n", "PGP_KEY", "N", "# PGP_KEY: Name <m>\nPGP_KEY: N\nx=0\n" },
		{ "#a = 0\n#a=9\nx=0\n", "a", "1", "#a = 0\n#a=9\na=1\nx=0\n" },
		{ "x=0\n#a=0", "a", "1", "x=0\n#a=0\na=1\n" },
		{ "# a is good\nx=0\n", "a", "1", "# a is good\nx=0\na=1\n" },
		{ "#aa=1\n#xa=1\nx=0\n", "a", "1", "#aa=1\n#xa=1\nx=0\na=1\n" },
		/* Behind an open last line nothing may come. */
		{ "x=0\n# y\ny=1\\", "a", "1", "x=0\na=1\n# y\ny=1\\" },
		{ "y=1\\\n", "a", "1", "a=1\ny=1\\\n" },
		/* Escapes. */
		{ "", "a b", " x ", "a\\ b=\\ x\\u0020\n" },
		{ "", "#k=:!", "a#b!c=d:e", "\\#k\\=\\:!=a#b!c=d:e\n" },
		{ "", "k", "C:\\dir\\", "k=C:\\\\dir\\\\\n" },
		{ "", "k", "a\tb\nc\rd\fe\001\177", "k=a\\tb\\nc\\rd\\fe\\u0001\\u007F\n" },
		{ "", "\303\251", "\342\202\254\360\237\230\200", "\\u00E9=\\u20AC\\uD83D\\uDE00\n" },
		{ "", "", "v", "=v\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(props_cleanup) struct props *p = parse(cases[i].text, PROPS_LATIN1);
		int want = strcmp(cases[i].text, cases[i].want) != 0;
		struct err err = ERR_INIT;

		assert_int_equal(props_set(p, cases[i].key, cases[i].value, &err), want);
		text_is(p, cases[i].want);
		assert_string_equal(props_get(p, cases[i].key), cases[i].value);
		assert_int_equal(props_set(p, cases[i].key, cases[i].value, &err), 0);
	}
}

static void t_set_refuses_bad_utf8(void **state UNUSED)
{
	CLEANUP(props_cleanup) struct props *p = parse("a=1\n", PROPS_LATIN1);
	struct err err = ERR_INIT;

	assert_int_equal(props_set(p, "a", "\351", &err), -1);
	assert_string_equal(err.text, "'a': the value is not valid UTF-8");
	assert_int_equal(props_set(p, "\377", "1", &err), -1);
	text_is(p, "a=1\n");
}

/* ---- unset ---- */

static void t_unset(void **state UNUSED)
{
	static const struct {
		const char *text, *key, *want;
	} cases[] = {
		{ "a=1\nb=2\n", "a", "#a=1\nb=2\n" },
		{ "a=1\n a = 2\nb=2\n", "a", "#a=1\n #a = 2\nb=2\n" },
		{ "a=1,\\\n   2,\\\r\n\n", "a", "#a=1,\\\n   #2,\\\r\n#\n" },
		{ "a=1\\", "a", "#a=1\\" },
		{ "#a=1\na=1\n", "a", "#a=1\n" },
		{ "b=1\n", "a", "b=1\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(props_cleanup) struct props *p = parse(cases[i].text, PROPS_LATIN1);
		int want = strcmp(cases[i].text, cases[i].want) != 0;
		struct err err = ERR_INIT;

		assert_int_equal(props_unset(p, cases[i].key, &err), want);
		text_is(p, cases[i].want);
		assert_null(props_get(p, cases[i].key));
		assert_int_equal(props_unset(p, cases[i].key, &err), 0);
	}
}

static void t_set_and_unset_do_not_pile_up(void **state UNUSED)
{
	CLEANUP(props_cleanup) struct props *p = parse("x=1\n", PROPS_LATIN1);
	struct err err = ERR_INIT;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(props_set(p, "a", "1", &err), 1);
		assert_int_equal(props_unset(p, "a", &err), 1);
	}
	text_is(p, "x=1\n#a=1\n");
}

static void t_unset_secret_drops_the_value(void **state UNUSED)
{
	CLEANUP(props_cleanup) struct props *p = parse("pw=old\nb=1\npw : hunter\\\n  2\n", PROPS_LATIN1);
	struct err err = ERR_INIT;

	assert_int_equal(props_unset_secret(p, "pw", &err), 1);
	text_is(p, "#pw=\nb=1\n#pw=\n");
}

static void t_remove(void **state UNUSED)
{
	CLEANUP(props_cleanup) struct props *p = parse("a=1\nb=2\n  a=3,\\\n 4\nc=5", PROPS_LATIN1);
	struct err err = ERR_INIT;

	assert_int_equal(props_remove(p, "a", &err), 1);
	text_is(p, "b=2\nc=5");
	assert_int_equal(props_remove(p, "a", &err), 0);
	assert_int_equal(props_remove(p, "c", &err), 1);
	text_is(p, "b=2\n");
	/* Without a line behind it, a lone backslash would become an empty key. */
	CLEANUP(props_cleanup) struct props *q = parse("\\\na=1\n", PROPS_LATIN1);

	assert_int_equal(props_remove(q, "a", &err), 1);
	text_is(q, "\\\n#\n");
}

static void t_many_keys(void **state UNUSED)
{
	CLEANUP(props_cleanup) struct props *p = parse("", PROPS_LATIN1);
	struct err err = ERR_INIT;

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 5000; i++) {
			char key[32], value[32];

			snprintf(key, sizeof(key), "key%d", i);
			snprintf(value, sizeof(value), "%d", i + round);
			assert_int_equal(props_set(p, key, value, &err), 1);
		}
	assert_string_equal(props_get(p, "key0"), "1");
	assert_string_equal(props_get(p, "key4999"), "5000");
	for (int i = 0; i < 5000; i += 2) {
		char key[32];

		snprintf(key, sizeof(key), "key%d", i);
		assert_int_equal(props_unset(p, key, &err), 1);
		assert_null(props_get(p, key));
	}
	assert_string_equal(props_get(p, "key4999"), "5000");
}

static void t_format(void **state UNUSED)
{
	AUTO_BUF b = BUF_INIT;

	props_format(&b, "a b", " \303\251 ");
	assert_string_equal(b.p, "a\\ b=\\ \\u00E9\\u0020");
	assert_true(props_valid("\303\251"));
	assert_false(props_valid("\351"));
}

static void t_sha256(void **state UNUSED)
{
	char hex[SHA256_HEX_SIZE];

	/* FIPS 180-4 examples: no byte, one block, two blocks. */
	sha256_hex("", 0, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_hex("abc", 3, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
	assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_reads_like_java),
		cmocka_unit_test(t_encodings),
		cmocka_unit_test(t_two_values_live_at_once),
		cmocka_unit_test(t_refuses_with_place),
		cmocka_unit_test(t_set),
		cmocka_unit_test(t_set_refuses_bad_utf8),
		cmocka_unit_test(t_unset),
		cmocka_unit_test(t_set_and_unset_do_not_pile_up),
		cmocka_unit_test(t_unset_secret_drops_the_value),
		cmocka_unit_test(t_remove),
		cmocka_unit_test(t_many_keys),
		cmocka_unit_test(t_format),
		cmocka_unit_test(t_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
