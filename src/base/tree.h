/* Measuring and deleting trees that a service user can write in: by descriptors, never through a link.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_TREE_H
#define MAINTKIT_TREE_H

#include <stdint.h>
#include "path.h"

struct tree_count {
	uint64_t files, dirs, bytes;	/* bytes only when counted, not when deleted */
	uint64_t mounts;		/* places below where something is mounted, among files */
};
/* Add up what is below path; a path that is not there counts nothing. Links
 * and mount points below are counted as one file and not entered. Without
 * bytes the directories alone are read, which is much quicker. ERR_FAIL when
 * path itself is a link or a directory cannot be read. */
int tree_measure(const struct root *root, const char *path, bool bytes, struct tree_count *c,
		 struct err *err) MUST_CHECK;
/* Delete path and all below, never through a link, never into another mount.
 * 0 gone (or was not there); 1 something is left: left names it and why (the first few). */
int tree_delete(const struct root *root, const char *path, struct tree_count *gone, struct strv *left,
		struct err *err) MUST_CHECK;

#endif
