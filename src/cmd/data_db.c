/* Asking the database through the mariadb client, if there is one, with no library.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/child.h"
#include "../base/script.h"
#include "data.h"

#define QUERY_MS 600000		/* dropping a large database takes its time */
#define PROBE_MS 15000
#define ANSWER_MAX (4u << 20)
#define DATA_DIR "/var/lib/mysql"

void data_db_release(struct data_db *d)
{
	free(d->client);
	free(d->defaults_file);
	free(d->down);
	*d = (struct data_db){ 0 };
}

void data_db_name(struct buf *b, const char *name)
{
	buf_addc(b, '`');
	for (; *name; name++) {
		if (*name == '`')
			buf_addc(b, '`');
		buf_addc(b, *name);
	}
	buf_addc(b, '`');
}

/* A hexadecimal literal needs no knowledge of the session's character set and
 * escape mode. */
void data_db_text(struct buf *b, const char *text)
{
	buf_adds(b, "CONVERT(X'");
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		buf_addf(b, "%02x", *p);
	buf_adds(b, "' USING utf8mb4)");
}

/* The client's message: "ERROR 1049 (42000): Unknown database 'x'". */
static int client_error(const struct buf *errs, int status, struct err *err)
{
	unsigned number = 0;
	const char *at = strstr(errs->p, "ERROR ");
	AUTO_BUF text = BUF_INIT;

	buf_adds(&text, at ? at : errs->p);
	buf_trim_end(&text);
	if (at)
		sscanf(at, "ERROR %u", &number);
	err_set(err, number == 0 || number >= 2000 ? ERR_BACKEND : ERR_FAIL, "the mariadb client: %s",
		text.len ? text.p : "failed without a message");
	if (err) {
		err->lib = number;
		if (!text.len)
			err_hint(err, "exit status %d", status);
	}
	return -1;
}

static int run_client(const struct data_db *d, const char *database, const char *sql, int ms,
		      struct buf *out, struct err *err)
{
	const char *socket = getenv("MAINTKIT_DB_SOCKET");
	AUTO_STRV argv = STRV_INIT;
	AUTO_BUF errs = BUF_INIT;
	AUTO_BUF ignored = BUF_INIT;
	struct child c = {
		.in = sql, .in_len = strlen(sql), .out = out ? out : &ignored, .errs = &errs,
		.cap = ANSWER_MAX, .timeout_ms = ms,
	};
	int status;

	strv_add(&argv, d->client);
	if (d->defaults_file)
		strv_addf(&argv, "--defaults-file=%s", d->defaults_file);
	else
		strv_add(&argv, "--no-defaults");
	if (socket && *socket && !d->defaults_file)
		strv_addf(&argv, "--socket=%s", socket);
	if (!d->defaults_file)
		strv_add(&argv, "--user=root");
	strv_add(&argv, "--batch");
	strv_add(&argv, "--skip-column-names");
	strv_add(&argv, "--connect-timeout=5");
	strv_add(&argv, "--default-character-set=utf8mb4");
	if (database)
		strv_addf(&argv, "--database=%s", database);
	c.argv = (const char *const *)argv.v;
	status = child_run(&c, err);
	if (status < 0)
		return -1;
	return status ? client_error(&errs, status, err) : 0;
}

int data_db_query(const struct data_db *d, const char *database, const char *sql, struct buf *out,
		  struct err *err)
{
	if (d->down)
		return err_set(err, ERR_BACKEND, "%s", d->down);
	return run_client(d, database, sql, QUERY_MS, out, err);
}

static void find_defaults(struct data_db *d, struct tool *t)
{
	const char *file = profile_get(t->profile, "database", "defaults-file");
	AUTO_FREE char *usual = xasprintf("/etc/%s/db.cnf", t->package);
	struct stat st;

	if (!file)
		file = usual;
	if (path_stat(&t->root, file, &st, NULL) == 0) {
		d->defaults_file = xasprintf("%s%s", t->root.prefix, file);
		d->remote = true;	/* that file is only for a server elsewhere */
	}
}

void data_db_find(struct data_db *d, struct tool *t)
{
	const char *why = NULL;
	struct err err = ERR_INIT;

	find_defaults(d, t);
	d->client = child_find("mariadb");
	if (!d->client)
		d->client = child_find("mysql");
	if (!script_is_booted(&t->root, &why))
		d->down = xstrdup(why);
	else if (!d->client)
		d->down = xstrdup("there is no mariadb client on this machine");
	else if (run_client(d, NULL, "SELECT 1;", PROBE_MS, NULL, &err) < 0)
		d->down = xstrdup(err.text);
}

bool data_db_surely_absent(struct tool *t, const char *database)
{
	AUTO_FREE char *ours = xasprintf("%s/%s", DATA_DIR, database);
	struct err err = ERR_INIT;
	struct stat st;

	/* MariaDB writes other characters as @xxxx: not worth being wrong about */
	if (strspn(database, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(database))
		return false;
	return path_stat(&t->root, DATA_DIR "/mysql", &st, NULL) == 0 &&
	       path_stat(&t->root, ours, &st, &err) < 0 && err.kind == ERR_ABSENT;
}
