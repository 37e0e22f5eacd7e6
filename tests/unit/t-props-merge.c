/* proves: merge takes new defaults for untouched keys, keeps the admin's, adds new keys in place, and is idempotent; check finds slips.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/props.h"

static struct props *parse(const char *text)
{
	struct props *p;
	struct err err = ERR_INIT;

	if (props_parse(&p, text, strlen(text), PROPS_LATIN1, &err) < 0)
		fail_msg("'%s': %s", text, err.text);
	return p;
}

static void note(const struct props_merge_note *n, void *arg)
{
	buf_addf(arg, "%d %s %s>%s;", n->what, n->key, n->mine ? n->mine : "-", n->latest ? n->latest : "-");
}

static void merge_gives(const char *mine, const char *base, const char *latest, const char *want, const char *notes)
{
	CLEANUP(props_cleanup) struct props *p = parse(mine);
	CLEANUP(props_cleanup) struct props *b = base ? parse(base) : NULL;
	CLEANUP(props_cleanup) struct props *n = parse(latest);
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF heard = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(props_merge(p, b, n, note, &heard, &err), strcmp(mine, want) != 0);
	props_text(p, &text);
	assert_string_equal(text.p, want);
	assert_string_equal(heard.p, notes);
	assert_int_equal(props_merge(p, b, n, NULL, NULL, &err), 0);
	buf_reset(&text);
	props_text(p, &text);
	assert_string_equal(text.p, want);
}

#define TOOK "0"
#define ADDED "1"
#define CONFLICT "2"
#define DROPPED "3"
#define OUT "4"
#define DIFFERS "5"

static void t_rule(void **state UNUSED)
{
	merge_gives("a=1\n", "a=1\n", "a=1\n", "a=1\n", "");
	merge_gives("a = 1\n", "a=1\n", "a=2\n", "a = 2\n", TOOK " a 1>2;");
	merge_gives("a=9\n", "a=1\n", "a=1\n", "a=9\n", "");
	merge_gives("a=9\n", "a=1\n", "a=9\n", "a=9\n", "");
	merge_gives("a=9\n", "a=1\n", "a=2\n", "# (maintkit) the new default is a=2\na=9\n", CONFLICT " a 9>2;");
	merge_gives("a=9\n", "", "a=2\n", "# (maintkit) the new default is a=2\na=9\n", CONFLICT " a 9>2;");
	merge_gives("a=1\n", "a=1\n", "", "a=1\n", DROPPED " a 1>-;");
	merge_gives("#a=1\n", "a=1\n", "a=1\n", "#a=1\n", "");
	merge_gives("#a=1\n", "a=1\n", "a=2\n", "#a=1\n", OUT " a ->2;");
	merge_gives("", "a=1\n", "", "", "");
	merge_gives("x=1\n", "x=1\n", "x=1\na=2\n", "x=1\na=2\n", ADDED " a ->2;");
	/* Spelling is no change. */
	merge_gives("a=\\u0031\n", "a=1\n", "a = 1\n", "a=\\u0031\n", "");
	/* The last one of several is the live one. */
	merge_gives("a=1\na=5\n", "a=5\n", "a=6\n", "a=1\na=6\n", TOOK " a 5>6;");
}

static void t_without_base(void **state UNUSED)
{
	merge_gives("a=9\n", NULL, "a=2\n", "a=9\n", DIFFERS " a 9>2;");
	merge_gives("x=1\n", NULL, "x=1\na=2\n", "x=1\na=2\n", ADDED " a ->2;");
	merge_gives("#a=1\n", NULL, "a=2\n", "#a=1\n", "");
}

