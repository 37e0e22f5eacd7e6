/* Files below a root directory, reached without following anybody else's symbolic links.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A path here is absolute as the managed system sees it ("/etc/x"); the root
 * (--root, DPKG_ROOT) is put in front by walking from its descriptor, so
 * neither ".." (refused) nor a link can leave it.
 *
 * Links: root helpers work in directories that a service user can write, so a
 * component that is a symbolic link is refused. The one exception, unless
 * PATH_NO_LINKS is given, is a directory component that is a link owned by
 * root (or by us) and lying in a directory that only root (or we) can write,
 * below such directories only (a sticky one of root's may be among them, as
 * /tmp is): that is how administrators move /var/lib to a bigger disk, and
 * nobody else could have put it there. Such a link is resolved inside the
 * root. The last component of a file is never followed.
 */
#ifndef MAINTKIT_PATH_H
#define MAINTKIT_PATH_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include "buf.h"
#include "err.h"

struct root {
	int fd;			/* O_PATH descriptor of the root directory */
	char *prefix;		/* "" for the real root, else without trailing slash; for messages */
};
#define ROOT_INIT { .fd = -1 }

#define PATH_NO_LINKS 1u	/* no link at all, not even root's */

#define FILE_MAX_SIZE (64u << 20)	/* largest file that is read whole */

int root_init(struct root *root, const char *prefix, struct err *err) MUST_CHECK;
void root_release(struct root *root);
/* True when paths are not those of the running system. */
bool root_is_foreign(const struct root *root);

/* The directory that holds path; *name points at path's last component.
 * Returns a readable directory descriptor. ENOENT gives ERR_ABSENT. */
int path_open_parent(const struct root *root, const char *path, unsigned flags,
		     const char **name, struct err *err) MUST_CHECK;
/* The directory itself (O_RDONLY | O_DIRECTORY). */
int path_open_dir(const struct root *root, const char *path, unsigned flags, struct err *err) MUST_CHECK;
/* The directory's path without links, as the managed system sees it, to be
 * freed; the links on the way follow the rule above. NULL and err. */
char *path_real_dir(const struct root *root, const char *path, struct err *err) MUST_CHECK;
/* open(2) of a file; O_NOFOLLOW, O_CLOEXEC and O_NOCTTY are added. */
int path_open(const struct root *root, const char *path, int oflags, mode_t mode,
	      unsigned flags, struct err *err) MUST_CHECK;
/* lstat(2). 0, or -1 with ERR_ABSENT when there is nothing. */
int path_stat(const struct root *root, const char *path, struct stat *st, struct err *err) MUST_CHECK;
/* Whole content of a regular file appended to out. FIFOs, devices and files
 * above max bytes are refused. st may be NULL; it describes what was read. */
int path_read_file(const struct root *root, const char *path, struct buf *out, size_t max,
		   struct stat *st, struct err *err) MUST_CHECK;
/* mkdir -p, for the last component too a directory or an error; new directories get mode exactly (whatever the umask), owner and
 * group (-1: leave), the existing ones are left as they are. fsyncs parents. */
int path_mkdirs(const struct root *root, const char *path, mode_t mode, uid_t uid, gid_t gid,
		struct err *err) MUST_CHECK;
/* unlink(2) of a file or link and fsync of its directory; 1 when there was none. */
int path_unlink(const struct root *root, const char *path, struct err *err) MUST_CHECK;
/* Directory part of a path, to be freed. "/a/b" -> "/a", "/a" -> "/". */
char *path_dirname(const char *path);
/* Names in a directory, sorted by bytes, without "." and "..". */
int path_list(const struct root *root, const char *path, struct strv *names, struct err *err) MUST_CHECK;

#endif
