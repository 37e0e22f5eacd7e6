/* proves: a file is replaced whole or not at all, keeps its attributes, and nothing is left behind
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scratch.h"
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/xattr.h>
#include "base/atomic.h"

static const struct atomic_opts plain = ATOMIC_OPTS_INIT;

static int replace(const char *path, const char *text, const struct atomic_opts *o, struct err *err)
{
	return atomic_replace(&root, path, text, strlen(text), o, err);
}

static void test_new_and_equal(void **state UNUSED)
{
	struct atomic_opts o = plain;

	o.mode = 0664;
	umask(077);
	assert_works(replace("/f", "one", &o, err), 0);
	umask(022);
	assert_content("f", "one");
	assert_int_equal(stat_of("f").st_mode & 07777, 0664);
	struct stat before = stat_of("f");

	assert_works(replace("/f", "one", &o, err), 1);
	assert_int_equal(stat_of("f").st_ino, before.st_ino);
	assert_works(replace("/f", "on", &o, err), 0);
	assert_content("f", "on");
	assert_works(replace("/f", "", &o, err), 0);
	assert_works(replace("/f", "", &o, err), 1);
	o.mode = 0600;	/* equal content, other mode */
	assert_works(replace("/f", "", &o, err), 0);
	assert_int_equal(stat_of("f").st_mode & 07777, 0600);
	o.may_exist_equal = false;
	before = stat_of("f");
	assert_works(replace("/f", "", &o, err), 0);
	assert_int_not_equal(stat_of("f").st_ino, before.st_ino);
	assert_int_equal(entries_in("."), 1);
	assert_fails(replace("/none/f", "x", &o, err), ERR_ABSENT, "No such file");
}

static void test_keep(void **state UNUSED)
{
	struct atomic_opts o = plain;
	AUTO_FREE char *path = in_scratch("f");
	char value[16];

	put("f", "old", 0604);
	if (geteuid() == 0)
		give_away("f");
	bool xattr = setxattr(path, "user.note", "kept", 4, 0) == 0;

	if (!xattr)
		printf("# no extended attributes here: %s\n", strerror(errno));
	o.keep = true;
	o.mode = 0600;
	assert_works(replace("/f", "new", &o, err), 0);
	assert_content("f", "new");
	assert_int_equal(stat_of("f").st_mode & 07777, 0604);
	if (geteuid() == 0)
		assert_int_equal(stat_of("f").st_uid, OTHER_USER);
	if (xattr)
		assert_int_equal(getxattr(path, "user.note", value, sizeof(value)), 4);
	assert_works(replace("/new", "new", &o, err), 0);
	assert_int_equal(stat_of("new").st_mode & 07777, 0600);
	put("set", "old", 04750);
	assert_works(replace("/set", "new", &o, err), 0);
	assert_int_equal(stat_of("set").st_mode & 07777, 04750);
}

/* The kernel's binary form (posix_acl_xattr.h): version, then tag, permissions and id of each entry. */
struct acl_entry { uint16_t tag, perm; uint32_t id; };
static int set_acl(const char *path, const char *name, unsigned perm_of_named)
{
	struct { uint32_t version; struct acl_entry e[5]; } acl = { 2, {
		{ 0x01, 7, ~0u }, { 0x02, (uint16_t)perm_of_named, 12345 }, { 0x04, 5, ~0u }, { 0x10, 7, ~0u }, { 0x20, 0, ~0u },
	} };

	return setxattr(path, name, &acl, sizeof(acl), 0);
}

