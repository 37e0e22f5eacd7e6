/* check: is this the user's code now? Every step is accepted once.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include "../ext/otp.h"
#include "totp.h"

#define WINDOW_MAX 20

/* 1 accepted, 0 no. */
static int check_code(struct totp_store *s, const struct totp_user *u, const char *code, struct err *err)
{
	CLEANUP(buf_release) struct buf raw = BUF_SECRET_INIT;
	int64_t now = totp_now() + totp_options.skew, step = 0;
	int rc;

	if (u->params_bad)
		return err_set(err, ERR_FAIL, "the code parameters of user '%s' are not possible ones; run 'rotate'", u->name);
	if (otp_clock_check(now, err) < 0 || otp_secret_decode(u->secret, &raw, err) < 0)
		return -1;
	rc = otp_match(&raw, &u->params, now, (unsigned)totp_options.window, code, &step, err);
	if (rc <= 0)
		return rc;
	rc = totp_step_use(s, u->no, step, step - otp_step(now, u->params.period), err);
	if (rc == 0)
		log_warn("this code, or a later one, was used before");
	return rc;
}

static int check_recovery(struct totp_store *s, const struct tool *t, const struct totp_user *u, const char *code, struct err *err)
{
	int rc = totp_recovery_use(s, u->no, code, err);

	if (rc == 1)
		log_info("recovery code accepted, it will not work again; %lld left; give user '%s' a new secret: maintkit -p %s totp rotate %s",
			 (long long)(u->recovery_left - 1), u->name, t->package, u->name);
	return rc;
}

int totp_check(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(totp_conf_release) struct totp_conf c = { 0 };
	CLEANUP(totp_store_close) struct totp_store s = TOTP_STORE_INIT;
	CLEANUP(totp_user_release) struct totp_user u = { 0 };
	CLEANUP(buf_release) struct buf code = BUF_SECRET_INIT;
	int rc;

	if (totp_options.window < 0 || totp_options.window > WINDOW_MAX)
		return err_set(err, ERR_USAGE, "--window is 0 to %d steps", WINDOW_MAX);
	if (totp_conf_load(&c, t->profile, err) < 0 || totp_store_open(&s, t, &c, err) < 0 ||
	    totp_security_find(&s, argv[0], &u, err) < 0)
		return -1;
	if (!u.enabled)
		return err_set(err, ERR_FAIL, "user '%s' is not enrolled", u.name);
	if (totp_read_line("code: ", &code, err) < 0)
		return -1;
	/* 16 letters and digits are a recovery code; no code of a phone is as long. */
	rc = code.len > OTP_DIGITS_MAX ? check_recovery(&s, t, &u, code.p, err) : check_code(&s, &u, code.p, err);
	return rc < 0 ? -1 : rc == 0;
}
