/* Edit the package's properties file as one atomic step, journalled, for every command that keeps a setting there.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The file is [properties] file of the profile, read in [properties] encoding
 * (latin1, the default of java.util.Properties.load(InputStream), or utf8).
 * What is kept: every byte that was not asked for, owner, group, mode, ACL and
 * extended attributes. A file that is not there is created from [properties]
 * default (empty when that is not there either) with [properties] mode (0640)
 * and owner root:[properties] group, and recorded as an effect of kind "file".
 *
 * Effects: class host, kind "property", id "FILE:KEY", OLD as it was before
 * maintkit first touched it (EFFECT_ABSENT, or EFFECT_SECRET for keys in
 * [properties] secret), NEW the value, or "sha256:HEX" for secret keys, or
 * EFFECT_ABSENT after an unset. A key that has its value already is neither
 * written nor recorded.
 *
 * The caller holds the package's lock (VERB_LOCK). Values are UTF-8.
 */
#ifndef MAINTKIT_PROPSFILE_H
#define MAINTKIT_PROPSFILE_H

#include <stdbool.h>
#include <sys/stat.h>
#include "../core/props.h"
#include "profile.h"

struct propsfile_edit {
	const char *key;
	const char *value;	/* NULL: unset, that is: comment it out, so that the application's
				 * built-in default holds again; a secret's value is dropped */
};

/* Apply all edits or none. 1 changed, 0 was so already, -1 error: ERR_BUSY when
 * the file was changed by somebody else meanwhile (nothing written), ERR_FAIL
 * "FILE:LINE:COLUMN: ..." when it is not readable as properties. */
int propsfile_edit(const struct profile *p, const struct root *root, const struct propsfile_edit *edits,
		   size_t n, struct err *err) MUST_CHECK;

/* The value Java would see, to be freed (mem_wipe_string() for secrets).
 * ERR_ABSENT when the key is not set or the file does not exist. */
int propsfile_get(const struct profile *p, const struct root *root, const char *key, char **value,
		  struct err *err) MUST_CHECK;

/* Is key in [properties] secret? p may be NULL (no). */
bool propsfile_is_secret(const struct profile *p, const char *key);

/* Put back every property that the journal says we changed and that is still
 * as we left it: the old value, or the line taken out where there was none (or
 * where the old value was a secret, which is never journalled). What the admin
 * changed since stays. Both are marked undone. Files that are gone are no
 * error. Returns how many keys were put back (dry_run: would be). For abort and purge. */
int propsfile_undo(const struct profile *p, const struct root *root, bool dry_run, struct err *err) MUST_CHECK;

/* ---- in steps, for any properties file ----
 *
 *	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;
 *	if (propsfile_open(&f, profile, root, path, encoding, flags, err) < 0 ||
 *	    propsfile_set(&f, key, value, err) < 0 || ... propsfile_commit(&f, err) < 0)
 */
struct propsfile_change {
	char *key, *old, *new_value;	/* NULL: not set; wiped when released */
};

struct propsfile {
	const struct profile *profile;	/* NULL: nothing is known, nothing is journalled */
	const struct root *root;
	char *path;
	struct props *props;
	struct buf text;		/* as read; secret */
	struct stat st;			/* st_ino 0: there was no file */
	bool journal;
	struct propsfile_change *changes;	/* what was asked for, also what was so already */
	size_t n;
};
#define PROPSFILE_INIT { .text = BUF_SECRET_INIT }

#define PROPSFILE_CREATE 1u	/* no file is no error */
#define PROPSFILE_JOURNAL 2u	/* record effects (the profile's own file always does) */

/* path NULL: the profile's own file. encoding "latin1", "utf8", or NULL: by the profile. */
int propsfile_open(struct propsfile *f, const struct profile *p, const struct root *root, const char *path,
		   const char *encoding, unsigned flags, struct err *err) MUST_CHECK;
void propsfile_release(struct propsfile *f);
/* value NULL: unset. 1 changed, 0 was so already. */
int propsfile_set(struct propsfile *f, const char *key, const char *value, struct err *err) MUST_CHECK;
/* Tell of a change that was made to f->props directly (a merge). NULL: not set. */
void propsfile_note(struct propsfile *f, const char *key, const char *old, const char *new_value);
/* 1 written, 0 it was so already. */
int propsfile_commit(struct propsfile *f, struct err *err) MUST_CHECK;

/* Read and parse a file, text to *text when that is not NULL. ERR_ABSENT when there is none. */
int propsfile_read(const struct root *root, const char *path, enum props_encoding enc, struct props **out,
		   struct buf *text, struct stat *st, struct err *err) MUST_CHECK;
/* "latin1" or "utf8" (also their official names); NULL: by the profile, else latin1. */
int propsfile_encoding(const struct profile *p, const char *name, enum props_encoding *enc,
		       struct err *err) MUST_CHECK;

#endif
