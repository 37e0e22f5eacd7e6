/* Who can open the backups: the clinic's key, public keys from elsewhere, the recovery passphrase; and where each secret lies.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Of a public key nobody here can tell where its secret half is; what counts
 * is that it is not the clinic's, whose secret half is on this machine.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../core/json.h"
#include "../core/record.h"
#include "../ext/pgp.h"
#include "backup.h"

#define KEY_FILE_MAX (1u << 20)

void recipients_release(struct recipients *r)
{
	strv_release(&r->keys);
	buf_release(&r->passphrase);
}

static int read_key(struct recipients *r, const struct root *root, const char *path, struct err *err)
{
	AUTO_BUF text = BUF_INIT;

	if (path_read_file(root, path, &text, KEY_FILE_MAX, NULL, err) < 0)
		return -1;
	strv_add(&r->keys, text.p);
	return 0;
}

static int read_own(struct recipients *r, struct tool *t, struct err *err)
{
	const char *own = profile_get(t->profile, "pgp", "public-copy");
	struct err why = ERR_INIT;

	if (!own)
		return 0;
	r->own = read_key(r, &t->root, own, &why) == 0;
	if (r->own || why.kind == ERR_ABSENT)
		return 0;
	*err = why;
	return -1;
}

static int read_given(struct recipients *r, struct err *err)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;

	if (root_init(&real, "/", err) < 0)
		return -1;
	for (size_t i = 0; i < backup_options.recipients.n; i++) {
		AUTO_FREE char *path = realpath(backup_options.recipients.v[i], NULL);

		if (!path)
			return err_sys(err, errno, "'%s'", backup_options.recipients.v[i]);
		if (read_key(r, &real, path, err) < 0)
			return -1;
	}
	return 0;
}

int recipients_read(struct recipients *r, struct tool *t, struct err *err)
{
	AUTO_STRV files = STRV_INIT;

	if (read_own(r, t, err) < 0)
		return -1;
	profile_words(t->profile, "backup", "recipients", &files);
	for (size_t i = 0; i < files.n; i++)
		if (read_key(r, &t->root, files.v[i], err) < 0)
			return -1;
	return read_given(r, err) < 0 || recovery_read(t, &r->passphrase, &r->confirmed, err) < 0 ? -1 : 0;
}

int recipients_require_any(const struct recipients *r, struct err *err)
{
	return r->keys.n || r->passphrase.len ? 0 :
	       err_set(err, ERR_FAIL, "there is no key to encrypt to; run 'pgp ensure' or 'backup recovery', "
		       "or name a public key in [backup] recipients or with --recipient");
}

/* The fingerprints come in the order of the files; how many each file had is lost, but the first file's come first. */
int recipients_import(struct pgp *pgp, const struct recipients *r, struct strv *fprs, struct strv *report, struct err *err)
{
	for (size_t i = 0; i < r->keys.n; i++)
		if (pgp_import(pgp, r->keys.v[i], strlen(r->keys.v[i]), fprs, err) < 0)
			return -1;
	for (size_t i = 0; i < fprs->n; i++) {
		CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;

		if (pgp_find(pgp, fprs->v[i], false, &keys, err) < 0)
			return -1;
		const char *problem = pgp_key_problem(&keys.v[0]);

		if (problem)
			return err_set(err, ERR_FAIL, "key %s (%s) cannot be used: %s; run 'pgp ensure'",
				       keys.v[0].fpr, keys.v[0].uid, problem);
		if (report)
			strv_addf(report, "%s %s", keys.v[0].fpr, keys.v[0].uid);
	}
	return 0;
}

struct inspection {
	const struct recipients *r;
	const char *home;
};

/* In a child. out: records "own" or "other", "FINGERPRINT USER-ID". */
static int inspect(void *arg, struct buf *out, struct err *err)
{
	const struct inspection *x = arg;
	CLEANUP(pgp_cleanup) struct pgp *pgp = NULL;
	AUTO_STRV own = STRV_INIT, fprs = STRV_INIT, report = STRV_INIT;

	if (pgp_open(&pgp, x->home, err) < 0 ||
	    (x->r->own && pgp_import(pgp, x->r->keys.v[0], strlen(x->r->keys.v[0]), &own, err) < 0) ||
	    recipients_import(pgp, x->r, &fprs, &report, err) < 0)
		return -1;
	for (size_t i = 0; i < report.n; i++) {
		const char *fields[] = { strv_has(&own, fprs.v[i]) ? "own" : "other", report.v[i] };

		record_format(out, fields, ARRAY_LEN(fields));
	}
	return 0;
}

