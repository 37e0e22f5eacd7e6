/* Send the statements of SQL files to a server as the splitter cuts them, going on after errors: the differential test's half.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sqlsend SOCKET DATABASE CHARSET FILE...   prints the connection's id. With SOCKET "-" nothing is sent: each
 * statement is printed as "LINE:COLUMN LENGTH TEXT".
 */
#include <fcntl.h>
#include <mysql.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../src/core/sqlsplit.h"

static MYSQL *my;
static size_t chunk = 65536;

static void drain(void)
{
	do {
		MYSQL_RES *r = mysql_use_result(my);

		if (r)
			mysql_free_result(r);
	} while (mysql_next_result(my) == 0);
}

static void act(const struct sqlsplit_item *it, struct sqlsplit *sp)
{
	if (!my) {
		printf("%llu:%llu %s%zu ", (unsigned long long)it->line, (unsigned long long)it->column,
		       it->command == SQLSPLIT_USE ? "USE " : it->command == SQLSPLIT_CHARSET ? "CHARSET " :
		       it->command == SQLSPLIT_SOURCE ? "SOURCE " : "", it->len);
		fwrite(it->text, 1, it->len, stdout);
		putchar('\n');
		return;
	}
	if (it->command == SQLSPLIT_USE) {
		(void)mysql_select_db(my, it->text);
	} else if (it->command == SQLSPLIT_CHARSET) {
		(void)mysql_set_character_set(my, it->text);
	} else if (it->command == SQLSPLIT_NO_COMMAND) {
		if (mysql_real_query(my, it->text, it->len) == 0)
			drain();
		sqlsplit_set_modes(sp, my->server_status & SERVER_STATUS_NO_BACKSLASH_ESCAPES,
				   my->server_status & SERVER_STATUS_ANSI_QUOTES);
	}
}

static int one(const char *file, const char *charset)
{
	CLEANUP(sqlsplit_cleanup) struct sqlsplit *sp =
		sqlsplit_new(strncmp(charset, "utf8", 4) ? SQLSPLIT_LATIN1 : SQLSPLIT_UTF8);
	AUTO_FD int fd = open(file, O_RDONLY);
	AUTO_FREE char *data = xmalloc(chunk);
	struct sqlsplit_item it;
	struct err err = ERR_INIT;
	ssize_t n;

	if (my)
		sqlsplit_set_modes(sp, my->server_status & SERVER_STATUS_NO_BACKSLASH_ESCAPES,
				   my->server_status & SERVER_STATUS_ANSI_QUOTES);
	for (;;)
		switch (sqlsplit_next(sp, &it, &err)) {
		case SQLSPLIT_MORE:
			n = read(fd, data, chunk);
			if (n < 0)
				return 1;
			sqlsplit_feed(sp, data, (size_t)n);
			break;
		case SQLSPLIT_STATEMENT:
		case SQLSPLIT_COMMAND:
			act(&it, sp);
			break;
		case SQLSPLIT_END:
			return 0;
		case SQLSPLIT_ERROR:
			fprintf(stderr, "%s:%s\n", file, err.text);
			return 1;
		}
}

int main(int argc, char **argv)
{
	int rc = 0;

	if (argc < 5)
		return 2;
	if (getenv("CHUNK"))
		chunk = strtoul(getenv("CHUNK"), NULL, 10);
	if (strcmp(argv[1], "-")) {
		my = mysql_init(NULL);
		mysql_options(my, MYSQL_SET_CHARSET_NAME, argv[3]);
		if (!mysql_real_connect(my, NULL, NULL, NULL, argv[2], 0, argv[1], CLIENT_MULTI_STATEMENTS)) {
			fprintf(stderr, "%s\n", mysql_error(my));
			return 2;
		}
		printf("%lu\n", mysql_thread_id(my));
	}
	for (int i = 4; i < argc; i++)
		rc |= one(argv[i], argv[3]);
	if (my)
		mysql_close(my);
	return rc;
}
