/* Taking the database's name out of the triggers and views in a stream of mariadb-dump's output.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include "dumpnames.h"
#include "sqllex.h"

#define HEAD_MAX (64u << 10)	/* definer, names and comments up to FOR EACH ROW */

#define VIEW_MAX (4u << 20)	/* a definition can be that long, but none is */

static const char trigger_mark[] = "\n/*!50003 CREATE*/ ", view_mark[] = "\n/*!50001 VIEW ", view_end[] = " */;\n";
#define MARK_LEN (sizeof(trigger_mark) - 1)	/* the longer one */
#define VIEW_MARK_LEN (sizeof(view_mark) - 1)

void dumpnames_release(struct dumpnames *f)
{
	buf_release(&f->held);
}

struct cut {
	size_t from, upto;
};

/* At a name: where a database's name and the point stand before it; steps over all of it. */
static bool qualified(struct sqllex *lx, const char *text, struct cut *cut)
{
	size_t from = (size_t)(lx->tok - text);

	*cut = (struct cut){ from, from };
	if ((lx->type != TOK_WORD && lx->type != TOK_NAME) || !sqllex_next(lx))
		return false;
	if (!sqllex_take_punct(lx, '.'))
		return true;
	cut->upto = (size_t)(lx->tok - text);
	return (lx->type == TOK_WORD || lx->type == TOK_NAME) && sqllex_next(lx);
}

static bool skip_to(struct sqllex *lx, const char *word)
{
	while (lx->type != TOK_END && !sqllex_is(lx, word))
		sqllex_next(lx);
	return sqllex_take(lx, word);
}

/* The two places in the head of a statement. False: it is no trigger, or not whole yet. */
static bool find_cuts(const char *text, size_t len, struct cut cut[2])
{
	struct sqllex lx;

	/* Which quotes are in force is told by a SET far above; a head has names only. */
	sqllex_init(&lx, text, len, true, true);
	if (!sqllex_take(&lx, "CREATE") || !skip_to(&lx, "TRIGGER"))
		return false;
	if (sqllex_take(&lx, "IF") && (!sqllex_take(&lx, "NOT") || !sqllex_take(&lx, "EXISTS")))
		return false;
	return qualified(&lx, text, &cut[0]) && skip_to(&lx, "ON") && qualified(&lx, text, &cut[1]) && sqllex_is(&lx, "FOR");
}

/* The statement at text; how many bytes of it are done with. 0: more is needed. */
static size_t put_head(const char *text, size_t len, bool last, struct buf *out)
{
	struct cut cut[2];

	if (find_cuts(text, len < HEAD_MAX ? len : HEAD_MAX, cut)) {
		buf_add(out, text, cut[0].from);
		buf_add(out, text + cut[0].upto, cut[1].from - cut[0].upto);
		return cut[1].upto;
	}
	if (len < HEAD_MAX && !last && !memmem(text, len, ";;", 2))
		return 0;
	buf_add(out, text, MARK_LEN - 1);	/* it is no trigger */
	return MARK_LEN - 1;
}

/* Behind the string or quoted name at text, whose quotes may be doubled or, in a string, escaped. */
static size_t quoted(const char *text, size_t len)
{
	size_t i = 1;

	for (; i < len && (text[i] != text[0] || (i + 1 < len && text[i + 1] == text[0])); i++)
		i += text[i] == text[0] || (text[i] == '\\' && text[0] != '`');
	return i < len ? i + 1 : len;
}

/* `database`.`table`.`column` at text: how long the first part is with its point; 0: it is something else. */
static size_t database_part(const char *text, size_t len, const struct buf *database)
{
	size_t first = quoted(text, len), second;

	if (first != database->len || memcmp(text, database->p, first) != 0 || len < first + 2 || text[first] != '.' || text[first + 1] != '`')
		return 0;
	second = first + 1 + quoted(text + first + 1, len - first - 1);
	return len > second + 1 && text[second] == '.' && text[second + 1] == '`' ? first + 1 : 0;
}

static void put_view(const char *text, size_t len, const char *database, struct buf *out)
{
	AUTO_BUF name = BUF_INIT;

	buf_addc(&name, '`');
	for (const char *p = database; *p; p++)
		buf_adds(&name, *p == '`' ? "``" : (char[]){ *p, '\0' });
	buf_addc(&name, '`');
	for (size_t i = 0, n; i < len; i += n) {
		bool is_name = text[i] == '`';
		size_t skip = is_name && (i == 0 || text[i - 1] != '.') ? database_part(text + i, len - i, &name) : 0;

		n = skip ? skip : is_name || text[i] == '\'' || text[i] == '"' ? quoted(text + i, len - i) : 1;
		if (!skip)
			buf_add(out, text + i, n);
	}
}

/* The line of a view at text; how many bytes of it are done with. 0: more is needed. */
static size_t put_line(const char *text, size_t len, bool last, const char *database, struct buf *out)
{
	const char *end = memmem(text, len, view_end, sizeof(view_end) - 1);

	if (end) {
		put_view(text, (size_t)(end - text), database, out);
		return (size_t)(end - text);
	}
	if (len < VIEW_MAX && !last)
		return 0;
	buf_add(out, text, VIEW_MARK_LEN - 1);
	return VIEW_MARK_LEN - 1;
}

/* The first of the two kinds. */
static const char *find_mark(const struct dumpnames *f, size_t from, bool *is_view)
{
	const char *text = f->held.p + from, *view = NULL;
	size_t len = f->held.len - from;
	const char *trigger = memmem(text, len, trigger_mark, MARK_LEN);

	if (f->database)
		view = memmem(text, trigger ? (size_t)(trigger - text) : len, view_mark, VIEW_MARK_LEN);
	*is_view = view;
	return view ? view : trigger;
}

/* Puts out what stands before `upto` and was not put out before. */
static void put_upto(struct dumpnames *f, size_t upto, struct buf *out)
{
	if (upto > f->done)
		buf_add(out, f->held.p + f->done, upto - f->done);
	f->done = upto > f->done ? upto : f->done;
}

/* Only what begins at `from` is needed further on. */
static void forget_upto(struct dumpnames *f, size_t from)
{
	memmove(f->held.p, f->held.p + from, f->held.len - from);
	buf_truncate(&f->held, f->held.len - from);
	f->done = f->done > from ? f->done - from : 0;
}

void dumpnames_add(struct dumpnames *f, const void *data, size_t len, bool last, struct buf *out)
{
	const char *hit;
	bool is_view;

	if (!f->begun) {	/* the first line begins as others do */
		buf_addc(&f->held, '\n');
		f->done = 1;
		f->begun = true;
	}
	buf_add(&f->held, data, len);
	for (size_t from = 0; (hit = find_mark(f, from, &is_view)); from = f->done) {
		size_t at = (size_t)(hit - f->held.p) + 1, n;

		put_upto(f, at, out);
		n = is_view ? put_line(f->held.p + at, f->held.len - at, last, f->database, out) :
			      put_head(f->held.p + at, f->held.len - at, last, out);
		if (!n) {
			forget_upto(f, at - 1);
			return;
		}
		f->done = at + n;
	}
	size_t tail = last || f->held.len < MARK_LEN ? 0 : MARK_LEN - 1;

	if (!last && f->held.len < MARK_LEN)
		return;
	put_upto(f, f->held.len - tail, out);
	forget_upto(f, f->held.len - tail);
}
