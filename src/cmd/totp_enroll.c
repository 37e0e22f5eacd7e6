/* enroll, rotate and confirm: a secret is made or adopted, shown, and in force once a code of it matched.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <unistd.h>
#include "../ext/otp.h"
#include "totp.h"

#define TRIES 3
#define WINDOW 1	/* steps either side at confirmation: the phone's clock may be off a little */

/* One enrolment on its way. */
struct enrolment {
	struct tool *t;
	struct totp_conf conf;
	struct totp_store store;
	struct totp_user user;
	struct otp_params params;
	struct buf secret, recovery, code;	/* code: from stdin's second line, or empty */
};
#define ENROLMENT_INIT { .secret = BUF_SECRET_INIT, .recovery = BUF_SECRET_INIT, .code = BUF_SECRET_INIT }

static void enrolment_release(struct enrolment *e)
{
	totp_user_release(&e->user);
	totp_store_close(&e->store);
	totp_conf_release(&e->conf);
	buf_release(&e->secret);
	buf_release(&e->recovery);
	buf_release(&e->code);
}

static int enrolment_open(struct enrolment *e, struct tool *t, struct err *err)
{
	e->t = t;
	return totp_conf_load(&e->conf, t->profile, err) < 0 || otp_clock_check(totp_now(), err) < 0 ||
	       totp_store_open(&e->store, t, &e->conf, err) < 0 ? -1 : 0;
}

static int choose_params(struct enrolment *e, struct err *err)
{
	e->params = e->conf.params;
	if (totp_options.algorithm && otp_algorithm_parse(totp_options.algorithm, &e->params.algorithm, err) < 0)
		return -1;
	if (totp_options.digits)
		e->params.digits = totp_options.digits > 0 && totp_options.digits < 99 ? (unsigned)totp_options.digits : 99;
	if (totp_options.period)
		e->params.period = totp_options.period > 0 && totp_options.period < 999 ? (unsigned)totp_options.period : 999;
	return otp_params_check(&e->params, err);
}

/* stdin: the secret, and on a second line, if there is one, the first code. */
static int read_secret(struct enrolment *e, struct err *err)
{
	CLEANUP(buf_release) struct buf given = BUF_SECRET_INIT;
	char *nl;

	if (tool_read_input(e->t, 4096, err) < 0)
		return -1;
	buf_add(&given, e->t->input.p, e->t->input.len);
	if (strlen(given.p) != given.len)
		return err_set(err, ERR_FAIL, "the secret is not base32; it holds a NUL byte");
	nl = strchr(given.p, '\n');
	if (nl) {
		*nl = '\0';
		buf_adds(&e->code, nl + 1);
		buf_trim_end(&e->code);
	}
	return otp_secret_adopt(given.p, &e->secret, err);
}

static int make_secret(struct enrolment *e, struct err *err)
{
	if (totp_options.secret_stdin)
		return e->secret.len ? 0 : read_secret(e, err);
	buf_reset(&e->secret);
	return otp_secret_new(&e->secret, err);
}

static struct totp_shown shown(const struct enrolment *e)
{
	return (struct totp_shown){ .user = e->user.name, .secret = e->secret.p, .recovery = e->recovery.p, .params = &e->params };
}

/* The new secret into the database: in force at once, or waiting. */
static int store_secret(struct enrolment *e, struct err *err)
{
	struct totp_shown w = shown(e);

	if (totp_options.no_confirm) {
		if (totp_security_enable(&e->store, &e->user, e->secret.p, &e->params, err) < 0 ||
		    totp_enabled_mark(&e->store, e->user.no, 0, 0, err) < 0)
			return -1;
	} else if (totp_pending_set(&e->store, e->user.no, e->secret.p, &e->params, err) < 0) {
		return -1;
	}
	buf_reset(&e->recovery);
	if (totp_options.recovery > 0 &&
	    totp_recovery_new(&e->store, e->user.no, (unsigned)totp_options.recovery, &e->recovery, err) < 0)
		return -1;
	w.recovery = e->recovery.p;
	return totp_show_files(e->t, &e->conf, &totp_options.show, &w, err);
}

