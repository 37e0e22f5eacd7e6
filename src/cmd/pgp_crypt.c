/* pgp encrypt and decrypt: one file, by hand, with the web user's key.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The file may be one that only the caller can read and the directory one that
 * only the caller can write: both are opened here, and the web user's side
 * gets the open descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../ext/pgp_home.h"
#include "pgp.h"

struct crypt_job {
	int in, out;
	const char *key;		/* pattern, for encryption */
	const char *passphrase;
};

static char *absolute(const char *path)
{
	AUTO_FREE char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);

	return cwd ? xasprintf("%s/%s", cwd, path) : xstrdup(path);
}

/* The web user may have put a link in its place, to what only we can read. */
static int open_input(const struct root *real, const char *path, struct err *err)
{
	AUTO_FREE char *full = absolute(path);
	AUTO_FD int fd = path_open(real, full, O_RDONLY | O_NONBLOCK, 0, 0, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "'%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_FAIL, "'%s' is not a regular file", path);
	/* 0 ends userproc's list, and the standard streams are replaced there. */
	return fd > STDERR_FILENO ? MOVE_FD(fd) : err_set(err, ERR_FAIL, "the standard streams are closed");
}

static int add_usable(struct pgp *pgp, const char *pattern, struct strv *fprs, struct err *err)
{
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;

	if (pgp_find(pgp, pattern, false, &keys, err) < 0)
		return -1;
	const char *problem = pgp_key_problem(&keys.v[0]);

	if (problem)
		return err_set(err, ERR_FAIL, "key '%s' cannot be used: %s", pattern, problem);
	if (!strv_has(fprs, keys.v[0].fpr))
		strv_add(fprs, keys.v[0].fpr);
	return 0;
}

static int encrypt_in_home(struct pgp *pgp, int home_fd, void *arg, struct buf *out UNUSED, struct err *err)
{
	struct crypt_job *job = arg;
	struct pgp_stream in = { pgp_stream_read_fd, &job->in }, to = { pgp_stream_write_fd, &job->out };
	AUTO_STRV fprs = STRV_INIT;
	AUTO_STRV further = STRV_INIT;

	if (add_usable(pgp, job->key, &fprs, err) < 0 || pgp_home_recipients(home_fd, &further, err) < 0)
		return -1;
	for (size_t i = 0; i < further.n; i++)
		if (add_usable(pgp, further.v[i], &fprs, err) < 0)
			return -1;
	return pgp_encrypt(pgp, &fprs, &in, &to, err);
}

static int decrypt_in_home(struct pgp *pgp, int home_fd UNUSED, void *arg, struct buf *out UNUSED, struct err *err)
{
	struct crypt_job *job = arg;
	struct pgp_stream in = { pgp_stream_read_fd, &job->in }, to = { pgp_stream_write_fd, &job->out };

	pgp_set_passphrase(pgp, job->passphrase);
	return pgp_decrypt(pgp, &in, &to, err);
}

static int transform(const struct place *p, place_fn *work, struct crypt_job *job, const char *input,
		     const char *output, struct err *err)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;
	CLEANUP(atomic_abort) struct atomic a = ATOMIC_INIT;
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	AUTO_FREE char *path = absolute(output);
	AUTO_FD int in = root_init(&real, "/", err) < 0 ? -1 : open_input(&real, input, err);

	o.mode = 0600;
	if (in < 0 || atomic_begin(&a, &real, path, &o, err) < 0)
		return -1;
	job->in = in;
	job->out = a.fd;
	if (place_run(p, work, job, in, a.fd, -1, NULL, err) < 0) {
		err_prefix(err, "'%s'", input);
		return -1;
	}
	if (atomic_commit(&a, err) < 0)
		return -1;
	log_info("wrote '%s'", path);
	return 0;
}

int pgp_run_encrypt(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(place_release) struct place p = PLACE_INIT;
	AUTO_FREE char *current = NULL;
	AUTO_FREE char *output = xasprintf("%s.pgp", argv[0]);
	struct crypt_job job = { 0 };

	if (place_find(&p, t, err) < 0 || place_check(&p, t, err) < 0 || pgp_current_key(t, &current, err) < 0)
		return -1;
	job.key = argc > 1 ? argv[1] : current;
	if (!job.key)
		return err_set(err, ERR_ABSENT, "no key is in use; run 'pgp ensure' or name one");
	return transform(&p, encrypt_in_home, &job, argv[0], output, err);
}

static char *decrypted_name(const char *path, struct err *err)
{
	size_t len = strlen(path);

	if (len > 4 && (strcmp(path + len - 4, ".pgp") == 0 || strcmp(path + len - 4, ".gpg") == 0))
		return xstrndup(path, len - 4);
	err_set(err, ERR_USAGE, "'%s' does not end in .pgp or .gpg; say with --output where the result goes", path);
	return NULL;
}

int pgp_run_decrypt(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(place_release) struct place p = PLACE_INIT;
	AUTO_BUF passphrase = BUF_SECRET_INIT;
	AUTO_FREE char *output = pgp_options.output ? xstrdup(pgp_options.output) : decrypted_name(argv[0], err);
	struct crypt_job job = { 0 };

	if (!output || place_find(&p, t, err) < 0 || place_check(&p, t, err) < 0)
		return -1;
	int known = pgp_passphrase(t, pgp_options.passphrase_stdin, &passphrase, err);

	if (known < 0)
		return -1;
	job.passphrase = known ? passphrase.p : NULL;
	return transform(&p, decrypt_in_home, &job, argv[0], output, err);
}
