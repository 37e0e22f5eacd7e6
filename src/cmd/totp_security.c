/* The adapter of OSCAR's table `security': which columns it has, and how a user is enrolled in them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Known shapes: OSCAR 15 to 19.1 (pin compared as it stands, asked only where
 * b_LocalLockSet / b_RemoteLockSet are 1), the same with the columns that
 * `sql apply 2fa' adds, OSCAR 19.5 (totp_ columns of its own; its Java checks
 * the code and then ignores pin), the fork with usingMfa / mfaSecret (its
 * login takes PINs of exactly four digits, so a code can only go the mfa way),
 * and the fork with storageVersion (2: the PIN is hashed, no statement can set it).
 */
#include <string.h>
#include "../ext/otp.h"
#include "totp.h"

#define CLOSED_CHARS 32		/* of a random PIN: 128 bits in hexadecimal */

/* Column names by adapter. */
static const struct shape {
	const char *enabled, *secret;
	bool params;		/* algorithm, digits and period are columns */
} shapes[] = {
	[TOTP_PIN] = { "totp_enabled", "totp_secret", true },
	[TOTP_JAVA] = { "totp_enabled", "totp_secret", true },
	[TOTP_MFA] = { "usingMfa", "mfaSecret", false },
};

const char *totp_adapter_name(enum totp_adapter a)
{
	static const char *const names[] = { "pin", "java", "mfa" };

	return names[a];
}

struct columns {
	bool totp, saved_pin, mfa, pin, locks, native_totp;
};

static int read_columns(struct totp_store *s, struct columns *c, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	unsigned totp = 0, mfa = 0, locks = 0;

	if (db_run(s->db, "SELECT column_name, is_nullable, column_default IS NULL, character_maximum_length"
			  " FROM information_schema.columns"
			  " WHERE table_schema = DATABASE() AND table_name = 'security'", NULL, 0, &r, err) < 0)
		return -1;
	if (!r.rows)
		return err_set(err, ERR_FAIL, "database '%s' has no table 'security'; two-factor login cannot work with it", s->schema);
	for (size_t i = 0; i < r.rows; i++) {
		const char *name = db_cell(&r, i, 0), *width = db_cell(&r, i, 3);

		if (strncmp(name, "totp_", 5) == 0 && strcmp(name, "totp_saved_pin") != 0)
			totp++;
		if (strcmp(name, "usingMfa") == 0 || strcmp(name, "mfaSecret") == 0)
			mfa++;
		if (strcmp(name, "b_LocalLockSet") == 0 || strcmp(name, "b_RemoteLockSet") == 0)
			locks++;
		c->saved_pin |= strcmp(name, "totp_saved_pin") == 0;
		s->update_date |= strcmp(name, "lastUpdateDate") == 0;
		s->storage_version |= strcmp(name, "storageVersion") == 0;
		if (strcmp(name, "pin") == 0) {
			c->pin = true;
			s->pin_width = width ? strtoul(width, NULL, 10) : 0;
		}
		/* Only OSCAR 19.5 itself makes this column without a default. */
		if (strcmp(name, "totp_secret") == 0)
			c->native_totp = strcmp(db_cell(&r, i, 1), "NO") == 0 && strcmp(db_cell(&r, i, 2), "1") == 0;
	}
	c->totp = totp >= 5;
	c->mfa = mfa == 2;
	c->locks = locks == 2;
	return 0;
}

static int columns_missing(const struct totp_store *s, struct err *err)
{
	return err_set(err, ERR_ABSENT, "the columns for two-factor login are missing in table 'security'; run: %s sql apply 2fa", s->package);
}

/* The adapter that the profile insists on, or the one that the columns show. */
static int choose(struct totp_store *s, const struct columns *col, const char *want, struct err *err)
{
	if (strcmp(want, "pin") == 0)
		s->adapter = TOTP_PIN;
	else if (strcmp(want, "java") == 0)
		s->adapter = TOTP_JAVA;
	else if (strcmp(want, "mfa") == 0)
		s->adapter = TOTP_MFA;
	else if (strcmp(want, "security") != 0)
		return err_set(err, ERR_FAIL, "[totp] adapter '%s' is not known; security, pin, java or mfa", want);
	else
		s->adapter = col->mfa ? TOTP_MFA : col->native_totp ? TOTP_JAVA : TOTP_PIN;
	return 0;
}

