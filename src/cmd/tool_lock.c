/* The locks of a package: that of its programs, and that of its backups.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/lock.h"
#include "../ext/statefile.h"
#include "tool.h"

#define LOCK_WAIT_MS 60000
#define LOCK_QUIET_MS 2000
#define SCRIPT_WAIT_MS 3600000	/* dpkg would leave the package half-configured, and there is something to wait for */
#define LOCK_HELD "MAINTKIT_LOCK_HELD"

/* Only our own parent can say that it holds the lock for us. */
static bool parent_holds_lock(void)
{
	const char *said = getenv(LOCK_HELD);
	AUTO_FREE char *parent = xasprintf("%ld", (long)getppid());

	return said && strcmp(said, parent) == 0;
}

const char *const *tool_child_env(void)
{
	static char entry[64];
	static const char *env[] = { entry, NULL };

	snprintf(entry, sizeof(entry), LOCK_HELD "=%ld", (long)getpid());
	return env;
}

int tool_lock(struct tool *t, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(t->profile, "lock");

	if (parent_holds_lock())
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (statefile_make_dir(t->profile, &t->root, err) < 0)
		return -1;
	bool script = getenv("DPKG_MAINTSCRIPT_NAME");
	struct err why = ERR_INIT;
	int fd = lock_file(&t->root, path, LOCK_QUIET_MS, &why);

	if (fd >= 0 || why.kind != ERR_BUSY) {
		if (fd < 0 && err)
			*err = why;
		return fd;
	}
	log_info("another program of ours works on %s (a backup is reading the database, perhaps); waiting for it, at most %d minutes",
		 t->package, (script ? SCRIPT_WAIT_MS : LOCK_WAIT_MS) / 60000);
	return lock_file(&t->root, path, script ? SCRIPT_WAIT_MS : LOCK_WAIT_MS, err);
}

int tool_lock_backups(struct tool *t, bool alone, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(t->profile, "backup.lock");

	if (parent_holds_lock())
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (statefile_make_dir(t->profile, &t->root, err) < 0)
		return -1;
	int fd = alone ? lock_file(&t->root, path, 0, err) : lock_file_shared(&t->root, path, 0, err);

	if (fd < 0 && err && err->kind == ERR_BUSY)
		err_set(err, ERR_BUSY, "a backup of %s is being made, read or removed; try again when that has ended ('systemctl stop "
			"maintkit-backup@%s' ends the nightly one)", t->package, t->package);
	return fd;
}
