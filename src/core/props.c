/* Properties files in memory: parsing, the tables of keys, and the list of elements.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include "props_priv.h"

#define TEXT_MAX (1u << 30)
#define POOL_MAX (UINT32_MAX - 16u)
#define POOL_SLACK 1024	/* and a 16th: room for edits before the pool has to move */

struct values {
	char **v;
	size_t n, cap;
};

/* ---- tables ---- */

static uint32_t hash_bytes(const char *s, size_t len)
{
	uint32_t h = 2166136261u;	/* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 16777619u;
	return h ^ h >> 15;
}

static void table_put(struct props *p, struct table *t, uint32_t i)
{
	uint32_t *head = &t->bucket[p->elem[i].hash & (t->size - 1)];

	p->elem[i].chain = *head;
	*head = i;
	t->used++;
}

/* Make room for one more. The oldest of each chain goes in first, so that the
 * latest is found first again. */
static void table_grow(struct props *p, struct table *t)
{
	struct table new = { .size = t->size ? t->size * 2 : 64 };

	if (t->used < t->size)
		return;
	new.bucket = xreallocarray(NULL, new.size, sizeof(*new.bucket));
	memset(new.bucket, 0xff, new.size * sizeof(*new.bucket));
	for (uint32_t b = 0; b < t->size; b++) {
		uint32_t reversed = NONE;

		for (uint32_t i = t->bucket[b], next; i != NONE; i = next) {
			next = p->elem[i].chain;
			p->elem[i].chain = reversed;
			reversed = i;
		}
		for (uint32_t i = reversed, next; i != NONE; i = next) {
			next = p->elem[i].chain;
			table_put(p, &new, i);
		}
	}
	free(t->bucket);
	*t = new;
}

static void table_add(struct props *p, struct table *t, uint32_t i, const struct buf *key)
{
	table_grow(p, t);
	p->elem[i].hash = hash_bytes(key->p, key->len);
	table_put(p, t, i);
}

static void table_drop(struct props *p, struct table *t, uint32_t i)
{
	uint32_t *link = &t->bucket[p->elem[i].hash & (t->size - 1)];

	while (*link != i)
		link = &p->elem[*link].chain;
	*link = p->elem[i].chain;
	t->used--;
}

static bool key_is(const struct props *p, uint32_t i, const char *key, size_t len, struct buf *scratch)
{
	const struct elem *e = &p->elem[i];
	const char *s = p->pool.p + e->start + e->at.key;
	size_t raw = e->at.key_end - e->at.key;

	if (raw == len && memcmp(s, key, len) == 0 && !memchr(s, '\\', raw))
		return true;
	elem_key(p, i, scratch);
	return scratch->len == len && memcmp(scratch->p, key, len) == 0;
}

static uint32_t table_find(const struct props *p, const struct table *t, const char *key)
{
	AUTO_BUF scratch = BUF_INIT;
	size_t len = strlen(key);
	uint32_t hash = hash_bytes(key, len);

	if (!t->size)
		return NONE;
	for (uint32_t i = t->bucket[hash & (t->size - 1)]; i != NONE; i = p->elem[i].chain)
		if (p->elem[i].hash == hash && key_is(p, i, key, len, &scratch))
			return i;
	return NONE;
}

/* ---- elements ---- */

static void decode_range(const struct props *p, const struct elem *e, uint32_t from, uint32_t to,
			 struct buf *out)
{
	struct err unused = ERR_INIT;
	size_t where;

	buf_reset(out);
	if (lex_decode(p->pool.p + e->start + from, to - from, p->enc, out, &where, &unused) < 0)
		abort();	/* every entry was decoded when it came in */
}

void elem_key(const struct props *p, uint32_t i, struct buf *out)
{
	const struct elem *e = &p->elem[i];

	decode_range(p, e, e->at.key, e->at.key_end, out);
}

void elem_value(const struct props *p, uint32_t i, struct buf *out)
{
	const struct elem *e = &p->elem[i];

	decode_range(p, e, e->at.value, e->at.value_end, out);
}

uint32_t props_find(const struct props *p, const char *key)
{
	return table_find(p, &p->live, key);
}

bool elem_is_live(const struct props *p, uint32_t i)
{
	AUTO_BUF key = BUF_INIT;

	if (p->elem[i].kind != ELEM_ENTRY)
		return false;
	elem_key(p, i, &key);
	return props_find(p, key.p) == i;
}

/* at.key_end stays 0 unless the comment is in the table. */
static void note_commented(struct props *p, uint32_t i, struct buf *scratch)
{
	struct elem *e = &p->elem[i];
	struct span at;
	struct err unused = ERR_INIT;
	size_t where;

	e->at = (struct span){ 0, 0, 0, 0 };
	buf_reset(scratch);
	/* Prose is not expected to be well-formed. */
	if (!lex_commented(elem_text(p, i), e->len, &at) ||
	    lex_decode(elem_text(p, i) + at.key, at.key_end - at.key, p->enc, scratch, &where, &unused) < 0)
		return;
	e->at = at;
	table_add(p, &p->commented, i, scratch);
}

uint32_t props_find_commented(struct props *p, const char *key)
{
	if (!p->commented_known) {
		AUTO_BUF scratch = BUF_SECRET_INIT;

		for (uint32_t i = p->first; i != NONE; i = p->elem[i].next)
			if (p->elem[i].kind == ELEM_COMMENT)
				note_commented(p, i, &scratch);
		p->commented_known = true;
	}
	return table_find(p, &p->commented, key);
}

/* The element leaves the table that it is in. */
static void forget_key(struct props *p, uint32_t i)
{
	struct elem *e = &p->elem[i];

	if (e->kind == ELEM_ENTRY)
		table_drop(p, &p->live, i);
	else if (e->kind == ELEM_COMMENT && p->commented_known && e->at.key_end)
		table_drop(p, &p->commented, i);
}

static int pool_add(struct props *p, const char *text, size_t len, uint32_t *start, struct err *err)
{
	if (len > POOL_MAX - p->pool.len)
		return err_set(err, ERR_FAIL, "the file has become too large");
	*start = (uint32_t)p->pool.len;
	buf_add(&p->pool, text, len);
	return 0;
}

static uint32_t elem_new(struct props *p)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 256;
		p->elem = xreallocarray(p->elem, p->cap, sizeof(*p->elem));
	}
	return p->n++;
}

