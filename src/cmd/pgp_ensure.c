/* pgp ensure: a usable key in the web user's key directory, copies for root, and the properties that name it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A key that is there is adopted and never replaced; when there is none, one
 * that an earlier installation left is copied (pgp_legacy.c), and only then
 * one is made. Which one, when there are several: --key, the one the journal
 * knows, the one the properties name, the only usable one. Killed at any point, the next run goes on from what it
 * finds, because what it finds is always looked at first.
 */
#include <string.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../base/passphrase.h"
#include "../core/record.h"
#include "../ext/effects.h"
#include "../ext/propsfile.h"
#include "../ext/statefile.h"
#include "pgp_ensure.h"
#include "pgp_legacy.h"

#define GENERATE_MS 300000	/* a machine short of entropy may take minutes */
#define KEY_FILE_MAX (1u << 20)

static void found_release(struct found *f)
{
	free(f->fpr);
	free(f->uid);
	free(f->public);
	mem_wipe_string(f->secret);
}

static int read_report(const struct buf *text, struct found *f, struct err *err)
{
	AUTO_STRV sv = STRV_INIT;
	size_t pos = 0;

	if (record_parse(text->p, text->len, &pos, &sv) != RECORD_OK || sv.n != 8)
		return err_set(err, ERR_FAIL, "the report on the key is damaged");
	f->fpr = xstrdup(sv.v[0]);
	f->uid = xstrdup(sv.v[1]);
	f->expires = atoll(sv.v[2]);
	f->made = sv.v[3][0] == '1';
	f->prolonged = sv.v[4][0] == '1';
	f->symmetric = sv.v[5][0] == '1';
	f->public = xstrdup(sv.v[6]);
	f->secret = xstrdup(sv.v[7]);
	for (size_t i = 0; i < sv.n; i++)
		explicit_bzero(sv.v[i], strlen(sv.v[i]));
	return 0;
}

/* Make the directory when it is absent, refuse what is not ours. */
static int prepare_home(const struct place *p, struct tool *t, struct err *err)
{
	struct err why = ERR_INIT;
	AUTO_FREE char *parent = path_dirname(p->below);

	if (place_check(p, t, &why) == 0)
		return 0;
	if (why.kind != ERR_ABSENT) {
		*err = why;
		return -1;
	}
	if (path_mkdirs(&t->root, parent, 0755, 0, 0, err) < 0 ||
	    path_mkdirs(&t->root, p->below, 0700, p->uid, p->gid, err) < 0)
		return -1;
	return place_check(p, t, err);
}

/* Written before the key is made: a key whose passphrase nobody knows is worse than a passphrase without a key. */
static int escrow_passphrase(struct tool *t, struct buf *passphrase, struct err *err)
{
	const char *path = pgp_escrow_path(t);
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	AUTO_BUF line = BUF_SECRET_INIT;

	if (!path)
		return err_set(err, ERR_FAIL, "no passphrase was given and the profile has no [pgp] passphrase-file to keep one in");
	passphrase_invent(passphrase);
	buf_addf(&line, "%s\n", passphrase->p);
	o.mode = 0400;
	return atomic_replace(&t->root, path, line.p, line.len, &o, err) < 0 ? -1 : 0;
}

static int read_further(struct tool *t, struct buf *out, struct err *err)
{
	AUTO_STRV files = STRV_INIT;

	profile_words(t->profile, "pgp", "recipients", &files);
	for (size_t i = 0; i < files.n; i++) {
		if (path_read_file(&t->root, files.v[i], out, KEY_FILE_MAX, NULL, err) < 0)
			return -1;
		buf_addc(out, '\n');
	}
	return 0;
}

static int collect_wanted(struct tool *t, struct strv *wanted, struct err *err)
{
	const char *property = profile_get(t->profile, "pgp", "property-key");
	AUTO_FREE char *named = NULL;
	struct effect *list;
	size_t n;

	if (pgp_options.key)	/* first: see insist */
		strv_add(wanted, pgp_options.key);
	if (effects_list(t->profile, &t->root, "pgp-key", &list, &n, err) < 0)
		return -1;
	for (size_t i = n; i; i--)
		strv_add(wanted, list[i - 1].id);
	effects_free(list, n);
	if (property && propsfile_get(t->profile, &t->root, property, &named, NULL) == 0 && *named)
		strv_add(wanted, named);
	return 0;
}

static char *default_name(struct tool *t)
{
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || !host[0])
		strcpy(host, "localhost");
	return xasprintf("%s (%s)", profile_get_or(t->profile, "package", "title", profile_package(t->profile)), host);
}

static int read_profile(struct tool *t, struct ensure_job *job, struct err *err)
{
	job->algorithm = profile_get_or(t->profile, "pgp", "algorithm", "rsa3072");
	if (profile_int(t->profile, "pgp", "expire-days", 0, 36500, 730, &job->days, err) < 0 ||
	    pgp_check_algorithm(job->algorithm, err) < 0 || collect_wanted(t, &job->wanted, err) < 0)
		return -1;
	return read_further(t, &job->further, err);
}

static void say_would_make(struct tool *t, const struct place *p, const struct ensure_job *job)
{
	AUTO_STRV dirs = STRV_INIT;

	pgp_legacy_dirs(t, p, &dirs);
	for (size_t i = 0; i < dirs.n; i++)
		log_info("would take over a usable key from '%s%s', if there is one", t->root.prefix, dirs.v[i]);
	log_info("would make a key for '%s' in '%s'%s", job->name, p->home, dirs.n ? " otherwise" : "");
}

