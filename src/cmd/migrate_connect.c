/* Connections: read-only for looking, and an account of its own, made for one run, for changing.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The account may read the migration's tables, change what the migration
 * declares, and write its own two tables; nothing else. Its password is
 * random, known to this process only, and it is dropped at the end. One that a
 * killed run left is replaced by the next and, being an effect, dropped at purge.
 */
#include <errno.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "../core/sha1.h"
#include "../core/sha256.h"
#include "../ext/effects.h"
#include "migrate_frame.h"

#define PASSWORD_BYTES 24
#define CLOSE_S 5
#define SETUP_LOCK "maintkit_migrate_setup/%.40s"

/* What is to be kept of the own account to come back, and to drop it. */
static struct {
	char *user, *password;
	const char *host;
	char *lock;
	bool made;
} own;

static int open_as(struct migrate *m, const char *user, const char *password, struct db **db, struct err *err)
{
	struct db_options o = { .defaults_file = migrate_opts.defaults_file, .database = m->schema, .user = user,
				.password = password };

	if (db_open(db, m->t->profile, &m->t->root, &o, err) < 0)
		return -1;
	if (db_run(*db, "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'", NULL, 0, NULL, err) == 0)
		return 0;
	db_cleanup(db);
	return -1;
}

int migrate_connect(struct migrate *m, struct err *err)
{
	if (open_as(m, NULL, NULL, &m->db, err) < 0)
		return -1;
	if (m->mode == MIGRATE_RUN || m->mode == MIGRATE_UNDO)
		return 0;
	return db_run(m->db, "SET SESSION TRANSACTION READ ONLY", NULL, 0, NULL, err);
}

/* ---- the account ---- */

static int make_password(char **out, struct err *err)
{
	unsigned char raw[PASSWORD_BYTES];
	AUTO_BUF hex = BUF_SECRET_INIT;

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		return err_sys(err, errno, "random numbers");
	for (size_t i = 0; i < sizeof(raw); i++)
		buf_addf(&hex, "%02x", raw[i]);
	explicit_bzero(raw, sizeof(raw));
	*out = buf_steal(&hex);
	return 0;
}

static void quote_account(struct db *db, struct buf *out)
{
	db_quote_string(db, out, own.user, strlen(own.user));
	buf_addc(out, '@');
	db_quote_string(db, out, own.host, strlen(own.host));
}

/* One name per database: short enough for every server, and the next run finds a left one. */
static void name_account(struct migrate *m)
{
	char hex[SHA256_HEX_SIZE];

	sha256_hex(m->schema, strlen(m->schema), hex);
	free(own.user);
	own.user = xasprintf("mk-migrate-%.5s", hex);	/* MySQL's 16 characters */
	own.host = profile_get_or(m->t->profile, "database", "host", "localhost");
}

static int run_f(struct db *db, struct err *err, const char *fmt, ...) PRINTF(3, 4);
static int run_f(struct db *db, struct err *err, const char *fmt, ...)
{
	AUTO_BUF sql = BUF_SECRET_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&sql, fmt, ap);
	va_end(ap);
	return db_run(db, sql.p, NULL, 0, NULL, err);
}

static int grant_table(struct migrate *m, struct db *db, const char *account, const char *privileges, const char *table,
		       struct err *err)
{
	AUTO_BUF name = BUF_INIT;

	migrate_sql_name(&name, m->schema);
	buf_addc(&name, '.');
	migrate_sql_name(&name, table);
	return run_f(db, err, "GRANT %s ON %s TO %s", privileges, name.p, account);
}

static int grant_all(struct migrate *m, struct db *db, const char *account, struct err *err)
{
	bool undo = m->mode == MIGRATE_UNDO;

	for (int i = 0; m->what->tables[i].name; i++) {
		const struct migrate_table *t = &m->what->tables[i];
		bool update = t->writes || (undo && t->inserts && m->what->retire);
		AUTO_FREE char *privileges = xasprintf("SELECT%s%s%s", update ? ", UPDATE" : "", t->inserts && !undo ? ", INSERT" : "",
						       t->inserts && undo && !m->what->retire ? ", DELETE" : "");

		if (m->store->seen[i].there && grant_table(m, db, account, privileges, t->name, err) < 0)
			return -1;
	}
	if (grant_table(m, db, account, "SELECT, INSERT, UPDATE, DELETE", "maintkit_run", err) < 0)
		return -1;
	return grant_table(m, db, account, "SELECT, INSERT, UPDATE, DELETE", "maintkit_undo", err);
}

