/* backup restore: in place, or into a new directory and a new database; and what is said about the last one.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * With --to, the directory gets its name only when the whole backup has been
 * read and found good; a database is dropped again otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/temp.h"
#include "../base/tree.h"
#include "../core/json.h"
#include "backup_restore.h"

struct restore_options restore_options;

/* ---- into a new directory, a new database --------------------------------------- */
struct unpacking {
	struct tool *t;
	struct backup_facts *facts;
	int parent, dir;	/* -1: not asked for */
	char *to, *temp, *name;
	struct loader loader;
	unsigned char *chunk;
	bool looked_at;		/* whether there is room */
};

static int take(void *arg, struct reader *r, const struct archive_member *m, struct err *err)
{
	struct unpacking *g = arg;
	AUTO_FREE char *parent = g->to ? path_dirname(g->to) : NULL;

	if (!g->looked_at && space_check_in(parent, g->loader.db, &g->facts->info, err) < 0)
		return -1;
	g->looked_at = true;
	if (g->loader.db && strcmp(m->path, MEMBER_COMPLETE) == 0)
		return loader_end(&g->loader, err);
	if (g->loader.db && strncmp(m->path, MEMBER_DATABASE, strlen(MEMBER_DATABASE)) == 0)
		return loader_piece(&g->loader, &g->facts->info, r, g->chunk, err);
	return g->dir >= 0 ? unpack_member(g->dir, m->path, r, m, g->chunk, err) : 0;
}

static void take_table(void *arg, const char *table, uint64_t rows)
{
	struct unpacking *g = arg;

	if (g->loader.db)
		loader_table(&g->loader, table, rows);
}

/* Only the dump is loaded. */
static bool no_documents(void *arg UNUSED, const char *path UNUSED)
{
	return false;
}

static int open_directory(struct unpacking *g, struct err *err)
{
	AUTO_FREE char *cwd = backup_options.to[0] == '/' ? NULL : getcwd(NULL, 0);
	struct stat st;

	g->to = cwd ? xasprintf("%s/%s", cwd, backup_options.to) : xstrdup(backup_options.to);
	AUTO_FREE char *parent = path_dirname(g->to);

	g->name = xstrdup(strrchr(g->to, '/') + 1);
	if (!*g->name)
		return err_set(err, ERR_USAGE, "--to '%s' must not end in a slash", g->to);
	g->parent = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->parent < 0)
		return err_sys(err, errno, "'%s'", parent);
	if (fstatat(g->parent, g->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, ERR_FAIL, "'%s' exists; a backup is unpacked into a new directory only", g->to);
	char *temp = temp_name(g->name);

	g->temp = xasprintf("%s/%s", parent, temp);
	int rc = mkdirat(g->parent, temp, 0700);

	if (rc == 0)
		g->dir = openat(g->parent, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	free(temp);
	return g->dir < 0 ? err_sys(err, errno, "make '%s'", g->temp) : 0;
}

static int finish(struct unpacking *g, struct err *err)
{
	if (g->loader.made && (loader_check(&g->loader, err) < 0 || loader_keep(&g->loader, err) < 0))
		return -1;
	if (g->dir < 0)
		return 0;
	/* one sync of the file system instead of one per file: nothing counts before the rename */
	if (syncfs(g->dir) < 0)
		return err_sys(err, errno, "write out '%s'", g->temp);
	if (renameat(g->parent, strrchr(g->temp, '/') + 1, g->parent, g->name) < 0 || fsync(g->parent) < 0)
		return err_sys(err, errno, "put '%s' in place", g->to);
	free(g->temp);
	g->temp = NULL;
	return 0;
}

static void remove_temp(const char *path)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;
	struct tree_count gone = { 0 };
	AUTO_STRV left = STRV_INIT;
	struct err why = ERR_INIT;

	if (root_init(&real, "/", &why) < 0 || tree_delete(&real, path, &gone, &left, &why) != 0)
		log_warn("'%s' could not be removed: %s", path, left.n ? left.v[0] : why.text);
}

static void unpacking_release(struct unpacking *g)
{
	loader_release(&g->loader);
	if (g->temp && g->dir >= 0)
		remove_temp(g->temp);
	mem_close_cleanup(&g->dir);
	mem_close_cleanup(&g->parent);
	free(g->to);
	free(g->temp);
	free(g->name);
	free(g->chunk);
}

static int restore_aside(struct tool *t, const char *file, struct err *err)
{
	CLEANUP(backup_facts_release) struct backup_facts f = BACKUP_FACTS_INIT;
	CLEANUP(unpacking_release) struct unpacking g = { .t = t, .facts = &f, .parent = -1, .dir = -1, .loader = LOADER_INIT };
	struct sink sink = { .member = take, .table = take_table, .from_base = backup_options.to ? NULL : no_documents, .arg = &g };

	if ((backup_options.database && loader_open(&g.loader, t, backup_options.database, err) < 0) ||
	    (backup_options.to && !t->dry_run && open_directory(&g, err) < 0))
		return -1;
	if (t->dry_run) {
		log_info("would read '%s' and unpack it", file);
		return 0;
	}
	g.chunk = xmalloc(RESTORE_CHUNK);
	if (backup_read(t, file, &sink, &f, err) < 0 || finish(&g, err) < 0)
		return -1;
	if (g.to)
		log_info("unpacked %" PRIu64 " members to '%s'", f.totals.members, g.to);
	if (backup_options.database)
		log_info("loaded %" PRIu64 " rows of %" PRIu64 " tables into database '%s'", f.totals.rows, f.totals.tables,
			 backup_options.database);
	return 0;
}

