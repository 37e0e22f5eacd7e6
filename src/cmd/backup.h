/* What the verbs of maintkit-backup share.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A backup is NAME.tar.zst.gpg: a tar of
 *	maintkit-backup		KEY=VALUE lines: format, package, time, levels
 *	database/000001.sql ...	the dump, in pieces (tar must know sizes in advance)
 *	database/complete
 *	files/PATH		documents, keys, configuration, state
 *	manifest/000001 ...	core/manifest.h, each behind the members it describes
 * compressed by zstd, encrypted by gpg. Beside it lie NAME.tar.zst.gpg.sha256
 * (as sha256sum(1) reads it) and NAME.tar.zst.gpg.info (what "list" shows; no secret):
 *	created, package, version, database, schema_level, ...	as in the archive
 *	documents	full; since: what has not changed is left to the full backup
 *			"base" (base-sha256) in the same directory; hardlink: they are
 *			links in the directory NAME.tar.zst.gpg.documents
 *	number		one more than the highest in the directory: core/backupage.h
 *	files		how many documents there are
 *	purpose		hand, scheduled, upgrade, archive
 *	sha256, size, members, tables, rows, skipped, changed, recipient1 ...
 *	verified, verified_how	when it was found good; "read" or "loaded" (restore test)
 *	failed, failed_why	when it was found bad; the last outcome alone is there:
 *	was_verified		when one that is bad now had last been found good
 */
#ifndef MAINTKIT_CMD_BACKUP_H
#define MAINTKIT_CMD_BACKUP_H

#include "../base/userproc.h"
#include "../core/backupinfo.h"
#include "../core/dumpscan.h"
#include "../core/manifest.h"
#include "../core/progress.h"
#include "../core/sha256.h"
#include "../ext/archive.h"
#include "../ext/db.h"
#include "backup_index.h"
#include "backup_links.h"
#include "tool.h"

#define BACKUP_FORMAT 1
#define BACKUP_FORMAT_BASED 2	/* documents are left to another backup */
#define BACKUP_FORMAT_LINKED 3	/* documents are hard links beside it */
#define BACKUP_SUFFIX ".tar.zst.gpg"
#define MEMBER_INFO "maintkit-backup"
#define MEMBER_DATABASE "database/"
#define MEMBER_COMPLETE "database/complete"	/* behind the last piece: the dump ended in order */
#define MEMBER_FILES "files"
#define MEMBER_MANIFEST "manifest/"

struct backup_options {
	const char *output, *key, *to, *database, *documents, *reason;
	struct strv recipients;
	bool if_patients, for_upgrade, scheduled, archive, files_only, skip_unreadable, passphrase_stdin, recovery_stdin;
	bool once, unless_busy, restore_test, confirm, renew, off, sql, accept_changed, skip_links;
	long level;	/* of the version that is coming; 0: not told */
};
extern struct backup_options backup_options;
#define BACKUP_ACCEPT_OPT \
	{ "accept-changed", 0, OPT_FLAG, &backup_options.accept_changed, NULL, \
	  "documents that are hard links: also those that have changed since, as they are now" }
/* Which secret opens a backup, in the table of a verb that reads one. */
#define BACKUP_KEY_OPTS \
	{ "key", 0, OPT_STRING, &backup_options.key, "FILE", "secret key to decrypt with; default: the clinic's" }, \
	{ "passphrase-stdin", 0, OPT_FLAG, &backup_options.passphrase_stdin, NULL, \
	  "read that key's passphrase from standard input" }, \
	{ "recovery-stdin", 0, OPT_FLAG, &backup_options.recovery_stdin, NULL, \
	  "decrypt with the recovery passphrase, read from standard input" }

/* KEY=VALUE lines; value is one line (control characters become blanks). */
void info_add(struct buf *info, const char *key, const char *fmt, ...) PRINTF(3, 4);
/* Without its lines KEY=. */
void info_remove(struct buf *info, const char *key);

/* Attributes of an open file, ACLs with their entries in order, as the archive gives them back. */
int backup_attrs_read(int fd, struct xattrs *attrs, struct err *err) MUST_CHECK;
/* sha256 of all of them as 64 digits; "" when there are none. */
void backup_attrs_sum(const struct xattrs *attrs, char hex[SHA256_HEX_SIZE]);

