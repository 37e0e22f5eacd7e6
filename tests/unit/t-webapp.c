// proves: version directories, context words, Java options and templates follow their rules, and hostile ones are refused
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "core/webapp.h"

static void dirnames(void **state UNUSED)
{
	static const struct { const char *version, *want; } cases[] = {
		{ "1:19.0-1", "1_19.0-1" }, { "15-88~844", "15-88~844" }, { "20.0+dfsg-1", "20.0_p_dfsg-1" },
		{ "", NULL }, { "../x", NULL }, { "1/../../x", NULL }, { "1 2", NULL }, { ".1", NULL }, { "~1", NULL },
		{ "1_2", NULL }, { "1\n2", NULL }, { "v1", NULL }, { "1;rm", NULL }, { "1\xc3\xa9", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		AUTO_FREE char *got = webapp_dirname(cases[i].version, &err);

		if (cases[i].want) {
			assert_non_null(got);
			assert_string_equal(got, cases[i].want);
		} else {
			assert_null(got);
			assert_int_equal(err.kind, ERR_USAGE);
		}
	}
}

static void contexts(void **state UNUSED)
{
	static const struct { const char *word, *name, *war; } cases[] = {
		{ "oscar=oscar.war", "oscar", "oscar.war" }, { "drug-ref2=d_1.war", "drug-ref2", "d_1.war" },
		{ "oscar", NULL, NULL }, { "=x.war", NULL, NULL }, { "oscar=", NULL, NULL }, { "a/b=x.war", NULL, NULL },
		{ "oscar=../x.war", NULL, NULL }, { "oscar=/x.war", NULL, NULL }, { "oscar=.war", NULL, NULL },
		{ "..=x.war", NULL, NULL }, { "-x=x.war", NULL, NULL }, { "a\"b=x.war", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;
		struct webapp_context c = { NULL, NULL };
		int rc = webapp_context_parse(cases[i].word, &c, &err);

		assert_int_equal(rc, cases[i].name ? 0 : -1);
		if (rc == 0) {
			assert_string_equal(c.name, cases[i].name);
			assert_string_equal(c.war, cases[i].war);
		}
		webapp_context_release(&c);
	}
}

static void java_options(void **state UNUSED)
{
	static const char *const good[] = { "-Xmx512m", "-Dfile=/etc/oscar-emr/oscar.properties", "-XX:+UseG1GC",
					    "--add-opens=java.base/java.lang=ALL-UNNAMED" };
	static const char *const bad[] = { "", "x", "-D`id`", "-D$(id)", "-D$HOME", "-Da;b", "-Da|b", "-Da\"b", "-Da'b",
					   "-Da\\b", "-Da*", "-Da&", "-Da>b", "-Da\nb", "-Da~b", "-Da{b,c}", "-Da#b" };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(webapp_java_option_ok(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(webapp_java_option_ok(bad[i]));
}

static int expand(struct buf *out, const char *text, struct err *err)
{
	static const struct webapp_var vars[] = { { "A", "<&\"'>\x01", false }, { "LONG_1", "x", false }, { "RAW", "<b/>", true } };

	return webapp_expand(out, text, strlen(text), vars, ARRAY_LEN(vars), err);
}

static void templates(void **state UNUSED)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "", "" }, { "a@b", "a@b" }, { "@", "@" }, { "@@", "@@" }, { "@A@", "&lt;&amp;&quot;&apos;&gt;?" },
		{ "[@LONG_1@@RAW@]", "[x<b/>]" }, { "mail@example.org @A", "mail@example.org @A" }, { "@a@", "@a@" },
		{ "@ A@", "@ A@" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF out = BUF_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(expand(&out, cases[i].text, &err), 0);
		assert_string_equal(out.p, cases[i].want);
	}
}

static void unknown_names_are_errors(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(expand(&out, "a\nb\n@NOPE@", &err), -1);
	assert_string_equal(err.text, "line 3: @NOPE@ is not known");
}

static void connectors(void **state UNUSED)
{
	static const struct { const char *text; bool want; } cases[] = {
		{ "<Connector port=\"8443\" SSLEnabled=\"true\"/>", true },
		{ "<Server port=\"8443\"><Connector port='8080'/></Server>", false },
		{ "<Connector\n\tprotocol=\"HTTP/1.1\"\n\tport = '8443'>", true },
		{ "<Connector redirectPort=\"8443\" port=\"8080\"/>", false },
		{ "<!-- <Connector port=\"8443\"/> --><Connector port=\"84430\"/>", false },
		{ "<!-- a --><Connector port=\"8443\"/>", true },
		{ "<!-- <Connector port=\"8443\"/>", false },
		{ "<Connector port=\"8443\"", false },
		{ "<Connector port", false },
		{ "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(webapp_has_connector(cases[i].text, strlen(cases[i].text), 8443), cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dirnames), cmocka_unit_test(contexts), cmocka_unit_test(java_options),
		cmocka_unit_test(templates), cmocka_unit_test(unknown_names_are_errors),
		cmocka_unit_test(connectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
