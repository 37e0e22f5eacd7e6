/* Deferred steps: what was asked for while its backend was absent, to be done at boot.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <string.h>
#include "../base/atomic.h"
#include "../core/record.h"
#include "../core/sha256.h"
#include "pending.h"
#include "statefile.h"

#define SUPERSEDED '~'	/* behind the name of a chain that is being renewed */

static const char leaf[] = "pending";
enum field { F_CHAIN, F_REASON, F_INPUT, F_ARGV };

struct listing {
	struct pending_step *list;
	size_t n;
};

static void release(struct pending_step *s)
{
	free(s->chain);
	free(s->reason);
	free(s->input);
	strv_release(&s->argv);
}

void pending_free(struct pending_step *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		release(&list[i]);
	free(list);
}

static struct pending_step *grow(struct listing *l)
{
	l->list = xreallocarray(l->list, l->n + 1, sizeof(*l->list));
	l->list[l->n] = (struct pending_step){ 0 };
	return &l->list[l->n++];
}

static int on_record(const struct strv *f, void *arg, struct err *err)
{
	if (f->n < F_ARGV + 2)
		return err_set(err, ERR_FAIL, "pending list: a record has only %zu fields", f->n);
	struct pending_step *s = grow(arg);

	s->chain = xstrdup(f->v[F_CHAIN]);
	s->reason = xstrdup(f->v[F_REASON]);
	s->input = xstrdup(f->v[F_INPUT]);
	for (size_t i = F_ARGV; i < f->n; i++)
		strv_add(&s->argv, f->v[i]);
	return 0;
}

int pending_list(const struct profile *p, const struct root *root, struct pending_step **list,
		 size_t *n, struct err *err)
{
	struct listing l = { 0 };
	int rc = statefile_read(p, root, leaf, on_record, &l, err);

	if (rc < 0) {
		pending_free(l.list, l.n);
		l = (struct listing){ 0 };
	}
	*list = l.list;
	*n = l.n;
	return rc;
}

