/* Taking everything of ours away, and looking afterwards whether it is gone.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Order: databases, account, trees, logs, and the state directory last, so
 * that a run that is killed anywhere finds all it needs when it is run again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "../base/child.h"
#include "../base/script.h"
#include "../core/sha256.h"
#include "data.h"

#define EFFECT_FILE_MAX (16u << 20)
#define LOCK_WAIT_SQL "SET lock_wait_timeout = 20; "
#define LOG_DIR "/var/log/maintkit"

/* ---- host effects ---- */

static bool link_is_ours(struct tool *t, const char *path, const char *target)
{
	char now[PATH_MAX];
	const char *name;
	AUTO_FD int dir = path_open_parent(&t->root, path, 0, &name, NULL);
	ssize_t n = dir < 0 ? -1 : readlinkat(dir, name, now, sizeof now - 1);

	if (n < 0)
		return false;
	now[n] = '\0';
	return strcmp(now, target) == 0;
}

static bool file_is_ours(struct tool *t, const char *path, const char *value)
{
	AUTO_BUF text = BUF_SECRET_INIT;
	char hex[SHA256_HEX_SIZE];

	if (strncmp(value, "sha256:", 7) != 0 ||
	    path_read_file(&t->root, path, &text, EFFECT_FILE_MAX, NULL, NULL) < 0)
		return false;
	sha256_hex(text.p, text.len, hex);
	return strcmp(hex, value + 7) == 0;
}

static bool is_there(struct tool *t, const char *path)
{
	struct stat st;

	return path_stat(&t->root, path, &st, NULL) == 0;
}

/* Links and files outside of our own trees; only as we left them. */
static void undo_path(struct tool *t, const struct effect *e, bool ours)
{
	struct err err = ERR_INIT;

	if (!is_there(t, e->id))
		return;
	if (!ours || strcmp(e->old, EFFECT_ABSENT) != 0) {
		log_warn("'%s' was changed since we wrote it: left as it is", e->id);
		return;
	}
	if (path_unlink(&t->root, e->id, &err) < 0 ||
	    effect_undone(t->profile, &t->root, e->kind, e->id, &err) < 0)
		log_warn("%s", err.text);
}

static void run_helper(struct tool *t, const char *program, const char *const *args)
{
	AUTO_STRV argv = STRV_INIT;
	AUTO_STRV env = STRV_INIT;
	struct child c = { .timeout_ms = 120000 };
	struct err err = ERR_INIT;
	int status;

	strv_add(&argv, program);
	for (; *args; args++)
		strv_add(&argv, *args);
	c.argv = (const char *const *)argv.v;
	data_child_env(&env);
	c.env = (const char *const *)env.v;
	c.out_fd = STDERR_FILENO;
	status = child_run(&c, &err);
	if (status < 0)
		log_warn("%s", err.text);
	else if (status > 0)
		log_warn("'%s %s' failed with status %d", program, argv.v[1], status);
	(void)t;
}

char *data_find_program(const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n > 0) {
		self[n] = '\0';
		AUTO_FREE char *dir = path_dirname(self);
		AUTO_FREE char *beside = xasprintf("%s/%s", dir, name);

		if (access(beside, X_OK) == 0)
			return MOVE_PTR(beside);
	}
	AUTO_FREE char *installed = xasprintf("%s/%s", LIBEXECDIR, name);

	return access(installed, X_OK) == 0 ? MOVE_PTR(installed) : NULL;
}

void data_child_env(struct strv *env)
{
	static const char *const passed[] = { "MAINTKIT_DB_SOCKET", "MAINTKIT_ASSUME_BOOTED" };

	for (const char *const *e = tool_child_env(); *e; e++)
		strv_add(env, *e);
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		if (getenv(passed[i]))
			strv_addf(env, "%s=%s", passed[i], getenv(passed[i]));
}

/* ufw in a chroot changes the kernel's rules: only on a running system. */
static void undo_firewall(struct tool *t, const struct data_facts *f)
{
	AUTO_FREE char *program = data_find_program("maintkit-firewall");
	const char *const args[] = { "-p", t->package, "remove", NULL };
	bool any = false;

	for (size_t i = 0; i < f->n_effects; i++)
		any = any || strncmp(f->effects[i].kind, "ufw-", 4) == 0;
	if (!any)
		return;
	if (script_is_booted(&t->root, NULL) && program) {
		run_helper(t, program, args);
		return;
	}
	for (size_t i = 0; i < f->n_effects; i++)
		if (strcmp(f->effects[i].kind, "ufw-rule") == 0)
			log_warn("firewall rule left in place: %s; remove it with 'ufw status numbered' and 'ufw delete'",
				 f->effects[i].id);
}

