/* Debian versions by libdpkg: is this text one, and which of two is newer.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The only file that knows libdpkg: its API is declared volatile
 * (LIBDPKG_VOLATILE_API) and changes between releases, so it is linked
 * statically and kept in one place.
 */
#ifndef MAINTKIT_DPKGVER_H
#define MAINTKIT_DPKGVER_H

#include "../base/err.h"

#define DPKGVER_MAX 200	/* longer is nobody's version */

/* ERR_USAGE with libdpkg's own reason when the text is no version. What dpkg
 * only warns of is an error here. */
int dpkgver_check(const char *version, struct err *err) MUST_CHECK;
/* < 0: a is older by dpkg's order (deb-version(7)). Both must have passed dpkgver_check(). */
int dpkgver_compare(const char *a, const char *b);

#endif
