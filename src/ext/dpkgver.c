/* Debian versions by libdpkg: is this text one, and which of two is newer.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define LIBDPKG_VOLATILE_API 1
#include <dpkg/dpkg.h>
#include <dpkg/dpkg-db.h>
#include <string.h>

#include "dpkgver.h"

/* parseversion() returns < 0 for warnings too (characters that no version may
 * have): dpkg forgives them for the sake of old archives, we need not. The
 * strings of *v are libdpkg's own memory (nfmalloc), given up at exit. */
static int parse(struct dpkg_version *v, const char *text, struct err *err)
{
	struct dpkg_error why = DPKG_ERROR_INIT;

	if (parseversion(v, text, &why) < 0) {
		err_set(err, ERR_USAGE, "'%.60s%s' is no version: %s", text, strlen(text) > 60 ? "..." : "", why.str);
		dpkg_error_destroy(&why);
		return -1;
	}
	dpkg_error_destroy(&why);
	return 0;
}

int dpkgver_check(const char *version, struct err *err)
{
	struct dpkg_version v = DPKG_VERSION_INIT;

	if (strnlen(version, DPKGVER_MAX + 1) > DPKGVER_MAX)
		return err_set(err, ERR_USAGE, "'%.60s...' is no version: it is longer than %d bytes",
			       version, DPKGVER_MAX);
	/* libdpkg lets a colon stand in the upstream part; nobody's version has one */
	if (strchr(version, ':') != strrchr(version, ':'))
		return err_set(err, ERR_USAGE, "'%s' is no version: it has two epochs", version);
	return parse(&v, version, err);
}

int dpkgver_compare(const char *a, const char *b)
{
	struct dpkg_version va = DPKG_VERSION_INIT, vb = DPKG_VERSION_INIT;

	if (parse(&va, a, NULL) < 0 || parse(&vb, b, NULL) < 0)
		return strcmp(a, b);
	return dpkg_version_compare(&va, &vb);
}
