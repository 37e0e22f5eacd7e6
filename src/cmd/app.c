/* maintkit-app: the Tomcat instance of a package, and which version of the code it serves.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "app.h"

#include <string.h>

const char *app_opt_version, *app_opt_cert, *app_opt_key;
bool app_opt_if_missing;
static bool opt_disable;

static const struct opt version_opts[] = {
	{ "version", 0, OPT_STRING, &app_opt_version, "VERSION", "the package version" },
	{ 0 },
};
static const struct opt deactivate_opts[] = {
	{ "disable", 0, OPT_FLAG, &opt_disable, NULL, "also do not start it at boot" },
	{ 0 },
};
static const struct opt certificate_opts[] = {
	{ "self-signed-if-missing", 0, OPT_FLAG, &app_opt_if_missing, NULL, "make one unless there is one" },
	{ "cert", 0, OPT_STRING, &app_opt_cert, "FILE", "certificate and chain, PEM" },
	{ "key", 0, OPT_STRING, &app_opt_key, "FILE", "its private key, PEM, not encrypted" },
	{ 0 },
};

static int deactivate(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_APP a = APP_INIT;
	const char *why;
	int rc;

	if (app_open(&a, t, NULL, APP_ANY_VERSION, err) < 0)
		return -1;
	if (t->dry_run) {
		log_info("would stop%s '%s'", opt_disable ? " and disable" : "", a.unit);
		return 0;
	}
	if (script_is_booted(&t->root, &why)) {
		rc = app_unit_stop(&a, err);
		if (rc < 0)
			return -1;
		log_info(rc ? "'%s' does not run" : "stopped '%s'; data and code stay", a.unit);
	} else {
		log_info("nothing to stop: %s", why);
	}
	return opt_disable ? app_unit_disable(&a, err) : 0;
}

/* After a change that was called off (postinst abort-*): run again what was
 * configured. It must succeed with everything else down, so it writes nothing
 * and waits for nothing. */
static int resume(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_APP a = APP_INIT;
	struct app_unit u = { NULL };
	enum app_restart what;
	const char *why;
	bool running;

	if (app_open(&a, t, NULL, APP_ANY_VERSION, err) < 0)
		return -1;
	if (!a.active.version[0] || !script_is_booted(&t->root, &why)) {
		log_info("nothing to resume: %s", a.active.version[0] ? why : "no version was served");
		return 0;
	}
	if (app_unit_read(&a, a.unit, &u, err) < 0)
		return -1;
	running = strcmp(u.active, "active") == 0;
	app_unit_release(&u);
	if (running || t->dry_run) {
		log_info(running ? "version %s is served" : "would serve version %s again", a.active.version);
		return 0;
	}
	if (app_unit_restart(&a, &what, err) < 0)
		return -1;
	log_info(what == APP_RESTARTED ? "version %s is served again" : "version %s is not started now", a.active.version);
	return 0;
}

static const struct verb verbs[] = {
	{ "deploy", "", "unpack the web application of a version, without serving it",
	  VERB_DRY_RUN | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, version_opts, app_deploy },
	{ "activate", "", "serve a deployed version; restart only if something changed",
	  VERB_DRY_RUN | VERB_DEFER | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, version_opts, app_activate },
	{ "deactivate", "", "stop serving; code, configuration and data stay",
	  VERB_DRY_RUN | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, deactivate_opts, deactivate },
	{ "prepare", "", "before an upgrade from a package that is not built on maintkit: keep what would go with it",
	  VERB_DRY_RUN | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, NULL, app_prepare },
	{ "take-over", "", "go on where a package that is not built on maintkit stopped: settings, documents, its Tomcat, cron",
	  VERB_DRY_RUN | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, NULL, app_take_over },
	{ "hand-over", "", "make way for a package that is not built on maintkit: stop, disable, give it the settings",
	  VERB_DRY_RUN | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, NULL, app_hand_over },
	{ "resume", "", "run again what was served before a change that was called off",
	  VERB_DRY_RUN | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, NULL, resume },
	{ "certificate", "", "make or take over the certificate of the https port",
	  VERB_DRY_RUN | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, certificate_opts, app_certificate },
	{ "status", "", "what is served, and by what", VERB_JSON | VERB_NEEDS_ROOT, 0, 0, NULL, app_status },
	{ 0 },
};

static const struct command command = {
	.name = "app",
	.summary = "The Tomcat instance of a package, and which version of the code it serves.",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}
