/* The whole of one database into another by renaming: tables, views, triggers, routines and events.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * MariaDB renames tables across databases (rows and foreign keys follow), but
 * no table that has a trigger, and nothing else at all. So the definitions of
 * the rest are written down first, dropped, and made again where the tables
 * are then. Events are made in the database in use only: in the one that is
 * kept the server would run them.
 *
 * Every step looks at what is there, so that it may be repeated after being
 * killed anywhere. Before MariaDB 10.6 a power cut in the middle of one
 * table's renaming is the server's to survive.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../base/child.h"
#include "../core/dumpnames.h"
#include "backup_restore.h"
#include "backup_stall.h"

#define ERR_NO_VIEW 2	/* exit status of mariadb-dump for a view that cannot be shown */

static int names(struct db *db, const char *sql, const char *database, struct strv *out, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;

	if (db_run(db, sql, (struct db_value[]){ DBV_STR(database) }, 1, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.rows; i++)
		strv_add(out, db_cell(&rows, i, 0));
	return 0;
}

static int add_name(struct buf *sql, const char *database, const char *name, struct err *err)
{
	if (db_quote_name(sql, database, err) < 0)
		return -1;
	buf_addc(sql, '.');
	return db_quote_name(sql, name, err);
}

#define TABLES_SQL "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type <> 'VIEW'"
#define VIEWS_SQL "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'VIEW'"

/* ---- writing down ------------------------------------------------------------------ */
struct written {
	int fd;
	struct dumpnames strip;
};

static void written_release(struct written *w)
{
	dumpnames_release(&w->strip);
}

static int write_on(struct written *w, const void *data, size_t len, bool last)
{
	struct err why = ERR_INIT;
	AUTO_BUF out = BUF_INIT;

	dumpnames_add(&w->strip, data, len, last, &out);
	errno = buf_write_fd(&out, w->fd, &why) < 0 ? (why.sys ? why.sys : EIO) : 0;
	return errno ? -1 : 0;
}

static int take(void *arg, const void *data, size_t len)
{
	return write_on(arg, data, len, false);
}

/* Output of mariadb-dump with these words for database into fd. */
static int dump(struct tool *t, const char *database, int fd, const char *const *words, const struct strv *objects, bool strict,
		struct err *err)
{
	AUTO_FREE char *where = backup_db_where(t, err);
	AUTO_STRV argv = STRV_INIT;
	int limit_ms;

	if (!where || stall_limit(t, &limit_ms, err) < 0)
		return -1;
	strv_add(&argv, "mariadb-dump");
	strv_add(&argv, where);
	strv_add(&argv, "--no-data");
	strv_add(&argv, "--skip-comments");
	strv_add(&argv, "--skip-lock-tables");
	strv_add(&argv, "--no-tablespaces");
	strv_add(&argv, "--default-character-set=utf8mb4");
	if (!strict)
		strv_add(&argv, "--force");
	for (; *words; words++)
		strv_add(&argv, *words);
	strv_add(&argv, "--");
	strv_add(&argv, database);
	for (size_t i = 0; objects && i < objects->n; i++)
		strv_add(&argv, objects->v[i]);
	CLEANUP(written_release) struct written w = { .fd = fd, .strip = DUMPNAMES_INIT(database) };
	struct child c = { .argv = (const char *const *)argv.v, .take = take, .arg = &w, .timeout_ms = limit_ms };
	int status = child_run(&c, err);

	if (status >= 0 && write_on(&w, "", 0, true) < 0)
		return err_sys(err, errno, "write the definitions of database '%s' down", database);
	if (status < 0 || status == 0)
		return status;
	if (!strict && status == ERR_NO_VIEW) {
		log_warn("not all views and routines of database '%s' can be shown; what cannot is not kept", database);
		return 0;
	}
	return err_set(err, ERR_FAIL, "mariadb-dump ended with exit status %d", status);
}

static int dump_file(struct db *db, struct tool *t, const char *database, const char *leaf, bool events, bool strict,
		     struct err *err)
{
	static const char *const other[] = { "--no-create-info", "--triggers", "--add-drop-trigger", "--routines",
					     "--skip-events", NULL };
	static const char *const only_events[] = { "--no-create-info", "--skip-triggers", "--skip-routines", "--events", NULL };
	static const char *const only_views[] = { "--skip-triggers", "--skip-routines", "--skip-events", NULL };
	AUTO_FREE char *path = plan_path(t, leaf);
	CLEANUP(atomic_abort) struct atomic a = ATOMIC_INIT;
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	AUTO_STRV views = STRV_INIT;

	o.mode = 0600;
	o.may_exist_equal = false;
	if (names(db, VIEWS_SQL, database, &views, err) < 0 || atomic_begin(&a, &t->root, path, &o, err) < 0 ||
	    dump(t, database, a.fd, events ? only_events : other, NULL, strict, err) < 0)
		return -1;
	/* routines first: views call them */
	if (!events && views.n && dump(t, database, a.fd, only_views, &views, strict, err) < 0)
		return -1;
	return atomic_commit(&a, err);
}

/* 1 there, 0 not, -1. */
static int exists(struct db *db, const char *database, struct err *err)
{
	struct err why = ERR_INIT;
	bool there = db_has_database(db, database, &why);

	if (why.kind == ERR_NONE)
		return there;
	*err = why;
	return -1;
}

int swapdb_prepare(struct db *db, struct tool *t, const char *database, const char *side, bool strict, struct err *err)
{
	AUTO_FREE char *objects = xasprintf("%s.objects", side), *events = xasprintf("%s.events", side);
	int there = exists(db, database, err);

	if (there <= 0)
		return there;
	return dump_file(db, t, database, objects, false, strict, err) < 0 ||
	       dump_file(db, t, database, events, true, strict, err) < 0 ? -1 : 0;
}

/* ---- moving ------------------------------------------------------------------------- */
static int drop_each(struct db *db, const char *database, const char *sql, const char *kind, struct err *err)
{
	AUTO_STRV list = STRV_INIT;

	if (names(db, sql, database, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		AUTO_BUF drop = BUF_INIT;

		buf_addf(&drop, "DROP %s IF EXISTS ", kind);
		if (add_name(&drop, database, list.v[i], err) < 0 || db_run(db, drop.p, NULL, 0, NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int drop_objects(struct db *db, const char *database, struct err *err)
{
	static const struct { const char *kind, *sql; } all[] = {
		{ "EVENT", "SELECT event_name FROM information_schema.events WHERE event_schema = ?" },
		{ "TRIGGER", "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = ?" },
		{ "VIEW", VIEWS_SQL },
		{ "PACKAGE", "SELECT routine_name FROM information_schema.routines WHERE routine_schema = ? AND routine_type = 'PACKAGE'" },
		{ "PROCEDURE", "SELECT routine_name FROM information_schema.routines WHERE routine_schema = ? AND routine_type = 'PROCEDURE'" },
		{ "FUNCTION", "SELECT routine_name FROM information_schema.routines WHERE routine_schema = ? AND routine_type = 'FUNCTION'" },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (drop_each(db, database, all[i].sql, all[i].kind, err) < 0)
			return -1;
	return 0;
}

/* All in one statement: the server does all or none of it, unless its power goes (10.5). */
static int rename_tables(struct db *db, const char *from, const char *to, struct err *err)
{
	AUTO_STRV tables = STRV_INIT;
	AUTO_BUF sql = BUF_INIT;

	if (names(db, TABLES_SQL, from, &tables, err) < 0)
		return -1;
	for (size_t i = 0; i < tables.n; i++) {
		buf_adds(&sql, i ? ", " : "RENAME TABLE ");
		if (add_name(&sql, from, tables.v[i], err) < 0)
			return -1;
		buf_adds(&sql, " TO ");
		if (add_name(&sql, to, tables.v[i], err) < 0)
			return -1;
	}
	if (tables.n && db_run(db, sql.p, NULL, 0, NULL, err) < 0) {
		err_prefix(err, "move the tables of database '%s' to '%s'", from, to);
		return -1;
	}
	return 0;
}

/* to becomes a database of from's character set. */
static int make_like(struct db *db, const char *from, const char *to, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	AUTO_BUF sql = BUF_INIT;
	int there = exists(db, to, err);

	if (there < 0 || db_run(db, "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata "
				"WHERE schema_name = ?", (struct db_value[]){ DBV_STR(from) }, 1, &rows, err) < 0)
		return -1;
	buf_adds(&sql, there ? "ALTER DATABASE " : "CREATE DATABASE ");
	if (db_quote_name(&sql, to, err) < 0)
		return -1;
	if (rows.rows)
		buf_addf(&sql, " CHARACTER SET %s COLLATE %s", db_cell(&rows, 0, 0), db_cell(&rows, 0, 1));
	return db_run(db, sql.p, NULL, 0, NULL, err);
}

struct apply_job {
	const char *where, *name;
	int in, limit_ms;
};

static int run_client(void *arg, struct buf *out UNUSED, struct err *err)
{
	const struct apply_job *job = arg;
	const char *argv[] = { "mariadb", job->where, "--batch", "--default-character-set=utf8mb4", "--", job->name, NULL };
	struct child c = { .argv = argv, .in_fd = job->in, .timeout_ms = job->limit_ms };

	return child_check(&c, err);
}

static int apply(struct tool *t, const char *to, const char *side, const char *what, struct err *err)
{
	AUTO_FREE char *leaf = xasprintf("%s.%s", side, what), *path = plan_path(t, leaf), *where = backup_db_where(t, err);
	AUTO_FD int fd = where ? path_open(&t->root, path, O_RDONLY, 0, 0, err) : -1;
	struct apply_job job = { where, to, fd, 0 };

	if (fd < 0 || stall_limit(t, &job.limit_ms, err) < 0 || run_client(&job, NULL, err) < 0) {
		err_prefix(err, "make the %s of database '%s' again", what, to);
		return -1;
	}
	return 0;
}

static int drop_empty(struct db *db, struct tool *t, const char *database, struct err *err)
{
	AUTO_STRV tables = STRV_INIT;

	if (names(db, TABLES_SQL, database, &tables, err) < 0)
		return -1;
	return tables.n ? err_set(err, ERR_FAIL, "database '%s' still has tables", database) : swapdb_drop(db, t, database, err);
}

int swapdb_move(struct db *db, struct tool *t, const char *from, const char *to, const char *side, bool in_use,
		struct err *err)
{
	int there = exists(db, from, err);

	if (there <= 0)
		return there;
	if (!in_use && effect_intend(t->profile, &t->root, EFFECT_DATA, "database", to, EFFECT_ABSENT, "", err) < 0)
		return -1;
	if (make_like(db, from, to, err) < 0 || drop_objects(db, from, err) < 0 || rename_tables(db, from, to, err) < 0 ||
	    apply(t, to, side, "objects", err) < 0)
		return -1;
	if (!in_use)
		return effect_done(t->profile, &t->root, EFFECT_DATA, "database", to, EFFECT_ABSENT, "", err);
	return apply(t, to, side, "events", err) < 0 ? -1 : drop_empty(db, t, from, err);
}

int swapdb_drop(struct db *db, struct tool *t, const char *database, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;

	buf_adds(&sql, "DROP DATABASE IF EXISTS ");
	if (db_quote_name(&sql, database, err) < 0 || db_run(db, sql.p, NULL, 0, NULL, err) < 0)
		return -1;
	return effect_undone(t->profile, &t->root, "database", database, err);
}
