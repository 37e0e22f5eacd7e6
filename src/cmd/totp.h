/* What the pieces of maintkit-totp share: settings, the store of enrolments, one refresh of all codes.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Three ways an application can check a code, told apart by what its table is
 * (never assumed); see totp_security.c:
 *   pin   it compares the PIN typed with a column: that column is kept equal
 *         to the code of the moment by tick or serve
 *   java  it checks the code itself against the secret: enrolment only
 *   mfa   the same, with columns of other names
 *
 * A user is enabled and has a secret, or neither. A secret that waits for its
 * first code lies in our own table until then.
 */
#ifndef MAINTKIT_TOTP_H
#define MAINTKIT_TOTP_H

#include "../core/otpauth.h"
#include "../ext/db.h"
#include "tool.h"

enum totp_adapter { TOTP_PIN, TOTP_JAVA, TOTP_MFA };

/* [totp] of the profile; strings belong to the profile, unit is owned. */
struct totp_conf {
	const char *issuer;
	const char *adapter;		/* "security": find out; or pin, java, mfa */
	const char *property;		/* set to 1 while anybody is enrolled; NULL: none */
	const char *encrypted_property;	/* tells whether PINs are encrypted; NULL: never */
	const char *account;		/* of serve: operating system and database user */
	char *unit;
	struct otp_params params;
};
int totp_conf_load(struct totp_conf *c, const struct profile *p, struct err *err) MUST_CHECK;
void totp_conf_release(struct totp_conf *c);

struct totp_store {
	struct db *db;
	const char *package;
	const char *schema;		/* database name */
	enum totp_adapter adapter;
	bool update_date;		/* lastUpdateDate is there */
	bool storage_version;		/* storageVersion is there */
	size_t pin_width;		/* characters that the PIN column holds */
};
#define TOTP_STORE_INIT { 0 }

struct totp_user {
	int64_t no;
	char *name;
	bool enabled;
	char *secret;			/* "" when there is none */
	struct otp_params params;
	bool params_bad;		/* the columns hold what no code can be made with */
	int64_t storage_version;
	bool saved_pin;			/* the PIN from before enrolment is kept */
	bool asked_local, asked_remote;	/* does the login ask for the PIN */
	char *pending;			/* secret that waits for its first code, or NULL */
	struct otp_params pending_params;
	int64_t last_step, drift;	/* highest step used by check; steps that the phone's clock is off */
	int64_t recovery_left;
	bool remembered;		/* the lock flags as they were before enrolment are known: */
	int64_t former_local, former_remote;
};
void totp_user_release(struct totp_user *u);

const char *totp_adapter_name(enum totp_adapter a);

/* totp_store.c: connect as root, find the adapter, make our own tables. */
int totp_store_open(struct totp_store *s, struct tool *t, const struct totp_conf *c, struct err *err) MUST_CHECK;
void totp_store_close(struct totp_store *s);
int totp_begin(struct totp_store *s, struct err *err) MUST_CHECK;
int totp_end(struct totp_store *s, int rc, struct err *err) MUST_CHECK;	/* commit when rc >= 0, else roll back; returns rc or -1 */
int totp_pending_set(struct totp_store *s, int64_t no, const char *secret, const struct otp_params *p,
		     struct err *err) MUST_CHECK;
int totp_details(struct totp_store *s, struct totp_user *u, struct err *err) MUST_CHECK;	/* fill in what our table knows */
/* Mark a step used: 1 done, 0 it or a later one was used before. */
int totp_step_use(struct totp_store *s, int64_t no, int64_t step, int64_t drift, struct err *err) MUST_CHECK;
/* A new secret is in force: nothing waits, and only later steps than this one may be used. */
int totp_enabled_mark(struct totp_store *s, int64_t no, int64_t step, int64_t drift, struct err *err) MUST_CHECK;
/* Keep the lock flags as they are before the first enrolment. */
int totp_locks_remember(struct totp_store *s, const struct totp_user *u, struct err *err) MUST_CHECK;
int totp_forget(struct totp_store *s, int64_t no, struct err *err) MUST_CHECK;
int totp_state_get(struct totp_store *s, const char *name, int64_t fallback, int64_t *value, struct err *err) MUST_CHECK;
int totp_state_set(struct totp_store *s, const char *name, int64_t value, struct err *err) MUST_CHECK;
/* New single-use codes in place of all former ones, appended to out, one a line. */
int totp_recovery_new(struct totp_store *s, int64_t no, unsigned n, struct buf *out, struct err *err) MUST_CHECK;
/* 1 it was one and is used up now, 0 no. */
int totp_recovery_use(struct totp_store *s, int64_t no, const char *code, struct err *err) MUST_CHECK;

/* totp_security.c: the application's own table. */
int totp_security_detect(struct totp_store *s, const struct totp_conf *c, struct err *err) MUST_CHECK;
/* By exact name, byte for byte. ERR_ABSENT: no such user. */
int totp_security_find(struct totp_store *s, const char *name, struct totp_user *u, struct err *err) MUST_CHECK;
/* All users that are enabled or wait for their first code. */
int totp_security_list(struct totp_store *s, struct totp_user **list, size_t *n, struct err *err) MUST_CHECK;
int totp_security_role(struct totp_store *s, const char *role, struct strv *names, struct err *err) MUST_CHECK;
/* ERR_POLICY with the reason when a code can never work for this user here. */
int totp_security_possible(const struct totp_store *s, const struct totp_user *u, const struct otp_params *p,
			   struct err *err) MUST_CHECK;
