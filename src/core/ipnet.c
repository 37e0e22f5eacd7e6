/* IPv4 and IPv6 addresses and networks as text.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ipnet.h"

#include <stdio.h>
#include <string.h>

/* Decimal without leading zeros up to max; *s steps behind it. */
static bool decimal(const char **s, unsigned max, unsigned *out)
{
	unsigned v = 0, n = 0;

	for (; **s >= '0' && **s <= '9' && n < 4; (*s)++, n++)
		v = v * 10 + (unsigned)(**s - '0');
	*out = v;
	return n > 0 && v <= max && (n == 1 || (*s)[-(int)n] != '0');
}

static bool parse4(const char **s, unsigned char a[16])
{
	for (int i = 0; i < 4; i++) {
		unsigned v;

		if ((i && *(*s)++ != '.') || !decimal(s, 255, &v))
			return false;
		a[i] = (unsigned char)v;
	}
	return true;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

	return p ? (int)(p - digits) : -1;
}

static bool group(const char **s, unsigned *out)
{
	unsigned v = 0, n = 0;

	for (; n < 5 && hex_digit(**s) >= 0; (*s)++, n++)
		v = v << 4 | (unsigned)hex_digit(**s);
	*out = v;
	return n >= 1 && n <= 4;
}

static bool parse6(const char **s, unsigned char a[16])
{
	unsigned g[8], n = 0;
	int gap = -1;

	if (strncmp(*s, "::", 2) == 0) {
		gap = 0;
		*s += 2;
	}
	while (hex_digit(**s) >= 0) {
		if (n == 8 || !group(s, &g[n++]))
			return false;
		if (**s != ':')
			break;
		if ((*s)[1] == ':') {
			if (gap >= 0)
				return false;
			gap = (int)n;
			*s += 2;
		} else if (hex_digit((*s)[1]) >= 0) {
			(*s)++;
		} else {
			return false;
		}
	}
	if (gap < 0 ? n != 8 : n > 7)
		return false;
	memset(a, 0, 16);
	for (unsigned i = 0; i < n; i++) {
		unsigned at = gap >= 0 && (int)i >= gap ? 8 - n + i : i;

		a[2 * at] = (unsigned char)(g[i] >> 8);
		a[2 * at + 1] = (unsigned char)g[i];
	}
	return true;
}

static bool no_host_bits(const unsigned char *a, unsigned width, unsigned bits)
{
	for (unsigned i = bits; i < width; i++)
		if (a[i / 8] & (0x80u >> (i % 8)))
			return false;
	return true;
}

/* RFC 5952: the first longest run of two or more zero groups becomes "::". */
static void format6(const unsigned char a[16], char *out)
{
	unsigned g[8];
	int best = -1, best_len = 1, len = 0;
	char *p = out;

	for (int i = 0; i < 8; i++)
		g[i] = (unsigned)a[2 * i] << 8 | a[2 * i + 1];
	for (int i = 0; i < 8; i++) {
		len = g[i] ? 0 : len + 1;
		if (len > best_len) {
			best_len = len;
			best = i - len + 1;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			p += sprintf(p, "::");
			i += best_len - 1;
		} else {
			p += sprintf(p, "%s%x", p > out && p[-1] != ':' ? ":" : "", g[i]);
		}
	}
}

bool ipnet_parse(const char *text, char canonical[IPNET_TEXT])
{
	unsigned char a[16];
	bool six = strchr(text, ':') != NULL;
	unsigned width = six ? 128 : 32, bits = width;

	if (!(six ? parse6(&text, a) : parse4(&text, a)))
		return false;
	if (*text == '/') {
		text++;
		if (!decimal(&text, width, &bits) || bits == 0)
			return false;
	}
	if (*text || !no_host_bits(a, width, bits))
		return false;
	if (six)
		format6(a, canonical);
	else
		snprintf(canonical, IPNET_TEXT, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
	if (bits != width)
		snprintf(canonical + strlen(canonical), 5, "/%u", bits);
	return true;
}
