/* The package profile: what maintkit knows about the package it works for (read by libinih).
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * INI text; sections [name] or [kind:name], keys case-sensitive. Read from
 * /usr/share/PKG/maintkit.conf, or when that is gone (at purge, the package's
 * files are deleted first) from the copy /var/lib/maintkit/PKG/profile; keys of
 * /etc/PKG/maintkit.conf replace those of the same name. A malformed or
 * over-long line (PROFILE_LINE_MAX bytes: libinih's limit), an unknown section
 * or a key that is set twice is an error "FILE:LINE: ...". An indented line
 * continues the value above it. As root, a profile that somebody else could
 * have written is refused, unless it was named by --profile.
 * maintkit.conf(5) documents every section and key.
 */
#ifndef MAINTKIT_PROFILE_H
#define MAINTKIT_PROFILE_H

#include <stdbool.h>
#include <sys/types.h>
#include "../base/path.h"

struct profile;

#define PROFILE_LINE_MAX 198	/* INI_MAX_LINE of Debian's libinih, less line feed and NUL */
#define PROFILE_NAME_MAX 49	/* longest section or key name; libinih cuts longer ones without a word */

/* file: read only this one (--profile), else NULL. ERR_ABSENT: no such package. */
int profile_load(struct profile **out, const struct root *root, const char *package,
		 const char *file, struct err *err) MUST_CHECK;
void profile_free(struct profile *p);
void profile_cleanup(struct profile **p);
/* Copy what is in force (both files merged) to /var/lib/maintkit/PKG/profile. */
int profile_save_copy(const struct profile *p, const struct root *root, struct err *err) MUST_CHECK;

/* Names of all packages with an installed profile or a copy of one. */
int profile_packages(const struct root *root, struct strv *names, struct err *err) MUST_CHECK;

const char *profile_package(const struct profile *p);
/* Value, or NULL when absent. Valid as long as the profile. */
const char *profile_get(const struct profile *p, const char *section, const char *key);
const char *profile_get_or(const struct profile *p, const char *section, const char *key, const char *fallback);
/* Value, or NULL with err "FILE: [section] key is missing" (ERR_FAIL). */
const char *profile_require(const struct profile *p, const char *section, const char *key, struct err *err);
bool profile_bool(const struct profile *p, const char *section, const char *key, bool fallback);
/* Integer in [min, max]; absent: fallback. Malformed: -1 with err naming file and key. */
int profile_int(const struct profile *p, const char *section, const char *key, long min, long max,
		long fallback, long *out, struct err *err) MUST_CHECK;
/* Words separated by blanks, appended. */
void profile_words(const struct profile *p, const char *section, const char *key, struct strv *out);
/* Section names that start with prefix (e.g. "sql:"), in file order. */
void profile_sections(const struct profile *p, const char *prefix, struct strv *out);

/* "/var/lib/maintkit/PKG/LEAF" ("" for the directory itself), to be freed. */
char *profile_state_path(const struct profile *p, const char *leaf);
/* uid and gid of [package] user, looked up in the root's own passwd and group. ERR_ABSENT when there is none. */
int profile_user(const struct profile *p, const struct root *root, uid_t *uid, gid_t *gid, struct err *err) MUST_CHECK;

#endif
