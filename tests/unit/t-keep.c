// proves: keep rules keep a backup of each day, week and month, and never let go of the last good one, whatever the clock said
// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "core/keep.h"

#define DAY 86400LL
#define NOW at(2026, 11, 22, 4)

static long long at(int year, int month, int day, int hour)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour };

	return timegm(&tm);
}

static const struct keep_item *find(const struct keep_item *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	fail_msg("no '%s'", name);
	return NULL;
}

static size_t count(const struct keep_item *v, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		kept += v[i].kept;
	return kept;
}

/* Two years of nightly backups: 7 days, 4 weeks, 12 months, which overlap. */
static void nightly(void **state)
{
	enum { N = 730 };
	static struct keep_item v[N];
	static char names[N][24];
	const struct keep_rules rules = { 7, 4, 12, NOW };

	(void)state;
	for (int i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "b%03d", i);
		v[i] = (struct keep_item){ .name = names[i], .age.created = at(2026, 11, 22, 3) - i * DAY, .verified = i == 5 };
	}
	keep_decide(v, N, &rules);
	for (int i = 0; i < 7; i++)
		assert_true(v[i].kept);
	assert_string_equal(v[0].name, "b000");
	assert_non_null(strstr(v[0].why, "the newest"));
	assert_non_null(strstr(v[0].why, "day 1"));
	assert_non_null(strstr(v[0].why, "month 1"));
	assert_non_null(strstr(find(v, N, "b005")->why, "the last verified one"));
	/* 22 November 2026 is a Sunday: the weeks' newest are Sundays */
	assert_non_null(strstr(find(v, N, "b007")->why, "week 2"));
	assert_non_null(strstr(find(v, N, "b021")->why, "week 4"));
	/* the months' newest are their last days: 31 October, 31 December of the year before */
	assert_non_null(strstr(find(v, N, "b022")->why, "month 2"));
	assert_non_null(strstr(find(v, N, "b326")->why, "month 12"));
	assert_int_equal(v[326].age.created, at(2025, 12, 31, 3));
	assert_int_equal(count(v, N), 7 + 3 + 11);
	assert_string_equal(find(v, N, "b008")->why, "no rule keeps it");
}

/* An upgrade in the same night, after the scheduled one: its backup stands for the day, and the other stays all the same. */
static void beside_an_upgrade(void **state)
{
	struct keep_item v[] = {
		{ .name = "upgrade", .age.created = at(2026, 11, 22, 3), .verified = true },
		{ .name = "night", .age.created = at(2026, 11, 22, 2), .scheduled = true },
		{ .name = "evening", .age.created = at(2026, 11, 22, 1), .scheduled = true },
		{ .name = "before", .age.created = at(2026, 11, 21, 2), .scheduled = true },
		{ .name = "by hand", .age.created = at(2026, 11, 21, 1) },
	};
	const size_t n = sizeof(v) / sizeof(v[0]);
	const struct keep_rules rules = { 2, 0, 0, NOW };

	(void)state;
	keep_decide(v, n, &rules);
	assert_string_equal(find(v, n, "upgrade")->why, "the newest, the last verified one, day 1");
	assert_string_equal(find(v, n, "night")->why, "day 1 of the scheduled");
	assert_string_equal(find(v, n, "before")->why, "day 2");
	assert_string_equal(find(v, n, "evening")->why, "no rule keeps it");
	assert_int_equal(count(v, n), 3);
}

/* Months by another way of counting, also around leap days and centuries. */
static void months(void **state)
{
	const struct keep_rules rules = { 0, 0, 100000, at(2111, 1, 1, 0) };

	(void)state;
	for (long long t = at(1999, 1, 1, 12); t < at(2110, 1, 1, 0); t += DAY) {
		struct keep_item v[2] = { { .name = "a", .age.created = t }, { .name = "b", .age.created = t + DAY } };
		time_t t0 = (time_t)t, t1 = (time_t)(t + DAY);
		struct tm a, b;

		gmtime_r(&t0, &a);
		gmtime_r(&t1, &b);
		keep_decide(v, 2, &rules);
		assert_true(v[0].kept);
		assert_int_equal(v[1].kept, a.tm_mon != b.tm_mon);
	}
}

