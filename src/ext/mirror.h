/* The mirror: what the guard last knew of a package's data, for when the database cannot be asked.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * File /var/lib/maintkit/PKG/mirror (0600), records of core/record.h, replaced
 * atomically. It needs no profile and no library, because the dpkg hook reads
 * it in every dpkg run, also when the package itself is gone.
 */
#ifndef MAINTKIT_MIRROR_H
#define MAINTKIT_MIRROR_H

#include "../base/path.h"
#include "../core/policy.h"

#define MIRROR_STATE_DIR "/var/lib/maintkit"
#define INSTANCE_LEN 32

/* Fill an empty state. ERR_ABSENT: there is no mirror (s->known stays false);
 * ERR_FAIL: damaged. s->package is set in every case. */
int mirror_read(const struct root *root, const char *package, struct policy_state *s,
		struct err *err) MUST_CHECK;
/* 0 written, 1 was so already. */
int mirror_write(const struct root *root, const struct policy_state *s, struct err *err) MUST_CHECK;
/* Names of all packages that have a mirror; none is no error. */
int mirror_packages(const struct root *root, struct strv *names, struct err *err) MUST_CHECK;

/* Newest backup in dir: "DIR/NAME", to be freed; NULL when there is none.
 * Files with a leading dot, and the .info, .sha256 and .index beside a backup, are none. */
char *mirror_newest_file(const struct root *root, const char *dir);

/* The instance id out of the file `identity` (identity.h makes it), to be
 * freed. ERR_ABSENT: none made yet. */
int mirror_instance(const struct root *root, const char *package, char **id, struct err *err) MUST_CHECK;
/* 32 lower-case hexadecimal digits. */
bool mirror_instance_is_valid(const char *id);

#endif
