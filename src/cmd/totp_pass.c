/* One refresh: the PIN of every enrolled user becomes the code of the moment, by one statement.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The procedure maintkit_totp_refresh(codes, salt, moment) is the only thing
 * that serve's database account may use.
 *   salt NULL: lists the enabled users (number, secret, parameters, a tag that
 *     changes with them) and whether PINs are encrypted.
 *   else: every enabled user whom codes names with the right tag gets that
 *     code; every other enabled user gets a random PIN made from salt. So a
 *     user without a valid code is shut out, whatever the reason.
 * codes is a row of records of 36 bytes: number (10 digits), tag (16), length
 * of the code (2 digits), code (8, padded). NULL shuts everybody out.
 */
#include <stdio.h>
#include <string.h>
#include "../core/pin.h"
#include "../ext/effects.h"
#include "../ext/otp.h"
#include "../ext/propsfile.h"
#include "totp.h"

#define RECORD 36
#define TAG_CHARS 16
#define SALT_BYTES 32

struct entry {
	int64_t no;
	const char *secret, *tag;
	struct otp_params params;
	bool encrypted;
};

/* False for a row that no code can be made for. */
static bool read_entry(const struct db_rows *r, size_t i, struct entry *e)
{
	const char *cell[7];

	for (size_t c = 0; c < ARRAY_LEN(cell); c++)
		cell[c] = db_cell(r, i, c);
	for (size_t c = 0; c < 6; c++)
		if (!cell[c])
			return false;
	e->no = strtoll(cell[0], NULL, 10);
	e->secret = cell[1];
	e->tag = cell[5];
	e->params.digits = (unsigned)strtoul(cell[3], NULL, 10);
	e->params.period = (unsigned)strtoul(cell[4], NULL, 10);
	e->encrypted = cell[6] && strcmp(cell[6], "1") == 0;
	return e->no > 0 && e->no <= 9999999999LL && strlen(e->tag) == TAG_CHARS &&
	       otp_algorithm_parse(cell[2], &e->params.algorithm, NULL) == 0 &&
	       otp_params_check(&e->params, NULL) == 0;
}

static bool add_record(struct buf *codes, const struct entry *e, int64_t now)
{
	CLEANUP(buf_release) struct buf raw = BUF_SECRET_INIT;
	CLEANUP(buf_release) struct buf pin = BUF_SECRET_INIT;
	char code[OTP_CODE_SIZE];

	if (otp_secret_decode(e->secret, &raw, NULL) < 0 || otp_code(&raw, &e->params, now, code, NULL) < 0)
		return false;
	if (e->encrypted)
		pin_encrypt(&pin, code);
	else
		buf_adds(&pin, code);
	explicit_bzero(code, sizeof code);
	buf_addf(codes, "%010lld%s%02zu", (long long)e->no, e->tag, pin.len);
	buf_add(codes, pin.p, pin.len);
	for (size_t n = pin.len; n < OTP_DIGITS_MAX; n++)
		buf_addc(codes, ' ');
	return true;
}

static void note_period(struct totp_pass *r, unsigned period)
{
	for (size_t i = 0; i < r->periods; i++)
		if (r->period[i] == period)
			return;
	/* More kinds than places: wake for the shortest of the rest too often rather than too late. */
	if (r->periods < TOTP_PERIODS)
		r->period[r->periods++] = period;
	else
		r->period[TOTP_PERIODS - 1] = 1;
}

static int write_codes(struct db *db, const char *schema, const struct buf *codes, int64_t now, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;
	char salt[SALT_BYTES];
	int rc;

	if (otp_random(salt, sizeof salt, err) < 0)
		return -1;
	buf_adds(&sql, "CALL ");
	if (db_quote_name(&sql, schema, err) < 0)
		return -1;
	buf_adds(&sql, ".maintkit_totp_refresh(?, ?, ?)");
	rc = db_run(db, sql.p, (struct db_value[]){ codes ? DBV_BLOB(codes->p, codes->len) : DBV_NULL,
						    DBV_BLOB(salt, sizeof salt), DBV_INT(now) }, 3, NULL, err);
	explicit_bzero(salt, sizeof salt);
	return rc;
}

