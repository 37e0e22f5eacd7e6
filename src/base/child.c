/* Run another program as root would want to: no shell, clean environment, bounded in time and output.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "child.h"

#define DEFAULT_TIMEOUT_MS 60000
#define TERM_GRACE_MS 2000
#define DEFAULT_CAP (1u << 20)
#define NOT_RUN 127
#define TAKE_CHUNK (256u << 10)
#define MORE_FD 4

static const char *const places[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };
static const char *const plain_env[] = {
	"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/",
};

char *child_find(const char *name)
{
	if (name[0] == '/')
		return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char *path = xasprintf("%s/%s", places[i], name);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* One run: the three streams' ends that are ours, and the exec report. */
struct run {
	const struct child *c;
	const char *program;
	char **env;
	const char *user;	/* login name for initgroups, when dropping */
	pid_t pid, parent;
	int in, out, errs, report;	/* -1 when not piped */
	int ended;			/* pidfd, readable when the child has ended; -1 where the kernel has none */
	size_t in_done;
	char *chunk;			/* for take */
	int take_failed;		/* errno of take */
};

static void close_from(unsigned first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0u, 0) == 0)
		return;
#endif
	long max = sysconf(_SC_OPEN_MAX);

	for (long fd = first; fd < (max > 0 ? max : 1024); fd++)
		close((int)fd);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);	/* apt leaves SIGINT and SIGPIPE ignored */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int become(const struct run *r)
{
	const struct child *c = r->c;
	uid_t ru, eu, su;

	if (!c->drop)
		return 0;
	if (geteuid() == 0 && initgroups(r->user, c->gid) < 0)
		return -1;
	if (setresgid(c->gid, c->gid, c->gid) < 0 || setresuid(c->uid, c->uid, c->uid) < 0)
		return -1;
	if (getresuid(&ru, &eu, &su) < 0 || ru != c->uid || eu != c->uid || su != c->uid) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

/* Put fd at number want; the sources are all >= 4 (keep_high). */
static int place(int fd, int want)
{
	int rc;

	do
		rc = dup2(fd, want);
	while (rc < 0 && (errno == EINTR || errno == EBUSY));
	return rc < 0 ? -1 : 0;
}

__attribute__((noreturn))
static void in_child(const struct run *r, int in, int out, int errs, int report)
{
	int more = r->c->more_fd;

	/* The report pipe lands on 3, what is asked for on 4, and everything above is closed. */
	if (more > 0 && (more = fcntl(more, F_DUPFD, MORE_FD + 1)) < 0)
		goto failed;
	if (place(in, 0) < 0 || place(out, 1) < 0 || place(errs, 2) < 0)
		goto failed;
	if (report != 3) {
		if (dup2(report, 3) < 0)
			goto failed;
		report = 3;
	}
	if (fcntl(report, F_SETFD, FD_CLOEXEC) < 0)
		goto failed;
	if (more > 0 && place(more, MORE_FD) < 0)
		goto failed;
	close_from(more > 0 ? MORE_FD + 1 : MORE_FD);
	setpgid(0, 0);
	reset_signals();
	umask(022);
	if (become(r) < 0 || chdir(r->c->cwd ? r->c->cwd : "/") < 0)
		goto failed;
	/* A change of the user clears it (prctl(2)), so it comes after that. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		goto failed;
	if (getppid() != r->parent)
		_exit(NOT_RUN);
	execve(r->program, (char *const *)(uintptr_t)r->c->argv, r->env);
failed:;
	int code = errno;
	ssize_t ignored = write(report, &code, sizeof(code));
	(void)ignored;
	_exit(NOT_RUN);
}

/* A descriptor of 4 or more with close-on-exec: below that the child's own
 * placing could overwrite it. */
static int keep_high(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 4);
	int saved = errno;

	close(fd);
	errno = saved;
	return high;
}

static int make_pipe(int ends[2], struct err *err)
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	ends[0] = keep_high(ends[0]);
	ends[1] = keep_high(ends[1]);
	if (ends[0] >= 0 && ends[1] >= 0)
		return 0;
	err_sys(err, errno, "make a pipe");
	mem_close_cleanup(&ends[0]);
	mem_close_cleanup(&ends[1]);
	return -1;
}

