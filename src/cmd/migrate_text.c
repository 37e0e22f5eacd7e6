/* Making a text fit a column without relying on the server's mode.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "../core/utf8.h"
#include "migrate.h"

unsigned migrate_squeeze(struct migrate *m, int table, int column, struct buf *text)
{
	AUTO_BUF out = BUF_INIT;
	size_t max, used, chars = 0;
	unsigned how = 0;

	if (migrate_fit(m, table, column, text->p, text->len, &max) == MIGRATE_FITS)
		return 0;
	for (size_t i = 0; i < text->len; i += used) {
		size_t any;

		if (chars++ == max) {
			how |= MIGRATE_CUT;
			break;
		}
		if (utf8_next(text->p + i, text->len - i, &used) < 0 ||
		    migrate_fit(m, table, column, text->p + i, used, &any) == MIGRATE_UNREPRESENTABLE) {
			buf_addc(&out, '?');
			how |= MIGRATE_REPLACED;
		} else {
			buf_add(&out, text->p + i, used);
		}
	}
	buf_reset(text);
	buf_add(text, out.p, out.len);
	return how;
}
