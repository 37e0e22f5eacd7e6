/* proves: a manifest fits only the very members it was written for.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "core/manifest.h"

#define SUM "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct manifest_file dir = { .path = "files/a", .mode = 0750, .uid = 5, .gid = 6, .mtime = 100 };
static const struct manifest_file file = { .path = "files/a/new\nline\xe9", .size = 7, .mode = 0640, .uid = 5, .gid = 6,
					   .mtime = 101, .sha256 = SUM };
static const struct manifest_file symlink_ = { .path = "files/a/l", .mode = 0777, .target = "/etc/shadow" };

static void fill(struct manifest *m, const struct manifest_file *f)
{
	manifest_add(m, &dir);
	manifest_add(m, f);
	manifest_add(m, &symlink_);
	manifest_add_table(m, "db", "t", 12);
}

/* 0 it fits. edit: what the archive has instead of `file`. */
static int compare(const struct manifest_file *seen, bool ended, struct err *err)
{
	struct manifest written = MANIFEST_INIT;
	struct manifest_check c = MANIFEST_CHECK_INIT;

	fill(&written, &file);
	manifest_add_skipped(&written, "files/pipe", "a named pipe");
	if (ended)
		manifest_finish(&written);
	fill(&c.seen, seen);
	int rc = manifest_check_part(&c, written.part.p, written.part.len, err);

	if (rc == 0)
		rc = manifest_check_end(&c, err);
	if (rc == 0)
		assert_string_equal(c.notes.v[0], "files/pipe: a named pipe");
	manifest_release(&written);
	manifest_check_release(&c);
	return rc;
}

static void fits(void **state)
{
	struct err err = ERR_INIT;
	struct manifest_file changed = file;

	(void)state;
	changed.changed = true;	/* only the writer knows */
	assert_int_equal(compare(&file, true, &err), 0);
	assert_int_equal(compare(&changed, true, &err), 0);
}

static void differs(void **state)
{
	struct manifest_file f[8] = { file, file, file, file, file, file, file, file };

	(void)state;
	f[0].path = "files/a/other";
	f[1].size = 8;
	f[2].mode = 0644;
	f[3].uid = 0;
	f[4].gid = 0;
	f[5].mtime = 102;
	f[6].sha256 = "f" SUM;
	f[7].target = "x";
	for (size_t i = 0; i < ARRAY_LEN(f); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(compare(&f[i], true, &err), -1);
		assert_int_equal(err.kind, ERR_FAIL);
	}
}

static void attributes(void **state)
{
	struct manifest_file with = file, other = file;
	struct err err = ERR_INIT;

	(void)state;
	with.attrs = SUM;
	assert_int_equal(compare(&with, true, &err), -1);	/* some where there were none */
	other.attrs = "f" SUM;
	struct manifest written = MANIFEST_INIT;
	const struct manifest_file *seen[] = { &with, &other, &file };

	fill(&written, &with);
	manifest_finish(&written);
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		struct manifest_check c = MANIFEST_CHECK_INIT;

		fill(&c.seen, seen[i]);
		assert_int_equal(manifest_check_part(&c, written.part.p, written.part.len, NULL), i == 0 ? 0 : -1);
		manifest_check_release(&c);
	}
	manifest_release(&written);
}

static int got_link(void *arg, const struct manifest_file *f, struct err *err)
{
	struct manifest_file *to = arg;

	(void)err;
	assert_string_equal(f->path, to->path);
	assert_string_equal(f->sha256, SUM);
	assert_true(f->attrs ? strcmp(f->attrs, to->attrs) == 0 : !to->attrs);
	assert_int_equal(f->mode, 0640);
	assert_int_equal(f->mtime, to->mtime);
	assert_int_equal(f->size, to->size);
	to->changed = true;
	return 0;
}

static void links(void **state)
{
	struct manifest_file f = file;

	(void)state;
	f.mtime = -5;
	f.size = 5000000000u;
	for (int i = 0; i < 2; i++) {
		struct manifest written = MANIFEST_INIT;
		struct manifest_check c = MANIFEST_CHECK_INIT;

		f.attrs = i ? "a" SUM : NULL;
		f.changed = false;
		manifest_add_linked(&written, &f);
		manifest_add_linked(&written, &f);
		manifest_finish(&written);
		c.linked = got_link;
		c.linked_arg = &f;
		assert_int_equal(manifest_check_part(&c, written.part.p, written.part.len, NULL), 0);
		assert_int_equal(manifest_check_end(&c, NULL), 0);
		assert_int_equal(c.seen.totals.linked, 2);
		assert_true(f.changed);
		manifest_check_release(&c);
		manifest_release(&written);
	}
}

static void no_end(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(compare(&file, false, &err), -1);
	assert_non_null(strstr(err.text, "no end"));
}

static void every_byte_counts(void **state)
{
	struct manifest written = MANIFEST_INIT;

	(void)state;
	fill(&written, &file);
	manifest_finish(&written);
	for (size_t i = 0; i < written.part.len; i++) {
		struct manifest_check c = MANIFEST_CHECK_INIT;

		fill(&c.seen, &file);
		written.part.p[i] ^= 1;
		assert_int_equal(manifest_check_part(&c, written.part.p, written.part.len, NULL), -1);
		written.part.p[i] ^= 1;
		manifest_check_release(&c);
	}
	manifest_release(&written);
}

static void more_or_less_members(void **state)
{
	struct err err = ERR_INIT;
	struct manifest written = MANIFEST_INIT;
	struct manifest_check less = MANIFEST_CHECK_INIT, more = MANIFEST_CHECK_INIT;

	(void)state;
	fill(&written, &file);
	manifest_finish(&written);
	manifest_add(&less.seen, &dir);
	assert_int_equal(manifest_check_part(&less, written.part.p, written.part.len, &err), -1);
	fill(&more.seen, &file);
	manifest_add(&more.seen, &dir);
	assert_int_equal(manifest_check_part(&more, written.part.p, written.part.len, &err), -1);
	manifest_release(&written);
	manifest_check_release(&less);
	manifest_check_release(&more);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fits), cmocka_unit_test(differs), cmocka_unit_test(attributes), cmocka_unit_test(links), cmocka_unit_test(no_end),
		cmocka_unit_test(every_byte_counts), cmocka_unit_test(more_or_less_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
