/* Cut SQL text into statements exactly as the mariadb client does, from a stream, in constant memory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The client reads whole lines and edits them in place; here the same
 * decisions are made byte by byte over a window of the input, so that a line of
 * 16 MiB costs no line buffer. Only a line that begins with the name of a
 * client command has to be seen as a whole.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sqlsplit_priv.h"

#define LOOKAHEAD 32		/* bytes that decide about one byte: a delimiter and a line end */
#define COMMAND_LINE_MAX (1u << 16)
#define STATEMENT_MAX ((size_t)1 << 30)

struct sqlsplit *sqlsplit_new(enum sqlsplit_charset charset)
{
	struct sqlsplit *sp = xcalloc(1, sizeof *sp);

	*sp = (struct sqlsplit){ .in = BUF_INIT, .out = BUF_INIT, .arg = BUF_INIT, .line = 1, .line_start = true,
				 .delimiter = ";", .delimiter_len = 1, .limit = STATEMENT_MAX,
				 .utf8 = charset == SQLSPLIT_UTF8 };
	sp->line_map = xcalloc(SQLSPLIT_LINE_MAP, sizeof *sp->line_map);
	return sp;
}

void sqlsplit_free(struct sqlsplit *sp)
{
	if (!sp)
		return;
	buf_release(&sp->in);
	buf_release(&sp->out);
	buf_release(&sp->arg);
	free(sp->line_map);
	free(sp);
}

void sqlsplit_cleanup(struct sqlsplit **sp)
{
	sqlsplit_free(*sp);
	*sp = NULL;
}

void sqlsplit_set_modes(struct sqlsplit *sp, bool no_backslash_escapes, bool ansi_quotes)
{
	sp->no_backslash = no_backslash_escapes;
	sp->ansi_quotes = ansi_quotes;
}

void sqlsplit_set_charset(struct sqlsplit *sp, enum sqlsplit_charset charset)
{
	sp->utf8 = charset == SQLSPLIT_UTF8;
}

void sqlsplit_set_limit(struct sqlsplit *sp, size_t bytes)
{
	sp->limit = bytes ? bytes : STATEMENT_MAX;
}

void sqlsplit_inherit(struct sqlsplit *sp, const struct sqlsplit *from)
{
	memcpy(sp->delimiter, from->delimiter, sizeof sp->delimiter);
	sp->delimiter_len = from->delimiter_len;
	sp->endless = from->endless;
	sqlsplit_set_modes(sp, from->no_backslash, from->ansi_quotes);
	sp->utf8 = from->utf8;
	sp->limit = from->limit;
}

void sqlsplit_feed(struct sqlsplit *sp, const void *data, size_t len)
{
	if (!len) {
		sp->eof = true;
		return;
	}
	if (sp->pos) {
		memmove(sp->in.p, sp->in.p + sp->pos, sp->in.len - sp->pos);
		sp->in_offset += sp->pos;
		buf_truncate(&sp->in, sp->in.len - sp->pos);
		sp->pos = 0;
	}
	buf_add(&sp->in, data, len);
}

uint64_t sqlsplit_file_line(const struct sqlsplit *sp, uint64_t n)
{
	if (n < 2)
		return sp->start_line;
	if (n - 2 < sp->line_map_n)
		return sp->line_map[n - 2];
	return sp->line_map_n ? sp->line_map[sp->line_map_n - 1] + (n - 1 - sp->line_map_n) : sp->start_line;
}

/* What the client's trimming of a statement's end keeps. */
static bool is_graph(unsigned char c, bool utf8)
{
	return (c > ' ' && c < 0x7f) || (c >= (utf8 ? 0x80 : 0xa1));
}

/* Length of the line end at window position i: 0 none, 1, or 2 for CR LF. */
static size_t line_end_at(const struct sqlsplit *sp, size_t i)
{
	const char *p = sp->in.p;

	if (i >= sp->in.len)
		return 0;
	if (p[i] == '\n')
		return 1;
	return p[i] == '\r' && i + 1 < sp->in.len && p[i + 1] == '\n' ? 2 : 0;
}

