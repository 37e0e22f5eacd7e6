/* Lexer of .properties text: elements, parts of a logical line, escapes.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Follows java.util.Properties.LineReader.readLine() and load0() of OpenJDK 17
 * in effect, but on offsets of the raw bytes, because those are what is kept.
 */
#include <string.h>
#include "props_priv.h"

size_t lex_eol(const char *s, size_t len)
{
	if (len && s[0] == '\r')
		return len > 1 && s[1] == '\n' ? 2 : 1;
	return len && s[0] == '\n' ? 1 : 0;
}

size_t lex_eol_at_end(const char *s, size_t len)
{
	if (len && s[len - 1] == '\n')
		return len > 1 && s[len - 2] == '\r' ? 2 : 1;
	return len && s[len - 1] == '\r' ? 1 : 0;
}

/* What a byte can end: most bytes of a file end nothing, and are stepped over by one look here. */
enum { ENDS_LINE = 1, ENDS_KEY = 2, BACKSLASH = 4, NOT_ASCII = 8, NUL = 16 };
static const unsigned char class_of[256] = {
	['\0'] = NUL, ['\n'] = ENDS_LINE, ['\r'] = ENDS_LINE, ['\\'] = BACKSLASH,
	[' '] = ENDS_KEY, ['\t'] = ENDS_KEY, ['\f'] = ENDS_KEY, ['='] = ENDS_KEY, [':'] = ENDS_KEY,
	[0x80 ... 0xff] = NOT_ASCII,
};

/* The first byte at or behind pos that is of one of these classes, or len. */
static size_t skip_other_than(const char *s, size_t pos, size_t len, unsigned classes)
{
	while (pos < len && !(class_of[(unsigned char)s[pos]] & classes))
		pos++;
	return pos;
}

static size_t skip_blanks(const char *s, size_t pos, size_t len)
{
	while (pos < len && lex_is_blank((unsigned char)s[pos]))
		pos++;
	return pos;
}

static size_t skip_to_eol(const char *s, size_t pos, size_t len)
{
	return skip_other_than(s, pos, len, ENDS_LINE);
}

/* A backslash stands at pos. When it continues the line, the position of the
 * next character of the logical line, else pos. */
static size_t skip_continuation(const char *s, size_t pos, size_t len)
{
	size_t eol;

	if (pos + 1 >= len)
		return len;
	eol = lex_eol(s + pos + 1, len - pos - 1);
	return eol ? skip_blanks(s, pos + 1 + eol, len) : pos;
}

/* The end of an unescaped run up to a separator, blank (when stops) or line
 * end. *end: behind the last byte that means something. */
static size_t scan_run(const char *s, size_t pos, size_t len, bool stops, size_t *end)
{
	unsigned special = ENDS_LINE | BACKSLASH | (stops ? (unsigned)ENDS_KEY : 0);

	*end = pos;
	for (;;) {
		size_t to = skip_other_than(s, pos, len, special);

		if (to > pos)
			*end = pos = to;
		if (pos >= len || s[pos] != '\\')
			return pos;
		to = skip_continuation(s, pos, len);
		if (to == pos)
			*end = to = pos + 2;	/* an escaped byte */
		pos = to;
	}
}

/* Blanks and at most one '=' or ':'; returns the offset behind the last of them. */
static size_t scan_separator(const char *s, size_t pos, size_t len)
{
	size_t end = pos;
	bool have = false;

	while (pos < len) {
		if (s[pos] == '\\') {
			size_t to = skip_continuation(s, pos, len);

			if (to == pos)
				break;
			pos = to;
			continue;
		}
		if (!lex_is_blank((unsigned char)s[pos])) {
			if (have || (s[pos] != '=' && s[pos] != ':'))
				break;
			have = true;
		}
		end = ++pos;
	}
	return end;
}

/* Does the raw line end (before its last line end) in a backslash that is not escaped? */
static bool ends_in_backslash(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[len - 1 - n] == '\\')
		n++;
	return n & 1;
}

size_t lex_entry(const char *s, size_t len, struct span *at, bool *open)
{
	size_t key = skip_blanks(s, 0, len), key_end, end, unused;
	size_t pos = scan_run(s, key, len, true, &key_end);
	size_t value = pos < len && !lex_is_eol((unsigned char)s[pos]) ? scan_separator(s, pos, len) : key_end;

	pos = scan_run(s, value, len, false, &unused);
	end = pos + lex_eol(s + pos, len - pos);
	at->key = (uint32_t)key;
	at->key_end = (uint32_t)key_end;
	at->value = (uint32_t)value;
	at->value_end = (uint32_t)(end - lex_eol_at_end(s, end));
	if (at->value_end < at->value)
		at->value_end = at->value;
	/* Only a line that ran into the end of the file can be open: a line
	 * that was continued takes at least one byte of the next one, else. */
	*open = end == len && ends_in_backslash(s, at->value_end);
	return end;
}

