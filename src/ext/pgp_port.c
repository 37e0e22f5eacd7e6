/* Keys in and out of a home: export, import, removal, another passphrase.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include "pgp_internal.h"

static int export_armoured(struct pgp *p, const char *fpr, bool secret, struct buf *out, struct err *err)
{
	const char *pattern[] = { fpr, NULL };
	gpgme_data_t data;
	size_t len = 0;

	buf_reset(out);
#ifdef PGP_BY_GPG
	if (secret)
		return pgp_gpg_export_secret(p, fpr, out, err);
#endif
	gpgme_error_t e = gpgme_data_new(&data);

	if (e)
		return pgp_error(err, e, "export");
	gpgme_set_armor(p->ctx, 1);
	e = gpgme_op_export_ext(p->ctx, pattern, secret ? GPGME_EXPORT_MODE_SECRET : 0, data);
	gpgme_set_armor(p->ctx, 0);
	char *text = gpgme_data_release_and_get_mem(data, &len);

	if (!e && len)
		buf_add(out, text, len);
	if (text)
		explicit_bzero(text, len);
	gpgme_free(text);
	return e ? pgp_error(err, e, "export a key") : 0;
}

int pgp_export(struct pgp *p, const char *fpr, bool secret, struct buf *out, struct err *err)
{
	if (export_armoured(p, fpr, secret, out, err) < 0)
		return -1;
	if (!out->len)
		return err_set(err, ERR_ABSENT, "no %s key '%s' in '%s'", secret ? "secret" : "public", fpr, p->home);
	/* A gpg that was killed is no error to gpgme; the last line shows that all is there. */
	buf_trim_end(out);
	buf_addc(out, '\n');
	return out->len > 30 && strstr(out->p, "\n-----END PGP ") ? 0 :
		err_set(err, ERR_FAIL, "export a key: gpg ended before it had finished");
}

int pgp_import(struct pgp *p, const void *bytes, size_t len, struct strv *fprs, struct err *err)
{
	gpgme_data_t data;
	gpgme_error_t e = gpgme_data_new_from_mem(&data, bytes, len, 0);

	if (e)
		return pgp_error(err, e, "import");
	e = gpgme_op_import(p->ctx, data);
	gpgme_data_release(data);
	if (e)
		return pgp_error(err, e, "import a key");
	gpgme_import_result_t result = gpgme_op_import_result(p->ctx);
	bool any = false;

	for (gpgme_import_status_t s = result ? result->imports : NULL; s; s = s->next) {
		if (s->result || !s->fpr)
			continue;
		any = true;
		if (!strv_has(fprs, s->fpr))	/* the same key in two files */
			strv_add(fprs, s->fpr);
	}
	return any ? 0 : err_set(err, ERR_FAIL, "import a key: there is none in it");
}

int pgp_delete_public(struct pgp *p, const char *fpr, struct err *err)
{
	gpgme_key_t key;
	gpgme_error_t e = gpgme_get_key(p->ctx, fpr, &key, 0);

	if (!e) {
		e = gpgme_op_delete_ext(p->ctx, key, GPGME_DELETE_FORCE);
		gpgme_key_unref(key);
	}
	return e ? pgp_error(err, e, "remove a public key") : 0;
}

/* gpg asks for the present passphrase and then for the new one, once each; the
 * agent remembers the first for the subkeys (source: tried with 2.2 and 2.4). */
int pgp_change_passphrase(struct pgp *p, const char *fpr, const char *passphrase, struct err *err)
{
	gpgme_key_t key;
	gpgme_error_t e = gpgme_get_key(p->ctx, fpr, &key, 1);

	if (e)
		return pgp_error(err, e, fpr);
	const char *before = p->passphrase;

	p->next_passphrase = passphrase;
	e = gpgme_op_passwd(p->ctx, key, 0);
	p->next_passphrase = NULL;
	p->passphrase = e ? before : passphrase;
	gpgme_key_unref(key);
	return e ? pgp_error(err, e, "change the passphrase") : 0;
}