/* A gpg directory of root's own, empty, in /run; gone with its agent after use.
 * It is locked, so those of runs that were killed are swept by the next. */
struct scratch {
	char *path;
	int fd;
};
#define SCRATCH_INIT { .fd = -1 }
int scratch_make(struct scratch *s, struct tool *t, struct err *err) MUST_CHECK;
void scratch_remove(struct scratch *s);

/* ---- writing --------------------------------------------------------------- */
struct writer {
	struct archive_out *a;
	struct manifest m;
	unsigned part;
	long long now;
	struct sha256 hash;	/* of the file between begin and end */
	unsigned char sum[SHA256_SIZE];	/* of the last file that has ended */
	char attrs[SHA256_HEX_SIZE];	/* of that file's attributes, or "" */
	struct progress progress;
};
/* Tell from now on how far it is: total bytes, about. */
void writer_tell(struct writer *w, uint64_t total);
/* End the line on a terminal. */
void writer_told(const struct writer *w);
/* A file whose bytes follow by writer_data(), exactly f->size of them. f->sha256 and f->attrs are filled in by end. */
int writer_begin(struct writer *w, const struct manifest_file *f, const struct xattrs *attrs, struct err *err) MUST_CHECK;
int writer_data(struct writer *w, const void *data, size_t len, struct err *err) MUST_CHECK;
int writer_end(struct writer *w, struct manifest_file *f, struct err *err) MUST_CHECK;
/* A file that is left to the base: f->sha256 as it has it. */
int writer_based(struct writer *w, const struct manifest_file *f, struct err *err) MUST_CHECK;
/* A file that lies beside the backup: f->sha256 and f->attrs as it has them. */
int writer_linked(struct writer *w, const struct manifest_file *f, struct err *err) MUST_CHECK;
/* Bytes that were read and are not written. */
void writer_passed(struct writer *w, size_t n);
/* A directory or link. */
int writer_node(struct writer *w, const struct manifest_file *f, const struct xattrs *attrs, struct err *err) MUST_CHECK;
/* A small file of ours. */
int writer_memory(struct writer *w, const char *path, const void *data, size_t len, struct err *err) MUST_CHECK;
/* Put the manifest out when it is long enough, or when last. */
int writer_manifest(struct writer *w, bool last, struct err *err) MUST_CHECK;

/* What is done about documents besides writing them; members may be NULL. */
struct documents {
	struct index *base;		/* those that are in it unchanged are left to it */
	const struct index *known;	/* another one, that may know the content of a file as it is now */
	struct links *links;		/* they become links in there */
	struct index *fresh;		/* filled with those that are written or linked */
};
struct tree_size {
	uint64_t bytes, all, files;	/* all: of those in the base, and those that are linked, too */
	uint64_t hashed;		/* that are read, but not written */
};
/* Everything below path (of the managed system) into the archive. What vanishes
 * meanwhile, and what is neither file, directory nor link, is named in the
 * manifest. skip: names directly below path to leave out, or NULL; d: NULL for
 * what are no documents. */
int backup_tree(struct writer *w, struct tool *t, const char *path, const char *const *skip, const struct documents *d,
		struct err *err) MUST_CHECK;
/* Where the tree really lies: documents on a disk of their own are often reached
 * by a link, of which an archive would have just the link. To be freed. What is
 * not there comes back as it is. NULL: a link that does not lead to a directory,
 * or that somebody else than root made. */
char *backup_real_tree(struct tool *t, const char *path, struct err *err) MUST_CHECK;
/* Add up what is below path: bytes of what would be written, of all, and the number of regular files. d: as above; linked: they
 * will be links. */
int backup_tree_size(struct tool *t, const char *path, struct tree_size *size, const struct documents *d, bool linked,
		     struct err *err) MUST_CHECK;

