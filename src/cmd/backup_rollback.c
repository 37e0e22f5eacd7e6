/* backup rollback: the data of before the last upgrade, and the version of the package it belongs to.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Data first: only when it is old enough again do the hooks let the older
 * version in. Repeated after an interruption, it goes on where it stopped.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/child.h"
#include "backup_restore.h"

#define APT_CACHE "/var/cache/apt/archives"

const struct opt rollback_opts[] = {
	{ "deb", 0, OPT_STRING, &restore_options.deb, "FILE", "the older version's package" },
	{ "yes", 'y', OPT_FLAG, &restore_options.yes, NULL, "do not ask" },
	BACKUP_ACCEPT_OPT, BACKUP_KEY_OPTS, { 0 },
};

/* ---- the package --------------------------------------------------------------------- */
/* Legacy files are named oscar_emr19-97~3743.deb, so '_' and '-' count as the same. */
static bool named_like(const char *package, const char *name)
{
	size_t len = strlen(name);

	if (len < 4 || strcmp(name + len - 4, ".deb") != 0)
		return false;
	for (; *package; package++, name++)
		if (*package != *name && !(*package == '-' && *name == '_'))
			return false;
	return true;
}

/* 1 it is that package in that version; 0 it is not; -1. */
static int is_version(struct tool *t, const char *file, const char *version, struct err *err)
{
	const char *argv[] = { "dpkg-deb", "--show", "--showformat=${Package} ${Version}", file, NULL };
	AUTO_FREE char *want = xasprintf("%s %s", t->package, version);
	AUTO_BUF out = BUF_INIT;
	struct child c = { .argv = argv, .out = &out };

	if (child_check(&c, err) < 0)
		return -1;
	buf_trim_end(&out);
	return strcmp(out.p, want) == 0;
}