static int store(struct enrolment *e, struct err *err)
{
	int rc;

	if (totp_begin(&e->store, err) < 0)
		return -1;
	rc = totp_end(&e->store, store_secret(e, err), err);
	if (rc < 0)
		totp_show_withdraw(e->t, &totp_options.show, e->user.name);
	return rc;
}

static int in_force(struct enrolment *e, struct err *err)
{
	if (e->store.adapter == TOTP_PIN && !e->user.enabled && !(e->user.asked_local && e->user.asked_remote))
		log_info("the login did not ask user '%s' for a PIN everywhere; it does now", e->user.name);
	log_info("two-factor login is on for user '%s'", e->user.name);
	return totp_switch(e->t, &e->conf, &e->store, err);
}

/* 1 the waiting secret is in force now, 0 the code is wrong. */
static int confirm_code(struct enrolment *e, const char *code, struct err *err)
{
	CLEANUP(buf_release) struct buf raw = BUF_SECRET_INIT;
	const struct otp_params *p = &e->user.pending_params;
	int64_t step = 0, now = totp_now();
	int rc;

	if (otp_secret_decode(e->user.pending, &raw, err) < 0)
		return -1;
	rc = otp_match(&raw, p, now, WINDOW, code, &step, err);
	if (rc <= 0)
		return rc;
	if (totp_begin(&e->store, err) < 0)
		return -1;
	rc = totp_security_enable(&e->store, &e->user, e->user.pending, p, err);
	if (rc == 0)
		rc = totp_enabled_mark(&e->store, e->user.no, step, step - otp_step(now, p->period), err);
	if (totp_end(&e->store, rc, err) < 0)
		return -1;
	return in_force(e, err) < 0 ? -1 : 1;
}

static int reload(struct enrolment *e, struct err *err)
{
	AUTO_FREE char *name = xstrdup(e->user.name);

	totp_user_release(&e->user);
	return totp_security_find(&e->store, name, &e->user, err);
}

static int still_waiting(const struct enrolment *e, struct err *err)
{
	return err_set(err, ERR_FAIL, "no code matched, so nothing was switched on for user '%s'; the secret waits: run 'maintkit -p %s totp confirm %s' with a code of the phone",
		       e->user.name, e->t->package, e->user.name);
}

/* Ask for a code where somebody can answer; else leave the secret waiting. */
static int confirm_now(struct enrolment *e, struct err *err)
{
	if (reload(e, err) < 0)
		return -1;
	if (e->code.len) {
		int rc = confirm_code(e, e->code.p, err);

		return rc ? (rc < 0 ? -1 : 0) : still_waiting(e, err);
	}
	if (totp_options.secret_stdin || totp_options.all || !isatty(STDIN_FILENO)) {
		log_info("the secret of user '%s' waits for its first code; run: maintkit -p %s totp confirm %s",
			 e->user.name, e->t->package, e->user.name);
		return 0;
	}
	for (int i = 0; i < TRIES; i++) {
		CLEANUP(buf_release) struct buf code = BUF_SECRET_INIT;
		int rc;

		if (totp_read_line("code that the app shows: ", &code, err) < 0)
			return -1;
		rc = code.len ? confirm_code(e, code.p, err) : 0;
		if (rc)
			return rc < 0 ? -1 : 0;
		if (!code.len)
			break;
		log_warn("this code does not match; wait for the next one (is the phone's clock right?)");
	}
	return still_waiting(e, err);
}

static int print_recovery(const struct enrolment *e, struct err *err)
{
	/* On a sheet they are printed there. */
	return e->recovery.len && !totp_options.show.sheets ? tool_print(&e->recovery, err) : 0;
}

/* e->user is loaded. */
static int enroll_user(struct enrolment *e, struct err *err)
{
	struct totp_shown w;

	if (totp_security_possible(&e->store, &e->user, &e->params, err) < 0 || make_secret(e, err) < 0)
		return -1;
	if (e->t->dry_run) {
		log_info("user '%s' would be enrolled (adapter '%s')", e->user.name, totp_adapter_name(e->store.adapter));
		return 0;
	}
	if (store(e, err) < 0)
		return -1;
	w = shown(e);
	if (!totp_options.secret_stdin && !totp_options.show.sheets && totp_show_terminal(&e->conf, &w, err) < 0)
		return -1;
	if (print_recovery(e, err) < 0)
		return -1;
	return totp_options.no_confirm ? in_force(e, err) : confirm_now(e, err);
}