int totp_security_detect(struct totp_store *s, const struct totp_conf *c, struct err *err)
{
	struct columns col = { 0 };

	if (read_columns(s, &col, err) < 0 || choose(s, &col, c->adapter, err) < 0)
		return -1;
	if (s->adapter == TOTP_MFA)
		return col.mfa ? 0 : err_set(err, ERR_FAIL, "table 'security' has no columns 'usingMfa' and 'mfaSecret'");
	if (!col.totp)
		return columns_missing(s, err);
	if (s->adapter == TOTP_JAVA)
		return 0;
	if (col.mfa)
		return err_set(err, ERR_POLICY, "this application takes PINs of exactly four digits, so a code can never be typed there; leave [totp] adapter at 'security'");
	if (!col.saved_pin)
		return columns_missing(s, err);
	if (!col.pin || !col.locks)
		return err_set(err, ERR_POLICY, "table 'security' has no columns 'pin', 'b_LocalLockSet' and 'b_RemoteLockSet'; this application does not compare a PIN, so codes cannot work with it");
	return 0;
}

/* The select list that row_to_user() reads. */
static void add_select(const struct totp_store *s, struct buf *sql)
{
	const struct shape *sh = &shapes[s->adapter];

	buf_addf(sql, "SELECT s.security_no, s.user_name, COALESCE(s.%s, 0), COALESCE(s.%s, '')", sh->enabled, sh->secret);
	buf_adds(sql, sh->params ? ", s.totp_algorithm, s.totp_digits, s.totp_period" : ", 'sha1', 6, 30");
	buf_addf(sql, ", %s", s->storage_version ? "COALESCE(s.storageVersion, 0)" : "0");
	buf_adds(sql, ", COALESCE(s.b_LocalLockSet, 0), COALESCE(s.b_RemoteLockSet, 0)");
	buf_addf(sql, ", %s FROM security s", s->adapter == TOTP_PIN ? "s.totp_saved_pin IS NOT NULL" : "0");
}

static int64_t number(const char *text)
{
	return text ? strtoll(text, NULL, 10) : 0;
}

static void row_to_user(const struct db_rows *r, size_t i, struct totp_user *u)
{
	const char *algorithm = db_cell(r, i, 4);
	int64_t digits = number(db_cell(r, i, 5)), period = number(db_cell(r, i, 6));

	u->no = number(db_cell(r, i, 0));
	u->name = xstrdup(db_cell(r, i, 1));
	u->enabled = number(db_cell(r, i, 2)) == 1;
	u->secret = xstrdup(db_cell(r, i, 3));
	u->params = (struct otp_params){ OTP_SHA1, digits > 0 ? (unsigned)digits : 0, period > 0 ? (unsigned)period : 0 };
	u->params_bad = !algorithm || otp_algorithm_parse(algorithm, &u->params.algorithm, NULL) < 0 ||
			otp_params_check(&u->params, NULL) < 0;
	u->storage_version = number(db_cell(r, i, 7));
	u->asked_local = number(db_cell(r, i, 8)) == 1;
	u->asked_remote = number(db_cell(r, i, 9)) == 1;
	u->saved_pin = number(db_cell(r, i, 10)) == 1;
}

void totp_user_release(struct totp_user *u)
{
	free(u->name);
	mem_wipe_string(u->secret);
	mem_wipe_string(u->pending);
	*u = (struct totp_user){ 0 };
}

int totp_security_find(struct totp_store *s, const char *name, struct totp_user *u, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	AUTO_BUF sql = BUF_INIT;

	add_select(s, &sql);
	buf_adds(&sql, " WHERE s.user_name = ?");
	if (db_run(s->db, sql.p, (struct db_value[]){ DBV_STR(name) }, 1, &r, err) < 0)
		return -1;
	/* The column's collation takes more for equal than we do: case, accents, trailing blanks. */
	for (size_t i = 0; i < r.rows; i++)
		if (strcmp(db_cell(&r, i, 1), name) == 0) {
			row_to_user(&r, i, u);
			return totp_details(s, u, err);
		}
	err_set(err, ERR_ABSENT, "there is no user '%s'", name);
	if (r.rows)
		err_hint(err, "there is one called '%s'", db_cell(&r, 0, 1));
	return -1;
}

int totp_security_list(struct totp_store *s, struct totp_user **list, size_t *n, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	AUTO_BUF sql = BUF_INIT;

	add_select(s, &sql);
	buf_addf(&sql, " LEFT JOIN maintkit_totp m ON m.user_no = s.security_no"
		 " WHERE s.%s = 1 OR m.pending_secret IS NOT NULL ORDER BY s.user_name", shapes[s->adapter].enabled);
	if (db_run(s->db, sql.p, NULL, 0, &r, err) < 0)
		return -1;
	*list = xcalloc(r.rows + 1, sizeof **list);
	for (*n = 0; *n < r.rows; ++*n) {
		row_to_user(&r, *n, &(*list)[*n]);
		if (totp_details(s, &(*list)[*n], err) < 0)
			return -1;
	}
	return 0;
}

