/* Prepared statements of a script: what EXECUTE runs is judged by its own text, so that it can be looked for after a cut.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * PREPARE is done again when a run goes on, and the variable that it prepares
 * from is brought back before it: the texts are known then too.
 */
#include <string.h>
#include <strings.h>

#include "../core/sqllex.h"
#include "sql.h"

static void lex(const struct sql_run *r, struct sqllex *lx)
{
	unsigned status = r->my->server_status;

	sqllex_init(lx, r->item.text, r->item.len, status & SERVER_STATUS_ANSI_QUOTES, status & SERVER_STATUS_NO_BACKSLASH_ESCAPES);
}

/* The value of a string or variable, as the server reads it; NULL: there is none, or it is something else. */
static char *value_of(struct sql_run *r, struct sqllex *lx)
{
	AUTO_BUF ask = BUF_INIT;
	MYSQL_RES *res;
	MYSQL_ROW row;
	char *value;

	if (lx->type != TOK_STRING && lx->type != TOK_VARIABLE)
		return NULL;
	buf_adds(&ask, "SELECT ");
	buf_add(&ask, lx->tok, lx->len);
	if ((sqllex_next(lx) && !sqllex_is(lx, "USING")) || mysql_real_query(r->my, ask.p, ask.len) || !(res = mysql_store_result(r->my)))
		return NULL;
	row = mysql_fetch_row(res);
	value = row && row[0] ? xstrdup(row[0]) : NULL;
	mysql_free_result(res);
	return value;
}

/* Names and texts lie in pairs. */
static size_t find(const struct sql_run *r, const char *name)
{
	size_t i = 0;

	while (i < r->prepared.n && strcasecmp(r->prepared.v[i], name))
		i += 2;
	return i;
}

void sql_prepared_learn(struct sql_run *r)
{
	AUTO_FREE char *name = NULL, *text = NULL;
	struct sqllex lx;
	size_t i;

	lex(r, &lx);
	if (!sqllex_take(&lx, "PREPARE") || !sqllex_take_name(&lx, &name))
		return;
	text = sqllex_take(&lx, "FROM") ? value_of(r, &lx) : NULL;
	i = find(r, name);
	if (i == r->prepared.n) {
		strv_add(&r->prepared, name);
		strv_add(&r->prepared, "");
	}
	free(r->prepared.v[i + 1]);
	r->prepared.v[i + 1] = text ? MOVE_PTR(text) : xstrdup("");
}

void sql_prepared_judge(struct sql_run *r, struct sql_kind *k)
{
	CLEANUP(sql_kind_release) struct sql_kind own = SQL_KIND_INIT;
	AUTO_FREE char *name = NULL, *text = NULL;
	unsigned status = r->my->server_status;
	struct sqllex lx;
	size_t i;

	lex(r, &lx);
	if (!sqllex_take(&lx, "EXECUTE"))
		return;
	if (sqllex_take(&lx, "IMMEDIATE")) {
		text = value_of(r, &lx);
	} else if (sqllex_take_name(&lx, &name) && (lx.type == TOK_END || sqllex_is(&lx, "USING")) &&
		   (i = find(r, name)) < r->prepared.n) {
		text = xstrdup(r->prepared.v[i + 1]);
	}
	if (!text)
		return;
	for (; lx.type != TOK_END; (void)sqllex_next(&lx))
		if (sqllex_punct(&lx, ';'))
			return;		/* and another one behind it */
	sql_kind_of(&own, text, strlen(text), status & SERVER_STATUS_ANSI_QUOTES, status & SERVER_STATUS_NO_BACKSLASH_ESCAPES, false);
	if (own.class != SQL_DDL && own.class != SQL_DML && own.class != SQL_SESSION)
		return;
	sql_kind_release(k);
	*k = own;
	own = (struct sql_kind)SQL_KIND_INIT;
}
