/* The list of what a backup holds: written beside the data, compared when it is read back.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lines of core/record.h:
 *	file PATH SIZE MODE UID GID MTIME SHA256 STATE [ATTRS]
 *		STATE: "" or "changed", written to while it was read; ATTRS: sha256 of
 *		its extended attributes and ACLs, when it has some
 *	base PATH SIZE MODE UID GID MTIME SHA256	(a file that is as it is in the backup that this one goes back to)
 *	linked PATH SIZE MODE UID GID MTIME SHA256 [ATTRS]	(a file whose content is a hard link beside the archive)
 *	dir PATH MODE UID GID MTIME [ATTRS]
 *	link PATH TARGET
 *	table DATABASE NAME ROWS
 *	skipped PATH REASON
 *	end MEMBERS BYTES TABLES ROWS SKIPPED [BASED [LINKED]]
 * in parts, each directly behind the members it describes, so that neither
 * side keeps more than one part in memory however many files there are. An
 * archive without the "end" line is not whole.
 */
#ifndef MAINTKIT_MANIFEST_H
#define MAINTKIT_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>
#include "../base/buf.h"

#define MANIFEST_PART_SIZE (256u << 10)	/* a part is put out when it is at least so long */

struct manifest_totals {
	uint64_t members, bytes, tables, rows, skipped, changed;
	uint64_t based;		/* files that are in the base */
	uint64_t linked;	/* files that are hard links beside the archive */
};

struct manifest_file {
	const char *path;	/* any bytes but NUL */
	uint64_t size;
	unsigned mode;		/* permission bits */
	long uid, gid;
	long long mtime;
	const char *sha256;	/* NULL: a directory */
	const char *target;	/* a symbolic link */
	bool changed;
	const char *attrs;	/* sha256 of the attributes; NULL: there are none */
};

struct manifest {
	struct buf part;	/* lines not yet put out; emptied by the caller */
	struct manifest_totals totals;
};
#define MANIFEST_INIT { .part = BUF_INIT }
void manifest_release(struct manifest *m);
void manifest_add(struct manifest *m, const struct manifest_file *f);
/* A file whose content is in the base: f->sha256 says which. */
void manifest_add_based(struct manifest *m, const struct manifest_file *f);
/* A file whose content lies beside the archive. */
void manifest_add_linked(struct manifest *m, const struct manifest_file *f);
void manifest_add_table(struct manifest *m, const char *database, const char *table, uint64_t rows);
void manifest_add_skipped(struct manifest *m, const char *path, const char *reason);
/* The last line, into the last part. */
void manifest_finish(struct manifest *m);

/* Reading back: tell what was seen, then hand in the part that describes it. */
struct manifest_check {
	struct manifest seen;	/* part: what has not been described yet */
	struct strv notes;	/* skipped and changed files, for the report; at most 100 */
	bool ended;
	/* May be NULL: a file that is to be taken from the base. */
	int (*based)(void *arg, const char *path, const char *sha256, struct err *err);
	/* May be NULL: a file that is to be taken from beside the archive. */
	int (*linked)(void *arg, const struct manifest_file *f, struct err *err);
	void *arg, *linked_arg;
};
#define MANIFEST_CHECK_INIT { .seen = MANIFEST_INIT }
void manifest_check_release(struct manifest_check *c);
/* Use manifest_add() and manifest_add_table() on &c->seen. Then: */
int manifest_check_part(struct manifest_check *c, const void *data, size_t len, struct err *err) MUST_CHECK;
/* Was the last part there, and nothing behind it? */
int manifest_check_end(const struct manifest_check *c, struct err *err) MUST_CHECK;

#endif
