/* CSV files for people to look at, sign off and fill in.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * RFC 4180: comma, CRLF read and LF written, every value in quotes, quotes
 * doubled. SQL NULL is \N without quotes, which no quoted value can be. They
 * hold patients' names: 0600, and a file appears only when it is complete.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../base/atomic.h"
#include "migrate_frame.h"

#define KEEP 65536	/* bytes gathered before they are written */

struct migrate_csv {
	struct root root;
	struct atomic a;
	struct buf out;
	struct err err;
	bool in_row;
};

int migrate_csv_open(struct migrate_csv **out, const char *path, struct err *err)
{
	struct migrate_csv *c = xcalloc(1, sizeof(*c));
	AUTO_FREE char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);
	AUTO_FREE char *absolute = cwd ? xasprintf("%s/%s", cwd, path) : xstrdup(path);
	struct atomic_opts o = ATOMIC_OPTS_INIT;

	*out = NULL;
	o.mode = 0600;
	o.may_exist_equal = false;
	c->root = (struct root)ROOT_INIT;
	c->a = (struct atomic)ATOMIC_INIT;
	c->out = (struct buf)BUF_INIT;
	if (root_init(&c->root, "/", err) < 0 || atomic_begin(&c->a, &c->root, absolute, &o, err) < 0) {
		migrate_csv_abort(&c);
		return -1;
	}
	*out = c;
	return 0;
}

static void spill(struct migrate_csv *c)
{
	if (!c->err.kind && buf_write_fd(&c->out, c->a.fd, &c->err) < 0)
		err_prefix(&c->err, "'%s'", c->a.path);
	buf_reset(&c->out);
}

void migrate_csv_cell(struct migrate_csv *c, struct migrate_value v)
{
	if (c->in_row)
		buf_addc(&c->out, ',');
	c->in_row = true;
	if (!v.p) {
		buf_adds(&c->out, "\\N");
		return;
	}
	buf_addc(&c->out, '"');
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] == '"')
			buf_addc(&c->out, '"');
		buf_addc(&c->out, v.p[i]);
	}
	buf_addc(&c->out, '"');
}

void migrate_csv_end_row(struct migrate_csv *c)
{
	buf_addc(&c->out, '\n');
	c->in_row = false;
	if (c->out.len >= KEEP)
		spill(c);
}

int migrate_csv_close(struct migrate_csv **csv, struct err *err)
{
	struct migrate_csv *c = *csv;
	int rc;

	spill(c);
	if (c->err.kind) {
		*err = c->err;
		err_hint(err, "nothing was left of it");
		rc = -1;
	} else {
		rc = atomic_commit(&c->a, err);
	}
	migrate_csv_abort(csv);
	return rc < 0 ? -1 : 0;
}

void migrate_csv_abort(struct migrate_csv **csv)
{
	struct migrate_csv *c = *csv;

	if (!c)
		return;
	atomic_abort(&c->a);
	root_release(&c->root);
	buf_release(&c->out);
	free(c);
	*csv = NULL;
}

/* The cell at *pos; it ends before a comma, a line end or the end of the text. */
static int parse_cell(const struct buf *text, size_t *pos, struct buf *cell, struct err *err)
{
	const char *p = text->p;
	size_t i = *pos;

	buf_reset(cell);
	if (i < text->len && p[i] == '"') {
		for (i++; i < text->len && (p[i] != '"' || (i + 1 < text->len && p[i + 1] == '"')); i++) {
			if (p[i] == '"')
				i++;
			buf_addc(cell, p[i]);
		}
		if (i >= text->len)
			return err_set(err, ERR_FAIL, "a quote is not closed");
		i++;
		if (i < text->len && !strchr(",\r\n", p[i]))
			return err_set(err, ERR_FAIL, "something stands between a closing quote and the comma");
	} else {
		for (; i < text->len && p[i] != ',' && p[i] != '\n' && p[i] != '\r'; i++)
			buf_addc(cell, p[i]);
	}
	*pos = i;
	return 0;
}

int migrate_csv_row(const struct buf *text, size_t *pos, struct strv *sv, struct err *err)
{
	AUTO_BUF cell = BUF_INIT;

	strv_release(sv);
	if (*pos == 0 && text->len >= 3 && memcmp(text->p, "\xef\xbb\xbf", 3) == 0)
		*pos = 3;	/* spreadsheets put a byte order mark there */
	if (*pos >= text->len)
		return 0;
	for (;;) {
		if (parse_cell(text, pos, &cell, err) < 0)
			return -1;
		if (memchr(cell.p, '\0', cell.len))
			return err_set(err, ERR_FAIL, "a NUL byte in it");
		strv_add(sv, cell.p);
		if (*pos >= text->len || text->p[*pos] != ',')
			break;
		++*pos;
	}
	if (*pos < text->len && text->p[*pos] == '\r')
		++*pos;
	if (*pos < text->len && text->p[*pos] == '\n')
		++*pos;
	return 1;
}
