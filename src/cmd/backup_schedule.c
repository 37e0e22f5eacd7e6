/* backup schedule: the nightly timer on or off.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <unistd.h>
#include "../base/child.h"
#include "../ext/effects.h"
#include "backup.h"

/* Exit status of systemctl; -1 when it could not be run. */
static int systemctl(const char *a, const char *b, const char *unit, struct err *err)
{
	const char *argv[] = { "systemctl", a, b, unit, NULL };
	struct child c = { .argv = argv };

	return child_run(&c, err);
}

static int switch_on(struct tool *t, const char *unit, struct err *err)
{
	if (effect_intend(t->profile, &t->root, EFFECT_HOST, "unit", unit, EFFECT_ABSENT, "enabled", err) < 0)
		return -1;
	int rc = systemctl("enable", "--now", unit, err);

	if (rc > 0)
		return err_set(err, ERR_FAIL, "'systemctl enable --now %s' ended with status %d", unit, rc);
	if (rc < 0 || effect_done(t->profile, &t->root, EFFECT_HOST, "unit", unit, EFFECT_ABSENT, "enabled", err) < 0)
		return -1;
	log_info("a backup is made, verified and the old ones pruned every night ('systemctl list-timers %s')", unit);
	return 0;
}

static int switch_off(struct tool *t, const char *unit, struct err *err)
{
	int rc = systemctl("disable", "--now", unit, err);

	if (rc > 0)
		return err_set(err, ERR_FAIL, "'systemctl disable --now %s' ended with status %d", unit, rc);
	if (rc < 0 || effect_undone(t->profile, &t->root, "unit", unit, err) < 0)
		return -1;
	log_info("no backups are made at night any more");
	return 0;
}

int backup_run_schedule(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(recipients_release) struct recipients r = RECIPIENTS_INIT;
	CLEANUP(scratch_remove) struct scratch home = SCRATCH_INIT;
	AUTO_FREE char *unit = xasprintf("maintkit-backup@%s.timer", profile_package(t->profile));

	if (!backup_options.off && (recipients_read(&r, t, err) < 0 || scratch_make(&home, t, err) < 0 ||
				    recipients_require_outside(&r, home.path, err) < 0))
		return -1;
	if (!script_is_booted(&t->root, NULL) || access("/run/systemd/system", F_OK) < 0)
		return err_set(err, ERR_BACKEND, "systemd does not run here, so nothing can be scheduled");
	bool enabled = systemctl("is-enabled", "--quiet", unit, NULL) == 0;
	bool active = systemctl("is-active", "--quiet", unit, NULL) == 0;
	bool on = backup_options.off ? enabled || active : enabled && active;

	if (on != backup_options.off) {
		log_info("%s", on ? "backups are made every night already" : "no backups are made at night");
		return 0;
	}
	if (t->dry_run) {
		log_info("would %s %s", on ? "disable" : "enable", unit);
		return 0;
	}
	return on ? switch_off(t, unit, err) : switch_on(t, unit, err);
}