int totp_pass_run(struct db *db, const char *schema, int64_t now, struct totp_pass *r, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows rows = DB_ROWS_INIT;
	CLEANUP(buf_release) struct buf codes = BUF_SECRET_INIT;
	AUTO_BUF sql = BUF_INIT;

	*r = (struct totp_pass){ 0 };
	if (otp_clock_check(now, err) < 0)
		return -1;
	buf_adds(&sql, "CALL ");
	if (db_quote_name(&sql, schema, err) < 0)
		return -1;
	buf_adds(&sql, ".maintkit_totp_refresh(NULL, NULL, 0)");
	if (db_run(db, sql.p, NULL, 0, &rows, err) < 0)
		return -1;
	buf_reserve(&codes, rows.rows * RECORD);
	for (size_t i = 0; i < rows.rows; i++) {
		struct entry e;

		r->users++;
		if (read_entry(&rows, i, &e) && add_record(&codes, &e, now)) {
			r->open++;
			note_period(r, e.params.period);
		}
	}
	return write_codes(db, schema, &codes, now, err);
}

int totp_pass_close(struct db *db, const char *schema, int64_t now, struct err *err)
{
	return write_codes(db, schema, NULL, now, err);
}

/* Java's reading of such a property (OscarProperties.isPropertyActive). */
static int pins_encrypted(struct tool *t, const char *property, int64_t *yes, struct err *err)
{
	AUTO_FREE char *value = NULL;
	struct err e = ERR_INIT;

	*yes = 0;
	if (!property)
		return 0;
	if (propsfile_get(t->profile, &t->root, property, &value, &e) < 0) {
		if (e.kind == ERR_ABSENT)
			return 0;
		if (err)
			*err = e;
		return -1;
	}
	AUTO_STRV word = STRV_INIT;

	strv_split(&word, value, " \t\r\n\f");
	*yes = word.n == 1 && (strcasecmp(word.v[0], "true") == 0 || strcasecmp(word.v[0], "yes") == 0 ||
			       strcasecmp(word.v[0], "on") == 0);
	return 0;
}

/* The account of serve: logs in as the operating system user of that name, may call one procedure. */
static int make_account(struct totp_store *s, struct tool *t, const struct totp_conf *c, struct err *err)
{
	AUTO_FREE char *id = xasprintf("%s@localhost", c->account);
	AUTO_BUF who = BUF_INIT;
	AUTO_BUF sql = BUF_INIT;
	int64_t had;

	if (db_get_int(s->db, "SELECT COUNT(*) FROM mysql.user WHERE user = ? AND host = 'localhost'",
		       (struct db_value[]){ DBV_STR(c->account) }, 1, &had, err) < 0)
		return -1;
	db_quote_string(s->db, &who, c->account, strlen(c->account));
	buf_adds(&who, "@'localhost'");
	if (!had && effect_intend(t->profile, &t->root, EFFECT_HOST, "db-user", id, EFFECT_ABSENT, id, err) < 0)
		return -1;
	buf_addf(&sql, "%s USER %s IDENTIFIED VIA unix_socket", had ? "ALTER" : "CREATE", who.p);
	if (db_run(s->db, sql.p, NULL, 0, NULL, err) < 0)
		return -1;
	buf_reset(&sql);
	buf_addf(&sql, "REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s", who.p);
	if (db_run(s->db, sql.p, NULL, 0, NULL, err) < 0)
		return -1;
	buf_reset(&sql);
	buf_adds(&sql, "GRANT EXECUTE ON PROCEDURE ");
	if (db_quote_name(&sql, s->schema, err) < 0)
		return -1;
	buf_addf(&sql, ".maintkit_totp_refresh TO %s", who.p);
	if (db_run(s->db, sql.p, NULL, 0, NULL, err) < 0)
		return -1;
	return had ? 0 : effect_done(t->profile, &t->root, EFFECT_HOST, "db-user", id, EFFECT_ABSENT, id, err);
}

int totp_prepare(struct totp_store *s, struct tool *t, const struct totp_conf *c, bool account, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;
	int64_t encrypted;

	if (totp_security_procedure(s, &sql, err) < 0 || pins_encrypted(t, c->encrypted_property, &encrypted, err) < 0 ||
	    totp_state_set(s, "pin_encrypted", encrypted, err) < 0 ||
	    db_run(s->db, sql.p, NULL, 0, NULL, err) < 0)
		return -1;
	return account ? make_account(s, t, c, err) : 0;
}
