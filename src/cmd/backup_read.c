/* Reading a backup: decrypted in a child, every member compared with the manifest as it comes by.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "../base/passphrase.h"
#include "../core/openpgp.h"
#include "../core/record.h"
#include "../ext/pgp.h"
#include "backup.h"
#include "backup_stall.h"

#define CHUNK (256u << 10)
#define PIPE_SIZE (1 << 20)
#define MANIFEST_MAX (16u << 20)
#define KEY_FILE_MAX (1u << 20)
#define PASSPHRASE_MAX 1024

void backup_facts_release(struct backup_facts *f)
{
	buf_release(&f->info);
	strv_release(&f->notes);
}

/* ---- the child's side: gpg --------------------------------------------------- */
struct unseal {
	int in, out, stall_ms;
	const char *home, *passphrase;
	struct buf key;
};

struct hashed {
	int fd;
	struct sha256 hash;
};

static ssize_t read_hashed(void *arg, void *data, size_t len)
{
	struct hashed *h = arg;
	ssize_t n = pgp_stream_read_fd(&h->fd, data, len);

	if (n > 0)
		sha256_update(&h->hash, data, (size_t)n);
	return n;
}

/* gpg may stop reading early (an error, or bytes behind the message): the rest counts too. */
static int hash_rest(struct hashed *h, struct err *err)
{
	AUTO_FREE unsigned char *chunk = xmalloc(CHUNK);
	ssize_t n;

	while ((n = read_hashed(h, chunk, CHUNK)) > 0)
		;
	return n < 0 ? err_sys(err, errno, "read the backup") : 0;
}

/* out: the ciphertext's sha256, also when decryption fails. */
static int unseal_work(void *arg, struct buf *out, struct err *err)
{
	struct unseal *u = arg;
	CLEANUP(pgp_cleanup) struct pgp *pgp = NULL;
	AUTO_STRV fprs = STRV_INIT;
	struct hashed h = { .fd = u->in };
	struct pgp_stream from = { read_hashed, &h }, to = { pgp_stream_write_fd, &u->out };
	char hex[SHA256_HEX_SIZE];
	struct err rest = ERR_INIT;

	sha256_init(&h.hash);
	stall_alarm(u->stall_ms);
	int rc = pgp_open(&pgp, u->home, err);

	if (rc == 0 && u->key.len)
		rc = pgp_import(pgp, u->key.p, u->key.len, &fprs, err);
	stall_alarm(0);		/* what follows has a limit of its own */
	if (rc == 0) {
		pgp_set_passphrase(pgp, u->passphrase);
		rc = pgp_decrypt(pgp, &from, &to, err);
	}
	close(u->out);	/* the reader must not wait while we count the rest */
	if (hash_rest(&h, &rest) < 0 && rc == 0) {
		*err = rest;
		rc = -1;
	}
	sha256_final_hex(&h.hash, hex);
	buf_adds(out, hex);
	return rc;
}

static int read_given_key(struct unseal *u, struct err *err)
{
	AUTO_FREE char *path = realpath(backup_options.key, NULL);
	CLEANUP(root_release) struct root real = ROOT_INIT;

	if (!path)
		return err_sys(err, errno, "'%s'", backup_options.key);
	return root_init(&real, "/", err) < 0 || path_read_file(&real, path, &u->key, KEY_FILE_MAX, NULL, err) < 0 ? -1 : 0;
}

/* Made before there was a key: to a passphrase and to nobody else. What cannot be read as a message is for gpg to judge. */
static bool no_key_opens(int in)
{
	CLEANUP(openpgp_head_release) struct openpgp_head head = OPENPGP_HEAD_INIT;
	struct err unreadable = ERR_INIT;
	char first[4096];
	ssize_t n = pread(in, first, sizeof(first), 0);

	return n > 0 && openpgp_read_head(first, (size_t)n, &head, &unreadable) == 0 && head.passphrase && !head.key_ids.n;
}