/* Length of the run of blank lines at pos; a backslash alone on a line is one
 * too, as long as something follows. */
static size_t blank_run(const char *s, size_t pos, size_t len)
{
	size_t line = pos;

	while (pos < len) {
		pos = skip_blanks(s, pos, len);
		if (pos == len)
			return len;
		size_t back = s[pos] == '\\' ? 1 : 0;
		size_t eol = lex_eol(s + pos + back, len - pos - back);

		/* readLine() asks for more behind the first byte of the line
		 * end; there being none, the line counts, as an empty key. */
		if (!eol || (back && pos + 2 == len))
			return line;
		pos += back + eol;
		line = pos;
	}
	return pos;
}

void lex_element(const char *text, size_t len, size_t pos, struct elem *e)
{
	size_t end = blank_run(text, pos, len);

	memset(e, 0, sizeof(*e));
	e->start = (uint32_t)pos;
	if (end > pos) {
		e->kind = ELEM_BLANK;
		e->len = (uint32_t)(end - pos);
		return;
	}
	size_t first = skip_blanks(text, pos, len);

	if (text[first] == '#' || text[first] == '!') {
		e->kind = ELEM_COMMENT;
		end = skip_to_eol(text, first, len);
		e->len = (uint32_t)(end + lex_eol(text + end, len - end) - pos);
		return;
	}
	e->kind = ELEM_ENTRY;
	e->len = (uint32_t)lex_entry(text + pos, len - pos, &e->at, &e->open);
}

bool lex_commented(const char *s, size_t len, struct span *at)
{
	size_t pos = skip_blanks(s, 0, len), line = skip_to_eol(s, 0, len);
	bool open;

	while (pos < line && (s[pos] == '#' || s[pos] == '!'))
		pos++;
	lex_entry(s + pos, line - pos, at, &open);
	at->key += (uint32_t)pos;
	at->key_end += (uint32_t)pos;
	at->value += (uint32_t)pos;
	at->value_end += (uint32_t)pos;
	if (at->key == at->key_end)
		return false;
	return memchr(s + at->key_end, '=', at->value - at->key_end) ||
	       memchr(s + at->key_end, ':', at->value - at->key_end);
}

int32_t lex_utf8(const char *s, size_t len, size_t *used)
{
	const unsigned char *u = (const unsigned char *)s;
	static const int32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	int32_t c;
	size_t more;

	*used = 1;
	if (u[0] < 0x80)
		return u[0];
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return -1;
	more = u[0] < 0xe0 ? 1 : u[0] < 0xf0 ? 2 : 3;
	if (more >= len)
		return -1;
	c = u[0] & (0x3f >> more);
	for (size_t i = 1; i <= more; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	*used = more + 1;
	return c;
}

/* ---- escapes to characters ---- */

struct decoder {
	const char *s;
	size_t pos, len;
	enum props_encoding enc;
	struct buf *out;
	int32_t high;		/* first half of a surrogate pair, or 0 */
	size_t high_at;
};

static void put_utf8(struct buf *out, int32_t c)
{
	if (c < 0x80) {
		buf_addc(out, (char)c);
	} else if (c < 0x800) {
		buf_addc(out, (char)(0xc0 | c >> 6));
		buf_addc(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_addc(out, (char)(0xe0 | c >> 12));
		buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_addc(out, (char)(0xf0 | c >> 18));
		buf_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (c & 0x3f)));
	}
}

static int lone_half(struct decoder *d, size_t at, struct err *err)
{
	d->pos = at;
	return err_set(err, ERR_FAIL, "half of a surrogate pair alone is no character");
}

/* One UTF-16 unit or character; joins surrogate pairs. */
static int put_unit(struct decoder *d, int32_t c, size_t at, struct err *err)
{
	bool low = c >= 0xdc00 && c <= 0xdfff;

	if (d->high && low) {
		put_utf8(d->out, 0x10000 + ((d->high - 0xd800) << 10) + (c - 0xdc00));
		d->high = 0;
		return 0;
	}
	if (d->high)
		return lone_half(d, d->high_at, err);
	if (low)
		return lone_half(d, at, err);
	if (c >= 0xd800 && c <= 0xdbff) {
		d->high = c;
		d->high_at = at;
		return 0;
	}
	if (c == 0) {
		d->pos = at;
		return err_set(err, ERR_FAIL, "a NUL character cannot be part of a setting");
	}
	put_utf8(d->out, c);
	return 0;
}

/* Step over continuations, so that pos is at a character of the logical line or at the end. */
static void join_lines(struct decoder *d)
{
	while (d->pos < d->len && d->s[d->pos] == '\\') {
		size_t to = skip_continuation(d->s, d->pos, d->len);

		if (to == d->pos)
			return;
		d->pos = to;
	}
}

