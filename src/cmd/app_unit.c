/* The unit of the instance: its state, restart within Debian's policy, and waiting until it answers.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "app.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../base/child.h"

#define RESTART_MS 180000	/* stopping waits for requests under way */

void app_unit_release(struct app_unit *u)
{
	free(u->load);
	free(u->active);
	free(u->file_state);
	free(u->fragment);
	free(u->dropins);
	*u = (struct app_unit){ NULL };
}

static int run(const char *const *argv, struct buf *out, int timeout_ms, struct err *err)
{
	struct child c = { .argv = argv, .out = out, .timeout_ms = timeout_ms };

	return child_check(&c, err) < 0 ? -1 : 0;
}

int app_unit_read(const struct app *a UNUSED, const char *unit, struct app_unit *u, struct err *err)
{
	const char *argv[] = { "systemctl", "show", "-p",
			       "LoadState,ActiveState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload", unit, NULL };
	struct { const char *key; char **to; } want[] = {
		{ "LoadState=", &u->load }, { "ActiveState=", &u->active }, { "UnitFileState=", &u->file_state },
		{ "FragmentPath=", &u->fragment }, { "DropInPaths=", &u->dropins },
	};
	AUTO_BUF out = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;

	*u = (struct app_unit){ NULL };
	if (run(argv, &out, 0, err) < 0)
		return -1;
	strv_split(&lines, out.p, "\n");
	for (size_t k = 0; k < ARRAY_LEN(want); k++) {
		const char *value = "";
		size_t len = strlen(want[k].key);

		for (size_t i = 0; i < lines.n; i++)
			if (strncmp(lines.v[i], want[k].key, len) == 0)
				value = lines.v[i] + len;
		*want[k].to = xstrdup(value);
	}
	u->needs_reload = strv_has(&lines, "NeedDaemonReload=yes");
	return 0;
}

static bool is_running(const char *active)
{
	return strcmp(active, "active") == 0 || strcmp(active, "activating") == 0 || strcmp(active, "reloading") == 0;
}

/* Debian's policy layer (invoke-rc.d(8)): 101 forbids the action. deb-systemd-invoke
 * asks it too, but does not tell us the answer. */
static bool forbidden(const struct app *a, const char *action)
{
	const char *argv[] = { "/usr/sbin/policy-rc.d", a->unit, action, NULL };
	struct child c = { .argv = argv };

	return access(argv[0], X_OK) == 0 && child_run(&c, NULL) == 101;
}

/* Are we a deferred step at boot? Our unit waits for that one to end, so
 * waiting for our unit in it would last forever. */
static int in_pending_unit(const struct app *a, struct err *err)
{
	AUTO_FREE char *name = xasprintf("maintkit-pending@%s.service", profile_package(a->profile));
	struct app_unit u = { NULL };
	int yes;

	if (app_unit_read(a, name, &u, err) < 0)
		return -1;
	yes = strcmp(u.active, "activating") == 0;
	app_unit_release(&u);
	return yes;
}

/* What deactivate --disable switched off, activate switches on again. */
static int enable_again(const struct app *a, struct err *err)
{
	AUTO_FREE char *mark = profile_state_path(a->profile, "app.disabled");
	const char *argv[] = { "systemctl", "enable", a->unit, NULL };
	struct stat st;

	if (path_stat(a->root, mark, &st, NULL) < 0)
		return 0;
	if (run(argv, NULL, 0, err) < 0)
		return -1;
	return path_unlink(a->root, mark, err) < 0 ? -1 : 0;
}

