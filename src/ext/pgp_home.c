/* What maintkit keeps in a service user's GNUPGHOME beside gpg's own files.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "../base/temp.h"
#include "pgp.h"
#include "pgp_home.h"

#define SMALL_FILE 65536
#define GREETING_MS 8000	/* an agent greets at once; a loaded machine may take a while */
#define DEPTH 2			/* gpg makes directories of files, and none deeper than our staging has them */

int pgp_home_open(const char *home, struct err *err)
{
	AUTO_FD int fd = open(home, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (home[0] != '/')
		return err_set(err, ERR_FAIL, "key directory '%s' is not an absolute path", home);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return err_set(err, ERR_FAIL, "key directory '%s' is not a directory of its own (symbolic links are refused)", home);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "key directory '%s'", home);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_FAIL, "key directory '%s' belongs to user %ld, not to user %ld",
			       home, (long)st.st_uid, (long)geteuid());
	if (st.st_mode & 077)
		return err_set(err, ERR_FAIL, "key directory '%s' is open to others (mode %04o); run: chmod 700 '%s'",
			       home, st.st_mode & 07777u, home);
	return MOVE_FD(fd);
}

static const char *forbidden_kind(const struct stat *st)
{
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISSOCK(st->st_mode))
		return NULL;
	return S_ISLNK(st->st_mode) ? "a symbolic link" : S_ISFIFO(st->st_mode) ? "a named pipe" : "a device";
}

static int inspect_dir(int dir, const char *path, int depth, struct err *err);

static int inspect_entry(int dir, const char *path, const char *name, int depth, struct err *err)
{
	AUTO_FREE char *full = xasprintf("%s/%s", path, name);
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "'%s'", full);
	const char *kind = forbidden_kind(&st);

	if (kind)
		return err_set(err, ERR_FAIL, "'%s' is %s, which is refused; look who put it there, then remove it", full, kind);
	/* Sockets are no matter: gpg is not let in to another's. */
	if (st.st_uid != geteuid() && !S_ISSOCK(st.st_mode))
		return err_set(err, ERR_FAIL, "'%s' belongs to user %ld and not to user %ld; look what it is, "
			       "then change its owner or remove it", full, (long)st.st_uid, (long)geteuid());
	if (!S_ISDIR(st.st_mode) || !depth)
		return 0;
	AUTO_FD int below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (below < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "'%s'", full);
	return inspect_dir(below, full, depth - 1, err);
}

static int inspect_dir(int dir, const char *path, int depth, struct err *err)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	if (!d) {
		rc = err_sys(err, errno, "read '%s'", path);
		if (copy >= 0)
			close(copy);
		return rc;
	}
	while (rc == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = inspect_entry(dir, path, e->d_name, depth, err);
	closedir(d);
	return rc;
}

int pgp_home_inspect(int home_fd, const char *home, struct err *err)
{
	return inspect_dir(home_fd, home, DEPTH, err);
}

/* A user without a directory in /run/user, as service users are, has the
 * agent's socket in the home (source: gpg-agent(1), --use-standard-socket). */
static int check_agent(const char *home, struct err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct pollfd pfd = { .events = POLLIN };

	if ((size_t)snprintf(to.sun_path, sizeof(to.sun_path), "%s/S.gpg-agent", home) >= sizeof(to.sun_path))
		return 0;
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	union { struct sockaddr *any; struct sockaddr_un *un; } address = { .un = &to };

	if (fd < 0)
		return err_sys(err, errno, "ask the agent of '%s'", home);
	/* Nobody behind it: gpg starts another. EAGAIN: more are waiting than it has room for. */
	if (connect(fd, address.any, sizeof(to)) < 0 && errno != EAGAIN)
		return 0;
	pfd.fd = fd;
	if (poll(&pfd, 1, GREETING_MS) != 0)
		return 0;
	err_set(err, ERR_BACKEND, "the gpg agent behind '%s' does not answer", to.sun_path);
	err_hint(err, "end its process ('fuser %s' names it), and try again", to.sun_path);
	return -1;
}

int pgp_home_enter(int home_fd, const char *home, struct err *err)
{
	int rc;

	do
		rc = flock(home_fd, LOCK_SH);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? err_sys(err, errno, "lock '%s'", home) : check_agent(home, err);
}

void pgp_home_leave(int home_fd, const char *home)
{
	if (home_fd >= 0 && flock(home_fd, LOCK_EX | LOCK_NB) == 0) {
		pgp_stop_agent(home);
		flock(home_fd, LOCK_UN);
	}
}

/* Is PID a gpg of ours that changes the keys of this home? (One that encrypts is no matter.) */
static bool changes_keys(const char *pid, const char *home)
{
	AUTO_FREE char *path = xasprintf("/proc/%s/cmdline", pid);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_BUF words = BUF_INIT;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() || buf_read_fd(&words, fd, SMALL_FILE, NULL) < 0)
		return false;
	if (strcmp(words.p, "gpg") != 0 && strcmp(words.p, "/usr/bin/gpg") != 0)
		return false;
	bool here = false, changes = false;

	for (size_t at = 0; at < words.len; at += strlen(words.p + at) + 1) {
		const char *word = words.p + at;

		here = here || strcmp(word, home) == 0;
		changes = changes || strcmp(word, "--gen-key") == 0 || strncmp(word, "--quick-", 8) == 0 ||
			  strcmp(word, "--import") == 0;
	}
	return here && changes;
}

