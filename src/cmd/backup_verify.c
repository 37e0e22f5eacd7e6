/* backup verify: does a backup hold what it says, and, when asked, does its dump load? The outcome is kept beside it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../core/json.h"
#include "backup.h"

/* "verified" or "failed", never both: who looks for a good backup reads the one key, and no clock decides. */
static void note_outcome(struct buf *info, const char *how, const struct err *failure)
{
	static const char *const outcome[] = { "verified", "verified_how", "failed", "failed_why" };
	AUTO_FREE char *before = info_get(info, "verified");
	char now[BACKUP_TIME_SIZE];

	backup_time_text(now);
	for (size_t i = 0; i < ARRAY_LEN(outcome); i++)
		info_remove(info, outcome[i]);
	if (!failure || before)
		info_remove(info, "was_verified");
	if (failure && before)
		info_add(info, "was_verified", "%s", before);
	info_add(info, failure ? "failed" : "verified", "%s", now);
	info_add(info, failure ? "failed_why" : "verified_how", "%s", failure ? failure->text : how);
}

/* Is the text there, and of this file? */
static bool is_ours(const char *file, const struct buf *info, const struct backup_facts *f)
{
	AUTO_FREE char *sum = info_get(info, "sha256"), *created = info_get(info, "created");

	if (sum && strcmp(sum, f->sha256) == 0)
		return true;
	if (created && sum)
		log_warn("'%s.info' is of another backup or damaged; it is made again from what the backup says itself", file);
	return false;
}

/* What create had written, but for the recipients, whose names are not in the archive. */
static void make_again(struct buf *info, const char *file, const struct backup_facts *f)
{
	const struct manifest_totals *n = &f->totals;
	struct stat st;

	buf_reset(info);
	buf_add(info, f->info.p, f->info.len);
	info_add(info, "sha256", "%s", f->sha256);
	if (stat(file, &st) == 0)
		info_add(info, "size", "%lld", (long long)st.st_size);
	info_add(info, "members", "%" PRIu64, n->members);
	info_add(info, "tables", "%" PRIu64, n->tables);
	info_add(info, "rows", "%" PRIu64, n->rows);
	info_add(info, "skipped", "%" PRIu64, n->skipped);
	info_add(info, "based", "%" PRIu64, n->based);
	info_add(info, "linked", "%" PRIu64, n->linked);
	info_add(info, "changed", "%" PRIu64, n->changed);
}

/* Nothing may go on saying that it was good: without the text nobody prunes it, nor relies on it. */
static void forget_good(const char *file)
{
	AUTO_FREE char *path = xasprintf("%s.info", file);

	if (unlink(path) == 0)
		log_warn("'%s' is removed, because it says that the backup is good", path);
	else
		log_warn("'%s' goes on saying that the backup is good", path);
}

/* A note that cannot be written (a medium that is read only) does not change the outcome. */
static void record(const char *file, const struct backup_facts *f, const char *how, const struct err *failure)
{
	AUTO_BUF info = BUF_INIT;
	struct err why = ERR_INIT;
	bool there = backup_read_info(file, &info, &why) == 0;

	if (!there) {
		buf_reset(&info);
		buf_add(&info, f->info.p, f->info.len);
	}
	if (!failure && !is_ours(file, &info, f))
		make_again(&info, file, f);
	AUTO_FREE char *good = info_get(&info, "verified");

	note_outcome(&info, how, failure);
	if (backup_write_info(file, &info, &why) == 0)
		return;
	log_warn("the outcome cannot be kept beside the backup: %s", why.text);
	if (failure && good)
		forget_good(file);
}

static void print_json(struct buf *out, const char *file, const struct backup_facts *f, bool sum, const struct buf *test)
{
	struct json j = { .out = out };
	AUTO_FREE char *created = info_get(&f->info, "created"), *database = info_get(&f->info, "database");
	AUTO_FREE char *base = info_get(&f->info, "base");

	json_object(&j, NULL);
	json_string(&j, "file", file);
	json_string(&j, "sha256", f->sha256);
	json_bool(&j, "checksum_beside_it", sum);
	json_string(&j, "created", created);
	json_string(&j, "database", database && *database ? database : NULL);
	json_int(&j, "tables", (int64_t)f->totals.tables);
	json_int(&j, "rows", (int64_t)f->totals.rows);
	json_int(&j, "members", (int64_t)f->totals.members);
	json_int(&j, "bytes", (int64_t)f->totals.bytes);
	json_string(&j, "base", base);
	json_int(&j, "based", (int64_t)f->totals.based);
	json_int(&j, "linked", (int64_t)f->totals.linked);
	json_string(&j, "restore_test", test->len ? test->p : NULL);
	json_array(&j, "notes");
	for (size_t i = 0; i < f->notes.n; i++)
		json_string(&j, NULL, f->notes.v[i]);
	json_end(&j);
	json_end(&j);
}

static void print_text(struct buf *out, const char *file, const struct backup_facts *f, bool sum, const struct buf *test)
{
	buf_addf(out, "%s\n    whole: %" PRIu64 " members, %" PRIu64 " bytes, %" PRIu64 " tables, %" PRIu64 " rows\n",
		 file, f->totals.members, f->totals.bytes, f->totals.tables, f->totals.rows);
	AUTO_FREE char *base = info_get(&f->info, "base");

	if (base)
		buf_addf(out, "    and %" PRIu64 " documents that are in %s, whole too\n", f->totals.based, base);
	if (f->totals.linked)
		buf_addf(out, "    and %" PRIu64 " documents that are hard links in %s" BACKUP_LINKS ", %s\n", f->totals.linked, file,
			 backup_options.skip_links ? "which were not read" : "as they were");
	if (test->len)
		buf_addf(out, "    %s\n", test->p);
	for (size_t i = 0; i < f->notes.n; i++)
		buf_addf(out, "    %s\n", f->notes.v[i]);
	if (!sum)
		buf_addf(out, "    there is no %s.sha256 beside it to compare with\n", file);
}

/* With --scheduled the newest of those: an upgrade may make one at the same time as the night does. */
static char *newest(struct tool *t, struct err *err)
{
	CLEANUP(backup_set_release) struct backup_set set = BACKUP_SET_INIT;

	if (backup_set_load(&set, t, err) < 0)
		return NULL;
	for (size_t i = set.n; i-- > 0; )
		if (!backup_options.scheduled || info_is(&set.v[i].info, "purpose", "scheduled"))
			return xstrdup(set.v[i].file);
	err_set(err, ERR_ABSENT, "there is no backup in '%s%s'; run 'backup create'", t->root.prefix, backup_dir(t));
	return NULL;
}

int backup_run_verify(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(backup_facts_release) struct backup_facts f = BACKUP_FACTS_INIT;
	AUTO_FREE char *file = argc ? backup_path(t, argv[0]) : newest(t, err);
	AUTO_BUF out = BUF_INIT, test = BUF_INIT;

	if (!file)
		return -1;
	AUTO_FD int lock = tool_lock_backups(t, false, err);

	if (lock < 0)
		return -1;
	int sum = backup_options.restore_test ? backup_restore_test(t, file, &f, &test, err) :
						backup_read(t, file, NULL, &f, err);

	if (sum < 0) {
		if (f.bad)
			record(file, &f, NULL, err);
		return -1;
	}
	if (!backup_options.skip_links || !f.totals.linked)
		record(file, &f, backup_options.restore_test ? "loaded" : "read", NULL);
	if (t->json)
		print_json(&out, file, &f, sum == 1, &test);
	else
		print_text(&out, file, &f, sum == 1, &test);
	return tool_print(&out, err);
}