/* The database: is there one, how large, how many patients. */
struct backup_db {
	struct db *db;
	const char *name;
	bool exists;
	uint64_t bytes;
};
#define BACKUP_DB_INIT { .db = NULL }
void backup_db_release(struct backup_db *d);
int backup_db_open(struct backup_db *d, struct tool *t, struct err *err) MUST_CHECK;
int backup_db_info(struct backup_db *d, struct buf *info, struct err *err) MUST_CHECK;
/* Note the server's clock; has it gone on evenly since? 1 yes, and when that was by it; 0 no, or it cannot be told. */
int backup_clock_note(struct db *db, struct buf *info, struct err *err) MUST_CHECK;
int backup_clock_even(struct db *db, const struct buf *info, long long *then, struct err *err) MUST_CHECK;
/* Dump it into the archive, tables that know no transactions locked meanwhile. */
int backup_dump(struct writer *w, struct backup_db *d, struct tool *t, struct err *err) MUST_CHECK;
/* "--socket=..." or "--defaults-file=..." for the server's programs, to be freed. */
char *backup_db_where(struct tool *t, struct err *err);

/* Who can open a backup. */
struct recipients {
	struct strv keys;	/* texts of public key files, the clinic's first if there is one */
	bool own;		/* keys.v[0] is the clinic's, whose secret half is here */
	struct buf passphrase;	/* the recovery passphrase, or empty */
	bool confirmed;		/* somebody has it outside of this machine */
};
#define RECIPIENTS_INIT { .passphrase = BUF_SECRET_INIT }
void recipients_release(struct recipients *r);
/* Keys of profile and command line, and the recovery passphrase. */
int recipients_read(struct recipients *r, struct tool *t, struct err *err) MUST_CHECK;
int recipients_require_any(const struct recipients *r, struct err *err) MUST_CHECK;
struct pgp;
/* Into the home of pgp, in a child: fingerprints to fprs, "FINGERPRINT USER-ID" to report (may be NULL).
 * A key that cannot be used is an error. */
int recipients_import(struct pgp *pgp, const struct recipients *r, struct strv *fprs, struct strv *report, struct err *err) MUST_CHECK;
/* Can it be opened when this machine is gone? ERR_POLICY with what to do when not. home: a scratch directory's. */
int recipients_require_outside(const struct recipients *r, const char *home, struct err *err) MUST_CHECK;

/* Make one, to be shown and confirmed later ("backup recovery"). */
int recovery_make(struct tool *t, struct err *err) MUST_CHECK;
/* The recovery passphrase as it is kept for encrypting (root only): 1 there is one. */
int recovery_read(struct tool *t, struct buf *passphrase, bool *confirmed, struct err *err) MUST_CHECK;

/* Encrypt what comes from one descriptor into another, in a child; its output
 * is one record: sha256, size, then each recipient's fingerprint and user id. */
struct seal {
	int in, out;		/* in: a pipe */
	int stall_ms;
	const char *home;
	struct recipients to;
};
int seal_work(void *arg, struct buf *out, struct err *err);

/* ---- reading --------------------------------------------------------------- */
struct reader {
	struct archive_in *a;
	int fd;			/* of a document beside the archive; -1: it is in the archive */
	struct sha256 hash;
	struct dumpscan *scan;	/* the member is a piece of the dump */
};
ssize_t reader_read(struct reader *r, void *data, size_t len, struct err *err) MUST_CHECK;
struct sink {
	/* A member that is no part of the manifest; it may read any part of the data by reader_read(). */
	int (*member)(void *arg, struct reader *r, const struct archive_member *m, struct err *err);
	/* May be NULL: a table of the dump, when its last row has come by. */
	void (*table)(void *arg, const char *table, uint64_t rows);
	void *arg;
	/* May be NULL, which means all: is that document wanted, which the backup leaves to its base? path: as the
	 * archive has it. The base is neither needed nor read when none is. */
	bool (*from_base)(void *arg, const char *path);
};
struct backup_facts {
	struct buf info;
	struct manifest_totals totals;
	struct strv notes;
	char sha256[SHA256_HEX_SIZE];
	bool bad;	/* when reading failed: it is the file, not the key or this machine */
	uint64_t changed_links;	/* documents beside it that are not as they were */
};
#define BACKUP_FACTS_INIT { .info = BUF_INIT }
void backup_facts_release(struct backup_facts *f);
/* Decrypt file and check all of it against its manifest and its .sha256;
 * sink (may be NULL) gets the members as they come and must not keep what it
 * made when this fails. ERR_BACKEND: no secret key for it here. */
