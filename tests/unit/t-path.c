/* proves: paths are reached below their root only, and over nobody else's link
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scratch.h"
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static void test_shape(void **state UNUSED)
{
	AUTO_BUF b = BUF_INIT;
	const char *name;

	assert_fails(path_read_file(&root, "x", &b, 10, NULL, err), ERR_FAIL, "does not name a file");
	assert_fails(path_read_file(&root, "x/y", &b, 10, NULL, err), ERR_FAIL, "not an absolute path");
	assert_fails(path_read_file(&root, "/a/../x", &b, 10, NULL, err), ERR_FAIL, "contains '..'");
	assert_fails(path_read_file(&root, "/../x", &b, 10, NULL, err), ERR_FAIL, "contains '..'");
	assert_fails(path_open_dir(&root, "/a/..", 0, err), ERR_FAIL, "contains '..'");
	assert_fails(path_open_parent(&root, "/a/..", 0, &name, err), ERR_FAIL, "does not name a file");
	assert_fails(path_open_parent(&root, "/", 0, &name, err), ERR_FAIL, "does not name a file");
	assert_fails(path_open_parent(&root, "/a/", 0, &name, err), ERR_FAIL, "does not name a file");
	AUTO_FREE char *longest = xmalloc(5000);

	memset(longest, 'x', 4999);
	longest[0] = '/';
	longest[4999] = '\0';
	assert_fails(path_open_dir(&root, longest, 0, err), ERR_FAIL, "File name too long");
	/* Names that only look like it. */
	put("..x", "dots", 0644);
	assert_works(path_read_file(&root, "/..x", &b, 10, NULL, err), 0);
	assert_string_equal(b.p, "dots");
	assert_works(path_read_file(&root, "//.///..x", &b, 10, NULL, err), 0);
}

static void test_root(void **state UNUSED)
{
	struct root r = ROOT_INIT;
	AUTO_FREE char *none = in_scratch("none");

	assert_true(root_is_foreign(&root));
	assert_string_equal(root.prefix, scratch);
	assert_fails(root_init(&r, none, err), ERR_ABSENT, "root directory");
	put("file", "", 0644);
	AUTO_FREE char *file = in_scratch("file");

	assert_fails(root_init(&r, file, err), ERR_FAIL, "Not a directory");
	assert_works(root_init(&r, "/", err), 0);
	assert_false(root_is_foreign(&r));
	assert_string_equal(r.prefix, "");
	root_release(&r);
	root_release(&r);	/* twice is safe */
}

