/* The gpgme context: opening a home, passphrases, streams, encryption and decryption.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "../base/child.h"
#include "../core/openpgp.h"
#include "pgp_internal.h"

#define IO_BUFFER "131072"	/* gpgme's own 512 bytes cost more than the encryption */

int pgp_error(struct err *err, gpgme_error_t e, const char *what)
{
	char text[256];

	gpgme_strerror_r(e, text, sizeof(text));
	err_set(err, ERR_FAIL, "%s: %s", what, text);
	if (err) {
		err->lib = gpgme_err_code(e);
		err->sys = gpgme_err_code_to_errno(gpgme_err_code(e));
	}
	return -1;
}

static gpgme_error_t tell_passphrase(void *arg, const char *hint, const char *info, int was_bad, int fd)
{
	struct pgp *p = arg;

	(void)hint;
	(void)info;
	if (!p->passphrase || was_bad)
		return gpgme_error(p->passphrase ? GPG_ERR_BAD_PASSPHRASE : GPG_ERR_NO_PASSPHRASE);
	if (gpgme_io_writen(fd, p->passphrase, strlen(p->passphrase)) < 0 || gpgme_io_writen(fd, "\n", 1) < 0)
		return gpgme_error_from_errno(errno);
	if (p->next_passphrase)
		p->passphrase = p->next_passphrase;
	return 0;
}

/* gpgme takes a gpg that was killed half-way for one that has finished: only
 * gpg's own last word proves that the output is whole (doc/DETAILS of GnuPG). */
static gpgme_error_t watch_status(void *arg, const char *keyword, const char *args)
{
	struct pgp *p = arg;

	(void)args;
	if (strcmp(keyword, "END_ENCRYPTION") == 0)
		p->finished = true;
	return 0;
}

int pgp_open(struct pgp **out, const char *home, struct err *err)
{
	AUTO_FREE char *gpg = child_find("gpg");
	CLEANUP(pgp_cleanup) struct pgp *p = xcalloc(1, sizeof(*p));
	gpgme_error_t e;

	if (!gpg)
		return err_set(err, ERR_BACKEND, "program 'gpg' is not installed; install the package gnupg");
	gpgme_check_version(NULL);
	e = gpgme_new(&p->ctx);
	if (!e)
		e = gpgme_set_protocol(p->ctx, GPGME_PROTOCOL_OpenPGP);
	if (!e)
		e = gpgme_ctx_set_engine_info(p->ctx, GPGME_PROTOCOL_OpenPGP, gpg, home);
	if (!e)
		e = gpgme_set_pinentry_mode(p->ctx, GPGME_PINENTRY_MODE_LOOPBACK);
	if (!e)
		e = gpgme_set_ctx_flag(p->ctx, "full-status", "1");
	if (e)
		return pgp_error(err, e, "start gpg");
	gpgme_set_status_cb(p->ctx, watch_status, p);
	gpgme_set_passphrase_cb(p->ctx, tell_passphrase, p);
	gpgme_set_armor(p->ctx, 0);
	gpgme_set_offline(p->ctx, 1);
	p->home = xstrdup(home);
	*out = MOVE_PTR(p);
	return 0;
}

void pgp_cleanup(struct pgp **p)
{
	if (!*p)
		return;
	if ((*p)->ctx)
		gpgme_release((*p)->ctx);
	free((*p)->home);
	free(*p);
	*p = NULL;
}

const char *pgp_home_path(const struct pgp *p)
{
	return p->home;
}

void pgp_set_passphrase(struct pgp *p, const char *text)
{
	p->passphrase = text;
}

void pgp_also_passphrase(struct pgp *p)
{
	p->also_passphrase = true;
}

void pgp_stop_agent(const char *home)
{
	const char *argv[] = { "gpgconf", "--homedir", home, "--kill", "all", NULL };
	AUTO_BUF said = BUF_INIT;
	struct child c = { .argv = argv, .out = &said, .errs = &said, .timeout_ms = 10000 };

	/* An agent that does not even end is left to the process supervisor: nothing more can be done here. */
	if (child_run(&c, NULL) != 0)
		return;
}

ssize_t pgp_stream_read_fd(void *fd, void *data, size_t len)
{
	ssize_t n;

	do
		n = read(*(int *)fd, data, len);
	while (n < 0 && errno == EINTR);
	return n;
}

ssize_t pgp_stream_write_fd(void *fd, void *data, size_t len)
{
	ssize_t n;

	do
		n = write(*(int *)fd, data, len);
	while (n < 0 && errno == EINTR);
	return n;
}

/* A stream as gpgme sees it; of what is written the first bytes are kept. */
struct end {
	const struct pgp_stream *stream;
	gpgme_data_t data;
	struct gpgme_data_cbs cbs;
	struct buf head;
	int failed;		/* errno of the first failure */
};

static void end_release(struct end *e)
{
	if (e->data)
		gpgme_data_release(e->data);
	buf_release(&e->head);
}

static ssize_t end_read(void *handle, void *data, size_t len)
{
	struct end *e = handle;
	ssize_t n = e->stream->move(e->stream->arg, data, len);

	if (n < 0 && !e->failed)
		e->failed = errno;
	return n;
}

static ssize_t end_write(void *handle, const void *data, size_t len)
{
	struct end *e = handle;
	union { const void *c; void *v; } bytes = { .c = data };
	ssize_t n = e->stream->move(e->stream->arg, bytes.v, len);

	if (n < 0 && !e->failed)
		e->failed = errno;
	if (n > 0 && e->head.len < PGP_HEAD_MAX)
		buf_add(&e->head, data, (size_t)n < PGP_HEAD_MAX - e->head.len ? (size_t)n : PGP_HEAD_MAX - e->head.len);
	return n;
}

