/* The defaults that a properties file was last merged with, remembered for the next merge.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * /var/lib/maintkit/PKG/props-base (0600): the bytes of the default file of the
 * last merge that succeeded. Other files than the profile's own have
 * props-base-PATH with '-' for '/'. A shipped default is not a secret.
 */
#ifndef MAINTKIT_PROPSBASE_H
#define MAINTKIT_PROPSBASE_H

#include "../core/props.h"
#include "profile.h"

/* 1 found, 0 nothing remembered (*out NULL). */
int propsbase_read(const struct profile *p, const struct root *root, const char *path,
		   enum props_encoding enc, struct props **out, struct err *err) MUST_CHECK;
int propsbase_save(const struct profile *p, const struct root *root, const char *path,
		   const struct buf *defaults, struct err *err) MUST_CHECK;

#endif
