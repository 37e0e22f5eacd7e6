/* What the verbs of maintkit-backup share: names, the text beside a backup, a directory for gpg.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../core/posixacl.h"
#include "../ext/pgp.h"
#include "backup.h"


void info_add(struct buf *info, const char *key, const char *fmt, ...)
{
	va_list ap;

	buf_addf(info, "%s=", key);
	size_t from = info->len;

	va_start(ap, fmt);
	buf_vaddf(info, fmt, ap);
	va_end(ap);
	for (size_t i = from; i < info->len; i++)
		if ((unsigned char)info->p[i] < 0x20)
			info->p[i] = ' ';
	buf_addc(info, '\n');
}

void info_remove(struct buf *info, const char *key)
{
	AUTO_BUF rest = BUF_INIT;
	size_t len = strlen(key);

	for (const char *line = info->p; *line; ) {
		size_t n = strcspn(line, "\n");

		n += line[n] == '\n';
		if (strncmp(line, key, len) != 0 || line[len] != '=')
			buf_add(&rest, line, n);
		line += n;
	}
	buf_reset(info);
	buf_add(info, rest.p, rest.len);
}

int backup_attrs_read(int fd, struct xattrs *attrs, struct err *err)
{
	if (xattrs_read(fd, attrs, err) < 0)
		return -1;
	for (size_t i = 0; i < attrs->n; i++) {
		CLEANUP(posixacl_release) struct posixacl acl = POSIXACL_INIT;
		struct xattr *x = &attrs->v[i];

		if (strcmp(x->name, XATTR_ACL_ACCESS) != 0 && strcmp(x->name, XATTR_ACL_DEFAULT) != 0)
			continue;
		if (!posixacl_parse(&acl, x->value.p, x->value.len))
			return err_set(err, ERR_FAIL, "an ACL of an unknown form");
		buf_reset(&x->value);
		posixacl_value(&acl, &x->value);
	}
	return 0;
}

void backup_attrs_sum(const struct xattrs *attrs, char hex[SHA256_HEX_SIZE])
{
	struct sha256 h;

	hex[0] = '\0';
	if (!attrs || !attrs->n)
		return;
	sha256_init(&h);
	for (size_t i = 0; i < attrs->n; i++) {
		const struct xattr *x = &attrs->v[i];
		AUTO_FREE char *len = xasprintf("%zu", x->value.len);

		sha256_update(&h, x->name, strlen(x->name) + 1);
		sha256_update(&h, len, strlen(len) + 1);
		sha256_update(&h, x->value.p, x->value.len);
	}
	sha256_final_hex(&h, hex);
}

const char *backup_dir(struct tool *t)
{
	return profile_get_or(t->profile, "backup", "dir", "/var/backups");
}

char *links_path(struct tool *t, const char *file)
{
	size_t skip = strlen(t->root.prefix);

	return strncmp(file, t->root.prefix, skip) == 0 && file[skip] == '/' ? xasprintf("%s" BACKUP_LINKS, file + skip) : NULL;
}

char *backup_path(struct tool *t, const char *given)
{
	AUTO_FREE char *cwd = NULL;

	if (given[0] == '/')
		return xstrdup(given);
	if (strchr(given, '/') || access(given, F_OK) == 0) {
		cwd = getcwd(NULL, 0);
		return xasprintf("%s/%s", cwd ? cwd : "", given);
	}
	return xasprintf("%s%s/%s", t->root.prefix, backup_dir(t), given);
}

int backup_read_info(const char *file, struct buf *info, struct err *err)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;
	AUTO_FREE char *path = xasprintf("%s.info", file);

	if (root_init(&real, "/", err) < 0)
		return -1;
	return path_read_file(&real, path, info, BACKUP_INFO_MAX, NULL, err);
}

int backup_write_info(const char *file, const struct buf *info, struct err *err)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;
	AUTO_FREE char *path = xasprintf("%s.info", file);
	struct atomic_opts o = ATOMIC_OPTS_INIT;

	o.mode = 0600;
	if (root_init(&real, "/", err) < 0)
		return -1;
	return atomic_replace(&real, path, info->p, info->len, &o, err) < 0 ? -1 : 0;
}

static int remove_entry(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *at UNUSED)
{
	/* A directory that does not go shows at the end. */
	if (remove(path) < 0)
		return 0;
	return 0;
}

static void remove_home(const char *path)
{
	pgp_stop_agent(path);
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* An open and locked directory; -1 with errno (EWOULDBLOCK: somebody uses it). */
static int lock_home(const char *path)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ? -1 : MOVE_FD(fd);
}

/* Only root writes in /run, so nobody can have put these names there. */
static void sweep(const char *dir, const char *prefix, struct tool *t)
{
	AUTO_STRV names = STRV_INIT;

	if (path_list(&t->root, dir, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		if (strncmp(names.v[i], prefix, strlen(prefix)) != 0)
			continue;
		AUTO_FREE char *path = xasprintf("%s%s/%s", t->root.prefix, dir, names.v[i]);
		AUTO_FD int fd = lock_home(path);

		if (fd >= 0)
			remove_home(path);
	}
}

int scratch_make(struct scratch *s, struct tool *t, struct err *err)
{
	AUTO_FREE char *prefix = xasprintf("maintkit-%s-gnupg.", profile_package(t->profile));

	sweep("/run", prefix, t);
	for (;;) {
		s->path = xasprintf("%s/run/%sXXXXXX", t->root.prefix, prefix);
		int saved = mkdtemp(s->path) ? 0 : errno;

		if (saved == 0) {
			struct stat st;

			s->fd = lock_home(s->path);
			saved = s->fd < 0 ? errno : fstat(s->fd, &st) < 0 ? errno : 0;
			if (saved == 0 && st.st_nlink)
				return 0;
			/* another sweep came between: the next is another name */
			mem_close_cleanup(&s->fd);
			if (saved == 0 || saved == ENOENT || saved == EWOULDBLOCK)
				saved = EAGAIN;
		}
		if (saved != EAGAIN)
			err_sys(err, saved, "make '%s'", s->path);
		free(s->path);
		s->path = NULL;
		if (saved != EAGAIN)
			return -1;
	}
}

void scratch_remove(struct scratch *s)
{
	if (!s->path)
		return;
	remove_home(s->path);
	mem_close_cleanup(&s->fd);
	free(s->path);
	s->path = NULL;
}
