/* Unit tests of core/triggerset: which columns a trigger assigns to.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../src/core/triggerset.h"

static const struct { const char *body; bool ansi, no_backslash; const char *columns; } cases[] = {
	{ "SET NEW.a = 1", false, false, "a" },
	{ "set new . `a b` := 1", false, false, "a b" },
	{ "BEGIN IF NEW.a = 1 THEN SET NEW.b = NEW.c; END IF; END", false, false, "b" },
	{ "SET @x = NEW.a, NEW.b = f(1, NEW.c), NEW.d = (SELECT NEW.e), NEW.b = 2", false, false, "b d" },
	{ "UPDATE t SET a = NEW.a, b = NEW.b WHERE id = NEW.id", false, false, "" },
	{ "INSERT INTO l VALUES (NEW.a, 'SET NEW.a = 1')", false, false, "" },
	{ "INSERT INTO l VALUES ('\\', SET NEW.a = 1')", false, false, "" },
	{ "BEGIN INSERT INTO l VALUES ('\\'); SET NEW.a = 1; END", false, true, "a" },
	{ "BEGIN -- SET NEW.a = 1\n /* SET NEW.b = 2; */ SET NEW.c = 'x;y', NEW.d = 4; SET OLD_d = NEW.e; END", false, false, "c d" },
	{ "BEGIN /*!50000 SET NEW.a = 1; */ END", false, false, "a" },
	{ "SET NEW.\"a\" = 1", true, false, "a" },
	{ "BEGIN CASE NEW.a WHEN 1 THEN SET NEW.b = 1; ELSE BEGIN END; END CASE; END", false, false, "b" },
	{ "SET NEW.", false, false, "" },
	{ "", false, false, "" },
};

static void columns(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_STRV got = STRV_INIT;
		AUTO_BUF words = BUF_INIT;

		triggerset_columns(cases[i].body, cases[i].ansi, cases[i].no_backslash, &got);
		for (size_t k = 0; k < got.n; k++)
			buf_addf(&words, "%s%s", k ? " " : "", got.v[k]);
		assert_string_equal(words.len ? words.p : "", cases[i].columns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(columns) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
