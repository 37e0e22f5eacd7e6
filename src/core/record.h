/* One checksummed record a line: the text format of the effects journal, the pending list and the mirror.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A line is  CRC32 SP field TAB field ... LF  where CRC32 is eight lower-case
 * hexadecimal digits over everything between the first blank and the line feed
 * (polynomial of IEEE 802.3), and a field's bytes below 0x20, 0x7f and '\' are
 * written \xHH. A line whose checksum does not fit is damage; a last line
 * without line feed is a write that a crash cut short.
 */
#ifndef MAINTKIT_RECORD_H
#define MAINTKIT_RECORD_H

#include <stdint.h>
#include "../base/buf.h"

void record_format(struct buf *out, const char *const *fields, size_t n);

enum record_state { RECORD_OK, RECORD_END, RECORD_TORN, RECORD_BAD };
/* Parse the line at *pos of text (len bytes), append its fields to sv (emptied
 * first) and step *pos behind it. RECORD_TORN: unfinished last line. */
enum record_state record_parse(const char *text, size_t len, size_t *pos, struct strv *sv);

uint32_t record_crc32(const void *data, size_t len);

#endif
