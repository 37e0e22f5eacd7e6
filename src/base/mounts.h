/* Where something is mounted at a path or below it: what lies there cannot be renamed, and moves along with what is above.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bind mounts count as well. Read from /proc/self/mountinfo (proc(5)), in which
 * a path is octal-escaped and starts at this process's root directory.
 */
#ifndef MAINTKIT_MOUNTS_H
#define MAINTKIT_MOUNTS_H

#include "path.h"

/* Appends them to found as the managed system sees them, those below others
 * first. A path that is not there has none. Where there is no /proc, only path
 * itself is looked at, by its device number. */
int mounts_find(const struct root *root, const char *path, struct strv *found, struct err *err) MUST_CHECK;

#endif
