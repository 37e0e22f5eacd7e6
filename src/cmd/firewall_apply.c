/* maintkit-firewall apply: ssh first, then our rules, then the switch, then a look at what the kernel really does.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "firewall.h"

#include <string.h>

#include "../base/atomic.h"
#include "../core/sha256.h"

/* What this run changed, for the way back. */
struct done {
	struct strv rules;	/* fwrule_text() */
	bool enabled;
	char *input;		/* policy before, when we changed it */
};

static void done_release(struct done *d)
{
	strv_release(&d->rules);
	free(d->input);
}

struct run {
	struct tool *t;
	struct fw_state state;
	struct fw_ssh ssh;
	struct fw_plan plan;
	struct effect *effects;
	size_t n_effects;
	struct done done;
	bool enabling;
};

static void run_release(struct run *r)
{
	fw_state_release(&r->state);
	fw_ssh_release(&r->ssh);
	fw_plan_release(&r->plan);
	effects_free(r->effects, r->n_effects);
	done_release(&r->done);
}

static const struct effect *effect_of(const struct run *r, const char *kind, const char *id)
{
	return effects_find(r->effects, r->n_effects, kind, id);
}

static bool half_done(const struct effect *e)
{
	return e && strcmp(e->state, "intended") == 0;
}

static int delete_rule(const char *text, struct err *err)
{
	struct fwrule rule;
	AUTO_STRV words = STRV_INIT;

	if (fwrule_parse_text(text, &rule, err) < 0)
		return -1;
	strv_add(&words, "delete");
	fwrule_words(&rule, &words);
	return fw_ufw(&words, NULL, err);
}

/* The previous state, at once: first the switch, because a closed port is the
 * worse evil. What cannot be undone is said; the first error stays the result. */
static void restore(struct run *r)
{
	static const char *const off[] = { "--force", "disable", NULL };
	struct err e = ERR_INIT;

	if (r->done.enabled && (fw_ufw_words(off, NULL, &e) < 0 ||
				effect_undone(r->t->profile, &r->t->root, FW_ENABLED, "ufw", &e) < 0))
		log_error("could not switch ufw off again: %s; run 'ufw disable'", e.text);
	for (size_t i = 0; i < r->done.rules.n; i++)
		if (delete_rule(r->done.rules.v[i], &e) < 0 ||
		    effect_undone(r->t->profile, &r->t->root, FW_RULE, r->done.rules.v[i], &e) < 0)
			log_error("could not take away the rule '%s' again: %s", r->done.rules.v[i], e.text);
	if (r->done.input) {
		const char *words[] = { "default", r->done.input, "incoming", NULL };

		if (fw_ufw_words(words, NULL, &e) < 0 ||
		    effect_undone(r->t->profile, &r->t->root, FW_DEFAULT, "incoming", &e) < 0)
			log_error("could not set the default for incoming back to %s: %s", r->done.input, e.text);
	}
}

static int add_rule(struct run *r, const struct fw_item *item, struct err *err)
{
	const struct profile *p = r->t->profile;
	AUTO_STRV words = STRV_INIT;

	if (effect_intend(p, &r->t->root, EFFECT_HOST, FW_RULE, item->text, EFFECT_ABSENT, r->plan.comment, err) < 0)
		return -1;
	fwrule_words(&item->rule, &words);
	strv_add(&words, "comment");
	strv_add(&words, r->plan.comment);
	strv_add(&r->done.rules, item->text);	/* also when it fails: it may have half succeeded */
	if (fw_ufw(&words, NULL, err) < 0 ||
	    effect_done(p, &r->t->root, EFFECT_HOST, FW_RULE, item->text, EFFECT_ABSENT, r->plan.comment, err) < 0)
		return -1;
	log_info("added the rule '%s'", item->text);
	return 0;
}

static int add_rules(struct run *r, struct err *err)
{
	for (size_t i = 0; i < r->plan.n; i++) {
		const struct fw_item *item = &r->plan.items[i];

		/* A killed run may have added it for IPv4 only; ufw adds what is missing. */
		if ((item->what == FW_ADD || (item->what == FW_OURS && half_done(effect_of(r, FW_RULE, item->text)))) &&
		    add_rule(r, item, err) < 0)
			return -1;
	}
	return 0;
}