static void link_after(struct props *p, uint32_t after, uint32_t i)
{
	uint32_t next = after == NONE ? p->first : p->elem[after].next;

	p->elem[i].prev = after;
	p->elem[i].next = next;
	*(after == NONE ? &p->first : &p->elem[after].next) = i;
	*(next == NONE ? &p->last : &p->elem[next].prev) = i;
}

int elem_rewrite(struct props *p, uint32_t i, const char *text, size_t len, struct err *err)
{
	props_drop_values(p);
	if (pool_add(p, text, len, &p->elem[i].start, err) < 0)
		return -1;
	p->elem[i].len = (uint32_t)len;
	return 0;
}

int elem_replace(struct props *p, uint32_t i, const char *text, size_t len, struct err *err)
{
	struct elem *e = &p->elem[i];

	if (elem_rewrite(p, i, text, len, err) < 0)
		return -1;
	lex_entry(elem_text(p, i), e->len, &e->at, &e->open);
	return 0;
}

int elem_comment(struct props *p, uint32_t i, const char *text, size_t len, struct err *err)
{
	AUTO_BUF scratch = BUF_SECRET_INIT;

	forget_key(p, i);
	p->elem[i].kind = ELEM_COMMENT;
	p->elem[i].at.key_end = 0;
	p->elem[i].open = false;
	if (elem_rewrite(p, i, text, len, err) < 0)
		return -1;
	if (p->commented_known)
		note_commented(p, i, &scratch);
	return 0;
}

void elem_remove(struct props *p, uint32_t i)
{
	uint32_t prev = p->elem[i].prev, next = p->elem[i].next;

	props_drop_values(p);
	forget_key(p, i);
	*(prev == NONE ? &p->first : &p->elem[prev].next) = next;
	*(next == NONE ? &p->last : &p->elem[next].prev) = prev;
}

int elem_insert(struct props *p, uint32_t after, const char *text, size_t len, uint32_t *out,
		struct err *err)
{
	AUTO_BUF key = BUF_SECRET_INIT;
	uint32_t start = 0;

	props_drop_values(p);
	if (pool_add(p, text, len, &start, err) < 0)
		return -1;
	uint32_t i = elem_new(p);
	struct elem *e = &p->elem[i];

	lex_element(p->pool.p + start, len, 0, e);
	e->start = start;
	link_after(p, after, i);
	if (e->kind == ELEM_ENTRY) {
		elem_key(p, i, &key);
		table_add(p, &p->live, i, &key);
	} else if (e->kind == ELEM_COMMENT && p->commented_known) {
		note_commented(p, i, &key);
	}
	*out = i;
	return 0;
}

/* ---- parsing ---- */

static void position(const struct props *p, size_t offset, size_t *line, size_t *column)
{
	size_t start = 0;

	*line = 1;
	for (size_t i = 0; i < offset;) {
		size_t eol = lex_eol(p->pool.p + i, p->pool.len - i);

		i += eol ? eol : 1;
		if (eol && i <= offset) {
			++*line;
			start = i;
		}
	}
	*column = offset - start + 1;
}

static int fail_at(const struct props *p, size_t offset, struct err *err)
{
	size_t line, column;

	position(p, offset, &line, &column);
	err_prefix(err, "%zu:%zu", line, column);
	return -1;
}

