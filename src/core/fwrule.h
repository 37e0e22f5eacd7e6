/* Firewall rules as text: the profile's words, ufw's listing and the kernel's, and which rule decides for a port.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sources of the rules: ufw(8) (RULE SYNTAX), the lines of "ufw show added",
 * and "iptables -S" (iptables(8)). ufw and netfilter take the first rule that
 * matches.
 */
#ifndef MAINTKIT_FWRULE_H
#define MAINTKIT_FWRULE_H

#include <stdbool.h>
#include "../base/buf.h"

enum fw_action { FW_NONE, FW_ALLOW, FW_LIMIT, FW_DENY, FW_REJECT };
enum fw_proto { FW_ANY, FW_TCP, FW_UDP, FW_OTHER };

#define FW_RANGES 16	/* ufw takes 15 ports in a list */

struct fw_ports {
	unsigned n;		/* 0: any port */
	struct { unsigned lo, hi; } r[FW_RANGES];
};

struct fwrule {
	enum fw_action action;
	enum fw_proto proto;
	struct fw_ports ports;
	char source[64];	/* "" or an address or network */
	bool narrow;		/* conditions beyond these: an interface, a destination, a source port */
	bool other_way;		/* outgoing or routed: says nothing about incoming */
	char app[96];		/* an application profile's name, its ports still unknown */
	char comment[160];
};

/* A word of the profile: PORT/PROTO or PORT/PROTO@SOURCE, with a port from 1
 * to 65535, protocol tcp or udp, and an IPv4 or IPv6 address or network without
 * host bits. Everything else, also ranges and service names, is refused. */
int fwrule_parse_word(const char *word, enum fw_action action, struct fwrule *out, struct err *err) MUST_CHECK;
/* What stands behind "ufw" (or "ufw delete") for a rule made by fwrule_parse_word(). */
void fwrule_words(const struct fwrule *r, struct strv *argv);
/* The same as one line, "allow 8443/tcp": the identity of an effect; to be freed. */
char *fwrule_text(const struct fwrule *r);
/* The inverse of fwrule_text(). */
int fwrule_parse_text(const char *text, struct fwrule *out, struct err *err) MUST_CHECK;

/* A line of "ufw show added": 1 a rule, 0 no rule. A rule that is not
 * understood comes out narrow, so that it never decides. */
int fwrule_parse_added(const char *line, struct fwrule *out);
/* "80,443/tcp", "6000:6010/udp", "53": as in "ufw app info"; false when malformed. */
bool fwrule_parse_ports(const char *text, struct fw_ports *ports, enum fw_proto *proto);

/* A line of "iptables -S" in the given chain: 1 a rule with a verdict, 0 not. */
int fwrule_parse_iptables(const char *line, const char *chain, struct fwrule *out);

bool fwrule_same(const struct fwrule *a, const struct fwrule *b);	/* comments aside */
bool fwrule_covers(const struct fwrule *r, unsigned port, enum fw_proto proto);
/* Index of the first rule that decides for every sender, -1 when none does. */
int fwrule_decide(const struct fwrule *rules, size_t n, unsigned port, enum fw_proto proto);
/* Index of the first incoming rule that covers the port for some senders only, -1. */
int fwrule_partial(const struct fwrule *rules, size_t n, unsigned port, enum fw_proto proto);
bool fw_opens(enum fw_action a);	/* allow or limit */
const char *fw_action_name(enum fw_action a);

#endif