static int high_dup(int fd, struct err *err)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 4);

	return copy < 0 ? err_sys(err, errno, "duplicate descriptor %d", fd) : copy;
}

static int open_null(int flags, struct err *err)
{
	int fd = open("/dev/null", flags | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "/dev/null");
	fd = keep_high(fd);
	return fd < 0 ? err_sys(err, errno, "/dev/null") : fd;
}

/* Our stderr for the child, or /dev/null where we have none. */
static int stderr_copy(struct err *err)
{
	return fcntl(STDERR_FILENO, F_GETFD) < 0 ? open_null(O_WRONLY, err)
						 : high_dup(STDERR_FILENO, err);
}

struct ends { int in, out, errs, report; };

static void ends_close(struct ends *e)
{
	mem_close_cleanup(&e->in);
	mem_close_cleanup(&e->out);
	mem_close_cleanup(&e->errs);
	mem_close_cleanup(&e->report);
}

static int prepare_streams(struct run *r, struct ends *e, struct err *err)
{
	const struct child *c = r->c;
	int p[2];

	if (c->in) {
		if (make_pipe(p, err) < 0)
			return -1;
		e->in = p[0];
		r->in = p[1];
		fcntl(r->in, F_SETFL, O_NONBLOCK);
	} else {
		e->in = c->in_fd > 0 ? high_dup(c->in_fd, err) : open_null(O_RDONLY, err);
	}
	if (c->out || c->take) {
		if (make_pipe(p, err) < 0)
			return -1;
		if (c->take)	/* fewer turns; a system that gives no more has fewer bytes in it */
			fcntl(p[0], F_SETPIPE_SZ, 4 * TAKE_CHUNK);
		r->out = p[0];
		e->out = p[1];
	} else {
		e->out = c->out_fd > 0 ? high_dup(c->out_fd, err) : stderr_copy(err);
	}
	if (c->errs && c->errs == c->out) {
		e->errs = high_dup(e->out, err);
	} else if (c->errs) {
		if (make_pipe(p, err) < 0)
			return -1;
		r->errs = p[0];
		e->errs = p[1];
	} else {
		e->errs = stderr_copy(err);
	}
	if (e->in < 0 || e->out < 0 || e->errs < 0 || make_pipe(p, err) < 0)
		return -1;
	r->report = p[0];
	e->report = p[1];
	return 0;
}

static void run_release(struct run *r)
{
	mem_close_cleanup(&r->in);
	mem_close_cleanup(&r->out);
	mem_close_cleanup(&r->errs);
	mem_close_cleanup(&r->report);
	mem_close_cleanup(&r->ended);
	free(r->env);
	free(r->chunk);
}

static bool same_variable(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return strncmp(a, b, len + 1) == 0;
}

/* No name twice: programs differ in whether the first or the last counts. */
static void build_env(struct run *r)
{
	const char *const *more = r->c->env;
	size_t n = 0;

	while (more && more[n])
		n++;
	r->env = xcalloc(n + ARRAY_LEN(plain_env) + 1, sizeof(*r->env));
	for (size_t i = 0; i < n; i++)
		r->env[i] = (char *)(uintptr_t)more[i];
	size_t given = n;

	for (size_t i = 0; i < ARRAY_LEN(plain_env); i++) {
		bool taken = false;

		for (size_t k = 0; k < given; k++)
			taken = taken || same_variable(plain_env[i], more[k]);
		if (!taken)
			r->env[n++] = (char *)(uintptr_t)plain_env[i];
	}
}

/* The child tells a failed exec through the pipe; nothing comes when it worked. */
static int read_report(struct run *r, struct err *err)
{
	int code = 0;
	ssize_t n;

	do
		n = read(r->report, &code, sizeof(code));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
		;
	err_sys(err, n == sizeof(code) ? code : EIO, "run '%s'", r->program);
	/* Its interpreter or its working directory: the program itself is there. */
	if (err && err->kind == ERR_ABSENT)
		err->kind = ERR_FAIL;
	return -1;
}

static void feed(struct run *r)
{
	ssize_t n = write(r->in, (const char *)r->c->in + r->in_done, r->c->in_len - r->in_done);

	if (n > 0)
		r->in_done += (size_t)n;
	else if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || r->in_done == r->c->in_len)
		mem_close_cleanup(&r->in);
}