/* Root's copy of the clinic's key, else the recovery passphrase. 1 there is one, 0 none here. */
static int find_own(struct tool *t, struct unseal *u, struct buf *passphrase, struct err *err)
{
	const char *copy = profile_get(t->profile, "pgp", "secret-copy");
	const char *escrow = profile_get(t->profile, "pgp", "passphrase-file");
	struct err why = ERR_INIT;
	bool confirmed;

	if (no_key_opens(u->in) && !backup_options.passphrase_stdin)
		return recovery_read(t, passphrase, &confirmed, err);
	if (!copy || path_read_file(&t->root, copy, &u->key, KEY_FILE_MAX, NULL, &why) < 0) {
		if (!copy || why.kind == ERR_ABSENT)
			return backup_options.passphrase_stdin ? 0 : recovery_read(t, passphrase, &confirmed, err);
		*err = why;
		return -1;
	}
	if (!backup_options.passphrase_stdin && escrow && path_read_file(&t->root, escrow, passphrase, PASSPHRASE_MAX, NULL, NULL) == 0)
		buf_trim_end(passphrase);
	return 1;
}

/* 1 there is one, 0 none here. */
static int find_key(struct tool *t, struct unseal *u, struct buf *passphrase, struct err *err)
{
	int have = 1;

	if (backup_options.key) {
		if (read_given_key(u, err) < 0)
			return -1;
	} else if (!backup_options.recovery_stdin) {
		have = find_own(t, u, passphrase, err);
	}
	if (have <= 0 || !(backup_options.passphrase_stdin || backup_options.recovery_stdin))
		return have;
	if (tool_read_input(t, PASSPHRASE_MAX, err) < 0)
		return -1;
	buf_add(passphrase, t->input.p, t->input.len);
	if (backup_options.recovery_stdin)
		passphrase_tidy(passphrase);
	return 1;
}

/* ---- our side: the archive ----------------------------------------------------- */
ssize_t reader_read(struct reader *r, void *data, size_t len, struct err *err)
{
	ssize_t n = r->a ? archive_in_read(r->a, data, len, err) : read(r->fd, data, len);

	if (n < 0 && !r->a)
		return err_sys(err, errno, "read a document beside the backup");

	if (n > 0) {
		sha256_update(&r->hash, data, (size_t)n);
		if (r->scan)
			dumpscan_add(r->scan, data, (size_t)n);
	}
	return n;
}

struct reading {
	struct reader r;
	struct manifest_check check;
	struct dumpscan scan;
	char *database;
	const struct sink *sink;
	struct chain *chain;
	struct beside beside;
	struct backup_facts *facts;
	unsigned char *chunk;
	bool info_seen, dump_open, sink_failed;
};

static void count_table(void *arg, const char *table, uint64_t rows)
{
	struct reading *g = arg;

	manifest_add_table(&g->check.seen, g->database ? g->database : "", table, rows);
	if (g->sink && g->sink->table)
		g->sink->table(g->sink->arg, table, rows);
}

/* The dump's last piece is behind us. */
static int end_dump(struct reading *g, struct err *err)
{
	g->dump_open = false;
	return dumpscan_end(&g->scan) ? 0 : err_set(err, ERR_FAIL, "the dump is not complete");
}

static bool is_piece(const char *path)
{
	return strncmp(path, MEMBER_DATABASE, strlen(MEMBER_DATABASE)) == 0 && strcmp(path, MEMBER_COMPLETE) != 0;
}

static int take_part(struct reading *g, const struct archive_member *m, struct err *err)
{
	AUTO_BUF part = BUF_INIT;
	ssize_t n;

	if (m->size > MANIFEST_MAX)
		return err_set(err, ERR_FAIL, "a part of the manifest is too long");
	while ((n = archive_in_read(g->r.a, g->chunk, CHUNK, err)) > 0)
		buf_add(&part, g->chunk, (size_t)n);
	return n < 0 ? -1 : manifest_check_part(&g->check, part.p, part.len, err);
}

