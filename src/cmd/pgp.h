/* What the verbs of maintkit-pgp share: whose key directory it is, and work done as its owner.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_CMD_PGP_H
#define MAINTKIT_CMD_PGP_H

#include "../base/userproc.h"
#include "../ext/pgp.h"
#include "tool.h"

struct place {
	uid_t uid;		/* of the web user */
	gid_t gid;
	char *home;		/* GNUPGHOME as gpg must be told (with the root's prefix) */
	const char *below;	/* the same below the root */
};
#define PLACE_INIT { .home = NULL }
void place_release(struct place *p);
/* Look the user and the directory up; nothing is made. */
int place_find(struct place *p, struct tool *t, struct err *err) MUST_CHECK;
/* The directory exists and is the user's own; ERR_ABSENT when there is none,
 * ERR_FAIL for a link, another owner. */
int place_check(const struct place *p, struct tool *t, struct err *err) MUST_CHECK;

/* Work in the key directory, as its owner: home is open and locked for use,
 * no gpg of an earlier run changes keys there, the agent is stopped behind it. */
typedef int place_fn(struct pgp *pgp, int home_fd, void *arg, struct buf *out, struct err *err);
/* keep: a descriptor that work needs, and another; 0 for none. */
int place_run(const struct place *p, place_fn *work, void *arg, int keep, int keep2, int timeout_ms,
	      struct buf *out, struct err *err) MUST_CHECK;

/* All secret keys of the home. gpg shows none, and reports no error, when it was
 * killed while it wrote its trust database: so with none, that is removed and
 * looked again, before anybody makes a second key. */
int place_secret_keys(struct pgp *pgp, int home_fd, struct pgp_keys *keys, struct err *err) MUST_CHECK;

/* The passphrase of the secret key, in order: bytes on stdin when asked for,
 * the root-only escrow file. 1 there is one, 0 none is known here. */
int pgp_passphrase(struct tool *t, bool from_stdin, struct buf *out, struct err *err) MUST_CHECK;
const char *pgp_escrow_path(const struct tool *t);
const char *pgp_secret_copy_path(const struct tool *t);

/* The key in use: what the properties name, else what the journal says. To be freed; NULL: none. */
int pgp_current_key(struct tool *t, char **pattern, struct err *err) MUST_CHECK;

/* "2026-11-22", or "never" for 0; into a static buffer. */
const char *pgp_date(long long when);
/* Whole days from now; negative when it has passed. */
long pgp_days_left(long long expires);

int pgp_run_ensure(struct tool *t, int argc, char **argv, struct err *err);
int pgp_run_show(struct tool *t, int argc, char **argv, struct err *err);
int pgp_run_export(struct tool *t, int argc, char **argv, struct err *err);
int pgp_run_extend(struct tool *t, int argc, char **argv, struct err *err);
int pgp_run_encrypt(struct tool *t, int argc, char **argv, struct err *err);
int pgp_run_decrypt(struct tool *t, int argc, char **argv, struct err *err);
int pgp_run_exports(struct tool *t, int argc, char **argv, struct err *err);
int pgp_run_probe(struct tool *t, int argc, char **argv, struct err *err);
int pgp_run_verify(struct tool *t, int argc, char **argv, struct err *err);

/* Options, shared between verbs. */
struct pgp_options {
	const char *name, *email, *key, *output;
	bool passphrase_stdin, symmetric, no_symmetric, secret, paper, new_passphrase_stdin;
	long days;
};
extern struct pgp_options pgp_options;

#endif
