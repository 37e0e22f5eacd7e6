// proves: second names are taken out as the rules say, the manual's statements are reproduced, and no part of a name is ever lost
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "core/names.h"
#include "core/utf8.h"

#define NUL_LEN(s) (s), (s) ? strlen(s) : 0

struct row {
	const char *first, *middle;	/* before */
	enum names_verdict verdict;
	const char *new_first, *new_middle;	/* after; of a hold: what a split would give */
};

static void check(const struct row *r, const struct names_rules *rules)
{
	struct names n = NAMES_INIT;

	if (rules)
		names_split(&n, rules, r->first, strlen(r->first), NUL_LEN(r->middle));
	else
		names_as_manual(&n, r->first, strlen(r->first), NUL_LEN(r->middle));
	if (n.verdict != r->verdict || strcmp(n.first.p, r->new_first) || strcmp(n.middle.p, r->new_middle))
		print_message("# '%s' / '%s': got %d '%s' / '%s' (%s)\n", r->first, r->middle ? r->middle : "NULL", n.verdict, n.first.p,
			      n.middle.p, n.why ? n.why : "-");
	assert_int_equal(n.verdict, r->verdict);
	assert_string_equal(n.first.p, r->new_first);
	assert_string_equal(n.middle.p, r->new_middle);
	if (rules && n.verdict != NAMES_HOLD)
		assert_true(names_lossless(r->first, r->middle ? r->middle : "", n.first.p, n.middle.p));
	names_release(&n);
}

static void splits(void **state UNUSED)
{
	static const struct row rows[] = {
		{ "Sue", "", NAMES_KEEP, "Sue", "" },
		{ "Sue", NULL, NAMES_WRITE, "Sue", "" },
		{ "Sue", "Ellen", NAMES_KEEP, "Sue", "Ellen" },
		{ " Sue ", "Ellen", NAMES_WRITE, "Sue", "Ellen" },
		{ "Sue", " Ellen  May", NAMES_KEEP, "Sue", " Ellen  May" },
		{ "Sue", " ", NAMES_WRITE, "Sue", "" },
		{ "", "", NAMES_KEEP, "", "" },
		{ " ", "", NAMES_WRITE, "", "" },
		{ "Sue Ellen", "", NAMES_WRITE, "Sue", "Ellen" },
		{ "Sue Ellen", NULL, NAMES_WRITE, "Sue", "Ellen" },
		{ "  Sue Ellen  ", "", NAMES_WRITE, "Sue", "Ellen" },
		{ "Sue   Ellen", "", NAMES_WRITE, "Sue", "Ellen" },
		{ "Sue\tEllen", "", NAMES_WRITE, "Sue", "Ellen" },
		{ "Sue\xc2\xa0" "Ellen", "", NAMES_WRITE, "Sue", "Ellen" },
		{ "Sue\xe3\x80\x80" "Ellen", "", NAMES_WRITE, "Sue", "Ellen" },
		{ "Sue\xe2\x80\x8a" "Ellen\xe2\x80\xaf" "May", "", NAMES_WRITE, "Sue", "Ellen May" },
		{ "Sue\nEllen\r\n", "", NAMES_WRITE, "Sue", "Ellen" },
		{ "Sue \tEllen", "", NAMES_WRITE, "Sue", "Ellen" },
		{ "Sue-Ellen Lou", "", NAMES_WRITE, "Sue-Ellen", "Lou" },
		{ "Sue Ellen", " ", NAMES_WRITE, "Sue", "Ellen" },
		{ "Sue Ellen", "\t", NAMES_WRITE, "Sue", "Ellen" },
		{ "Renée Zoë", "", NAMES_WRITE, "Renée", "Zoë" },
		{ "Éloïse Émilie Ève Noë", "", NAMES_WRITE, "Éloïse", "Émilie Ève Noë" },
		{ "John A.", "", NAMES_WRITE, "John", "A." },
		{ "Sue\xe2\x80\x8b" "Ellen", "", NAMES_KEEP, "Sue\xe2\x80\x8b" "Ellen", "" },	/* zero width: no separator */
		/* another middle name */
		{ "Sue Ellen", "Louise", NAMES_HOLD, "Sue", "Ellen Louise" },
		{ "Sue İ", "ı", NAMES_HOLD, "Sue", "İ ı" },
		{ "Sue ŁUKJA", "łukja", NAMES_WRITE, "Sue", "łukja" },
		{ "Sue Ellen", "ELLEN", NAMES_WRITE, "Sue", "ELLEN" },
		{ "Sue Zoë", "Anne ZOË May", NAMES_WRITE, "Sue", "Anne ZOË May" },
		{ "Sue Ellen Kay", "kay", NAMES_WRITE, "Sue", "Ellen Kay" },
		{ "Sue Ellen Kay", "Kay Ellen", NAMES_HOLD, "Sue", "Ellen Kay Kay Ellen" },
		/* not to be decided here */
		{ "Mary Anne", "", NAMES_HOLD, "Mary", "Anne" },
		{ "Jean Paul", "", NAMES_HOLD, "Jean", "Paul" },
		{ "JOSÉ Luis", "", NAMES_HOLD, "JOSÉ", "Luis" },
		{ "J. Paul", "", NAMES_HOLD, "J.", "Paul" },
		{ "J Paul", "", NAMES_HOLD, "J", "Paul" },
		{ "É Paul", "", NAMES_HOLD, "É", "Paul" },
		{ "Wm. Paul", "", NAMES_HOLD, "Wm.", "Paul" },
		{ "Robert (Bob)", "", NAMES_HOLD, "Robert", "(Bob)" },
		{ "Robert \"Bob\"", "", NAMES_HOLD, "Robert", "\"Bob\"" },
		{ "Sue - Ellen", "", NAMES_HOLD, "Sue", "- Ellen" },
		{ "John Jr", "", NAMES_HOLD, "John", "Jr" },
		{ "John jr.", "", NAMES_HOLD, "John", "jr." },
		{ "John Paul III", "", NAMES_HOLD, "John", "Paul III" },
		{ "John & Sue", "", NAMES_HOLD, "John", "& Sue" },
		{ "John ET Sue", "", NAMES_HOLD, "John", "ET Sue" },
		{ "Baby Boy", "", NAMES_HOLD, "Baby", "Boy" },
		{ "Twin A", "", NAMES_HOLD, "Twin", "A" },
		{ "Test 2", "", NAMES_HOLD, "Test", "2" },
		{ "Sue\xff" "Ellen", "", NAMES_HOLD, "", "" },
		{ "Sue", "\xc3", NAMES_HOLD, "", "" },
	};
	const struct names_rules rules = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i], &rules);
}

