/* proves: other programs run with nothing of ours but what they were given, and cannot hold us up
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scratch.h"
#include <sys/time.h>
#include <time.h>
#include "base/child.h"

#define RUN(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SH(text) RUN("/bin/sh", "-c", text)

static long long ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void test_status(void **state UNUSED)
{
	struct child c = { .argv = SH("exit 7") };

	assert_works(child_run(&c, err), 7);
	c.argv = RUN("true");
	assert_works(child_run(&c, err), 0);
	c.argv = SH("kill -KILL $$");
	assert_works(child_run(&c, err), 128 + SIGKILL);
	c.argv = SH("exit 127");	/* not "could not be run" */
	assert_works(child_run(&c, err), 127);
}

static void test_not_run(void **state UNUSED)
{
	put("zz-script", "#!/no/such/interpreter\n", 0755);
	put("plain", "text", 0644);
	AUTO_FREE char *script = in_scratch("zz-script"), *text = in_scratch("plain");
	struct child c = { .argv = RUN("no-such-program-here") };

	assert_fails(child_run(&c, err), ERR_BACKEND, "'no-such-program-here' is not installed");
	c.argv = RUN("/no/such/program");
	assert_fails(child_run(&c, err), ERR_BACKEND, "not installed");
	c.argv = RUN(script);
	assert_fails(child_run(&c, err), ERR_FAIL, "No such file or directory");
	c.argv = RUN("true");
	c.cwd = "/no/such/dir";
	assert_fails(child_run(&c, err), ERR_FAIL, "No such file or directory");
	c = (struct child){ .argv = RUN(text) };
	assert_int_equal(child_run(&c, NULL), -1);
	/* PATH of ours does not count. */
	setenv("PATH", scratch, 1);
	c.argv = RUN("zz-script");
	assert_fails(child_run(&c, err), ERR_BACKEND, "not installed");
	setenv("PATH", "/usr/bin:/bin", 1);
}

static void test_streams(void **state UNUSED)
{
	AUTO_BUF big = BUF_INIT, out = BUF_INIT, errs = BUF_INIT;

	for (int i = 0; i < 200000; i++)
		buf_addf(&big, "%07d\n", i);
	struct child c = { .argv = RUN("cat"), .in = big.p, .in_len = big.len, .out = &out, .cap = 4u << 20 };

	assert_works(child_run(&c, err), 0);
	assert_int_equal(out.len, big.len);
	assert_memory_equal(out.p, big.p, big.len);
	/* stdin that is not read; SIGPIPE must not end us */
	c.argv = RUN("true");
	assert_works(child_run(&c, err), 0);
	/* no stdin: end of file at once */
	buf_reset(&out);
	c = (struct child){ .argv = SH("cat; echo out; echo err >&2"), .out = &out, .errs = &errs };
	assert_works(child_run(&c, err), 0);
	assert_string_equal(out.p, "out\n");
	assert_string_equal(errs.p, "err\n");
	buf_reset(&out);
	c.errs = &out;
	assert_works(child_run(&c, err), 0);
	assert_string_equal(out.p, "out\nerr\n");
	/* the cap: the rest is read, so the program does not hang, and dropped */
	buf_reset(&out);
	c = (struct child){ .argv = SH("head -c 3000000 /dev/zero; echo >&2"), .out = &out, .errs = &errs, .cap = 1000 };
	assert_works(child_run(&c, err), 0);
	assert_int_equal(out.len, 1000);
	/* empty bytes are not "no bytes" */
	c = (struct child){ .argv = SH("cat | wc -c"), .in = "", .in_len = 0, .out = &out };
	buf_reset(&out);
	assert_works(child_run(&c, err), 0);
	assert_string_equal(out.p, "0\n");
}

static void test_descriptors(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT;
	AUTO_FREE char *path = in_scratch("f");

	put("f", "from a file", 0644);
	int in = open(path, O_RDONLY);
	int leak = dup2(in, 50);	/* without close-on-exec */
	struct child c = { .argv = SH("cat; exec ls /proc/self/fd"), .in_fd = in, .out = &out };

	assert_int_equal(leak, 50);
	assert_works(child_run(&c, err), 0);
	assert_string_equal(out.p, "from a file0\n1\n2\n3\n");	/* 3 is the directory that ls reads */
	close(in);
	close(leak);
	int into = open(path, O_WRONLY | O_TRUNC);

	c = (struct child){ .argv = RUN("echo", "to a file"), .out_fd = into };
	assert_works(child_run(&c, err), 0);
	close(into);
	assert_content("f", "to a file\n");
}

