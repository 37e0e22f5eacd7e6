/* What maintkit keeps beside the application's table: pending secrets, used steps, recovery codes, the refresher's state.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include "../ext/otp.h"
#include "totp.h"

#define RECOVERY_BYTES 10	/* 80 bits: 16 characters of base32, no search of hashes finds them */

static const char *const tables[] = {
	"CREATE TABLE IF NOT EXISTS maintkit_totp ("
	" user_no bigint NOT NULL PRIMARY KEY,"
	" pending_secret varchar(254) CHARACTER SET ascii NULL,"
	" pending_algorithm varchar(16) CHARACTER SET ascii NOT NULL DEFAULT 'sha1',"
	" pending_digits smallint NOT NULL DEFAULT 6,"
	" pending_period smallint NOT NULL DEFAULT 30,"
	" remembered smallint NOT NULL DEFAULT 0,"
	" former_local smallint NULL,"
	" former_remote smallint NULL,"
	" last_step bigint NOT NULL DEFAULT 0,"
	" drift smallint NOT NULL DEFAULT 0"
	") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
	"CREATE TABLE IF NOT EXISTS maintkit_totp_recovery ("
	" user_no bigint NOT NULL,"
	" hash char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,"
	" PRIMARY KEY (user_no, hash)"
	") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
	"CREATE TABLE IF NOT EXISTS maintkit_totp_state ("
	" name varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,"
	" value bigint NOT NULL"
	") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
};

static int make_tables(struct totp_store *s, struct err *err)
{
	int64_t have;

	/* No DDL where none is needed: it would wait for locks. */
	if (db_get_int(s->db, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"
		       " AND table_name IN ('maintkit_totp', 'maintkit_totp_recovery', 'maintkit_totp_state')",
		       NULL, 0, &have, err) < 0)
		return -1;
	for (size_t i = 0; have < (int64_t)ARRAY_LEN(tables) && i < ARRAY_LEN(tables); i++)
		if (db_run(s->db, tables[i], NULL, 0, NULL, err) < 0)
			return -1;
	return 0;
}

int totp_store_open(struct totp_store *s, struct tool *t, const struct totp_conf *c, struct err *err)
{
	struct db_options o = { .database = "" };

	*s = (struct totp_store)TOTP_STORE_INIT;
	s->package = t->package;
	s->schema = profile_require(t->profile, "database", "name", err);
	if (!s->schema || db_open(&s->db, t->profile, &t->root, &o, err) < 0)
		return -1;
	if (totp_security_detect(s, c, err) < 0 || make_tables(s, err) < 0) {
		totp_store_close(s);
		return -1;
	}
	return 0;
}

void totp_store_close(struct totp_store *s)
{
	db_cleanup(&s->db);
}

int totp_begin(struct totp_store *s, struct err *err)
{
	return db_run(s->db, "START TRANSACTION", NULL, 0, NULL, err);
}

int totp_end(struct totp_store *s, int rc, struct err *err)
{
	if (rc >= 0)
		return db_run(s->db, "COMMIT", NULL, 0, NULL, err) < 0 ? -1 : rc;
	/* The server rolls back by itself should this fail. */
	return db_run(s->db, "ROLLBACK", NULL, 0, NULL, NULL) < 0 ? -1 : rc;
}

static int ensure_row(struct totp_store *s, int64_t no, struct err *err)
{
	return db_run(s->db, "INSERT IGNORE INTO maintkit_totp (user_no) VALUES (?)",
		      (struct db_value[]){ DBV_INT(no) }, 1, NULL, err);
}

int totp_pending_set(struct totp_store *s, int64_t no, const char *secret, const struct otp_params *p,
		     struct err *err)
{
	return ensure_row(s, no, err) < 0 ? -1 :
	       db_run(s->db, "UPDATE maintkit_totp SET pending_secret = ?, pending_algorithm = ?, pending_digits = ?,"
		      " pending_period = ? WHERE user_no = ?",
		      (struct db_value[]){ secret ? DBV_STR(secret) : DBV_NULL, DBV_STR(otp_algorithm_name(p->algorithm)),
					   DBV_INT(p->digits), DBV_INT(p->period), DBV_INT(no) }, 5, NULL, err);
}

static int64_t cell_int(const struct db_rows *r, size_t col)
{
	const char *text = db_cell(r, 0, col);

	return text ? strtoll(text, NULL, 10) : 0;
}

int totp_details(struct totp_store *s, struct totp_user *u, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	const char *algorithm;

	if (db_run(s->db, "SELECT m.pending_secret, m.pending_algorithm, m.pending_digits, m.pending_period, m.last_step, m.drift,"
			  " m.remembered, m.former_local, m.former_remote,"
			  " (SELECT COUNT(*) FROM maintkit_totp_recovery r WHERE r.user_no = m.user_no)"
			  " FROM maintkit_totp m WHERE m.user_no = ?", (struct db_value[]){ DBV_INT(u->no) }, 1, &r, err) < 0)
		return -1;
	if (!r.rows)
		return 0;
	u->pending = db_cell(&r, 0, 0) ? xstrdup(db_cell(&r, 0, 0)) : NULL;
	algorithm = db_cell(&r, 0, 1);
	u->pending_params = (struct otp_params){ OTP_SHA1, (unsigned)cell_int(&r, 2), (unsigned)cell_int(&r, 3) };
	if (u->pending && (otp_algorithm_parse(algorithm, &u->pending_params.algorithm, err) < 0 ||
			   otp_params_check(&u->pending_params, err) < 0))
		return -1;
	u->last_step = cell_int(&r, 4);
	u->drift = cell_int(&r, 5);
	u->remembered = cell_int(&r, 6) == 1;
	u->former_local = cell_int(&r, 7);
	u->former_remote = cell_int(&r, 8);
	u->recovery_left = cell_int(&r, 9);
	return 0;
}

