/* Documents of a backup that are hard links beside it: FILE.documents, which is root's alone.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Below it they have the paths of the managed system. Made under a temporary
 * name and locked (flock(2)); what a killed run left, or a backup that is gone,
 * is removed by the next. A link is made to the very file that was opened and
 * hashed, never by its name in a directory that the web user can write.
 */
#ifndef MAINTKIT_CMD_BACKUP_LINKS_H
#define MAINTKIT_CMD_BACKUP_LINKS_H

#include "../base/path.h"

#define BACKUP_LINKS ".documents"

struct links {
	char *dir;		/* of the backup, as the real system sees it */
	char *temp, *name;	/* temp: NULL when it has its name */
	int parent, top;
	char *last;		/* path of the directory that is open */
	int at;
};
#define LINKS_INIT { .parent = -1, .top = -1, .at = -1 }
void links_release(struct links *l);

/* ---- making ---- */
/* Begin those of backup file (an absolute path of the real system). */
int links_begin(struct links *l, const char *file, struct err *err) MUST_CHECK;
/* path: of the managed system. 1 linked; 0 it cannot have a link (too many, or it must not change). */
int links_put(struct links *l, const char *path, int fd, struct err *err) MUST_CHECK;
/* It is not to be there after all. */
int links_drop(struct links *l, const char *path, struct err *err) MUST_CHECK;
/* Write them out and give them their name. */
int links_commit(struct links *l, struct err *err) MUST_CHECK;
/* Remove them, whatever they are named by now. */
void links_abort(struct links *l);
/* Remove what is left in the directory of backups: of killed runs, and of backups that are gone. */
int links_sweep(const char *dir, struct err *err) MUST_CHECK;

/* ---- reading ---- */
/* ERR_ABSENT: there are none. */
int links_open(struct links *l, const char *file, struct err *err) MUST_CHECK;
/* Open one; -1 with err->sys ENOENT when it is not there. */
int links_get(struct links *l, const char *path, struct err *err) MUST_CHECK;

#endif
