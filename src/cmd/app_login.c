/* The administrator's login to the database, taken over from a package that was not built on maintkit.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * We reach the server on this machine as root over its unix socket. A package
 * of the old way may have given root a password instead, and keeps account and
 * password in its settings: then they go to the file that is for that,
 * [database] defaults-file, after having been tried. Where root is let in
 * without, nothing is written.
 */
#include "app.h"

#include <string.h>

#include "../base/atomic.h"
#include "../base/child.h"
#include "../ext/effects.h"
#include "../ext/propsfile.h"

/* 1 let in, 0 refused, -1 not to be known now. file NULL: as root over the socket. */
static int try_login(const char *file)
{
	AUTO_FREE char *option = file ? xasprintf("--defaults-file=%s", file) : NULL;
	AUTO_FREE char *client = child_find("mariadb");
	const char *argv[] = { client ? client : "mysql", option ? option : "--no-defaults", "-N", "-B", "-e", "SELECT 1", NULL };
	AUTO_BUF out = BUF_INIT, said = BUF_INIT;
	struct child c = { .argv = argv, .out = &out, .errs = &said, .timeout_ms = 10000 };
	int rc = child_run(&c, NULL);

	if (rc == 0)
		return 1;
	/* ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR */
	return rc > 0 && (strstr(said.p, "ERROR 1045") || strstr(said.p, "ERROR 1698")) ? 0 : -1;
}

/* A value of an option file, in quotes (MariaDB: "Configuring MariaDB with Option Files"). */
static void put_option(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			buf_addc(out, '\\');
		buf_addc(out, *value);
	}
	buf_adds(out, "\"\n");
}

static int read_login(const struct app *a, const char *settings, struct buf *out, struct err *err)
{
	const char *user_key = profile_get(a->profile, "database", "property-user");
	const char *password_key = profile_get(a->profile, "database", "property-password");
	CLEANUP(props_cleanup) struct props *props = NULL;
	enum props_encoding enc;
	const char *user, *password;

	if (!user_key || !password_key)
		return 0;
	if (propsfile_encoding(a->profile, NULL, &enc, err) < 0 ||
	    propsfile_read(a->root, settings, enc, &props, NULL, NULL, err) < 0)
		return -1;
	user = props_get(props, user_key);
	password = props_get(props, password_key);
	if (!user || !password || !*user || strpbrk(user, "\n\r") || strpbrk(password, "\n\r"))
		return 0;
	buf_addf(out, "# Account of '%s', which root's own login over the socket could not replace.\n[client]\n", settings);
	put_option(out, "user", user);
	put_option(out, "password", password);
	return 1;
}

static int keep_login(const struct app *a, const char *path, const struct buf *text, struct err *err)
{
	AUTO_FREE char *dir = path_dirname(path);
	AUTO_FREE char *trial = profile_state_path(a->profile, "login.cnf");
	AUTO_FREE char *sum = app_sha256(text);
	AUTO_FREE char *value = xasprintf("sha256:%s", sum);
	AUTO_FREE char *state = profile_state_path(a->profile, "");
	struct atomic_opts opts = ATOMIC_OPTS_INIT;
	int in;

	opts.mode = 0600;
	if (path_mkdirs(a->root, state, 0700, (uid_t)-1, (gid_t)-1, err) < 0 ||
	    atomic_replace(a->root, trial, text->p, text->len, &opts, err) < 0)
		return -1;
	in = try_login(trial);
	if (path_unlink(a->root, trial, err) < 0)
		return -1;
	if (in != 1) {
		log_warn("root is not let in to the database over the unix socket, nor with the account of the former settings: "
			 "write one to '%s' ([client] group, mode 600)", path);
		return 0;
	}
	if (path_mkdirs(a->root, dir, 0755, (uid_t)-1, (gid_t)-1, err) < 0 ||
	    effect_intend(a->profile, a->root, EFFECT_HOST, "file", path, EFFECT_ABSENT, value, err) < 0 ||
	    atomic_replace(a->root, path, text->p, text->len, &opts, err) < 0 ||
	    effect_done(a->profile, a->root, EFFECT_HOST, "file", path, EFFECT_ABSENT, value, err) < 0)
		return -1;
	log_info("root has a password for the database: the login of the former settings is in '%s' now", path);
	return 0;
}

int app_take_login(const struct app *a, const char *settings, struct err *err)
{
	const char *path = profile_get(a->profile, "database", "defaults-file");
	AUTO_BUF text = BUF_SECRET_INIT;
	const char *why;
	struct stat st;
	int rc;

	if (!settings || !path || a->t->dry_run || !script_is_booted(a->root, &why) ||
	    path_stat(a->root, path, &st, NULL) == 0 || try_login(NULL) != 0)
		return 0;
	rc = read_login(a, settings, &text, err);
	return rc > 0 ? keep_login(a, path, &text, err) : rc;
}
