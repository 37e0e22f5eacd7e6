/* Passphrases that people write down: made at random, recognised when typed again.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <ctype.h>
#include <string.h>
#include <sys/random.h>
#include "passphrase.h"

#define LEN (PASSPHRASE_GROUPS * PASSPHRASE_GROUP_LEN)

static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz2345678";	/* 31 */

static void add(struct buf *out, int n, char c)
{
	if (n && n % PASSPHRASE_GROUP_LEN == 0)
		buf_addc(out, '-');
	buf_addc(out, c);
}

void passphrase_invent(struct buf *out)
{
	unsigned char byte;

	for (int n = 0; n < LEN; ) {
		if (getrandom(&byte, 1, 0) != 1 || byte >= 248)	/* 248 = 8 * 31: no bias */
			continue;
		add(out, n++, alphabet[byte % 31]);
	}
	explicit_bzero(&byte, 1);
}

void passphrase_tidy(struct buf *text)
{
	AUTO_BUF tidy = BUF_SECRET_INIT;
	int n = 0;

	for (const char *p = text->p; *p; p++) {
		char c = (char)tolower((unsigned char)*p);

		if (c == '-' || isspace((unsigned char)c))
			continue;
		if (n == LEN || !strchr(alphabet, c))
			return;
		add(&tidy, n++, c);
	}
	if (n != LEN)
		return;
	buf_reset(text);
	buf_add(text, tidy.p, tidy.len);
}
