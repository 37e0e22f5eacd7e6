/* Which of the backups that are there would lead out of a refusal.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "backups.h"

#include <string.h>
#include <time.h>

#define INFO_MAX 65536
#define SUFFIX ".info"

static char *last_value(const char *text, const char *key)
{
	size_t len = strlen(key);
	char *found = NULL;

	for (const char *line = text; *line; ) {
		size_t n = strcspn(line, "\n");

		if (n > len && strncmp(line, key, len) == 0 && line[len] == '=') {
			free(found);
			found = xstrndup(line + len + 1, n - len - 1);
		}
		line += n + (line[n] == '\n');
	}
	return found;
}

static bool read_info(const struct root *root, const char *file, struct buf *text)
{
	AUTO_FREE char *path = xasprintf("%s" SUFFIX, file);

	return path_read_file(root, path, text, INFO_MAX, NULL, NULL) == 0;
}

char *backups_info(const struct root *root, const char *file, const char *key)
{
	AUTO_BUF text = BUF_INIT;

	return read_info(root, file, &text) ? last_value(text.p, key) : NULL;
}

/* "0" is a level too: nothing was recorded in a database that has maintkit_meta. */
static bool level_of(const char *text, const char *key, long *level)
{
	AUTO_FREE char *value = last_value(text, key);

	if (value && strcmp(value, "0") == 0)
		return true;
	return value && policy_parse_level(value, level);
}

static long long time_of(const char *text, long long fallback)
{
	AUTO_FREE char *created = last_value(text, "created");
	struct tm tm = { 0 };
	const char *end = created ? strptime(created, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;

	return end && !*end ? (long long)timegm(&tm) : fallback;
}

/* The name stands in a command to copy. */
static bool is_plain(const char *path)
{
	return path[strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+:-")] == '\0';
}

/* Is this file a backup with its description? Fills b but for the name. */
static bool describe(const struct root *root, const char *file, struct policy_backup *b)
{
	AUTO_BUF text = BUF_INIT;
	struct stat st;
	bool schema, min;

	if (!is_plain(file) || path_stat(root, file, &st, NULL) < 0 || !S_ISREG(st.st_mode) ||
	    !read_info(root, file, &text))
		return false;
	b->made = time_of(text.p, st.st_mtim.tv_sec);
	schema = level_of(text.p, "schema_level", &b->schema_level);
	min = level_of(text.p, "min_app_level", &b->min_level);
	b->levels_known = schema || min;
	return true;
}

bool backups_way_out(const struct root *root, const struct policy_state *s, const struct policy_result *r,
		     struct policy_backup *best)
{
	AUTO_STRV names = STRV_INIT;

	*best = (struct policy_backup){ NULL };
	if (!s->backup_dir || path_list(root, s->backup_dir, &names, NULL) < 0)
		return false;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *file = xasprintf("%s/%s", s->backup_dir, names.v[i]);
		struct policy_backup b = { NULL };

		if (names.v[i][0] == '.' || !describe(root, file, &b) || !policy_backup_helps(s, r, &b) ||
		    (best->file && b.made <= best->made))
			continue;
		free(best->file);
		*best = b;
		best->file = MOVE_PTR(file);
	}
	return best->file != NULL;
}

char *backups_rollback_version(const struct root *root, const char *dir)
{
	AUTO_STRV names = STRV_INIT;
	size_t end = strlen(SUFFIX);

	if (!dir || path_list(root, dir, &names, NULL) < 0)
		return NULL;
	/* by name is by time */
	for (size_t i = names.n; i-- > 0; ) {
		size_t len = strlen(names.v[i]);

		if (names.v[i][0] == '.' || len <= end || strcmp(names.v[i] + len - end, SUFFIX) != 0)
			continue;
		AUTO_FREE char *file = xasprintf("%s/%.*s", dir, (int)(len - end), names.v[i]);
		AUTO_FREE char *purpose = backups_info(root, file, "purpose");

		if (purpose && strcmp(purpose, "upgrade") == 0)
			return backups_info(root, file, "version");
	}
	return NULL;
}
