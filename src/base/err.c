/* The error object: what failed, of which kind, and what to do next.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "err.h"

static const char ellipsis[] = "...";

/* Copy text into the object, marking where it had to be cut. */
static void store(struct err *err, const char *text)
{
	size_t len = strlen(text);

	if (len >= sizeof(err->text)) {
		len = sizeof(err->text) - sizeof(ellipsis);
		memcpy(err->text, text, len);
		memcpy(err->text + len, ellipsis, sizeof(ellipsis));
		return;
	}
	memcpy(err->text, text, len + 1);
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
	store(err, text);
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
	store(err, text);
}

void err_hint(struct err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	AUTO_FREE char *advice = format(fmt, ap);
	va_end(ap);
	AUTO_FREE char *text = xasprintf("%s; %s", err->text, advice);
	store(err, text);
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