static bool same_argv(const struct strv *a, const struct strv *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

/* Input files that no step names any more (a crash between two writes). */
static int sweep_inputs(const struct profile *p, const struct root *root, const struct listing *l,
			struct err *err)
{
	AUTO_FREE char *dir = profile_state_path(p, "pending.d");
	AUTO_STRV names = STRV_INIT;
	struct err why = ERR_INIT;

	if (path_list(root, dir, &names, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	for (size_t i = 0; i < names.n; i++) {
		bool used = false;

		for (size_t k = 0; k < l->n; k++)
			used = used || strcmp(l->list[k].input, names.v[i]) == 0;
		AUTO_FREE char *path = xasprintf("%s/%s", dir, names.v[i]);

		if (!used && path_unlink(root, path, err) < 0)
			return -1;
	}
	return 0;
}

static int write_list(const struct profile *p, const struct root *root, const struct listing *l,
		      struct err *err)
{
	AUTO_BUF text = BUF_INIT;

	for (size_t i = 0; i < l->n; i++) {
		const struct pending_step *s = &l->list[i];
		const char **fields = xcalloc(F_ARGV + s->argv.n, sizeof(*fields));

		fields[F_CHAIN] = s->chain;
		fields[F_REASON] = s->reason;
		fields[F_INPUT] = s->input;
		for (size_t k = 0; k < s->argv.n; k++)
			fields[F_ARGV + k] = s->argv.v[k];
		record_format(&text, fields, F_ARGV + s->argv.n);
		free(fields);
	}
	if (statefile_write(p, root, leaf, &text, err) < 0)
		return -1;
	return sweep_inputs(p, root, l, err);
}

/* The same step always has the same input name, so asking again replaces it. */
static char *input_name(const struct strv *argv)
{
	AUTO_BUF text = BUF_INIT;
	char hex[SHA256_HEX_SIZE];

	record_format(&text, (const char *const *)argv->v, argv->n);
	sha256_hex(text.p, text.len, hex);
	return xstrndup(hex, 32);
}

static int save_input(const struct profile *p, const struct root *root, const char *name,
		      const struct buf *input, struct err *err)
{
	AUTO_FREE char *dir = profile_state_path(p, "pending.d");
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	struct atomic_opts opts = ATOMIC_OPTS_INIT;

	opts.mode = 0600;
	if (statefile_make_dir(p, root, err) < 0 ||
	    path_mkdirs(root, dir, 0700, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	return atomic_replace(root, path, input->p, input->len, &opts, err) < 0 ? -1 : 0;
}

static struct pending_step *find(struct listing *l, const struct strv *argv)
{
	for (size_t i = 0; i < l->n; i++)
		if (same_argv(&l->list[i].argv, argv))
			return &l->list[i];
	return NULL;
}

bool pending_is_superseded(const struct pending_step *s)
{
	size_t len = strlen(s->chain);

	return len > 0 && s->chain[len - 1] == SUPERSEDED;
}

/* The last place is the new one's. */
static struct pending_step *to_end(struct listing *l, struct pending_step *s)
{
	struct pending_step moved = *s;
	size_t i = (size_t)(s - l->list);

	memmove(s, s + 1, (l->n - i - 1) * sizeof(*s));
	l->list[l->n - 1] = moved;
	return &l->list[l->n - 1];
}

int pending_add(const struct profile *p, const struct root *root, const char *chain,
		const char *reason, const struct strv *argv, const struct buf *input,
		struct err *err)
{
	struct listing l;
	AUTO_FREE char *name = input ? input_name(argv) : xstrdup("");
	AUTO_FD int lock = statefile_lock(p, root, err);
	int rc = -1;

	if (lock < 0 || pending_list(p, root, &l.list, &l.n, err) < 0)
		return -1;
	if (input && save_input(p, root, name, input, err) < 0)
		goto out;
	struct pending_step *s = find(&l, argv);

	if (!s) {
		s = grow(&l);
		for (size_t i = 0; i < argv->n; i++)
			strv_add(&s->argv, argv->v[i]);
	} else {
		if (pending_is_superseded(s))
			s = to_end(&l, s);
		free(s->chain);
		free(s->reason);
		free(s->input);
	}
	s->chain = xstrdup(chain);
	s->reason = xstrdup(reason);
	s->input = xstrdup(name);
	rc = write_list(p, root, &l, err);
out:
	pending_free(l.list, l.n);
	return rc;
}

static bool is_among(const char *chain, size_t len, char *const *chains, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(chains[i]) == len && strncmp(chains[i], chain, len) == 0)
			return true;
	return false;
}

int pending_renew(const struct profile *p, const struct root *root, char *const *chains, size_t n,
		  struct err *err)
{
	struct listing l;
	AUTO_FD int lock = statefile_lock(p, root, err);

	if (lock < 0 || pending_list(p, root, &l.list, &l.n, err) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		char *chain = l.list[i].chain;

		if (is_among(chain, strlen(chain), chains, n)) {
			l.list[i].chain = xasprintf("%s%c", chain, SUPERSEDED);
			free(chain);
		}
	}
	int rc = l.n ? write_list(p, root, &l, err) : 0;

	pending_free(l.list, l.n);
	return rc;
}

int pending_renewed(const struct profile *p, const struct root *root, char *const *chains, size_t n,
		    struct err *err)
{
	struct listing l;
	size_t kept = 0, had;
	AUTO_FD int lock = statefile_lock(p, root, err);

	if (lock < 0 || pending_list(p, root, &l.list, &l.n, err) < 0)
		return -1;
	had = l.n;
	for (size_t i = 0; i < l.n; i++) {
		struct pending_step *s = &l.list[i];

		if (pending_is_superseded(s) && is_among(s->chain, strlen(s->chain) - 1, chains, n))
			release(s);
		else
			l.list[kept++] = *s;
	}
	l.n = kept;
	int rc = kept < had ? write_list(p, root, &l, err) : 0;

	pending_free(l.list, l.n);
	return rc;
}

int pending_remove(const struct profile *p, const struct root *root, const struct strv *argv,
		   struct err *err)
{
	struct listing l;
	size_t kept = 0;
	AUTO_FD int lock = statefile_lock(p, root, err);

	if (lock < 0 || pending_list(p, root, &l.list, &l.n, err) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		if (same_argv(&l.list[i].argv, argv))
			release(&l.list[i]);
		else
			l.list[kept++] = l.list[i];
	}
	bool changed = kept < l.n;

	l.n = kept;
	int rc = changed ? write_list(p, root, &l, err) : 0;

	pending_free(l.list, l.n);
	return rc;
}

int pending_waits(const struct profile *p, const struct root *root, const char *chain,
		  struct err *err)
{
	struct listing l;
	int waits = 0;

	if (pending_list(p, root, &l.list, &l.n, err) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		waits = waits || !chain || strcmp(l.list[i].chain, chain) == 0;
	pending_free(l.list, l.n);
	return waits;
}
