/* QR codes by libqrencode: as text for a terminal, as PNG and as SVG.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <qrencode.h>
#include <stdint.h>
#include <string.h>
#include "../core/record.h"
#include "qr.h"

#define QUIET 4			/* modules */
#define STORED_MAX 65535	/* RFC 1951, 3.2.4: bytes of one stored block */

int qr_encode(struct qr *qr, const char *text, struct err *err)
{
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
	size_t n;

	if (!code)
		return errno == ERANGE ? err_set(err, ERR_FAIL, "%zu bytes are too many for a QR code", strlen(text))
				       : err_sys(err, errno, "no QR code");
	n = (size_t)code->width * (size_t)code->width;
	qr->width = code->width;
	qr->dark = xmalloc(n);
	for (size_t i = 0; i < n; i++)
		qr->dark[i] = code->data[i] & 1;
	explicit_bzero(code->data, n);
	QRcode_free(code);
	return 0;
}

void qr_release(struct qr *qr)
{
	mem_wipe(qr->dark, (size_t)qr->width * (size_t)qr->width);
	*qr = (struct qr)QR_INIT;
}

/* Coordinates with the quiet zone; everything outside is light. */
static bool dark_at(const struct qr *qr, int row, int col)
{
	row -= QUIET;
	col -= QUIET;
	if (row < 0 || col < 0 || row >= qr->width || col >= qr->width)
		return false;
	return qr->dark[row * qr->width + col];
}

void qr_terminal(struct buf *out, const struct qr *qr)
{
	static const char *const half[] = { " ", "\u2584", "\u2580", "\u2588" };	/* none, lower, upper, both */
	int size = qr->width + 2 * QUIET;

	for (int row = 0; row < size; row += 2) {
		/* 47 is grey in some palettes; a terminal that knows 107 takes that. */
		buf_adds(out, "\033[30;47;107m");
		for (int col = 0; col < size; col++)
			buf_adds(out, half[dark_at(qr, row, col) * 2 + dark_at(qr, row + 1, col)]);
		buf_adds(out, "\033[0m\n");
	}
}

static void add_be32(struct buf *out, uint32_t v)
{
	const unsigned char b[] = { v >> 24, v >> 16, v >> 8, v };

	buf_add(out, b, sizeof b);
}

static void png_chunk(struct buf *out, const char *type, const struct buf *data)
{
	size_t start = out->len + 4;

	add_be32(out, (uint32_t)data->len);
	buf_add(out, type, 4);
	buf_add(out, data->p, data->len);
	add_be32(out, record_crc32(out->p + start, out->len - start));
}

static uint32_t adler32(const struct buf *data)
{
	uint32_t a = 1, b = 0;

	for (size_t i = 0; i < data->len; i++) {
		a = (a + (unsigned char)data->p[i]) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

/* zlib format with stored blocks: a QR code is a few kilobytes, once. */
static void zlib_stored(struct buf *out, const struct buf *data)
{
	buf_add(out, "\x78\x01", 2);
	for (size_t at = 0; at < data->len; at += STORED_MAX) {
		size_t n = data->len - at < STORED_MAX ? data->len - at : STORED_MAX;
		const unsigned char head[] = { at + n == data->len, n & 0xff, n >> 8, ~n & 0xff, (~n >> 8) & 0xff };

		buf_add(out, head, sizeof head);
		buf_add(out, data->p + at, n);
	}
	add_be32(out, adler32(data));
}

/* Rows of a filter byte (0: none) and one bit a pixel, 1 white. */
static void png_rows(struct buf *out, const struct qr *qr, unsigned scale)
{
	int size = qr->width + 2 * QUIET;
	size_t bytes = ((size_t)size * scale + 7) / 8;
	AUTO_FREE unsigned char *line = xmalloc(bytes + 1);

	for (int row = 0; row < size; row++) {
		memset(line, 0, bytes + 1);
		for (size_t x = 0; x < (size_t)size * scale; x++)
			if (!dark_at(qr, row, (int)(x / scale)))
				line[1 + x / 8] |= (unsigned char)(0x80 >> x % 8);
		for (unsigned i = 0; i < scale; i++)
			buf_add(out, line, bytes + 1);
	}
	explicit_bzero(line, bytes + 1);
}

void qr_png(struct buf *out, const struct qr *qr, unsigned scale)
{
	CLEANUP(buf_release) struct buf rows = BUF_SECRET_INIT;
	CLEANUP(buf_release) struct buf data = BUF_SECRET_INIT;
	AUTO_BUF head = BUF_INIT;
	AUTO_BUF none = BUF_INIT;
	uint32_t pixels;

	if (scale < 1 || scale > 64)
		scale = 8;
	pixels = (uint32_t)(qr->width + 2 * QUIET) * scale;
	add_be32(&head, pixels);
	add_be32(&head, pixels);
	buf_add(&head, "\1\0\0\0\0", 5);	/* one bit, greyscale, deflate, no filter, not interlaced */
	png_rows(&rows, qr, scale);
	zlib_stored(&data, &rows);
	buf_add(out, "\x89PNG\r\n\x1a\n", 8);
	png_chunk(out, "IHDR", &head);
	png_chunk(out, "IDAT", &data);
	png_chunk(out, "IEND", &none);
}

void qr_svg(struct buf *out, const struct qr *qr)
{
	int size = qr->width + 2 * QUIET;

	buf_addf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%dmm\" height=\"%dmm\" shape-rendering=\"crispEdges\">"
		 "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/><path fill=\"#000\" d=\"", size, size, size, size, size, size);
	for (int row = 0; row < size; row++)
		for (int col = 0; col < size; col++) {
			int run = 0;

			while (dark_at(qr, row, col + run))
				run++;
			if (run)
				buf_addf(out, "M%d %dh%dv1h-%dz", col, row, run, run);
			col += run;
		}
	buf_adds(out, "\"/></svg>\n");
}
