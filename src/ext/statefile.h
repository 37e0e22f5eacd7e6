/* Record files in the package's state directory: appended durably, rewritten atomically.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * /var/lib/maintkit/PKG/LEAF, mode 0600, lines of core/record.h. A last line
 * that a crash cut short is not an error: it is left out when reading and
 * dropped by the next append. Damage anywhere else is ERR_FAIL "FILE:LINE".
 */
#ifndef MAINTKIT_STATEFILE_H
#define MAINTKIT_STATEFILE_H

#include "profile.h"

/* Keep all other writers of the package's record files out, for reading,
 * deciding and writing in one: returns a descriptor that the caller closes.
 * Appending takes it by itself (not again while it is held); statefile_write()
 * does not, because what it writes was read before. ERR_BUSY when it takes too long. */
int statefile_lock(const struct profile *p, const struct root *root, struct err *err) MUST_CHECK;

/* Make /var/lib/maintkit (0755) and /var/lib/maintkit/PKG (0700). */
int statefile_make_dir(const struct profile *p, const struct root *root, struct err *err) MUST_CHECK;

/* Call fn for each record; a file that is not there has none. fn returns -1 (err filled) to stop. */
typedef int statefile_fn(const struct strv *fields, void *arg, struct err *err);
int statefile_read(const struct profile *p, const struct root *root, const char *leaf,
		   statefile_fn *fn, void *arg, struct err *err) MUST_CHECK;

/* Append one record and fsync, file and directory. */
int statefile_append(const struct profile *p, const struct root *root, const char *leaf,
		     const char *const *fields, size_t n, struct err *err) MUST_CHECK;

/* The same for lines that record_format() made already: all in one write and one fsync. */
int statefile_append_lines(const struct profile *p, const struct root *root, const char *leaf,
			   const struct buf *lines, struct err *err) MUST_CHECK;

/* Replace the content; text is already formatted. Empty text removes the file. */
int statefile_write(const struct profile *p, const struct root *root, const char *leaf,
		    const struct buf *text, struct err *err) MUST_CHECK;

#endif
