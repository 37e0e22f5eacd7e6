/* The Tomcat instance (CATALINA_BASE) and the unit's environment file, written from the profile and templates.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * server.xml names the version: its replacement is what switches the code.
 */
#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/atomic.h"
#include "../ext/effects.h"

static const char *const templates[] = { "server.xml", "web.xml", "logging.properties" };

char *app_work_name(const struct app *a, struct err *err)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_FREE char *sum = NULL;

	/* Jasper takes a compiled page for current when the times are equal, and
	 * reproducible builds give every version's pages the same time: so each
	 * code compiles into a directory of its own. */
	buf_addf(&text, "tomcat%d", a->major);
	for (size_t i = 0; i < a->n; i++) {
		AUTO_FREE char *mark = app_deployed_marker(a, a->dirname, a->contexts[i].name, err);

		if (!mark)
			return NULL;
		buf_addf(&text, " %s %s", a->contexts[i].name, mark);
	}
	sum = app_sha256(&text);
	return xasprintf("work/%s-%.12s", a->dirname, sum);
}

static int context_elements(const struct app *a, struct buf *out, struct err *err)
{
	AUTO_FREE char *work = app_work_name(a, err);

	if (!work)
		return -1;
	for (size_t i = 0; i < a->n; i++) {
		AUTO_FREE char *doc = xasprintf("%s/%s/%s", a->code, a->dirname, a->contexts[i].name);

		buf_addf(out, "        <Context path=\"/%s\" docBase=\"", a->contexts[i].name);
		webapp_xml_escape(out, doc);
		buf_adds(out, "\"\n                 workDir=\"");
		webapp_xml_escape(out, a->base);
		buf_addf(out, "/%s/%s\"/>\n", work, a->contexts[i].name);
	}
	return 0;
}

static int expand_template(const struct app *a, const char *name, struct buf *out, struct err *err)
{
	const char *dir = profile_require(a->profile, "app", "templates", err);
	const char *cert = dir ? profile_require(a->profile, "app", "certificate", err) : NULL;
	const char *password = cert ? profile_require(a->profile, "app", "certificate-password", err) : NULL;
	AUTO_FREE char *path = NULL;
	AUTO_BUF text = BUF_INIT, contexts = BUF_INIT;
	char https[16], http[16];
	long port;

	if (!password)
		return -1;
	if (profile_int(a->profile, "app", "https-port", 1, 65535, 8443, &port, err) < 0)
		return -1;
	snprintf(https, sizeof(https), "%ld", port);
	if (profile_int(a->profile, "app", "http-port", 1, 65535, 8080, &port, err) < 0)
		return -1;
	snprintf(http, sizeof(http), "%ld", port);
	path = xasprintf("%s/%s", dir, name);
	if (context_elements(a, &contexts, err) < 0 ||
	    path_read_file(a->root, path, &text, FILE_MAX_SIZE, NULL, err) < 0)
		return -1;

	const struct webapp_var vars[] = {
		{ "HTTPS_PORT", https, false },
		{ "HTTP_PORT", http, false },
		{ "CERTIFICATE", cert, false },
		{ "CERTIFICATE_PASSWORD", password, false },
		{ "TITLE", profile_get_or(a->profile, "package", "title", profile_package(a->profile)), false },
		{ "CONTEXTS", contexts.p, true },
	};
	if (webapp_expand(out, text.p, text.len, vars, ARRAY_LEN(vars), err) < 0) {
		err_prefix(err, "'%s'", path);
		return -1;
	}
	return 0;
}

/* Somebody's own edit is not lost silently: it is put aside. */
static int keep_edit(const struct app *a, const char *path, const struct effect *left, struct err *err)
{
	AUTO_FREE char *aside = xasprintf("%s.edited", path);
	AUTO_FREE char *sum = NULL;
	AUTO_BUF have = BUF_INIT;
	struct atomic_opts opts = ATOMIC_OPTS_INIT;
	struct err e = ERR_INIT;

	if (path_read_file(a->root, path, &have, FILE_MAX_SIZE, NULL, &e) < 0)
		return e.kind == ERR_ABSENT ? 0 : (*err = e, -1);
	sum = app_sha256(&have);
	if (strncmp(left->new_value, "sha256:", 7) == 0 && strcmp(left->new_value + 7, sum) == 0)
		return 0;
	opts.mode = 0600;
	if (atomic_replace(a->root, aside, have.p, have.len, &opts, err) < 0)
		return -1;
	log_warn("'%s' was edited; it is replaced, the edited file is '%s'; "
		 "settings belong into /etc/%s/maintkit.conf, section [app]",
		 path, aside, profile_package(a->profile));
	return 0;
}

