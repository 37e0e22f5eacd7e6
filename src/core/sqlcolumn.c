/* A column definition reduced to what information_schema.columns can confirm.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "sqlkind.h"
#include "sqllex.h"

/* Other words for the same type. Source: MariaDB manual, "Data types", synonyms. */
static const struct { const char *alias, *type; } aliases[] = {
	{ "integer", "int" }, { "int4", "int" }, { "int8", "bigint" }, { "int2", "smallint" }, { "int1", "tinyint" },
	{ "middleint", "mediumint" }, { "bool", "tinyint" }, { "boolean", "tinyint" }, { "dec", "decimal" },
	{ "numeric", "decimal" }, { "fixed", "decimal" }, { "number", "decimal" }, { "real", "double" },
	{ "float4", "float" }, { "float8", "double" }, { "character", "char" }, { "json", "longtext" },
	{ "varchar2", "varchar" }, { "clob", "longtext" }, { "long", "mediumtext" },
	{ "nchar", "char" }, { "nvarchar", "varchar" }, { "varcharacter", "varchar" },
};
/* What the server adds where the script gives no length. */
static const struct { const char *type, *length; } lengths[] = {
	{ "char", "(1)" }, { "bit", "(1)" }, { "decimal", "(10,0)" }, { "year", "(4)" }, { "binary", "(1)" },
};
static const char *const integers[] = { "tinyint", "smallint", "mediumint", "int", "bigint" };

void sql_column_release(struct sql_column *c)
{
	free(c->type);
	free(c->fallback);
	*c = (struct sql_column){ .nullable = -1 };
}

static bool is_integer(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(integers); i++)
		if (!strcmp(type, integers[i]))
			return true;
	return false;
}

/* (10, 2) without its blanks; strings in it stay as they are. */
static void take_length(struct sqllex *lx, struct buf *out)
{
	if (!sqllex_punct(lx, '('))
		return;
	for (; lx->type != TOK_END; (void)sqllex_next(lx)) {
		buf_add(out, lx->tok, lx->len);
		if (sqllex_take_punct(lx, ')'))
			return;
	}
}

static void read_type(struct sqllex *lx, struct buf *out)
{
	AUTO_BUF name = BUF_INIT, length = BUF_INIT;

	(void)sqllex_take(lx, "NATIONAL");
	for (size_t i = 0; i < lx->len; i++)
		buf_addc(&name, (char)tolower((unsigned char)lx->tok[i]));
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (!strcmp(name.p, aliases[i].alias)) {
			buf_reset(&name);
			buf_adds(&name, aliases[i].type);
		}
	(void)sqllex_next(lx);
	if (!strcmp(name.p, "double"))
		(void)sqllex_take(lx, "PRECISION");
	if (!strcmp(name.p, "char") && sqllex_take(lx, "VARYING")) {
		buf_reset(&name);
		buf_adds(&name, "varchar");
	}
	take_length(lx, &length);
	if (!strcmp(name.p, "text") || !strcmp(name.p, "blob"))
		buf_reset(&length);	/* TEXT(n) picks a type by itself */
	for (size_t i = 0; i < ARRAY_LEN(lengths) && !length.len; i++)
		if (!strcmp(name.p, lengths[i].type))
			buf_adds(&length, lengths[i].length);
	buf_adds(out, name.p);
	if (!is_integer(name.p))	/* the width of an integer is for display only */
		buf_adds(out, length.p);
	for (;; ) {
		if (sqllex_take(lx, "UNSIGNED"))
			buf_adds(out, " unsigned");
		else if (sqllex_take(lx, "ZEROFILL"))
			buf_adds(out, " zerofill");
		else if (!sqllex_take(lx, "SIGNED"))
			break;
	}
}

