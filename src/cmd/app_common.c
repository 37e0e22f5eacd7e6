/* What the pieces of maintkit-app share: profile, state, Tomcat's code, small tools.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "app.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/atomic.h"
#include "../base/child.h"
#include "../core/record.h"
#include "../core/sha256.h"

#define ACTIVE_FIELDS 4

static int read_active(struct app *a, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(a->profile, "app.active");
	AUTO_BUF text = BUF_INIT;
	AUTO_STRV f = STRV_INIT;
	size_t pos = 0;
	struct err e = ERR_INIT;

	a->active = (struct app_active){ xstrdup(""), xstrdup(""), xstrdup(""), xstrdup("") };
	if (path_read_file(a->root, path, &text, FILE_MAX_SIZE, NULL, &e) < 0) {
		if (e.kind == ERR_ABSENT)
			return 0;
		*err = e;
		return -1;
	}
	if (record_parse(text.p, text.len, &pos, &f) != RECORD_OK || f.n < ACTIVE_FIELDS) {
		/* Only costs a restart too many. */
		log_warn("'%s' is damaged and counts as absent", path);
		return 0;
	}
	for (int i = 0; i < ACTIVE_FIELDS; i++) {
		char **m[] = { &a->active.version, &a->active.previous, &a->active.inputs, &a->active.home };

		free(*m[i]);
		*m[i] = xstrdup(f.v[i]);
	}
	return 0;
}

int app_write_active(const struct app *a, const char *version, const char *inputs, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(a->profile, "app.active");
	AUTO_BUF text = BUF_INIT;
	struct atomic_opts opts = ATOMIC_OPTS_INIT;
	bool same = strcmp(version, a->active.version) == 0;
	const char *fields[ACTIVE_FIELDS] = { version, same ? a->active.previous : a->active.version, inputs, a->home };

	opts.mode = 0600;
	record_format(&text, fields, ACTIVE_FIELDS);
	return atomic_replace(a->root, path, text.p, text.len, &opts, err) < 0 ? -1 : 0;
}

static int read_contexts(struct app *a, struct err *err)
{
	AUTO_STRV words = STRV_INIT;

	profile_words(a->profile, "app", "contexts", &words);
	if (words.n == 0)
		return err_set(err, ERR_FAIL, "profile: [app] contexts names no web application");
	a->contexts = xcalloc(words.n, sizeof(*a->contexts));
	for (; a->n < words.n; a->n++)
		if (webapp_context_parse(words.v[a->n], &a->contexts[a->n], err) < 0) {
			err_prefix(err, "profile: [app] contexts");
			return -1;
		}
	return 0;
}

/* A field, or several, of the package that dpkg has unpacked; "" when it does not know it. */
int app_dpkg_query(const struct app *a, const char *format, struct buf *out, struct err *err)
{
	AUTO_FREE char *admindir = app_host_path(a, "/var/lib/dpkg");
	const char *argv[] = { "dpkg-query", "--admindir", admindir, "-W", "-f", format,
			       profile_package(a->profile), NULL };
	struct child c = { .argv = argv, .out = out };
	AUTO_BUF errs = BUF_INIT;

	c.errs = &errs;
	if (child_run(&c, err) < 0)
		return -1;
	buf_trim_end(out);
	return 0;
}

int app_open(struct app *a, struct tool *t, const char *version, enum app_version which, struct err *err)
{
	AUTO_BUF known = BUF_INIT;

	a->t = t;
	a->root = &t->root;
	a->profile = t->profile;
	a->code = profile_require(a->profile, "app", "code", err);
	if (!a->code)
		return -1;
	a->base = profile_require(a->profile, "app", "base", err);
	if (!a->base)
		return -1;
	a->unit = profile_require(a->profile, "package", "unit", err);
	if (!a->unit || read_contexts(a, err) < 0 || read_active(a, err) < 0)
		return -1;
	if (!version && which != APP_DPKG_VERSION && a->active.version[0])
		version = a->active.version;
	if (!version && which != APP_ANY_VERSION) {
		if (app_dpkg_query(a, "${Version}", &known, err) < 0)
			return -1;
		if (known.len == 0)
			return err_set(err, ERR_USAGE, "dpkg does not know a version of '%s'; give --version",
				       profile_package(a->profile));
		version = known.p;
	}
	if (!version)
		return 0;
	a->version = xstrdup(version);
	a->dirname = webapp_dirname(version, err);
	return a->dirname ? 0 : -1;
}

