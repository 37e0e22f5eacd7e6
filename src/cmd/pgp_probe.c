/* Encrypting a probe exactly as the application does.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The program is called as OSCAR calls it (PGPEncrypt.java): four arguments,
 * PGP_ENV as the only variable, an open stdin, the work directory, by the web
 * user; with the values that are in the properties now.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../core/record.h"
#include "../ext/pgp_staging.h"
#include "../ext/propsfile.h"
#include "pgp_probe.h"

#define PROBE "probe.txt"
#define MESSAGE_MAX 65536

void settings_release(struct settings *s)
{
	free(s->key);
	free(s->env);
	free(s->command);
	free(s->program);
	free(s->directory);
}

/* A property as the application sees it: absent is empty. */
static int read_setting(struct tool *t, const char *name, char **value, struct err *err)
{
	const char *key = profile_get(t->profile, "pgp", name);
	struct err why = ERR_INIT;

	if (key && propsfile_get(t->profile, &t->root, key, value, &why) < 0 && why.kind != ERR_ABSENT) {
		*err = why;
		return -1;
	}
	if (!*value)
		*value = xstrdup("");
	return 0;
}

int settings_read(struct tool *t, struct settings *s, struct err *err)
{
	if (read_setting(t, "property-key", &s->key, err) < 0 || read_setting(t, "property-env", &s->env, err) < 0 ||
	    read_setting(t, "property-command", &s->command, err) < 0 ||
	    read_setting(t, "property-program", &s->program, err) < 0 ||
	    read_setting(t, "property-directory", &s->directory, err) < 0)
		return -1;
	if (!*s->directory) {
		free(s->directory);
		s->directory = xstrdup(profile_get_or(t->profile, "pgp", "directory", ""));
	}
	return 0;
}

void probe_tell(struct buf *out, const char *name, enum verdict v, const char *fmt, ...)
{
	AUTO_BUF detail = BUF_INIT;
	char word[2] = { (char)('0' + v), '\0' };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&detail, fmt, ap);
	va_end(ap);
	const char *fields[] = { name, word, detail.p };

	record_format(out, fields, ARRAY_LEN(fields));
}

static bool check_key(struct pgp *pgp, const struct settings *s, struct buf *out)
{
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
	struct err err = ERR_INIT;

	if (strcmp(s->command, "-c") == 0) {
		probe_tell(out, "key", NOT_TESTED, "exports are encrypted to a passphrase");
		return true;
	}
	if (pgp_find(pgp, s->key, false, &keys, &err) < 0) {
		probe_tell(out, "key", BAD, "%s", err.text);
		return false;
	}
	const struct pgp_key *k = &keys.v[0];
	const char *problem = pgp_key_problem(k);
	long left = pgp_days_left(k->expires);

	probe_tell(out, "key", problem ? BAD : GOOD, "%s (%s)%s%s", k->fpr, k->uid, problem ? ": " : "", problem ? problem : "");
	if (problem)
		return false;
	if (!k->expires)
		probe_tell(out, "expiry", GOOD, "never");
	else
		probe_tell(out, "expiry", left < PROBE_WARN_DAYS ? WARN : GOOD, "%s, %ld days left%s", pgp_date(k->expires), left,
			   left < PROBE_WARN_DAYS ? "; run 'pgp extend'" : "");
	return true;
}

__attribute__((noreturn))
static void exec_program(const struct settings *s, int dir, int in, int said)
{
	char *argv[] = { s->program, s->command, xstrdup(PROBE), s->key, NULL };
	char *env[] = { s->env, NULL };

	if (fchdir(dir) < 0 || dup2(in, 0) < 0 || dup2(said, 1) < 0 || dup2(said, 2) < 0)
		_exit(127);
	execve(s->program, argv, env);
	_exit(127);
}

