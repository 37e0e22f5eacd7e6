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
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../base/lock.h"
#include "../base/temp.h"
#include "../core/record.h"
#include "../ext/effects.h"
#include "backup_prepare.h"
#include "backup_stall.h"

#define PIPE_SIZE (1 << 20)
#define LEVEL 1		/* of a dump nearly as small as on 3, in two thirds of the time; documents hardly shrink at all */
#define THREADS 2	/* 30 MiB in all on this level */

static int fill(struct making *p, struct tool *t, struct writer *w, struct index *fresh, struct links *links, struct err *err)
{
	struct documents d = { .base = p->base ? &p->base_index : NULL, .known = p->known_fd >= 0 ? &p->known : NULL,
			       .links = p->linked ? links : NULL, .fresh = fresh };

	if (writer_memory(w, MEMBER_INFO, p->info.p, p->info.len, err) < 0)
		return -1;
	if (p->db.exists && backup_dump(w, &p->db, t, err) < 0)
		return -1;
	mem_close_cleanup(&p->lock);	/* what follows may take hours, and nothing of ours disturbs it but a restore */
	for (size_t i = 0; i < p->trees.n; i++)
		if (backup_tree(w, t, p->trees.v[i], NULL, i < p->documents ? &d : NULL, err) < 0)
			return -1;
	if (backup_tree(w, t, p->state, making_state_skip, NULL, err) < 0 || writer_manifest(w, true, err) < 0)
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

static int write_archive(struct making *p, struct tool *t, int out, const struct scratch *home, struct writer *w,
			 struct index *fresh, struct links *links, struct buf *report, struct err *err)
{
	CLEANUP(userproc_stop) struct userproc u = USERPROC_INIT;
	struct seal seal = { .out = out, .home = home->path, .to = p->to };
	int pipe_ends[2], rc = -1;

	if (stall_limit(t, &seal.stall_ms, err) < 0)
		return -1;
	if (pipe2(pipe_ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	AUTO_FD int to = pipe_ends[1];

	fcntl(to, F_SETPIPE_SZ, PIPE_SIZE);
	seal.in = pipe_ends[0];
	struct userproc_opts o = { .keep = { seal.in, out }, .timeout_ms = -1 };

	rc = userproc_start(&u, &o, seal_work, &seal, err);
	close(seal.in);
	if (rc < 0 || archive_out_open(&w->a, to, LEVEL, THREADS, err) < 0)
		return -1;
	rc = fill(p, t, w, fresh, links, err);
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

static int publish(struct making *p, struct tool *t, const struct strv *sealed, const struct manifest_totals *n,
		   struct err *err)
{
	AUTO_FREE char *sum = xasprintf("sha256:%s", sealed->v[0]);

	info_add(&p->info, "sha256", "%s", sealed->v[0]);
	info_add(&p->info, "size", "%s", sealed->v[1]);
	info_add(&p->info, "members", "%" PRIu64, n->members);
	info_add(&p->info, "tables", "%" PRIu64, n->tables);
	info_add(&p->info, "rows", "%" PRIu64, n->rows);
	info_add(&p->info, "skipped", "%" PRIu64, n->skipped);
	info_add(&p->info, "based", "%" PRIu64, n->based);
	info_add(&p->info, "linked", "%" PRIu64, n->linked);
	info_add(&p->info, "changed", "%" PRIu64, n->changed);
	for (size_t i = 2; i < sealed->n; i++) {
		AUTO_FREE char *key = xasprintf("recipient%zu", i - 1);

		info_add(&p->info, key, "%s", sealed->v[i]);
	}
	if (write_checksum(p->output, sealed->v[0], err) < 0 || backup_write_info(p->output, &p->info, err) < 0)
		return -1;
	return effect_done(t->profile, &t->root, EFFECT_DATA, "backup", p->output, EFFECT_ABSENT, sum, err);
}

static void report_made(const struct making *p, const struct strv *sealed, const struct manifest_totals *n)
{
	log_info("made '%s': %s bytes, %" PRIu64 " tables with %" PRIu64 " rows, %" PRIu64 " members", p->output,
		 sealed->v[1], n->tables, n->rows, n->members);
	for (size_t i = 2; i < sealed->n; i++)
		log_info("it can be opened with %s%s", strncmp(sealed->v[i], "recovery", 8) == 0 ? "the " : "key ", sealed->v[i]);
	if (p->base)
		log_info("%" PRIu64 " of %" PRIu64 " documents are left to '%s', which is needed with it", n->based, p->size.files, p->base);
	if (p->linked)
		log_warn("%" PRIu64 " documents are hard links in '%s" BACKUP_LINKS "', which belongs to it: a document that is written to "
			 "in place from now on changes there too, which 'backup verify' finds, and a broken disk takes both", n->linked,
			 p->output);
	if (!p->db.exists)
		log_warn("there was no database to put into it");
	if (n->skipped || n->changed)
		log_warn("%" PRIu64 " files or values were left out and %" PRIu64 " files were written to while they were read; "
			 "'backup verify' names them", n->skipped, n->changed);
}

/* Known before they are there: a purge that destroys takes them along, because they are documents that anybody can read. */
static int note_links(const struct making *p, struct tool *t, struct err *err)
{
	AUTO_FREE char *path = links_path(t, p->output);

	return !path ? 0 : effect_done(t->profile, &t->root, EFFECT_DATA, "dir", path, EFFECT_ABSENT, "", err);
}

/* Temporary files of runs that were killed: their names have other times in
 * them than ours, so atomic.h does not know them. */
static int sweep(const struct root *root, const char *output, struct err *err)
{
	AUTO_FREE char *dir = path_dirname(output);
	AUTO_STRV names = STRV_INIT;
	AUTO_FD int fd = path_open_dir(root, dir, 0, err);

	if (fd < 0 || links_sweep(dir, err) < 0 || lock_fd(fd, dir, 1000, err) < 0 || path_list(root, dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		char *mark = strstr(names.v[i], ".maintkit-");

		if (names.v[i][0] != '.' || !mark || !strstr(names.v[i], BACKUP_SUFFIX))
			continue;
		*mark = '\0';
		if (temp_sweep(fd, names.v[i] + 1, err) < 0)
			return -1;
	}
	return 0;
}

/* The index of what a full backup in the backup directory has, for those that
 * will go back to it. It gets its name before the backup does. */
static int begin_index(struct making *p, const struct root *root, struct atomic *a, struct index *x, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s.index", p->output);
	struct atomic_opts o = ATOMIC_OPTS_INIT;

	if (p->base || backup_options.output || !p->documents)
		return 0;
	o.mode = 0600;
	return atomic_begin(a, root, path, &o, err) < 0 || index_make(x, a->fd, p->size.files, err) < 0 ? -1 : 1;
}

static int end_index(struct atomic *a, struct index *x, const char *sum, struct err *err)
{
	if (x->full)
		log_info("more documents came than the index has room for; a later backup takes some of them again");
	if (index_finish(x, sum, err) < 0 || atomic_commit(a, err) < 0)
		return -1;
	atomic_abort(a);	/* gives the directory's lock back */
	return 0;
}

static int make(struct making *p, struct tool *t, struct err *err)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;
	CLEANUP(atomic_abort) struct atomic a = ATOMIC_INIT;
	CLEANUP(atomic_abort) struct atomic index_file = ATOMIC_INIT;
	CLEANUP(links_abort) struct links links = LINKS_INIT;
	struct index fresh = INDEX_INIT;
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
	int indexed = begin_index(p, &real, &index_file, &fresh, err);

	if (indexed < 0)
		return -1;
	if (p->linked && links_begin(&links, p->output, err) < 0)
		return -1;
	writer_tell(&w, p->work);
	int rc = write_archive(p, t, a.fd, &home, &w, indexed ? &fresh : NULL, &links, &report, err);

	writer_told(&w);
	archive_out_cleanup(&w.a);
	manifest_release(&w.m);
	if (rc < 0)
		return -1;
	if (record_parse(report.p, report.len, &pos, &sealed) != RECORD_OK || sealed.n < 3)
		return err_set(err, ERR_FAIL, "the encryption's report is damaged");
	if ((p->linked && (note_links(p, t, err) < 0 || links_commit(&links, err) < 0)) || (indexed && end_index(&index_file, &fresh, sealed.v[0], err) < 0) ||
	    effect_intend(t->profile, &t->root, EFFECT_DATA, "backup", p->output, EFFECT_ABSENT, "", err) < 0 ||
	    atomic_commit(&a, err) < 0)
		return -1;
	links_release(&links);
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
	CLEANUP(making_release) struct making p = MAKING_INIT;

	signal(SIGPIPE, SIG_IGN);
	if (!t->dry_run && (p.lock = tool_lock(t, err)) < 0)
		return -1;
	AUTO_FD int backups = t->dry_run ? -1 : tool_lock_backups(t, false, err);

	if (backups < 0 && !t->dry_run)
		return -1;
	p.now = time(NULL);
	int todo = making_prepare(&p, t, err);

	if (todo < 0)
		return backup_options.for_upgrade ? upgrade_forgone(t, err) : -1;
	if (!todo) {
		log_info("no backup is made");
		return 0;
	}
	if (t->dry_run) {
		log_info("would write '%s'", p.output);
		return 0;
	}
	be_nice();
	if (make(&p, t, err) == 0)
		return backup_options.for_upgrade && backup_options.level ? upgrade_note(t, p.output, err) : 0;
	err_prefix(err, "no backup was made");
	return backup_options.for_upgrade ? upgrade_forgone(t, err) : -1;
}
