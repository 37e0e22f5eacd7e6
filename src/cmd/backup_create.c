/* backup create: database, documents, keys, configuration and state into one encrypted file.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Data flows  mariadb-dump | this process (hash, tar, zstd) | child (gpg, hash)
 * into a temporary file that gets its name only when everything before has
 * ended well. No plaintext is written anywhere; memory does not grow.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../base/child.h"
#include "../base/lock.h"
#include "../base/temp.h"
#include "../core/record.h"
#include "../ext/effects.h"
#include "backup.h"

#define LEVEL 3
#define SPARE (64u << 20)	/* free space that must be left over */

/* In the state directory, what only this machine and this moment know. */
static const char *const state_skip[] = { "lock", "bin", "tokens", "pending.d", "restore", "restore.d", NULL };

struct plan {
	struct backup_db db;
	struct recipients to;
	struct strv trees;
	char *state;
	struct buf info;
	char *output;		/* as the real system sees it */
	long long now;
};

static void plan_release(struct plan *p)
{
	backup_db_release(&p->db);
	recipients_release(&p->to);
	strv_release(&p->trees);
	buf_release(&p->info);
	free(p->state);
	free(p->output);
}

/* Is path below (or the same as) one that is there already? */
static bool covered(const struct strv *trees, const char *path)
{
	for (size_t i = 0; i < trees->n; i++) {
		size_t len = strlen(trees->v[i]);

		if (strncmp(trees->v[i], path, len) == 0 && (path[len] == '/' || !path[len]))
			return true;
	}
	return false;
}

static int add_tree(struct plan *p, struct tool *t, const char *path, struct err *err)
{
	struct err why = ERR_INIT;
	struct stat st;

	if (covered(&p->trees, path))
		return 0;
	if (path_stat(&t->root, path, &st, &why) == 0) {
		strv_add(&p->trees, path);
		return 0;
	}
	if (why.kind == ERR_ABSENT)
		return 0;
	*err = why;
	return -1;
}

static int choose_trees(struct plan *p, struct tool *t, struct err *err)
{
	static const char *const lists[] = { "documents", "keys", "configuration" };
	const char *properties = profile_get(t->profile, "properties", "file");
	AUTO_STRV paths = STRV_INIT;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		profile_words(t->profile, "data", lists[i], &paths);
	if (properties)
		strv_add(&paths, properties);
	for (size_t i = 0; i < paths.n; i++)
		if (add_tree(p, t, paths.v[i], err) < 0)
			return -1;
	p->state = profile_state_path(t->profile, "");
	if (p->state[strlen(p->state) - 1] == '/')
		p->state[strlen(p->state) - 1] = '\0';
	return 0;
}

/* 1 yes, 0 no. Tables that are not there yet hold no patients; documents count too. */
static int has_patients(struct plan *p, struct tool *t, struct err *err)
{
	const char *sql = profile_get(t->profile, "data", "patients");
	AUTO_STRV documents = STRV_INIT;
	AUTO_BUF use = BUF_INIT;
	int64_t n = 0;

	profile_words(t->profile, "data", "documents", &documents);
	for (size_t i = 0; i < documents.n; i++) {
		uint64_t bytes = 0;
		struct err why = ERR_INIT;

		if (backup_tree_size(t, documents.v[i], &bytes, &why) < 0 && why.kind != ERR_ABSENT) {
			*err = why;
			return -1;
		}
		if (bytes)
			return 1;
	}
	if (!sql || !p->db.exists)
		return 0;
	buf_adds(&use, "USE ");
	if (db_quote_name(&use, p->db.name, err) < 0 || db_run(p->db.db, use.p, NULL, 0, NULL, err) < 0)
		return -1;
	struct err why = ERR_INIT;

	if (db_get_int(p->db.db, sql, NULL, 0, &n, &why) == 0)
		return n != 0;
	if (why.lib == 1146)	/* ER_NO_SUCH_TABLE */
		return 0;
	*err = why;
	return -1;
}

