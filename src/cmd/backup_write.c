/* Writing the archive: members, their checksums, the manifest behind them; and its encryption beside it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../core/record.h"
#include "../ext/pgp.h"
#include "backup.h"
#include "backup_stall.h"

#define HEAD_SIZE 512	/* each file counts for so much besides its data, in the estimate too */

static double clock_now(void)
{
	struct timespec ts;

	return clock_gettime(CLOCK_MONOTONIC, &ts) < 0 ? 0 : (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void tell(struct writer *w, size_t more)
{
	AUTO_BUF text = BUF_INIT;
	double now;

	if (!w->progress.step)
		return;
	w->progress.done += more;
	now = clock_now();
	if (!progress_due(&w->progress, now))
		return;
	progress_text(&w->progress, now, &text);
	if (w->progress.terminal)
		fprintf(stderr, "\r%s\033[K", text.p);
	else
		log_info("%s", text.p);
}

static int put_head(struct writer *w, const struct manifest_file *f, const struct xattrs *attrs, struct err *err)
{
	struct archive_member m = {
		.path = f->path, .target = f->target, .uid = f->uid, .gid = f->gid, .mtime = f->mtime, .size = f->size,
		.mode = f->mode, .attrs = attrs,
	};

	tell(w, HEAD_SIZE);
	backup_attrs_sum(attrs, w->attrs);
	return archive_out_member(w->a, &m, err);
}

int writer_begin(struct writer *w, const struct manifest_file *f, const struct xattrs *attrs, struct err *err)
{
	sha256_init(&w->hash);
	return put_head(w, f, attrs, err);
}

void writer_tell(struct writer *w, uint64_t total)
{
	progress_begin(&w->progress, total, isatty(STDERR_FILENO) && log_shows(LOG_INFO_LEVEL), clock_now());
}

void writer_told(const struct writer *w)
{
	if (w->progress.terminal)
		fputs("\r\033[K", stderr);
}

int writer_data(struct writer *w, const void *data, size_t len, struct err *err)
{
	tell(w, len);
	sha256_update(&w->hash, data, len);
	return archive_out_data(w->a, data, len, err);
}

int writer_end(struct writer *w, struct manifest_file *f, struct err *err)
{
	char hex[SHA256_HEX_SIZE];

	sha256_final(&w->hash, w->sum);
	sha256_to_hex(w->sum, hex);
	f->sha256 = hex;
	f->attrs = *w->attrs ? w->attrs : NULL;
	manifest_add(&w->m, f);
	f->sha256 = f->attrs = NULL;
	return writer_manifest(w, false, err);
}

int writer_based(struct writer *w, const struct manifest_file *f, struct err *err)
{
	tell(w, HEAD_SIZE);
	manifest_add_based(&w->m, f);
	return writer_manifest(w, false, err);
}

int writer_linked(struct writer *w, const struct manifest_file *f, struct err *err)
{
	tell(w, HEAD_SIZE);
	manifest_add_linked(&w->m, f);
	return writer_manifest(w, false, err);
}

void writer_passed(struct writer *w, size_t n)
{
	tell(w, n);
}

int writer_node(struct writer *w, const struct manifest_file *f, const struct xattrs *attrs, struct err *err)
{
	struct manifest_file as = *f;

	if (put_head(w, f, attrs, err) < 0)
		return -1;
	as.attrs = *w->attrs ? w->attrs : NULL;
	manifest_add(&w->m, &as);
	return writer_manifest(w, false, err);
}

int writer_memory(struct writer *w, const char *path, const void *data, size_t len, struct err *err)
{
	struct manifest_file f = { .path = path, .size = len, .mode = S_IFREG | 0600, .mtime = w->now };

	if (writer_begin(w, &f, NULL, err) < 0 || writer_data(w, data, len, err) < 0)
		return -1;
	return writer_end(w, &f, err);
}

int writer_manifest(struct writer *w, bool last, struct err *err)
{
	char path[48];

	if (last)
		manifest_finish(&w->m);
	else if (w->m.part.len < MANIFEST_PART_SIZE)
		return 0;
	snprintf(path, sizeof(path), MEMBER_MANIFEST "%06u", ++w->part);
	struct manifest_file f = { .path = path, .size = w->m.part.len, .mode = S_IFREG | 0600, .mtime = w->now };

	if (put_head(w, &f, NULL, err) < 0 || archive_out_data(w->a, w->m.part.p, w->m.part.len, err) < 0)
		return -1;
	buf_reset(&w->m.part);
	return 0;
}

struct counted {
	int fd;
	struct sha256 hash;
	uint64_t size;
};

static ssize_t write_counted(void *arg, void *data, size_t len)
{
	struct counted *c = arg;
	ssize_t n = pgp_stream_write_fd(&c->fd, data, len);

	if (n > 0) {
		sha256_update(&c->hash, data, (size_t)n);
		c->size += (uint64_t)n;
	}
	return n;
}

int seal_work(void *arg, struct buf *out, struct err *err)
{
	struct seal *s = arg;
	CLEANUP(pgp_cleanup) struct pgp *pgp = NULL;
	AUTO_STRV fprs = STRV_INIT;
	AUTO_STRV report = STRV_INIT;
	struct counted c = { .fd = s->out };
	struct pgp_pipe io = { .in = s->in, .out = { write_counted, &c }, .stall_ms = s->stall_ms };
	char hex[SHA256_HEX_SIZE], size[24];

	sha256_init(&c.hash);
	strv_add(&report, hex);
	strv_add(&report, size);
	stall_alarm(s->stall_ms);	/* until pgp_encrypt_pipe() has its own */
	if (pgp_open(&pgp, s->home, err) < 0 || recipients_import(pgp, &s->to, &fprs, &report, err) < 0)
		return -1;
	if (s->to.passphrase.len) {
		pgp_set_passphrase(pgp, s->to.passphrase.p);
		pgp_also_passphrase(pgp);
		strv_add(&report, s->to.confirmed ? "recovery passphrase" : "recovery passphrase, that nobody has confirmed");
	}
	if (pgp_encrypt_pipe(pgp, &fprs, &io, err) < 0)
		return -1;
	sha256_final_hex(&c.hash, hex);
	snprintf(size, sizeof(size), "%" PRIu64, c.size);
	free(report.v[0]);
	free(report.v[1]);
	report.v[0] = xstrdup(hex);
	report.v[1] = xstrdup(size);
	record_format(out, (const char *const *)report.v, report.n);
	return 0;
}