/* Byte at distance n in this line; 0 behind its end. */
static char peek(const struct sqlsplit *sp, size_t n)
{
	for (size_t i = 0; i <= n; i++)
		if (sp->pos + i >= sp->in.len || line_end_at(sp, sp->pos + i))
			return 0;
	return sp->in.p[sp->pos + n];
}

/* The client looks for it in one line at a time: with a line feed in it there is no end any more. */
static bool at_delimiter(const struct sqlsplit *sp, size_t i)
{
	return !sp->endless && sp->in.len - i >= sp->delimiter_len && !memcmp(sp->in.p + i, sp->delimiter, sp->delimiter_len);
}

static int fail(const struct sqlsplit *sp, struct err *err, const char *what)
{
	return err_set(err, ERR_FAIL, "%llu:%llu: %s", (unsigned long long)sp->line,
		       (unsigned long long)(sp->in_offset + sp->pos - sp->line_offset + 1), what);
}

static void put(struct sqlsplit *sp, const char *p, size_t len)
{
	if (!sp->out.len) {
		sp->start_line = sp->line;
		sp->start_column = sp->in_offset + (size_t)(p - sp->in.p) - sp->line_offset + 1;
		sp->line_map_n = 0;
	}
	buf_add(&sp->out, p, len);
}

/* Length of the rest of the line without its end; false: not all of it is here yet. */
static bool rest_of_line(const struct sqlsplit *sp, size_t *len)
{
	const char *p = sp->in.p + sp->pos;
	const char *nl = memchr(p, '\n', sp->in.len - sp->pos);

	if (!nl && !sp->eof && sp->in.len - sp->pos < COMMAND_LINE_MAX)
		return false;
	*len = nl ? (size_t)(nl - p) : sp->in.len - sp->pos;
	if (nl && *len && p[*len - 1] == '\r')
		--*len;
	return true;
}

static void next_line(struct sqlsplit *sp)
{
	sp->line++;
	sp->line_offset = sp->in_offset + sp->pos;
	sp->line_start = true;
	sp->need_space = sp->special = sp->skip_params = sp->skip_line = false;
	sp->run = sp->out.len;
}

static void skip_rest(struct sqlsplit *sp, size_t len)
{
	sp->pos += len;
	if (sp->pos < sp->in.len) {
		sp->pos += line_end_at(sp, sp->pos);
		next_line(sp);
	}
}

static void fill_item(struct sqlsplit *sp, struct sqlsplit_item *item, enum sqlsplit_command c, const struct buf *b)
{
	*item = (struct sqlsplit_item){ .command = c, .text = b->p, .len = b->len, .line = sp->start_line,
					.column = sp->start_column, .end_line = sp->line,
					.offset = sp->in_offset + sp->pos };
}

/* The statement is complete: trim its end as the client does. MORE when nothing is left of it. */
static enum sqlsplit_result give(struct sqlsplit *sp, struct sqlsplit_item *item)
{
	size_t n = sp->out.len;

	while (n && !is_graph((unsigned char)sp->out.p[n - 1], sp->utf8))
		n--;
	buf_truncate(&sp->out, n);
	sp->taken = true;
	sp->run = 0;
	if (!n)
		return SQLSPLIT_MORE;
	fill_item(sp, item, SQLSPLIT_NO_COMMAND, &sp->out);
	return SQLSPLIT_STATEMENT;
}

/* Act on a command whose text (from its name or backslash on) is given. MORE: dealt with. */
static enum sqlsplit_result do_command(struct sqlsplit *sp, const struct split_command *c, const char *line, size_t len,
				       struct sqlsplit_item *item, struct err *err)
{
	char why[160];