static int put_conf(const struct app *a, const char *path, const struct buf *text, const char *value,
		    const struct effect *left, gid_t gid, struct err *err)
{
	struct atomic_opts opts = ATOMIC_OPTS_INIT;
	bool done = left && strcmp(left->state, "done") == 0;
	bool known = done && strcmp(left->new_value, value) == 0;

	opts.mode = 0640;
	opts.uid = geteuid();
	opts.gid = gid;
	if (done && keep_edit(a, path, left, err) < 0)
		return -1;
	if (!known && effect_intend(a->profile, a->root, EFFECT_HOST, "file", path, EFFECT_ABSENT, value, err) < 0)
		return -1;
	if (atomic_replace(a->root, path, text->p, text->len, &opts, err) < 0)
		return -1;
	return known ? 0 : effect_done(a->profile, a->root, EFFECT_HOST, "file", path, EFFECT_ABSENT, value, err);
}

static int write_conf(const struct app *a, const char *name, gid_t gid, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/conf/%s", a->base, name);
	AUTO_FREE char *sum = NULL, *value = NULL;
	AUTO_BUF text = BUF_INIT;
	struct effect *list = NULL;
	size_t n = 0;
	int rc;

	if (expand_template(a, name, &text, err) < 0)
		return -1;
	sum = app_sha256(&text);
	if (effects_list(a->profile, a->root, "file", &list, &n, err) < 0)
		return -1;
	value = xasprintf("sha256:%s", sum);
	rc = put_conf(a, path, &text, value, effects_find(list, n, "file", path), gid, err);
	effects_free(list, n);
	return rc;
}

/* The jars on the class path: links in BASE/lib (Tomcat's own default class
 * path has ${catalina.base}/lib/<any>.jar). */
static int link_jars(const struct app *a, struct err *err)
{
	AUTO_FREE char *lib = xasprintf("%s/lib", a->base);
	AUTO_STRV jars = STRV_INIT, names = STRV_INIT, have = STRV_INIT;
	AUTO_FD int fd = path_open_dir(a->root, lib, 0, err);

	if (fd < 0)
		return -1;
	profile_words(a->profile, "app", "jars", &jars);
	for (size_t i = 0; i < jars.n; i++) {
		const char *slash = strrchr(jars.v[i], '/');
		char target[PATH_MAX];
		ssize_t len;
		struct stat st;

		if (jars.v[i][0] != '/' || slash[1] == '\0')
			return err_set(err, ERR_FAIL, "profile: [app] jars: '%s' is no absolute path", jars.v[i]);
		if (path_stat(a->root, jars.v[i], &st, err) < 0) {
			err_hint(err, "install the package that has this jar");
			return -1;
		}
		strv_add(&names, slash + 1);
		len = readlinkat(fd, slash + 1, target, sizeof(target));
		if (len >= 0 && (size_t)len == strlen(jars.v[i]) && memcmp(target, jars.v[i], (size_t)len) == 0)
			continue;
		if ((unlinkat(fd, slash + 1, 0) < 0 && errno != ENOENT) ||
		    symlinkat(jars.v[i], fd, slash + 1) < 0)
			return err_sys(err, errno, "cannot make the link '%s%s'", lib, slash);
	}
	if (path_list(a->root, lib, &have, err) < 0)
		return -1;
	for (size_t i = 0; i < have.n; i++) {
		char target[PATH_MAX];

		/* only links: a jar that somebody put there is theirs */
		if (!strv_has(&names, have.v[i]) && readlinkat(fd, have.v[i], target, sizeof(target)) >= 0 &&
		    unlinkat(fd, have.v[i], 0) < 0)
			return err_sys(err, errno, "cannot remove '%s/%s'", lib, have.v[i]);
	}
	return fsync(fd) < 0 ? err_sys(err, errno, "'%s'", lib) : 0;
}

