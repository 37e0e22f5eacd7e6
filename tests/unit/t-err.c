/* proves: error objects keep kind, cause and advice, within their size and within UTF-8
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scratch.h"

static void test_basics(void **state UNUSED)
{
	struct err e = ERR_INIT;

	assert_int_equal(err_set(&e, ERR_POLICY, "no %d", 7), -1);
	assert_string_equal(e.text, "no 7");
	assert_int_equal(err_sys(&e, ENOENT, "'%s'", "/x"), -1);
	assert_string_equal(e.text, "'/x': No such file or directory");
	assert_int_equal(e.kind, ERR_ABSENT);
	assert_int_equal(e.sys, ENOENT);
	err_sys(&e, EIO, "x");
	assert_int_equal(e.kind, ERR_FAIL);
	err_prefix(&e, "table '%s'", "t");
	err_hint(&e, "run '%s'", "y");
	assert_string_equal(e.text, "table 't': x: Input/output error; run 'y'");
	err_set(&e, ERR_FAIL, "again: %s", e.text);	/* from itself */
	assert_string_equal(e.text, "again: table 't': x: Input/output error; run 'y'");
	assert_int_equal(e.sys, 0);
	err_clear(&e);
	assert_int_equal(e.kind, ERR_NONE);
	assert_string_equal(e.text, "");
	assert_int_equal(err_set(NULL, ERR_FAIL, "x"), -1);	/* whoever does not want to know */
	assert_int_equal(err_sys(NULL, EIO, "x"), -1);
	err_prefix(NULL, "x");
	err_hint(NULL, "x");
	err_clear(NULL);
}

static void test_exit_status(void **state UNUSED)
{
	static const struct { enum err_kind kind; int status; } want[] = {
		{ ERR_NONE, 0 }, { ERR_NO, 1 }, { ERR_FAIL, 2 }, { ERR_USAGE, 2 }, { ERR_ABSENT, 2 },
		{ ERR_BACKEND, 3 }, { ERR_BUSY, 3 }, { ERR_POLICY, 4 },
	};

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct err e = { .kind = want[i].kind };

		assert_int_equal(err_exit_status(&e), want[i].status);
	}
}

static void test_too_long(void **state UNUSED)
{
	struct err e = ERR_INIT;
	char exact[sizeof(e.text)], more[3 * sizeof(e.text)];

	memset(exact, 'x', sizeof(exact) - 1);
	exact[sizeof(exact) - 1] = '\0';
	err_set(&e, ERR_FAIL, "%s", exact);
	assert_string_equal(e.text, exact);
	err_set(&e, ERR_FAIL, "%sx", exact);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_string_equal(e.text + sizeof(e.text) - 5, "x...");
	/* The advice survives. */
	err_hint(&e, "run 'this'");
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_non_null(strstr(e.text, "x...; run 'this'"));
	err_hint(&e, "%s", exact);
	assert_int_equal(e.text[sizeof(e.text) - 1], '\0');
	assert_true(strlen(e.text) < sizeof(e.text));
	/* At each offset within a three-byte character, text and advice stay UTF-8. */
	for (int shift = 0; shift < 3; shift++) {
		size_t n = (size_t)shift;

		memset(more, 'a', n);
		for (; n + 3 < sizeof(more); n += 3)
			memcpy(more + n, "\xe2\x82\xac", 3);
		more[n] = '\0';
		err_set(&e, ERR_FAIL, "%s", more);
		size_t len = strlen(e.text) - 3;

		assert_string_equal(e.text + len, "...");
		assert_int_equal((len - (size_t)shift) % 3, 0);
		err_hint(&e, "%s", more);
		assert_true(strlen(e.text) < sizeof(e.text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basics),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
