/* Writing JSON for --json: objects, arrays and escaped strings into a buffer.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <string.h>
#include "json.h"

/* Length of the well-formed UTF-8 sequence at s (Unicode 15, table 3-7), 0 when it is not one. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] <= 0xdf ? 2 :
		(s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : 0;

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void add_ascii(struct buf *out, unsigned char c)
{
	if (c == '"' || c == '\\')
		buf_addf(out, "\\%c", c);
	else if (c == '\n')
		buf_adds(out, "\\n");
	else if (c < 0x20 || c == 0x7f)
		buf_addf(out, "\\u%04x", c);
	else
		buf_addc(out, (char)c);
}

static void add_text(struct buf *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t left = strlen(text);

	buf_addc(out, '"');
	while (left) {
		size_t n = utf8_length(s, left);

		if (n == 0)
			buf_adds(out, "\\ufffd");
		else if (n == 1)
			add_ascii(out, *s);
		else
			buf_add(out, s, n);
		n = n ? n : 1;
		s += n;
		left -= n;
	}
	buf_addc(out, '"');
}

/* Comma, line and key in front of a member. */
static void member(struct json *j, const char *key)
{
	if (j->depth > 0) {
		if (j->filled[j->depth])
			buf_addc(j->out, ',');
		j->filled[j->depth] = true;
		buf_addc(j->out, '\n');
		for (int i = 0; i < j->depth; i++)
			buf_adds(j->out, "  ");
	}
	if (key) {
		add_text(j->out, key);
		buf_adds(j->out, ": ");
	}
}

static void begin(struct json *j, const char *key, char opener, char closer)
{
	member(j, key);
	buf_addc(j->out, opener);
	if (j->depth + 1 >= JSON_DEPTH)
		abort();	/* a programming error: our documents are shallow */
	j->depth++;
	j->closer[j->depth] = closer;
	j->filled[j->depth] = false;
}

void json_object(struct json *j, const char *key)
{
	begin(j, key, '{', '}');
}

void json_array(struct json *j, const char *key)
{
	begin(j, key, '[', ']');
}

void json_end(struct json *j)
{
	bool filled = j->filled[j->depth];
	char closer = j->closer[j->depth--];

	if (filled) {
		buf_addc(j->out, '\n');
		for (int i = 0; i < j->depth; i++)
			buf_adds(j->out, "  ");
	}
	buf_addc(j->out, closer);
	if (j->depth == 0)
		buf_addc(j->out, '\n');
}

void json_string(struct json *j, const char *key, const char *value)
{
	member(j, key);
	if (value)
		add_text(j->out, value);
	else
		buf_adds(j->out, "null");
}

void json_int(struct json *j, const char *key, int64_t value)
{
	member(j, key);
	buf_addf(j->out, "%" PRId64, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	member(j, key);
	buf_adds(j->out, value ? "true" : "false");
}