static void choices(void **state UNUSED)
{
	AUTO_STRV own = STRV_INIT;

	strv_add(&own, "Sue");
	const struct names_rules join = { .join = true }, force = { .force = true }, list = { .compound = &own };

	check(&(struct row){ "Sue Ellen", "Louise", NAMES_WRITE, "Sue", "Ellen Louise" }, &join);
	check(&(struct row){ "Mary Ellen", "Louise", NAMES_HOLD, "Mary", "Ellen Louise" }, &join);
	check(&(struct row){ "Mary Ellen", "Louise", NAMES_WRITE, "Mary", "Ellen Louise" }, &force);
	check(&(struct row){ "Baby Boy", NULL, NAMES_WRITE, "Baby", "Boy" }, &force);
	check(&(struct row){ "Mary\xff Ellen", "", NAMES_HOLD, "", "" }, &force);
	check(&(struct row){ "Mary Ellen", "", NAMES_WRITE, "Mary", "Ellen" }, &list);
	check(&(struct row){ "SUE Ellen", "", NAMES_HOLD, "SUE", "Ellen" }, &list);
}

/* The table of what the three statements were measured to do. */
static void as_the_manual(void **state UNUSED)
{
	static const struct row rows[] = {
		{ "Mary", "", NAMES_KEEP, "Mary", "" },
		{ "Mary", NULL, NAMES_WRITE, "Mary", "" },
		{ "  Mary Anne  ", "", NAMES_WRITE, "Mary", "Anne" },
		{ "Mary  Anne", "", NAMES_WRITE, "Mary", " Anne" },
		{ "Mary   Anne", "", NAMES_WRITE, "Mary", "  Anne" },
		{ "Mary\tAnne", "", NAMES_KEEP, "Mary\tAnne", "" },
		{ "Mary\xc2\xa0" "Anne", "", NAMES_KEEP, "Mary\xc2\xa0" "Anne", "" },
		{ "Mary\xe3\x80\x80" "Anne", "", NAMES_KEEP, "Mary\xe3\x80\x80" "Anne", "" },
		{ "Mary\nAnne", "", NAMES_KEEP, "Mary\nAnne", "" },
		{ "Mary \tAnne", "", NAMES_WRITE, "Mary", "\tAnne" },
		{ "Mary Anne\r\n", "", NAMES_WRITE, "Mary", "Anne\r\n" },
		{ "Mary-Anne Lee", "", NAMES_WRITE, "Mary-Anne", "Lee" },
		{ "Mary - Anne", "", NAMES_WRITE, "Mary", "- Anne" },
		{ "Mary Anne", "Louise", NAMES_WRITE, "Mary", "Louise" },
		{ "Mary Anne", " ", NAMES_WRITE, "Mary", "Anne" },
		{ "Mary Anne", "\t", NAMES_WRITE, "Mary", "\t" },
		{ "Renée Zoë", "", NAMES_WRITE, "Renée", "Zoë" },
		{ "Éloïse Émilie Ève Noë", "", NAMES_WRITE, "Éloïse", "Émilie Ève Noë" },
		{ "Robert (Bob)", "", NAMES_WRITE, "Robert", "(Bob)" },
		{ "John Jr", "", NAMES_WRITE, "John", "Jr" },
		{ "Jean Paul", "", NAMES_WRITE, "Jean", "Paul" },
		{ "Baby Boy", "", NAMES_WRITE, "Baby", "Boy" },
		{ "John A.", "", NAMES_WRITE, "John", "A." },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i], NULL);
}

