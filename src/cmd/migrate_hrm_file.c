/* Migration "hrm": the file of a hospital report, opened without leaving the directories where documents are.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The page looks below its document directory only. Rows of 2011 to 2015
 * hold a full path, from a directory that has moved since, so ours looks in
 * further places; each path must lie below one of the directories that we
 * know, has no "..", and crosses no link but root's (path.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../ext/hrmxml.h"
#include "../ext/propsfile.h"
#include "migrate_hrm.h"

#define SCHEMA_NAME "report_manager_cds.xsd"

struct kept { char *name; size_t dir; };	/* a file below the downloads */

struct hrm_files {
	const struct root *root;
	char *documents, *downloads, *work, *schema;
	struct strv roots;		/* where a file may lie */
	int dir;			/* descriptor of documents, or -1 */
	bool downloads_listed;
	struct strv dirs;		/* DOWNLOADS/x/decrypted */
	struct kept *kept;
	size_t n_kept;
};

/* A property of the application; NULL when it is not set. */
static int property(struct migrate *m, const char *key, char **value, struct err *err)
{
	struct err e = ERR_INIT;

	*value = NULL;
	if (propsfile_get(m->t->profile, &m->t->root, key, value, &e) == 0 || e.kind == ERR_ABSENT)
		return 0;
	*err = e;
	return -1;
}

/* What the application makes of its properties where one is not set (Startup.java). */
static int below_base(struct migrate *m, const char *leaf, char **out, struct err *err)
{
	AUTO_FREE char *base = NULL;
	AUTO_STRV contexts = STRV_INIT;

	if (property(m, "BASE_DOCUMENT_DIR", &base, err) < 0)
		return -1;
	profile_words(m->t->profile, "app", "contexts", &contexts);
	if (!base || !*base || !contexts.n)
		return 0;
	*out = xasprintf("%s/%.*s/%s", base, (int)strcspn(contexts.v[0], "="), contexts.v[0], leaf);
	return 0;
}

/* The profile's key, else the property, else the default. */
static int place(struct migrate *m, const char *key, const char *prop, const char *leaf, char **out, struct err *err)
{
	const char *set = profile_get(m->t->profile, "migrate", key);

	if (set) {
		*out = xstrdup(set);
		return 0;
	}
	if (property(m, prop, out, err) < 0)
		return -1;
	if (*out && !**out) {
		free(*out);
		*out = NULL;
	}
	return *out ? 0 : below_base(m, leaf, out, err);
}

static int find_schema(struct hrm_files *f, struct migrate *m, struct err *err)
{
	AUTO_FREE char *dir = NULL, *path = NULL;
	const char *set = profile_get(m->t->profile, "migrate", "schema");
	struct stat st;

	if (place(m, "schema", "OMD_directory", "hrm/OMD/", &dir, err) < 0)
		return -1;
	if (!dir)
		return 0;
	path = set ? xstrdup(set) : xasprintf("%s" SCHEMA_NAME, dir);	/* no slash: as the page does it */
	if (path_stat(f->root, path, &st, NULL) == 0 && S_ISREG(st.st_mode))
		f->schema = xasprintf("%s%s", f->root->prefix, path);
	return 0;
}

int hrm_files_open(struct hrm_files **out, struct migrate *m, struct err *err)
{
	struct hrm_files *f = xcalloc(1, sizeof *f);
	const char *work = profile_get(m->t->profile, "migrate", "working-dir");

	*out = f;
	f->root = &m->t->root;
	f->dir = -1;
	if (place(m, "documents", "DOCUMENT_DIR", "document/", &f->documents, err) < 0 ||
	    place(m, "downloads", "OMD_downloads", "hrm/sftp_downloads/", &f->downloads, err) < 0 ||
	    find_schema(f, m, err) < 0)
		return -1;
	if (!f->documents || f->documents[0] != '/') {
		err_set(err, ERR_FAIL, "it is not known where the documents are");
		err_hint(err, "set the property DOCUMENT_DIR, or [migrate] documents in /etc/%s/maintkit.conf", m->t->package);
		return -1;
	}
	f->work = work ? xstrdup(work) : NULL;
	strv_add(&f->roots, f->documents);
	if (f->downloads)
		strv_add(&f->roots, f->downloads);
	profile_words(m->t->profile, "migrate", "roots", &f->roots);
	profile_words(m->t->profile, "data", "documents", &f->roots);
	f->dir = path_open_dir(f->root, f->documents, 0, err);
	if (f->dir < 0)
		err_prefix(err, "the documents' directory");
	return f->dir < 0 ? -1 : 0;
}

