/* Java .properties text, edited without touching a byte that was not asked for.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lexing rules are those of java.util.Properties.load(InputStream / Reader),
 * JDK API documentation: natural and logical lines, comments '#' and '!',
 * separators '=', ':' and blanks, escapes, \uXXXX, the last duplicate wins.
 * Where the documentation is silent (a backslash alone on a line, a file that
 * ends inside a continuation) they are what OpenJDK 17 does, by test.
 *
 * Keys and values are UTF-8 in memory (unpaired surrogates and NUL are an
 * error); the file is ISO-8859-1 or UTF-8. What we write is escaped so that
 * Java reads exactly the value given in either encoding (non-ASCII as \uXXXX),
 * with the line end of the neighbouring line.
 */
#ifndef MAINTKIT_PROPS_H
#define MAINTKIT_PROPS_H

#include <stdbool.h>
#include "../base/buf.h"

enum props_encoding { PROPS_LATIN1, PROPS_UTF8 };

struct props;	/* a parsed file; keeps its own copy of the text */

/* Errors have "LINE:COLUMN: ..." in front (both from 1; columns are bytes).
 * More than 1 GiB is refused. */
int props_parse(struct props **out, const void *text, size_t len, enum props_encoding enc,
		struct err *err) MUST_CHECK;
void props_free(struct props *p);
void props_cleanup(struct props **p);

/* Live value (last occurrence), NULL when there is none. Owned by p, valid until the next edit. */
const char *props_get(const struct props *p, const char *key);
/* 1 changed, 0 was so already, -1 error (key or value not valid UTF-8). The
 * last live occurrence is changed in place; a new key goes right below its
 * commented-out "#KEY=" line, else to the end. */
int props_set(struct props *p, const char *key, const char *value, struct err *err) MUST_CHECK;
/* Take all live occurrences out (commented with "#"); 1 changed, 0 there was none. */
int props_unset(struct props *p, const char *key, struct err *err) MUST_CHECK;
/* The same for a secret: what stays behind is "#KEY=", without the value. */
int props_unset_secret(struct props *p, const char *key, struct err *err) MUST_CHECK;
/* Delete the lines of all live occurrences; the undoing of a set that added them. */
int props_remove(struct props *p, const char *key, struct err *err) MUST_CHECK;
/* The whole text as it stands now. */
void props_text(const struct props *p, struct buf *out);
/* Each live key once, in order of its last occurrence. Stop when fn returns
 * non-zero, and return that. fn must not edit p; its arguments live until it returns. */
int props_each(const struct props *p, int (*fn)(const char *key, const char *value, void *arg), void *arg);

/* Append KEY=VALUE in the escaped form in which we write it, without line end.
 * Both must be valid UTF-8 (as what props_each() gives is). */
void props_format(struct buf *out, const char *key, const char *value);
/* Is text valid UTF-8 without NUL, fit for props_set()? */
bool props_valid(const char *text);

/* Three-way merge by keys, into p. base holds the defaults that p was made
 * from, NULL when nobody knows them; latest the new defaults. */
enum props_merge_what {
	PROPS_MERGE_TOOK,	/* untouched by the admin: has the new default now */
	PROPS_MERGE_ADDED,	/* new upstream: added with its comment, where upstream has it */
	PROPS_MERGE_CONFLICT,	/* changed by both: kept, the new default noted above it as a comment */
	PROPS_MERGE_DROPPED,	/* no longer among the defaults: kept */
	PROPS_MERGE_OUT,	/* taken out by the admin, default changed: left out */
	PROPS_MERGE_DIFFERS,	/* base unknown, value differs from the default: kept */
};
struct props_merge_note {
	enum props_merge_what what;
	const char *key;
	const char *mine;	/* value in p before; NULL when not set */
	const char *latest;	/* the new default; NULL when there is none */
};
typedef void (*props_merge_fn)(const struct props_merge_note *note, void *arg);
/* 1 changed, 0 nothing to change, -1 error. fn (may be NULL) hears of every
 * key that is not simply as it should be; the strings live until it returns.
 * Merging again with the same arguments changes nothing. */
int props_merge(struct props *p, const struct props *base, const struct props *latest,
		props_merge_fn fn, void *arg, struct err *err) MUST_CHECK;

/* What is probably not meant as it stands. */
enum props_lint {
	PROPS_LINT_DUPLICATE, PROPS_LINT_COMMENTED, PROPS_LINT_SWALLOWED, PROPS_LINT_TRAILING,
	PROPS_LINT_BACKSLASH, PROPS_LINT_LONE_BACKSLASH, PROPS_LINT_NON_ASCII, PROPS_LINT_UNKNOWN,
	PROPS_LINT_PLACEHOLDER, PROPS_LINT_MARK, PROPS_LINT_MIXED_ENDS, PROPS_LINT_OPEN_END,
};
struct props_finding {
	enum props_lint lint;
	size_t line;		/* from 1 */
	const char *key;	/* "" when it is about no key */
	const char *text;	/* what is wrong; never a value, so that secrets do not show */
	const char *fix;	/* what to do */
};
typedef void (*props_check_fn)(const struct props_finding *f, void *arg);
/* Returns the number of findings, told to fn in order of lines. defaults may
 * be NULL: then nothing is known about keys. */
size_t props_check(const struct props *p, const struct props *defaults, props_check_fn fn, void *arg);
/* Machine name of a finding, "duplicate" and so on. */
const char *props_lint_name(enum props_lint lint);

#endif
