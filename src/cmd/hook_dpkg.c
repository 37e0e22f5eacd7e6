/* Finding the .debs on the command line of the dpkg process that runs this hook.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dpkg gives a pre-invoke hook nothing but DPKG_HOOK_ACTION (and since 1.21
 * DPKG_ROOT), so the process tree is walked up to it: hook <- sh -c <- dpkg.
 * Its rules of parsing (lib/dpkg/options.c): options stand before the first
 * argument only; "--name value" and "--name=value"; single letters may be
 * bundled, and one that takes a value takes the rest of its word or the next.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hook.h"

#define PARENTS_MAX 6		/* hook, sh, dpkg; a wrapper or two */
#define CMDLINE_MAX (8u << 20)
#define DEPTH_MAX 20		/* of directories below --recursive */
#define FILES_MAX 200000

/* dpkg 1.20 to 1.23, src/main/main.c: the options that take a value. */
static const char *const with_value[] = {
	"admindir", "debug", "ignore-depends", "instdir", "log", "path-exclude", "path-include",
	"post-invoke", "pre-invoke", "root", "status-fd", "status-logger", "verify-format", "abort-after",
	"command-fd",
};

static bool takes_value(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(with_value); i++)
		if (strlen(with_value[i]) == len && strncmp(with_value[i], name, len) == 0)
			return true;
	return false;
}

void hook_plan_release(struct hook_plan *p)
{
	free(p->root);
	p->root = NULL;
	strv_release(&p->debs);
	strv_release(&p->packages);
	strv_release(&p->configure);
	free(p->admindir);
	p->admindir = NULL;
}

static char *below(const char *cwd, const char *path)
{
	return *path == '/' ? xstrdup(path) : xasprintf("%s/%s", cwd, path);
}

static bool ends_in_deb(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcmp(name + len - 4, ".deb") == 0;
}

/* As dpkg does for --recursive: every *.deb file below, links followed. */
static void add_tree(struct hook_plan *p, const char *dir, int depth)
{
	DIR *d = depth > DEPTH_MAX ? NULL : opendir(dir);

	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d)) && p->debs.n < FILES_MAX; ) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, e->d_name);
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || stat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			add_tree(p, path, depth + 1);
		else if (S_ISREG(st.st_mode) && ends_in_deb(e->d_name))
			strv_add(&p->debs, path);
	}
	closedir(d);
}

struct parsed {
	bool installs, recursive, no_act, configures, all;
	const char *root, *admindir;
};

static void long_option(struct parsed *o, const char *name, size_t len, const char *value)
{
	AUTO_FREE char *n = xstrndup(name, len);

	if (strcmp(n, "install") == 0 || strcmp(n, "unpack") == 0)
		o->installs = true;
	else if (strcmp(n, "recursive") == 0)
		o->recursive = true;
	else if (strcmp(n, "no-act") == 0 || strcmp(n, "dry-run") == 0 || strcmp(n, "simulate") == 0)
		o->no_act = true;
	else if (strcmp(n, "configure") == 0)
		o->configures = true;
	else if (strcmp(n, "pending") == 0)
		o->all = true;
	else if (value && strcmp(n, "admindir") == 0)
		o->admindir = value;
	else if (value && (strcmp(n, "root") == 0 || strcmp(n, "instdir") == 0))
		o->root = value;
}

/* A word of single letters; returns true when its value is the next word. */
static bool short_options(struct parsed *o, const char *word)
{
	for (; *word; word++) {
		if (*word == 'i')
			o->installs = true;
		else if (*word == 'R')
			o->recursive = true;
		else if (*word == 'a')
			o->all = true;
		else if (*word == 'D')
			return word[1] == '\0';
	}
	return false;
}