static char *look_in(struct tool *t, const char *dir, const char *version)
{
	AUTO_STRV names = STRV_INIT;

	if (path_list(&t->root, dir, &names, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *file = xasprintf("%s%s/%s", t->root.prefix, dir, names.v[i]);

		if (named_like(t->package, names.v[i]) && is_version(t, file, version, NULL) == 1)
			return MOVE_PTR(file);
	}
	return NULL;
}

char *rollback_find_deb(struct tool *t, const char *version, struct err *err)
{
	AUTO_FREE char *kept = xasprintf("/var/cache/maintkit/%s", t->package);
	const char *dirs[] = { kept, APT_CACHE, backup_dir(t) };

	if (restore_options.deb) {
		AUTO_FREE char *file = realpath(restore_options.deb, NULL);

		if (!file)
			return err_sys(err, errno, "'%s'", restore_options.deb), NULL;
		int fits = is_version(t, file, version, err);

		if (fits > 0)
			return MOVE_PTR(file);
		if (fits == 0)
			err_set(err, ERR_FAIL, "'%s' is not %s %s, which the backup belongs to", file, t->package, version);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		char *found = look_in(t, dirs[i], version);

		if (found)
			return found;
	}
	err_set(err, ERR_FAIL, "the package of %s %s is in none of '%s', '%s' and '%s'; get it and name it with --deb FILE",
		t->package, version, dirs[0], dirs[1], dirs[2]);
	return NULL;
}

static char *installed_version(struct tool *t)
{
	const char *argv[] = { "dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", t->package, NULL };
	AUTO_BUF out = BUF_INIT, errs = BUF_INIT;
	struct child c = { .argv = argv, .out = &out, .errs = &errs };

	if (child_run(&c, NULL) != 0 || !strchr(out.p, ' '))
		return xstrdup("");
	return xstrdup(strncmp(out.p, "ii", 2) == 0 ? strrchr(out.p, ' ') + 1 : "");
}

/* Of the same settings as apt: a file that we wrote is no reason to ask. */
static int install(struct tool *t, const char *deb, struct err *err)
{
	const char *argv[] = { "apt-get", "-y", "--allow-downgrades", "-o", "Dpkg::Options::=--force-confdef", "-o",
			       "Dpkg::Options::=--force-confold", "install", deb, NULL };
	const char *env[] = { "DEBIAN_FRONTEND=noninteractive", NULL };
	struct child c = { .argv = argv, .env = env, .timeout_ms = -1 };

	if (child_check(&c, err) == 0)
		return 0;
	err_prefix(err, "the data is restored, but its version could not be installed");
	err_hint(err, "run the rollback again, or 'apt-get install %s'; to go forward again: 'maintkit -p %s backup restore --revert'",
		 deb, t->package);
	return -1;
}

/* ---- asking ------------------------------------------------------------------------------ */
int rollback_ask(const char *text, struct err *err)
{
	char answer[16] = "";

	if (restore_options.yes)
		return 0;
	if (!isatty(STDIN_FILENO))
		return err_set(err, ERR_POLICY, "nobody is here to be asked; say --yes if this is what you want");
	fprintf(stderr, "%s\nType \"yes\" to go on: ", text);
	if (!fgets(answer, sizeof answer, stdin) || strcmp(answer, "yes\n") != 0)
		return err_set(err, ERR_POLICY, "not confirmed, nothing was done");
	return 0;
}

static void say_plan(struct tool *t, const char *file, const char *version, const char *now, const char *deb)
{
	AUTO_BUF info = BUF_INIT;
	AUTO_FREE char *created = NULL, *rows = NULL, *members = NULL, *level = NULL;

	if (backup_read_info(file, &info, NULL) == 0) {
		created = info_get(&info, "created");
		rows = info_get(&info, "rows");
		members = info_get(&info, "members");
		level = info_get(&info, "schema_level");
	}
	log_info("what will be done:");
	log_info("1. load the backup of %s and check it: %s rows, %s files, level %s ('%s')", created ? created : "an unknown time",
		 rows ? rows : "?", members ? members : "?", level ? level : "?", file);
	log_info("2. stop the application and put database, documents, keys and settings of the backup in place;\n"
		 "   what was entered since is not in them: it is kept aside, documents that came since are counted and named");
	log_info("3. install %s %s from '%s'%s%s, and start it", t->package, version, deb, *now ? " in place of " : "", now);
	log_info("afterwards 'backup restore --confirm' drops what is kept, '--revert' brings it back");
}

/* ---- doing it ------------------------------------------------------------------------------ */
static int start_app(struct tool *t, struct err *err)
{
	static const char *const words[] = { "activate", NULL };
	int runs = around_app_runs(t, err);

	if (runs)
		return runs < 0 ? -1 : 0;
	/* a package of another make starts by itself */
	AUTO_FREE char *profile = xasprintf("/usr/share/%s/maintkit.conf", t->package);
	struct stat st;

	return path_stat(&t->root, profile, &st, NULL) < 0 ? 0 : around_run(t, "maintkit-app", words, err);
}

int rollback_run(struct tool *t, const char *file, const char *version, const char *deb, struct err *err)
{
	AUTO_FREE char *now = installed_version(t);

	say_plan(t, file, version, now, deb);
	if (t->dry_run)
		return 0;
	if (rollback_ask("Work done since that backup will not be in use any more.", err) < 0)
		return -1;
	AUTO_FD int lock = tool_lock(t, err);

	if (lock < 0)
		return -1;
	restore_options.stop_app = true;
	restore_options.to_version = true;
	restore_options.version = version;
	if (restore_in_place(t, file, err) < 0)
		return -1;
	mem_close_cleanup(&lock);	/* the maintainer scripts take it */
	if (strcmp(now, version) != 0 && install(t, deb, err) < 0)
		return -1;
	if (start_app(t, err) < 0)
		return -1;
	log_info("back at %s %s", t->package, version);
	return 0;
}

/* The newest that was made for an upgrade. */
static const struct backup_item *last_upgrade(const struct backup_set *set)
{
	for (size_t i = set->n; i-- > 0; )
		if (info_is(&set->v[i].info, "purpose", "upgrade"))
			return &set->v[i];
	return NULL;
}

int backup_run_rollback(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(backup_set_release) struct backup_set set = BACKUP_SET_INIT;
	AUTO_FREE char *version = NULL, *deb = NULL;
	const struct backup_item *last;

	if (backup_set_load(&set, t, err) < 0)
		return -1;
	last = last_upgrade(&set);
	if (!last)
		return err_set(err, ERR_FAIL, "no backup in '%s' was made for an upgrade; see 'maintkit -p %s backup list'",
			       backup_dir(t), t->package);
	version = info_get(&last->info, "version");
	if (!version || !*version)
		return err_set(err, ERR_FAIL, "the backup '%s' does not say which version it was made with; restore it with "
			       "'maintkit -p %s backup restore --stop-app %s'", last->name, t->package, last->name);
	deb = rollback_find_deb(t, version, err);
	if (!deb) {
		err_hint(err, "for the data alone: maintkit -p %s backup restore --stop-app %s", t->package, last->name);
		return -1;
	}
	return rollback_run(t, last->file, version, deb, err);
}