static void test_acl(void **state UNUSED)
{
	struct atomic_opts o = plain;
	AUTO_FREE char *dir = in_scratch("d"), *with = in_scratch("d/with"), *without = in_scratch("d/without");
	char before[256], after[256];

	o.keep = true;
	make_dir_at("d", 0755);
	put("d/with", "old", 0640);
	put("d/without", "old", 0640);
	if (set_acl(with, "system.posix_acl_access", 6) < 0) {
		printf("# no ACLs here: %s\n", strerror(errno));
		return;
	}
	assert_int_equal(set_acl(dir, "system.posix_acl_default", 7), 0);
	ssize_t n = getxattr(with, "system.posix_acl_access", before, sizeof(before));

	assert_true(n > 0);
	assert_works(replace("/d/with", "new", &o, err), 0);
	assert_int_equal(getxattr(with, "system.posix_acl_access", after, sizeof(after)), n);
	assert_memory_equal(before, after, n);
	assert_works(replace("/d/without", "new", &o, err), 0);
	assert_int_equal(getxattr(without, "system.posix_acl_access", after, sizeof(after)), -1);
	assert_int_equal(stat_of("d/without").st_mode & 07777, 0640);
}

static void test_owner(void **state UNUSED)
{
	struct atomic_opts o = plain;

	put("f", "old", 0644);
	o.mode = 0640;
	if (geteuid() != 0) {
		o.uid = 0;
		assert_fails(replace("/f", "new", &o, err), ERR_FAIL, "set the owner");
		assert_content("f", "old");
		assert_int_equal(entries_in("."), 1);
		return;
	}
	o.uid = OTHER_USER;
	o.gid = OTHER_USER + 1;
	assert_works(replace("/f", "old", &o, err), 0);
	assert_int_equal(stat_of("f").st_uid, OTHER_USER);
	assert_int_equal(stat_of("f").st_gid, OTHER_USER + 1);
	assert_works(replace("/f", "old", &o, err), 1);
}

static void test_no_file(void **state UNUSED)
{
	AUTO_FREE char *fifo = in_scratch("fifo");
	struct atomic_opts o = plain;

	put("target", "safe", 0644);
	make_link("link", "target");
	make_dir_at("dir", 0755);
	assert_int_equal(mkfifo(fifo, 0644), 0);
	assert_fails(replace("/link", "safe", &o, err), ERR_FAIL, "not a regular file");
	assert_fails(replace("/link", "x", &o, err), ERR_FAIL, "not a regular file");
	assert_fails(replace("/dir", "x", &o, err), ERR_FAIL, "not a regular file");
	assert_fails(replace("/fifo", "", &o, err), ERR_FAIL, "not a regular file");
	assert_content("target", "safe");
	/* Not even to find that nothing is to be done. */
	make_link("via", "dir");
	put("dir/f", "same", 0644);
	assert_works(replace("/via/f", "same", &o, err), 1);
	o.path_flags = PATH_NO_LINKS;
	assert_fails(replace("/via/f", "same", &o, err), ERR_FAIL, "symbolic link");
	assert_int_equal(entries_in("."), 5);
}

static void test_expect(void **state UNUSED)
{
	struct atomic_opts o = plain;
	struct stat seen = { 0 };
	AUTO_BUF b = BUF_INIT;

	o.expect = &seen;	/* must not exist */
	assert_works(replace("/f", "one", &o, err), 0);
	assert_fails(replace("/f", "two", &o, err), ERR_BUSY, "changed by someone else");
	assert_fails(replace("/f", "one", &o, err), ERR_BUSY, "changed by someone else");
	assert_works(path_read_file(&root, "/f", &b, 100, &seen, err), 0);
	assert_works(replace("/f", "two", &o, err), 0);
	assert_fails(replace("/f", "three", &o, err), ERR_BUSY, "try again");
	assert_content("f", "two");
	/* Changed while we write. */
	assert_works(path_read_file(&root, "/f", &b, 100, &seen, err), 0);
	CLEANUP(atomic_abort) struct atomic a = ATOMIC_INIT;

	assert_works(atomic_begin(&a, &root, "/f", &o, err), 0);
	assert_int_equal(write(a.fd, "three", 5), 5);
	put("f", "by someone else", 0644);
	assert_fails(atomic_commit(&a, err), ERR_BUSY, "nothing was written");
	atomic_abort(&a);
	assert_content("f", "by someone else");
	/* Made, or made away with, while we write. */
	seen = (struct stat){ 0 };
	assert_works(atomic_begin(&a, &root, "/g", &o, err), 0);
	put("g", "first", 0644);
	assert_fails(atomic_commit(&a, err), ERR_BUSY, "nothing was written");
	atomic_abort(&a);
	assert_works(path_read_file(&root, "/g", &b, 100, &seen, err), 0);
	assert_works(path_unlink(&root, "/g", err), 0);
	assert_fails(replace("/g", "x", &o, err), ERR_BUSY, "changed");
	assert_int_equal(entries_in("."), 1);
}