int hook_parse_dpkg(struct hook_plan *p, char **argv, const char *cwd, const char *root)
{
	struct parsed o = { .root = root && *root ? root : NULL };

	for (; *argv && (*argv)[0] == '-' && (*argv)[1]; argv++) {
		const char *word = *argv + 1;

		if (*word == '-') {
			size_t len = strcspn(++word, "=");

			if (!*word) {
				argv++;
				break;	/* "--" */
			}
			if (word[len] == '=')
				long_option(&o, word, len, word + len + 1);
			else if (takes_value(word, len) && argv[1])
				long_option(&o, word, len, *++argv);
			else
				long_option(&o, word, len, NULL);
		} else if (short_options(&o, word) && argv[1]) {
			argv++;
		}
	}
	p->no_act = o.no_act;
	p->root = o.root ? below(cwd, o.root) : xstrdup("");
	if (o.configures) {
		p->configures = true;
		p->admindir = o.admindir ? below(cwd, o.admindir) : xasprintf("%s/var/lib/dpkg", p->root);
		for (; !o.all && *argv; argv++)
			strv_add(&p->configure, *argv);
		return 1;
	}
	if (!o.installs)
		return 0;
	for (; *argv && p->debs.n < FILES_MAX; argv++) {
		AUTO_FREE char *path = below(cwd, *argv);

		if (o.recursive)
			add_tree(p, path, 0);
		else
			strv_add(&p->debs, path);
	}
	return p->debs.n > 0;
}

static bool link_target(pid_t pid, const char *leaf, char *out, size_t size)
{
	AUTO_FREE char *path = xasprintf("/proc/%ld/%s", (long)pid, leaf);
	ssize_t n = readlink(path, out, size - 1);

	if (n < 0)
		return false;
	out[n] = '\0';
	return true;
}

static pid_t parent_of(pid_t pid)
{
	AUTO_FREE char *path = xasprintf("/proc/%ld/stat", (long)pid);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_BUF text = BUF_INIT;
	const char *end;
	long parent;

	if (fd < 0 || buf_read_fd(&text, fd, 8192, NULL) < 0)
		return -1;
	/* "PID (name) S PPID": the name may hold blanks and parentheses */
	end = strrchr(text.p, ')');
	return end && sscanf(end + 1, " %*c %ld", &parent) == 1 ? (pid_t)parent : -1;
}

/* Is it dpkg itself, and no script or program that only calls itself so? A dpkg
 * that is upgrading itself shows as "/usr/bin/dpkg (deleted)" or ".dpkg-tmp". */
static bool is_dpkg(pid_t pid)
{
	char exe[PATH_MAX];
	const char *name;

	if (!link_target(pid, "exe", exe, sizeof exe))
		return false;
	name = strrchr(exe, '/');
	return name && (strcmp(name, "/dpkg") == 0 || strncmp(name, "/dpkg (", 7) == 0 ||
			strncmp(name, "/dpkg.dpkg-", 11) == 0);
}

static pid_t find_dpkg(void)
{
	pid_t pid = getppid();

	for (int i = 0; i < PARENTS_MAX && pid > 1; i++, pid = parent_of(pid))
		if (is_dpkg(pid))
			return pid;
	return -1;
}

static int read_cmdline(pid_t pid, struct strv *argv, struct err *err)
{
	AUTO_FREE char *path = xasprintf("/proc/%ld/cmdline", (long)pid);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_BUF text = BUF_INIT;

	if (fd < 0)
		return err_sys(err, errno, "'%s'", path);
	if (buf_read_fd(&text, fd, CMDLINE_MAX, err) < 0)
		return -1;
	/* empty words count: strv_split would leave them out */
	for (const char *p = text.p; p < text.p + text.len; p += strlen(p) + 1)
		strv_add(argv, p);
	return 0;
}

int hook_plan_dpkg(struct hook_plan *p, struct err *err)
{
	const char *action = getenv("DPKG_HOOK_ACTION");
	AUTO_STRV argv = STRV_INIT;
	char cwd[PATH_MAX];
	pid_t dpkg;

	if (action && strcmp(action, "install") != 0 && strcmp(action, "unpack") != 0 &&
	    strcmp(action, "configure") != 0)
		return 0;
	dpkg = find_dpkg();
	if (dpkg < 0)
		return err_set(err, ERR_FAIL, "the dpkg process that runs this hook was not found in /proc");
	if (read_cmdline(dpkg, &argv, err) < 0)
		return -1;
	if (!link_target(dpkg, "cwd", cwd, sizeof cwd))
		return err_sys(err, errno, "the working directory of dpkg (process %ld)", (long)dpkg);
	return argv.n < 2 ? 0 : hook_parse_dpkg(p, argv.v + 1, cwd, getenv("DPKG_ROOT"));
}
