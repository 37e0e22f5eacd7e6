/* The error object: what failed, of which kind, and what to do next.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "err.h"

static const char ellipsis[] = "...";

/* The longest part of text, at most max bytes, that does not end within a UTF-8 character. */
static size_t whole_characters(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len <= max)
		return len;
	for (len = max; len && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
		;
	return len;
}

/* Copy front and tail into the object; where they do not fit, front is cut and
 * marked, or tail when front alone is not what is too long. */
static void store(struct err *err, const char *front, const char *tail)
{
	size_t size = sizeof(err->text) - 1, room = size - strlen(ellipsis);
	size_t front_len = strlen(front), tail_len = strlen(tail);

	if (front_len + tail_len <= size) {
		memcpy(err->text, front, front_len);
		memcpy(err->text + front_len, tail, tail_len + 1);
		return;
	}
	if (tail_len > room / 2)
		tail_len = whole_characters(tail, room / 2);
	front_len = whole_characters(front, room - tail_len);
	memcpy(err->text, front, front_len);
	memcpy(err->text + front_len, ellipsis, strlen(ellipsis));
	memcpy(err->text + front_len + strlen(ellipsis), tail, tail_len);
	err->text[front_len + strlen(ellipsis) + tail_len] = '\0';
}

static char *format(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		return xstrdup("(message could not be formatted)");
	return s;
}

static void fill(struct err *err, enum err_kind kind, int sys, const char *text)
{
	err->kind = kind;
	err->sys = sys;
	err->lib = 0;
	store(err, text, "");
}

int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	AUTO_FREE char *text = format(fmt, ap);
	va_end(ap);
	fill(err, kind, 0, text);
	return -1;
}

int err_sys(struct err *err, int errnum, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	AUTO_FREE char *what = format(fmt, ap);
	va_end(ap);
	AUTO_FREE char *text = xasprintf("%s: %s", what, strerror(errnum));
	fill(err, errnum == ENOENT ? ERR_ABSENT : ERR_FAIL, errnum, text);
	return -1;
}

void err_prefix(struct err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	AUTO_FREE char *front = format(fmt, ap);
	va_end(ap);
	AUTO_FREE char *text = xasprintf("%s: %s", front, err->text);
	store(err, text, "");
}

void err_hint(struct err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	AUTO_FREE char *advice = format(fmt, ap);
	va_end(ap);
	AUTO_FREE char *front = xstrdup(err->text);
	AUTO_FREE char *tail = xasprintf("; %s", advice);
	store(err, front, tail);
}

void err_clear(struct err *err)
{
	if (!err)
		return;
	explicit_bzero(err, sizeof(*err));
}

int err_exit_status(const struct err *err)
{
	switch (err->kind) {
	case ERR_NONE:
		return 0;
	case ERR_NO:
		return 1;
	case ERR_BACKEND:
	case ERR_BUSY:
		return 3;
	case ERR_POLICY:
		return 4;
	case ERR_FAIL:
	case ERR_USAGE:
	case ERR_ABSENT:
		break;
	}
	return 2;
}
