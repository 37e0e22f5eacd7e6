/* adopt: take over from the legacy way: its crontab line goes, who was enrolled by hand is served by the unit.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "../ext/crontab.h"
#include "totp.h"

static int take_lock(void *t, struct err *err)
{
	return totp_lock(t, err);
}

int totp_adopt(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(totp_conf_release) struct totp_conf c = { 0 };
	CLEANUP(totp_store_close) struct totp_store s = TOTP_STORE_INIT;
	const char *script = profile_get(t->profile, "totp", "legacy-script");
	int64_t enabled;

	if (totp_conf_load(&c, t->profile, err) < 0)
		return -1;
	if (totp_store_open(&s, t, &c, err) < 0) {
		if (err->kind != ERR_ABSENT)
			return -1;
		log_debug("nothing to take over: %s", err->text);	/* no database yet, or no columns */
		err_clear(err);
		return 0;
	}
	if (totp_security_count(&s, &enabled, err) < 0)
		return -1;
	/* The unit first: between the two both may write, which does no harm; neither would. */
	if (enabled && !t->dry_run && totp_switch(t, &c, &s, err) < 0)
		return -1;
	if (enabled && s.adapter == TOTP_PIN && !t->dry_run && !totp_unit_active(t, &c)) {
		log_info("'%s' does not run, so crontab lines stay as they are", c.unit);
		return 0;
	}
	if (!script)
		return 0;
	const struct crontab_job job = {
		.profile = t->profile, .root = &t->root, .program = script, .instead = "the unit does its work",
		.dry_run = t->dry_run, .lock = take_lock, .arg = t,
	};
	return crontab_comment_out(&job, err) < 0 ? -1 : 0;
}
