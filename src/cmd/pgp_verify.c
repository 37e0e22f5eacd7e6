/* pgp verify: every link of the export chain, and a round trip the way the application does it.
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
#include "../core/json.h"
#include "../core/record.h"
#include "../ext/pgp_home.h"
#include "../ext/propsfile.h"
#include "pgp.h"

#define PROBE_MS 60000
#define PROBE "probe.txt"
#define WARN_DAYS 60

enum verdict { GOOD, WARN, BAD, NOT_TESTED };
static const char *const verdict_words[] = { "ok", "warning", "broken", "not tested" };

struct report {
	struct buf text;	/* human */
	struct buf json_text;
	struct json json;
	bool broken;
};

static void link_add(struct report *r, const char *name, enum verdict v, const char *fmt, ...) PRINTF(4, 5);
static void link_add(struct report *r, const char *name, enum verdict v, const char *fmt, ...)
{
	AUTO_BUF detail = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&detail, fmt, ap);
	va_end(ap);
	buf_addf(&r->text, "%-10s %-11s %s\n", name, verdict_words[v], detail.p);
	json_object(&r->json, NULL);
	json_string(&r->json, "link", name);
	json_string(&r->json, "state", verdict_words[v]);
	json_string(&r->json, "detail", detail.p);
	json_end(&r->json);
	r->broken = r->broken || v == BAD;
}

static void report_release(struct report *r)
{
	buf_release(&r->text);
	buf_release(&r->json_text);
}

struct settings {
	char *key, *env, *command, *program;
};

static void settings_release(struct settings *s)
{
	free(s->key);
	free(s->env);
	free(s->command);
	free(s->program);
}

/* A property as the application sees it: absent is empty. */
static int read_setting(struct tool *t, const char *name, char **value, struct err *err)
{
	const char *key = profile_get(t->profile, "pgp", name);
	struct err why = ERR_INIT;

	if (!key || propsfile_get(t->profile, &t->root, key, value, &why) == 0)
		return 0;
	if (why.kind == ERR_ABSENT)
		return 0;
	*err = why;
	return -1;
}

static int read_settings(struct tool *t, struct settings *s, struct err *err)
{
	if (read_setting(t, "property-key", &s->key, err) < 0 || read_setting(t, "property-env", &s->env, err) < 0 ||
	    read_setting(t, "property-command", &s->command, err) < 0 ||
	    read_setting(t, "property-program", &s->program, err) < 0)
		return -1;
	char **all[] = { &s->key, &s->env, &s->command, &s->program };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (!*all[i])
			*all[i] = xstrdup("");
	return 0;
}

static void check_settings(const struct settings *s, const struct place *p, struct report *r)
{
	AUTO_FREE char *env = xasprintf("GNUPGHOME=%s", p->home);
	struct stat st;

	if (!*s->program || s->program[0] != '/' || stat(s->program, &st) < 0)
		link_add(r, "program", BAD, "'%s' is not there; run 'pgp ensure'", s->program);
	else if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		link_add(r, "program", BAD, "'%s' is not a program", s->program);
	else if (st.st_mode & 022)
		link_add(r, "program", BAD, "'%s' can be replaced by others (mode %04o)", s->program, st.st_mode & 07777u);
	else
		link_add(r, "program", GOOD, "%s", s->program);
	if (strcmp(s->env, env) != 0)
		link_add(r, "properties", BAD, "the environment is '%s' and must be '%s'; run 'pgp ensure'", s->env, env);
	else if (strcmp(s->command, "-c") != 0 && !*s->key)
		link_add(r, "properties", BAD, "no key is named; run 'pgp ensure'");
	else
		link_add(r, "properties", GOOD, "%s %s", s->command, s->key);
}

struct probe_job {
	const struct settings *s;
	const char *home;
	const char *passphrase;		/* NULL: the way back cannot be tested */
};

/* Names of the web user's side's report, one record per link. */
static void tell(struct buf *out, const char *name, enum verdict v, const char *detail)
{
	char word[2] = { (char)('0' + v), '\0' };
	const char *fields[] = { name, word, detail };

	record_format(out, fields, ARRAY_LEN(fields));
}

