/* Encryption of much data by gpg itself, reading a pipe; gpgme stays out of the data's way.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The options are those that gpgme 1.18 gives gpg; status lines go to stderr
 * (doc/DETAILS of GnuPG), among what gpg says to people.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "../base/child.h"
#include "pgp_internal.h"

#define STATUS "[GNUPG:] "
#define PASSPHRASE_FD "4"	/* base/child.h: more_fd */

struct flow {
	const struct pgp_pipe *io;
	struct buf head;
	bool moved;		/* since it was asked last */
	int waiting;		/* bytes in the pipe then */
	int failed;		/* errno of the stream */
};

static int take(void *arg, const void *data, size_t len)
{
	struct flow *f = arg;
	const char *p = data;

	f->moved = true;
	if (f->head.len < PGP_HEAD_MAX)
		buf_add(&f->head, data, len < PGP_HEAD_MAX - f->head.len ? len : PGP_HEAD_MAX - f->head.len);
	while (len) {
		union { const void *c; void *v; } bytes = { .c = p };
		ssize_t n = f->io->out.move(f->io->out.arg, bytes.v, len);

		if (n <= 0) {
			f->failed = n < 0 ? errno : EIO;
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* gpg hangs when there is something to read, or nothing more will come, and neither that nor its output moves. */
static bool gets_on(void *arg)
{
	struct flow *f = arg;
	struct pollfd in = { .fd = f->io->in, .events = POLLIN };
	int waiting = 0;

	if (ioctl(f->io->in, FIONREAD, &waiting) < 0)
		return false;
	bool idle = !waiting && poll(&in, 1, 0) == 0;
	bool on = f->moved || waiting != f->waiting || idle;

	f->moved = false;
	f->waiting = waiting;
	return on;
}

/* The passphrase in a pipe, to be read once. */
static int pour(const char *passphrase, int *fd, struct err *err)
{
	size_t len = passphrase ? strlen(passphrase) : 0;
	int ends[2];

	if (!len)
		return err_set(err, ERR_FAIL, "there is neither a key nor a passphrase to encrypt to");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	*fd = ends[0];
	ssize_t n = write(ends[1], passphrase, len);	/* less than a pipe holds */

	if (n == (ssize_t)len)
		n = write(ends[1], "\n", 1) == 1 ? 0 : -1;
	close(ends[1]);
	return n == 0 ? 0 : err_set(err, ERR_FAIL, "the passphrase cannot be handed over");
}

static void build_argv(struct strv *argv, const struct pgp *p, const struct strv *fprs)
{
	static const char *const common[] = {
		"--batch", "--no-tty", "--no-options", "--disable-dirmngr", "--no-auto-key-locate", "--trust-model", "always",
		"--no-encrypt-to", "--compress-algo", "none", "--pinentry-mode", "loopback", "--status-fd", "2",
	};

	strv_add(argv, "gpg");
	strv_addf(argv, "--homedir=%s", p->home);
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		strv_add(argv, common[i]);
	if (!fprs->n || p->also_passphrase) {
		strv_add(argv, "--passphrase-fd");
		strv_add(argv, PASSPHRASE_FD);
		strv_add(argv, "--symmetric");
	}
	if (fprs->n)
		strv_add(argv, "--encrypt");
	for (size_t i = 0; i < fprs->n; i++) {
		strv_add(argv, "--recipient");
		strv_add(argv, fprs->v[i]);
	}
	strv_add(argv, "--output");
	strv_add(argv, "-");
}

/* Was that status among what gpg said? */
static bool has_status(const struct buf *said, const char *keyword)
{
	AUTO_FREE char *line = xasprintf(STATUS "%s", keyword);
	size_t len = strlen(line);

	for (const char *at = said->p; (at = strstr(at, line)); at += len)
		if ((at == said->p || at[-1] == '\n') && strchr(" \r\n", at[len]))
			return true;
	return false;
}

/* gpg's last line for people, to be freed. */
static char *complaint(const struct buf *said)
{
	const char *last = "", *end;
	size_t n = 0;

	for (const char *line = said->p; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		if (end > line && strncmp(line, STATUS, strlen(STATUS)) != 0) {
			last = line;
			n = (size_t)(end - line);
		}
	}
	return xstrndup(last, n);
}

static int run(const struct pgp *p, const struct strv *fprs, struct flow *f, int passphrase, struct err *err)
{
	AUTO_STRV argv = STRV_INIT;
	AUTO_BUF said = BUF_INIT;

	build_argv(&argv, p, fprs);
	struct child c = {
		.argv = (const char *const *)argv.v, .in_fd = f->io->in, .take = take, .gets_on = gets_on, .arg = f,
		.more_fd = passphrase, .errs = &said, .timeout_ms = f->io->stall_ms,
	};
	int status = child_run(&c, err);

	if (f->failed) {
		err_sys(err, f->failed, "encrypt: write");
		if (err)
			err->kind = ERR_FAIL;
		return -1;
	}
	if (status < 0)
		return -1;
	if (status == 0 && has_status(&said, "END_ENCRYPTION"))
		return 0;
	AUTO_FREE char *line = complaint(&said);

	return status ? err_set(err, ERR_FAIL, "encrypt: gpg ended with status %d%s%s", status, *line ? ": " : "", line) :
			err_set(err, ERR_FAIL, "encrypt: gpg ended before it had finished");
}

int pgp_encrypt_pipe(struct pgp *p, const struct strv *fprs, const struct pgp_pipe *io, struct err *err)
{
	struct flow f = { .io = io, .head = BUF_INIT };
	gpgme_key_t *keys = xcalloc(fprs->n + 1, sizeof(*keys));
	bool secret = !fprs->n || p->also_passphrase;
	AUTO_FD int passphrase = -1;

	alarm((unsigned)(io->stall_ms + 999) / 1000);
	int rc = pgp_recipients_get(p, fprs, keys, err);

	alarm(0);
	if (rc == 0 && secret)
		rc = pour(p->passphrase, &passphrase, err);
	if (rc == 0)
		rc = run(p, fprs, &f, passphrase, err);
	if (rc == 0)
		rc = pgp_check_output(&f.head, keys, secret, err);
	buf_release(&f.head);
	pgp_recipients_release(keys);
	return rc;
}
