/* Extended attributes of a file that people set: user.* and POSIX ACLs.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the kernel or a security module sets (security.*, trusted.*) belongs to
 * the machine, not to the file, and is left out. ACLs are as the kernel has them
 * (acl(5) as xattr: core/posixacl.h).
 */
#ifndef MAINTKIT_XATTRS_H
#define MAINTKIT_XATTRS_H

#include "buf.h"
#include "err.h"

#define XATTR_ACL_ACCESS "system.posix_acl_access"
#define XATTR_ACL_DEFAULT "system.posix_acl_default"

struct xattr {
	char *name;
	struct buf value;
};
struct xattrs {
	struct xattr *v;	/* by name */
	size_t n;
};
#define XATTRS_INIT { NULL, 0 }
#define AUTO_XATTRS CLEANUP(xattrs_release) struct xattrs
void xattrs_release(struct xattrs *x);
void xattrs_add(struct xattrs *x, const char *name, const void *value, size_t len);
/* Bring them into their order after adding. */
void xattrs_sort(struct xattrs *x);
const struct buf *xattrs_get(const struct xattrs *x, const char *name);

/* Those of an open file or directory. A file system without any has none. */
int xattrs_read(int fd, struct xattrs *x, struct err *err) MUST_CHECK;
/* Give it these, and no ACL (inherited from its directory) but these. x may be
 * NULL: none. 1: the file system cannot keep some. */
int xattrs_write(int fd, const struct xattrs *x, struct err *err) MUST_CHECK;

#endif
