/* Fuzz target: any bytes as a properties file, then edits; what we wrote must read back.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Input: a byte of flags (bit 0: UTF-8), then three lines: key, value, and the
 * rest is the file. Built with -fsanitize=fuzzer,address,undefined.
 */
#include <stdint.h>
#include <string.h>
#include "../../src/core/props.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next line of the input, without NUL bytes. */
static void take_line(const char **s, size_t *len, struct buf *out)
{
	while (*len) {
		char c = *(*s)++;

		--*len;
		if (c == '\n')
			return;
		if (c)
			buf_addc(out, c);
	}
}

static void text_of(const struct props *p, struct buf *out)
{
	buf_reset(out);
	props_text(p, out);
}

struct twin {
	const struct props *other;
	size_t n;
};

static int same_there(const char *key, const char *value, void *arg)
{
	struct twin *t = arg;
	const char *other = props_get(t->other, key);

	if (!other || strcmp(other, value) != 0)
		__builtin_trap();
	t->n++;
	return 0;
}

/* The edited file in memory and its text, read anew, are the same settings. */
static void check_reread(const struct props *p, enum props_encoding enc)
{
	AUTO_BUF text = BUF_INIT;
	CLEANUP(props_cleanup) struct props *again = NULL;
	struct twin here = { p, 0 }, there;

	text_of(p, &text);
	if (props_parse(&again, text.p, text.len, enc, NULL) < 0)
		__builtin_trap();
	props_each(again, same_there, &here);
	there = (struct twin){ again, 0 };
	props_each(p, same_there, &there);
	if (here.n != there.n)
		__builtin_trap();
}

static void edit(struct props *p, const char *key, const char *value, enum props_encoding enc)
{
	int rc = props_set(p, key, value, NULL);
	const char *now = props_get(p, key);

	if (rc < 0) {
		if (props_valid(key) && props_valid(value))
			__builtin_trap();
		return;
	}
	if (!now || strcmp(now, value) != 0 || props_set(p, key, value, NULL) != 0)
		__builtin_trap();
	check_reread(p, enc);
	if (props_unset(p, key, NULL) != 1 || props_get(p, key))
		__builtin_trap();
	check_reread(p, enc);
	if (props_set(p, key, value, NULL) != 1)
		__builtin_trap();
	check_reread(p, enc);
	if (props_remove(p, key, NULL) != 1 || props_get(p, key))
		__builtin_trap();
	check_reread(p, enc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	AUTO_BUF key = BUF_INIT;
	AUTO_BUF value = BUF_INIT;
	AUTO_BUF text = BUF_INIT;
	CLEANUP(props_cleanup) struct props *p = NULL;

	if (!size)
		return 0;
	enum props_encoding enc = *s++ & 1 ? PROPS_UTF8 : PROPS_LATIN1;

	size--;
	take_line(&s, &size, &key);
	take_line(&s, &size, &value);
	if (props_parse(&p, s, size, enc, NULL) < 0)
		return 0;
	text_of(p, &text);
	if (text.len != size || memcmp(text.p, s, size) != 0)
		__builtin_trap();
	props_check(p, NULL, NULL, NULL);
	props_check(p, p, NULL, NULL);
	edit(p, key.p, value.p, enc);
	return 0;
}
