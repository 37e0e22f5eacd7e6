/* OSCAR's encryptPIN: how a PIN is written when the server is told that PINs are encrypted.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pin.h"

void pin_encrypt(struct buf *out, const char *pin)
{
	unsigned sum = 0;

	for (; *pin; pin++) {
		sum += (unsigned char)*pin;
		if (sum > 127)
			sum -= 127;
		buf_addc(out, (char)sum);
	}
}
