/* Which columns of its row a trigger assigns to.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdlib.h>
#include <string.h>

#include "../base/mem.h"
#include "sqllex.h"
#include "triggerset.h"

/* At the left side of an assignment: "NEW . column". */
static void take_target(struct sqllex *lx, struct strv *out)
{
	AUTO_FREE char *name = NULL;

	if (!sqllex_take(lx, "NEW") || !sqllex_take_punct(lx, '.') || !sqllex_take_name(lx, &name))
		return;
	if (!strv_has(out, name))
		strv_add(out, name);
}

void triggerset_columns(const char *body, bool ansi_quotes, bool no_backslash, struct strv *out)
{
	struct sqllex lx;

	sqllex_init(&lx, body, strlen(body), ansi_quotes, no_backslash);
	while (lx.type != TOK_END) {
		if (!sqllex_take(&lx, "SET")) {
			(void)sqllex_next(&lx);
			continue;
		}
		/* SET a = 1, NEW.b = f(2, 3), ...: ends at the semicolon, or with the body. */
		take_target(&lx, out);
		for (int depth = 0; lx.type != TOK_END && !sqllex_punct(&lx, ';');) {
			bool comma = depth == 0 && sqllex_punct(&lx, ',');

			depth += sqllex_punct(&lx, '(') - sqllex_punct(&lx, ')');
			(void)sqllex_next(&lx);
			if (comma)
				take_target(&lx, out);
		}
	}
}
