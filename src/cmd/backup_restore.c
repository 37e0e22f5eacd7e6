/* backup restore: a backup into a new directory, its dump into a new database; never over what is there.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The directory gets its name only when the whole backup has been read and
 * found good; the database is dropped again otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/child.h"
#include "../base/temp.h"
#include "../ext/effects.h"
#include "backup.h"

#define CHUNK (256u << 10)

struct restoring {
	struct tool *t;
	struct backup_facts *facts;
	/* the directory */
	int parent, dir;	/* -1: not asked for */
	char *to, *temp, *name;
	/* the database */
	struct db *db;
	const char *database;
	bool made;
	char *where;
	struct userproc client;
	int pipe;
	unsigned char *chunk;
};

/* ---- files ---------------------------------------------------------------------- */
static bool safe_path(const char *path)
{
	for (const char *p = path; *p; ) {
		size_t len = strcspn(p, "/");

		if (!len || (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += len;
		if (*p == '/' && !*++p)
			return true;	/* tar's directories end in a slash */
	}
	return *path != '\0';
}

/* The directory that path lies in, made where the archive does not name it;
 * *name is its last component. No link is followed, also none that the archive brought. */
static int enter(const struct restoring *g, char *path, char **name, struct err *err)
{
	AUTO_FD int at = openat(g->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *slash;

	while (at >= 0 && (slash = strchr(path, '/'))) {
		*slash = '\0';
		if (mkdirat(at, path, 0700) < 0 && errno != EEXIST)
			return err_sys(err, errno, "make directory '%s'", path);
		int next = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		close(at);
		at = next;
		if (at < 0)
			return err_sys(err, errno, "enter directory '%s'", path);
		path = slash + 1;
	}
	*name = path;
	return at < 0 ? err_sys(err, errno, "'%s'", g->temp) : MOVE_FD(at);
}

static int write_all(int fd, const unsigned char *p, size_t len, struct err *err)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "write");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int put_file(struct restoring *g, int at, const char *name, struct reader *r, const struct archive_member *m,
		    struct err *err)
{
	AUTO_FD int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)m->mtime } };
	ssize_t n;

	if (fd < 0)
		return err_sys(err, errno, "make '%s'", m->path);
	while ((n = reader_read(r, g->chunk, CHUNK, err)) > 0)
		if (write_all(fd, g->chunk, (size_t)n, err) < 0)
			return -1;
	if (n < 0)
		return -1;
	if (fchown(fd, (uid_t)m->uid, (gid_t)m->gid) < 0 || fchmod(fd, m->mode & 07777) < 0 || futimens(fd, times) < 0)
		return err_sys(err, errno, "set owner, mode and time of '%s'", m->path);
	return close(MOVE_FD(fd)) < 0 ? err_sys(err, errno, "close '%s'", m->path) : 0;
}

static int put_dir(int at, const char *name, const struct archive_member *m, struct err *err)
{
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make '%s'", m->path);
	AUTO_FD int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fchown(fd, (uid_t)m->uid, (gid_t)m->gid) < 0 || fchmod(fd, m->mode & 07777) < 0)
		return err_sys(err, errno, "set owner and mode of '%s'", m->path);
	return 0;
}