/* Only while ufw is off: with it on, the policy is somebody's decision. */
static int set_default(struct run *r, struct err *err)
{
	const struct profile *p = r->t->profile;
	const char *words[] = { "default", r->plan.want_input, "incoming", NULL };
	const struct effect *before = effect_of(r, FW_DEFAULT, "incoming");
	const char *old = half_done(before) ? before->old : r->state.input;

	if (strcmp(r->state.input, "allow") != 0 || strcmp(r->plan.want_input, "allow") == 0)
		return half_done(before) ? effect_done(p, &r->t->root, EFFECT_HOST, FW_DEFAULT, "incoming", old,
						       before->new_value, err) : 0;
	if (effect_intend(p, &r->t->root, EFFECT_HOST, FW_DEFAULT, "incoming", old, r->plan.want_input, err) < 0)
		return -1;
	r->done.input = xstrdup(old);
	if (fw_ufw_words(words, NULL, err) < 0)
		return -1;
	free(r->state.input);
	r->state.input = xstrdup(r->plan.want_input);
	return effect_done(p, &r->t->root, EFFECT_HOST, FW_DEFAULT, "incoming", old, r->plan.want_input, err);
}

/* ufw's own list must have every rule for ssh before the door is shut. */
static int ssh_is_open(const struct run *r, struct err *err)
{
	CLEANUP(fw_state_release) struct fw_state now = { .active = false };

	if (fw_state_read(&now, err) < 0)
		return -1;
	for (unsigned i = 0; i < r->ssh.ports.n; i++) {
		unsigned port = r->ssh.ports.port[i];
		int by = fwrule_decide(now.rules, now.lines.n, port, FW_TCP);

		if (by < 0 || !fw_opens(now.rules[by].action))
			return err_set(err, ERR_POLICY, "ufw is not switched on: no rule lets ssh in on port %u", port);
	}
	return 0;
}

static int enable(struct run *r, struct err *err)
{
	static const char *const on[] = { "--force", "enable", NULL };
	static const char *const off[] = { "--force", "disable", NULL };
	const struct profile *p = r->t->profile;

	/* Half switched on by a killed run: ufw would not load what is missing. */
	if (r->state.active && fw_ufw_words(off, NULL, err) < 0)
		return -1;
	if (ssh_is_open(r, err) < 0 || set_default(r, err) < 0 ||
	    effect_intend(p, &r->t->root, EFFECT_HOST, FW_ENABLED, "ufw", "inactive", "active", err) < 0)
		return -1;
	r->done.enabled = true;
	if (fw_ufw_words(on, NULL, err) < 0)
		return -1;
	return 0;
}

static void report_plan(const struct run *r)
{
	for (size_t i = 0; i < r->plan.n; i++) {
		const struct fw_item *item = &r->plan.items[i];

		if (item->what == FW_AGAINST || item->what == FW_RESTRICTED)
			log_warn("'%s' is %s: '%s' stays", item->text, fw_what_text(item->what), r->state.lines.v[item->by]);
	}
	if (r->state.active && strcmp(r->state.input, "allow") == 0 && strcmp(r->plan.want_input, "allow") != 0)
		log_warn("ufw lets incoming packets in by default; that stays; 'ufw default %s incoming' changes it", r->plan.want_input);
	if (!r->state.ipv6)
		log_warn("ufw does not manage IPv6 (IPV6 in /etc/default/ufw): it is not filtered");
	if (r->state.docker)
		log_warn("docker opens the ports that it publishes past ufw");
}

/* The refusals that come before anything is changed. */
static int may_enable(const struct run *r, struct err *err)
{
	const char *name = profile_package(r->t->profile);

	if (!r->ssh.known) {
		err_set(err, ERR_POLICY, "ufw is not switched on: it is not certain on which ports ssh is reached (%s)", r->ssh.why);
		err_hint(err, "run 'ufw allow PORT/tcp' for each of them and 'ufw enable', or mend sshd and run '%s firewall apply --enable'", name);
		return -1;
	}
	for (size_t i = 0; i < r->plan.n; i++)
		if (r->plan.items[i].ssh && r->plan.items[i].what == FW_AGAINST)
			return err_set(err, ERR_POLICY, "ufw is not switched on: '%s' would shut ssh out on port %u; if that is meant, "
				       "run 'ufw enable'", r->state.lines.v[r->plan.items[i].by],
				       r->plan.items[i].rule.ports.r[0].lo);
	return 0;
}

