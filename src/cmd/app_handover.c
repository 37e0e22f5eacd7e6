/* maintkit-app hand-over: make way for a package of the same name that is not built on maintkit, and come back.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Such a package runs the application on a Tomcat of its own, on our ports, and
 * reads its settings from where it has always had them. So our instance is
 * stopped and disabled, and the settings are copied there. The next activation
 * takes the copy away: it holds a password. What was changed in it meanwhile is
 * put aside, not merged: nobody can tell for what that package changed it.
 *
 * Profile, section [app]:
 *	hand-over-properties	where that package may look; the first whose directory is there is written
 *	hand-over-groups	the first group that there is may read it
 */
#include "app.h"

#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "../base/atomic.h"
#include "../base/child.h"
#include "../ext/effects.h"

#define ASIDE "handed-back.properties"

/* By the links of the unit: "systemctl" looks at them without a running manager too, in a chroot. */
static bool is_enabled(const struct app *a)
{
	const char *argv[] = { "systemctl", "-q", "is-enabled", a->unit, NULL };
	AUTO_BUF said = BUF_INIT;
	struct child c = { .argv = argv, .out = &said, .errs = &said };

	return child_run(&c, NULL) == 0;
}

int app_unit_disable(const struct app *a, struct err *err)
{
	AUTO_FREE char *mark = profile_state_path(a->profile, "app.disabled");
	const char *argv[] = { "systemctl", "disable", a->unit, NULL };
	AUTO_BUF said = BUF_INIT;
	struct child c = { .argv = argv, .out = &said, .errs = &said };
	struct atomic_opts opts = ATOMIC_OPTS_INIT;

	if (root_is_foreign(a->root))
		return err_set(err, ERR_BACKEND, "cannot disable a unit of the system in '%s'", a->root->prefix);
	/* What an administrator disabled stays so after the next activation. */
	if (!is_enabled(a))
		return 0;
	/* the mark first: a crash in between must not leave it off for good */
	opts.mode = 0600;
	if (atomic_replace(a->root, mark, "", 0, &opts, err) < 0 || child_check(&c, err) < 0)
		return -1;
	log_info("disabled '%s'", a->unit);
	return 0;
}

/* NULL: that package has no place here. To be freed. */
static char *settings_place(const struct app *a)
{
	AUTO_STRV paths = STRV_INIT;

	profile_words(a->profile, "app", "hand-over-properties", &paths);
	for (size_t i = 0; i < paths.n; i++) {
		AUTO_FREE char *dir = path_dirname(paths.v[i]);
		struct stat st;

		if (path_stat(a->root, dir, &st, NULL) == 0 && S_ISDIR(st.st_mode))
			return xstrdup(paths.v[i]);
	}
	return NULL;
}

/* Without one of the groups (or with another root's) only root reads the copy. */
static void choose_reader(const struct app *a, struct atomic_opts *opts)
{
	AUTO_STRV groups = STRV_INIT;

	opts->mode = 0600;
	opts->uid = geteuid();
	if (root_is_foreign(a->root))
		return;
	profile_words(a->profile, "app", "hand-over-groups", &groups);
	for (size_t i = 0; i < groups.n; i++) {
		struct group *gr = getgrnam(groups.v[i]);

		if (gr) {
			opts->mode = 0640;
			opts->gid = gr->gr_gid;
			return;
		}
	}
}

/* What that package left there before we came is not overwritten: it is the
 * admin's, and may hold the only copy of something. */
static int put_aside_old(const struct app *a, const char *place, const struct buf *text, struct err *err)
{
	AUTO_FREE char *aside = xasprintf("%s.before-maintkit", place);
	AUTO_BUF have = BUF_SECRET_INIT;
	struct atomic_opts opts = ATOMIC_OPTS_INIT;
	struct err why = ERR_INIT;
	struct stat st;

	if (path_read_file(a->root, place, &have, FILE_MAX_SIZE, NULL, &why) < 0)
		return why.kind == ERR_ABSENT ? 0 : (*err = why, -1);
	if ((have.len == text->len && memcmp(have.p, text->p, have.len) == 0) ||
	    path_stat(a->root, aside, &st, NULL) == 0)
		return 0;
	opts.mode = 0600;
	if (atomic_replace(a->root, aside, have.p, have.len, &opts, err) < 0)
		return -1;
	log_info("kept the former '%s' as '%s'", place, aside);
	return 0;
}

