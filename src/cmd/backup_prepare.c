/* backup create, before anything is written: what goes in, who can open it, what it goes back to, is there room.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include "../base/child.h"
#include "../core/policy.h"
#include "backup_prepare.h"

#define SPARE (64u << 20)	/* free space that must be left over */
#define FULL_DAYS 30		/* default of [backup] full-every */

const char *const making_state_skip[] = { "lock", "backup.lock", "bin", "tokens", "pending.d", "restore", "restore.d", POLICY_UPGRADE_BEGUN, NULL };

void making_release(struct making *p)
{
	backup_db_release(&p->db);
	recipients_release(&p->to);
	strv_release(&p->trees);
	buf_release(&p->info);
	free(p->state);
	free(p->output);
	free(p->base);
	mem_close_cleanup(&p->base_fd);
	mem_close_cleanup(&p->lock);
	mem_close_cleanup(&p->known_fd);
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

static int add_tree(struct making *p, struct tool *t, const char *named, struct err *err)
{
	AUTO_FREE char *path = backup_real_tree(t, named, err);
	struct err why = ERR_INIT;
	struct stat st;

	if (!path)
		return -1;
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

static int choose_trees(struct making *p, struct tool *t, struct err *err)
{
	static const char *const lists[] = { "documents", "legacy", "keys", "configuration" };
	const char *properties = profile_get(t->profile, "properties", "file");
	AUTO_STRV paths = STRV_INIT;
	size_t documents = 0;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		profile_words(t->profile, "data", lists[i], &paths);
		documents = i <= 1 ? paths.n : documents;	/* legacy: documents of an installation before this one */
	}
	if (properties)
		strv_add(&paths, properties);
	for (size_t i = 0; i < paths.n; i++) {
		if (add_tree(p, t, paths.v[i], err) < 0)
			return -1;
		if (i < documents)
			p->documents = p->trees.n;
	}
	p->state = profile_state_path(t->profile, "");
	if (p->state[strlen(p->state) - 1] == '/')
		p->state[strlen(p->state) - 1] = '\0';
	return 0;
}

/* 1 yes, 0 no. Tables that are not there yet hold no patients; documents count too. */
static int has_patients(struct making *p, struct tool *t, struct err *err)
{
	const char *sql = profile_get(t->profile, "data", "patients");
	AUTO_STRV documents = STRV_INIT;
	AUTO_BUF use = BUF_INIT;
	int64_t n = 0;

	profile_words(t->profile, "data", "documents", &documents);
	profile_words(t->profile, "data", "legacy", &documents);
	for (size_t i = 0; i < documents.n; i++) {
		AUTO_FREE char *tree = backup_real_tree(t, documents.v[i], err);
		struct tree_size size = { 0 };
		struct err why = ERR_INIT;

		if (!tree)
			return -1;
		if (backup_tree_size(t, tree, &size, NULL, false, &why) < 0 && why.kind != ERR_ABSENT) {
			*err = why;
			return -1;
		}
		if (size.bytes)
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

/* What is in a backup nobody else can read or forge; to keep it there is another matter. */
static void warn_of_others(const char *dir)
{
	struct stat st;

	if (stat(dir, &st) == 0 && (st.st_uid != 0 || (st.st_mode & 022)))
		log_warn("'%s' is not root's alone (uid %u, mode %03o): somebody else can remove backups or put others in their place; run: "
			 "chown root: %s && chmod 700 %s", dir, (unsigned)st.st_uid, (unsigned)st.st_mode & 0777, dir, dir);
}

/* By a backup, what lies beside one, or one that is being made: its temporary file is ".LEAF.maintkit-...". */
static bool is_taken(const struct strv *names, const char *leaf)
{
	size_t len = strlen(leaf);

	for (size_t i = 0; i < names->n; i++)
		if (strncmp(names->v[i] + (names->v[i][0] == '.'), leaf, len) == 0)
			return true;
	return false;
}

/* Two of one second, or a clock that was set back: the later one's name is a second on, what it says inside is not. */
static int name_output(struct making *p, struct tool *t, struct err *err)
{
	const char *given = backup_options.output;
	struct tm tm;
	time_t now = (time_t)p->now;
	AUTO_STRV names = STRV_INIT;
	AUTO_FREE char *leaf = NULL;
	char stamp[32];

	if (given) {
		AUTO_FREE char *cwd = given[0] == '/' ? NULL : getcwd(NULL, 0);

		p->output = cwd ? xasprintf("%s/%s", cwd, given) : xstrdup(given);
		return 0;
	}
	if (path_mkdirs(&t->root, backup_dir(t), 0700, (uid_t)-1, (gid_t)-1, err) < 0 ||
	    path_list(&t->root, backup_dir(t), &names, err) < 0)
		return -1;
	do {
		gmtime_r(&now, &tm);
		strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
		free(leaf);
		leaf = xasprintf("%s-%s" BACKUP_SUFFIX, profile_package(t->profile), stamp);
		now++;
	} while (is_taken(&names, leaf));
	AUTO_FREE char *dir = xasprintf("%s%s", t->root.prefix, backup_dir(t));

	warn_of_others(dir);
	p->output = xasprintf("%s/%s", dir, leaf);
	return 0;
}

static const char *purpose(void)
{
	return backup_options.scheduled ? "scheduled" : backup_options.archive ? "archive" :
	       backup_options.for_upgrade ? "upgrade" : "hand";
}

/* Who can open it is settled before anything is read. */
static int choose_recipients(struct making *p, struct tool *t, struct err *err)
{
	CLEANUP(scratch_remove) struct scratch home = SCRATCH_INIT;

	if (recipients_read(&p->to, t, err) < 0 || recipients_require_any(&p->to, err) < 0)
		return -1;
	if (!backup_options.scheduled && !backup_options.archive)
		return 0;
	return scratch_make(&home, t, err) < 0 || recipients_require_outside(&p->to, home.path, err) < 0 ? -1 : 0;
}

/* Later than those that are there, if the clock was set back, too. */
static int add_number(struct making *p, struct tool *t, struct err *err)
{
	CLEANUP(backup_set_release) struct backup_set set = BACKUP_SET_INIT;

	if (backup_set_load(&set, t, err) < 0)
		return -1;
	info_add(&p->info, "number", "%lld", set.n ? set.v[set.n - 1].age.number + 1 : 1);
	return 0;
}

/* As dpkg has it, in a preinst the one that is still there, in a postinst the one that was configured before, whose data it
 * is; "" when it knows none. */
static void add_version(struct making *p, struct tool *t)
{
	AUTO_BUF out = BUF_INIT, errs = BUF_INIT;
	AUTO_FREE char *admin = xasprintf("--admindir=%s/var/lib/dpkg", t->root.prefix);
	const char *const argv[] = { "dpkg-query", admin, "-W", "-f", "${Config-Version} ${Version}", profile_package(t->profile), NULL };
	const struct child c = { .argv = argv, .out = &out, .errs = &errs };

	if (child_run(&c, NULL) != 0)
		buf_reset(&out);
	char *version = out.p + strspn(out.p, " ");

	info_add(&p->info, "version", "%.*s", (int)strcspn(version, " "), version);
}

static int describe(struct making *p, struct tool *t, struct err *err)
{
	const char *package = profile_package(t->profile);
	AUTO_FREE char *identity = profile_state_path(t->profile, "identity");
	AUTO_BUF id = BUF_INIT;
	char host[256] = "", when[BACKUP_TIME_SIZE];

	gethostname(host, sizeof(host) - 1);
	backup_time_text(when);
	info_add(&p->info, "package", "%s", package);
	info_add(&p->info, "purpose", "%s", purpose());
	if (backup_options.for_upgrade && backup_options.level)
		info_add(&p->info, "for_level", "%ld", backup_options.level);
	add_version(p, t);
	info_add(&p->info, "maintkit", "%s", MAINTKIT_VERSION);
	info_add(&p->info, "created", "%s", when);
	if (add_number(p, t, err) < 0)
		return -1;
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

/* The index beside a backup that is not known to be bad: 1 open. */
static int open_index(const struct backup_item *i, struct index *x, int *keep)
{
	AUTO_FREE char *failed = info_get(&i->info, "failed"), *sum = info_get(&i->info, "sha256");
	AUTO_FREE char *path = xasprintf("%s.index", i->file);
	AUTO_FD int fd = -1;
	struct err why = ERR_INIT;

	if (failed || !sum)
		return 0;
	fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == EROFS)
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	int rc = index_open(x, fd, sum, &why);

	if (rc <= 0) {
		log_warn("'%s' does not belong to its backup or is damaged%s%s", path, rc < 0 ? ": " : "", rc < 0 ? why.text : "");
		return 0;
	}
	*keep = MOVE_FD(fd);
	return 1;
}

static bool is_kind(const struct backup_item *i, const char *kind)
{
	AUTO_FREE char *documents = info_get(&i->info, "documents");

	return documents && strcmp(documents, kind) == 0;
}

/* Is that one whole, in a state to go back to, and young enough? */
static bool is_base(struct making *p, const struct backup_item *i, long days)
{
	AUTO_FREE char *sum = info_get(&i->info, "sha256");

	if (!is_kind(i, "full") || !backup_age_known(&i->age, p->now) || i->age.created < p->now - days * 86400LL || !open_index(i, &p->base_index, &p->base_fd))
		return false;
	p->base = xstrdup(i->name);
	info_add(&p->info, "base", "%s", i->name);
	info_add(&p->info, "base-sha256", "%s", sum);
	return true;
}

/* The newest full backup that documents can be left to. */
static int choose_base(struct making *p, struct tool *t, const struct backup_set *set, struct err *err)
{
	long days;

	if (profile_int(t->profile, "backup", "full-every", 1, 3650, FULL_DAYS, &days, err) < 0)
		return -1;
	for (size_t i = set->n; i-- > 0 && !p->base; )
		if (is_base(p, &set->v[i], days))
			log_info("documents that are in '%s' already are left to it", p->base);
	if (!p->base)
		log_info("there is no full backup of the last %ld days to go back to, so this one is full", days);
	return 0;
}

/* A hard link leads to no other file system, and is no copy. */
static int check_links(const struct making *p, struct tool *t, struct err *err)
{
	AUTO_FREE char *dir = path_dirname(p->output);
	struct stat here, there;

	if (backup_options.scheduled || backup_options.archive)
		return err_set(err, ERR_POLICY, "documents as hard links are no copy, and lost when the disk is; a scheduled backup or an "
			       "archive needs --documents=since or full");
	if (stat(dir, &here) < 0)
		return err_sys(err, errno, "'%s'", dir);
	for (size_t i = 0; i < p->documents; i++) {
		if (path_stat(&t->root, p->trees.v[i], &there, err) < 0)
			return -1;
		if (here.st_dev != there.st_dev)
			return err_set(err, ERR_FAIL, "'%s' lies on another file system than '%s', and a hard link cannot lead from one to the "
				       "other; use --documents=since or full", p->trees.v[i], dir);
	}
	return 0;
}

/* What was asked for, else the profile's, which for an upgrade may be another. */
static const char *documents_word(struct tool *t)
{
	const char *usual = profile_get_or(t->profile, "backup", "documents", "full");

	if (backup_options.documents)
		return backup_options.documents;
	return backup_options.for_upgrade ? profile_get_or(t->profile, "backup", "upgrade-documents", usual) : usual;
}

static int choose_documents(struct making *p, struct tool *t, struct err *err)
{
	CLEANUP(backup_set_release) struct backup_set set = BACKUP_SET_INIT;
	const char *how = documents_word(t);

	p->linked = strcmp(how, "hardlink") == 0;
	if (!p->linked && strcmp(how, "full") != 0 && strcmp(how, "since") != 0)
		return err_set(err, ERR_USAGE, "documents '%s' is none of full, since, hardlink", how);
	if ((p->linked && check_links(p, t, err) < 0) || (strcmp(how, "full") != 0 && backup_set_load(&set, t, err) < 0) ||
	    (strcmp(how, "since") == 0 && choose_base(p, t, &set, err) < 0))
		return -1;
	/* A link changes the time of its file's inode; who made it knows the content. */
	for (size_t i = set.n; i-- > 0 && p->known_fd < 0; )
		if (is_kind(&set.v[i], "hardlink") || (p->linked && is_kind(&set.v[i], "full")))
			open_index(&set.v[i], &p->known, &p->known_fd);
	info_add(&p->info, "documents", "%s", p->linked ? "hardlink" : p->base ? "since" : "full");
	info_add(&p->info, "format", "%d", p->linked ? BACKUP_FORMAT_LINKED : p->base ? BACKUP_FORMAT_BASED : BACKUP_FORMAT);
	return 0;
}

static int measure(struct making *p, struct tool *t, struct err *err)
{
	struct documents d = { .base = p->base ? &p->base_index : NULL, .known = p->known_fd >= 0 ? &p->known : NULL };
	struct tree_size other = { 0 };

	for (size_t i = 0; i < p->trees.n; i++) {
		struct tree_size *size = i < p->documents ? &p->size : &other;
		AUTO_FREE char *key = xasprintf("tree%zu", i + 1);
		uint64_t before = size->all;

		bool document = i < p->documents;

		if (backup_tree_size(t, p->trees.v[i], size, document ? &d : NULL, document && p->linked, err) < 0)
			return -1;
		info_add(&p->info, key, "%" PRIu64 " %s", size->all - before, p->trees.v[i]);
	}
	p->bytes = p->size.bytes + other.bytes + p->db.bytes;
	p->work = p->bytes + p->size.hashed;
	info_add(&p->info, "files", "%" PRIu64, p->size.files);
	info_add(&p->info, "files_bytes", "%" PRIu64, p->size.all + other.all);	/* what a restore needs */
	info_add(&p->info, "database_bytes", "%" PRIu64, p->db.bytes);
	return 0;
}

/* Documents hardly shrink; a dump does, to a third or less. The index of the documents comes to it. */
static int check_space(struct making *p, struct err *err)
{
	uint64_t used = UINT64_MAX, have = free_bytes(p->output, &used);
	uint64_t need = SPARE + p->bytes - p->db.bytes + p->db.bytes / 3 + (p->base ? 0 : p->size.files * 130);

	if (need <= have)
		return 0;
	return err_set(err, ERR_FAIL, "not enough space for '%s': about %" PRIu64 " MiB are needed and %" PRIu64
		       " MiB are free; free some, or write elsewhere with --output", p->output, need >> 20, have >> 20);
}

int making_prepare(struct making *p, struct tool *t, struct err *err)
{
	if (!backup_options.files_only && backup_db_open(&p->db, t, err) < 0) {
		err_hint(err, "--files-only makes a backup without the database");
		return -1;
	}
	if (backup_options.if_patients || backup_options.for_upgrade) {
		int any = has_patients(p, t, err);

		if (any == 0)
			log_info("there is no patient data");
		if (any <= 0)
			return any;
	}
	if (backup_options.for_upgrade) {
		int due = upgrade_due(p, t, err);

		if (due <= 0 || upgrade_need_key(t, err) < 0)
			return due <= 0 ? due : -1;
	}
	return choose_recipients(p, t, err) < 0 || name_output(p, t, err) < 0 || choose_trees(p, t, err) < 0 ||
	       describe(p, t, err) < 0 || choose_documents(p, t, err) < 0 || measure(p, t, err) < 0 || check_space(p, err) < 0 ? -1 : 1;
}
