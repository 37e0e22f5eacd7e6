/* sql create: the database, and the application's own account with a random password.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Order, so that being killed anywhere converges: the password goes into the
 * properties file first; the account is made, or given that password, only
 * when logging in with it fails. Nothing in a database that exists is touched.
 */
#include <ctype.h>
#include <errno.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "../core/sha1.h"
#include "../ext/effects.h"
#include "../ext/identity.h"
#include "../ext/propsfile.h"
#include "sql.h"

#define PASSWORD_LEN 40

struct account {
	const char *database, *user, *host;
	char *password;
	bool fresh;	/* the password was made now */
};

static void account_release(struct account *a)
{
	mem_wipe_string(a->password);
	a->password = NULL;
}

static int make_password(char **out, struct err *err)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	char *s = xcalloc(1, PASSWORD_LEN + 1);
	size_t n = 0;

	while (n < PASSWORD_LEN) {
		unsigned char c;

		if (getrandom(&c, 1, 0) != 1) {
			free(s);
			return err_sys(err, errno, "random numbers");
		}
		if (c < 248)	/* 4 * 62: every letter equally often */
			s[n++] = letters[c % 62];
	}
	*out = s;
	return 0;
}

/* ---- the database ---- */

/* state NULL: any. */
static bool has_effect(struct tool *t, const char *kind, const char *id, const char *state)
{
	const struct effect *e = NULL;
	struct effect *list = NULL;
	size_t n = 0;
	bool found;

	if (effects_list(t->profile, &t->root, kind, &list, &n, NULL) == 0)
		e = effects_find(list, n, kind, id);
	found = e && (!state || !strcmp(e->state, state));
	effects_free(list, n);
	return found;
}

static int word_only(const char *what, const char *s, struct err *err)
{
	if (!*s || strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != strlen(s))
		return err_set(err, ERR_FAIL, "[database] %s: '%s' is not one word", what, s);
	return 0;
}

static int create_database(struct tool *t, struct db *db, const char *name, struct err *err)
{
	const char *charset = profile_get_or(t->profile, "database", "charset", "utf8mb4");
	const char *collation = profile_get(t->profile, "database", "collation");
	AUTO_BUF sql = BUF_INIT;

	if (word_only("charset", charset, err) < 0 || (collation && word_only("collation", collation, err) < 0))
		return -1;
	buf_adds(&sql, "CREATE DATABASE ");
	if (db_quote_name(&sql, name, err) < 0)
		return -1;
	buf_addf(&sql, " CHARACTER SET %s%s%s", charset, collation ? " COLLATE " : "", collation ? collation : "");
	if (effect_intend(t->profile, &t->root, EFFECT_DATA, "database", name, EFFECT_ABSENT, name, err) < 0)
		return -1;
	return db_run(db, sql.p, NULL, 0, NULL, err);
}

static int select_database(struct db *db, const char *name, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;

	buf_adds(&sql, "USE ");
	return db_quote_name(&sql, name, err) < 0 ? -1 : db_run(db, sql.p, NULL, 0, NULL, err);
}

/* What the database is to us is said before anything is put into it. */
static int record_database(struct tool *t, struct db *db, const struct sql_view *v, const char *name, bool made, struct err *err)
{
	int bound = identity_bind(t->profile, &t->root, db, sql_opts.adopt, err);
	bool ours = made || v->empty;

	if (bound < 0)
		return -1;
	if (bound == IDENTITY_ADOPTED)
		log_info("the database's instance id was taken over");
	if (ours && !v->origin && db_meta_set(db, SQL_META_ORIGIN, "created", NULL, err) < 0)
		return -1;
	if (made || !has_effect(t, "database", name, "done")) {
		if (effect_done(t->profile, &t->root, EFFECT_DATA, "database", name, made ? EFFECT_ABSENT : name, name, err) < 0)
			return -1;
	}
	return 0;
}

static int ensure_database(struct tool *t, struct db *db, const char *name, struct err *err)
{
	CLEANUP(sql_view_release) struct sql_view v = { 0 };
	struct err e = ERR_INIT;
	bool there = db_has_database(db, name, &e), begun = has_effect(t, "database", name, NULL);

	if (e.kind != ERR_NONE) {
		*err = e;
		return -1;
	}
	if (t->dry_run) {
		sql_json_member("outcome", there ? "there" : "would be created");
		log_info("database '%s' %s", name, there ? "exists" : "would be created");
		return 0;
	}
	if (!there && create_database(t, db, name, err) < 0)
		return -1;
	if (select_database(db, name, err) < 0 || sql_view_load(db, &v, err) < 0 ||
	    record_database(t, db, &v, name, !there || (begun && !v.origin && v.empty), err) < 0)
		return -1;
	sql_json_member("outcome", !there ? "created" : v.origin || v.empty ? "there" : "adopted");
	if (!there)
		log_info("database '%s' was created", name);
	else if (v.origin || v.empty)
		log_info("database '%s' is there", name);
	else
		log_info("database '%s' was adopted with the tables it has; record them with: maintkit -p %s sql baseline", name, t->package);
	return 0;
}