static bool in_use(const char *home)
{
	DIR *d = opendir("/proc");
	const struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d)))
		found = e->d_name[0] >= '1' && e->d_name[0] <= '9' && changes_keys(e->d_name, home);
	if (d)
		closedir(d);
	return found;
}

int pgp_home_settle(const char *home, struct err *err)
{
	const struct timespec pause = { .tv_nsec = 100000000 };

	for (int i = 0; i < 600; i++) {
		if (!in_use(home))
			return 0;
		nanosleep(&pause, NULL);
	}
	return err_set(err, ERR_BUSY, "another gpg changes the keys in '%s'; try again when it has finished", home);
}

int pgp_home_mend(int home_fd, struct err *err)
{
	struct stat st;

	if (fstatat(home_fd, "pubring.kbx", &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT ||
	    fstatat(home_fd, "pubring.kbx~", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return renameat(home_fd, "pubring.kbx~", home_fd, "pubring.kbx") < 0 ?
		err_sys(err, errno, "put 'pubring.kbx' back in the key directory") : 0;
}

int pgp_home_forget_trust(int home_fd, struct err *err)
{
	if (unlinkat(home_fd, "trustdb.gpg", 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove 'trustdb.gpg' in the key directory");
	return 0;
}

/* 1 read, 0 there is none. forbidden: mode bits that are refused. */
static int read_small(int home_fd, const char *name, mode_t forbidden, struct buf *out, struct err *err)
{
	AUTO_FD int fd = openat(home_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "'%s' in the key directory", name);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return err_set(err, ERR_FAIL, "'%s' in the key directory is not a file of its owner", name);
	if (st.st_mode & forbidden)
		return err_set(err, ERR_FAIL, "'%s' in the key directory is open to others (mode %04o)", name,
			       st.st_mode & 07777u);
	return buf_read_fd(out, fd, SMALL_FILE, err) < 0 ? -1 : 1;
}

static bool is_fingerprint(const char *s)
{
	size_t len = strlen(s);

	return (len == 40 || len == 64) && strspn(s, "0123456789ABCDEFabcdef") == len;
}

int pgp_home_recipients(int home_fd, struct strv *fprs, struct err *err)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;

	if (read_small(home_fd, PGP_HOME_RECIPIENTS, 022, &text, err) < 0)
		return -1;
	strv_split(&lines, text.p, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		if (lines.v[i][0] == '#')
			continue;
		if (!is_fingerprint(lines.v[i]))
			return err_set(err, ERR_FAIL, "'%s' in the key directory: line %zu is not a fingerprint",
				       PGP_HOME_RECIPIENTS, i + 1);
		if (!strv_has(fprs, lines.v[i]))
			strv_add(fprs, lines.v[i]);
	}
	return 0;
}

int pgp_home_recipients_marked(int home_fd, const char *mark, struct strv *fprs, struct err *err)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;

	if (read_small(home_fd, PGP_HOME_RECIPIENTS, 022, &text, err) < 0)
		return -1;
	strv_split(&lines, text.p, "\n");
	for (size_t i = 0; i < lines.n; i++)
		if (strncmp(lines.v[i], mark, strlen(mark)) == 0 && is_fingerprint(lines.v[i] + strlen(mark)))
			strv_add(fprs, lines.v[i] + strlen(mark));
	return 0;
}

int pgp_home_passphrase(int home_fd, struct buf *out, struct err *err)
{
	int rc = read_small(home_fd, PGP_HOME_PASSPHRASE, 077, out, err);

	if (rc < 0)
		return -1;
	out->len -= out->len && out->p[out->len - 1] == '\n';
	if (out->cap)
		out->p[out->len] = '\0';
	if (!rc || !out->len)
		return err_set(err, ERR_ABSENT, "no passphrase in '%s' of the key directory; "
			       "symmetric mode is set up by 'pgp ensure --symmetric'", PGP_HOME_PASSPHRASE);
	return strlen(out->p) == out->len && !strchr(out->p, '\n') ? 0 :
		err_set(err, ERR_FAIL, "'%s' in the key directory is not one line of text", PGP_HOME_PASSPHRASE);
}

static int write_new(int home_fd, const char *temp, mode_t mode, const struct buf *text, struct err *err)
{
	AUTO_FD int fd = openat(home_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "make a file in the key directory");
	if (buf_write_fd(text, fd, err) < 0)
		return -1;
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "write a file in the key directory");
	return 0;
}

int pgp_home_write(int home_fd, const char *name, mode_t mode, const struct buf *text, struct err *err)
{
	AUTO_BUF now = BUF_SECRET_INIT;
	AUTO_FREE char *temp = temp_name(name);

	if (read_small(home_fd, name, 077 & ~mode, &now, NULL) == 1 && now.len == text->len &&
	    memcmp(now.p, text->p, text->len) == 0)
		return 1;
	if (temp_sweep(home_fd, name, err) < 0)
		return -1;
	if (write_new(home_fd, temp, mode, text, err) < 0) {
		unlinkat(home_fd, temp, 0);
		return -1;
	}
	if (renameat(home_fd, temp, home_fd, name) < 0 || fsync(home_fd) < 0)
		return err_sys(err, errno, "write '%s' in the key directory", name);
	return 0;
}
