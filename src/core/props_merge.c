/* Three-way merge of properties files by keys.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include "props_priv.h"

/* How far below its neighbour a new key's comment is looked for. */
#define GAP_MAX 1000

struct merge {
	struct props *p;
	const struct props *base, *latest;
	props_merge_fn fn;
	void *arg;
	uint32_t anchor;	/* in p: the latest neighbour in upstream's order, or NONE */
	bool changed;
	struct buf key, mine, theirs, old;
};

static void report(const struct merge *m, enum props_merge_what what, const char *mine, const char *theirs)
{
	struct props_merge_note note = { what, m->key.p, mine, theirs };

	if (m->fn)
		m->fn(&note, m->arg);
}

/* Decoded live value of m->key into out; false when not set. */
static bool value_in(const struct props *p, const char *key, struct buf *out)
{
	uint32_t i = p ? props_find(p, key) : NONE;

	if (i == NONE)
		return false;
	elem_value(p, i, out);
	return true;
}

/* Append s with its line ends turned into eol. */
static void add_lines(struct buf *out, const char *s, size_t len, const char *eol)
{
	for (size_t pos = 0; pos < len;) {
		size_t end = lex_eol(s + pos, len - pos);

		if (end) {
			buf_adds(out, eol);
			pos += end;
		} else {
			buf_addc(out, s[pos++]);
		}
	}
}

/* ---- an untouched key takes the new value ---- */

/* Is text one entry of this key and value, closed by its line end if it has one? */
static bool reads_as(const struct props *p, const struct buf *text, const char *key, const char *value)
{
	AUTO_BUF got = BUF_SECRET_INIT;
	struct span at;
	bool open, same;
	size_t where;

	if (lex_entry(text->p, text->len, &at, &open) != text->len)
		return false;
	if (lex_decode(text->p + at.key, at.key_end - at.key, p->enc, &got, &where, NULL) < 0)
		return false;
	same = strcmp(got.p, key) == 0;
	buf_reset(&got);
	return same && lex_decode(text->p + at.value, at.value_end - at.value, p->enc, &got, &where, NULL) == 0 &&
	       strcmp(got.p, value) == 0;
}

/* Upstream's bytes of the value keep its line breaks and escapes; where they
 * would mean something else here (another separator), the value is written anew. */
static int take_value(struct merge *m, uint32_t mine, uint32_t theirs, struct err *err)
{
	AUTO_BUF text = BUF_SECRET_INIT;
	const struct elem *e = &m->p->elem[mine], *from = &m->latest->elem[theirs];
	const char *s = elem_text(m->p, mine);

	buf_add(&text, s, e->at.value);
	add_lines(&text, elem_text(m->latest, theirs) + from->at.value, from->at.value_end - from->at.value,
		  props_line_end(m->p, mine));
	buf_add(&text, s + e->at.value_end, e->len - e->at.value_end);
	if (m->latest->enc == m->p->enc && !from->open && !e->open && reads_as(m->p, &text, m->key.p, m->theirs.p))
		return elem_replace(m->p, mine, text.p, text.len, err);
	return props_set(m->p, m->key.p, m->theirs.p, err) < 0 ? -1 : 0;
}

/* ---- a key changed by both keeps the admin's value ---- */

/* Worded so that it is not taken for a commented "#KEY=" or "#KEY:" itself. */
static const char mark[] = "# (maintkit) the new default is ";

/* Is the comment one of ours about this key? */
static bool is_mark(const struct merge *m, uint32_t i)
{
	AUTO_BUF want = BUF_INIT;

	if (i == NONE || m->p->elem[i].kind != ELEM_COMMENT)
		return false;
	buf_adds(&want, mark);
	lex_escape_key(&want, m->key.p);
	buf_addc(&want, '=');
	return m->p->elem[i].len >= want.len && memcmp(elem_text(m->p, i), want.p, want.len) == 0;
}

static int note_new_default(struct merge *m, uint32_t mine, struct err *err)
{
	AUTO_BUF text = BUF_SECRET_INIT;
	uint32_t above = m->p->elem[mine].prev;

	buf_adds(&text, mark);
	props_format(&text, m->key.p, m->theirs.p);
	buf_adds(&text, props_line_end(m->p, mine));
	if (!is_mark(m, above)) {
		m->changed = true;
		return elem_insert(m->p, above, text.p, text.len, &above, err);
	}
	if (m->p->elem[above].len == text.len && memcmp(elem_text(m->p, above), text.p, text.len) == 0)
		return 0;
	m->changed = true;
	return elem_comment(m->p, above, text.p, text.len, err);
}

/* ---- a key that is new upstream ---- */

