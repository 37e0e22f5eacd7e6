/* The effects journal: every change that we made outside dpkg's knowledge, and how to undo it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * File /var/lib/maintkit/PKG/effects, append-only, one record (core/record.h)
 * a line: TIME CLASS KIND ID STATE OLD NEW. Each effect is written as
 * "intended" and fsynced before the change and as "done" after it, so that a
 * crash leaves either nothing, an intention to look into, or the whole. The
 * latest record of a (kind, id) counts. OLD is what undo needs: the former
 * value, or EFFECT_ABSENT, or EFFECT_SECRET where the former value is a secret
 * (never written; undo then removes instead of restoring). NEW is how we left
 * it: a value, or "sha256:HEX" for files and secrets.
 *
 * We undo only what we did, and only if it is still as we left it; the undoing
 * module compares, this one only remembers.
 */
#ifndef MAINTKIT_EFFECTS_H
#define MAINTKIT_EFFECTS_H

#include "profile.h"

#define EFFECT_ABSENT "-absent"
#define EFFECT_SECRET "-secret"

enum effect_class { EFFECT_HOST, EFFECT_DATA };

/* Kinds in use, so that undo can find them: "property" (id FILE:KEY), "file",
 * "link", "dir" (id path), "ufw-rule" (id rule text), "ufw-enabled", "unit", "unit-disabled", "owner" (tree),
 * "db-user" (USER@HOST), "database" (name), "certificate" (path), "pgp-key"
 * (fingerprint), "backup" (path), "totp" (user). */
struct effect {
	enum effect_class class;
	char *kind, *id, *state, *old, *new_value;	/* state: "intended", "done", "undone" */
	long long time;					/* seconds since 1970, UTC */
};

/* Append a record and fsync. old and new_value may be NULL (empty). */
int effect_intend(const struct profile *p, const struct root *root, enum effect_class class,
		  const char *kind, const char *id, const char *old, const char *new_value,
		  struct err *err) MUST_CHECK;
int effect_done(const struct profile *p, const struct root *root, enum effect_class class,
		const char *kind, const char *id, const char *old, const char *new_value,
		struct err *err) MUST_CHECK;
int effect_undone(const struct profile *p, const struct root *root, const char *kind,
		  const char *id, struct err *err) MUST_CHECK;

/* Many records of class host at once, with one fsync; state as in struct effect. */
struct effect_note {
	const char *kind, *id, *old, *new_value;
};
int effects_record(const struct profile *p, const struct root *root, const char *state,
		   const struct effect_note *notes, size_t n, struct err *err) MUST_CHECK;

/* The latest record per (kind, id), without undone ones, in order of first
 * appearance. kind NULL: all. Damaged lines: ERR_FAIL with file and line. */
int effects_list(const struct profile *p, const struct root *root, const char *kind,
		 struct effect **list, size_t *n, struct err *err) MUST_CHECK;
void effects_free(struct effect *list, size_t n);
/* Find one in a list; NULL when there is none. */
const struct effect *effects_find(const struct effect *list, size_t n, const char *kind, const char *id);
/* Rewrite the file with only the latest records. */
int effects_compact(const struct profile *p, const struct root *root, struct err *err) MUST_CHECK;

#endif