/* BASE/logs is where a web application looks; the logs lie in /var/log. */
static int link_logs(const struct app *a, struct err *err)
{
	AUTO_FREE char *target = xasprintf("/var/log/%s", profile_package(a->profile));
	AUTO_FD int fd = path_open_dir(a->root, a->base, 0, err);

	if (fd < 0)
		return -1;
	if (symlinkat(target, fd, "logs") < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make the link '%s/logs'", a->base);
	return 0;
}

static int write_env(const struct app *a, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(a->profile, "app.env");
	const char *memory = profile_get_or(a->profile, "app", "memory", "512m");
	AUTO_STRV words = STRV_INIT;
	AUTO_BUF text = BUF_INIT;
	struct atomic_opts opts = ATOMIC_OPTS_INIT;

	strv_addf(&words, "-Xmx%s", memory);
	profile_words(a->profile, "app", "java-options", &words);
	buf_addf(&text, "CATALINA_HOME=\"%s\"\nCATALINA_BASE=\"%s\"\nJAVA_OPTS=\"", a->home, a->base);
	for (size_t i = 0; i < words.n; i++) {
		if (!webapp_java_option_ok(words.v[i]))
			return err_set(err, ERR_FAIL, "profile: [app] %s: '%s' is refused: a Java option starts with '-' and has "
				       "only letters, digits and -_./:=,+@%%", i ? "java-options" : "memory", words.v[i]);
		buf_addf(&text, "%s%s", i ? " " : "", words.v[i]);
	}
	buf_adds(&text, "\"\n");
	opts.mode = 0600;
	return atomic_replace(a->root, path, text.p, text.len, &opts, err) < 0 ? -1 : 0;
}

int app_instance_write(struct app *a, struct err *err)
{
	static const struct { const char *leaf; mode_t mode; bool theirs; } dirs[] = {
		{ "", 0755, false }, { "/conf", 0750, false }, { "/lib", 0755, false },
		{ "/webapps", 0755, false }, { "/work", 0750, true }, { "/temp", 0750, true },
	};
	AUTO_FREE char *logs = xasprintf("/var/log/%s", profile_package(a->profile));
	uid_t uid;
	gid_t gid;

	if (profile_user(a->profile, a->root, &uid, &gid, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		AUTO_FREE char *path = xasprintf("%s%s", a->base, dirs[i].leaf);
		bool conf = strcmp(dirs[i].leaf, "/conf") == 0;

		if (app_ensure_dir(a, path, dirs[i].mode, dirs[i].theirs ? uid : geteuid(),
				   dirs[i].theirs || conf ? gid : getegid(), err) < 0)
			return -1;
	}
	if (app_ensure_dir(a, logs, 0750, uid, gid, err) < 0 || link_logs(a, err) < 0 || link_jars(a, err) < 0)
		return -1;
	if (write_env(a, err) < 0)
		return -1;
	for (size_t i = ARRAY_LEN(templates); i-- > 0; )	/* server.xml last: it switches */
		if (write_conf(a, templates[i], gid, err) < 0)
			return -1;
	return 0;
}

/* "PATH SIZE MTIME" of what a path leads to: enough to see an upgrade. */
static void add_stamp(struct buf *out, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0)
		buf_addf(out, "%s %lld %lld.%09ld\n", path, (long long)st.st_size,
			 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	else
		buf_addf(out, "%s -\n", path);
}

/* Content of a file that may be absent. */
static int add_file(const struct app *a, struct buf *out, const char *path, struct err *err)
{
	struct err e = ERR_INIT;

	buf_addf(out, "\n[%s]\n", path);
	if (path_read_file(a->root, path, out, FILE_MAX_SIZE, NULL, &e) < 0 && e.kind != ERR_ABSENT) {
		*err = e;
		return -1;
	}
	return 0;
}

static void add_java(struct buf *out)
{
	char java[PATH_MAX];
	char *slash;

	if (!realpath("/usr/bin/java", java))
		return;
	add_stamp(out, java);
	slash = strrchr(java, '/');
	*slash = '\0';
	slash = strrchr(java, '/');
	if (slash) {
		AUTO_FREE char *modules = xasprintf("%.*s/lib/modules", (int)(slash - java), java);

		add_stamp(out, modules);
	}
}

char *app_instance_inputs(const struct app *a, struct err *err)
{
	static const char *const code[] = { "bin/catalina.sh", "bin/bootstrap.jar", "lib/catalina.jar",
					    "lib/tomcat-coyote.jar", "lib/jasper.jar", "lib/tomcat-util.jar" };
	AUTO_BUF all = BUF_SECRET_INIT;
	AUTO_FREE char *env = profile_state_path(a->profile, "app.env");
	const char *files[] = { env, profile_get(a->profile, "properties", "file"),
				profile_get(a->profile, "app", "certificate"),
				profile_get(a->profile, "app", "certificate-password") };
	AUTO_STRV jars = STRV_INIT, units = STRV_INIT;
	struct app_unit u = { NULL };

	for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
		AUTO_FREE char *path = xasprintf("%s/conf/%s", a->base, templates[i]);

		if (add_file(a, &all, path, err) < 0)
			return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (files[i] && add_file(a, &all, files[i], err) < 0)
			return NULL;
	for (size_t i = 0; i < ARRAY_LEN(code); i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", a->home, code[i]);

		add_stamp(&all, path);
	}
	add_java(&all);
	profile_words(a->profile, "app", "jars", &jars);
	for (size_t i = 0; i < jars.n; i++)
		add_stamp(&all, jars.v[i]);
	if (app_unit_read(a, a->unit, &u, err) < 0)
		return NULL;
	strv_split(&units, u.fragment, " ");
	strv_split(&units, u.dropins, " ");
	app_unit_release(&u);
	for (size_t i = 0; i < units.n; i++)
		add_stamp(&all, units.v[i]);
	return app_sha256(&all);
}
