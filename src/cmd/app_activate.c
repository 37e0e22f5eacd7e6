/* maintkit-app activate: serve a deployed version, restarting only if something changed.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "app.h"

#include <string.h>

static int check_deployed(const struct app *a, struct err *err)
{
	for (size_t i = 0; i < a->n; i++) {
		struct err e = ERR_INIT;
		AUTO_FREE char *mark = app_deployed_marker(a, a->dirname, a->contexts[i].name, &e);
		const char *flavour = mark ? strchr(mark, ' ') : NULL;

		if (!flavour)
			return err_set(err, ERR_FAIL, "'%s' of version %s is not deployed; run '%s app deploy --version %s'",
				       a->contexts[i].name, a->version, profile_package(a->profile), a->version);
		if (strcmp(flavour + 1, a->major >= 10 ? "jakarta" : "javax") != 0)
			return err_set(err, ERR_FAIL, "'%s' of version %s is deployed for another Tomcat than %d; "
				       "run '%s app deploy --version %s'", a->contexts[i].name, a->version, a->major,
				       profile_package(a->profile), a->version);
	}
	return 0;
}

static int check_certificate(const struct app *a, struct err *err)
{
	const char *path = profile_require(a->profile, "app", "certificate", err);
	struct stat st;

	if (!path)
		return -1;
	if (path_stat(a->root, path, &st, err) < 0) {
		err_hint(err, "run '%s app certificate --self-signed-if-missing'", profile_package(a->profile));
		err->kind = ERR_FAIL;
		return -1;
	}
	return 0;
}

/* Old code: all but what runs and what ran before. */
static int prune_code(const struct app *a, struct err *err)
{
	AUTO_FREE char *previous = NULL;
	AUTO_STRV names = STRV_INIT;
	const char *before = strcmp(a->version, a->active.version) == 0 ? a->active.previous : a->active.version;

	if (before[0])
		previous = webapp_dirname(before, NULL);
	if (path_list(a->root, a->code, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", a->code, names.v[i]);

		if (strcmp(names.v[i], a->dirname) == 0 || (previous && strcmp(names.v[i], previous) == 0))
			continue;
		if (app_remove_tree(a, path, false, err) < 0)
			return -1;
		log_info("removed the code of an older version, '%s'", path);
	}
	return 0;
}

/* Compiled pages of other versions. The directory is the web user's: we look
 * and remove as that user, never as root. */
static int prune_work(const struct app *a, struct err *err)
{
	AUTO_FREE char *keep = app_work_name(a, err);
	AUTO_FREE char *work = xasprintf("%s/work", a->base);
	AUTO_STRV names = STRV_INIT;

	if (!keep || path_list(a->root, work, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", work, names.v[i]);

		if (strcmp(names.v[i], strchr(keep, '/') + 1) != 0 && app_remove_tree(a, path, true, err) < 0)
			return -1;
	}
	return 0;
}

static int start_and_wait(struct app *a, const char *inputs, struct err *err)
{
	enum app_restart what;
	int rc;

	if (app_unit_restart(a, &what, err) < 0)
		return -1;
	if (what == APP_FORBIDDEN || what == APP_DISABLED) {
		log_warn("version %s is switched to but not started: %s '%s'", a->version,
			 what == APP_FORBIDDEN ? "policy-rc.d forbids restarting" : "an administrator disabled", a->unit);
		return 0;
	}
	if (what == APP_RESTARTED) {
		rc = app_unit_wait(a, err);
		if (rc < 0)
			return -1;
		if (rc > 0)
			log_warn("version %s was started but does not answer yet; see 'journalctl -u %s'", a->version, a->unit);
		else
			log_info("version %s is served", a->version);
	} else {
		log_info("version %s starts when the deferred steps are done", a->version);
	}
	if (app_write_active(a, a->version, inputs, err) < 0 || prune_code(a, err) < 0)
		return -1;
	return prune_work(a, err);
}

int app_activate(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_APP a = APP_INIT;
	AUTO_FREE char *inputs = NULL;
	struct app_unit u = { NULL };
	const char *why;
	bool active;

	if (!script_is_booted(&t->root, &why))
		return err_set(err, ERR_BACKEND, "the web application cannot be started: %s", why);
	if (app_open(&a, t, app_opt_version, APP_ACTIVE_VERSION, err) < 0 || app_find_tomcat(&a, err) < 0 ||
	    check_deployed(&a, err) < 0 || check_certificate(&a, err) < 0)
		return -1;
	if (t->dry_run) {
		log_info("would serve version %s with '%s'%s", a.version, a.home,
			 strcmp(a.version, a.active.version) == 0 ? " (as now)" : "");
		return 0;
	}
	if (app_take_back(&a, err) < 0 || app_instance_write(&a, err) < 0)
		return -1;
	inputs = app_instance_inputs(&a, err);
	if (!inputs || app_unit_read(&a, a.unit, &u, err) < 0)
		return -1;
	active = strcmp(u.active, "active") == 0;
	app_unit_release(&u);
	if (active && strcmp(inputs, a.active.inputs) == 0) {
		log_info("version %s is served already, nothing changed", a.version);
		return 0;
	}
	return start_and_wait(&a, inputs, err);
}
