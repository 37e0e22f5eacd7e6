/* The records of data decisions in the state directory: authorization, retained set, destruction begun.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "../core/record.h"
#include "../ext/statefile.h"
#include "data.h"

#define TOKEN "tokens/purge"
#define RETAINED "retained"
#define BEGUN "destroying"

void data_token_release(struct data_token *k)
{
	free(k->host);
	free(k->database);
	free(k->instance);
	*k = (struct data_token){ 0 };
}

void data_retained_release(struct data_retained *r)
{
	free(r->host);
	free(r->database);
	free(r->instance);
	*r = (struct data_retained){ 0 };
}

/* statefile.h knows no directories below its own. */
static int make_tokens_dir(struct tool *t, struct err *err)
{
	AUTO_FREE char *dir = profile_state_path(t->profile, "tokens");

	if (statefile_make_dir(t->profile, &t->root, err) < 0)
		return -1;
	return path_mkdirs(&t->root, dir, 0700, (uid_t)-1, (gid_t)-1, err);
}

int data_token_write(struct tool *t, const struct data_token *k, struct err *err)
{
	AUTO_FREE char *patients = xasprintf("%" PRId64, k->patients);
	AUTO_FREE char *made = xasprintf("%lld", k->made), *expires = xasprintf("%lld", k->expires);
	const char *fields[] = { "purge", k->host, k->database, k->instance, patients, made, expires };
	AUTO_BUF text = BUF_INIT;

	record_format(&text, fields, ARRAY_LEN(fields));
	return make_tokens_dir(t, err) < 0 ? -1 : statefile_write(t->profile, &t->root, TOKEN, &text, err);
}

static int on_token(const struct strv *f, void *arg, struct err *err)
{
	struct data_token *k = arg;

	if (f->n < 7 || strcmp(f->v[0], "purge") != 0)
		return err_set(err, ERR_FAIL, "the authorization has an unknown format");
	data_token_release(k);
	*k = (struct data_token){
		xstrdup(f->v[1]), xstrdup(f->v[2]), xstrdup(f->v[3]), strtoll(f->v[4], NULL, 10),
		strtoll(f->v[5], NULL, 10), strtoll(f->v[6], NULL, 10),
	};
	return 0;
}

enum consent_token data_token_judge(struct tool *t, const struct data_facts *f, long long now,
				    struct buf *why)
{
	CLEANUP(data_token_release) struct data_token k = { 0 };
	AUTO_FREE char *path = profile_state_path(t->profile, TOKEN);
	struct err err = ERR_INIT;
	struct stat st;
	const char *wrong = "";
	enum consent_token state;

	if (statefile_read(t->profile, &t->root, TOKEN, on_token, &k, &err) < 0) {
		buf_adds(why, err.text);
		return CONSENT_TOKEN_WRONG;
	}
	if (!k.host && path_stat(&t->root, path, &st, NULL) < 0)
		return CONSENT_TOKEN_ABSENT;
	if (!k.host) {
		buf_adds(why, "it is damaged");
		return CONSENT_TOKEN_WRONG;
	}
	const struct consent_paper token = { k.host, k.database, k.instance, k.patients, k.made, k.expires };
	const struct consent_paper machine = {
		.host = f->host, .database = f->base[0].name, .instance = f->instance ? f->instance : "",
		.patients = f->patients,
	};

	state = consent_check(&token, &machine, now, &wrong);
	buf_adds(why, wrong);
	return state;
}

int data_token_spend(struct tool *t, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(t->profile, TOKEN);
	struct err why = ERR_INIT;

	if (path_unlink(&t->root, path, &why) >= 0 || why.kind == ERR_ABSENT)
		return 0;
	if (err)
		*err = why;
	return -1;
}

int data_retained_write(struct tool *t, const struct data_facts *f, struct err *err)
{
	AUTO_FREE char *since = xasprintf("%lld", (long long)time(NULL));
	AUTO_FREE char *patients = xasprintf("%" PRId64, f->patients);
	AUTO_FREE char *documents = xasprintf("%" PRIu64, f->documents.files);
	AUTO_FREE char *bytes = xasprintf("%" PRIu64, f->documents.bytes);
	const char *fields[] = {
		"retained", since, f->host, f->base[0].name, f->instance, patients, documents, bytes,
	};
	AUTO_BUF text = BUF_INIT;

	record_format(&text, fields, ARRAY_LEN(fields));
	return statefile_write(t->profile, &t->root, RETAINED, &text, err);
}

static int on_retained(const struct strv *f, void *arg, struct err *err)
{
	struct data_retained *r = arg;

	if (f->n < 8 || strcmp(f->v[0], "retained") != 0)
		return err_set(err, ERR_FAIL, "the record of retained data has an unknown format");
	data_retained_release(r);
	*r = (struct data_retained){
		.since = strtoll(f->v[1], NULL, 10), .host = xstrdup(f->v[2]), .database = xstrdup(f->v[3]),
		.instance = xstrdup(f->v[4]), .patients = strtoll(f->v[5], NULL, 10),
		.documents = strtoull(f->v[6], NULL, 10), .bytes = strtoull(f->v[7], NULL, 10),
	};
	return 0;
}

int data_retained_read(struct tool *t, struct data_retained *r, struct err *err)
{
	*r = (struct data_retained){ 0 };
	if (statefile_read(t->profile, &t->root, RETAINED, on_retained, r, err) < 0)
		return -1;
	return r->host ? 0 : err_set(err, ERR_ABSENT, "nothing of '%s' is retained", t->package);
}

int data_retained_forget(struct tool *t, struct err *err)
{
	const struct buf none = BUF_INIT;

	return statefile_write(t->profile, &t->root, RETAINED, &none, err);
}

int data_begun_write(struct tool *t, const struct data_facts *f, struct err *err)
{
	AUTO_STRV fields = STRV_INIT;
	AUTO_BUF text = BUF_INIT;

	strv_add(&fields, "destroying");
	strv_add(&fields, f->instance ? f->instance : "");
	for (size_t i = 0; i < f->n_base; i++)
		if (f->base[i].state == DATA_DB_OURS)
			strv_add(&fields, f->base[i].name);
	record_format(&text, (const char *const *)fields.v, fields.n);
	return statefile_write(t->profile, &t->root, BEGUN, &text, err);
}

int data_begun_dropped(struct tool *t, const struct data_facts *f, struct err *err)
{
	const char *fields[] = { "dropped", f->instance };

	return statefile_append(t->profile, &t->root, BEGUN, fields, ARRAY_LEN(fields), err);
}

int data_begun_forget(struct tool *t, struct err *err)
{
	const struct buf none = BUF_INIT;

	return statefile_write(t->profile, &t->root, BEGUN, &none, err);
}

struct begun {
	struct data_facts *facts;
	struct strv *databases;
};

static int on_begun(const struct strv *f, void *arg, struct err *err)
{
	struct begun *b = arg;
	const char *instance = b->facts->instance ? b->facts->instance : "";

	(void)err;
	if (f->n < 2 || strcmp(f->v[1], instance) != 0)
		return 0;	/* consent for what is not here any more */
	if (strcmp(f->v[0], "dropped") == 0) {
		b->facts->dropped = true;
		return 0;
	}
	b->facts->begun = true;
	for (size_t i = 2; i < f->n; i++)
		strv_add(b->databases, f->v[i]);
	return 0;
}

int data_begun_read(struct tool *t, struct data_facts *f, struct strv *databases, struct err *err)
{
	struct begun b = { f, databases };

	return statefile_read(t->profile, &t->root, BEGUN, on_begun, &b, err);
}
