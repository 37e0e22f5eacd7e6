/* list, show and disable.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../core/json.h"
#include "totp.h"

struct listing {
	struct totp_user *user;
	size_t n;
	int64_t refreshed, open;
};

static void listing_release(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		totp_user_release(&l->user[i]);
	free(l->user);
}

static void format_time(int64_t when, char out[32])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (when <= 0 || !gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		strcpy(out, "never");
}

static const char *state_of(const struct totp_user *u)
{
	return u->enabled ? (u->pending ? "rotating" : "on") : "waiting";
}

/* The login asks for the code wherever the user comes from. */
static bool asked(const struct totp_store *s, const struct totp_user *u)
{
	return s->adapter != TOTP_PIN || (u->asked_local && u->asked_remote);
}

static void list_json(const struct totp_store *s, const struct listing *l, struct buf *out)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_string(&j, "adapter", totp_adapter_name(s->adapter));
	json_int(&j, "refreshed", l->refreshed);
	json_bool(&j, "open", l->open == 1);
	json_array(&j, "users");
	for (size_t i = 0; i < l->n; i++) {
		const struct totp_user *u = &l->user[i];
		const struct otp_params *p = u->enabled ? &u->params : &u->pending_params;

		json_object(&j, NULL);
		json_string(&j, "user", u->name);
		json_bool(&j, "enabled", u->enabled);
		json_bool(&j, "waiting", u->pending != NULL);
		json_string(&j, "algorithm", otp_algorithm_name(p->algorithm));
		json_int(&j, "digits", p->digits);
		json_int(&j, "period", p->period);
		json_bool(&j, "valid", !u->enabled || !u->params_bad);
		json_bool(&j, "asked", asked(s, u));
		json_int(&j, "drift", u->drift);
		json_int(&j, "recovery_codes", u->recovery_left);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
}

static void list_table(const struct totp_store *s, const struct listing *l, struct buf *out)
{
	char when[32];

	format_time(l->refreshed, when);
	buf_addf(out, "%-20s %-8s %-9s %6s %6s %5s %8s %s\n", "USER", "STATE", "ALGORITHM", "DIGITS", "PERIOD", "DRIFT", "RECOVERY", "REFRESHED");
	for (size_t i = 0; i < l->n; i++) {
		const struct totp_user *u = &l->user[i];
		const struct otp_params *p = u->enabled ? &u->params : &u->pending_params;

		buf_addf(out, "%-20s %-8s %-9s %6u %6u %5lld %8lld %s%s%s\n", u->name, state_of(u), otp_algorithm_name(p->algorithm),
			 p->digits, p->period, (long long)u->drift, (long long)u->recovery_left,
			 !u->enabled ? "-" : s->adapter == TOTP_PIN ? when : totp_adapter_name(s->adapter),
			 u->enabled && s->adapter == TOTP_PIN && l->open != 1 ? " (shut)" : "",
			 u->enabled && !asked(s, u) ? " (not asked for)" : "");
	}
}

int totp_list(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(totp_conf_release) struct totp_conf c = { 0 };
	CLEANUP(totp_store_close) struct totp_store s = TOTP_STORE_INIT;
	CLEANUP(listing_release) struct listing l = { 0 };
	AUTO_BUF out = BUF_INIT;

	if (totp_conf_load(&c, t->profile, err) < 0 || totp_store_open(&s, t, &c, err) < 0 ||
	    totp_security_list(&s, &l.user, &l.n, err) < 0 || totp_state_get(&s, "refreshed", 0, &l.refreshed, err) < 0 ||
	    totp_state_get(&s, "open", 0, &l.open, err) < 0)
		return -1;
	if (t->json)
		list_json(&s, &l, &out);
	else
		list_table(&s, &l, &out);
	return tool_print(&out, err);
}

static int show_secret(const struct totp_conf *c, const struct totp_user *u, struct err *err)
{
	bool waits = u->pending != NULL;
	struct totp_shown w = { .user = u->name, .secret = waits ? u->pending : u->secret, .recovery = "",
				.params = waits ? &u->pending_params : &u->params };

	if (!isatty(STDERR_FILENO) || !isatty(STDIN_FILENO))
		return err_set(err, ERR_POLICY, "a secret is shown on a terminal only");
	if (!waits && !u->enabled)
		return err_set(err, ERR_FAIL, "user '%s' has no secret", u->name);
	return totp_show_terminal(c, &w, err);
}

int totp_show_verb(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(totp_conf_release) struct totp_conf c = { 0 };
	CLEANUP(totp_store_close) struct totp_store s = TOTP_STORE_INIT;
	CLEANUP(totp_user_release) struct totp_user u = { 0 };
	AUTO_BUF out = BUF_INIT;
	const struct otp_params *p;

	if (totp_conf_load(&c, t->profile, err) < 0 || totp_store_open(&s, t, &c, err) < 0 ||
	    totp_security_find(&s, argv[0], &u, err) < 0)
		return -1;
	if (totp_options.show_secret)
		return show_secret(&c, &u, err);
	p = u.enabled ? &u.params : &u.pending_params;
	buf_addf(&out, "user: %s\nadapter: %s\nstate: %s\n", u.name, totp_adapter_name(s.adapter),
		 u.enabled || u.pending ? state_of(&u) : "off");
	if (u.enabled || u.pending)
		buf_addf(&out, "algorithm: %s\ndigits: %u\nperiod: %u\ndrift: %lld\nrecovery codes: %lld\nasked for everywhere: %s\n",
			 otp_algorithm_name(p->algorithm), p->digits, p->period, (long long)u.drift,
			 (long long)u.recovery_left, asked(&s, &u) ? "yes" : "no");
	return tool_print(&out, err);
}

int totp_disable(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(totp_conf_release) struct totp_conf c = { 0 };
	CLEANUP(totp_store_close) struct totp_store s = TOTP_STORE_INIT;
	CLEANUP(totp_user_release) struct totp_user u = { 0 };
	int rc = 0;

	if (totp_conf_load(&c, t->profile, err) < 0 || totp_store_open(&s, t, &c, err) < 0 ||
	    totp_security_find(&s, argv[0], &u, err) < 0)
		return -1;
	if (!u.enabled && !u.pending) {
		log_info("two-factor login is off for user '%s' already", u.name);
		return 0;
	}
	if (t->dry_run) {
		log_info("two-factor login would be switched off for user '%s'", u.name);
		return 0;
	}
	if (totp_begin(&s, err) < 0)
		return -1;
	if (u.enabled)
		rc = totp_security_disable(&s, &u, err);
	if (rc == 0)
		rc = totp_forget(&s, u.no, err);
	if (totp_end(&s, rc, err) < 0)
		return -1;
	log_info("two-factor login is off for user '%s'%s", u.name,
		 u.enabled && s.adapter == TOTP_PIN ? "; the former PIN is back" : "");
	if (u.enabled && s.adapter == TOTP_PIN && !u.saved_pin)
		log_warn("user '%s' had no PIN that is known; set one in the application, or the login stays shut", u.name);
	return totp_switch(t, &c, &s, err);
}
