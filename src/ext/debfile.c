/* The control fields of a .deb, read in this process: no child, no temporary file, bounded memory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "debfile.h"

#include <ar.h>
#include <errno.h>
#include <lzma.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define TAR_BLOCK 512
#define MEMBERS_MAX 16		/* before control.tar there is debian-binary, and seldom a signature */
#define LZMA_MEMORY (64u << 20)	/* xz -9 needs 65 MiB to unpack, but only of dictionaries that large */

/* Read exactly len bytes; 1 done, 0 the file ended before. */
static int read_exact(int fd, void *data, size_t len, struct err *err)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)data + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read");
		if (n == 0)
			return 0;
		got += (size_t)n;
	}
	return 1;
}

/* A number in a fixed field, padded with blanks or NUL; -1 when malformed. */
static long long fixed_number(const char *s, size_t len, int base)
{
	long long n = 0;
	size_t i = 0;

	while (i < len && s[i] == ' ')
		i++;
	for (; i < len && s[i] >= '0' && s[i] < '0' + base; i++) {
		if (n > (1LL << 40))
			return -1;
		n = n * base + (s[i] - '0');
	}
	for (; i < len; i++)
		if (s[i] != ' ' && s[i] != '\0')
			return -1;
	return n;
}

static int inflate_gz(const struct buf *in, struct buf *out, struct err *err)
{
	z_stream z = { .next_in = (Bytef *)in->p, .avail_in = (uInt)in->len };
	int rc = inflateInit2(&z, 15 + 16);	/* 32 KiB window, gzip header */

	if (rc != Z_OK)
		return err_set(err, ERR_FAIL, "zlib: error %d", rc);
	buf_reserve(out, DEBFILE_CONTROL_MAX);
	z.next_out = (Bytef *)out->p;
	z.avail_out = DEBFILE_CONTROL_MAX;
	rc = inflate(&z, Z_FINISH);
	out->len = z.total_out;
	out->p[out->len] = '\0';
	inflateEnd(&z);
	if (rc != Z_STREAM_END)
		return err_set(err, ERR_FAIL, "control.tar.gz is damaged or too large (zlib %d)", rc);
	return 0;
}

static int inflate_xz(const struct buf *in, struct buf *out, struct err *err)
{
	uint64_t memory = LZMA_MEMORY;
	size_t from = 0, to = 0;
	lzma_ret rc;

	buf_reserve(out, DEBFILE_CONTROL_MAX);
	rc = lzma_stream_buffer_decode(&memory, 0, NULL, (const uint8_t *)in->p, &from, in->len,
				       (uint8_t *)out->p, &to, DEBFILE_CONTROL_MAX);
	out->len = to;
	out->p[to] = '\0';
	if (rc != LZMA_OK)
		return err_set(err, ERR_FAIL, "control.tar.xz is damaged or too large (lzma %d)", (int)rc);
	return 0;
}

static int inflate_zst(const struct buf *in, struct buf *out, struct err *err)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer from = { in->p, in->len, 0 };
	ZSTD_outBuffer to;
	size_t rc;

	if (!z)
		return err_set(err, ERR_FAIL, "zstd: out of memory");
	buf_reserve(out, DEBFILE_CONTROL_MAX);
	to = (ZSTD_outBuffer){ out->p, DEBFILE_CONTROL_MAX, 0 };
	do
		rc = ZSTD_decompressStream(z, &to, &from);
	while (!ZSTD_isError(rc) && rc != 0 && from.pos < from.size && to.pos < to.size);
	ZSTD_freeDStream(z);
	out->len = to.pos;
	out->p[to.pos] = '\0';
	if (rc != 0)
		return err_set(err, ERR_FAIL, "control.tar.zst is damaged or too large");
	return 0;
}

static int copy_plain(const struct buf *in, struct buf *out, struct err *err)
{
	(void)err;
	buf_add(out, in->p, in->len);
	return 0;
}

static const struct {
	const char *suffix;
	int (*inflate)(const struct buf *in, struct buf *out, struct err *err);
} formats[] = {
	{ "", copy_plain }, { ".gz", inflate_gz }, { ".xz", inflate_xz }, { ".zst", inflate_zst },
};