static int put_member(struct restoring *g, struct reader *r, const struct archive_member *m, struct err *err)
{
	AUTO_FREE char *path = xstrdup(m->path);
	size_t len = strlen(path);
	char *name = path;

	if (!safe_path(path))
		return err_set(err, ERR_FAIL, "'%s' is no name for a file of a backup", m->path);
	if (path[len - 1] == '/')
		path[len - 1] = '\0';
	AUTO_FD int at = enter(g, path, &name, err);

	if (at < 0)
		return -1;
	if (S_ISDIR(m->mode))
		return put_dir(at, name, m, err);
	if (S_ISREG(m->mode))
		return put_file(g, at, name, r, m, err);
	if (!S_ISLNK(m->mode))
		return err_set(err, ERR_FAIL, "'%s' is neither file, directory nor link", m->path);
	if (symlinkat(m->target, at, name) < 0 || fchownat(at, name, (uid_t)m->uid, (gid_t)m->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "make link '%s'", m->path);
	return 0;
}

/* ---- database -------------------------------------------------------------------- */
struct client_job {
	const char *where, *name;
	int in;
};

static int run_client(void *arg, struct buf *out UNUSED, struct err *err)
{
	const struct client_job *job = arg;
	const char *argv[] = { "mariadb", job->where, "--batch", "--default-character-set=utf8mb4",
			       "--max-allowed-packet=1G", "--", job->name, NULL };
	struct child c = { .argv = argv, .in_fd = job->in, .timeout_ms = -1 };

	return child_check(&c, err);
}

static int make_database(struct restoring *g, struct err *err)
{
	AUTO_FREE char *charset = info_get(&g->facts->info, "charset");
	AUTO_FREE char *collation = info_get(&g->facts->info, "collation");
	AUTO_BUF sql = BUF_INIT;

	buf_adds(&sql, "CREATE DATABASE ");
	if (db_quote_name(&sql, g->database, err) < 0)
		return -1;
	if (charset && collation) {
		buf_adds(&sql, " CHARACTER SET ");
		db_quote_string(g->db, &sql, charset, strlen(charset));
		buf_adds(&sql, " COLLATE ");
		db_quote_string(g->db, &sql, collation, strlen(collation));
	}
	if (effect_intend(g->t->profile, &g->t->root, EFFECT_DATA, "database", g->database, EFFECT_ABSENT, "", err) < 0 ||
	    db_run(g->db, sql.p, NULL, 0, NULL, err) < 0)
		return -1;
	g->made = true;
	return 0;
}

static int start_client(struct restoring *g, struct err *err)
{
	int p[2];

	if (make_database(g, err) < 0)
		return -1;
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	struct client_job job = { g->where, g->database, p[0] };
	struct userproc_opts o = { .keep = { p[0] }, .timeout_ms = -1 };
	int rc = userproc_start(&g->client, &o, run_client, &job, err);

	close(p[0]);
	g->pipe = p[1];
	return rc;
}

static int load_piece(struct restoring *g, struct reader *r, struct err *err)
{
	ssize_t n;

	if (g->pipe < 0 && start_client(g, err) < 0)
		return -1;
	while ((n = reader_read(r, g->chunk, CHUNK, err)) > 0)
		if (write_all(g->pipe, g->chunk, (size_t)n, err) < 0) {
			/* the client has gone; it knows why */
			if (userproc_wait(&g->client, NULL, err) >= 0)
				err_set(err, ERR_FAIL, "the client 'mariadb' ended before the dump did");
			err_prefix(err, "load the dump");
			return -1;
		}
	return n < 0 ? -1 : 0;
}

static int end_load(struct restoring *g, struct err *err)
{
	mem_close_cleanup(&g->pipe);
	if (g->client.pid < 0)
		return 0;
	if (userproc_wait(&g->client, NULL, err) < 0) {
		err_prefix(err, "load the dump");
		return -1;
	}
	return 0;
}

static void drop_database(struct restoring *g)
{
	AUTO_BUF sql = BUF_INIT;
	struct err why = ERR_INIT;

	userproc_stop(&g->client);
	if (!g->made)
		return;
	buf_adds(&sql, "DROP DATABASE ");
	if (db_quote_name(&sql, g->database, &why) < 0 || db_run(g->db, sql.p, NULL, 0, NULL, &why) < 0 ||
	    effect_undone(g->t->profile, &g->t->root, "database", g->database, &why) < 0)
		log_warn("database '%s' could not be dropped again: %s", g->database, why.text);
}

/* ---- both ------------------------------------------------------------------------ */
static int take(void *arg, struct reader *r, const struct archive_member *m, struct err *err)
{
	struct restoring *g = arg;

	if (g->db && strcmp(m->path, MEMBER_COMPLETE) == 0)
		return end_load(g, err);
	if (g->db && strncmp(m->path, MEMBER_DATABASE, strlen(MEMBER_DATABASE)) == 0)
		return load_piece(g, r, err);
	return g->dir >= 0 ? put_member(g, r, m, err) : 0;
}

static int open_directory(struct restoring *g, struct err *err)
{
	AUTO_FREE char *cwd = backup_options.to[0] == '/' ? NULL : getcwd(NULL, 0);
	struct stat st;

	g->to = cwd ? xasprintf("%s/%s", cwd, backup_options.to) : xstrdup(backup_options.to);
	AUTO_FREE char *parent = path_dirname(g->to);

	g->name = xstrdup(strrchr(g->to, '/') + 1);
	if (!*g->name)
		return err_set(err, ERR_USAGE, "--to '%s' must not end in a slash", g->to);
	g->parent = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->parent < 0)
		return err_sys(err, errno, "'%s'", parent);
	if (fstatat(g->parent, g->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, ERR_FAIL, "'%s' exists; a backup is unpacked into a new directory only", g->to);
	char *temp = temp_name(g->name);

	g->temp = xasprintf("%s/%s", parent, temp);
	int rc = mkdirat(g->parent, temp, 0700);

	if (rc == 0)
		g->dir = openat(g->parent, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	free(temp);
	return g->dir < 0 ? err_sys(err, errno, "make '%s'", g->temp) : 0;
}

static int open_database(struct restoring *g, struct err *err)
{
	struct err why = ERR_INIT;

	g->database = backup_options.database;
	g->where = backup_db_where(g->t, err);
	if (!g->where || db_open(&g->db, g->t->profile, &g->t->root, NULL, err) < 0)
		return -1;
	bool there = db_has_database(g->db, g->database, &why);

	if (why.kind) {
		*err = why;
		return -1;
	}
	return there ? err_set(err, ERR_FAIL, "database '%s' exists; a dump is loaded into a new database only", g->database) : 0;
}

static int remove_entry(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *at UNUSED)
{
	if (remove(path) < 0)
		log_warn("'%s' could not be removed: %s", path, strerror(errno));
	return 0;
}

static int finish(struct restoring *g, struct err *err)
{
	if (g->db && g->made && effect_done(g->t->profile, &g->t->root, EFFECT_DATA, "database", g->database,
					    EFFECT_ABSENT, "", err) < 0)
		return -1;
	g->made = false;
	if (g->dir < 0)
		return 0;
	/* one sync of the file system instead of one per file: nothing counts before the rename */
	if (syncfs(g->dir) < 0)
		return err_sys(err, errno, "write out '%s'", g->temp);
	if (renameat(g->parent, strrchr(g->temp, '/') + 1, g->parent, g->name) < 0 || fsync(g->parent) < 0)
		return err_sys(err, errno, "put '%s' in place", g->to);
	free(g->temp);
	g->temp = NULL;
	return 0;
}

static void restoring_release(struct restoring *g)
{
	mem_close_cleanup(&g->pipe);
	drop_database(g);
	if (g->temp && g->dir >= 0)
		nftw(g->temp, remove_entry, 32, FTW_DEPTH | FTW_PHYS);
	mem_close_cleanup(&g->dir);
	mem_close_cleanup(&g->parent);
	db_close(g->db);
	free(g->to);
	free(g->temp);
	free(g->name);
	free(g->where);
	free(g->chunk);
}

int backup_run_restore(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(backup_facts_release) struct backup_facts f = BACKUP_FACTS_INIT;
	CLEANUP(restoring_release) struct restoring g = {
		.t = t, .facts = &f, .parent = -1, .dir = -1, .pipe = -1, .client = USERPROC_INIT,
	};
	struct sink sink = { .member = take, .arg = &g };
	AUTO_FREE char *file = backup_path(t, argv[0]);

	if (!backup_options.to && !backup_options.database)
		return err_set(err, ERR_FAIL, "restoring in place is not there yet; unpack with --to DIR, load the dump with "
			       "--database NAME, then put things where they belong (see maintkit-backup(8))");
	if ((backup_options.database && open_database(&g, err) < 0) ||
	    (backup_options.to && !t->dry_run && open_directory(&g, err) < 0))
		return -1;
	if (t->dry_run) {
		log_info("would read '%s' and unpack it", file);
		return 0;
	}
	g.chunk = xmalloc(CHUNK);
	if (backup_read(t, file, &sink, &f, err) < 0 || finish(&g, err) < 0)
		return -1;
	if (g.to)
		log_info("unpacked %" PRIu64 " members to '%s'", f.totals.members, g.to);
	if (g.database)
		log_info("loaded %" PRIu64 " rows of %" PRIu64 " tables into database '%s'", f.totals.rows, f.totals.tables,
			 g.database);
	return 0;
}
