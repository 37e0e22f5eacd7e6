/* The program that the web application calls to encrypt one file (OSCAR's PGP_BIN).
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called as {PROGRAM, COMMAND, FILE, KEY}: exactly that, with nothing in the
 * environment but GNUPGHOME, an open stdin that says nothing, and nobody
 * reading our output (source: OSCAR's PGPEncrypt.java). COMMAND is -e (to KEY
 * and to the home's further recipients) or -c (to the home's passphrase).
 * Writes FILE.pgp, and exits 0 only when it is there, complete, and readable
 * by every recipient; else FILE.pgp is as it was before.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../base/log.h"
#include "../base/temp.h"
#include "../ext/pgp.h"
#include "../ext/pgp_home.h"

#define TEMP_OF "maintkit-encrypt"

struct job {
	const char *file, *home;
	int home_fd, dir, in, out;
	const char *name;	/* of file, in dir */
	char *result;		/* name of the result, in dir */
	char *temp;
	bool symmetric, entered;
	struct strv fprs;
	struct buf passphrase;
	struct stat before;
};

static void job_release(struct job *j)
{
	mem_close_cleanup(&j->in);
	mem_close_cleanup(&j->out);
	if (j->temp)
		unlinkat(j->dir, j->temp, 0);
	mem_close_cleanup(&j->dir);
	mem_close_cleanup(&j->home_fd);
	free(j->temp);
	free(j->result);
	strv_release(&j->fprs);
	buf_release(&j->passphrase);
}

/* OSCAR hands its property values over with the blanks they end in. */
static char *trimmed(const char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	return xstrndup(text, len);
}

static int read_command(struct job *j, const char *text, struct err *err)
{
	AUTO_FREE char *command = trimmed(text);

	j->symmetric = strcmp(command, "-c") == 0;
	if (j->symmetric || strcmp(command, "-e") == 0)
		return 0;
	return err_set(err, ERR_USAGE, "command '%s' is neither -e nor -c; correct PGP_CMD", command);
}

static int open_source(struct job *j, struct err *err)
{
	const char *slash = strrchr(j->file, '/');
	AUTO_FREE char *dir = slash ? xstrndup(j->file, (size_t)(slash - j->file) + 1) : xstrdup(".");

	j->name = slash ? slash + 1 : j->file;
	j->result = xasprintf("%s.pgp", j->name);
	j->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir < 0)
		return err_sys(err, errno, "directory '%s'", dir);
	j->in = openat(j->dir, j->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (j->in < 0 || fstat(j->in, &j->before) < 0)
		return err_sys(err, errno, "'%s'", j->file);
	if (!S_ISREG(j->before.st_mode))
		return err_set(err, ERR_FAIL, "'%s' is not a regular file", j->file);
	return 0;
}

