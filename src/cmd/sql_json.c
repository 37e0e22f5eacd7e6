/* --json of the sql verbs that change something: one object on stdout, of one shape, also when the verb failed.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "../core/json.h"
#include "sql.h"

static struct buf text = BUF_INIT;
static struct json j = { .out = &text };
static bool in_scripts;

void sql_json_begin(struct tool *t, bool scripts)
{
	json_object(&j, NULL);
	json_string(&j, "database", sql_database(t, NULL));
	in_scripts = scripts;
	if (scripts)
		json_array(&j, "scripts");
}

void sql_json_member(const char *key, const char *value)
{
	json_string(&j, key, value);
}

void sql_json_script(const char *name, const char *path, const char *outcome, int64_t statements)
{
	json_object(&j, NULL);
	json_string(&j, "script", name);
	json_string(&j, "file", path);
	json_string(&j, "outcome", outcome);
	if (statements >= 0)
		json_int(&j, "statements", statements);
	json_end(&j);
}

int sql_json_end(struct tool *t, int rc, struct err *err)
{
	if (in_scripts)
		json_end(&j);
	json_string(&j, "error", rc < 0 ? err->text : NULL);
	json_end(&j);
	if (t->json && tool_print(&text, rc < 0 ? NULL : err) < 0)
		rc = -1;
	buf_release(&text);
	return rc;
}
