/* Writing JSON for --json: objects, arrays and escaped strings into a buffer.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Commas are placed by the writer. Strings are taken as UTF-8; bytes that are
 * not valid UTF-8 come out as U+FFFD, so the output always is (RFC 8259, 8.1).
 *
 *	struct json j = { .out = &buf };
 *	json_object(&j, NULL); json_string(&j, "user", name); json_int(&j, "n", 3); json_end(&j);
 */
#ifndef MAINTKIT_JSON_H
#define MAINTKIT_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include "../base/buf.h"

#define JSON_DEPTH 16

struct json {
	struct buf *out;
	int depth;
	char closer[JSON_DEPTH];
	bool filled[JSON_DEPTH];
};

/* key is NULL inside arrays and at the top. A NULL value of json_string is null. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_end(struct json *j);		/* closes the innermost; a line feed after the outermost */
void json_string(struct json *j, const char *key, const char *value);
void json_int(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);

#endif
