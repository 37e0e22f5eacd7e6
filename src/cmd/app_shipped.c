/* Files that a package which was not built on maintkit shipped among the documents: kept from dpkg.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dpkg deletes a file that the version before shipped and this one does not,
 * edited or not, when the new one is unpacked. "prepare", called before that,
 * gives each a second name beside it and writes the paths to the state file
 * "shipped"; "take-over" gives the first names back.
 */
#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../base/child.h"
#include "../core/record.h"
#include "../ext/statefile.h"

#define SHIPPED "shipped"
#define SECOND_NAME ".maintkit-kept-"

/* The directory of path and both names of the file. */
static int open_beside(const struct app *a, const char *path, char **second, const char **first, struct err *err)
{
	int fd = path_open_parent(a->root, path, 0, first, err);

	*second = fd < 0 ? NULL : xasprintf("%s%s", SECOND_NAME, *first);
	return fd;
}

static int keep_file(const struct app *a, const char *path, struct buf *kept, struct err *err)
{
	AUTO_FREE char *second = NULL;
	const char *first, *fields[] = { path };
	struct err why = ERR_INIT;
	struct stat st;
	AUTO_FD int fd = open_beside(a, path, &second, &first, &why);

	if (fd < 0)
		return why.kind == ERR_ABSENT ? 0 : (*err = why, -1);
	if (fstatat(fd, first, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	if (linkat(fd, first, fd, second, 0) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot keep '%s' from being deleted with its package", path);
	record_format(kept, fields, 1);
	return 1;
}

int app_shipped_keep(const struct app *a, struct err *err)
{
	AUTO_STRV paths = STRV_INIT, trees = STRV_INIT;
	AUTO_BUF list = BUF_INIT, kept = BUF_INIT;
	const char *query[] = { "dpkg-query", "-L", profile_package(a->profile), NULL };
	struct child c = { .argv = query, .out = &list, .cap = 64u << 20 };
	size_t n = 0;

	profile_words(a->profile, "data", "legacy", &trees);
	if (root_is_foreign(a->root) || !trees.n)
		return 0;
	if (child_check(&c, err) < 0)
		return -1;
	strv_split(&paths, list.p, "\n");
	for (size_t i = 0; i < paths.n; i++)
		for (size_t k = 0; k < trees.n; k++) {
			int rc = app_is_below(trees.v[k], paths.v[i]) && !a->t->dry_run ? keep_file(a, paths.v[i], &kept, err) : 0;

			if (rc < 0)
				return -1;
			n += (size_t)rc;
		}
	if (!n)
		return 0;
	log_info("%zu files that the former package shipped among the documents are kept", n);
	return statefile_make_dir(a->profile, a->root, err) < 0 ? -1 :
	       statefile_append_lines(a->profile, a->root, SHIPPED, &kept, err);
}

static int give_name_back(const struct strv *fields, void *arg, struct err *err)
{
	const struct app *a = arg;
	AUTO_FREE char *second = NULL;
	const char *first;
	struct err why = ERR_INIT;
	AUTO_FD int fd = fields->n ? open_beside(a, fields->v[0], &second, &first, &why) : -1;

	if (fd < 0)
		return fields->n && why.kind != ERR_ABSENT ? (*err = why, -1) : 0;
	/* linkat() does not replace: a file that is there again is somebody's. */
	if (linkat(fd, second, fd, first, 0) < 0 && errno != EEXIST && errno != ENOENT)
		return err_sys(err, errno, "cannot bring back '%s'", fields->v[0]);
	if (unlinkat(fd, second, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "'%s'", second);
	return 0;
}

int app_shipped_restore(const struct app *a, struct err *err)
{
	const struct buf nothing = BUF_INIT;
	AUTO_FREE char *path = profile_state_path(a->profile, SHIPPED);
	struct stat st;

	if (a->t->dry_run || path_stat(a->root, path, &st, NULL) < 0)
		return 0;
	return statefile_read(a->profile, a->root, SHIPPED, give_name_back, (void *)(uintptr_t)a, err) < 0 ? -1 :
	       statefile_write(a->profile, a->root, SHIPPED, &nothing, err);
}
