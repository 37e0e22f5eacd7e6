/* Connecting to MariaDB: the defaults file, a list of hosts, refusals explained.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "db_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <mysqld_error.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/script.h"
#include "../core/dbhosts.h"

#define CONNECT_TIMEOUT_S 5
#define DEFAULTS_MAX (64u << 10)

/* The defaults file holds a password. Checked on the descriptor that
 * libmariadb then reads (through /proc), so that what was checked is what is used. */
static int open_defaults(const struct root *root, const char *path, struct err *err)
{
	AUTO_FD int fd = path_open(root, path, O_RDONLY, 0, 0, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "'%s%s'", root->prefix, path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_FAIL, "'%s%s' is not a regular file", root->prefix, path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(err, ERR_FAIL, "'%s%s' holds a password but belongs to another user (uid %u); run: chown root '%s%s'",
			       root->prefix, path, (unsigned)st.st_uid, root->prefix, path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return err_set(err, ERR_FAIL, "'%s%s' holds a password but others may read it (mode %04o); run: chmod 600 '%s%s'",
			       root->prefix, path, (unsigned)(st.st_mode & 07777), root->prefix, path);
	return MOVE_FD(fd);
}

/* The file that says how to reach the server; NULL: local socket. To be freed. */
static int choose_defaults(const struct profile *p, const struct root *root, const char *given,
			   char **path, struct err *err)
{
	const char *set = given ? given : p ? profile_get(p, "database", "defaults-file") : NULL;
	struct err e = ERR_INIT;
	struct stat st;

	*path = NULL;
	AUTO_FREE char *own = set ? xstrdup(set) : p ? xasprintf("/etc/%s/db.cnf", profile_package(p)) : NULL;
	if (own && !given && path_stat(root, own, &st, &e) < 0) {
		if (e.kind == ERR_ABSENT)
			return 0;
		if (err)
			*err = e;
		return -1;
	}
	if (own && own[0] != '/') {
		AUTO_FREE char *cwd = getcwd(NULL, 0);

		*path = xasprintf("%s/%s", cwd ? cwd : "", own);
		return 0;
	}
	*path = MOVE_PTR(own);
	return 0;
}

static void explain_refusal(struct err *err, const char *file, const char *prefix, const char *package,
			    const char *user)
{
	if (user)
		return;
	if (file)
		err_hint(err, "the account of '%s%s' is not let in; mend it, try it with: mariadb --defaults-file='%s%s', then run: dpkg --configure %s",
			 prefix, file, prefix, file, package);
	else
		err_hint(err, "root is not let in over the unix socket; either make it so (ALTER USER root@localhost IDENTIFIED VIA unix_socket) or write a [client] group with user and password to /etc/%s/db.cnf (mode 600), try it with: mariadb --defaults-file=/etc/%s/db.cnf, then run: dpkg --configure %s",
			 package, package, package);
}

static bool is_refusal(unsigned code)
{
	return code == ER_ACCESS_DENIED_ERROR || code == ER_ACCESS_DENIED_NO_PASSWORD_ERROR ||
	       code == ER_DBACCESS_DENIED_ERROR || code == ER_HOST_NOT_PRIVILEGED;
}

static void set_options(MYSQL *my, const struct db_options *o, const char *file)
{
	unsigned timeout = o && o->connect_timeout_s > 0 ? (unsigned)o->connect_timeout_s : CONNECT_TIMEOUT_S;
	unsigned local_infile = o && o->local_infile;
	my_bool off = 0;

	mysql_options(my, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
	if (o && o->io_timeout_s > 0) {
		unsigned io = (unsigned)o->io_timeout_s;

		mysql_options(my, MYSQL_OPT_READ_TIMEOUT, &io);
		mysql_options(my, MYSQL_OPT_WRITE_TIMEOUT, &io);
	}
	mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(my, MYSQL_OPT_LOCAL_INFILE, &local_infile);
	mysql_options(my, MYSQL_OPT_RECONNECT, &off);
	mysql_options(my, MYSQL_INIT_COMMAND, "SET SESSION autocommit=1, lock_wait_timeout=20, innodb_lock_wait_timeout=20");
	mysql_optionsv(my, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "maintkit");
	if (file) {
		mysql_options(my, MYSQL_READ_DEFAULT_FILE, file);
		mysql_options(my, MYSQL_READ_DEFAULT_GROUP, "client");
	}
}

/* A server whose machine or cable is gone says nothing: by itself the kernel would
 * believe in it for two hours. On a unix socket these options mean nothing. */
static void notice_silence(MYSQL *my)
{
	int fd = mysql_get_socket(my), on = 1, idle = 15, interval = 5;
	unsigned limit_ms = 30000;

	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms) < 0)
		return;		/* works without */
}

/* What one attempt to connect needs. */
struct target {
	const struct db_options *o;
	const char *file;		/* option file for the library, or NULL */
	const char *socket, *database;
};

/* host NULL: as the option file says. */
static MYSQL *connect_one(const struct target *t, const struct dbhost *host, struct err *err)
{
	const char *user = t->o ? t->o->user : NULL;
	MYSQL *my = mysql_init(NULL);

	if (!my) {
		err_set(err, ERR_FAIL, "out of memory");
		return NULL;
	}
	set_options(my, t->o, t->file);
	if (mysql_real_connect(my, host ? host->name : NULL, user, user ? t->o->password : NULL, t->database,
			       host ? host->port : 0, t->socket, CLIENT_MULTI_RESULTS)) {
		notice_silence(my);
		return my;
	}
	db_set_error(err, mysql_errno(my), mysql_error(my), mysql_sqlstate(my));
	mysql_close(my);
	return NULL;
}

/* Does "SHOW ..." answer NAME, VALUE? Unlike a query, a node that lost its cluster answers that. 1, 0, -1. */
static int shows(MYSQL *my, const char *show, const char *value, struct err *err)
{
	MYSQL_RES *res = NULL;
	MYSQL_ROW row;
	int found;

	if (mysql_real_query(my, show, strlen(show)) || !(res = mysql_store_result(my)))
		return db_set_error(err, mysql_errno(my), mysql_error(my), mysql_sqlstate(my));
	row = mysql_fetch_row(res);
	found = row && row[1] && !strcmp(row[1], value);
	mysql_free_result(res);
	return found;
}

/* A Galera node that lost the others lets clients in, and then refuses every query. */
static bool is_ready(MYSQL *my, struct err *err)
{
	int on = shows(my, "SHOW VARIABLES LIKE 'wsrep_on'", "ON", err);
	int off = on > 0 ? shows(my, "SHOW STATUS LIKE 'wsrep_ready'", "OFF", err) : on;

	if (off > 0)
		err_set(err, ERR_BACKEND, "the node is not connected to its cluster (wsrep_ready is OFF)");
	return off == 0;
}

/* The first that answers and is fit to work. What is no matter of being there (a password) ends the search. */
static MYSQL *connect_list(const struct target *t, const struct dbhost *hosts, size_t n, struct db *db, struct err *err)
{
	AUTO_BUF skipped = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		struct err e = ERR_INIT;
		AUTO_FREE char *node = hosts[i].port ? xasprintf("%s:%u", hosts[i].name, hosts[i].port) : xstrdup(hosts[i].name);
		MYSQL *my = connect_one(t, &hosts[i], &e);

		if (my && is_ready(my, &e)) {
			db->node = MOVE_PTR(node);
			db->skipped = skipped.len ? buf_steal(&skipped) : NULL;
			return my;
		}
		if (my)
			mysql_close(my);
		if (e.kind != ERR_BACKEND) {
			if (err)
				*err = e;
			err_prefix(err, "host '%s'", node);
			return NULL;
		}
		buf_addf(&skipped, "%s'%s': %s", skipped.len ? "; " : "", node, e.text);
	}
	err_set(err, ERR_BACKEND, "none of the hosts can be used: %s", skipped.p);
	return NULL;
}

