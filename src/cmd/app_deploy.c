/* maintkit-app deploy: unpack each WAR of a version below a path of its own, converted for the Tomcat there is.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The new code is made beside the place it is for, forced to disk, and renamed
 * into it; the marker is taken away before and written after, so that a crash
 * leaves either a complete context with its marker or one that the next run
 * does again.
 */
#include "app.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/atomic.h"
#include "../base/child.h"
#include "../core/sha256.h"
#include "../ext/release.h"

#define READ_BLOCK 65536
#define CONVERT_MS (30 * 60 * 1000)	/* a WAR of 300 MB on a slow machine */

static char *marker_path(const struct app *a, const char *dirname, const char *context)
{
	return xasprintf("%s/%s/%s.deployed", a->code, dirname, context);
}

char *app_deployed_marker(const struct app *a, const char *dirname, const char *context, struct err *err)
{
	AUTO_FREE char *path = marker_path(a, dirname, context);
	AUTO_FREE char *dir = xasprintf("%s/%s/%s", a->code, dirname, context);
	AUTO_BUF text = BUF_INIT;
	struct stat st;

	if (path_stat(a->root, dir, &st, err) < 0 ||
	    path_read_file(a->root, path, &text, 4096, NULL, err) < 0)
		return NULL;
	buf_trim_end(&text);
	return buf_steal(&text);
}

