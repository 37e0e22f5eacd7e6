/* Reading a script without running it, and the session settings that decide how it is read.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sql.h"

/* NAME=VALUE words of the profile; they are code of the package, but a typo must not become SQL. */
int sql_session_settings(struct sql_run *r, const char *only, struct err *err)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_,-.";
	const struct strv *words = &r->script->session;
	int failed;

	for (size_t i = 0; i < words->n; i++) {
		const char *w = words->v[i], *eq = strchr(w, '=');
		AUTO_BUF sql = BUF_INIT;
		bool number;

		if (!eq || eq == w || strspn(w, good) != (size_t)(eq - w) || strspn(eq + 1, good) != strlen(eq + 1))
			return err_set(err, ERR_FAIL, "session setting '%s' of script '%s' is not NAME=VALUE", w, r->script->name);
		if (only && (strlen(only) != (size_t)(eq - w) || strncasecmp(w, only, (size_t)(eq - w))))
			continue;
		number = eq[1] && strspn(eq + 1, "0123456789") == strlen(eq + 1);
		buf_addf(&sql, "SET SESSION %.*s = %s%s%s", (int)(eq - w), w, number ? "" : "'", eq + 1, number ? "" : "'");
		if (sql_send(r, sql.p, sql.len, &failed, err) < 0) {
			err_prefix(err, "session setting '%s' of script '%s'", w, r->script->name);
			return -1;
		}
	}
	return 0;
}

/* The SQL mode decides where a string ends, so the server is asked what a
 * statement makes of it. In a transaction that may not write: nothing else comes of it. */
static int follow_mode(struct sql_run *r, struct err *err)
{
	CLEANUP(sql_kind_release) struct sql_kind k = SQL_KIND_INIT;
	size_t n = r->item.len < 512 ? r->item.len : 512;
	AUTO_FREE char *head = xstrndup(r->item.text, n);
	unsigned status = r->my->server_status;
	struct err e = ERR_INIT;
	int failed;

	if (!strcasestr(head, "sql_mode"))
		return 0;
	sql_kind_of(&k, r->item.text, r->item.len, status & SERVER_STATUS_ANSI_QUOTES, status & SERVER_STATUS_NO_BACKSLASH_ESCAPES, true);
	if (k.class != SQL_SESSION)
		return 0;
	if (sql_send(r, "START TRANSACTION READ ONLY", 27, &failed, err) < 0)
		return -1;
	if (sql_send(r, r->item.text, r->item.len, &failed, &e) < 0)
		log_debug("%s", e.text);	/* it may need what is not there yet */
	return sql_send(r, "ROLLBACK", 8, &failed, err);
}

static int visit(struct sql_run *r, sql_scan_fn *fn, void *arg, struct err *err)
{
	switch (r->item.command) {
	case SQLSPLIT_SOURCE:
		return sql_file_source(r, r->item.text, err);
	case SQLSPLIT_CHARSET:
		sql_file_set_charset(r, r->item.text);
		break;
	case SQLSPLIT_USE:
	case SQLSPLIT_NO_COMMAND:
		break;
	}
	r->number++;
	if (fn(r, arg, err) < 0 || (!r->item.command && follow_mode(r, err) < 0))
		return -1;
	sql_file_set_modes(r);
	return 0;
}

int sql_scan(struct tool *t, struct db *db, const struct sql_script *s, sql_scan_fn *fn, void *arg, struct err *err)
{
	static const char plain[] = "SET SESSION sql_mode = @@GLOBAL.sql_mode";
	const struct sql_hold nobody = { .db = db };
	struct sql_run r = { .t = t, .script = s, .db = db, .my = db_handle(db), .hold = &nobody };
	int got, failed;

	if (sql_send(&r, plain, sizeof plain - 1, &failed, err) < 0 || sql_session_settings(&r, "sql_mode", err) < 0)
		return -1;
	r.top = path_dirname(s->path);
	got = sql_file_push(&r, s->path, err);
	if (got == 0)
		sql_file_set_modes(&r);
	while (got == 0 && (got = sql_file_next(&r, err)) > 0)
		got = visit(&r, fn, arg, err);
	while (r.depth)
		sql_file_pop(&r);
	free(r.top);
	return got;
}
