/* Taking second names out of a first_name column, so that no part of a name is lost.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "names.h"
#include "utf8.h"

#define WORDS_MAX 64

const char names_compound[] =
	"Jean Marie Mary Anna Anne Maria María Ana Juan José Jose Luis Rosa Jo Van Le La De Da Di Abd Abdul "
	"Abdel Abdal Abu Al El Bin Mohammad Mohammed Muhammad Mohamed Mohamad Mohd Md Nur Noor Sri St Saint";

/* Words that say that this is no plain pair of names. Lower case. */
static const char *const suffixes[] = { "jr", "sr", "ii", "iii", "iv" };
static const char *const conjunctions[] = { "&", "and", "et", "or" };
static const char *const newborns[] = { "baby", "boy", "girl", "infant", "newborn", "twin", "nbn" };

struct word {
	const char *p;
	size_t len;
};
struct words {
	struct word v[WORDS_MAX];
	size_t n;
	bool valid, many, zero_width;
};

static bool is_separator(int32_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	       c == 0x202f || c == 0x205f || c == 0x3000;
}

static bool is_zero_width(int32_t c)
{
	return (c >= 0x200b && c <= 0x200f) || c == 0x2060 || c == 0xfeff || c == 0xad;
}

static void find_words(struct words *w, const char *s, size_t len)
{
	size_t used, start = 0;
	bool inside = false;

	*w = (struct words){ .valid = true };
	for (size_t i = 0; i <= len; i += used) {
		int32_t c = i < len ? utf8_next(s + i, len - i, &used) : ' ';

		if (i == len)
			used = 1;
		if (c < 0 || c == 0) {
			w->valid = false;
			return;
		}
		w->zero_width |= is_zero_width(c);
		bool separator = is_separator(c);

		if (!separator && !inside)
			start = i;
		if (separator && inside) {
			if (w->n == WORDS_MAX) {
				w->many = true;
				return;
			}
			w->v[w->n++] = (struct word){ s + start, i - start };
		}
		inside = !separator;
	}
}

/* Lower case of the letters that names here are written in; others stay. What
 * is not folded makes two spellings differ, which is held: the safe side. */