static bool check_key(struct pgp *pgp, const struct settings *s, struct buf *out, struct err *err)
{
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;

	if (strcmp(s->command, "-c") == 0) {
		tell(out, "key", NOT_TESTED, "exports are encrypted to a passphrase");
		return true;
	}
	if (pgp_find(pgp, s->key, false, &keys, err) < 0) {
		tell(out, "key", BAD, err->text);
		return false;
	}
	const char *problem = pgp_key_problem(&keys.v[0]);
	AUTO_FREE char *detail = xasprintf("%s (%s)%s%s", keys.v[0].fpr, keys.v[0].uid, problem ? ": " : "",
					   problem ? problem : "");

	tell(out, "key", problem ? BAD : GOOD, detail);
	if (problem)
		return false;
	AUTO_FREE char *expiry = keys.v[0].expires ?
		xasprintf("%s, %ld days left%s", pgp_date(keys.v[0].expires), pgp_days_left(keys.v[0].expires),
			  pgp_days_left(keys.v[0].expires) < WARN_DAYS ? "; run 'pgp extend'" : "") : xstrdup("never");

	tell(out, "expiry", keys.v[0].expires && pgp_days_left(keys.v[0].expires) < WARN_DAYS ? WARN : GOOD, expiry);
	return true;
}

__attribute__((noreturn))
static void exec_program(const struct probe_job *job, int dir, int in, int said)
{
	char *argv[] = { job->s->program, job->s->command, xstrdup(PROBE), job->s->key, NULL };
	char *env[] = { job->s->env, NULL };

	if (fchdir(dir) < 0 || dup2(in, 0) < 0 || dup2(said, 1) < 0 || dup2(said, 2) < 0)
		_exit(127);
	execve(job->s->program, argv, env);
	_exit(127);
}

/* Exit status of the application's call, its words in said; -1 it hung. */
static int call_program(const struct probe_job *job, int dir, struct buf *said)
{
	int in[2], talk[2], status = 0;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(talk, O_CLOEXEC) < 0)
		return 127;
	pid_t pid = fork();

	if (pid == 0)
		exec_program(job, dir, in[0], talk[1]);
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

static ssize_t into_buf(void *arg, void *data, size_t len)
{
	struct buf *b = arg;

	if (b->len + len > 65536) {
		errno = EFBIG;
		return -1;
	}
	buf_add(b, data, len);
	return (ssize_t)len;
}

