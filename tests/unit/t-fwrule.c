// proves: rule words, ufw's and the kernel's listings and sshd's ports are read right, and hostile text never becomes a rule
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "core/fwrule.h"
#include "core/fwssh.h"

static void words(void **state UNUSED)
{
	static const char *const good[] = { "8443/tcp", "1/udp", "65535/tcp", "8443/tcp@192.168.0.0/16", "22/tcp@2001:db8::/32" };
	static const char *const bad[] = {
		"", "8443", "/tcp", "0/tcp", "70000/tcp", "65536/tcp", "-1/tcp", "+1/tcp", "08443/tcp", "8443/TCP", "8443/sctp",
		"8443/tcpx", "8443/", "https/tcp", "80,443/tcp", "6000:6010/tcp", "8443/tcp@", "8443/tcp@any", "8443/tcp@10.0.0.1/8",
		"8443/tcp@eth0", "8443/tcp on eth0", "8443/tcp;reboot", "--dry-run", "8443/tcp@10.0.0.0/8@x", "8@443/tcp", "99999999999/tcp",
		"8443/tcp\n", " 8443/tcp", "8443 /tcp",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct fwrule r, back;
		struct err err = ERR_INIT;
		AUTO_FREE char *text = NULL;

		assert_int_equal(fwrule_parse_word(good[i], FW_ALLOW, &r, &err), 0);
		text = fwrule_text(&r);
		assert_string_equal(text + strlen("allow "), good[i]);
		assert_int_equal(fwrule_parse_text(text, &back, &err), 0);
		assert_true(fwrule_same(&r, &back));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct fwrule r;
		struct err err = ERR_INIT;

		assert_int_equal(fwrule_parse_word(bad[i], FW_ALLOW, &r, &err), -1);
		assert_int_equal(err.kind, ERR_FAIL);
	}
}

static void argv_of(void **state UNUSED)
{
	struct fwrule r;
	struct err err = ERR_INIT;
	AUTO_STRV a = STRV_INIT;

	assert_int_equal(fwrule_parse_word("9000/tcp@192.168.0.0/16", FW_ALLOW, &r, &err), 0);
	fwrule_words(&r, &a);
	static const char *const want[] = { "allow", "from", "192.168.0.0/16", "to", "any", "port", "9000", "proto", "tcp" };
	assert_int_equal(a.n, ARRAY_LEN(want));
	for (size_t i = 0; i < a.n; i++)
		assert_string_equal(a.v[i], want[i]);
}