static void t_places(void **state UNUSED)
{
	/* Behind its neighbour, with comment and blank line, the admin's comments untouched. */
	merge_gives("# head\n\n# mine\na=1 \n# my note\nz=9\n", "a=1 \nz=0\n",
		    "# head\n\na=1 \n\n# about n\n# two lines\nn=5\n\nz=0\n",
		    "# head\n\n# mine\na=1 \n\n# about n\n# two lines\nn=5\n# my note\nz=9\n", ADDED " n ->5;");
	/* Several in a row keep their order. */
	merge_gives("a=1\nz=1\n", "a=1\nz=1\n", "a=1\nm=1\nn=1\nz=1\n", "a=1\nm=1\nn=1\nz=1\n",
		    ADDED " m ->1;" ADDED " n ->1;");
	/* First of all. */
	merge_gives("# about z\nz=1\n", "z=1\n", "a=1\nz=1\n", "a=1\n# about z\nz=1\n", ADDED " a ->1;");
	/* Its comment is there already. */
	merge_gives("a=1\n\n# about n\n\nz=1\n", "a=1\nz=1\n", "a=1\n\n# about n\nn=2\n\nz=1\n",
		    "a=1\n\n# about n\nn=2\n\nz=1\n", ADDED " n ->2;");
	/* Below "#KEY=". */
	merge_gives("#n=0\na=1\n", "a=1\n", "a=1\nn=2\n", "#n=0\nn=2\na=1\n", ADDED " n ->2;");
	/* Which, when it stands elsewhere, does not take what follows along. */
	merge_gives("#n=0\nx=1\na=1\nz=1\n", "x=1\na=1\nz=1\n", "x=1\na=1\nn=2\no=3\nz=1\n",
		    "#n=0\nn=2\nx=1\na=1\no=3\nz=1\n", ADDED " n ->2;" ADDED " o ->3;");
	merge_gives("a=1\n#n=0\nz=1\n", "a=1\nz=1\n", "a=1\nn=2\no=3\nz=1\n", "a=1\n#n=0\nn=2\no=3\nz=1\n",
		    ADDED " n ->2;" ADDED " o ->3;");
	/* Line ends are those of the file; the last line gets one. */
	merge_gives("a=1\r\nz=1", "a=1\nz=1\n", "a=1\nn=1,\\\n  2\nz=1\ny=1\n",
		    "a=1\r\nn=1,\\\r\n  2\r\nz=1\r\ny=1\r\n", ADDED " n ->1,2;" ADDED " y ->1;");
	/* Neither between an open last line and its comment, nor behind it. */
	merge_gives("# c\na=1\\", "a=1\n", "a=1\nn=2\n", "n=2\n# c\na=1\\", ADDED " n ->2;");
}

static void t_values_keep_upstreams_spelling(void **state UNUSED)
{
	merge_gives("a : 1\n", "a=1\n", "a=x,\\\n    y\\u00e9\n", "a : x,\\\n    y\\u00e9\n", TOOK " a 1>x,y\303\251;");
	/* Unless it would mean something else here. */
	merge_gives("a 1\n", "a=1\n", "a==2\n", "a \\=2\n", TOOK " a 1>=2;");
	merge_gives("a\n", "a=\n", "a=2\n", "a=2\n", TOOK " a >2;");
}

static void t_conflict_note_is_renewed(void **state UNUSED)
{
	CLEANUP(props_cleanup) struct props *p = parse("# mine\na=9\n");
	CLEANUP(props_cleanup) struct props *one = parse("a=1\n");
	CLEANUP(props_cleanup) struct props *two = parse("a=2\n");
	CLEANUP(props_cleanup) struct props *three = parse("a=3\n");
	AUTO_BUF text = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(props_merge(p, one, two, NULL, NULL, &err), 1);
	assert_int_equal(props_merge(p, two, three, NULL, NULL, &err), 1);
	props_text(p, &text);
	assert_string_equal(text.p, "# mine\n# (maintkit) the new default is a=3\na=9\n");
}

/* ---- check ---- */

static void finding(const struct props_finding *f, void *arg)
{
	assert_true(strlen(f->text) > 0 && strlen(f->fix) > 0);
	buf_addf(arg, "%zu %s %s;", f->line, props_lint_name(f->lint), f->key);
}