void app_close(struct app *a)
{
	for (size_t i = 0; i < a->n; i++)
		webapp_context_release(&a->contexts[i]);
	free(a->contexts);
	free(a->version);
	free(a->dirname);
	free(a->active.version);
	free(a->active.previous);
	free(a->active.inputs);
	free(a->active.home);
	free(a->home);
	*a = (struct app)APP_INIT;
}

static bool has_tomcat(const struct app *a, const char *home)
{
	static const char *const parts[] = { "bin/catalina.sh", "bin/bootstrap.jar", "lib/catalina.jar" };
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", home, parts[i]);

		if (path_stat(a->root, path, &st, NULL) < 0)
			return false;
	}
	return true;
}

/* "/usr/share/tomcat10" -> 10 */
static bool set_home(struct app *a, const char *home)
{
	int major, end = 0;

	if (sscanf(home, "/usr/share/tomcat%d%n", &major, &end) != 1 || home[end] || !has_tomcat(a, home))
		return false;
	free(a->home);
	a->home = xstrdup(home);
	a->major = major;
	return true;
}

int app_find_tomcat(struct app *a, struct err *err)
{
	AUTO_STRV majors = STRV_INIT;

	/* Another package's new Tomcat must not move us from the one we run on. */
	if (a->active.home[0] && set_home(a, a->active.home))
		return 0;
	strv_split(&majors, profile_get_or(a->profile, "app", "tomcat", "10 11 9"), " \t");
	for (size_t i = 0; i < majors.n; i++) {
		AUTO_FREE char *home = xasprintf("/usr/share/tomcat%s", majors.v[i]);

		if (set_home(a, home))
			return 0;
	}
	return err_set(err, ERR_FAIL, "there is no Tomcat in /usr/share/tomcatN (looked for: %s); install tomcat10-common",
		       profile_get_or(a->profile, "app", "tomcat", "10 11 9"));
}

char *app_host_path(const struct app *a, const char *path)
{
	return xasprintf("%s%s", a->root->prefix, path);
}

char *app_sha256(const struct buf *data)
{
	char hex[SHA256_HEX_SIZE];

	sha256_hex(data->p, data->len, hex);
	return xstrdup(hex);
}

int app_remove_tree(const struct app *a, const char *path, bool as_user, struct err *err)
{
	AUTO_FREE char *host = app_host_path(a, path);
	const char *argv[] = { "rm", "-rf", "--one-file-system", "--", host, NULL };
	struct child c = { .argv = argv, .drop = as_user, .timeout_ms = 600000 };
	struct stat st;

	if (!as_user && path_stat(a->root, path, &st, NULL) < 0)
		return 0;
	if (as_user && profile_user(a->profile, a->root, &c.uid, &c.gid, err) < 0)
		return -1;
	return child_check(&c, err) < 0 ? -1 : 0;
}

int app_ensure_dir(const struct app *a, const char *path, mode_t mode, uid_t uid, gid_t gid, struct err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;

	if (path_mkdirs(a->root, path, mode, uid, gid, err) < 0)
		return -1;
	fd = path_open_dir(a->root, path, 0, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "directory '%s'", path);
	if ((st.st_uid != uid || st.st_gid != gid) && fchown(fd, uid, gid) < 0)
		return err_sys(err, errno, "cannot change the owner of '%s'", path);
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		return err_sys(err, errno, "cannot change the mode of '%s'", path);
	return 0;
}
