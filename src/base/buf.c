/* A growing byte buffer that is always NUL-terminated, and a string vector.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "buf.h"

char buf_empty[1];

void buf_release(struct buf *b)
{
	if (b->cap) {
		if (b->secret)
			explicit_bzero(b->p, b->cap);
		free(b->p);
	}
	b->p = buf_empty;
	b->len = b->cap = 0;
}

void buf_reset(struct buf *b)
{
	if (b->secret && b->cap)
		explicit_bzero(b->p, b->cap);
	b->len = 0;
	if (b->cap)
		b->p[0] = '\0';
}

/* Grow without realloc when secret: realloc would leave a copy behind. */
static void grow(struct buf *b, size_t cap)
{
	if (!b->secret) {
		b->p = xreallocarray(b->cap ? b->p : NULL, cap, 1);
		b->p[b->len] = '\0';
		b->cap = cap;
		return;
	}
	char *p = xmalloc(cap);

	memcpy(p, b->p, b->len + 1);
	if (b->cap)
		mem_wipe(b->p, b->cap);
	b->p = p;
	b->cap = cap;
}

void buf_reserve(struct buf *b, size_t more)
{
	if (more > SIZE_MAX / 4 - b->len)
		more = SIZE_MAX / 4;	/* cannot be had; malloc says so */
	size_t need = b->len + more + 1;

	if (need <= b->cap)
		return;
	size_t cap = b->cap ? b->cap : 64;

	while (cap < need)
		cap += cap / 2 + 16;
	grow(b, cap);
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (!len)
		return;
	buf_reserve(b, len);
	memcpy(b->p + b->len, data, len);
	b->len += len;
	b->p[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	/* The lexers add byte by byte: no call for the usual case. */
	if (b->len + 1 < b->cap) {
		b->p[b->len++] = c;
		b->p[b->len] = '\0';
		return;
	}
	buf_add(b, &c, 1);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);

	va_end(again);
	if (n < 0)
		return;
	buf_reserve(b, (size_t)n);
	if (!b->cap)
		return;
	vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	if (b->secret)
		explicit_bzero(b->p + len, b->len - len);
	b->len = len;
	b->p[len] = '\0';
}

void buf_trim_end(struct buf *b)
{
	size_t len = b->len;

	while (len && strchr(" \t\r\n", b->p[len - 1]) && b->p[len - 1])
		len--;
	buf_truncate(b, len);
}

char *buf_steal(struct buf *b)
{
	if (!b->cap)
		return xstrdup("");
	char *p = b->p;

	b->p = buf_empty;
	b->len = b->cap = 0;
	return p;
}

int buf_read_fd(struct buf *b, int fd, size_t max, struct err *err)
{
	size_t start = b->len;

	for (;;) {
		buf_reserve(b, 16384);
		ssize_t n = read(fd, b->p + b->len, b->cap - b->len - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read");
		b->len += (size_t)n;
		b->p[b->len] = '\0';
		if (b->len - start > max)
			return err_set(err, ERR_FAIL, "more than %zu bytes", max);
		if (n == 0)
			return 0;
	}
}

int buf_write_fd(const struct buf *b, int fd, struct err *err)
{
	size_t done = 0;

	while (done < b->len) {
		ssize_t n = write(fd, b->p + done, b->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)	/* 0: a device that takes nothing; it would for ever */
			return err_sys(err, n ? errno : EIO, "write");
		done += (size_t)n;
	}
	return 0;
}

void strv_release(struct strv *sv)
{
	for (size_t i = 0; i < sv->n; i++)
		free(sv->v[i]);
	free(sv->v);
	sv->v = NULL;
	sv->n = 0;
}

static void take(struct strv *sv, char *s)
{
	sv->v = xreallocarray(sv->v, sv->n + 2, sizeof(*sv->v));
	sv->v[sv->n++] = s;
	sv->v[sv->n] = NULL;
}

void strv_add(struct strv *sv, const char *s)
{
	take(sv, xstrdup(s));
}

void strv_addf(struct strv *sv, const char *fmt, ...)
{
	AUTO_BUF b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	take(sv, buf_steal(&b));
}

bool strv_has(const struct strv *sv, const char *s)
{
	for (size_t i = 0; i < sv->n; i++)
		if (strcmp(sv->v[i], s) == 0)
			return true;
	return false;
}

void strv_remove(struct strv *sv, size_t i)
{
	free(sv->v[i]);
	memmove(sv->v + i, sv->v + i + 1, (sv->n - i) * sizeof(*sv->v));	/* the NULL behind the last too */
	sv->n--;
}

void strv_split(struct strv *sv, const char *text, const char *seps)
{
	for (;;) {
		text += strspn(text, seps);
		size_t len = strcspn(text, seps);

		if (!len)
			return;
		take(sv, xstrndup(text, len));
		text += len;
	}
}