static void test_last_component(void **state UNUSED)
{
	AUTO_BUF b = BUF_INIT;
	struct stat st;

	put("file", "content", 0644);
	make_link("link", "file");
	make_link("dangling", "none");
	assert_fails(path_read_file(&root, "/link", &b, 100, NULL, err), ERR_FAIL, "symbolic link");
	assert_fails(path_open(&root, "/dangling", O_WRONLY | O_CREAT, 0600, 0, err), ERR_FAIL, "symbolic link");
	assert_false(there_is("none"));
	assert_fails(path_read_file(&root, "/none", &b, 100, NULL, err), ERR_ABSENT, "No such file");
	assert_fails(path_read_file(&root, "/file/x", &b, 100, NULL, err), ERR_FAIL, "Not a directory");
	assert_works(path_stat(&root, "/link", &st, err), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_string_equal(b.p, "");
}

static void test_trusted_link(void **state UNUSED)
{
	AUTO_BUF b = BUF_INIT;

	make_dir_at("real", 0755);
	put("real/f", "in root", 0644);
	make_dir_at("dir", 0755);
	make_link("dir/relative", "../real");
	make_link("dir/absolute", "/real");		/* means the root's, not the machine's */
	make_link("dir/outside", "../../../../../../real");
	make_link("dir/chain", "relative/./../dir/absolute");
	static const char *const names[] = { "relative", "absolute", "outside", "chain" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_FREE char *path = xasprintf("/dir/%s/f", names[i]);
		AUTO_FD int fd = -1;

		buf_reset(&b);
		assert_works(path_read_file(&root, path, &b, 100, NULL, err), 0);
		assert_string_equal(b.p, "in root");
		assert_fails(path_open(&root, path, O_RDONLY, 0, PATH_NO_LINKS, err), ERR_FAIL, "symbolic link");
	}
	make_link("dir/loop", "loop");
	assert_fails(path_read_file(&root, "/dir/loop/f", &b, 100, NULL, err), ERR_FAIL, "symbolic links");
	make_link("dir/proc", "/proc");
	assert_fails(path_open_dir(&root, "/dir/proc/self", 0, err), ERR_ABSENT, "No such file");
}

static void test_untrusted_directory(void **state UNUSED)
{
	make_dir_at("real", 0755);
	make_dir_at("open", 0777);
	make_link("open/link", "../real");
	assert_fails(path_open_dir(&root, "/open/link", 0, err), ERR_FAIL, "'/open/link' is a symbolic link");
	make_dir_at("group", 0775);
	make_link("group/link", "../real");
	assert_fails(path_open_dir(&root, "/group/link", 0, err), ERR_FAIL, "symbolic link");
	make_dir_at("sticky", 01777);
	make_link("sticky/link", "../real");
	assert_fails(path_open_dir(&root, "/sticky/link", 0, err), ERR_FAIL, "symbolic link");
	/* Below the sticky one a directory of ours is as good as anywhere. */
	make_dir_at("sticky/ours", 0755);
	make_link("sticky/ours/link", "/real");
	AUTO_FD int fd = path_open_dir(&root, "/sticky/ours/link", 0, NULL);

	assert_true(fd >= 0);
	/* Below the open one it could be exchanged for another of ours. */
	make_dir_at("open/ours", 0755);
	make_link("open/ours/link", "/real");
	assert_fails(path_open_dir(&root, "/open/ours/link", 0, err), ERR_FAIL, "symbolic link");
}

static void test_other_user(void **state UNUSED)
{
	NEEDS_ROOT();
	make_dir_at("real", 0755);
	make_dir_at("ours", 0755);
	make_link("ours/theirs", "../real");
	give_away("ours/theirs");
	assert_fails(path_open_dir(&root, "/ours/theirs", 0, err), ERR_FAIL, "symbolic link");
	make_dir_at("their", 0755);
	make_link("their/ours", "../real");
	make_dir_at("their/sub", 0755);
	make_link("their/sub/ours", "/real");
	give_away("their");
	assert_fails(path_open_dir(&root, "/their/ours", 0, err), ERR_FAIL, "symbolic link");
	assert_fails(path_open_dir(&root, "/their/sub/ours", 0, err), ERR_FAIL, "symbolic link");
	/* seteuid: another user's process trusts root's links, not ours */
	make_link("root-link", "real");
	assert_int_equal(seteuid(OTHER_USER), 0);
	int fd = path_open_dir(&root, "/root-link", 0, NULL);
	int by_other = path_open_dir(&root, "/their/ours", 0, NULL);

	assert_int_equal(seteuid(0), 0);
	assert_true(fd >= 0);
	assert_true(by_other >= 0);	/* root's link in their own directory */
	close(fd);
	close(by_other);
}

/* Somebody exchanges a directory for a link to the outside, as fast as he can. */
static void swap_for_ever(const char *a, const char *b)
{
	if (geteuid() == 0 && (setgid(OTHER_USER) < 0 || setuid(OTHER_USER) < 0))
		_exit(1);
	for (;;)
		renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

static void test_swaps(void **state UNUSED)
{
	int reached = 0, refused = 0;

	make_dir_at("outside", 0755);
	make_dir_at("hostile", 0777);
	make_dir_at("hostile/d", 0777);
	make_link("hostile/l", "../outside");
	if (geteuid() == 0) {
		give_away("hostile/d");
		give_away("hostile/l");
		give_away("hostile");
	}
	AUTO_FREE char *a = in_scratch("hostile/d"), *b = in_scratch("hostile/l");
	pid_t pid = forked();

	if (pid == 0)
		swap_for_ever(a, b);
	for (int i = 0; i < 3000 || ((!reached || !refused) && i < 300000); i++) {
		AUTO_FD int fd = path_open(&root, "/hostile/d/f", O_WRONLY | O_CREAT, 0600, 0, NULL);

		*(fd < 0 ? &refused : &reached) += 1;
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(entries_in("outside"), 0);
	assert_true(reached > 0 && refused > 0);	/* else it did not race */
}

static void test_not_regular(void **state UNUSED)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_FREE char *fifo = in_scratch("fifo"), *sock = in_scratch("sock");
	struct root real = ROOT_INIT;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO_FD int s = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(mkfifo(fifo, 0644), 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", sock);
	assert_int_equal(bind(s, (struct sockaddr *)&addr, sizeof(addr)), 0);
	make_dir_at("dir", 0755);
	assert_fails(path_read_file(&root, "/fifo", &b, 100, NULL, err), ERR_FAIL, "not a regular file");
	assert_fails(path_read_file(&root, "/dir", &b, 100, NULL, err), ERR_FAIL, "not a regular file");
	assert_fails(path_read_file(&root, "/sock", &b, 100, NULL, err), ERR_FAIL, "sock'");
	assert_works(root_init(&real, NULL, err), 0);
	assert_fails(path_read_file(&real, "/dev/zero", &b, 100, NULL, err), ERR_FAIL, "not a regular file");
	root_release(&real);
	assert_int_equal(b.len, 0);
}

static void test_size(void **state UNUSED)
{
	AUTO_BUF b = BUF_INIT;
	struct stat st;

	put("f", "12345", 0640);
	assert_works(path_read_file(&root, "/f", &b, 5, &st, err), 0);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_string_equal(b.p, "12345");
	assert_fails(path_read_file(&root, "/f", &b, 4, NULL, err), ERR_FAIL, "5 bytes, more than the 4");
	/* No size known beforehand. */
	struct root real = ROOT_INIT;

	assert_works(root_init(&real, NULL, err), 0);
	assert_fails(path_read_file(&real, "/proc/self/status", &b, 20, NULL, err), ERR_FAIL, "more than 20 bytes");
	root_release(&real);
}

static void test_mkdirs(void **state UNUSED)
{
	umask(077);
	assert_works(path_mkdirs(&root, "/a/b/c", 02775, (uid_t)-1, (gid_t)-1, err), 0);
	umask(022);
	assert_int_equal(stat_of("a").st_mode & 07777, 02775);
	assert_int_equal(stat_of("a/b/c").st_mode & 07777, 02775);
	assert_works(path_mkdirs(&root, "/a/b", 0700, (uid_t)-1, (gid_t)-1, err), 0);
	assert_int_equal(stat_of("a/b").st_mode & 07777, 02775);
	assert_works(path_mkdirs(&root, "/a/x//y///", 0700, (uid_t)-1, (gid_t)-1, err), 0);
	assert_int_equal(stat_of("a/x/y").st_mode & 07777, 0700);
	assert_works(path_mkdirs(&root, "/", 0700, (uid_t)-1, (gid_t)-1, err), 0);
	put("file", "", 0644);
	assert_fails(path_mkdirs(&root, "/file", 0755, (uid_t)-1, (gid_t)-1, err), ERR_FAIL, "Not a directory");
	assert_fails(path_mkdirs(&root, "/file/x", 0755, (uid_t)-1, (gid_t)-1, err), ERR_FAIL, "Not a directory");
	make_link("dangling", "nowhere");
	assert_fails(path_mkdirs(&root, "/dangling", 0755, (uid_t)-1, (gid_t)-1, err), ERR_ABSENT, "dangling");
	assert_false(there_is("nowhere"));
	assert_int_equal(entries_in("."), 3);
	/* What a killed run left. */
	make_dir_at("a/.n.maintkit-0123456789ab", 0700);
	make_dir_at("a/.n.maintkit-0123456789ac", 0700);
	put("a/.n.maintkit-0123456789ac/kept", "", 0600);
	make_dir_at("a/.other.maintkit-0123456789ab", 0700);
	assert_works(path_mkdirs(&root, "/a/n", 0755, (uid_t)-1, (gid_t)-1, err), 0);
	assert_false(there_is("a/.n.maintkit-0123456789ab"));
	assert_true(there_is("a/.n.maintkit-0123456789ac/kept"));
	assert_true(there_is("a/.other.maintkit-0123456789ab"));
	if (geteuid() != 0)
		return;
	assert_works(path_mkdirs(&root, "/a/owned/sub", 0750, OTHER_USER, OTHER_USER + 1, err), 0);
	assert_int_equal(stat_of("a/owned").st_uid, OTHER_USER);
	assert_int_equal(stat_of("a/owned/sub").st_gid, OTHER_USER + 1);
}

static void test_unlink(void **state UNUSED)
{
	put("f", "x", 0644);
	make_link("l", "f");
	make_dir_at("d", 0755);
	assert_works(path_unlink(&root, "/l", err), 0);
	assert_true(there_is("f"));
	assert_works(path_unlink(&root, "/l", err), 1);
	assert_works(path_unlink(&root, "/none/f", err), 1);
	assert_fails(path_unlink(&root, "/d", err), ERR_FAIL, "remove");
	assert_works(path_unlink(&root, "/f", err), 0);
	assert_false(there_is("f"));
}

static void test_list(void **state UNUSED)
{
	AUTO_STRV names = STRV_INIT;

	strv_add(&names, "zz");
	put("b", "", 0644);
	put(".a", "", 0644);
	put("\xc3\xa4", "", 0644);
	put("B", "", 0644);
	assert_works(path_list(&root, "/", &names, err), 0);
	static const char *const want[] = { "zz", ".a", "B", "b", "\xc3\xa4" };

	assert_int_equal(names.n, ARRAY_LEN(want));
	for (size_t i = 0; i < names.n; i++)
		assert_string_equal(names.v[i], want[i]);
	assert_fails(path_list(&root, "/none", &names, err), ERR_ABSENT, "No such file");
}

static void test_dirname(void **state UNUSED)
{
	static const char *const pairs[][2] = { { "/a/b", "/a" }, { "/a", "/" }, { "/", "/" }, { "a", "/" } };

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		AUTO_FREE char *d = path_dirname(pairs[i][0]);

		assert_string_equal(d, pairs[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(test_shape),
		WITH_SCRATCH(test_root),
		WITH_SCRATCH(test_last_component),
		WITH_SCRATCH(test_trusted_link),
		WITH_SCRATCH(test_untrusted_directory),
		WITH_SCRATCH(test_other_user),
		WITH_SCRATCH(test_swaps),
		WITH_SCRATCH(test_not_regular),
		WITH_SCRATCH(test_size),
		WITH_SCRATCH(test_mkdirs),
		WITH_SCRATCH(test_unlink),
		WITH_SCRATCH(test_list),
		WITH_SCRATCH(test_dirname),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
