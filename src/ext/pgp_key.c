/* Keys of a home: listing, choosing, making, prolonging.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <time.h>
#include "pgp_internal.h"

#define DAY 86400L

void pgp_keys_release(struct pgp_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		free(keys->v[i].fpr);
		free(keys->v[i].uid);
		free(keys->v[i].algorithm);
		strv_release(&keys->v[i].encryption_ids);
	}
	free(keys->v);
	keys->v = NULL;
	keys->n = 0;
}

static const char *first_uid(gpgme_key_t key)
{
	for (gpgme_user_id_t u = key->uids; u; u = u->next)
		if (!u->revoked && !u->invalid)
			return u->uid;
	return key->uids ? key->uids->uid : "";
}

static bool subkey_usable(gpgme_subkey_t s)
{
	return s->can_encrypt && !s->revoked && !s->expired && !s->disabled && !s->invalid;
}

static void describe_key(struct pgp_key *k, gpgme_key_t key)
{
	gpgme_subkey_t primary = key->subkeys;
	long long latest = -1;	/* of the encryption subkeys the one that lasts longest counts; 0: for ever */

	memset(k, 0, sizeof(*k));
	char *algo = gpgme_pubkey_algo_string(primary);

	k->fpr = xstrdup(primary->fpr);
	k->uid = xstrdup(first_uid(key));
	k->algorithm = xstrdup(algo ? algo : "unknown");
	gpgme_free(algo);
	k->created = primary->timestamp;
	k->expires = primary->expires;
	k->secret = key->secret;
	k->revoked = key->revoked;
	k->expired = key->expired;
	k->disabled = key->disabled;
	k->invalid = key->invalid;
	for (gpgme_subkey_t s = key->subkeys; s; s = s->next) {
		if (!subkey_usable(s))
			continue;
		strv_add(&k->encryption_ids, s->keyid);
		if (latest != 0 && (s->expires == 0 || s->expires > latest))
			latest = s->expires;
	}
	if (latest > 0 && (k->expires == 0 || latest < k->expires))
		k->expires = latest;
}

int pgp_list(struct pgp *p, const char *pattern, bool secret, struct pgp_keys *keys, struct err *err)
{
	gpgme_key_t key;
	gpgme_error_t e;

	gpgme_set_keylist_mode(p->ctx, GPGME_KEYLIST_MODE_LOCAL);
	e = gpgme_op_keylist_start(p->ctx, pattern, secret);
	while (!e && !(e = gpgme_op_keylist_next(p->ctx, &key))) {
		if (key->subkeys && key->subkeys->fpr) {
			keys->v = xreallocarray(keys->v, keys->n + 1, sizeof(*keys->v));
			describe_key(&keys->v[keys->n++], key);
		}
		gpgme_key_unref(key);
	}
	gpgme_op_keylist_end(p->ctx);
	return gpgme_err_code(e) == GPG_ERR_EOF ? 0 : pgp_error(err, e, "list keys");
}

int pgp_find(struct pgp *p, const char *pattern, bool secret, struct pgp_keys *keys, struct err *err)
{
	if (!*pattern)
		return err_set(err, ERR_ABSENT, "no key is named");
	if (pgp_list(p, pattern, secret, keys, err) < 0)
		return -1;
	if (keys->n == 0)
		return err_set(err, ERR_ABSENT, "no key matches '%s' in '%s'", pattern, p->home);
	if (keys->n == 1)
		return 0;
	err_set(err, ERR_FAIL, "'%s' matches %zu keys (%s, %s%s); name one by its fingerprint", pattern, keys->n,
		keys->v[0].fpr, keys->v[1].fpr, keys->n > 2 ? ", ..." : "");
	return -1;
}