/* Equal but for the line end? */
static bool same_line(const struct props *a, uint32_t i, const struct props *b, uint32_t k)
{
	const char *s = elem_text(a, i), *t = elem_text(b, k);
	size_t len = a->elem[i].len, other = b->elem[k].len;

	len -= lex_eol_at_end(s, len);
	other -= lex_eol_at_end(t, other);
	return len == other && memcmp(s, t, len) == 0;
}

/* Does p have the comments from..to (in latest, to excluded) from element i on? Returns the last of them. */
static uint32_t match_block(const struct merge *m, uint32_t i, uint32_t from, uint32_t to)
{
	uint32_t last = NONE;

	for (; from != to; from = m->latest->elem[from].next) {
		if (i == NONE || m->p->elem[i].kind != ELEM_COMMENT || !same_line(m->p, i, m->latest, from))
			return NONE;
		last = i;
		i = m->p->elem[i].next;
	}
	return last;
}

/* The comment block may be there already, below the anchor. */
static uint32_t find_block(const struct merge *m, uint32_t from, uint32_t to)
{
	uint32_t i = m->anchor == NONE ? m->p->first : m->p->elem[m->anchor].next;

	for (int n = 0; from != to && i != NONE && n < GAP_MAX; n++, i = m->p->elem[i].next) {
		if (m->p->elem[i].kind == ELEM_ENTRY)
			break;
		uint32_t last = match_block(m, i, from, to);

		if (last != NONE)
			return last;
	}
	return NONE;
}

/* Without a neighbour above: in front of the next one below, and its comments.
 * false: there is none either. */
static bool before_next(const struct merge *m, uint32_t theirs, uint32_t *after)
{
	AUTO_BUF key = BUF_INIT;

	for (uint32_t i = m->latest->elem[theirs].next; i != NONE; i = m->latest->elem[i].next) {
		if (m->latest->elem[i].kind != ELEM_ENTRY)
			continue;
		elem_key(m->latest, i, &key);
		uint32_t here = props_find(m->p, key.p);

		if (here != NONE) {
			*after = m->p->elem[props_block_start(m->p, here)].prev;
			return true;
		}
	}
	return false;
}

static int insert_lines(struct merge *m, uint32_t *after, uint32_t from, uint32_t to, struct err *err)
{
	const char *eol = props_line_end(m->p, *after);

	for (; from != to; from = m->latest->elem[from].next) {
		AUTO_BUF text = BUF_SECRET_INIT;
		const char *s = elem_text(m->latest, from);
		size_t len = m->latest->elem[from].len;

		add_lines(&text, s, len - lex_eol_at_end(s, len), eol);
		buf_adds(&text, eol);
		if (elem_insert(m->p, *after, text.p, text.len, after, err) < 0)
			return -1;
	}
	return 0;
}

/* Upstream's own bytes, or the entry written anew where those do not stand alone. */
static int insert_entry(struct merge *m, uint32_t *after, uint32_t theirs, struct err *err)
{
	AUTO_BUF text = BUF_SECRET_INIT;
	const char *s = elem_text(m->latest, theirs), *eol = props_line_end(m->p, *after);
	size_t len = m->latest->elem[theirs].len;

	add_lines(&text, s, len - lex_eol_at_end(s, len), eol);
	buf_adds(&text, eol);
	if (m->latest->enc != m->p->enc || m->latest->elem[theirs].open ||
	    !reads_as(m->p, &text, m->key.p, m->theirs.p)) {
		buf_reset(&text);
		props_format(&text, m->key.p, m->theirs.p);
		buf_adds(&text, eol);
	}
	return elem_insert(m->p, *after, text.p, text.len, after, err);
}

static int add_blank_line(struct merge *m, uint32_t *after, struct err *err)
{
	const char *eol = props_line_end(m->p, *after);

	return elem_insert(m->p, *after, eol, strlen(eol), after, err);
}

/* Where p has no "#KEY=": behind its neighbour, with its comments. */
static int add_with_block(struct merge *m, uint32_t theirs, struct err *err)
{
	uint32_t from = props_block_start(m->latest, theirs), above = m->latest->elem[from].prev;
	uint32_t after = find_block(m, from, theirs);

	if (after != NONE) {
		if ((after == m->p->last && props_tail(m->p, &after, err) < 0) ||
		    insert_entry(m, &after, theirs, err) < 0)
			return -1;
		m->anchor = after;
		return 0;
	}
	after = m->anchor;
	if ((m->anchor == NONE && !before_next(m, theirs, &after)) || m->anchor == m->p->last)
		if (props_tail(m->p, &after, err) < 0)
			return -1;
	if (above != NONE && m->latest->elem[above].kind == ELEM_BLANK && after != NONE &&
	    add_blank_line(m, &after, err) < 0)
		return -1;
	if (insert_lines(m, &after, from, theirs, err) < 0 || insert_entry(m, &after, theirs, err) < 0)
		return -1;
	m->anchor = after;
	return 0;
}