static int look(struct tool *t, const struct place *p, struct ensure_job *job, struct err *err)
{
	CLEANUP(found_release) struct found f = { 0 };
	AUTO_BUF report = BUF_SECRET_INIT;
	struct err why = ERR_INIT;
	int rc = place_check(p, t, &why);

	job->look_only = true;
	if (rc == 0)
		rc = place_run(p, pgp_ensure_in_home, job, 0, 0, GENERATE_MS, &report, &why);
	if (rc < 0 && why.kind != ERR_ABSENT) {
		*err = why;
		return -1;
	}
	if (rc != 0)
		say_would_make(t, p, job);
	else if (read_report(&report, &f, err) < 0)
		return -1;
	else
		log_info("would use key %s (%s)", f.fpr, f.uid);
	return 0;
}

/* There is no key in the directory: take one over, or let one be made. */
static int provide_key(struct tool *t, const struct place *p, struct ensure_job *job, struct buf *passphrase, struct err *err)
{
	int rc = pgp_take_legacy(t, p, &job->wanted, job->insist, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	if (job->insist)
		return err_set(err, ERR_ABSENT, "no usable secret key matches '%s', neither in '%s' nor where an earlier "
			       "installation kept its keys", pgp_options.key, p->home);
	job->may_make = true;
	if (job->passphrase)
		return 0;
	if (escrow_passphrase(t, passphrase, err) < 0)
		return -1;
	job->passphrase = passphrase->p;
	return 0;
}

/* The key is another than the one that the copies are of: what was found before is replaced. */
static int again_with_secret(const struct place *p, struct ensure_job *job, struct found *f, struct err *err)
{
	AUTO_BUF report = BUF_SECRET_INIT;
	bool made = f->made, prolonged = f->prolonged;

	job->with_secret = true;
	job->may_make = false;
	int rc = place_run(p, pgp_ensure_in_home, job, 0, 0, GENERATE_MS, &report, err);

	if (rc)
		return rc < 0 ? -1 : err_set(err, ERR_BUSY, "the key that was there a moment ago is gone");
	found_release(f);
	*f = (struct found){ 0 };
	if (read_report(&report, f, err) < 0)
		return -1;
	f->made = made;
	f->prolonged = prolonged;
	return 0;
}

static int ensure(struct tool *t, const struct place *p, struct ensure_job *job, struct err *err)
{
	CLEANUP(found_release) struct found f = { 0 };
	AUTO_BUF report = BUF_SECRET_INIT;
	AUTO_BUF passphrase = BUF_SECRET_INIT;
	/* In symmetric mode stdin holds what exports are encrypted to, not the key's own. */
	int known = pgp_passphrase(t, pgp_options.passphrase_stdin && !pgp_options.symmetric, &passphrase, err);

	if (known < 0 || statefile_make_dir(t->profile, &t->root, err) < 0 || prepare_home(p, t, err) < 0)
		return -1;
	job->passphrase = known ? passphrase.p : NULL;
	job->with_secret = !pgp_has_secret_copy(t);
	int rc = place_run(p, pgp_ensure_in_home, job, 0, 0, GENERATE_MS, &report, err);

	if (rc > 0) {
		if (provide_key(t, p, job, &passphrase, err) < 0)
			return -1;
		rc = place_run(p, pgp_ensure_in_home, job, 0, 0, GENERATE_MS, &report, err);
	}
	if (rc < 0 || read_report(&report, &f, err) < 0)
		return -1;
	if (!job->with_secret && !pgp_has_public_copy(t, &f) && again_with_secret(p, job, &f, err) < 0)
		return -1;
	return pgp_publish(t, &f, p, err);
}

static void job_release(struct ensure_job *job)
{
	strv_release(&job->wanted);
	buf_release(&job->further);
}

int pgp_run_ensure(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(place_release) struct place p = PLACE_INIT;
	CLEANUP(job_release) struct ensure_job job = { .further = BUF_INIT };
	AUTO_FREE char *name = NULL;
	AUTO_BUF symmetric = BUF_SECRET_INIT;
	const char *why;

	if (pgp_options.symmetric && pgp_options.no_symmetric)
		return err_set(err, ERR_USAGE, "--symmetric and --no-symmetric exclude each other");
	name = pgp_options.name && *pgp_options.name ? xstrdup(pgp_options.name) : default_name(t);
	job.name = name;
	job.email = pgp_options.email;
	job.no_symmetric = pgp_options.no_symmetric;
	job.insist = pgp_options.key != NULL;
	if (pgp_check_uid(job.name, job.email, err) < 0)
		return -1;
	/* An image must not carry a key: every clinic that starts from it would share it. */
	if (!script_is_booted(&t->root, &why))
		return err_set(err, ERR_BACKEND, "keys are made only on the running system: %s", why);
	if (pgp_options.symmetric) {
		if (pgp_passphrase(t, true, &symmetric, err) < 0)
			return -1;
		job.symmetric = symmetric.p;
	}
	if (place_find(&p, t, err) < 0 || read_profile(t, &job, err) < 0)
		return -1;
	return t->dry_run ? look(t, &p, &job, err) : ensure(t, &p, &job, err);
}
