/* crashpoint - run a command; at its Nth state-changing system call kill all of it, or fail that call.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *   crashpoint [-s] [-t SECONDS] -l LOG -- COMMAND...               count the points
 *   crashpoint [-s] [-t SECONDS] -l LOG -n N -k -- COMMAND...       kill at point N
 *   crashpoint [-s] [-t SECONDS] -l LOG -n N -e ERROR [-f] -- COMMAND...   point N fails with ERROR
 *
 *   -n N    points are counted from 1, over all processes and threads of COMMAND together, in the
 *           order in which they ask the kernel
 *   -k      the call is not carried out and every process of COMMAND gets SIGKILL; since nothing
 *           else of it can change anything meanwhile, what is left is what calls 1..N-1 did
 *   -e ERROR  ENOSPC, EIO or EINTR: the call is not carried out and returns that; -f: so does every
 *           later call that could (a disk that stays full)
 *   -s      writes to crashpoint's own standard output are points too.  No points ever: writes to its
 *           standard error, to pipes, to devices, to /proc
 *   -t      kill everything after SECONDS (60)
 *   -l LOG  for each point reached (only the Nth with -n): "N NAME ERRORS DETAIL", ERRORS being the
 *           letters of what may be injected there (S ENOSPC, I EINTR; EIO always); at the end one
 *           line "end exit STATUS", "end killed N" or "end timeout"
 *
 * Exit: the command's own status (128 + signal if one ended it), 137 when killed at N, 124 when time
 * was up, 125 when crashpoint itself failed. Processes that outlive COMMAND are killed when it ends.
 *
 * Why not strace: its when=K counts per process and per name of call, so that with children "the
 * Kth write" means another process in every run, most points of all but the first are never reached,
 * and only one process dies. Here a seccomp filter hands the chosen calls to us (user notification,
 * Linux 5.5; pidfd_getfd, 5.6): one count over everything, no stop for any other call, no ptrace, so
 * that the command itself may use it. Not seen: memory-mapped writes, io_uring, ioctl.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd	/* glibc 2.31 */
#define SYS_pidfd_getfd 438
#endif

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_USER_NOTIF_FLAG_CONTINUE
#define SECCOMP_USER_NOTIF_FLAG_CONTINUE 1U
#endif

#define WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)

enum {
	PATH1 = 0x0f,		/* mask: 1 + index of the argument that is a path, for DETAIL */
	PATH2 = 0xf0,		/* mask: the same for a second path */
	FD = 0x100,		/* argument 0 is the descriptor to describe */
	NOSPACE = 0x200,	/* may fail with ENOSPC */
	INTR = 0x400,		/* may fail with EINTR */
	FLAGS = 0x3000		/* mask: 1 + index of open flags; a point only when they can change something */
};

#define P(i) ((i) + 1)
#define PP(i, j) (P(i) | P(j) << 4)
#define F(i) (P(i) << 12)

