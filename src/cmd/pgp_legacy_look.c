/* The web user's side of taking over a legacy key: look at a copy of that directory, copy the chosen key.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../core/record.h"
#include "../ext/pgp_home.h"
#include "../ext/pgp_staging.h"
#include "pgp_legacy.h"

bool pgp_legacy_next(const struct buf *files, size_t *pos, const char **name, const char **data, size_t *len)
{
	if (*pos >= files->len)
		return false;
	*name = files->p + *pos;
	const char *digits = *name + strlen(*name) + 1;

	*len = strtoul(digits, NULL, 10);
	*data = digits + strlen(digits) + 1;
	*pos = (size_t)(*data - files->p) + *len;
	return *pos <= files->len;
}

static int fill_staging(struct pgp_staging *s, const struct buf *files, struct err *err)
{
	const char *name, *data;
	size_t pos = 0, len;

	while (pgp_legacy_next(files, &pos, &name, &data, &len))
		if (*name != PGP_LEGACY_LEFT_OUT && pgp_staging_put(s, name, data, len, err) < 0)
			return -1;
	return 0;
}

static bool has_secret(const struct pgp_staging *s, const char *grip)
{
	AUTO_FREE char *name = xasprintf("private-keys-v1.d/%s.key", grip);
	struct stat st;

	return fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

/* Why the key would be of no use to us, into text; NULL: it is usable. */
static const char *problem_of(struct pgp *pgp, const struct pgp_staging *s, const struct pgp_key *key)
{
	const char *problem = pgp_key_problem(key);
	AUTO_STRV all = STRV_INIT;
	AUTO_STRV needed = STRV_INIT;

	if (problem)
		return problem;
	if (pgp_keygrips(pgp, key->fpr, &all, &needed, NULL) < 0)
		return "gpg does not show its parts";
	for (size_t i = 0; i < needed.n; i++)
		if (!has_secret(s, needed.v[i]))
			return "the secret half that decrypts is not there (on a card, or kept elsewhere)";
	return NULL;
}

/* Among the usable keys, the one that a pattern means: index, -1 none, -2 several. */
static int match(struct pgp *pgp, const char *pattern, const struct pgp_keys *usable, struct err *err)
{
	CLEANUP(pgp_keys_release) struct pgp_keys found = PGP_KEYS_INIT;
	int index = -1;

	if (!*pattern || pgp_list(pgp, pattern, true, &found, NULL) < 0)
		return -1;
	for (size_t f = 0; f < found.n; f++)
		for (size_t i = 0; i < usable->n; i++) {
			if (strcmp(usable->v[i].fpr, found.v[f].fpr) != 0)
				continue;
			if (index >= 0) {
				err_set(err, ERR_FAIL, "'%s' matches several keys (%s, %s); choose one with --key and its fingerprint",
					pattern, usable->v[index].fpr, usable->v[i].fpr);
				return -2;
			}
			index = (int)i;
		}
	return index;
}

/* Drops the unusable ones from the list and reports them, one record each. */
static void keep_usable(struct pgp *pgp, const struct pgp_staging *s, struct pgp_keys *keys,
			struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < keys->n; i++) {
		const char *problem = problem_of(pgp, s, &keys->v[i]);
		struct pgp_key swap = keys->v[n];

		if (problem) {
			const char *fields[] = { "unusable", keys->v[i].fpr, keys->v[i].uid, problem };

			record_format(out, fields, ARRAY_LEN(fields));
			continue;
		}
		keys->v[n++] = keys->v[i];
		keys->v[i] = swap;
	}
	for (size_t i = n; i < keys->n; i++) {
		struct pgp_keys one = { xcalloc(1, sizeof(*keys->v)), 1 };

		one.v[0] = keys->v[i];
		pgp_keys_release(&one);
	}
	keys->n = n;
}

static int copy_secret(const struct pgp_staging *s, int home_fd, const char *dir, const char *file, struct err *err)
{
	AUTO_FREE char *name = xasprintf("%s/%s", dir, file);
	AUTO_BUF bytes = BUF_SECRET_INIT;
	struct stat st;

	AUTO_FD int from = openat(s->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (from < 0)	/* the primary key's may be kept elsewhere */
		return errno == ENOENT ? 0 : err_sys(err, errno, "'%s'", name);
	if (buf_read_fd(&bytes, from, PGP_LEGACY_MAX, err) < 0)
		return -1;
	if (mkdirat(home_fd, dir, 0700) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make '%s' in the key directory", dir);
	AUTO_FD int to = openat(home_fd, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (to < 0)
		return err_sys(err, errno, "'%s' in the key directory", dir);
	if (fstatat(to, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;	/* from a run before, or the same key with a passphrase of its own */
	return pgp_home_write(to, file, 0600, &bytes, err) < 0 ? -1 : 0;
}

static int copy_key(struct pgp *ours, struct pgp *theirs, const struct pgp_staging *s, int home_fd, const char *fpr,
		    struct err *err)
{
	AUTO_STRV all = STRV_INIT;
	AUTO_STRV needed = STRV_INIT;
	AUTO_STRV fprs = STRV_INIT;
	AUTO_BUF public = BUF_INIT;

	if (pgp_keygrips(theirs, fpr, &all, &needed, err) < 0 || pgp_export(theirs, fpr, false, &public, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		AUTO_FREE char *file = xasprintf("%s.key", all.v[i]);

		if (copy_secret(s, home_fd, "private-keys-v1.d", file, err) < 0)
			return -1;
	}
	AUTO_FREE char *revocation = xasprintf("%s.rev", fpr);

	if (copy_secret(s, home_fd, "openpgp-revocs.d", revocation, err) < 0 || fsync(home_fd) < 0)
		return -1;
	return pgp_import(ours, public.p, public.len, &fprs, err);
}

int pgp_legacy_look(struct pgp *pgp, int home_fd, void *arg, struct buf *out, struct err *err)
{
	const struct look_job *job = arg;
	CLEANUP(pgp_staging_release) struct pgp_staging s = PGP_STAGING_INIT;
	CLEANUP(pgp_cleanup) struct pgp *theirs = NULL;
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
	AUTO_FREE char *home = NULL;
	int chosen = -1;

	if (pgp_staging_open(&s, home_fd, pgp_home_path(pgp), err) < 0 || fill_staging(&s, job->files, err) < 0 ||
	    pgp_open(&theirs, s.path, err) < 0 || pgp_list(theirs, NULL, true, &keys, err) < 0)
		return -1;
	if (job->take)
		return copy_key(pgp, theirs, &s, home_fd, job->take, err);
	keep_usable(theirs, &s, &keys, out);
	for (size_t i = 0; i < (job->insist ? 1 : job->wanted->n) && chosen == -1; i++)
		chosen = match(theirs, job->wanted->v[i], &keys, err);
	if (chosen == -2)
		return -1;
	if (chosen < 0 && job->insist)
		return LOOK_NONE;
	if (chosen < 0 && keys.n > 1)
		return err_set(err, ERR_FAIL, "there are several usable secret keys (%s, %s); choose one with --key",
			       keys.v[0].fpr, keys.v[1].fpr);
	if (!keys.n)
		return LOOK_NONE;
	const struct pgp_key *key = &keys.v[chosen < 0 ? 0 : chosen];
	const char *fields[] = { "usable", key->fpr, key->uid, "" };

	record_format(out, fields, ARRAY_LEN(fields));
	return chosen < 0 ? LOOK_ONLY : LOOK_WANTED;
}
