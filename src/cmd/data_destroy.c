/* Taking everything of ours away, and looking afterwards whether it is gone.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Order: databases, account, trees, logs, and the state directory last, so
 * that a run that is killed anywhere finds all it needs when it is run again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>
#include <syslog.h>
#include <unistd.h>

#include "data.h"

#define LOCK_WAIT_SQL "SET lock_wait_timeout = 20; "
#define LOG_DIR "/var/log/maintkit"

static bool is_there(struct tool *t, const char *path)
{
	struct stat st;

	return path_stat(&t->root, path, &st, NULL) == 0;
}

static void tell_left(const struct strv *left)
{
	for (size_t i = 0; i < left->n; i++)
		log_warn("left: %s", left->v[i]);
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

/* The server's own statistics keep the least and greatest value of a column
 * (ANALYZE TABLE ... PERSISTENT); the rows go with the database, but their bytes
 * stay in the file until it is written anew. */
static void rewrite_statistics(const struct data_facts *f)
{
	static const char sql[] = LOCK_WAIT_SQL "OPTIMIZE NO_WRITE_TO_BINLOG TABLE mysql.column_stats";
	struct err err = ERR_INIT;
	bool any = false;

	for (size_t i = 0; i < f->n_base; i++)
		any = any || f->base[i].state == DATA_DB_OURS;
	if (any && data_db_query(&f->db, NULL, sql, NULL, &err) < 0)
		log_warn("the server's table mysql.column_stats could not be rewritten and may hold traces: %s", err.text);
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
		if (strcmp(f->effects[i].kind, "db-user") == 0 && strcmp(f->effects[i].old, EFFECT_ABSENT) == 0) {
			const char *id = f->effects[i].id, *other = data_others_account(&f->others, id);

			if (other)
				log_warn("database account '%s' is left: the package '%s' uses it too", id, other);
			else if (!account_sql(&sql, id))
				log_warn("database account '%s' is left: its name is odd", id);
		}
	if (!sql.len)
		return 0;
	if (f->db.down) {
		log_warn("the database account is left: %s", f->db.down);
		return 0;
	}
	return data_db_query(&f->db, NULL, sql.p, NULL, err);
}

/* ---- files ---- */

static void delete_trees(struct tool *t, const struct data_facts *f, const char *key, struct tree_count *gone,
			 struct strv *left)
{
	AUTO_STRV paths = STRV_INIT;

	data_places(t, key, &paths, NULL);
	for (size_t i = 0; i < paths.n; i++) {
		const char *other = data_others_tree(&f->others, paths.v[i]);
		struct err err = ERR_INIT;

		if (other)
			log_warn("'%s' is left: the package '%s' names it too", paths.v[i], other);
		else if (tree_delete(&t->root, paths.v[i], gone, left, &err) < 0)
			strv_add(left, err.text);
	}
}

/* The directory that held our trees: what else is in it was not put there by us. */
static void delete_homes(struct tool *t, struct strv *left)
{
	AUTO_STRV paths = STRV_INIT;

	data_places(t, "home", &paths, NULL);
	for (size_t i = 0; i < paths.n; i++) {
		AUTO_STRV names = STRV_INIT;
		struct err err = ERR_INIT;
		const char *name;

		if (path_list(&t->root, paths.v[i], &names, &err) < 0) {
			if (err.kind != ERR_ABSENT)
				strv_add(left, err.text);
			continue;
		}
		for (size_t k = 0; k < names.n; k++)
			log_warn("'%s/%s' is left: it is not ours; look into it", paths.v[i], names.v[k]);
		AUTO_FD int dir = names.n ? -1 : path_open_parent(&t->root, paths.v[i], 0, &name, &err);

		if (dir >= 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != EBUSY)
			strv_addf(left, "%s: %s", paths.v[i], strerror(errno));
	}
}

