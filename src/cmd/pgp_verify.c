/* pgp verify: every link of the export chain, and a round trip the way the application does it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The way there is tried in the sandbox of the application's unit (pgp_unit.c,
 * pgp_probe.c); the way back is a person's or root's, and needs the passphrase.
 */
#include <errno.h>
#include <string.h>
#include "../core/json.h"
#include "../core/record.h"
#include "../ext/pgp_home.h"
#include "pgp_probe.h"

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

static void check_settings(const struct settings *s, const struct place *p, struct report *r)
{
	AUTO_BUF program = BUF_INIT;
	AUTO_BUF names = BUF_INIT;

	if (settings_check_program(s, &program))
		link_add(r, "program", GOOD, "%s", s->program);
	else
		link_add(r, "program", BAD, "%s", program.p);
	if (settings_check_names(s, p, &names))
		link_add(r, "properties", GOOD, "%s %s", s->command, s->key);
	else
		link_add(r, "properties", BAD, "%s", names.p);
}

/* A home that is no directory of its own ends the report: nothing else can be tried. */
static bool check_home(const struct place *p, struct tool *t, struct report *r)
{
	struct err why = ERR_INIT;
	struct stat st;

	if (place_check(p, t, &why) < 0 || path_stat(&t->root, p->below, &st, &why) < 0) {
		link_add(r, "home", BAD, "%s", why.text);
		return false;
	}
	link_add(r, "home", GOOD, "%s", p->home);
	if (st.st_mode & 077)
		link_add(r, "permissions", BAD, "'%s' is open to others (mode %04o); run 'pgp ensure'", p->home,
			 st.st_mode & 07777u);
	else
		link_add(r, "permissions", GOOD, "mode %04o, the web user's own", st.st_mode & 07777u);
	return true;
}

/* What the probe encrypted, and its way back. */
struct message {
	char *probe, *hex;
};

static void message_release(struct message *m)
{
	free(m->probe);
	free(m->hex);
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

struct back_job {
	const struct settings *s;
	const struct message *m;
	const char *passphrase;		/* NULL: not known */
};

struct bytes {
	const char *p;
	size_t left;
};

static int nibble(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static ssize_t from_hex(void *arg, void *data, size_t len)
{
	struct bytes *b = arg;
	unsigned char *to = data;
	size_t n = 0;

	for (; n < len && b->left >= 2; n++, b->p += 2, b->left -= 2)
		to[n] = (unsigned char)(nibble(b->p[0]) << 4 | nibble(b->p[1]));
	return (ssize_t)n;
}

static void check_agent(struct pgp *pgp, const struct settings *s, struct buf *out)
{
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
	struct err err = ERR_INIT;

	if (strcmp(s->command, "-c") == 0)
		return;
	if (pgp_find(pgp, s->key, true, &keys, &err) == 0)
		probe_tell(out, "agent", GOOD, "it has the secret key, and is stopped when it is not needed");
	else
		probe_tell(out, "agent", BAD, "%s", err.text);
}

/* As the web user. */
static int back_in_home(struct pgp *pgp, int home_fd, void *arg, struct buf *out, struct err *err UNUSED)
{
	const struct back_job *job = arg;
	AUTO_BUF back = BUF_SECRET_INIT;
	AUTO_BUF symmetric = BUF_SECRET_INIT;
	struct bytes bytes = { job->m->hex, strlen(job->m->hex) };
	struct pgp_stream from = { from_hex, &bytes }, to = { into_buf, &back };
	const char *passphrase = job->passphrase;
	struct err why = ERR_INIT;

	check_agent(pgp, job->s, out);
	if (strcmp(job->s->command, "-c") == 0 && pgp_home_passphrase(home_fd, &symmetric, &why) == 0)
		passphrase = symmetric.p;
	pgp_set_passphrase(pgp, passphrase);
	if (!passphrase)
		probe_tell(out, "decrypt", NOT_TESTED, "the passphrase is not known here; give it with --passphrase-stdin");
	else if (pgp_decrypt(pgp, &from, &to, &why) < 0)
		probe_tell(out, "decrypt", BAD, "%s", why.text);
	else if (back.len != strlen(job->m->probe) || memcmp(back.p, job->m->probe, back.len) != 0)
		probe_tell(out, "decrypt", BAD, "what came back is not what went in");
	else
		probe_tell(out, "decrypt", GOOD, "what came back is what went in");
	return 0;
}

static void add_told(struct report *r, const struct buf *told, struct message *m)
{
	AUTO_STRV sv = STRV_INIT;
	size_t pos = 0;

	while (record_parse(told->p, told->len, &pos, &sv) == RECORD_OK && sv.n == 3) {
		if (strcmp(sv.v[0], "message") != 0) {
			link_add(r, sv.v[0], (enum verdict)((sv.v[1][0] - '0') & 3), "%s", sv.v[2]);
			continue;
		}
		message_release(m);
		m->probe = xstrdup(sv.v[1]);
		m->hex = xstrdup(sv.v[2]);
	}
}

static int try_there(struct tool *t, const struct place *p, const struct settings *s, struct report *r, struct message *m,
		     struct err *err)
{
	const char *unit = profile_get(t->profile, "package", "unit");
	AUTO_BUF told = BUF_INIT;
	struct err why = ERR_INIT;

	if (pgp_probe_in_unit(t, &told, &why) == 0) {
		link_add(r, "sandbox", GOOD, "what follows was tried in that of %s", unit);
	} else if (why.kind != ERR_BACKEND) {
		link_add(r, "sandbox", BAD, "%s", why.text);
	} else {
		link_add(r, "sandbox", NOT_TESTED, "%s", why.text);
		if (pgp_probe(p, s, &told, err) < 0)
			return -1;
	}
	add_told(r, &told, m);
	return 0;
}

static int try_chain(struct tool *t, const struct place *p, const struct settings *s, struct report *r, struct err *err)
{
	CLEANUP(message_release) struct message m = { 0 };
	AUTO_BUF passphrase = BUF_SECRET_INIT;
	AUTO_BUF told = BUF_INIT;
	int known = pgp_passphrase(t, pgp_options.passphrase_stdin, &passphrase, err);
	struct back_job job = { s, &m, known > 0 ? passphrase.p : NULL };

	if (known < 0 || try_there(t, p, s, r, &m, err) < 0)
		return -1;
	if (!m.hex)
		return 0;
	if (place_run(p, back_in_home, &job, 0, 0, PROBE_MS, &told, err) < 0)
		return -1;
	add_told(r, &told, &m);
	return 0;
}

static int examine(struct tool *t, struct report *r, struct err *err)
{
	CLEANUP(place_release) struct place p = PLACE_INIT;
	CLEANUP(settings_release) struct settings s = SETTINGS_INIT;
	struct err why = ERR_INIT;

	if (place_find(&p, t, err) < 0 || settings_read(t, &s, err) < 0)
		return -1;
	check_settings(&s, &p, r);
	if (!check_home(&p, t, r) || r->broken)
		return 0;
	if (try_chain(t, &p, &s, r, &why) == 0)
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
