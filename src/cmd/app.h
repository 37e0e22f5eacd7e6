/* What the pieces of maintkit-app share: the instance as the profile describes it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Layout (CODE and BASE are [app] code and base):
 *	CODE/VERSION/CONTEXT/		unpacked code, root-owned
 *	CODE/VERSION/CONTEXT.deployed	"SHA256-OF-WAR javax|jakarta": written last
 *	CODE/VERSION/release		what data that code reads (ext/release.h), for "guard start-check"
 *	BASE/{conf,lib,webapps,work,temp,logs}
 *	STATE/app.env			environment file of the unit
 *	STATE/app.active		record: version, previous version, inputs, Tomcat's home
 *	STATE/app.disabled		we disabled the unit (deactivate --disable)
 * VERSION is webapp_dirname() of the package version.
 */
#ifndef MAINTKIT_APP_H
#define MAINTKIT_APP_H

#include "../core/webapp.h"
#include "tool.h"

struct app_active {
	char *version, *previous;	/* "" when there is none */
	char *inputs;			/* SHA-256 of what the running instance was started from */
	char *home;			/* Tomcat's code */
};

struct app {
	struct tool *t;
	const struct root *root;
	const struct profile *profile;
	const char *code, *base, *unit;
	char *version, *dirname;	/* NULL when the verb needs none */
	struct webapp_context *contexts;
	size_t n;
	struct app_active active;
	char *home;			/* "/usr/share/tomcat10" */
	int major;			/* 10 */
};
#define APP_INIT { .t = NULL }
#define AUTO_APP CLEANUP(app_close) struct app

/* Read profile and state. version NULL: the one that dpkg has unpacked, or the
 * active one and only without that dpkg's, or the active one or none. */
enum app_version { APP_DPKG_VERSION, APP_ACTIVE_VERSION, APP_ANY_VERSION };
int app_open(struct app *a, struct tool *t, const char *version, enum app_version which, struct err *err) MUST_CHECK;
void app_close(struct app *a);
/* Find Tomcat's code: the one in use if it is still there, else the first of
 * [app] tomcat. Fills home and major. */
int app_find_tomcat(struct app *a, struct err *err) MUST_CHECK;
/* dpkg-query -f FORMAT of our package; nothing when dpkg does not know it. */
int app_dpkg_query(const struct app *a, const char *format, struct buf *out, struct err *err) MUST_CHECK;
int app_write_active(const struct app *a, const char *version, const char *inputs, struct err *err) MUST_CHECK;
/* The path with the root in front, for programs we run; to be freed. */
char *app_host_path(const struct app *a, const char *path);
/* SHA-256 in hexadecimal, to be freed. */
char *app_sha256(const struct buf *data);
/* Remove a tree that only root can write (no drop) or, dropped to the web user, theirs. */
int app_remove_tree(const struct app *a, const char *path, bool as_user, struct err *err) MUST_CHECK;
/* Directory with exactly this mode and owner. */
int app_ensure_dir(const struct app *a, const char *path, mode_t mode, uid_t uid, gid_t gid, struct err *err) MUST_CHECK;

/* app_deploy.c: "SHA256 FLAVOUR" of a complete deployed context, to be freed; NULL with err ABSENT. */
char *app_deployed_marker(const struct app *a, const char *dirname, const char *context, struct err *err) MUST_CHECK;

/* app_instance.c: write BASE and the environment file; *inputs is the hash of all that a start depends on. */
int app_instance_write(struct app *a, struct err *err) MUST_CHECK;
char *app_instance_inputs(const struct app *a, struct err *err) MUST_CHECK;
/* Directory of the compiled JSPs of the version at hand, relative to BASE; to be freed. */
char *app_work_name(const struct app *a, struct err *err) MUST_CHECK;

/* app_unit.c */
struct app_unit {
	char *load, *active, *file_state, *fragment, *dropins;	/* as systemctl show names them */
	bool needs_reload;
};
void app_unit_release(struct app_unit *u);
int app_unit_read(const struct app *a, const char *unit, struct app_unit *u, struct err *err) MUST_CHECK;
enum app_restart { APP_RESTARTED, APP_QUEUED, APP_FORBIDDEN, APP_DISABLED };
int app_unit_restart(const struct app *a, enum app_restart *what, struct err *err) MUST_CHECK;
int app_unit_stop(const struct app *a, struct err *err) MUST_CHECK;
/* Until https answers: 0; 1 when time was up with the unit still running. */
int app_unit_wait(const struct app *a, struct err *err) MUST_CHECK;

/* app_handover.c: what was handed over to a package that is not built on
 * maintkit comes back; nothing when nothing was. */
int app_take_back(const struct app *a, struct err *err) MUST_CHECK;
/* Also not started at boot any more, until the next activation. */
int app_unit_disable(const struct app *a, struct err *err) MUST_CHECK;

/* app_takeover.c, app_documents.c, app_shipped.c: back to a package that is not built on maintkit what was taken over from it. */
int app_give_back(const struct app *a, struct err *err) MUST_CHECK;
int app_shipped_keep(const struct app *a, struct err *err) MUST_CHECK;
int app_shipped_restore(const struct app *a, struct err *err) MUST_CHECK;
/* Is path dir or below it? Both absolute. */
bool app_is_below(const char *dir, const char *path);
int app_documents_take(const struct app *a, struct err *err) MUST_CHECK;
int app_documents_give(const struct app *a, struct err *err) MUST_CHECK;

/* app_login.c: settings may be NULL. */
int app_take_login(const struct app *a, const char *settings, struct err *err) MUST_CHECK;

/* app_certificate.c: "subject", "not after" of the certificate in force; strings to be freed. */
int app_certificate_describe(const struct app *a, char **subject, char **until, struct err *err) MUST_CHECK;

/* The verbs */
int app_deploy(struct tool *t, int argc, char **argv, struct err *err);
int app_activate(struct tool *t, int argc, char **argv, struct err *err);
int app_certificate(struct tool *t, int argc, char **argv, struct err *err);
int app_hand_over(struct tool *t, int argc, char **argv, struct err *err);
int app_prepare(struct tool *t, int argc, char **argv, struct err *err);
int app_take_over(struct tool *t, int argc, char **argv, struct err *err);
int app_status(struct tool *t, int argc, char **argv, struct err *err);
extern const char *app_opt_version, *app_opt_cert, *app_opt_key;
extern bool app_opt_if_missing;

#endif
