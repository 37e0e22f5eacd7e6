/* backup restore: a backup into a new directory, its dump into a new database; never over what is there.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "backup.h"

int backup_run_restore(struct tool *t, int argc, char **argv, struct err *err)
{
	return backup_run_missing(t, argc, argv, err);
}
