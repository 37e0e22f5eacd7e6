/* What the session has become by the statements that were run: recorded with them, so that a later session can be made the same.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Statements that are about the session (SET, USE, PREPARE ...) are done again
 * when a run goes on. But any statement may change the session: a procedure, a
 * trigger, SELECT @a := 1. So nobody's text is trusted to tell: the server
 * tracks changes of system variables and of the database and says them with each
 * result, and the user variables are looked at whenever something is recorded.
 * What is found is kept as SQL (`replay` in the journal). Temporary tables that
 * code made which we do not read cannot be brought back: then the replay is an error.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sql.h"

/* Of the moment, or a matter of the connection: no later session needs them. */
static const char *const passing[] = {
	"last_insert_id", "insert_id", "identity", "timestamp", "rand_seed1", "rand_seed2", "pseudo_thread_id", "in_transaction",
	"gtid_seq_no", "session_track_system_variables", "session_track_state_change", "warning_count", "error_count", NULL,
};

int sql_session_track(struct sql_run *r, struct err *err)
{
	static const char sql[] = "SET SESSION session_track_system_variables = '*', session_track_state_change = ON, session_track_schema = ON";
	int failed;

	return sql_send(r, sql, sizeof sql - 1, &failed, err);
}

static void append_sql(struct buf *out, const char *sql)
{
	buf_addf(out, "%s%s", out->len ? "; " : "", sql);
}

static void hex_literal(struct buf *out, const char *text, size_t n)
{
	buf_adds(out, "_utf8mb4 X'");
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%02x", (unsigned char)text[i]);
	buf_addc(out, '\'');
}

static void keep_setting(struct sql_run *r, const char *name, size_t name_len, const char *value, size_t len)
{
	AUTO_FREE char *n = xstrndup(name, name_len), *v = xstrndup(value, len);
	AUTO_BUF set = BUF_INIT;

	for (size_t i = 0; passing[i]; i++)
		if (!strcasecmp(n, passing[i]))
			return;
	buf_addf(&set, "SET SESSION %s = ", n);
	/* A number must not be quoted, and quotes mean different things in different modes. */
	if (len && strspn(v, "0123456789.") == len)
		buf_adds(&set, v);
	else
		hex_literal(&set, v, len);
	append_sql(&r->session, set.p);
}

void sql_session_heed(struct sql_run *r)
{
	const char *name, *value;
	size_t name_len, len;

	if (!r->heeding || !(r->my->server_status & SERVER_SESSION_STATE_CHANGED))
		return;
	r->session_moved = true;
	/* The library lists names and values in turn. */
	if (mysql_session_track_get_first(r->my, SESSION_TRACK_SYSTEM_VARIABLES, &name, &name_len) == 0)
		while (mysql_session_track_get_next(r->my, SESSION_TRACK_SYSTEM_VARIABLES, &value, &len) == 0) {
			keep_setting(r, name, name_len, value, len);
			if (mysql_session_track_get_next(r->my, SESSION_TRACK_SYSTEM_VARIABLES, &name, &name_len) != 0)
				break;
		}
	if (mysql_session_track_get_first(r->my, SESSION_TRACK_SCHEMA, &name, &name_len) == 0 && name_len) {
		AUTO_FREE char *schema = xstrndup(name, name_len);
		AUTO_BUF use = BUF_INIT;

		buf_adds(&use, "USE ");
		if (db_quote_name(&use, schema, NULL) == 0)
			append_sql(&r->session, use.p);
	}
}

/* ---- user variables ---- */

/* One variable, in words that give it the same type, bytes and collation. cell: it, its HEX(), CHARSET(), COLLATION(). */
static void format_variable(struct buf *out, const MYSQL_FIELD *f, char **cell)
{
	if (!cell[0])
		buf_adds(out, "NULL");
	else if (f->type == MYSQL_TYPE_DOUBLE)	/* without an exponent it would be a DECIMAL */
		buf_addf(out, "%s%s", cell[0], strchr(cell[0], 'e') ? "" : "e0");
	else if (IS_NUM(f->type))
		buf_adds(out, cell[0]);
	else if (!strcmp(cell[2], "binary"))
		buf_addf(out, "X'%s'", cell[1]);
	else
		buf_addf(out, "_%s X'%s' COLLATE %s", cell[2], cell[1], cell[3]);
}

/* Names and what was recorded last lie in pairs. True: it is something else now. */
static bool is_news(struct sql_run *r, const char *name, const char *literal)
{
	size_t i = 0;

	while (i < r->variables.n && strcasecmp(r->variables.v[i], name))
		i += 2;
	if (i == r->variables.n) {
		strv_add(&r->variables, name);
		strv_add(&r->variables, literal);
		return true;
	}
	if (!strcmp(r->variables.v[i + 1], literal))
		return false;
	free(r->variables.v[i + 1]);
	r->variables.v[i + 1] = xstrdup(literal);
	return true;
}