static int32_t fold(int32_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c + 32;
	if (c >= 0xc0 && c <= 0xde && c != 0xd7)
		return c + 32;
	if (c == 0x130 || c == 0x131)
		return c;	/* I with a dot and i without one are two letters, not one pair */
	if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177))
		return c | 1;
	if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
		return c & 1 ? c + 1 : c;
	if ((c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
		return c + 32;
	return c;
}

static bool same_word(struct word a, struct word b)
{
	size_t i = 0, j = 0, used_a, used_b;

	while (i < a.len && j < b.len) {
		if (fold(utf8_next(a.p + i, a.len - i, &used_a)) != fold(utf8_next(b.p + j, b.len - j, &used_b)))
			return false;
		i += used_a;
		j += used_b;
	}
	return i == a.len && j == b.len;
}

static bool is_text(struct word w, const char *text)
{
	return same_word(w, (struct word){ text, strlen(text) });
}

/* "Jr." and "Jr," are "Jr". */
static bool is_one_of(struct word w, const char *const *list, size_t n)
{
	while (w.len > 1 && strchr(".,", w.p[w.len - 1]))
		w.len--;
	for (size_t i = 0; i < n; i++)
		if (is_text(w, list[i]))
			return true;
	return false;
}

static bool is_compound(const struct names_rules *rules, struct word w)
{
	if (rules->compound) {
		for (size_t i = 0; i < rules->compound->n; i++)
			if (is_text(w, rules->compound->v[i]))
				return true;
		return false;
	}
	for (const char *p = names_compound; *p; p += *p == ' ') {
		size_t len = strcspn(p, " ");

		if (same_word(w, (struct word){ p, len }))
			return true;
		p += len;
	}
	return false;
}

static bool has_digit(struct word w)
{
	for (size_t i = 0; i < w.len; i++)
		if (w.p[i] >= '0' && w.p[i] <= '9')
			return true;
	return false;
}

/* Why a name of two or more words is no case for a program; NULL: it is one. */
static const char *reason_to_hold(const struct words *w, const struct names_rules *rules)
{
	struct word first = w->v[0], second = w->v[1];

	if (first.p[first.len - 1] == '.' || utf8_count(first.p, first.len) == 1)
		return "it begins with an initial";
	if (strchr("(-\"", second.p[0]))
		return "the second word is no name by itself";
	for (size_t i = 0; i < w->n; i++) {
		if (has_digit(w->v[i]))
			return "it has digits";
		if (is_one_of(w->v[i], newborns, ARRAY_LEN(newborns)))
			return "it may be a newborn without a name";
		if (is_one_of(w->v[i], conjunctions, ARRAY_LEN(conjunctions)))
			return "it may be two people, or a note";
		if (i && is_one_of(w->v[i], suffixes, ARRAY_LEN(suffixes)))
			return "it has a suffix";
	}
	if (is_compound(rules, first))
		return "it may be a double name";
	return NULL;
}

static void add_words(struct buf *out, const struct words *w, size_t from)
{
	for (size_t i = from; i < w->n; i++) {
		if (out->len)
			buf_addc(out, ' ');
		buf_add(out, w->v[i].p, w->v[i].len);
	}
}

/* Do the words of `part` from `from` on stand one after the other in `whole` from `at` on somewhere? */
static bool contains_run(const struct words *whole, size_t at, const struct words *part, size_t from)
{
	size_t n = part->n - from;

	for (; at + n <= whole->n; at++) {
		size_t i = 0;

		while (i < n && same_word(whole->v[at + i], part->v[from + i]))
			i++;
		if (i == n)
			return true;
	}
	return false;
}

static void hold(struct names *n, const char *why)
{
	n->verdict = NAMES_HOLD;
	n->why = why;
}

static void start(struct names *n)
{
	n->verdict = NAMES_KEEP;
	n->why = NULL;
	n->zero_width = false;
	buf_reset(&n->first);
	buf_reset(&n->middle);
}

/* KEEP when first and middle are what was there, bytes and NULL. */
static void settle(struct names *n, const char *first, size_t first_len, const char *middle, size_t middle_len)
{
	bool same = middle && n->first.len == first_len && memcmp(n->first.p, first, first_len) == 0 &&
		    n->middle.len == middle_len && memcmp(n->middle.p, middle, middle_len) == 0;

	if (n->verdict != NAMES_HOLD)
		n->verdict = same ? NAMES_KEEP : NAMES_WRITE;
}

void names_split(struct names *n, const struct names_rules *rules, const char *first, size_t first_len,
		 const char *middle, size_t middle_len)
{
	struct words f, m;

	start(n);
	find_words(&f, first, first_len);
	find_words(&m, middle ? middle : "", middle ? middle_len : 0);
	n->zero_width = f.zero_width || m.zero_width;
	if (!f.valid || !m.valid) {
		hold(n, "it is not valid UTF-8");
		return;
	}
	if (f.many || m.many) {
		hold(n, "it has too many words");
		return;
	}
	if (f.n)
		buf_add(&n->first, f.v[0].p, f.v[0].len);
	if (f.n < 2) {
		if (m.n)
			buf_add(&n->middle, middle, middle_len);	/* as it stands */
		settle(n, first, first_len, middle, middle_len);
		return;
	}
	const char *why = rules->force ? NULL : reason_to_hold(&f, rules);

	if (m.n && contains_run(&m, 0, &f, 1)) {
		buf_add(&n->middle, middle, middle_len);
	} else if (!m.n || contains_run(&f, 1, &m, 0)) {
		add_words(&n->middle, &f, 1);
	} else {
		add_words(&n->middle, &f, 1);
		add_words(&n->middle, &m, 0);
		if (!rules->join && !rules->force && !why)
			why = "there is another middle name already";
	}
	if (why)
		hold(n, why);
	settle(n, first, first_len, middle, middle_len);
}

void names_as_manual(struct names *n, const char *first, size_t first_len, const char *middle, size_t middle_len)
{
	size_t from = 0, to = first_len, blank;
	bool empty = true;

	start(n);
	while (from < to && first[from] == ' ')
		from++;
	while (to > from && first[to - 1] == ' ')
		to--;
	for (size_t i = 0; middle && i < middle_len; i++)
		empty = empty && middle[i] == ' ';	/* '' = ' ' to the server: PAD SPACE */
	for (blank = from; blank < to && first[blank] != ' '; blank++)
		;
	buf_add(&n->first, first + from, blank - from);
	if (!empty)
		buf_add(&n->middle, middle, middle_len);
	else if (blank < to)
		buf_add(&n->middle, first + blank + 1, to - blank - 1);
	settle(n, first, first_len, middle, middle_len);
}

bool names_lossless(const char *first, const char *middle, const char *new_first, const char *new_middle)
{
	const char *const was[] = { first, middle }, *const is[] = { new_first, new_middle };
	struct words now[2];

	for (int i = 0; i < 2; i++)
		find_words(&now[i], is[i], strlen(is[i]));
	for (int i = 0; i < 2; i++) {
		struct words w;

		find_words(&w, was[i], strlen(was[i]));
		for (size_t k = 0; k < w.n; k++) {
			bool found = false;

			for (int j = 0; j < 2 && !found; j++)
				for (size_t x = 0; x < now[j].n && !found; x++)
					found = same_word(w.v[k], now[j].v[x]);
			if (!found)
				return false;
		}
	}
	return true;
}

void names_release(struct names *n)
{
	buf_release(&n->first);
	buf_release(&n->middle);
}
