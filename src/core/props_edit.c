/* Edits of a properties file: set, unset, remove.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include "props_priv.h"

bool props_valid(const char *text)
{
	size_t len = strlen(text), used;

	for (size_t i = 0; i < len; i += used)
		if (lex_utf8(text + i, len - i, &used) < 0)
			return false;
	return true;
}

void props_format(struct buf *out, const char *key, const char *value)
{
	lex_escape_key(out, key);
	buf_addc(out, '=');
	lex_escape_value(out, value, false);
}

const char *props_line_end(const struct props *p, uint32_t i)
{
	static const char *const ends[] = { "", "\n", "\r\n" };

	for (uint32_t e = i != NONE ? i : p->first; e != NONE; e = p->elem[e].next) {
		const char *s = elem_text(p, e);
		size_t len = p->elem[e].len, eol = lex_eol_at_end(s, len);

		if (eol)
			return s[len - 1] == '\r' ? "\r" : ends[eol];
	}
	/* Behind the last line, which has none: as the line before it. */
	if (i != NONE && p->elem[i].prev != NONE)
		return props_line_end(p, p->elem[i].prev);
	return "\n";
}

uint32_t props_block_start(const struct props *p, uint32_t i)
{
	uint32_t prev;

	while ((prev = p->elem[i].prev) != NONE && p->elem[prev].kind == ELEM_COMMENT)
		i = prev;
	return i;
}

int props_tail(struct props *p, uint32_t *after, struct err *err)
{
	uint32_t last = p->last;

	*after = last;
	if (last == NONE)
		return 0;
	if (p->elem[last].open) {
		/* Whatever came behind it would be taken for its continuation,
		 * and what is above it may be its comment. */
		*after = p->elem[props_block_start(p, last)].prev;
		return 0;
	}
	if (lex_eol_at_end(elem_text(p, last), p->elem[last].len))
		return 0;
	AUTO_BUF text = BUF_SECRET_INIT;

	buf_add(&text, elem_text(p, last), p->elem[last].len);
	buf_adds(&text, props_line_end(p, last));
	return elem_rewrite(p, last, text.p, text.len, err);
}

static bool has_sign(const char *separator, size_t len)
{
	return memchr(separator, '=', len) || memchr(separator, ':', len);
}

/* Does the separator hold anything that separates, continuations apart? */
static bool separates(const char *s, size_t len)
{
	return len && (has_sign(s, len) || lex_is_blank((unsigned char)s[len - 1]));
}

static int set_in_place(struct props *p, uint32_t i, const char *value, struct err *err)
{
	AUTO_BUF text = BUF_SECRET_INIT;
	const struct elem *e = &p->elem[i];
	const char *s = elem_text(p, i), *separator = s + e->at.key_end;
	size_t len = e->at.value - e->at.key_end;

	buf_add(&text, s, e->at.value);
	/* An empty key needs a sign, or its line would be blank. */
	if (!separates(separator, len))
		buf_addc(&text, '=');
	lex_escape_value(&text, value, separates(separator, len) && !has_sign(separator, len));
	buf_add(&text, s + e->at.value_end, e->len - e->at.value_end);
	return elem_replace(p, i, text.p, text.len, err);
}

/* The blanks and sign of "#KEY = old", so that the new line looks like it. */
static void separator_like(const struct props *p, uint32_t comment, struct buf *out)
{
	const struct elem *e = comment == NONE ? NULL : &p->elem[comment];

	if (e)
		buf_add(out, elem_text(p, comment) + e->at.key_end, e->at.value - e->at.key_end);
	else
		buf_addc(out, '=');
}

static int add_new(struct props *p, const char *key, const char *value, struct err *err)
{
	AUTO_BUF text = BUF_SECRET_INIT;
	uint32_t comment = props_find_commented(p, key), after = comment, unused;

	/* The last comment may lack its line end, and nothing may be put behind an open line. */
	if ((comment == NONE || comment == p->last) && props_tail(p, &after, err) < 0)
		return -1;
	lex_escape_key(&text, key);
	separator_like(p, comment, &text);
	lex_escape_value(&text, value, false);
	buf_adds(&text, props_line_end(p, after));
	return elem_insert(p, after, text.p, text.len, &unused, err);
}

