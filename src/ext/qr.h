/* QR codes by libqrencode: as text for a terminal, as PNG and as SVG.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Source: ISO/IEC 18004 (a quiet zone of four modules on every side); PNG
 * (third edition); RFC 1950 and 1951 for the uncompressed deflate stream in
 * it, so that no image library is needed.
 */
#ifndef MAINTKIT_QR_H
#define MAINTKIT_QR_H

#include "../base/buf.h"

struct qr {
	int width;		/* modules in a row, without quiet zone */
	unsigned char *dark;	/* width * width, 1 dark, 0 light */
};
#define QR_INIT { 0, NULL }

/* Byte mode, error correction M, smallest version that holds the text.
 * ERR_FAIL when it is too long (above 2331 bytes). */
int qr_encode(struct qr *qr, const char *text, struct err *err) MUST_CHECK;
void qr_release(struct qr *qr);		/* wipes: whoever has the picture has the secret */

/* Two modules to a character (half blocks, UTF-8), black on white by explicit
 * colours, so that the terminal's own colours do not matter. */
void qr_terminal(struct buf *out, const struct qr *qr);
/* Black and white, scale pixels (1 to 64) to a module. */
void qr_png(struct buf *out, const struct qr *qr, unsigned scale);
/* One <svg> element, without XML declaration, so that HTML can hold it. */
void qr_svg(struct buf *out, const struct qr *qr);

#endif