/* kinds and texts, in step. */
static int inspect_keys(const struct recipients *r, const char *home, struct strv *kinds, struct strv *texts, struct err *err)
{
	struct inspection x = { r, home };
	struct userproc_opts o = { .timeout_ms = 60000 };
	AUTO_BUF out = BUF_INIT;
	AUTO_STRV fields = STRV_INIT;
	size_t pos = 0;

	if (!r->keys.n)
		return 0;
	if (userproc_run(&o, inspect, &x, &out, err) < 0)
		return -1;
	while (record_parse(out.p, out.len, &pos, &fields) == RECORD_OK && fields.n == 2) {
		if (strv_has(texts, fields.v[1]))
			continue;	/* the same key in two files */
		strv_add(kinds, fields.v[0]);
		strv_add(texts, fields.v[1]);
	}
	return 0;
}

int recipients_require_outside(const struct recipients *r, const char *home, struct err *err)
{
	AUTO_STRV kinds = STRV_INIT, texts = STRV_INIT;

	if (inspect_keys(r, home, &kinds, &texts, err) < 0)
		return -1;
	if (strv_has(&kinds, "other") || (r->passphrase.len && r->confirmed))
		return 0;
	if (r->passphrase.len)
		return err_set(err, ERR_POLICY, "nobody has confirmed to have the recovery passphrase, so a backup could be opened by "
			       "this machine alone; run 'backup recovery' on a terminal and write it down");
	return err_set(err, ERR_POLICY, "only this machine could open it, and when this machine is lost the backup is lost with it; "
		       "run 'backup recovery' on a terminal for a passphrase to write down, or put a public key whose "
		       "secret half is elsewhere into a file and name it in [backup] recipients");
}

/* ---- backup recipients ---- */

static void own_where(struct tool *t, struct buf *out)
{
	const char *secret = profile_get(t->profile, "pgp", "secret-copy");
	const char *home = profile_get(t->profile, "pgp", "home");
	struct stat st;

	buf_adds(out, "this machine");
	if (secret && path_stat(&t->root, secret, &st, NULL) == 0)
		buf_addf(out, ": %s", secret);
	else if (home)
		buf_addf(out, ": %s", home);
}

static void add(struct tool *t, struct buf *out, struct json *j, const char *kind, const char *id, const char *where, bool outside)
{
	if (!t->json) {
		buf_addf(out, "%-10s %s\n%-10s secret: %s\n", kind, id, "", where);
		return;
	}
	json_object(j, NULL);
	json_string(j, "kind", kind);
	json_string(j, "id", id);
	json_string(j, "secret", where);
	json_bool(j, "off_machine", outside);
	json_end(j);
}

static int describe(struct tool *t, const struct recipients *r, const char *home, struct buf *out, struct err *err)
{
	AUTO_STRV kinds = STRV_INIT, texts = STRV_INIT;
	AUTO_BUF where = BUF_INIT;
	AUTO_FREE char *kept = profile_state_path(t->profile, "recovery.passphrase");
	struct json j = { .out = out };

	if (inspect_keys(r, home, &kinds, &texts, err) < 0)
		return -1;
	own_where(t, &where);
	if (t->json) {
		json_object(&j, NULL);
		json_bool(&j, "off_machine", strv_has(&kinds, "other") || r->confirmed);
		json_array(&j, "recipients");
	}
	for (size_t i = 0; i < texts.n; i++) {
		bool own = strcmp(kinds.v[i], "own") == 0;

		add(t, out, &j, own ? "clinic" : "off-site", texts.v[i],
		    own ? where.p : "elsewhere, as far as this machine can tell", !own);
	}
	if (r->passphrase.len) {
		AUTO_FREE char *text = xasprintf("%s%s", r->confirmed ? "on paper, confirmed; for encrypting also in " :
						 "nobody has confirmed to have it; in ", kept);

		add(t, out, &j, "passphrase", "recovery passphrase", text, r->confirmed);
	}
	if (t->json) {
		json_end(&j);
		json_end(&j);
	} else if (!strv_has(&kinds, "other") && !r->confirmed) {
		buf_adds(out, "Only this machine can open the backups: run 'backup recovery'\n");
	}
	return 0;
}

int backup_run_recipients(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(recipients_release) struct recipients r = RECIPIENTS_INIT;
	CLEANUP(scratch_remove) struct scratch home = SCRATCH_INIT;
	AUTO_BUF out = BUF_INIT;

	if (recipients_read(&r, t, err) < 0 || (r.keys.n && scratch_make(&home, t, err) < 0) || describe(t, &r, home.path, &out, err) < 0)
		return -1;
	return tool_print(&out, err);
}
