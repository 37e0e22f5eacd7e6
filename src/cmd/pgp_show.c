/* pgp show and extend: what keys there are, and more time for them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>
#include "../base/atomic.h"
#include "../core/json.h"
#include "../core/record.h"
#include "../ext/effects.h"
#include "../ext/pgp_home.h"
#include "pgp.h"

#define LONG_MS 120000

/* One record per key: fingerprint, user id, algorithm, created, expires, secret, problem. */
static int list_in_home(struct pgp *pgp, int home_fd UNUSED, void *arg UNUSED, struct buf *out, struct err *err)
{
	CLEANUP(pgp_keys_release) struct pgp_keys all = PGP_KEYS_INIT;
	CLEANUP(pgp_keys_release) struct pgp_keys own = PGP_KEYS_INIT;

	if (pgp_list(pgp, NULL, false, &all, err) < 0 || pgp_list(pgp, NULL, true, &own, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		const struct pgp_key *k = &all.v[i];
		const char *problem = pgp_key_problem(k);
		bool secret = false;
		char created[32], expires[32];

		for (size_t s = 0; s < own.n; s++)
			secret = secret || strcmp(own.v[s].fpr, k->fpr) == 0;
		snprintf(created, sizeof(created), "%lld", k->created);
		snprintf(expires, sizeof(expires), "%lld", k->expires);
		const char *fields[] = { k->fpr, k->uid, k->algorithm, created, expires,
					 secret ? "1" : "0", problem ? problem : "" };

		record_format(out, fields, ARRAY_LEN(fields));
	}
	return 0;
}

struct shown {
	const char *fpr, *uid, *algorithm, *problem;
	long long created, expires;
	bool secret, in_use;
};

static void as_json(struct json *j, const struct shown *k)
{
	json_object(j, NULL);
	json_string(j, "fingerprint", k->fpr);
	json_string(j, "user", k->uid);
	json_string(j, "algorithm", k->algorithm);
	json_string(j, "created", pgp_date(k->created));
	json_string(j, "expires", k->expires ? pgp_date(k->expires) : NULL);
	if (k->expires)
		json_int(j, "days_left", pgp_days_left(k->expires));
	json_bool(j, "secret_here", k->secret);
	json_bool(j, "in_use", k->in_use);
	json_string(j, "problem", *k->problem ? k->problem : NULL);
	json_end(j);
}

static void as_text(struct buf *out, const struct shown *k)
{
	buf_addf(out, "%s %s\n", k->in_use ? "*" : " ", k->fpr);
	buf_addf(out, "    user:    %s\n", k->uid);
	buf_addf(out, "    made:    %s (%s)\n", pgp_date(k->created), k->algorithm);
	if (k->expires)
		buf_addf(out, "    expires: %s (%ld days)\n", pgp_date(k->expires), pgp_days_left(k->expires));
	else
		buf_adds(out, "    expires: never\n");
	buf_addf(out, "    secret:  %s\n", k->secret ? "in this directory" : "not here (a further recipient)");
	if (*k->problem)
		buf_addf(out, "    problem: %s\n", k->problem);
}

static int print_keys(struct tool *t, const struct buf *report, const char *current, struct err *err)
{
	AUTO_BUF out = BUF_INIT;
	AUTO_STRV sv = STRV_INIT;
	struct json j = { .out = &out };
	size_t pos = 0;

	if (t->json)
		json_array(&j, NULL);
	while (record_parse(report->p, report->len, &pos, &sv) == RECORD_OK && sv.n == 7) {
		struct shown k = { sv.v[0], sv.v[1], sv.v[2], sv.v[6], atoll(sv.v[3]), atoll(sv.v[4]),
				   sv.v[5][0] == '1', current && strcmp(current, sv.v[0]) == 0 };

		if (t->json)
			as_json(&j, &k);
		else
			as_text(&out, &k);
	}
	if (t->json)
		json_end(&j);
	else if (!out.len)
		buf_adds(&out, "no key\n");
	return tool_print(&out, err);
}

int pgp_run_show(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(place_release) struct place p = PLACE_INIT;
	AUTO_FREE char *current = NULL;
	AUTO_BUF report = BUF_INIT;
	struct err why = ERR_INIT;

	if (place_find(&p, t, err) < 0 || pgp_current_key(t, &current, err) < 0)
		return -1;
	if (place_check(&p, t, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return print_keys(t, &report, NULL, err);
		*err = why;
		return -1;
	}
	if (place_run(&p, list_in_home, NULL, 0, 0, LONG_MS, &report, err) < 0)
		return -1;
	return print_keys(t, &report, current, err);
}

struct extend_job {
	const char *pattern, *passphrase;
	long days;
};

/* The key in use; when the properties do not (or wrongly) say, the only one there is. */
static int find_own(struct pgp *pgp, int home_fd, const char *pattern, struct pgp_keys *keys, struct err *err)
{
	if (pattern && pgp_find(pgp, pattern, true, keys, err) == 0)
		return 0;
	if (pattern && err->kind != ERR_ABSENT)
		return -1;
	pgp_keys_release(keys);
	if (place_secret_keys(pgp, home_fd, keys, err) < 0)
		return -1;
	return keys->n == 1 ? 0 : err_set(err, ERR_ABSENT, "no key is in use; run 'pgp ensure'");
}

/* Out: fingerprint, new expiry, and the public key as it is now. */
static int extend_in_home(struct pgp *pgp, int home_fd, void *arg, struct buf *out, struct err *err)
{
	const struct extend_job *job = arg;
	CLEANUP(pgp_keys_release) struct pgp_keys keys = PGP_KEYS_INIT;
	CLEANUP(pgp_keys_release) struct pgp_keys now = PGP_KEYS_INIT;
	AUTO_BUF public = BUF_INIT;
	char expires[32];

	pgp_set_passphrase(pgp, job->passphrase);
	if (find_own(pgp, home_fd, job->pattern, &keys, err) < 0)
		return -1;
	if (keys.v[0].revoked)
		return err_set(err, ERR_FAIL, "key %s is revoked; a new expiry does not bring it back", keys.v[0].fpr);
	if (pgp_set_expiry(pgp, keys.v[0].fpr, job->days, err) < 0 ||
	    pgp_find(pgp, keys.v[0].fpr, false, &now, err) < 0)
		return -1;
	/* gpg reports some failures only by changing nothing. */
	if (pgp_key_problem(&now.v[0]) ||
	    (job->days ? now.v[0].expires == 0 || pgp_days_left(now.v[0].expires) < job->days - 1 : now.v[0].expires != 0))
		return err_set(err, ERR_FAIL, "gpg did not change the expiry of key %s; is the passphrase right?", keys.v[0].fpr);
	if (pgp_export(pgp, now.v[0].fpr, false, &public, err) < 0)
		return -1;
	snprintf(expires, sizeof(expires), "%lld", now.v[0].expires);
	const char *fields[] = { now.v[0].fpr, expires, public.p };

	record_format(out, fields, ARRAY_LEN(fields));
	return 0;
}

/* Root's copies are of keys that ensure put in use, and of no other. */
static bool is_journalled(struct tool *t, const char *fpr)
{
	struct effect *list;
	size_t n;

	if (effects_list(t->profile, &t->root, "pgp-key", &list, &n, NULL) < 0)
		return false;
	bool found = effects_find(list, n, "pgp-key", fpr) != NULL;

	effects_free(list, n);
	return found;
}

static int finish_extend(struct tool *t, const struct buf *report, struct err *err)
{
	const char *copy = profile_get(t->profile, "pgp", "public-copy");
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	AUTO_STRV sv = STRV_INIT;
	size_t pos = 0;

	if (record_parse(report->p, report->len, &pos, &sv) != RECORD_OK || sv.n != 3)
		return err_set(err, ERR_FAIL, "the report on the key is damaged");
	if (copy && is_journalled(t, sv.v[0]) &&
	    atomic_replace(&t->root, copy, sv.v[2], strlen(sv.v[2]), &o, err) < 0)
		return -1;
	log_info("key %s expires: %s", sv.v[0], pgp_date(atoll(sv.v[1])));
	return 0;
}

int pgp_run_extend(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(place_release) struct place p = PLACE_INIT;
	AUTO_FREE char *current = NULL;
	AUTO_BUF passphrase = BUF_SECRET_INIT;
	AUTO_BUF report = BUF_INIT;
	struct extend_job job = { .days = pgp_options.days };

	if (job.days < 0 && profile_int(t->profile, "pgp", "expire-days", 0, 36500, 730, &job.days, err) < 0)
		return -1;
	if (job.days > 36500)
		return err_set(err, ERR_USAGE, "--days %ld is more than 36500", job.days);
	if (place_find(&p, t, err) < 0 || place_check(&p, t, err) < 0 || pgp_current_key(t, &current, err) < 0)
		return -1;
	int known = pgp_passphrase(t, pgp_options.passphrase_stdin, &passphrase, err);

	if (known < 0)
		return -1;
	if (t->dry_run) {
		log_info("would let key %s expire in %ld days", current ? current : "(the only one)", job.days);
		return 0;
	}
	job.pattern = current;
	job.passphrase = known ? passphrase.p : NULL;
	if (place_run(&p, extend_in_home, &job, 0, 0, LONG_MS, &report, err) < 0)
		return -1;
	return finish_extend(t, &report, err);
}
