/* Words of one SQL statement as the MariaDB server reads them: just enough to see what a statement is about.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "sqllex.h"

void sqllex_init(struct sqllex *lx, const char *text, size_t len, bool ansi_quotes, bool no_backslash)
{
	*lx = (struct sqllex){ .p = text, .end = text + len, .ansi_quotes = ansi_quotes, .no_backslash = no_backslash };
	(void)sqllex_next(lx);
}

static char at(const struct sqllex *lx, size_t n)
{
	return (size_t)(lx->end - lx->p) > n ? lx->p[n] : 0;
}

/* Step over a comment; a conditional one only over its mark. False: there is none here. */
static bool skip_comment(struct sqllex *lx)
{
	const char *stop = NULL;

	if (at(lx, 0) == '#' || (at(lx, 0) == '-' && at(lx, 1) == '-' && (!at(lx, 2) || isspace((unsigned char)at(lx, 2))))) {
		stop = memchr(lx->p, '\n', (size_t)(lx->end - lx->p));
		lx->p = stop ? stop + 1 : lx->end;
		return true;
	}
	if (at(lx, 0) == '*' && at(lx, 1) == '/') {	/* the end of a conditional comment */
		lx->p += 2;
		return true;
	}
	if (at(lx, 0) != '/' || at(lx, 1) != '*')
		return false;
	if (at(lx, 2) == '!' || (at(lx, 2) == 'M' && at(lx, 3) == '!')) {
		lx->p += at(lx, 2) == '!' ? 3 : 4;
		while (isdigit((unsigned char)at(lx, 0)))
			lx->p++;
		return true;
	}
	stop = memmem(lx->p + 2, (size_t)(lx->end - lx->p) - 2, "*/", 2);
	lx->p = stop ? stop + 2 : lx->end;
	return true;
}

static bool word_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* To behind the closing quote; a doubled quote stays inside. */
static void skip_quoted(struct sqllex *lx, bool escapes)
{
	char q = *lx->p++;

	while (lx->p < lx->end) {
		if (escapes && *lx->p == '\\' && lx->p + 1 < lx->end) {
			lx->p += 2;
		} else if (*lx->p++ == q) {
			if (at(lx, 0) != q)
				return;
			lx->p++;
		}
	}
}

static enum sqltok scan(struct sqllex *lx)
{
	char c = *lx->p;

	if (c == '`' || (c == '"' && lx->ansi_quotes)) {
		skip_quoted(lx, false);
		return TOK_NAME;
	}
	if (c == '\'' || c == '"') {
		skip_quoted(lx, !lx->no_backslash);
		return TOK_STRING;
	}
	if (c == '@') {
		while (at(lx, 0) == '@')
			lx->p++;
		if (at(lx, 0) && strchr("'\"`", at(lx, 0)))
			skip_quoted(lx, *lx->p != '`' && !lx->no_backslash);
		else
			while (word_byte(at(lx, 0)) || at(lx, 0) == '.')
				lx->p++;
		return TOK_VARIABLE;
	}
	if (word_byte(c)) {
		bool digits = isdigit((unsigned char)c);

		for (; word_byte(at(lx, 0)) || (digits && at(lx, 0) == '.'); lx->p++)
			;
		return digits ? TOK_NUMBER : TOK_WORD;
	}
	lx->p++;
	return TOK_PUNCT;
}

bool sqllex_next(struct sqllex *lx)
{
	do {
		while (lx->p < lx->end && isspace((unsigned char)*lx->p))
			lx->p++;
	} while (lx->p < lx->end && skip_comment(lx));
	lx->tok = lx->p;
	lx->type = lx->p < lx->end ? scan(lx) : TOK_END;
	lx->len = (size_t)(lx->p - lx->tok);
	/* `1a` is a name in MariaDB, `1` and `1e5` are not: tell them apart by the last byte. */
	if (lx->type == TOK_NUMBER && isalpha((unsigned char)lx->tok[lx->len - 1]) && lx->tok[1] != 'x')
		lx->type = TOK_WORD;
	return lx->type != TOK_END;
}

bool sqllex_is(const struct sqllex *lx, const char *word)
{
	return lx->type == TOK_WORD && strlen(word) == lx->len && !strncasecmp(word, lx->tok, lx->len);
}

bool sqllex_punct(const struct sqllex *lx, char c)
{
	return lx->type == TOK_PUNCT && *lx->tok == c;
}

bool sqllex_take(struct sqllex *lx, const char *word)
{
	if (!sqllex_is(lx, word))
		return false;
	(void)sqllex_next(lx);
	return true;
}

bool sqllex_take_punct(struct sqllex *lx, char c)
{
	if (!sqllex_punct(lx, c))
		return false;
	(void)sqllex_next(lx);
	return true;
}

bool sqllex_take_name(struct sqllex *lx, char **out)
{
	AUTO_BUF b = BUF_INIT;

	if (lx->type == TOK_WORD) {
		buf_add(&b, lx->tok, lx->len);
	} else if (lx->type == TOK_NAME && lx->len >= 2) {
		for (const char *p = lx->tok + 1; p < lx->tok + lx->len - 1; p++) {
			buf_addc(&b, *p);
			p += *p == *lx->tok;	/* doubled quote */
		}
	} else {
		return false;
	}
	free(*out);
	*out = buf_steal(&b);
	(void)sqllex_next(lx);
	return true;
}

bool sqllex_take_qualified(struct sqllex *lx, char **schema, char **name)
{
	free(*schema);
	*schema = NULL;
	if (!sqllex_take_name(lx, name))
		return false;
	if (!sqllex_take_punct(lx, '.'))
		return true;
	*schema = MOVE_PTR(*name);
	return sqllex_take_name(lx, name);
}

void sqllex_skip_element(struct sqllex *lx)
{
	int depth = 0;

	for (; lx->type != TOK_END; (void)sqllex_next(lx)) {
		if (lx->type != TOK_PUNCT)
			continue;
		if (depth == 0 && (*lx->tok == ',' || *lx->tok == ')'))
			return;
		depth += *lx->tok == '(' ? 1 : *lx->tok == ')' ? -1 : 0;
	}
}
