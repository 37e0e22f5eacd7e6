/* OSCAR's encryptPIN: how a PIN is written when the server is told that PINs are encrypted.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Source: OSCAR's Misc.encryptPIN: a running sum of the characters, 127 taken
 * off once whenever it is above 127, each sum written as one character. It
 * hides nothing; it is needed because the server compares what it makes of the
 * typed PIN with what the column holds. The result of digits has control
 * characters, quotes and backslashes in it, so it must be bound, never pasted.
 */
#ifndef MAINTKIT_PIN_H
#define MAINTKIT_PIN_H

#include "../base/buf.h"

/* Append encryptPIN(pin). Each character of pin must be ASCII (1 to 127);
 * the result is as long as pin, of bytes 1 to 127. */
void pin_encrypt(struct buf *out, const char *pin);

#endif