	switch (c->effect) {
	case DROP:
		return SQLSPLIT_MORE;
	case CLEAR:
		buf_reset(&sp->out);
		sp->run = 0;
		return SQLSPLIT_MORE;
	case GO:
		return give(sp, item);
	case QUIT:
		sp->eof = true;
		buf_truncate(&sp->in, sp->pos);
		return SQLSPLIT_MORE;
	case DELIMITER:
		/* Without one, or with a quote that is not closed, the client complains and goes on with the old one. */
		if (split_take_argument(sp, line, len))
			split_set_delimiter(sp);
		return SQLSPLIT_MORE;
	case COMMAND:
		if (c->command == SQLSPLIT_SOURCE)
			split_take_file_name(sp, line, len);
		else if (!split_take_argument(sp, line, len))
			buf_reset(&sp->arg);
		if (sp->arg.len) {
			if (!sp->out.len) {
				sp->start_line = sp->line;
				sp->start_column = 1;
			}
			fill_item(sp, item, c->command, &sp->arg);
			return SQLSPLIT_COMMAND;
		}
		snprintf(why, sizeof why, "'%s' without an argument", c->name);
		break;
	case REFUSE:
		snprintf(why, sizeof why, "'%s' is a command of the interactive client and not run from a script", c->name);
		break;
	}
	fail(sp, err, why);
	return SQLSPLIT_ERROR;
}

/* A line whose first word is a command's name, and no statement has begun. */
static enum sqlsplit_result command_line(struct sqlsplit *sp, bool *done, struct sqlsplit_item *item, struct err *err)
{
	bool undecided = false;
	const struct split_command *c;
	enum sqlsplit_result r;
	size_t len;

	*done = false;
	if (!split_command_may_be(sp, &undecided)) {
		*done = undecided;
		return SQLSPLIT_MORE;
	}
	if (!rest_of_line(sp, &len)) {
		*done = true;
		return SQLSPLIT_MORE;
	}
	c = split_command_find(sp, sp->in.p + sp->pos, len);
	if (!c || memchr(sp->in.p + sp->pos, '\0', len))
		return SQLSPLIT_MORE;
	r = do_command(sp, c, sp->in.p + sp->pos, len, item, err);
	if (r != SQLSPLIT_ERROR && c->effect != QUIT)
		skip_rest(sp, len);
	*done = r != SQLSPLIT_MORE;
	return r;
}

/* A delimiter was found behind the statement (sp->pos is behind it). */
static enum sqlsplit_result end_statement(struct sqlsplit *sp, struct sqlsplit_item *item, struct err *err)
{
	const struct split_command *c = split_command_find(sp, sp->out.p, sp->out.len);

	if (!c)
		return give(sp, item);
	sp->taken = true;
	sp->run = 0;
	return do_command(sp, c, sp->out.p, sp->out.len, item, err);
}

/* Backslash outside of strings and comments: \N, a one-letter command, or an error. */
static enum sqlsplit_result backslash(struct sqlsplit *sp, bool *wait, struct sqlsplit_item *item, struct err *err)
{
	char letter = peek(sp, 1), why[40];
	const struct split_command *c = split_command_letter(letter);
	enum sqlsplit_result r;
	size_t len;

	if (!c) {
		snprintf(why, sizeof why, "unknown command '\\%c'", letter);
		fail(sp, err, why);
		return SQLSPLIT_ERROR;
	}
	if (!rest_of_line(sp, &len)) {
		*wait = true;
		return SQLSPLIT_MORE;
	}
	sp->run = sp->out.len;
	sp->skip_params = c->params;
	if (c->effect == QUIT) {
		sp->pos += 2;
		return do_command(sp, c, "", 0, item, err);
	}
	r = do_command(sp, c, sp->in.p + sp->pos, len, item, err);
	if (r != SQLSPLIT_ERROR)
		sp->pos += 2;
	return r;
}

