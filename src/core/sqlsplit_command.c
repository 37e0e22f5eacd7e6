/* The mariadb client's own commands: their names, and their arguments as it reads them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <strings.h>

#include "sqlsplit_priv.h"

static const struct split_command commands[] = {
	{ "?", '?', true, DROP, 0 },		{ "clear", 'c', false, CLEAR, 0 },
	{ "connect", 'r', true, REFUSE, 0 },	{ "delimiter", 'd', true, DELIMITER, 0 },
	{ "edit", 'e', false, REFUSE, 0 },	{ "ego", 'G', false, GO, 0 },
	{ "exit", 'q', false, QUIT, 0 },	{ "go", 'g', false, GO, 0 },
	{ "help", 'h', true, DROP, 0 },		{ "nopager", 'n', false, DROP, 0 },
	{ "notee", 't', false, DROP, 0 },	{ "pager", 'P', true, REFUSE, 0 },
	{ "print", 'p', false, DROP, 0 },	{ "prompt", 'R', true, DROP, 0 },
	{ "quit", 'q', false, QUIT, 0 },	{ "rehash", '#', false, DROP, 0 },
	{ "source", '.', true, COMMAND, SQLSPLIT_SOURCE },
	{ "status", 's', false, DROP, 0 },	{ "system", '!', true, REFUSE, 0 },
	{ "tee", 'T', true, REFUSE, 0 },	{ "use", 'u', true, COMMAND, SQLSPLIT_USE },
	{ "charset", 'C', true, COMMAND, SQLSPLIT_CHARSET },
	{ "warnings", 'W', false, DROP, 0 },	{ "nowarning", 'w', false, DROP, 0 },
	{ "sandbox", '-', false, DROP, 0 },
};

const struct split_command *split_command_letter(char letter)
{
	for (size_t i = 0; letter && i < ARRAY_LEN(commands); i++)
		if (commands[i].letter == letter)
			return &commands[i];
	return NULL;
}

static bool contains(const char *text, size_t len, const char *what, size_t what_len)
{
	return memmem(text, len, what, what_len) != NULL;
}

/* One argument the way the client takes it: behind the first word (or behind
 * \x), in quotes or up to a blank, backslashes and doubled quotes undone.
 * Returns false when there is none. */
bool split_take_argument(struct sqlsplit *sp, const char *line, size_t len)
{
	size_t i = 0;
	char quote = 0;
	bool brief;

	buf_reset(&sp->arg);
	while (i < len && is_space((unsigned char)line[i], sp->utf8))
		i++;
	brief = i < len && line[i] == '\\';
	if (brief)
		i += 2;
	else
		while (i < len && !is_space((unsigned char)line[i], sp->utf8))
			i++;
	while (i < len && is_space((unsigned char)line[i], sp->utf8))
		i++;
	if (i < len && strchr("'\"`", line[i]))
		quote = line[i++];
	for (; i < len; i++) {
		if ((line[i] == '\\' && i + 1 < len) ||
		    (!brief && quote && line[i] == quote && i + 1 < len && line[i + 1] == quote)) {
			i++;
		} else if (line[i] == (quote ? quote : ' ')) {
			quote = 0;
			break;
		}
		buf_addc(&sp->arg, line[i]);
	}
	return sp->arg.len && !quote;
}

const struct split_command *split_command_find(struct sqlsplit *sp, const char *text, size_t len)
{
	size_t n = 0, rest;

	while (len && is_space((unsigned char)*text, sp->utf8))
		text++, len--;
	if (contains(text, len, "\\g", 2) ||
	    (contains(text, len, sp->delimiter, sp->delimiter_len) && (len < 9 || strncasecmp(text, "delimiter", 9))))
		return NULL;
	while (n < len && text[n] != ' ' && text[n] != '\t')
		n++;
	for (rest = n; rest < len && is_space((unsigned char)text[rest], sp->utf8); rest++)
		;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const struct split_command *c = &commands[i];

		if (strlen(c->name) != n || strncasecmp(c->name, text, n))
			continue;
		if (rest >= len || (c->params && split_take_argument(sp, text, len)))
			return c;
	}
	return NULL;
}

bool split_command_may_be(const struct sqlsplit *sp, bool *undecided)
{
	const char *p = sp->in.p + sp->pos, *end = sp->in.p + sp->in.len, *word;

	while (p < end && *p != '\n' && is_space((unsigned char)*p, sp->utf8))
		p++;
	for (word = p; p < end && !is_space((unsigned char)*p, sp->utf8); p++)
		if (p - word > 9)
			return false;
	if (p == end && !sp->eof) {
		*undecided = true;
		return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strlen(commands[i].name) == (size_t)(p - word) &&
		    !strncasecmp(commands[i].name, word, (size_t)(p - word)))
			return true;
	return false;
}

void split_set_delimiter(struct sqlsplit *sp)
{
	/* The client complains and goes on with the old one. */
	if (memchr(sp->arg.p, '\\', sp->arg.len))
		return;
	sp->delimiter_len = sp->arg.len < DELIMITER_MAX ? sp->arg.len : DELIMITER_MAX;
	memcpy(sp->delimiter, sp->arg.p, sp->delimiter_len);
	sp->delimiter[sp->delimiter_len] = '\0';
	sp->endless = memchr(sp->delimiter, '\n', sp->delimiter_len);
}

/* The name after SOURCE is everything behind the first blank. */
void split_take_file_name(struct sqlsplit *sp, const char *line, size_t len)
{
	size_t i = 0;

	buf_reset(&sp->arg);
	while (i < len && is_space((unsigned char)line[i], sp->utf8))
		i++;
	while (i < len && line[i] != ' ')
		i++;
	while (i < len && is_space((unsigned char)line[i], sp->utf8))
		i++;
	while (len > i && ((unsigned char)line[len - 1] <= ' ' || line[len - 1] == 0x7f))
		len--;
	buf_add(&sp->arg, line + i, len - i);
}