/* ---- the account ---- */

static void who(struct db *db, const struct account *a, struct buf *out)
{
	db_quote_string(db, out, a->user, strlen(a->user));
	buf_addc(out, '@');
	db_quote_string(db, out, a->host, strlen(a->host));
}

/* 1 lets in, 0 refused, -1. */
static int try_login(struct tool *t, const struct account *a, struct err *err)
{
	struct db_options o = { .defaults_file = sql_opts.defaults_file, .user = a->user, .password = a->password };
	CLEANUP(db_cleanup) struct db *db = NULL;
	struct err e = ERR_INIT;

	if (!a->password || !*a->password)
		return 0;
	if (db_open(&db, t->profile, &t->root, &o, &e) == 0)
		return 1;
	if (e.lib == ER_ACCESS_DENIED_ERROR || e.lib == ER_ACCESS_DENIED_NO_PASSWORD_ERROR || e.lib == ER_HOST_NOT_PRIVILEGED)
		return 0;
	*err = e;
	return -1;
}

/* SHA1(SHA1(password)), what the server keeps: so that no log of its ever sees the password. */
static void native_hash(const char *password, struct buf *out)
{
	unsigned char once[SHA1_SIZE], twice[SHA1_SIZE];

	sha1(password, strlen(password), once);
	sha1(once, sizeof once, twice);
	buf_addc(out, '*');
	for (size_t i = 0; i < sizeof twice; i++)
		buf_addf(out, "%02X", twice[i]);
	explicit_bzero(once, sizeof once);
}

static int set_password(struct db *db, const struct account *a, struct err *err)
{
	AUTO_BUF name = BUF_INIT;
	AUTO_BUF hash = BUF_SECRET_INIT;
	static const char *const steps[] = { "CREATE USER IF NOT EXISTS", "ALTER USER" };

	who(db, a, &name);
	native_hash(a->password, &hash);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		AUTO_BUF sql = BUF_SECRET_INIT;

		buf_addf(&sql, "%s %s IDENTIFIED BY PASSWORD '%s'", steps[i], name.p, hash.p);
		if (db_run(db, sql.p, NULL, 0, NULL, err) < 0)
			return -1;
	}
	return 0;
}

/* "CREATE_TEMPORARY_TABLES" -> "CREATE TEMPORARY TABLES". */
static int privilege(const char *word, struct buf *out, struct err *err)
{
	buf_reset(out);
	for (; *word; word++) {
		if (!isupper((unsigned char)*word) && *word != '_')
			return err_set(err, ERR_FAIL, "[database] privileges: '%s' is not a privilege", word);
		buf_addc(out, *word == '_' ? ' ' : *word);
	}
	return 0;
}

/* In GRANT, "_" and "%" of a database name are wildcards. */
static void grant_pattern(const char *name, struct buf *out)
{
	for (; *name; name++) {
		if (*name == '_' || *name == '%' || *name == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *name);
	}
}

static int grant(struct tool *t, struct db *db, const struct account *a, struct err *err)
{
	AUTO_BUF name = BUF_INIT, pattern = BUF_INIT, missing = BUF_INIT, word = BUF_INIT, sql = BUF_INIT;
	AUTO_STRV wanted = STRV_INIT;

	profile_words(t->profile, "database", "privileges", &wanted);
	who(db, a, &name);
	grant_pattern(a->database, &pattern);
	for (size_t i = 0; i < wanted.n; i++) {
		int64_t have;

		if (privilege(wanted.v[i], &word, err) < 0)
			return -1;
		struct db_value v[] = { DBV_STR(name.p), DBV_STR(pattern.p), DBV_STR(word.p) };

		if (db_get_int(db, "SELECT COUNT(*) FROM information_schema.schema_privileges WHERE grantee = ?"
			       " AND table_schema = ? AND privilege_type = ?", v, 3, &have, err) < 0)
			return -1;
		if (!have)
			buf_addf(&missing, "%s%s", missing.len ? ", " : "", word.p);
	}
	if (!missing.len)
		return 0;
	buf_addf(&sql, "GRANT %s ON ", missing.p);
	if (db_quote_name(&sql, pattern.p, err) < 0)
		return -1;
	buf_addf(&sql, ".* TO %s", name.p);
	return db_run(db, sql.p, NULL, 0, NULL, err) < 0 ? -1 : 1;
}

