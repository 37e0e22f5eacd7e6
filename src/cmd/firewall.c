/* maintkit-firewall: ufw rules of a package, only its own, and never locking ssh out.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "firewall.h"

#include "../core/json.h"

bool fw_opt_enable, fw_opt_disable;
struct strv fw_opt_optional, fw_opt_no_optional;

static const struct opt apply_opts[] = {
	{ "enable", 0, OPT_FLAG, &fw_opt_enable, NULL, "switch ufw on if it is off" },
	{ "optional", 0, OPT_LIST, &fw_opt_optional, "RULE", "add this one of the profile's optional rules" },
	{ "no-optional", 0, OPT_LIST, &fw_opt_no_optional, "RULE", "take an optional rule away that we added" },
	{ 0 },
};
static const struct opt remove_opts[] = {
	{ "disable", 0, OPT_FLAG, &fw_opt_disable, NULL, "switch ufw off too, if we switched it on" },
	{ 0 },
};

int fw_need_booted(const struct tool *t, struct err *err)
{
	const char *why;

	if (script_is_booted(&t->root, &why))
		return 0;
	return err_set(err, ERR_BACKEND, "the firewall is left alone: %s", why);
}

struct report {
	struct fw_state state;
	struct fw_ssh ssh;
	struct fw_plan plan;
	char *live;		/* what is wrong with the kernel's ruleset, or NULL */
};

static void report_release(struct report *r)
{
	fw_state_release(&r->state);
	fw_ssh_release(&r->ssh);
	fw_plan_release(&r->plan);
	free(r->live);
}

static void as_json(const struct report *r, struct buf *out)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_bool(&j, "active", r->state.active);
	json_string(&j, "default_incoming", r->state.input);
	json_string(&j, "default_outgoing", r->state.output);
	json_bool(&j, "ipv6", r->state.ipv6);
	json_string(&j, "other_firewall", r->state.other);
	json_bool(&j, "docker", r->state.docker);
	json_bool(&j, "ssh_known", r->ssh.known);
	json_array(&j, "ssh_ports");
	for (unsigned i = 0; i < r->ssh.ports.n; i++)
		json_int(&j, NULL, r->ssh.ports.port[i]);
	json_end(&j);
	json_array(&j, "rules");
	for (size_t i = 0; i < r->plan.n; i++) {
		const struct fw_item *item = &r->plan.items[i];

		json_object(&j, NULL);
		json_string(&j, "rule", item->text);
		json_string(&j, "state", fw_what_text(item->what));
		json_string(&j, "by", item->by >= 0 ? r->state.lines.v[item->by] : NULL);
		json_end(&j);
	}
	json_end(&j);
	json_string(&j, "live", r->live);
	json_end(&j);
}

static void as_text(const struct report *r, struct buf *out)
{
	buf_addf(out, "ufw          %s, incoming %s, outgoing %s%s\n", r->state.active ? "on" : "off", r->state.input,
		 r->state.output, r->state.ipv6 ? "" : ", IPv6 not managed");
	if (r->state.other)
		buf_addf(out, "in charge    %s: to open a port there, %s\n", r->state.other, r->state.advice);
	if (r->state.docker)
		buf_adds(out, "docker       opens the ports that it publishes past ufw\n");
	buf_adds(out, "ssh          ");
	for (unsigned i = 0; i < r->ssh.ports.n; i++)
		buf_addf(out, "%sport %u", i ? ", " : "", r->ssh.ports.port[i]);
	if (!r->ssh.known)
		buf_addf(out, " not certain: %s", r->ssh.why);
	else if (r->ssh.ports.n == 0)
		buf_adds(out, "none here");
	buf_addc(out, '\n');
	for (size_t i = 0; i < r->plan.n; i++) {
		const struct fw_item *item = &r->plan.items[i];

		buf_addf(out, "%-24s %s", item->text, fw_what_text(item->what));
		if (item->what >= FW_THEIRS)
			buf_addf(out, ": %s", r->state.lines.v[item->by]);
		buf_addc(out, '\n');
	}
	if (r->state.active)
		buf_addf(out, "kernel       %s\n", r->live ? r->live : "does what the rules say");
}

int fw_status(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(report_release) struct report r = { .live = NULL };
	AUTO_BUF out = BUF_INIT;
	struct err e = ERR_INIT;

	if (fw_need_booted(t, err) < 0 || fw_state_read(&r.state, err) < 0)
		return -1;
	fw_ssh_find(&r.ssh);
	if (fw_plan_make(&r.plan, t->profile, &r.state, NULL, &fw_opt_optional, err) < 0)
		return -1;
	if (r.state.active && fw_live_check(&r.plan, &r.state, &e) < 0)
		r.live = xstrdup(e.text);
	if (t->json)
		as_json(&r, &out);
	else
		as_text(&r, &out);
	return tool_print(&out, err);
}

static const struct verb verbs[] = {
	{ "plan", "", "print the ufw commands that apply would run", VERB_NEEDS_ROOT, 0, 0, apply_opts, fw_show_plan },
	{ "apply", "", "allow ssh, add what is missing of our rules, and check the kernel's ruleset",
	  VERB_DRY_RUN | VERB_DEFER | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, apply_opts, fw_apply },
	{ "status", "", "the firewall, our rules, and what contradicts them", VERB_JSON | VERB_NEEDS_ROOT, 0, 0, NULL, fw_status },
	{ "remove", "", "take our rules away, as far as they are as we left them",
	  VERB_DRY_RUN | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, remove_opts, fw_remove },
	{ 0 },
};

static const struct command command = {
	.name = "firewall",
	.summary = "ufw rules of a package: only its own, and never locking ssh out.",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}