/* names and the expressions for them: four columns each in one row. */
static int keep_row(struct sql_run *r, const struct strv *names, const struct strv *quoted, const MYSQL_FIELD *f, char **cell,
		    struct buf *out, struct err *err)
{
	for (size_t i = 0; i < names->n; i++, f += 4, cell += 4) {
		AUTO_BUF literal = BUF_INIT, set = BUF_INIT;

		if (cell[0] && (!cell[1] || !cell[2] || !cell[3]))
			return err_set(err, ERR_FAIL, "variable '%s' is too long to be recorded (max_allowed_packet)", quoted->v[i]);
		format_variable(&literal, f, cell);
		if (!is_news(r, names->v[i], literal.p))
			continue;
		buf_addf(&set, "SET %s = %s", quoted->v[i], literal.p);
		append_sql(out, set.p);
	}
	return 0;
}

static int keep_variables(struct sql_run *r, struct buf *out, struct err *err)
{
	static const char names_ask[] = "SELECT variable_name FROM information_schema.user_variables";
	AUTO_STRV names = STRV_INIT, quoted = STRV_INIT;
	AUTO_BUF ask = BUF_INIT;
	MYSQL_RES *res;
	MYSQL_ROW row;
	int rc;

	if (mysql_real_query(r->my, names_ask, sizeof names_ask - 1) || !(res = mysql_store_result(r->my)))
		return db_error(r->db, err);
	while ((row = mysql_fetch_row(res)))
		strv_add(&names, row[0]);
	mysql_free_result(res);
	if (!names.n)
		return 0;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_BUF v = BUF_INIT;

		buf_addc(&v, '@');
		if (db_quote_name(&v, names.v[i], err) < 0)
			return -1;
		strv_add(&quoted, v.p);
		buf_addf(&ask, "%s%s, HEX(%s), CHARSET(%s), COLLATION(%s)", i ? ", " : "SELECT ", v.p, v.p, v.p, v.p);
	}
	if (mysql_real_query(r->my, ask.p, ask.len) || !(res = mysql_store_result(r->my)))
		return db_error(r->db, err);
	row = mysql_fetch_row(res);
	rc = row ? keep_row(r, &names, &quoted, mysql_fetch_fields(res), row, out, err) : db_error(r->db, err);
	mysql_free_result(res);
	return rc;
}

/* ---- temporary tables that no text of ours shows ---- */

static int64_t created_temporary(struct sql_run *r)
{
	static const char ask[] = "SHOW SESSION STATUS LIKE 'Com_create_temporary_table'";
	MYSQL_RES *res;
	MYSQL_ROW row;
	int64_t n = 0;

	if (mysql_real_query(r->my, ask, sizeof ask - 1) || !(res = mysql_store_result(r->my)))
		return 0;
	if ((row = mysql_fetch_row(res)) && row[1])
		n = strtoll(row[1], NULL, 10);
	mysql_free_result(res);
	return n;
}

/* More than those of statements that were read? */
static void look_for_temporary(struct sql_run *r, struct buf *out)
{
	int64_t made = created_temporary(r);

	if (made > r->made_temporary)
		append_sql(out, "SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = " SQL_LOST_TEMPORARY ", MESSAGE_TEXT = 'temporary tables'");
	r->made_temporary = made;
}

int sql_session_keep(struct sql_run *r, const struct sql_kind *k, struct buf *out, struct err *err)
{
	if (r->session.len) {
		append_sql(out, r->session.p);
		buf_reset(&r->session);
	}
	/* DDL that evaluates nothing sets none. */
	r->unlooked |= k->class != SQL_DDL || k->copies || r->session_moved;
	return k->variables.n ? keep_variables(r, out, err) : 0;
}

int sql_session_settle(struct sql_run *r, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;

	if (!r->unlooked || !r->n_pend)
		return 0;
	r->unlooked = false;
	if (keep_variables(r, &sql, err) < 0)
		return -1;
	if (r->session_moved)
		look_for_temporary(r, &sql);
	r->session_moved = false;
	if (sql.len)
		sql_journal_amend(r, sql.p);
	return 0;
}

static void forget(struct strv *sv, const char *s)
{
	for (size_t i = 0; i < sv->n; i++)
		if (!strcmp(sv->v[i], s)) {
			strv_remove(sv, i);
			return;
		}
}

void sql_temporary_follow(struct sql_run *r, const struct sql_kind *k)
{
	for (size_t i = 0; i < k->n_traces; i++) {
		const struct sql_trace *t = &k->trace[i];
		AUTO_FREE char *full = xasprintf("%s.%s", t->schema ? t->schema : "", t->table ? t->table : "");

		if (t->kind != TRACE_TABLE)
			continue;
		if (t->gone)	/* of two with this name DROP TABLE, too, takes the temporary one */
			forget(&r->temporary, full);
		else if (k->temporary && !strv_has(&r->temporary, full))
			strv_add(&r->temporary, full);
	}
}
