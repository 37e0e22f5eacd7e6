/* Files into the archive: a directory tree that its owner may change while it is read.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The tree belongs to the service user, so nothing in it is followed: every
 * step is an openat() with O_NOFOLLOW from the directory before.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "backup.h"

#define CHUNK (256u << 10)
#define SMALL (1u << 20)	/* read whole and again when it changed meanwhile */
#define TRIES 3
#define GRAIN_S 2	/* a file system's time is not finer than that, to be sure */
#define DEPTH_MAX 100		/* each level holds a descriptor */

struct walk {
	struct writer *w;
	struct tool *t;
	struct buf path;		/* of the member: "files/..." */
	const char *const *skip;
	int depth;
	unsigned char *chunk;
	struct tree_size *count_only;	/* add sizes up instead of writing */
	bool linked;			/* then: as links */
	const struct documents *d;
};

static bool is_vanished(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP;
}

/* What cannot be read: gone is noted, the rest is an error unless it was asked for otherwise. */
static int cannot_read(struct walk *k, int errnum, struct err *err)
{
	if (k->count_only)
		return 0;
	if (is_vanished(errnum)) {
		manifest_add_skipped(&k->w->m, k->path.p, "vanished while the backup was made");
		return 0;
	}
	if (backup_options.skip_unreadable) {
		log_warn("'%s' cannot be read (%s) and is left out", k->path.p + strlen(MEMBER_FILES), strerror(errnum));
		manifest_add_skipped(&k->w->m, k->path.p, "cannot be read");
		return 0;
	}
	err_sys(err, errnum, "read '%s'", k->path.p + strlen(MEMBER_FILES));
	err->kind = ERR_FAIL;
	err_hint(err, "--skip-unreadable makes a backup without it");
	return -1;
}

