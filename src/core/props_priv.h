/* Inside of the properties editor: elements, the lexer, and the tables of keys.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A file is a list of elements that cover it without gaps: runs of blank
 * lines, comments (one natural line each, unless we commented a longer entry
 * out), and entries (one logical line each). An element is a range of the text
 * pool; an edit puts the new bytes at the end of the pool and points the
 * element there, so that what is not edited is not even copied.
 */
#ifndef MAINTKIT_PROPS_PRIV_H
#define MAINTKIT_PROPS_PRIV_H

#include <stdint.h>
#include "props.h"

#define NONE UINT32_MAX

enum elem_kind { ELEM_BLANK, ELEM_COMMENT, ELEM_ENTRY };

/* Where the parts of a logical line lie; offsets from the start of its text.
 * Between key_end and value is the separator with its blanks. value_end is
 * before the last line end; a value may hold continuations, also useless ones
 * at its end. */
struct span {
	uint32_t key, key_end, value, value_end;
};

struct elem {
	uint32_t start, len;	/* in the pool, line end included */
	struct span at;		/* entries */
	uint32_t prev, next;	/* in order of the file */
	uint32_t hash, chain;	/* entries: table of live keys; comments: of commented ones */
	uint8_t kind;
	bool open;		/* ends in a backslash at the end of the file: nothing may follow */
};

/* Keys to elements; the latest one that was put in is found first. */
struct table {
	uint32_t *bucket;
	uint32_t size, used;	/* size: a power of two */
};

struct values;			/* decoded values handed out by props_get() */

struct props {
	struct buf pool;	/* secret: values may be passwords */
	enum props_encoding enc;
	struct elem *elem;
	uint32_t n, cap, first, last;
	struct table live, commented;
	bool commented_known;	/* the second table is made on demand */
	struct values *values;
};

/* ---- props_lex.c: text to elements, escapes to characters ---- */

static inline bool lex_is_blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\f';
}
static inline bool lex_is_eol(unsigned char c)
{
	return c == '\n' || c == '\r';
}
/* Bytes of the line end at s (0 when there is none). */
size_t lex_eol(const char *s, size_t len);
/* Bytes of the line end that s ends with. */
size_t lex_eol_at_end(const char *s, size_t len);
/* The next element of text at pos; fills start (= pos), len, kind, at, open. */
void lex_element(const char *text, size_t len, size_t pos, struct elem *e);
/* Parts of the logical line that begins at text[0]; returns its length, line end included. */
size_t lex_entry(const char *text, size_t len, struct span *at, bool *open);
/* The "KEY=" that a comment holds; false when it holds none. */
bool lex_commented(const char *text, size_t len, struct span *at);
/* Append the characters that a range of a logical line means, as UTF-8.
 * On error *where is the offset of the culprit. */
int lex_decode(const char *text, size_t len, enum props_encoding enc, struct buf *out, size_t *where,
	       struct err *err) MUST_CHECK;
/* Code point of the UTF-8 sequence at s, its length to *used; -1 when malformed. */
int32_t lex_utf8(const char *s, size_t len, size_t *used);
/* Escaped forms. bare: no '=' or ':' stands before the value. */
void lex_escape_key(struct buf *out, const char *key);
void lex_escape_value(struct buf *out, const char *value, bool bare);

/* ---- props.c: elements and tables ---- */

static inline const char *elem_text(const struct props *p, uint32_t i)
{
	return p->pool.p + p->elem[i].start;
}
/* Decoded key, or value, of an entry; out is emptied first. They were checked by the parser. */
void elem_key(const struct props *p, uint32_t i, struct buf *out);
void elem_value(const struct props *p, uint32_t i, struct buf *out);
/* Last live entry of key, or the comment "#KEY=", or NONE. */
uint32_t props_find(const struct props *p, const char *key);
uint32_t props_find_commented(struct props *p, const char *key);
bool elem_is_live(const struct props *p, uint32_t i);
/* The element, an entry, has its text replaced by one entry of the same key. */
int elem_replace(struct props *p, uint32_t i, const char *text, size_t len, struct err *err) MUST_CHECK;
/* The entry becomes a comment with this text. */
int elem_comment(struct props *p, uint32_t i, const char *text, size_t len, struct err *err) MUST_CHECK;
/* Any element: only bytes that mean nothing (a line end, a comment) change. */
int elem_rewrite(struct props *p, uint32_t i, const char *text, size_t len, struct err *err) MUST_CHECK;
void elem_remove(struct props *p, uint32_t i);
/* New element behind element after (NONE: in front of all). Text must hold
 * exactly one element that ends in a line end. */
int elem_insert(struct props *p, uint32_t after, const char *text, size_t len, uint32_t *out,
		struct err *err) MUST_CHECK;
/* Line end to use next to element i (NONE: anywhere). */
const char *props_line_end(const struct props *p, uint32_t i);
/* The first of the comments directly above an entry, or the entry itself. */
uint32_t props_block_start(const struct props *p, uint32_t i);
/* Where a line may be appended: makes sure that a line end stands before it. */
int props_tail(struct props *p, uint32_t *after, struct err *err) MUST_CHECK;
/* Handed-out values end with an edit. */
void props_drop_values(const struct props *p);

#endif
