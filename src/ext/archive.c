/* Archives by libarchive: tar compressed by zstd, written to and read from descriptors as streams.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "archive.h"

#define BLOCK (128 << 10)

struct archive_out {
	struct archive *a;
};
struct archive_in {
	struct archive *a;
};

static int fail(struct archive *a, const char *what, struct err *err)
{
	const char *why = archive_error_string(a);

	err_set(err, ERR_FAIL, "%s: %s", what, why ? why : "unknown failure");
	if (err)
		err->sys = archive_errno(a);
	return -1;
}

int archive_out_open(struct archive_out **out, int fd, int level, int threads, struct err *err)
{
	CLEANUP(archive_out_cleanup) struct archive_out *o = xcalloc(1, sizeof(*o));
	char option[48], count[16];

	o->a = archive_write_new();
	if (!o->a)
		return err_set(err, ERR_FAIL, "libarchive: out of memory");
	if (archive_write_set_format_gnutar(o->a) != ARCHIVE_OK || archive_write_add_filter_zstd(o->a) != ARCHIVE_OK)
		return fail(o->a, "libarchive cannot write tar with zstd", err);
	snprintf(option, sizeof(option), "zstd:compression-level=%d", level);
	snprintf(count, sizeof(count), "%d", threads);
	if (archive_write_set_options(o->a, option) != ARCHIVE_OK)
		return fail(o->a, "set the compression level", err);
	/* libarchive before 3.6 (Debian 11) has no such option and compresses in our own thread. */
	if (threads > 0 && archive_write_set_filter_option(o->a, "zstd", "threads", count) != ARCHIVE_OK)
		archive_clear_error(o->a);
	archive_write_set_bytes_per_block(o->a, BLOCK);
	archive_write_set_bytes_in_last_block(o->a, 1);
	if (archive_write_open_fd(o->a, fd) != ARCHIVE_OK)
		return fail(o->a, "start the archive", err);
	*out = MOVE_PTR(o);
	return 0;
}

int archive_out_member(struct archive_out *o, const struct archive_member *m, struct err *err)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_copy_pathname(e, m->path);
	archive_entry_set_mode(e, m->mode);
	archive_entry_set_uid(e, m->uid);
	archive_entry_set_gid(e, m->gid);
	archive_entry_set_mtime(e, (time_t)m->mtime, 0);
	archive_entry_set_size(e, S_ISREG(m->mode) ? (la_int64_t)m->size : 0);
	if (m->target)
		archive_entry_copy_symlink(e, m->target);
	int rc = archive_write_header(o->a, e);

	archive_entry_free(e);
	return rc == ARCHIVE_OK ? 0 : fail(o->a, m->path, err);
}

int archive_out_data(struct archive_out *o, const void *data, size_t len, struct err *err)
{
	const char *p = data;

	while (len) {
		la_ssize_t n = archive_write_data(o->a, p, len);

		if (n <= 0)
			return n < 0 ? fail(o->a, "write the archive", err) :
				err_set(err, ERR_FAIL, "write the archive: more data than the member's size");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int archive_out_close(struct archive_out *o, struct err *err)
{
	return archive_write_close(o->a) == ARCHIVE_OK ? 0 : fail(o->a, "finish the archive", err);
}

void archive_out_cleanup(struct archive_out **o)
{
	if (!*o)
		return;
	if ((*o)->a) {
		archive_write_fail((*o)->a);	/* no tidy end for what was given up; no-op when closed */
		archive_write_free((*o)->a);
	}
	free(*o);
	*o = NULL;
}

int archive_in_open(struct archive_in **in, int fd, struct err *err)
{
	CLEANUP(archive_in_cleanup) struct archive_in *i = xcalloc(1, sizeof(*i));

	i->a = archive_read_new();
	if (!i->a)
		return err_set(err, ERR_FAIL, "libarchive: out of memory");
	if (archive_read_support_filter_zstd(i->a) != ARCHIVE_OK ||
	    archive_read_support_format_tar(i->a) != ARCHIVE_OK)
		return fail(i->a, "libarchive cannot read tar with zstd", err);
	if (archive_read_open_fd(i->a, fd, BLOCK) != ARCHIVE_OK)
		return fail(i->a, "read the archive", err);
	*in = MOVE_PTR(i);
	return 0;
}

int archive_in_next(struct archive_in *i, struct archive_member *m, struct err *err)
{
	struct archive_entry *e;
	int rc = archive_read_next_header(i->a, &e);

	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc != ARCHIVE_OK)	/* a warning too: we write nothing that earns one */
		return fail(i->a, "read the archive", err);
	*m = (struct archive_member){
		.path = archive_entry_pathname(e), .mode = archive_entry_mode(e),
		.uid = (long)archive_entry_uid(e), .gid = (long)archive_entry_gid(e),
		.mtime = archive_entry_mtime(e), .size = (uint64_t)archive_entry_size(e),
		.target = archive_entry_symlink(e),
	};
	if (!m->path)
		return err_set(err, ERR_FAIL, "read the archive: a member without a name");
	if (archive_entry_hardlink(e))
		return err_set(err, ERR_FAIL, "read the archive: '%s' is a hard link, which is never written", m->path);
	return 1;
}

ssize_t archive_in_read(struct archive_in *i, void *data, size_t len, struct err *err)
{
	la_ssize_t n = archive_read_data(i->a, data, len);

	return n < 0 ? fail(i->a, "read the archive", err) : (ssize_t)n;
}

void archive_in_cleanup(struct archive_in **i)
{
	if (!*i)
		return;
	if ((*i)->a)
		archive_read_free((*i)->a);
	free(*i);
	*i = NULL;
}
