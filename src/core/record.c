/* One checksummed record a line: the text format of the effects journal, the pending list and the mirror.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>
#include "record.h"

#define HEX_DIGITS 8
static const char hex[] = "0123456789abcdef";

/* Bit by bit: records are a few hundred bytes, a table would be longer than the gain. */
uint32_t record_crc32(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint32_t crc = 0xffffffffu;

	while (len--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
	}
	return ~crc;
}

static void add_field(struct buf *out, const char *field)
{
	for (const unsigned char *p = (const unsigned char *)field; *p; p++) {
		if (*p < 0x20 || *p == 0x7f || *p == '\\')
			buf_addf(out, "\\x%02x", *p);
		else
			buf_addc(out, (char)*p);
	}
}

void record_format(struct buf *out, const char *const *fields, size_t n)
{
	AUTO_BUF body = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(&body, '\t');
		add_field(&body, fields[i] ? fields[i] : "");
	}
	buf_addf(out, "%08x %s\n", (unsigned)record_crc32(body.p, body.len), body.p);
}

static int hex_digit(char c)
{
	const char *p = c ? strchr(hex, c) : NULL;

	return p ? (int)(p - hex) : -1;
}

/* Undo add_field; false when an escape is malformed or gives NUL. */
static bool add_unescaped(struct buf *out, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != '\\') {
			buf_addc(out, p[i]);
			continue;
		}
		if (i + 3 >= len || p[i + 1] != 'x')
			return false;
		int high = hex_digit(p[i + 2]), low = hex_digit(p[i + 3]);

		if (high < 0 || low < 0 || (high == 0 && low == 0))
			return false;
		buf_addc(out, (char)(high << 4 | low));
		i += 3;
	}
	return true;
}

static bool checksum_fits(const char *line, size_t len)
{
	char want[HEX_DIGITS + 2];

	if (len < HEX_DIGITS + 1)
		return false;
	snprintf(want, sizeof(want), "%08x ",
		 (unsigned)record_crc32(line + HEX_DIGITS + 1, len - HEX_DIGITS - 1));
	return memcmp(line, want, HEX_DIGITS + 1) == 0;
}

static bool split_fields(const char *p, size_t len, struct strv *sv)
{
	const char *end = p + len;

	for (;;) {
		const char *tab = memchr(p, '\t', (size_t)(end - p));
		AUTO_BUF field = BUF_INIT;

		if (!add_unescaped(&field, p, (size_t)((tab ? tab : end) - p)))
			return false;
		strv_add(sv, field.p);
		if (!tab)
			return true;
		p = tab + 1;
	}
}

enum record_state record_parse(const char *text, size_t len, size_t *pos, struct strv *sv)
{
	const char *line = text + *pos;
	const char *lf = memchr(line, '\n', len - *pos);

	strv_release(sv);
	if (*pos >= len)
		return RECORD_END;
	if (!lf) {
		*pos = len;
		return RECORD_TORN;
	}
	size_t n = (size_t)(lf - line);

	*pos += n + 1;
	if (!checksum_fits(line, n))
		return RECORD_BAD;
	return split_fields(line + HEX_DIGITS + 1, n - HEX_DIGITS - 1, sv) ? RECORD_OK : RECORD_BAD;
}
