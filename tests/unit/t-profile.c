/* proves: profiles say what they say, in the order of their sources, and a bad line is named with its number
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
// ext: profile
#include "scratch.h"
#include "ext/profile.h"

#define SHIPPED "usr/share/pkg/maintkit.conf"

static void setup_dirs(void)
{
	static const char *const dirs[] = { "/usr/share/pkg", "/etc/pkg", "/var/lib/maintkit/pkg" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_works(path_mkdirs(&root, dirs[i], 0755, (uid_t)-1, (gid_t)-1, err), 0);
}

static void test_values(void **state UNUSED)
{
	CLEANUP(profile_cleanup) struct profile *p = NULL;
	AUTO_STRV words = STRV_INIT;
	long n;

	setup_dirs();
	put(SHIPPED, "\xef\xbb\xbf; comment\n[package]\r\nname = pkg ; behind\n# other\n\n[sql:two]\nA = = x:y \na=b;c\n"
	    "list =\n  one two\n\tthree\n[sql:one]\nyes = On\nno = off\nn = -5\nbad = 5x\nempty =\n[package]\nlate : 1\n", 0644);
	assert_works(profile_load(&p, &root, "pkg", NULL, err), 0);
	assert_string_equal(profile_package(p), "pkg");
	assert_string_equal(profile_get(p, "package", "name"), "pkg");
	assert_string_equal(profile_get(p, "package", "late"), "1");
	assert_string_equal(profile_get(p, "sql:two", "A"), "= x:y");
	assert_string_equal(profile_get(p, "sql:two", "a"), "b;c");
	assert_string_equal(profile_get(p, "sql:two", "list"), "one two three");
	assert_null(profile_get(p, "sql:one", "empty"));
	assert_null(profile_get(p, "nowhere", "empty"));
	assert_string_equal(profile_get_or(p, "sql:one", "empty", "dflt"), "dflt");
	assert_true(profile_bool(p, "sql:one", "yes", false));
	assert_false(profile_bool(p, "sql:one", "no", true));
	assert_true(profile_bool(p, "sql:one", "none", true));
	assert_works(profile_int(p, "sql:one", "n", -10, 10, 1, &n, err), 0);
	assert_int_equal(n, -5);
	assert_works(profile_int(p, "sql:one", "none", 0, 10, 7, &n, err), 0);
	assert_int_equal(n, 7);
	assert_fails(profile_int(p, "sql:one", "n", 0, 10, 1, &n, err), ERR_FAIL, "[sql:one] n: '-5' is not a number from 0 to 10");
	assert_fails(profile_int(p, "sql:one", "bad", 0, 10, 1, &n, err), ERR_FAIL, SHIPPED);
	struct err e = ERR_INIT;

	assert_null(profile_require(p, "sql:one", "gone", &e));
	assert_non_null(strstr(e.text, SHIPPED ": [sql:one] gone is missing"));
	profile_words(p, "sql:two", "list", &words);
	assert_int_equal(words.n, 3);
	strv_release(&words);
	profile_sections(p, "sql:", &words);
	assert_int_equal(words.n, 2);
	assert_string_equal(words.v[0], "sql:two");
	AUTO_FREE char *dir = profile_state_path(p, ""), *leaf = profile_state_path(p, "x");

	assert_string_equal(dir, "/var/lib/maintkit/pkg");
	assert_string_equal(leaf, "/var/lib/maintkit/pkg/x");
}

static void test_sources(void **state UNUSED)
{
	CLEANUP(profile_cleanup) struct profile *p = NULL;

	setup_dirs();
	assert_fails(profile_load(&p, &root, "pkg", NULL, err), ERR_ABSENT, "package 'pkg' has no profile");
	put("var/lib/maintkit/pkg/profile", "[package]\nname = pkg\n[sql]\ndir = kept\n", 0600);
	assert_works(profile_load(&p, &root, "pkg", NULL, err), 0);
	assert_string_equal(profile_get(p, "sql", "dir"), "kept");
	profile_cleanup(&p);
	put(SHIPPED, "[package]\nname = pkg\n[sql]\ndir = shipped\nother = o\n", 0644);
	put("etc/pkg/maintkit.conf", "[sql]\ndir = local\n  and more\n[backup]\nnew = n\n", 0644);
	assert_works(profile_load(&p, &root, "pkg", NULL, err), 0);
	assert_string_equal(profile_get(p, "sql", "dir"), "local and more");
	assert_string_equal(profile_get(p, "sql", "other"), "o");
	assert_string_equal(profile_get(p, "backup", "new"), "n");
	profile_cleanup(&p);
	/* --profile: a path of the caller's, and alone */
	AUTO_FREE char *file = in_scratch(SHIPPED);

	assert_works(profile_load(&p, &root, "pkg", file, err), 0);
	assert_string_equal(profile_get(p, "sql", "dir"), "shipped");
	profile_cleanup(&p);
	assert_fails(profile_load(&p, &root, "pkg", "/no/such", err), ERR_ABSENT, "'/no/such'");
	assert_fails(profile_load(&p, &root, "other", file, err), ERR_FAIL, "is for package 'pkg', not 'other'");
	p = NULL;
	static const char *const bad[] = { "", "x", "../x", "a/b", "A1", ".x", "-x", "x y" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(profile_load(&p, &root, bad[i], NULL, err), ERR_USAGE, "is not a package name");
}

