/* Archives by libarchive: tar compressed by zstd, written to and read from descriptors as streams.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * core/tarhead.h has the format. Plain "zstd -d | tar x" opens what is written
 * here. Reading accepts what was written here and nothing else.
 */
#ifndef MAINTKIT_ARCHIVE_H
#define MAINTKIT_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "../base/xattrs.h"

struct archive_member {
	const char *path;	/* relative, any bytes; reading: valid until the next member */
	const char *target;	/* a symbolic link's; NULL otherwise */
	mode_t mode;		/* type and permission bits */
	long uid, gid;
	long long mtime;
	uint64_t size;
	const struct xattrs *attrs;	/* NULL: none; reading: valid until the next member */
};

struct archive_out;
/* level: of zstd, 1 to 19. threads: that compress beside ours, where libarchive
 * can; 0: none. Each costs some ten megabytes. */
int archive_out_open(struct archive_out **out, int fd, int level, int threads, struct err *err) MUST_CHECK;
/* A member's head; for a regular file exactly size bytes of data follow. */
int archive_out_member(struct archive_out *a, const struct archive_member *m, struct err *err) MUST_CHECK;
int archive_out_data(struct archive_out *a, const void *data, size_t len, struct err *err) MUST_CHECK;
/* End the archive; without it the result is not whole. */
int archive_out_close(struct archive_out *a, struct err *err) MUST_CHECK;
void archive_out_cleanup(struct archive_out **a);

struct archive_in;
int archive_in_open(struct archive_in **in, int fd, struct err *err) MUST_CHECK;
/* 1 a member, 0 the archive has ended in order. */
int archive_in_next(struct archive_in *a, struct archive_member *m, struct err *err) MUST_CHECK;
/* Bytes of the member's data, 0 at its end. */
ssize_t archive_in_read(struct archive_in *a, void *data, size_t len, struct err *err) MUST_CHECK;
void archive_in_cleanup(struct archive_in **a);

#endif
