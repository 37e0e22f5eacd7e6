/* Run a function of ours in a forked child, as another user if need be, and get its result back.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "userproc.h"

#define DEFAULT_TIMEOUT_MS 60000
#define OUT_MAX (64u << 20)

/* What the child sends: this, then out_len bytes of output. */
struct verdict {
	int rc;
	size_t out_len;
	struct err err;
};

static bool kept(const struct userproc_opts *o, int fd)
{
	for (size_t i = 0; i < USERPROC_KEEP && o->keep[i]; i++)
		if (o->keep[i] == fd)
			return true;
	return false;
}

/* Close everything from 3 on that is neither the result pipe nor kept. */
static int close_others(const struct userproc_opts *o, int result)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *d;

	if (!dir) {	/* a chroot without /proc */
		long max = sysconf(_SC_OPEN_MAX);

		for (int fd = 3; fd < (max > 0 && max < 65536 ? max : 65536); fd++)
			if (fd != result && !kept(o, fd))
				close(fd);
		return 0;
	}
	while ((d = readdir(dir))) {
		int fd = atoi(d->d_name);

		if (fd >= 3 && fd != result && fd != dirfd(dir) && !kept(o, fd))
			close(fd);
	}
	closedir(dir);
	return 0;
}

static int standard_streams(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return -1;
	return null > STDERR_FILENO ? close(null) : 0;
}

static int build_environment(const struct userproc_opts *o, const char *home)
{
	if (clearenv() != 0)
		return -1;
	for (size_t i = 0; o->env && o->env[i]; i++)
		if (putenv(xstrdup(o->env[i])) != 0)
			return -1;
	if (setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 0) < 0 || setenv("LANG", "C.UTF-8", 0) < 0)
		return -1;
	return setenv("HOME", home, 0);
}