static int name_output(struct plan *p, struct tool *t, struct err *err)
{
	const char *given = backup_options.output;
	struct tm tm;
	time_t now = (time_t)p->now;
	char stamp[32];

	if (given) {
		AUTO_FREE char *cwd = given[0] == '/' ? NULL : getcwd(NULL, 0);

		p->output = cwd ? xasprintf("%s/%s", cwd, given) : xstrdup(given);
		return 0;
	}
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	p->output = xasprintf("%s%s/%s-%s" BACKUP_SUFFIX, t->root.prefix, backup_dir(t), profile_package(t->profile), stamp);
	return path_mkdirs(&t->root, backup_dir(t), 0700, (uid_t)-1, (gid_t)-1, err);
}

static const char *purpose(void)
{
	return backup_options.scheduled ? "scheduled" : backup_options.archive ? "archive" :
	       backup_options.for_upgrade ? "upgrade" : "hand";
}

/* Who can open it is settled before anything is read. */
static int choose_recipients(struct plan *p, struct tool *t, struct err *err)
{
	CLEANUP(scratch_remove) struct scratch home = SCRATCH_INIT;

	if (recipients_read(&p->to, t, err) < 0 || recipients_require_any(&p->to, err) < 0)
		return -1;
	if (!backup_options.scheduled && !backup_options.archive)
		return 0;
	return scratch_make(&home, t, err) < 0 || recipients_require_outside(&p->to, home.path, err) < 0 ? -1 : 0;
}

/* As dpkg has it, in a preinst the one that is still there; "" when it knows none. */
static void add_version(struct plan *p, struct tool *t)
{
	AUTO_BUF out = BUF_INIT, errs = BUF_INIT;
	AUTO_FREE char *admin = xasprintf("--admindir=%s/var/lib/dpkg", t->root.prefix);
	const char *const argv[] = { "dpkg-query", admin, "-W", "-f", "${Version}", profile_package(t->profile), NULL };
	const struct child c = { .argv = argv, .out = &out, .errs = &errs };

	if (child_run(&c, NULL) != 0)
		buf_reset(&out);
	info_add(&p->info, "version", "%s", out.p);
}

static int describe(struct plan *p, struct tool *t, struct err *err)
{
	const char *package = profile_package(t->profile);
	AUTO_FREE char *identity = profile_state_path(t->profile, "identity");
	AUTO_BUF id = BUF_INIT;
	char host[256] = "", when[BACKUP_TIME_SIZE];

	gethostname(host, sizeof(host) - 1);
	backup_time_text(when);
	info_add(&p->info, "format", "%d", BACKUP_FORMAT);
	info_add(&p->info, "package", "%s", package);
	info_add(&p->info, "purpose", "%s", purpose());
	add_version(p, t);
	info_add(&p->info, "maintkit", "%s", MAINTKIT_VERSION);
	info_add(&p->info, "created", "%s", when);
	info_add(&p->info, "host", "%s", host);
	if (path_read_file(&t->root, identity, &id, 4096, NULL, NULL) == 0) {
		buf_trim_end(&id);
		info_add(&p->info, "identity", "%s", id.p);
	}
	if (p->db.db)
		return backup_db_info(&p->db, &p->info, err);
	info_add(&p->info, "database", "%s", "");
	return 0;
}

static uint64_t free_bytes(const char *output, uint64_t *used)
{
	AUTO_FREE char *dir = path_dirname(output);
	struct statvfs v;

	if (statvfs(dir, &v) < 0)
		return UINT64_MAX;	/* cannot tell: let writing find out */
	*used = (uint64_t)(v.f_blocks - v.f_bfree) * v.f_frsize;
	return (uint64_t)v.f_bavail * v.f_frsize;
}

/* Documents hardly shrink; a dump does, to a third or less. */
static int check_space(struct plan *p, struct tool *t, struct err *err)
{
	uint64_t used = UINT64_MAX, files = 0, need = SPARE + p->db.bytes / 3, have = free_bytes(p->output, &used);

	for (size_t i = 0; i < p->trees.n; i++) {
		uint64_t bytes = 0;

		if (backup_tree_size(t, p->trees.v[i], &bytes, err) < 0)
			return -1;
		need += bytes;
		files += bytes;
	}
	info_add(&p->info, "files_bytes", "%" PRIu64, files);
	info_add(&p->info, "database_bytes", "%" PRIu64, p->db.bytes);
	if (need <= have)
		return 0;
	return err_set(err, ERR_FAIL, "not enough space for '%s': about %" PRIu64 " MiB are needed and %" PRIu64
		       " MiB are free; free some, or write elsewhere with --output", p->output, need >> 20, have >> 20);
}