/* DEFAULT: a literal, NULL, or an expression that is not compared. */
static void read_default(struct sqllex *lx, struct sql_column *c)
{
	bool minus = sqllex_take_punct(lx, '-');

	c->has_default = true;
	(void)sqllex_take_punct(lx, '+');
	free(c->fallback);
	c->fallback = NULL;
	if (lx->type == TOK_STRING) {
		AUTO_BUF b = BUF_INIT;

		for (size_t i = 1; i + 1 < lx->len; i++) {
			i += lx->tok[i] == *lx->tok || (lx->tok[i] == '\\' && !lx->no_backslash);
			buf_addc(&b, lx->tok[i]);
		}
		c->fallback = buf_steal(&b);
	} else if (lx->type == TOK_NUMBER) {
		c->fallback = xasprintf("%s%.*s", minus ? "-" : "", (int)lx->len, lx->tok);
	} else if (sqllex_is(lx, "NULL")) {
		c->fallback = xstrdup("NULL");
	} else if (sqllex_is(lx, "TRUE") || sqllex_is(lx, "FALSE")) {
		c->fallback = xstrdup(sqllex_is(lx, "TRUE") ? "1" : "0");
	} else {
		sqllex_skip_element(lx);
		return;
	}
	(void)sqllex_next(lx);
}

void sql_column_parse(struct sql_column *c, const char *definition)
{
	AUTO_BUF type = BUF_INIT;
	struct sqllex lx;

	*c = (struct sql_column){ .nullable = -1 };
	sqllex_init(&lx, definition, strlen(definition), false, false);
	if (lx.type != TOK_WORD)
		return;
	if (sqllex_take(&lx, "SERIAL")) {
		buf_adds(&type, "bigint unsigned");
		c->nullable = 0;
		c->has_default = true;
	} else {
		read_type(&lx, &type);
	}
	c->type = buf_steal(&type);
	while (lx.type != TOK_END) {
		if (sqllex_take(&lx, "NOT")) {
			if (sqllex_take(&lx, "NULL"))
				c->nullable = 0;
		} else if (sqllex_take(&lx, "NULL")) {
			c->nullable = 1;
		} else if (sqllex_take(&lx, "PRIMARY")) {
			c->nullable = 0;
		} else if (sqllex_take(&lx, "DEFAULT")) {
			read_default(&lx, c);
		} else if (sqllex_take(&lx, "COMMENT") || sqllex_take(&lx, "CHECK") || sqllex_take(&lx, "REFERENCES")) {
			(void)sqllex_next(&lx);
		} else if (sqllex_is(&lx, "AS") || sqllex_is(&lx, "GENERATED")) {
			c->has_default = true;
			return;
		} else if (sqllex_take(&lx, "AUTO_INCREMENT") || sqllex_take(&lx, "SERIAL")) {
			c->has_default = true;	/* SERIAL DEFAULT VALUE */
			c->nullable = 0;
		} else {
			(void)sqllex_next(&lx);
		}
	}
}

char *sql_type_reduce(const char *type)
{
	AUTO_BUF out = BUF_INIT;
	struct sqllex lx;

	sqllex_init(&lx, type, strlen(type), false, false);
	if (lx.type == TOK_WORD)
		read_type(&lx, &out);
	return xstrdup(out.p);
}

/* 'it''s' without its quotes; other text as it is. To be freed. */
static char *unquoted(const char *text)
{
	size_t n = strlen(text);
	AUTO_BUF b = BUF_INIT;

	if (n < 2 || *text != '\'' || text[n - 1] != '\'')
		return xstrdup(text);
	for (size_t i = 1; i + 1 < n; i++) {
		i += (text[i] == '\'' || text[i] == '\\') && i + 2 < n;
		buf_addc(&b, text[i]);
	}
	return xstrdup(b.p);
}

bool sql_default_is(const char *type, const char *want, const char *have)
{
	AUTO_FREE char *text = unquoted(have ? have : "NULL");
	char *a, *b;
	double x, y;

	if (!strcmp(want, text))
		return true;
	/* The server writes them its own way: '2020-1-1' as '2020-01-01 00:00:00', b'101' as a number. */
	if (type && strcmp(want, "NULL") && have && (strstr(type, "date") || strstr(type, "time") || !strncmp(type, "bit", 3)))
		return strlen(want) != strlen(text);
	x = strtod(want, &a);
	y = strtod(text, &b);
	return a != want && b != text && !*a && !*b && x == y;
}
