/* The further recipients of exports: imported, listed for every encryption, and taken out again when they are dropped.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The list in the key directory holds comments for us: "# here before: FPR", a
 * key that was there when it became a recipient, which stays when it is one no
 * more; "# leaving: FPR", a key that a run which was killed meant to remove.
 */
#include <string.h>
#include "../ext/pgp_home.h"
#include "pgp_ensure.h"

#define BEFORE "# here before: "
#define LEAVING "# leaving: "

static void add_marked(struct buf *text, const char *mark, const struct strv *fprs)
{
	for (size_t i = 0; i < fprs->n; i++)
		buf_addf(text, "%s%s\n", mark, fprs->v[i]);
}

static int write_list(int home_fd, const struct strv *now, const struct strv *before, const struct strv *leaving, struct err *err)
{
	AUTO_BUF text = BUF_INIT;

	buf_adds(&text, "# every encryption goes to these keys too; written by 'maintkit pgp ensure'\n");
	add_marked(&text, "", now);
	add_marked(&text, BEFORE, before);
	add_marked(&text, LEAVING, leaving);
	return pgp_home_write(home_fd, PGP_HOME_RECIPIENTS, 0600, &text, err) < 0 ? -1 : 0;
}

static int check_usable(struct pgp *pgp, const struct strv *fprs, struct err *err)
{
	for (size_t i = 0; i < fprs->n; i++) {
		CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;

		if (pgp_find(pgp, fprs->v[i], false, &keys, err) < 0)
			return -1;
		const char *problem = pgp_key_problem(&keys.v[0]);

		if (problem)
			return err_set(err, ERR_FAIL, "recipient %s (%s) cannot be used: %s", fprs->v[i],
				       keys.v[0].uid, problem);
	}
	return 0;
}

/* A key that is gone already is no error; one with a secret half is the clinic's own and stays. */
static int remove_keys(struct pgp *pgp, const struct strv *fprs, struct err *err)
{
	for (size_t i = 0; i < fprs->n; i++) {
		CLEANUP(pgp_keys_release) struct pgp_keys secret = PGP_KEYS_INIT;
		CLEANUP(pgp_keys_release) struct pgp_keys public = PGP_KEYS_INIT;

		if (pgp_list(pgp, fprs->v[i], true, &secret, err) < 0 || pgp_list(pgp, fprs->v[i], false, &public, err) < 0)
			return -1;
		if (!secret.n && public.n && pgp_delete_public(pgp, fprs->v[i], err) < 0)
			return -1;
	}
	return 0;
}

static void add_all(struct strv *to, const struct strv *from, const struct strv *but, const struct strv *but_too)
{
	for (size_t i = 0; i < from->n; i++)
		if (!strv_has(but, from->v[i]) && !strv_has(but_too, from->v[i]) && !strv_has(to, from->v[i]))
			strv_add(to, from->v[i]);
}

/* What was imported just now and cannot be used is not left behind. */
static void give_back(struct pgp *pgp, const struct strv *now, const struct pgp_keys *here)
{
	AUTO_STRV known = STRV_INIT;
	AUTO_STRV brought = STRV_INIT;

	for (size_t i = 0; i < here->n; i++)
		strv_add(&known, here->v[i].fpr);
	add_all(&brought, now, &known, &known);
	if (remove_keys(pgp, &brought, NULL) < 0)	/* the error that counts is told already */
		return;
}

int pgp_set_recipients(struct pgp *pgp, int home_fd, const struct buf *keys, struct err *err)
{
	CLEANUP(pgp_keys_release) struct pgp_keys here = PGP_KEYS_INIT;
	AUTO_STRV now = STRV_INIT;
	AUTO_STRV listed = STRV_INIT;
	AUTO_STRV before = STRV_INIT;
	AUTO_STRV leaving = STRV_INIT;
	AUTO_STRV going = STRV_INIT;
	const struct strv none = STRV_INIT;

	if (pgp_home_recipients(home_fd, &listed, err) < 0 ||
	    pgp_home_recipients_marked(home_fd, BEFORE, &before, err) < 0 ||
	    pgp_home_recipients_marked(home_fd, LEAVING, &leaving, err) < 0 ||
	    pgp_list(pgp, NULL, false, &here, err) < 0 ||
	    (keys->len && pgp_import(pgp, keys->p, keys->len, &now, err) < 0))
		return -1;
	if (check_usable(pgp, &now, err) < 0) {
		give_back(pgp, &now, &here);
		return -1;
	}
	for (size_t i = 0; i < here.n; i++)
		if (strv_has(&now, here.v[i].fpr) && !strv_has(&listed, here.v[i].fpr) && !strv_has(&leaving, here.v[i].fpr) &&
		    !strv_has(&before, here.v[i].fpr))
			strv_add(&before, here.v[i].fpr);
	add_all(&going, &listed, &now, &before);
	add_all(&going, &leaving, &now, &before);
	if (write_list(home_fd, &now, &before, &going, err) < 0)
		return -1;
	if (!going.n)
		return 0;
	return remove_keys(pgp, &going, err) < 0 ? -1 : write_list(home_fd, &now, &before, &none, err);
}