void hrm_files_close(struct hrm_files *f)
{
	if (!f)
		return;
	if (f->dir >= 0)
		close(f->dir);
	for (size_t i = 0; i < f->n_kept; i++)
		free(f->kept[i].name);
	free(f->kept);
	strv_release(&f->dirs);
	strv_release(&f->roots);
	free(f->documents);
	free(f->downloads);
	free(f->work);
	free(f->schema);
	free(f);
}

const char *hrm_files_documents(const struct hrm_files *f)
{
	return f->documents;
}

const char *hrm_files_schema(const struct hrm_files *f)
{
	return f->schema;
}

/* ---- opening ---- */

/* Slashes and dots that mean nothing taken out; false when there is a "..". */
static bool normal(const char *path, struct buf *out)
{
	AUTO_STRV parts = STRV_INIT;

	strv_split(&parts, path, "/");
	for (size_t i = 0; i < parts.n; i++) {
		if (strcmp(parts.v[i], "..") == 0)
			return false;
		if (strcmp(parts.v[i], ".") != 0)
			buf_addf(out, "/%s", parts.v[i]);
	}
	return true;
}

static bool below_a_root(const struct hrm_files *f, const char *path)
{
	for (size_t i = 0; i < f->roots.n; i++) {
		AUTO_BUF r = BUF_INIT;

		if (normal(f->roots.v[i], &r) && r.len > 1 && strncmp(path, r.p, r.len) == 0 && path[r.len] == '/')
			return true;
	}
	return false;
}

/* What was opened is a file that is not too large. */
static enum hrm_place judge(int fd, int *out, struct err *why)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= (off_t)HRMXML_MAX) {
		*out = fd;
		return HRM_AS_PAGE;
	}
	if (S_ISREG(st.st_mode))
		err_set(why, ERR_FAIL, "it is larger than %u MB", HRMXML_MAX >> 20);
	else
		err_set(why, ERR_FAIL, "it is no file");
	close(fd);
	return HRM_REFUSED;
}

/* O_NONBLOCK: a FIFO must not stop us. */
#define OPEN_FLAGS (O_RDONLY | O_NONBLOCK)

static enum hrm_place open_path(struct hrm_files *f, const char *path, int *fd, struct err *why)
{
	AUTO_BUF p = BUF_INIT;
	struct err e = ERR_INIT;
	int got;

	if (!normal(path, &p)) {
		err_set(why, ERR_FAIL, "its path has '..' in it");
		return HRM_REFUSED;
	}
	if (!below_a_root(f, p.p)) {
		/* somewhere else is nowhere: whether it exists is nobody's business */
		return HRM_MISSING;
	}
	got = path_open(f->root, p.p, OPEN_FLAGS, 0, 0, &e);
	if (got >= 0)
		return judge(got, fd, why);
	if (e.kind == ERR_ABSENT || e.sys == ENOTDIR || e.sys == ENAMETOOLONG)
		return HRM_MISSING;
	*why = e;
	return HRM_REFUSED;
}

/* A name without a directory, in the documents' directory: the usual case. */
static enum hrm_place open_plain(struct hrm_files *f, const char *name, int *fd, struct err *why)
{
	int got = openat(f->dir, name, OPEN_FLAGS | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);

