/* The firewall as it is: ufw's switch, policies and rules, and whether another firewall is in charge.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "firewall.h"

#include <string.h>
#include <unistd.h>

#include "../base/child.h"

#define UFW_MS 60000	/* it waits for the xtables lock itself */

void fw_state_release(struct fw_state *s)
{
	free(s->input);
	free(s->output);
	free(s->rules);
	strv_release(&s->lines);
	free(s->other);
	free(s->advice);
	*s = (struct fw_state){ .active = false };
}

int fw_ufw(const struct strv *words, struct buf *out, struct err *err)
{
	AUTO_STRV argv = STRV_INIT;
	AUTO_BUF said = BUF_INIT, errs = BUF_INIT;
	struct child c = { .out = out ? out : &said, .errs = &errs, .timeout_ms = UFW_MS, .cap = 8u << 20 };

	strv_add(&argv, "ufw");
	for (size_t i = 0; i < words->n; i++)
		strv_add(&argv, words->v[i]);
	c.argv = (const char *const *)argv.v;
	if (child_check(&c, err) == 0)
		return 0;
	/* a lock, a module, a capability: it may work another time */
	if (err)
		err->kind = ERR_BACKEND;
	return -1;
}

int fw_ufw_words(const char *const *words, struct buf *out, struct err *err)
{
	AUTO_STRV sv = STRV_INIT;

	for (; *words; words++)
		strv_add(&sv, *words);
	return fw_ufw(&sv, out, err);
}

/* A setting of /etc/default/ufw, which "ufw default" writes; NULL when it is not there. */
static char *setting(const struct strv *lines, const char *key)
{
	size_t len = strlen(key);
	char *found = NULL;

	for (size_t i = 0; i < lines->n; i++) {
		const char *v = lines->v[i];

		if (strncmp(v, key, len) != 0 || v[len] != '=')
			continue;
		v += len + 1 + strspn(v + len + 1, "\"'");
		free(found);
		found = xstrndup(v, strcspn(v, "\"' \t#"));
	}
	return found;
}

static char *policy_name(const char *target)
{
	return xstrdup(!target || strcmp(target, "DROP") == 0 ? "deny" :
		       strcmp(target, "REJECT") == 0 ? "reject" : "allow");
}

static int read_settings(struct fw_state *s, struct err *err)
{
	CLEANUP(root_release) struct root here = ROOT_INIT;
	AUTO_BUF text = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;
	AUTO_FREE char *in = NULL, *out = NULL, *six = NULL;

	if (root_init(&here, "/", err) < 0 ||
	    path_read_file(&here, "/etc/default/ufw", &text, FILE_MAX_SIZE, NULL, err) < 0)
		return -1;
	strv_split(&lines, text.p, "\n");
	in = setting(&lines, "DEFAULT_INPUT_POLICY");
	out = setting(&lines, "DEFAULT_OUTPUT_POLICY");
	six = setting(&lines, "IPV6");
	s->input = policy_name(in);
	s->output = policy_name(out);
	s->ipv6 = six && strcmp(six, "yes") == 0;
	return 0;
}

/* A rule by application profile: its ports, from "ufw app info". */
static void resolve_app(struct fwrule *r)
{
	const char *words[] = { "app", "info", r->app, NULL };
	AUTO_BUF out = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;

	r->narrow |= r->app[0] == '-' || fw_ufw_words(words, &out, NULL) < 0;
	strv_split(&lines, out.p, "\n");
	for (size_t i = 0; !r->narrow && i < lines.n; i++) {
		enum fw_proto proto;

		if (strcmp(lines.v[i], "Port:") != 0 && strcmp(lines.v[i], "Ports:") != 0)
			continue;
		/* several lines of ports are several kernel rules: too much for one of ours */
		if (i + 2 != lines.n || !fwrule_parse_ports(lines.v[i + 1] + strspn(lines.v[i + 1], " "), &r->ports, &proto))
			break;
		r->proto = proto;
		r->app[0] = '\0';
		return;
	}
	r->narrow = true;
}

static int read_rules(struct fw_state *s, struct err *err)
{
	static const char *const words[] = { "show", "added", NULL };
	AUTO_BUF out = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;

	if (fw_ufw_words(words, &out, err) < 0)
		return -1;
	strv_split(&lines, out.p, "\n");
	s->rules = xcalloc(lines.n + 1, sizeof(*s->rules));
	for (size_t i = 0; i < lines.n; i++) {
		struct fwrule *r = &s->rules[s->lines.n];

		if (!fwrule_parse_added(lines.v[i], r))
			continue;
		if (r->app[0])
			resolve_app(r);
		strv_add(&s->lines, lines.v[i]);
	}
	return 0;
}

static bool has_docker(void)
{
	const char *argv[] = { "iptables", "-w", "5", "-S", "DOCKER", NULL };
	AUTO_BUF out = BUF_INIT, errs = BUF_INIT;
	struct child c = { .argv = argv, .out = &out, .errs = &errs };

	return child_run(&c, NULL) == 0;
}

/* Two firewalls at once are worse than one: who is there already stays alone. */
static void find_other(struct fw_state *s)
{
	static const struct { const char *unit, *advice; } known[] = {
		{ "firewalld.service", "firewall-cmd --permanent --add-port=PORT/PROTO && firewall-cmd --reload" },
		{ "shorewall.service", "add 'ACCEPT net $FW PROTO PORT' to /etc/shorewall/rules and run 'shorewall reload'" },
		{ "ferm.service", "add 'proto PROTO dport PORT ACCEPT;' to /etc/ferm/ferm.conf and run 'systemctl reload ferm'" },
		{ "lfd.service", "add PORT to TCP_IN in /etc/csf/csf.conf and run 'csf -r'" },
	};

	const char *argv[] = { "systemctl", "is-active", known[0].unit, known[1].unit, known[2].unit, known[3].unit, NULL };
	AUTO_BUF out = BUF_INIT, errs = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;
	struct child c = { .argv = argv, .out = &out, .errs = &errs };

	if (child_run(&c, NULL) == 0)	/* at least one is */
		strv_split(&lines, out.p, "\n");
	for (size_t i = 0; i < ARRAY_LEN(known) && i < lines.n && !s->other; i++)
		if (strcmp(lines.v[i], "active") == 0) {
			s->other = xstrndup(known[i].unit, strcspn(known[i].unit, "."));
			s->advice = xstrdup(known[i].advice);
		}
	if (!s->other) {
		s->other = fw_live_foreign(s->active);
		if (s->other)
			s->advice = xstrdup("add a rule that accepts PROTO to PORT where that ruleset is kept");
	}
}

int fw_state_read(struct fw_state *s, struct err *err)
{
	AUTO_FREE char *program = child_find("ufw");

	if (!program)
		return err_set(err, ERR_BACKEND, "ufw is not installed");
	if (fw_live_probe(&s->active, err) < 0 || read_settings(s, err) < 0 || read_rules(s, err) < 0)
		return -1;
	s->docker = has_docker();
	find_other(s);
	return 0;
}
