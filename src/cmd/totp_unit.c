/* What goes on with the first enrolled user and off with the last: the refresher's unit and the property.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/stat.h>
#include <unistd.h>
#include "../base/child.h"
#include "../base/lock.h"
#include "../ext/effects.h"
#include "../ext/propsfile.h"
#include "../ext/statefile.h"
#include "totp.h"

#define LOCK_WAIT_MS 60000
#define FRESH_S 90	/* a refresh so recent means that somebody refreshes */

int totp_lock(struct tool *t, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(t->profile, "lock");

	if (statefile_make_dir(t->profile, &t->root, err) < 0)
		return -1;
	return lock_file(&t->root, path, LOCK_WAIT_MS, err);
}

static bool systemd_here(struct tool *t)
{
	struct stat st;

	return script_is_booted(&t->root, NULL) && stat("/run/systemd/system", &st) == 0;
}

/* Exit status of systemctl; -1 when it could not be run. */
static int systemctl(const char *a, const char *b, const char *unit, struct err *err)
{
	const char *argv[] = { "systemctl", a, b, unit, NULL };
	struct child c = { .argv = argv };

	return child_run(&c, err);
}

bool totp_unit_active(struct tool *t, const struct totp_conf *c)
{
	return systemd_here(t) && systemctl("is-active", "--quiet", c->unit, NULL) == 0;
}

static int unit_on(struct tool *t, const struct totp_conf *c, struct err *err)
{
	AUTO_FD int lock = -1;
	int rc;

	if (totp_unit_active(t, c) && systemctl("is-enabled", "--quiet", c->unit, NULL) == 0)
		return 0;
	lock = totp_lock(t, err);
	if (lock < 0 || effect_intend(t->profile, &t->root, EFFECT_HOST, "unit", c->unit, EFFECT_ABSENT, "enabled", err) < 0)
		return -1;
	rc = systemctl("enable", "--now", c->unit, err);
	if (rc > 0)
		return err_set(err, ERR_FAIL, "'systemctl enable --now %s' ended with status %d", c->unit, rc);
	return rc < 0 ? -1 :
	       effect_done(t->profile, &t->root, EFFECT_HOST, "unit", c->unit, EFFECT_ABSENT, "enabled", err);
}

static int unit_off(struct tool *t, const struct totp_conf *c, struct err *err)
{
	AUTO_FD int lock = -1;
	int rc;

	if (systemctl("is-enabled", "--quiet", c->unit, NULL) != 0 && !totp_unit_active(t, c))
		return 0;
	lock = totp_lock(t, err);
	if (lock < 0)
		return -1;
	rc = systemctl("disable", "--now", c->unit, err);
	if (rc > 0)
		return err_set(err, ERR_FAIL, "'systemctl disable --now %s' ended with status %d", c->unit, rc);
	return rc < 0 ? -1 : effect_undone(t->profile, &t->root, "unit", c->unit, err);
}

static int set_property(struct tool *t, const struct totp_conf *c, const struct totp_store *s, bool on, struct err *err)
{
	/* The mfa fork has a switch of its own. */
	const char *key = s->adapter == TOTP_MFA ? "mfa.enabled" : c->property;
	struct propsfile_edit edit = { key, s->adapter == TOTP_MFA ? (on ? "true" : "false") : (on ? "1" : "0") };
	AUTO_FREE char *now = NULL;
	struct err e = ERR_INIT;
	AUTO_FD int lock = -1;

	if (!key)
		return 0;
	/* Nobody was ever enrolled: no need to write that down. */
	if (!on && propsfile_get(t->profile, &t->root, key, &now, &e) < 0 && e.kind == ERR_ABSENT)
		return 0;
	lock = totp_lock(t, err);
	return lock < 0 || propsfile_edit(t->profile, &t->root, &edit, 1, err) < 0 ? -1 : 0;
}

/* The first code at once, so that nobody waits for the next boundary; only
 * when somebody goes on after us: a code that stays would be a fixed PIN. */
static int first_codes(struct tool *t, const struct totp_conf *c, struct totp_store *s, struct err *err)
{
	struct totp_pass pass;
	int64_t refreshed;

	if (totp_state_get(s, "refreshed", 0, &refreshed, err) < 0)
		return -1;
	if (!totp_unit_active(t, c) && totp_now() - refreshed > FRESH_S) {
		log_warn("nothing refreshes the codes, so enrolled users cannot log in; run: systemctl enable --now %s", c->unit);
		return 0;
	}
	if (totp_prepare(s, t, c, false, err) < 0)
		return -1;
	return totp_pass_run(s->db, s->schema, totp_now(), &pass, err);
}

int totp_switch(struct tool *t, const struct totp_conf *c, struct totp_store *s, struct err *err)
{
	struct err e = ERR_INIT;
	int64_t enabled;

	if (totp_security_count(s, &enabled, err) < 0 || set_property(t, c, s, enabled > 0, err) < 0)
		return -1;
	if (s->adapter != TOTP_PIN)
		return 0;
	if (systemd_here(t) && (enabled ? unit_on(t, c, &e) : unit_off(t, c, &e)) < 0)
		log_warn("%s", e.text);	/* the enrolment stands; without refresher the login is shut, not open */
	return enabled ? first_codes(t, c, s, err) : 0;
}
