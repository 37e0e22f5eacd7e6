/* What must be so before data is changed: application stopped, backup made, guard told.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../base/child.h"
#include "../core/backupinfo.h"
#include "../core/policy.h"
#include "migrate_frame.h"

#define GUARD_MS 60000
#define HOURS_DEFAULT 24
#define HOURS_MAX (24 * 366)
#define REASON_PREFIX POLICY_REASON_MIGRATION	/* levels that we raise do not make a backup old */

/* ---- the web application ---- */

bool migrate_policy_unit_runs(const char *unit)
{
	const char *const argv[] = { "systemctl", "show", "-p", "ActiveState", "--value", unit, NULL };
	AUTO_BUF out = BUF_INIT, errs = BUF_INIT;
	const struct child c = { .argv = argv, .out = &out, .errs = &errs, .timeout_ms = 10000 };

	if (child_run(&c, NULL) != 0)
		return false;	/* no systemd here */
	buf_trim_end(&out);
	return !strcmp(out.p, "active") || !strcmp(out.p, "activating") || !strcmp(out.p, "reloading") ||
	       !strcmp(out.p, "deactivating");
}

static int running(const char *what, struct err *err)
{
	err_set(err, ERR_POLICY, "%s: forms that are open there would put old values back when they are saved", what);
	err_hint(err, "stop the application first, or take the risk with --online");
	return -1;
}

/* However it was started, it shows in the database. */
static int connected(struct migrate *m, int64_t *n, struct err *err)
{
	const char *user = profile_get(m->t->profile, "database", "user");

	*n = 0;
	if (!user)
		return 0;
	struct db_value v[] = { DBV_STR(user), DBV_STR(m->schema) };

	return db_get_int(m->db, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = ? AND db = ?", v, 2, n, err);
}

int migrate_policy_quiet(struct migrate *m, struct err *err)
{
	const char *unit = profile_get(m->t->profile, "package", "unit");
	AUTO_STRV units = STRV_INIT;
	int64_t n;

	if (migrate_opts.online)
		return 0;
	if (unit)
		strv_add(&units, unit);
	profile_words(m->t->profile, "migrate", "units", &units);
	for (size_t i = 0; i < units.n && !root_is_foreign(&m->t->root); i++) {
		AUTO_FREE char *what = xasprintf("'%s' is running", units.v[i]);

		if (migrate_policy_unit_runs(units.v[i]))
			return running(what, err);
	}
	if (connected(m, &n, err) < 0)
		return -1;
	AUTO_FREE char *what = xasprintf("the application's account '%s' has %lld connection%s to '%s'",
					 profile_get_or(m->t->profile, "database", "user", ""), (long long)n, n == 1 ? "" : "s", m->schema);

	return n ? running(what, err) : 0;
}

/* A replica, a server that is being rescued. An administrator's account could write to the first; the one
 * that does the work could not, and should not. */
int migrate_policy_writable(struct migrate *m, struct err *err)
{
	int64_t innodb, all;

	/* ON and OFF from MariaDB 12 on, 1 and 0 before */
	if (db_get_int(m->db, "SELECT @@innodb_read_only", NULL, 0, &innodb, err) < 0 ||
	    db_get_int(m->db, "SELECT NOT @@read_only IN ('0', 'OFF')", NULL, 0, &all, err) < 0)
		return -1;
	if (!innodb && !all)
		return 0;
	err_set(err, ERR_BACKEND, "the database server takes no changes now (%s)", innodb ? "innodb_read_only" : "read_only");
	err_hint(err, "let it take them, then run the same command again; a replica must not be migrated, its primary is");
	return -1;
}

/* ---- the backup ---- */

/* One that is of a time to come was made when the clock was wrong: how long ago nobody knows. */
static bool made_between(const struct backup_age *age, long long from, long long now)
{
	return backup_age_known(age, now) && age->created >= from;
}

/* Verify notes one of the two; where both stand, by hand or from a copy, the backup is not known to be good. */
static bool is_bad(const struct buf *info)
{
	AUTO_FREE char *failed = info_get(info, "failed");

	return failed != NULL;
}

static bool is_good(const struct buf *info)
{
	AUTO_FREE char *verified = info_get(info, "verified");

	return verified && *verified && !is_bad(info);
}

struct found {
	char *newest, *unverified, *bad;	/* file names */
	struct backup_age age;
};

static void consider(struct migrate *m, const char *dir, const char *info_name, long long not_before, struct found *f)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, info_name);
	AUTO_FREE char *file = xstrndup(path, strlen(path) - strlen(BACKUP_INFO_SUFFIX));
	AUTO_BUF info = BUF_INIT;
	struct stat st;

	if (path_stat(&m->t->root, file, &st, NULL) < 0 || path_read_file(&m->t->root, path, &info, BACKUP_INFO_MAX, NULL, NULL) < 0)
		return;
	struct backup_age age = backup_age_of(&info);

	if (!info_is(&info, "database", m->schema) || !made_between(&age, not_before, (long long)time(NULL)) ||
	    (f->newest && backup_age_compare(&age, &f->age) < 0))
		return;
	char **which = is_good(&info) ? &f->newest : is_bad(&info) ? &f->bad : &f->unverified;

	free(*which);
	*which = MOVE_PTR(file);
	if (which == &f->newest)
		f->age = age;
}

