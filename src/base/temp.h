/* Names for unfinished files and directories, and their sweeping.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SIGKILL and power cuts cannot be handled, so nothing here relies on cleanup
 * at exit: what is unfinished has a recognisable name (".NAME.maintkit-" and
 * twelve hexadecimal digits), and the next run that wants to write NAME sweeps
 * it, holding the lock of the directory.
 */
#ifndef MAINTKIT_TEMP_H
#define MAINTKIT_TEMP_H

#include "err.h"

/* A fresh random temporary name for NAME, to be freed. */
char *temp_name(const char *name);
/* Remove the temporaries of NAME in the directory: files, links, and
 * directories that are empty. Only safe under the directory's lock. */
int temp_sweep(int dirfd, const char *name, struct err *err) MUST_CHECK;

#endif