const char *pgp_key_problem(const struct pgp_key *key)
{
	static char text[64];
	time_t when = (time_t)key->expires;
	struct tm tm;

	if (key->revoked)
		return "revoked";
	if (key->expired) {
		gmtime_r(&when, &tm);
		strftime(text, sizeof(text), "expired on %Y-%m-%d", &tm);
		return text;
	}
	if (key->disabled)
		return "disabled";
	if (key->invalid)
		return "invalid";
	return key->encryption_ids.n ? NULL : "has no usable encryption subkey";
}

int pgp_keygrips(struct pgp *p, const char *fpr, struct strv *all, struct strv *needed, struct err *err)
{
	gpgme_key_t key;

#ifdef GPGME_KEYLIST_MODE_WITH_KEYGRIP
	gpgme_set_keylist_mode(p->ctx, GPGME_KEYLIST_MODE_LOCAL | GPGME_KEYLIST_MODE_WITH_KEYGRIP);
#endif
	gpgme_error_t e = gpgme_get_key(p->ctx, fpr, &key, 1);

	if (e)
		return pgp_error(err, e, fpr);
	for (gpgme_subkey_t s = key->subkeys; s; s = s->next) {
		if (!s->keygrip)
			continue;
		strv_add(all, s->keygrip);
		if (subkey_usable(s))
			strv_add(needed, s->keygrip);
	}
	gpgme_key_unref(key);
	return 0;
}

static int check_field(const char *what, const char *text, const char *bad, struct err *err)
{
	size_t len = strlen(text);

	for (const char *s = text; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return err_set(err, ERR_USAGE, "the %s has a control character in it", what);
		if (strchr(bad, *s))
			return err_set(err, ERR_USAGE, "the %s must not have '%c' in it", what, *s);
	}
	if (len && (text[0] == ' ' || text[len - 1] == ' '))
		return err_set(err, ERR_USAGE, "the %s must not begin or end with a blank", what);
	return len > 200 ? err_set(err, ERR_USAGE, "the %s is longer than 200 bytes", what) : 0;
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s; ) {
		int more = *s < 0x80 ? 0 : *s >= 0xc2 && *s < 0xe0 ? 1 : (*s & 0xf0) == 0xe0 ? 2 :
			   *s >= 0xf0 && *s < 0xf5 ? 3 : -1;
		unsigned char low = *s == 0xe0 ? 0xa0 : *s == 0xf0 ? 0x90 : 0x80;
		unsigned char high = *s == 0xed ? 0x9f : *s == 0xf4 ? 0x8f : 0xbf;

		if (more < 0)
			return false;
		for (s++; more; more--, s++, low = 0x80, high = 0xbf)
			if (*s < low || *s > high)
				return false;
	}
	return true;
}