/* Enrolled already: the same secret again is no news, another one needs rotate. */
static int already(struct enrolment *e, struct err *err)
{
	if (totp_options.secret_stdin) {
		CLEANUP(buf_release) struct buf own = BUF_SECRET_INIT;

		if (make_secret(e, err) < 0)
			return -1;
		if (otp_secret_adopt(e->user.secret, &own, NULL) < 0 || strcmp(own.p, e->secret.p) != 0)
			return err_set(err, ERR_POLICY, "user '%s' is enrolled with another secret; 'rotate' replaces it", e->user.name);
	}
	log_info("user '%s' is enrolled already; 'rotate' gives a new secret", e->user.name);
	return 0;
}

static int enroll_role(struct enrolment *e, const char *role, struct err *err)
{
	AUTO_STRV names = STRV_INIT;
	size_t failed = 0;

	if (!totp_options.show.sheets)
		return err_set(err, ERR_USAGE, "--all needs --sheets DIR, where each user's page goes");
	if (totp_options.secret_stdin || totp_options.show.png || totp_options.show.svg || totp_options.show.uri_fd)
		return err_set(err, ERR_USAGE, "--all goes with --sheets only; every user gets a secret of their own");
	if (totp_security_role(&e->store, role, &names, err) < 0)
		return -1;
	if (!names.n)
		return err_set(err, ERR_ABSENT, "no user has the role '%s'", role);
	for (size_t i = 0; i < names.n; i++) {
		struct err one = ERR_INIT;

		totp_user_release(&e->user);
		if (totp_security_find(&e->store, names.v[i], &e->user, &one) < 0 ||
		    (e->user.enabled ? already(e, &one) : enroll_user(e, &one)) < 0) {
			log_err(&one);
			failed++;
		}
	}
	return failed ? err_set(err, ERR_FAIL, "%zu of %zu users of role '%s' were not enrolled", failed, names.n, role) : 0;
}

int totp_enroll(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(enrolment_release) struct enrolment e = ENROLMENT_INIT;

	if (!argc == !totp_options.all)
		return err_set(err, ERR_USAGE, "'totp enroll' needs a user, or --all ROLE");
	if (totp_show_possible(&totp_options.show, totp_options.secret_stdin, err) < 0 ||
	    enrolment_open(&e, t, err) < 0 || choose_params(&e, err) < 0)
		return -1;
	if (totp_options.all)
		return enroll_role(&e, totp_options.all, err);
	if (totp_security_find(&e.store, argv[0], &e.user, err) < 0)
		return -1;
	return e.user.enabled ? already(&e, err) : enroll_user(&e, err);
}

int totp_rotate(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(enrolment_release) struct enrolment e = ENROLMENT_INIT;

	if (totp_show_possible(&totp_options.show, totp_options.secret_stdin, err) < 0 ||
	    enrolment_open(&e, t, err) < 0 || choose_params(&e, err) < 0 ||
	    totp_security_find(&e.store, argv[0], &e.user, err) < 0)
		return -1;
	if (!e.user.enabled)
		return err_set(err, ERR_FAIL, "user '%s' is not enrolled; use 'enroll'", e.user.name);
	return enroll_user(&e, err);
}

int totp_confirm(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(enrolment_release) struct enrolment e = ENROLMENT_INIT;
	CLEANUP(buf_release) struct buf code = BUF_SECRET_INIT;
	int rc;

	if (enrolment_open(&e, t, err) < 0 || totp_security_find(&e.store, argv[0], &e.user, err) < 0)
		return -1;
	if (!e.user.pending) {
		if (e.user.enabled) {
			log_info("two-factor login is on for user '%s' already", e.user.name);
			return 0;
		}
		return err_set(err, ERR_FAIL, "no secret waits for user '%s'; use 'enroll'", e.user.name);
	}
	if (totp_read_line("code that the app shows: ", &code, err) < 0)
		return -1;
	rc = confirm_code(&e, code.p, err);
	if (rc == 0)
		log_warn("this code does not match; nothing was changed");
	return rc < 0 ? -1 : rc == 0;
}
