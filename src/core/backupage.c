/* Which of two backups was made later, whatever the clock said when they were made.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "backupage.h"

int backup_age_compare(const struct backup_age *a, const struct backup_age *b)
{
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->created == b->created ? 0 : a->created < b->created ? -1 : 1;
}

bool backup_age_known(const struct backup_age *a, long long now)
{
	return a->created >= 0 && a->created <= now;
}
