/* The effects journal: every change that we made outside dpkg's knowledge, and how to undo it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../core/record.h"
#include "effects.h"
#include "statefile.h"

static const char leaf[] = "effects";
enum field { F_TIME, F_CLASS, F_KIND, F_ID, F_STATE, F_OLD, F_NEW, F_COUNT };

static const char *class_name(enum effect_class class)
{
	return class == EFFECT_DATA ? "data" : "host";
}

static int append(const struct profile *p, const struct root *root, enum effect_class class,
		  const char *kind, const char *id, const char *state, const char *old,
		  const char *new_value, struct err *err)
{
	AUTO_FREE char *now = xasprintf("%lld", (long long)time(NULL));
	const char *fields[F_COUNT] = {
		now, class_name(class), kind, id, state, old ? old : "", new_value ? new_value : "",
	};

	if (statefile_append(p, root, leaf, fields, F_COUNT, err) < 0) {
		err_prefix(err, "effects journal");
		return -1;
	}
	return 0;
}

int effect_intend(const struct profile *p, const struct root *root, enum effect_class class,
		  const char *kind, const char *id, const char *old, const char *new_value,
		  struct err *err)
{
	return append(p, root, class, kind, id, "intended", old, new_value, err);
}

int effect_done(const struct profile *p, const struct root *root, enum effect_class class,
		const char *kind, const char *id, const char *old, const char *new_value,
		struct err *err)
{
	return append(p, root, class, kind, id, "done", old, new_value, err);
}

int effect_undone(const struct profile *p, const struct root *root, const char *kind,
		  const char *id, struct err *err)
{
	return append(p, root, EFFECT_HOST, kind, id, "undone", "", "", err);
}

int effects_record(const struct profile *p, const struct root *root, const char *state,
		   const struct effect_note *notes, size_t n, struct err *err)
{
	AUTO_FREE char *now = xasprintf("%lld", (long long)time(NULL));
	AUTO_BUF lines = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		const char *fields[F_COUNT] = {
			now, class_name(EFFECT_HOST), notes[i].kind, notes[i].id, state,
			notes[i].old ? notes[i].old : "", notes[i].new_value ? notes[i].new_value : "",
		};

		record_format(&lines, fields, F_COUNT);
	}
	if (!n)
		return 0;
	if (statefile_append_lines(p, root, leaf, &lines, err) < 0) {
		err_prefix(err, "effects journal");
		return -1;
	}
	return 0;
}

static void release(struct effect *e)
{
	free(e->kind);
	free(e->id);
	free(e->state);
	free(e->old);
	free(e->new_value);
}

void effects_free(struct effect *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		release(&list[i]);
	free(list);
}

struct listing {
	const char *kind;
	struct effect *list;
	size_t n;
};

static struct effect *slot(struct listing *l, const char *kind, const char *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->list[i].kind, kind) == 0 && strcmp(l->list[i].id, id) == 0)
			return &l->list[i];
	return NULL;
}

static int on_record(const struct strv *f, void *arg, struct err *err)
{
	struct listing *l = arg;

	if (f->n < F_COUNT)
		return err_set(err, ERR_FAIL, "effects journal: a record has %zu fields instead of %d", f->n, F_COUNT);
	if (l->kind && strcmp(f->v[F_KIND], l->kind) != 0)
		return 0;
	struct effect *e = slot(l, f->v[F_KIND], f->v[F_ID]);

	if (!e) {
		l->list = xreallocarray(l->list, l->n + 1, sizeof(*l->list));
		e = &l->list[l->n++];
		*e = (struct effect){ 0 };
	}
	release(e);
	*e = (struct effect){
		.class = strcmp(f->v[F_CLASS], "data") == 0 ? EFFECT_DATA : EFFECT_HOST,
		.kind = xstrdup(f->v[F_KIND]), .id = xstrdup(f->v[F_ID]), .state = xstrdup(f->v[F_STATE]),
		.old = xstrdup(f->v[F_OLD]), .new_value = xstrdup(f->v[F_NEW]),
		.time = strtoll(f->v[F_TIME], NULL, 10),
	};
	return 0;
}

static void drop_undone(struct listing *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->list[i].state, "undone") == 0)
			release(&l->list[i]);
		else
			l->list[kept++] = l->list[i];
	}
	l->n = kept;
}

int effects_list(const struct profile *p, const struct root *root, const char *kind,
		 struct effect **list, size_t *n, struct err *err)
{
	struct listing l = { .kind = kind };

	*list = NULL;
	*n = 0;
	if (statefile_read(p, root, leaf, on_record, &l, err) < 0) {
		effects_free(l.list, l.n);
		return -1;
	}
	drop_undone(&l);
	*list = l.list;
	*n = l.n;
	return 0;
}

const struct effect *effects_find(const struct effect *list, size_t n, const char *kind, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].kind, kind) == 0 && strcmp(list[i].id, id) == 0)
			return &list[i];
	return NULL;
}

int effects_compact(const struct profile *p, const struct root *root, struct err *err)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_FD int lock = statefile_lock(p, root, err);
	struct effect *list;
	size_t n;

	if (lock < 0 || effects_list(p, root, NULL, &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *when = xasprintf("%lld", list[i].time);
		const char *fields[F_COUNT] = {
			when, class_name(list[i].class), list[i].kind, list[i].id, list[i].state,
			list[i].old, list[i].new_value,
		};

		record_format(&text, fields, F_COUNT);
	}
	effects_free(list, n);
	return statefile_write(p, root, leaf, &text, err);
}
