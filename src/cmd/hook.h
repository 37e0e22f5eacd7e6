/* The dpkg and apt hook: which .debs are about to be put over our data.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_HOOK_H
#define MAINTKIT_HOOK_H

#include "../base/path.h"
#include "../core/policy.h"

/* What the package manager is about to do. */
struct hook_plan {
	char *root;		/* of the managed system; "" or a directory */
	bool no_act;		/* dpkg --no-act: tell, do not stop */
	struct strv debs;	/* files, as this process can open them */
	struct strv packages;	/* names of their packages where known beforehand, else empty */
	bool configures;	/* dpkg --configure: what is unpacked already */
	struct strv configure;	/* these packages; empty: all */
	char *admindir;		/* of dpkg, as this process can open it */
};
#define HOOK_PLAN_INIT { .root = NULL }
void hook_plan_release(struct hook_plan *p);

/* The plan of the dpkg process that runs us, from its own command line.
 * 1 there is something to look at, 0 it installs nothing, -1 it cannot be told. */
int hook_plan_dpkg(struct hook_plan *p, struct err *err) MUST_CHECK;
/* Parse a dpkg command line (without argv[0]); the part that tests can reach.
 * root: value of DPKG_ROOT or NULL. */
int hook_parse_dpkg(struct hook_plan *p, char **argv, const char *cwd, const char *root) MUST_CHECK;
/* The packages of ours that are unpacked but not configured, out of dpkg's
 * status file (text), as the plan says: calls found with version and fields. */
typedef void hook_found(void *arg, const char *package, const struct policy_incoming *in);
void hook_unpacked(const struct hook_plan *p, const char *status, const struct strv *ours, hook_found *found, void *arg);
/* The plan of apt, Pre-Install-Pkgs version 3, from this descriptor. */
int hook_plan_apt(struct hook_plan *p, int fd, struct err *err) MUST_CHECK;

/* Keep the .deb that the dpkg above us installs as this version of package, and
 * that of the version before (may be NULL or "") and of the one that a rollback
 * goes back to; others of it go. Warns. */
void hook_keep(const char *package, const char *version, const char *before);

/* Tell what the incoming package's preinst will stop at (hook_preflight.c). */
void hook_preflight(const struct root *root, const struct policy_state *s, const struct policy_incoming *in,
		    const struct policy_result *r, enum policy_lang lang);

#endif