/* Lines that ufw 0.36.2 printed for rules of every form. */
static void added(void **state UNUSED)
{
	static const struct { const char *line; int rule; enum fw_action action; unsigned port; bool tcp, udp, all; } cases[] = {
		{ "ufw allow 8443/tcp comment 'oscar-emr'", 1, FW_ALLOW, 8443, true, false, true },
		{ "ufw limit 2222/tcp", 1, FW_LIMIT, 2222, true, false, true },
		{ "ufw reject 25", 1, FW_REJECT, 25, true, true, true },
		{ "ufw allow log 99/tcp", 1, FW_ALLOW, 99, true, false, true },
		{ "ufw allow 6000:6010/udp", 1, FW_ALLOW, 6005, false, true, true },
		{ "ufw allow 80,443/tcp", 1, FW_ALLOW, 443, true, false, true },
		{ "ufw allow from 192.168.0.0/16 to any port 9000 proto tcp comment 'a b'", 1, FW_ALLOW, 9000, true, false, false },
		{ "ufw allow in on eth0 to any port 80,443 proto tcp", 1, FW_ALLOW, 443, true, false, false },
		{ "ufw allow from any port 53", 1, FW_ALLOW, 53, true, true, false },
		{ "ufw allow from 2001:db8::/32", 1, FW_ALLOW, 1, true, true, false },
		{ "ufw allow to any port 22 from any", 1, FW_ALLOW, 22, true, true, true },
		{ "ufw deny out 53/udp", 1, FW_DENY, 53, false, false, false },
		{ "ufw route allow in on eth0 out on eth1", 1, FW_ALLOW, 22, false, false, false },
		{ "ufw allow from any to 192.0.2.1 port 22", 1, FW_ALLOW, 22, true, true, false },
		{ "ufw allow proto esp", 1, FW_ALLOW, 22, false, false, true },
		{ "ufw allow to any port 22 frob x", 1, FW_ALLOW, 22, true, true, false },
		{ "(None)", 0, FW_NONE, 1, false, false, false },
		{ "Added user rules (see 'ufw status' for running firewall):", 0, FW_NONE, 1, false, false, false },
		{ "ufw frobnicate 22", 0, FW_NONE, 1, false, false, false }, { "", 0, FW_NONE, 1, false, false, false },
		{ "ufw", 0, FW_NONE, 1, false, false, false }, { "ufw route", 0, FW_NONE, 1, false, false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fwrule r;

		assert_int_equal(fwrule_parse_added(cases[i].line, &r), cases[i].rule);
		if (!cases[i].rule)
			continue;
		assert_int_equal(r.action, cases[i].action);
		assert_int_equal(fwrule_covers(&r, cases[i].port, FW_TCP), cases[i].tcp);
		assert_int_equal(fwrule_covers(&r, cases[i].port, FW_UDP), cases[i].udp);
		if (cases[i].tcp || cases[i].udp)
			assert_int_equal(!r.narrow && !r.source[0], cases[i].all);
	}
}

static void comments_and_apps(void **state UNUSED)
{
	struct fwrule r;

	assert_int_equal(fwrule_parse_added("ufw allow 22/tcp comment 'a \"b\" c'", &r), 1);
	assert_string_equal(r.comment, "a \"b\" c");
	assert_int_equal(fwrule_parse_added("ufw allow 'WWW Full' comment 'x'", &r), 1);
	assert_string_equal(r.app, "WWW Full");
	assert_false(fwrule_covers(&r, 80, FW_TCP));	/* not before its ports are known */
	assert_int_equal(fwrule_parse_added("ufw allow from 10.0.0.0/8 to any app OpenSSH", &r), 1);
	assert_string_equal(r.app, "OpenSSH");
	assert_string_equal(r.source, "10.0.0.0/8");
}

static void kernel(void **state UNUSED)
{
	static const struct { const char *line; int rule; enum fw_action action; unsigned port; bool all; } cases[] = {
		{ "-A ufw-user-input -p tcp -m tcp --dport 8443 -j ACCEPT", 1, FW_ALLOW, 8443, true },
		{ "-A ufw-user-input -p tcp -m tcp --dport 22 -m comment --comment \"\\'dapp_OpenSSH\\'\" -j ACCEPT", 1, FW_ALLOW, 22, true },
		{ "-A ufw-user-input -p tcp -m multiport --dports 80,443 -m comment --comment \"\\'dapp_WWW%20Full\\'\" -j ACCEPT", 1, FW_ALLOW, 443, true },
		{ "-A ufw-user-input -p tcp -m multiport --dports 6000:6010 -j ACCEPT", 1, FW_ALLOW, 6001, true },
		{ "-A ufw-user-input -i eth0 -p tcp -m multiport --dports 80,443 -j ACCEPT", 1, FW_ALLOW, 80, false },
		{ "-A ufw-user-input -s 192.168.0.0/16 -p tcp -m tcp --dport 9000 -j ACCEPT", 1, FW_ALLOW, 9000, false },
		{ "-A ufw-user-input -p tcp -m tcp --sport 53 -j ACCEPT", 1, FW_ALLOW, 1, false },
		{ "-A ufw-user-input -p tcp -m tcp --dport 25 -j REJECT --reject-with tcp-reset", 1, FW_REJECT, 25, true },
		{ "-A ufw-user-input -p tcp -m tcp --dport 3306 -j DROP", 1, FW_DENY, 3306, true },
		{ "-A ufw-user-input -p tcp -m tcp --dport 2222 -j ufw-user-limit-accept", 1, FW_LIMIT, 2222, true },
		{ "-A ufw-user-input -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 30 "
		  "--hitcount 6 --name DEFAULT --mask 255.255.255.255 --rsource -j ufw-user-limit", 0, FW_NONE, 22, false },
		{ "-A ufw-user-input ! -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j ACCEPT", 1, FW_ALLOW, 22, false },
		{ "-A ufw-user-forward -p tcp -m tcp --dport 22 -j ACCEPT", 0, FW_NONE, 1, false },
		{ "-N ufw-user-input", 0, FW_NONE, 1, false }, { "-A ufw-user-input", 0, FW_NONE, 1, false }, { "", 0, FW_NONE, 1, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fwrule r;

		assert_int_equal(fwrule_parse_iptables(cases[i].line, "ufw-user-input", &r), cases[i].rule);
		if (!cases[i].rule)
			continue;
		assert_int_equal(r.action, cases[i].action);
		assert_int_equal(fwrule_decide(&r, 1, cases[i].port, FW_TCP), cases[i].all ? 0 : -1);
	}
}

static void first_rule_decides(void **state UNUSED)
{
	static const char *const lines[] = { "ufw allow from 10.0.0.0/8 to any port 22 proto tcp", "ufw deny 22/tcp", "ufw allow 22" };
	struct fwrule r[3];

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(fwrule_parse_added(lines[i], &r[i]), 1);
	assert_int_equal(fwrule_decide(r, 3, 22, FW_TCP), 1);
	assert_int_equal(fwrule_decide(r, 3, 22, FW_UDP), 2);
	assert_int_equal(fwrule_decide(r, 3, 23, FW_TCP), -1);
	assert_int_equal(fwrule_partial(r, 3, 22, FW_TCP), 0);
}

static void ssh_ports(void **state UNUSED)
{
	struct fwssh_ports p = { .n = 0 };

	assert_int_equal(fwssh_parse_effective("port 22\nport 2222\nlistenaddress [::]:22\nlistenaddress 0.0.0.0:2200\nusepam yes\n", &p), 4);
	assert_int_equal(fwssh_parse_sockets(
		"LISTEN 0 80 127.0.0.1:3306 0.0.0.0:* users:((\"mariadbd\",pid=36,fd=21))\n"
		"LISTEN 0 128 [::]:24 [::]:* users:((\"sshd\",pid=67,fd=4))     \n"
		"LISTEN 0 128 *:25 *:* users:((\"dropbear\",pid=6,fd=4))\n"
		"LISTEN 0 128 *:26 *:* users:((\"sshd-evil\",pid=6,fd=4))\n", &p), 2);
	assert_int_equal(fwssh_parse_units("Listen=[::]:23 (Stream)\nListen=/run/x (Stream)\nListen=[::]:99 (Datagram)\n", &p), 1);
	assert_true(fwssh_parse_connection("203.0.113.9 50000 192.0.2.1 2022", &p));
	assert_false(fwssh_parse_connection("203.0.113.9 50000 192.0.2.1", &p));
	assert_false(fwssh_parse_connection("a b c 22x", &p));
	static const unsigned want[] = { 22, 23, 24, 25, 2022, 2200, 2222 };
	assert_int_equal(p.n, ARRAY_LEN(want));
	for (size_t i = 0; i < p.n; i++)
		assert_int_equal(p.port[i], want[i]);
	for (unsigned i = 1; i < 100; i++)
		fwssh_add(&p, 3000 + i);
	assert_true(p.overflow);
	assert_int_equal(p.n, FWSSH_MAX);
}

static void ssh_config(void **state UNUSED)
{
	static const char text[] = "# Port 1\n  port=2222\r\nPORT\t\"22\"\nListenAddress 192.0.2.1\nListenAddress [2001:db8::1]:2022\n"
		"ListenAddress 2001:db8::1\nListenAddress host:2023\nInclude /etc/ssh/sshd_config.d/*.conf x\nMatch User a\nPort 5\n";
	struct fwssh_ports p = { .n = 0 };
	struct err err = ERR_INIT;
	AUTO_STRV inc = STRV_INIT;

	assert_int_equal(fwssh_parse_config(text, &p, &inc, &err), 0);
	static const unsigned want[] = { 22, 2022, 2023, 2222 };
	assert_int_equal(p.n, ARRAY_LEN(want));
	for (size_t i = 0; i < p.n; i++)
		assert_int_equal(p.port[i], want[i]);
	assert_int_equal(inc.n, 2);
	assert_int_equal(fwssh_parse_config("\nPort ssh\n", &p, &inc, &err), -1);
	assert_string_equal(err.text, "2: 'Port ssh' gives no port");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words), cmocka_unit_test(argv_of), cmocka_unit_test(added), cmocka_unit_test(comments_and_apps),
		cmocka_unit_test(kernel), cmocka_unit_test(first_rule_decides), cmocka_unit_test(ssh_ports), cmocka_unit_test(ssh_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
