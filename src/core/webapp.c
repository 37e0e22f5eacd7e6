/* Names and templates of a Tomcat instance: pure text rules.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "webapp.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

char *webapp_dirname(const char *version, struct err *err)
{
	AUTO_BUF b = BUF_INIT;

	if (!is_digit(version[0])) {
		err_set(err, ERR_USAGE, "'%s' is no package version: it does not start with a digit", version);
		return NULL;
	}
	for (const char *p = version; *p; p++) {
		if (*p == ':')
			buf_addc(&b, '_');
		else if (*p == '+')
			buf_adds(&b, "_p_");
		else if (is_alnum(*p) || strchr(".~-", *p))
			buf_addc(&b, *p);
		else {
			err_set(err, ERR_USAGE, "'%s' is no package version: character '%c' is not allowed",
				version, *p);
			return NULL;
		}
	}
	if (b.len > 200) {
		err_set(err, ERR_USAGE, "the package version is longer than 200 characters");
		return NULL;
	}
	return buf_steal(&b);
}

int webapp_context_parse(const char *word, struct webapp_context *out, struct err *err)
{
	const char *eq = strchr(word, '=');
	size_t n = eq ? (size_t)(eq - word) : 0;

	if (n == 0 || n > 64 || eq[1] == '\0' || eq[1] == '.' || strchr(eq, '/'))
		return err_set(err, ERR_FAIL, "'%s' is no CONTEXT=FILE", word);
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(word[i]) && (i == 0 || !strchr("-_", word[i])))
			return err_set(err, ERR_FAIL, "'%s': a context name has only letters, digits, '-' and '_'", word);
	out->name = xstrndup(word, n);
	out->war = xstrdup(eq + 1);
	return 0;
}

void webapp_context_release(struct webapp_context *c)
{
	free(c->name);
	free(c->war);
	*c = (struct webapp_context){ NULL, NULL };
}

bool webapp_java_option_ok(const char *word)
{
	if (word[0] != '-')
		return false;
	for (const char *p = word; *p; p++)
		if (!is_alnum(*p) && !strchr("-_./:=,+@%", *p))
			return false;
	return true;
}

void webapp_xml_escape(struct buf *out, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&': buf_adds(out, "&amp;"); break;
		case '<': buf_adds(out, "&lt;"); break;
		case '>': buf_adds(out, "&gt;"); break;
		case '"': buf_adds(out, "&quot;"); break;
		case '\'': buf_adds(out, "&apos;"); break;
		default:
			buf_addc(out, (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
		}
	}
}

/* Length of NAME when text starts with "@NAME@", else 0. */
static size_t placeholder(const char *p, const char *end)
{
	size_t n = 1;

	while (p + n < end && (is_digit(p[n]) || (p[n] >= 'A' && p[n] <= 'Z') || p[n] == '_'))
		n++;
	return p + n < end && p[n] == '@' ? n - 1 : 0;
}

static const struct webapp_var *find_var(const struct webapp_var *vars, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(vars[i].name) == len && memcmp(vars[i].name, name, len) == 0)
			return &vars[i];
	return NULL;
}

int webapp_expand(struct buf *out, const char *text, size_t len,
		  const struct webapp_var *vars, size_t n, struct err *err)
{
	const char *end = text + len;
	unsigned line = 1;

	for (const char *p = text; p < end; p++) {
		const struct webapp_var *v;
		size_t name = *p == '@' ? placeholder(p, end) : 0;

		if (*p == '\n')
			line++;
		if (name == 0) {
			buf_addc(out, *p);
			continue;
		}
		v = find_var(vars, n, p + 1, name);
		if (!v)
			return err_set(err, ERR_FAIL, "line %u: @%.*s@ is not known", line, (int)name, p + 1);
		if (v->raw)
			buf_adds(out, v->value);
		else
			webapp_xml_escape(out, v->value);
		p += name + 1;
	}
	return 0;
}

/* The element that starts at '<': up to its '>', which in XML cannot stand in a name or, unescaped by habit, in a value. */
static bool is_connector(const char *s, size_t len, long port)
{
	static const char name[] = "<Connector";
	const char *end = memchr(s, '>', len);
	AUTO_FREE char *element = NULL;
	const char *at;

	if (!end || (size_t)(end - s) < sizeof(name) || memcmp(s, name, sizeof(name) - 1) != 0)
		return false;
	element = xstrndup(s, (size_t)(end - s));
	for (at = element; (at = strstr(at, "port")); at += 4) {
		const char *v = at + 4;
		char *behind;

		if (!strchr(" \t\r\n", at[-1]))
			continue;
		v += strspn(v, " \t\r\n");
		if (*v++ != '=')
			continue;
		v += strspn(v, " \t\r\n");
		if (*v != '"' && *v != '\'')
			continue;
		if (strtol(v + 1, &behind, 10) == port && *behind == *v)
			return true;
	}
	return false;
}

bool webapp_has_connector(const char *text, size_t len, long port)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '<')
			continue;
		if (len - i >= 4 && memcmp(text + i, "<!--", 4) == 0) {
			const char *end = memmem(text + i, len - i, "-->", 3);

			if (!end)
				return false;
			i = (size_t)(end - text) + 2;
		} else if (is_connector(text + i, len - i, port)) {
			return true;
		}
	}
	return false;
}
