/* POSIX access control lists: the kernel's form and the text that tar carries.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The kernel's form is the value of system.posix_acl_access and _default:
 * version 2, then (tag, permissions, id) each, little endian
 * (linux/posix_acl_xattr.h). The text is acl(5)'s short form with numbers for
 * names, "user::rw-,user:1000:r--,...", which setfacl, GNU tar and bsdtar read.
 */
#ifndef MAINTKIT_POSIXACL_H
#define MAINTKIT_POSIXACL_H

#include <stdbool.h>
#include <stdint.h>
#include "../base/buf.h"

enum posixacl_tag {
	POSIXACL_USER_OBJ = 0x01, POSIXACL_USER = 0x02, POSIXACL_GROUP_OBJ = 0x04, POSIXACL_GROUP = 0x08,
	POSIXACL_MASK = 0x10, POSIXACL_OTHER = 0x20,
};

struct posixacl {
	struct posixacl_entry {
		unsigned tag, perm;	/* perm: rwx as 4 2 1 */
		uint32_t id;		/* of user and group; else UINT32_MAX */
	} *v;
	size_t n;
};
#define POSIXACL_INIT { NULL, 0 }
void posixacl_release(struct posixacl *a);
void posixacl_add(struct posixacl *a, unsigned tag, unsigned perm, uint32_t id);
/* False: it is no such value. */
bool posixacl_parse(struct posixacl *a, const void *value, size_t len);
/* Both bring the entries into the order that the kernel wants, by tag and then id. */
void posixacl_value(struct posixacl *a, struct buf *out);
void posixacl_text(struct posixacl *a, struct buf *out);

#endif
