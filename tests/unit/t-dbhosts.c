// proves: a list of hosts in an option file is found in the groups that a client reads, and read as Connector/C writes it
// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/dbhosts.h"

static struct dbhost *hosts;
static size_t n;
static struct err e;

static int parse(const char *text)
{
	dbhosts_free(hosts, n);
	err_clear(&e);
	return dbhosts_parse(text, strlen(text), &hosts, &n, &e);
}

static void lists(void **state)
{
	(void)state;
	assert_int_equal(parse("[client]\nuser=a\nhost = a, b:3307 ,[2001:db8::1]:3308,[::1]\n"), 0);
	assert_int_equal(n, 4);
	assert_string_equal(hosts[0].name, "a");
	assert_int_equal(hosts[0].port, 0);
	assert_string_equal(hosts[1].name, "b");
	assert_int_equal(hosts[1].port, 3307);
	assert_string_equal(hosts[2].name, "2001:db8::1");
	assert_int_equal(hosts[2].port, 3308);
	assert_string_equal(hosts[3].name, "::1");
	assert_int_equal(parse("[client]\r\nhost=\"one:1,\"\r\n"), 0);
	assert_int_equal(n, 1);
	assert_int_equal(hosts[0].port, 1);
}

static void one_is_the_librarys(void **state)
{
	(void)state;
	assert_int_equal(parse("[client]\nhost=a\n"), 0);
	assert_int_equal(n, 0);
	assert_int_equal(parse(""), 0);
	assert_int_equal(parse("[mysqld]\nhost=a,b\n[mariadb-dump]\nhost=c,d"), 0);
	assert_int_equal(n, 0);
	assert_int_equal(parse("[client]\n#host=a,b\n;host=a,b\nhostname=c,d\nhost\n"), 0);
	assert_int_equal(n, 0);
}

static void the_last_counts(void **state)
{
	(void)state;
	assert_int_equal(parse("[client]\nhost=a,b\n[mysqld]\nhost=x,y\n[client-mariadb]\nhost=c,d\n"), 0);
	assert_int_equal(n, 2);
	assert_string_equal(hosts[0].name, "c");
	assert_int_equal(parse("[client]\nhost=a,b\nhost=c\n"), 0);
	assert_int_equal(n, 0);
}

static void nonsense(void **state)
{
	static const char *const bad[] = { "a:b,c", "a:0,c", "a:65536,c", "[::1,c", "[]:1,c", "[::1]x,c", "a:,b", ":1,b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_BUF text = BUF_INIT;

		buf_addf(&text, "[client]\nhost=%s\n", bad[i]);
		assert_int_equal(parse(text.p), -1);
		assert_int_equal(e.kind, ERR_FAIL);
		assert_int_equal(n, 0);
	}
	dbhosts_free(hosts, n);
	hosts = NULL;
}

static void bare_options(void **state)
{
	static const char yes[] = "[client]\nssl_verify-server-cert\n", other[] = "[mysqld]\nssl-verify-server-cert\n",
			  value[] = "[client]\nssl-verify-server-cert = 1\n#ssl-verify-server-cert\n";

	(void)state;
	assert_true(dbhosts_has_bare(yes, strlen(yes), "ssl-verify-server-cert"));
	assert_false(dbhosts_has_bare(other, strlen(other), "ssl-verify-server-cert"));
	assert_false(dbhosts_has_bare(value, strlen(value), "ssl-verify-server-cert"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(one_is_the_librarys),
		cmocka_unit_test(the_last_counts),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(bare_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
