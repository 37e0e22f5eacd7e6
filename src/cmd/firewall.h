/* What the pieces of maintkit-firewall share: the system's state, the plan, and ufw's calls.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Effects: kind "ufw-rule", id fwrule_text(), new value the comment; kind
 * "ufw-enabled", id "ufw"; kind "ufw-default", id "incoming", old value the
 * policy before.
 */
#ifndef MAINTKIT_FIREWALL_H
#define MAINTKIT_FIREWALL_H

#include "../core/fwrule.h"
#include "../core/fwssh.h"
#include "../ext/effects.h"
#include "tool.h"

#define FW_RULE "ufw-rule"
#define FW_ENABLED "ufw-enabled"
#define FW_DEFAULT "ufw-default"

/* ---- firewall_state.c: what there is */
struct fw_state {
	bool active;			/* ufw is switched on: its chains are in the kernel */
	char *input, *output;		/* "deny", "reject", "allow" */
	bool ipv6;			/* ufw manages IPv6 too */
	struct fwrule *rules;		/* ufw's, in order */
	struct strv lines;		/* the same as text */
	char *other;			/* another firewall that is in charge, or NULL */
	char *advice;			/* how to open our ports there */
	bool docker;			/* publishes ports past ufw */
};
void fw_state_release(struct fw_state *s);
/* ERR_BACKEND: no ufw, no netfilter, or they do not answer. */
int fw_state_read(struct fw_state *s, struct err *err) MUST_CHECK;
/* Run ufw; ERR_BACKEND when it fails or hangs. words: without "ufw". */
int fw_ufw(const struct strv *words, struct buf *out, struct err *err) MUST_CHECK;
int fw_ufw_words(const char *const *words, struct buf *out, struct err *err) MUST_CHECK;

/* ---- firewall_ssh.c: where sshd listens */
struct fw_ssh {
	struct fwssh_ports ports;
	bool known;		/* false: there is an sshd and we cannot tell */
	char *why;		/* then: what went wrong */
};
void fw_ssh_release(struct fw_ssh *s);
void fw_ssh_find(struct fw_ssh *s);

/* ---- firewall_plan.c: what is to be done */
enum fw_what {
	FW_ADD,			/* missing: to be added */
	FW_OURS,		/* there, added by us */
	FW_THEIRS,		/* an administrator's rule does it */
	FW_RESTRICTED,		/* an administrator's rule does it for some senders: not widened */
	FW_AGAINST,		/* an administrator's rule says the opposite: not overridden */
};
struct fw_item {
	struct fwrule rule;
	char *text;
	enum fw_what what;
	bool ssh;
	int by;			/* index of the rule that decides, or -1 */
};
struct fw_plan {
	struct fw_item *items;
	size_t n;
	const char *comment;
	const char *want_input, *want_output;
	bool carried_out;	/* what was missing has been added */
};
void fw_plan_release(struct fw_plan *p);
/* ssh: ports to be allowed too, or NULL; optional: words chosen of [firewall]
 * optional. Rules of the profile that are not well-formed: ERR_FAIL. */
int fw_plan_make(struct fw_plan *plan, const struct profile *p, const struct fw_state *s,
		 const struct fwssh_ports *ssh, const struct strv *optional, struct err *err) MUST_CHECK;
const char *fw_what_text(enum fw_what what);

/* ---- firewall_live.c: is the kernel's ruleset what we meant? ERR_FAIL says where not. */
int fw_live_check(const struct fw_plan *plan, const struct fw_state *s, struct err *err) MUST_CHECK;
/* Does the kernel answer at all, and are ufw's chains in force? */
int fw_live_probe(bool *active, struct err *err) MUST_CHECK;
/* Text that changes when the part of the ruleset that matters here does. */
void fw_live_fingerprint(struct buf *out);
/* Name of a ruleset in the kernel that drops incoming packets and is not ufw's, or NULL; to be freed. */
char *fw_live_foreign(bool ufw_active);

/* ---- the verbs */
int fw_apply(struct tool *t, int argc, char **argv, struct err *err);
int fw_remove(struct tool *t, int argc, char **argv, struct err *err);
int fw_status(struct tool *t, int argc, char **argv, struct err *err);
int fw_show_plan(struct tool *t, int argc, char **argv, struct err *err);
extern bool fw_opt_enable, fw_opt_disable;
extern struct strv fw_opt_optional, fw_opt_no_optional;
/* Not in a chroot and the like: ufw would change the kernel's firewall. */
int fw_need_booted(const struct tool *t, struct err *err) MUST_CHECK;

#endif
