/* What maintkit keeps in a service user's GNUPGHOME beside gpg's own files.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * HOME/maintkit-recipients: fingerprints, one a line, '#' comments: keys that
 * every encryption goes to besides the one asked for (a clinic's off-site key).
 * HOME/maintkit-passphrase: one line, 0400: what symmetric encryption uses.
 * Both belong to the home's owner; call these functions as that user.
 */
#ifndef MAINTKIT_PGP_HOME_H
#define MAINTKIT_PGP_HOME_H

#include <sys/types.h>
#include "../base/buf.h"

#define PGP_HOME_RECIPIENTS "maintkit-recipients"
#define PGP_HOME_PASSPHRASE "maintkit-passphrase"

/* Open the home: a directory, no symbolic link, ours, closed to group and
 * others. Returns its descriptor. */
int pgp_home_open(const char *home, struct err *err) MUST_CHECK;
/* All that gpg finds in the home is a file, directory or socket of the home's
 * owner: gpg would follow a link, and wait for ever at a pipe. */
int pgp_home_inspect(int home_fd, const char *home, struct err *err) MUST_CHECK;
/* For work that may start an agent: several processes may be inside, the last
 * one out stops it, so that no agent of ours stays behind and none is taken
 * from a run that goes on. An agent that is there and does not answer is an
 * error (ERR_BACKEND): gpg would wait for it for ever. leave never fails; it
 * is for those who entered. */
int pgp_home_enter(int home_fd, const char *home, struct err *err) MUST_CHECK;
void pgp_home_leave(int home_fd, const char *home);
/* Wait until no gpg changes the keys of this home any more: one that a killed run of ours
 * left behind goes on, and the key it makes is the key we would make a second
 * time. ERR_BUSY after a minute. */
int pgp_home_settle(const char *home, struct err *err) MUST_CHECK;
/* Put the public keyring back where a gpg that was killed left only its backup:
 * it renames the one to the other before it puts the new one in place. For
 * after pgp_home_settle(). */
int pgp_home_mend(int home_fd, struct err *err) MUST_CHECK;
/* Remove gpg's trust database: a gpg that was killed while it wrote it leaves a
 * part of it, and then none lists or makes a key. Nothing of ours depends on
 * trust (pgp.h). */
int pgp_home_forget_trust(int home_fd, struct err *err) MUST_CHECK;
/* Append the fingerprints; no file: none. */
int pgp_home_recipients(int home_fd, struct strv *fprs, struct err *err) MUST_CHECK;
/* Those behind a comment mark of ours at the beginning of a line. */
int pgp_home_recipients_marked(int home_fd, const char *mark, struct strv *fprs, struct err *err) MUST_CHECK;
/* The passphrase of symmetric mode; a file that others can read is refused. */
int pgp_home_passphrase(int home_fd, struct buf *out, struct err *err) MUST_CHECK;
/* Replace a file of ours in the home (temporary name, fsync, rename). 1 when it was so already. */
int pgp_home_write(int home_fd, const char *name, mode_t mode, const struct buf *text, struct err *err) MUST_CHECK;

#endif