static int drop_to(const struct userproc_opts *o)
{
	struct passwd *pw = getpwuid(o->uid);
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	/* Us already: nothing to do, and a sandbox may not allow the calls. */
	if (getresuid(&ru, &eu, &su) == 0 && getresgid(&rg, &eg, &sg) == 0 && ru == o->uid && eu == o->uid &&
	    su == o->uid && rg == o->gid && eg == o->gid && sg == o->gid && o->uid != 0)
		return 0;
	if (!pw) {
		errno = ENOENT;
		return -1;
	}
	if (geteuid() == 0 && initgroups(pw->pw_name, o->gid) < 0)
		return -1;
	if (setresgid(o->gid, o->gid, o->gid) < 0 || setresuid(o->uid, o->uid, o->uid) < 0)
		return -1;
	if (getresuid(&ru, &eu, &su) < 0 || ru != o->uid || eu != o->uid || su != o->uid) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

static int settle(const struct userproc_opts *o, int result, pid_t parent, struct err *err)
{
	setsid();
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	if (standard_streams() < 0 || close_others(o, result) < 0)
		return err_sys(err, errno, "set up a child process");
	if (build_environment(o, "/") < 0)
		return err_sys(err, errno, "set up the environment of a child process");
	if (o->drop && drop_to(o) < 0) {
		err_sys(err, errno, "become user %ld", (long)o->uid);
		if (err->kind == ERR_ABSENT)
			err->kind = ERR_FAIL;
		return -1;
	}
	/* Changing the user clears it (prctl(2)), so it comes after that. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || chdir("/") < 0)
		return err_sys(err, errno, "set up a child process");
	if (getppid() != parent)
		return err_set(err, ERR_FAIL, "the parent process has ended");
	return 0;
}

static int send_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

__attribute__((noreturn))
static void in_child(const struct userproc_opts *o, userproc_fn *work, void *arg, int result, pid_t parent)
{
	struct buf out = BUF_SECRET_INIT;
	struct verdict v;

	memset(&v, 0, sizeof(v));
	v.rc = settle(o, result, parent, &v.err);
	if (v.rc == 0)
		v.rc = work(arg, &out, &v.err);
	v.out_len = out.len;
	int failed = send_all(result, &v, sizeof(v)) < 0 || send_all(result, out.p, out.len) < 0;

	buf_release(&out);
	_exit(failed ? 2 : 0);
}

int userproc_start(struct userproc *u, const struct userproc_opts *o, userproc_fn *work, void *arg,
		   struct err *err)
{
	int p[2];
	pid_t self = getpid();

	u->pid = -1;
	u->fd = -1;
	u->timeout_ms = o->timeout_ms ? o->timeout_ms : DEFAULT_TIMEOUT_MS;
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	u->pid = fork();
	if (u->pid == 0) {
		close(p[0]);
		in_child(o, work, arg, p[1], self);
	}
	int saved = errno;

	close(p[1]);
	u->fd = p[0];
	if (u->pid < 0) {
		mem_close_cleanup(&u->fd);
		return err_sys(err, saved, "start a child process");
	}
	return 0;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Exactly len bytes before end (< 0: whenever). 0; 1 time is up; -1 the pipe ended early. */
static int receive(int fd, void *into, size_t len, long long end)
{
	char *p = into;

	while (len) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		long long left = end < 0 ? -1 : end - now_ms();

		if (end >= 0 && left <= 0)
			return 1;
		int ready = poll(&pfd, 1, (int)left);

		if (ready < 0 && errno != EINTR)
			return -1;
		if (ready <= 0)
			continue;
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int receive_output(int fd, size_t len, struct buf *out, long long end)
{
	AUTO_BUF bytes = BUF_SECRET_INIT;

	buf_reserve(&bytes, len + 1);
	int rc = receive(fd, bytes.p, len, end);

	if (rc == 0 && out)
		buf_add(out, bytes.p, len);
	explicit_bzero(bytes.p, len);
	return rc;
}

void userproc_stop(struct userproc *u)
{
	if (u->pid > 0) {
		kill(-u->pid, SIGKILL);	/* its session; fails before the child's setsid() */
		kill(u->pid, SIGKILL);
		while (waitpid(u->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	u->pid = -1;
	mem_close_cleanup(&u->fd);
}

static int describe_death(struct userproc *u, struct err *err)
{
	int status = 0;

	kill(-u->pid, SIGKILL);	/* what it started and waited for */
	while (waitpid(u->pid, &status, 0) < 0 && errno == EINTR)
		;
	u->pid = -1;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return err_set(err, ERR_BACKEND, "a child process waited too long for a program and was stopped");
	if (WIFSIGNALED(status))
		return err_set(err, ERR_FAIL, "a child process was ended by signal %d", WTERMSIG(status));
	return err_set(err, ERR_FAIL, "a child process ended with status %d before it was done",
		       WEXITSTATUS(status));
}

int userproc_wait(struct userproc *u, struct buf *out, struct err *err)
{
	long long end = u->timeout_ms < 0 ? -1 : now_ms() + u->timeout_ms;
	struct verdict v = { 0 };
	int rc = receive(u->fd, &v, sizeof(v), end);

	if (rc == 0 && v.out_len > OUT_MAX) {
		userproc_stop(u);	/* it would wait for ever for us to read it */
		return err_set(err, ERR_FAIL, "a child process gave more than %u bytes", OUT_MAX);
	}
	if (rc == 0)
		rc = receive_output(u->fd, v.out_len, out, end);
	if (rc < 0) {
		rc = describe_death(u, err);
		userproc_stop(u);
		return rc;
	}
	userproc_stop(u);
	if (rc > 0)
		return err_set(err, ERR_BACKEND, "a child process did not finish within %d seconds and was stopped",
			       u->timeout_ms / 1000);
	if (v.rc < 0 && err)
		*err = v.err;
	return v.rc;
}

int userproc_run(const struct userproc_opts *o, userproc_fn *work, void *arg,
		 struct buf *out, struct err *err)
{
	CLEANUP(userproc_stop) struct userproc u = USERPROC_INIT;

	if (userproc_start(&u, o, work, arg, err) < 0)
		return -1;
	return userproc_wait(&u, out, err);
}
