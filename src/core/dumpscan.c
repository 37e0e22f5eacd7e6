/* Counting the rows of each table in a stream of mariadb-dump's output.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include "dumpscan.h"

#define LINE_KEPT 512	/* a keyword and a name: at most 64 characters of 4 bytes, each perhaps doubled */

void dumpscan_init(struct dumpscan *s, dumpscan_fn *found, void *arg)
{
	memset(s, 0, sizeof(*s));
	s->found = found;
	s->arg = arg;
	s->line = (struct buf)BUF_INIT;
	s->table = (struct buf)BUF_INIT;
}

void dumpscan_release(struct dumpscan *s)
{
	buf_release(&s->line);
	buf_release(&s->table);
}

static void report(struct dumpscan *s)
{
	if (s->in_table)
		s->found(s->arg, s->table.p, s->rows);
	s->in_table = false;
}

static bool begins(const struct buf *line, const char *with)
{
	return strncmp(line->p, with, strlen(with)) == 0;
}

/* The name between backticks behind the keyword; doubled ones count as one. */
static void take_name(const char *p, struct buf *name)
{
	buf_reset(name);
	for (; *p; p++) {
		if (*p == '`' && *++p != '`')
			return;
		buf_addc(name, *p);
	}
}

static void start_table(struct dumpscan *s)
{
	report(s);
	take_name(s->line.p + strlen("CREATE TABLE `"), &s->table);
	s->in_table = true;
	s->rows = 0;
}

/* A line has ended outside of an INSERT. */
static void end_line(struct dumpscan *s)
{
	if (begins(&s->line, "DELIMITER ;;"))
		s->routine = true;
	else if (begins(&s->line, "DELIMITER ;"))
		s->routine = false;
	else if (!s->routine && begins(&s->line, "CREATE TABLE `"))
		start_table(s);
	else if (!s->routine && s->in_table && strcmp(s->line.p, "UNLOCK TABLES;") == 0)
		s->rows_end = true;
	else if (!s->routine && begins(&s->line, "-- Dump completed"))
		s->complete = true;
	buf_reset(&s->line);
}

/* Bytes of a line up to its end, or up to where an INSERT begins. */
static size_t outside(struct dumpscan *s, const char *p, size_t len)
{
	static const char insert[] = "INSERT INTO `";
	const char *nl = memchr(p, '\n', len);
	size_t n = nl ? (size_t)(nl - p) : len;

	if (s->line.len < sizeof(insert) - 1 && !s->routine) {
		size_t take = sizeof(insert) - 1 - s->line.len;

		buf_add(&s->line, p, take < n ? take : n);
		if (strcmp(s->line.p, insert) == 0) {
			s->insert = true;
			s->in_name = true;	/* the backtick has been read */
			s->values = s->in_string = s->escaped = false;
			s->depth = 0;
			buf_reset(&s->line);
			return take;
		}
		if (take < n && s->line.len < LINE_KEPT)
			buf_add(&s->line, p + take, n - take < LINE_KEPT ? n - take : LINE_KEPT);
	} else if (s->line.len < LINE_KEPT) {
		buf_add(&s->line, p, n < LINE_KEPT ? n : LINE_KEPT);
	}
	if (!nl)
		return n;
	end_line(s);
	return n + 1;
}

/* Behind the end of the string that from lies in, or the piece's end: most of a dump is in strings. */
static size_t inside_string(struct dumpscan *s, const char *p, size_t from, size_t len)
{
	size_t i = from;

	while (i < len) {
		if (s->escaped) {
			s->escaped = false;
			i++;
			continue;
		}
		while (i < len && p[i] != '\'' && p[i] != '\\')
			i++;
		if (i == len)
			return len;
		if (p[i++] == '\'') {
			s->in_string = false;
			return i;
		}
		s->escaped = true;
	}
	return len;
}

/* Bytes that mean something in an INSERT outside of strings and names. */
static const bool matters[256] = {
	['\''] = true, ['`'] = true, ['V'] = true, ['('] = true, [')'] = true, [';'] = true,
};

/* Bytes of an INSERT: a row is a parenthesis on the outermost level behind VALUES. */
static size_t inside(struct dumpscan *s, const char *p, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if (s->in_string) {
			i = inside_string(s, p, i, len);
			continue;
		}
		char c = p[i++];

		if (s->in_name) {
			s->in_name = c != '`';
		} else if (!matters[(unsigned char)c]) {
			continue;
		} else if (c == '\'') {
			s->in_string = true;
			s->escaped = false;
		} else if (c == '`') {
			s->in_name = true;
		} else if (c == 'V') {
			s->values = s->values || s->depth == 0;
		} else if (c == '(') {
			s->rows += s->values && s->depth == 0;
			s->depth++;
		} else if (c == ')') {
			s->depth -= s->depth > 0;
		} else {
			s->insert = false;
			return i;
		}
	}
	return len;
}

size_t dumpscan_add_rows(struct dumpscan *s, const void *data, size_t len)
{
	const char *p = data, *end = p + len;

	s->rows_end = false;
	while (p < end && !s->rows_end)
		p += s->insert ? inside(s, p, (size_t)(end - p)) : outside(s, p, (size_t)(end - p));
	return len - (size_t)(end - p);
}

void dumpscan_add(struct dumpscan *s, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		size_t n = dumpscan_add_rows(s, p, len);

		p += n;
		len -= n;
	}
}

bool dumpscan_end(struct dumpscan *s)
{
	if (s->line.len && !s->insert)
		end_line(s);
	report(s);
	return s->complete && !s->insert;
}