static int change(struct run *r, struct err *err)
{
	if (add_rules(r, err) < 0)
		return -1;
	r->plan.carried_out = true;
	if (r->enabling && enable(r, err) < 0)
		return -1;
	if (!r->state.active && !r->enabling)
		return 0;
	return fw_live_check(&r->plan, &r->state, err);
}

/* An optional rule that is no longer wanted goes, if it is ours and as we left it. */
static int drop_optional(struct run *r, struct err *err)
{
	for (size_t i = 0; i < fw_opt_no_optional.n; i++) {
		struct fwrule rule;
		AUTO_FREE char *text = NULL;
		bool there = false;

		if (fwrule_parse_word(fw_opt_no_optional.v[i], FW_ALLOW, &rule, err) < 0)
			return -1;
		text = fwrule_text(&rule);
		if (!effect_of(r, FW_RULE, text))
			continue;
		for (size_t k = 0; k < r->state.lines.n; k++)
			there |= fwrule_same(&r->state.rules[k], &rule) &&
				 strcmp(r->state.rules[k].comment, r->plan.comment) == 0;
		if (there && delete_rule(text, err) < 0)
			return -1;
		if (effect_undone(r->t->profile, &r->t->root, FW_RULE, text, err) < 0)
			return -1;
		log_info("%s the rule '%s'", there ? "took away" : "no longer manages", text);
	}
	return 0;
}

static int prepare(struct run *r, struct err *err)
{
	struct tool *t = r->t;

	if (fw_need_booted(t, err) < 0 || fw_state_read(&r->state, err) < 0 ||
	    effects_list(t->profile, &t->root, NULL, &r->effects, &r->n_effects, err) < 0)
		return -1;
	/* A run that was killed while it switched ufw on is taken up again as if it were off. */
	r->enabling = fw_opt_enable && (!r->state.active || half_done(effect_of(r, FW_ENABLED, "ufw")));
	/* With ufw on, how ssh is reached is an administrator's own affair. */
	if (!r->state.active || r->enabling)
		fw_ssh_find(&r->ssh);
	return fw_plan_make(&r->plan, t->profile, &r->state, r->ssh.known ? &r->ssh.ports : NULL, &fw_opt_optional, err);
}

static void say_other(const struct run *r)
{
	log_warn("%s is in charge of this machine's firewall: nothing is changed", r->state.other);
	for (size_t i = 0; i < r->plan.n; i++)
		if (!r->plan.items[i].ssh && fw_opens(r->plan.items[i].rule.action))
			log_warn("open %u/%s there: %s", r->plan.items[i].rule.ports.r[0].lo,
				 r->plan.items[i].rule.proto == FW_TCP ? "tcp" : "udp", r->state.advice);
}

/* What an apply depends on, as a sum: ufw is slow, and an upgrade that changes
 * nothing should not notice it. */
static void fingerprint(const struct tool *t, char hex[SHA256_HEX_SIZE])
{
	static const char *const files[] = { "/etc/ufw/user.rules", "/etc/ufw/user6.rules", "/etc/ufw/ufw.conf", "/etc/default/ufw" };
	static const char *const keys[] = { "allow", "limit", "deny", "from", "optional", "comment", "default-incoming", "default-outgoing" };
	AUTO_BUF all = BUF_INIT;

	fw_live_fingerprint(&all);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		buf_addf(&all, "[%s]\n", files[i]);
		(void)(path_read_file(&t->root, files[i], &all, FILE_MAX_SIZE, NULL, NULL) < 0);	/* absent is a state too */
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		buf_addf(&all, "%s=%s\n", keys[i], profile_get_or(t->profile, "firewall", keys[i], "-"));
	buf_addf(&all, "enable=%d\n", fw_opt_enable);
	for (size_t i = 0; i < fw_opt_optional.n; i++)
		buf_addf(&all, "optional=%s\n", fw_opt_optional.v[i]);
	for (size_t i = 0; i < fw_opt_no_optional.n; i++)
		buf_addf(&all, "no-optional=%s\n", fw_opt_no_optional.v[i]);
	sha256_hex(all.p, all.len, hex);
}

