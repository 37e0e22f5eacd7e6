/* proves: SQL text is cut into the statements that the mariadb client sends, whatever the size of the pieces it comes in.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the client does was observed: tests/service/sql-split-as-client.sh asks it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/sqlsplit.h"

/* "LINE:COLUMN|text" per statement, commands in <>; errors as !text. */
static void split(const char *text, size_t len, size_t chunk, enum sqlsplit_charset cs, struct buf *out)
{
	CLEANUP(sqlsplit_cleanup) struct sqlsplit *sp = sqlsplit_new(cs);
	struct sqlsplit_item it;
	struct err err = ERR_INIT;
	size_t pos = 0;

	for (;;)
		switch (sqlsplit_next(sp, &it, &err)) {
		case SQLSPLIT_MORE: {
			size_t n = len - pos < chunk ? len - pos : chunk;

			sqlsplit_feed(sp, text + pos, n);
			pos += n;
			break;
		}
		case SQLSPLIT_STATEMENT:
			assert_int_equal(strlen(it.text), it.len);
			buf_addf(out, "%llu:%llu|%s\n", (unsigned long long)it.line, (unsigned long long)it.column, it.text);
			break;
		case SQLSPLIT_COMMAND:
			buf_addf(out, "<%d %s>\n", it.command, it.text);
			break;
		case SQLSPLIT_ERROR:
			buf_addf(out, "!%s\n", err.text);
			return;
		case SQLSPLIT_END:
			return;
		}
}

static void check_as(enum sqlsplit_charset cs, const char *text, const char *want)
{
	static const size_t chunks[] = { 1, 2, 3, 7, 64, 65536 };

	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		AUTO_BUF got = BUF_INIT;

		split(text, strlen(text), chunks[i], cs, &got);
		assert_string_equal(got.p, want);
	}
}

#define check(text, want) check_as(SQLSPLIT_UTF8, text, want)

static void quotes(void **state)
{
	(void)state;
	check("a 'x;y' b; c", "1:1|a 'x;y' b\n1:12|c\n");
	check("'it''s;' ; \"a\"\";\" ; `b``;`", "1:1|'it''s;'\n1:12|\"a\"\";\"\n1:21|`b``;`\n");
	check("'a\\';b';c", "1:1|'a\\';b'\n1:9|c\n");
	check("`a\\`;b", "1:1|`a\\`\n1:6|b\n");	/* no escapes in names */
	check("'two\r\nlines';x", "1:1|'two\nlines'\n2:8|x\n");
	check("'ends in \\\nbackslash'", "1:1|'ends in \nbackslash'\n");	/* the client drops it */
}

static void comments(void **state)
{
	(void)state;
	check("-- a;b\nc;# d;e\nf", "2:1|c\n3:1|f\n");
	check("--x;\ny", "2:1|y\n");			/* only at the start of a statement */
	check("a --x;\ny", "1:1|a --x\n2:1|y\n");
	check("a/* ; */b;/* only */;", "1:1|a b\n");
	check("a/* /*/ ; */b", "1:1|a b\n");
	check("/*! a;b */;", "1:1|/*! a\n1:7|b */\n");
	check("/*M!100 a */", "1:1|/*M!100 a */\n");
	check("a -- x", "1:1|a\n");
	check("a /* open", "1:1|a\n");
}

static void delimiters(void **state)
{
	(void)state;
	check("delimiter //\na;b//\nDELIMITER ;\nc;d", "2:1|a;b\n4:1|c\n4:3|d\n");
	check("delimiter $$ ignored\na$$", "2:1|a\n");
	check(";;a;;", "1:3|a\n");
	check("a\\g b\\G c", "1:1|a\n1:5|b\n1:9|c\n");
	check("a\\c b", "1:5|b\n");
	check("\\d |\na;b|c", "2:1|a;b\n2:5|c\n");
}

static void commands(void **state)
{
	(void)state;
	check("use db\nSOURCE some file.sql\nuse `x`;", "<1 db>\n<2 some file.sql>\n<1 x>\n");
	check("create table t (\n  source varchar(50),\n  use int);", "1:1|create table t (\n  source varchar(50),\n  use int)\n");
	check("user;uses x", "1:1|user\n1:6|uses x\n");
	check("a;\nquit\nb", "1:1|a\n");
	check("a \\q b", "1:1|a\n");
	check("charset latin1\na", "<3 latin1>\n2:1|a\n");
	check("\\W\nwarnings\na", "3:1|a\n");
	check("a;\n  system rm -rf x", "1:1|a\n!2:1: 'system' is a command of the interactive client and not run from a script\n");
	check("a \\x", "!1:3: unknown command '\\x'\n");
	check("select \\N", "1:1|select \\N\n");
}

