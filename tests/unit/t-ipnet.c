// proves: addresses and networks are read strictly and written canonically, as the C library's inet_pton and inet_ntop do
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "core/ipnet.h"

static void known(void **state UNUSED)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "192.168.0.0/16", "192.168.0.0/16" }, { "10.0.0.5/32", "10.0.0.5" }, { "10.0.0.5", "10.0.0.5" },
		{ "2001:DB8::/32", "2001:db8::/32" }, { "::1/128", "::1" }, { "fe80::/10", "fe80::/10" },
		{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" }, { "::", "::" },
		{ "192.168.1.5/16", NULL }, { "2001:db8::1/32", NULL }, { "10.0.0.0/0", NULL }, { "10.0.0.0/33", NULL },
		{ "::/129", NULL }, { "010.0.0.1", NULL }, { "1.2.3", NULL }, { "1.2.3.4.5", NULL }, { "256.1.1.1", NULL },
		{ "", NULL }, { "/8", NULL }, { "any", NULL }, { "1.2.3.4/", NULL }, { "1.2.3.4/08", NULL },
		{ "1.2.3.4 ", NULL }, { ":", NULL }, { ":::", NULL }, { "1::2::3", NULL }, { "1:2:3:4:5:6:7:8:9", NULL },
		{ "12345::", NULL }, { "::ffff:1.2.3.4", NULL }, { "fe80::1%eth0", NULL }, { "1:2:3:4:5:6:7::8", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char got[IPNET_TEXT] = "";

		assert_int_equal(ipnet_parse(cases[i].text, got), cases[i].want != NULL);
		if (cases[i].want)
			assert_string_equal(got, cases[i].want);
	}
}

/* The C library as the other opinion, on made-up text that is often valid. */
static void agrees_with_libc(void **state UNUSED)
{
	static const char *const bits[] = { ":", "::", "0", "1", "ffff", "a0", "db8", "00ff", ".", "255", "256", "19", "01" };
	unsigned valid = 0;

	srand(7);
	for (int round = 0; round < 400000; round++) {
		char text[128] = "", mine[IPNET_TEXT] = "", theirs[INET6_ADDRSTRLEN] = "";
		unsigned char a[16];
		bool four, ok;

		for (int n = rand() % 16 + 1; n > 0; n--)
			strcat(text, bits[(size_t)rand() % ARRAY_LEN(bits)]);
		four = !strchr(text, ':');
		ok = ipnet_parse(text, mine);
		if (!four && strchr(text, '.'))
			continue;	/* embedded IPv4: they take it, we do not */
		assert_int_equal(ok, inet_pton(four ? AF_INET : AF_INET6, text, a) == 1);
		if (!ok)
			continue;
		inet_ntop(four ? AF_INET : AF_INET6, a, theirs, sizeof(theirs));
		if (!strchr(theirs, '.') || four)
			assert_string_equal(mine, theirs);
		valid++;
	}
	assert_true(valid > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known), cmocka_unit_test(agrees_with_libc) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