int app_unit_restart(const struct app *a, enum app_restart *what, struct err *err)
{
	const char *reload[] = { "systemctl", "daemon-reload", NULL };
	const char *restart[] = { "deb-systemd-invoke", "restart", a->unit, NULL };
	const char *queue[] = { "systemctl", "--no-block", "restart", a->unit, NULL };
	struct app_unit u = { NULL };
	bool enabled, running, loaded;
	int pending;

	if (enable_again(a, err) < 0 || app_unit_read(a, a->unit, &u, err) < 0)
		return -1;
	if (u.needs_reload || strcmp(u.load, "not-found") == 0) {
		app_unit_release(&u);
		if (run(reload, NULL, 0, err) < 0 || app_unit_read(a, a->unit, &u, err) < 0)
			return -1;
	}
	loaded = strcmp(u.load, "loaded") == 0 || strcmp(u.load, "masked") == 0;
	enabled = strncmp(u.file_state, "enabled", 7) == 0;
	running = is_running(u.active);
	app_unit_release(&u);
	if (!loaded)
		return err_set(err, ERR_FAIL, "systemd does not know the unit '%s'", a->unit);
	if (!enabled && !running) {
		*what = APP_DISABLED;
		return 0;
	}
	pending = in_pending_unit(a, err);
	if (pending < 0)
		return -1;
	if (pending) {
		*what = APP_QUEUED;
		return run(queue, NULL, 0, err);
	}
	if (forbidden(a, "restart")) {
		*what = APP_FORBIDDEN;
		return 0;
	}
	*what = APP_RESTARTED;
	if (run(restart, NULL, RESTART_MS, err) < 0) {
		err_hint(err, "see 'journalctl -u %s'", a->unit);
		return -1;
	}
	return 0;
}

int app_unit_stop(const struct app *a, struct err *err)
{
	const char *stop[] = { "deb-systemd-invoke", "stop", a->unit, NULL };
	struct app_unit u = { NULL };
	bool running;

	if (app_unit_read(a, a->unit, &u, err) < 0)
		return -1;
	running = is_running(u.active);
	app_unit_release(&u);
	if (!running)
		return 1;
	if (forbidden(a, "stop")) {
		log_warn("policy-rc.d forbids stopping '%s': it still runs", a->unit);
		return 0;
	}
	return run(stop, NULL, RESTART_MS, err);
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static bool can_connect(long port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
}

/* One request over TLS. Tomcat listens before its contexts are started and
 * answers after, so an answer means that the start is over. Returns the HTTP
 * status, 0 when there was no answer in time. */
static int ask(long port, const char *path, int timeout_ms)
{
	AUTO_FREE char *to = xasprintf("127.0.0.1:%ld", port);
	AUTO_FREE char *request = xasprintf("HEAD %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
	const char *argv[] = { "openssl", "s_client", "-quiet", "-connect", to, NULL };
	AUTO_BUF out = BUF_INIT, errs = BUF_INIT;
	struct child c = { .argv = argv, .in = request, .in_len = strlen(request), .out = &out, .errs = &errs,
			   .timeout_ms = timeout_ms };
	int status = 0;

	if (child_run(&c, NULL) < 0 || sscanf(out.p, "HTTP/1.%*d %d", &status) != 1)
		return 0;
	return status;
}

static int still_running(const struct app *a, struct err *err)
{
	struct app_unit u = { NULL };
	bool yes;

	if (app_unit_read(a, a->unit, &u, err) < 0)
		return -1;
	yes = is_running(u.active);
	app_unit_release(&u);
	if (!yes)
		return err_set(err, ERR_FAIL, "'%s' did not stay up; see 'journalctl -u %s'", a->unit, a->unit);
	return 0;
}

int app_unit_wait(const struct app *a, struct err *err)
{
	const struct timespec nap = { .tv_nsec = 200 * 1000000 };
	AUTO_STRV probes = STRV_INIT;
	long port, seconds;
	long long end;
	int status;

	if (profile_int(a->profile, "app", "https-port", 1, 65535, 8443, &port, err) < 0 ||
	    profile_int(a->profile, "app", "start-timeout", 1, 3600, 90, &seconds, err) < 0)
		return -1;
	profile_words(a->profile, "app", "probe", &probes);
	end = now_ms() + seconds * 1000;
	while (!can_connect(port)) {
		if (still_running(a, err) < 0)
			return -1;
		if (now_ms() >= end)
			return 1;
		nanosleep(&nap, NULL);
	}
	status = ask(port, "/", (int)(end > now_ms() ? end - now_ms() : 1));
	if (status == 0)
		return still_running(a, err) < 0 ? -1 : 1;
	for (size_t i = 0; i < probes.n; i++) {
		status = ask(port, probes.v[i], 30000);
		if (status == 0 || status == 404 || status >= 500)
			return err_set(err, ERR_FAIL, "https answers, but '%s' gives HTTP status %d: the web application did "
				       "not start; see 'journalctl -u %s'", probes.v[i], status, a->unit);
	}
	return 0;
}