static void encodings(void **state)
{
	(void)state;
	check("\xef\xbb\xbf" "a;\xc3\xa9 b", "1:4|a\n1:6|\xc3\xa9 b\n");
	check_as(SQLSPLIT_LATIN1, "'\xe9;';b\xe9", "1:1|'\xe9;'\n1:6|b\xe9\n");
	check_as(SQLSPLIT_LATIN1, "a \xa0;", "1:1|a\n");
	check("a;\r\n-- b\r\nc\r\n d;", "1:1|a\n3:1|c\n d\n");
	check("", "");
	check("\n\n ; \n", "");
}

static void modes(void **state)
{
	CLEANUP(sqlsplit_cleanup) struct sqlsplit *sp = sqlsplit_new(SQLSPLIT_UTF8);
	struct sqlsplit_item it;

	(void)state;
	sqlsplit_set_modes(sp, true, false);
	sqlsplit_feed(sp, "'a\\';\"b\\\";c", 11);
	sqlsplit_feed(sp, "", 0);
	assert_int_equal(sqlsplit_next(sp, &it, NULL), SQLSPLIT_STATEMENT);
	assert_string_equal(it.text, "'a\\'");
	sqlsplit_set_modes(sp, false, true);	/* may change between statements */
	assert_int_equal(sqlsplit_next(sp, &it, NULL), SQLSPLIT_STATEMENT);
	assert_string_equal(it.text, "\"b\\\"");
}

static void places(void **state)
{
	CLEANUP(sqlsplit_cleanup) struct sqlsplit *sp = sqlsplit_new(SQLSPLIT_UTF8);
	static const char text[] = "\n\nselect 1 /* over\nthree\nlines */ +\n x;";
	struct sqlsplit_item it;

	(void)state;
	sqlsplit_feed(sp, text, sizeof text - 1);
	sqlsplit_feed(sp, "", 0);
	assert_int_equal(sqlsplit_next(sp, &it, NULL), SQLSPLIT_STATEMENT);
	assert_string_equal(it.text, "select 1  +\n x");
	assert_int_equal(it.line, 3);
	assert_int_equal(sqlsplit_file_line(sp, 1), 3);
	assert_int_equal(sqlsplit_file_line(sp, 2), 6);
}

static void refuses(void **state)
{
	CLEANUP(sqlsplit_cleanup) struct sqlsplit *sp = sqlsplit_new(SQLSPLIT_UTF8);
	struct sqlsplit_item it;
	struct err err = ERR_INIT;
	AUTO_BUF out = BUF_INIT;

	(void)state;
	split("a\0b", 3, 64, SQLSPLIT_UTF8, &out);
	assert_non_null(strstr(out.p, "!1:2: a NUL byte"));
	sqlsplit_set_limit(sp, 100);
	for (int i = 0; i < 20; i++)
		sqlsplit_feed(sp, "select 12345 + ", 15);
	assert_int_equal(sqlsplit_next(sp, &it, &err), SQLSPLIT_ERROR);
	assert_non_null(strstr(err.text, "longer than the server takes"));
}

/* 16 MiB in one line: neither a line buffer nor time that grows with the square. */
static void huge(void **state)
{
	CLEANUP(sqlsplit_cleanup) struct sqlsplit *sp = sqlsplit_new(SQLSPLIT_UTF8);
	static char chunk[65536];
	struct sqlsplit_item it;
	int left = 256;

	(void)state;
	memset(chunk, 'x', sizeof chunk);
	sqlsplit_feed(sp, "insert '", 8);
	for (;;) {
		enum sqlsplit_result r = sqlsplit_next(sp, &it, NULL);

		if (r == SQLSPLIT_STATEMENT)
			break;
		assert_int_equal(r, SQLSPLIT_MORE);
		if (left-- > 0)
			sqlsplit_feed(sp, chunk, sizeof chunk);
		else
			sqlsplit_feed(sp, "';        next                                ", 46);
	}
	assert_int_equal(it.len, 8 + 256 * 65536 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes), cmocka_unit_test(comments), cmocka_unit_test(delimiters),
		cmocka_unit_test(commands), cmocka_unit_test(encodings), cmocka_unit_test(modes),
		cmocka_unit_test(places), cmocka_unit_test(refuses), cmocka_unit_test(huge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
