/* The head of a tar member: what stands in the archive before its data.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "tarhead.h"

#define LONG_NAME "././@LongLink"

struct block {	/* tar(5), GNU tar's */
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, target[100], magic[8], rest[247];
};

/* Octal with a NUL behind, or base 256 with the first bit set. */
static void put_number(char *to, size_t len, int64_t n)
{
	uint64_t bits = (uint64_t)n;

	if (n >= 0 && bits < UINT64_C(1) << (3 * (len - 1))) {
		for (size_t i = len - 1; i-- > 0; bits >>= 3)
			to[i] = (char)('0' + (bits & 7));
		return;
	}
	for (size_t i = len; i-- > 0; bits = n < 0 ? bits >> 8 | UINT64_C(0xff) << 56 : bits >> 8)
		to[i] = (char)(bits & 0xff);
	to[0] = (char)(n < 0 ? 0xff : 0x80);
}

static void put_text(char *to, size_t len, const char *text)
{
	memcpy(to, text, strnlen(text, len));
}

static void put_block(struct buf *out, const struct tar_member *m)
{
	struct block b;
	unsigned sum = 0;

	memset(&b, 0, sizeof(b));
	put_text(b.name, sizeof(b.name), m->path);
	put_number(b.mode, sizeof(b.mode), m->mode & 07777);
	put_number(b.uid, sizeof(b.uid), m->uid);
	put_number(b.gid, sizeof(b.gid), m->gid);
	put_number(b.size, sizeof(b.size), (int64_t)m->size);
	put_number(b.mtime, sizeof(b.mtime), m->mtime);
	memset(b.checksum, ' ', sizeof(b.checksum));
	b.type = m->type;
	put_text(b.target, sizeof(b.target), m->target ? m->target : "");
	memcpy(b.magic, "ustar  ", sizeof(b.magic));
	for (size_t i = 0; i < sizeof(b); i++)
		sum += ((const unsigned char *)&b)[i];
	snprintf(b.checksum, sizeof(b.checksum), "%06o", sum);
	b.checksum[7] = ' ';
	buf_add(out, &b, sizeof(b));
}

/* A member of which only the data counts. */
static void put_special(struct buf *out, char type, const char *data, size_t len)
{
	static const char zeros[TAR_BLOCK];
	struct tar_member m = { .path = type == 'x' ? "./PaxHeaders/attributes" : LONG_NAME, .type = type, .mode = 0600, .size = len };

	put_block(out, &m);
	buf_add(out, data, len);
	buf_add(out, zeros, (TAR_BLOCK - len % TAR_BLOCK) % TAR_BLOCK);
}

void tar_head(struct buf *out, const struct tar_member *m)
{
	struct block *b = NULL;
	size_t name = strlen(m->path);
	AUTO_FREE char *slashed = NULL;
	struct tar_member as = *m;

	if (m->type == '5' && name && m->path[name - 1] != '/') {
		as.path = slashed = xasprintf("%s/", m->path);
		name++;
	}
	if (m->records && m->records->len)
		put_special(out, 'x', m->records->p, m->records->len);
	if (m->target && strlen(m->target) > sizeof(b->target))
		put_special(out, 'K', m->target, strlen(m->target) + 1);
	if (name > sizeof(b->name))
		put_special(out, 'L', as.path, name + 1);
	put_block(out, &as);
}

void tar_record(struct buf *records, const char *key, const void *value, size_t len)
{
	size_t body = 1 + strlen(key) + 1 + len + 1, whole = body, was;
	char number[24];

	/* the length counts its own digits */
	do {
		was = whole;
		whole = body + (size_t)snprintf(number, sizeof(number), "%zu", was);
	} while (whole != was);
	buf_addf(records, "%zu %s=", whole, key);
	buf_add(records, value, len);
	buf_addc(records, '\n');
}

void tar_record_xattr(struct buf *records, const char *name, const void *value, size_t len)
{
	AUTO_BUF key = BUF_INIT;

	buf_adds(&key, "SCHILY.xattr.");
	for (; *name; name++)
		if (*name == '=' || *name == '%')
			buf_addf(&key, "%%%02X", (unsigned char)*name);
		else
			buf_addc(&key, *name);
	tar_record(records, key.p, value, len);
}

void tar_xattr_name(char *name)
{
	char *to = name;

	for (const char *p = name; *p; p++) {
		bool equal = strncmp(p, "%3D", 3) == 0, percent = strncmp(p, "%25", 3) == 0;

		*to++ = equal ? '=' : *p;
		p += equal || percent ? 2 : 0;
	}
	*to = '\0';
}
