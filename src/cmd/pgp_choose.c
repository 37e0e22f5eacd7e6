/* The web user's side of pgp ensure: choose, make or prolong the key, in its own directory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../core/record.h"
#include "../ext/pgp_home.h"
#include "pgp_ensure.h"

/* Index of the key to use; -2 when none is there, -1 when it cannot be told.
 * insist: only the first of wanted will do. */
static int choose(struct pgp *pgp, const struct strv *wanted, bool insist, const struct pgp_keys *all, struct err *err)
{
	int usable = -2;

	for (size_t w = 0; w < wanted->n; w++) {
		CLEANUP(pgp_keys_release) struct pgp_keys match = PGP_KEYS_INIT;

		if (insist && w)
			break;
		if (pgp_find(pgp, wanted->v[w], true, &match, insist ? err : NULL) < 0) {
			if (insist && err->kind != ERR_ABSENT)
				return -1;
			continue;
		}
		for (size_t i = 0; i < all->n; i++)
			if (strcmp(all->v[i].fpr, match.v[0].fpr) == 0)
				return (int)i;
	}
	if (insist)
		return -2;
	if (all->n == 1)
		return 0;
	for (size_t i = 0; i < all->n; i++) {
		if (pgp_key_problem(&all->v[i]))
			continue;
		if (usable >= 0)
			return err_set(err, ERR_FAIL, "there are several secret keys (%s, %s); choose one with --key",
				       all->v[usable].fpr, all->v[i].fpr);
		usable = (int)i;
	}
	if (usable < 0 && all->n)
		return err_set(err, ERR_FAIL, "there are %zu secret keys and none is usable; choose one with --key", all->n);
	return usable;
}

static int make_key(struct pgp *pgp, const struct ensure_job *job, char **fpr, struct err *err)
{
	if (!job->passphrase)
		return err_set(err, ERR_FAIL, "no passphrase for a new key");
	return pgp_generate(pgp, job->name, job->email, job->algorithm, job->days, job->passphrase, fpr, err);
}

/* 1 was prolonged, 0 needed nothing. */
static int mend_expired(struct pgp *pgp, const struct ensure_job *job, const struct pgp_key *key, struct err *err)
{
	const char *problem = pgp_key_problem(key);

	if (!problem)
		return 0;
	/* Only expiry can be mended; an expired subkey looks like none. */
	if (key->revoked || key->disabled || key->invalid || !job->passphrase ||
	    pgp_set_expiry(pgp, key->fpr, job->days, err) < 0) {
		err_set(err, ERR_FAIL, "key %s (%s) cannot be used: %s", key->fpr, key->uid, problem);
		err_hint(err, "prolong it with 'pgp extend', or choose another with --key");
		return -1;
	}
	return 1;
}

static int write_symmetric(int home_fd, const struct ensure_job *job, struct err *err)
{
	AUTO_BUF line = BUF_SECRET_INIT;

	if (job->no_symmetric && unlinkat(home_fd, PGP_HOME_PASSPHRASE, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove the passphrase of symmetric mode");
	if (!job->symmetric)
		return 0;
	buf_addf(&line, "%s\n", job->symmetric);
	return pgp_home_write(home_fd, PGP_HOME_PASSPHRASE, 0400, &line, err) < 0 ? -1 : 0;
}

static int report_key(struct pgp *pgp, int home_fd, const char *fpr, bool with_secret, bool made, bool prolonged, struct buf *out,
		      struct err *err)
{
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
	AUTO_BUF public = BUF_INIT;
	AUTO_BUF secret = BUF_SECRET_INIT;
	AUTO_BUF symmetric = BUF_SECRET_INIT;
	char expires[32];

	if (pgp_find(pgp, fpr, false, &keys, err) < 0 || pgp_export(pgp, fpr, false, &public, err) < 0)
		return -1;
	if (with_secret && pgp_export(pgp, fpr, true, &secret, NULL) < 0)	/* its passphrase is not ours to know */
		buf_reset(&secret);
	snprintf(expires, sizeof(expires), "%lld", keys.v[0].expires);
	const char *fields[] = { keys.v[0].fpr, keys.v[0].uid, expires, made ? "1" : "0", prolonged ? "1" : "0",
				 pgp_home_passphrase(home_fd, &symmetric, NULL) == 0 ? "1" : "0", public.p, secret.p };

	record_format(out, fields, ARRAY_LEN(fields));
	return 0;
}

int pgp_ensure_in_home(struct pgp *pgp, int home_fd, void *arg, struct buf *out, struct err *err)
{
	const struct ensure_job *job = arg;
	CLEANUP(pgp_keys_release) struct pgp_keys all = PGP_KEYS_INIT;
	AUTO_FREE char *fpr = NULL;
	int prolonged = 0;

	pgp_set_passphrase(pgp, job->passphrase);
	if (place_secret_keys(pgp, home_fd, &all, err) < 0)
		return -1;
	int chosen = choose(pgp, &job->wanted, job->insist, &all, err);

	if (chosen == -1)
		return -1;
	if (chosen < 0 && !job->may_make)
		return 1;
	err_clear(err);
	if (chosen < 0) {
		if (make_key(pgp, job, &fpr, err) < 0)
			return -1;
	} else {
		fpr = xstrdup(all.v[chosen].fpr);
		if (!job->look_only)
			prolonged = mend_expired(pgp, job, &all.v[chosen], err);
	}
	if (prolonged < 0)
		return -1;
	if (!job->look_only && (pgp_set_recipients(pgp, home_fd, &job->further, err) < 0 || write_symmetric(home_fd, job, err) < 0))
		return -1;
	return report_key(pgp, home_fd, fpr, job->with_secret, chosen < 0, prolonged > 0, out, err);
}
