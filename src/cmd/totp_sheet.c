/* A page to print and hand to one user: QR code, key, recovery codes.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "totp.h"

static void add_escaped(struct buf *out, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&': buf_adds(out, "&amp;"); break;
		case '<': buf_adds(out, "&lt;"); break;
		case '>': buf_adds(out, "&gt;"); break;
		case '"': buf_adds(out, "&quot;"); break;
		default: buf_addc(out, *text);
		}
}

void totp_sheet(struct buf *out, const char *issuer, const char *svg, const struct totp_shown *w)
{
	buf_adds(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Two-factor login</title>\n"
		 "<style>body{font:12pt sans-serif;margin:2cm;max-width:17cm}code{font:13pt monospace}pre{font:13pt monospace}"
		 "svg{display:block;margin:1em 0;width:7cm;height:7cm}</style></head>\n<body><h1>");
	add_escaped(out, issuer);
	buf_adds(out, ": two-factor login for ");
	add_escaped(out, w->user);
	buf_adds(out, "</h1>\n<ol><li>Open the authenticator app on your phone and scan:</li></ol>\n");
	buf_adds(out, svg);
	buf_adds(out, "<p>or type this key: <code>");
	for (size_t i = 0; w->secret[i]; i++)
		buf_addf(out, "%s%c", i && i % 4 == 0 ? " " : "", w->secret[i]);
	buf_addf(out, "</code> (%s, %u digits, %u seconds)</p>\n", otp_algorithm_name(w->params->algorithm),
		 w->params->digits, w->params->period);
	buf_adds(out, "<ol start=\"2\"><li>Log in with user name and password as before, and with the code that the app shows in place of the PIN.</li>\n"
		 "<li>Destroy this page when the app shows codes: who has it can make them.</li></ol>\n");
	if (*w->recovery) {
		buf_adds(out, "<h2>Recovery codes</h2><p>Without the phone, give one of these to the administrator. Each works once.</p><pre>");
		add_escaped(out, w->recovery);
		buf_adds(out, "</pre>\n");
	}
	buf_adds(out, "</body></html>\n");
}
