/* proves: --json output is what another program's parser reads, whatever the bytes of the strings
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scratch.h"
#include "base/child.h"
#include "core/json.h"

static void test_text(void **state UNUSED)
{
	AUTO_BUF b = BUF_INIT;
	struct json j = { .out = &b };

	json_object(&j, NULL);
	json_string(&j, "a", "q\"b\\n\n\x01\x7f");
	json_string(&j, "n", NULL);
	json_int(&j, "i", INT64_MIN);
	json_bool(&j, "t", true);
	json_array(&j, "l");
	json_end(&j);
	json_object(&j, "o");
	json_end(&j);
	json_end(&j);
	assert_string_equal(b.p, "{\n  \"a\": \"q\\\"b\\\\n\\n\\u0001\\u007f\",\n  \"n\": null,\n"
			    "  \"i\": -9223372036854775808,\n  \"t\": true,\n  \"l\": [],\n  \"o\": {}\n}\n");
}

static void test_utf8(void **state UNUSED)
{
	/* What is not UTF-8 (Unicode 15, table 3-7) becomes U+FFFD. */
	static const struct { const char *in, *out; } cases[] = {
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\xe4x", "\\ufffdx" }, { "\xc0\x80", "\\ufffd\\ufffd" }, { "\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd" },
		{ "\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" }, { "\xe2\x82", "\\ufffd\\ufffd" },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" }, { "\xff", "\\ufffd" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF b = BUF_INIT, want = BUF_INIT;
		struct json j = { .out = &b };

		json_string(&j, NULL, cases[i].in);
		buf_addf(&want, "\"%s\"", cases[i].out);
		assert_string_equal(b.p, want.p);
	}
}

/* Perl's own parser (in perl, which every Debian system has), as second opinion on every byte. */
static void test_other_parser(void **state UNUSED)
{
	AUTO_BUF b = BUF_INIT, out = BUF_INIT;
	struct json j = { .out = &b };
	static const char script[] = "use JSON::PP; local $/; my $d = decode_json(<STDIN>);"
		"print scalar(@$d), ' ', $d->[64]{s}, ' ', ord($d->[9]{s}), ' ', $d->[3]{deep}[1][0]";

	json_array(&j, NULL);
	for (int c = 1; c < 256; c++) {
		char s[2] = { (char)c, '\0' };

		json_object(&j, NULL);
		json_string(&j, "s", s);
		json_array(&j, "deep");
		json_int(&j, NULL, c);
		json_array(&j, NULL);
		json_bool(&j, NULL, true);
		json_end(&j);
		json_end(&j);
		json_end(&j);
	}
	json_end(&j);
	struct child c = { .argv = (const char *const[]){ "perl", "-MJSON::PP", "-e", "1", NULL }, .out = &out, .errs = &out };

	if (child_run(&c, NULL) != 0) {
		printf("# no JSON::PP here\n");
		return;
	}
	c = (struct child){ .argv = (const char *const[]){ "perl", "-e", script, NULL }, .in = b.p, .in_len = b.len, .out = &out };
	assert_works(child_check(&c, err), 0);
	assert_string_equal(out.p, "255 A 10 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_other_parser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
