/* Record files in the package's state directory: appended durably, rewritten atomically.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../base/lock.h"
#include "../core/record.h"
#include "statefile.h"

#define STATE_MAX (16u << 20)
#define LOCK_MS 10000

int statefile_make_dir(const struct profile *p, const struct root *root, struct err *err)
{
	AUTO_FREE char *dir = profile_state_path(p, "");

	if (path_mkdirs(root, "/var/lib/maintkit", 0755, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	return path_mkdirs(root, dir, 0700, (uid_t)-1, (gid_t)-1, err);
}

int statefile_lock(const struct profile *p, const struct root *root, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(p, "state.lock");

	if (statefile_make_dir(p, root, err) < 0)
		return -1;
	return lock_file(root, path, LOCK_MS, err);
}

/* Walk all records of text. *good is the offset behind the last whole one. A
 * last line that does not fit its checksum counts as torn. */
static int each_record(const char *name, const struct buf *text, size_t *good,
		       statefile_fn *fn, void *arg, struct err *err)
{
	AUTO_STRV fields = STRV_INIT;
	size_t pos = 0;

	*good = 0;
	for (unsigned long line = 1;; line++) {
		enum record_state state = record_parse(text->p, text->len, &pos, &fields);

		if (state == RECORD_END || state == RECORD_TORN)
			return 0;
		if (state == RECORD_BAD && pos == text->len)
			return 0;
		if (state == RECORD_BAD) {
			err_set(err, ERR_FAIL, "%s:%lu: the line is damaged (its checksum does not fit)", name, line);
			err_hint(err, "restore the file from a backup, or remove that line if you know what it said");
			return -1;
		}
		*good = pos;
		if (fn && fn(&fields, arg, err) < 0)
			return -1;
	}
}

int statefile_read(const struct profile *p, const struct root *root, const char *leaf,
		   statefile_fn *fn, void *arg, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(p, leaf);
	AUTO_BUF text = BUF_INIT;
	struct err why = ERR_INIT;
	size_t good;

	if (path_read_file(root, path, &text, STATE_MAX, NULL, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	return each_record(path, &text, &good, fn, arg, err);
}

static int sync_dir(const struct root *root, const char *path, struct err *err)
{
	const char *name;
	AUTO_FD int dir = path_open_parent(root, path, 0, &name, err);

	if (dir < 0)
		return -1;
	return fsync(dir) < 0 ? err_sys(err, errno, "write out the directory of '%s'", path) : 0;
}

/* Cut off what a crash left unfinished at the end. */
static int drop_torn_end(int fd, const char *path, struct err *err)
{
	AUTO_BUF text = BUF_INIT;
	size_t good;

	if (buf_read_fd(&text, fd, STATE_MAX, err) < 0) {
		err_prefix(err, "'%s'", path);
		return -1;
	}
	if (each_record(path, &text, &good, NULL, NULL, err) < 0)
		return -1;
	if (good < text.len && ftruncate(fd, (off_t)good) < 0)
		return err_sys(err, errno, "cut the unfinished end off '%s'", path);
	return 0;
}

int statefile_append_lines(const struct profile *p, const struct root *root, const char *leaf,
			   const struct buf *lines, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(p, leaf);

	AUTO_FD int lock = statefile_lock(p, root, err);

	if (lock < 0)
		return -1;
	AUTO_FD int fd = path_open(root, path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK, 0600, 0, err);

	if (fd < 0 || drop_torn_end(fd, path, err) < 0)
		return -1;
	if (buf_write_fd(lines, fd, err) < 0) {
		err_prefix(err, "'%s'", path);
		return -1;
	}
	if (fsync(fd) < 0)
		return err_sys(err, errno, "write out '%s'", path);
	/* Always, not only for a new file: a killed run may have made the file
	 * without reaching its directory. */
	return sync_dir(root, path, err);
}

int statefile_append(const struct profile *p, const struct root *root, const char *leaf,
		     const char *const *fields, size_t n, struct err *err)
{
	AUTO_BUF line = BUF_INIT;

	record_format(&line, fields, n);
	return statefile_append_lines(p, root, leaf, &line, err);
}

int statefile_write(const struct profile *p, const struct root *root, const char *leaf,
		    const struct buf *text, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(p, leaf);
	struct atomic_opts opts = ATOMIC_OPTS_INIT;

	if (!text->len)
		return path_unlink(root, path, err) < 0 ? -1 : 0;
	opts.mode = 0600;
	if (statefile_make_dir(p, root, err) < 0)
		return -1;
	return atomic_replace(root, path, text->p, text->len, &opts, err) < 0 ? -1 : 0;
}