static int make_account(struct migrate *m, struct db *admin, struct err *err)
{
	AUTO_BUF account = BUF_INIT;
	unsigned char once[SHA1_SIZE], twice[SHA1_SIZE];
	AUTO_BUF hash = BUF_SECRET_INIT;

	name_account(m);
	AUTO_FREE char *id = xasprintf("%s@%s", own.user, own.host);

	mem_wipe_string(own.password);
	if (make_password(&own.password, err) < 0)
		return -1;
	/* Only what the server keeps is sent: no log of its ever sees the password. */
	sha1(own.password, strlen(own.password), once);
	sha1(once, sizeof(once), twice);
	for (size_t i = 0; i < sizeof(twice); i++)
		buf_addf(&hash, "%02X", twice[i]);
	explicit_bzero(once, sizeof(once));
	quote_account(admin, &account);
	if (effect_intend(m->t->profile, &m->t->root, EFFECT_HOST, "db-user", id, EFFECT_ABSENT, id, err) < 0)
		return -1;
	if (run_f(admin, err, "DROP USER IF EXISTS %s", account.p) < 0 ||
	    run_f(admin, err, "CREATE USER %s IDENTIFIED BY PASSWORD '*%s'", account.p, hash.p) < 0)
		return -1;
	own.made = true;
	if (effect_done(m->t->profile, &m->t->root, EFFECT_HOST, "db-user", id, EFFECT_ABSENT, id, err) < 0)
		return -1;
	return grant_all(m, admin, account.p, err);
}

static int drop_account(struct migrate *m, struct err *err)
{
	CLEANUP(db_cleanup) struct db *admin = NULL;
	AUTO_FREE char *id = xasprintf("%s@%s", own.user, own.host);
	AUTO_BUF account = BUF_INIT;

	AUTO_FREE char *setup = xasprintf(SETUP_LOCK, m->schema);

	if (open_as(m, NULL, NULL, &admin, err) < 0)
		return -1;
	/* Another run that came meanwhile has made it anew, for itself. Our own connection is closed,
	 * but a busy server may take a while to notice. */
	if (db_lock(admin, setup, 0, NULL) < 0 || db_lock(admin, own.lock, CLOSE_S, NULL) < 0)
		return 0;
	quote_account(admin, &account);
	if (run_f(admin, err, "DROP USER IF EXISTS %s", account.p) < 0)
		return -1;
	return effect_undone(m->t->profile, &m->t->root, "db-user", id, err);
}

/* ---- the lock of all runs on one database ---- */

static int wait_lock(struct db *db, const char *name, struct err *err)
{
	struct err e = ERR_INIT;

	if (db_lock(db, name, 0, &e) == 0)
		return 0;
	if (e.kind == ERR_BUSY) {
		log_info("%s; waiting up to %ld s", e.text, migrate_opts.wait);
		return db_lock(db, name, (int)migrate_opts.wait, err);
	}
	*err = e;
	return -1;
}

int migrate_connect_own(struct migrate *m, struct err *err)
{
	struct db *admin = m->db, *db = NULL;
	AUTO_FREE char *setup = xasprintf(SETUP_LOCK, m->schema);
	struct err why = ERR_INIT;

	free(own.lock);
	own.lock = xasprintf("maintkit_migrate/%.45s", m->schema);
	/* The setup lock lasts until this connection ends; who has it looks whether a run has the
	 * other one before it touches the account that the run would come back with. */
	if (wait_lock(admin, setup, err) < 0 || wait_lock(admin, own.lock, err) < 0)
		return -1;
	if (make_account(m, admin, &why) < 0) {
		if (own.made || (why.lib != ER_SPECIFIC_ACCESS_DENIED_ERROR && why.lib != ER_DBACCESS_DENIED_ERROR)) {
			*err = why;
			return -1;
		}
		log_info("the account in use may not make accounts; it does the work itself");
		return 0;
	}
	if (open_as(m, own.user, own.password, &db, err) < 0)
		return -1;
	struct db_value v[] = { DBV_STR(own.lock) };

	if (db_run(admin, "DO RELEASE_LOCK(?)", v, 1, NULL, err) < 0 || db_lock(db, own.lock, 5, err) < 0) {
		db_close(db);
		return -1;
	}
	m->db = db;
	db_close(admin);
	return 0;
}

int migrate_reconnect(struct migrate *m, struct err *err)
{
	struct err why = *err;

	log_warn("%s; waiting up to %ld s for the server", err->text, migrate_opts.wait);
	db_cleanup(&m->db);
	for (long i = 0; i < migrate_opts.wait; i++) {
		sleep(1);
		if (open_as(m, own.made ? own.user : NULL, own.made ? own.password : NULL, &m->db, err) == 0)
			return db_lock(m->db, own.lock, (int)migrate_opts.wait, err);
		if (err->kind != ERR_BACKEND)
			return -1;
	}
	*err = why;
	err_hint(err, "what is done is recorded; run the same command again to go on");
	return -1;
}

void migrate_disconnect(struct migrate *m)
{
	struct err why = ERR_INIT;

	db_cleanup(&m->db);
	if (own.made && drop_account(m, &why) < 0)
		log_warn("the account '%s' is still there, the next run drops it: %s", own.user, why.text);
	own.made = false;
	mem_wipe_string(own.password);
	own.password = NULL;
	free(own.user);
	free(own.lock);
	own.user = own.lock = NULL;
}
