/* A table on disk from document to its state and content, so that millions of them need no memory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include "../base/log.h"
#include "backup_index.h"

#define MAGIC "maintkit index 2"
#define SPARE 1000	/* files that come while the backup is made */

struct head {
	char magic[16];
	uint64_t slots, used;
	char backup[SHA256_HEX_SIZE + 7];
};

static off_t place(uint64_t slot)
{
	return (off_t)(sizeof(struct head) + slot * sizeof(struct index_slot));
}

/* 1 read, 0 behind the end. */
static int read_at(int fd, void *into, size_t len, off_t at, struct err *err)
{
	ssize_t n;

	do
		n = pread(fd, into, len, at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_sys(err, errno, "read the index of documents") : n == (ssize_t)len;
}

static int write_at(int fd, const void *from, size_t len, off_t at, struct err *err)
{
	ssize_t n;

	do
		n = pwrite(fd, from, len, at);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len ? 0 : err_sys(err, n < 0 ? errno : ENOSPC, "write the index of documents");
}

int index_make(struct index *x, int fd, uint64_t files, struct err *err)
{
	*x = (struct index){ .fd = fd, .slots = files + files / 2 + SPARE };
	return ftruncate(fd, place(x->slots)) < 0 ? err_sys(err, errno, "make the index of documents") : 0;
}

int index_finish(struct index *x, const char *backup, struct err *err)
{
	struct head h = { .magic = MAGIC, .slots = x->slots, .used = x->used };

	memcpy(h.backup, backup, strnlen(backup, SHA256_HEX_SIZE - 1));
	return write_at(x->fd, &h, sizeof(h), 0, err);
}

int index_open(struct index *x, int fd, const char *backup, struct err *err)
{
	struct head h;
	struct stat st;
	int rc = read_at(fd, &h, sizeof(h), 0, err);

	if (rc <= 0)
		return rc;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "look at the index of documents");
	if (memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0 || strnlen(h.backup, sizeof(h.backup)) != SHA256_HEX_SIZE - 1 ||
	    strcmp(h.backup, backup) != 0 || !h.slots || h.slots > (uint64_t)st.st_size || st.st_size != place(h.slots))
		return 0;
	*x = (struct index){ .fd = fd, .slots = h.slots, .used = h.used };
	return 1;
}

static void half_sum(const void *data, size_t len, unsigned char out[INDEX_KEY])
{
	unsigned char sum[SHA256_SIZE];
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, data, len);
	sha256_final(&h, sum);
	memcpy(out, sum, INDEX_KEY);
}

void index_slot_fill(struct index_slot *s, const char *path, const struct stat *st)
{
	memset(s, 0, sizeof(*s));
	half_sum(path, strlen(path), s->path);
	if (!st)
		return;
	const int64_t state[] = {
		(int64_t)st->st_ino, st->st_size, st->st_mode, st->st_uid, st->st_gid,
		st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
	};

	half_sum(state, sizeof(state), s->state);
	s->changed = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

void index_slot_attrs(struct index_slot *s, const char *sum)
{
	unsigned char half[INDEX_KEY];

	half_sum(sum, strlen(sum), half);
	memcpy(s->attrs, half, sizeof(s->attrs));
}

/* The slot of that path, or the free one where it belongs: 1 found, 0 free. */
static int probe(const struct index *x, const unsigned char path[INDEX_KEY], struct index_slot *slot, uint64_t *at, struct err *err)
{
	static const unsigned char none[INDEX_KEY];
	uint64_t first;

	memcpy(&first, path, sizeof(first));
	for (uint64_t i = 0; i < x->slots; i++) {
		*at = (first + i) % x->slots;
		int rc = read_at(x->fd, slot, sizeof(*slot), place(*at), err);

		if (rc <= 0)
			return rc < 0 ? -1 : err_set(err, ERR_FAIL, "the index of documents is cut off");
		if (memcmp(slot->path, path, INDEX_KEY) == 0)
			return 1;
		if (memcmp(slot->path, none, INDEX_KEY) == 0)
			return 0;
	}
	return err_set(err, ERR_FAIL, "the index of documents is full");
}

int index_get(const struct index *x, const struct index_slot *s, struct index_slot *found, uint64_t *at, struct err *err)
{
	uint64_t where;
	int rc = probe(x, s->path, found, &where, err);

	if (at)
		*at = where;
	return rc;
}

int index_replace(struct index *x, uint64_t at, const struct index_slot *s, struct err *err)
{
	return write_at(x->fd, s, sizeof(*s), place(at), err);
}

void index_touch(struct index *x, uint64_t at, int64_t changed)
{
	struct err why = ERR_INIT;

	if (write_at(x->fd, &changed, sizeof(changed), place(at) + (off_t)offsetof(struct index_slot, changed), &why) < 0)
		log_debug("%s", why.text);
}

int index_put(struct index *x, const struct index_slot *s, struct err *err)
{
	struct index_slot there;
	uint64_t at;

	if (x->used >= x->slots / 10 * 9) {
		x->full = true;
		return 0;
	}
	int rc = probe(x, s->path, &there, &at, err);

	if (rc < 0)
		return -1;
	x->used += rc == 0;
	return index_replace(x, at, s, err);
}
