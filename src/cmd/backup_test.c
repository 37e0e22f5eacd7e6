/* The restore test: the dump is loaded into a scratch database, looked at, and dropped.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every table must have the rows that the manifest says. A table of the live
 * database to which nothing was written since the backup began must have the
 * same CHECKSUM TABLE; the others can only be counted. Not compared are tables
 * with FLOAT columns: mariadb-dump writes six digits of them.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include "../base/child.h"
#include "../ext/effects.h"
#include "backup.h"

#define CHUNK (256u << 10)
#define NAME_MAX_LEN 64		/* of a database */

struct table {
	char *name;
	uint64_t rows;
};

struct testing {
	struct tool *t;
	struct backup_facts *facts;
	struct db *db;
	char *name, *where;
	const char *live;
	struct userproc client;
	int pipe;
	unsigned char *chunk;
	struct table *tables;
	size_t n, equal;
};

static int run_sql(struct testing *g, const char *before, const char *after, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;

	buf_adds(&sql, before);
	if (db_quote_name(&sql, g->name, err) < 0)
		return -1;
	buf_adds(&sql, after);
	return db_run(g->db, sql.p, NULL, 0, NULL, err);
}

/* The name is ours alone, so what is there was left by a test that was killed. */
static int drop(struct testing *g, struct err *err)
{
	struct err why = ERR_INIT;
	bool there = db_has_database(g->db, g->name, &why);

	if (!there && !why.kind)
		return 0;
	return run_sql(g, "DROP DATABASE IF EXISTS ", "", err) < 0 ||
	       effect_undone(g->t->profile, &g->t->root, "database", g->name, err) < 0 ? -1 : 0;
}

static void testing_release(struct testing *g)
{
	struct err why = ERR_INIT;

	mem_close_cleanup(&g->pipe);
	userproc_stop(&g->client);
	if (g->db && drop(g, &why) < 0)
		log_warn("scratch database '%s' could not be dropped: %s; the next 'backup verify --restore-test' drops it",
			 g->name, why.text);
	db_close(g->db);
	for (size_t i = 0; i < g->n; i++)
		free(g->tables[i].name);
	free(g->tables);
	free(g->chunk);
	free(g->where);
	free(g->name);
}

/* Events of the dump would be run by the server, on whatever they name. */
static int check_events(struct testing *g, struct err *err)
{
	AUTO_FREE char *events = info_get(&g->facts->info, "events"), *on = NULL;

	if (!events || strcmp(events, "0") == 0)
		return 0;
	if (db_get_str(g->db, "SELECT @@global.event_scheduler", NULL, 0, &on, err) < 0)
		return -1;
	return strcmp(on, "ON") != 0 ? 0 :
	       err_set(err, ERR_POLICY, "the dump has %s events, which the server would run in the scratch database; "
		       "switch its event scheduler off for the test (SET GLOBAL event_scheduler = OFF)", events);
}

static int make_scratch(struct testing *g, struct err *err)
{
	AUTO_FREE char *charset = info_get(&g->facts->info, "charset"), *collation = info_get(&g->facts->info, "collation");
	AUTO_BUF sets = BUF_INIT;

	if (charset && collation) {
		buf_adds(&sets, " CHARACTER SET ");
		db_quote_string(g->db, &sets, charset, strlen(charset));
		buf_adds(&sets, " COLLATE ");
		db_quote_string(g->db, &sets, collation, strlen(collation));
	}
	return check_events(g, err) < 0 || drop(g, err) < 0 ||
	       effect_intend(g->t->profile, &g->t->root, EFFECT_DATA, "database", g->name, EFFECT_ABSENT, "", err) < 0 ||
	       run_sql(g, "CREATE DATABASE ", sets.p, err) < 0 ? -1 : 0;
}

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

static int start_client(struct testing *g, struct err *err)
{
	int p[2];

	if (make_scratch(g, err) < 0)
		return -1;
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	struct client_job job = { g->where, g->name, p[0] };
	struct userproc_opts o = { .keep = { p[0] }, .timeout_ms = -1 };
	int rc = userproc_start(&g->client, &o, run_client, &job, err);

	close(p[0]);
	g->pipe = p[1];
	return rc;
}

static int end_client(struct testing *g, struct err *err)
{
	mem_close_cleanup(&g->pipe);
	if (g->client.pid < 0 || userproc_wait(&g->client, NULL, err) == 0)
		return 0;
	err_prefix(err, "load the dump");
	return -1;
}

static int load_piece(struct testing *g, struct reader *r, struct err *err)
{
	ssize_t n;

	if (g->pipe < 0 && start_client(g, err) < 0)
		return -1;
	while ((n = reader_read(r, g->chunk, CHUNK, err)) > 0)
		for (ssize_t done = 0; done < n; ) {
			ssize_t w = write(g->pipe, g->chunk + done, (size_t)(n - done));

			if (w < 0 && errno == EINTR)
				continue;
			if (w < 0)	/* the client has gone, and knows why */
				return end_client(g, err) < 0 ? -1 :
				       err_set(err, ERR_FAIL, "the client 'mariadb' ended before the dump did");
			done += w;
		}
	return n < 0 ? -1 : 0;
}

static int take(void *arg, struct reader *r, const struct archive_member *m, struct err *err)
{
	struct testing *g = arg;

	if (strcmp(m->path, MEMBER_COMPLETE) == 0)
		return end_client(g, err);
	return strncmp(m->path, MEMBER_DATABASE, strlen(MEMBER_DATABASE)) == 0 ? load_piece(g, r, err) : 0;
}

