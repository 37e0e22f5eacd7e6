/* IPv4 and IPv6 addresses and networks as text.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_IPNET_H
#define MAINTKIT_IPNET_H

#include <stdbool.h>
#include <stddef.h>

#define IPNET_TEXT 48	/* room for any canonical text, NUL included */

/* ADDRESS or ADDRESS/BITS (1 to 32 or 128): four decimal numbers without
 * leading zeros, or RFC 4291 2.2 hexadecimal groups (no embedded IPv4, no
 * zone). Bits behind the network must be zero. canonical gets the text as RFC
 * 5952 has it, without "/32" or "/128". */
bool ipnet_parse(const char *text, char canonical[IPNET_TEXT]);

#endif
