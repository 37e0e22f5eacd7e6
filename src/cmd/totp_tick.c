/* tick, close and prepare: one refresh, shutting everybody out, and what serve needs before it runs.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <pwd.h>
#include <time.h>
#include <unistd.h>
#include "totp.h"

#define COVER_MAX 3600
#define GRACE_S 10	/* cron starts the next minute's job a moment after the minute */

static void sleep_until(int64_t when)
{
	struct timespec at = { .tv_sec = (time_t)when };

	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static int pass_and_say(struct totp_store *s, struct totp_pass *pass, struct err *err)
{
	if (totp_pass_run(s->db, s->schema, totp_now(), pass, err) < 0)
		return -1;
	log_debug("%zu of %zu enrolled users have their code", pass->open, pass->users);
	if (pass->open < pass->users)
		log_warn("%zu enrolled users have a secret or parameters that no code can be made with, and are shut out; see 'totp list'",
			 pass->users - pass->open);
	return 0;
}

/* Go on until the end, then make sure that somebody else has taken over; if
 * not, no code stays behind: the next cron job may never come. */
static int cover(struct totp_store *s, struct totp_pass *pass, int64_t end, struct err *err)
{
	int64_t refreshed;

	for (;;) {
		int64_t next = otp_next_boundary(totp_now(), pass->period, pass->periods);

		if (next >= end)
			break;
		sleep_until(next);
		if (pass_and_say(s, pass, err) < 0)
			return -1;
	}
	sleep_until(end + GRACE_S);
	if (totp_state_get(s, "refreshed", 0, &refreshed, err) < 0)
		return -1;
	if (refreshed >= end)
		return 0;
	log_warn("nobody refreshes the codes any more; the login of enrolled users is shut");
	return totp_pass_close(s->db, s->schema, totp_now(), err);
}

int totp_tick(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(totp_conf_release) struct totp_conf c = { 0 };
	CLEANUP(totp_store_close) struct totp_store s = TOTP_STORE_INIT;
	struct totp_pass pass;
	int64_t start = totp_now();

	if (totp_options.cover < 0 || totp_options.cover > COVER_MAX)
		return err_set(err, ERR_USAGE, "--cover is 0 to %d seconds", COVER_MAX);
	if (otp_clock_check(start, err) < 0 || totp_conf_load(&c, t->profile, err) < 0 || totp_store_open(&s, t, &c, err) < 0)
		return -1;
	if (s.adapter != TOTP_PIN) {
		log_info("this application checks codes itself (adapter '%s'); there is nothing to refresh", totp_adapter_name(s.adapter));
		return 0;
	}
	if (t->dry_run) {
		log_info("the PINs of all enrolled users would be set to their codes");
		return 0;
	}
	if (totp_prepare(&s, t, &c, false, err) < 0 || pass_and_say(&s, &pass, err) < 0)
		return -1;
	/* To the end of the minutes that the caller named, so that cron's jobs meet. */
	return totp_options.cover ? cover(&s, &pass, (start + totp_options.cover) / 60 * 60, err) : 0;
}

int totp_account_open(struct db **db, struct tool *t, const char **schema, struct err *err)
{
	struct passwd *pw = geteuid() == 0 ? NULL : getpwuid(geteuid());
	/* The socket tells the server who we are; the name must be the same. */
	struct db_options o = { .user = pw ? pw->pw_name : NULL };

	*schema = profile_require(t->profile, "database", "name", err);
	return *schema ? db_open(db, t->profile, &t->root, &o, err) : -1;
}

int totp_close(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(db_cleanup) struct db *db = NULL;
	const char *schema;

	if (totp_account_open(&db, t, &schema, err) < 0 || totp_pass_close(db, schema, totp_now(), err) < 0)
		return -1;
	log_info("the login of enrolled users is shut until the next refresh");
	return 0;
}

int totp_prepare_verb(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(totp_conf_release) struct totp_conf c = { 0 };
	CLEANUP(totp_store_close) struct totp_store s = TOTP_STORE_INIT;

	return totp_conf_load(&c, t->profile, err) < 0 || totp_store_open(&s, t, &c, err) < 0 ||
	       totp_prepare(&s, t, &c, true, err) < 0 ? -1 : 0;
}
