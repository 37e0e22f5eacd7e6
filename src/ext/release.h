/* What data a deployed web application reads: a small file beside its code.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * File DIR/release, one record of core/record.h: VERSION LEVEL READS, as in the
 * control file of the package that the code came with. "app deploy" writes it,
 * "guard start-check" judges by it: which package dpkg has unpacked says nothing
 * about the code that is served until the activation.
 */
#ifndef MAINTKIT_RELEASE_H
#define MAINTKIT_RELEASE_H

#include "../base/path.h"

struct release {
	char *version, *level, *reads;
};
void release_release(struct release *r);
int release_write(const struct root *root, const char *dir, const char *version, const char *level,
		  const char *reads, struct err *err) MUST_CHECK;
/* No file any more; 0 also when there was none. */
int release_forget(const struct root *root, const char *dir, struct err *err) MUST_CHECK;
/* ERR_ABSENT: it was deployed without; ERR_FAIL: damaged. */
int release_read(const struct root *root, const char *dir, struct release *r, struct err *err) MUST_CHECK;

#endif
