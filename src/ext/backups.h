/* Which of the backups that are there would lead out of a refusal.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * "backup create" leaves FILE.info beside FILE: KEY=VALUE lines, among them
 * created, schema_level and min_app_level. No backup is opened.
 */
#ifndef MAINTKIT_BACKUPS_H
#define MAINTKIT_BACKUPS_H

#include "../base/path.h"
#include "../core/policy.h"

/* The newest in s->backup_dir with whose data the package that r is about would
 * be allowed. False: none. b->file is to be freed. */
bool backups_way_out(const struct root *root, const struct policy_state *s, const struct policy_result *r,
		     struct policy_backup *b);
/* The version that the newest backup for an upgrade in dir was made with, to be
 * freed; NULL: none. A rollback goes back to it. */
char *backups_rollback_version(const struct root *root, const char *dir);
/* Value of the last line KEY= of FILE.info, to be freed; NULL: none. */
char *backups_info(const struct root *root, const char *file, const char *key);

#endif