static void drain(int *fd, struct buf *into, size_t cap)
{
	char chunk[16384];
	ssize_t n = read(*fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		mem_close_cleanup(fd);
		return;
	}
	size_t room = into->len < cap ? cap - into->len : 0;

	buf_add(into, chunk, (size_t)n < room ? (size_t)n : room);
	if (into->secret)
		explicit_bzero(chunk, sizeof(chunk));
}

/* The pipe is closed at the end, and when nobody wants more. */
static void hand_on(struct run *r)
{
	ssize_t n = read(r->out, r->chunk, TAKE_CHUNK);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0 && r->c->take(r->c->arg, r->chunk, (size_t)n) == 0)
		return;
	if (n > 0)
		r->take_failed = errno ? errno : EIO;
	mem_close_cleanup(&r->out);
}

/* One round of moving bytes. 1 something moved, 0 nothing within wait_ms, -1
 * poll(2) itself failed. *ended: the child was seen to have ended before. */
static int pump_once(struct run *r, int wait_ms, bool *ended)
{
	size_t cap = r->c->cap ? r->c->cap : DEFAULT_CAP;
	struct pollfd p[4] = {
		{ .fd = r->in, .events = POLLOUT },
		{ .fd = r->out, .events = POLLIN },
		{ .fd = r->errs, .events = POLLIN },
		{ .fd = *ended ? -1 : r->ended, .events = POLLIN },
	};
	int n = poll(p, 4, wait_ms);

	if (n < 0)
		return errno == EINTR ? 1 : -1;
	if (p[0].revents)
		feed(r);
	if (p[1].revents && r->c->take)
		hand_on(r);
	else if (p[1].revents)
		drain(&r->out, r->c->out, cap);
	if (p[2].revents)
		drain(&r->errs, r->c->errs, cap);
	*ended = *ended || p[3].revents;
	return n > 0;
}

/* Has the child's time come to an end at *end (< 0: never)? */
static bool is_late(const struct run *r, int timeout_ms, long long *end)
{
	if (*end < 0 || now_ms() < *end)
		return false;
	if (!r->c->gets_on || !r->c->gets_on(r->c->arg))
		return true;
	*end = now_ms() + timeout_ms;
	return false;
}

/* Move bytes until all pipes are closed, or the child has ended and they are
 * empty. 0 done, 1 time is up or nobody takes its output. */
static int pump(struct run *r, int timeout_ms, long long *end)
{
	bool ended = false;

	while (r->in >= 0 || r->out >= 0 || r->errs >= 0) {
		if (is_late(r, timeout_ms, end) || r->take_failed)
			return 1;
		long long left = *end < 0 ? -1 : *end - now_ms();

		if (*end >= 0 && left < 0)
			left = 0;
		if (ended)	/* nobody reads it any more */
			mem_close_cleanup(&r->in);
		int moved = pump_once(r, ended ? 0 : (int)left, &ended);

		if (moved < 0 || (ended && moved == 0))
			return moved < 0 || r->take_failed;
	}
	return r->take_failed != 0;
}

/* Wait for a child until end (< 0: for ever). 0 reaped, 1 time is up, -1 its
 * status is lost (somebody else reaped it). */
static int reap(pid_t pid, int *status, long long end)
{
	struct timespec pause = { .tv_nsec = 500000 };

	for (;;) {
		pid_t got = waitpid(pid, status, end < 0 ? 0 : WNOHANG);

		if (got == pid)
			return 0;
		if (got < 0 && errno != EINTR)
			return -1;
		if (end >= 0 && now_ms() >= end)
			return 1;
		if (end >= 0)
			nanosleep(&pause, NULL);
		if (pause.tv_nsec < 20000000)
			pause.tv_nsec *= 2;
	}
}

static int stop_late_child(struct run *r, int timeout_ms, struct err *err)
{
	int status;

	kill(-r->pid, SIGTERM);
	int reaped = reap(r->pid, &status, now_ms() + TERM_GRACE_MS);

	kill(-r->pid, SIGKILL);	/* also what it may have left in its group */
	if (reaped == 1)
		reap(r->pid, &status, -1);
	if (r->take_failed)
		return err_sys(err, r->take_failed, "take what '%s' makes", r->program);
	return err_set(err, ERR_BACKEND, r->c->gets_on ? "'%s' got no further for %g seconds and was stopped" :
		       "'%s' did not finish within %g seconds and was stopped",
		       r->c->name ? r->c->name : r->program, timeout_ms / 1000.0);
}