static void test_steps(void **state UNUSED)
{
	CLEANUP(atomic_abort) struct atomic a = ATOMIC_INIT, b = ATOMIC_INIT, c = ATOMIC_INIT;

	atomic_abort(&c);	/* before anything */
	/* Two files of one directory at the same time, and the same file twice. */
	assert_works(atomic_begin(&a, &root, "/a", &plain, err), 0);
	assert_works(atomic_begin(&b, &root, "/b", &plain, err), 0);
	assert_works(atomic_begin(&c, &root, "/a", &plain, err), 0);
	assert_int_equal(fcntl(a.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(write(a.fd, "a", 1), 1);
	assert_int_equal(write(b.fd, "b", 1), 1);
	assert_int_equal(write(c.fd, "c", 1), 1);
	assert_works(replace("/a", "now", &plain, err), 0);
	assert_works(atomic_commit(&a, err), 0);
	assert_works(atomic_commit(&b, err), 0);
	atomic_abort(&a);
	atomic_abort(&a);
	assert_content("a", "a");
	assert_content("b", "b");
	assert_works(atomic_commit(&c, err), 0);
	assert_content("a", "c");
	assert_int_equal(entries_in("."), 2);
	atomic_abort(&b);
	assert_works(atomic_begin(&b, &root, "/b", &plain, err), 0);
	assert_int_equal(entries_in("."), 3);
	atomic_abort(&b);
	assert_int_equal(entries_in("."), 2);
}

static void test_sweep_after_kill(void **state UNUSED)
{
	put("f", "old", 0644);
	put(".f.maintkit-0123456789ab", "left", 0600);
	put(".f.maintkit-0123456789aG", "no temporary", 0600);
	put(".f.maintkit-0123456789abc", "no temporary", 0600);
	put(".g.maintkit-0123456789ab", "of another", 0600);
	make_link(".f.maintkit-00000000000a", "f");
	pid_t pid = forked();

	if (pid == 0) {
		struct atomic a = ATOMIC_INIT;

		if (atomic_begin(&a, &root, "/f", &plain, NULL) < 0 || write(a.fd, "half", 4) != 4)
			_exit(1);
		raise(SIGKILL);
	}
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_content("f", "old");
	assert_int_equal(entries_in("."), 5);	/* the child swept two and left one */
	assert_works(replace("/f", "new", &plain, err), 0);
	assert_content("f", "new");
	assert_int_equal(entries_in("."), 4);
	assert_true(there_is(".g.maintkit-0123456789ab"));
}

/* Run in a child, whose changes of limits and mounts end with it; 0 = all well. */
static int in_child(int (*fn)(void))
{
	pid_t pid = forked();
	int status;

	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int fails_and_leaves_old(int wanted_errno)
{
	struct err err = ERR_INIT;
	static char big[256 << 10];

	memset(big, 'x', sizeof(big) - 1);
	/* No assertion here: it would jump into the parent's part of the test. */
	if (replace("/m/f", big, &plain, &err) != -1 || err.sys != wanted_errno || !strstr(err.text, "/m/f'")) {
		fprintf(stderr, "# %d %s\n", err.sys, err.text);
		return 1;
	}
	return stat_of("m/f").st_size == 3 && entries_in("m") == 1 ? 0 : 2;
}

static int over_the_limit(void)
{
	struct rlimit limit = { 65536, 65536 };

	signal(SIGXFSZ, SIG_IGN);
	return setrlimit(RLIMIT_FSIZE, &limit) < 0 ? 2 : fails_and_leaves_old(EFBIG);
}

static int on_a_full_disk(void)
{
	AUTO_FREE char *m = in_scratch("m");

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", m, "tmpfs", 0, "size=128k") < 0)
		return 77;
	root_release(&root);	/* its descriptor is of the old mounts */
	if (root_init(&root, scratch, NULL) < 0)
		return 3;
	put("m/f", "old", 0644);
	return fails_and_leaves_old(ENOSPC);
}

static void test_full(void **state UNUSED)
{
	make_dir_at("m", 0755);
	put("m/f", "old", 0644);
	assert_int_equal(in_child(over_the_limit), 0);
	int rc = in_child(on_a_full_disk);

	if (rc == 77)
		printf("# no file system of our own can be mounted here; the full disk is not tried\n");
	else
		assert_int_equal(rc, 0);
}

/* Until it is killed; or, with a file to write, for longer than one waits where anybody may hold it. */
static pid_t hold_lock(const char *name, const char *last)
{
	AUTO_FREE char *path = in_scratch(name);
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = forked();

	if (pid == 0) {
		int fd = open(path, O_RDONLY);

		if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		if (!last)
			pause();
		sleep(3);
		put(last, "of its holder", 0644);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

/* Who may read a directory may lock it: that must not stop us. One that is ours alone is waited for. */
static void test_locked_directory(void **state UNUSED)
{
	int status;

	make_dir_at("open", 0755);
	make_dir_at("closed", 0700);
	pid_t a = hold_lock("open", NULL), b = hold_lock("closed", "closed/f");

	assert_works(replace("/open/f", "x", &plain, err), 0);
	assert_content("open/f", "x");
	assert_works(replace("/closed/f", "x", &plain, err), 0);
	assert_int_equal(waitpid(b, &status, 0), b);
	assert_int_equal(status, 0);
	assert_content("closed/f", "x");
	assert_int_equal(entries_in("closed"), 1);
	kill(a, SIGKILL);
	waitpid(a, NULL, 0);
}

static void write_often(char c)
{
	char text[40000];

	memset(text, c, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 100; i++)
		if (replace("/f", text, &plain, NULL) < 0)
			_exit(1);
	_exit(0);
}

static void test_many_writers(void **state UNUSED)
{
	pid_t pids[4];
	AUTO_BUF b = BUF_INIT;

	put("f", "", 0644);
	for (int i = 0; i < 4; i++) {
		pids[i] = forked();
		if (pids[i] == 0)
			write_often((char)('a' + i));
	}
	for (int left = 4; left; ) {
		int status;

		buf_reset(&b);
		assert_works(path_read_file(&root, "/f", &b, 100000, NULL, err), 0);
		if (b.len) {
			assert_int_equal(b.len, 39999);
			assert_int_equal(strspn(b.p, (char[]){ b.p[0], 0 }), 39999);
		}
		if (waitpid(-1, &status, WNOHANG) > 0) {
			assert_int_equal(status, 0);
			left--;
		}
	}
	assert_int_equal(entries_in("."), 1);
}

static void test_long_name(void **state UNUSED)
{
	AUTO_FREE char *path = xmalloc(257);

	memset(path, 'n', 256);
	path[0] = '/';
	path[256] = '\0';
	assert_works(replace(path, "x", &plain, err), 0);
	assert_works(replace(path, "y", &plain, err), 0);
	assert_content(path + 1, "y");
	assert_int_equal(entries_in("."), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(test_new_and_equal),
		WITH_SCRATCH(test_keep),
		WITH_SCRATCH(test_acl),
		WITH_SCRATCH(test_owner),
		WITH_SCRATCH(test_no_file),
		WITH_SCRATCH(test_expect),
		WITH_SCRATCH(test_steps),
		WITH_SCRATCH(test_sweep_after_kill),
		WITH_SCRATCH(test_full),
		WITH_SCRATCH(test_locked_directory),
		WITH_SCRATCH(test_many_writers),
		WITH_SCRATCH(test_long_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