static int end_open(struct end *e, const struct pgp_stream *stream, struct err *err)
{
	e->stream = stream;
	e->cbs.read = end_read;
	e->cbs.write = end_write;
	gpgme_error_t code = gpgme_data_new_from_cbs(&e->data, &e->cbs, e);

	if (code)
		return pgp_error(err, code, "prepare a data stream");
	/* Since gpgme 1.15; before it is only slower. */
	gpgme_data_set_flag(e->data, "io-buffer-size", IO_BUFFER);
	return 0;
}

#define END_INIT { .head = BUF_SECRET_INIT }

/* A failing end ends gpg too, whose own complaint would hide the cause. */
static int transfer_error(struct err *err, gpgme_error_t code, const struct end *in, const struct end *out,
			  const char *what)
{
	if (in->failed || out->failed) {
		int errnum = in->failed ? in->failed : out->failed;

		err_sys(err, errnum, "%s: %s", what, in->failed ? "read" : "write");
		if (err)
			err->kind = ERR_FAIL;
		return -1;
	}
	return pgp_error(err, code, what);
}

void pgp_recipients_release(gpgme_key_t *keys)
{
	for (size_t i = 0; keys && keys[i]; i++)
		gpgme_key_unref(keys[i]);
	free(keys);
}

int pgp_recipients_get(struct pgp *p, const struct strv *fprs, gpgme_key_t *keys, struct err *err)
{
	for (size_t i = 0; i < fprs->n; i++) {
		gpgme_error_t e = gpgme_get_key(p->ctx, fprs->v[i], &keys[i], 0);

		if (e) {
			AUTO_FREE char *what = xasprintf("key '%s'", fprs->v[i]);

			return pgp_error(err, e, what);
		}
	}
	return 0;
}

static bool has_subkey(gpgme_key_t key, const struct strv *ids)
{
	for (gpgme_subkey_t s = key->subkeys; s; s = s->next)
		if (strv_has(ids, s->keyid))
			return true;
	return strv_has(ids, "0000000000000000");
}

int pgp_check_output(const struct buf *start, gpgme_key_t *keys, bool passphrase, struct err *err)
{
	CLEANUP(openpgp_head_release) struct openpgp_head head = OPENPGP_HEAD_INIT;

	if (openpgp_read_head(start->p, start->len, &head, err) < 0)
		return -1;
	if (!head.data)
		return err_set(err, ERR_FAIL, "gpg made a message without data");
	if (passphrase && !head.passphrase)
		return err_set(err, ERR_FAIL, "gpg did not encrypt to the passphrase");
	for (size_t i = 0; keys[i]; i++)
		if (!has_subkey(keys[i], &head.key_ids))
			return err_set(err, ERR_FAIL, "gpg did not encrypt to key '%s'", keys[i]->fpr);
	return 0;
}

int pgp_encrypt(struct pgp *p, const struct strv *fprs, const struct pgp_stream *in,
		const struct pgp_stream *out, struct err *err)
{
	CLEANUP(end_release) struct end source = END_INIT;
	CLEANUP(end_release) struct end sink = END_INIT;
	gpgme_key_t *keys = xcalloc(fprs->n + 1, sizeof(*keys));
	int rc = -1;

	if (end_open(&source, in, err) < 0 || end_open(&sink, out, err) < 0 ||
	    pgp_recipients_get(p, fprs, keys, err) < 0)
		goto done;
	p->finished = false;
	pgp_loop_enter(p);
	gpgme_encrypt_flags_t flags = GPGME_ENCRYPT_ALWAYS_TRUST | GPGME_ENCRYPT_NO_COMPRESS;

	if (p->also_passphrase)
		flags |= GPGME_ENCRYPT_SYMMETRIC;
	gpgme_error_t e = gpgme_op_encrypt_start(p->ctx, fprs->n ? keys : NULL, flags, source.data, sink.data);

	if (!e)
		e = pgp_loop_run(p);
	pgp_loop_leave(p);
	if (e || source.failed || sink.failed) {
		transfer_error(err, e, &source, &sink, "encrypt");
		goto done;
	}
	gpgme_encrypt_result_t result = gpgme_op_encrypt_result(p->ctx);

	if (result && result->invalid_recipients) {
		err_set(err, ERR_FAIL, "encrypt: key '%s' was not used: %s", result->invalid_recipients->fpr,
			gpgme_strerror(result->invalid_recipients->reason));
		goto done;
	}
	rc = p->finished ? pgp_check_output(&sink.head, keys, !fprs->n || p->also_passphrase, err)
			 : err_set(err, ERR_FAIL, "encrypt: gpg ended before it had finished");
done:
	pgp_recipients_release(keys);
	return rc;
}

int pgp_decrypt(struct pgp *p, const struct pgp_stream *in, const struct pgp_stream *out, struct err *err)
{
	CLEANUP(end_release) struct end source = END_INIT;
	CLEANUP(end_release) struct end sink = END_INIT;

	if (end_open(&source, in, err) < 0 || end_open(&sink, out, err) < 0)
		return -1;
	pgp_loop_enter(p);
	gpgme_error_t e = gpgme_op_decrypt_start(p->ctx, source.data, sink.data);

	if (!e)
		e = pgp_loop_run(p);
	pgp_loop_leave(p);
	if (!e && !source.failed && !sink.failed)
		return 0;
	transfer_error(err, e, &source, &sink, "decrypt");
	if (gpgme_err_code(e) == GPG_ERR_NO_SECKEY)
		err_hint(err, "the secret key of none of its recipients is here");
	return -1;
}