static int fill(struct plan *p, struct tool *t, struct writer *w, struct err *err)
{
	if (writer_memory(w, MEMBER_INFO, p->info.p, p->info.len, err) < 0)
		return -1;
	if (p->db.exists && backup_dump(w, &p->db, t, err) < 0)
		return -1;
	for (size_t i = 0; i < p->trees.n; i++)
		if (backup_tree(w, t, p->trees.v[i], NULL, err) < 0)
			return -1;
	if (backup_tree(w, t, p->state, state_skip, err) < 0 || writer_manifest(w, true, err) < 0)
		return -1;
	return archive_out_close(w->a, err);
}

/* Whose error is it? When gpg fails, our writing fails after it with EPIPE. */
static int worse(struct userproc *u, struct buf *report, struct err *err)
{
	struct err theirs = ERR_INIT;

	if (err->sys == EPIPE && userproc_wait(u, report, &theirs) < 0)
		*err = theirs;
	return -1;
}

static int write_archive(struct plan *p, struct tool *t, int out, const struct scratch *home, struct writer *w,
			 struct buf *report, struct err *err)
{
	CLEANUP(userproc_stop) struct userproc u = USERPROC_INIT;
	struct seal seal = { .out = out, .home = home->path, .to = p->to };
	int pipe_ends[2], rc = -1;

	if (pipe2(pipe_ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	AUTO_FD int to = pipe_ends[1];

	seal.in = pipe_ends[0];
	struct userproc_opts o = { .keep = { seal.in, out }, .timeout_ms = -1 };

	rc = userproc_start(&u, &o, seal_work, &seal, err);
	close(seal.in);
	if (rc < 0 || archive_out_open(&w->a, to, LEVEL, err) < 0)
		return -1;
	rc = fill(p, t, w, err);
	mem_close_cleanup(&to);
	return rc < 0 ? worse(&u, report, err) : userproc_wait(&u, report, err);
}

static int write_checksum(const char *file, const char *hex, struct err *err)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;
	AUTO_FREE char *path = xasprintf("%s.sha256", file);
	const char *slash = strrchr(file, '/');
	AUTO_FREE char *line = xasprintf("%s  %s\n", hex, slash ? slash + 1 : file);
	struct atomic_opts o = ATOMIC_OPTS_INIT;

	o.mode = 0600;
	if (root_init(&real, "/", err) < 0)
		return -1;
	return atomic_replace(&real, path, line, strlen(line), &o, err) < 0 ? -1 : 0;
}

static int publish(struct plan *p, struct tool *t, const struct strv *sealed, const struct manifest_totals *n,
		   struct err *err)
{
	AUTO_FREE char *sum = xasprintf("sha256:%s", sealed->v[0]);