/* The password that the properties file has for our user, if any. */
static int read_password(struct tool *t, struct account *a, struct err *err)
{
	const char *user_key = profile_get(t->profile, "database", "property-user");
	const char *key = profile_get(t->profile, "database", "property-password");
	AUTO_FREE char *user = NULL;
	struct err e = ERR_INIT;

	if (!user_key || !key)
		return err_set(err, ERR_FAIL, "the profile's [database] names no property-user and property-password");
	if (propsfile_get(t->profile, &t->root, user_key, &user, &e) == 0 && !strcmp(user, a->user) &&
	    propsfile_get(t->profile, &t->root, key, &a->password, &e) == 0)
		return 0;
	if (e.kind == ERR_NONE || e.kind == ERR_ABSENT)
		return 0;
	*err = e;
	return -1;
}

/* "oscar_15?zeroDateTimeBehavior=round" names oscar_15, with parameters for the driver: they stay. */
static bool names_it_already(struct tool *t, const char *key, const char *database)
{
	AUTO_FREE char *now = NULL;
	struct err ignored = ERR_INIT;
	size_t len = strlen(database);

	return propsfile_get(t->profile, &t->root, key, &now, &ignored) == 0 &&
	       strncmp(now, database, len) == 0 && now[len] == '?';
}

static int write_properties(struct tool *t, const struct account *a, struct err *err)
{
	const struct profile *p = t->profile;
	struct propsfile_edit edits[3];
	size_t n = 0;

	const char *name_key = profile_get(p, "database", "property-name");

	if (name_key && !names_it_already(t, name_key, a->database))
		edits[n++] = (struct propsfile_edit){ name_key, a->database };
	edits[n++] = (struct propsfile_edit){ profile_get(p, "database", "property-user"), a->user };
	edits[n++] = (struct propsfile_edit){ profile_get(p, "database", "property-password"), a->password };
	return propsfile_edit(p, &t->root, edits, n, err);
}

/* Did we write the password that stands in the file? Then a former run was cut off behind that. */
static bool password_is_ours(struct tool *t)
{
	AUTO_FREE char *id = xasprintf("%s:%s", profile_get_or(t->profile, "properties", "file", ""),
				       profile_get_or(t->profile, "database", "property-password", ""));

	return has_effect(t, "property", id, NULL);
}

static int ensure_account(struct tool *t, struct db *db, struct account *a, struct err *err)
{
	AUTO_FREE char *id = xasprintf("%s@%s", a->user, a->host);
	int in, granted, wrote;

	if (!strcasecmp(a->user, "root"))
		return err_set(err, ERR_POLICY, "[database] user is root; the application gets an account of its own");
	if (read_password(t, a, err) < 0 || (in = try_login(t, a, err)) < 0)
		return -1;
	if (t->dry_run) {
		sql_json_member("account", id);
		sql_json_member("account-outcome", in ? "there" : "would be created");
		log_info("account '%s' %s", id, in ? "is there and its password is right" : "would be created");
		return 0;
	}
	if (!in && (!a->password || !password_is_ours(t))) {
		mem_wipe_string(a->password);
		a->password = NULL;
		if (make_password(&a->password, err) < 0)
			return -1;
		a->fresh = true;
	}
	wrote = write_properties(t, a, err);
	if (wrote < 0)
		return -1;
	if (!in && (effect_intend(t->profile, &t->root, EFFECT_HOST, "db-user", id, EFFECT_ABSENT, id, err) < 0 ||
		    set_password(db, a, err) < 0))
		return -1;
	/* Also after a run that was cut off right behind the account. */
	if ((!in || has_effect(t, "db-user", id, "intended")) &&
	    effect_done(t->profile, &t->root, EFFECT_HOST, "db-user", id, EFFECT_ABSENT, id, err) < 0)
		return -1;
	granted = grant(t, db, a, err);
	if (granted < 0)
		return -1;
	sql_json_member("account", id);
	sql_json_member("account-outcome", !in ? "created" : granted ? "privileges" : "there");
	log_info(in ? granted ? "account '%s' was given its privileges" : "account '%s' is there" :
		 "account '%s' was created with a random password, which is in the properties file", id);
	return 0;
}

static int create(struct tool *t, struct err *err)
{
	CLEANUP(account_release) struct account a = { 0 };
	CLEANUP(db_cleanup) struct db *db = NULL;
	CLEANUP(sql_unlock) struct sql_hold hold = { 0 };

	if (!(a.database = sql_database(t, err)) || !(a.user = profile_require(t->profile, "database", "user", err)))
		return -1;
	a.host = profile_get_or(t->profile, "database", "host", "localhost");
	if (sql_connect(t, false, &db, err) < 0 || sql_lock(t, db, a.database, false, &hold, err) < 0)
		return -1;
	if (ensure_database(t, db, a.database, err) < 0)
		return -1;
	return ensure_account(t, db, &a, err);
}

int sql_create(struct tool *t, int argc, char **argv, struct err *err)
{
	(void)argc;
	(void)argv;
	sql_json_begin(t, false);
	return sql_json_end(t, create(t, err), err);
}
