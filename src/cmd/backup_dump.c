/* The database into the archive: mariadb-dump's output in pieces, with the rows of each table counted.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../base/child.h"
#include "../core/dumpnames.h"
#include "backup.h"
#include "backup_floats.h"
#include "backup_stall.h"

#define PIECE (4u << 20)	/* tar names a member's size before its data */
#define NO_SUCH_DEFINER "1449"	/* ER_NO_SUCH_USER */
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
	if (backup_clock_note(d->db, info, err) < 0)
		return -1;
	info_add(info, "floats", "exact");	/* backup_floats.h */
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
		"--events", "--triggers", "--add-locks", "--hex-blob", "--no-tablespaces", "--default-character-set=utf8mb4",
		"--max-allowed-packet=1G",
		"--", job->name, NULL
	};
	struct child c = {
		.argv = stdbuf && program ? argv : argv + 2, .name = "mariadb-dump", .out_fd = job->out,
		.timeout_ms = job->stall_ms, .gets_on = stall_source_gets_on, .arg = job->source,
	};

	return child_check(&c, err);
}

/* What the dump goes through on its way into the archive. */
struct pouring {
	struct writer *w;
	const char *database;
	struct dumpnames strip;
	struct buf text;	/* of the dump, to go into the piece next */
	struct dumpscan scan;
	struct floats *floats;
	struct stall_source *source;
	char *piece;
	size_t len;
	unsigned number;
};

static void pouring_release(struct pouring *p)
{
	dumpnames_release(&p->strip);
	buf_release(&p->text);
	dumpscan_release(&p->scan);
	free(p->piece);
}

static void count_table(void *arg, const char *table, uint64_t rows)
{
	struct pouring *p = arg;

	manifest_add_table(&p->w->m, p->database, table, rows);
}

static int put_piece(void *arg, const void *data, size_t len, struct err *err)
{
	struct pouring *p = arg;
	char path[48];

	if (!len)
		return 0;
	snprintf(path, sizeof(path), MEMBER_DATABASE "%06u.sql", ++p->number);
	return writer_memory(p->w, path, data, len, err);
}

static int flush(struct pouring *p, struct err *err)
{
	size_t len = p->len;

	p->len = 0;
	return put_piece(p, p->piece, len, err);
}

/* The rows of a table have gone by. */
static int end_rows(struct pouring *p, struct err *err)
{
	const char *table = p->scan.table.p;
	AUTO_FREE char *member = NULL, *why = NULL;
	uint64_t lost;

	floats_begun(p->floats);
	if (!strv_has(&p->floats->tables, table))
		return 0;
	if (flush(p, err) < 0 || floats_table(p->floats, table, put_piece, p, &lost, err) < 0) {
		err_prefix(err, "the FLOAT columns of table '%s'", table);
		return -1;
	}
	if (!lost)
		return 0;
	log_warn("table '%s' has %" PRIu64 " values of FLOAT columns with more digits than the six of a dump, and no primary key to "
		 "name them by; give it one, or make the columns DOUBLE", table, lost);
	member = xasprintf(MEMBER_DATABASE "%s", table);
	why = xasprintf("%" PRIu64 " values of FLOAT columns have six digits only, as the table has no primary key", lost);
	manifest_add_skipped(&p->w->m, member, why);
	return 0;
}

/* More bytes of the dump are in the piece, from p->len on. */
static int take_bytes(struct pouring *p, size_t n, struct err *err)
{
	size_t end = p->len + n;

	while (p->len < end) {
		size_t from = p->len, taken = dumpscan_add_rows(&p->scan, p->piece + from, end - from);

		p->len += taken;
		if (!p->scan.rows_end)
			continue;
		from = p->len;
		if (end_rows(p, err) < 0)
			return -1;
		if (!p->len && from) {	/* it was put out */
			memmove(p->piece, p->piece + from, end - from);
			end -= from;
		}
	}
	return 0;
}

/* What is in p->text into pieces. */
static int fill_pieces(struct pouring *p, struct err *err)
{
	for (size_t done = 0; done < p->text.len; ) {
		size_t n = p->text.len - done < PIECE - p->len ? p->text.len - done : PIECE - p->len;

		memcpy(p->piece + p->len, p->text.p + done, n);
		done += n;
		if (take_bytes(p, n, err) < 0 || (p->len == PIECE && flush(p, err) < 0))
			return -1;
	}
	return 0;
}

static int copy_dump(struct pouring *p, int fd, struct err *err)
{
	AUTO_FREE char *chunk = xmalloc(PIPE_SIZE);

	for (;;) {
		ssize_t n = read(fd, chunk, PIPE_SIZE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read the dump");
		*p->source->taken += (uint64_t)n;
		buf_reset(&p->text);
		dumpnames_add(&p->strip, chunk, (size_t)n, n == 0, &p->text);
		if (fill_pieces(p, err) < 0)
			return -1;
		if (n == 0)
			return flush(p, err);
	}
}

/* The server shows no view that calls a function, when the account that had made the view is gone. */
static int explain(struct err *err)
{
	if (strstr(err->text, "(" NO_SUCH_DEFINER ")"))
		err_hint(err, "make the account that is named, with EXECUTE, and locked, because nobody signs in with it (CREATE USER ... "
			 "ACCOUNT LOCK); or the view again, by an account that exists");
	return -1;
}

static int receive_dump(struct pouring *p, int fd, struct userproc *u, struct err *err)
{
	if (copy_dump(p, fd, err) < 0)
		return -1;
	if (userproc_wait(u, NULL, err) < 0)
		return explain(err);
	if (!dumpscan_end(&p->scan))
		return err_set(err, ERR_FAIL, "the dump of database '%s' is not complete", p->database);
	if (p->floats->set)
		log_info("%" PRIu64 " values of FLOAT columns have more than six digits; statements behind the rows set them",
			 p->floats->set);
	return writer_memory(p->w, MEMBER_COMPLETE, "", 0, err);
}

int backup_dump(struct writer *w, struct backup_db *d, struct tool *t, struct err *err)
{
	CLEANUP(stall_source_release) struct stall_source source = { .out = -1 };
	CLEANUP(floats_release) struct floats floats = FLOATS_INIT;
	CLEANUP(pouring_release) struct pouring pouring = {
		.w = w, .database = d->name, .strip = DUMPNAMES_INIT(d->name), .text = BUF_INIT, .floats = &floats, .source = &source,
	};
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
	dumpscan_init(&pouring.scan, count_table, &pouring);
	pouring.piece = xmalloc(PIECE);
	if (floats_begin(&floats, t, d->name, err) < 0 || stall_source_init(&source, to, err) < 0 ||
	    userproc_start(&u, &o, run_dump, &job, err) < 0)
		return -1;
	mem_close_cleanup(&to);
	if (receive_dump(&pouring, from, &u, err) < 0)
		return -1;
	return db_run(d->db, "UNLOCK TABLES", NULL, 0, NULL, err);
}
