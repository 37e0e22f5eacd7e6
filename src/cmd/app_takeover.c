/* maintkit-app take-over: go on where a package of the same name that was not built on maintkit stopped.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Such a package ran the application on the machine's own Tomcat, kept its
 * settings beside that Tomcat, its documents belong to that Tomcat's account,
 * and cron called its scripts. Here, in this order and each step repeatable:
 *	login		app_login.c: the database administrator's, where root has none
 *	settings	copied to our place when there are none yet; the original stays
 *	documents	app_documents.c: to our account, and writable in our unit's sandbox
 *	its Tomcat	stopped and disabled, if it would listen on our https port
 *			and serves nothing else
 *	crontab lines	commented out, if the script that they call is gone
 * "hand-over" is the way back. Effects: "file", "owner", "unit-disabled", "cron-line".
 *
 * Profile, section [app]:
 *	hand-over-properties	where that package keeps the settings
 *	hand-over-groups	the accounts (user and group) of its Tomcat
 *	take-over-contexts	what its Tomcat may serve and still be stopped
 *	take-over-cron		its scripts
 */
#include "app.h"

#include <string.h>
#include <unistd.h>

#include "../base/child.h"
#include "../ext/crontab.h"
#include "../ext/effects.h"
#include "../ext/propsfile.h"

/* ---- settings ---- */

/* The one that was written last: a machine that came through several Tomcats
 * has several. To be freed; NULL: none. */
static char *former_settings(const struct app *a)
{
	AUTO_STRV paths = STRV_INIT;
	const char *best = NULL;
	struct timespec when = { 0, 0 };

	profile_words(a->profile, "app", "hand-over-properties", &paths);
	for (size_t i = 0; i < paths.n; i++) {
		struct stat st;

		if (path_stat(a->root, paths.v[i], &st, NULL) < 0 || !S_ISREG(st.st_mode) || !st.st_size)
			continue;
		if (best)
			log_info("there are settings in '%s' and in '%s' too; the newer ones count", best, paths.v[i]);
		if (!best || st.st_mtim.tv_sec > when.tv_sec ||
		    (st.st_mtim.tv_sec == when.tv_sec && st.st_mtim.tv_nsec > when.tv_nsec)) {
			best = paths.v[i];
			when = st.st_mtim;
		}
	}
	return best ? xstrdup(best) : NULL;
}

static int take_settings(const struct app *a, const char *from, struct err *err)
{
	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;
	enum props_encoding enc;

	if (!from)
		return 0;
	if (propsfile_open(&f, a->profile, a->root, NULL, NULL, PROPSFILE_CREATE, err) < 0)
		return -1;
	if (f.st.st_ino)
		return 0;	/* we have settings: those count */
	if (a->t->dry_run) {
		log_info("would copy the settings of '%s' to '%s'", from, f.path);
		return 0;
	}
	props_free(f.props);
	f.props = NULL;
	if (propsfile_encoding(a->profile, NULL, &enc, err) < 0 ||
	    propsfile_read(a->root, from, enc, &f.props, NULL, NULL, err) < 0) {
		err_hint(err, "mend that line, then run this again");
		return -1;
	}
	if (propsfile_commit(&f, err) < 0)
		return -1;
	log_info("the settings of '%s' are in '%s' now; that file stays as it is", from, f.path);
	return 0;
}

/* ---- the other Tomcat ---- */

static bool was_used(const struct app *a, const struct strv *settings, const char *tomcat)
{
	AUTO_FREE char *dir = xasprintf("/usr/share/%s/", tomcat);

	for (size_t i = 0; i < settings->n; i++) {
		struct stat st;

		if (strncmp(settings->v[i], dir, strlen(dir)) == 0 && path_stat(a->root, settings->v[i], &st, NULL) == 0)
			return true;
	}
	return false;
}

static bool wants_our_port(const struct app *a, const char *tomcat)
{
	AUTO_FREE char *path = xasprintf("/etc/%s/server.xml", tomcat);
	AUTO_BUF text = BUF_INIT;
	struct err unreadable = ERR_INIT;
	long port;

	return profile_int(a->profile, "app", "https-port", 1, 65535, 8443, &port, &unreadable) == 0 &&
	       path_read_file(a->root, path, &text, FILE_MAX_SIZE, NULL, &unreadable) == 0 &&
	       webapp_has_connector(text.p, text.len, port);
}