static void undo_unit(struct tool *t, const struct effect *e)
{
	AUTO_FREE char *root = xasprintf("--root=%s", *t->root.prefix ? t->root.prefix : "/");
	const char *const running[] = { "disable", "--now", e->id, NULL };
	const char *const offline[] = { root, "disable", e->id, NULL };

	if (strcmp(e->old, EFFECT_ABSENT) == 0)
		run_helper(t, "systemctl", script_is_booted(&t->root, NULL) ? running : offline);
}

static void delete_trees(struct tool *t, const char *key, struct tree_count *gone, struct strv *left)
{
	AUTO_STRV paths = STRV_INIT;

	profile_words(t->profile, "data", key, &paths);
	for (size_t i = 0; i < paths.n; i++) {
		struct err err = ERR_INIT;

		if (tree_delete(&t->root, paths.v[i], gone, left, &err) < 0)
			strv_add(left, err.text);
	}
}

static void tell_left(const struct strv *left)
{
	for (size_t i = 0; i < left->n; i++)
		log_warn("left: %s", left->v[i]);
}

void data_undo_host(struct tool *t, const struct data_facts *f)
{
	struct tree_count gone = { 0 };
	AUTO_STRV left = STRV_INIT;

	undo_firewall(t, f);
	for (size_t i = 0; i < f->n_effects; i++) {
		const struct effect *e = &f->effects[i];

		if (strcmp(e->kind, "unit") == 0)
			undo_unit(t, e);
		else if (strcmp(e->kind, "link") == 0)
			undo_path(t, e, link_is_ours(t, e->id, e->new_value));
	}
	delete_trees(t, "disposable", &gone, &left);
	tell_left(&left);
}

/* ---- databases ---- */

static int drop_databases(const struct data_facts *f, struct strv *left, struct err *err)
{
	for (size_t i = 0; i < f->n_base; i++) {
		const struct data_database *b = &f->base[i];
		AUTO_BUF sql = BUF_INIT;

		if (b->state == DATA_DB_ABSENT)
			continue;
		if (b->state != DATA_DB_OURS) {
			/* an extra database that we did not make is none of ours */
			if (i == 0)
				strv_addf(left, "database '%s': %s", b->name, b->note ? b->note : "not ours");
			continue;
		}
		buf_adds(&sql, LOCK_WAIT_SQL "DROP DATABASE IF EXISTS ");
		data_db_name(&sql, b->name);
		if (data_db_query(&f->db, NULL, sql.p, NULL, err) < 0) {
			err_prefix(err, "database '%s'", b->name);
			return -1;
		}
	}
	return 0;
}

/* "oscar@localhost" -> 'oscar'@'localhost'. Account names take string
 * literals only, no expressions. */
static bool account_sql(struct buf *sql, const char *id)
{
	const char *at = strrchr(id, '@');

	if (!at || strpbrk(id, "'\\\""))
		return false;
	buf_addf(sql, "DROP USER IF EXISTS '%.*s'@'%s'; ", (int)(at - id), id, at + 1);
	return true;
}

static int drop_accounts(const struct data_facts *f, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;

	for (size_t i = 0; i < f->n_effects; i++)
		if (strcmp(f->effects[i].kind, "db-user") == 0 &&
		    strcmp(f->effects[i].old, EFFECT_ABSENT) == 0 && !account_sql(&sql, f->effects[i].id))
			log_warn("database account '%s' is left: its name is odd", f->effects[i].id);
	if (!sql.len)
		return 0;
	if (f->db.down) {
		log_warn("the database account is left: %s", f->db.down);
		return 0;
	}
	return data_db_query(&f->db, NULL, sql.p, NULL, err);
}

/* ---- files ---- */

static void delete_files(struct tool *t, const struct data_facts *f, bool with_backups,
			 struct tree_count *gone, struct strv *left)
{
	struct tree_count other = { 0 };

	for (size_t i = 0; i < f->n_effects; i++)
		if (strcmp(f->effects[i].kind, "file") == 0)
			undo_path(t, &f->effects[i], file_is_ours(t, f->effects[i].id, f->effects[i].new_value));
	delete_trees(t, "documents", gone, left);
	delete_trees(t, "keys", &other, left);
	delete_trees(t, "disposable", &other, left);
	if (!left->n)
		delete_trees(t, "home", &other, left);
	delete_trees(t, "configuration", &other, left);
	if (with_backups)
		delete_trees(t, "backups", &other, left);
}

