/* What the verbs of maintkit-pgp share: whose key directory it is, and work done as its owner.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../ext/effects.h"
#include "../ext/pgp_home.h"
#include "../ext/propsfile.h"
#include "pgp.h"

#define PASSPHRASE_MAX 1024
#define DAY 86400

void place_release(struct place *p)
{
	free(p->home);
	p->home = NULL;
}

int place_find(struct place *p, struct tool *t, struct err *err)
{
	p->below = profile_require(t->profile, "pgp", "home", err);
	if (!p->below || profile_user(t->profile, &t->root, &p->uid, &p->gid, err) < 0)
		return -1;
	p->home = xasprintf("%s%s", t->root.prefix, p->below);
	return 0;
}

int place_check(const struct place *p, struct tool *t, struct err *err)
{
	struct stat st;

	if (path_stat(&t->root, p->below, &st, err) < 0)
		return -1;
	if (S_ISLNK(st.st_mode))
		return err_set(err, ERR_FAIL, "key directory '%s' is a symbolic link, which is refused; "
			       "set [pgp] home to where the keys really are", p->home);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_FAIL, "key directory '%s' is not a directory", p->home);
	if (st.st_uid != p->uid)
		return err_set(err, ERR_FAIL, "key directory '%s' belongs to user %ld and not to the web user (%ld); "
			       "look what is in it, then change its owner or remove it",
			       p->home, (long)st.st_uid, (long)p->uid);
	return 0;
}

struct errand {
	const struct place *place;
	place_fn *work;
	void *arg;
};

static int in_home(void *arg, struct buf *out, struct err *err)
{
	struct errand *e = arg;
	const char *home = e->place->home;
	CLEANUP(pgp_cleanup) struct pgp *pgp = NULL;
	AUTO_FD int fd = open(home, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	/* We are the owner, if it is right at all: closing it is ours to do. */
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077))
		fchmod(fd, 0700);
	mem_close_cleanup(&fd);
	fd = pgp_home_open(home, err);
	if (fd < 0 || pgp_home_inspect(fd, home, err) < 0 || pgp_home_enter(fd, home, err) < 0 || pgp_home_settle(home, err) < 0 ||
	    pgp_home_mend(fd, err) < 0 ||
	    pgp_open(&pgp, home, err) < 0)
		return -1;
	int rc = e->work(pgp, fd, e->arg, out, err);

	pgp_home_leave(fd, home);
	return rc;
}

int place_run(const struct place *p, place_fn *work, void *arg, int keep, int keep2, int timeout_ms,
	      struct buf *out, struct err *err)
{
	struct errand e = { p, work, arg };
	struct userproc_opts o = { .drop = true, .uid = p->uid, .gid = p->gid, .timeout_ms = timeout_ms,
				   .keep = { keep, keep2 } };

	return userproc_run(&o, in_home, &e, out, err);
}

int place_secret_keys(struct pgp *pgp, int home_fd, struct pgp_keys *keys, struct err *err)
{
	if (pgp_list(pgp, NULL, true, keys, err) == 0 && keys->n)
		return 0;
	pgp_keys_release(keys);
	if (pgp_home_forget_trust(home_fd, err) < 0)
		return -1;
	err_clear(err);
	return pgp_list(pgp, NULL, true, keys, err);
}

const char *pgp_escrow_path(const struct tool *t)
{
	return profile_get(t->profile, "pgp", "passphrase-file");
}

const char *pgp_secret_copy_path(const struct tool *t)
{
	return profile_get(t->profile, "pgp", "secret-copy");
}

int pgp_passphrase(struct tool *t, bool from_stdin, struct buf *out, struct err *err)
{
	const char *path = pgp_escrow_path(t);
	struct err why = ERR_INIT;
	struct stat st;

	if (from_stdin) {
		if (tool_read_input(t, PASSPHRASE_MAX, err) < 0)
			return -1;
		if (!t->input.len || strlen(t->input.p) != t->input.len || strpbrk(t->input.p, "\r\n"))
			return err_set(err, ERR_USAGE, "the passphrase on standard input must be one line and not empty");
		buf_add(out, t->input.p, t->input.len);
		return 1;
	}
	if (!path || path_read_file(&t->root, path, out, PASSPHRASE_MAX, &st, &why) < 0) {
		if (!path || why.kind == ERR_ABSENT)
			return 0;
		*err = why;
		return -1;
	}
	if (st.st_mode & 077)
		return err_set(err, ERR_FAIL, "'%s%s' is open to others (mode %04o)", t->root.prefix, path,
			       st.st_mode & 07777u);
	buf_trim_end(out);
	return out->len ? 1 : 0;
}

int pgp_current_key(struct tool *t, char **pattern, struct err *err)
{
	const char *key = profile_get(t->profile, "pgp", "property-key");
	struct effect *list;
	struct err why = ERR_INIT;
	size_t n;

	*pattern = NULL;
	if (key && propsfile_get(t->profile, &t->root, key, pattern, &why) < 0 && why.kind != ERR_ABSENT) {
		*err = why;
		return -1;
	}
	if (*pattern && **pattern)
		return 0;
	free(*pattern);
	*pattern = NULL;
	if (effects_list(t->profile, &t->root, "pgp-key", &list, &n, err) < 0)
		return -1;
	if (n)
		*pattern = xstrdup(list[n - 1].id);
	effects_free(list, n);
	return 0;
}

const char *pgp_date(long long when)
{
	static char text[32];
	time_t t = (time_t)when;
	struct tm tm;

	if (!when)
		return "never";
	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d", &tm);
	return text;
}

long pgp_days_left(long long expires)
{
	long long left = expires - (long long)time(NULL);

	return (long)(left >= 0 ? left / DAY : -((-left + DAY - 1) / DAY));
}
