/* What in a properties file is probably not meant as it stands.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <strings.h>
#include "props_priv.h"

#define NEAR_MAX 2	/* letters wrong in a misspelt key */
#define KEY_MAX 80	/* longest key that is compared with the known ones */

struct check {
	const struct props *p, *defaults;
	props_check_fn fn;
	void *arg;
	size_t line, found;
	struct strv known;	/* keys of the defaults, when needed for spelling */
	struct buf key, value, text, fix;
};

const char *props_lint_name(enum props_lint lint)
{
	static const char *const names[] = {
		"duplicate", "commented", "swallowed", "trailing-blank", "backslash", "lone-backslash",
		"non-ascii", "unknown", "placeholder", "byte-order-mark", "mixed-line-ends", "open-end",
	};

	return names[lint];
}

/* Report what c->text and c->fix say, and empty them. */
static void tell_key(struct check *c, enum props_lint lint, size_t line, const char *key)
{
	struct props_finding f = { lint, line, key, c->text.p, c->fix.p };

	c->found++;
	if (c->fn)
		c->fn(&f, c->arg);
	buf_reset(&c->text);
	buf_reset(&c->fix);
}

static void tell(struct check *c, enum props_lint lint, size_t line)
{
	tell_key(c, lint, line, c->key.p);
}

static size_t count_lines(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		size_t eol = lex_eol(s + i, len - i);

		n += eol != 0;
		i += eol ? eol : 1;
	}
	return n;
}

/* ---- spelling ---- */

static int collect_key(const char *key, const char *value UNUSED, void *arg)
{
	strv_add(arg, key);
	return 0;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Letters to insert, delete, replace, or swap with their neighbour to get from a to b. */
static size_t distance(const char *a, const char *b)
{
	size_t row[3][KEY_MAX + 1], la = strlen(a), lb = strlen(b);

	if (la > KEY_MAX || lb > KEY_MAX || (la > lb ? la - lb : lb - la) > NEAR_MAX)
		return NEAR_MAX + 1;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			now[j] = min3(before[j] + 1, now[j - 1] + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && earlier[j - 2] + 1 < now[j])
				now[j] = earlier[j - 2] + 1;
		}
	}
	return row[la % 3][lb];
}

static const char *nearest(struct check *c, const char *key)
{
	const char *best = NULL;
	size_t best_distance = NEAR_MAX + 1;

	if (!c->known.n)
		props_each(c->defaults, collect_key, &c->known);
	for (size_t i = 0; i < c->known.n; i++) {
		size_t d = strcasecmp(c->known.v[i], key) == 0 ? 0 : distance(c->known.v[i], key);

		if (d < best_distance) {
			best = c->known.v[i];
			best_distance = d;
		}
	}
	/* In a key of three letters, two wrong ones leave nothing in common. */
	return best && best_distance * 3 < strlen(key) ? best : NULL;
}

/* ---- one entry ---- */

static void check_known(struct check *c)
{
	if (!c->defaults || props_find(c->defaults, c->key.p) != NONE)
		return;
	const char *near = nearest(c, c->key.p);

	buf_addf(&c->text, "'%s' is not among the shipped defaults", c->key.p);
	if (near)
		buf_addf(&c->fix, "did you mean '%s'?", near);
	else
		buf_adds(&c->fix, "the application may not know it; take it out if it is a leftover");
	tell(c, PROPS_LINT_UNKNOWN, c->line);
}

static void check_duplicate(struct check *c, uint32_t i)
{
	if (props_find(c->p, c->key.p) == i)
		return;
	buf_addf(&c->text, "'%s' is set again further down, where it counts", c->key.p);
	buf_adds(&c->fix, "take this line out");
	tell(c, PROPS_LINT_DUPLICATE, c->line);
}

/* A backslash before a character that needs none vanishes; before t, n, r or f
 * in what looks like a Windows path it becomes a control character. */