static const struct call {
	int nr;
	const char *name;
	int how;
} calls[] = {
#define C(name, how) {SYS_##name, #name, how}
	C(openat, P(1) | F(2) | NOSPACE | INTR),
	C(write, FD | NOSPACE | INTR),
	C(writev, FD | NOSPACE | INTR),
	C(pwrite64, FD | NOSPACE | INTR),
	C(pwritev, FD | NOSPACE | INTR),
	C(pwritev2, FD | NOSPACE | INTR),
	C(sendto, FD | INTR),
	C(sendmsg, FD | INTR),
	C(sendmmsg, FD | INTR),
	C(sendfile, FD | NOSPACE | INTR),
	C(splice, FD | NOSPACE | INTR),
	C(copy_file_range, FD | NOSPACE | INTR),
	C(fsync, FD | NOSPACE | INTR),
	C(fdatasync, FD | NOSPACE | INTR),
	C(sync, 0),
	C(syncfs, FD | NOSPACE | INTR),
	C(sync_file_range, FD | NOSPACE | INTR),
	C(msync, 0),
	C(fallocate, FD | NOSPACE | INTR),
	C(ftruncate, FD | INTR),
	C(truncate, P(0) | INTR),
	C(renameat2, PP(1, 3) | NOSPACE),
	C(linkat, PP(1, 3) | NOSPACE),
	C(symlinkat, PP(0, 2) | NOSPACE),
	C(unlinkat, P(1)),
	C(mkdirat, P(1) | NOSPACE),
	C(mknodat, P(1) | NOSPACE),
	C(fchmod, FD),
	C(fchmodat, P(1)),
	C(fchown, FD),
	C(fchownat, P(1)),
	C(utimensat, P(1)),
	C(setxattr, P(0) | NOSPACE),
	C(lsetxattr, P(0) | NOSPACE),
	C(fsetxattr, FD | NOSPACE),
	C(removexattr, P(0)),
	C(lremovexattr, P(0)),
	C(fremovexattr, FD),
	C(mount, PP(0, 1)),
	C(umount2, P(0)),
	/* calls that newer kernels or only older architectures have */
#ifdef SYS_openat2
	C(openat2, P(1) | NOSPACE | INTR),
#endif
#ifdef SYS_fchmodat2
	C(fchmodat2, P(1)),
#endif
#ifdef SYS_renameat
	C(renameat, PP(1, 3) | NOSPACE),
#endif
#ifdef SYS_open
	C(open, P(0) | F(1) | NOSPACE | INTR),
	C(creat, P(0) | NOSPACE | INTR),
	C(rename, PP(0, 1) | NOSPACE),
	C(link, PP(0, 1) | NOSPACE),
	C(symlink, PP(0, 1) | NOSPACE),
	C(unlink, P(0)),
	C(mkdir, P(0) | NOSPACE),
	C(rmdir, P(0)),
	C(mknod, P(0) | NOSPACE),
	C(chmod, P(0)),
	C(chown, P(0)),
	C(lchown, P(0)),
	C(utime, P(0)),
	C(utimes, P(0)),
#endif
#undef C
};

enum { NCALLS = sizeof calls / sizeof calls[0] };

static struct options {
	unsigned long at;	/* 0: only count */
	int kill, error, sticky, stdout_too, seconds;
	FILE *log;
} opt = {.seconds = 60};

static void
die(const char *what)
{
	fprintf(stderr, "crashpoint: %s: %s\n", what, strerror(errno));
	exit(125);
}

/* ---- the filter, installed in the child ---- */

static struct sock_filter program[NCALLS * 5 + 2];
static unsigned short length;

static void
emit(int code, unsigned char jt, unsigned char jf, uint32_t k)
{
	struct sock_filter f = {.code = (unsigned short)code, .jt = jt, .jf = jf, .k = k};

	program[length++] = f;
}

static void
load(size_t offset)
{
	emit(BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/* The low half of an argument: flags and descriptors fit in it. */
static size_t
low_half(int arg)
{
	size_t off = offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (size_t)arg;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	off += 4;
#endif
	return off;
}

static void
build_filter(void)
{
	const unsigned ret = BPF_RET | BPF_K;

	/* no check of the architecture: a command for another one on this machine is not in our tests */
	load(offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < NCALLS; i++) {
		int how = calls[i].how;

		if (how & FLAGS) {
			emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)calls[i].nr);
			load(low_half(((how & FLAGS) >> 12) - 1));
			emit(BPF_JMP | BPF_JSET | BPF_K, 0, 1, WRITES);
			emit((int)ret, 0, 0, SECCOMP_RET_USER_NOTIF);
			emit((int)ret, 0, 0, SECCOMP_RET_ALLOW);
		} else {
			emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)calls[i].nr);
			emit((int)ret, 0, 0, SECCOMP_RET_USER_NOTIF);
		}
	}
	emit((int)ret, 0, 0, SECCOMP_RET_ALLOW);
}

static int
install_filter(void)
{
	struct sock_fprog prog = {.len = length, .filter = program};
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	int fd;

	if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	/* 5.19: a signal that does not kill cannot interrupt, and thus repeat, a call we hold */
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &prog);
	if (fd < 0 && errno == EINVAL)
		fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	return fd;
}

