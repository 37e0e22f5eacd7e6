/* The head of a tar member: what stands in the archive before its data.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * GNU tar's form, because it carries names as bytes in any encoding, and every
 * tar reads it: the classic block, "././@LongLink" members before it for what
 * does not fit, numbers that do not fit in base 256. Attributes, which it has no
 * place for, go before as POSIX pax records (typeflag x), as GNU tar and bsdtar
 * name them: SCHILY.xattr.NAME, SCHILY.acl.access, SCHILY.acl.default. A member
 * without attributes has no pax header.
 */
#ifndef MAINTKIT_TARHEAD_H
#define MAINTKIT_TARHEAD_H

#include <stdint.h>
#include "../base/buf.h"

#define TAR_BLOCK 512
#define TAR_RECORDS_MAX (900u << 10)	/* libarchive takes no pax header above a mebibyte */

struct tar_member {
	const char *path, *target;	/* target: a symbolic link's, or NULL */
	char type;			/* '0' file, '2' symbolic link, '5' directory */
	unsigned mode;			/* permission bits */
	int64_t uid, gid, mtime;
	uint64_t size;
	const struct buf *records;	/* pax records, or NULL */
};
/* Append the head, whole blocks. The data follows, padded to whole blocks with zeros. */
void tar_head(struct buf *out, const struct tar_member *m);
/* Append "LEN KEY=VALUE\n". */
void tar_record(struct buf *records, const char *key, const void *value, size_t len);
/* The same with the key "SCHILY.xattr.NAME"; '=' and '%' of NAME as GNU tar writes them, %3D and %25. */
void tar_record_xattr(struct buf *records, const char *name, const void *value, size_t len);
/* Undo that in a name, in place. */
void tar_xattr_name(char *name);

#endif
