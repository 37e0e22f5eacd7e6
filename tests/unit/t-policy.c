// proves: the guard's decision for every pair of data state and incoming package, with its reason and words
// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/policy.h"

#define INSTANCE "00112233445566778899aabbccddeeff"
#define NOW 1780000000LL

/* ---- the table: rows are states of the data, columns are packages ---- */

/* One picture of the data; reason NULL: there is none. */
struct picture {
	long schema, min;
	const char *reason;
};

/* What the database says (evidence: a legacy one has no schema level) and what
 * the mirror says; the guard decides by the stricter of both. */
static const struct {
	const char *name;
	struct picture db, mirror;
	const char *reason;	/* that a refusal has to give */
} rows[] = {
	{ "fresh", { 0, 0, NULL }, { 0, 0, NULL }, NULL },
	{ "no migration", { 15, 0, "" }, { 0, 0, NULL }, "" },
	{ "roster done", { 0, 18, "roster data was migrated" }, { 0, 0, NULL }, "roster data was migrated" },
	{ "roster done, OSCAR 19", { 19, 18, "roster data was migrated" }, { 0, 0, NULL }, "roster data was migrated" },
	{ "HRM done", { 19, 18, "HRM data was migrated" }, { 0, 0, NULL }, "HRM data was migrated" },
	{ "contacts done", { 19, 18, "relationships were migrated" }, { 0, 0, NULL }, "relationships were migrated" },
	{ "middle names split", { 19, 18, "middle names split" }, { 0, 0, NULL }, "middle names split" },
	{ "bcrypt", { 19, 20, "bcrypt" }, { 0, 0, NULL }, "bcrypt" },
	{ "raised by ours", { 21, 20, "by 1:21" }, { 21, 20, "by 1:21" }, "by 1:21" },
	{ "raised beyond", { 22, 22, "by 1:22" }, { 21, 20, "by 1:21" }, "by 1:22" },
	{ "database down, mirror", { 0, 0, NULL }, { 21, 20, "by 1:21" }, "by 1:21" },
	{ "forged to nothing", { 0, 0, "" }, { 21, 20, "by 1:21" }, "by 1:21" },
	{ "forged lower", { 15, 1, "trust me" }, { 21, 20, "by 1:21" }, "by 1:21" },
	{ "forged higher", { 21, 999999, "by nobody" }, { 21, 20, "by 1:21" }, "by nobody" },
};

static const struct policy_incoming columns[] = {
	{ "1:20.1-1", "21", "15-21" },	/* ours, newer */
	{ "1:20.0-1", "20", "15-20" },	/* ours, older */
	{ "1:21.0-1", "21", "20-21" },	/* ours, without the way up from legacy */
	{ "19-97~3743", NULL, NULL },
	{ "19-65~1842", NULL, NULL },
	{ "19beta-1~932", NULL, NULL },
	{ "18alpha-7~928", NULL, NULL },
	{ "15-97final858", NULL, NULL },
	{ "15-88~844", NULL, NULL },
	{ "15-71~691", NULL, NULL },
	{ "nonsense", NULL, NULL },
	{ "1:20.0-2", "20", "21-20" },
	{ "1:20.0-3", "x", "1-30" },
};

/* f fresh, + fits, m below minimum, n newer data, o older data, ? unplaced, b bad fields */
static const char *const cells[] = {
	"fffffffffffff",	/* fresh */
	"++o+++++++?bb",	/* no migration */
	"+++++++mmm?bb",	/* roster done: what 18 and newer read, nothing older reads */
	"++o++++mmm?bb",
	"++o++++mmm?bb",
	"++o++++mmm?bb",
	"++o++++mmm?bb",
	"++ommmmmmm?bb",	/* bcrypt */
	"+n+mmmmmmm?bb",	/* raised by ours: the older one of ours meets data beyond what it reads */
	"mmmmmmmmmm?bb",
	"+n+mmmmmmm?bb",	/* database down: as if it were up */
	"+n+mmmmmmm?bb",	/* forged: a database cannot open the guard */
	"+n+mmmmmmm?bb",
	"mmmmmmmmmm?bb",	/* nor can the mirror: the stricter one counts */
};