int totp_security_role(struct totp_store *s, const char *role, struct strv *names, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;

	if (db_run(s->db, "SELECT DISTINCT s.user_name FROM security s JOIN secUserRole r ON r.provider_no = s.provider_no"
			  " WHERE r.role_name = ? ORDER BY s.user_name", (struct db_value[]){ DBV_STR(role) }, 1, &r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.rows; i++)
		strv_add(names, db_cell(&r, i, 0));
	return 0;
}

int totp_security_count(struct totp_store *s, int64_t *enabled, struct err *err)
{
	AUTO_FREE char *sql = xasprintf("SELECT COUNT(*) FROM security WHERE %s = 1", shapes[s->adapter].enabled);

	return db_get_int(s->db, sql, NULL, 0, enabled, err);
}

int totp_security_possible(const struct totp_store *s, const struct totp_user *u, const struct otp_params *p,
			   struct err *err)
{
	const struct otp_params fixed = OTP_PARAMS_INIT;

	if (s->adapter == TOTP_MFA && memcmp(p, &fixed, sizeof fixed) != 0)
		return err_set(err, ERR_POLICY, "this application only knows codes of 6 digits, 30 seconds and sha1");
	if (s->adapter == TOTP_JAVA && p->algorithm != OTP_SHA1)
		return err_set(err, ERR_POLICY, "this application checks codes itself and only knows sha1");
	if (s->adapter != TOTP_PIN)
		return 0;
	if (u->storage_version >= 2)
		return err_set(err, ERR_POLICY, "the PIN of user '%s' is stored as a hash (storageVersion %lld), which no code can be written to; this version of the application has no place for a second factor", u->name, (long long)u->storage_version);
	if (s->pin_width < p->digits)
		return err_set(err, ERR_FAIL, "column 'pin' holds %zu characters, a code has %u; run: %s sql apply 2fa", s->pin_width, p->digits, s->package);
	return 0;
}

/* A PIN that nobody can type: 128 random bits, or what the column holds of them. */
static int closed_pin(const struct totp_store *s, char pin[CLOSED_CHARS + 1], struct err *err)
{
	unsigned char raw[CLOSED_CHARS / 2];
	size_t n = s->pin_width < CLOSED_CHARS ? s->pin_width : CLOSED_CHARS;

	if (otp_random(raw, sizeof raw, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		pin[i] = "0123456789abcdef"[(i % 2 ? raw[i / 2] : raw[i / 2] >> 4) & 15];
	pin[n] = '\0';
	return 0;
}

/* One statement, so that also a table without transactions never has a user
 * enabled without a secret. Assignments run from left to right in MariaDB:
 * what is saved comes before what replaces it. */
static int enable_pin(struct totp_store *s, const struct totp_user *u, const char *secret,
		      const struct otp_params *p, struct err *err)
{
	char pin[CLOSED_CHARS + 1];

	if (totp_locks_remember(s, u, err) < 0 || closed_pin(s, pin, err) < 0)
		return -1;
	return db_run(s->db, "UPDATE security SET totp_saved_pin = IF(totp_enabled = 1, totp_saved_pin, pin), pin = ?,"
		      " totp_secret = ?, totp_algorithm = ?, totp_digits = ?, totp_period = ?,"
		      " b_LocalLockSet = 1, b_RemoteLockSet = 1, totp_enabled = 1 WHERE security_no = ?",
		      (struct db_value[]){ DBV_STR(pin), DBV_STR(secret), DBV_STR(otp_algorithm_name(p->algorithm)),
					   DBV_INT(p->digits), DBV_INT(p->period), DBV_INT(u->no) }, 6, NULL, err);
}

int totp_security_enable(struct totp_store *s, const struct totp_user *u, const char *secret,
			 const struct otp_params *p, struct err *err)
{
	if (s->adapter == TOTP_PIN)
		return enable_pin(s, u, secret, p, err);
	if (s->adapter == TOTP_MFA)
		return db_run(s->db, "UPDATE security SET mfaSecret = ?, usingMfa = 1 WHERE security_no = ?",
			      (struct db_value[]){ DBV_STR(secret), DBV_INT(u->no) }, 2, NULL, err);
	return db_run(s->db, "UPDATE security SET totp_secret = ?, totp_algorithm = ?, totp_digits = ?, totp_period = ?,"
		      " totp_enabled = 1 WHERE security_no = ?",
		      (struct db_value[]){ DBV_STR(secret), DBV_STR(otp_algorithm_name(p->algorithm)), DBV_INT(p->digits),
					   DBV_INT(p->period), DBV_INT(u->no) }, 5, NULL, err);
}

int totp_security_disable(struct totp_store *s, const struct totp_user *u, struct err *err)
{
	struct db_value no[] = { DBV_INT(u->no) };

	if (s->adapter == TOTP_MFA)
		return db_run(s->db, "UPDATE security SET usingMfa = 0, mfaSecret = NULL WHERE security_no = ?", no, 1, NULL, err);
	if (s->adapter == TOTP_JAVA)
		return db_run(s->db, "UPDATE security SET totp_enabled = 0, totp_secret = '' WHERE security_no = ?", no, 1, NULL, err);
	return db_run(s->db, "UPDATE security SET pin = totp_saved_pin, totp_saved_pin = NULL, totp_enabled = 0, totp_secret = '',"
		      " b_LocalLockSet = ?, b_RemoteLockSet = ? WHERE security_no = ? AND totp_enabled = 1",
		      (struct db_value[]){ u->remembered ? DBV_INT(u->former_local) : DBV_INT(u->asked_local),
					   u->remembered ? DBV_INT(u->former_remote) : DBV_INT(u->asked_remote),
					   DBV_INT(u->no) }, 3, NULL, err);
}

/* The tag ties a code to the very secret it was made from: a secret that was
 * changed between list and write closes its user until the next pass. */
#define TAG "LEFT(SHA2(CONCAT_WS(' ', s.totp_secret, s.totp_algorithm, s.totp_digits, s.totp_period), 256), 16)"

int totp_security_procedure(const struct totp_store *s, struct buf *sql, struct err *err)
{
	if (s->adapter != TOTP_PIN)
		return err_set(err, ERR_POLICY, "this application checks codes itself (adapter '%s'); there is nothing to refresh",
			       totp_adapter_name(s->adapter));
	buf_adds(sql, "CREATE OR REPLACE PROCEDURE maintkit_totp_refresh(IN codes LONGBLOB, IN salt VARBINARY(64), IN moment BIGINT)\n"
		 "MODIFIES SQL DATA SQL SECURITY DEFINER\n"
		 "COMMENT 'maintkit: PINs of enrolled users, and of nobody else'\n"
		 "IF salt IS NULL THEN\n"
		 " SELECT s.security_no, s.totp_secret, s.totp_algorithm, s.totp_digits, s.totp_period, " TAG ",\n"
		 "  (SELECT value FROM maintkit_totp_state WHERE name = 'pin_encrypted')\n"
		 " FROM security s WHERE s.totp_enabled = 1;\n"
		 "ELSE\n"
		 /* Measured: a temporary table and a single-table UPDATE take a third of the time of an UPDATE with a join. */
		 " CREATE OR REPLACE TEMPORARY TABLE maintkit_totp_codes (no BIGINT NOT NULL PRIMARY KEY,\n"
		 "  tag CHAR(16) CHARACTER SET latin1 NOT NULL, code VARCHAR(8) CHARACTER SET latin1 NOT NULL) ENGINE=MEMORY AS\n"
		 "  SELECT CAST(SUBSTR(codes, q.seq * 36 - 35, 10) AS SIGNED) AS no,\n"
		 "   CAST(SUBSTR(codes, q.seq * 36 - 25, 16) AS CHAR(16) CHARACTER SET latin1) AS tag,\n"
		 "   CAST(SUBSTR(codes, q.seq * 36 - 7, CAST(SUBSTR(codes, q.seq * 36 - 9, 2) AS UNSIGNED)) AS CHAR(8) CHARACTER SET latin1) AS code\n"
		 "  FROM seq_1_to_1000000 q WHERE q.seq <= LENGTH(codes) DIV 36;\n"
		 " UPDATE security s SET s.pin = COALESCE(\n"
		 "  (SELECT CONVERT(c.code USING utf8mb4) FROM maintkit_totp_codes c\n"
		 "   WHERE c.no = s.security_no AND c.tag = CONVERT(" TAG " USING latin1)),\n");
	buf_addf(sql, "  CONVERT(LEFT(SHA2(CONCAT(salt, s.security_no), 256), %zu) USING utf8mb4))%s\n",
		 s->pin_width < CLOSED_CHARS ? s->pin_width : (size_t)CLOSED_CHARS,
		 s->update_date ? ", s.lastUpdateDate = s.lastUpdateDate" : "");
	buf_adds(sql, " WHERE s.totp_enabled = 1;\n"
		 " DROP TEMPORARY TABLE maintkit_totp_codes;\n"
		 " INSERT INTO maintkit_totp_state (name, value) VALUES ('refreshed', moment), ('open', codes IS NOT NULL)\n"
		 "  ON DUPLICATE KEY UPDATE value = VALUES(value);\n"
		 "END IF");
	return 0;
}
