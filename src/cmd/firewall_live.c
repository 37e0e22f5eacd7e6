/* The kernel's ruleset, read back: what ufw promised must be what netfilter does.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "firewall.h"

#include <stdio.h>
#include <string.h>

#include "../base/child.h"

/* The filter table; -w waits for another user of the lock. */
static int list(const char *program, struct buf *out, struct err *err)
{
	const char *argv[] = { program, "-w", "10", "-S", NULL };
	AUTO_BUF errs = BUF_INIT;
	struct child c = { .argv = argv, .out = out, .errs = &errs, .cap = 32u << 20 };

	if (child_check(&c, err) == 0)
		return 0;
	if (err)
		err->kind = ERR_BACKEND;
	return -1;
}

int fw_live_probe(bool *active, struct err *err)
{
	AUTO_BUF out = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;

	if (list("iptables", &out, err) < 0) {
		err_prefix(err, "the kernel's packet filter cannot be read");
		return -1;
	}
	strv_split(&lines, out.p, "\n");
	*active = strv_has(&lines, "-A INPUT -j ufw-before-input") && strv_has(&lines, "-N ufw-user-input");
	return 0;
}

/* What of the kernel's ruleset concerns us; other programs' chains change by the minute. */
static void add_fingerprint(const char *program, struct buf *out)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;

	buf_addf(out, "[%s]\n", program);
	if (list(program, &text, NULL) < 0)
		return;
	strv_split(&lines, text.p, "\n");
	for (size_t i = 0; i < lines.n; i++)
		if (strncmp(lines.v[i], "-P INPUT", 8) == 0 || strncmp(lines.v[i], "-A INPUT -j ufw", 15) == 0 ||
		    strncmp(lines.v[i], "-A ufw", 6) == 0)
			buf_addf(out, "%s\n", lines.v[i]);
}

void fw_live_fingerprint(struct buf *out)
{
	add_fingerprint("iptables", out);
	add_fingerprint("ip6tables", out);
}

static int check_table(const char *program, const char *prefix, const struct fw_plan *plan,
		       const struct fw_state *s, struct err *err)
{
	AUTO_FREE char *to_before = xasprintf("-A INPUT -j %s-before-input", prefix);
	AUTO_FREE char *to_user = xasprintf("-A %s-before-input -j %s-user-input", prefix, prefix);
	AUTO_FREE char *chain = xasprintf("%s-user-input", prefix);
	AUTO_FREE struct fwrule *rules = NULL;
	AUTO_BUF out = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;
	size_t n = 0;

	if (list(program, &out, err) < 0)
		return -1;
	strv_split(&lines, out.p, "\n");
	rules = xcalloc(lines.n + 1, sizeof(*rules));
	for (size_t i = 0; i < lines.n; i++)
		n += (size_t)fwrule_parse_iptables(lines.v[i], chain, &rules[n]);
	if (!strv_has(&lines, to_before) || !strv_has(&lines, to_user))
		return err_set(err, ERR_FAIL, "%s: ufw's rules are not in force", program);
	if (strcmp(s->input, "allow") != 0 && !strv_has(&lines, "-P INPUT DROP"))
		return err_set(err, ERR_FAIL, "%s: incoming packets are not dropped by default", program);
	for (size_t i = 0; i < plan->n; i++) {
		const struct fw_item *item = &plan->items[i];
		bool open = fw_opens(item->rule.action);
		int by = fwrule_decide(rules, n, item->rule.ports.r[0].lo, item->rule.proto);

		if (item->what == FW_AGAINST || item->what == FW_RESTRICTED || item->rule.source[0] ||
		    (item->what == FW_ADD && !plan->carried_out))
			continue;
		if (open ? by < 0 || !fw_opens(rules[by].action) : by >= 0 && fw_opens(rules[by].action))
			return err_set(err, ERR_FAIL, "%s: port %u is %s although ufw has '%s'", program,
				       item->rule.ports.r[0].lo, open ? "closed" : "open", item->text);
	}
	return 0;
}

int fw_live_check(const struct fw_plan *plan, const struct fw_state *s, struct err *err)
{
	if (check_table("iptables", "ufw", plan, s, err) < 0)
		return -1;
	return s->ipv6 ? check_table("ip6tables", "ufw6", plan, s, err) : 0;
}

/* nft's listing: a chain on the input hook that drops what it does not know,
 * in another table than those that iptables itself uses. */
static char *foreign_nft(const char *text)
{
	AUTO_STRV lines = STRV_INIT;
	const char *table = "";

	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		const char *l = lines.v[i] + strspn(lines.v[i], " \t");

		if (strncmp(l, "table ", 6) == 0)
			table = l;
		else if (strstr(l, "hook input") && strstr(l, "policy drop") &&
			 strncmp(table, "table ip filter ", 16) != 0 && strncmp(table, "table ip6 filter ", 17) != 0)
			return xasprintf("nftables (%.*s)", (int)strcspn(table, "{") - 1, table);
	}
	return NULL;
}

char *fw_live_foreign(bool ufw_active)
{
	const char *argv[] = { "nft", "list", "ruleset", NULL };
	AUTO_FREE char *nft = child_find("nft");
	AUTO_BUF out = BUF_INIT, errs = BUF_INIT, tables = BUF_INIT;
	struct child c = { .argv = argv, .out = &out, .errs = &errs, .cap = 32u << 20 };

	if (nft && child_run(&c, NULL) == 0) {
		char *name = foreign_nft(out.p);

		if (name)
			return name;
	}
	/* Without ufw a policy of DROP is somebody's script. */
	if (!ufw_active && list("iptables", &tables, NULL) == 0) {
		AUTO_STRV lines = STRV_INIT;

		strv_split(&lines, tables.p, "\n");
		if (strv_has(&lines, "-P INPUT DROP"))
			return xstrdup("iptables (rules of another program)");
	}
	return NULL;
}
