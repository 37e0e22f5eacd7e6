/* A table on disk from document to its state and content, so that millions of them need no memory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Beside a full backup, and one with documents as hard links, it lies as
 * NAME.index and tells the next one which documents have not changed since. It
 * holds no names and no sizes: a slot is the first half of the sha256 of the
 * path, the first half of that of the state (inode, size, mode, owner, time of
 * modification to the nanosecond), the time of the inode's change, which a link
 * more or less changes too, some of the sha256 of the attributes, and the
 * content's sha256. Open addressing, linear probing, host byte order: it never leaves
 * the machine; one of another machine would only fit nothing.
 */
#ifndef MAINTKIT_CMD_BACKUP_INDEX_H
#define MAINTKIT_CMD_BACKUP_INDEX_H

#include <stdint.h>
#include <sys/stat.h>
#include "../base/err.h"
#include "../core/sha256.h"

#define INDEX_KEY 16

struct index_slot {
	unsigned char path[INDEX_KEY], state[INDEX_KEY];
	int64_t changed;		/* nanoseconds since 1970 */
	unsigned char attrs[8], content[SHA256_SIZE];
};

struct index {
	int fd;			/* not owned */
	uint64_t slots, used;
	bool full;		/* more came than was made room for: what it holds is right, but not all */
};
#define INDEX_INIT { .fd = -1 }

/* Room for files entries and then some, in an empty file open for reading and writing. */
int index_make(struct index *x, int fd, uint64_t files, struct err *err) MUST_CHECK;
/* Write the head: only then index_open() takes it. backup: its sha256 as text. */
int index_finish(struct index *x, const char *backup, struct err *err) MUST_CHECK;
/* 1: it is the index of that backup; 0: it is not (or damaged). */
int index_open(struct index *x, int fd, const char *backup, struct err *err) MUST_CHECK;

/* Fills path, and state and changed (all zero when st is NULL) of s. */
void index_slot_fill(struct index_slot *s, const char *path, const struct stat *st);
/* sum: of the attributes, as text; "" when there are none. */
void index_slot_attrs(struct index_slot *s, const char *sum);
int index_put(struct index *x, const struct index_slot *s, struct err *err) MUST_CHECK;
/* The slot with the same path as s; at (may be NULL): for index_replace(). 1 found, 0 none. */
int index_get(const struct index *x, const struct index_slot *s, struct index_slot *found, uint64_t *at, struct err *err) MUST_CHECK;
/* The same document with another time of change: at as from index_get(). One aligned word is written, so what is killed here
 * leaves the old or the new one. A file that cannot be written stays as it is. */
void index_touch(struct index *x, uint64_t at, int64_t changed);
int index_replace(struct index *x, uint64_t at, const struct index_slot *s, struct err *err) MUST_CHECK;

#endif
