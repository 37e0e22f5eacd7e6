/* Is there room for a restore beside what is in use? Asked of each file system that gets something.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>
#include "backup_restore.h"

#define SPARE (64u << 20)

struct disk {
	dev_t dev;
	uint64_t need, have;
	char *where;
};

struct disks {
	struct disk *v;
	size_t n;
};

static void release(struct disks *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->v[i].where);
	free(d->v);
}

/* where: as the real system sees it. NULL: it cannot be looked at; writing finds out. */
static struct disk *disk_of(struct disks *d, const char *where)
{
	struct statvfs v;
	struct stat st;

	if (stat(where, &st) < 0 || statvfs(where, &v) < 0 || !v.f_blocks)	/* none: one that does not count */
		return NULL;
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].dev == st.st_dev)
			return &d->v[i];
	d->v = xreallocarray(d->v, d->n + 1, sizeof(*d->v));
	d->v[d->n] = (struct disk){ .dev = st.st_dev, .have = (uint64_t)v.f_bavail * v.f_frsize, .where = xstrdup(where) };
	return &d->v[d->n++];
}

static bool below(const char *tree, const char *path)
{
	size_t len = strlen(tree);

	return strncmp(tree, path, len) == 0 && (path[len] == '/' || !path[len]);
}

/* What lies at or below path (NULL: anything) comes: onto one disk, or onto some of several, and then it is not known how much
 * onto which, but all of them together must do. */
static int add_tree(struct disks *d, const struct restore_plan *p, struct tool *t, const char *path, uint64_t bytes, struct err *err)
{
	struct disks some = { NULL, 0 };
	uint64_t have = 0;
	int rc = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct restore_tree *r = &p->tree[i];

		if (path && !below(path, r->path) && !below(r->path, path))
			continue;
		AUTO_FREE char *dir = tree_by_entries(r) ? xstrdup(r->path) : path_dirname(r->path);
		AUTO_FREE char *where = xasprintf("%s%s", t->root.prefix, dir);

		disk_of(&some, where);
		if (!path)
			break;	/* the first are documents */
	}
	for (size_t i = 0; i < some.n; i++)
		have += some.v[i].have;
	if (some.n == 1) {
		struct disk *k = disk_of(d, some.v[0].where);

		if (k)
			k->need += bytes;
	} else if (some.n && bytes + SPARE > have) {
		rc = err_set(err, ERR_FAIL, "not enough space in '%s' and the file systems below it: about %" PRIu64 " MiB are needed "
			     "beside what is in use, and %" PRIu64 " MiB are free", path, (bytes + SPARE) >> 20, have >> 20);
	}
	release(&some);
	return rc;
}

static uint64_t number(const struct buf *info, const char *key)
{
	AUTO_FREE char *text = info_get(info, key);

	return text ? strtoull(text, NULL, 10) : 0;
}

/* "tree1=BYTES PATH"; a backup of an older maintkit knows the sum only. */
static int add_trees(struct disks *d, const struct restore_plan *p, struct tool *t, const struct buf *info, struct err *err)
{
	for (int i = 1; ; i++) {
		AUTO_FREE char *key = xasprintf("tree%d", i), *text = info_get(info, key);
		const char *path = text ? strchr(text, '/') : NULL;

		if (!path && i == 1)
			return add_tree(d, p, t, NULL, number(info, "files_bytes"), err);
		if (!path)
			return 0;
		if (add_tree(d, p, t, path, strtoull(text, NULL, 10), err) < 0)
			return -1;
	}
}

/* a server elsewhere has a disk that we cannot look at */
static void add_database(struct disks *d, struct db *db, const struct buf *info)
{
	AUTO_FREE char *data = NULL;
	uint64_t rows = number(info, "database_bytes");
	struct disk *k;

	if (db && db_get_str(db, "SELECT @@datadir", NULL, 0, &data, NULL) == 0 && (k = disk_of(d, data)))
		k->need += rows + rows / 4;
}

/* Takes d over. */
static int judge(struct disks *d, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < d->n; i++)
		if (d->v[i].need + SPARE > d->v[i].have)
			rc = err_set(err, ERR_FAIL, "not enough space in '%s': about %" PRIu64 " MiB are needed beside what is in use, "
				     "and %" PRIu64 " MiB are free", d->v[i].where, (d->v[i].need + SPARE) >> 20, d->v[i].have >> 20);
	release(d);
	return rc;
}

int space_check(const struct restore_plan *p, struct tool *t, struct db *db, const struct buf *info, struct err *err)
{
	struct disks d = { NULL, 0 };

	if (add_trees(&d, p, t, info, err) < 0) {
		release(&d);
		return -1;
	}
	add_database(&d, db, info);
	return judge(&d, err);
}

int space_check_in(const char *dir, struct db *db, const struct buf *info, struct err *err)
{
	struct disks d = { NULL, 0 };
	struct disk *k = dir ? disk_of(&d, dir) : NULL;

	if (k)	/* the dump is unpacked too; its text is about what the tables are */
		k->need += number(info, "files_bytes") + number(info, "database_bytes");
	add_database(&d, db, info);
	return judge(&d, err);
}
