/* Words of one SQL statement as the MariaDB server reads them: just enough to see what a statement is about.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Comments are skipped; the content of conditional comments is read as if it
 * stood there plainly. Names may be quoted with ` and, under ANSI_QUOTES, with ".
 */
#ifndef MAINTKIT_SQLLEX_H
#define MAINTKIT_SQLLEX_H

#include <stdbool.h>
#include "../base/buf.h"

enum sqltok { TOK_END, TOK_WORD, TOK_NAME /* quoted name */, TOK_STRING, TOK_NUMBER, TOK_VARIABLE /* @x, @@x */, TOK_PUNCT };

struct sqllex {
	const char *p, *end;
	bool ansi_quotes, no_backslash;
	/* the current token */
	enum sqltok type;
	const char *tok;
	size_t len;
};

void sqllex_init(struct sqllex *lx, const char *text, size_t len, bool ansi_quotes, bool no_backslash);
/* Step to the next token; false at the end. */
bool sqllex_next(struct sqllex *lx);
/* Is the current token this keyword (upper case) / this punctuation? */
bool sqllex_is(const struct sqllex *lx, const char *word);
bool sqllex_punct(const struct sqllex *lx, char c);
/* The same, and step over it when so. */
bool sqllex_take(struct sqllex *lx, const char *word);
bool sqllex_take_punct(struct sqllex *lx, char c);
/* The current token is an identifier: put it unquoted into out (to be freed by the caller), step over it. */
bool sqllex_take_name(struct sqllex *lx, char **out);
/* [schema .] name; *schema is NULL when there is none. */
bool sqllex_take_qualified(struct sqllex *lx, char **schema, char **name);
/* Step over what is left of a list element: to a comma or a closing bracket of this level, or the end. */
void sqllex_skip_element(struct sqllex *lx);

#endif