static int check_info(struct reading *g, struct err *err)
{
	AUTO_FREE char *format = info_get(&g->facts->info, "format");

	AUTO_FREE char *base = info_get(&g->facts->info, "base");
	int number = format ? atoi(format) : 0;

	if (number < BACKUP_FORMAT || number > BACKUP_FORMAT_LINKED)
		return err_set(err, ERR_FAIL, "the backup has format %s, and this program reads up to format %d; "
			       "use a newer maintkit", format ? format : "none", BACKUP_FORMAT_LINKED);
	g->info_seen = true;
	g->database = info_get(&g->facts->info, "database");
	g->check.linked = beside_take;
	g->check.linked_arg = &g->beside;
	if (!base)
		return 0;
	if (!g->chain)
		return err_set(err, ERR_FAIL, "it goes back to '%s', and something else goes back to it", base);
	g->check.based = chain_want;
	g->check.arg = g->chain;
	/* Better now than behind the database. Who does not want all is told when it wants the first. */
	return g->sink && g->sink->from_base ? 0 : chain_check(g->chain, err);
}

/* Read what the sink left; the first member and the dump are looked at here too. */
static int take_data(struct reading *g, const struct archive_member *m, struct err *err)
{
	bool is_info = !g->info_seen && strcmp(m->path, MEMBER_INFO) == 0;
	ssize_t n;

	if (!g->info_seen && !is_info)
		return err_set(err, ERR_FAIL, "not a backup of maintkit: it begins with '%s'", m->path);
	if (g->sink && !is_info && g->sink->member(g->sink->arg, &g->r, m, err) < 0) {
		g->sink_failed = true;
		return -1;
	}
	while ((n = reader_read(&g->r, g->chunk, CHUNK, err)) > 0)
		if (is_info && g->facts->info.len < 65536)
			buf_add(&g->facts->info, g->chunk, (size_t)n);
	return n < 0 ? -1 : is_info ? check_info(g, err) : 0;
}

static int take_member(struct reading *g, const struct archive_member *m, struct err *err)
{
	struct manifest_file f = { .path = m->path, .mode = m->mode, .uid = m->uid, .gid = m->gid, .mtime = m->mtime,
				   .target = m->target, .size = m->size };
	char hex[SHA256_HEX_SIZE], attrs[SHA256_HEX_SIZE];

	backup_attrs_sum(m->attrs, attrs);
	f.attrs = *attrs ? attrs : NULL;
	if (strcmp(m->path, MEMBER_COMPLETE) == 0 && end_dump(g, err) < 0)
		return -1;
	if (strncmp(m->path, MEMBER_MANIFEST, strlen(MEMBER_MANIFEST)) == 0)
		return take_part(g, m, err);
	/* tar writes directories with a slash behind */
	AUTO_FREE char *path = xstrdup(m->path);
	size_t len = strlen(path);

	if (S_ISDIR(m->mode) && len > 1 && path[len - 1] == '/')
		path[len - 1] = '\0';
	f.path = path;
	sha256_init(&g->r.hash);
	g->r.scan = is_piece(path) ? &g->scan : NULL;
	g->dump_open = g->dump_open || g->r.scan;
	if (take_data(g, m, err) < 0)
		return -1;
	sha256_final_hex(&g->r.hash, hex);
	if (S_ISREG(m->mode))
		f.sha256 = hex;
	manifest_add(&g->check.seen, &f);
	return 0;
}

static int read_members(struct reading *g, int fd, struct err *err)
{
	struct archive_member m;
	int rc;

	if (archive_in_open(&g->r.a, fd, err) < 0)
		return -1;
	while ((rc = archive_in_next(g->r.a, &m, err)) > 0)
		if (take_member(g, &m, err) < 0)
			return -1;
	if (rc < 0)
		return -1;
	if (g->dump_open)
		return err_set(err, ERR_FAIL, "the dump has no end");
	return manifest_check_end(&g->check, err) < 0 || beside_end(&g->beside, err) < 0 ? -1 : 0;
}