/* Find ./control or control in an unpacked control.tar. */
static int find_control(const struct buf *tar, struct buf *out, struct err *err)
{
	size_t at = 0;

	while (at + TAR_BLOCK <= tar->len && tar->p[at]) {
		const char *h = tar->p + at;
		long long size = fixed_number(h + 124, 12, 8);
		const char *name = strncmp(h, "./", 2) == 0 ? h + 2 : h;

		if (size < 0 || (size_t)size > tar->len - at - TAR_BLOCK)
			break;
		if (strncmp(name, "control", 100) == 0 && (h[156] == '0' || h[156] == '\0')) {
			if (memchr(h + TAR_BLOCK, '\0', (size_t)size))
				return err_set(err, ERR_FAIL, "its control file contains a NUL byte");
			buf_add(out, h + TAR_BLOCK, (size_t)size);
			return 0;
		}
		at += TAR_BLOCK + ((size_t)size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	}
	return err_set(err, ERR_FAIL, "there is no control file in its control.tar");
}

static int take_member(int fd, size_t size, const char *suffix, struct buf *out, struct err *err)
{
	AUTO_BUF packed = BUF_INIT;
	AUTO_BUF tar = BUF_INIT;
	int rc;

	if (size > DEBFILE_CONTROL_MAX)
		return err_set(err, ERR_FAIL, "its control.tar has %zu bytes, that is too many", size);
	buf_reserve(&packed, size);
	rc = read_exact(fd, packed.p, size, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(err, ERR_FAIL, "it is truncated");
	packed.len = size;
	packed.p[size] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (strcmp(suffix, formats[i].suffix) == 0) {
			if (formats[i].inflate(&packed, &tar, err) < 0)
				return -1;
			return find_control(&tar, out, err);
		}
	return err_set(err, ERR_FAIL, "its control.tar%s is of an unknown compression", suffix);
}

static int skip(int fd, size_t size, struct err *err)
{
	if (lseek(fd, (off_t)size, SEEK_CUR) < 0)
		return err_sys(err, errno, "seek");
	return 0;
}

/* "control.tar.xz/         " -> "control.tar.xz" */
static void member_name(const struct ar_hdr *h, char *name)
{
	size_t n = sizeof h->ar_name;

	memcpy(name, h->ar_name, n);
	while (n > 0 && (name[n - 1] == ' ' || name[n - 1] == '/'))
		n--;
	name[n] = '\0';
}

int debfile_read_control(int fd, struct buf *out, struct err *err)
{
	char magic[SARMAG];
	int rc = read_exact(fd, magic, SARMAG, err);

	if (rc < 0)
		return -1;
	if (rc == 0 || memcmp(magic, ARMAG, SARMAG) != 0)
		return err_set(err, ERR_FAIL, "it is no Debian package archive");
	for (int i = 0; i < MEMBERS_MAX; i++) {
		struct ar_hdr h;
		char name[sizeof h.ar_name + 1];
		long long size;

		rc = read_exact(fd, &h, sizeof h, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return err_set(err, ERR_FAIL, "it is truncated");
		size = fixed_number(h.ar_size, sizeof h.ar_size, 10);
		if (memcmp(h.ar_fmag, ARFMAG, sizeof h.ar_fmag) != 0 || size < 0)
			return err_set(err, ERR_FAIL, "it is damaged (member header)");
		member_name(&h, name);
		if (strncmp(name, "control.tar", 11) == 0)
			return take_member(fd, (size_t)size, name + 11, out, err);
		if (skip(fd, (size_t)size + (size_t)(size & 1), err) < 0)
			return -1;
	}
	return err_set(err, ERR_FAIL, "it has no control.tar");
}

char *debfile_field(const char *control, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = control; line && *line; ) {
		const char *end = strchr(line, '\n');

		if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
			AUTO_BUF value = BUF_INIT;
			const char *v = line + len + 1;

			v += strspn(v, " \t");
			buf_add(&value, v, end && end > v ? (size_t)(end - v) : end ? 0 : strlen(v));
			buf_trim_end(&value);
			return buf_steal(&value);
		}
		line = end ? end + 1 : NULL;
	}
	return NULL;
}
