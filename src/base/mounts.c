/* Where something is mounted at a path or below it: what lies there cannot be renamed, and moves along with what is above.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "mounts.h"

#define FIELD 5	/* the mount point, counted from 1 */

/* Undo \ooo, in place. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* In a line of mountinfo; it is changed. NULL: none. */
static char *mount_point(char *line)
{
	char *save = NULL, *word = strtok_r(line, " ", &save);

	for (int i = 1; word && i < FIELD; i++)
		word = strtok_r(NULL, " ", &save);
	if (word)
		unescape(word);
	return word;
}

static int later_first(const void *a, const void *b)
{
	return strcmp(*(char *const *)b, *(char *const *)a);
}

/* real: of the directory named path, as this process sees it. */
static int read_table(FILE *f, const char *real, const char *path, struct strv *found, struct err *err)
{
	size_t len = strlen(real), before = found->n, room = 0;
	char *line = NULL;

	while (getline(&line, &room, f) > 0) {
		const char *at = mount_point(line);

		if (!at || strncmp(at, real, len) != 0 || (at[len] && at[len] != '/'))
			continue;
		AUTO_FREE char *as = xasprintf("%s%s", path, at + len);

		if (!strv_has(found, as))	/* one over another */
			strv_add(found, as);
	}
	free(line);
	if (ferror(f))
		return err_sys(err, errno, "read '/proc/self/mountinfo'");
	if (found->n > before)
		qsort(found->v + before, found->n - before, sizeof(*found->v), later_first);
	return 0;
}

static void compare_devices(const struct root *root, const char *path, struct strv *found)
{
	AUTO_FREE char *dir = path_dirname(path);
	struct stat here, above;

	if (path_stat(root, path, &here, NULL) == 0 && path_stat(root, dir, &above, NULL) == 0 &&
	    !S_ISLNK(above.st_mode) && here.st_dev != above.st_dev)
		strv_add(found, path);
}

int mounts_find(const struct root *root, const char *path, struct strv *found, struct err *err)
{
	struct err why = ERR_INIT;
	struct stat st;
	const char *leaf = "";
	AUTO_FREE char *dir = NULL;

	if (path_stat(root, path, &st, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	/* a single file: its directory's name is looked up, and its own put behind */
	if (!S_ISDIR(st.st_mode)) {
		dir = path_dirname(path);
		leaf = strrchr(path, '/');
	}
	FILE *f = fopen("/proc/self/mountinfo", "re");

	if (!f) {
		compare_devices(root, path, found);
		return 0;
	}
	AUTO_FREE char *real = path_real_dir(root, dir ? dir : path, err);

	if (!real) {
		fclose(f);
		return -1;
	}
	AUTO_FREE char *whole = xasprintf("%s%s%s", root->prefix, strcmp(real, "/") == 0 ? "" : real, leaf);
	int rc = read_table(f, whole, path, found, err);

	fclose(f);
	return rc;
}
