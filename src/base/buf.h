/* A growing byte buffer that is always NUL-terminated, and a string vector.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Invariants: p is never NULL after BUF_INIT (it points to an empty string
 * until something is added), p[len] == '\0', the content may hold NUL bytes.
 * A buffer marked secret is wiped whenever its memory is given up, also when
 * it moves while growing.
 */
#ifndef MAINTKIT_BUF_H
#define MAINTKIT_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include "err.h"
#include "mem.h"

struct buf {
	char *p;
	size_t len;
	size_t cap;	/* 0: p points to the shared empty string */
	bool secret;
};

extern char buf_empty[1];
#define BUF_INIT { .p = buf_empty }
#define BUF_SECRET_INIT { .p = buf_empty, .secret = true }
#define AUTO_BUF CLEANUP(buf_release) struct buf

void buf_release(struct buf *b);		/* back to BUF_INIT, keeps .secret */
void buf_reset(struct buf *b);			/* length 0, memory kept (wiped when secret) */
void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);
void buf_truncate(struct buf *b, size_t len);	/* to a shorter length */
void buf_trim_end(struct buf *b);		/* drop trailing blanks and line ends */
/* Hand the NUL-terminated block to the caller (free()); the buffer is empty then. */
char *buf_steal(struct buf *b);
/* Append all that fd gives until end of file. More than max bytes: ERR_FAIL. */
int buf_read_fd(struct buf *b, int fd, size_t max, struct err *err) MUST_CHECK;
/* Write everything to fd, EINTR and short writes handled. */
int buf_write_fd(const struct buf *b, int fd, struct err *err) MUST_CHECK;

/* A NULL-terminated vector of owned strings; v is NULL while empty. */
struct strv {
	char **v;
	size_t n;
};
#define STRV_INIT { NULL, 0 }
#define AUTO_STRV CLEANUP(strv_release) struct strv

void strv_release(struct strv *sv);
void strv_add(struct strv *sv, const char *s);
void strv_addf(struct strv *sv, const char *fmt, ...) PRINTF(2, 3);
bool strv_has(const struct strv *sv, const char *s);
/* Take out and free the one at i; those behind it move up. */
void strv_remove(struct strv *sv, size_t i);
/* Append the parts of text that are separated by any of the bytes in seps;
 * empty parts are left out. */
void strv_split(struct strv *sv, const char *text, const char *seps);

#endif