	if (got >= 0)
		return judge(got, fd, why);
	if (errno == ENOENT || errno == ENAMETOOLONG)
		return HRM_MISSING;
	if (errno == ELOOP)
		err_set(why, ERR_FAIL, "it is a symbolic link");
	else
		err_sys(why, errno, "it cannot be opened");
	return HRM_REFUSED;
}

/* ---- files that were downloaded but never moved ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct kept *)a)->name, ((const struct kept *)b)->name);
}

/* Listed once, when the first file is missing. What cannot be listed has nothing for us. */
static void list_downloads(struct hrm_files *f)
{
	AUTO_STRV subs = STRV_INIT;
	size_t room = 0;

	f->downloads_listed = true;
	if (!f->downloads || path_list(f->root, f->downloads, &subs, NULL) < 0)
		return;
	for (size_t i = 0; i < subs.n; i++) {
		AUTO_FREE char *dir = xasprintf("%s/%s/decrypted", f->downloads, subs.v[i]);
		AUTO_STRV names = STRV_INIT;

		if (path_list(f->root, dir, &names, NULL) < 0)
			continue;
		for (size_t k = 0; k < names.n; k++) {
			if (f->n_kept == room)
				f->kept = xreallocarray(f->kept, room = room ? 2 * room : 256, sizeof *f->kept);
			f->kept[f->n_kept++] = (struct kept){ xstrdup(names.v[k]), f->dirs.n };
		}
		strv_add(&f->dirs, dir);
	}
	if (f->n_kept)
		qsort(f->kept, f->n_kept, sizeof *f->kept, by_name);
}

static enum hrm_place open_download(struct hrm_files *f, const char *name, int *fd, struct err *why)
{
	char *wanted = xstrdup(name);
	struct kept key = { wanted, 0 }, *found;

	if (!f->downloads_listed)
		list_downloads(f);
	found = f->n_kept ? bsearch(&key, f->kept, f->n_kept, sizeof *f->kept, by_name) : NULL;
	free(wanted);
	if (!found)
		return HRM_MISSING;
	AUTO_FREE char *path = xasprintf("%s/%s", f->dirs.v[found->dir], name);

	return open_path(f, path, fd, why);
}

/* ---- where the page looks, then where else it may be ---- */

static enum hrm_place find_as_page(struct hrm_files *f, const char *name, int *fd, struct err *why)
{
	AUTO_FREE char *once = xasprintf("%s/%s", f->documents, name);
	AUTO_FREE char *twice = xasprintf("%s/%s", f->documents, once);
	enum hrm_place where;

	if (!strchr(name, '/'))
		return open_plain(f, name, fd, why);
	where = open_path(f, once, fd, why);
	return where == HRM_MISSING ? open_path(f, twice, fd, why) : where;
}

static enum hrm_place find_elsewhere(struct hrm_files *f, const char *name, int *fd, struct err *why)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	AUTO_FREE char *path = name[0] == '/' ? xstrdup(name) : f->work ? xasprintf("%s/%s", f->work, name) : NULL;
	enum hrm_place where = path ? open_path(f, path, fd, why) : HRM_MISSING;

	if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return where;
	if (where == HRM_MISSING && slash)
		where = open_plain(f, base, fd, why);
	if (where == HRM_MISSING)
		where = open_download(f, base, fd, why);
	return where;
}

enum hrm_place hrm_files_find(struct hrm_files *f, const char *name, bool page_only, int *fd, struct err *why)
{
	enum hrm_place where;

	*fd = -1;
	if (!name || !*name)
		return HRM_MISSING;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		err_set(why, ERR_FAIL, "it is no file");
		return HRM_REFUSED;
	}
	where = find_as_page(f, name, fd, why);
	if (where != HRM_MISSING || page_only)
		return where;
	where = find_elsewhere(f, name, fd, why);
	return where == HRM_AS_PAGE ? HRM_ELSEWHERE : where;
}
