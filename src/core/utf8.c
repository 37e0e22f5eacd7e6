/* UTF-8, one character at a time.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "utf8.h"

int32_t utf8_next(const char *s, size_t len, size_t *used)
{
	unsigned char c = (unsigned char)s[0];
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
	int32_t code = n == 1 ? c : n == 2 ? c & 0x1f : n == 3 ? c & 0x0f : c & 0x07;

	*used = 1;
	if (!n || n > len)
		return -1;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return -1;
		code = code << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if ((n == 3 && code < 0x800) || (n == 4 && code < 0x10000) || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return -1;
	*used = n;
	return code;
}

long utf8_count(const char *s, size_t len)
{
	long n = 0;

	for (size_t i = 0, used; i < len; i += used, n++)
		if (utf8_next(s + i, len - i, &used) < 0)
			return -1;
	return n;
}
