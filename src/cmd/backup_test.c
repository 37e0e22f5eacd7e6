/* The restore test: the dump is loaded into a scratch database, looked at, and dropped.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every table must have the rows that the manifest says. A table of the live
 * database to which nothing was written since the backup began must have the
 * same CHECKSUM TABLE; the others can only be counted. Not compared are tables
 * with FLOAT columns of which the backup says that digits are missing, and all
 * such tables of backups that were made before the digits were stored.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include "backup_restore.h"

#define NAME_MAX_LEN 64		/* of a database */
#define KILLED_WAIT_S 30	/* until the server sees that one was killed */

struct testing {
	struct tool *t;
	struct backup_facts *facts;
	struct loader load;
	char *name;
	const char *live;
	unsigned char *chunk;
	size_t equal;
};

static void testing_release(struct testing *g)
{
	loader_release(&g->load);
	free(g->chunk);
	free(g->name);
}

/* The name is ours alone, so what is there was left by a test that was killed. */
static int drop_left(struct testing *g, struct err *err)
{
	CLEANUP(db_cleanup) struct db *db = NULL;
	AUTO_BUF sql = BUF_INIT;
	struct err why = ERR_INIT;

	if (db_open(&db, g->t->profile, &g->t->root, NULL, err) < 0)
		return -1;
	if (!db_has_database(db, g->name, &why)) {
		if (why.kind)
			*err = why;
		return why.kind ? -1 : 0;
	}
	buf_adds(&sql, "DROP DATABASE IF EXISTS ");
	return db_quote_name(&sql, g->name, err) < 0 || db_run(db, sql.p, NULL, 0, NULL, err) < 0 ||
	       effect_undone(g->t->profile, &g->t->root, "database", g->name, err) < 0 ? -1 : 0;
}

/* Events of the dump would be run by the server, on whatever they name. */
static int check_events(struct testing *g, struct err *err)
{
	AUTO_FREE char *events = info_get(&g->facts->info, "events"), *on = NULL;

	if (!events || strcmp(events, "0") == 0)
		return 0;
	if (db_get_str(g->load.db, "SELECT @@global.event_scheduler", NULL, 0, &on, err) < 0)
		return -1;
	return strcmp(on, "ON") != 0 ? 0 :
	       err_set(err, ERR_POLICY, "the dump has %s events, which the server would run in the scratch database; "
		       "switch its event scheduler off for the test (SET GLOBAL event_scheduler = OFF)", events);
}

static int take(void *arg, struct reader *r, const struct archive_member *m, struct err *err)
{
	struct testing *g = arg;

	if (strcmp(m->path, MEMBER_COMPLETE) == 0)
		return loader_end(&g->load, err);
	if (strncmp(m->path, MEMBER_DATABASE, strlen(MEMBER_DATABASE)) != 0)
		return 0;
	if (!g->load.made && check_events(g, err) < 0)
		return -1;
	return loader_piece(&g->load, &g->facts->info, r, g->chunk, err);
}

static void take_table(void *arg, const char *name, uint64_t rows)
{
	struct testing *g = arg;

	loader_table(&g->load, name, rows);
}

static int full_name(struct buf *out, const char *database, const char *table, struct err *err)
{
	if (db_quote_name(out, database, err) < 0)
		return -1;
	buf_addc(out, '.');
	return db_quote_name(out, table, err);
}

/* NULL when the server has none for it. */
static int checksum(struct testing *g, const char *database, const char *table, char **sum, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	AUTO_BUF sql = BUF_INIT;

	buf_adds(&sql, "CHECKSUM TABLE ");
	if (full_name(&sql, database, table, err) < 0 || db_run(g->load.db, sql.p, NULL, 0, &rows, err) < 0)
		return -1;
	*sum = rows.rows && rows.cols > 1 && db_cell(&rows, 0, 1) ? xstrdup(db_cell(&rows, 0, 1)) : NULL;
	return 0;
}

/* Those with FLOAT columns are, since the digits that a dump lacks are behind the rows (backup_floats.h). */
static bool is_exact(struct testing *g, const char *table)
{
	AUTO_FREE char *floats = info_get(&g->facts->info, "floats"), *note = xasprintf(MEMBER_DATABASE "%s: ", table);

	for (size_t i = 0; i < g->facts->notes.n; i++)
		if (strncmp(g->facts->notes.v[i], note, strlen(note)) == 0)
			return false;
	return floats;
}

