/* Taking the database's name out of the triggers in a stream of mariadb-dump's output.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include "dumptrigger.h"
#include "sqllex.h"

#define HEAD_MAX (64u << 10)	/* definer, names and comments up to FOR EACH ROW */

static const char mark[] = "\n/*!50003 CREATE*/ ";
#define MARK_LEN (sizeof(mark) - 1)

void dumptrigger_release(struct dumptrigger *f)
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

/* Puts out what stands before `upto` and was not put out before. */
static void put_upto(struct dumptrigger *f, size_t upto, struct buf *out)
{
	if (upto > f->done)
		buf_add(out, f->held.p + f->done, upto - f->done);
	f->done = upto > f->done ? upto : f->done;
}

/* Only what begins at `from` is needed further on. */
static void forget_upto(struct dumptrigger *f, size_t from)
{
	memmove(f->held.p, f->held.p + from, f->held.len - from);
	buf_truncate(&f->held, f->held.len - from);
	f->done = f->done > from ? f->done - from : 0;
}

void dumptrigger_add(struct dumptrigger *f, const void *data, size_t len, bool last, struct buf *out)
{
	const char *hit;

	if (!f->begun) {	/* the first line begins as others do */
		buf_addc(&f->held, '\n');
		f->done = 1;
		f->begun = true;
	}
	buf_add(&f->held, data, len);
	for (size_t from = 0; (hit = memmem(f->held.p + from, f->held.len - from, mark, MARK_LEN)); from = f->done) {
		size_t at = (size_t)(hit - f->held.p) + 1, n;

		put_upto(f, at, out);
		n = put_head(f->held.p + at, f->held.len - at, last, out);
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