static char letter(enum policy_why why)
{
	switch (why) {
	case POLICY_FRESH: return 'f';
	case POLICY_FITS: return '+';
	case POLICY_BELOW_MIN: return 'm';
	case POLICY_NEWER_DATA: return 'n';
	case POLICY_OLDER_DATA: return 'o';
	case POLICY_UNPLACED: return '?';
	case POLICY_BAD_FIELDS: return 'b';
	case POLICY_BY_ALLOWANCE: return 'a';
	case POLICY_ENV_FLOOR: return 'e';
	case POLICY_ENV_NEVER: return 'E';
	}
	return '!';
}

static struct policy_state make_state(bool known, long schema, long min)
{
	struct policy_state s = {
		.known = known, .schema_level = schema, .min_level = min, .package = xstrdup("oscar-emr"),
		.lineage = xstrdup("oscar"),
		.instance = xstrdup(INSTANCE), .reason = xstrdup("roster migrated"), .since = NOW - 86400,
	};

	return s;
}

static struct policy_state see(const struct picture *p)
{
	struct policy_state s = make_state(p->reason != NULL, p->schema, p->min);

	free(s.reason);
	s.reason = p->reason && *p->reason ? xstrdup(p->reason) : NULL;
	return s;
}

static struct policy_state row_state(size_t i)
{
	struct policy_state s = see(&rows[i].mirror);
	CLEANUP(policy_state_release) struct policy_state db = see(&rows[i].db);

	policy_state_merge(&s, &db);
	return s;
}

/* The text has to say why: the change of the data, or the range that is read. */
static void gives_reason(const struct policy_state *s, size_t i, size_t j, const struct policy_result *r)
{
	AUTO_BUF text = BUF_INIT;

	policy_text(&text, s, &columns[j], r, NULL, POLICY_EN);
	if (r->verdict == POLICY_REFUSE && r->why != POLICY_OLDER_DATA && !strstr(text.p, rows[i].reason))
		fail_msg("%s x %s: '%s' is not in: %s", rows[i].name, columns[j].version, rows[i].reason, text.p);
	if (r->verdict == POLICY_REFUSE && (!strstr(text.p, "ways out") || !strstr(text.p, "guard allow")))
		fail_msg("%s x %s: no way out in: %s", rows[i].name, columns[j].version, text.p);
	if (r->why == POLICY_OLDER_DATA && !strstr(text.p, "in between"))
		fail_msg("%s x %s: %s", rows[i].name, columns[j].version, text.p);
}

static void every_cell(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_LEN(cells), ARRAY_LEN(rows));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t j = 0; j < ARRAY_LEN(columns); j++) {
			CLEANUP(policy_state_release) struct policy_state s = row_state(i);
			struct policy_result r;
			enum policy_verdict want;

			policy_decide(&s, &columns[j], NOW, false, &r);
			if (letter(r.why) != cells[i][j])
				fail_msg("%s x %s: '%c' (%s) instead of '%c'", rows[i].name, columns[j].version,
					 letter(r.why), policy_why_name(r.why), cells[i][j]);
			want = strchr("f+", cells[i][j]) ? POLICY_ALLOW :
			       strchr("?b", cells[i][j]) ? POLICY_WARN : POLICY_REFUSE;
			assert_int_equal(r.verdict, want);
			gives_reason(&s, i, j, &r);
		}
}

/* ---- environment ---- */

static void environment(void **state)
{
	CLEANUP(policy_state_release) struct policy_state s = make_state(true, 15, 0);
	struct policy_incoming in = { "15-80~745", NULL, NULL };
	struct policy_result r;

	(void)state;
	s.env_floor = xstrdup("15-88~844");
	s.env_note = xstrdup("Java 8, Tomcat 8.5");
	policy_decide(&s, &in, NOW, false, &r);
	assert_int_equal(r.why, POLICY_ENV_FLOOR);
	assert_int_equal(r.verdict, POLICY_REFUSE);
	in.version = "15-88~844";
	policy_decide(&s, &in, NOW, false, &r);
	assert_int_equal(r.why, POLICY_FITS);
	s.env_no_legacy = true;
	policy_decide(&s, &in, NOW, false, &r);
	assert_int_equal(r.why, POLICY_ENV_NEVER);
	assert_int_equal(r.verdict, POLICY_WARN);
	in = (struct policy_incoming){ "1:20.0-1", "20", "15-20" };
	policy_decide(&s, &in, NOW, false, &r);
	assert_int_equal(r.why, POLICY_FITS);
}