static void test_environment(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT;
	static const char *const env[] = { "A=1", "HOME=/nowhere", "LANGUAGE=x", NULL };
	struct child c = { .argv = RUN("env"), .out = &out };

	setenv("SECRET_OF_OURS", "x", 1);
	assert_works(child_run(&c, err), 0);
	assert_string_equal(out.p, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C.UTF-8\nHOME=/\n");
	buf_reset(&out);
	c.env = env;
	assert_works(child_run(&c, err), 0);
	assert_string_equal(out.p, "A=1\nHOME=/nowhere\nLANGUAGE=x\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C.UTF-8\n");
	buf_reset(&out);
	c = (struct child){ .argv = SH("pwd; umask"), .out = &out };
	assert_works(child_run(&c, err), 0);
	assert_string_equal(out.p, "/\n0022\n");
	c.cwd = "/usr";
	buf_reset(&out);
	assert_works(child_run(&c, err), 0);
	assert_string_equal(out.p, "/usr\n0022\n");
}

static bool alive(const char *pid_file)
{
	AUTO_FREE char *path = in_scratch(pid_file);
	FILE *f = fopen(path, "r");
	int pid = 0, n = f ? fscanf(f, "%d", &pid) : 0;

	if (f)
		fclose(f);
	assert_int_equal(n, 1);
	for (int i = 0; i < 3000 && kill(pid, 0) == 0; i++)
		usleep(20000);
	return kill(pid, 0) == 0;
}

static void test_timeout(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT;
	AUTO_FREE char *text = xasprintf("cd %s; sleep 100 & echo $! >pid; echo before; wait", scratch);
	struct child c = { .argv = SH(text), .out = &out, .timeout_ms = 2000 };
	long long before = ms();

	assert_fails(child_run(&c, err), ERR_BACKEND, "did not finish within 2 seconds and was stopped");
	assert_true(ms() - before < 60000);	/* who sleeps would for 100 s */
	assert_string_equal(out.p, "before\n");
	assert_false(alive("pid"));
	/* One that will not go. */
	c = (struct child){ .argv = SH("trap '' TERM; while :; do sleep 1; done"), .timeout_ms = 1500 };
	before = ms();
	assert_fails(child_run(&c, err), ERR_BACKEND, "was stopped");
	assert_in_range(ms() - before, 2000, 60000);
}

/* A daemon that keeps our pipe open is not waited for. */
struct taken {
	struct buf bytes;
	size_t stop_at;		/* 0: never */
	int asked, patience;
};

static int take(void *arg, const void *data, size_t len)
{
	struct taken *t = arg;

	buf_add(&t->bytes, data, len);
	errno = ENOSPC;
	return t->stop_at && t->bytes.len >= t->stop_at ? -1 : 0;
}

static bool gets_on(void *arg)
{
	struct taken *t = arg;

	AUTO_FREE char *asked = in_scratch("asked");

	if (t->asked == 1)	/* twice by now */
		close(open(asked, O_CREAT | O_WRONLY, 0600));
	return t->asked++ < t->patience;
}

static void test_take(void **state UNUSED)
{
	struct taken t = { .bytes = BUF_INIT };
	struct child c = { .argv = SH("head -c 3000000 /dev/zero"), .take = take, .arg = &t };

	assert_works(child_run(&c, err), 0);
	assert_int_equal(t.bytes.len, 3000000);
	t.stop_at = 3000001;
	c.argv = SH("cat /dev/zero");
	assert_fails(child_run(&c, err), ERR_FAIL, "take what '/bin/sh' makes: No space left on device");
	buf_reset(&t.bytes);
	t.stop_at = 1;		/* the last bytes there are */
	c.argv = SH("echo");
	assert_fails(child_run(&c, err), ERR_FAIL, "No space left on device");
	buf_release(&t.bytes);
}

static void test_gets_on(void **state UNUSED)
{
	struct taken t = { .bytes = BUF_INIT, .patience = 100000 };
	AUTO_FREE char *text = xasprintf("while [ ! -e %s/asked ]; do sleep 0.05; done; exit 3", scratch);
	struct child c = { .argv = SH(text), .timeout_ms = 50, .gets_on = gets_on, .arg = &t };

	assert_works(child_run(&c, err), 3);
	assert_true(t.asked > 1);
	t.asked = 0;
	t.patience = 2;
	c.argv = SH("kill -STOP $$");
	assert_fails(child_run(&c, err), ERR_BACKEND, "got no further for 0.05 seconds and was stopped");
	assert_int_equal(t.asked, 3);
}

static void test_more_fd(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], "secret", 6), 6);
	close(p[1]);
	struct child c = { .argv = SH("cat <&4; ls /proc/self/fd | wc -l"), .more_fd = p[0], .out = &out };

	assert_works(child_run(&c, err), 0);
	assert_string_equal(out.p, "secret5\n");	/* 0 to 2, 4, and the directory that ls reads */
	close(p[0]);
}

static void test_daemon_keeps_pipe(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT;
	AUTO_FREE char *text = xasprintf("sleep 300 & echo $! >%s/pid; echo done; exit 3", scratch);
	struct child c = { .argv = SH(text), .out = &out, .timeout_ms = 200000 };
	long long before = ms();

	assert_works(child_run(&c, err), 3);
	assert_true(ms() - before < 100000);
	assert_string_equal(out.p, "done\n");
	AUTO_FREE char *stop = xasprintf("kill $(cat %s/pid)", scratch);

	c = (struct child){ .argv = SH(stop) };
	assert_works(child_run(&c, err), 0);
}

