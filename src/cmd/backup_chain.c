/* Reading what a backup leaves to the full one that it goes back to.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The manifest names such documents with their sha256. They are noted in a
 * table on disk (backup_index.h: no names) in the state directory, and looked
 * up while the base goes by. Each must be there, with that content.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include "../base/temp.h"
#include "../ext/statefile.h"
#include "backup.h"

#define LEAF "backup-wanted"
#define CHUNK (256u << 10)

void chain_release(struct chain *c)
{
	mem_close_cleanup(&c->fd);
}

/* In the directory of the backup, else in the backup directory. To be freed; NULL: in neither. */
static char *find_base(const struct chain *c, const char *name)
{
	AUTO_FREE char *dir = path_dirname(c->file);
	AUTO_FREE char *beside = xasprintf("%s/%s", dir, name);
	AUTO_FREE char *usual = xasprintf("%s%s/%s", c->t->root.prefix, backup_dir(c->t), name);

	if (access(beside, F_OK) == 0)
		return MOVE_PTR(beside);
	return access(usual, F_OK) == 0 ? MOVE_PTR(usual) : NULL;
}

int chain_check(const struct chain *c, struct err *err)
{
	AUTO_FREE char *name = info_get(c->info, "base"), *sum = info_get(c->info, "base-sha256");

	if (!name || !*name || strchr(name, '/'))
		return err_set(err, ERR_FAIL, "it does not say which backup it goes back to");
	AUTO_FREE char *file = find_base(c, name);
	AUTO_FREE char *dir = path_dirname(c->file);

	return file ? 0 : err_set(err, ERR_FAIL, "it goes back to '%s' (sha256 %s), which is missing; put that file into '%s'",
				  name, sum ? sum : "?", dir);
}

/* A file without a name, that goes with its descriptor. */
static int make_table(struct chain *c, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(c->t->profile, "");
	AUTO_FREE char *files = info_get(c->info, "files");
	AUTO_FREE char *temp = NULL;

	path[strlen(path) - 1] = path[strlen(path) - 1] == '/' ? '\0' : path[strlen(path) - 1];
	if (statefile_make_dir(c->t->profile, &c->t->root, err) < 0)
		return -1;
	AUTO_FD int dir = path_open_dir(&c->t->root, path, 0, err);

	if (dir < 0 || temp_sweep(dir, LEAF, err) < 0)
		return -1;
	c->fd = temp_create(dir, LEAF, &temp);
	if (c->fd < 0 || unlinkat(dir, temp, 0) < 0)
		return err_sys(err, errno, "make a temporary file in '%s'", path);
	return index_make(&c->wanted, c->fd, files ? strtoull(files, NULL, 10) : 0, err);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int chain_want(void *chain, const char *path, const char *sha256, struct err *err)
{
	struct chain *c = chain;
	struct index_slot s;

	if (c->sink && c->sink->from_base && !c->sink->from_base(c->sink->arg, path))
		return 0;
	if (c->fd < 0 && (chain_check(c, err) < 0 || make_table(c, err) < 0))
		return -1;
	index_slot_fill(&s, path, NULL);
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		int high = digit(sha256[2 * i]), low = high < 0 ? -1 : digit(sha256[2 * i + 1]);

		if (low < 0)
			return err_set(err, ERR_FAIL, "a line of the manifest is malformed");
		s.content[i] = (unsigned char)(high << 4 | low);
	}
	c->asked++;
	if (index_put(&c->wanted, &s, err) < 0)
		return -1;
	return c->wanted.full ? err_set(err, ERR_FAIL, "the manifest names more documents than it says there are") : 0;
}

static int finish_member(struct chain *c, struct reader *r, const char *path, const struct index_slot *want, struct err *err)
{
	AUTO_FREE unsigned char *chunk = xmalloc(CHUNK);
	unsigned char sum[SHA256_SIZE];
	ssize_t n;

	while ((n = reader_read(r, chunk, CHUNK, err)) > 0)
		;
	if (n < 0)
		return -1;
	struct sha256 h = r->hash;

	sha256_final(&h, sum);
	if (memcmp(sum, want->content, SHA256_SIZE) != 0)
		return err_set(err, ERR_FAIL, "document '%s' is not as '%s' needs it", path, c->file);
	c->taken++;
	return 0;
}

/* Members of the base: those that are wanted go on, once each. */
static int take(void *arg, struct reader *r, const struct archive_member *m, struct err *err)
{
	struct chain *c = arg;
	struct index_slot want, found;
	uint64_t at;

	if (!S_ISREG(m->mode) || strncmp(m->path, MEMBER_FILES "/", strlen(MEMBER_FILES) + 1) != 0)
		return 0;
	index_slot_fill(&want, m->path, NULL);
	int rc = index_get(&c->wanted, &want, &found, &at, err);

	if (rc <= 0 || found.state[0])
		return rc < 0 ? -1 : 0;
	found.state[0] = 1;
	if (index_replace(&c->wanted, at, &found, err) < 0 ||
	    (c->sink && c->sink->member(c->sink->arg, r, m, err) < 0))
		return -1;
	return finish_member(c, r, m->path, &found, err);
}

int chain_read(struct chain *c, struct backup_facts *f, struct err *err)
{
	CLEANUP(backup_facts_release) struct backup_facts base = BACKUP_FACTS_INIT;
	struct sink sink = { .member = take, .arg = c };
	AUTO_FREE char *name = info_get(c->info, "base"), *sum = info_get(c->info, "base-sha256");
	AUTO_FREE char *file = find_base(c, name ? name : "");

	if (!file)
		return chain_check(c, err);
	if (backup_read_alone(c->t, file, &sink, NULL, &base, err) < 0) {
		f->bad = base.bad;
		err_prefix(err, "'%s' goes back to another backup", c->file);
		return -1;
	}
	if (sum && strcmp(sum, base.sha256) == 0 && c->taken == c->asked)
		return 0;
	f->bad = true;
	return err_set(err, ERR_FAIL, sum && strcmp(sum, base.sha256) == 0 ?
		       "'%s' needs documents that are not in '%s'" :
		       "'%s' goes back to another '%s' than the one that is there", c->file, file);
}