static void delete_logs(struct tool *t)
{
	AUTO_STRV names = STRV_INIT;
	AUTO_FREE char *prefix = xasprintf("%s.log", t->package);

	if (path_list(&t->root, LOG_DIR, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", LOG_DIR, names.v[i]);

		if (strncmp(names.v[i], prefix, strlen(prefix)) == 0 && path_unlink(&t->root, path, NULL) < 0)
			log_warn("'%s' could not be deleted", path);
	}
}

/* The directories that maintkit shares between packages go with the last one,
 * when maintkit itself is gone; as long as it is installed they are its own. */
static void delete_shared(struct tool *t)
{
	static const char *const shared[] = { "/var/lib/maintkit", LOG_DIR };

	if (is_there(t, LIBEXECDIR))
		return;
	for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
		const char *name;
		AUTO_FD int dir = path_open_parent(&t->root, shared[i], 0, &name, NULL);

		if (dir >= 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY)
			log_warn("'%s': %s", shared[i], strerror(errno));
	}
}

/* ---- proof ---- */

static void check_path(struct tool *t, const char *key, struct strv *left)
{
	AUTO_STRV paths = STRV_INIT;

	profile_words(t->profile, "data", key, &paths);
	for (size_t i = 0; i < paths.n; i++)
		if (is_there(t, paths.v[i]))
			strv_addf(left, "%s: still there", paths.v[i]);
}

static void check_trees(struct tool *t, struct strv *left)
{
	static const char *const keys[] = { "documents", "keys", "disposable", "home", "configuration" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		check_path(t, keys[i], left);
}

static int check_databases(const struct data_facts *f, struct strv *left, struct err *err)
{
	for (size_t i = 0; i < f->n_base; i++) {
		AUTO_BUF sql = BUF_INIT;
		AUTO_BUF out = BUF_INIT;

		if (f->base[i].state != DATA_DB_OURS)
			continue;
		buf_adds(&sql, "SELECT schema_name FROM information_schema.schemata WHERE schema_name = ");
		data_db_text(&sql, f->base[i].name);
		if (data_db_query(&f->db, NULL, sql.p, &out, err) < 0)
			return -1;
		if (out.len)
			strv_addf(left, "database '%s': still there", f->base[i].name);
	}
	return 0;
}

static void report(struct tool *t, const struct data_facts *f, bool with_backups, const struct tree_count *gone)
{
	AUTO_BUF text = BUF_INIT;

	buf_addf(&text, "%s: destroyed on %s:", t->package, f->host);
	for (size_t i = 0; i < f->n_base; i++)
		if (f->base[i].state == DATA_DB_OURS)
			buf_addf(&text, " database '%s',", f->base[i].name);
	buf_addf(&text, " %" PRId64 " patients, %" PRIu64 " documents", f->patients < 0 ? 0 : f->patients, gone->files);
	log_info("%s; checked to be gone", text.p);
	log_info("what the server's system tablespace, its logs and free blocks of the disk still hold, only wiping the disk removes");
	if (f->backups.files && !with_backups)
		log_info("backups are kept: %" PRIu64 " files, the newest is '%s'; the clinic's key is gone,"
			 " so only another recipient's opens them", f->backups.files,
			 f->newest_backup ? f->newest_backup : "-");
	/* our own log goes too, so the fact is told to the system's */
	openlog("maintkit-data", LOG_PID, LOG_DAEMON);
	syslog(LOG_NOTICE, "%s", text.p);
	closelog();
}

int data_destroy_all(struct tool *t, struct data_facts *f, bool quiet, bool with_backups, struct err *err)
{
	AUTO_FREE char *state = profile_state_path(t->profile, "");
	struct tree_count gone = { 0 }, ignored = { 0 };
	AUTO_STRV left = STRV_INIT;

	if (data_begun_write(t, f, err) < 0 || data_token_spend(t, err) < 0)
		return -1;
	data_undo_host(t, f);
	if (drop_databases(f, &left, err) < 0 || drop_accounts(f, err) < 0 ||
	    check_databases(f, &left, err) < 0 || (!left.n && data_begun_dropped(t, f, err) < 0))
		return -1;
	delete_files(t, f, with_backups, &gone, &left);
	if (!left.n)
		check_trees(t, &left);
	if (left.n) {
		tell_left(&left);
		err_set(err, ERR_FAIL, "not everything could be destroyed (%zu left)", left.n);
		err_hint(err, "mend what is named above and run the purge again: it goes on where it stopped");
		return -1;
	}
	if (!quiet)
		report(t, f, with_backups, &gone);
	delete_logs(t);
	if (tree_delete(&t->root, state, &ignored, &left, err) < 0)
		return -1;
	delete_shared(t);
	if (left.n) {
		tell_left(&left);
		return err_set(err, ERR_FAIL, "the state directory '%s' could not be deleted", state);
	}
	return 0;
}
