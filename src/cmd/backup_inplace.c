/* backup restore in place: loaded and checked beside what is in use, then exchanged with it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../ext/identity.h"
#include "backup_restore.h"

#define FILE_NAMES_MAX 3
#define SETTINGS_MAX (1u << 20)

struct loading {
	struct tool *t;
	struct restore_plan *plan;
	struct backup_facts *facts;
	struct loader loader;
	unsigned char *chunk;
	const char *server;	/* [database] defaults-file: how this machine reaches its server, not the backup's */
	bool looked_at;
	uint64_t elsewhere;	/* files of the backup that have no place here */
	struct strv names;
};

/* ---- may it be restored here ------------------------------------------------------------ */
static int check_instance(struct tool *t, const struct buf *info, struct err *err)
{
	AUTO_FREE char *ours = NULL, *theirs = info_get(info, "instance_id"), *host = info_get(info, "host");
	struct err why = ERR_INIT;
	char here[256] = "";

	if (restore_options.adopt)
		return 0;
	if (!theirs)
		theirs = info_get(info, "identity");
	if (identity_get(t->profile, &t->root, &ours, &why) < 0 && why.kind != ERR_ABSENT) {
		*err = why;
		return -1;
	}
	if (!ours)
		return 0;
	gethostname(here, sizeof(here) - 1);
	if (theirs ? strcmp(ours, theirs) == 0 : host && strcmp(host, here) == 0)
		return 0;
	return err_set(err, ERR_POLICY, "the backup is of another installation (instance %.8s, host '%s'; this is %.8s on '%s'); "
		       "to take its data over: --adopt", theirs ? theirs : "unknown", host ? host : "unknown", ours, here);
}

static int look_at(struct loading *g, struct err *err)
{
	const struct buf *info = &g->facts->info;
	AUTO_FREE char *package = info_get(info, "package"), *created = info_get(info, "created"), *version = info_get(info, "version");

	if (g->looked_at)
		return 0;
	g->looked_at = true;
	if (!package || strcmp(package, g->t->package) != 0)
		return err_set(err, ERR_POLICY, "the backup is of package '%s'", package ? package : "?");
	if (restore_options.version && strcmp(restore_options.version, version ? version : "") != 0)
		return err_set(err, ERR_FAIL, "it was made with version '%s', and what lies beside it says '%s'; 'backup verify' mends that",
			       version ? version : "", restore_options.version);
	free(g->plan->created);
	g->plan->created = xstrdup(created ? created : "");
	return check_instance(g->t, info, err) < 0 || space_check(g->plan, g->t, g->loader.db, info, err) < 0 ? -1 : 0;
}

