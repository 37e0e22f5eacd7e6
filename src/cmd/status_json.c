/* maintkit-status: reading the JSON that our own programs write.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Not a parser for anybody's JSON: core/json.h puts every member on a line of
 * its own, indented by two blanks a level, and escapes line ends in strings.
 */
#include <string.h>
#include "status.h"

static char *unescape(const char *p)
{
	AUTO_BUF out = BUF_INIT;

	for (; *p && *p != '"'; p++) {
		if (*p != '\\') {
			buf_addc(&out, *p);
			continue;
		}
		p++;
		if (*p == 'n') {
			buf_adds(&out, " | ");
		} else if (*p == 'u') {
			buf_addc(&out, '?');
			p += strnlen(p + 1, 4);
		} else if (*p) {
			buf_addc(&out, *p);
		} else {
			break;
		}
	}
	return buf_steal(&out);
}

char *status_value(const char *json, const char *key)
{
	AUTO_FREE char *want = xasprintf("\"%s\": ", key);

	for (const char *line = json; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *p = line + strspn(line, " ");

		if (strncmp(p, want, strlen(want)) != 0)
			continue;
		p += strlen(want);
		if (*p == '"')
			return unescape(p + 1);
		return strncmp(p, "null", 4) == 0 ? NULL : xstrndup(p, strcspn(p, ",\n"));
	}
	return NULL;
}

void status_objects(const char *json, struct strv *objects)
{
	const char *p = json;

	while ((p = strstr(p, "\n  {"))) {
		const char *end = strstr(p + 1, "\n  }");

		if (!end)
			return;
		AUTO_FREE char *one = xstrndup(p + 1, (size_t)(end - p));

		strv_add(objects, one);
		p = end;
	}
}
