/* Taking over a key that an earlier installation left in another directory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * That directory belongs to another service user, who may put anything there.
 * So its files are read by a child that has become that user, below a
 * descriptor that root opened without following links; what it read is
 * written into a staging directory of our own web user's, and gpg looks at it
 * there, as our web user. Then the secret halves of the chosen key are put
 * into our own directory, and the public half after them: gpg shows a key only
 * when it has the public half, so a run that is killed leaves no half key, and
 * the next one does the same again.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>
#include "../core/record.h"
#include "../ext/propsfile.h"
#include "pgp_legacy.h"

#define READ_MS 30000
#define LOOK_MS 120000

/* ---- reading, as the directory's owner ---- */

struct source {
	int dir;
	uid_t owner;
	size_t left;
};

/* Appends NAME NUL LENGTH NUL BYTES. What is no plain file of the owner's own is left out, and told. */
static int read_one(struct source *s, int dir, const char *file, const char *name, struct buf *out, struct err *err)
{
	AUTO_FD int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	AUTO_BUF bytes = BUF_SECRET_INIT;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && errno != ELOOP && errno != EACCES)
		return err_sys(err, errno, "'%s'", name);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != s->owner || st.st_nlink != 1) {
		buf_addf(out, "%c%s%c0%c", PGP_LEGACY_LEFT_OUT, name, 0, 0);
		return 0;
	}
	if (buf_read_fd(&bytes, fd, s->left, err) < 0)
		return -1;
	s->left -= bytes.len;
	buf_addf(out, "%s%c%zu%c", name, 0, bytes.len, 0);
	buf_add(out, bytes.p, bytes.len);
	return 0;
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n > e && strcmp(name + n - e, end) == 0;
}