/* The anchor moves down to a comment "#KEY=" only when that is the next thing
 * below it; one that stands elsewhere would take all that follows along. */
static bool is_next(const struct merge *m, uint32_t comment)
{
	uint32_t i = m->anchor == NONE ? m->p->first : m->p->elem[m->anchor].next;

	for (int n = 0; i != NONE && n < GAP_MAX && m->p->elem[i].kind != ELEM_ENTRY; n++, i = m->p->elem[i].next)
		if (i == comment)
			return true;
	return false;
}

static int add_key(struct merge *m, uint32_t theirs, struct err *err)
{
	uint32_t comment = props_find_commented(m->p, m->key.p);

	/* Whoever merges without a base cannot know who put the '#' there. */
	if (comment != NONE && !m->base)
		return 0;
	report(m, PROPS_MERGE_ADDED, NULL, m->theirs.p);
	m->changed = true;
	if (comment == NONE)
		return add_with_block(m, theirs, err);
	bool moves = is_next(m, comment);

	if (comment == m->p->last && props_tail(m->p, &comment, err) < 0)
		return -1;
	if (insert_entry(m, &comment, theirs, err) < 0)
		return -1;
	if (moves)
		m->anchor = comment;
	return 0;
}

/* ---- one key ---- */

static int merge_present(struct merge *m, uint32_t mine, uint32_t theirs, bool had, struct err *err)
{
	if (strcmp(m->mine.p, m->theirs.p) == 0)
		return 0;
	if (!m->base) {
		report(m, PROPS_MERGE_DIFFERS, m->mine.p, m->theirs.p);
		return 0;
	}
	if (had && strcmp(m->old.p, m->theirs.p) == 0)
		return 0;
	if (had && strcmp(m->old.p, m->mine.p) == 0) {
		report(m, PROPS_MERGE_TOOK, m->mine.p, m->theirs.p);
		m->changed = true;
		return take_value(m, mine, theirs, err);
	}
	report(m, PROPS_MERGE_CONFLICT, m->mine.p, m->theirs.p);
	return note_new_default(m, mine, err);
}

static int merge_key(struct merge *m, uint32_t theirs, struct err *err)
{
	bool had = value_in(m->base, m->key.p, &m->old);
	uint32_t mine = props_find(m->p, m->key.p);

	elem_value(m->latest, theirs, &m->theirs);
	if (mine != NONE) {
		m->anchor = mine;
		elem_value(m->p, mine, &m->mine);
		return merge_present(m, mine, theirs, had, err);
	}
	if (!had)
		return add_key(m, theirs, err);
	uint32_t comment = props_find_commented(m->p, m->key.p);

	/* What the admin commented out still marks the place. */
	if (comment != NONE && is_next(m, comment))
		m->anchor = comment;
	if (strcmp(m->old.p, m->theirs.p) != 0)
		report(m, PROPS_MERGE_OUT, NULL, m->theirs.p);
	return 0;
}

static void report_dropped(struct merge *m)
{
	for (uint32_t i = m->base ? m->base->first : NONE; i != NONE; i = m->base->elem[i].next) {
		if (!elem_is_live(m->base, i))
			continue;
		elem_key(m->base, i, &m->key);
		if (props_find(m->latest, m->key.p) == NONE && value_in(m->p, m->key.p, &m->mine))
			report(m, PROPS_MERGE_DROPPED, m->mine.p, NULL);
	}
}

static int merge_all(struct merge *m, struct err *err)
{
	for (uint32_t i = m->latest->first; i != NONE; i = m->latest->elem[i].next) {
		if (m->latest->elem[i].kind != ELEM_ENTRY)
			continue;
		elem_key(m->latest, i, &m->key);
		if (props_find(m->latest, m->key.p) == i && merge_key(m, i, err) < 0)
			return -1;
	}
	report_dropped(m);
	return m->changed;
}

int props_merge(struct props *p, const struct props *base, const struct props *latest, props_merge_fn fn,
		void *arg, struct err *err)
{
	struct merge m = {
		.p = p, .base = base, .latest = latest, .fn = fn, .arg = arg, .anchor = NONE,
		.key = BUF_SECRET_INIT, .mine = BUF_SECRET_INIT, .theirs = BUF_SECRET_INIT, .old = BUF_SECRET_INIT,
	};
	int rc = merge_all(&m, err);

	buf_release(&m.key);
	buf_release(&m.mine);
	buf_release(&m.theirs);
	buf_release(&m.old);
	return rc;
}