static void check_way_back(struct pgp *pgp, const struct probe_job *job, int dir, int home_fd,
			   const struct buf *probe, struct buf *out)
{
	AUTO_BUF back = BUF_SECRET_INIT;
	AUTO_BUF symmetric = BUF_SECRET_INIT;
	AUTO_FD int in = openat(dir, PROBE ".pgp", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct pgp_stream from = { pgp_stream_read_fd, &in }, to = { into_buf, &back };
	const char *passphrase = job->passphrase;
	struct err err = ERR_INIT;

	if (strcmp(job->s->command, "-c") == 0 && pgp_home_passphrase(home_fd, &symmetric, &err) == 0)
		passphrase = symmetric.p;
	if (in < 0) {
		tell(out, "decrypt", BAD, "the program succeeded and left no " PROBE ".pgp");
		return;
	}
	pgp_set_passphrase(pgp, passphrase);
	if (!passphrase)
		tell(out, "decrypt", NOT_TESTED, "the passphrase is not known here; give it with --passphrase-stdin");
	else if (pgp_decrypt(pgp, &from, &to, &err) < 0)
		tell(out, "decrypt", BAD, err.text);
	else if (back.len != probe->len || memcmp(back.p, probe->p, probe->len) != 0)
		tell(out, "decrypt", BAD, "what came back is not what went in");
	else
		tell(out, "decrypt", GOOD, "what came back is what went in");
}

static int write_probe(int dir, struct buf *probe, struct err *err)
{
	unsigned char noise[64];
	AUTO_FD int fd = openat(dir, PROBE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "write a probe in the key directory");
	if (getrandom(noise, sizeof(noise), 0) != sizeof(noise))
		return err_sys(err, errno, "random bytes");
	for (size_t i = 0; i < sizeof(noise); i++)
		buf_addf(probe, "%02x", noise[i]);
	return buf_write_fd(probe, fd, err);
}

static int probe_in(struct pgp *pgp, const struct probe_job *job, int dir, int home_fd, struct buf *out, struct err *err)
{
	AUTO_BUF probe = BUF_INIT;
	AUTO_BUF said = BUF_INIT;

	if (write_probe(dir, &probe, err) < 0)
		return -1;
	int status = call_program(job, dir, &said);
	AUTO_FREE char *detail = status == 0 ? xstrdup("the program encrypted a probe as the application calls it") :
		status < 0 ? xstrdup("the program was killed, or hung and was stopped") :
		xasprintf("exit status %d%s%s", status, said.len ? ": " : "", said.p);

	tell(out, "encrypt", status == 0 ? GOOD : BAD, detail);
	if (status == 0)
		check_way_back(pgp, job, dir, home_fd, &probe, out);
	return 0;
}

/* As the web user. */
static int probe_in_home(struct pgp *pgp, int home_fd, void *arg, struct buf *out, struct err *err)
{
	const struct probe_job *job = arg;
	AUTO_FREE char *path = xasprintf("%s/maintkit-probe-XXXXXX", job->home);
	struct err why = ERR_INIT;

	if (!check_key(pgp, job->s, out, &why))
		return 0;
	if (!mkdtemp(path))
		return err_sys(err, errno, "make a directory in '%s'", job->home);
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = dir < 0 ? err_sys(err, errno, "'%s'", path) : probe_in(pgp, job, dir, home_fd, out, err);

	if (dir >= 0) {
		unlinkat(dir, PROBE, 0);
		unlinkat(dir, PROBE ".pgp", 0);
	}
	rmdir(path);
	return rc;
}

static int probe(struct tool *t, const struct place *p, const struct settings *s, struct report *r, struct err *err)
{
	AUTO_BUF passphrase = BUF_SECRET_INIT;
	AUTO_BUF told = BUF_INIT;
	AUTO_STRV sv = STRV_INIT;
	size_t pos = 0;
	int known = pgp_passphrase(t, pgp_options.passphrase_stdin, &passphrase, err);
	struct probe_job job = { s, p->home, known > 0 ? passphrase.p : NULL };

	if (known < 0 || place_run(p, probe_in_home, &job, 0, 0, PROBE_MS, &told, err) < 0)
		return -1;
	while (record_parse(told.p, told.len, &pos, &sv) == RECORD_OK && sv.n == 3)
		link_add(r, sv.v[0], (enum verdict)(sv.v[1][0] - '0'), "%s", sv.v[2]);
	return 0;
}

static int examine(struct tool *t, struct report *r, struct err *err)
{
	CLEANUP(place_release) struct place p = PLACE_INIT;
	CLEANUP(settings_release) struct settings s = { 0 };
	struct err why = ERR_INIT;

	if (place_find(&p, t, err) < 0 || read_settings(t, &s, err) < 0)
		return -1;
	check_settings(&s, &p, r);
	if (place_check(&p, t, &why) < 0) {
		link_add(r, "home", BAD, "%s", why.text);
		return 0;
	}
	link_add(r, "home", GOOD, "%s", p.home);
	if (r->broken)
		return 0;
	if (probe(t, &p, &s, r, &why) == 0)
		return 0;
	if (why.kind == ERR_USAGE) {
		*err = why;
		return -1;
	}
	link_add(r, "probe", BAD, "%s", why.text);
	return 0;
}

int pgp_run_verify(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(report_release) struct report r = { .text = BUF_INIT, .json_text = BUF_INIT };

	r.json.out = &r.json_text;
	json_array(&r.json, NULL);
	if (examine(t, &r, err) < 0)
		return -1;
	json_end(&r.json);
	if (tool_print(t->json ? &r.json_text : &r.text, err) < 0)
		return -1;
	return r.broken ? 1 : 0;
}