/* When the levels of the data were raised, other than by migrations, which can be undone. */
static int levels_changed(struct migrate *m, long long *when, struct err *err)
{
	struct err why = ERR_INIT;
	int64_t at;

	*when = 0;
	if (!db_has_table(m->db, "maintkit_meta", NULL))
		return 0;
	if (db_get_int(m->db, "SELECT UNIX_TIMESTAMP(MAX(changed)) FROM maintkit_meta WHERE name IN ('schema_level', 'min_app_level')"
		       " AND (reason IS NULL OR reason NOT LIKE '" REASON_PREFIX "%')", NULL, 0, &at, &why) == 0) {
		*when = at;
		return 0;
	}
	if (why.kind == ERR_ABSENT)
		return 0;
	*err = why;
	return -1;
}

static int no_backup(struct migrate *m, const struct found *f, long hours, struct err *err)
{
	const char *package = profile_package(m->t->profile);
	AUTO_FREE char *make = f->unverified ? xasprintf("run: maintkit -p %s backup verify %s", package, f->unverified) :
		xasprintf("run: maintkit -p %s backup create, then: maintkit -p %s backup verify FILE", package, package);

	err_set(err, ERR_POLICY, "there is no verified backup of '%s' from the last %ld hours and after the last change of levels%s%s%s",
		m->schema, hours, f->bad ? " ('" : "", f->bad ? f->bad : "", f->bad ? "' was found bad)" : "");
	err_hint(err, "%s; or give your reason to do without: --without-backup REASON", make);
	return -1;
}

int migrate_policy_backup(struct migrate *m, struct err *err)
{
	const char *dir = profile_get(m->t->profile, "backup", "dir");
	AUTO_STRV names = STRV_INIT;
	struct found f = { 0 };
	long long levels, not_before;
	struct err why = ERR_INIT;
	long hours;

	if (m->store->backup)
		return 0;
	if (migrate_opts.without_backup) {
		if (!*migrate_opts.without_backup)
			return err_set(err, ERR_USAGE, "--without-backup needs a reason; it is kept with the run");
		m->store->backup = xasprintf("none: %.200s", migrate_opts.without_backup);
		return 0;
	}
	if (profile_int(m->t->profile, "migrate", "backup-hours", 1, HOURS_MAX, HOURS_DEFAULT, &hours, err) < 0 ||
	    levels_changed(m, &levels, err) < 0)
		return -1;
	not_before = (long long)time(NULL) - hours * 3600LL;
	if (levels > not_before)
		not_before = levels;
	if (dir && path_list(&m->t->root, dir, &names, &why) < 0 && why.kind != ERR_ABSENT) {
		*err = why;
		return -1;
	}
	for (size_t i = 0; i < names.n; i++) {
		size_t len = strlen(names.v[i]), suffix = strlen(BACKUP_INFO_SUFFIX);

		if (len > suffix && strcmp(names.v[i] + len - suffix, BACKUP_INFO_SUFFIX) == 0)
			consider(m, dir, names.v[i], not_before, &f);
	}
	int rc = f.newest ? 0 : no_backup(m, &f, hours, err);

	if (f.newest)
		m->store->backup = xasprintf("%.240s", f.newest);
	free(f.newest);
	free(f.unverified);
	free(f.bad);
	return rc;
}

int migrate_policy_upgrade_backup(struct migrate *m, char **file, bool *verified, struct err *err)
{
	const char *dir = profile_get(m->t->profile, "backup", "dir");
	AUTO_STRV names = STRV_INIT;
	struct backup_age best = { 0 };
	long long now = time(NULL);
	long hours;

	*file = NULL;
	*verified = false;
	if (profile_int(m->t->profile, "migrate", "backup-hours", 1, HOURS_MAX, HOURS_DEFAULT, &hours, err) < 0 ||
	    (dir && path_list(&m->t->root, dir, &names, err) < 0))
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		size_t len = strlen(names.v[i]), suffix = strlen(BACKUP_INFO_SUFFIX);
		AUTO_FREE char *path = xasprintf("%s/%s", dir, names.v[i]);
		AUTO_BUF info = BUF_INIT;
		struct stat st;

		if (len <= suffix || strcmp(names.v[i] + len - suffix, BACKUP_INFO_SUFFIX) != 0 ||
		    path_read_file(&m->t->root, path, &info, BACKUP_INFO_MAX, NULL, NULL) < 0)
			continue;
		path[strlen(path) - suffix] = '\0';
				struct backup_age age = backup_age_of(&info);

		if (path_stat(&m->t->root, path, &st, NULL) < 0 || !info_is(&info, "purpose", "upgrade") ||
		    !info_is(&info, "database", m->schema) || !made_between(&age, now - hours * 3600LL, now) ||
		    (*file && backup_age_compare(&age, &best) <= 0))
			continue;
		best = age;
		free(*file);
		*file = MOVE_PTR(path);
		*verified = is_good(&info);
	}
	return *file ? 0 : err_set(err, ERR_ABSENT, "the upgrade made no backup of '%s'", m->schema);
}