static void never(void **state)
{
	const struct keep_rules none = { 0, 0, 0, NOW };
	struct keep_item v[] = {
		{ .name = "old-good", .age.created = 1 * DAY, .verified = true },
		{ .name = "old", .age.created = 2 * DAY },
		{ .name = "named", .age.created = 3 * DAY, .named = "made before the last upgrade" },
		{ .name = "full", .age.created = 4 * DAY },
		{ .name = "unused-full", .age.created = 5 * DAY },
		{ .name = "newest", .age.created = 8 * DAY, .base = "full" },
		{ .name = "bad", .age.created = 9 * DAY, .bad = true, .verified = true },
		{ .name = "strange", .age.created = -1 },
	};
	const size_t n = sizeof(v) / sizeof(v[0]);

	(void)state;
	keep_decide(v, n, &none);
	assert_true(find(v, n, "newest")->kept);
	assert_true(find(v, n, "old-good")->kept);
	assert_true(find(v, n, "named")->kept);
	assert_true(find(v, n, "full")->kept);
	assert_string_equal(find(v, n, "full")->why, "needed by newest");
	assert_true(find(v, n, "strange")->kept);
	assert_false(find(v, n, "old")->kept);
	assert_false(find(v, n, "unused-full")->kept);
	assert_false(find(v, n, "bad")->kept);
	assert_string_equal(find(v, n, "bad")->why, "it cannot be restored");
	assert_int_equal(count(v, n), 5);

	/* none is good: what can be had from a damaged one is better than nothing */
	struct keep_item damaged[] = { { .name = "a", .age.created = 1 * DAY, .bad = true }, { .name = "b", .age.created = 2 * DAY, .bad = true } };

	keep_decide(damaged, 2, &none);
	assert_int_equal(count(damaged, 2), 2);
	assert_string_equal(damaged[0].why, "damaged, but none is good");
}

static void gaps(void **state)
{
	/* one a year: each is the newest of its day, week and month */
	const struct keep_rules rules = { 2, 3, 4, NOW };
	struct keep_item v[6];
	static const char *const names[] = { "a", "b", "c", "d", "e", "f" };

	(void)state;
	for (int i = 0; i < 6; i++)
		v[i] = (struct keep_item){ .name = names[i], .age.created = at(2020 - i, 6, 1, 0) };
	keep_decide(v, 6, &rules);
	assert_int_equal(count(v, 6), 4);
	assert_false(find(v, 6, "e")->kept);
	/* two of one day: the later; a bad one does not stand for its day */
	struct keep_item day[] = {
		{ .name = "morning", .age.created = at(2026, 5, 5, 8) },
		{ .name = "evening", .age.created = at(2026, 5, 5, 20) },
		{ .name = "night", .age.created = at(2026, 5, 5, 23), .bad = true },
	};
	keep_decide(day, 3, &rules);
	assert_true(find(day, 3, "evening")->kept);
	assert_int_equal(count(day, 3), 1);
	keep_decide(NULL, 0, &rules);
}

/* A week of nights with a clock that is ten years ahead, then it is right again, for three nights. */
static void set_back(void **state)
{
	enum { BEFORE = 20, WRONG = 8, AFTER = 3, N = BEFORE + WRONG + AFTER };
	static struct keep_item v[N];
	static char names[N][24];
	struct keep_rules rules = { 7, 4, 12, at(2026, 6, 30, 4) };

	(void)state;
	for (int i = 0; i < N; i++) {
		bool wrong = i >= BEFORE && i < BEFORE + WRONG;

		snprintf(names[i], sizeof(names[i]), "b%02d", i);
		v[i] = (struct keep_item){ .name = names[i], .verified = true,
			.age = { .number = i + 1, .created = at(wrong ? 2036 : 2026, 6, 30, 3) - (N - 1 - i) * DAY } };
	}
	keep_decide(v, N, &rules);
	assert_string_equal(v[0].name, "b30");
	assert_string_equal(v[0].why, "the newest, the last verified one, day 1, week 1, month 1");
	assert_non_null(strstr(find(v, N, "b28")->why, "day 3"));
	assert_string_equal(find(v, N, "b27")->why, "made at a time that has not come yet");
	assert_true(find(v, N, "b20")->kept);
	assert_non_null(strstr(find(v, N, "b19")->why, "day 4"));
	assert_non_null(strstr(find(v, N, "b16")->why, "day 7"));

	/* In 1970, after the battery has failed, none of those has an age, and the one made now is the newest. */
	v[N - 1] = (struct keep_item){ .name = "today", .age = { .number = N + 1, .created = 300 }, .verified = true };
	rules.now = 400;
	keep_decide(v, N, &rules);
	assert_int_equal(count(v, N), N);
	assert_string_equal(v[0].name, "today");
	assert_non_null(strstr(v[0].why, "the newest"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nightly), cmocka_unit_test(beside_an_upgrade), cmocka_unit_test(months), cmocka_unit_test(never), cmocka_unit_test(gaps),
		cmocka_unit_test(set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
