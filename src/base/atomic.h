/* Replace a file so that after a crash or power cut it is the old one or the new one.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Order of events: open the directory (path.h rules), sweep the temporary
 * files that killed runs left, make a temporary file (O_EXCL, 0600, locked,
 * random name ".NAME.maintkit-XXXXXXXXXXXX"), write it, set owner, mode and
 * extended attributes, fsync, close with check, lock the directory, look
 * whether the file is still the one we read, rename, fsync the directory.
 * Between begin and commit the directory is not locked: writing may take long,
 * and other files in it may be replaced meanwhile.
 *
 * Source of the rule: rename(2) is atomic to readers; only fsync of file and
 * directory make it durable (fsync(2)).
 */
#ifndef MAINTKIT_ATOMIC_H
#define MAINTKIT_ATOMIC_H

#include <sys/stat.h>
#include "buf.h"
#include "path.h"

struct atomic_opts {
	bool keep;			/* an existing file's owner, mode, ACL and xattrs stay; mode/uid/gid serve a new file */
	mode_t mode;			/* e.g. 0640 */
	uid_t uid;			/* (uid_t)-1: leave */
	gid_t gid;
	const struct stat *expect;	/* file as read by path_read_file(); changed since: ERR_BUSY, nothing written.
					 * st_ino == 0: the file must not exist */
	bool may_exist_equal;		/* compare first; equal content and attributes: do nothing, return 1 */
	unsigned path_flags;		/* PATH_NO_LINKS */
};
#define ATOMIC_OPTS_INIT { .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1, .may_exist_equal = true }

/* Returns 0 replaced, 1 was already so (and is on the disk), -1 error with the
 * old file intact, or, when the directory alone could not be written out, with
 * the new one in place. */
int atomic_replace(const struct root *root, const char *path, const void *data, size_t len,
		   const struct atomic_opts *opts, struct err *err) MUST_CHECK;

/* The same in steps, for content that is streamed. Between begin and commit
 * write to a.fd only. abort is safe at any time, also after commit.
 *
 *	CLEANUP(atomic_abort) struct atomic a = ATOMIC_INIT;
 *	if (atomic_begin(&a, root, path, &opts, err) < 0) ...
 *	... write to a.fd ...
 *	if (atomic_commit(&a, err) < 0) ...
 */
struct atomic {
	int fd, dirfd;
	int hold;		/* duplicate of fd: keeps the temporary file locked until it is renamed */
	char *temp, *name, *path;
	struct atomic_opts opts;
	bool had_old;
	struct stat old;
};
#define ATOMIC_INIT { .fd = -1, .dirfd = -1, .hold = -1 }
int atomic_begin(struct atomic *a, const struct root *root, const char *path,
		 const struct atomic_opts *opts, struct err *err) MUST_CHECK;
int atomic_commit(struct atomic *a, struct err *err) MUST_CHECK;
void atomic_abort(struct atomic *a);

#endif
