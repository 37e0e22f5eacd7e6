/* What a restore asks of its surroundings: other programs of ours, the application, who is connected, what is newer.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../base/child.h"
#include "../base/script.h"
#include "backup_restore.h"

#define RUN_MS 600000
#define WAIT_TRIES 50		/* of 100 ms: a connection ends a moment after its program */
#define SHOWN_MAX 10
#define LIST "documents-since"

/* ---- programs ---------------------------------------------------------------------- */
static char *find_program(const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n > 0) {
		self[n] = '\0';
		AUTO_FREE char *dir = path_dirname(self), *beside = xasprintf("%s/%s", dir, name);

		if (access(beside, X_OK) == 0)
			return MOVE_PTR(beside);
	}
	return xasprintf("%s/%s", LIBEXECDIR, name);
}

int around_run(struct tool *t, const char *name, const char *const *words, struct err *err)
{
	static const enum err_kind kinds[] = { ERR_NONE, ERR_FAIL, ERR_FAIL, ERR_BACKEND, ERR_POLICY };
	static const char *const passed[] = { "MAINTKIT_DB_SOCKET", "MAINTKIT_ASSUME_BOOTED" };
	AUTO_FREE char *program = find_program(name);
	AUTO_STRV argv = STRV_INIT, env = STRV_INIT;
	AUTO_BUF errs = BUF_INIT;

	strv_add(&argv, program);
	strv_addf(&argv, "--package=%s", t->package);
	if (root_is_foreign(&t->root))
		strv_addf(&argv, "--root=%s", t->root.prefix);
	if (t->profile_file)
		strv_addf(&argv, "--profile=%s", t->profile_file);
	for (const char *const *w = words; *w; w++)
		strv_add(&argv, *w);
	for (const char *const *e = tool_child_env(); *e; e++)
		strv_add(&env, *e);
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		if (getenv(passed[i]))
			strv_addf(&env, "%s=%s", passed[i], getenv(passed[i]));
	struct child c = {
		.argv = (const char *const *)argv.v, .env = (const char *const *)env.v, .errs = &errs, .timeout_ms = RUN_MS,
	};
	int status = child_run(&c, err);

	if (status < 0)
		return -1;
	buf_trim_end(&errs);
	if (status == 0) {
		log_debug("%s", errs.p);
		return 0;
	}
	const char *last = strrchr(errs.p, '\n');

	return err_set(err, status < (int)ARRAY_LEN(kinds) ? kinds[status] : ERR_FAIL, "'%s %s': %s", name, words[0],
		       errs.len ? last ? last + 1 : errs.p : "it failed without a message");
}

int around_app_runs(struct tool *t, struct err *err)
{
	const char *unit = profile_get(t->profile, "package", "unit");
	const char *argv[] = { "systemctl", "show", "-p", "ActiveState", "--value", unit, NULL };
	AUTO_BUF out = BUF_INIT, errs = BUF_INIT;
	struct child c = { .argv = argv, .out = &out, .errs = &errs };

	if (!unit || root_is_foreign(&t->root) || access("/run/systemd/system", F_OK) < 0)
		return 0;
	if (child_check(&c, err) < 0)
		return -1;
	buf_trim_end(&out);
	return strcmp(out.p, "inactive") != 0 && strcmp(out.p, "failed") != 0;
}

int around_nobody_connected(struct db *db, const char *database, struct err *err)
{
	struct db_value v[] = { DBV_STR(database) };

	for (int i = 0; ; i++) {
		CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
		AUTO_BUF who = BUF_INIT;

		if (db_run(db, "SELECT user, host FROM information_schema.processlist WHERE db = ? AND id <> CONNECTION_ID()", v, 1,
			   &rows, err) < 0)
			return -1;
		if (!rows.rows)
			return 0;
		if (i < WAIT_TRIES) {
			usleep(100000);
			continue;
		}
		for (size_t k = 0; k < rows.rows && k < 3; k++)
			buf_addf(&who, "%s%s@%s", k ? ", " : "", db_cell(&rows, k, 0), db_cell(&rows, k, 1));
		return err_set(err, ERR_POLICY, "%zu connections use database '%s' (%s); stop what works with it", rows.rows,
			       database, who.p);
	}
}

