/* OpenPGP keys, encryption and decryption by gpgme, always in one named home directory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gpgme runs gpg as the user that we are: call these functions as the owner of
 * the home directory (base/userproc.h), never as root in somebody else's. No
 * pinentry, terminal or trust database is ever needed: passphrases go through
 * gpg's loopback mode, recipients are named by fingerprint and taken as
 * trusted because they lie in a home of ours. Data is streamed, so memory does
 * not grow with its size. gpg may start an agent in the home: whoever opened
 * it ends with pgp_stop_agent().
 *
 * err->lib is gpgme's error code (gpgme_err_code).
 */
#ifndef MAINTKIT_PGP_H
#define MAINTKIT_PGP_H

#include <stdbool.h>
#include <sys/types.h>
#include "../base/buf.h"

struct pgp;

/* home is the GNUPGHOME; it must exist. ERR_BACKEND when gpg is not installed. */
int pgp_open(struct pgp **out, const char *home, struct err *err) MUST_CHECK;
void pgp_cleanup(struct pgp **p);		/* for CLEANUP() */
const char *pgp_home_path(const struct pgp *p);
/* What gpg is told when it asks; text is kept by reference, NULL: nothing. */
void pgp_set_passphrase(struct pgp *p, const char *text);
/* From now on pgp_encrypt() makes the passphrase open the message as well as the keys. */
void pgp_also_passphrase(struct pgp *p);
/* Stop the agent of a home, also a hung one's client after 10 s. Never fails. */
void pgp_stop_agent(const char *home);

struct pgp_key {
	char *fpr;		/* fingerprint, upper-case hexadecimal */
	char *uid;		/* first valid user id, UTF-8 */
	char *algorithm;	/* "rsa3072" */
	long long created;	/* seconds since 1970 */
	long long expires;	/* the earlier of key and encryption subkey; 0: never */
	bool secret;		/* listed as a secret key */
	bool revoked, expired, disabled, invalid;
	struct strv encryption_ids;	/* 16-digit ids of the subkeys that data can be encrypted to */
};
struct pgp_keys {
	struct pgp_key *v;
	size_t n;
};
#define PGP_KEYS_INIT { NULL, 0 }
void pgp_keys_release(struct pgp_keys *keys);

/* All keys that match pattern (fingerprint, id, user id or part of it; NULL: all).
 * secret: only those whose secret key is here; that asks (and starts) the agent. */
int pgp_list(struct pgp *p, const char *pattern, bool secret, struct pgp_keys *keys, struct err *err) MUST_CHECK;
/* The one key that matches; none: ERR_ABSENT, several: ERR_FAIL naming them. keys->n is 1 then. */
int pgp_find(struct pgp *p, const char *pattern, bool secret, struct pgp_keys *keys, struct err *err) MUST_CHECK;
/* Why data cannot be encrypted to it ("revoked", "expired on 2026-01-01", ...), or NULL when it can.
 * Into a static buffer. */
const char *pgp_key_problem(const struct pgp_key *key);

/* Keygrips of a key and its subkeys: their secret halves are private-keys-v1.d/GRIP.key of
 * the home. needed: of the subkeys that data can be encrypted to, which decryption needs. */
int pgp_keygrips(struct pgp *p, const char *fpr, struct strv *all, struct strv *needed, struct err *err) MUST_CHECK;

/* A user id as gpg's parameter file can carry it: UTF-8 without control
 * characters, '<', '>', '"'; mail may be NULL or empty. ERR_USAGE says what is wrong. */
int pgp_check_uid(const char *name, const char *mail, struct err *err) MUST_CHECK;
/* "rsa2048".."rsa4096", "ed25519" or "future-default" (the same). */
int pgp_check_algorithm(const char *algorithm, struct err *err) MUST_CHECK;
/* Make a key (certify, sign) with an encryption subkey, in one run of gpg: either
 * both are there afterwards or neither. days 0: never expires. fpr is to be freed. */
int pgp_generate(struct pgp *p, const char *name, const char *mail, const char *algorithm, long days,
		 const char *passphrase, char **fpr, struct err *err) MUST_CHECK;
/* New expiry, days from now (0: never), for the key and all its subkeys. */
int pgp_set_expiry(struct pgp *p, const char *fpr, long days, struct err *err) MUST_CHECK;

/* ASCII-armoured key into out (emptied first); a secret key comes out as it is protected. */
int pgp_export(struct pgp *p, const char *fpr, bool secret, struct buf *out, struct err *err) MUST_CHECK;
/* Give a secret key another passphrase; the present one is what pgp_set_passphrase() said. */
int pgp_change_passphrase(struct pgp *p, const char *fpr, const char *passphrase, struct err *err) MUST_CHECK;
/* Take a public key out of the home; one whose secret half is here too is refused. */
int pgp_delete_public(struct pgp *p, const char *fpr, struct err *err) MUST_CHECK;
/* Fingerprints of the keys in data are appended to fprs; no key in it: ERR_FAIL. */
int pgp_import(struct pgp *p, const void *data, size_t len, struct strv *fprs, struct err *err) MUST_CHECK;

/* One end of a transfer: like read(2) / write(2), 0 is end of file, -1 with errno. */
struct pgp_stream {
	ssize_t (*move)(void *arg, void *data, size_t len);
	void *arg;
};
ssize_t pgp_stream_read_fd(void *fd, void *data, size_t len);	/* arg: int * */
ssize_t pgp_stream_write_fd(void *fd, void *data, size_t len);

/* Both of the following give up when gpg moves nothing for 30 seconds; what the
 * streams themselves take does not count. */

/* Encrypt to all of the fingerprints (none: to the passphrase that was set),
 * uncompressed, binary. Succeeds only when every recipient was used, which is
 * checked in gpg's report and in the output's own leading packets. */
int pgp_encrypt(struct pgp *p, const struct strv *fprs, const struct pgp_stream *in,
		const struct pgp_stream *out, struct err *err) MUST_CHECK;
/* The same for much data: gpg reads it from descriptor in itself, so that it does
 * not go through us (and, twice, through gpgme, which looks at each byte for a
 * trace that nobody reads). No time in which nothing moves is longer than twice
 * stall_ms, not counting what gpg waits for in: ERR_BACKEND, or SIGALRM, so only
 * in a child (base/userproc.h). gpg.conf is not read. */
struct pgp_pipe {
	int in;			/* a pipe */
	struct pgp_stream out;
	int stall_ms;
};
int pgp_encrypt_pipe(struct pgp *p, const struct strv *fprs, const struct pgp_pipe *io, struct err *err) MUST_CHECK;
/* What out got is only to be used after success: integrity is known at the end. */
int pgp_decrypt(struct pgp *p, const struct pgp_stream *in, const struct pgp_stream *out,
		struct err *err) MUST_CHECK;

#endif
