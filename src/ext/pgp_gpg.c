/* What gpgme cannot do before 1.15.1 (Debian 11 has 1.14), by running gpg itself.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "../base/child.h"
#include "pgp_internal.h"

#ifdef PGP_BY_GPG

/* gpg with the given words; the passphrase goes through its stdin. */
static int run_gpg(const struct pgp *p, const struct strv *words, struct buf *out, struct err *err)
{
	static const char *const common[] = { "--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase-fd", "0" };
	AUTO_STRV argv = STRV_INIT;
	AUTO_BUF passphrase = BUF_SECRET_INIT;

	strv_add(&argv, "gpg");
	strv_addf(&argv, "--homedir=%s", p->home);
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		strv_add(&argv, common[i]);
	for (size_t i = 0; i < words->n; i++)
		strv_add(&argv, words->v[i]);
	buf_addf(&passphrase, "%s\n", p->passphrase ? p->passphrase : "");
	struct child c = { .argv = (const char *const *)argv.v, .in = passphrase.p, .in_len = passphrase.len, .out = out };

	return child_check(&c, err) < 0 ? -1 : 0;
}

int pgp_gpg_set_expiry(const struct pgp *p, const char *fpr, unsigned long seconds, const struct strv *subkeys,
		       struct err *err)
{
	AUTO_STRV words = STRV_INIT;
	AUTO_BUF said = BUF_INIT;

	strv_add(&words, "--quick-set-expire");
	strv_add(&words, fpr);
	if (seconds)
		strv_addf(&words, "seconds=%lu", seconds);
	else
		strv_add(&words, "0");
	if (run_gpg(p, &words, &said, err) < 0)
		return -1;
	for (size_t i = 0; i < subkeys->n; i++)
		strv_add(&words, subkeys->v[i]);
	return subkeys->n ? run_gpg(p, &words, &said, err) : 0;
}

int pgp_gpg_export_secret(const struct pgp *p, const char *fpr, struct buf *out, struct err *err)
{
	AUTO_STRV words = STRV_INIT;

	strv_add(&words, "--armor");
	strv_add(&words, "--export-secret-keys");
	strv_add(&words, fpr);
	return run_gpg(p, &words, out, err);
}

#endif
