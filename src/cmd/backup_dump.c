/* The database into the archive: mariadb-dump's output in pieces, with the rows of each table counted.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/child.h"
#include "backup.h"
#include "backup_stall.h"

#define PIECE (4u << 20)	/* tar names a member's size before its data */
#define PIPE_SIZE (1 << 20)	/* the dump goes on while we are busy with a piece; what a user may have, pipe(7) */

void backup_db_release(struct backup_db *d)
{
	db_close(d->db);
	d->db = NULL;
}

int backup_db_open(struct backup_db *d, struct tool *t, struct err *err)
{
	struct err why = ERR_INIT;
	int64_t bytes = 0;

	d->name = profile_require(t->profile, "database", "name", err);
	if (!d->name || db_open(&d->db, t->profile, &t->root, NULL, err) < 0)
		return -1;
	d->exists = db_has_database(d->db, d->name, &why);
	if (why.kind != ERR_NONE) {
		*err = why;
		return -1;
	}
	if (d->exists && db_get_int(d->db, "SELECT CAST(COALESCE(SUM(data_length), 0) AS SIGNED) "
				    "FROM information_schema.tables WHERE table_schema = ?",
				    (struct db_value[]){ DBV_STR(d->name) }, 1, &bytes, err) < 0)
		return -1;
	d->bytes = (uint64_t)bytes;
	return 0;
}

char *backup_db_where(struct tool *t, struct err *err)
{
	const char *file = profile_get(t->profile, "database", "defaults-file");
	const char *socket = getenv("MAINTKIT_DB_SOCKET");
	struct err why = ERR_INIT;
	struct stat st;

	if (file && path_stat(&t->root, file, &st, &why) == 0)
		return xasprintf("--defaults-file=%s%s", t->root.prefix, file);
	if (file && why.kind != ERR_ABSENT) {
		*err = why;
		return NULL;
	}
	return socket && *socket ? xasprintf("--socket=%s", socket) : xstrdup("--protocol=socket");
}

/* What a restore needs to make the same database, and what the guard needs to judge it. */
int backup_db_info(struct backup_db *d, struct buf *info, struct err *err)
{
	static const char *const meta[] = { "instance_id", "schema_level", "min_app_level" };
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	AUTO_BUF use = BUF_INIT;

	info_add(info, "database", "%s", d->exists ? d->name : "");
	if (!d->exists)
		return 0;
	if (db_run(d->db, "SELECT default_character_set_name, default_collation_name, VERSION() "
		   "FROM information_schema.schemata WHERE schema_name = ?",
		   (struct db_value[]){ DBV_STR(d->name) }, 1, &rows, err) < 0)
		return -1;
	if (rows.rows) {
		info_add(info, "charset", "%s", db_cell(&rows, 0, 0));
		info_add(info, "collation", "%s", db_cell(&rows, 0, 1));
		info_add(info, "server", "%s", db_cell(&rows, 0, 2));
	}
	int64_t events;

	if (db_get_int(d->db, "SELECT COUNT(*) FROM information_schema.events WHERE event_schema = ?",
		       (struct db_value[]){ DBV_STR(d->name) }, 1, &events, err) < 0)
		return -1;
	info_add(info, "events", "%" PRId64, events);
	buf_adds(&use, "USE ");
	if (db_quote_name(&use, d->name, err) < 0 || db_run(d->db, use.p, NULL, 0, NULL, err) < 0)
		return -1;
	/* A database that maintkit has not marked yet has no such table. */
	for (size_t i = 0; i < ARRAY_LEN(meta) && db_has_table(d->db, "maintkit_meta", NULL); i++) {
		AUTO_FREE char *value = NULL;

		if (db_meta_get(d->db, meta[i], &value, NULL) == 0)
			info_add(info, meta[i], "%s", value);
	}
	return 0;
}