/* ---- what is newer than the backup -------------------------------------------------- */
struct comparing {
	struct buf list;	/* of names, one a line, bytes below 0x20 as \xHH */
	struct buf path;
	uint64_t n;
};

static void note(struct comparing *c, const char *name)
{
	c->n++;
	for (int part = 0; part < 2; part++)
		for (const char *p = part ? name : c->path.p; *p; p++)
			if ((unsigned char)*p < 0x20 || *p == '\\')
				buf_addf(&c->list, "\\x%02x", (unsigned char)*p);
			else
				buf_addc(&c->list, *p);
	buf_addc(&c->list, '\n');
}

static bool other_file(const struct stat *a, int now, const char *name)
{
	struct stat b;

	return now < 0 || fstatat(now, name, &b, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(b.st_mode) || a->st_size != b.st_size ||
	       a->st_mtim.tv_sec != b.st_mtim.tv_sec;
}

static int compare_dir(struct comparing *c, int old, int now, struct err *err);

static int compare_entry(struct comparing *c, int old, int now, const char *name, struct err *err)
{
	struct stat st;

	if (fstatat(old, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISREG(st.st_mode) && other_file(&st, now, name))
		note(c, name);
	if (!S_ISDIR(st.st_mode))
		return 0;
	int a = openat(old, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD int b = now < 0 ? -1 : openat(now, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	size_t len = c->path.len;

	if (a < 0)
		return 0;
	buf_addf(&c->path, "%s/", name);
	int rc = compare_dir(c, a, b, err);

	buf_truncate(&c->path, len);
	return rc;
}

/* Takes old over. */
static int compare_dir(struct comparing *c, int old, int now, struct err *err)
{
	DIR *d = fdopendir(old);
	const struct dirent *e;
	int rc = 0;

	if (!d) {
		close(old);
		return err_sys(err, errno, "read the documents that are kept");
	}
	while (rc == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = compare_entry(c, dirfd(d), now, e->d_name, err);
	closedir(d);
	return rc;
}

static int compare_tree(struct comparing *c, struct tool *t, const struct restore_tree *r, struct err *err)
{
	struct err why = ERR_INIT;
	int old = path_open_dir(&t->root, r->old, 0, &why);
	AUTO_FD int now = path_open_dir(&t->root, r->path, 0, NULL);

	if (old < 0 && why.kind == ERR_ABSENT)
		return 0;
	if (old < 0) {
		*err = why;
		return -1;
	}
	buf_addf(&c->path, "%s/", r->old);
	int rc = compare_dir(c, old, now, err);

	buf_reset(&c->path);
	return rc;
}

/* The names may tell whose documents they are: to the person, not to the log. */
static void show(const struct comparing *c, const char *file)
{
	const char *p = c->list.p;

	for (int i = 0; i < SHOWN_MAX && *p; i++) {
		size_t len = strcspn(p, "\n");

		fprintf(stderr, "  %.*s\n", (int)len, p);
		p += len + 1;
	}
	if (*p)
		fprintf(stderr, "  ... all of them in '%s'\n", file);
}

int around_compare(struct tool *t, const struct restore_plan *p, uint64_t *n, struct err *err)
{
	struct comparing c = { .list = BUF_INIT, .path = BUF_INIT };
	AUTO_FREE char *file = plan_path(t, LIST);
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->n; i++)
		if (strcmp(p->tree[i].component, "documents") == 0 && p->tree[i].had)
			rc = compare_tree(&c, t, &p->tree[i], err);
	o.mode = 0600;
	if (rc == 0 && c.n && (rc = atomic_replace(&t->root, file, c.list.p, c.list.len, &o, err)) >= 0) {
		rc = 0;
		log_warn("%llu documents were added or changed since the backup; they are kept where the former ones are:",
			 (unsigned long long)c.n);
		show(&c, file);
	}
	*n = c.n;
	buf_release(&c.list);
	buf_release(&c.path);
	return rc;
}