static int read_dir(struct source *s, const char *below, const char *end, struct buf *out, struct err *err)
{
	AUTO_FD int dir = openat(s->dir, below, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int copy = dir < 0 ? -1 : dup(dir), rc = 0;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	while (d && rc == 0 && (e = readdir(d))) {
		AUTO_FREE char *name = xasprintf("%s/%s", below, e->d_name);

		if (ends_in(e->d_name, end))
			rc = read_one(s, dir, e->d_name, name, out, err);
	}
	if (d)
		closedir(d);
	return rc;
}

static int read_source(void *arg, struct buf *out, struct err *err)
{
	/* pubring.gpg and secring.gpg are those of GnuPG 1 and 2.0; the marker says that
	 * the latter has been taken over by the agent and counts no more. */
	static const char *const files[] = { "pubring.kbx", "pubring.gpg", "secring.gpg", ".gpg-v21-migrated" };
	struct source *s = arg;

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (read_one(s, s->dir, files[i], files[i], out, err) < 0)
			return -1;
	return read_dir(s, "private-keys-v1.d", ".key", out, err) < 0 ? -1 :
	       read_dir(s, "openpgp-revocs.d", ".rev", out, err);
}

static void warn_left_out(struct tool *t, const char *path, const struct buf *files)
{
	const char *name, *data;
	size_t pos = 0, len;

	while (pgp_legacy_next(files, &pos, &name, &data, &len))
		if (*name == PGP_LEGACY_LEFT_OUT)
			log_warn("'%s%s/%s' is left out: it is not a plain file of the directory's owner",
				 t->root.prefix, path, name + 1);
}

/* 1 read, 0 not there or refused with a warning. */
static int read_legacy(struct tool *t, const char *path, struct buf *out, struct err *err)
{
	struct source s = { .left = PGP_LEGACY_MAX };
	struct userproc_opts o = { .timeout_ms = READ_MS };
	struct err why = ERR_INIT;
	struct stat st;

	s.dir = path_open_dir(&t->root, path, 0, &why);
	if (s.dir < 0) {
		if (why.kind != ERR_ABSENT)
			log_warn("keys in '%s%s' are not looked at: %s; if it is right, name the real directory in [pgp] legacy",
				 t->root.prefix, path, why.text);
		return 0;
	}
	AUTO_FD int dir = s.dir;

	if (fstat(dir, &st) < 0)
		return err_sys(err, errno, "'%s'", path);
	s.owner = st.st_uid;
	/* The user may be gone with its package; then root reads, by the same rules. */
	o.drop = geteuid() == 0 && st.st_uid != 0 && getpwuid(st.st_uid);
	o.uid = st.st_uid;
	o.gid = st.st_gid;
	o.keep[0] = dir;
	if (userproc_run(&o, read_source, &s, out, err) < 0) {
		err_prefix(err, "read the keys in '%s%s'", t->root.prefix, path);
		return -1;
	}
	warn_left_out(t, path, out);
	return out->len != 0;
}

/* ---- root's side ---- */

/* What is to be taken, and from where. */
struct choice {
	char *dir, *fpr, *uid;
	struct buf files;
};

static void choice_release(struct choice *c)
{
	free(c->dir);
	free(c->fpr);
	free(c->uid);
	c->dir = c->fpr = c->uid = NULL;
	buf_release(&c->files);
}

/* Warns of what is not taken; fingerprint and user id of what can be, to be freed. */
static void read_look(struct tool *t, const char *dir, const struct buf *report, char **fpr, char **uid)
{
	AUTO_STRV sv = STRV_INIT;
	size_t pos = 0;

	while (record_parse(report->p, report->len, &pos, &sv) == RECORD_OK && sv.n == 4) {
		if (strcmp(sv.v[0], "unusable") == 0) {
			log_warn("key %s (%s) in '%s%s' is not taken over: %s; it stays there for what was encrypted with it",
				 sv.v[1], sv.v[2], t->root.prefix, dir, sv.v[3]);
			continue;
		}
		free(*fpr);
		free(*uid);
		*fpr = xstrdup(sv.v[1]);
		*uid = xstrdup(sv.v[2]);
	}
}

/* 1: stop looking, this is the one. */
static int look_into(struct tool *t, const struct place *p, const struct strv *wanted, bool insist, const char *dir,
		     struct choice *c, struct err *err)
{
	CLEANUP(choice_release) struct choice now = { .files = BUF_SECRET_INIT };
	AUTO_BUF report = BUF_INIT;
	int rc = read_legacy(t, dir, &now.files, err);

	if (rc <= 0)
		return rc;
	struct look_job job = { &now.files, wanted, insist, NULL };

	rc = place_run(p, pgp_legacy_look, &job, 0, 0, LOOK_MS, &report, err);
	if (rc < 0) {
		err_prefix(err, "keys in '%s%s'", t->root.prefix, dir);
		return -1;
	}
	read_look(t, dir, &report, &now.fpr, &now.uid);
	if (rc == LOOK_NONE || (rc == LOOK_ONLY && c->fpr && strcmp(c->fpr, now.fpr) == 0))
		return 0;
	if (rc == LOOK_ONLY && c->fpr)
		return err_set(err, ERR_FAIL, "there are usable keys in '%s%s' (%s) and in '%s%s' (%s); choose one with --key",
			       t->root.prefix, c->dir, c->fpr, t->root.prefix, dir, now.fpr);
	now.dir = xstrdup(dir);
	choice_release(c);
	*c = now;
	now = (struct choice){ .files = BUF_SECRET_INIT };
	return rc == LOOK_WANTED;
}

/* The directory in "GNUPGHOME=DIR", without a slash at its end; "" for another text. */
static char *home_in(const char *env)
{
	static const char name[] = "GNUPGHOME=";
	size_t len;

	if (strncmp(env, name, sizeof(name) - 1) != 0 || env[sizeof(name) - 1] != '/')
		return xstrdup("");
	env += sizeof(name) - 1;
	len = strlen(env);
	while (len > 1 && (env[len - 1] == '/' || env[len - 1] == ' '))
		len--;
	return xstrndup(env, len);
}

void pgp_legacy_dirs(struct tool *t, const struct place *p, struct strv *dirs)
{
	const char *property = profile_get(t->profile, "pgp", "property-env");
	AUTO_FREE char *env = NULL;
	AUTO_STRV all = STRV_INIT;
	struct stat st;

	if (property && propsfile_get(t->profile, &t->root, property, &env, NULL) == 0) {
		AUTO_FREE char *named = home_in(env);

		if (*named)
			strv_add(&all, named);
	}
	profile_words(t->profile, "pgp", "legacy", &all);
	for (size_t i = 0; i < all.n; i++)
		if (strcmp(all.v[i], p->below) != 0 && strcmp(all.v[i], p->home) != 0 && !strv_has(dirs, all.v[i]) &&
		    path_stat(&t->root, all.v[i], &st, NULL) == 0)
			strv_add(dirs, all.v[i]);
}

int pgp_take_legacy(struct tool *t, const struct place *p, const struct strv *wanted, bool insist, struct err *err)
{
	CLEANUP(choice_release) struct choice c = { .files = BUF_SECRET_INIT };
	AUTO_STRV dirs = STRV_INIT;
	int rc = 0;

	pgp_legacy_dirs(t, p, &dirs);
	for (size_t i = 0; i < dirs.n && rc == 0; i++)
		rc = look_into(t, p, wanted, insist, dirs.v[i], &c, err);
	if (rc < 0 || !c.fpr)
		return rc < 0 ? -1 : 0;
	struct look_job job = { &c.files, wanted, insist, c.fpr };

	if (place_run(p, pgp_legacy_look, &job, 0, 0, LOOK_MS, NULL, err) < 0) {
		err_prefix(err, "take over key %s from '%s%s'", c.fpr, t->root.prefix, c.dir);
		return -1;
	}
	log_info("took over key %s (%s) from '%s%s', which stays as it is", c.fpr, c.uid, t->root.prefix, c.dir);
	return 1;
}