static int read_hosts(int fd, struct dbhost **hosts, size_t *n, struct err *err)
{
	AUTO_BUF text = BUF_SECRET_INIT;

	if (buf_read_fd(&text, fd, DEFAULTS_MAX, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "defaults file");
	/* The library takes it for "off" without a value, the mariadb client for "on". */
	if (dbhosts_has_bare(text.p, text.len, "ssl-verify-server-cert"))
		return err_set(err, ERR_FAIL, "'ssl-verify-server-cert' without a value would verify nothing; write: ssl-verify-server-cert = 1");
	return dbhosts_parse(text.p, text.len, hosts, n, err);
}

int db_open(struct db **out, const struct profile *p, const struct root *root,
	    const struct db_options *o, struct err *err)
{
	const char *package = p ? profile_package(p) : "PACKAGE";
	const char *socket = getenv("MAINTKIT_DB_SOCKET");
	struct target t = { .o = o, .database = o ? o->database : NULL };
	struct dbhost *hosts = NULL;
	AUTO_FREE char *file = NULL;
	AUTO_FREE struct db *db = xcalloc(1, sizeof *db);
	AUTO_FD int fd = -1;
	char proc[32];
	const char *why;
	size_t n = 0;

	*out = NULL;
	if (!script_is_booted(root, &why))
		return err_set(err, ERR_BACKEND, "no database here: %s", why);
	if (choose_defaults(p, root, o ? o->defaults_file : NULL, &file, err) < 0)
		return -1;
	if (file && (fd = open_defaults(root, file, err)) < 0)
		return -1;
	if (t.database && !*t.database && !(t.database = profile_require(p, "database", "name", err)))
		return -1;
	if (file && read_hosts(fd, &hosts, &n, err) < 0) {
		err_prefix(err, "'%s%s'", root->prefix, file);
		return -1;
	}
	snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	t.file = file ? proc : NULL;
	t.socket = file || !socket || !*socket ? NULL : socket;
	db->my = n ? connect_list(&t, hosts, n, db, err) : connect_one(&t, NULL, err);
	dbhosts_free(hosts, n);
	if (!db->my) {
		if (err && is_refusal(err->lib))
			explain_refusal(err, file, root->prefix, package, o ? o->user : NULL);
		return -1;
	}
	*out = MOVE_PTR(db);
	return 0;
}

const char *db_node(const struct db *db)
{
	return db->node;
}

const char *db_skipped_nodes(const struct db *db)
{
	return db->skipped;
}
