/* Extended attributes of a file that people set: user.* and POSIX ACLs.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include "xattrs.h"

#define NAMES_MAX 65536		/* the kernel's limits (xattr(7)) */
#define VALUE_MAX 65536
#define FIRST_TRY 256		/* most files have none */

void xattrs_release(struct xattrs *x)
{
	for (size_t i = 0; i < x->n; i++) {
		free(x->v[i].name);
		buf_release(&x->v[i].value);
	}
	free(x->v);
	*x = (struct xattrs)XATTRS_INIT;
}

void xattrs_add(struct xattrs *x, const char *name, const void *value, size_t len)
{
	x->v = xreallocarray(x->v, x->n + 1, sizeof(*x->v));
	struct xattr *a = &x->v[x->n++];

	*a = (struct xattr){ .name = xstrdup(name), .value = BUF_INIT };
	buf_add(&a->value, value, len);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct xattr *)a)->name, ((const struct xattr *)b)->name);
}

void xattrs_sort(struct xattrs *x)
{
	if (x->n > 1)
		qsort(x->v, x->n, sizeof(*x->v), by_name);
}

const struct buf *xattrs_get(const struct xattrs *x, const char *name)
{
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->v[i].name, name) == 0)
			return &x->v[i].value;
	return NULL;
}

static bool is_acl(const char *name)
{
	return strcmp(name, XATTR_ACL_ACCESS) == 0 || strcmp(name, XATTR_ACL_DEFAULT) == 0;
}

static int read_one(int fd, const char *name, struct xattrs *x, struct err *err)
{
	AUTO_FREE char *value = xmalloc(VALUE_MAX);
	ssize_t n = fgetxattr(fd, name, value, VALUE_MAX);

	if (n < 0)
		return errno == ENODATA || errno == ENOTSUP ? 0 : err_sys(err, errno, "read attribute '%s'", name);
	xattrs_add(x, name, value, (size_t)n);
	return 0;
}

int xattrs_read(int fd, struct xattrs *x, struct err *err)
{
	char few[FIRST_TRY], *names = few;
	AUTO_FREE char *many = NULL;
	ssize_t n = flistxattr(fd, few, sizeof(few));

	if (n < 0 && errno == ERANGE) {
		names = many = xmalloc(NAMES_MAX);
		n = flistxattr(fd, many, NAMES_MAX);
	}
	if (n < 0)
		return errno == ENOTSUP ? 0 : err_sys(err, errno, "list attributes");
	for (const char *p = names; p < names + n; p += strlen(p) + 1)
		if ((strncmp(p, "user.", 5) == 0 || is_acl(p)) && read_one(fd, p, x, err) < 0)
			return -1;
	xattrs_sort(x);
	return 0;
}

static int drop_inherited(int fd, const struct xattrs *x, struct err *err)
{
	static const char *const acls[] = { XATTR_ACL_ACCESS, XATTR_ACL_DEFAULT };

	for (size_t i = 0; i < ARRAY_LEN(acls); i++)
		if (!(x && xattrs_get(x, acls[i])) && fremovexattr(fd, acls[i]) < 0 && errno != ENODATA && errno != ENOTSUP &&
		    errno != EACCES)	/* a file has no default ACL */
			return err_sys(err, errno, "remove the inherited ACL");
	return 0;
}

int xattrs_write(int fd, const struct xattrs *x, struct err *err)
{
	int lost = 0;

	if (drop_inherited(fd, x, err) < 0)
		return -1;
	for (size_t i = 0; x && i < x->n; i++) {
		if (fsetxattr(fd, x->v[i].name, x->v[i].value.p, x->v[i].value.len, 0) == 0)
			continue;
		if (errno != ENOTSUP)
			return err_sys(err, errno, "set attribute '%s'", x->v[i].name);
		lost = 1;
	}
	return lost;
}