void data_delete_disposable(struct tool *t, const struct data_facts *f)
{
	struct tree_count gone = { 0 };
	AUTO_STRV left = STRV_INIT;

	delete_trees(t, f, "disposable", &gone, &left);
	tell_left(&left);
}

/* What a restore keeps aside. */
static void delete_kept(struct tool *t, const struct data_facts *f, struct tree_count *gone, struct strv *left)
{
	for (size_t i = 0; i < f->n_effects; i++) {
		const struct effect *e = &f->effects[i];
		struct err err = ERR_INIT;

		if (strcmp(e->kind, "dir") == 0 && e->class == EFFECT_DATA && strcmp(e->old, EFFECT_ABSENT) == 0 &&
		    tree_delete(&t->root, e->id, gone, left, &err) < 0)
			strv_add(left, err.text);
	}
}

/* The configuration last: it leads to the rest, so as long as something is left it stays. */
static void delete_files(struct tool *t, const struct data_facts *f, bool with_backups,
			 struct tree_count *gone, struct strv *left)
{
	struct tree_count other = { 0 };

	delete_trees(t, f, "documents", gone, left);
	delete_kept(t, f, gone, left);
	delete_trees(t, f, "logs", &other, left);
	delete_trees(t, f, "keys", &other, left);
	delete_trees(t, f, "disposable", &other, left);
	if (with_backups)
		delete_trees(t, f, "backups", &other, left);
	if (left->n)
		return;
	delete_homes(t, left);
	delete_trees(t, f, "configuration", &other, left);
}

