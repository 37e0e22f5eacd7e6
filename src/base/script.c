/* Where we run: inside which maintainer script, and on which kind of system.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "script.h"

void script_read(struct script *s)
{
	s->package = getenv("DPKG_MAINTSCRIPT_PACKAGE");
	s->name = getenv("DPKG_MAINTSCRIPT_NAME");
	s->admindir = getenv("DPKG_ADMINDIR");
	s->root = getenv("DPKG_ROOT");
	if (s->root && (!*s->root || strcmp(s->root, "/") == 0))
		s->root = NULL;
}

/* The rule of ischroot(1): our "/" is not the root of process 1. Without
 * permission to look (not root) it cannot be told, and no backend of the
 * system would obey us anyway. */
static bool in_chroot(void)
{
	struct stat ours, first;

	if (stat("/", &ours) < 0 || stat("/proc/1/root/.", &first) < 0)
		return false;
	return ours.st_dev != first.st_dev || ours.st_ino != first.st_ino;
}

bool script_is_booted(const struct root *root, const char **why)
{
	const char *assume = getenv("MAINTKIT_ASSUME_BOOTED");
	const char *reason = NULL;
	struct stat st;

	if (assume && strcmp(assume, "1") == 0)
		reason = NULL;
	else if (root_is_foreign(root))
		reason = "working below another root directory";
	else if (stat("/run/systemd/system", &st) < 0 || !S_ISDIR(st.st_mode))
		reason = "no system manager is running";
	else if (in_chroot())
		reason = "running in a chroot";
	if (why)
		*why = reason;
	return !reason;
}