/* Can the range hold anything that must be looked at before it is believed? */
static bool is_plain(const char *s, size_t len, enum props_encoding enc)
{
	if (memchr(s, '\\', len))
		return false;
	for (size_t i = 0; enc == PROPS_UTF8 && i < len; i++)
		if ((unsigned char)s[i] >= 0x80)
			return false;
	return true;
}

static int check_range(const struct props *p, size_t from, size_t to, struct buf *out, struct err *err)
{
	size_t where;

	buf_reset(out);
	if (lex_decode(p->pool.p + from, to - from, p->enc, out, &where, err) < 0)
		return fail_at(p, from + where, err);
	return 0;
}

static int parse_entry(struct props *p, uint32_t i, struct buf *scratch, struct err *err)
{
	const struct elem *e = &p->elem[i];
	size_t value = e->start + e->at.value, value_end = e->start + e->at.value_end;

	if (!is_plain(p->pool.p + value, value_end - value, p->enc) &&
	    check_range(p, value, value_end, scratch, err) < 0)
		return -1;
	if (check_range(p, e->start + e->at.key, e->start + e->at.key_end, scratch, err) < 0)
		return -1;
	table_add(p, &p->live, i, scratch);
	return 0;
}

static int parse(struct props *p, struct err *err)
{
	AUTO_BUF scratch = BUF_SECRET_INIT;
	const char *nul = memchr(p->pool.p, '\0', p->pool.len);

	if (nul) {
		err_set(err, ERR_FAIL, "a NUL byte; this is not a properties file");
		return fail_at(p, (size_t)(nul - p->pool.p), err);
	}
	for (size_t pos = 0; pos < p->pool.len;) {
		uint32_t i = elem_new(p);

		lex_element(p->pool.p, p->pool.len, pos, &p->elem[i]);
		link_after(p, p->last, i);
		pos += p->elem[i].len;
		if (p->elem[i].kind == ELEM_ENTRY && parse_entry(p, i, &scratch, err) < 0)
			return -1;
	}
	return 0;
}

int props_parse(struct props **out, const void *text, size_t len, enum props_encoding enc, struct err *err)
{
	CLEANUP(props_cleanup) struct props *p = xcalloc(1, sizeof(*p));

	*out = NULL;
	p->pool = (struct buf)BUF_SECRET_INIT;
	p->enc = enc;
	p->first = p->last = NONE;
	p->values = xcalloc(1, sizeof(*p->values));
	if (len > TEXT_MAX)
		return err_set(err, ERR_FAIL, "larger than 1 GiB");
	buf_reserve(&p->pool, len + len / 16 + POOL_SLACK);
	buf_add(&p->pool, text, len);
	if (parse(p, err) < 0)
		return -1;
	*out = MOVE_PTR(p);
	return 0;
}

void props_drop_values(const struct props *p)
{
	for (size_t i = 0; i < p->values->n; i++)
		mem_wipe_string(p->values->v[i]);
	p->values->n = 0;
}

void props_free(struct props *p)
{
	if (!p)
		return;
	props_drop_values(p);
	free(p->values->v);
	free(p->values);
	free(p->live.bucket);
	free(p->commented.bucket);
	free(p->elem);
	buf_release(&p->pool);
	free(p);
}

void props_cleanup(struct props **p)
{
	props_free(*p);
}

/* ---- reading ---- */

const char *props_get(const struct props *p, const char *key)
{
	AUTO_BUF value = BUF_SECRET_INIT;
	struct values *vs = p->values;
	uint32_t i = props_find(p, key);

	if (i == NONE)
		return NULL;
	elem_value(p, i, &value);
	if (vs->n == vs->cap) {
		vs->cap = vs->cap ? vs->cap * 2 : 16;
		vs->v = xreallocarray(vs->v, vs->cap, sizeof(*vs->v));
	}
	return vs->v[vs->n++] = buf_steal(&value);
}

void props_text(const struct props *p, struct buf *out)
{
	size_t len = 0;

	for (uint32_t i = p->first; i != NONE; i = p->elem[i].next)
		len += p->elem[i].len;
	buf_reserve(out, len);
	for (uint32_t i = p->first; i != NONE; i = p->elem[i].next)
		buf_add(out, elem_text(p, i), p->elem[i].len);
}

int props_each(const struct props *p, int (*fn)(const char *key, const char *value, void *arg), void *arg)
{
	AUTO_BUF key = BUF_SECRET_INIT;
	AUTO_BUF value = BUF_SECRET_INIT;

	for (uint32_t i = p->first; i != NONE; i = p->elem[i].next) {
		if (p->elem[i].kind != ELEM_ENTRY)
			continue;
		elem_key(p, i, &key);
		if (props_find(p, key.p) != i)
			continue;
		elem_value(p, i, &value);
		int rc = fn(key.p, value.p, arg);

		if (rc)
			return rc;
	}
	return 0;
}
