/* The dpkg and apt hook: which .debs are about to be put over our data.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_HOOK_H
#define MAINTKIT_HOOK_H

#include "../base/path.h"

/* What the package manager is about to do. */
struct hook_plan {
	char *root;		/* of the managed system; "" or a directory */
	bool no_act;		/* dpkg --no-act: tell, do not stop */
	struct strv debs;	/* files, as this process can open them */
	struct strv packages;	/* names of their packages where known beforehand, else empty */
};
#define HOOK_PLAN_INIT { NULL, false, STRV_INIT, STRV_INIT }
void hook_plan_release(struct hook_plan *p);

/* The plan of the dpkg process that runs us, from its own command line.
 * 1 there is something to look at, 0 it installs nothing, -1 it cannot be told. */
int hook_plan_dpkg(struct hook_plan *p, struct err *err) MUST_CHECK;
/* Parse a dpkg command line (without argv[0]); the part that tests can reach.
 * root: value of DPKG_ROOT or NULL. */
int hook_parse_dpkg(struct hook_plan *p, char **argv, const char *cwd, const char *root) MUST_CHECK;
/* The plan of apt, Pre-Install-Pkgs version 3, from this descriptor. */
int hook_plan_apt(struct hook_plan *p, int fd, struct err *err) MUST_CHECK;

#endif
