/* The text that lies beside a backup, NAME.info: KEY=VALUE lines (the keys: src/cmd/backup.h), read by all who look for one.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_BACKUPINFO_H
#define MAINTKIT_BACKUPINFO_H

#include "../base/buf.h"
#include "backupage.h"

#define BACKUP_INFO_SUFFIX ".info"
#define BACKUP_INFO_MAX 65536

/* Of several lines with that key the last counts. To be freed; NULL: none. */
char *info_get(const struct buf *info, const char *key);
/* Is there such a line with that value? */
bool info_is(const struct buf *info, const char *key, const char *value);
/* Seconds since 1970 of "2026-11-22T10:00:00Z" (may be NULL); -1: no time. */
long long backup_time(const char *text);
struct backup_age backup_age_of(const struct buf *info);

#endif
