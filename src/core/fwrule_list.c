/* Firewall rules as ufw ("ufw show added") and the kernel ("iptables -S") list them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fwrule.h"

#include <stdio.h>
#include <string.h>

/* Split at blanks; '...' and "..." keep blanks together, \ is an ordinary byte. */
static void split_quoted(const char *line, struct strv *out)
{
	AUTO_BUF word = BUF_INIT;
	char quote = '\0';
	bool open = false;

	for (const char *p = line; ; p++) {
		if (*p == '\0' || (!quote && (*p == ' ' || *p == '\t' || *p == '\n'))) {
			if (open)
				strv_add(out, word.p);
			buf_reset(&word);
			open = false;
			if (*p == '\0')
				return;
		} else if (quote ? *p == quote : (*p == '\'' || *p == '"')) {
			quote = quote ? '\0' : *p;
			open = true;
		} else {
			buf_addc(&word, *p);
			open = true;
		}
	}
}

static enum fw_action action_of(const char *word)
{
	for (int a = FW_ALLOW; a <= FW_REJECT; a++)
		if (strcmp(word, fw_action_name((enum fw_action)a)) == 0)
			return (enum fw_action)a;
	return FW_NONE;
}

static void set_target(struct fwrule *r, const char *word)
{
	enum fw_proto proto;

	if (fwrule_parse_ports(word, &r->ports, &proto)) {
		if (proto != FW_ANY)
			r->proto = proto;
		return;
	}
	r->ports.n = 0;
	if ((size_t)snprintf(r->app, sizeof(r->app), "%s", word) >= sizeof(r->app))
		r->narrow = true;
}

/* The long form: from SOURCE [port X] to DEST [port|app Y] proto P. */
static void parse_long(struct fwrule *r, const struct strv *w, size_t i)
{
	bool to = false;

	for (; i + 1 < w->n; i += 2) {
		const char *key = w->v[i], *value = w->v[i + 1];
		bool any = strcmp(value, "any") == 0;

		if (strcmp(key, "from") == 0) {
			to = false;
			if (!any && (size_t)snprintf(r->source, sizeof(r->source), "%s", value) >= sizeof(r->source))
				r->narrow = true;
		} else if (strcmp(key, "to") == 0) {
			to = true;
			r->narrow |= !any;
		} else if ((strcmp(key, "port") == 0 || strcmp(key, "app") == 0) && to) {
			set_target(r, value);
		} else if (strcmp(key, "proto") == 0) {
			r->proto = strcmp(value, "tcp") == 0 ? FW_TCP : strcmp(value, "udp") == 0 ? FW_UDP : FW_OTHER;
		} else if (strcmp(key, "comment") == 0) {
			snprintf(r->comment, sizeof(r->comment), "%s", value);
		} else {
			r->narrow = true;	/* a port of the sender, or what we do not know */
		}
	}
	r->narrow |= i < w->n;
}

int fwrule_parse_added(const char *line, struct fwrule *out)
{
	AUTO_STRV w = STRV_INIT;
	size_t i = 1;

	*out = (struct fwrule){ .action = FW_NONE };
	if (strncmp(line, "ufw ", 4) != 0)
		return 0;
	split_quoted(line, &w);
	if (i < w.n && strcmp(w.v[i], "route") == 0) {
		out->other_way = true;
		i++;
	}
	if (i >= w.n || (out->action = action_of(w.v[i++])) == FW_NONE)
		return 0;
	while (i < w.n) {
		if (strcmp(w.v[i], "in") == 0 || strcmp(w.v[i], "log") == 0 || strcmp(w.v[i], "log-all") == 0) {
			i++;
		} else if (strcmp(w.v[i], "out") == 0) {
			out->other_way = true;
			i++;
		} else if (strcmp(w.v[i], "on") == 0 && i + 1 < w.n) {
			out->narrow = true;
			i += 2;
		} else {
			break;
		}
	}
	if (i < w.n && strcmp(w.v[i], "from") != 0 && strcmp(w.v[i], "to") != 0 && strcmp(w.v[i], "proto") != 0 &&
	    strcmp(w.v[i], "comment") != 0)
		set_target(out, w.v[i++]);
	parse_long(out, &w, i);
	return 1;
}

/* Options of iptables -S that are no condition of their own. */
static bool harmless_match(const char *module)
{
	return strcmp(module, "tcp") == 0 || strcmp(module, "udp") == 0 || strcmp(module, "multiport") == 0 ||
	       strcmp(module, "comment") == 0;
}

static enum fw_action verdict(const char *target)
{
	size_t len = strlen(target);

	if (strcmp(target, "ACCEPT") == 0)
		return FW_ALLOW;
	if (strcmp(target, "DROP") == 0)
		return FW_DENY;
	if (strcmp(target, "REJECT") == 0)
		return FW_REJECT;
	/* ufw's chain that accepts what the limit let through */
	return len > 18 && strcmp(target + len - 18, "-user-limit-accept") == 0 ? FW_LIMIT : FW_NONE;
}

int fwrule_parse_iptables(const char *line, const char *chain, struct fwrule *out)
{
	AUTO_STRV w = STRV_INIT;

	*out = (struct fwrule){ .action = FW_NONE };
	split_quoted(line, &w);
	if (w.n < 4 || strcmp(w.v[0], "-A") != 0 || strcmp(w.v[1], chain) != 0)
		return 0;
	for (size_t i = 2; i < w.n; i++) {
		const char *value = i + 1 < w.n ? w.v[i + 1] : "";
		enum fw_proto ignored;

		if (strcmp(w.v[i], "-j") == 0) {
			out->action = verdict(value);
			break;	/* the target's own options follow */
		}
		if (strcmp(w.v[i], "!") == 0) {
			out->narrow = true;
			continue;
		}
		i++;
		if (strcmp(w.v[i - 1], "-p") == 0)
			out->proto = strcmp(value, "tcp") == 0 ? FW_TCP : strcmp(value, "udp") == 0 ? FW_UDP : FW_OTHER;
		else if (strcmp(w.v[i - 1], "--dport") == 0 || strcmp(w.v[i - 1], "--dports") == 0)
			out->narrow |= !fwrule_parse_ports(value, &out->ports, &ignored);
		else if (strcmp(w.v[i - 1], "-s") == 0)
			snprintf(out->source, sizeof(out->source), "%s", value);
		else if (strcmp(w.v[i - 1], "--comment") != 0 &&
			 (strcmp(w.v[i - 1], "-m") != 0 || !harmless_match(value)))
			out->narrow = true;
	}
	return out->action != FW_NONE;
}
