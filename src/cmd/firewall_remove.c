/* maintkit-firewall remove: only our own rules, only unchanged ones, and never the one that lets ssh in.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "firewall.h"

#include <string.h>

struct removal {
	struct tool *t;
	struct fw_state state;
	struct fw_ssh ssh;
	struct strv profile_words;	/* what the profile opens: not ssh's */
};

static void removal_release(struct removal *r)
{
	fw_state_release(&r->state);
	fw_ssh_release(&r->ssh);
	strv_release(&r->profile_words);
}

/* Was the rule made for ssh, or is it what lets ssh in now? */
static bool serves_ssh(const struct removal *r, const struct fwrule *rule)
{
	AUTO_FREE char *text = fwrule_text(rule);
	const char *word = strchr(text, ' ') + 1;

	for (unsigned i = 0; i < r->ssh.ports.n; i++)
		if (r->ssh.ports.port[i] == rule->ports.r[0].lo)
			return true;
	return !strv_has(&r->profile_words, word);
}

/* Index of the rule as we left it, -1: gone or changed. */
static int find_ours(const struct removal *r, const struct fwrule *rule, const char *comment)
{
	for (size_t i = 0; i < r->state.lines.n; i++)
		if (fwrule_same(&r->state.rules[i], rule) && strcmp(r->state.rules[i].comment, comment) == 0)
			return (int)i;
	return -1;
}

static int remove_rule(struct removal *r, const struct effect *e, struct err *err)
{
	const struct profile *p = r->t->profile;
	struct fwrule rule;
	AUTO_STRV words = STRV_INIT;

	if (fwrule_parse_text(e->id, &rule, err) < 0)
		return -1;
	if (find_ours(r, &rule, e->new_value) < 0) {
		log_info("the rule '%s' was changed or removed by an administrator and stays so", e->id);
	} else if (r->state.active && fw_opens(rule.action) && !rule.source[0] && serves_ssh(r, &rule)) {
		log_info("the rule '%s' stays: ufw is on, and without it ssh would be shut out", e->id);
	} else if (r->t->dry_run) {
		log_info("would take away the rule '%s'", e->id);
	} else {
		strv_add(&words, "delete");
		fwrule_words(&rule, &words);
		if (fw_ufw(&words, NULL, err) < 0)
			return -1;
		log_info("took away the rule '%s'", e->id);
	}
	return r->t->dry_run ? 0 : effect_undone(p, &r->t->root, FW_RULE, e->id, err);
}

static int remove_switch(struct removal *r, struct err *err)
{
	static const char *const off[] = { "--force", "disable", NULL };

	if (!r->state.active) {
		/* somebody switched it off: nothing left of ours */
	} else if (!fw_opt_disable) {
		log_info("ufw stays on, as %s switched it; 'ufw disable' switches it off", profile_package(r->t->profile));
	} else if (r->t->dry_run) {
		log_info("would switch ufw off");
	} else {
		if (fw_ufw_words(off, NULL, err) < 0)
			return -1;
		r->state.active = false;
		log_info("switched ufw off");
	}
	return r->t->dry_run ? 0 : effect_undone(r->t->profile, &r->t->root, FW_ENABLED, "ufw", err);
}

static int remove_default(struct removal *r, const struct effect *e, struct err *err)
{
	const char *words[] = { "default", e->old, "incoming", NULL };

	/* with ufw on this would open every port */
	if (!r->state.active && strcmp(r->state.input, e->new_value) == 0 && !r->t->dry_run &&
	    fw_ufw_words(words, NULL, err) < 0)
		return -1;
	return r->t->dry_run ? 0 : effect_undone(r->t->profile, &r->t->root, FW_DEFAULT, "incoming", err);
}

static int remove_kind(struct removal *r, const struct effect *list, size_t n, const char *kind, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct effect *e = &list[i];
		int rc = 0;

		if (strcmp(e->kind, kind) != 0)
			continue;
		if (strcmp(kind, FW_ENABLED) == 0)
			rc = remove_switch(r, err);
		else if (strcmp(kind, FW_RULE) == 0)
			rc = remove_rule(r, e, err);
		else
			rc = remove_default(r, e, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

int fw_remove(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(removal_release) struct removal r = { .t = t };
	struct effect *list = NULL;
	AUTO_FREE char *applied = profile_state_path(t->profile, "firewall.applied");
	size_t n = 0, ours = 0;
	int rc;

	if (effects_list(t->profile, &t->root, NULL, &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		ours += strncmp(list[i].kind, "ufw-", 4) == 0;
	if (ours == 0) {
		effects_free(list, n);
		log_info("there is no firewall rule of ours");
		return 0;
	}
	profile_words(t->profile, "firewall", "allow", &r.profile_words);
	profile_words(t->profile, "firewall", "limit", &r.profile_words);
	profile_words(t->profile, "firewall", "optional", &r.profile_words);
	rc = fw_need_booted(t, err) < 0 || fw_state_read(&r.state, err) < 0 ||
	     (!t->dry_run && path_unlink(&t->root, applied, err) < 0) ? -1 : 0;
	if (rc == 0) {
		fw_ssh_find(&r.ssh);
		/* the switch first: with it off, nothing can shut ssh out */
		if (remove_kind(&r, list, n, FW_ENABLED, err) < 0 || remove_kind(&r, list, n, FW_RULE, err) < 0 ||
		    remove_kind(&r, list, n, FW_DEFAULT, err) < 0)
			rc = -1;
	}
	effects_free(list, n);
	return rc;
}