int pgp_check_uid(const char *name, const char *mail, struct err *err)
{
	if (!*name)
		return err_set(err, ERR_USAGE, "the name of a key must not be empty");
	if (!is_utf8(name))
		return err_set(err, ERR_USAGE, "the name is not valid UTF-8");
	if (check_field("name", name, "<>\"", err) < 0)
		return -1;
	if (!mail || !*mail)
		return 0;
	if (check_field("mail address", mail, "<>\"'(),;: \\", err) < 0)
		return -1;
	const char *at = strchr(mail, '@');

	for (const char *s = mail; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return err_set(err, ERR_USAGE, "the mail address must be plain ASCII");
	if (!at || at == mail || !at[1] || strchr(at + 1, '@'))
		return err_set(err, ERR_USAGE, "'%s' is not a mail address", mail);
	return 0;
}

static long rsa_bits(const char *algorithm)
{
	char *end;

	if (strncmp(algorithm, "rsa", 3) != 0)
		return 0;
	long bits = strtol(algorithm + 3, &end, 10);

	return *end || bits < 2048 || bits > 4096 || bits % 256 ? 0 : bits;
}

int pgp_check_algorithm(const char *algorithm, struct err *err)
{
	if (rsa_bits(algorithm) || strcmp(algorithm, "ed25519") == 0 || strcmp(algorithm, "future-default") == 0)
		return 0;
	return err_set(err, ERR_FAIL, "key algorithm '%s' is not known; use rsa2048 to rsa4096, or future-default",
		       algorithm);
}

/* gpg's own format for unattended generation (doc/DETAILS of GnuPG); the
 * caller's text is checked, so no line can be smuggled in. */
static void generation_parameters(struct buf *text, const char *name, const char *mail, const char *algorithm,
				  long days, const char *passphrase)
{
	long bits = rsa_bits(algorithm);

	buf_adds(text, "<GnupgKeyParms format=\"internal\">\n");
	if (bits)
		buf_addf(text, "Key-Type: RSA\nKey-Length: %ld\nKey-Usage: cert,sign\n"
			 "Subkey-Type: RSA\nSubkey-Length: %ld\nSubkey-Usage: encrypt\n", bits, bits);
	else
		buf_adds(text, "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: cert,sign\n"
			 "Subkey-Type: ECDH\nSubkey-Curve: cv25519\nSubkey-Usage: encrypt\n");
	buf_addf(text, "Name-Real: %s\n", name);
	if (mail && *mail)
		buf_addf(text, "Name-Email: %s\n", mail);
	buf_addf(text, "Expire-Date: %ld\n", days);
	buf_addf(text, "Passphrase: %s\n", passphrase);
	buf_adds(text, "</GnupgKeyParms>\n");
}

int pgp_generate(struct pgp *p, const char *name, const char *mail, const char *algorithm, long days,
		 const char *passphrase, char **fpr, struct err *err)
{
	AUTO_BUF text = BUF_SECRET_INIT;

	if (pgp_check_uid(name, mail, err) < 0 || pgp_check_algorithm(algorithm, err) < 0)
		return -1;
	if (!*passphrase || strpbrk(passphrase, "\r\n"))
		return err_set(err, ERR_USAGE, "the passphrase must be one line and not empty");
	generation_parameters(&text, name, mail, algorithm, days, passphrase);
	gpgme_error_t e = gpgme_op_genkey(p->ctx, text.p, NULL, NULL);

	if (e)
		return pgp_error(err, e, "make a key");
	gpgme_genkey_result_t made = gpgme_op_genkey_result(p->ctx);

	if (!made || !made->fpr || !made->sub)
		return err_set(err, ERR_FAIL, "make a key: gpg did not say which");
	*fpr = xstrdup(made->fpr);
	return 0;
}

static int set_expiry(struct pgp *p, gpgme_key_t key, unsigned long seconds, const struct strv *subkeys, struct err *err)
{
#ifdef PGP_BY_GPG
	return pgp_gpg_set_expiry(p, key->fpr, seconds, subkeys, err);
#else
	AUTO_BUF lines = BUF_INIT;
	gpgme_error_t e = gpgme_op_setexpire(p->ctx, key, seconds, NULL, 0);

	/* "*" would leave expired subkeys out, and those are the ones it matters for. */
	for (size_t i = 0; i < subkeys->n; i++)
		buf_addf(&lines, "%s%s", i ? "\n" : "", subkeys->v[i]);
	if (!e && lines.len)
		e = gpgme_op_setexpire(p->ctx, key, seconds, lines.p, 0);
	return e ? pgp_error(err, e, "set the expiry") : 0;
#endif
}

int pgp_set_expiry(struct pgp *p, const char *fpr, long days, struct err *err)
{
	AUTO_STRV subkeys = STRV_INIT;
	gpgme_key_t key;
	gpgme_error_t e = gpgme_get_key(p->ctx, fpr, &key, 1);

	if (e)
		return pgp_error(err, e, fpr);
	for (gpgme_subkey_t s = key->subkeys ? key->subkeys->next : NULL; s; s = s->next)
		if (!s->revoked && s->fpr)
			strv_add(&subkeys, s->fpr);
	int rc = set_expiry(p, key, (unsigned long)(days * DAY), &subkeys, err);

	gpgme_key_unref(key);
	return rc;
}
