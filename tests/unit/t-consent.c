// proves: what a purge does with the data in every cell of facts x answer or token x state of the server
// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/consent.h"
#include "base/mem.h"

/* ---- the table ----
 *
 * A row is what there is, told by the server in a state; a column is what
 * somebody said. The letters are the rule: R everything of ours goes, K kept
 * with status 0, F kept with status 2 (destruction was asked for), P kept with
 * status 4 (consent that does not fit), A archived and destroyed, D destroyed.
 *
 * With the server down nothing about the database can be told, whatever it
 * holds. With the server removed its data directory can still show that there
 * is no database of ours; when it does not, nothing can be told either. */

enum server { UP, DOWN, REMOVED };
enum world { NO_DATA, DATA, CANNOT_TELL };

#define PATIENTS 3
#define NOW 1800000000LL
#define HOUR 3600LL
#define ID "00112233445566778899aabbccddeeff"

static const struct {
	const char *name;
	enum consent_asked asked;
	bool token;
	struct consent_paper paper;
} columns[] = {
	{ "keep", CONSENT_ASKED_KEEP, false, { 0 } },
	{ "archive", CONSENT_ASKED_ARCHIVE, false, { 0 } },
	{ "destroy", CONSENT_ASKED_DESTROY, false, { 0 } },
	/* postrm hands over an answer only when a person saw the question in this very
	 * run, so in these three nothing is asked (tests/system/data-purge.sh) */
	{ "noninteractive", CONSENT_ASKED_NOTHING, false, { 0 } },
	{ "preseeded", CONSENT_ASKED_NOTHING, false, { 0 } },
	{ "debconf gone", CONSENT_ASKED_NOTHING, false, { 0 } },
	{ "token good", CONSENT_ASKED_NOTHING, true, { "emr", "oscar_15", ID, PATIENTS, NOW - HOUR, NOW + HOUR } },
	{ "token of another host", CONSENT_ASKED_NOTHING, true, { "test", "oscar_15", ID, PATIENTS, NOW - HOUR, NOW + HOUR } },
	{ "token with another count", CONSENT_ASKED_NOTHING, true, { "emr", "oscar_15", ID, PATIENTS + 1, NOW - HOUR, NOW + HOUR } },
	{ "token expired", CONSENT_ASKED_NOTHING, true, { "emr", "oscar_15", ID, PATIENTS, NOW - 3 * HOUR, NOW - HOUR } },
	/* it is deleted before the first byte is destroyed */
	{ "token reused", CONSENT_ASKED_NOTHING, false, { 0 } },
};

static const struct {
	enum world world;
	enum server server;
	const char *want;	/* a letter a column */
} rows[] = {
	/*                        keep archive destroy  nonint. preseed. gone  good host count expired reused */
	{ NO_DATA,     UP,      "R"  "R"   "R"      "R"    "R"   "R"   "R"  "R"  "R"   "R"   "R" },
	{ DATA,        UP,      "K"  "A"   "D"      "K"    "K"   "K"   "D"  "P"  "P"   "K"   "K" },
	{ CANNOT_TELL, UP,      "K"  "F"   "F"      "K"    "K"   "K"   "F"  "F"  "F"   "K"   "K" },
	{ NO_DATA,     DOWN,    "K"  "F"   "F"      "K"    "K"   "K"   "F"  "F"  "F"   "K"   "K" },
	{ DATA,        DOWN,    "K"  "F"   "F"      "K"    "K"   "K"   "F"  "F"  "F"   "K"   "K" },
	{ CANNOT_TELL, DOWN,    "K"  "F"   "F"      "K"    "K"   "K"   "F"  "F"  "F"   "K"   "K" },
	{ NO_DATA,     REMOVED, "R"  "R"   "R"      "R"    "R"   "R"   "R"  "R"  "R"   "R"   "R" },
	/* what is left are documents: the patients went with the server, so a token that counted them does not fit */
	{ DATA,        REMOVED, "K"  "A"   "D"      "K"    "K"   "K"   "P"  "P"  "P"   "P"   "K" },
	{ CANNOT_TELL, REMOVED, "K"  "F"   "F"      "K"    "K"   "K"   "F"  "F"  "F"   "K"   "K" },
};

static const char *const world_names[] = { "no data", "data", "cannot tell" };
static const char *const server_names[] = { "up", "down", "removed" };

/* What a look at such a machine finds. */
static struct consent_found found(enum world world, enum server server)
{
	struct consent_found f = { .documents = world == DATA };

	if (server == DOWN || (server == REMOVED && world == CANNOT_TELL)) {
		f.base = CONSENT_BASE_UNPROVEN;
		f.patients = -1;
		f.doubt = true;
	} else if (server == REMOVED) {
		f.base = CONSENT_BASE_ABSENT;
	} else {
		f.base = world == CANNOT_TELL ? CONSENT_BASE_UNPROVEN : CONSENT_BASE_OURS;
		f.patients = world == DATA ? PATIENTS : world == NO_DATA ? 0 : -1;
		f.doubt = world == CANNOT_TELL;
	}
	return f;
}