/* What would stop us half-way is looked for before the first byte goes. */
static int check_writable(struct tool *t, struct err *err)
{
	static const char *const keys[] = { "documents", "logs", "keys", "home", "configuration" };
	AUTO_STRV paths = STRV_INIT;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		data_places(t, keys[i], &paths, NULL);
	for (size_t i = 0; i < paths.n; i++) {
		AUTO_FD int fd = path_open_dir(&t->root, paths.v[i], 0, NULL);
		struct statvfs vfs;

		if (fd >= 0 && fstatvfs(fd, &vfs) == 0 && (vfs.f_flag & ST_RDONLY)) {
			err_set(err, ERR_FAIL, "'%s' lies on a file system that is mounted read-only: nothing was destroyed",
				paths.v[i]);
			return -1;
		}
	}
	return 0;
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

static void check_trees(struct tool *t, const struct data_facts *f, struct strv *left)
{
	static const char *const keys[] = { "documents", "logs", "keys", "disposable", "configuration" };
	AUTO_STRV paths = STRV_INIT;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		data_places(t, keys[i], &paths, NULL);
	for (size_t i = 0; i < paths.n; i++) {
		AUTO_STRV names = STRV_INIT;

		if (!is_there(t, paths.v[i]) || data_others_tree(&f->others, paths.v[i]))
			continue;
		/* a mount point cannot be removed; it is empty, then nothing of ours is there */
		if (path_list(&t->root, paths.v[i], &names, NULL) == 0 && !names.n)
			log_info("'%s' is empty and stays: something is mounted there", paths.v[i]);
		else
			strv_addf(left, "%s: still there", paths.v[i]);
	}
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

/* Where a database server keeps what was in a table after the table is gone. */
static void tell_traces(const struct data_facts *f)
{
	AUTO_BUF logs = BUF_INIT;
	struct err err = ERR_INIT;

	log_info("not within our reach, until it is overwritten or the disk is wiped: InnoDB's system tablespace"
		 " (ibdata), undo and redo logs (ib_logfile), Aria's logs, the journal of the system, free blocks of the disk");
	if (f->db.down || data_db_query(&f->db, NULL, "SELECT CONCAT_WS(', ', IF(@@log_bin, 'binary log (PURGE BINARY LOGS)',"
					" NULL), IF(@@general_log, 'general log', NULL), IF(@@slow_query_log,"
					" 'slow query log', NULL))", &logs, &err) < 0)
		return;
	buf_trim_end(&logs);
	if (logs.len)
		log_warn("the server writes logs that hold what was entered: %s; delete them on the server", logs.p);
}

static void tell_copies(const struct data_facts *f)
{
	for (size_t i = 0; i < f->copies.n; i++)
		log_warn("database '%s' carries the same instance and was not touched: a copy that somebody made", f->copies.v[i]);
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
	tell_copies(f);
	tell_traces(f);
	if (f->backups.files && !with_backups)
		log_info("backups are kept: %" PRIu64 " files, the newest is '%s'; the clinic's key is gone,"
			 " so only another recipient's opens them", f->backups.files,
			 f->newest_backup ? f->newest_backup : "-");
	/* our own log goes too, so the fact is told to the system's */
	openlog("maintkit-data", LOG_PID, LOG_DAEMON);
	syslog(LOG_NOTICE, "%s", text.p);
	closelog();
}

/* The program that runs at purge lies in the state directory, and so does the
 * profile: killed among them, the next purge would find half of what it needs.
 * So a directory beside it, under a name that no package has, says first that all
 * else is gone, and then postrm needs nothing of them. */
static char *purged_mark(struct tool *t)
{
	return xasprintf("/var/lib/maintkit/.%s.purged", t->package);
}

int data_purged_forget(struct tool *t, struct err *err)
{
	AUTO_FREE char *mark = purged_mark(t);
	struct err why = ERR_INIT;
	const char *name;
	AUTO_FD int dir = path_open_parent(&t->root, mark, 0, &name, &why);

	if (dir < 0 && why.kind == ERR_ABSENT)
		return 0;
	if (dir < 0 || (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT))
		return dir < 0 ? err_set(err, why.kind, "%s", why.text) : err_sys(err, errno, "'%s'", mark);
	return 0;
}

static int delete_state(struct tool *t, struct strv *left, struct err *err)
{
	AUTO_FREE char *state = profile_state_path(t->profile, "");
	AUTO_FREE char *mark = purged_mark(t);
	struct tree_count ignored = { 0 };
	int rc;

	if (path_mkdirs(&t->root, mark, 0700, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	rc = tree_delete(&t->root, state, &ignored, left, err);
	return rc ? (rc < 0 ? -1 : 0) : data_purged_forget(t, err);
}

int data_destroy_all(struct tool *t, struct data_facts *f, bool quiet, bool with_backups, struct err *err)
{
	AUTO_FREE char *state = profile_state_path(t->profile, "");
	struct tree_count gone = { 0 };
	AUTO_STRV left = STRV_INIT;
	AUTO_FD int backups = tool_lock_backups(t, true, err);

	if (backups < 0 || check_writable(t, err) < 0 || data_begun_write(t, f, err) < 0 || data_token_spend(t, err) < 0)
		return -1;
	data_undo_host(t, f);
	data_delete_disposable(t, f);
	if (drop_databases(f, &left, err) < 0)
		return -1;
	rewrite_statistics(f);
	if (drop_accounts(f, err) < 0 ||
	    check_databases(f, &left, err) < 0 || (!left.n && data_begun_dropped(t, f, err) < 0))
		return -1;
	delete_files(t, f, with_backups, &gone, &left);
	if (!left.n)
		check_trees(t, f, &left);
	if (left.n) {
		tell_left(&left);
		err_set(err, ERR_FAIL, "not everything could be destroyed (%zu left)", left.n);
		err_hint(err, "mend what is named above and run the purge again: it goes on where it stopped");
		return -1;
	}
	if (!quiet)
		report(t, f, with_backups, &gone);
	delete_logs(t);
	if (delete_state(t, &left, err) < 0)
		return -1;
	delete_shared(t);
	if (left.n) {
		tell_left(&left);
		return err_set(err, ERR_FAIL, "the state directory '%s' could not be deleted", state);
	}
	return 0;
}
