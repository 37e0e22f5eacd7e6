/* The text that lies beside a backup: its values, and how old it says that the backup is.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "backupinfo.h"

char *info_get(const struct buf *info, const char *key)
{
	size_t len = strlen(key);
	const char *found = NULL;

	for (const char *line = info->p; line && *line; ) {
		const char *end = strchr(line, '\n');

		if (strncmp(line, key, len) == 0 && line[len] == '=')
			found = line + len + 1;
		line = end ? end + 1 : NULL;
	}
	return found ? xstrndup(found, strcspn(found, "\n")) : NULL;
}

bool info_is(const struct buf *info, const char *key, const char *value)
{
	AUTO_FREE char *is = info_get(info, key);

	return is && strcmp(is, value) == 0;
}

long long backup_time(const char *text)
{
	struct tm tm = { 0 };
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;

	return end && !*end ? (long long)timegm(&tm) : -1;
}

static long long number_of(const char *text)
{
	long long n = text ? strtoll(text, NULL, 10) : 0;

	return n > 0 && n < LLONG_MAX ? n : 0;
}

struct backup_age backup_age_of(const struct buf *info)
{
	AUTO_FREE char *number = info_get(info, "number"), *created = info_get(info, "created");

	return (struct backup_age){ .number = number_of(number), .created = backup_time(created) };
}
