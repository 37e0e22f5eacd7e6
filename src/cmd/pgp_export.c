/* pgp export: the public key, the secret key for safe keeping, the secret key on paper.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Another passphrase is set on a copy in a staging directory: the key itself
 * is not touched. Paper is the work of paperkey(1), which leaves out all that
 * the public key has and adds a checksum to each line; its text tells how to
 * read it without paperkey.
 */
#include <string.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../base/child.h"
#include "../ext/pgp_staging.h"
#include "pgp.h"

#define EXPORT_MS 120000
#define PASSPHRASE_MAX 1024

struct export_job {
	const char *pattern, *passphrase, *next;	/* next: passphrase to export under, or NULL */
	bool secret, paper;
};

static int export_under(struct pgp *pgp, int home_fd, const struct export_job *job, const char *fpr, struct buf *out,
			struct err *err)
{
	CLEANUP(pgp_staging_release) struct pgp_staging s = PGP_STAGING_INIT;
	CLEANUP(pgp_cleanup) struct pgp *copy = NULL;
	AUTO_BUF key = BUF_SECRET_INIT;
	AUTO_STRV fprs = STRV_INIT;

	if (pgp_export(pgp, fpr, true, &key, err) < 0 || pgp_staging_open(&s, home_fd, pgp_home_path(pgp), err) < 0 ||
	    pgp_open(&copy, s.path, err) < 0)
		return -1;
	pgp_set_passphrase(copy, job->passphrase);
	if (pgp_import(copy, key.p, key.len, &fprs, err) < 0 || pgp_change_passphrase(copy, fpr, job->next, err) < 0)
		return -1;
	return pgp_export(copy, fpr, true, out, err);
}

/* Armoured secret key in, paperkey's text out; both programs only see the key as its passphrase protects it. */
static int put_on_paper(struct buf *key, struct err *err)
{
	const char *dearmor[] = { "gpg", "--batch", "--no-options", "--dearmor", NULL };
	const char *paper[] = { "paperkey", "--output-type", "base16", NULL };
	AUTO_BUF binary = BUF_SECRET_INIT;
	struct child c = { .argv = dearmor, .in = key->p, .in_len = key->len, .out = &binary };

	if (child_check(&c, err) < 0)
		return -1;
	buf_reset(key);
	c = (struct child){ .argv = paper, .in = binary.p, .in_len = binary.len, .out = key };
	if (child_check(&c, err) < 0) {
		err_hint(err, "the package paperkey does this");
		return -1;
	}
	return key->len ? 0 : err_set(err, ERR_FAIL, "paperkey gave nothing");
}

static int export_in_home(struct pgp *pgp, int home_fd, void *arg, struct buf *out, struct err *err)
{
	const struct export_job *job = arg;
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;

	pgp_set_passphrase(pgp, job->passphrase);
	if (pgp_find(pgp, job->pattern, job->secret, &keys, err) < 0)
		return -1;
	int rc = job->next ? export_under(pgp, home_fd, job, keys.v[0].fpr, out, err)
			   : pgp_export(pgp, keys.v[0].fpr, job->secret, out, err);

	return rc == 0 && job->paper ? put_on_paper(out, err) : rc;
}

/* Relative names are the caller's, seen from where the caller is. */
static int write_output(const char *path, const struct buf *text, mode_t mode, struct err *err)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;
	AUTO_FREE char *cwd = path[0] == '/' ? xstrdup("") : getcwd(NULL, 0);
	AUTO_FREE char *full = xasprintf("%s%s%s", cwd ? cwd : "", path[0] == '/' ? "" : "/", path);
	struct atomic_opts o = ATOMIC_OPTS_INIT;

	o.mode = mode;
	if (root_init(&real, "/", err) < 0)
		return -1;
	return atomic_replace(&real, full, text->p, text->len, &o, err) < 0 ? -1 : 0;
}

/* The key's own passphrase and the new one; each may come from standard input, in this order. */
static int read_passphrases(struct tool *t, struct buf *own, struct buf *next, bool *known, struct err *err)
{
	int rc;

	*known = false;
	if (!pgp_options.new_passphrase_stdin) {
		rc = pgp_passphrase(t, pgp_options.passphrase_stdin, own, err);
		*known = rc > 0;
		return rc < 0 ? -1 : 0;
	}
	if (tool_read_input(t, PASSPHRASE_MAX, err) < 0)
		return -1;
	const char *line = t->input.p, *end = strchr(line, '\n');

	if (pgp_options.passphrase_stdin) {
		if (!end)
			return err_set(err, ERR_USAGE, "standard input must be two lines: the key's passphrase, and the new one");
		buf_add(own, line, (size_t)(end - line));
		*known = own->len != 0;
		line = end + 1;
	} else {
		rc = pgp_passphrase(t, false, own, err);
		if (rc < 0)
			return -1;
		*known = rc > 0;
	}
	if (!*line || strpbrk(line, "\r\n") || strlen(t->input.p) != t->input.len)
		return err_set(err, ERR_USAGE, "the new passphrase must be one line and not empty");
	buf_adds(next, line);
	return 0;
}

int pgp_run_export(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(place_release) struct place p = PLACE_INIT;
	AUTO_FREE char *current = NULL;
	AUTO_BUF passphrase = BUF_SECRET_INIT;
	AUTO_BUF next = BUF_SECRET_INIT;
	AUTO_BUF key = BUF_SECRET_INIT;
	bool secret = pgp_options.secret || pgp_options.paper, known = false;

	if (pgp_options.new_passphrase_stdin && !secret)
		return err_set(err, ERR_USAGE, "--new-passphrase-stdin is for --secret or --paper");
	if (place_find(&p, t, err) < 0 || place_check(&p, t, err) < 0 || pgp_current_key(t, &current, err) < 0)
		return -1;
	if (!current)
		return err_set(err, ERR_ABSENT, "no key is in use; run 'pgp ensure'");
	if (secret && read_passphrases(t, &passphrase, &next, &known, err) < 0)
		return -1;
	if (secret && !known)
		return err_set(err, ERR_FAIL, "the passphrase of the secret key is not known here; give it with --passphrase-stdin");
	struct export_job job = { current, known ? passphrase.p : NULL, next.len ? next.p : NULL, secret, pgp_options.paper };

	if (place_run(&p, export_in_home, &job, 0, 0, EXPORT_MS, &key, err) < 0)
		return -1;
	if (!pgp_options.output)
		return tool_print(&key, err);
	return write_output(pgp_options.output, &key, secret ? 0600 : 0644, err);
}
