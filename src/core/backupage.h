/* Which of two backups was made later, whatever the clock said when they were made.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A clock may be wrong by years and be set right again (a machine without a
 * battery boots in 1970). So 'backup create' counts: "number" in what lies
 * beside a backup is one more than the highest that is there. Where numbers do
 * not tell (made before they were counted, or at the same time), the time does.
 */
#ifndef MAINTKIT_BACKUPAGE_H
#define MAINTKIT_BACKUPAGE_H

#include <stdbool.h>

struct backup_age {
	long long number;	/* 0: not counted */
	long long created;	/* seconds since 1970; < 0: not known */
};

/* < 0: a was made before b; 0: they do not tell. */
int backup_age_compare(const struct backup_age *a, const struct backup_age *b);
/* A time that has not come yet says nothing about the age. */
bool backup_age_known(const struct backup_age *a, long long now);

#endif
