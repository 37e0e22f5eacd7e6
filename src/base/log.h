/* What a program says: to the person on stderr, to the package's log file and to syslog.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Only programs log; library code returns errors. Text goes to stderr as
 * "maintkit-sql: warning: ..."; stdout is never touched (debconf owns it in a
 * maintainer script). Lines of level info and above also go to the package's
 * log file when log_open_file() was called, with a UTC time stamp, and to
 * syslog (that is journald; not when working below another root) with facility
 * daemon. Control characters come out as \xHH, so that a name cannot forge a
 * line or steer a terminal; a line feed ends a line on stderr and is " | " in
 * the file, where every record is one line. No secret and no patient data may
 * be passed.
 */
#ifndef MAINTKIT_LOG_H
#define MAINTKIT_LOG_H

#include "buf.h"
#include "err.h"
#include "path.h"

enum log_level { LOG_ERR_LEVEL, LOG_WARN_LEVEL, LOG_INFO_LEVEL, LOG_DEBUG_LEVEL };

/* program: "maintkit-sql", kept by reference. */
void log_init(const char *program);
/* Least important level that stderr shows; default LOG_INFO_LEVEL. */
void log_set_level(enum log_level level);
/* Would stderr show it? */
bool log_shows(enum log_level level);
/* Append to PATH below root (made 0640, group adm where there is one; its
 * directory belongs to the maintkit package and is not made here). A log that
 * cannot be written is not an error: the program's work matters more. */
void log_open_file(const struct root *root, const char *path);

void log_error(const char *fmt, ...) PRINTF(1, 2);
void log_warn(const char *fmt, ...) PRINTF(1, 2);
void log_info(const char *fmt, ...) PRINTF(1, 2);	/* what was done; shown unless --quiet */
void log_debug(const char *fmt, ...) PRINTF(1, 2);	/* shown with --verbose, never in the file */
/* Print a filled error object as log_error. */
void log_err(const struct err *err);

#endif
