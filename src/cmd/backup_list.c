/* backup list: one line for each backup, or all that is known as JSON.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../core/json.h"
#include "backup.h"

static void json_info(struct json *j, const struct buf *info, const char *key)
{
	AUTO_FREE char *value = info_get(info, key);

	json_string(j, key, value && *value ? value : NULL);
}

static void list_json(struct json *j, const struct backup_item *i)
{
	static const char *const keys[] = { "created", "number", "purpose", "package", "version", "database", "schema_level", "size", "tables",
					    "rows", "members", "skipped", "changed", "documents", "linked", "base", "sha256", "verified",
					    "verified_how", "failed", "failed_why", "was_verified", "recipient1", "recipient2", "recipient3" };

	json_object(j, NULL);
	json_string(j, "name", i->name);
	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		json_info(j, &i->info, keys[k]);
	json_end(j);
}

/* Decimal units, as a disk's box has them. */
static void add_size(struct buf *out, const char *bytes)
{
	static const char units[] = "BkMGTP";
	double n = bytes ? strtod(bytes, NULL) : 0;
	size_t u = 0;

	while (n >= 999.5 && u + 2 < sizeof(units)) {
		n /= 1000;
		u++;
	}
	buf_addf(out, u && n < 9.95 ? "%.1f %c" : "%.0f %c", n, units[u]);
}

/* "yes 2026-11-22 (read)", "BAD 2026-11-22", "no". */
static void add_verified(struct buf *out, const struct buf *info)
{
	AUTO_FREE char *when = info_get(info, "verified"), *how = info_get(info, "verified_how");
	AUTO_FREE char *failed = info_get(info, "failed");

	if (failed)
		buf_addf(out, "BAD %.10s", failed);
	else if (when && *when)
		buf_addf(out, "%.10s %s", when, how ? how : "read");
	else
		buf_adds(out, "no");
}

/* The last eight digits of each key, "passphrase" for the recovery passphrase. */
static void add_keys(struct buf *out, const struct buf *info)
{
	for (int i = 1; ; i++) {
		char key[24];

		snprintf(key, sizeof(key), "recipient%d", i);
		AUTO_FREE char *value = info_get(info, key);

		if (!value)
			return;
		size_t hex = strspn(value, "0123456789ABCDEF");

		buf_adds(out, i > 1 ? " " : "");
		if (hex >= 16)
			buf_add(out, value + hex - 8, 8);
		else
			buf_add(out, value, strcspn(value, " "));
	}
}

static void list_line(struct buf *out, const struct backup_item *i)
{
	AUTO_FREE char *created = info_get(&i->info, "created"), *version = info_get(&i->info, "version");
	AUTO_FREE char *level = info_get(&i->info, "schema_level"), *size = info_get(&i->info, "size");
	AUTO_FREE char *base = info_get(&i->info, "base"), *purpose = info_get(&i->info, "purpose");
	AUTO_FREE char *linked = info_get(&i->info, "linked");
	AUTO_BUF bytes = BUF_INIT, verified = BUF_INIT, keys = BUF_INIT;

	if (!size) {
		buf_addf(out, "%-17s %-14s %-6s %8s  %-20s %s\n  %s: %s.info is missing; 'backup verify' looks into it\n", "?", "?", "?",
			 "?", "no", "?", i->name, i->name);
		return;
	}
	add_size(&bytes, size);
	add_verified(&verified, &i->info);
	add_keys(&keys, &i->info);
	buf_addf(out, "%.10s %.5sZ %-14s %-6s %8s  %-20s %s\n", created ? created : "?", created && strlen(created) > 11 ? created + 11 : "?",
		 version && *version ? version : "-", level ? level : "-", bytes.p, verified.p, keys.p);
	buf_addf(out, "  %s", i->name);
	if (purpose && *purpose)
		buf_addf(out, ", %s", purpose);
	if (base)
		buf_addf(out, ", with documents of %s", base);
	if (linked && strcmp(linked, "0") != 0)
		buf_addf(out, ", with %s documents as hard links beside it", linked);
	buf_addc(out, '\n');
}

int backup_run_list(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(backup_set_release) struct backup_set set = BACKUP_SET_INIT;
	AUTO_BUF out = BUF_INIT;
	struct json j = { .out = &out };

	if (backup_set_load(&set, t, err) < 0)
		return -1;
	if (t->json)
		json_array(&j, NULL);
	else if (set.n)
		buf_addf(&out, "%-17s %-14s %-6s %8s  %-20s %s\n", "DATE", "VERSION", "LEVEL", "SIZE", "VERIFIED", "KEYS");
	for (size_t i = 0; i < set.n; i++) {
		if (t->json)
			list_json(&j, &set.v[i]);
		else
			list_line(&out, &set.v[i]);
	}
	if (t->json)
		json_end(&j);
	else if (!set.n)
		log_info("there is no backup in '%s%s'", t->root.prefix, backup_dir(t));
	return tool_print(&out, err);
}