int backup_read(struct tool *t, const char *file, const struct sink *sink, struct backup_facts *f, struct err *err) MUST_CHECK;

/* Documents that are hard links beside the backup: read as the manifest names them, each a member for the sink. */
struct beside {
	const char *file;
	const struct sink *sink;
	struct backup_facts *facts;
	struct links links;
	unsigned char *chunk;
	bool sink_failed;
};
void beside_release(struct beside *b);
/* manifest_check's linked. */
int beside_take(void *beside, const struct manifest_file *f, struct err *err);
/* Were all of them as they should be? */
int beside_end(const struct beside *b, struct err *err) MUST_CHECK;

/* What a backup leaves to its base: told while it is read, then looked for
 * there. A backup "since" another is read like any other; its sink gets the
 * base's documents behind its own members. */
struct chain {
	struct tool *t;
	const char *file;
	const struct buf *info;
	const struct sink *sink;
	int fd;
	struct index wanted;
	uint64_t asked, taken;
};
#define CHAIN_INIT { .fd = -1 }
void chain_release(struct chain *c);
/* Is the base of a backup with this info there? ERR_FAIL names what is missing. */
int chain_check(const struct chain *c, struct err *err) MUST_CHECK;
/* manifest_check's based: asks for the document, if the sink wants it. */
int chain_want(void *chain, const char *path, const char *sha256, struct err *err);
/* Read the base. f: of the backup itself. */
int chain_read(struct chain *c, struct backup_facts *f, struct err *err) MUST_CHECK;
/* backup_read() without the base; c may be NULL, a backup that has one is refused then. */
int backup_read_alone(struct tool *t, const char *file, const struct sink *sink, struct chain *c, struct backup_facts *f,
		      struct err *err) MUST_CHECK;

/* Path of the backup as given: a path, or a name in the backup directory. To be freed. */
char *backup_path(struct tool *t, const char *given);
const char *backup_dir(struct tool *t);
/* The directory of linked documents beside file (as the real system sees it), as the managed system sees it, to be freed.
 * NULL: it lies outside. */
char *links_path(struct tool *t, const char *file);

/* ---- what there is ---------------------------------------------------------- */
struct backup_item {
	char *name, *file;	/* file: as the real system sees it */
	struct buf info;	/* empty when there is none */
	struct backup_age age;
};
struct backup_set {
	struct backup_item *v;	/* the oldest first */
	size_t n;
};
#define BACKUP_SET_INIT { NULL, 0 }
void backup_set_release(struct backup_set *s);
/* Those in the backup directory; none when it is not there. */
int backup_set_load(struct backup_set *s, struct tool *t, struct err *err) MUST_CHECK;
const struct backup_item *backup_set_find(const struct backup_set *s, const char *name);

/* ISO 8601 in UTC, so that the order of bytes is that of time. */
#define BACKUP_TIME_SIZE 32
void backup_time_text(char text[BACKUP_TIME_SIZE]);	/* now */

/* Load the dump of file into a scratch database, compare it with the manifest
 * and, where nothing was written to them since, with the live tables; drop it.
 * said: the result in words. */
int backup_restore_test(struct tool *t, const char *file, struct backup_facts *f, struct buf *said, struct err *err) MUST_CHECK;

/* Text of FILE.info; ERR_ABSENT. */
int backup_read_info(const char *file, struct buf *info, struct err *err) MUST_CHECK;
int backup_write_info(const char *file, const struct buf *info, struct err *err) MUST_CHECK;

int backup_run_create(struct tool *t, int argc, char **argv, struct err *err);
int backup_run_list(struct tool *t, int argc, char **argv, struct err *err);
int backup_run_verify(struct tool *t, int argc, char **argv, struct err *err);
int backup_run_forgo(struct tool *t, int argc, char **argv, struct err *err);
int backup_run_restore(struct tool *t, int argc, char **argv, struct err *err);
int backup_run_prune(struct tool *t, int argc, char **argv, struct err *err);
int backup_run_recovery(struct tool *t, int argc, char **argv, struct err *err);
int backup_run_recipients(struct tool *t, int argc, char **argv, struct err *err);
int backup_run_schedule(struct tool *t, int argc, char **argv, struct err *err);

#endif
