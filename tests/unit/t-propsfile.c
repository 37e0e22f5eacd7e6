/* proves: propsfile edits the profile's file in one step, tells changed from already so, and reads values back.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
// ext: profile statefile effects propsfile
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "ext/effects.h"
#include "ext/propsfile.h"

struct place {
	char dir[64];
	struct root root;
	struct profile *profile;
};

static void put(const struct place *w, const char *path, const char *text)
{
	AUTO_FREE char *full = xasprintf("%s%s", w->dir, path);
	FILE *f = fopen(full, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
	static const char *const dirs[] = { "", "/etc", "/usr", "/usr/share", "/usr/share/demo", "/var", "/var/lib" };
	struct place *w = xcalloc(1, sizeof(*w));
	struct err err = ERR_INIT;

	strcpy(w->dir, "/tmp/t-propsfile.XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	for (size_t i = 1; i < ARRAY_LEN(dirs); i++) {
		AUTO_FREE char *full = xasprintf("%s%s", w->dir, dirs[i]);

		if (mkdir(full, 0755) < 0)
			return -1;
	}
	put(w, "/etc/group", "demo:x:4711:\n");
	put(w, "/usr/share/demo/maintkit.conf",
	    "[package]\nname = demo\n[properties]\nfile = /etc/demo.properties\n"
	    "default = /usr/share/demo/demo.properties\ngroup = demo\nsecret = pw\n");
	put(w, "/usr/share/demo/demo.properties", "# as shipped\na=1\nb=2\n");
	if (root_init(&w->root, w->dir, &err) < 0 || profile_load(&w->profile, &w->root, "demo", NULL, &err) < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct place *w = *state;
	AUTO_FREE char *command = xasprintf("rm -rf %s", w->dir);

	profile_free(w->profile);
	root_release(&w->root);
	int rc = system(command);

	free(w);
	return rc;
}

static void file_is(const struct place *w, const char *want)
{
	AUTO_BUF b = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(path_read_file(&w->root, "/etc/demo.properties", &b, FILE_MAX_SIZE, NULL, &err), 0);
	assert_string_equal(b.p, want);
}

static void t_edit(void **state)
{
	struct place *w = *state;
	const struct propsfile_edit edits[] = { { "a", "9" }, { "b", NULL }, { "pw", "hunter2" } };
	struct err err = ERR_INIT;

	assert_int_equal(propsfile_edit(w->profile, &w->root, edits, 3, &err), 1);
	file_is(w, "# as shipped\na=9\n#b=2\npw=hunter2\n");
	assert_int_equal(propsfile_edit(w->profile, &w->root, edits, 3, &err), 0);
	assert_int_equal(propsfile_edit(w->profile, &w->root, NULL, 0, &err), 0);
}

static void t_all_or_none(void **state)
{
	struct place *w = *state;
	const struct propsfile_edit edits[] = { { "a", "9" }, { "b", "\377" } };
	struct err err = ERR_INIT;
	struct stat st;

	assert_int_equal(propsfile_edit(w->profile, &w->root, edits, 2, &err), -1);
	assert_int_equal(path_stat(&w->root, "/etc/demo.properties", &st, &err), -1);
}

static void t_get(void **state)
{
	struct place *w = *state;
	struct err err = ERR_INIT;
	char *value;

	assert_int_equal(propsfile_get(w->profile, &w->root, "a", &value, &err), -1);
	assert_int_equal(err.kind, ERR_ABSENT);
	assert_null(value);
	put(w, "/etc/demo.properties", "a = \\u00e9\n");
	assert_int_equal(propsfile_get(w->profile, &w->root, "a", &value, &err), 0);
	assert_string_equal(value, "\303\251");
	free(value);
	assert_int_equal(propsfile_get(w->profile, &w->root, "zz", &value, &err), -1);
	assert_int_equal(err.kind, ERR_ABSENT);
	put(w, "/etc/demo.properties", "a=1\nb=\\u1\n");
	assert_int_equal(propsfile_get(w->profile, &w->root, "a", &value, &err), -1);
	assert_int_equal(err.kind, ERR_FAIL);
	assert_non_null(strstr(err.text, "/etc/demo.properties:2:3: "));
}

static void t_changed_meanwhile(void **state)
{
	struct place *w = *state;
	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;
	struct err err = ERR_INIT;

	put(w, "/etc/demo.properties", "a=1\n");
	assert_int_equal(propsfile_open(&f, w->profile, &w->root, NULL, NULL, 0, &err), 0);
	assert_int_equal(propsfile_set(&f, "a", "2", &err), 1);
	put(w, "/etc/demo.properties", "a=the admin's\n");
	assert_int_equal(propsfile_commit(&f, &err), -1);
	assert_int_equal(err.kind, ERR_BUSY);
	file_is(w, "a=the admin's\n");
}

static void t_undo(void **state)
{
	struct place *w = *state;
	const struct propsfile_edit edits[] = { { "a", "9" }, { "new", "1" }, { "pw", "x" } };
	struct err err = ERR_INIT;
	struct effect *list;
	size_t n;

	put(w, "/etc/demo.properties", "a=1 \npw=old\n");
	assert_int_equal(propsfile_edit(w->profile, &w->root, edits, 3, &err), 1);
	assert_int_equal(propsfile_undo(w->profile, &w->root, true, &err), 3);
	file_is(w, "a=9\npw=x\nnew=1\n");
	assert_int_equal(propsfile_undo(w->profile, &w->root, false, &err), 3);
	file_is(w, "a=1\\u0020\n");
	assert_int_equal(effects_list(w->profile, &w->root, "property", &list, &n, &err), 0);
	assert_int_equal(n, 0);
	effects_free(list, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(t_edit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(t_all_or_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(t_get, set_up, tear_down),
		cmocka_unit_test_setup_teardown(t_changed_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(t_undo, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