/* ---- allowances ---- */

static enum policy_why with_allowance(const char *version, const char *instance, long schema, long min,
				      long long made, long long expires, bool running)
{
	CLEANUP(policy_state_release) struct policy_state s = make_state(true, 19, 18);
	struct policy_allowance a = {
		.schema_level = schema, .min_level = min, .made = made, .expires = expires,
	};
	AUTO_FREE char *v = xstrdup(version);
	AUTO_FREE char *i = xstrdup(instance);
	struct policy_incoming in = { "15-88~844", NULL, NULL };
	struct policy_result r;

	a.version = v;
	a.instance = i;
	policy_state_add_allowance(&s, &a);
	policy_decide(&s, &in, NOW, running, &r);
	return r.why;
}

static void allowances(void **state)
{
	long long made = NOW - 10, end = NOW + 3600;

	(void)state;
	assert_int_equal(with_allowance("15-88~844", INSTANCE, 19, 18, made, end, false), POLICY_BY_ALLOWANCE);
	assert_int_equal(with_allowance("15-88~845", INSTANCE, 19, 18, made, end, false), POLICY_BELOW_MIN);
	assert_int_equal(with_allowance("15-88~844", "other", 19, 18, made, end, false), POLICY_BELOW_MIN);
	assert_int_equal(with_allowance("15-88~844", INSTANCE, 18, 18, made, end, false), POLICY_BELOW_MIN);
	assert_int_equal(with_allowance("15-88~844", INSTANCE, 19, 17, made, end, false), POLICY_BELOW_MIN);
	assert_int_equal(with_allowance("15-88~844", INSTANCE, 19, 18, made, NOW, false), POLICY_BELOW_MIN);
	assert_int_equal(with_allowance("15-88~844", INSTANCE, 19, 18, made, NOW, true), POLICY_BY_ALLOWANCE);
	/* made in what is now the future: the clock was wrong then or is now */
	assert_int_equal(with_allowance("15-88~844", INSTANCE, 19, 18, NOW + 86400, NOW + 90000, false), POLICY_BELOW_MIN);
	assert_int_equal(with_allowance("15-88~844", INSTANCE, 19, 18, NOW + 60, end, false), POLICY_BY_ALLOWANCE);
}

/* ---- releases that were here before, and the stricter of two pictures ---- */

static void known_release(void **state)
{
	CLEANUP(policy_state_release) struct policy_state s = make_state(true, 20, 20);
	AUTO_FREE char *v = xstrdup("1:20.0-1");
	struct policy_release rel = { v, 20, 15, 20 };
	struct policy_incoming in = { "1:20.0-1", NULL, NULL };
	struct policy_result r;

	(void)state;
	policy_decide(&s, &in, NOW, false, &r);
	assert_int_equal(r.why, POLICY_UNPLACED);
	policy_state_add_release(&s, &rel);
	policy_state_add_release(&s, &rel);
	assert_int_equal(s.n_release, 1);
	policy_decide(&s, &in, NOW, false, &r);
	assert_int_equal(r.why, POLICY_FITS);
	s.schema_level = 21;
	policy_decide(&s, &in, NOW, false, &r);
	assert_int_equal(r.why, POLICY_NEWER_DATA);
}

/* Another program's "18-1" is no OSCAR 18. */
static void no_lineage(void **state)
{
	CLEANUP(policy_state_release) struct policy_state s = make_state(true, 20, 20);
	struct policy_incoming in = { "18-1", NULL, NULL };
	struct policy_result r;

	(void)state;
	free(s.lineage);
	s.lineage = NULL;
	policy_decide(&s, &in, NOW, false, &r);
	assert_int_equal(r.why, POLICY_UNPLACED);
	s.lineage = xstrdup("another");
	policy_decide(&s, &in, NOW, false, &r);
	assert_int_equal(r.why, POLICY_UNPLACED);
}

static void merge(void **state)
{
	CLEANUP(policy_state_release) struct policy_state s = make_state(true, 21, 18);
	CLEANUP(policy_state_release) struct policy_state db = make_state(true, 19, 20);
	CLEANUP(policy_state_release) struct policy_state none = make_state(false, 99, 99);

	(void)state;
	free(db.reason);
	db.reason = xstrdup("bcrypt");
	policy_state_merge(&s, &db);
	assert_int_equal(s.schema_level, 21);
	assert_int_equal(s.min_level, 20);
	assert_string_equal(s.reason, "bcrypt");
	policy_state_merge(&s, &none);
	assert_int_equal(s.schema_level, 21);
}

