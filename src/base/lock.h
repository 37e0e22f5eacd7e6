/* Advisory locks with a time limit.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * flock(2) on an open file or directory: released by the kernel when the
 * holder dies, so a killed program leaves nothing to clean up.
 */
#ifndef MAINTKIT_LOCK_H
#define MAINTKIT_LOCK_H

#include "err.h"
#include "path.h"

/* Take an exclusive lock on fd, waiting at most timeout_ms (0: one try).
 * what names it for the message. ERR_BUSY (exit 3) when somebody else keeps it. */
int lock_fd(int fd, const char *what, int timeout_ms, struct err *err) MUST_CHECK;
/* Open or create (0600) the lock file at path and lock it; returns the
 * descriptor, which the caller closes to unlock. */
int lock_file(const struct root *root, const char *path, int timeout_ms, struct err *err) MUST_CHECK;
/* The same, shared with others who ask for it so; lock_file() waits for all of them. */
int lock_file_shared(const struct root *root, const char *path, int timeout_ms, struct err *err) MUST_CHECK;
/* Lock a directory while one of its entries is looked at and replaced. Whoever
 * may open a directory may lock it (flock(2)), also a service user who wants to
 * stop us: so where that is possible the lock is waited for, but not insisted
 * on. What must never go wrong without it does not depend on it (temp.h). */
int lock_dir(int fd, const char *what, struct err *err) MUST_CHECK;

#endif