/* Exit status of the application's call, its words in said; -1 it hung. */
static int call_program(const struct settings *s, int dir, struct buf *said)
{
	int in[2], talk[2], status = 0;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(talk, O_CLOEXEC) < 0)
		return 127;
	pid_t pid = fork();

	if (pid == 0)
		exec_program(s, dir, in[0], talk[1]);
	close(in[0]);
	close(talk[1]);
	for (;;) {
		struct pollfd pfd = { .fd = talk[0], .events = POLLIN };
		char chunk[512];
		int ready = poll(&pfd, 1, PROBE_MS / 2);
		ssize_t n = ready > 0 ? read(talk[0], chunk, sizeof(chunk)) : -1;

		if (ready == 0)
			kill(pid, SIGKILL);
		if (n <= 0)
			break;
		if (said->len < 2000)
			buf_add(said, chunk, (size_t)n);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	close(in[1]);
	close(talk[0]);
	buf_trim_end(said);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int write_probe(int dir, struct buf *probe, struct err *err)
{
	unsigned char noise[64];
	AUTO_FD int fd = openat(dir, PROBE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "write a probe");
	if (getrandom(noise, sizeof(noise), 0) != sizeof(noise))
		return err_sys(err, errno, "random bytes");
	for (size_t i = 0; i < sizeof(noise); i++)
		buf_addf(probe, "%02x", noise[i]);
	return buf_write_fd(probe, fd, err);
}

static void tell_message(int dir, const struct buf *probe, struct buf *out)
{
	AUTO_FD int fd = openat(dir, PROBE ".pgp", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_BUF message = BUF_INIT;
	AUTO_BUF hex = BUF_INIT;

	if (fd < 0 || buf_read_fd(&message, fd, MESSAGE_MAX, NULL) < 0 || !message.len) {
		probe_tell(out, "encrypt", BAD, "the program succeeded and left no " PROBE ".pgp");
		return;
	}
	for (size_t i = 0; i < message.len; i++)
		buf_addf(&hex, "%02x", (unsigned char)message.p[i]);
	const char *fields[] = { "message", probe->p, hex.p };

	probe_tell(out, "encrypt", GOOD, "the program encrypted a probe as the application calls it");
	record_format(out, fields, ARRAY_LEN(fields));
}

static int probe_in(const struct settings *s, int dir, struct buf *out, struct err *err)
{
	AUTO_BUF probe = BUF_INIT;
	AUTO_BUF said = BUF_INIT;

	if (write_probe(dir, &probe, err) < 0)
		return -1;
	int status = call_program(s, dir, &said);

	if (status == 0)
		tell_message(dir, &probe, out);
	else if (status < 0)
		probe_tell(out, "encrypt", BAD, "the program was killed, or hung and was stopped");
	else
		probe_tell(out, "encrypt", BAD, "exit status %d%s%s", status, said.len ? ": " : "", said.p);
	return 0;
}

/* The application's work directory; where it does not exist yet, the key directory will do. */
static int open_directory(const struct settings *s, const char *home, const char **path, struct buf *out)
{
	int fd = *s->directory ? open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	*path = fd < 0 ? home : s->directory;
	if (fd >= 0)
		return fd;
	if (*s->directory && errno == ENOENT)
		probe_tell(out, "directory", NOT_TESTED, "'%s' is not there yet; the application makes it", s->directory);
	else if (*s->directory)
		probe_tell(out, "directory", BAD, "'%s': %s", s->directory, strerror(errno));
	return open(home, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

struct probe_job {
	const struct settings *s;
	const char *home;
};

/* As the web user. */
static int probe_in_home(struct pgp *pgp, int home_fd UNUSED, void *arg, struct buf *out, struct err *err)
{
	const struct probe_job *job = arg;
	const char *path;
	struct err why = ERR_INIT;

	if (!check_key(pgp, job->s, out))
		return 0;
	AUTO_FD int fd = open_directory(job->s, job->home, &path, out);
	CLEANUP(pgp_staging_release) struct pgp_staging dir = PGP_STAGING_INIT;

	if (fd < 0)
		return err_sys(err, errno, "'%s'", path);
	if (pgp_staging_open(&dir, fd, path, &why) < 0) {
		probe_tell(out, "directory", BAD, "the application cannot write there: %s", why.text);
		return 0;
	}
	if (path != job->home)
		probe_tell(out, "directory", GOOD, "%s", path);
	return probe_in(job->s, dir.fd, out, err);
}

int pgp_probe(const struct place *p, const struct settings *s, struct buf *out, struct err *err)
{
	struct probe_job job = { s, p->home };

	return place_run(p, probe_in_home, &job, 0, 0, PROBE_MS, out, err);
}

int pgp_run_probe(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(place_release) struct place p = PLACE_INIT;
	CLEANUP(settings_release) struct settings s = SETTINGS_INIT;
	AUTO_BUF out = BUF_INIT;

	if (place_find(&p, t, err) < 0 || settings_read(t, &s, err) < 0 || pgp_probe(&p, &s, &out, err) < 0)
		return -1;
	return tool_print(&out, err);
}
