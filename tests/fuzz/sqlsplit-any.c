/* Fuzz target: any bytes as a SQL file; the pieces it comes in must not matter, and reading a statement must not go out of it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Input: a byte of flags (1: Latin-1, 2: NO_BACKSLASH_ESCAPES, 4: ANSI_QUOTES), a byte of piece size, the file.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "../../src/core/sqlkind.h"
#include "../../src/core/sqlsplit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_into(const struct sqlsplit_item *it, int flags)
{
	CLEANUP(sql_kind_release) struct sql_kind k = SQL_KIND_INIT;

	if (!it->len || it->text[it->len] != '\0')
		__builtin_trap();
	if (it->command)
		return;
	sql_kind_of(&k, it->text, it->len, flags & 4, flags & 2, true);
	for (size_t i = 0; i < k.n_traces; i++)
		if (k.trace[i].definition) {
			CLEANUP(sql_column_release) struct sql_column c;

			sql_column_parse(&c, k.trace[i].definition);
		}
}

/* All statements as one text with their places. */
static void split(const uint8_t *p, size_t len, size_t piece, int flags, struct buf *out)
{
	CLEANUP(sqlsplit_cleanup) struct sqlsplit *sp = sqlsplit_new(flags & 1 ? SQLSPLIT_LATIN1 : SQLSPLIT_UTF8);
	struct sqlsplit_item it;
	struct err err = ERR_INIT;

	sqlsplit_set_modes(sp, flags & 2, flags & 4);
	sqlsplit_set_limit(sp, 500);
	for (;;) {
		enum sqlsplit_result r = sqlsplit_next(sp, &it, &err);

		if (r == SQLSPLIT_MORE) {
			size_t n = len < piece ? len : piece;

			sqlsplit_feed(sp, p, n);
			p += n;
			len -= n;
			continue;
		}
		if (r == SQLSPLIT_END)
			return;
		if (r == SQLSPLIT_ERROR) {
			/* A statement over the limit may be noticed sooner or later. */
			buf_addf(out, "!%s", strstr(err.text, "longer") ? "long" : err.text);
			return;
		}
		look_into(&it, flags);
		buf_addf(out, "%d %llu:%llu ", it.command, (unsigned long long)it.line, (unsigned long long)it.column);
		buf_add(out, it.text, it.len + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF whole = BUF_INIT, pieces = BUF_INIT;

	if (size < 2)
		return 0;
	split(data + 2, size - 2, size, data[0], &whole);
	split(data + 2, size - 2, data[1] % 70 + 1u, data[0], &pieces);
	if (strstr(whole.p, "!long") || strstr(pieces.p, "!long"))
		return 0;
	if (whole.len != pieces.len || memcmp(whole.p, pieces.p, whole.len))
		__builtin_trap();
	return 0;
}