/* 1: nothing was written to the live table since, and its values are dumped exactly. */
static int is_untouched(struct testing *g, const char *table, long long then, struct err *err)
{
	int64_t n;

	/* update_time of InnoDB is not known after a restart of the server: NULL is not less. The checksum of a table with a
	 * virtual column is another one each time (10.11), whatever is in it. */
	if (db_get_int(g->load.db, "SELECT COUNT(*) FROM information_schema.tables t WHERE table_schema = ? AND table_name = ? "
		       "AND UNIX_TIMESTAMP(update_time) < ? AND (? OR NOT EXISTS (SELECT 1 FROM information_schema.columns c "
		       "WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.data_type = 'float')) "
		       "AND NOT EXISTS (SELECT 1 FROM information_schema.columns c WHERE c.table_schema = t.table_schema "
		       "AND c.table_name = t.table_name AND c.extra LIKE '%VIRTUAL%')",
		       (struct db_value[]){ DBV_STR(g->live), DBV_STR(table), DBV_INT(then), DBV_INT(is_exact(g, table)) },
		       4, &n, err) < 0)
		return -1;
	return n > 0;
}

/* The live table's checksum first: what is written while it is made shows afterwards. */
static int compare_live(struct testing *g, const char *table, long long then, struct err *err)
{
	AUTO_FREE char *live = NULL, *loaded = NULL;
	int untouched = is_untouched(g, table, then, err);

	if (untouched <= 0)
		return untouched;
	if (checksum(g, g->live, table, &live, err) < 0 || checksum(g, g->name, table, &loaded, err) < 0)
		return -1;
	if (live && loaded && strcmp(live, loaded) == 0) {
		g->equal++;
		return 0;
	}
	sleep(1);	/* for a commit that is visible before its time is */
	untouched = is_untouched(g, table, then, err);
	if (untouched <= 0)
		return untouched;
	g->facts->bad = true;
	return err_set(err, ERR_FAIL, "table '%s' differs from the live one after loading, though nothing was written to that since",
		       table);
}

static int same_server(struct testing *g, bool *same, struct err *err)
{
	AUTO_FREE char *then = info_get(&g->facts->info, "server"), *now = NULL;

	if (db_get_str(g->load.db, "SELECT VERSION()", NULL, 0, &now, err) < 0)
		return -1;
	*same = then && strcmp(then, now) == 0;
	return 0;
}

static int compare(struct testing *g, struct buf *said, struct err *err)
{
	long long then = 0;
	bool same;

	if (loader_check(&g->load, err) < 0) {
		g->facts->bad |= g->load.differs;
		return -1;
	}
	if (same_server(g, &same, err) < 0)
		return -1;
	int even = backup_clock_even(g->load.db, &g->facts->info, &then, err);

	/* in local time an hour comes twice in autumn */
	if (even < 0 || db_run(g->load.db, "SET SESSION time_zone = '+00:00'", NULL, 0, NULL, err) < 0)
		return -1;
	if (!even)
		log_info("the machine was started again since, or a clock was set, so nobody can tell what was written to since");
	for (size_t i = 0; same && even && i < g->load.n; i++)
		if (compare_live(g, g->load.table[i].name, then, err) < 0)
			return -1;
	buf_addf(said, "loaded: all %zu tables have their rows; %zu are equal to the live ones, the others were written to since "
		 "or cannot be compared", g->load.n, g->equal);
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
	CLEANUP(db_cleanup) struct db *alone = NULL;	/* one test at a time: they have one scratch database */
	CLEANUP(testing_release) struct testing g = { .t = t, .facts = f, .load = LOADER_INIT };
	struct sink sink = { .member = take, .table = take_table, .arg = &g };

	g.name = scratch_name(t);
	g.live = profile_require(t->profile, "database", "name", err);
	if (!g.live || db_open(&alone, t->profile, &t->root, NULL, err) < 0 || db_lock(alone, g.name, KILLED_WAIT_S, err) < 0 ||
	    db_run(alone, "SET SESSION wait_timeout = 604800", NULL, 0, NULL, err) < 0 || drop_left(&g, err) < 0 || loader_open(&g.load, t, g.name, err) < 0)
		return -1;
	g.chunk = xmalloc(RESTORE_CHUNK);
	int sum = backup_read(t, file, &sink, f, err);

	if (sum < 0)
		return -1;
	if (!g.load.n && !f->totals.tables) {
		buf_adds(said, "there is no database in it to load");
		return sum;
	}
	return compare(&g, said, err) < 0 ? -1 : sum;
}