static void test_bad_lines(void **state UNUSED)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "[package]\nname\n", ":2: this is neither" },
		{ "[package]\na = 1\n\n[nonsense]\n", ":4: unknown section [nonsense]" },
		{ "[sqlx]\n", ":1: unknown section [sqlx]" },
		{ "[sql:]\n", ":1: unknown section [sql:]" },
		{ "[sql\n", ":1: a section's name ends with ']'" },
		{ "a = 1\n", ":1: a key stands below a [section]" },
		{ "[sql]\na = 1\nb = 2\na = 3\n", ":4: 'a' is set twice in [sql]" },
		{ "[sql]\na = 1\n[sql]\na = 3\n", ":4: 'a' is set twice in [sql]" },
		{ "[sql]\n = 1\n", ":2: an indented line" },
		{ "[sql]\n=1\n", ":2: a key has 1 to 49 bytes" },
		{ "[sql]\na = 1\n  more ; no comment\n", ":3: a continued line can have no comment" },
		{ "[sql:12345678901234567890123456789012345678901234567890]\n", ":1: a section's name has at most" },
	};

	setup_dirs();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct profile *p = NULL;

		put(SHIPPED, cases[i].text, 0644);
		assert_fails(profile_load(&p, &root, "pkg", NULL, err), ERR_FAIL, cases[i].want);
		assert_fails(profile_load(&p, &root, "pkg", NULL, err), ERR_FAIL, "mend that line");
	}
}

/* libinih cuts longer lines in two without a word: each length around its limit. */
static void test_long_lines(void **state UNUSED)
{
	setup_dirs();
	for (size_t len = 190; len < 420; len++) {
		CLEANUP(profile_cleanup) struct profile *p = NULL;
		AUTO_BUF text = BUF_INIT, want = BUF_INIT;

		for (size_t i = 4; i < len; i++)
			buf_addc(&want, (char)('a' + i % 26));
		buf_addf(&text, "[sql]\nk = %s\nz = 1\n", want.p);
		put(SHIPPED, text.p, 0644);
		if (len > PROFILE_LINE_MAX) {
			assert_fails(profile_load(&p, &root, "pkg", NULL, err), ERR_FAIL, ":2: the line has");
			continue;
		}
		assert_works(profile_load(&p, &root, "pkg", NULL, err), 0);
		assert_string_equal(profile_get(p, "sql", "k"), want.p);
		assert_string_equal(profile_get(p, "sql", "z"), "1");
	}
}

