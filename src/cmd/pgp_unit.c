/* The probe inside a copy of the application's unit, so that the sandbox that is in force is tested too.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * systemd itself says what is in force: "systemctl cat" prints the unit's file
 * and all drop-ins in the order in which they count. Their [Service] settings,
 * but for those that say what is run and when, go into a unit of /run that
 * runs the probe once, with its output in a file that only root can read.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../base/child.h"
#include "../base/script.h"
#include "pgp_probe.h"

#define UNIT_DIR "/run/systemd/system"
#define OUT_MAX (1u << 20)

/* What is run, how it ends, where its output goes; RuntimeDirectory= would be
 * taken from under the application when the probe ends. */
static bool is_dropped(const char *line)
{
	static const char *const names[] = {
		"Exec", "Type", "Restart", "RemainAfterExit", "Timeout", "Watchdog", "NotifyAccess", "PIDFile", "BusName",
		"SuccessExitStatus", "Sockets", "Standard", "TTY", "RuntimeDirectory", "GuessMainPID", "NonBlocking",
		"FileDescriptorStore", "USBFunction", "RootDirectoryStartOnly", "Slice", "Delegate",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strncmp(line, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* The [Service] settings of what systemctl cat printed. */
static void copy_settings(const char *text, struct buf *out)
{
	AUTO_STRV lines = STRV_INIT;
	bool service = false, dropping = false, goes_on = false;

	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		const char *line = lines.v[i] + strspn(lines.v[i], " \t");
		size_t len = strlen(line);

		/* Comments do not end a continued line (systemd.syntax(7)). */
		if (line[0] == '#' || line[0] == ';' || !len)
			continue;
		if (!goes_on && line[0] == '[') {
			service = strncmp(line, "[Service]", 9) == 0;
			continue;
		}
		if (!goes_on)
			dropping = is_dropped(line);
		goes_on = line[len - 1] == '\\';
		if (service && !dropping)
			buf_addf(out, "%s\n", line);
	}
}

static int show_unit(const char *unit, struct buf *text, struct err *err)
{
	const char *argv[] = { "systemctl", "cat", "--no-pager", "--", unit, NULL };
	AUTO_BUF said = BUF_INIT;
	struct child c = { .argv = argv, .out = text, .errs = &said, .timeout_ms = 10000 };
	int rc = child_run(&c, err);

	if (rc < 0)
		return -1;
	return rc == 0 ? 0 : err_set(err, ERR_BACKEND, "there is no unit '%s'", unit);
}

/* As a word of ExecStart=: no blank, specifier or variable in it. */
static bool is_plain(const char *text)
{
	return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-")] == '\0';
}

static int compose_unit(struct tool *t, const char *unit, const char *output, struct buf *out, struct err *err)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	AUTO_BUF text = BUF_INIT;

	self[n < 0 ? 0 : n] = '\0';
	if (!is_plain(self) || !is_plain(t->package))
		return err_set(err, ERR_BACKEND, "a unit cannot name the program '%s'", self);
	if (show_unit(unit, &text, err) < 0)
		return -1;
	buf_addf(out, "# Made by 'pgp verify' to try an export in the sandbox of %s; may be removed.\n[Service]\n", unit);
	copy_settings(text.p, out);
	buf_addf(out, "Type=oneshot\nExecStart=%s -p %s probe\nTimeoutStartSec=%d\nStandardInput=null\nStandardOutput=file:%s\n"
		 "StandardError=file:%s.err\n", self, t->package, 2 * PROBE_MS / 1000, output, output);
	return 0;
}

/* What the probe said last, or what systemctl did. */
static int start_failed(struct tool *t, const char *output, const struct buf *said, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s.err", output);
	AUTO_BUF text = BUF_INIT;

	if (path_read_file(&t->root, path, &text, OUT_MAX, NULL, NULL) < 0 || !text.len) {
		buf_reset(&text);
		buf_adds(&text, said->p);
	}
	buf_trim_end(&text);
	const char *last = strrchr(text.p, '\n');

	return err_set(err, ERR_FAIL, "the probe failed in the sandbox: %s", last ? last + 1 : text.p);
}

static int start_unit(struct tool *t, const char *name, const char *output, struct err *err)
{
	const char *start[] = { "systemctl", "start", "--", name, NULL };
	AUTO_BUF said = BUF_INIT;
	struct child c = { .argv = start, .out = &said, .errs = &said, .timeout_ms = 3 * PROBE_MS };
	int rc = child_run(&c, err);

	if (rc <= 0)
		return rc;
	return start_failed(t, output, &said, err);
}

static void forget_unit(struct tool *t, const char *name, const char *path, const char *output)
{
	const char *reset[] = { "systemctl", "reset-failed", "--", name, NULL };
	AUTO_BUF said = BUF_INIT;
	struct child c = { .argv = reset, .out = &said, .errs = &said, .timeout_ms = 10000 };

	if (child_run(&c, NULL) != 0)	/* it had not failed */
		buf_reset(&said);
	AUTO_FREE char *errors = xasprintf("%s.err", output);

	if (path_unlink(&t->root, path, NULL) < 0 || path_unlink(&t->root, output, NULL) < 0 ||
	    path_unlink(&t->root, errors, NULL) < 0)
		log_debug("'%s' could not be removed", path);
}

int pgp_probe_in_unit(struct tool *t, struct buf *out, struct err *err)
{
	const char *unit = profile_get(t->profile, "package", "unit"), *why;
	AUTO_BUF text = BUF_INIT;
	struct atomic_opts o = ATOMIC_OPTS_INIT;

	if (!unit)
		return err_set(err, ERR_BACKEND, "the profile names no unit");
	if (!script_is_booted(&t->root, &why))
		return err_set(err, ERR_BACKEND, "%s", why);
	if (root_is_foreign(&t->root))
		return err_set(err, ERR_BACKEND, "'%s' is not the running system", t->root.prefix);
	if (geteuid() != 0)
		return err_set(err, ERR_BACKEND, "only root can run a unit");
	AUTO_FREE char *name = xasprintf("maintkit-probe-%s-%ld.service", t->package, (long)getpid());
	AUTO_FREE char *path = xasprintf(UNIT_DIR "/%s", name), *output = xasprintf("/run/%s.out", name);

	if (compose_unit(t, unit, output, &text, err) < 0)
		return -1;
	/* Made here, so that they are root's alone from the first byte. */
	AUTO_FREE char *errors = xasprintf("%s.err", output);

	o.mode = 0600;
	if (atomic_replace(&t->root, output, "", 0, &o, err) < 0 || atomic_replace(&t->root, errors, "", 0, &o, err) < 0)
		return -1;
	o.mode = 0644;
	int rc = atomic_replace(&t->root, path, text.p, text.len, &o, err) < 0 ? -1 : start_unit(t, name, output, err);

	if (rc == 0)
		rc = path_read_file(&t->root, output, out, OUT_MAX, NULL, err);
	forget_unit(t, name, path, output);
	return rc;
}
