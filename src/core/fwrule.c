/* Firewall rules as text: the profile's words, and which rule decides for a port.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fwrule.h"

#include <string.h>

#include "ipnet.h"

static const char *const action_names[] = { "none", "allow", "limit", "deny", "reject" };
static const char *const proto_names[] = { "any", "tcp", "udp", "other" };

const char *fw_action_name(enum fw_action a)
{
	return action_names[a];
}

bool fw_opens(enum fw_action a)
{
	return a == FW_ALLOW || a == FW_LIMIT;
}

/* Decimal, no sign, no leading zero, 1 to 65535; 0 when it is not. */
static unsigned parse_port(const char *s, size_t len)
{
	unsigned v = 0;

	if (len == 0 || len > 5 || s[0] == '0')
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return 0;
		v = v * 10 + (unsigned)(s[i] - '0');
	}
	return v <= 65535 ? v : 0;
}

int fwrule_parse_word(const char *word, enum fw_action action, struct fwrule *out, struct err *err)
{
	const char *slash = strchr(word, '/');
	const char *at = strchr(word, '@');
	size_t proto_len = slash ? (at ? (size_t)(at - slash) - 1 : strlen(slash + 1)) : 0;
	unsigned port = slash ? parse_port(word, (size_t)(slash - word)) : 0;

	*out = (struct fwrule){ .action = action };
	if (port == 0 || (at && at < slash))
		return err_set(err, ERR_FAIL, "firewall rule '%s': want PORT/PROTO with a port from 1 to 65535", word);
	if (proto_len == 3 && memcmp(slash + 1, "tcp", 3) == 0)
		out->proto = FW_TCP;
	else if (proto_len == 3 && memcmp(slash + 1, "udp", 3) == 0)
		out->proto = FW_UDP;
	else
		return err_set(err, ERR_FAIL, "firewall rule '%s': the protocol is tcp or udp", word);
	out->ports.n = 1;
	out->ports.r[0].lo = out->ports.r[0].hi = port;
	if (at && !ipnet_parse(at + 1, out->source))
		return err_set(err, ERR_FAIL, "firewall rule '%s': what follows '@' is no address and no network "
			       "without host bits", word);
	return 0;
}

void fwrule_words(const struct fwrule *r, struct strv *argv)
{
	strv_add(argv, action_names[r->action]);
	if (!r->source[0]) {
		strv_addf(argv, "%u/%s", r->ports.r[0].lo, proto_names[r->proto]);
		return;
	}
	strv_add(argv, "from");
	strv_add(argv, r->source);
	strv_add(argv, "to");
	strv_add(argv, "any");
	strv_add(argv, "port");
	strv_addf(argv, "%u", r->ports.r[0].lo);
	strv_add(argv, "proto");
	strv_add(argv, proto_names[r->proto]);
}

char *fwrule_text(const struct fwrule *r)
{
	return xasprintf("%s %u/%s%s%s", action_names[r->action], r->ports.r[0].lo, proto_names[r->proto],
			 r->source[0] ? "@" : "", r->source);
}

int fwrule_parse_text(const char *text, struct fwrule *out, struct err *err)
{
	for (int a = FW_ALLOW; a <= FW_REJECT; a++) {
		size_t len = strlen(action_names[a]);

		if (strncmp(text, action_names[a], len) == 0 && text[len] == ' ')
			return fwrule_parse_word(text + len + 1, (enum fw_action)a, out, err);
	}
	return err_set(err, ERR_FAIL, "'%s' is no firewall rule of ours", text);
}

bool fwrule_parse_ports(const char *text, struct fw_ports *ports, enum fw_proto *proto)
{
	const char *slash = strchr(text, '/');
	const char *end = slash ? slash : text + strlen(text);

	*proto = FW_ANY;
	*ports = (struct fw_ports){ .n = 0 };
	if (slash)
		*proto = strcmp(slash, "/tcp") == 0 ? FW_TCP : strcmp(slash, "/udp") == 0 ? FW_UDP : FW_OTHER;
	if (*proto == FW_OTHER)
		return false;
	for (const char *p = text; p < end; ) {
		size_t len = strcspn(p, ",/");
		const char *colon = memchr(p, ':', len);
		unsigned lo = parse_port(p, colon ? (size_t)(colon - p) : len);
		unsigned hi = colon ? parse_port(colon + 1, len - (size_t)(colon - p) - 1) : lo;

		if (!lo || hi < lo || ports->n == FW_RANGES)
			return false;
		ports->r[ports->n].lo = lo;
		ports->r[ports->n++].hi = hi;
		p += len + (p[len] == ',');
	}
	return ports->n > 0 && end[-1] != ',';
}

bool fwrule_same(const struct fwrule *a, const struct fwrule *b)
{
	if (a->action != b->action || a->proto != b->proto || a->narrow || b->narrow || a->other_way || b->other_way ||
	    strcmp(a->source, b->source) != 0 || strcmp(a->app, b->app) != 0 || a->ports.n != b->ports.n)
		return false;
	for (unsigned i = 0; i < a->ports.n; i++)
		if (a->ports.r[i].lo != b->ports.r[i].lo || a->ports.r[i].hi != b->ports.r[i].hi)
			return false;
	return true;
}

bool fwrule_covers(const struct fwrule *r, unsigned port, enum fw_proto proto)
{
	if (r->other_way || r->app[0] || (r->proto != FW_ANY && r->proto != proto))
		return false;
	for (unsigned i = 0; i < r->ports.n; i++)
		if (port >= r->ports.r[i].lo && port <= r->ports.r[i].hi)
			return true;
	return r->ports.n == 0;
}

static int find(const struct fwrule *rules, size_t n, unsigned port, enum fw_proto proto, bool partial)
{
	for (size_t i = 0; i < n; i++)
		if (fwrule_covers(&rules[i], port, proto) && (rules[i].narrow || rules[i].source[0]) == partial)
			return (int)i;
	return -1;
}

int fwrule_decide(const struct fwrule *rules, size_t n, unsigned port, enum fw_proto proto)
{
	return find(rules, n, port, proto, false);
}

int fwrule_partial(const struct fwrule *rules, size_t n, unsigned port, enum fw_proto proto)
{
	return find(rules, n, port, proto, true);
}
