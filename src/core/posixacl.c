/* POSIX access control lists: the kernel's form and the text that tar carries.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <stdlib.h>
#include "posixacl.h"

#define VERSION 2
#define HEAD 4
#define ENTRY 8

void posixacl_release(struct posixacl *a)
{
	free(a->v);
	*a = (struct posixacl)POSIXACL_INIT;
}

void posixacl_add(struct posixacl *a, unsigned tag, unsigned perm, uint32_t id)
{
	bool named = tag == POSIXACL_USER || tag == POSIXACL_GROUP;

	a->v = xreallocarray(a->v, a->n + 1, sizeof(*a->v));
	a->v[a->n++] = (struct posixacl_entry){ tag, perm & 7, named ? id : UINT32_MAX };
}

static uint32_t take(const unsigned char *p, int bytes)
{
	uint32_t n = 0;

	while (bytes-- > 0)
		n = n << 8 | p[bytes];
	return n;
}

static void put(struct buf *out, uint32_t n, int bytes)
{
	for (; bytes > 0; bytes--, n >>= 8)
		buf_addc(out, (char)(n & 0xff));
}

bool posixacl_parse(struct posixacl *a, const void *value, size_t len)
{
	const unsigned char *p = value;

	if (len < HEAD || (len - HEAD) % ENTRY != 0 || take(p, 4) != VERSION)
		return false;
	for (p += HEAD, len -= HEAD; len; p += ENTRY, len -= ENTRY) {
		uint32_t tag = take(p, 2);

		if (!tag || tag > POSIXACL_OTHER || (tag & (tag - 1)))
			return false;
		posixacl_add(a, tag, take(p + 2, 2), take(p + 4, 4));
	}
	return true;
}

static int by_tag(const void *pa, const void *pb)
{
	const struct posixacl_entry *a = pa, *b = pb;

	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

static void sort(struct posixacl *a)
{
	if (a->n > 1)
		qsort(a->v, a->n, sizeof(*a->v), by_tag);
}

void posixacl_value(struct posixacl *a, struct buf *out)
{
	sort(a);
	put(out, VERSION, 4);
	for (size_t i = 0; i < a->n; i++) {
		put(out, a->v[i].tag, 2);
		put(out, a->v[i].perm, 2);
		put(out, a->v[i].id, 4);
	}
}

void posixacl_text(struct posixacl *a, struct buf *out)
{
	sort(a);
	for (size_t i = 0; i < a->n; i++) {
		const struct posixacl_entry *e = &a->v[i];
		bool user = e->tag == POSIXACL_USER || e->tag == POSIXACL_USER_OBJ;

		buf_addf(out, "%s%s:", i ? "," : "", e->tag == POSIXACL_MASK ? "mask" : e->tag == POSIXACL_OTHER ? "other" :
			 user ? "user" : "group");
		if (e->tag == POSIXACL_USER || e->tag == POSIXACL_GROUP)
			buf_addf(out, "%" PRIu32, e->id);
		buf_addf(out, ":%c%c%c", e->perm & 4 ? 'r' : '-', e->perm & 2 ? 'w' : '-', e->perm & 1 ? 'x' : '-');
	}
}
