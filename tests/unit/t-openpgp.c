/* proves: the recipients of an OpenPGP message are read from its first packets, and nothing else passes for one.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "core/openpgp.h"

/* Two recipients (old and new packet format), a passphrase, then protected data of partial length. */
static const unsigned char message[] = {
	0x85, 0x00, 0x0c, 3, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 1, 0xff, 0xff,
	0xc1, 0x0c, 3, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10, 1, 0xff, 0xff,
	0xc3, 0x04, 4, 9, 0, 8,
	0xd2, 0xea, 1, 2, 3,
};

static void recipients(void **state)
{
	struct openpgp_head h = OPENPGP_HEAD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(openpgp_read_head(message, sizeof(message), &h, &err), 0);
	assert_int_equal(h.key_ids.n, 2);
	assert_string_equal(h.key_ids.v[0], "0123456789ABCDEF");
	assert_string_equal(h.key_ids.v[1], "FEDCBA9876543210");
	assert_true(h.passphrase);
	assert_true(h.data);
	openpgp_head_release(&h);
}

static void cut_off(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(message) - 5; len++) {
		struct openpgp_head h = OPENPGP_HEAD_INIT;
		/* a copy of just that length, so that a sanitizer sees every byte too far */
		unsigned char *copy = xmemdup(message, len);

		if (openpgp_read_head(copy, len, &h, NULL) == 0)
			assert_false(h.data);
		openpgp_head_release(&h);
		free(copy);
	}
}

static void something_else(void **state)
{
	static const unsigned char unprotected[] = { 0xa4, 0x03, 1, 2, 3 };
	static const unsigned char flipped[] = { 0x8d, 0x00, 0x0c, 3, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0xff, 0xff };
	static const unsigned char literal[] = { 0xac, 0x03, 'b', 0, 0 };
	const struct { const void *p; size_t n; } bad[] = {
		{ "", 0 }, { "plain text", 10 }, { "-----BEGIN PGP MESSAGE-----", 27 },
		{ unprotected, sizeof(unprotected) }, { literal, sizeof(literal) },
		{ flipped, sizeof(flipped) },	/* a key's packet that passes for a passphrase's */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct openpgp_head h = OPENPGP_HEAD_INIT;

		assert_int_equal(openpgp_read_head(bad[i].p, bad[i].n, &h, NULL), -1);
		openpgp_head_release(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipients), cmocka_unit_test(cut_off), cmocka_unit_test(something_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