static int check_text(const char *what, const char *text, struct err *err)
{
	if (props_valid(text))
		return 0;
	return err_set(err, ERR_FAIL, "%s is not valid UTF-8", what);
}

int props_set(struct props *p, const char *key, const char *value, struct err *err)
{
	AUTO_BUF now = BUF_SECRET_INIT;

	if (check_text("the key", key, err) < 0)
		return -1;
	if (check_text("the value", value, err) < 0) {
		err_prefix(err, "'%s'", key);
		return -1;
	}
	uint32_t i = props_find(p, key);

	if (i == NONE)
		return add_new(p, key, value, err) < 0 ? -1 : 1;
	elem_value(p, i, &now);
	if (strcmp(now.p, value) == 0)
		return 0;
	return set_in_place(p, i, value, err) < 0 ? -1 : 1;
}

/* Put '#' in front of what each natural line of text holds. */
static void comment_lines(const char *s, size_t len, struct buf *out)
{
	for (size_t pos = 0; pos < len;) {
		size_t line = pos;

		while (pos < len && lex_is_blank((unsigned char)s[pos]))
			pos++;
		buf_add(out, s + line, pos - line);
		buf_addc(out, '#');
		line = pos;
		while (pos < len && !lex_is_eol((unsigned char)s[pos]))
			pos++;
		pos += lex_eol(s + pos, len - pos);
		buf_add(out, s + line, pos - line);
	}
}

/* "#KEY=" with the separator as it is, and nothing of the value. */
static void comment_without_value(const struct props *p, uint32_t i, struct buf *out)
{
	const struct elem *e = &p->elem[i];
	const char *s = elem_text(p, i);
	AUTO_BUF key = BUF_INIT;

	elem_key(p, i, &key);
	buf_add(out, s, e->at.key);
	buf_addc(out, '#');
	lex_escape_key(out, key.p);
	buf_addc(out, '=');
	buf_add(out, s + e->at.value_end, e->len - e->at.value_end);
}

/* The very same comment above it: the entry was added by set below its comment,
 * and another copy would be left at each turn. */
static bool comment_stands_above(const struct props *p, uint32_t i, const struct buf *comment)
{
	uint32_t above = p->elem[i].prev;

	return above != NONE && p->elem[above].kind == ELEM_COMMENT && p->elem[above].len == comment->len &&
	       memcmp(elem_text(p, above), comment->p, comment->len) == 0;
}

static int take_out(struct props *p, const char *key, bool with_value, struct err *err)
{
	uint32_t i;
	int changed = 0;

	while ((i = props_find(p, key)) != NONE) {
		AUTO_BUF text = BUF_SECRET_INIT;

		if (with_value)
			comment_lines(elem_text(p, i), p->elem[i].len, &text);
		else
			comment_without_value(p, i, &text);
		if (comment_stands_above(p, i, &text))
			elem_remove(p, i);
		else if (elem_comment(p, i, text.p, text.len, err) < 0)
			return -1;
		changed = 1;
	}
	return changed;
}

int props_unset(struct props *p, const char *key, struct err *err)
{
	return take_out(p, key, true, err);
}

int props_unset_secret(struct props *p, const char *key, struct err *err)
{
	return take_out(p, key, false, err);
}

int props_remove(struct props *p, const char *key, struct err *err)
{
	uint32_t i;
	int changed = 0;

	while ((i = props_find(p, key)) != NONE) {
		uint32_t prev = p->elem[i].prev;

		/* A backslash alone on the last line would become an entry (props_lex.c). */
		if (i == p->last && prev != NONE && p->elem[prev].kind == ELEM_BLANK &&
		    memchr(elem_text(p, prev), '\\', p->elem[prev].len)) {
			if (elem_comment(p, i, "#\n", 2, err) < 0)
				return -1;
		} else {
			elem_remove(p, i);
		}
		changed = 1;
	}
	return changed;
}
