/* A throw-away GNUPGHOME inside a real one, for work that must not touch the keys there.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * HOME/maintkit-work-XXXXXX, 0700, locked as long as it is in use. Call these
 * functions as the home's owner. One that a killed run left behind is removed
 * by the next pgp_staging_open().
 */
#ifndef MAINTKIT_PGP_STAGING_H
#define MAINTKIT_PGP_STAGING_H

#include "pgp.h"

struct pgp_staging {
	int home_fd, fd;
	char *path;
};
#define PGP_STAGING_INIT { .home_fd = -1, .fd = -1 }

/* home_fd is kept by reference. */
int pgp_staging_open(struct pgp_staging *s, int home_fd, const char *home, struct err *err) MUST_CHECK;
/* Stop its agent and remove it with all that is in it. For CLEANUP(). */
void pgp_staging_release(struct pgp_staging *s);
/* Put a new file into it, 0600; name may have one directory in front, which is made (0700). */
int pgp_staging_put(struct pgp_staging *s, const char *name, const void *data, size_t len, struct err *err) MUST_CHECK;

#endif
