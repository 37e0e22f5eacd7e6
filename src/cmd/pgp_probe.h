/* Encrypting a probe exactly as the application does, by itself or inside the sandbox of the application's unit.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_CMD_PGP_PROBE_H
#define MAINTKIT_CMD_PGP_PROBE_H

#include "pgp.h"

enum verdict { GOOD, WARN, BAD, NOT_TESTED };

/* What the properties say now; absent ones are "". directory: where the application encrypts. */
struct settings {
	char *key, *env, *command, *program, *directory;
};
#define SETTINGS_INIT { .key = NULL }
void settings_release(struct settings *s);
int settings_read(struct tool *t, struct settings *s, struct err *err) MUST_CHECK;

/* Are program and the other settings such that exports can work? If not, why, and false. */
bool settings_check_program(const struct settings *s, struct buf *why);
bool settings_check_names(const struct settings *s, const struct place *p, struct buf *why);

/* Records of a report: link, one digit (enum verdict), detail. */
void probe_tell(struct buf *out, const char *name, enum verdict v, const char *fmt, ...) PRINTF(4, 5);

/* As the web user: key, expiry, directory and the program itself. out: records
 * as above, and when the program succeeded one "message", probe, result in
 * hexadecimal. Only what stops the report itself is an error. */
int pgp_probe(const struct place *p, const struct settings *s, struct buf *out, struct err *err) MUST_CHECK;
/* The same inside a copy of the application's unit; why not, if that cannot be done: ERR_BACKEND. */
int pgp_probe_in_unit(struct tool *t, struct buf *out, struct err *err) MUST_CHECK;

#define PROBE_MS 60000
#define PROBE_WARN_DAYS 60

#endif