static void take_table(void *arg, const char *name, uint64_t rows)
{
	struct testing *g = arg;

	g->tables = xreallocarray(g->tables, g->n + 1, sizeof(*g->tables));
	g->tables[g->n++] = (struct table){ xstrdup(name), rows };
}

static int full_name(struct buf *out, const char *database, const char *table, struct err *err)
{
	if (db_quote_name(out, database, err) < 0)
		return -1;
	buf_addc(out, '.');
	return db_quote_name(out, table, err);
}

static int count_rows(struct testing *g, const struct table *table, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;
	int64_t n;

	buf_adds(&sql, "SELECT COUNT(*) FROM ");
	if (full_name(&sql, g->name, table->name, err) < 0)
		return -1;
	if (db_get_int(g->db, sql.p, NULL, 0, &n, err) < 0) {
		err_prefix(err, "table '%s' after loading", table->name);
		return -1;
	}
	if ((uint64_t)n == table->rows)
		return 0;
	g->facts->bad = true;
	return err_set(err, ERR_FAIL, "table '%s' has %" PRId64 " rows after loading, and %" PRIu64 " in the manifest",
		       table->name, n, table->rows);
}

/* NULL when the server has none for it. */
static int checksum(struct testing *g, const char *database, const char *table, char **sum, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	AUTO_BUF sql = BUF_INIT;

	buf_adds(&sql, "CHECKSUM TABLE ");
	if (full_name(&sql, database, table, err) < 0 || db_run(g->db, sql.p, NULL, 0, &rows, err) < 0)
		return -1;
	*sum = rows.rows && rows.cols > 1 && db_cell(&rows, 0, 1) ? xstrdup(db_cell(&rows, 0, 1)) : NULL;
	return 0;
}

/* 1: nothing was written to the live table since, and its values are dumped exactly. */
static int is_untouched(struct testing *g, const char *table, long long created, struct err *err)
{
	int64_t n;

	/* update_time of InnoDB is not known after a restart of the server: NULL is not less */
	if (db_get_int(g->db, "SELECT COUNT(*) FROM information_schema.tables t WHERE table_schema = ? AND table_name = ? "
		       "AND UNIX_TIMESTAMP(update_time) < ? AND NOT EXISTS (SELECT 1 FROM information_schema.columns c "
		       "WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.data_type = 'float')",
		       (struct db_value[]){ DBV_STR(g->live), DBV_STR(table), DBV_INT(created) }, 3, &n, err) < 0)
		return -1;
	return n > 0;
}

/* The live table's checksum first: what is written while it is made shows afterwards. */
static int compare_live(struct testing *g, const struct table *table, long long created, struct err *err)
{
	AUTO_FREE char *live = NULL, *loaded = NULL;
	int untouched = is_untouched(g, table->name, created, err);

	if (untouched <= 0)
		return untouched;
	if (checksum(g, g->live, table->name, &live, err) < 0 || checksum(g, g->name, table->name, &loaded, err) < 0)
		return -1;
	if (live && loaded && strcmp(live, loaded) == 0) {
		g->equal++;
		return 0;
	}
	sleep(1);	/* for a commit that is visible before its time is */
	untouched = is_untouched(g, table->name, created, err);
	if (untouched <= 0)
		return untouched;
	g->facts->bad = true;
	return err_set(err, ERR_FAIL, "table '%s' differs from the live one after loading, though nothing was written to that since",
		       table->name);
}

static int same_server(struct testing *g, bool *same, struct err *err)
{
	AUTO_FREE char *then = info_get(&g->facts->info, "server"), *now = NULL;

	if (db_get_str(g->db, "SELECT VERSION()", NULL, 0, &now, err) < 0)
		return -1;
	*same = then && strcmp(then, now) == 0;
	return 0;
}

static int compare(struct testing *g, struct buf *said, struct err *err)
{
	AUTO_FREE char *text = info_get(&g->facts->info, "created");
	long long created = backup_time(text);
	bool same;

	if (same_server(g, &same, err) < 0)
		return -1;
	for (size_t i = 0; i < g->n; i++)
		if (count_rows(g, &g->tables[i], err) < 0 ||
		    (same && created >= 0 && compare_live(g, &g->tables[i], created, err) < 0))
			return -1;
	buf_addf(said, "loaded: all %zu tables have their rows; %zu are equal to the live ones, the others were written to since "
		 "or cannot be compared", g->n, g->equal);
	return 0;
}

static char *scratch_name(struct tool *t)
{
	char *name = xasprintf("maintkit_restore_test_%s", profile_package(t->profile));

	for (char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p))
			*p = '_';
	if (strlen(name) > NAME_MAX_LEN)
		name[NAME_MAX_LEN] = '\0';
	return name;
}

int backup_restore_test(struct tool *t, const char *file, struct backup_facts *f, struct buf *said, struct err *err)
{
	CLEANUP(testing_release) struct testing g = { .t = t, .facts = f, .client = USERPROC_INIT, .pipe = -1 };
	struct sink sink = { .member = take, .table = take_table, .arg = &g };

	g.name = scratch_name(t);
	g.where = backup_db_where(t, err);
	g.live = profile_require(t->profile, "database", "name", err);
	if (!g.where || !g.live || db_open(&g.db, t->profile, &t->root, NULL, err) < 0)
		return -1;
	g.chunk = xmalloc(CHUNK);
	int sum = backup_read(t, file, &sink, f, err);

	if (sum < 0)
		return -1;
	if (!g.n && !f->totals.tables) {
		buf_adds(said, "there is no database in it to load");
		return sum;
	}
	return compare(&g, said, err) < 0 ? -1 : sum;
}
