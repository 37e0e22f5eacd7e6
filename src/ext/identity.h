/* Which installation this is: one random id, in the state directory and in the database.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * /var/lib/maintkit/PKG/identity holds 32 hexadecimal digits (128 random bits)
 * and a line feed, mode 0600. maintkit_meta 'instance_id' holds the same. The
 * two tell whether state directory and database belong together: a copied
 * disk, a restored dump or a wrong db.cnf would else go unnoticed. Made at the
 * first real start, never in an image.
 */
#ifndef MAINTKIT_IDENTITY_H
#define MAINTKIT_IDENTITY_H

#include "db.h"

/* To be freed. ERR_ABSENT when there is none yet, ERR_FAIL when it is damaged. */
int identity_get(const struct profile *p, const struct root *root, char **id, struct err *err) MUST_CHECK;
/* Write id (NULL: a new random one) unless there is one; *out (may be NULL) is what counts now. */
int identity_create(const struct profile *p, const struct root *root, const char *id, char **out,
		    struct err *err) MUST_CHECK;

enum identity_bound {
	IDENTITY_SAME,		/* both had it */
	IDENTITY_NEW,		/* neither had one */
	IDENTITY_ADOPTED,	/* the database's was taken over */
	IDENTITY_GIVEN,		/* the database had none and was given ours */
};
/* Make state and selected database carry the same id. Different ones:
 * ERR_POLICY, unless adopt, which takes the database's. Returns an identity_bound. */
int identity_bind(const struct profile *p, const struct root *root, struct db *db, bool adopt,
		  struct err *err) MUST_CHECK;

#endif