int totp_step_use(struct totp_store *s, int64_t no, int64_t step, int64_t drift, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;

	if (ensure_row(s, no, err) < 0 ||
	    db_run(s->db, "UPDATE maintkit_totp SET last_step = ?, drift = ? WHERE user_no = ? AND last_step < ?",
		   (struct db_value[]){ DBV_INT(step), DBV_INT(drift), DBV_INT(no), DBV_INT(step) }, 4, &r, err) < 0)
		return -1;
	return r.affected == 1;
}

int totp_locks_remember(struct totp_store *s, const struct totp_user *u, struct err *err)
{
	if (u->enabled)	/* they are ours already */
		return 0;
	return ensure_row(s, u->no, err) < 0 ? -1 :
	       db_run(s->db, "UPDATE maintkit_totp SET remembered = 1, former_local = ?, former_remote = ?"
		      " WHERE user_no = ? AND remembered = 0",
		      (struct db_value[]){ DBV_INT(u->asked_local), DBV_INT(u->asked_remote), DBV_INT(u->no) }, 3, NULL, err);
}

int totp_enabled_mark(struct totp_store *s, int64_t no, int64_t step, int64_t drift, struct err *err)
{
	return ensure_row(s, no, err) < 0 ? -1 :
	       db_run(s->db, "UPDATE maintkit_totp SET pending_secret = NULL, last_step = ?, drift = ? WHERE user_no = ?",
		      (struct db_value[]){ DBV_INT(step), DBV_INT(drift), DBV_INT(no) }, 3, NULL, err);
}

int totp_forget(struct totp_store *s, int64_t no, struct err *err)
{
	struct db_value v[] = { DBV_INT(no) };

	if (db_run(s->db, "DELETE FROM maintkit_totp_recovery WHERE user_no = ?", v, 1, NULL, err) < 0)
		return -1;
	return db_run(s->db, "DELETE FROM maintkit_totp WHERE user_no = ?", v, 1, NULL, err);
}

int totp_state_get(struct totp_store *s, const char *name, int64_t fallback, int64_t *value, struct err *err)
{
	struct err e = ERR_INIT;

	if (db_get_int(s->db, "SELECT value FROM maintkit_totp_state WHERE name = ?",
		       (struct db_value[]){ DBV_STR(name) }, 1, value, &e) == 0)
		return 0;
	if (e.kind == ERR_ABSENT) {
		*value = fallback;
		return 0;
	}
	if (err)
		*err = e;
	return -1;
}

int totp_state_set(struct totp_store *s, const char *name, int64_t value, struct err *err)
{
	return db_run(s->db, "INSERT INTO maintkit_totp_state (name, value) VALUES (?, ?)"
		      " ON DUPLICATE KEY UPDATE value = VALUES(value)",
		      (struct db_value[]){ DBV_STR(name), DBV_INT(value) }, 2, NULL, err);
}

/* XXXX-XXXX-XXXX-XXXX of base32 characters; out keeps what it has. */
static int recovery_code(struct buf *out, struct err *err)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned char raw[RECOVERY_BYTES * 8 / 5];

	if (otp_random(raw, sizeof raw, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof raw; i++) {
		if (i && i % 4 == 0)
			buf_addc(out, '-');
		buf_addc(out, alphabet[raw[i] & 31]);
	}
	explicit_bzero(raw, sizeof raw);
	return 0;
}

int totp_recovery_new(struct totp_store *s, int64_t no, unsigned n, struct buf *out, struct err *err)
{
	if (db_run(s->db, "DELETE FROM maintkit_totp_recovery WHERE user_no = ?",
		   (struct db_value[]){ DBV_INT(no) }, 1, NULL, err) < 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		size_t start = out->len;

		if (recovery_code(out, err) < 0 ||
		    db_run(s->db, "INSERT INTO maintkit_totp_recovery (user_no, hash) VALUES (?, SHA2(?, 256))",
			   (struct db_value[]){ DBV_INT(no), DBV_STR(out->p + start) }, 2, NULL, err) < 0)
			return -1;
		buf_addc(out, '\n');
	}
	return 0;
}

int totp_recovery_use(struct totp_store *s, int64_t no, const char *code, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	CLEANUP(buf_release) struct buf plain = BUF_SECRET_INIT;

	for (const char *c = code; *c; c++) {
		char up = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;

		if (up == '-' || up == ' ')
			continue;
		if (!((up >= 'A' && up <= 'Z') || (up >= '2' && up <= '7')))
			return 0;
		if (plain.len && plain.len % 5 == 4)
			buf_addc(&plain, '-');
		buf_addc(&plain, up);
	}
	if (plain.len != RECOVERY_BYTES * 8 / 5 + 3)
		return 0;
	if (db_run(s->db, "DELETE FROM maintkit_totp_recovery WHERE user_no = ? AND hash = SHA2(?, 256)",
		   (struct db_value[]){ DBV_INT(no), DBV_STR(plain.p) }, 2, &r, err) < 0)
		return -1;
	return r.affected == 1;
}