/* One transaction gives one state only of tables that know transactions. */
static int lock_others(struct backup_db *d, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	AUTO_BUF lock = BUF_INIT;

	if (db_run(d->db, "SELECT table_name FROM information_schema.tables WHERE table_schema = ? "
		   "AND table_type = 'BASE TABLE' AND engine NOT IN ('InnoDB', 'RocksDB')",
		   (struct db_value[]){ DBV_STR(d->name) }, 1, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.rows; i++) {
		buf_adds(&lock, i ? ", " : "LOCK TABLES ");
		if (db_quote_name(&lock, d->name, err) < 0)
			return -1;
		buf_addc(&lock, '.');
		if (db_quote_name(&lock, db_cell(&rows, i, 0), err) < 0)
			return -1;
		buf_adds(&lock, " READ");
	}
	if (!rows.rows)
		return 0;
	log_info("%zu tables know no transactions; nobody can write to them while the dump is made", rows.rows);
	return db_run(d->db, lock.p, NULL, 0, NULL, err);
}

struct dump_job {
	const char *where, *name;
	int out, stall_ms;
	struct stall_source *source;
};

static int run_dump(void *arg, struct buf *out UNUSED, struct err *err)
{
	const struct dump_job *job = arg;
	AUTO_FREE char *stdbuf = child_find("stdbuf"), *program = child_find("mariadb-dump");
	const char *argv[] = {
		/* by itself it writes a pipe in pieces of 4096 bytes */
		"stdbuf", "--output=256K", "mariadb-dump", job->where, "--single-transaction", "--quick", "--routines",
		"--events", "--triggers", "--hex-blob", "--no-tablespaces", "--default-character-set=utf8mb4", "--max-allowed-packet=1G",
		"--", job->name, NULL
	};
	struct child c = {
		.argv = stdbuf && program ? argv : argv + 2, .name = "mariadb-dump", .out_fd = job->out,
		.timeout_ms = job->stall_ms, .gets_on = stall_source_gets_on, .arg = job->source,
	};

	return child_check(&c, err);
}

struct counting {
	struct writer *w;
	const char *database;
};

static void count_table(void *arg, const char *table, uint64_t rows)
{
	struct counting *c = arg;

	manifest_add_table(&c->w->m, c->database, table, rows);
}

/* Up to len bytes; fewer only at the end. */
static ssize_t read_piece(int fd, char *into, size_t len, struct stall_source *source, struct err *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, into + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read the dump");
		if (n == 0)
			break;
		done += (size_t)n;
		*source->taken += (uint64_t)n;
	}
	return (ssize_t)done;
}

static int copy_dump(struct writer *w, int fd, struct dumpscan *scan, struct stall_source *source, struct err *err)
{
	AUTO_FREE char *piece = xmalloc(PIECE);

	for (unsigned number = 1; ; number++) {
		ssize_t n = read_piece(fd, piece, PIECE, source, err);
		char path[48];

		if (n <= 0)
			return (int)n;
		dumpscan_add(scan, piece, (size_t)n);
		snprintf(path, sizeof(path), MEMBER_DATABASE "%06u.sql", number);
		if (writer_memory(w, path, piece, (size_t)n, err) < 0)
			return -1;
	}
}

static int receive_dump(struct writer *w, const struct backup_db *d, int fd, struct userproc *u, struct stall_source *source,
			struct err *err)
{
	CLEANUP(dumpscan_release) struct dumpscan scan;
	struct counting counting = { w, d->name };

	dumpscan_init(&scan, count_table, &counting);
	if (copy_dump(w, fd, &scan, source, err) < 0 || userproc_wait(u, NULL, err) < 0)
		return -1;
	if (!dumpscan_end(&scan))
		return err_set(err, ERR_FAIL, "the dump of database '%s' is not complete", d->name);
	return writer_memory(w, MEMBER_COMPLETE, "", 0, err);
}

int backup_dump(struct writer *w, struct backup_db *d, struct tool *t, struct err *err)
{
	CLEANUP(stall_source_release) struct stall_source source = { .out = -1 };
	CLEANUP(userproc_stop) struct userproc u = USERPROC_INIT;
	AUTO_FREE char *where = backup_db_where(t, err);
	int p[2], stall_ms;

	if (!where || stall_limit(t, &stall_ms, err) < 0 || lock_others(d, err) < 0)
		return -1;
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	AUTO_FD int from = p[0];
	AUTO_FD int to = p[1];
	struct dump_job job = { where, d->name, to, stall_ms, &source };
	struct userproc_opts o = { .keep = { to }, .timeout_ms = -1 };

	fcntl(to, F_SETPIPE_SZ, PIPE_SIZE);
	if (stall_source_init(&source, to, err) < 0 || userproc_start(&u, &o, run_dump, &job, err) < 0)
		return -1;
	mem_close_cleanup(&to);
	if (receive_dump(w, d, from, &u, &source, err) < 0)
		return -1;
	return db_run(d->db, "UNLOCK TABLES", NULL, 0, NULL, err);
}