/* Starts COMMAND under the filter. The child stops itself until we took the listener over: it could
 * not send it, since sending is a point already. */
static pid_t
start(char **argv, int *listener)
{
	volatile int *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, pidfd;
	pid_t pid;

	if (shared == MAP_FAILED)
		die("mmap");
	build_filter();
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		*shared = install_filter();
		if (*shared < 0)
			*shared = -errno;
		raise(SIGSTOP);
		execvp(argv[0], argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		die("the child did not stop");
	if (*shared < 0) {
		errno = -*shared;
		kill(pid, SIGKILL);
		die("cannot install the seccomp filter");
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	*listener = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, *shared, 0);
	if (*listener < 0) {
		kill(pid, SIGKILL);
		die("cannot take the listener over");
	}
	close(pidfd);
	kill(pid, SIGCONT);
	return pid;
}

/* ---- the points ---- */

static const struct call *
find_call(int nr)
{
	for (size_t i = 0; i < NCALLS; i++)
		if (calls[i].nr == nr)
			return &calls[i];
	return NULL;
}

static void
read_path(pid_t pid, uint64_t address, char *path, size_t size)
{
	size_t room = 4096 - address % 4096;	/* never across a page: the next may not be there */
	struct iovec to = {path, size - 1};
	struct iovec from = {(void *)(uintptr_t)address, size - 1};
	ssize_t n;

	if (room < size - 1)
		from.iov_len = room;
	n = process_vm_readv(pid, &to, 1, &from, 1, 0);
	if (n == (ssize_t)room && memchr(path, 0, room) == NULL) {
		to.iov_base = path + room;
		to.iov_len = from.iov_len = size - 1 - room;
		from.iov_base = (void *)(uintptr_t)(address + room);
		n += process_vm_readv(pid, &to, 1, &from, 1, 0) > 0 ? (ssize_t)to.iov_len : 0;
	}
	path[n < 0 ? 0 : n] = '\0';
	for (char *p = path; *p; p++)
		if (*p == '\n')
			*p = '?';
}

static void
read_link(const char *link, char *target, size_t size)
{
	ssize_t n = readlink(link, target, size - 1);

	target[n < 0 ? 0 : n] = '\0';
}

/* What the call is about: one or two paths. */
static void
describe(const struct call *c, const struct seccomp_notif *req, char *buf, size_t size)
{
	char link[64], one[300] = "", two[300] = "";

	if (c->how & FD) {
		snprintf(link, sizeof link, "/proc/%u/fd/%d", req->pid, (int)req->data.args[0]);
		read_link(link, one, sizeof one);
	}
	if (c->how & PATH1)
		read_path((pid_t)req->pid, req->data.args[(c->how & PATH1) - 1], one, sizeof one);
	if (c->how & PATH2)
		read_path((pid_t)req->pid, req->data.args[((c->how & PATH2) >> 4) - 1], two, sizeof two);
	snprintf(buf, size, "%s%s%s", one, *two ? " " : "", two);
}

static int
starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* What keeps no state that a crash could leave half done. */
static int
is_noise(const struct call *c, const char *detail)
{
	char out[300], errors[300];

	if ((starts(detail, "/dev/") && !starts(detail, "/dev/shm/")) || starts(detail, "/proc/"))
		return 1;
	if (!(c->how & FD))
		return 0;
	read_link("/proc/self/fd/1", out, sizeof out);
	read_link("/proc/self/fd/2", errors, sizeof errors);
	if (strcmp(detail, errors) == 0)
		return 1;
	if (strcmp(detail, out) == 0)
		return !opt.stdout_too;
	return starts(detail, "pipe:[");
}

static int
can_fail(const struct call *c)
{
	return opt.error == EIO || (opt.error == ENOSPC && (c->how & NOSPACE)) ||
	    (opt.error == EINTR && (c->how & INTR));
}

static int
reply(int listener, uint64_t id, int error)
{
	struct seccomp_notif_resp resp = {.id = id, .error = -error};

	if (error == 0)
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

/* Handles one call that asks. Returns 1 when it is the one to kill at. */
static int
serve(int listener, unsigned long *count)
{
	struct seccomp_notif req;
	const struct call *c;
	char detail[640];
	int error = 0;

	memset(&req, 0, sizeof req);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req) != 0)
		return 0;	/* it died, or was interrupted and will ask again */
	c = find_call(req.data.nr);
	describe(c, &req, detail, sizeof detail);
	if (is_noise(c, detail)) {
		reply(listener, req.id, 0);
		return 0;
	}
	++*count;
	if (opt.at && opt.kill && *count == opt.at) {
		fprintf(opt.log, "%lu %s - %s\n", *count, c->name, detail);
		return 1;
	}
	if (opt.at && opt.error && can_fail(c) &&
	    (*count == opt.at || (opt.sticky && *count > opt.at)))
		error = opt.error;
	if (reply(listener, req.id, error) != 0 && errno == ENOENT) {
		--*count;	/* a signal took the call back from us: it asks again */
		return 0;
	}
	if (opt.at == 0 || *count == opt.at)
		fprintf(opt.log, "%lu %s -%s%s %s\n", *count, c->name, c->how & NOSPACE ? "S" : "",
		    c->how & INTR ? "I" : "", detail);
	return 0;
}

