/* The dump of a backup into a new database, by the server's own client; and whether all of it arrived.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include "../base/child.h"
#include "backup_restore.h"
#include "backup_stall.h"

int loader_open(struct loader *l, struct tool *t, const char *database, struct err *err)
{
	struct err why = ERR_INIT;

	l->t = t;
	l->database = database;
	l->where = backup_db_where(t, err);
	if (!l->where || db_open(&l->db, t->profile, &t->root, NULL, err) < 0)
		return -1;
	bool there = db_has_database(l->db, database, &why);

	if (why.kind) {
		*err = why;
		return -1;
	}
	return there ? err_set(err, ERR_FAIL, "database '%s' exists; a dump is loaded into a new database only", database) : 0;
}

struct client_job {
	const char *where, *name;
	int in, stall_ms;
};

static int run_client(void *arg, struct buf *out UNUSED, struct err *err)
{
	const struct client_job *job = arg;
	const char *argv[] = { "mariadb", job->where, "--batch", "--default-character-set=utf8mb4",
			       "--max-allowed-packet=1G", "--", job->name, NULL };
	struct stall_client watch = { job->where, job->name, job->in, 0 };
	struct child c = {
		.argv = argv, .in_fd = job->in, .timeout_ms = job->stall_ms, .gets_on = stall_client_gets_on, .arg = &watch,
	};

	return child_check(&c, err);
}

static int make_database(struct loader *l, const struct buf *info, struct err *err)
{
	AUTO_FREE char *charset = info_get(info, "charset");
	AUTO_FREE char *collation = info_get(info, "collation");
	AUTO_BUF sql = BUF_INIT;

	buf_adds(&sql, "CREATE DATABASE ");
	if (db_quote_name(&sql, l->database, err) < 0)
		return -1;
	if (charset && collation) {
		buf_adds(&sql, " CHARACTER SET ");
		db_quote_string(l->db, &sql, charset, strlen(charset));
		buf_adds(&sql, " COLLATE ");
		db_quote_string(l->db, &sql, collation, strlen(collation));
	}
	if (effect_intend(l->t->profile, &l->t->root, EFFECT_DATA, "database", l->database, EFFECT_ABSENT, "", err) < 0 ||
	    db_run(l->db, sql.p, NULL, 0, NULL, err) < 0)
		return -1;
	l->made = true;
	return 0;
}

static int start_client(struct loader *l, const struct buf *info, struct err *err)
{
	int p[2], stall_ms;

	if (stall_limit(l->t, &stall_ms, err) < 0 || make_database(l, info, err) < 0)
		return -1;
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	struct client_job job = { l->where, l->database, p[0], stall_ms };
	struct userproc_opts o = { .keep = { p[0] }, .timeout_ms = -1 };
	int rc = userproc_start(&l->client, &o, run_client, &job, err);

	close(p[0]);
	l->pipe = p[1];
	return rc;
}

static int send_all(int fd, const unsigned char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int loader_piece(struct loader *l, const struct buf *info, struct reader *r, unsigned char *chunk, struct err *err)
{
	ssize_t n;

	if (l->pipe < 0 && start_client(l, info, err) < 0)
		return -1;
	while ((n = reader_read(r, chunk, RESTORE_CHUNK, err)) > 0)
		if (send_all(l->pipe, chunk, (size_t)n) < 0) {
			/* the client has gone; it knows why */
			if (userproc_wait(&l->client, NULL, err) >= 0)
				err_set(err, ERR_FAIL, "the client 'mariadb' ended before the dump did");
			err_prefix(err, "load the dump");
			return -1;
		}
	return n < 0 ? -1 : 0;
}

int loader_end(struct loader *l, struct err *err)
{
	mem_close_cleanup(&l->pipe);
	if (l->client.pid < 0)
		return 0;
	if (userproc_wait(&l->client, NULL, err) < 0) {
		err_prefix(err, "load the dump");
		return -1;
	}
	return 0;
}

void loader_table(struct loader *l, const char *table, uint64_t rows)
{
	l->table = xreallocarray(l->table, l->n + 1, sizeof *l->table);
	l->table[l->n++] = (struct loaded_table){ xstrdup(table), rows };
}

static int count_rows(struct loader *l, const char *table, int64_t *n, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;

	buf_adds(&sql, "SELECT COUNT(*) FROM ");
	if (db_quote_name(&sql, l->database, err) < 0)
		return -1;
	buf_addc(&sql, '.');
	return db_quote_name(&sql, table, err) < 0 ? -1 : db_get_int(l->db, sql.p, NULL, 0, n, err);
}

int loader_check(struct loader *l, struct err *err)
{
	int64_t n;

	if (!l->made)
		return err_set(err, ERR_FAIL, "the backup holds no database");
	if (db_get_int(l->db, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_type NOT IN "
		       "('VIEW', 'SEQUENCE')", (struct db_value[]){ DBV_STR(l->database) }, 1, &n, err) < 0)
		return -1;
	l->differs = (uint64_t)n != l->n;
	if (l->differs)
		return err_set(err, ERR_FAIL, "the dump has %zu tables, and %" PRId64 " arrived", l->n, n);
	for (size_t i = 0; i < l->n; i++) {
		if (count_rows(l, l->table[i].name, &n, err) < 0)
			return -1;
		l->differs = (uint64_t)n != l->table[i].rows;
		if (l->differs)
			return err_set(err, ERR_FAIL, "table '%s': the dump has %" PRIu64 " rows, and %" PRId64 " arrived",
				       l->table[i].name, l->table[i].rows, n);
	}
	return 0;
}

int loader_keep(struct loader *l, struct err *err)
{
	if (l->made && effect_done(l->t->profile, &l->t->root, EFFECT_DATA, "database", l->database, EFFECT_ABSENT, "", err) < 0)
		return -1;
	l->made = false;
	return 0;
}

static void drop_database(struct loader *l)
{
	AUTO_BUF sql = BUF_INIT;
	struct err why = ERR_INIT;

	buf_adds(&sql, "DROP DATABASE ");
	if (db_quote_name(&sql, l->database, &why) < 0 || db_run(l->db, sql.p, NULL, 0, NULL, &why) < 0 ||
	    effect_undone(l->t->profile, &l->t->root, "database", l->database, &why) < 0)
		log_warn("database '%s' could not be dropped again: %s", l->database, why.text);
}

void loader_release(struct loader *l)
{
	mem_close_cleanup(&l->pipe);
	userproc_stop(&l->client);
	if (l->made)
		drop_database(l);
	db_close(l->db);
	l->db = NULL;
	for (size_t i = 0; i < l->n; i++)
		free(l->table[i].name);
	free(l->table);
	free(l->where);
}
