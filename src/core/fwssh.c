/* On which ports does sshd listen? Reading what sshd, ss and systemd say, and sshd_config.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fwssh.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool fwssh_add(struct fwssh_ports *p, unsigned port)
{
	unsigned i = 0;

	if (port < 1 || port > 65535)
		return false;
	while (i < p->n && p->port[i] < port)
		i++;
	if (i < p->n && p->port[i] == port)
		return true;
	if (p->n == FWSSH_MAX) {
		p->overflow = true;
		return false;
	}
	memmove(&p->port[i + 1], &p->port[i], (p->n - i) * sizeof(p->port[0]));
	p->port[i] = port;
	p->n++;
	return true;
}

/* The whole of s as a port number; 0 when it is none. */
static unsigned number(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n <= 5 && s[n] == '\0' ? (unsigned)strtoul(s, NULL, 10) : 0;
}

/* The port behind the last ':' of an address. */
static unsigned port_behind(const char *address)
{
	const char *colon = strrchr(address, ':');

	return colon ? number(colon + 1) : 0;
}

unsigned fwssh_parse_effective(const char *text, struct fwssh_ports *p)
{
	AUTO_STRV lines = STRV_INIT;
	unsigned used = 0;

	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		if (strncmp(lines.v[i], "port ", 5) == 0)
			used += fwssh_add(p, number(lines.v[i] + 5));
		else if (strncmp(lines.v[i], "listenaddress ", 14) == 0)
			used += fwssh_add(p, port_behind(lines.v[i] + 14));
	}
	return used;
}

unsigned fwssh_parse_sockets(const char *text, struct fwssh_ports *p)
{
	AUTO_STRV lines = STRV_INIT;
	unsigned used = 0;

	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		AUTO_STRV f = STRV_INIT;	/* LISTEN 0 128 ADDRESS:PORT PEER users:(("sshd",...)) */

		if (!strstr(lines.v[i], "((\"sshd\",") && !strstr(lines.v[i], "((\"dropbear\","))
			continue;
		strv_split(&f, lines.v[i], " ");
		if (f.n > 4)
			used += fwssh_add(p, port_behind(f.v[3]));
	}
	return used;
}

unsigned fwssh_parse_units(const char *text, struct fwssh_ports *p)
{
	AUTO_STRV lines = STRV_INIT;
	unsigned used = 0;

	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *end;

		/* "Listen=[::]:22 (Stream)"; paths and datagrams are not ssh's */
		if (strncmp(lines.v[i], "Listen=", 7) != 0 || !(end = strstr(lines.v[i], " (Stream)")))
			continue;
		*end = '\0';
		used += fwssh_add(p, port_behind(lines.v[i]));
	}
	return used;
}

bool fwssh_parse_connection(const char *value, struct fwssh_ports *p)
{
	AUTO_STRV f = STRV_INIT;

	strv_split(&f, value, " ");
	return f.n == 4 && fwssh_add(p, number(f.v[3]));
}

/* keyword and first argument of a line: blanks or one '=' between, quotes allowed */
static void keyword_and_rest(char *line, char **key, char **rest)
{
	*key = line + strspn(line, " \t\r\f");
	line = *key + strcspn(*key, " \t\r\f=");
	if (*line)
		*line++ = '\0';
	line += strspn(line, " \t\r\f");
	if (*line == '=')
		line += 1 + strspn(line + 1, " \t\r\f");
	*rest = line;
}

static void unquote(char *s)
{
	size_t len;

	if (*s == '"') {
		memmove(s, s + 1, strlen(s));
		s[strcspn(s, "\"")] = '\0';
		return;
	}
	len = strcspn(s, " \t\r\f");
	s[len] = '\0';
}

/* "host", "host:port", "[v6]:port", or a bare IPv6 address */
static bool address_port(const char *a, struct fwssh_ports *p)
{
	const char *colon = strrchr(a, ':');
	const char *bracket = strrchr(a, ']');

	if (!colon || (bracket && colon < bracket) || (!bracket && strchr(a, ':') != colon))
		return true;	/* no port in it: Port applies */
	return fwssh_add(p, number(colon + 1));
}

int fwssh_parse_config(const char *text, struct fwssh_ports *p, struct strv *includes, struct err *err)
{
	AUTO_BUF copy = BUF_INIT;
	unsigned line = 0;

	buf_adds(&copy, text);
	for (char *at = copy.p; at; ) {
		char *next = strchr(at, '\n'), *key, *rest;

		if (next)
			*next++ = '\0';
		line++;
		keyword_and_rest(at, &key, &rest);
		at = next;
		if (strcasecmp(key, "match") == 0)
			return 0;
		if (strcasecmp(key, "include") == 0) {
			strv_split(includes, rest, " \t\r\f\"");
			continue;
		}
		if (strcasecmp(key, "port") != 0 && strcasecmp(key, "listenaddress") != 0)
			continue;
		unquote(rest);
		if (strcasecmp(key, "port") == 0 ? !fwssh_add(p, number(rest)) : !address_port(rest, p))
			return err_set(err, ERR_FAIL, "%u: '%s %s' gives no port", line, key, rest);
	}
	return 0;
}
