/* The tables that a migration works on, as they really are, and SQL that fits them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "../core/utf8.h"
#include "migrate_frame.h"

void migrate_sql_name(struct buf *sql, const char *name)
{
	if (db_quote_name(sql, name, NULL) < 0)
		abort();
}

void migrate_schema_release(struct migrate_seen *seen)
{
	for (size_t i = 0; i < seen->n; i++) {
		free(seen->col[i].name);
		free(seen->col[i].type);
		free(seen->col[i].declared);
		free(seen->col[i].charset);
		free(seen->col[i].collation);
	}
	free(seen->col);
	free(seen->written);
	free(seen->engine);
	*seen = (struct migrate_seen){ 0 };
}

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void column_of_row(struct migrate_column *col, const struct db_rows *r, size_t row)
{
	const char *chars = db_cell(r, row, 4), *extra = db_cell(r, row, 5) ? db_cell(r, row, 5) : "";

	*col = (struct migrate_column){
		.name = xstrdup(db_cell(r, row, 0)), .type = xstrdup(db_cell(r, row, 1)), .charset = dup_or_null(db_cell(r, row, 2)),
		.collation = dup_or_null(db_cell(r, row, 3)), .chars = chars ? strtoll(chars, NULL, 10) : -1,
		.declared = xstrdup(db_cell(r, row, 6)),
		.on_update = strstr(extra, "on update") != NULL, .numbered = strstr(extra, "auto_increment") != NULL,
		/* the last two: MariaDB 10.1 */
		.computed = strstr(extra, "GENERATED") || strstr(extra, "VIRTUAL") || strstr(extra, "PERSISTENT"),
	};
	/* An ENUM without a default has its first word. */
	col->wanted = strcmp(db_cell(r, row, 7), "NO") == 0 && !db_cell(r, row, 8) && !col->numbered && !col->computed &&
		      strcmp(col->type, "enum") != 0;
}

