/* Taking over a key that an earlier installation left in another directory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_CMD_PGP_LEGACY_H
#define MAINTKIT_CMD_PGP_LEGACY_H

#include "pgp.h"

/* Look through the directory that the properties name and those of [pgp]
 * legacy, and copy one usable secret key with its public half into our own
 * directory: the one that wanted (in order of preference) names, else the only
 * usable one (not when insist). What is there stays as it is; no program is run in it. 1 copied,
 * 0 there is none to take, -1: it cannot be told which, or the copy failed. */
int pgp_take_legacy(struct tool *t, const struct place *p, const struct strv *wanted, bool insist,
		    struct err *err) MUST_CHECK;
/* Directories that would be looked through and are there. */
void pgp_legacy_dirs(struct tool *t, const struct place *p, struct strv *dirs);

/* For place_run(): look at what was read from a legacy directory (entries NAME
 * NUL LENGTH NUL BYTES; a NAME behind PGP_LEGACY_LEFT_OUT was not read), or copy one key of it. Returns an enum look; out gets
 * records: "unusable" fingerprint user-id reason, "usable" fingerprint user-id "". */
struct look_job {
	const struct buf *files;
	const struct strv *wanted;
	bool insist;
	const char *take;		/* fingerprint to copy; NULL: only look */
};
enum look { LOOK_NONE, LOOK_ONLY, LOOK_WANTED };
int pgp_legacy_look(struct pgp *pgp, int home_fd, void *arg, struct buf *out, struct err *err);

#define PGP_LEGACY_MAX (16u << 20)
#define PGP_LEGACY_LEFT_OUT '!'
/* Next of the entries; false at the end. */
bool pgp_legacy_next(const struct buf *files, size_t *pos, const char **name, const char **data, size_t *len);

#endif
