/* Keeping the .deb that is being installed: apt deletes it afterwards, and the way back needs it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by the package's preinst, whose parent is the dpkg that names the
 * file. The content is copied, never linked: whoever owns the original could
 * change what root installs later. Below /var/cache, because it can be had
 * again and is neither data to be backed up nor to be asked about at purge.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../base/atomic.h"
#include "../base/log.h"
#include "../ext/backups.h"
#include "../ext/debfile.h"
#include "../ext/mirror.h"
#include "hook.h"

#define CACHE "/var/cache/maintkit"
#define SHARE 4		/* of the free space, that a package may take */
#define PIECE (4u << 20)

/* PACKAGE_VERSION_ARCH.deb, as apt writes it: the colon of an epoch is no character for file names everywhere. */
static char *file_name(const char *package, const char *version, const char *architecture)
{
	AUTO_BUF name = BUF_INIT;

	buf_addf(&name, "%s_", package);
	for (const char *p = version; *p; p++)
		if (*p == ':')
			buf_adds(&name, "%3a");
		else
			buf_addc(&name, *p);
	buf_addf(&name, "_%s.deb", architecture);
	return xstrdup(name.p);
}

static int copy(int from, int to, off_t size, struct err *err)
{
	off_t at = 0;

	while (at < size) {
		ssize_t n = sendfile(to, from, &at, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, n < 0 ? errno : EIO, "copy");
	}
	return 0;
}

/* Is it the file of that version, of whatever architecture? */
static bool is_of(const char *name, const char *package, const char *version)
{
	AUTO_FREE char *like = version && *version ? file_name(package, version, "") : NULL;

	return like && strncmp(name, like, strlen(like) - strlen(".deb")) == 0;
}

/* Of the others stay that of the version that is being replaced, and that which a rollback goes back to. */
static void sweep(const struct root *root, const char *dir, const char *name, const char *package, const char *before)
{
	CLEANUP(policy_state_release) struct policy_state state = { .known = false };
	AUTO_STRV names = STRV_INIT;

	if (mirror_read(root, package, &state, NULL) < 0)
		log_debug("there is no mirror of %s", package);
	AUTO_FREE char *back = backups_rollback_version(root, state.backup_dir);

	if (path_list(root, dir, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		struct err err = ERR_INIT;

		if (strcmp(names.v[i], name) == 0 || is_of(names.v[i], package, before) || is_of(names.v[i], package, back))
			continue;
		AUTO_FREE char *path = xasprintf("%s/%s", dir, names.v[i]);

		if (path_unlink(root, path, &err) < 0)
			log_warn("%s", err.text);
	}
}

/* 1 kept (also before), 0 it is another package. */
static int keep(const struct root *root, const char *file, const char *package, const char *version, const char *before,
		struct err *err)
{
	AUTO_FD int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	CLEANUP(atomic_abort) struct atomic a = ATOMIC_INIT;
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	AUTO_BUF control = BUF_INIT;
	struct statvfs room;
	struct stat st, there;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || debfile_read_control(fd, &control, NULL) < 0)
		return 0;
	AUTO_FREE char *its_name = debfile_field(control.p, "Package"), *its_version = debfile_field(control.p, "Version");
	AUTO_FREE char *its_arch = debfile_field(control.p, "Architecture");

	if (!its_name || !its_version || !its_arch || strcmp(its_name, package) != 0 || strcmp(its_version, version) != 0)
		return 0;
	AUTO_FREE char *dir = xasprintf(CACHE "/%s", package), *name = file_name(package, version, its_arch);
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	if (path_mkdirs(root, dir, 0700, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	AUTO_FD int at = path_open_dir(root, dir, 0, err);

	if (at < 0 || fstatvfs(at, &room) < 0)
		return at < 0 ? -1 : err_sys(err, errno, "'%s'", dir);
	sweep(root, dir, name, package, before);
	/* a rollback installs what is kept */
	if (path_stat(root, path, &there, NULL) < 0 || there.st_dev != st.st_dev || there.st_ino != st.st_ino) {
		if ((unsigned long long)st.st_size > (unsigned long long)room.f_bavail * room.f_frsize / SHARE)
			return err_set(err, ERR_FAIL, "it would take more than a quarter of the space that is free in '%s'", dir);
		o.mode = 0600;
		o.may_exist_equal = false;
		if (atomic_begin(&a, root, path, &o, err) < 0 || copy(fd, a.fd, st.st_size, err) < 0 || atomic_commit(&a, err) < 0)
			return -1;
	}
	return 1;
}

void hook_keep(const char *package, const char *version, const char *before)
{
	CLEANUP(hook_plan_release) struct hook_plan plan = HOOK_PLAN_INIT;
	CLEANUP(root_release) struct root root = ROOT_INIT;
	struct err err = ERR_INIT;
	int rc = hook_plan_dpkg(&plan, &err);

	if (rc > 0 && !plan.configures)
		rc = root_init(&root, "", &err);
	for (size_t i = 0; rc == 0 && i < plan.debs.n; i++) {
		rc = keep(&root, plan.debs.v[i], package, version, before, &err);
		if (rc > 0)
			return;
	}
	log_warn("the package file of %s %s is not kept%s%s; keep it yourself: a rollback of the next upgrade needs it", package,
		 version, rc < 0 ? ": " : "", rc < 0 ? err.text : "");
}