static int give_settings(const struct app *a, struct err *err)
{
	const char *own = profile_get(a->profile, "properties", "file");
	AUTO_FREE char *place = settings_place(a);
	AUTO_FREE char *value = NULL, *sum = NULL;
	AUTO_BUF text = BUF_SECRET_INIT;
	struct atomic_opts opts = ATOMIC_OPTS_INIT;
	struct err why = ERR_INIT;

	if (!own || !place)
		return 0;
	if (path_read_file(a->root, own, &text, FILE_MAX_SIZE, NULL, &why) < 0)
		return why.kind == ERR_ABSENT ? 0 : (*err = why, -1);
	sum = app_sha256(&text);
	value = xasprintf("sha256:%s", sum);
	choose_reader(a, &opts);
	if (put_aside_old(a, place, &text, err) < 0 ||
	    effect_intend(a->profile, a->root, EFFECT_HOST, "file", place, EFFECT_ABSENT, value, err) < 0 ||
	    atomic_replace(a->root, place, text.p, text.len, &opts, err) < 0 ||
	    effect_done(a->profile, a->root, EFFECT_HOST, "file", place, EFFECT_ABSENT, value, err) < 0)
		return -1;
	log_info("the settings are in '%s' now too", place);
	return 0;
}

int app_hand_over(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_APP a = APP_INIT;
	const char *why;

	if (app_open(&a, t, NULL, APP_ANY_VERSION, err) < 0)
		return -1;
	if (t->dry_run) {
		AUTO_FREE char *place = settings_place(&a);

		log_info("would stop and disable '%s', settings to '%s'", a.unit, place ? place : "nowhere");
		return 0;
	}
	/* The settings first: that package's scripts may fail without them. */
	if (give_settings(&a, err) < 0)
		return -1;
	if (!script_is_booted(&t->root, &why))
		log_info("nothing to stop: %s", why);
	else if (app_unit_stop(&a, err) < 0)
		return -1;
	return app_give_back(&a, err) < 0 ? -1 : app_unit_disable(&a, err);
}

static int take_back(const struct app *a, const struct effect *e, struct err *err)
{
	AUTO_FREE char *aside = profile_state_path(a->profile, ASIDE);
	AUTO_FREE char *sum = NULL, *value = NULL;
	AUTO_BUF have = BUF_SECRET_INIT;
	struct atomic_opts opts = ATOMIC_OPTS_INIT;
	struct err why = ERR_INIT;

	if (path_read_file(a->root, e->id, &have, FILE_MAX_SIZE, NULL, &why) < 0 && why.kind != ERR_ABSENT) {
		*err = why;
		return -1;
	}
	if (why.kind != ERR_ABSENT) {
		sum = app_sha256(&have);
		value = xasprintf("sha256:%s", sum);
		opts.mode = 0600;
		if (strcmp(value, e->new_value) != 0) {
			if (atomic_replace(a->root, aside, have.p, have.len, &opts, err) < 0)
				return -1;
			log_warn("settings were changed in '%s' meanwhile; that file is '%s%s' now: "
				 "what shall go on being so, set with '%s props set'",
				 e->id, a->root->prefix, aside, profile_package(a->profile));
		}
		if (path_unlink(a->root, e->id, err) < 0)
			return -1;
	}
	return effect_undone(a->profile, a->root, "file", e->id, err);
}

int app_take_back(const struct app *a, struct err *err)
{
	AUTO_STRV paths = STRV_INIT;
	struct effect *list = NULL;
	size_t n = 0;
	int rc = 0;

	profile_words(a->profile, "app", "hand-over-properties", &paths);
	if (!paths.n)
		return 0;
	if (effects_list(a->profile, a->root, "file", &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		if (strv_has(&paths, list[i].id))
			rc = take_back(a, &list[i], err);
	effects_free(list, n);
	return rc;
}