static char letter(struct consent_outcome o)
{
	switch (o.action) {
	case CONSENT_REMOVE: return o.status == 0 ? 'R' : '!';
	case CONSENT_ARCHIVE: return o.status == 0 ? 'A' : '!';
	case CONSENT_DESTROY: return o.status == 0 ? 'D' : '!';
	case CONSENT_KEEP: return o.status == 0 ? 'K' : o.status == 2 ? 'F' : o.status == 4 ? 'P' : '!';
	}
	return '!';
}

static enum consent_token judge(size_t column, int64_t patients)
{
	const struct consent_paper machine = { .host = "emr", .database = "oscar_15", .instance = ID, .patients = patients };
	const char *why = "";

	if (!columns[column].token)
		return CONSENT_TOKEN_ABSENT;
	return consent_check(&columns[column].paper, &machine, NOW, &why);
}

static void every_cell(void **state)
{
	bool seen[3][3] = { { false } };

	(void)state;
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		struct consent_found f = found(rows[r].world, rows[r].server);
		bool only_backups;

		assert_int_equal(strlen(rows[r].want), ARRAY_LEN(columns));
		seen[rows[r].world][rows[r].server] = true;
		for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
			struct consent_case c = {
				.data = consent_weigh(&f, &only_backups), .asked = columns[i].asked,
				.token = judge(i, f.patients), .can_archive = true,
			};
			char got = letter(consent_decide(&c));

			if (got != rows[r].want[i])
				fail_msg("%s, server %s, %s: '%c' instead of '%c'", world_names[rows[r].world],
					 server_names[rows[r].server], columns[i].name, got, rows[r].want[i]);
		}
	}
	for (int n = 0; n < 9; n++)
		assert_true(seen[n / 3][n % 3]);
}

/* ---- circumstances: a row of letters for each kind of data, columns as above
 * with the token's state given ---- */
static const char *const circumstances[3][3] = {
	{ "RRRRRRR", "KDPKKFF", "KFFKKFF" },	/* the database is on another machine */
	{ "RRRRRRR", "KDPKKFD", "KFFKKFF" },	/* nothing can archive */
	{ "RRRRRRR", "DDDDKAD", "FFFFKFF" },	/* a destruction was begun */
};
static const struct { enum consent_asked asked; enum consent_token token; } short_columns[] = {
	{ CONSENT_ASKED_NOTHING, CONSENT_TOKEN_ABSENT }, { CONSENT_ASKED_NOTHING, CONSENT_TOKEN_GOOD },
	{ CONSENT_ASKED_NOTHING, CONSENT_TOKEN_WRONG }, { CONSENT_ASKED_NOTHING, CONSENT_TOKEN_EXPIRED },
	{ CONSENT_ASKED_KEEP, CONSENT_TOKEN_ABSENT }, { CONSENT_ASKED_ARCHIVE, CONSENT_TOKEN_ABSENT },
	{ CONSENT_ASKED_DESTROY, CONSENT_TOKEN_ABSENT },
};

static void every_circumstance(void **state)
{
	(void)state;
	for (int n = 0; n < 3; n++)
		for (int data = 0; data < 3; data++)
			for (size_t i = 0; i < ARRAY_LEN(short_columns); i++) {
				struct consent_case c = {
					.data = (enum consent_data)data, .asked = short_columns[i].asked,
					.token = short_columns[i].token, .remote = n == 0,
					.can_archive = n != 1, .begun = n == 2,
				};
				char got = letter(consent_decide(&c));

				if (got != circumstances[n][data][i])
					fail_msg("circumstance %d, data %d, column %zu: '%c' instead of '%c'", n, data, i,
						 got, circumstances[n][data][i]);
			}
}

/* ---- what counts as patient data ---- */

