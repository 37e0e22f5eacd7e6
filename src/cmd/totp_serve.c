/* serve: the refresher. Wakes at every period boundary; on anything unusual it shuts the login rather than leave a code.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Fails closed: stop and clock jumps write random PINs, a lost database is
 * asked again several times a second and the first thing written to it is a
 * fresh state, a hang is ended by systemd's watchdog and any end of this
 * process is followed by `totp close' (ExecStopPost).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>
#include "totp.h"

#define JUMP_NS (2 * 1000000000LL)	/* a clock that was moved by more than this is not just slewed */
#define RETRY_MS 250

struct server {
	struct tool *t;
	struct db *db;
	const char *schema;
	int timer, signals;
	long long clock_offset;		/* CLOCK_REALTIME - CLOCK_BOOTTIME: constant but for clock changes */
	struct totp_pass pass;
	bool ready, lost;
	bool shut;			/* after a clock jump, until the next boundary */
};

static long long nanoseconds(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static long long clock_offset(void)
{
	return nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_BOOTTIME);
}

/* Empty when the kernel says that something disciplines the clock. */
static const char *clock_remark(void)
{
	struct timex tx = { .modes = 0 };
	int state = adjtimex(&tx);

	if (state < 0)
		return "";	/* not allowed to ask */
	return state == TIME_ERROR || (tx.status & STA_UNSYNC) ? "; the clock is not synchronised, codes may be refused" : "";
}

static void say_status(const struct server *s)
{
	if (s->shut)
		totp_notify("STATUS=the clock was changed: shut until the next period%s", clock_remark());
	else
		totp_notify("STATUS=%zu of %zu enrolled users have their code%s", s->pass.open, s->pass.users, clock_remark());
}

static void lose_database(struct server *s, const struct err *e)
{
	if (!s->lost)
		log_warn("%s; trying again", e->text);
	s->lost = true;
	db_cleanup(&s->db);
	totp_notify("STATUS=no database: %.200s", e->text);
}

static int write_state(struct server *s, struct err *err)
{
	int64_t now = totp_now();

	if (!s->db && totp_account_open(&s->db, s->t, &s->schema, err) < 0)
		return -1;
	return s->shut ? totp_pass_close(s->db, s->schema, now, err)
		       : totp_pass_run(s->db, s->schema, now, &s->pass, err);
}

/* Bring the database to what the moment demands: codes, or nothing. A
 * connection of before may have gone with a restart of the server that is
 * over already: a second try makes a new one. */
static int refresh(struct server *s, struct err *err)
{
	bool old = s->db != NULL;

	if (write_state(s, err) < 0) {
		if (!old)
			return -1;
		db_cleanup(&s->db);
		err_clear(err);
		if (write_state(s, err) < 0)
			return -1;
	}
	if (s->lost)
		log_info("the database is back");
	s->lost = false;
	return 0;
}

/* The next period boundary; TFD_TIMER_CANCEL_ON_SET wakes us when the clock is set. */
static int arm(struct server *s, struct err *err)
{
	struct itimerspec at = { 0 };

	at.it_value.tv_sec = (time_t)otp_next_boundary(totp_now(), s->pass.period, s->pass.periods);
	if (timerfd_settime(s->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) < 0)
		return err_sys(err, errno, "timer");
	return 0;
}

/* What woke us: false when the clock was set, true at the boundary. */
static bool timer_expired(struct server *s)
{
	uint64_t n;

	return read(s->timer, &n, sizeof n) == (ssize_t)sizeof n;
}

static bool clock_jumped(struct server *s)
{
	long long offset = clock_offset(), moved = offset - s->clock_offset;

	s->clock_offset = offset;
	return moved > JUMP_NS || moved < -JUMP_NS;
}

/* One round. 0 go on, 1 asked to stop. */
static int wait_round(struct server *s, int watchdog_ms, bool *refresh_now)
{
	struct pollfd p[] = { { .fd = s->signals, .events = POLLIN }, { .fd = s->timer, .events = POLLIN } };
	int n = poll(p, 2, s->lost ? RETRY_MS : watchdog_ms);

	*refresh_now = s->lost;
	if (n > 0 && p[0].revents)
		return 1;
	bool boundary = n > 0 && p[1].revents && timer_expired(s);

	if (clock_jumped(s)) {
		s->shut = *refresh_now = true;
		log_warn("the clock was changed; the login of enrolled users is shut until the next period");
	} else if (n > 0 && p[1].revents) {
		/* A jump shuts, the boundary after it opens. */
		if (boundary)
			s->shut = false;
		*refresh_now = true;
	}
	return 0;
}

static int loop(struct server *s, struct err *err)
{
	long long usec = totp_watchdog();
	int watchdog_ms = usec > 0 && usec / 2000 < 30000 ? (int)(usec / 2000) : 30000;
	bool now = true;

	for (;;) {
		struct err e = ERR_INIT;

		if (now && refresh(s, &e) < 0) {
			/* The first time the fault may lie in what we were given: say so and end. */
			if (!s->ready && e.kind != ERR_BACKEND && e.kind != ERR_BUSY) {
				*err = e;
				return -1;
			}
			lose_database(s, &e);
		} else if (now) {
			if (!s->ready)
				totp_notify("READY=1");
			s->ready = true;
			say_status(s);
		}
		if (now && arm(s, err) < 0)
			return -1;
		totp_notify("WATCHDOG=1");
		if (wait_round(s, watchdog_ms, &now))
			return 0;
	}
}

static int open_descriptors(struct server *s, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(err, errno, "signals");
	signal(SIGPIPE, SIG_IGN);	/* a server that goes away is an error of a write */
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->signals < 0 || s->timer < 0)
		return err_sys(err, errno, "timer");
	return 0;
}

int totp_serve(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	struct server s = { .t = t, .timer = -1, .signals = -1 };
	struct err e = ERR_INIT;
	int rc;

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);	/* no core file, no debugger of the same user: secrets are in memory */
	s.clock_offset = clock_offset();
	rc = open_descriptors(&s, err) < 0 ? -1 : loop(&s, err);
	totp_notify("STOPPING=1");
	s.shut = true;
	if (refresh(&s, &e) == 0)
		log_info("the login of enrolled users is shut");
	else
		log_warn("the login of enrolled users could not be shut: %s", e.text);
	db_cleanup(&s.db);
	if (s.timer >= 0)
		close(s.timer);
	if (s.signals >= 0)
		close(s.signals);
	return rc;
}