/* ---- fields ---- */

static void fields(void **state)
{
	static const char *const bad[] = { "", "-", "1-", "-1", "2-1", "1-2-3", " 1-2", "1-2 ", "1,2", "1000000", "0x1-2" };
	long a = -7, b = -7;

	(void)state;
	assert_true(policy_parse_reads("15-20", &a, &b));
	assert_int_equal(a, 15);
	assert_int_equal(b, 20);
	assert_true(policy_parse_reads("20", &a, &b));
	assert_int_equal(a, 20);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(policy_parse_reads(bad[i], &a, &b));
	assert_false(policy_parse_level("0", &a));
	assert_false(policy_parse_level("-3", &a));
	assert_false(policy_parse_level(NULL, &a));
	assert_true(policy_parse_level("999999", &a));
}

/* ---- words ---- */

static void refusal_text(void **state)
{
	CLEANUP(policy_state_release) struct policy_state s = make_state(true, 19, 18);
	struct policy_incoming in = { "15-88~844", NULL, NULL };
	char file[] = "/var/backups/oscar-emr/x.mkb";
	const struct policy_backup backup = { .file = file, .made = NOW - 172800 };
	struct policy_result r;
	AUTO_BUF en = BUF_INIT;
	AUTO_BUF fr = BUF_INIT;

	(void)state;
	policy_decide(&s, &in, NOW, false, &r);
	policy_text(&en, &s, &in, &r, &backup, POLICY_EN);
	assert_string_equal(en.p,
		"refused: oscar-emr 15-88~844 cannot be used with the data that is here\n"
		"  what: it is of level 15 and would read and write this data wrongly: level 18 or newer is needed\n"
		"  since: 2026-05-27 20:26 UTC\n"
		"  why: roster migrated\n"
		"  oldest allowed: product 18, any build of it\n"
		"  ways out:\n"
		"    - install a newer package instead, from a file or from the archive:\n"
		"      apt-get install oscar-emr\n"
		"    - go back to the backup of 2026-05-26 20:26 UTC; what was entered since is lost:\n"
		"      maintkit -p oscar-emr backup restore --stop-app /var/backups/oscar-emr/x.mkb\n"
		"    - if you know better, allow it once (recorded with your reason):\n"
		"      maintkit -p oscar-emr guard allow '15-88~844' --reason 'WHY'\n");
	policy_text(&fr, &s, &in, &r, NULL, POLICY_FR);
	assert_non_null(strstr(fr.p, "refusé : oscar-emr 15-88~844"));
	assert_non_null(strstr(fr.p, "maintkit -p oscar-emr guard allow '15-88~844' --reason 'RAISON'"));
	assert_null(strstr(fr.p, "must not"));
}

/* With which backup's data would the refused package be allowed? */
static void backups(void **state)
{
	static const struct { bool known; long schema, min; long long made; char legacy15, ours; } t[] = {
		{ true, 15, 12, NOW - 9, 'y', 'y' },
		{ true, 15, 15, NOW - 9, 'y', 'y' },
		{ true, 15, 16, NOW - 9, 'n', 'y' },
		{ true, 21, 12, NOW - 9, 'y', 'n' },	/* ours reads to 20; a legacy one says nothing */
		{ true, 12, 12, NOW - 9, 'y', 'n' },
		{ true, 0, 0, NOW - 9, 'y', 'y' },
		{ false, 0, 0, NOW - 86401, 'y', 'y' },	/* without levels: older than the change */
		{ false, 0, 0, NOW - 86400, 'n', 'n' },
		{ false, 0, 0, 0, 'n', 'n' },
	};
	CLEANUP(policy_state_release) struct policy_state s = make_state(true, 22, 22);
	struct policy_incoming legacy = { "15-88~844", NULL, NULL }, ours = { "1:20.0-1", "20", "15-20" };
	struct policy_result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct policy_backup b = { NULL, t[i].made, t[i].known, t[i].schema, t[i].min };

		policy_decide(&s, &legacy, NOW, false, &r);
		if (policy_backup_helps(&s, &r, &b) != (t[i].legacy15 == 'y'))
			fail_msg("legacy, line %zu", i);
		policy_decide(&s, &ours, NOW, false, &r);
		if (policy_backup_helps(&s, &r, &b) != (t[i].ours == 'y'))
			fail_msg("ours, line %zu", i);
	}
	s.since = 0;
	struct policy_backup unknown = { NULL, NOW, false, 0, 0 };

	assert_false(policy_backup_helps(&s, &r, &unknown));
}

