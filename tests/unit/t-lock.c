/* proves: locks keep others out for as long as their holder lives, and no longer
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scratch.h"
#include <sys/file.h>
#include <time.h>
#include "base/lock.h"

static long long ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A process that holds the lock of /l until it is killed, or removes the file after a while. */
static pid_t holder(int remove_after_ms)
{
	int ready[2];
	char c = 0;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = forked();

	if (pid == 0) {
		int fd = lock_file(&root, "/l", 0, NULL);

		if (fd < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		while (!remove_after_ms)
			pause();
		usleep((unsigned)remove_after_ms * 1000);
		_exit(path_unlink(&root, "/l", NULL) == 0 ? 0 : 1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void test_held(void **state UNUSED)
{
	pid_t pid = holder(0);
	long long before = ms();

	assert_fails(lock_file(&root, "/l", 0, err), ERR_BUSY, "'/l' is locked by another process");
	assert_true(ms() - before < 10000);
	before = ms();
	assert_fails(lock_file(&root, "/l", 200, err), ERR_BUSY, "try again");
	assert_in_range(ms() - before, 200, 20000);
	assert_int_equal(stat_of("l").st_mode & 07777, 0600);
	kill(pid, SIGKILL);
	AUTO_FD int fd = lock_file(&root, "/l", 60000, NULL);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	waitpid(pid, NULL, 0);
}

/* Whoever waited must not end up with the lock of a file that is no more. */
static void test_removed_meanwhile(void **state UNUSED)
{
	pid_t pid = holder(200);
	AUTO_FD int fd = lock_file(&root, "/l", 60000, NULL);
	struct stat st;
	int status;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, stat_of("l").st_ino);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_fails(lock_file(&root, "/l", 0, err), ERR_BUSY, "locked");
}

static volatile sig_atomic_t ticks;
static void on_tick(int s UNUSED)
{
	ticks++;
}

static void test_signals(void **state UNUSED)
{
	struct sigaction sa = { .sa_handler = on_tick };	/* no SA_RESTART */
	pid_t pid = holder(0);
	pid_t self = getpid();

	sigaction(SIGUSR1, &sa, NULL);
	pid_t teaser = forked();

	if (teaser == 0)
		for (;;) {
			kill(self, SIGUSR1);
			usleep(1000);
		}
	assert_fails(lock_file(&root, "/l", 300, err), ERR_BUSY, "locked");
	kill(teaser, SIGKILL);
	kill(pid, SIGKILL);
	while (waitpid(teaser, NULL, 0) < 0 && errno == EINTR)
		;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	signal(SIGUSR1, SIG_IGN);
	assert_true(ticks > 0);
}

static void test_no_file(void **state UNUSED)
{
	AUTO_FREE char *fifo = in_scratch("fifo");

	put("target", "", 0644);
	make_link("link", "target");
	make_dir_at("dir", 0755);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_fails(lock_file(&root, "/link", 0, err), ERR_FAIL, "symbolic link");
	assert_fails(lock_file(&root, "/dir", 0, err), ERR_FAIL, "Is a directory");
	assert_fails(lock_file(&root, "/fifo", 0, err), ERR_FAIL, "not a regular file");
	assert_fails(lock_file(&root, "/none/l", 0, err), ERR_ABSENT, "No such file");
}

/* lock_dir gives way only where others could hold the lock. */
static void test_dir(void **state UNUSED)
{
	make_dir_at("open", 0755);
	make_dir_at("closed", 0711);
	AUTO_FREE char *open_name = in_scratch("open"), *closed_name = in_scratch("closed");
	AUTO_FD int a = open(open_name, O_RDONLY), a2 = open(open_name, O_RDONLY);
	AUTO_FD int b = open(closed_name, O_RDONLY), b2 = open(closed_name, O_RDONLY);

	assert_works(lock_dir(a, "open", err), 0);
	assert_works(lock_dir(b, "closed", err), 0);
	assert_works(lock_dir(a2, "open", err), 0);
	assert_fails(lock_dir(b2, "closed", err), ERR_BUSY, "'closed' is locked");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(test_held),
		WITH_SCRATCH(test_removed_meanwhile),
		WITH_SCRATCH(test_signals),
		WITH_SCRATCH(test_no_file),
		WITH_SCRATCH(test_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