/* apt leaves SIGINT and SIGPIPE ignored; others SIGCHLD. */
static void test_signals(void **state UNUSED)
{
	struct child c = { .argv = SH("kill -INT $$; exit 0") };
	struct sigaction now;
	sigset_t all, old;

	signal(SIGINT, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	assert_works(child_run(&c, err), 128 + SIGINT);
	sigprocmask(SIG_SETMASK, &old, NULL);
	c.argv = SH("exit 5");
	assert_works(child_run(&c, err), 5);
	sigaction(SIGCHLD, NULL, &now);
	assert_true(now.sa_handler == SIG_IGN);
	sigaction(SIGPIPE, NULL, &now);
	assert_true(now.sa_handler == SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
}

static volatile sig_atomic_t ticks;
static void on_tick(int s UNUSED)
{
	ticks++;
}

static void test_interrupted(void **state UNUSED)
{
	AUTO_BUF big = BUF_INIT, out = BUF_INIT;
	struct sigaction sa = { .sa_handler = on_tick };	/* no SA_RESTART */
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { { 0, 0 }, { 0, 0 } };

	for (int i = 0; i < 100000; i++)
		buf_addf(&big, "%07d\n", i);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	struct child c = { .argv = SH("sleep 0.1; cat; sleep 0.1; exit 4"), .in = big.p, .in_len = big.len, .out = &out };
	struct err err = ERR_INIT;
	int rc = child_run(&c, &err);

	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
	assert_int_equal(rc, 4);
	assert_int_equal(out.len, big.len);
	assert_true(ticks > 10);
}

/* We have no stdin, stdout, stderr: the program still has three. */
static void test_closed_streams(void **state UNUSED)
{
	AUTO_FREE char *path = in_scratch("result");
	pid_t pid = forked();
	int status;

	if (pid == 0) {
		AUTO_BUF out = BUF_INIT;

		close(0);
		close(1);
		close(2);
		struct child c = { .argv = SH("echo lost; echo err >&2; cat; ls -l /proc/self/fd/0 >/dev/null && exit 6"),
				   .errs = &out };
		int rc = child_run(&c, NULL);
		struct child d = { .argv = RUN("cat"), .in = "in", .in_len = 2, .out = &out };

		_exit(rc == 6 && child_run(&d, NULL) == 0 && strcmp(out.p, "err\nin") == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(there_is(path));
}

/* When we are killed, what we started does not go on unwatched. */
static void test_parent_dies(void **state UNUSED)
{
	AUTO_FREE char *text = xasprintf("echo $$ >%s/pid.new; mv %s/pid.new %s/pid; exec sleep 100", scratch, scratch, scratch);
	pid_t pid = forked();

	if (pid == 0) {
		struct child c = { .argv = SH(text), .timeout_ms = -1 };

		_exit(child_run(&c, NULL) & 1);
	}
	while (!there_is("pid"))
		usleep(10000);
	usleep(50000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_false(alive("pid"));
}

static void test_drop(void **state UNUSED)
{
	AUTO_BUF out = BUF_INIT;
	struct child c = { .argv = RUN("id", "-u"), .out = &out, .drop = true, .uid = 65534, .gid = 65534 };

	if (geteuid() != 0) {
		c.uid = c.gid = 0;	/* we may be 65534 already */
		assert_fails(child_run(&c, err), ERR_FAIL, "Operation not permitted");
		return;
	}
	assert_works(child_run(&c, err), 0);
	assert_string_equal(out.p, "65534\n");
	buf_reset(&out);
	c.argv = RUN("id", "-G");
	assert_works(child_run(&c, err), 0);
	assert_string_equal(out.p, "65534\n");
	c.uid = OTHER_USER;
	assert_fails(child_run(&c, err), ERR_FAIL, "no user with number 61234");
}

static void test_check(void **state UNUSED)
{
	struct child c = { .argv = SH("echo first >&2; echo 'the reason' >&2; echo; exit 9") };

	assert_fails(child_check(&c, err), ERR_FAIL, "'/bin/sh': exit status 9: the reason");
	c.argv = SH("exit 1");
	assert_fails(child_check(&c, err), ERR_FAIL, "exit status 1");
	c.argv = RUN("true");
	assert_works(child_check(&c, err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(test_status),
		WITH_SCRATCH(test_not_run),
		WITH_SCRATCH(test_streams),
		WITH_SCRATCH(test_descriptors),
		WITH_SCRATCH(test_environment),
		WITH_SCRATCH(test_timeout),
		WITH_SCRATCH(test_take),
		WITH_SCRATCH(test_gets_on),
		WITH_SCRATCH(test_more_fd),
		WITH_SCRATCH(test_daemon_keeps_pipe),
		WITH_SCRATCH(test_signals),
		WITH_SCRATCH(test_interrupted),
		WITH_SCRATCH(test_closed_streams),
		WITH_SCRATCH(test_parent_dies),
		WITH_SCRATCH(test_drop),
		WITH_SCRATCH(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