static bool was_applied(const struct tool *t)
{
	AUTO_FREE char *path = profile_state_path(t->profile, "firewall.applied");
	AUTO_BUF text = BUF_INIT;
	char hex[SHA256_HEX_SIZE];

	if (path_read_file(&t->root, path, &text, 4096, NULL, NULL) < 0)
		return false;
	fingerprint(t, hex);
	buf_trim_end(&text);
	return strcmp(text.p, hex) == 0;
}

static int note_applied(const struct tool *t, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(t->profile, "firewall.applied");
	struct atomic_opts opts = ATOMIC_OPTS_INIT;
	char hex[SHA256_HEX_SIZE + 1];

	fingerprint(t, hex);
	strcat(hex, "\n");
	opts.mode = 0600;
	return atomic_replace(&t->root, path, hex, strlen(hex), &opts, err) < 0 ? -1 : 0;
}

static void say_would(const struct run *r)
{
	for (size_t i = 0; i < r->plan.n; i++)
		if (r->plan.items[i].what == FW_ADD)
			log_info("would add the rule '%s'", r->plan.items[i].text);
	if (r->enabling)
		log_info("would switch ufw on");
}

/* 1: the ruleset is not what it should be, but not by our doing. */
static int carry_out(struct run *r, struct err *err)
{
	const struct tool *t = r->t;

	if (change(r, err) < 0) {
		if (r->done.rules.n == 0 && !r->done.enabled && !r->done.input && err->kind == ERR_FAIL) {
			log_warn("%s; nothing was changed", err->text);
			err_clear(err);
			return 1;
		}
		restore(r);
		err_hint(err, "the previous state was restored");
		return -1;
	}
	if (r->done.enabled) {
		if (effect_done(t->profile, &t->root, EFFECT_HOST, FW_ENABLED, "ufw", "inactive", "active", err) < 0)
			return -1;
		log_info("switched ufw on; ssh stays open");
	} else if (!r->state.active) {
		log_info("ufw is off; '%s firewall apply --enable' switches it on", profile_package(t->profile));
	} else if (r->done.rules.n == 0) {
		log_info("all rules are there already");
	}
	return drop_optional(r, err);
}

int fw_apply(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(run_release) struct run r = { .t = t };
	int rc;

	if (fw_need_booted(t, err) < 0)
		return -1;
	if (was_applied(t)) {
		log_info("nothing changed since the rules were applied");
		return 0;
	}
	if (prepare(&r, err) < 0)
		return -1;
	if (r.state.other) {
		say_other(&r);
		return 0;
	}
	report_plan(&r);
	if (r.enabling && may_enable(&r, err) < 0)
		return -1;
	if (t->dry_run) {
		say_would(&r);
		return 0;
	}
	rc = carry_out(&r, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return note_applied(t, err);
}

int fw_show_plan(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(run_release) struct run r = { .t = t };
	AUTO_BUF out = BUF_INIT;

	if (prepare(&r, err) < 0)
		return -1;
	if (r.state.other) {
		say_other(&r);
		return 0;
	}
	report_plan(&r);
	if (r.enabling && may_enable(&r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.plan.n; i++) {
		AUTO_STRV words = STRV_INIT;

		if (r.plan.items[i].what != FW_ADD)
			continue;
		fwrule_words(&r.plan.items[i].rule, &words);
		buf_adds(&out, "ufw");
		for (size_t k = 0; k < words.n; k++)
			buf_addf(&out, " %s", words.v[k]);
		buf_addf(&out, " comment '%s'\n", r.plan.comment);
	}
	if (r.enabling && strcmp(r.state.input, "allow") == 0)
		buf_addf(&out, "ufw default %s incoming\n", r.plan.want_input);
	if (r.enabling)
		buf_adds(&out, "ufw --force enable\n");
	return tool_print(&out, err);
}
