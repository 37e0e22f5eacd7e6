/* Reading documents that are hard links beside a backup: handed on like members, and compared with the manifest.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What was written to in place since, or is gone, is named one by one; in the
 * end it is an error, unless it was asked for as it is now (--accept-changed).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "backup.h"

#define CHUNK (256u << 10)
#define NAMED_MAX 1000

void beside_release(struct beside *b)
{
	links_release(&b->links);
	free(b->chunk);
}

static int open_links(struct beside *b, struct err *err)
{
	struct err why = ERR_INIT;

	if (b->links.top >= 0)
		return 0;
	links_release(&b->links);
	b->chunk = xmalloc(CHUNK);
	if (links_open(&b->links, b->file, &why) == 0)
		return 0;
	if (why.kind == ERR_ABSENT)
		return err_set(err, ERR_FAIL, "its documents are hard links in '%s" BACKUP_LINKS "', which is missing", b->file);
	*err = why;
	return -1;
}

/* The name may tell whose document it is: to the person, not to the log. */
static void changed(struct beside *b, const char *path, const char *what)
{
	if (b->facts->changed_links++ < NAMED_MAX)
		fprintf(stderr, "  %s: %s\n", path, what);
	else if (b->facts->changed_links == NAMED_MAX + 1)
		fputs("  ...\n", stderr);
}

/* Through the sink, and what that leaves. 0, -1; sum of what is there now. */
static int pass(struct beside *b, struct reader *r, const struct archive_member *m, char hex[SHA256_HEX_SIZE], struct err *err)
{
	ssize_t n;

	sha256_init(&r->hash);
	if (b->sink && b->sink->member(b->sink->arg, r, m, err) < 0) {
		b->sink_failed = true;
		return -1;
	}
	while ((n = reader_read(r, b->chunk, CHUNK, err)) > 0)
		;
	sha256_final_hex(&r->hash, hex);
	return n < 0 ? -1 : 0;
}

int beside_take(void *arg, const struct manifest_file *f, struct err *err)
{
	struct beside *b = arg;
	const char *path = f->path + strlen(MEMBER_FILES);
	char hex[SHA256_HEX_SIZE], sum[SHA256_HEX_SIZE];
	AUTO_XATTRS attrs = XATTRS_INIT;
	struct err why = ERR_INIT;
	struct stat st;

	if (strncmp(f->path, MEMBER_FILES "/", strlen(MEMBER_FILES) + 1) != 0)
		return err_set(err, ERR_FAIL, "a line of the manifest is malformed");
	if (backup_options.skip_links)
		return 0;
	if (b->sink && b->sink->from_base && !b->sink->from_base(b->sink->arg, f->path))
		return 0;
	if (open_links(b, err) < 0)
		return -1;
	AUTO_FD int fd = links_get(&b->links, path, &why);

	if (fd < 0 && why.kind == ERR_ABSENT) {
		changed(b, path, "is gone");
		return 0;
	}
	if (fd < 0) {
		*err = why;
		return -1;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || backup_attrs_read(fd, &attrs, err) < 0)
		return err_set(err, ERR_FAIL, "'%s' beside the backup cannot be read", path);
	struct reader r = { .fd = fd };
	const struct archive_member m = {
		.path = f->path, .mode = S_IFREG | f->mode, .uid = f->uid, .gid = f->gid, .mtime = f->mtime, .size = (uint64_t)st.st_size,
		.attrs = attrs.n ? &attrs : NULL,
	};

	if (pass(b, &r, &m, hex, err) < 0)
		return -1;
	backup_attrs_sum(&attrs, sum);
	if (strcmp(hex, f->sha256) != 0)
		changed(b, path, "was written to since");
	else if (strcmp(sum, f->attrs ? f->attrs : "") != 0)
		changed(b, path, "has other attributes or another ACL since");
	return 0;
}

int beside_end(const struct beside *b, struct err *err)
{
	uint64_t n = b->facts->changed_links;

	if (!n)
		return 0;
	if (backup_options.accept_changed) {
		log_warn("%" PRIu64 " documents are as they are now, not as they were when the backup was made", n);
		return 0;
	}
	err_set(err, ERR_FAIL, "%" PRIu64 " documents beside it, which are hard links, are not as they were when it was made", n);
	err_hint(err, "'backup restore --accept-changed' takes them as they are now");
	return -1;
}
