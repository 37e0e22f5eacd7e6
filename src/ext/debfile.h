/* The control fields of a .deb, read in this process: no child, no temporary file, bounded memory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * deb(5): an ar archive of debian-binary, control.tar[.gz|.xz|.zst] and
 * data.tar*; only the head up to the control member is read. Decompressors are
 * the ones that dpkg-deb itself uses (zlib, liblzma, libzstd).
 */
#ifndef MAINTKIT_DEBFILE_H
#define MAINTKIT_DEBFILE_H

#include "../base/buf.h"

#define DEBFILE_CONTROL_MAX (4u << 20)	/* compressed and unpacked size of control.tar */

/* The text of the file `control`, appended to out. fd is read from its current
 * offset. ERR_FAIL: not a .deb, truncated, too large, compression not known. */
int debfile_read_control(int fd, struct buf *out, struct err *err) MUST_CHECK;

/* Value of a field (name without colon, any case) of a control paragraph, to be
 * freed; first line only, blanks trimmed. NULL when absent. */
char *debfile_field(const char *control, const char *name);

#endif