static int raw_character(struct decoder *d, int32_t *c, struct err *err)
{
	size_t used = 1;

	if (d->enc == PROPS_LATIN1)
		*c = (unsigned char)d->s[d->pos];
	else
		*c = lex_utf8(d->s + d->pos, d->len - d->pos, &used);
	if (*c < 0)
		return err_set(err, ERR_FAIL, "byte 0x%02X is not valid UTF-8; is the file in ISO-8859-1?",
			       (unsigned char)d->s[d->pos]);
	d->pos += used;
	return 0;
}

/* The bytes up to the next one that does not mean itself. */
static void copy_plain(struct decoder *d)
{
	size_t to = skip_other_than(d->s, d->pos, d->len, BACKSLASH | NOT_ASCII | NUL);

	buf_add(d->out, d->s + d->pos, to - d->pos);
	d->pos = to;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits of a \uXXXX; they may lie on two lines. */
static int unicode_escape(struct decoder *d, size_t at, int32_t *c, struct err *err)
{
	*c = 0;
	for (int i = 0; i < 4; i++) {
		join_lines(d);
		int digit = d->pos < d->len ? hex_digit(d->s[d->pos]) : -1;

		if (digit < 0) {
			d->pos = at;
			return err_set(err, ERR_FAIL, "malformed \\uXXXX: four hexadecimal digits must follow; "
				       "write \\\\u for a backslash and a 'u'");
		}
		*c = *c << 4 | digit;
		d->pos++;
	}
	return 0;
}

static int escape(struct decoder *d, int32_t *c, struct err *err)
{
	size_t at = d->pos++;

	switch (d->s[d->pos]) {
	case 'u':
		d->pos++;
		return unicode_escape(d, at, c, err);
	case 't':
		*c = '\t';
		break;
	case 'n':
		*c = '\n';
		break;
	case 'r':
		*c = '\r';
		break;
	case 'f':
		*c = '\f';
		break;
	default:
		return raw_character(d, c, err);
	}
	d->pos++;
	return 0;
}

int lex_decode(const char *text, size_t len, enum props_encoding enc, struct buf *out, size_t *where,
	       struct err *err)
{
	struct decoder d = { .s = text, .len = len, .enc = enc, .out = out };
	int rc = 0;

	while (rc == 0) {
		int32_t c;
		size_t at;

		if (!d.high)
			copy_plain(&d);
		join_lines(&d);
		if ((at = d.pos) >= d.len)
			break;
		rc = text[at] == '\\' ? escape(&d, &c, err) : raw_character(&d, &c, err);
		if (rc == 0)
			rc = put_unit(&d, c, at, err);
	}
	if (rc == 0 && d.high)
		rc = lone_half(&d, d.high_at, err);
	*where = d.pos;
	return rc;
}

/* ---- characters to escapes ---- */

static void escape_unit(struct buf *out, unsigned c)
{
	buf_addf(out, "\\u%04X", c);
}

/* A character that means itself, or a backslash, control or non-ASCII one. s must be valid. */
static size_t escape_character(struct buf *out, const char *s)
{
	static const char plain[] = "\\\t\n\r\f", letter[] = "\\tnrf";
	const char *p = strchr(plain, *s);
	size_t used;
	int32_t c = lex_utf8(s, strlen(s) < 4 ? strlen(s) : 4, &used);

	if (p) {
		buf_addc(out, '\\');
		buf_addc(out, letter[p - plain]);
	} else if (c >= 0x20 && c < 0x7f) {
		buf_addc(out, *s);
	} else if (c >= 0x10000) {
		escape_unit(out, 0xd800 + (unsigned)((c - 0x10000) >> 10));
		escape_unit(out, 0xdc00 + (unsigned)((c - 0x10000) & 0x3ff));
	} else {
		escape_unit(out, (unsigned)c);
	}
	return used;
}

void lex_escape_key(struct buf *out, const char *key)
{
	for (const char *s = key; *s;) {
		if (*s == ' ' || *s == '=' || *s == ':' || (s == key && (*s == '#' || *s == '!'))) {
			buf_addc(out, '\\');
			buf_addc(out, *s++);
		} else {
			s += escape_character(out, s);
		}
	}
}

void lex_escape_value(struct buf *out, const char *value, bool bare)
{
	for (const char *s = value; *s;) {
		if (*s == ' ' && !s[1]) {
			/* Visible, and safe from editors that strip
			 * blanks at the end: "\ " would become a
			 * continuation then. */
			escape_unit(out, ' ');
			s++;
		} else if (s == value && (*s == ' ' || (bare && (*s == '=' || *s == ':')))) {
			buf_addc(out, '\\');
			buf_addc(out, *s++);
		} else {
			s += escape_character(out, s);
		}
	}
}
