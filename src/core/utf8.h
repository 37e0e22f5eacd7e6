/* UTF-8, one character at a time.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_UTF8_H
#define MAINTKIT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Code point of the sequence at s (len > 0 bytes are there), its length to
 * *used; -1 and 1 when it is not well-formed (Unicode 15, table 3-7: no
 * surrogates, no overlong forms, nothing above U+10FFFF). */
int32_t utf8_next(const char *s, size_t len, size_t *used);
/* Number of characters; -1 when some of it is not well-formed. */
long utf8_count(const char *s, size_t len);

#endif