/* "SHA256 FLAVOUR" as the marker of this WAR has to be. */
static char *wanted_marker(const struct app *a, const char *war, struct err *err)
{
	AUTO_FD int fd = path_open(a->root, war, O_RDONLY, 0, 0, err);
	AUTO_FREE char *block = xmalloc(READ_BLOCK);
	char hex[SHA256_HEX_SIZE];
	struct sha256 sum;
	ssize_t n;

	if (fd < 0)
		return NULL;
	sha256_init(&sum);
	while ((n = read(fd, block, READ_BLOCK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot read '%s'", war), NULL;
		sha256_update(&sum, block, (size_t)n);
	}
	sha256_final_hex(&sum, hex);
	return xasprintf("%s %s", hex, a->major >= 10 ? "jakarta" : "javax");
}

/* Tomcat 10 and newer know only the jakarta.* packages. The converter leaves
 * what needs no conversion alone. */
static int convert(const char *war, const char *out, struct err *err)
{
	const char *argv[] = { "javax2jakarta", war, out, NULL };
	AUTO_FREE char *program = child_find("javax2jakarta");
	AUTO_BUF said = BUF_INIT;
	struct child c = { .argv = argv, .out = &said, .errs = &said, .timeout_ms = CONVERT_MS };

	if (!program)
		return err_set(err, ERR_FAIL,
			       "javax2jakarta is not installed; install tomcat-jakartaee-migration");
	return child_check(&c, err) < 0 ? -1 : 0;
}

/* unzip bends names that lead out of the directory and goes on. A WAR that
 * has any is none that we want to serve. */
static int check_names(const char *war, struct err *err)
{
	const char *argv[] = { "unzip", "-Z1", war, NULL };
	AUTO_BUF names = BUF_INIT, errs = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;
	struct child c = { .argv = argv, .out = &names, .errs = &errs, .cap = FILE_MAX_SIZE };

	if (child_check(&c, err) < 0)
		return -1;
	strv_split(&lines, names.p, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		AUTO_FREE char *slashed = xasprintf("/%s/", lines.v[i]);

		if (lines.v[i][0] == '/' || strstr(slashed, "/../"))
			return err_set(err, ERR_FAIL, "the name '%s' in it leads out of the directory", lines.v[i]);
	}
	return 0;
}

static int unpack(const char *war, const char *dir, struct err *err)
{
	const char *argv[] = { "unzip", "-q", "-o", war, "-d", dir, NULL };
	AUTO_BUF said = BUF_INIT;
	struct child c = { .argv = argv, .out = &said, .errs = &said, .timeout_ms = CONVERT_MS };
	AUTO_FREE char *program = child_find("unzip");

	if (!program)
		return err_set(err, ERR_FAIL, "unzip is not installed");
	return child_check(&c, err) < 0 ? -1 : 0;
}

/* Owner, modes and kinds of everything below fd (taken over): root's,
 * readable, not writable for others; links and devices are refused. */
static int settle(int fd, const char *path, struct err *err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	int rc = 0;

	if (!dir) {
		err_sys(err, errno, "directory '%s'", path);
		close(fd);
		return -1;
	}
	if (fchown(fd, geteuid(), getegid()) < 0 || fchmod(fd, 0755) < 0)
		rc = err_sys(err, errno, "cannot set owner and mode of '%s'", path);
	while (rc == 0 && (errno = 0, e = readdir(dir)) != NULL) {
		AUTO_FREE char *sub = xasprintf("%s/%s", path, e->d_name);
		AUTO_FD int child = -1;
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			rc = err_sys(err, errno, "'%s'", sub);
		else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
			rc = err_set(err, ERR_FAIL, "'%s' is neither a file nor a directory", sub);
		if (rc < 0)
			break;
		child = openat(fd, e->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		if (child < 0)
			rc = err_sys(err, errno, "cannot open '%s'", sub);
		else if (S_ISDIR(st.st_mode))
			rc = settle(MOVE_FD(child), sub, err);
		else if (fchown(child, geteuid(), getegid()) < 0 || fchmod(child, 0644) < 0)
			rc = err_sys(err, errno, "cannot set owner and mode of '%s'", sub);
	}
	if (rc == 0 && errno)
		rc = err_sys(err, errno, "cannot read '%s'", path);
	closedir(dir);
	return rc;
}

/* One call forces the whole new tree out: it has thousands of small files. */
static int force_out(const struct app *a, const char *dir, struct err *err)
{
	AUTO_FD int fd = path_open_dir(a->root, dir, 0, err);

	if (fd < 0)
		return -1;
	return syncfs(fd) < 0 ? err_sys(err, errno, "cannot write '%s' to disk", dir) : 0;
}

/* Put fresh in the place of name, both in the directory dir; what was there
 * becomes old. A running server never finds the place empty where the file
 * system can exchange two names. */
static int switch_in(const struct app *a, const char *dir, const char *fresh, const char *name,
		     const char *old, struct err *err)
{
	AUTO_FD int fd = path_open_dir(a->root, dir, 0, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (renameat2(fd, fresh, fd, name, RENAME_EXCHANGE) == 0) {
			if (renameat(fd, fresh, fd, old) < 0)
				return err_sys(err, errno, "cannot rename '%s/%s'", dir, fresh);
			return fsync(fd) < 0 ? err_sys(err, errno, "'%s'", dir) : 0;
		}
		if (renameat(fd, name, fd, old) < 0)
			return err_sys(err, errno, "cannot rename '%s/%s'", dir, name);
	}
	if (renameat(fd, fresh, fd, name) < 0)
		return err_sys(err, errno, "cannot rename '%s/%s'", dir, fresh);
	return fsync(fd) < 0 ? err_sys(err, errno, "'%s'", dir) : 0;
}

/* The WAR's content, ready to be served, in the directory fresh. */
static int make_fresh(const struct app *a, const char *war, const char *fresh, const char *converted, struct err *err)
{
	AUTO_FREE char *h_war = app_host_path(a, war);
	AUTO_FREE char *h_fresh = app_host_path(a, fresh);
	AUTO_FREE char *h_converted = app_host_path(a, converted);
	int fd;

	if (check_names(h_war, err) < 0)
		return -1;
	if (a->major >= 10 && convert(h_war, h_converted, err) < 0)
		return -1;
	if (unpack(a->major >= 10 ? h_converted : h_war, h_fresh, err) < 0)
		return -1;
	fd = path_open_dir(a->root, fresh, PATH_NO_LINKS, err);
	if (fd < 0 || settle(fd, fresh, err) < 0)
		return -1;
	return force_out(a, fresh, err);
}

/* Where a context is made, and where what it replaces waits for its removal. */
struct places {
	char *dir, *fresh, *old, *converted;
};

static void places_init(struct places *p, const struct app *a, const char *context)
{
	p->dir = xasprintf("%s/%s", a->code, a->dirname);
	p->fresh = xasprintf("%s/.new-%s", p->dir, context);
	p->old = xasprintf("%s/.old-%s", p->dir, context);
	p->converted = xasprintf("%s/.war-%s", p->dir, context);
}

static void places_release(struct places *p)
{
	free(p->dir);
	free(p->fresh);
	free(p->old);
	free(p->converted);
}

/* What a killed run left, or this one needs no longer. */
static int sweep(const struct app *a, const struct places *p, struct err *err)
{
	if (app_remove_tree(a, p->fresh, false, err) < 0 || app_remove_tree(a, p->old, false, err) < 0)
		return -1;
	return app_remove_tree(a, p->converted, false, err);
}

static int deploy_context(const struct app *a, const struct webapp_context *c, const char *war,
			  const char *marker, const struct places *p, struct err *err)
{
	AUTO_FREE char *mark = marker_path(a, a->dirname, c->name);
	AUTO_FREE char *line = xasprintf("%s\n", marker);
	struct atomic_opts opts = ATOMIC_OPTS_INIT;

	if (path_mkdirs(a->root, p->dir, 0755, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	if (make_fresh(a, war, p->fresh, p->converted, err) < 0) {
		(void)(sweep(a, p, NULL) < 0);	/* the first error counts */
		return -1;
	}
	if (path_unlink(a->root, mark, err) < 0 ||
	    switch_in(a, p->dir, strrchr(p->fresh, '/') + 1, c->name, strrchr(p->old, '/') + 1, err) < 0 ||
	    atomic_replace(a->root, mark, line, strlen(line), &opts, err) < 0)
		return -1;
	return sweep(a, p, err);
}

/* 0 deployed now or already. */
static int ensure_context(const struct app *a, const struct webapp_context *c, const char *war, struct err *err)
{
	CLEANUP(places_release) struct places p = { NULL };
	AUTO_FREE char *want = wanted_marker(a, war, err);
	AUTO_FREE char *have = app_deployed_marker(a, a->dirname, c->name, NULL);

	if (!want)
		return -1;
	places_init(&p, a, c->name);
	if (a->t->dry_run) {
		if (have && strcmp(have, want) == 0)
			log_info("'%s' of version %s is deployed already", c->name, a->version);
		else
			log_info("would deploy '%s' of version %s for Tomcat %d", war, a->version, a->major);
		return 0;
	}
	if (sweep(a, &p, err) < 0)
		return -1;
	if (have && strcmp(have, want) == 0) {
		log_info("'%s' of version %s is deployed already", c->name, a->version);
		return 0;
	}
	if (deploy_context(a, c, war, want, &p, err) < 0)
		return -1;
	log_info("deployed '%s' of version %s for Tomcat %d", c->name, a->version, a->major);
	return 0;
}

/* What this code reads, beside it: the package that dpkg knows may be another
 * one by the time that the code is started. */
static int note_release(const struct app *a, struct err *err)
{
	AUTO_FREE char *dir = xasprintf("%s/%s", a->code, a->dirname);
	AUTO_BUF text = BUF_INIT;
	AUTO_STRV f = STRV_INIT;

	if (a->t->dry_run)
		return 0;
	/* a letter in front of each, because strv_split leaves empty parts out */
	if (app_dpkg_query(a, "v${Version}\nl${Maintkit-Level}\nr${Maintkit-Reads}\n", &text, err) < 0)
		return -1;
	strv_split(&f, text.p, "\n");
	if (f.n < 3 || !f.v[1][1] || !f.v[2][1])
		return release_forget(a->root, dir, err);
	return release_write(a->root, dir, f.v[0] + 1, f.v[1] + 1, f.v[2] + 1, err);
}

int app_deploy(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_APP a = APP_INIT;
	const char *war_dir;

	/* Not the active version by default: that is the one being replaced. */
	if (app_open(&a, t, app_opt_version, APP_DPKG_VERSION, err) < 0 || app_find_tomcat(&a, err) < 0)
		return -1;
	war_dir = profile_require(a.profile, "app", "war-dir", err);
	if (!war_dir)
		return -1;
	for (size_t i = 0; i < a.n; i++) {
		AUTO_FREE char *war = xasprintf("%s/%s", war_dir, a.contexts[i].war);

		if (ensure_context(&a, &a.contexts[i], war, err) < 0) {
			err_prefix(err, "cannot deploy '%s'", war);
			return -1;
		}
	}
	return note_release(&a, err);
}
