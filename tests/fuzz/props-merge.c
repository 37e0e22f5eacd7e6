/* Fuzz target: any three files merged; no admin's value is lost, and a second merge changes nothing.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Input: a byte of flags (bit 0: UTF-8, bit 1: base unknown), then the three
 * files, with lines "%%" between them.
 */
#include <stdint.h>
#include <string.h>
#include "../../src/core/props.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct three {
	const struct props *before, *base, *latest, *after;
};

/* What the rule says about one key that the file had. */
static int was_kept(const char *key, const char *value, void *arg)
{
	const struct three *t = arg;
	const char *now = props_get(t->after, key);
	const char *base = t->base ? props_get(t->base, key) : NULL, *latest = props_get(t->latest, key);
	const char *want = base && latest && strcmp(base, value) == 0 ? latest : value;

	if (!now || strcmp(now, want) != 0)
		__builtin_trap();
	return 0;
}

/* A key that is there now was there, or is upstream's and new. */
static int came_from(const char *key, const char *value, void *arg)
{
	const struct three *t = arg;
	const char *latest = props_get(t->latest, key);

	if (props_get(t->before, key))
		return 0;
	if (!latest || strcmp(latest, value) != 0 || (t->base && props_get(t->base, key)))
		__builtin_trap();
	return 0;
}

static void check(const struct three *t, enum props_encoding enc)
{
	AUTO_BUF text = BUF_INIT;
	CLEANUP(props_cleanup) struct props *again = NULL;
	struct three reread = *t;

	props_text(t->after, &text);
	if (props_parse(&again, text.p, text.len, enc, NULL) < 0)
		__builtin_trap();
	reread.after = again;
	props_each(t->before, was_kept, &reread);
	props_each(again, came_from, &reread);
}

static void merge_twice(struct props *p, const struct three *t, enum props_encoding enc)
{
	AUTO_BUF once = BUF_INIT;
	AUTO_BUF twice = BUF_INIT;

	if (props_merge(p, t->base, t->latest, NULL, NULL, NULL) < 0)
		__builtin_trap();
	check(t, enc);
	props_text(p, &once);
	if (props_merge(p, t->base, t->latest, NULL, NULL, NULL) != 0)
		__builtin_trap();
	props_text(p, &twice);
	if (once.len != twice.len || memcmp(once.p, twice.p, once.len) != 0)
		__builtin_trap();
}

/* And back again: upstream returns to its old defaults, after an edit. */
static void merge_back(struct props *p, const struct three *t, enum props_encoding enc)
{
	AUTO_BUF text = BUF_INIT;
	CLEANUP(props_cleanup) struct props *again = NULL;

	if (props_set(p, "k1", "edited", NULL) < 0 || props_unset(p, "k2", NULL) < 0 ||
	    (t->base && props_merge(p, t->latest, t->base, NULL, NULL, NULL) < 0))
		__builtin_trap();
	props_text(p, &text);
	const char *k1 = props_get(p, "k1");

	if (props_parse(&again, text.p, text.len, enc, NULL) < 0 || !k1 || strcmp(props_get(again, "k1"), k1) != 0)
		__builtin_trap();
}

/* Length of the text up to the next line "%%"; *skip: with that line. */
static size_t part(const char *s, size_t len, size_t *skip)
{
	for (size_t i = 0; i + 3 <= len; i++)
		if (memcmp(s + i, "%%\n", 3) == 0) {
			*skip = i + 3;
			return i;
		}
	*skip = len;
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	struct props *p[4] = { NULL };
	bool parsed = true;

	if (!size)
		return 0;
	enum props_encoding enc = *s & 1 ? PROPS_UTF8 : PROPS_LATIN1;
	bool no_base = *s & 2;

	s++;
	size--;
	for (int i = 0; i < 3 && parsed; i++) {
		size_t skip, len = part(s, size, &skip);

		parsed = props_parse(&p[i], s, len, enc, NULL) == 0;
		if (i == 0 && parsed)
			parsed = props_parse(&p[3], s, len, enc, NULL) == 0;
		s += skip;
		size -= skip;
	}
	if (parsed) {
		struct three t = { p[3], no_base ? NULL : p[1], p[2], p[0] };

		merge_twice(p[0], &t, enc);
		merge_back(p[0], &t, enc);
	}
	for (int i = 0; i < 4; i++)
		props_free(p[i]);
	return 0;
}
