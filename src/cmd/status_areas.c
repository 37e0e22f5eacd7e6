/* maintkit-status: what the answers of the other programs mean.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <time.h>
#include "../base/script.h"
#include "status.h"

#define KEY_DAYS 30		/* warn so long before a key or certificate ends */
#define BACKUP_DAYS 8		/* a weekly backup may be a day late */
#define CLOCK_SLACK_S 3600

static void say(struct finding *f, enum level level, const char *mend)
{
	f->level = level;
	free(f->mend);
	f->mend = mend ? xstrdup(mend) : NULL;
}

static bool equals(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

static void judge_database(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_FREE char *name = status_value(json, "database"), *situation = status_value(json, "situation");

	buf_addf(&f->text, "%s: %s", name ? name : "?", situation ? situation : "?");
	if (equals(situation, "missing") || equals(situation, "empty"))
		say(f, LEVEL_WRONG, "sql create");
	else if (!situation || equals(situation, "unknown"))
		say(f, LEVEL_WRONG, "sql baseline");
}

static void judge_scripts(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_FREE char *due = status_value(json, "due");

	if (!due || equals(due, "0")) {
		buf_adds(&f->text, "all are applied");
		return;
	}
	buf_addf(&f->text, "%s due or interrupted", due);
	say(f, LEVEL_WRONG, "sql apply");
}

static void judge_totp(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	size_t enabled = 0;

	for (const char *p = json; (p = strstr(p, "\"enabled\": true")); p++)
		enabled++;
	buf_addf(&f->text, "%zu user%s enrolled", enabled, enabled == 1 ? "" : "s");
	if (!enabled)
		say(f, LEVEL_NOTE, "totp enroll USER");
}

static void judge_props(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_STRV found = STRV_INIT;

	status_objects(json, &found);
	if (!found.n) {
		buf_adds(&f->text, "nothing to remark");
		return;
	}
	buf_addf(&f->text, "%zu to look at", found.n);
	say(f, LEVEL_NOTE, "props check");
}

static void judge_key(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_STRV keys = STRV_INIT;

	status_objects(json, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		AUTO_FREE char *fpr = status_value(keys.v[i], "fingerprint"), *used = status_value(keys.v[i], "in_use");
		AUTO_FREE char *days = status_value(keys.v[i], "days_left"), *problem = status_value(keys.v[i], "problem");

		if (!equals(used, "true"))
			continue;
		buf_addf(&f->text, "%s%s%s%s", fpr ? fpr : "?", days ? ", days left: " : "", days ? days : "", problem ? ": " : "");
		if (problem)
			buf_adds(&f->text, problem);
		if (problem || (days && strtol(days, NULL, 10) < KEY_DAYS))
			say(f, LEVEL_WRONG, "pgp extend");
		return;
	}
	buf_adds(&f->text, "no key is in use");
	say(f, LEVEL_WRONG, "pgp ensure");
}

static void judge_exports(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_FREE char *mode = status_value(json, "mode"), *possible = status_value(json, "plaintext_possible");
	AUTO_FREE char *setting = status_value(json, "setting"), *chain = status_value(json, "chain");

	if (equals(possible, "false")) {
		buf_addf(&f->text, "encrypted to a %s", mode ? mode : "?");
		return;
	}
	buf_adds(&f->text, "can leave UNENCRYPTED");
	if (setting)
		buf_addf(&f->text, ": %s", setting);
	if (chain)
		buf_addf(&f->text, "%s%s", setting ? "; " : ": ", chain);
	say(f, LEVEL_WRONG, "pgp ensure");
}

static void judge_certificate(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_FREE char *until = status_value(json, "certificate_until"), *error = status_value(json, "certificate_error");
	struct tm tm = { 0 };

	if (!until) {
		buf_adds(&f->text, error ? error : "none");
		say(f, LEVEL_WRONG, "app certificate");
		return;
	}
	buf_addf(&f->text, "until %s", until);
	/* As openssl prints it: "Nov 22 08:00:00 2027 GMT". */
	if (strptime(until, "%b %d %H:%M:%S %Y", &tm) && timegm(&tm) < time(NULL) + KEY_DAYS * 86400LL)
		say(f, LEVEL_WRONG, "app certificate");
}

static void judge_firewall(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_FREE char *active = status_value(json, "active"), *live = status_value(json, "live");
	AUTO_FREE char *other = status_value(json, "other_firewall");
	bool missing = strstr(json, "\"state\": \"missing\"") != NULL;

	buf_adds(&f->text, equals(active, "true") ? "active" : "not active");
	if (missing)
		buf_adds(&f->text, ", rules are missing");
	if (live)
		buf_addf(&f->text, ", %s", live);
	if (other)
		buf_addf(&f->text, ", %s is in charge", other);
	if (equals(active, "true") && !missing && !live)
		return;
	say(f, other ? LEVEL_NOTE : LEVEL_WRONG, other ? NULL : "firewall apply");
}

static void judge_application(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_FREE char *version = status_value(json, "version"), *unit = status_value(json, "unit_state");
	AUTO_FREE char *enabled = status_value(json, "unit_enabled"), *restart = status_value(json, "restart_due");

	buf_addf(&f->text, "%s%s, unit %s%s%s", version ? "serves " : "serves nothing yet", version ? version : "",
		 unit ? unit : "not known", enabled ? ", " : "", enabled ? enabled : "");
	if (equals(restart, "true"))
		buf_adds(&f->text, ", a restart is due");
	if (!version || (unit && strcmp(unit, "active") != 0) || equals(restart, "true"))
		say(f, LEVEL_WRONG, "app activate");
	else if (!unit)
		say(f, LEVEL_UNKNOWN, NULL);
}

static void judge_guard(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_FREE char *known = status_value(json, "known"), *damaged = status_value(json, "mirror_damaged");
	AUTO_FREE char *schema = status_value(json, "schema_level"), *min = status_value(json, "min_app_level");

	if (!equals(known, "true"))
		buf_adds(&f->text, "nothing is recorded yet");
	else
		buf_addf(&f->text, "schema level %s, programs from level %s on", schema ? schema : "?", min ? min : "?");
	if (equals(damaged, "true")) {
		buf_adds(&f->text, ", its mirror is damaged");
		say(f, LEVEL_WRONG, "guard status --refresh");
	}
}

static void judge_pending(const struct tool *t, const char *json, struct finding *f)
{
	AUTO_STRV steps = STRV_INIT;

	status_objects(json, &steps);
	if (!steps.n) {
		buf_adds(&f->text, "nothing");
		return;
	}
	AUTO_FREE char *step = status_value(steps.v[0], "step"), *reason = status_value(steps.v[0], "reason");

	buf_addf(&f->text, "%zu step%s wait%s, first '%s': %s", steps.n, steps.n == 1 ? "" : "s",
		 steps.n == 1 ? "s" : "", step ? step : "?", reason ? reason : "?");
	/* In an image they are where they belong: the first boot does them. */
	if (script_is_booted(&t->root, NULL))
		say(f, LEVEL_WRONG, "pending run");
	else
		f->level = LEVEL_NOTE;
}

/* Seconds since 1970; -1: no time. */
static long long iso_time(const char *text)
{
	struct tm tm = { 0 };

	return text && strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? (long long)timegm(&tm) : -1;
}

/* The newest of all and the newest that is good. The list has the oldest first. */
static size_t newest_backups(const char *json, char **newest, char **good)
{
	AUTO_STRV all = STRV_INIT;

	status_objects(json, &all);
	for (size_t i = 0; i < all.n; i++) {
		AUTO_FREE char *created = status_value(all.v[i], "created"), *verified = status_value(all.v[i], "verified");

		if (!created)
			continue;
		if (verified) {
			free(*good);
			*good = xstrdup(created);
		}
		free(*newest);
		*newest = MOVE_PTR(created);
	}
	return all.n;
}

static void judge_backups(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_FREE char *newest = NULL, *good = NULL;
	size_t n = newest_backups(json, &newest, &good);
	long long old = time(NULL) - BACKUP_DAYS * 86400LL, to_come = time(NULL) + CLOCK_SLACK_S;

	if (!newest) {
		buf_adds(&f->text, n ? "of unknown age" : "none");
		say(f, LEVEL_WRONG, "backup create");
		return;
	}
	buf_addf(&f->text, "%zu, newest of %s", n, newest);
	if (!good)
		buf_adds(&f->text, ", none is verified");
	else if (strcmp(good, newest) != 0)
		buf_addf(&f->text, ", newest verified of %s", good);
	if (iso_time(newest) > to_come) {
		buf_adds(&f->text, ", a time that has not come yet: look at the clock");
		say(f, LEVEL_WRONG, "backup create");
	} else if (iso_time(newest) < old) {
		say(f, LEVEL_WRONG, "backup create");
	} else if (!good || iso_time(good) < old || iso_time(good) > to_come) {
		say(f, LEVEL_WRONG, "backup verify");
	}
}

/* Where the secrets lie that open the backups. */
static void judge_recipients(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_FREE char *outside = status_value(json, "off_machine");
	const char *between = "";

	for (const char *p = json; (p = strstr(p, "\"kind\": ")); p++) {
		AUTO_FREE char *kind = status_value(p, "kind"), *id = status_value(p, "id"), *secret = status_value(p, "secret");

		buf_addf(&f->text, "%s%s", between, kind ? kind : "?");
		if (id && !equals(kind, "passphrase"))
			buf_addf(&f->text, " key %.16s", id);
		buf_addf(&f->text, " (%s)", secret ? secret : "?");
		between = ", ";
	}
	if (equals(outside, "true"))
		return;
	buf_addf(&f->text, "%snothing outside this machine opens them", *between ? "; " : "");
	say(f, LEVEL_NOTE, "backup recovery");
}

static void judge_kept(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_STRV kept = STRV_INIT;

	status_objects(json, &kept);
	if (!kept.n) {
		buf_adds(&f->text, "nothing is kept aside");
		return;
	}
	AUTO_FREE char *state = status_value(kept.v[0], "state"), *since = status_value(kept.v[0], "since");
	AUTO_FREE char *database = status_value(kept.v[0], "database");

	if (equals(state, "restored") || equals(state, "reverted")) {
		buf_addf(&f->text, "%s is kept since %s%s%s", equals(state, "restored") ? "the former state" : "the restored state",
			 since ? since : "?", database ? ", database " : "", database ? database : "");
		say(f, LEVEL_NOTE, "backup restore --confirm");
		return;
	}
	buf_addf(&f->text, "interrupted while %s", state ? state : "?");
	say(f, LEVEL_WRONG, equals(state, "loading") ? "backup restore --discard" : "backup restore --continue");
}

static void judge_retained(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	AUTO_STRV kept = STRV_INIT;

	status_objects(json, &kept);
	if (!kept.n) {
		buf_adds(&f->text, "none");
		return;
	}
	AUTO_FREE char *database = status_value(kept.v[0], "database"), *patients = status_value(kept.v[0], "patients");

	buf_addf(&f->text, "of a purge: database '%s', %s patients", database ? database : "?", patients ? patients : "?");
	say(f, LEVEL_NOTE, "data adopt");
}

/* What is due is the admin's to decide; what was cut off is not. */
static void judge_migrations(const struct tool *t UNUSED, const char *json, struct finding *f)
{
	static const struct { const char *state, *mend; enum level level; } states[] = {
		{ "interrupted", "migrate run", LEVEL_WRONG }, { "undo interrupted", "migrate undo", LEVEL_WRONG },
		{ "due", "migrate plan", LEVEL_NOTE }, { "due again", "migrate plan", LEVEL_NOTE }, { "done", NULL, LEVEL_OK },
		{ "undone", NULL, LEVEL_OK },
	};
	AUTO_STRV all = STRV_INIT;

	status_objects(json, &all);
	for (size_t i = 0; i < all.n; i++) {
		AUTO_FREE char *name = status_value(all.v[i], "name"), *state = status_value(all.v[i], "state");
		AUTO_FREE char *warning = status_value(all.v[i], "warning");
		size_t s = 0;

		while (s < ARRAY_LEN(states) && !equals(state, states[s].state))
			s++;
		if (s == ARRAY_LEN(states) && !warning)
			continue;	/* not needed, or not possible in this database */
		buf_addf(&f->text, "%s%s %s%s%s", f->text.len ? "; " : "", name ? name : "?", state ? state : "?", warning ? ": " : "",
			 warning ? warning : "");
		enum level level = s < ARRAY_LEN(states) ? states[s].level : LEVEL_NOTE;

		if (warning && level == LEVEL_OK)
			level = LEVEL_NOTE;
		if (f->level == LEVEL_WRONG || level == LEVEL_OK || (f->level == LEVEL_NOTE && level == LEVEL_NOTE))
			continue;
		say(f, level, NULL);
		if (s < ARRAY_LEN(states) && states[s].mend) {
			f->mend = xasprintf("%s %s", states[s].mend, name ? name : "NAME");
		}
	}
	if (!f->text.len)
		buf_adds(&f->text, "none is needed");
}

const struct area status_areas[] = {
	{ "database", "database", "sql", "status", judge_database },
	{ "scripts", "sql", "sql", "plan", judge_scripts },
	{ "migrations", "migrate", "migrate", "status", judge_migrations },
	{ "second factor", "totp", "totp", "list", judge_totp },
	{ "properties", "properties", "props", "check", judge_props },
	{ "key", "pgp", "pgp", "show", judge_key },
	{ "exports", "pgp", "pgp", "exports", judge_exports },
	{ "certificate", "app", "app", "status", judge_certificate },
	{ "firewall", "firewall", "firewall", "status", judge_firewall },
	{ "application", "app", "app", "status", judge_application },
	{ "guard", "guard", "guard", "status", judge_guard },
	{ "pending", NULL, "pending", "list", judge_pending },
	{ "backups", "backup", "backup", "list", judge_backups },
	{ "restore", "backup", "backup", "kept", judge_kept },
	{ "backup keys", "backup", "backup", "recipients", judge_recipients },
	{ "retained data", "data", "data", "list", judge_retained },
};
const size_t status_n_areas = ARRAY_LEN(status_areas);