static void reading_release(struct reading *g)
{
	archive_in_cleanup(&g->r.a);
	manifest_check_release(&g->check);
	beside_release(&g->beside);
	dumpscan_release(&g->scan);
	free(g->database);
	free(g->chunk);
}

/* Is that the checksum that create wrote at the other place? 1 yes, 0 no, -1 there is none. */
static int info_has_sum(const char *file, const char *hex)
{
	AUTO_BUF info = BUF_INIT;

	if (backup_read_info(file, &info, NULL) < 0)
		return -1;
	AUTO_FREE char *sum = info_get(&info, "sha256");

	return sum ? strcmp(sum, hex) == 0 : -1;
}

/* The checksum beside the file: 1 it fits, 0 there is none. -1: bad tells whether the file is to blame. */
static int check_sum(const char *file, const char *hex, bool *bad, struct err *err)
{
	CLEANUP(root_release) struct root real = ROOT_INIT;
	AUTO_FREE char *path = xasprintf("%s.sha256", file);
	AUTO_BUF line = BUF_INIT;
	struct err why = ERR_INIT;

	*bad = false;
	if (root_init(&real, "/", err) < 0)
		return -1;
	if (path_read_file(&real, path, &line, 4096, NULL, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		*err = why;
		return -1;
	}
	if (strspn(line.p, "0123456789abcdef") != SHA256_HEX_SIZE - 1 || line.p[SHA256_HEX_SIZE - 1] != ' ') {
		err_set(err, ERR_FAIL, "'%s' holds no checksum; remove it, and the backup is judged by what it holds", path);
		return -1;
	}
	if (strncmp(line.p, hex, SHA256_HEX_SIZE - 1) == 0)
		return 1;
	if (info_has_sum(file, hex) > 0)
		return err_set(err, ERR_FAIL, "'%s' is of another file, the backup is as it was written; remove it", path);
	*bad = true;
	return err_set(err, ERR_FAIL, "'%s' is not what was written: its sha256 is %s", file, hex);
}

static int hash_only(int in, const char *file, struct backup_facts *f, struct err *err)
{
	struct hashed h = { .fd = in };

	sha256_init(&h.hash);
	if (hash_rest(&h, err) < 0)
		return -1;
	sha256_final_hex(&h.hash, f->sha256);
	int rc = check_sum(file, f->sha256, &f->bad, err);

	if (rc < 0)
		return -1;
	return err_set(err, ERR_BACKEND, "'%s': %s; its content cannot be checked because the secret key is not here; "
		       "name it with --key", file, rc ? "the file is as it was written" : "there is no checksum beside it");
}

/* Of three complaints about one cause the one nearest to it: the changed
 * file, what gpg said, what the archive lacked. A broken pipe is never it. */
static int judge(const char *file, const struct buf *hex, struct err *gpg, struct err *ours, bool sink_failed,
		 struct backup_facts *f, struct err *err)
{
	memcpy(f->sha256, hex->len == SHA256_HEX_SIZE - 1 ? hex->p : "", hex->len == SHA256_HEX_SIZE - 1 ? hex->len + 1 : 1);
	bool changed = false;
	int sum = *f->sha256 ? check_sum(file, f->sha256, &changed, err) : 0;

	bool gpg_failed = gpg->kind && !(ours->kind && gpg->sys == EPIPE);

	/* that it cannot be decrypted is then no matter of keys */
	if (sum == 0 && *f->sha256 && gpg_failed && info_has_sum(file, f->sha256) == 0) {
		changed = true;
		sum = err_set(err, ERR_FAIL, "'%s' is not what was written: its sha256 is %s", file, f->sha256);
	}
	f->bad = changed || (ours->kind == ERR_FAIL && !sink_failed && (!gpg->kind || gpg->sys == EPIPE));
	if (sum < 0)
		return -1;
	if (gpg_failed)
		*err = *gpg;
	else if (ours->kind)
		*err = *ours;
	else if (*f->sha256)
		return sum;
	else
		err_set(err, ERR_FAIL, "whether it is as it was written is not known");	/* the child said nothing: never good */
	err_prefix(err, "'%s'", file);
	return -1;
}

static int read_sealed(struct tool *t, const char *file, int in, struct unseal *u, struct reading *g, struct err *err)
{
	CLEANUP(userproc_stop) struct userproc child = USERPROC_INIT;
	CLEANUP(scratch_remove) struct scratch home = SCRATCH_INIT;
	struct err gpg = ERR_INIT, ours = ERR_INIT;
	AUTO_BUF hex = BUF_INIT;
	int p[2];

	if (stall_limit(t, &u->stall_ms, err) < 0 || scratch_make(&home, t, err) < 0)
		return -1;
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	AUTO_FD int from = p[0];
	fcntl(from, F_SETPIPE_SZ, PIPE_SIZE);

	u->in = in;
	u->out = p[1];
	u->home = home.path;
	struct userproc_opts o = { .keep = { in, p[1] }, .timeout_ms = -1 };
	int rc = userproc_start(&child, &o, unseal_work, u, err);

	close(p[1]);
	if (rc < 0)
		return -1;
	if (read_members(g, from, &ours) < 0 && !ours.kind)
		err_set(&ours, ERR_FAIL, "the archive cannot be read");
	mem_close_cleanup(&from);
	if (userproc_wait(&child, &hex, &gpg) < 0 && !gpg.kind)
		err_set(&gpg, ERR_FAIL, "it cannot be decrypted");
	return judge(file, &hex, &gpg, &ours, g->sink_failed || g->beside.sink_failed, g->facts, err);
}

int backup_read_alone(struct tool *t, const char *file, const struct sink *sink, struct chain *c, struct backup_facts *f,
		      struct err *err)
{
	AUTO_FD int in = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	AUTO_BUF passphrase = BUF_SECRET_INIT;
	struct unseal u = { .in = in, .key = BUF_SECRET_INIT };
	struct stat st;

	signal(SIGPIPE, SIG_IGN);
	if (in < 0 || fstat(in, &st) < 0)
		return err_sys(err, errno, "'%s'", file);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_FAIL, "'%s' is not a regular file", file);
	int have = find_key(t, &u, &passphrase, err);

	if (have <= 0)
		return have < 0 ? -1 : hash_only(in, file, f, err);
	u.passphrase = passphrase.len ? passphrase.p : NULL;
	CLEANUP(reading_release) struct reading g = { .check = MANIFEST_CHECK_INIT, .sink = sink, .chain = c, .facts = f,
							 .beside = { .file = file, .sink = sink, .facts = f, .links = LINKS_INIT } };

	g.chunk = xmalloc(CHUNK);
	dumpscan_init(&g.scan, count_table, &g);
	int rc = read_sealed(t, file, in, &u, &g, err);

	buf_release(&u.key);
	f->totals = g.check.seen.totals;
	f->notes = g.check.notes;
	g.check.notes = (struct strv)STRV_INIT;
	return rc;
}

int backup_read(struct tool *t, const char *file, const struct sink *sink, struct backup_facts *f, struct err *err)
{
	CLEANUP(chain_release) struct chain c = CHAIN_INIT;

	c.t = t;
	c.file = file;
	c.info = &f->info;
	c.sink = sink;
	int sum = backup_read_alone(t, file, sink, &c, f, err);

	if (sum < 0 || !c.asked)
		return sum;
	return chain_read(&c, f, err) < 0 ? -1 : sum;
}