	info_add(&p->info, "sha256", "%s", sealed->v[0]);
	info_add(&p->info, "size", "%s", sealed->v[1]);
	info_add(&p->info, "members", "%" PRIu64, n->members);
	info_add(&p->info, "tables", "%" PRIu64, n->tables);
	info_add(&p->info, "rows", "%" PRIu64, n->rows);
	info_add(&p->info, "skipped", "%" PRIu64, n->skipped);
	info_add(&p->info, "changed", "%" PRIu64, n->changed);
	for (size_t i = 2; i < sealed->n; i++) {
		AUTO_FREE char *key = xasprintf("recipient%zu", i - 1);

		info_add(&p->info, key, "%s", sealed->v[i]);
	}
	if (write_checksum(p->output, sealed->v[0], err) < 0 || backup_write_info(p->output, &p->info, err) < 0)
		return -1;
	return effect_done(t->profile, &t->root, EFFECT_DATA, "backup", p->output, EFFECT_ABSENT, sum, err);
}

static void report_made(const struct plan *p, const struct strv *sealed, const struct manifest_totals *n)
{
	log_info("made '%s': %s bytes, %" PRIu64 " tables with %" PRIu64 " rows, %" PRIu64 " members", p->output,
		 sealed->v[1], n->tables, n->rows, n->members);
	for (size_t i = 2; i < sealed->n; i++)
		log_info("it can be opened with %s%s", strncmp(sealed->v[i], "recovery", 8) == 0 ? "the " : "key ", sealed->v[i]);
	if (!p->db.exists)
		log_warn("there was no database to put into it");
	if (n->skipped || n->changed)
		log_warn("%" PRIu64 " files were left out and %" PRIu64 " were written to while they were read; "
			 "'backup verify' names them", n->skipped, n->changed);
}

/* Temporary files of runs that were killed: their names have other times in
 * them than ours, so atomic.h does not know them. */
static int sweep(const struct root *root, const char *output, struct err *err)
{
	AUTO_FREE char *dir = path_dirname(output);
	AUTO_STRV names = STRV_INIT;
	AUTO_FD int fd = path_open_dir(root, dir, 0, err);

	if (fd < 0 || lock_fd(fd, dir, 1000, err) < 0 || path_list(root, dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		char *mark = strstr(names.v[i], BACKUP_SUFFIX ".maintkit-");

		if (names.v[i][0] != '.' || !mark)
			continue;
		mark[strlen(BACKUP_SUFFIX)] = '\0';
		if (temp_sweep(fd, names.v[i] + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int make(struct plan *p, struct tool *t, struct err *err)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;
	CLEANUP(atomic_abort) struct atomic a = ATOMIC_INIT;
	CLEANUP(scratch_remove) struct scratch home = SCRATCH_INIT;
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	struct writer w = { .m = MANIFEST_INIT, .now = p->now };
	AUTO_BUF report = BUF_INIT;
	AUTO_STRV sealed = STRV_INIT;
	struct stat none = { .st_ino = 0 };
	size_t pos = 0;

	o.mode = 0600;
	o.expect = &none;	/* never over another backup */
	if (root_init(&real, "/", err) < 0 || sweep(&real, p->output, err) < 0 || scratch_make(&home, t, err) < 0 ||
	    atomic_begin(&a, &real, p->output, &o, err) < 0)
		return -1;
	int rc = write_archive(p, t, a.fd, &home, &w, &report, err);

	archive_out_cleanup(&w.a);
	manifest_release(&w.m);
	if (rc < 0)
		return -1;
	if (record_parse(report.p, report.len, &pos, &sealed) != RECORD_OK || sealed.n < 3)
		return err_set(err, ERR_FAIL, "the encryption's report is damaged");
	if (effect_intend(t->profile, &t->root, EFFECT_DATA, "backup", p->output, EFFECT_ABSENT, "", err) < 0 ||
	    atomic_commit(&a, err) < 0)
		return -1;
	atomic_abort(&a);	/* gives the directory's lock back, for the files beside it */
	if (publish(p, t, &sealed, &w.m.totals, err) < 0)
		return -1;
	report_made(p, &sealed, &w.m.totals);
	return 0;
}

/* A backup must not slow the clinic down. What cannot be set is left. */
static void be_nice(void)
{
	if (setpriority(PRIO_PROCESS, 0, 10) < 0)
		log_debug("nice: %s", strerror(errno));
#ifdef SYS_ioprio_set
	if (syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 7) < 0)	/* best effort, lowest; ioprio_set(2) */
		log_debug("ionice: %s", strerror(errno));
#endif
}

int backup_run_create(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	CLEANUP(plan_release) struct plan p = { .db = BACKUP_DB_INIT, .to = RECIPIENTS_INIT, .info = BUF_INIT, .now = time(NULL) };

	signal(SIGPIPE, SIG_IGN);
	if (!backup_options.files_only && backup_db_open(&p.db, t, err) < 0) {
		err_hint(err, "--files-only makes a backup without the database");
		return -1;
	}
	if (backup_options.if_patients || backup_options.for_upgrade) {
		int any = has_patients(&p, t, err);

		if (any < 0)
			return -1;
		if (!any) {
			log_info("there is no patient data; no backup is made");
			return 0;
		}
	}
	if (choose_recipients(&p, t, err) < 0 || name_output(&p, t, err) < 0 || choose_trees(&p, t, err) < 0 || describe(&p, t, err) < 0 ||
	    check_space(&p, t, err) < 0)
		return -1;
	if (t->dry_run) {
		log_info("would write '%s'", p.output);
		return 0;
	}
	be_nice();
	if (make(&p, t, err) == 0)
		return 0;
	err_prefix(err, "no backup was made");
	return -1;
}