/* ---- the run ---- */

/* We are the subreaper: whatever loses its parent becomes our child, so this ends them all. */
static void
kill_all(void)
{
	char path[64], *line = NULL;
	size_t size = 0;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	for (;;) {
		FILE *f = fopen(path, "re");
		pid_t pid;

		if (f == NULL)
			die(path);
		if (getline(&line, &size, f) > 0)
			for (char *p = line, *end; (pid = (pid_t)strtol(p, &end, 10)) > 0; p = end)
				kill(pid, SIGKILL);
		fclose(f);
		do
			pid = waitpid(-1, NULL, WNOHANG);
		while (pid > 0);
		if (pid < 0 && errno == ECHILD)
			break;
		poll(NULL, 0, 1);
	}
	free(line);
}

static int
run(char **argv)
{
	unsigned long count = 0;
	struct timespec now;
	int listener, status, pidfd;
	pid_t pid;
	time_t end;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = start(argv, &listener);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		die("pidfd_open");
	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + opt.seconds;
	for (;;) {
		struct pollfd p[2] = {{listener, POLLIN, 0}, {pidfd, POLLIN, 0}};

		poll(p, 2, 1000);
		if ((p[0].revents & POLLIN) && serve(listener, &count)) {
			kill_all();
			fprintf(opt.log, "end killed %lu\n", count);
			return 137;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec >= end) {
			kill_all();
			fprintf(opt.log, "end timeout\n");
			return 124;
		}
		if (p[1].revents && !(p[0].revents & POLLIN))
			break;
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	kill_all();
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	fprintf(opt.log, "end exit %d\n", status);
	return status;
}

static int
error_by_name(const char *name)
{
	return strcmp(name, "ENOSPC") == 0 ? ENOSPC : strcmp(name, "EIO") == 0 ? EIO :
	    strcmp(name, "EINTR") == 0 ? EINTR : 0;
}

int
main(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+l:n:ke:fst:")) != -1) {
		switch (c) {
		case 'l': opt.log = fopen(optarg, "we"); if (!opt.log) die(optarg); break;
		case 'n': opt.at = strtoul(optarg, NULL, 10); break;
		case 'k': opt.kill = 1; break;
		case 'e': opt.error = error_by_name(optarg); if (!opt.error) goto usage; break;
		case 'f': opt.sticky = 1; break;
		case 's': opt.stdout_too = 1; break;
		case 't': opt.seconds = atoi(optarg); break;
		default: goto usage;
		}
	}
	if (!opt.log || optind == argc || !opt.at != !(opt.kill || opt.error) || (opt.kill && opt.error))
		goto usage;
	c = run(argv + optind);
	if (fclose(opt.log) != 0)
		die("log");
	return c;
usage:
	fprintf(stderr, "usage: crashpoint [-s] [-t SECONDS] -l LOG [-n N -k | -n N -e ERROR [-f]] -- COMMAND...\n");
	return 125;
}
