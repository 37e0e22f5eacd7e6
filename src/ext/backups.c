/* Which of the backups that are there would lead out of a refusal.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "backups.h"

#include <string.h>
#include "../core/backupinfo.h"

#define SUFFIX BACKUP_INFO_SUFFIX

static bool read_info(const struct root *root, const char *file, struct buf *text)
{
	AUTO_FREE char *path = xasprintf("%s" SUFFIX, file);

	return path_read_file(root, path, text, BACKUP_INFO_MAX, NULL, NULL) == 0;
}

char *backups_info(const struct root *root, const char *file, const char *key)
{
	AUTO_BUF text = BUF_INIT;

	return read_info(root, file, &text) ? info_get(&text, key) : NULL;
}

/* "0" is a level too: nothing was recorded in a database that has maintkit_meta. */
static bool level_of(const struct buf *text, const char *key, long *level)
{
	AUTO_FREE char *value = info_get(text, key);

	if (value && strcmp(value, "0") == 0)
		return true;
	return value && policy_parse_level(value, level);
}

/* The name stands in a command to copy. */
static bool is_plain(const char *path)
{
	return path[strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+:-")] == '\0';
}

/* Is this file a backup with its description? Fills b but for the name. */
static bool describe(const struct root *root, const char *file, struct policy_backup *b, struct backup_age *age)
{
	AUTO_BUF text = BUF_INIT;
	struct stat st;
	bool schema, min;

	if (!is_plain(file) || path_stat(root, file, &st, NULL) < 0 || !S_ISREG(st.st_mode) ||
	    !read_info(root, file, &text))
		return false;
	*age = backup_age_of(&text);
	if (age->created < 0)
		age->created = st.st_mtim.tv_sec;
	b->made = age->created;
	schema = level_of(&text, "schema_level", &b->schema_level);
	min = level_of(&text, "min_app_level", &b->min_level);
	b->levels_known = schema || min;
	return true;
}

bool backups_way_out(const struct root *root, const struct policy_state *s, const struct policy_result *r,
		     struct policy_backup *best)
{
	AUTO_STRV names = STRV_INIT;
	struct backup_age newest = { 0 };

	*best = (struct policy_backup){ NULL };
	if (!s->backup_dir || path_list(root, s->backup_dir, &names, NULL) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *file = xasprintf("%s/%s", s->backup_dir, names.v[i]);
		struct policy_backup b = { NULL };
		struct backup_age age;

		if (names.v[i][0] == '.' || !describe(root, file, &b, &age) || !policy_backup_helps(s, r, &b) ||
		    (best->file && backup_age_compare(&age, &newest) <= 0))
			continue;
		free(best->file);
		*best = b;
		newest = age;
		best->file = MOVE_PTR(file);
	}
	return best->file != NULL;
}

char *backups_rollback_version(const struct root *root, const char *dir)
{
	AUTO_STRV names = STRV_INIT;
	size_t end = strlen(SUFFIX);
	struct backup_age newest = { 0 };
	char *version = NULL;

	if (!dir || path_list(root, dir, &names, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < names.n; i++) {
		size_t len = strlen(names.v[i]);

		if (names.v[i][0] == '.' || len <= end || strcmp(names.v[i] + len - end, SUFFIX) != 0)
			continue;
		AUTO_FREE char *file = xasprintf("%s/%.*s", dir, (int)(len - end), names.v[i]);
		AUTO_BUF text = BUF_INIT;

		if (!read_info(root, file, &text))
			continue;
		struct backup_age age = backup_age_of(&text);

		if (!info_is(&text, "purpose", "upgrade") || (version && backup_age_compare(&age, &newest) < 0))
			continue;
		newest = age;
		free(version);
		version = info_get(&text, "version");
	}
	return version;
}