static void check_finds(const char *text, const char *defaults, const char *want)
{
	CLEANUP(props_cleanup) struct props *p = parse(text);
	CLEANUP(props_cleanup) struct props *d = defaults ? parse(defaults) : NULL;
	AUTO_BUF got = BUF_INIT;
	size_t n = props_check(p, d, finding, &got), semicolons = 0;

	for (const char *s = got.p; *s; s++)
		semicolons += *s == ';';
	assert_string_equal(got.p, want);
	assert_int_equal(n, semicolons);
}

static void t_check(void **state UNUSED)
{
	check_finds("a=1\nb = 2\n# prose: fine\n", NULL, "");
	check_finds("a=1\n\na=2\n", NULL, "1 duplicate a;");
	check_finds("x=1\n#a=1\n", "a=1\nx=1\n", "2 commented a;");
	check_finds("#a=1\na=2\n#zz=1\n", "a=1\n", "");
	check_finds("x=1,\\\na=2\n", "a=1\nx=1\n", "2 swallowed a;");
	check_finds("x=1,\\\n  2\n", "x=1\n", "");
	check_finds("x=1\ny=v \nz=v\\u0020\n", NULL, "2 trailing-blank y;");
	check_finds("x=C:\\dir\ny=C\\:\\\\dir\nz=\\t\\u00e9\nw=C:\\temp\n", NULL, "1 backslash x;4 backslash w;");
	check_finds("x=\\d{6}\ny=\\\\d{6}\n", NULL, "1 backslash x;");
	check_finds("a=1\n\\\nb=1\n", NULL, "2 lone-backslash ;");
	check_finds("# \351 is fine here\na=1\nb=\351\n", NULL, "3 non-ascii b;");
	check_finds("db_pasword=1\nquitedifferent=1\n", "db_password=x\n", "1 unknown db_pasword;2 unknown quitedifferent;");
	check_finds("p=${TOMCAT}/x\nq=$x {}\n", NULL, "1 placeholder p;");
	check_finds("p=${TOMCAT}/x\nq=${DATE}\n", "p=x\nq=by ${NAME}\n", "1 placeholder p;");
	check_finds("\357\273\277a=1\n", NULL, "1 byte-order-mark ;1 non-ascii \303\257\302\273\302\277a;");
	check_finds("a=1\nb=1\r\nc=1\n", NULL, "2 mixed-line-ends ;");
	check_finds("a=1\\", NULL, "1 open-end a;");
}

static void fix_of(const struct props_finding *f, void *arg)
{
	buf_addf(arg, "%s", f->fix);
}

static void t_check_names_the_nearest_key(void **state UNUSED)
{
	static const struct {
		const char *key, *near;
	} cases[] = {
		{ "db_pasword", "did you mean 'db_password'?" },
		{ "DB_PASSWORD", "did you mean 'db_password'?" },
		{ "db_passwrod", "did you mean 'db_password'?" },
		{ "ttop", "did you mean 'totp'?" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF text = BUF_INIT;
		AUTO_BUF fix = BUF_INIT;

		buf_addf(&text, "%s=1\n", cases[i].key);
		CLEANUP(props_cleanup) struct props *p = parse(text.p);
		CLEANUP(props_cleanup) struct props *d = parse("db_username=x\ndb_password=x\ntotp=1\n");

		assert_int_equal(props_check(p, d, fix_of, &fix), 1);
		assert_string_equal(fix.p, cases[i].near);
	}
}

static void t_check_never_tells_a_value(void **state UNUSED)
{
	CLEANUP(props_cleanup) struct props *p = parse("pw=hunter2${x}\\d \npw=hunter2\351 \\\npw=hunter2\\");
	AUTO_BUF all = BUF_INIT;

	assert_true(props_check(p, p, finding, &all) > 3);
	assert_null(strstr(all.p, "hunter2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_rule),
		cmocka_unit_test(t_without_base),
		cmocka_unit_test(t_places),
		cmocka_unit_test(t_values_keep_upstreams_spelling),
		cmocka_unit_test(t_conflict_note_is_renewed),
		cmocka_unit_test(t_check),
		cmocka_unit_test(t_check_names_the_nearest_key),
		cmocka_unit_test(t_check_never_tells_a_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
