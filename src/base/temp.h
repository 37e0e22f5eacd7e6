/* Names for unfinished files and directories, and their sweeping.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SIGKILL and power cuts cannot be handled, so nothing here relies on cleanup
 * at exit: what is unfinished has a recognisable name (".NAME.maintkit-" and
 * twelve hexadecimal digits), and the next run that wants to write NAME sweeps
 * it. A temporary file that is being written is locked (flock(2)) by its
 * writer and left alone, so a sweep is safe at any time.
 */
#ifndef MAINTKIT_TEMP_H
#define MAINTKIT_TEMP_H

#include "err.h"

/* A fresh random temporary name for NAME, to be freed. */
char *temp_name(const char *name);
/* Make one with mode 0600, open for reading and writing and locked; *temp is
 * its name, to be freed. The lock lasts as long as the descriptor and its
 * duplicates. Returns the descriptor, or -1 with errno. */
int temp_create(int dirfd, const char *name, char **temp) MUST_CHECK;
/* Remove the temporaries of NAME in the directory: files that nobody has
 * locked, links, and directories that are empty. Those of other users that we
 * may not open or remove stay. */
int temp_sweep(int dirfd, const char *name, struct err *err) MUST_CHECK;

#endif