static void what_is_data(void **state)
{
	const struct {
		struct consent_found f;
		enum consent_data want;
		bool only_backups;
	} t[] = {
		{ { .base = CONSENT_BASE_ABSENT, .patients = 0, .keys = true }, CONSENT_DATA_NONE, false },
		{ { .base = CONSENT_BASE_OURS, .patients = 0, .backups = true }, CONSENT_DATA_NONE, false },
		{ { .base = CONSENT_BASE_OURS, .patients = 0, .backups = true, .keys = true }, CONSENT_DATA_PRESENT, true },
		{ { .base = CONSENT_BASE_OURS, .patients = 1 }, CONSENT_DATA_PRESENT, false },
		{ { .base = CONSENT_BASE_OURS, .patients = 0, .documents = true }, CONSENT_DATA_PRESENT, false },
		{ { .base = CONSENT_BASE_OURS, .patients = 0, .doubt = true }, CONSENT_DATA_UNKNOWN, false },
		{ { .base = CONSENT_BASE_OURS, .patients = 1, .doubt = true }, CONSENT_DATA_UNKNOWN, false },
		{ { .base = CONSENT_BASE_OURS, .patients = -1 }, CONSENT_DATA_UNKNOWN, false },
		{ { .base = CONSENT_BASE_UNPROVEN, .patients = 0 }, CONSENT_DATA_UNKNOWN, false },
		{ { .base = CONSENT_BASE_UNPROVEN, .patients = -1, .documents = true }, CONSENT_DATA_UNKNOWN, false },
		{ { .base = CONSENT_BASE_OURS, .patients = -1, .doubt = true, .begun = true }, CONSENT_DATA_PRESENT, false },
		{ { .base = CONSENT_BASE_UNPROVEN, .patients = -1, .doubt = true, .begun = true }, CONSENT_DATA_UNKNOWN, false },
		{ { .base = CONSENT_BASE_ABSENT, .patients = 0, .begun = true }, CONSENT_DATA_NONE, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		bool only;
		enum consent_data got = consent_weigh(&t[i].f, &only);

		if (got != t[i].want || only != t[i].only_backups)
			fail_msg("row %zu: %d, %d", i, (int)got, only);
	}
}

/* ---- tokens, value by value ---- */

static void tokens(void **state)
{
	const struct consent_paper machine = { "emr", "oscar_15", ID, 3, 0, 0 };
	const struct consent_paper unknown = { "emr", "oscar_15", ID, -1, 0, 0 };
	const struct consent_paper good = { "emr", "oscar_15", ID, 3, 1000, 5000 };
	struct consent_paper p = good;
	const char *why = NULL;

	(void)state;
	assert_int_equal(consent_check(&good, &machine, 1000, &why), CONSENT_TOKEN_GOOD);
	assert_int_equal(consent_check(&good, &machine, 4999, &why), CONSENT_TOKEN_GOOD);
	assert_null(why);
	assert_int_equal(consent_check(&good, &machine, 5000, &why), CONSENT_TOKEN_EXPIRED);
	assert_non_null(strstr(why, "expired"));
	p.made = 10000;
	p.expires = 20000;
	assert_int_equal(consent_check(&p, &machine, 10000 - 3600, &why), CONSENT_TOKEN_GOOD);
	assert_int_equal(consent_check(&p, &machine, 10000 - 3601, &why), CONSENT_TOKEN_EXPIRED);
	assert_non_null(strstr(why, "future"));
	assert_int_equal(consent_check(&good, &unknown, 2000, &why), CONSENT_TOKEN_GOOD);
	p = good, p.host = "EMR";
	assert_int_equal(consent_check(&p, &machine, 2000, &why), CONSENT_TOKEN_WRONG);
	assert_non_null(strstr(why, "host"));
	p = good, p.database = "oscar";
	assert_int_equal(consent_check(&p, &machine, 2000, &why), CONSENT_TOKEN_WRONG);
	assert_non_null(strstr(why, "database"));
	p = good, p.instance = "";
	assert_int_equal(consent_check(&p, &machine, 2000, &why), CONSENT_TOKEN_WRONG);
	assert_non_null(strstr(why, "instance"));
	p = good, p.patients = 4;
	assert_int_equal(consent_check(&p, &machine, 2000, &why), CONSENT_TOKEN_WRONG);
	assert_non_null(strstr(why, "number of patients"));
}

/* The laws that no cell may break, over all 3*4*4*8 cases. */
static void laws(void **state)
{
	(void)state;
	for (int n = 0; n < 3 * 4 * 4 * 8; n++) {
		struct consent_case c = {
			.data = (enum consent_data)(n % 3), .asked = (enum consent_asked)(n / 3 % 4),
			.token = (enum consent_token)(n / 12 % 4), .remote = n / 48 & 1,
			.can_archive = n / 96 & 1, .begun = n / 192 & 1,
		};
		struct consent_outcome o = consent_decide(&c);
		bool person = c.asked == CONSENT_ASKED_ARCHIVE || c.asked == CONSENT_ASKED_DESTROY;

		/* what may be patient data is never removed silently */
		assert_int_equal(o.action == CONSENT_REMOVE, c.data == CONSENT_DATA_NONE);
		/* destruction needs certainty and consent */
		if (o.action == CONSENT_DESTROY || o.action == CONSENT_ARCHIVE) {
			assert_int_equal(c.data, CONSENT_DATA_PRESENT);
			assert_int_not_equal(c.asked, CONSENT_ASKED_KEEP);
			assert_true(person || c.token == CONSENT_TOKEN_GOOD || c.begun);
		}
		/* "archive" never destroys without an archive */
		if (c.asked == CONSENT_ASKED_ARCHIVE)
			assert_int_not_equal(o.action, CONSENT_DESTROY);
		/* what was asked for and did not happen is not reported as done */
		if (person && o.action == CONSENT_KEEP)
			assert_int_not_equal(o.status, 0);
		assert_true(strlen(consent_words(o.why)) > 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell), cmocka_unit_test(every_circumstance), cmocka_unit_test(what_is_data),
		cmocka_unit_test(tokens), cmocka_unit_test(laws),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
