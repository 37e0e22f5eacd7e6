/* Which of the wanted rules are there already, are missing, or are contradicted by an administrator's.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "firewall.h"

#include <string.h>

void fw_plan_release(struct fw_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->items[i].text);
	free(p->items);
	*p = (struct fw_plan){ .n = 0 };
}

const char *fw_what_text(enum fw_what what)
{
	static const char *const text[] = { "missing", "present", "present, an administrator's",
					    "restricted by an administrator", "contradicted by an administrator" };

	return text[what];
}

/* ufw itself replaces a rule by one that differs only in action or comment, so
 * nothing may be added for a port that a rule decides already. */
static void judge(struct fw_item *item, const struct fw_plan *plan, const struct fw_state *s)
{
	unsigned port = item->rule.ports.r[0].lo;
	bool open = fw_opens(item->rule.action);
	int decides, partial;

	for (size_t i = 0; i < s->lines.n && item->by < 0; i++)
		if (fwrule_same(&s->rules[i], &item->rule)) {
			item->by = (int)i;
			item->what = strcmp(s->rules[i].comment, plan->comment) == 0 ? FW_OURS : FW_THEIRS;
		}
	if (item->rule.source[0])
		return;
	decides = fwrule_decide(s->rules, s->lines.n, port, item->rule.proto);
	partial = fwrule_partial(s->rules, s->lines.n, port, item->rule.proto);
	if (decides >= 0 && fw_opens(s->rules[decides].action) != open) {
		item->by = decides;
		item->what = FW_AGAINST;
	} else if (decides >= 0 && item->by < 0) {
		item->by = decides;
		item->what = FW_THEIRS;
	} else if (decides < 0 && open && !item->ssh && partial >= 0 && fw_opens(s->rules[partial].action) &&
		   strcmp(s->rules[partial].comment, plan->comment) != 0) {
		/* An administrator who opened the port for some senders does
		 * not want it open for all. ssh is the exception: it must not
		 * become unreachable through us. */
		item->by = partial;
		item->what = FW_RESTRICTED;
	}
}

static int add_word(struct fw_plan *plan, const struct fw_state *s, const char *word, enum fw_action action,
		    bool ssh, struct err *err)
{
	struct fw_item item = { .what = FW_ADD, .ssh = ssh, .by = -1 };

	if (fwrule_parse_word(word, action, &item.rule, err) < 0)
		return -1;
	item.text = fwrule_text(&item.rule);
	for (size_t i = 0; i < plan->n; i++)
		if (strcmp(plan->items[i].text, item.text) == 0) {
			free(item.text);
			return 0;
		}
	judge(&item, plan, s);
	plan->items = xreallocarray(plan->items, plan->n + 1, sizeof(*plan->items));
	plan->items[plan->n++] = item;
	return 0;
}

static int add_key(struct fw_plan *plan, const struct profile *p, const struct fw_state *s, const char *key,
		   enum fw_action action, struct err *err)
{
	AUTO_STRV words = STRV_INIT, sources = STRV_INIT;

	profile_words(p, "firewall", key, &words);
	if (fw_opens(action))
		profile_words(p, "firewall", "from", &sources);
	for (size_t i = 0; i < words.n; i++) {
		if (sources.n == 0 || strchr(words.v[i], '@')) {
			if (add_word(plan, s, words.v[i], action, false, err) < 0)
				return -1;
			continue;
		}
		for (size_t k = 0; k < sources.n; k++) {
			AUTO_FREE char *word = xasprintf("%s@%s", words.v[i], sources.v[k]);

			if (add_word(plan, s, word, action, false, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int add_optional(struct fw_plan *plan, const struct profile *p, const struct fw_state *s,
			const struct strv *chosen, struct err *err)
{
	AUTO_STRV known = STRV_INIT;

	profile_words(p, "firewall", "optional", &known);
	for (size_t i = 0; i < chosen->n; i++) {
		if (!strv_has(&known, chosen->v[i]))
			return err_set(err, ERR_USAGE, "'%s' is not among the optional rules of the profile", chosen->v[i]);
		if (add_word(plan, s, chosen->v[i], FW_ALLOW, false, err) < 0)
			return -1;
	}
	return 0;
}

/* "deny", "reject" or "allow", or an error. */
static const char *policy(const struct profile *p, const char *key, const char *fallback, struct err *err)
{
	const char *v = profile_get_or(p, "firewall", key, fallback);

	if (strcmp(v, "deny") == 0 || strcmp(v, "reject") == 0 || strcmp(v, "allow") == 0)
		return v;
	err_set(err, ERR_FAIL, "profile: [firewall] %s: '%s' is neither deny nor reject nor allow", key, v);
	return NULL;
}

static bool comment_ok(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-");

	return n > 0 && n <= 64 && s[n] == '\0' && s[0] != '-';
}

int fw_plan_make(struct fw_plan *plan, const struct profile *p, const struct fw_state *s,
		 const struct fwssh_ports *ssh, const struct strv *optional, struct err *err)
{
	plan->comment = profile_get_or(p, "firewall", "comment", profile_package(p));
	if (!comment_ok(plan->comment))
		return err_set(err, ERR_FAIL, "profile: [firewall] comment: '%s' has characters that are not allowed", plan->comment);
	plan->want_input = policy(p, "default-incoming", "deny", err);
	if (!plan->want_input)
		return -1;
	plan->want_output = policy(p, "default-outgoing", "allow", err);
	if (!plan->want_output)
		return -1;
	for (unsigned i = 0; ssh && i < ssh->n; i++) {
		AUTO_FREE char *word = xasprintf("%u/tcp", ssh->port[i]);

		if (add_word(plan, s, word, FW_ALLOW, true, err) < 0)
			return -1;
	}
	if (add_key(plan, p, s, "allow", FW_ALLOW, err) < 0 || add_key(plan, p, s, "limit", FW_LIMIT, err) < 0 ||
	    add_optional(plan, p, s, optional, err) < 0)
		return -1;
	return add_key(plan, p, s, "deny", FW_DENY, err);
}
