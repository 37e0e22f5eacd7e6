/* Where we run: inside which maintainer script, and on which kind of system.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_SCRIPT_H
#define MAINTKIT_SCRIPT_H

#include <stdbool.h>
#include "path.h"

/* dpkg's environment for maintainer scripts (dpkg(1), ENVIRONMENT); members
 * are NULL outside of one. Nothing is owned. */
struct script {
	const char *package;	/* DPKG_MAINTSCRIPT_PACKAGE */
	const char *name;	/* DPKG_MAINTSCRIPT_NAME: preinst, postinst, prerm, postrm */
	const char *root;	/* DPKG_ROOT, NULL when unset or empty */
	const char *admindir;	/* DPKG_ADMINDIR */
};
void script_read(struct script *s);

/* Is a system manager running here, so that backends (database, ufw, systemd)
 * are this system's own? False below a foreign root, in a chroot, and without
 * /run/systemd/system. When false, *why (static text) says which. In a chroot
 * a backend may well answer (ufw sets the *kernel's* firewall, measured): it
 * counts as absent all the same. MAINTKIT_ASSUME_BOOTED=1 in the environment
 * overrules, for tests in namespaces only. */
bool script_is_booted(const struct root *root, const char **why);

#endif
