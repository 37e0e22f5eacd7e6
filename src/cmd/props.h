/* What the pieces of maintkit-props share.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_CMD_PROPS_H
#define MAINTKIT_CMD_PROPS_H

#include "../ext/propsfile.h"
#include "tool.h"

/* Options, by the names of the command line. */
struct props_options {
	const char *file, *encoding, *base, *latest, *defaults;
	bool stdin_lines, show_secrets, create;
};
extern struct props_options props_opt;

/* A path as given, absolute: a relative one begins at the working directory
 * (its directory resolved by us), which makes no sense below another root.
 * NULL stays NULL. */
int props_absolute(const struct tool *t, const char *path, char **out, struct err *err) MUST_CHECK;
/* Take the package's lock, when the file's changes are journalled, and open
 * the file that -f names. *lock is closed by the caller. */
int props_open(struct tool *t, struct propsfile *f, unsigned flags, int *lock, struct err *err) MUST_CHECK;
/* The value, or what is shown in its place for a secret. */
const char *props_shown(const struct tool *t, const char *key, const char *value);
/* Commit (unless --dry-run), and say for the keys what was done; verb: "set". */
int props_finish(struct tool *t, struct propsfile *f, const char *done, struct err *err) MUST_CHECK;

int props_run_merge(struct tool *t, int argc, char **argv, struct err *err);
int props_run_diff(struct tool *t, int argc, char **argv, struct err *err);
int props_run_check(struct tool *t, int argc, char **argv, struct err *err);

#endif