int totp_security_enable(struct totp_store *s, const struct totp_user *u, const char *secret,
			 const struct otp_params *p, struct err *err) MUST_CHECK;
int totp_security_disable(struct totp_store *s, const struct totp_user *u, struct err *err) MUST_CHECK;
int totp_security_count(struct totp_store *s, int64_t *enabled, struct err *err) MUST_CHECK;
/* Text of the one procedure that serve's account may call; see totp_pass.c for its arguments. */
int totp_security_procedure(const struct totp_store *s, struct buf *sql, struct err *err) MUST_CHECK;

/* totp_pass.c: one refresh of everybody's PIN. */
#define TOTP_PERIODS 4
struct totp_pass {
	size_t users, open;		/* enabled; of these, how many got a code */
	unsigned period[TOTP_PERIODS];	/* the different periods in use (further ones share the last place) */
	size_t periods;
};
/* Make the procedure anew for the table as it is now; account: also serve's database account. */
int totp_prepare(struct totp_store *s, struct tool *t, const struct totp_conf *c, bool account, struct err *err) MUST_CHECK;
int totp_pass_run(struct db *db, const char *schema, int64_t now, struct totp_pass *r, struct err *err) MUST_CHECK;
/* Connect as the account we run as: root, or serve's. */
int totp_account_open(struct db **db, struct tool *t, const char **schema, struct err *err) MUST_CHECK;
/* Every enabled user's PIN becomes random; needs no list and no secret. */
int totp_pass_close(struct db *db, const char *schema, int64_t now, struct err *err) MUST_CHECK;

/* totp_unit.c: the refresher's unit and the property, switched on with the first user and off with the last. */
int totp_switch(struct tool *t, const struct totp_conf *c, struct totp_store *s, struct err *err) MUST_CHECK;
/* The package's lock, for the moment of a change only: a person may sit at a
 * prompt before it. Close the descriptor to give it up; not to be taken twice. */
int totp_lock(struct tool *t, struct err *err) MUST_CHECK;
bool totp_unit_active(struct tool *t, const struct totp_conf *c);

/* totp_notify.c: systemd's readiness protocol (sd_notify(3)). */
void totp_notify(const char *fmt, ...) PRINTF(1, 2);
/* Microseconds of WATCHDOG_USEC, 0 when there is no watchdog. */
long long totp_watchdog(void);

/* totp_show.c: where a new secret is shown. */
struct totp_show {
	const char *png, *svg, *sheets;
	long uri_fd;			/* 0: none */
	bool png_written, svg_written, sheet_written;	/* set by totp_show_files() */
};
struct totp_shown {
	const char *user, *secret, *recovery;	/* recovery: lines, or "" */
	const struct otp_params *params;
};
/* Is there any place to show it (known: the caller has it already)? ERR_USAGE when not. */
int totp_show_possible(const struct totp_show *o, bool known, struct err *err) MUST_CHECK;
/* Files and descriptor first, before the change; the terminal after it. */
int totp_show_files(struct tool *t, const struct totp_conf *c, struct totp_show *o,
		    const struct totp_shown *what, struct err *err) MUST_CHECK;
int totp_show_terminal(const struct totp_conf *c, const struct totp_shown *what, struct err *err) MUST_CHECK;
/* Take the written files away again: the change did not happen. */
void totp_show_withdraw(struct tool *t, const struct totp_show *o, const char *user);
/* The sheet of one user, as HTML. */
void totp_sheet(struct buf *out, const char *issuer, const char *svg, const struct totp_shown *what);

/* Lines that several verbs read from stdin; a prompt when it is a terminal. */
int totp_read_line(const char *prompt, struct buf *out, struct err *err) MUST_CHECK;
int64_t totp_now(void);

/* The verbs. */
int totp_enroll(struct tool *t, int argc, char **argv, struct err *err);
int totp_rotate(struct tool *t, int argc, char **argv, struct err *err);
int totp_confirm(struct tool *t, int argc, char **argv, struct err *err);
int totp_check(struct tool *t, int argc, char **argv, struct err *err);
int totp_show_verb(struct tool *t, int argc, char **argv, struct err *err);
int totp_list(struct tool *t, int argc, char **argv, struct err *err);
int totp_disable(struct tool *t, int argc, char **argv, struct err *err);
int totp_tick(struct tool *t, int argc, char **argv, struct err *err);
int totp_close(struct tool *t, int argc, char **argv, struct err *err);
int totp_prepare_verb(struct tool *t, int argc, char **argv, struct err *err);
int totp_adopt(struct tool *t, int argc, char **argv, struct err *err);
int totp_serve(struct tool *t, int argc, char **argv, struct err *err);

/* Options, filled by the parser. */
struct totp_options {
	bool no_confirm, secret_stdin, show_secret;
	struct totp_show show;
	const char *all, *algorithm;
	long digits, period, window, skew, recovery, cover;
};
extern struct totp_options totp_options;

#endif