static bool backslash_at(const char *s, size_t len, size_t i)
{
	static const char fine[] = "\\:=#!\"' \t\f";
	unsigned char next = (unsigned char)s[i + 1];

	if (lex_is_eol(next) || next == 'u' || strchr(fine, next))
		return false;
	if (!strchr("tnrf", next))
		return true;
	/* "C:\temp", "C\:\temp", "dir\temp": a whole word follows. */
	size_t letters = 0;

	while (i + 1 + letters < len && ((s[i + 1 + letters] | 32) >= 'a') && ((s[i + 1 + letters] | 32) <= 'z'))
		letters++;
	return letters > 2 && i && (s[i - 1] == ':' || s[i - 1] == '\\');
}

static void check_backslashes(struct check *c, const struct elem *e, const char *s)
{
	size_t line = c->line;

	for (size_t i = e->at.value; i + 1 < e->at.value_end; i++) {
		if (s[i] == '\\' && backslash_at(s, e->at.value_end, i)) {
			buf_addf(&c->text, "'%s' has a backslash that Java takes away (before '%c')", c->key.p, s[i + 1]);
			buf_adds(&c->fix, "write two backslashes for one");
			tell(c, PROPS_LINT_BACKSLASH, line + count_lines(s, i));
			return;
		}
		i += s[i] == '\\';
	}
}

static void check_value(struct check *c)
{
	size_t len = c->value.len;

	if (len && lex_is_blank((unsigned char)c->value.p[len - 1])) {
		buf_addf(&c->text, "the value of '%s' ends in a blank, which Java keeps", c->key.p);
		buf_adds(&c->fix, "take the blank away, or write \\u0020 for it if it is meant");
		tell(c, PROPS_LINT_TRAILING, c->line);
	}
	const char *open = strstr(c->value.p, "${");
	const char *shipped = c->defaults ? props_get(c->defaults, c->key.p) : NULL;

	/* Where the default has one, the application replaces it itself. */
	if (open && strchr(open, '}') && !(shipped && strstr(shipped, "${"))) {
		buf_addf(&c->text, "the value of '%s' holds a literal ${...}, which nothing replaces", c->key.p);
		buf_adds(&c->fix, "write what it stands for");
		tell(c, PROPS_LINT_PLACEHOLDER, c->line);
	}
}

/* A trailing blank that is written \u0020 is meant. */
static bool blank_is_meant(const struct elem *e, const char *s)
{
	static const char meant[] = "\\u0020";
	size_t n = sizeof(meant) - 1;

	return e->at.value_end - e->at.value >= n && memcmp(s + e->at.value_end - n, meant, n) == 0;
}

static void check_non_ascii(struct check *c, const char *s, size_t len, size_t line)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80) {
			buf_addf(&c->text, "'%s' holds a character that is not ASCII, which depends on how the file is read", c->key.p);
			buf_adds(&c->fix, "write it as \\uXXXX ('props set' does)");
			tell(c, PROPS_LINT_NON_ASCII, line + count_lines(s, i));
			return;
		}
}

/* Lines of a continued value that look like settings of their own. */
static void check_swallowed(struct check *c, const struct elem *e, const char *s)
{
	AUTO_BUF inner = BUF_INIT;
	size_t line = c->line;

	for (size_t i = 0; i < e->at.value_end; i++) {
		size_t eol = lex_eol(s + i, e->at.value_end - i), where;
		struct span at;
		bool open;

		if (!eol)
			continue;
		line++;
		i += eol - 1;
		lex_entry(s + i + 1, e->len - i - 1, &at, &open);
		const char *k = s + i + 1;

		buf_reset(&inner);
		if (at.key_end == at.key || !memchr(k + at.key_end, '=', at.value - at.key_end) ||
		    lex_decode(k + at.key, at.key_end - at.key, c->p->enc, &inner, &where, NULL) < 0)
			continue;
		if (c->defaults && props_find(c->defaults, inner.p) == NONE)
			continue;
		buf_addf(&c->text, "'%s' looks set here, but the line continues the value of '%s'", inner.p, c->key.p);
		buf_adds(&c->fix, "take away the backslash at the end of the line above");
		tell_key(c, PROPS_LINT_SWALLOWED, line, inner.p);
	}
}

