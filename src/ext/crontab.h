/* Crontab lines of another package's programs: commented out, and remembered so that purge brings them back.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Looked at: /etc/crontab, the files of /etc/cron.d, the users' crontabs in
 * /var/spool/cron/crontabs (crontab(1), cron(8)). A line counts when it is no
 * comment and has the program's path as a word: "/x/2FA.sh.old" is another
 * program. Effect: class host, kind "cron-line", id the file, OLD the first
 * such line, NEW the mark (CRONTAB_MARK) that the lines then start with.
 */
#ifndef MAINTKIT_CRONTAB_H
#define MAINTKIT_CRONTAB_H

#include "profile.h"

#define CRONTAB_MARK "#maintkit: "

struct crontab_job {
	const struct profile *profile;
	const struct root *root;
	const char *program;		/* absolute path */
	const char *instead;		/* for the message: who does its work now */
	bool dry_run;
	/* Take the package's lock for the moment of a change; returns a descriptor
	 * that is closed after it, or -1. NULL: the caller holds it. */
	int (*lock)(void *arg, struct err *err);
	void *arg;
};

/* Returns how many lines were commented out (dry_run: would be), -1 on error;
 * ERR_BUSY when somebody edits the file just now. Files that cannot be read are warned of. */
int crontab_comment_out(const struct crontab_job *job, struct err *err) MUST_CHECK;

#endif
