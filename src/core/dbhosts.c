/* Several database hosts in one option file: `host = a, b:3307, [2001:db8::1]:3306`.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dbhosts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *trimmed(const char *s, size_t n)
{
	while (n && isspace((unsigned char)*s))
		s++, n--;
	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	return xstrndup(s, n);
}

static bool is_client_group(const char *line)
{
	return !strcasecmp(line, "[client]") || !strcasecmp(line, "[client-server]") || !strcasecmp(line, "[client-mariadb]");
}

/* "host = VALUE": its value without quotes, or NULL. */
static char *host_of_line(const char *line)
{
	const char *eq = strchr(line, '=');
	AUTO_FREE char *key = eq ? trimmed(line, (size_t)(eq - line)) : NULL;
	AUTO_FREE char *value = NULL;
	size_t n;

	if (!key || strcmp(key, "host"))
		return NULL;
	value = trimmed(eq + 1, strlen(eq + 1));
	n = strlen(value);
	if (n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value)
		return trimmed(value + 1, n - 2);
	return MOVE_PTR(value);
}

static char *find_value(const char *text, size_t len)
{
	const char *end = text + len;
	char *found = NULL;
	bool ours = false;

	for (const char *next; text < end; text = next) {
		const char *lf = memchr(text, '\n', (size_t)(end - text));
		AUTO_FREE char *line = trimmed(text, (size_t)((lf ? lf : end) - text));
		char *host;

		next = lf ? lf + 1 : end;
		if (*line == '[')
			ours = is_client_group(line);
		else if (ours && (host = host_of_line(line))) {
			free(found);
			found = host;
		}
	}
	return found;
}

static bool is_option(const char *line, const char *key)
{
	while (*line && *key && (*line == *key || (*line == '_' && *key == '-')))
		line++, key++;
	return !*line && !*key;
}

bool dbhosts_has_bare(const char *text, size_t len, const char *key)
{
	const char *end = text + len;
	bool ours = false, bare = false;

	for (const char *next; text < end; text = next) {
		const char *lf = memchr(text, '\n', (size_t)(end - text));
		AUTO_FREE char *line = trimmed(text, (size_t)((lf ? lf : end) - text));

		next = lf ? lf + 1 : end;
		if (*line == '[')
			ours = is_client_group(line);
		bare |= ours && is_option(line, key);
	}
	return bare;
}

static int parse_port(const char *s, unsigned *port)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (!isdigit((unsigned char)*s) || *end || n < 1 || n > 65535)
		return -1;
	*port = (unsigned)n;
	return 0;
}

/* "name", "name:port", "[address]", "[address]:port". */
static int parse_host(const char *word, struct dbhost *h, struct err *err)
{
	const char *close = *word == '[' ? strchr(word, ']') : NULL;
	const char *colon = close ? close + 1 : strchr(word, ':');
	const char *name = close ? word + 1 : word;
	size_t n = close ? (size_t)(close - name) : colon ? (size_t)(colon - word) : strlen(word);

	if (!n || (*word == '[' && !close) || (colon && *colon && (*colon != ':' || parse_port(colon + 1, &h->port) < 0)))
		return err_set(err, ERR_FAIL, "'%s' is no host of a list; write NAME, NAME:PORT or [ADDRESS]:PORT, with commas between", word);
	h->name = xstrndup(name, n);
	return 0;
}

int dbhosts_parse(const char *text, size_t len, struct dbhost **hosts, size_t *n, struct err *err)
{
	AUTO_FREE char *value = find_value(text, len);
	AUTO_STRV words = STRV_INIT;

	*hosts = NULL;
	*n = 0;
	if (!value || !strchr(value, ','))
		return 0;
	strv_split(&words, value, ", \t");
	*hosts = xcalloc(words.n ? words.n : 1, sizeof **hosts);
	for (size_t i = 0; i < words.n; i++) {
		if (parse_host(words.v[i], &(*hosts)[*n], err) < 0) {
			dbhosts_free(*hosts, *n);
			*hosts = NULL;
			*n = 0;
			return -1;
		}
		++*n;
	}
	return 0;
}

void dbhosts_free(struct dbhost *hosts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(hosts[i].name);
	free(hosts);
}
