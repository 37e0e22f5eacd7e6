/* Shared by the pieces of sqlsplit: its state, and the client's commands.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_SQLSPLIT_PRIV_H
#define MAINTKIT_SQLSPLIT_PRIV_H

#include "sqlsplit.h"

#define DELIMITER_MAX 15	/* the client's own limit */

struct sqlsplit {
	struct buf in;			/* window of the input */
	size_t pos;			/* next byte of it */
	uint64_t in_offset;		/* file offset of in.p[0] */
	bool eof, ended;
	uint64_t line;			/* current line, from 1 */
	uint64_t line_offset;		/* file offset of its first byte */
	bool line_start;		/* its first byte was not looked at yet */

	struct buf out;			/* the statement so far */
	size_t run;			/* out.len when the client last moved its line into the statement */
	char quote;			/* ' " ` inside one, else 0 */
	bool comment;			/* inside a dropped comment; may last for lines */
	bool special;			/* inside a conditional comment; the client forgets it at the line's end */
	bool need_space;		/* a comment ended in this line; likewise */
	bool skip_params;		/* behind a \x command with arguments */
	bool skip_line;			/* behind -- or # */

	char delimiter[DELIMITER_MAX + 1];
	size_t delimiter_len;
	bool endless;			/* the delimiter has a line feed in it */
	bool utf8, no_backslash, ansi_quotes;
	size_t limit;

	uint64_t start_line, start_column;
	uint64_t *line_map;
	size_t line_map_n;
	bool taken;			/* the caller has seen out: empty it first */
	struct buf arg;
};

enum split_effect { DROP, REFUSE, GO, CLEAR, QUIT, DELIMITER, COMMAND };

/* One of the client's commands. params: it takes arguments, so more than the bare word may stand in the line. */
struct split_command {
	const char *name;
	char letter;
	bool params;
	enum split_effect effect;
	enum sqlsplit_command command;
};

/* By the letter behind a backslash; NULL when there is none. */
const struct split_command *split_command_letter(char letter);
/* Is this text a command by its long name? The client lets the splitter handle
 * text that holds a delimiter or \g, unless it is DELIMITER itself. */
const struct split_command *split_command_find(struct sqlsplit *sp, const char *text, size_t len);
/* Could the line at the window's position be one? Its first word tells, once it is there. */
bool split_command_may_be(const struct sqlsplit *sp, bool *undecided);
/* Put a command's argument into sp->arg; false when there is none. */
bool split_take_argument(struct sqlsplit *sp, const char *line, size_t len);
void split_take_file_name(struct sqlsplit *sp, const char *line, size_t len);
/* sp->arg becomes the delimiter, if the client would take it. */
void split_set_delimiter(struct sqlsplit *sp);

static inline bool is_space(unsigned char c, bool utf8)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (!utf8 && c == 0xa0);
}

#endif
