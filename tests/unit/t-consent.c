// proves: what a purge does in every combination of data, answer, token, remote database and interruption
// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/consent.h"
#include "base/mem.h"

/* Rows: data. Columns: nothing asked with token absent, good, wrong, expired;
 * then keep, archive, destroy (token absent). R remove, K keep 0, F keep 2, P
 * keep 4, A archive, D destroy. A row for each of: plain, remote, no archiver, begun. */
static const char *const table[4][3] = {
	{ "RRRRRRR", "KDPKKAD", "KFFKKFF" },	/* plain */
	{ "RRRRRRR", "KDPKKFF", "KFFKKFF" },	/* remote */
	{ "RRRRRRR", "KDPKKFD", "KFFKKFF" },	/* no archiver */
	{ "RRRRRRR", "DDDDKAD", "FFFFKFF" },	/* begun */
};
static const struct { enum consent_asked asked; enum consent_token token; } columns[] = {
	{ CONSENT_ASKED_NOTHING, CONSENT_TOKEN_ABSENT }, { CONSENT_ASKED_NOTHING, CONSENT_TOKEN_GOOD },
	{ CONSENT_ASKED_NOTHING, CONSENT_TOKEN_WRONG }, { CONSENT_ASKED_NOTHING, CONSENT_TOKEN_EXPIRED },
	{ CONSENT_ASKED_KEEP, CONSENT_TOKEN_ABSENT }, { CONSENT_ASKED_ARCHIVE, CONSENT_TOKEN_ABSENT },
	{ CONSENT_ASKED_DESTROY, CONSENT_TOKEN_ABSENT },
};

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

static void every_cell(void **state)
{
	(void)state;
	for (int variant = 0; variant < 4; variant++)
		for (int data = 0; data < 3; data++)
			for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
				struct consent_case c = {
					.data = (enum consent_data)data, .asked = columns[i].asked,
					.token = columns[i].token, .remote = variant == 1,
					.can_archive = variant != 2, .begun = variant == 3,
				};
				char got = letter(consent_decide(&c));

				if (got != table[variant][data][i])
					fail_msg("variant %d, data %d, column %zu: '%c' instead of '%c'", variant,
						 data, i, got, table[variant][data][i]);
			}
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_cell), cmocka_unit_test(laws) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