/* ---- the verbs --------------------------------------------------------------------- */
const struct opt restore_opts[] = {
	{ "to", 0, OPT_STRING, &backup_options.to, "DIR", "only unpack, into DIR, which must not exist" },
	{ "database", 0, OPT_STRING, &backup_options.database, "NAME", "only load the dump, into a new database NAME" },
	{ "only", 0, OPT_STRING, &restore_options.only, "PART", "database, documents, properties or keys" },
	{ "adopt", 0, OPT_FLAG, &restore_options.adopt, NULL, "also the backup of another installation" },
	{ "stop-app", 0, OPT_FLAG, &restore_options.stop_app, NULL, "stop the application meanwhile" },
	{ "to-version-of-backup", 0, OPT_FLAG, &restore_options.to_version, NULL,
	  "then install the version that the backup was made with" },
	{ "deb", 0, OPT_STRING, &restore_options.deb, "FILE", "that version's package" },
	{ "yes", 'y', OPT_FLAG, &restore_options.yes, NULL, "do not ask" },
	{ "continue", 0, OPT_FLAG, &restore_options.finish, NULL, "finish what was interrupted" },
	{ "revert", 0, OPT_FLAG, &restore_options.revert, NULL, "put what was in use before back; again: the restored" },
	{ "confirm", 0, OPT_FLAG, &restore_options.confirm, NULL, "all is well: drop what was in use before" },
	{ "discard", 0, OPT_FLAG, &restore_options.discard, NULL, "drop what is not in use, also of an interrupted restore" },
	BACKUP_ACCEPT_OPT,
	BACKUP_KEY_OPTS,
	{ 0 },
};

/* The backup says which version it was made with. */
static int to_version(struct tool *t, const char *given, struct err *err)
{
	AUTO_FREE char *file = backup_path(t, given), *version = NULL, *deb = NULL;
	AUTO_BUF info = BUF_INIT;

	if (backup_read_info(file, &info, err) < 0)
		return -1;
	version = info_get(&info, "version");
	if (!version || !*version)
		return err_set(err, ERR_FAIL, "'%s' does not say which version it was made with; restore without --to-version-of-backup",
			       file);
	deb = rollback_find_deb(t, version, err);
	return deb ? rollback_run(t, file, version, deb, err) : -1;
}

int backup_run_restore(struct tool *t, int argc, char **argv, struct err *err)
{
	const struct restore_options *o = &restore_options;
	int after = o->finish + o->revert + o->confirm + o->discard;

	if (after > 1 || (after && (argc || backup_options.to || backup_options.database || o->only)))
		return err_set(err, ERR_USAGE, "--continue, --revert, --confirm and --discard stand alone");
	if (!after && !argc)
		return err_set(err, ERR_USAGE, "say which backup");
	if ((backup_options.to || backup_options.database) && (o->only || o->adopt || o->stop_app || o->to_version))
		return err_set(err, ERR_USAGE, "--to and --database touch nothing in use: no other option goes with them");
	if (o->to_version)
		return to_version(t, argv[0], err);
	AUTO_FD int lock = t->dry_run ? -1 : tool_lock(t, err);

	if (lock < 0 && !t->dry_run)
		return -1;
	if (o->finish)
		return restore_finish(t, err);
	if (o->revert)
		return restore_revert(t, err);
	if (after)
		return restore_confirm(t, o->discard, err);
	AUTO_FREE char *file = backup_path(t, argv[0]);

	if (backup_options.to || backup_options.database)
		return restore_aside(t, file, err);
	return restore_in_place(t, file, err);
}

static void kept_json(struct buf *out, const struct restore_plan *p)
{
	static const char *const words[] = { "none", "loading", "swapping", "restored", "reverting", "reverted", "dropping" };
	bool restored = p->phase == PLAN_RESTORED;
	struct json j = { .out = out };

	json_array(&j, NULL);
	if (p->phase != PLAN_NONE) {
		json_object(&j, NULL);
		json_string(&j, "since", p->id);
		json_string(&j, "state", words[p->phase]);
		json_string(&j, "backup", p->file);
		json_string(&j, "created", p->created);
		json_string(&j, "database", !p->database ? NULL : restored ? p->old : p->fresh);
		json_array(&j, "paths");
		for (size_t i = 0; i < p->n; i++)
			if (p->tree[i].way != WAY_STAYS && (!restored || p->tree[i].had))
				json_string(&j, NULL, restored ? p->tree[i].old : p->tree[i].fresh);
		json_end(&j);
		json_end(&j);
	}
	json_end(&j);
}

int backup_run_kept(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(plan_release) struct restore_plan p = RESTORE_PLAN_INIT;
	AUTO_BUF out = BUF_INIT;

	if (plan_read(&p, t, err) < 0)
		return -1;
	if (t->json) {
		kept_json(&out, &p);
		return tool_print(&out, err);
	}
	if (p.phase == PLAN_NONE)
		log_info("nothing is kept aside of a restore");
	plan_tell(&p, t);
	return 0;
}