/* What else it serves, to be freed; NULL: nothing. */
static char *serves_more(const struct app *a, const char *tomcat)
{
	AUTO_FREE char *dir = xasprintf("/var/lib/%s/webapps", tomcat);
	AUTO_STRV names = STRV_INIT, expected = STRV_INIT;

	profile_words(a->profile, "app", "take-over-contexts", &expected);
	if (path_list(a->root, dir, &names, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < names.n; i++) {
		size_t len = strlen(names.v[i]);
		bool war = len > 4 && strcmp(names.v[i] + len - 4, ".war") == 0;
		AUTO_FREE char *context = xstrndup(names.v[i], war ? len - 4 : len);

		if (!strv_has(&expected, context))
			return xstrdup(names.v[i]);
	}
	return NULL;
}

static int stop_tomcat(const struct app *a, const char *tomcat, struct err *err)
{
	AUTO_FREE char *unit = xasprintf("%s.service", tomcat);
	AUTO_FREE char *more = serves_more(a, tomcat);
	const char *argv[] = { "systemctl", "disable", "--now", unit, NULL };
	AUTO_BUF said = BUF_INIT;
	struct child c = { .argv = argv, .out = &said, .errs = &said, .timeout_ms = 180000 };
	struct app_unit u = { NULL };
	bool enabled, running;

	if (app_unit_read(a, unit, &u, err) < 0)
		return -1;
	enabled = strcmp(u.file_state, "enabled") == 0;
	running = strcmp(u.active, "active") == 0 || strcmp(u.active, "activating") == 0;
	app_unit_release(&u);
	if (!enabled && !running)
		return 0;
	if (more) {
		err_set(err, ERR_FAIL, "'%s' has our https port in its server.xml and serves '%s' too, so it is left alone", tomcat, more);
		err_hint(err, "give one of them another port (Connector in /etc/%s/server.xml, or https-port in section [app] of "
			 "/etc/%s/maintkit.conf), then run 'dpkg --configure %s'",
			 tomcat, profile_package(a->profile), profile_package(a->profile));
		return -1;
	}
	if (a->t->dry_run) {
		log_info("would stop and disable '%s'", unit);
		return 0;
	}
	if (effect_intend(a->profile, a->root, EFFECT_HOST, "unit-disabled", unit, enabled ? "enabled" : "disabled",
			  "disabled", err) < 0 || child_check(&c, err) < 0 ||
	    effect_done(a->profile, a->root, EFFECT_HOST, "unit-disabled", unit, enabled ? "enabled" : "disabled",
			"disabled", err) < 0)
		return -1;
	log_info("'%s' served the application until now; it is stopped and disabled", unit);
	return 0;
}

static int stop_tomcats(const struct app *a, struct err *err)
{
	AUTO_STRV settings = STRV_INIT;
	const char *why;

	if (!script_is_booted(a->root, &why))
		return 0;
	profile_words(a->profile, "app", "hand-over-properties", &settings);
	for (int major = 7; major <= 11; major++) {
		AUTO_FREE char *tomcat = xasprintf("tomcat%d", major);

		if (was_used(a, &settings, tomcat) && wants_our_port(a, tomcat) && stop_tomcat(a, tomcat, err) < 0)
			return -1;
	}
	return 0;
}

static int start_tomcats(const struct app *a, struct err *err)
{
	struct effect *list = NULL;
	size_t n = 0;
	int rc = 0;

	if (effects_list(a->profile, a->root, "unit-disabled", &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		const char *argv[] = { "systemctl", "enable", list[i].id, NULL };
		AUTO_BUF said = BUF_INIT;
		struct child c = { .argv = argv, .out = &said, .errs = &said };

		if (strcmp(list[i].old, "enabled") == 0 && child_check(&c, err) < 0)
			rc = -1;
		else
			rc = effect_undone(a->profile, a->root, list[i].kind, list[i].id, err);
		if (rc == 0)
			log_info("'%s' is enabled again", list[i].id);
	}
	effects_free(list, n);
	return rc;
}

/* ---- cron ---- */

static int take_crontabs(const struct app *a, struct err *err)
{
	AUTO_STRV scripts = STRV_INIT;

	profile_words(a->profile, "app", "take-over-cron", &scripts);
	for (size_t i = 0; i < scripts.n; i++) {
		const struct crontab_job job = {
			.profile = a->profile, .root = a->root, .program = scripts.v[i], .dry_run = a->t->dry_run,
			.instead = "the script is gone with the package that had it",
		};
		struct stat st;

		if (path_stat(a->root, scripts.v[i], &st, NULL) < 0 && crontab_comment_out(&job, err) < 0)
			return -1;
	}
	return 0;
}

int app_prepare(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_APP a = APP_INIT;
	AUTO_FREE char *from = NULL;

	if (app_open(&a, t, NULL, APP_ANY_VERSION, err) < 0)
		return -1;
	from = former_settings(&a);
	return app_take_login(&a, from, err) < 0 ? -1 : app_shipped_keep(&a, err);
}

int app_take_over(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_APP a = APP_INIT;
	AUTO_FREE char *from = NULL;

	if (app_open(&a, t, NULL, APP_ANY_VERSION, err) < 0)
		return -1;
	from = former_settings(&a);
	return take_settings(&a, from, err) < 0 || app_take_login(&a, from, err) < 0 ||
	       app_documents_take(&a, err) < 0 || stop_tomcats(&a, err) < 0 || take_crontabs(&a, err) < 0 ? -1 : 0;
}

int app_give_back(const struct app *a, struct err *err)
{
	return app_documents_give(a, err) < 0 || start_tomcats(a, err) < 0 ? -1 : 0;
}