static uint64_t seed = 88172645463325252u;
static unsigned any(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed >> 11) % n);
}

static void make_name(char *out, size_t size, unsigned words_max)
{
	static const char *const words[] = { "Sue", "Ellen", "ellen", "Louise", "Mary", "Jean", "Zoë", "ZOË", "Éloïse", "Jr", "J.", "A", "(Bob)",
		"Sue-Ellen", "-", "&", "Baby", "III", "2nd", "Łukasz", "łukasz", "Δημήτρης", "李", "O'Neil", "Ольга", "van", "ß", "İpek" };
	static const char *const between[] = { " ", " ", " ", "  ", "\t", "\xc2\xa0", "\xe3\x80\x80", "\n", " \r\n", "\xe2\x80\x83", "-", "\xe2\x80\x8b" };
	unsigned n = any(words_max + 1);

	*out = '\0';
	if (!any(6))
		strcat(out, " ");
	for (unsigned i = 0; i < n; i++) {
		const char *w = words[any(ARRAY_LEN(words))], *b = between[any(ARRAY_LEN(between))];

		if (strlen(out) + strlen(w) + strlen(b) + 1 >= size)
			break;
		strcat(out, w);
		if (i + 1 < n || !any(6))
			strcat(out, b);
	}
}

/* Whatever is decided: every word is still there, a second look changes nothing, and the first name is one word. */
static void never_loses(void **state UNUSED)
{
	long rounds = getenv("SOAK") ? 2000000 : 50000;
	static const struct names_rules rules[] = { { 0 }, { .join = true }, { .force = true } };
	struct names n = NAMES_INIT, again = NAMES_INIT;
	long written = 0;

	for (long i = 0; i < rounds; i++) {
		const struct names_rules *r = &rules[i % 3];
		char first[120], middle[160];

		make_name(first, sizeof(first), 5);
		make_name(middle, sizeof(middle), 4);
		const char *m = any(4) ? any(3) ? "" : middle : NULL;

		names_split(&n, r, first, strlen(first), NUL_LEN(m));
		if (!names_lossless(first, m ? m : "", n.first.p, n.middle.p)) {
			print_message("# '%s' / '%s' -> '%s' / '%s'\n", first, m ? m : "NULL", n.first.p, n.middle.p);
			fail();
		}
		if (n.verdict == NAMES_HOLD)
			continue;
		written += n.verdict == NAMES_WRITE;
		assert_null(strpbrk(n.first.p, " \t\r\n"));
		names_split(&again, r, n.first.p, n.first.len, n.middle.p, n.middle.len);
		assert_int_equal(again.verdict, NAMES_KEEP);
	}
	assert_true(written > rounds / 10);
	names_release(&n);
	names_release(&again);
}

/* The checker itself can say no. */
static void lossless_can_fail(void **state UNUSED)
{
	assert_true(names_lossless("Sue Ellen", "May", "Sue", "Ellen May"));
	assert_true(names_lossless("Sue ELLEN", "", "Sue", "Ellen"));
	assert_false(names_lossless("Sue Ellen", "May", "Sue", "May"));
	assert_false(names_lossless("Sue Ellen", "", "SueEllen", ""));
}

static void decodes(void **state UNUSED)
{
	static const struct { const char *s; int32_t code; size_t used; } cases[] = {
		{ "A", 'A', 1 }, { "\xc3\xa9", 0xe9, 2 }, { "\xe2\x82\xac", 0x20ac, 3 }, { "\xf0\x9f\x98\x80", 0x1f600, 4 },
		{ "\xc0\x80", -1, 1 }, { "\xe0\x80\x80", -1, 1 }, { "\xed\xa0\x80", -1, 1 }, { "\xf4\x90\x80\x80", -1, 1 },
		{ "\xf0\x80\x80\x80", -1, 1 }, { "\x80", -1, 1 }, { "\xc3", -1, 1 }, { "\xe2\x82", -1, 1 }, { "\xff", -1, 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t used;

		assert_int_equal(utf8_next(cases[i].s, strlen(cases[i].s), &used), cases[i].code);
		assert_int_equal(used, cases[i].used);
	}
	assert_int_equal(utf8_count("Zoë", 4), 3);
	assert_int_equal(utf8_count("Zo\xeb", 3), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits), cmocka_unit_test(choices), cmocka_unit_test(as_the_manual), cmocka_unit_test(never_loses),
		cmocka_unit_test(lossless_can_fail), cmocka_unit_test(decodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