/* ---- the guard, and other programs of ours ---- */

static char *program_beside_us(const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');

	if (!slash)
		return xasprintf(LIBEXECDIR "/maintkit-%s", name);
	*slash = '\0';
	return xasprintf("%s/maintkit-%s", self, name);
}

int migrate_policy_program(struct migrate *m, const char *name, const struct strv *words, int timeout_ms, struct err *err)
{
	AUTO_FREE char *program = program_beside_us(name);
	static const char *const passed[] = { "MAINTKIT_DB_SOCKET", "MAINTKIT_ASSUME_BOOTED" };
	AUTO_BUF out = BUF_INIT;
	AUTO_STRV args = STRV_INIT, env = STRV_INIT;

	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		if (getenv(passed[i]))
			strv_addf(&env, "%s=%s", passed[i], getenv(passed[i]));
	strv_add(&args, program);
	strv_addf(&args, "--package=%s", m->t->package);
	if (!log_shows(LOG_INFO_LEVEL))
		strv_add(&args, "--quiet");
	if (root_is_foreign(&m->t->root))
		strv_addf(&args, "--root=%s", m->t->root.prefix);
	if (m->t->profile_file) {
		AUTO_FREE char *absolute = realpath(m->t->profile_file, NULL);

		strv_addf(&args, "--profile=%s", absolute ? absolute : m->t->profile_file);
	}
	for (size_t i = 0; i < words->n; i++)
		strv_add(&args, words->v[i]);
	const struct child c = { .argv = (const char *const *)args.v, .env = (const char *const *)env.v, .out = &out,
				 .timeout_ms = timeout_ms };

	return child_run(&c, err);
}

static int guard(struct migrate *m, const struct strv *words, struct err *err)
{
	int rc = migrate_policy_program(m, "guard", words, GUARD_MS, err);

	if (rc == 0)
		return 0;
	/* It has said why. 3: the server went away under it, for instance; a few more times will do. */
	if (rc > 0)
		err_set(err, rc == 3 ? ERR_BUSY : rc == 4 ? ERR_POLICY : ERR_FAIL, "'maintkit-guard' ended with status %d", rc);
	err_prefix(err, "the guard could not be told");
	return -1;
}

/* The guard speaks of the profile's database; another one is a copy that somebody tries things with. */
static bool is_a_copy(const struct migrate *m)
{
	const char *name = profile_get(m->t->profile, "database", "name");

	return !name || strcmp(name, m->schema) != 0;
}

int migrate_policy_floor(struct migrate *m, struct err *err)
{
	struct migrate_store *s = m->store;
	AUTO_FREE char *before = NULL;
	struct err why = ERR_INIT;

	s->floor = 0;
	s->floor_before = -1;
	if (is_a_copy(m))
		return 0;
	s->floor = m->what->floor;
	if (!s->floor && profile_int(m->t->profile, "guard", "database-floor", 1, POLICY_LEVEL_MAX, 0, &s->floor, err) < 0)
		return -1;
	if (db_meta_get(m->db, "min_app_level", &before, &why) == 0) {
		s->floor_before = strtol(before, NULL, 10);
		return 0;
	}
	if (why.kind == ERR_ABSENT)
		return 0;
	*err = why;
	return -1;
}

int migrate_policy_mark(struct migrate *m, struct err *err)
{
	AUTO_STRV words = STRV_INIT;

	if (!m->store->floor)
		return 0;
	strv_add(&words, "mark");
	strv_addf(&words, "--min=%ld", m->store->floor);
	strv_addf(&words, "--reason=" REASON_PREFIX "%s was run", m->what->name);
	return guard(m, &words, err);
}

int migrate_policy_unmark(struct migrate *m, long from, long to, struct err *err)
{
	AUTO_STRV words = STRV_INIT;

	if (is_a_copy(m))
		return 0;
	strv_add(&words, "mark");
	strv_addf(&words, "--lower-from=%ld", from);
	strv_addf(&words, "--min=%ld", to);
	strv_add(&words, "--reason=" REASON_PREFIX "undone");
	return guard(m, &words, err);
}