/* ---- loading ------------------------------------------------------------------------------- */
/* path as the managed system knows it, without a slash at the end. */
static int put_file(struct loading *g, struct reader *r, const struct archive_member *m, const char *path, struct err *err)
{
	const struct restore_tree *tree = plan_tree_of(g->plan, path);
	AUTO_FREE char *state = profile_state_path(g->t->profile, ""), *dir = NULL, *as = NULL;
	const char *name;

	if (g->server && strcmp(path, g->server) == 0)
		return 0;
	if (!tree) {
		bool ours = strncmp(path, state, strlen(state)) == 0 || strncmp(state, path, strlen(path)) == 0;

		if (!ours && !restore_options.only && S_ISREG(m->mode) && ++g->elsewhere <= FILE_NAMES_MAX)
			strv_add(&g->names, path);
		return 0;
	}
	dir = path_dirname(tree->fresh);
	if (path_mkdirs(&g->t->root, dir, 0700, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	AUTO_FD int at = path_open_parent(&g->t->root, tree->fresh, 0, &name, err);

	if (at < 0)
		return -1;
	as = xasprintf("%s%s", name, path + strlen(tree->path));
	return unpack_member(at, as, r, m, g->chunk, err);
}

static int take(void *arg, struct reader *r, const struct archive_member *m, struct err *err)
{
	struct loading *g = arg;
	size_t prefix = strlen(MEMBER_FILES);

	if (look_at(g, err) < 0)
		return -1;
	if (strncmp(m->path, MEMBER_DATABASE, strlen(MEMBER_DATABASE)) == 0) {
		if (!g->plan->database)
			return 0;
		return strcmp(m->path, MEMBER_COMPLETE) == 0 ? loader_end(&g->loader, err) :
		       loader_piece(&g->loader, &g->facts->info, r, g->chunk, err);
	}
	if (strncmp(m->path, MEMBER_FILES "/", prefix + 1) != 0)
		return 0;
	AUTO_FREE char *path = xstrdup(m->path + prefix);
	size_t len = strlen(path);

	if (len > 1 && path[len - 1] == '/')
		path[len - 1] = '\0';
	return put_file(g, r, m, path, err);
}

/* A part can lie in a tree of documents, keys for one. */
static bool has_place(void *arg, const char *path)
{
	struct loading *g = arg;
	size_t prefix = strlen(MEMBER_FILES);

	return strncmp(path, MEMBER_FILES "/", prefix + 1) == 0 && plan_tree_of(g->plan, path + prefix);
}

static void take_table(void *arg, const char *table, uint64_t rows)
{
	struct loading *g = arg;

	if (g->plan->database)
		loader_table(&g->loader, table, rows);
}

static int keep_settings(struct loading *g, struct err *err)
{
	const struct restore_tree *tree = g->server ? plan_tree_of(g->plan, g->server) : NULL;
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	AUTO_BUF text = BUF_SECRET_INIT;
	struct err why = ERR_INIT;
	struct stat st;

	if (!tree)
		return 0;
	if (path_read_file(&g->t->root, g->server, &text, SETTINGS_MAX, &st, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		*err = why;
		return -1;
	}
	AUTO_FREE char *path = xasprintf("%s%s", tree->fresh, g->server + strlen(tree->path));

	o.mode = st.st_mode & 07777;
	o.uid = st.st_uid;
	o.gid = st.st_gid;
	return atomic_replace(&g->t->root, path, text.p, text.len, &o, err) < 0 ? -1 : 0;
}

/* Out of the plan: trees of which the backup holds nothing. What is in use stays. */
static void leave_out_absent(struct loading *g, bool *any)
{
	size_t n = 0;

	for (size_t i = 0; i < g->plan->n; i++) {
		struct restore_tree *r = &g->plan->tree[i];
		struct stat st;

		if (path_stat(&g->t->root, r->fresh, &st, NULL) == 0) {
			g->plan->tree[n++] = *r;
			*any = true;
			continue;
		}
		if (r->had)
			log_warn("the backup holds no '%s'; the one in use stays", r->path);
		if (tree_by_entries(r)) {	/* the tree above it must know */
			r->way = WAY_STAYS;
			g->plan->tree[n++] = *r;
			continue;
		}
		free(r->component);
		free(r->path);
		free(r->fresh);
		free(r->old);
	}
	g->plan->n = n;
}

static int write_out(struct loading *g, struct err *err)
{
	for (size_t i = 0; i < g->plan->n; i++) {
		if (g->plan->tree[i].way == WAY_STAYS)
			continue;
		AUTO_FREE char *dir = path_dirname(g->plan->tree[i].fresh);
		AUTO_FD int fd = path_open_dir(&g->t->root, dir, 0, err);

		if (fd < 0)
			return -1;
		if (syncfs(fd) < 0)
			return err_sys(err, errno, "write out '%s'", dir);
	}
	return 0;
}

static int check_loaded(struct loading *g, struct err *err)
{
	AUTO_FREE char *database = info_get(&g->facts->info, "database");
	struct err why = ERR_INIT;
	bool any = false;

	if (look_at(g, err) < 0)
		return -1;
	if (g->plan->database && (!database || !*database) && !restore_options.only) {
		log_warn("the backup holds no database; the one in use stays");
		free(g->plan->database);
		g->plan->database = NULL;
	}
	if (g->plan->database) {
		if (loader_check(&g->loader, err) < 0)
			return -1;
		g->plan->had = db_has_database(g->loader.db, g->plan->database, &why);
		if (why.kind) {
			*err = why;
			return -1;
		}
		any = true;
	}
	if (keep_settings(g, err) < 0)
		return -1;
	leave_out_absent(g, &any);
	if (!any)
		return err_set(err, ERR_FAIL, "the backup holds nothing of what was asked for");
	if (g->elsewhere)
		log_warn("%" PRIu64 " files of the backup have no place in this installation and were left out, '%s' among them; "
			 "unpack them with --to", g->elsewhere, g->names.v[0]);
	return write_out(g, err);
}

static int begin(struct restore_plan *p, struct tool *t, struct err *err)
{
	p->phase = PLAN_LOADING;
	return plan_write(p, t, err);
}

static int load(struct restore_plan *p, struct tool *t, const char *file, struct err *err)
{
	CLEANUP(backup_facts_release) struct backup_facts f = BACKUP_FACTS_INIT;
	struct loading g = { .t = t, .plan = p, .facts = &f, .loader = LOADER_INIT, .names = STRV_INIT };
	struct sink sink = { .member = take, .table = take_table, .from_base = restore_options.only ? has_place : NULL, .arg = &g };
	int rc = 0;

	g.server = profile_get(t->profile, "database", "defaults-file");
	g.chunk = xmalloc(RESTORE_CHUNK);
	p->phase = PLAN_NONE;	/* until it is on disk */
	if ((p->database && loader_open(&g.loader, t, p->fresh, err) < 0) || begin(p, t, err) < 0 ||
	    backup_read(t, file, &sink, &f, err) < 0 || check_loaded(&g, err) < 0 || (p->database && loader_keep(&g.loader, err) < 0))
		rc = -1;
	if (rc == 0) {
		free(p->sha256);
		p->sha256 = xstrdup(f.sha256);
	}
	loader_release(&g.loader);
	strv_release(&g.names);
	free(g.chunk);
	return rc;
}

/* ---- the application ------------------------------------------------------------------------- */
static int refuse_running(struct tool *t, struct err *err)
{
	int runs = restore_options.stop_app ? 0 : around_app_runs(t, err);

	if (runs <= 0)
		return runs;
	return err_set(err, ERR_POLICY, "the application runs; stop it (maintkit -p %s app deactivate), or add --stop-app: "
		       "then it is stopped when all is loaded and started again afterwards", t->package);
}

static int stop_app(struct restore_plan *p, struct tool *t, struct err *err)
{
	static const char *const words[] = { "deactivate", NULL };
	int runs = around_app_runs(t, err);

	if (runs <= 0)
		return runs;
	if (!restore_options.stop_app)
		return refuse_running(t, err);
	p->stopped = true;
	if (plan_write(p, t, err) < 0)
		return -1;
	log_info("stopping the application");
	return around_run(t, "maintkit-app", words, err);
}

static int start_app(struct restore_plan *p, struct tool *t, struct err *err)
{
	static const char *const words[] = { "activate", NULL };

	if (!p->stopped || restore_options.to_version)
		return 0;
	log_info("starting the application again");
	if (around_run(t, "maintkit-app", words, err) < 0) {
		err_prefix(err, "the data is in place, but the application does not start");
		return -1;
	}
	p->stopped = false;
	return plan_write(p, t, err);
}

static int check_connections(const struct restore_plan *p, struct tool *t, struct err *err)
{
	CLEANUP(db_cleanup) struct db *db = NULL;

	if (!p->database)
		return 0;
	return db_open(&db, t->profile, &t->root, NULL, err) < 0 || around_nobody_connected(db, p->database, err) < 0 ? -1 : 0;
}

/* ---- all of it ---------------------------------------------------------------------------------- */
/* Nothing in use was touched: what was loaded goes away again. */
static void call_off(struct restore_plan *p, struct tool *t)
{
	struct err why = ERR_INIT;
	bool stopped = p->stopped;

	if (p->phase == PLAN_NONE)
		return;
	if (swap_drop(p, t, &why) < 0)
		log_warn("what was loaded could not be thrown away: %s; the next restore does it, or 'backup restore --discard'",
			 why.text);
	else
		log_info("nothing in use was touched");
	if (stopped) {
		static const char *const words[] = { "activate", NULL };

		if (around_run(t, "maintkit-app", words, &why) < 0)
			log_warn("the application does not start again: %s", why.text);
	}
}

static int exchange(struct restore_plan *p, struct tool *t, struct err *err)
{
	enum restore_phase from = p->phase;
	uint64_t newer = 0;

	if (swap_prepare(p, t, err) < 0 || plan_pend(t, err) < 0)
		return -1;
	p->phase = from == PLAN_RESTORED ? PLAN_REVERTING : PLAN_SWAPPING;
	p->step = 0;
	if (plan_write(p, t, err) < 0 || swap_run(p, t, err) < 0) {
		err_hint(err, "go on with 'maintkit -p %s backup restore --continue', or go back with '... restore --revert'", t->package);
		return -1;
	}
	if (p->phase == PLAN_RESTORED && around_compare(t, p, &newer, err) < 0)
		return -1;
	return 0;
}

static void warn_of_version(struct tool *t)
{
	static const char *const words[] = { "start-check", NULL };
	struct err why = ERR_INIT;

	if (!restore_options.to_version && around_run(t, "maintkit-guard", words, &why) < 0 && why.kind == ERR_POLICY)
		log_warn("the version that is installed does not read this data and will not start; install the one it belongs to");
}

static int report(struct restore_plan *p, struct tool *t, struct err *err)
{
	if (p->phase == PLAN_RESTORED)
		log_info("restored: the backup '%s' of %s", p->file, *p->created ? p->created : "an unknown time");
	else
		log_info("the former state is in use again");
	plan_tell(p, t);
	warn_of_version(t);
	return start_app(p, t, err);
}

/* What a former run left. 0 begin anew; 1 done with; -1. */
static int former_run(struct restore_plan *p, struct tool *t, const char *file, struct err *err)
{
	bool same = p->file && strcmp(p->file, file) == 0;

	switch (p->phase) {
	case PLAN_NONE:
		return 0;
	case PLAN_LOADING:
	case PLAN_DROPPING:
		return swap_drop(p, t, err) < 0 ? -1 : plan_unpend(t, err);
	case PLAN_SWAPPING:
		if (!same)
			break;
		return swap_run(p, t, err) < 0 || report(p, t, err) < 0 ? -1 : 1;
	case PLAN_RESTORED:
		if (!same)
			break;
		/* killed between the last two writes, the step still waits */
		if (plan_unpend(t, err) < 0)
			return -1;
		log_info("'%s' was restored already (%s)", file, p->id);
		plan_tell(p, t);
		return start_app(p, t, err) < 0 ? -1 : 1;
	case PLAN_REVERTING:
	case PLAN_REVERTED:
		break;
	}
	return err_set(err, ERR_POLICY, "the restore of '%s' is not over yet: see 'maintkit -p %s backup kept'", p->file, t->package);
}

int restore_in_place(struct tool *t, const char *file, struct err *err)
{
	CLEANUP(plan_release) struct restore_plan p = RESTORE_PLAN_INIT;
	int done;

	if (refuse_running(t, err) < 0 || plan_read(&p, t, err) < 0)
		return -1;
	if (t->dry_run) {
		log_info("would restore '%s'%s%s", file, restore_options.only ? ", only its " : "",
			 restore_options.only ? restore_options.only : "");
		plan_tell(&p, t);
		return 0;
	}
	done = former_run(&p, t, file, err);
	if (done)
		return done < 0 ? -1 : 0;
	/* a backup that is being made would get some of each state */
	AUTO_FD int lock = tool_lock_backups(t, true, err);

	if (lock < 0)
		return -1;
	if (plan_make(&p, t, restore_options.only, err) < 0)
		return -1;
	p.file = xstrdup(file);
	p.sha256 = xstrdup("");
	p.created = xstrdup("");
	p.adopt = restore_options.adopt;
	if (load(&p, t, file, err) < 0 || plan_write(&p, t, err) < 0 || stop_app(&p, t, err) < 0 ||
	    check_connections(&p, t, err) < 0) {
		call_off(&p, t);
		return -1;
	}
	return exchange(&p, t, err) < 0 || report(&p, t, err) < 0 ? -1 : 0;
}

/* ---- afterwards ----------------------------------------------------------------------------------- */
static int nothing_to(struct tool *t, struct err *err)
{
	return err_set(err, ERR_FAIL, "there is no restore of '%s' that this could be about", t->package);
}

int restore_finish(struct tool *t, struct err *err)
{
	CLEANUP(plan_release) struct restore_plan p = RESTORE_PLAN_INIT;

	if (plan_read(&p, t, err) < 0)
		return -1;
	if (t->dry_run) {
		plan_tell(&p, t);
		return 0;
	}
	if (p.phase == PLAN_DROPPING)
		return swap_drop(&p, t, err);
	if (p.phase != PLAN_SWAPPING && p.phase != PLAN_REVERTING) {
		log_info("no restore is half way");
		return plan_unpend(t, err);
	}
	return swap_run(&p, t, err) < 0 || report(&p, t, err) < 0 ? -1 : 0;
}

/* Towards the former state, from a finished or an unfinished restore; and back again. */
int restore_revert(struct tool *t, struct err *err)
{
	CLEANUP(plan_release) struct restore_plan p = RESTORE_PLAN_INIT;

	if (plan_read(&p, t, err) < 0)
		return -1;
	if (p.phase == PLAN_NONE || p.phase == PLAN_LOADING || p.phase == PLAN_DROPPING)
		return nothing_to(t, err);
	if (t->dry_run) {
		plan_tell(&p, t);
		return 0;
	}
	if (refuse_running(t, err) < 0)
		return -1;
	if (p.phase == PLAN_SWAPPING || p.phase == PLAN_REVERTING) {
		if (p.phase == PLAN_SWAPPING) {
			/* Step 0: what was in use is only partly out, so nothing of the restored one is in. */
			p.step = p.step == 0;
			p.phase = PLAN_REVERTING;
			if (plan_write(&p, t, err) < 0)
				return -1;
		}
		return swap_run(&p, t, err) < 0 || report(&p, t, err) < 0 ? -1 : 0;
	}
	if (stop_app(&p, t, err) < 0 || check_connections(&p, t, err) < 0)
		return -1;
	return exchange(&p, t, err) < 0 || report(&p, t, err) < 0 ? -1 : 0;
}

int restore_confirm(struct tool *t, bool discard, struct err *err)
{
	CLEANUP(plan_release) struct restore_plan p = RESTORE_PLAN_INIT;

	if (plan_read(&p, t, err) < 0)
		return -1;
	if (p.phase == PLAN_NONE) {
		log_info("nothing is kept aside");
		return 0;
	}
	if (p.phase == PLAN_SWAPPING || p.phase == PLAN_REVERTING || (p.phase == PLAN_LOADING && !discard)) {
		plan_tell(&p, t);
		return err_set(err, ERR_POLICY, "the restore is not finished");
	}
	if (t->dry_run) {
		plan_tell(&p, t);
		return 0;
	}
	if (plan_unpend(t, err) < 0 || swap_drop(&p, t, err) < 0)
		return -1;
	log_info("what was kept aside is dropped");
	return 0;
}