/* The copy for the time after removal says the same, also of long values. */
static void test_copy(void **state UNUSED)
{
	CLEANUP(profile_cleanup) struct profile *p = NULL, *copy = NULL;
	AUTO_BUF text = BUF_INIT;

	setup_dirs();
	buf_adds(&text, "[package]\nname = pkg\n[sql]\nspaced = a  b\nhash = #1\nlong = start\n");
	for (int i = 0; i < 60; i++)
		buf_addf(&text, "  word%d x%s\n", i, i % 7 ? "" : " x#y z;w");
	buf_adds(&text, "one-word =\n  ");
	for (int i = 0; i < 190; i++)
		buf_addc(&text, 'w');
	buf_adds(&text, "\n");
	put(SHIPPED, text.p, 0644);
	put("etc/pkg/maintkit.conf", "[sql]\nlocal = yes\n", 0644);
	assert_works(profile_load(&p, &root, "pkg", NULL, err), 0);
	assert_works(profile_save_copy(p, &root, err), 0);
	assert_int_equal(stat_of("var/lib/maintkit/pkg/profile").st_mode & 07777, 0600);
	assert_works(path_unlink(&root, "/" SHIPPED, err), 0);
	assert_works(path_unlink(&root, "/etc/pkg/maintkit.conf", err), 0);
	assert_works(profile_load(&copy, &root, "pkg", NULL, err), 0);
	static const char *const keys[] = { "spaced", "hash", "long", "one-word", "local" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		assert_string_equal(profile_get(copy, "sql", keys[i]), profile_get(p, "sql", keys[i]));
	struct stat before = stat_of("var/lib/maintkit/pkg/profile");

	assert_works(profile_save_copy(copy, &root, err), 0);
	assert_int_equal(stat_of("var/lib/maintkit/pkg/profile").st_ino, before.st_ino);
}

static void test_packages(void **state UNUSED)
{
	AUTO_STRV names = STRV_INIT;

	assert_works(profile_packages(&root, &names, err), 0);
	assert_int_equal(names.n, 0);
	setup_dirs();
	put(SHIPPED, "", 0644);
	put("var/lib/maintkit/pkg/profile", "", 0600);
	make_dir_at("usr/share/Bad_Name", 0755);
	put("usr/share/Bad_Name/maintkit.conf", "", 0644);
	make_dir_at("usr/share/other", 0755);
	make_dir_at("usr/share/other/maintkit.conf", 0755);
	make_dir_at("var/lib/maintkit/gone", 0755);
	put("var/lib/maintkit/gone/profile", "", 0600);
	assert_works(profile_packages(&root, &names, err), 0);
	assert_int_equal(names.n, 2);
	assert_string_equal(names.v[0], "pkg");
	assert_string_equal(names.v[1], "gone");
}

static void test_user(void **state UNUSED)
{
	CLEANUP(profile_cleanup) struct profile *p = NULL;
	uid_t uid = 0;
	gid_t gid = 0;

	setup_dirs();
	put(SHIPPED, "[package]\nuser = web\n", 0644);
	assert_works(profile_load(&p, &root, "pkg", NULL, err), 0);
	assert_fails(profile_user(p, &root, &uid, &gid, err), ERR_ABSENT, "passwd");
	put("etc/passwd", "root:x:0:0::/:/bin/sh\n", 0644);
	assert_fails(profile_user(p, &root, &uid, &gid, err), ERR_ABSENT, "no user 'web' below");
	put("etc/passwd", "root:x:0:0::/:/bin/sh\nweb:x:4711:4712::/:/bin/false\n", 0644);
	assert_works(profile_user(p, &root, &uid, &gid, err), 0);
	assert_int_equal(uid, 4711);
	assert_int_equal(gid, 4712);
}

/* As root on the running system (here: in a chroot) only root's profiles count. */
static int load_in_chroot(void)
{
	struct root real = ROOT_INIT;
	struct profile *p = NULL;
	struct err err = ERR_INIT;

	if (chroot(scratch) < 0 || root_init(&real, NULL, &err) < 0)
		return 10;
	int rc = profile_load(&p, &real, "pkg", NULL, &err);
	int by_name = rc < 0 ? profile_load(&p, &real, "pkg", "/" SHIPPED, &err) : 0;

	return rc == 0 ? 0 : by_name == 0 && strstr(err.text, "could have been written by somebody else") ? 1 : 11;
}

static int in_child(void)
{
	pid_t pid = forked();
	int status;

	if (pid == 0)
		_exit(load_in_chroot());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void test_owner(void **state UNUSED)
{
	NEEDS_ROOT();
	setup_dirs();
	put(SHIPPED, "[package]\nname = pkg\n", 0644);
	assert_int_equal(in_child(), 0);
	put(SHIPPED, "[package]\nname = pkg\n", 0664);
	assert_int_equal(in_child(), 1);
	put(SHIPPED, "[package]\nname = pkg\n", 0644);
	give_away(SHIPPED);
	assert_int_equal(in_child(), 1);
}

static void test_shipped_profile(void **state UNUSED)
{
	CLEANUP(profile_cleanup) struct profile *p = NULL;
	const char *top = getenv("TOP");
	AUTO_FREE char *file = xasprintf("%s/debian/oscar-emr.maintkit", top ? top : ".");

	if (access(file, R_OK) < 0) {
		printf("# '%s' is not there: not run from the top of the sources\n", file);
		return;
	}
	assert_works(profile_load(&p, &root, "oscar-emr", file, err), 0);
	assert_string_equal(profile_get(p, "package", "user"), "oscar-emr");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(test_values),
		WITH_SCRATCH(test_sources),
		WITH_SCRATCH(test_bad_lines),
		WITH_SCRATCH(test_long_lines),
		WITH_SCRATCH(test_copy),
		WITH_SCRATCH(test_packages),
		WITH_SCRATCH(test_user),
		WITH_SCRATCH(test_owner),
		WITH_SCRATCH(test_shipped_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