/* Length of a well-formed multi-byte UTF-8 character at the window's position, else 0. */
static size_t utf8_length(const struct sqlsplit *sp)
{
	const unsigned char *p = (const unsigned char *)sp->in.p + sp->pos;
	size_t left = sp->in.len - sp->pos, n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* Bytes from here on that mean nothing in the present state and go the same way. */
static size_t plain_run(const struct sqlsplit *sp)
{
	const char *p = sp->in.p + sp->pos, *end = sp->in.p + sp->in.len;
	size_t n = 0, left = (size_t)(end - p);
	char q = sp->quote, d = sp->delimiter[0];

	if (q)
		while (n < left && p[n] != q && p[n] != '\\' && p[n] != '\n' && p[n] != '\r' && p[n])
			n++;
	else if (sp->comment)
		while (n < left && p[n] != '*' && p[n] != '/' && p[n] != '\n' && p[n] != '\r' && p[n])
			n++;
	else if (sp->out.len && !sp->need_space)
		while (n < left && p[n] != d && p[n] != '\'' && p[n] != '"' && p[n] != '`' && p[n] != '\\' &&
		       p[n] != '-' && p[n] != '#' && p[n] != '/' && p[n] != '*' && p[n] != '\n' && p[n] != '\r' && p[n])
			n++;
	return n;
}

/* The client adds its line to the statement, with a line feed, unless a
 * DELIMITER command is what stands behind the last statement of the line. */
static void end_line(struct sqlsplit *sp)
{
	const char *tail = sp->out.p + sp->run;
	size_t tail_len = sp->out.len - sp->run;

	if (!sp->out.len || sp->comment)
		return;
	if (!sp->quote && tail_len >= 9 && !strncasecmp(tail, "delimiter", 9))
		return;
	buf_addc(&sp->out, '\n');
	if (sp->line_map_n < SQLSPLIT_LINE_MAP)
		sp->line_map[sp->line_map_n++] = sp->line + 1;
}

/* One byte that is not special here. */
static void ordinary(struct sqlsplit *sp, char c)
{
	if (!sp->quote && c == '/' && peek(sp, 1) == '*' && peek(sp, 2) == '!')
		sp->special = true;
	else if (!sp->quote && sp->special && c == '*' && peek(sp, 1) == '/')
		sp->special = false;
	if (sp->quote && c == sp->quote)
		sp->quote = 0;
	else if (!sp->comment && !sp->quote && (c == '\'' || c == '"' || c == '`'))
		sp->quote = c;
	if (!sp->comment) {
		if (sp->need_space && !is_space((unsigned char)c, sp->utf8)) {
			if (!sp->out.len)
				put(sp, sp->in.p + sp->pos, 0);
			buf_addc(&sp->out, ' ');
		}
		sp->need_space = false;
		put(sp, sp->in.p + sp->pos, 1);
	}
	sp->pos++;
}

static bool starts_line_comment(const struct sqlsplit *sp, char c)
{
	char third;

	if (c == '#')
		return true;
	if (c != '-' || peek(sp, 1) != '-')
		return false;
	third = peek(sp, 2);
	return !third || is_space((unsigned char)third, sp->utf8) || !sp->out.len;
}

static bool starts_comment(const struct sqlsplit *sp, char c)
{
	char third;

	if (sp->quote || c != '/' || peek(sp, 1) != '*')
		return false;
	third = peek(sp, 2);
	return third != '!' && !(third == 'M' && peek(sp, 3) == '!');
}

/* Behind a command's arguments: the next delimiter (it is eaten) or, in a conditional comment, its end. */
static bool still_skipping(struct sqlsplit *sp)
{
	if (sp->special ? sp->in.p[sp->pos] == '*' && peek(sp, 1) == '/' : at_delimiter(sp, sp->pos)) {
		sp->pos += sp->special ? 0 : sp->delimiter_len;
		sp->skip_params = false;
		return true;
	}
	sp->pos++;
	return true;
}

static bool backslash_is_special(const struct sqlsplit *sp)
{
	return !sp->comment && sp->quote != '`' && !(sp->quote == '"' && sp->ansi_quotes) &&
	       !(sp->quote && sp->no_backslash);
}

/* Look at the byte at sp->pos, which is not a line end. MORE: go on (or wait). */
static enum sqlsplit_result step(struct sqlsplit *sp, bool *wait, struct sqlsplit_item *item, struct err *err)
{
	char c = sp->in.p[sp->pos];
	size_t n;

	if (sp->skip_line || (sp->skip_params && still_skipping(sp))) {
		sp->pos += sp->skip_line;
		return SQLSPLIT_MORE;
	}
	if (!sp->out.len && !sp->comment && is_space((unsigned char)c, sp->utf8)) {
		sp->pos++;
		return SQLSPLIT_MORE;
	}
	if (sp->utf8 && (n = utf8_length(sp))) {
		if (!sp->comment)
			put(sp, sp->in.p + sp->pos, n);
		sp->pos += n;
		return SQLSPLIT_MORE;
	}
	if (c == '\\' && backslash_is_special(sp)) {
		char next = peek(sp, 1);

		if (!next) {	/* at the line's end: the client drops it */
			sp->pos++;
			return SQLSPLIT_MORE;
		}
		if (!sp->quote && next != 'N')
			return backslash(sp, wait, item, err);
		put(sp, sp->in.p + sp->pos, 2);
		sp->pos += 2;
		return SQLSPLIT_MORE;
	}
	if (!sp->comment && !sp->quote && at_delimiter(sp, sp->pos)) {
		sp->pos += sp->delimiter_len;
		return end_statement(sp, item, err);
	}
	if (!sp->comment && !sp->quote && starts_line_comment(sp, c)) {
		sp->run = sp->out.len;
		sp->skip_line = true;
		return SQLSPLIT_MORE;
	}
	if (starts_comment(sp, c)) {
		sp->comment = true;
		sp->run = sp->out.len;
		sp->pos += 2;
		return SQLSPLIT_MORE;
	}
	if (sp->comment && !sp->special && c == '*' && peek(sp, 1) == '/') {
		sp->comment = false;
		sp->run = sp->out.len;
		sp->need_space = true;
		sp->pos += 2;
		return SQLSPLIT_MORE;
	}
	ordinary(sp, c);
	return SQLSPLIT_MORE;
}

/* Everything was read: what is left without a delimiter is a statement too. */
static enum sqlsplit_result finish(struct sqlsplit *sp, struct sqlsplit_item *item)
{
	if (sp->ended)
		return SQLSPLIT_END;
	sp->ended = true;
	return give(sp, item) == SQLSPLIT_STATEMENT ? SQLSPLIT_STATEMENT : SQLSPLIT_END;
}

/* Work that goes faster than byte by byte; true when it did some. */
static bool bulk(struct sqlsplit *sp)
{
	size_t n;

	if (sp->skip_params)
		return false;
	if (sp->skip_line) {
		const char *p = sp->in.p + sp->pos;
		const char *nl = memchr(p, '\n', sp->in.len - sp->pos);

		n = nl ? (size_t)(nl - p) : sp->in.len - sp->pos;
		n = strnlen(p, n);	/* a NUL byte is for the caller to refuse */
		sp->pos += n;
		return n;
	}
	n = plain_run(sp);
	if (n && !sp->comment)
		put(sp, sp->in.p + sp->pos, n);
	sp->pos += n;
	return n;
}

enum sqlsplit_result sqlsplit_next(struct sqlsplit *sp, struct sqlsplit_item *item, struct err *err)
{
	enum sqlsplit_result r;
	bool wait = false;
	size_t end;

	for (;;) {
		if (sp->taken) {
			buf_reset(&sp->out);
			sp->run = 0;
			sp->taken = false;
		}
		if (sp->out.len > sp->limit) {
			fail(sp, err, "the statement is longer than the server takes (max_allowed_packet)");
			return SQLSPLIT_ERROR;
		}
		if (sp->pos >= sp->in.len && sp->eof) {
			if (!sp->line_start && !sp->ended)
				end_line(sp);
			return finish(sp, item);
		}
		if (sp->in.len - sp->pos < LOOKAHEAD && !sp->eof)
			return SQLSPLIT_MORE;
		if (sp->line_start) {
			bool done = false;

			if (sp->line == 1 && sp->in_offset + sp->pos == 0 && sp->in.len >= 3 && !memcmp(sp->in.p, "\xef\xbb\xbf", 3))
				sp->pos = 3;
			if (!sp->out.len && !sp->comment && !sp->quote) {
				uint64_t before = sp->line;

				r = command_line(sp, &done, item, err);
				if (done)
					return r;
				if (sp->line != before || sp->pos >= sp->in.len)
					continue;
			}
			sp->line_start = false;
		}
		end = line_end_at(sp, sp->pos);
		if (end) {
			end_line(sp);
			sp->pos += end;
			next_line(sp);
			continue;
		}
		if (!sp->in.p[sp->pos]) {
			fail(sp, err, "a NUL byte: this is no SQL text (UTF-16 perhaps)");
			return SQLSPLIT_ERROR;
		}
		if (bulk(sp))
			continue;
		r = step(sp, &wait, item, err);
		if (r != SQLSPLIT_MORE || wait)
			return r;
	}
}