static int open_result(struct job *j, struct err *err)
{
	struct err why = ERR_INIT;
	struct stat st;

	if (fstatat(j->dir, j->result, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return err_set(err, ERR_FAIL, "'%s.pgp' is a directory", j->file);
	/* What a killed run left is in nobody's way but for its size. */
	if (temp_sweep(j->dir, TEMP_OF, &why) < 0)
		log_debug("%s", why.text);
	j->out = temp_create(j->dir, TEMP_OF, &j->temp);
	return j->out < 0 ? err_sys(err, errno, "make a file beside '%s'", j->file) : 0;
}

static int add_usable(struct job *j, struct pgp *p, const char *pattern, struct err *err)
{
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;

	if (pgp_find(p, pattern, false, &keys, err) < 0)
		return -1;
	const char *problem = pgp_key_problem(&keys.v[0]);

	if (problem)
		return err_set(err, ERR_FAIL, "key '%s' cannot be used: %s", pattern, problem);
	if (!strv_has(&j->fprs, keys.v[0].fpr))
		strv_add(&j->fprs, keys.v[0].fpr);
	return 0;
}

static int choose_recipients(struct job *j, struct pgp *p, const char *key, struct err *err)
{
	AUTO_FREE char *pattern = trimmed(key);
	AUTO_STRV further = STRV_INIT;

	if (add_usable(j, p, pattern, err) < 0 || pgp_home_recipients(j->home_fd, &further, err) < 0)
		return -1;
	for (size_t i = 0; i < further.n; i++)
		if (add_usable(j, p, further.v[i], err) < 0)
			return -1;
	return 0;
}

static int check_unchanged(const struct job *j, struct err *err)
{
	struct stat now;

	if (fstat(j->in, &now) < 0)
		return err_sys(err, errno, "'%s'", j->file);
	if (!now.st_nlink)
		return err_set(err, ERR_FAIL, "'%s' was removed while it was encrypted", j->file);
	return now.st_size == j->before.st_size && now.st_mtim.tv_sec == j->before.st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == j->before.st_mtim.tv_nsec ? 0 :
		err_set(err, ERR_FAIL, "'%s' was changed while it was encrypted", j->file);
}

static int finish(struct job *j, struct err *err)
{
	if (check_unchanged(j, err) < 0)
		return -1;
	if (fsync(j->out) < 0 || close(MOVE_FD(j->out)) < 0)
		return err_sys(err, errno, "write '%s.pgp'", j->file);
	if (renameat(j->dir, j->temp, j->dir, j->result) < 0)
		return err_sys(err, errno, "put '%s.pgp' in place", j->file);
	free(j->temp);
	j->temp = NULL;
	return fsync(j->dir) < 0 ? err_sys(err, errno, "write the directory of '%s'", j->file) : 0;
}

static int transfer(struct job *j, struct pgp *p, struct err *err)
{
	struct pgp_stream from = { pgp_stream_read_fd, &j->in }, to = { pgp_stream_write_fd, &j->out };

	return pgp_encrypt(p, &j->fprs, &from, &to, err);
}

static int take_passphrase(struct job *j, struct pgp *p, struct err *err)
{
	if (pgp_home_enter(j->home_fd, j->home, err) < 0)
		return -1;
	j->entered = true;
	if (pgp_home_passphrase(j->home_fd, &j->passphrase, err) < 0)
		return -1;
	pgp_set_passphrase(p, j->passphrase.p);
	return 0;
}

static int encrypt_file(struct job *j, char **argv, struct err *err)
{
	CLEANUP(pgp_cleanup) struct pgp *p = NULL;

	if (read_command(j, argv[1], err) < 0)
		return -1;
	if (!*j->file)
		return err_set(err, ERR_USAGE, "no file is named");
	if (!j->home)
		return err_set(err, ERR_FAIL, "GNUPGHOME is not in the environment; correct PGP_ENV");
	j->home_fd = pgp_home_open(j->home, err);
	if (j->home_fd < 0 || pgp_home_inspect(j->home_fd, j->home, err) < 0 || open_source(j, err) < 0 ||
	    pgp_open(&p, j->home, err) < 0)
		return -1;
	if (!j->symmetric && choose_recipients(j, p, argv[3], err) < 0)
		return -1;
	if (j->symmetric && take_passphrase(j, p, err) < 0)
		return -1;
	if (open_result(j, err) < 0 || transfer(j, p, err) < 0)
		return -1;
	return finish(j, err);
}

int main(int argc, char **argv)
{
	CLEANUP(job_release) struct job j = { .home_fd = -1, .dir = -1, .in = -1, .out = -1,
					      .fprs = STRV_INIT, .passphrase = BUF_SECRET_INIT };
	struct err err = ERR_INIT;

	log_init("maintkit-pgp-encrypt");
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	if (argc != 4) {
		log_error("called with %d arguments; it takes three: -e|-c FILE KEY", argc - 1);
		return 2;
	}
	j.file = argv[2];
	j.home = getenv("GNUPGHOME");
	int rc = encrypt_file(&j, argv, &err);

	if (j.entered)	/* public-key mode needs no agent */
		pgp_home_leave(j.home_fd, j.home);
	if (rc == 0)
		return 0;
	log_err(&err);
	return 2;
}
