/* backup list and verify: what backups there are, and whether one holds what it says.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "../core/json.h"
#include "backup.h"

static bool is_backup(const char *name)
{
	size_t len = strlen(name), suffix = strlen(BACKUP_SUFFIX);

	return name[0] != '.' && len > suffix && strcmp(name + len - suffix, BACKUP_SUFFIX) == 0;
}

static void json_info(struct json *j, const struct buf *info, const char *key)
{
	AUTO_FREE char *value = info_get(info, key);

	json_string(j, key, value && *value ? value : NULL);
}

static void list_json(struct json *j, const char *name, const struct buf *info)
{
	static const char *const keys[] = { "created", "package", "database", "schema_level", "size", "tables", "rows",
					    "members", "skipped", "changed", "sha256", "verified", "recipient1", "recipient2" };

	json_object(j, NULL);
	json_string(j, "name", name);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		json_info(j, info, keys[i]);
	json_end(j);
}

static void list_line(struct buf *out, const char *name, const struct buf *info)
{
	AUTO_FREE char *size = info_get(info, "size");
	AUTO_FREE char *rows = info_get(info, "rows");
	AUTO_FREE char *database = info_get(info, "database");
	AUTO_FREE char *verified = info_get(info, "verified");
	AUTO_FREE char *recipient = info_get(info, "recipient1");

	if (!size) {
		buf_addf(out, "%s\n    nothing is known about it: %s.info is missing; 'backup verify' looks into it\n", name, name);
		return;
	}
	buf_addf(out, "%s\n    %s bytes, database '%s' with %s rows, %s%s\n    key %s\n", name, size,
		 database ? database : "", rows ? rows : "?", verified ? "verified " : "not verified", verified ? verified : "",
		 recipient ? recipient : "?");
}

int backup_run_list(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_STRV names = STRV_INIT;
	AUTO_BUF out = BUF_INIT;
	struct json j = { .out = &out };
	struct err why = ERR_INIT;

	if (path_list(&t->root, backup_dir(t), &names, &why) < 0 && why.kind != ERR_ABSENT) {
		*err = why;
		return -1;
	}
	if (t->json)
		json_array(&j, NULL);
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *file = xasprintf("%s%s/%s", t->root.prefix, backup_dir(t), names.v[i]);
		AUTO_BUF info = BUF_INIT;

		if (!is_backup(names.v[i]))
			continue;
		if (backup_read_info(file, &info, &why) < 0)
			buf_reset(&info);
		if (t->json)
			list_json(&j, names.v[i], &info);
		else
			list_line(&out, names.v[i], &info);
	}
	if (t->json)
		json_end(&j);
	return tool_print(&out, err);
}

/* The outcome is kept beside the backup; without the text there, from the archive's own. */
static int record_outcome(const char *file, const struct backup_facts *f, struct err *err)
{
	AUTO_BUF info = BUF_INIT;
	struct err why = ERR_INIT;
	char when[32];
	time_t now = time(NULL);
	struct tm tm;

	if (backup_read_info(file, &info, &why) < 0) {
		buf_reset(&info);
		buf_add(&info, f->info.p, f->info.len);
	}
	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	info_add(&info, "verified", "%s", when);
	return backup_write_info(file, &info, err);
}

static int print_facts(struct tool *t, const char *file, const struct backup_facts *f, bool sum, struct err *err)
{
	AUTO_BUF out = BUF_INIT;
	struct json j = { .out = &out };

	if (t->json) {
		json_object(&j, NULL);
		json_string(&j, "file", file);
		json_string(&j, "sha256", f->sha256);
		json_bool(&j, "checksum_beside_it", sum);
		json_info(&j, &f->info, "created");
		json_info(&j, &f->info, "database");
		json_int(&j, "tables", (int64_t)f->totals.tables);
		json_int(&j, "rows", (int64_t)f->totals.rows);
		json_int(&j, "members", (int64_t)f->totals.members);
		json_int(&j, "bytes", (int64_t)f->totals.bytes);
		json_array(&j, "notes");
		for (size_t i = 0; i < f->notes.n; i++)
			json_string(&j, NULL, f->notes.v[i]);
		json_end(&j);
		json_end(&j);
	} else {
		buf_addf(&out, "%s\n    whole: %" PRIu64 " members, %" PRIu64 " bytes, %" PRIu64 " tables, %" PRIu64 " rows\n",
			 file, f->totals.members, f->totals.bytes, f->totals.tables, f->totals.rows);
		for (size_t i = 0; i < f->notes.n; i++)
			buf_addf(&out, "    %s\n", f->notes.v[i]);
		if (!sum)
			buf_addf(&out, "    there is no %s.sha256 beside it to compare with\n", file);
	}
	return tool_print(&out, err);
}

int backup_run_verify(struct tool *t, int argc UNUSED, char **argv, struct err *err)
{
	CLEANUP(backup_facts_release) struct backup_facts f = BACKUP_FACTS_INIT;
	AUTO_FREE char *file = backup_path(t, argv[0]);
	int sum = backup_read(t, file, NULL, &f, err);

	if (sum < 0 || record_outcome(file, &f, err) < 0)
		return -1;
	return print_facts(t, file, &f, sum == 1, err);
}