/* A migration that is in force is a way out; a reason that only looks like ours is none. */
static void undo_text(void **state)
{
	static const struct { const char *reason; bool offered; } reasons[] = {
		{ "data migration middle-names was run", true }, { "data migration x; rm -rf / was run", false },
		{ "data migration  was run", false }, { "data migration contacts was run by hand", false }, { NULL, false },
	};
	struct policy_incoming in = { "15-88~844", NULL, NULL };

	(void)state;
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		for (enum policy_lang lang = POLICY_EN; lang <= POLICY_FR; lang++) {
			CLEANUP(policy_state_release) struct policy_state s = make_state(true, 19, 18);
			struct policy_result r;
			AUTO_BUF out = BUF_INIT;

			free(s.reason);
			s.reason = reasons[i].reason ? xstrdup(reasons[i].reason) : NULL;
			policy_decide(&s, &in, NOW, false, &r);
			policy_text(&out, &s, &in, &r, NULL, lang);
			assert_int_equal(strstr(out.p, "      maintkit -p oscar-emr migrate undo middle-names\n") != NULL, reasons[i].offered);
			assert_int_equal(strstr(out.p, "migrate undo") != NULL, reasons[i].offered);
		}
}

static void hostile_text(void **state)
{
	CLEANUP(policy_state_release) struct policy_state s = make_state(true, 19, 18);
	char version[301];
	struct policy_incoming in = { version, "1", "1-2" };
	struct policy_result r;
	AUTO_BUF out = BUF_INIT;

	(void)state;
	memset(version, 'a', 300);
	memcpy(version, "\033[2J';rm -rf", 12);
	version[300] = '\0';
	free(s.reason);
	s.reason = xstrdup("line\nbreak");
	policy_decide(&s, &in, NOW, false, &r);
	assert_int_equal(r.why, POLICY_BELOW_MIN);
	policy_text(&out, &s, &in, &r, NULL, POLICY_EN);
	assert_null(strchr(out.p, '\033'));
	assert_null(strstr(out.p, "';rm"));
	assert_non_null(strstr(out.p, "line?break"));
	assert_true(out.len < 1500);
}

static void every_reason_has_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t j = 0; j < ARRAY_LEN(columns); j++) {
			CLEANUP(policy_state_release) struct policy_state s = row_state(i);
			struct policy_result r;
			AUTO_BUF en = BUF_INIT;
			AUTO_BUF fr = BUF_INIT;

			policy_decide(&s, &columns[j], NOW, false, &r);
			policy_explain(&en, &s, &columns[j], &r, POLICY_EN);
			policy_explain(&fr, &s, &columns[j], &r, POLICY_FR);
			assert_true(en.len > 200 && fr.len > 200);
			assert_string_not_equal(en.p, fr.p);
			assert_null(strstr(en.p, "(null)"));
			assert_null(strstr(fr.p, "(null)"));
		}
}

static void language(void **state)
{
	(void)state;
	assert_int_equal(policy_language(NULL, NULL, NULL), POLICY_EN);
	assert_int_equal(policy_language(NULL, "fr_CA.UTF-8", "C"), POLICY_FR);
	assert_int_equal(policy_language("C", "fr_CA.UTF-8", "fr_FR"), POLICY_EN);
	assert_int_equal(policy_language("", "", "fr"), POLICY_FR);
	assert_int_equal(policy_language(NULL, NULL, "french"), POLICY_EN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell), cmocka_unit_test(environment), cmocka_unit_test(allowances),
		cmocka_unit_test(known_release), cmocka_unit_test(no_lineage), cmocka_unit_test(merge), cmocka_unit_test(fields),
		cmocka_unit_test(refusal_text), cmocka_unit_test(undo_text), cmocka_unit_test(hostile_text), cmocka_unit_test(backups),
		cmocka_unit_test(every_reason_has_words), cmocka_unit_test(language),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