static int await(struct run *r, struct err *err)
{
	int timeout = r->c->timeout_ms ? r->c->timeout_ms : DEFAULT_TIMEOUT_MS;
	long long end = timeout < 0 ? -1 : now_ms() + timeout;
	int status;

	int rc = pump(r, timeout, &end);

	while (rc == 0 && (rc = reap(r->pid, &status, end)) == 1 && !is_late(r, timeout, &end))
		rc = 0;
	if (rc > 0)
		return stop_late_child(r, timeout, err);
	if (rc < 0)
		return err_sys(err, ECHILD, "exit status of '%s'", r->program);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* SIGPIPE: a program that does not read its stdin must not end us. SIGCHLD:
 * when whoever started us ignored it, exit statuses would be lost (wait(2)). */
struct dispositions { struct sigaction pipe, child; };

static void set_signals(struct dispositions *old)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction standard = { .sa_handler = SIG_DFL };

	sigaction(SIGPIPE, &ignore, &old->pipe);
	sigaction(SIGCHLD, NULL, &old->child);
	if (old->child.sa_handler == SIG_IGN)
		sigaction(SIGCHLD, &standard, NULL);
}

static void restore_signals(const struct dispositions *old)
{
	sigaction(SIGPIPE, &old->pipe, NULL);
	if (old->child.sa_handler == SIG_IGN)
		sigaction(SIGCHLD, &old->child, NULL);
}

static int open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
	return (int)syscall(SYS_pidfd_open, pid, 0);	/* close-on-exec by itself */
#else
	(void)pid;
	return -1;
#endif
}

static int start(struct run *r, struct err *err)
{
	CLEANUP(ends_close) struct ends e = { -1, -1, -1, -1 };

	if (prepare_streams(r, &e, err) < 0)
		return -1;
	r->parent = getpid();
	r->pid = fork();
	if (r->pid < 0)
		return err_sys(err, errno, "start '%s'", r->program);
	if (r->pid == 0)
		in_child(r, e.in, e.out, e.errs, e.report);
	setpgid(r->pid, r->pid);
	r->ended = open_pidfd(r->pid);
	return 0;
}

int child_run(const struct child *c, struct err *err)
{
	AUTO_FREE char *program = child_find(c->argv[0]);
	CLEANUP(run_release) struct run r = {
		.c = c, .program = program, .in = -1, .out = -1, .errs = -1, .report = -1, .ended = -1,
	};
	struct dispositions old;

	if (!program)
		return err_set(err, ERR_BACKEND, "program '%s' is not installed", c->argv[0]);
	if (c->drop) {
		const struct passwd *pw = getpwuid(c->uid);

		if (!pw)
			return err_set(err, ERR_FAIL, "there is no user with number %ld", (long)c->uid);
		r.user = pw->pw_name;
	}
	build_env(&r);
	r.chunk = c->take ? xmalloc(TAKE_CHUNK) : NULL;
	set_signals(&old);
	int rc = start(&r, err) < 0 || read_report(&r, err) < 0 ? -1 : await(&r, err);

	restore_signals(&old);
	return rc;
}

/* The last line that is not empty. */
static char *last_line(const struct buf *b)
{
	size_t end = b->len;

	while (end && (b->p[end - 1] == '\n' || b->p[end - 1] == ' '))
		end--;
	size_t from = end;

	while (from && b->p[from - 1] != '\n')
		from--;
	return xstrndup(b->p + from, end - from);
}

int child_check(const struct child *c, struct err *err)
{
	AUTO_BUF own = BUF_INIT;
	struct child with = *c;

	if (!with.errs)
		with.errs = &own;
	int status = child_run(&with, err);

	if (status <= 0)
		return status;
	AUTO_FREE char *line = last_line(with.errs);

	return err_set(err, ERR_FAIL, "'%s': exit status %d%s%s", c->name ? c->name : c->argv[0], status,
		       *line ? ": " : "", line);
}