static struct manifest_file describe(const struct walk *k, const struct stat *st)
{
	return (struct manifest_file){
		.path = k->path.p, .size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0, .mode = st->st_mode,
		.uid = st->st_uid, .gid = st->st_gid, .mtime = st->st_mtim.tv_sec,
	};
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Up to want bytes from offset; fewer at the end of the file. -1: errno. */
static ssize_t read_at(int fd, void *into, size_t want, off_t offset)
{
	size_t done = 0;

	while (done < want) {
		ssize_t n = pread(fd, (char *)into + done, want - done, offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Does an index know the file as it is now? 1 yes, with its content's sum; 2 all but the inode's time of change fits, as when a
 * link to it was made or removed; 0 no. */
static int find_in(const struct index *x, const char *path, const struct stat *st, struct index_slot *there, uint64_t *at,
		   struct err *err)
{
	struct index_slot want;

	if (!x)
		return 0;
	index_slot_fill(&want, path, st);
	int rc = index_get(x, &want, there, at, err);

	if (rc <= 0 || memcmp(want.state, there->state, INDEX_KEY) != 0)
		return rc < 0 ? -1 : 0;
	return want.changed == there->changed ? 1 : 2;
}

/* What was written to a moment ago may change again within the file system's
 * grain of time and look the same; what moved while it was read is no state. */
static int note_file(struct walk *k, const struct manifest_file *f, const struct stat *st, struct err *err)
{
	struct index_slot s;

	if (!k->d || !k->d->fresh || f->changed || st->st_ctim.tv_sec >= time(NULL) - GRAIN_S || st->st_ctim.tv_sec < 0)
		return 0;
	index_slot_fill(&s, k->path.p, st);
	index_slot_attrs(&s, k->w->attrs);
	memcpy(s.content, k->w->sum, SHA256_SIZE);
	return index_put(k->d->fresh, &s, err);
}

/* ---- left to the base, or linked ------------------------------------------------------------- */
/* The content's sum without writing it, by an index that knows it, else by reading. 0: it does not hold still. */
static int content_sum(struct walk *k, int fd, const struct stat *st, unsigned char sum[SHA256_SIZE], struct err *err)
{
	struct index_slot there;
	struct sha256 h;
	struct stat after;
	off_t at = 0;
	ssize_t n;
	int known = find_in(k->d->known, k->path.p, st, &there, NULL, err);

	if (known < 0)
		return -1;
	if (known == 1) {
		memcpy(sum, there.content, SHA256_SIZE);
		return 1;
	}
	sha256_init(&h);
	while ((n = read_at(fd, k->chunk, CHUNK, at)) > 0) {
		sha256_update(&h, k->chunk, (size_t)n);
		writer_passed(k->w, (size_t)n);
		at += n;
	}
	sha256_final(&h, sum);
	return n == 0 && fstat(fd, &after) == 0 && same(st, &after) && at == st->st_size;
}

static struct manifest_file describe_sum(const struct walk *k, const struct stat *st, const char *hex, const char *attrs)
{
	struct manifest_file f = describe(k, st);

	f.sha256 = hex;
	f.attrs = *attrs ? attrs : NULL;
	return f;
}

/* 1 it is left to the base, 0 it must be stored. */
static int leave_to_base(struct walk *k, int fd, const struct stat *st, const struct xattrs *attrs, struct err *err)
{
	struct index_slot there, now = { .changed = 0 };
	unsigned char sum[SHA256_SIZE];
	char hex[SHA256_HEX_SIZE], attrs_sum[SHA256_HEX_SIZE];
	uint64_t at;
	int known = find_in(k->d->base, k->path.p, st, &there, &at, err);

	if (known <= 0)
		return known;
	if (known == 2) {
		backup_attrs_sum(attrs, attrs_sum);
		index_slot_attrs(&now, attrs_sum);
		if (memcmp(now.attrs, there.attrs, sizeof(now.attrs)) != 0)
			return 0;
		known = content_sum(k, fd, st, sum, err);
		if (known <= 0 || memcmp(sum, there.content, SHA256_SIZE) != 0)
			return known < 0 ? -1 : 0;
		if (st->st_ctim.tv_sec < time(NULL) - GRAIN_S)	/* the next need not read it */
			index_touch(k->d->base, at, (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec);
	}
	sha256_to_hex(there.content, hex);
	struct manifest_file f = describe_sum(k, st, hex, "");

	return writer_based(k->w, &f, err) < 0 ? -1 : 1;
}

/* The link itself changes the inode's time, so what is noted is what the file is behind it. */
static int note_link(struct walk *k, const struct stat *st, const unsigned char sum[SHA256_SIZE], const char *attrs, struct err *err)
{
	struct index_slot s;

	if (!k->d->fresh || st->st_ctim.tv_sec < 0)
		return 0;
	index_slot_fill(&s, k->path.p, st);
	index_slot_attrs(&s, attrs);
	memcpy(s.content, sum, SHA256_SIZE);
	return index_put(k->d->fresh, &s, err);
}

/* 1 it is a link now, 0 it must be stored: what was written to a moment ago, or is being written to, is no state to link to. */
static int link_file(struct walk *k, int fd, const struct stat *st, const struct xattrs *attrs, struct err *err)
{
	const char *path = k->path.p + strlen(MEMBER_FILES);
	char hex[SHA256_HEX_SIZE], attrs_sum[SHA256_HEX_SIZE];
	unsigned char sum[SHA256_SIZE];
	struct stat after;
	int rc = st->st_mtim.tv_sec >= time(NULL) - GRAIN_S ? 0 : content_sum(k, fd, st, sum, err);

	if (rc > 0)
		rc = links_put(k->d->links, path, fd, err);
	if (rc <= 0)
		return rc;
	if (fstat(fd, &after) < 0 || !same(st, &after))
		return links_drop(k->d->links, path, err);
	backup_attrs_sum(attrs, attrs_sum);
	sha256_to_hex(sum, hex);
	struct manifest_file f = describe_sum(k, st, hex, attrs_sum);

	return writer_linked(k->w, &f, err) < 0 || note_link(k, &after, sum, attrs_sum, err) < 0 ? -1 : 1;
}

/* ---- stored ------------------------------------------------------------------------------------ */
/* A file that fits in memory: what is written is one state of it, if it holds still for a moment. */
static int add_small(struct walk *k, int fd, struct stat *st, const struct xattrs *attrs, struct err *err)
{
	AUTO_BUF data = BUF_SECRET_INIT;
	struct stat after = *st;
	ssize_t n = 0;

	for (int i = 0; i < TRIES; i++) {
		if (fstat(fd, st) < 0)
			return cannot_read(k, errno, err);
		if (st->st_size > SMALL)
			break;	/* grew out of this; the first SMALL bytes would be a lie */
		buf_reset(&data);
		buf_reserve(&data, (size_t)st->st_size + 1);
		n = read_at(fd, data.p, (size_t)st->st_size, 0);
		if (n < 0 || fstat(fd, &after) < 0)
			return cannot_read(k, errno, err);
		if (n == st->st_size && same(st, &after))
			break;
	}
	struct manifest_file f = describe(k, st);

	f.changed = st->st_size > SMALL || n != st->st_size || !same(st, &after);
	f.size = (uint64_t)n;
	if (writer_begin(k->w, &f, attrs, err) < 0 || writer_data(k->w, data.p, (size_t)n, err) < 0)
		return -1;
	explicit_bzero(data.p, (size_t)n);
	return writer_end(k->w, &f, err) < 0 ? -1 : note_file(k, &f, st, err);
}

static int add_large(struct walk *k, int fd, const struct stat *st, const struct xattrs *attrs, struct err *err)
{
	struct manifest_file f = describe(k, st);
	struct stat after;
	off_t at = 0;

	if (writer_begin(k->w, &f, attrs, err) < 0)
		return -1;
	while (at < st->st_size) {
		size_t want = st->st_size - at < CHUNK ? (size_t)(st->st_size - at) : CHUNK;
		ssize_t n = read_at(fd, k->chunk, want, at);

		if (n < 0) {	/* the head is out: no way back to leaving it out */
			err_sys(err, errno, "read '%s'", k->path.p + strlen(MEMBER_FILES));
			return -1;
		}
		memset(k->chunk + n, 0, want - (size_t)n);	/* it became shorter */
		if (writer_data(k->w, k->chunk, want, err) < 0)
			return -1;
		at += (off_t)want;
	}
	f.changed = fstat(fd, &after) < 0 || !same(st, &after);
	return writer_end(k->w, &f, err) < 0 ? -1 : note_file(k, &f, st, err);
}

static int read_attrs(const struct walk *k, int fd, struct xattrs *attrs, struct err *err)
{
	if (backup_attrs_read(fd, attrs, err) == 0)
		return 0;
	err_prefix(err, "'%s'", k->path.p + strlen(MEMBER_FILES));
	return -1;
}

static int add_file(struct walk *k, int dir, const char *name, struct err *err)
{
	AUTO_FD int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	AUTO_XATTRS attrs = XATTRS_INIT;
	struct stat st;
	int rc = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return cannot_read(k, errno, err);
	if (!S_ISREG(st.st_mode))
		return cannot_read(k, ENOENT, err);
	if (read_attrs(k, fd, &attrs, err) < 0)
		return -1;
	if (k->d && k->d->base)
		rc = leave_to_base(k, fd, &st, &attrs, err);
	else if (k->d && k->d->links)
		rc = link_file(k, fd, &st, &attrs, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	return st.st_size <= SMALL ? add_small(k, fd, &st, &attrs, err) : add_large(k, fd, &st, &attrs, err);
}

static int add_link(struct walk *k, int dir, const char *name, const struct stat *st, struct err *err)
{
	char target[4096];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return cannot_read(k, errno, err);
	target[n] = '\0';
	struct manifest_file f = describe(k, st);

	f.target = target;
	return writer_node(k->w, &f, NULL, err);
}

static int walk_dir(struct walk *k, int fd, struct err *err);

static int add_dir(struct walk *k, int dir, const char *name, const struct stat *st, struct err *err)
{
	AUTO_FD int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct manifest_file f = describe(k, st);
	AUTO_XATTRS attrs = XATTRS_INIT;

	if (fd < 0)
		return cannot_read(k, errno, err);
	if (k->depth >= DEPTH_MAX)
		return err_set(err, ERR_FAIL, "'%s' is nested deeper than %d directories", k->path.p + strlen(MEMBER_FILES), DEPTH_MAX);
	if (!k->count_only && (read_attrs(k, fd, &attrs, err) < 0 || writer_node(k->w, &f, &attrs, err) < 0))
		return -1;
	k->depth++;
	int rc = walk_dir(k, MOVE_FD(fd), err);

	k->depth--;
	return rc;
}

/* gpg's sockets and lock files, and half-written files of ours, mean nothing to another run. */
static bool is_runtime_only(const char *name, const struct stat *st)
{
	static const char *const locks[] = { "pubring.kbx.lock", "pubring.gpg.lock", "trustdb.gpg.lock" };

	for (size_t i = 0; i < ARRAY_LEN(locks); i++)
		if (strcmp(name, locks[i]) == 0)
			return true;
	return (S_ISSOCK(st->st_mode) && strncmp(name, "S.", 2) == 0) || strncmp(name, ".#lk", 4) == 0 ||
	       (name[0] == '.' && strstr(name, ".maintkit-"));
}

static int count(struct walk *k, const struct stat *st, struct err *err)
{
	uint64_t size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	struct index_slot there;
	int based = 0, known = 0;

	if (S_ISREG(st->st_mode) && k->d)
		based = find_in(k->d->base, k->path.p, st, &there, NULL, err);
	if (based >= 0 && (based == 2 || (k->linked && size)))
		known = find_in(k->d->known, k->path.p, st, &there, NULL, err);
	k->count_only->all += size + 512;
	k->count_only->files += S_ISREG(st->st_mode);
	k->count_only->bytes += based || k->linked ? 512 : size + 512;
	k->count_only->hashed += (based == 2 || k->linked) && known != 1 ? size : 0;
	return based < 0 || known < 0 ? -1 : 0;
}

static int add_entry(struct walk *k, int dir, const char *name, struct err *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return cannot_read(k, errno, err);
	if (is_runtime_only(name, &st))
		return 0;
	if (S_ISDIR(st.st_mode))
		return add_dir(k, dir, name, &st, err);
	if (k->count_only)
		return count(k, &st, err);
	if (S_ISREG(st.st_mode))
		return add_file(k, dir, name, err);
	if (S_ISLNK(st.st_mode))
		return add_link(k, dir, name, &st, err);
	manifest_add_skipped(&k->w->m, k->path.p, S_ISSOCK(st.st_mode) ? "a socket" : S_ISFIFO(st.st_mode) ?
			     "a named pipe" : "a device");
	return 0;
}

static bool left_out(const struct walk *k, const char *name)
{
	for (size_t i = 0; k->depth == 0 && k->skip && k->skip[i]; i++)
		if (strcmp(k->skip[i], name) == 0)
			return true;
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Takes fd over. */
static int walk_dir(struct walk *k, int fd, struct err *err)
{
	DIR *d = fdopendir(fd);
	const struct dirent *e;
	size_t len = k->path.len;
	int rc = 0;

	if (!d) {
		int saved = errno;

		close(fd);
		return cannot_read(k, saved, err);
	}
	while (rc == 0 && (errno = 0, e = readdir(d))) {
		if (left_out(k, e->d_name))
			continue;
		buf_addf(&k->path, "/%s", e->d_name);
		rc = add_entry(k, dirfd(d), e->d_name, err);
		buf_truncate(&k->path, len);
	}
	if (rc == 0 && errno)
		rc = cannot_read(k, errno, err);
	closedir(d);
	return rc;
}

static int walk_from(struct walk *k, const char *path, struct err *err)
{
	const char *name;
	AUTO_FD int parent = path_open_parent(&k->t->root, path, 0, &name, err);

	if (parent < 0)
		return -1;
	k->chunk = xmalloc(CHUNK);
	buf_adds(&k->path, MEMBER_FILES);
	buf_adds(&k->path, path);
	k->depth = -1;	/* the tree's own directory becomes level 0 */
	int rc = add_entry(k, parent, name, err);

	free(k->chunk);
	buf_release(&k->path);
	return rc;
}

char *backup_real_tree(struct tool *t, const char *path, struct err *err)
{
	struct stat st;

	if (path_stat(&t->root, path, &st, NULL) < 0 || !S_ISLNK(st.st_mode))
		return xstrdup(path);
	return path_real_dir(&t->root, path, err);
}

int backup_tree(struct writer *w, struct tool *t, const char *path, const char *const *skip, const struct documents *d, struct err *err)
{
	struct walk k = { .w = w, .t = t, .path = BUF_INIT, .skip = skip, .d = d };

	return walk_from(&k, path, err);
}

int backup_tree_size(struct tool *t, const char *path, struct tree_size *size, const struct documents *d, bool linked,
		     struct err *err)
{
	struct walk k = { .t = t, .path = BUF_INIT, .count_only = size, .linked = linked, .d = d };

	return walk_from(&k, path, err);
}