static void check_entry(struct check *c, uint32_t i)
{
	const struct elem *e = &c->p->elem[i];
	const char *s = elem_text(c->p, i);

	elem_key(c->p, i, &c->key);
	elem_value(c->p, i, &c->value);
	check_duplicate(c, i);
	check_known(c);
	if (blank_is_meant(e, s))
		buf_truncate(&c->value, c->value.len - 1);
	check_value(c);
	check_backslashes(c, e, s);
	check_swallowed(c, e, s);
	check_non_ascii(c, s, e->len, c->line);
	if (e->open) {
		buf_adds(&c->text, "the file ends in a backslash");
		buf_adds(&c->fix, "take it away, or what is appended later becomes part of this value");
		tell(c, PROPS_LINT_OPEN_END, c->line + count_lines(s, e->at.value_end));
	}
}

/* ---- the rest ---- */

/* A known key that is only there as a comment: the built-in default holds. */
static void check_comment(struct check *c, uint32_t i)
{
	struct span at;
	size_t where;
	const char *s = elem_text(c->p, i);

	buf_reset(&c->key);
	if (!c->defaults || !lex_commented(s, c->p->elem[i].len, &at) ||
	    lex_decode(s + at.key, at.key_end - at.key, c->p->enc, &c->key, &where, NULL) < 0)
		return;
	if (props_find(c->defaults, c->key.p) == NONE || props_find(c->p, c->key.p) != NONE)
		return;
	buf_addf(&c->text, "'%s' is commented out, so the value that is built into the application holds", c->key.p);
	buf_addf(&c->fix, "'props set %s=...' sets it; '%s=' makes it empty", c->key.p, c->key.p);
	tell(c, PROPS_LINT_COMMENTED, c->line);
}

static void check_blank(struct check *c, uint32_t i)
{
	const char *s = elem_text(c->p, i), *back = memchr(s, '\\', c->p->elem[i].len);

	buf_reset(&c->key);
	if (!back)
		return;
	buf_adds(&c->text, "a backslash alone on a line; Java before 14 makes the next line a setting, even a comment");
	buf_adds(&c->fix, "take the line out");
	tell(c, PROPS_LINT_LONE_BACKSLASH, c->line + count_lines(s, (size_t)(back - s)));
}

static void check_start(struct check *c)
{
	const char *s = c->p->first == NONE ? "" : elem_text(c->p, c->p->first);

	if (c->p->first == NONE || c->p->elem[c->p->first].len < 3 || memcmp(s, "\xef\xbb\xbf", 3) != 0)
		return;
	buf_adds(&c->text, "the file begins with a byte order mark, which Java takes for a part of the first line");
	buf_adds(&c->fix, "save the file without it");
	tell(c, PROPS_LINT_MARK, 1);
}

/* The first line end that is not like the one before it. */
static void check_line_end(struct check *c, uint32_t i, const char **seen, bool *told)
{
	const char *eol = lex_eol_at_end(elem_text(c->p, i), c->p->elem[i].len) ? props_line_end(c->p, i) : NULL;

	if (!eol || *told)
		return;
	if (*seen && strcmp(*seen, eol) != 0) {
		buf_reset(&c->key);
		buf_adds(&c->text, "the line ends in another way than those above it");
		buf_adds(&c->fix, "convert the file with dos2unix(1)");
		tell(c, PROPS_LINT_MIXED_ENDS, c->line);
		*told = true;
	}
	*seen = eol;
}

size_t props_check(const struct props *p, const struct props *defaults, props_check_fn fn, void *arg)
{
	struct check c = {
		.p = p, .defaults = defaults, .fn = fn, .arg = arg, .line = 1, .known = STRV_INIT,
		.key = BUF_SECRET_INIT, .value = BUF_SECRET_INIT, .text = BUF_INIT, .fix = BUF_INIT,
	};
	const char *eol = NULL;
	bool told = false;

	check_start(&c);
	for (uint32_t i = p->first; i != NONE; i = p->elem[i].next) {
		if (p->elem[i].kind == ELEM_ENTRY)
			check_entry(&c, i);
		else if (p->elem[i].kind == ELEM_COMMENT)
			check_comment(&c, i);
		else
			check_blank(&c, i);
		check_line_end(&c, i, &eol, &told);
		c.line += count_lines(elem_text(p, i), p->elem[i].len);
	}
	strv_release(&c.known);
	buf_release(&c.key);
	buf_release(&c.value);
	buf_release(&c.text);
	buf_release(&c.fix);
	return c.found;
}
