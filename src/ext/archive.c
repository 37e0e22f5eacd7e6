/* Archives by libarchive: tar compressed by zstd, written to and read from descriptors as streams.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "../core/posixacl.h"
#include "../core/tarhead.h"
#include "archive.h"

#define BLOCK (128 << 10)

struct archive_out {
	struct archive *a;	/* one raw entry, which is the tar: libarchive compresses */
	struct buf head;
	uint64_t left;		/* of the member's data */
	size_t pad;		/* behind it */
};
struct archive_in {
	struct archive *a;
	struct xattrs attrs;
};

static const char zeros[2 * TAR_BLOCK];

static int fail(struct archive *a, const char *what, struct err *err)
{
	const char *why = archive_error_string(a);

	err_set(err, ERR_FAIL, "%s: %s", what, why ? why : "unknown failure");
	if (err)
		err->sys = archive_errno(a);
	return -1;
}

static int begin_stream(struct archive_out *o)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, "-");
	archive_entry_set_filetype(e, AE_IFREG);
	int rc = archive_write_header(o->a, e);

	archive_entry_free(e);
	return rc;
}

int archive_out_open(struct archive_out **out, int fd, int level, int threads, struct err *err)
{
	CLEANUP(archive_out_cleanup) struct archive_out *o = xcalloc(1, sizeof(*o));
	o->head = (struct buf)BUF_INIT;
	char option[48], count[16];

	o->a = archive_write_new();
	if (!o->a)
		return err_set(err, ERR_FAIL, "libarchive: out of memory");
	if (archive_write_set_format_raw(o->a) != ARCHIVE_OK || archive_write_add_filter_zstd(o->a) != ARCHIVE_OK)
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
	if (archive_write_open_fd(o->a, fd) != ARCHIVE_OK || begin_stream(o) != ARCHIVE_OK)
		return fail(o->a, "start the archive", err);
	*out = MOVE_PTR(o);
	return 0;
}

static int put(struct archive_out *o, const void *data, size_t len, struct err *err)
{
	const char *p = data;

	while (len) {
		la_ssize_t n = archive_write_data(o->a, p, len);

		if (n <= 0)
			return fail(o->a, "write the archive", err);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Behind a member's data. */
static int end_member(struct archive_out *o, struct err *err)
{
	size_t pad = o->pad;

	if (o->left)
		return err_set(err, ERR_FAIL, "write the archive: less data than the member's size");
	o->pad = 0;
	return put(o, zeros, pad, err);
}

/* -1: an ACL that is none, which the kernel does not give. */
static int put_attrs(struct buf *records, const struct xattrs *attrs, struct err *err)
{
	for (size_t i = 0; attrs && i < attrs->n; i++) {
		const struct xattr *x = &attrs->v[i];
		bool access = strcmp(x->name, XATTR_ACL_ACCESS) == 0;
		CLEANUP(posixacl_release) struct posixacl acl = POSIXACL_INIT;
		AUTO_BUF text = BUF_INIT;

		if (!access && strcmp(x->name, XATTR_ACL_DEFAULT) != 0) {
			tar_record_xattr(records, x->name, x->value.p, x->value.len);
			continue;
		}
		if (!posixacl_parse(&acl, x->value.p, x->value.len))
			return err_set(err, ERR_FAIL, "an ACL of an unknown form");
		posixacl_text(&acl, &text);
		tar_record(records, access ? "SCHILY.acl.access" : "SCHILY.acl.default", text.p, text.len);
	}
	return records->len <= TAR_RECORDS_MAX ? 0 : err_set(err, ERR_FAIL, "more than %u KiB of attributes", TAR_RECORDS_MAX >> 10);
}

int archive_out_member(struct archive_out *o, const struct archive_member *m, struct err *err)
{
	AUTO_BUF records = BUF_INIT;
	struct tar_member t = {
		.path = m->path, .target = m->target, .type = m->target ? '2' : S_ISDIR(m->mode) ? '5' : '0', .mode = m->mode & 07777,
		.uid = m->uid, .gid = m->gid, .mtime = m->mtime, .size = S_ISREG(m->mode) ? m->size : 0, .records = &records,
	};

	if (put_attrs(&records, m->attrs, err) < 0) {
		err_prefix(err, "'%s'", m->path);
		return -1;
	}
	if (end_member(o, err) < 0)
		return -1;
	buf_reset(&o->head);
	tar_head(&o->head, &t);
	o->left = t.size;
	o->pad = (size_t)((TAR_BLOCK - t.size % TAR_BLOCK) % TAR_BLOCK);
	return put(o, o->head.p, o->head.len, err);
}

int archive_out_data(struct archive_out *o, const void *data, size_t len, struct err *err)
{
	if (len > o->left)
		return err_set(err, ERR_FAIL, "write the archive: more data than the member's size");
	o->left -= len;
	return put(o, data, len, err);
}

int archive_out_close(struct archive_out *o, struct err *err)
{
	if (end_member(o, err) < 0 || put(o, zeros, sizeof(zeros), err) < 0)
		return -1;
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
	buf_release(&(*o)->head);
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

/* The mode's bits of the group are the mask's; libarchive makes them those of the owning group. */
static void take_acl(struct archive_entry *e, int type, const char *name, struct archive_in *i, mode_t *mode)
{
	CLEANUP(posixacl_release) struct posixacl acl = POSIXACL_INIT;
	AUTO_BUF value = BUF_INIT;
	int kind, perm, tag, id;
	const char *who;

	if (archive_entry_acl_reset(e, type) == 0)
		return;
	while (archive_entry_acl_next(e, type, &kind, &perm, &tag, &id, &who) == ARCHIVE_OK) {
		unsigned as = tag == ARCHIVE_ENTRY_ACL_USER_OBJ ? POSIXACL_USER_OBJ : tag == ARCHIVE_ENTRY_ACL_USER ? POSIXACL_USER :
			      tag == ARCHIVE_ENTRY_ACL_GROUP_OBJ ? POSIXACL_GROUP_OBJ : tag == ARCHIVE_ENTRY_ACL_GROUP ? POSIXACL_GROUP :
			      tag == ARCHIVE_ENTRY_ACL_MASK ? POSIXACL_MASK : POSIXACL_OTHER;

		posixacl_add(&acl, as, (unsigned)perm & 7, (uint32_t)id);
		if (as == POSIXACL_MASK && type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS)
			*mode = (*mode & ~(mode_t)070) | (mode_t)(perm & 7) << 3;
	}
	if (!acl.n)
		return;
	posixacl_value(&acl, &value);
	xattrs_add(&i->attrs, name, value.p, value.len);
}

static void take_attrs(struct archive_in *i, struct archive_entry *e, struct archive_member *m)
{
	const char *name;
	const void *value;
	size_t len;

	xattrs_release(&i->attrs);
	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
		AUTO_FREE char *as = xstrdup(name);

		tar_xattr_name(as);
		xattrs_add(&i->attrs, as, value, len);
	}
	take_acl(e, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, XATTR_ACL_ACCESS, i, &m->mode);
	take_acl(e, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, XATTR_ACL_DEFAULT, i, &m->mode);
	xattrs_sort(&i->attrs);
	m->attrs = i->attrs.n ? &i->attrs : NULL;
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
	take_attrs(i, e, m);
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
	xattrs_release(&(*i)->attrs);
	free(*i);
	*i = NULL;
}