/* Which columns keep rows apart. */
static int read_keys(struct db *db, const char *table, struct migrate_seen *seen, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	struct db_value v[] = { DBV_STR(table) };

	if (db_run(db, "SELECT column_name, index_name FROM information_schema.statistics WHERE table_schema = DATABASE()"
		   " AND table_name = ? AND non_unique = 0 ORDER BY index_name", v, 1, &r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.rows; i++) {
		bool shared = (i && strcmp(db_cell(&r, i, 1), db_cell(&r, i - 1, 1)) == 0) ||
			      (i + 1 < r.rows && strcmp(db_cell(&r, i, 1), db_cell(&r, i + 1, 1)) == 0);

		for (size_t c = 0; c < seen->n; c++)
			if (strcasecmp(seen->col[c].name, db_cell(&r, i, 0)) == 0) {
				seen->col[c].in_unique = true;
				seen->col[c].unique |= !shared;
			}
	}
	return 0;
}

int migrate_schema_read(struct db *db, const char *table, struct migrate_seen *seen, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows t = DB_ROWS_INIT, c = DB_ROWS_INIT;
	struct db_value v[] = { DBV_STR(table) };

	*seen = (struct migrate_seen){ 0 };
	if (db_run(db, "SELECT engine, table_type FROM information_schema.tables WHERE table_schema = DATABASE()"
		   " AND table_name = ?", v, 1, &t, err) < 0)
		return -1;
	if (!t.rows)
		return 0;
	seen->there = true;
	seen->view = strcmp(db_cell(&t, 0, 1), "VIEW") == 0;
	seen->engine = xstrdup(db_cell(&t, 0, 0) ? db_cell(&t, 0, 0) : db_cell(&t, 0, 1));
	if (db_run(db, "SELECT column_name, data_type, character_set_name, collation_name, character_maximum_length, extra, column_type,"
		   " is_nullable, column_default FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?"
		   " ORDER BY ordinal_position", v, 1, &c, err) < 0)
		return -1;
	seen->col = xcalloc(c.rows, sizeof(*seen->col));
	for (seen->n = 0; seen->n < c.rows; seen->n++)
		column_of_row(&seen->col[seen->n], &c, seen->n);
	return read_keys(db, table, seen, err);
}

const struct migrate_column *migrate_schema_column(const struct migrate_seen *seen, const char *name)
{
	for (size_t i = 0; i < seen->n; i++)
		if (strcasecmp(seen->col[i].name, name) == 0)
			return &seen->col[i];
	return NULL;
}

void migrate_schema_written(struct migrate_seen *seen, const struct migrate_table *table)
{
	AUTO_STRV words = STRV_INIT;

	strv_split(&words, table->writes ? table->writes : "", " ");
	seen->written = xcalloc(words.n + 1, sizeof(*seen->written));
	for (size_t i = 0; i < words.n; i++)
		seen->written[i + 1] = migrate_schema_column(seen, words.v[i]);
}

/* ---- is all there that the migration needs? ---- */

bool migrate_column_is_integer(const struct migrate_column *c)
{
	static const char *const types[] = { "tinyint", "smallint", "mediumint", "int", "bigint" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(c->type, types[i]) == 0)
			return true;
	return false;
}

bool migrate_column_is_string(const struct migrate_column *c)
{
	return strstr(c->type, "char") || strstr(c->type, "text") || strstr(c->type, "blob") || strstr(c->type, "binary");
}

/* Character sets whose text we can compare and measure here. */
static bool known_charset(const char *charset)
{
	return !charset || strncmp(charset, "utf8", 4) == 0 || strcmp(charset, "latin1") == 0 || strcmp(charset, "ascii") == 0;
}

/* The script of the application that adds a column, or the table itself ("table"); to be freed, NULL: not known. */
static char *script_that_adds(const struct migrate_table *t, const char *word)
{
	AUTO_STRV scripts = STRV_INIT;

	strv_split(&scripts, t->from ? t->from : "", ";");
	for (size_t i = 0; i < scripts.n; i++) {
		char *name = scripts.v[i] + strspn(scripts.v[i], " "), *colon = strchr(name, ':');
		AUTO_STRV words = STRV_INIT;

		if (!colon)
			continue;
		*colon = '\0';
		strv_split(&words, colon + 1, " ");
		if (strv_has(&words, word))
			return xstrdup(name);
	}
	return NULL;
}

/* column NULL: the table. A script may do more than that, some even drop tables first: so the statement is pointed at. */
static int lacks(const struct migrate_table *t, const char *column, struct err *err)
{
	AUTO_FREE char *own = column ? script_that_adds(t, column) : NULL;
	AUTO_FREE char *script = own ? MOVE_PTR(own) : script_that_adds(t, "table");

	err_set(err, ERR_FAIL, column ? "column '%s.%s' is missing" : "table '%s' is missing", t->name, column);
	if (script)
		err_hint(err, "the statement that adds it is in OSCAR's %s", script);
	else
		err_hint(err, "it is in the application's first schema: is this its database?");
	return -1;
}

static int check_columns(const struct migrate_table *t, const struct migrate_seen *seen, struct err *err)
{
	AUTO_STRV words = STRV_INIT;
	const struct migrate_column *pk = t->pk ? migrate_schema_column(seen, t->pk) : NULL;

	if (t->pk)
		strv_add(&words, t->pk);
	strv_split(&words, t->reads ? t->reads : "", " ");
	size_t n_read = words.n;

	strv_split(&words, t->writes ? t->writes : "", " ");
	for (size_t i = 0; i < words.n; i++) {
		const struct migrate_column *c = migrate_schema_column(seen, words.v[i]);
		AUTO_FREE char *what = xasprintf("column '%s.%s'", t->name, words.v[i]);

		if (!c)
			return lacks(t, words.v[i], err);
		if (i >= n_read && !t->numbers && !migrate_column_is_string(c))
			return err_set(err, ERR_FAIL, "%s is of type '%s' and cannot hold any text; give it back the type that OSCAR's schema has",
				       what, c->type);
		if (i >= n_read && !known_charset(c->charset))
			return err_set(err, ERR_FAIL, "%s has character set '%s', which is not handled; convert the table to utf8mb4 first",
				       what, c->charset);
	}
	if ((t->writes || t->inserts) && !migrate_column_is_integer(pk))
		return err_set(err, ERR_FAIL, "the key '%s.%s' is of type '%s', not an integer", t->name, t->pk, pk->type);
	return 0;
}

int migrate_schema_check(struct migrate *m, struct err *err)
{
	for (int i = 0; m->what->tables[i].name; i++) {
		const struct migrate_table *t = &m->what->tables[i];
		const struct migrate_seen *seen = &m->store->seen[i];

		if (!seen->there && t->optional)
			continue;
		if (!seen->there)
			return lacks(t, NULL, err);
		if (check_columns(t, seen, err) < 0)
			return -1;
	}
	return 0;
}

bool migrate_has(struct migrate *m, int table, const char *column)
{
	const struct migrate_seen *seen = &m->store->seen[table];

	return seen->there && (!column || migrate_schema_column(seen, column));
}

/* ---- SQL ---- */

static void column_of(const char *alias, const char *column, struct buf *sql)
{
	migrate_sql_name(sql, alias);
	buf_addc(sql, '.');
	migrate_sql_name(sql, column);
}

static bool is_binary(const struct migrate_column *c)
{
	return strstr(c->type, "blob") || strstr(c->type, "binary");
}

static bool stored_as_utf8(const struct migrate_column *c)
{
	return strncmp(c->charset, "utf8", 4) == 0 || strcmp(c->charset, "ascii") == 0;
}

void migrate_sql_text(struct migrate *m, int table, const char *alias, const char *column, struct buf *sql)
{
	const struct migrate_column *c = migrate_schema_column(&m->store->seen[table], column);
	bool convert = c && c->charset && !stored_as_utf8(c);

	buf_adds(sql, convert ? "CAST(CONVERT(" : "CAST(");
	column_of(alias, column, sql);
	buf_adds(sql, convert ? " USING utf8mb4) AS BINARY)" : " AS BINARY)");
}

void migrate_sql_as(struct migrate *m, int table, const char *column, const char *expression, struct buf *sql)
{
	const struct migrate_column *c = migrate_schema_column(&m->store->seen[table], column);

	if (c && c->charset)
		buf_addf(sql, "CONVERT(%s USING %s) COLLATE %s", expression, c->charset, c->collation);
	else
		buf_adds(sql, expression);
}

void migrate_sql_raw(const char *alias, const struct migrate_column *c, struct buf *sql)
{
	/* A number or a date becomes text first: its own bytes would depend on the type. */
	bool text = !c->charset && !is_binary(c);

	buf_adds(sql, text ? "CAST(CAST(" : "CAST(");
	column_of(alias, c->name, sql);
	buf_adds(sql, text ? " AS CHAR) AS BINARY)" : " AS BINARY)");
}

/* utf8 and utf8mb3 are one thing under two names. */
static bool same_charset(const char *a, const char *b)
{
	return strcmp(a, b) == 0 ||
	       ((!strcmp(a, "utf8") || !strcmp(a, "utf8mb3")) && (!strcmp(b, "utf8") || !strcmp(b, "utf8mb3")));
}

void migrate_sql_sayable(struct migrate *m, int table, const char *column, const char *from, struct buf *sql)
{
	const struct migrate_column *to = migrate_schema_column(&m->store->seen[table], column);
	const struct migrate_column *c = migrate_schema_column(&m->store->seen[table], from);

	if (!to->charset || !c->charset || strcmp(to->charset, "utf8mb4") == 0 || same_charset(to->charset, c->charset))
		return;
	buf_addf(sql, " AND CAST(CONVERT(CONVERT(x.%s USING %s) USING utf8mb4) AS BINARY) = CAST(CONVERT(x.%s USING utf8mb4) AS BINARY)",
		 from, to->charset, from);
}

void migrate_sql_unraw(const char *expression, const struct migrate_column *c, const char *from, struct buf *sql)
{
	if (is_binary(c)) {
		buf_adds(sql, expression);
	} else if (!c->charset) {
		buf_addf(sql, "CONVERT(%s USING utf8)", expression);
	} else if (!from || same_charset(from, c->charset)) {
		buf_addf(sql, "CONVERT(%s USING %s) COLLATE %s", expression, c->charset, c->collation);
	} else {
		buf_addf(sql, "CONVERT(CONVERT(%s USING %s) USING %s) COLLATE %s", expression, from, c->charset, c->collation);
	}
}

void migrate_sql_holds(const char *alias, const struct migrate_column *c, const char *kept, const char *from, struct buf *sql)
{
	AUTO_BUF raw = BUF_INIT, bytes = BUF_INIT;

	migrate_sql_raw(alias, c, &raw);
	/* Kept in the character set of then; compared as bytes in that of now. */
	migrate_sql_unraw(kept, c, from, &bytes);
	buf_addf(sql, "%s <=> %s%s%s", raw.p, c->charset ? "CAST(" : "", c->charset ? bytes.p : kept, c->charset ? " AS BINARY)" : "");
}

void migrate_sql_keep(const char *alias, const struct migrate_seen *seen, const struct strv *but, struct buf *sql)
{
	for (size_t i = 0; i < seen->n; i++) {
		if (!seen->col[i].on_update || strv_has(but, seen->col[i].name))
			continue;
		buf_adds(sql, ", ");
		column_of(alias, seen->col[i].name, sql);
		buf_adds(sql, " = ");
		column_of(alias, seen->col[i].name, sql);
	}
}

void migrate_sql_mark(const char *alias, const struct migrate_seen *seen, const struct strv *names, struct buf *sql)
{
	size_t from = sql->len;

	buf_adds(sql, "SHA1(CONCAT(''");
	for (size_t i = 0; i < names->n; i++) {
		const struct migrate_column *c = migrate_schema_column(seen, names->v[i]);
		AUTO_BUF raw = BUF_INIT;

		if (!c) {
			buf_truncate(sql, from);
			buf_adds(sql, "NULL");
			return;
		}
		migrate_sql_raw(alias, c, &raw);
		buf_addf(sql, ", IFNULL(CONCAT(LENGTH(%s), ':', %s), 'N')", raw.p, raw.p);
	}
	buf_adds(sql, "))");
}

/* ---- does a text fit? ---- */

static bool representable(const char *charset, int32_t c)
{
	if (strcmp(charset, "utf8mb4") == 0)
		return true;
	if (strncmp(charset, "utf8", 4) == 0)
		return c < 0x10000;
	/* MariaDB's latin1 is Windows-1252: 0x80 to 0x9f are other characters there. */
	if (strcmp(charset, "latin1") == 0)
		return c < 0x80 || (c >= 0xa0 && c <= 0xff);
	return c < 0x80;
}

enum migrate_fit migrate_fit(struct migrate *m, int table, int column, const char *text, size_t len, size_t *max)
{
	const struct migrate_column *c = m->store->seen[table].written[column];
	size_t chars = 0;

	*max = c->chars < 0 ? SIZE_MAX : (size_t)c->chars;
	for (size_t i = 0, used; i < len; i += used, chars++) {
		int32_t code = utf8_next(text + i, len - i, &used);

		if (code < 0)
			return MIGRATE_INVALID;
		if (c->charset && !representable(c->charset, code))
			return MIGRATE_UNREPRESENTABLE;
	}
	return chars > *max ? MIGRATE_LONG : MIGRATE_FITS;
}
