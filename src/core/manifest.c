/* The list of what a backup holds: written beside the data, compared when it is read back.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "manifest.h"
#include "record.h"

#define NOTES_MAX 100
#define NUMBER 24
#define STATE 8	/* field of a file that only the writer knows */

void manifest_release(struct manifest *m)
{
	buf_release(&m->part);
}

static void format_file(struct manifest *m, const char *kind, const struct manifest_file *f, size_t fields)
{
	char size[NUMBER], mode[NUMBER], uid[NUMBER], gid[NUMBER], mtime[NUMBER];
	bool state = strcmp(kind, "file") == 0;
	const char *file[] = { kind, f->path, size, mode, uid, gid, mtime, f->sha256,
			       !state ? f->attrs : f->changed ? "changed" : "", f->attrs };

	snprintf(size, sizeof(size), "%" PRIu64, f->size);
	snprintf(mode, sizeof(mode), "%04o", f->mode & 07777u);
	snprintf(uid, sizeof(uid), "%ld", f->uid);
	snprintf(gid, sizeof(gid), "%ld", f->gid);
	snprintf(mtime, sizeof(mtime), "%lld", f->mtime);
	record_format(&m->part, file, fields);
}

void manifest_add_based(struct manifest *m, const struct manifest_file *f)
{
	format_file(m, "base", f, 8);
	m->totals.based++;
}

void manifest_add_linked(struct manifest *m, const struct manifest_file *f)
{
	format_file(m, "linked", f, f->attrs ? 9 : 8);
	m->totals.linked++;
}

void manifest_add(struct manifest *m, const struct manifest_file *f)
{
	char mode[NUMBER], uid[NUMBER], gid[NUMBER], mtime[NUMBER];
	const char *dir[] = { "dir", f->path, mode, uid, gid, mtime, f->attrs };
	const char *link[] = { "link", f->path, f->target };

	snprintf(mode, sizeof(mode), "%04o", f->mode & 07777u);
	snprintf(uid, sizeof(uid), "%ld", f->uid);
	snprintf(gid, sizeof(gid), "%ld", f->gid);
	snprintf(mtime, sizeof(mtime), "%lld", f->mtime);
	if (f->target)
		record_format(&m->part, link, ARRAY_LEN(link));
	else if (f->sha256)
		format_file(m, "file", f, f->attrs ? 10 : 9);
	else
		record_format(&m->part, dir, f->attrs ? 7 : 6);
	m->totals.members++;
	m->totals.bytes += f->sha256 ? f->size : 0;
	m->totals.changed += f->changed;
}

void manifest_add_table(struct manifest *m, const char *database, const char *table, uint64_t rows)
{
	char number[NUMBER];
	const char *fields[] = { "table", database, table, number };

	snprintf(number, sizeof(number), "%" PRIu64, rows);
	record_format(&m->part, fields, ARRAY_LEN(fields));
	m->totals.tables++;
	m->totals.rows += rows;
}

void manifest_add_skipped(struct manifest *m, const char *path, const char *reason)
{
	const char *fields[] = { "skipped", path, reason };

	record_format(&m->part, fields, ARRAY_LEN(fields));
	m->totals.skipped++;
}

static void format_end(struct buf *out, const struct manifest_totals *t)
{
	char n[7][NUMBER];
	const uint64_t v[7] = { t->members, t->bytes, t->tables, t->rows, t->skipped, t->based, t->linked };
	const char *fields[] = { "end", n[0], n[1], n[2], n[3], n[4], n[5], n[6] };

	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		snprintf(n[i], sizeof(n[i]), "%" PRIu64, v[i]);
	record_format(out, fields, t->linked ? 8 : t->based ? 7 : 6);
}

void manifest_finish(struct manifest *m)
{
	format_end(&m->part, &m->totals);
}

void manifest_check_release(struct manifest_check *c)
{
	manifest_release(&c->seen);
	strv_release(&c->notes);
}

static void note(struct manifest_check *c, const char *path, const char *what)
{
	if (c->notes.n < NOTES_MAX)
		strv_addf(&c->notes, "%s: %s", path, what);
}

static int check_totals(struct manifest_check *c, const struct strv *said, struct err *err)
{
	AUTO_BUF line = BUF_INIT;
	AUTO_STRV want = STRV_INIT;
	size_t pos = 0;

	format_end(&line, &c->seen.totals);
	if (record_parse(line.p, line.len, &pos, &want) != RECORD_OK || said->n != want.n)
		return err_set(err, ERR_FAIL, "the manifest's last line is malformed");
	for (size_t i = 1; i < want.n; i++)
		if (strcmp(said->v[i], want.v[i]) != 0)
			return err_set(err, ERR_FAIL, "the manifest counts %s where the archive has %s", said->v[i], want.v[i]);
	c->ended = true;
	return 0;
}

static const char *field(const struct strv *line, size_t i)
{
	return i < line->n ? line->v[i] : "";
}

static int check_line(struct manifest_check *c, const struct strv *said, size_t *pos, struct err *err)
{
	AUTO_STRV seen = STRV_INIT;
	bool file = strcmp(said->v[0], "file") == 0;

	if (record_parse(c->seen.part.p, c->seen.part.len, pos, &seen) != RECORD_OK)
		return err_set(err, ERR_FAIL, "'%s' is in the manifest and not in the archive", said->v[1]);
	if (said->n < (file ? 8u : 3u) || seen.n < 3 || strcmp(said->v[0], seen.v[0]) != 0 || strcmp(said->v[1], seen.v[1]) != 0)
		return err_set(err, ERR_FAIL, "the archive has %s '%s' where the manifest has %s '%s'",
			       seen.v[0], field(&seen, 1), said->v[0], said->v[1]);
	for (size_t i = 2; i < said->n || i < seen.n; i++)
		if (!(file && i == STATE) && strcmp(field(said, i), field(&seen, i)) != 0)
			return err_set(err, ERR_FAIL, "%s '%s' is not as it was: '%s' in the manifest, '%s' in the archive",
				       said->v[0], said->v[1], field(said, i), field(&seen, i));
	if (file && *field(said, STATE))
		note(c, said->v[1], "was written to while it was read");
	return 0;
}

static int take_based(struct manifest_check *c, const struct strv *said, struct err *err)
{
	if (said->n != 8)
		return err_set(err, ERR_FAIL, "a line of the manifest is malformed");
	c->seen.totals.based++;
	return c->based ? c->based(c->arg, said->v[1], said->v[7], err) : 0;
}

static bool take_number(const char *text, int base, long long *n)
{
	char *end;

	errno = 0;
	*n = strtoll(text, &end, base);
	return end != text && !*end && !errno;
}

static int take_linked(struct manifest_check *c, const struct strv *said, struct err *err)
{
	long long size, mode, uid, gid;
	struct manifest_file f = { .path = said->v[1], .sha256 = said->n > 7 ? said->v[7] : "", .attrs = said->n > 8 ? said->v[8] : NULL };

	if (said->n < 8 || said->n > 9 || !take_number(said->v[2], 10, &size) || size < 0 || !take_number(said->v[3], 8, &mode) ||
	    !take_number(said->v[4], 10, &uid) || !take_number(said->v[5], 10, &gid) || !take_number(said->v[6], 10, &f.mtime))
		return err_set(err, ERR_FAIL, "a line of the manifest is malformed");
	f.size = (uint64_t)size;
	f.mode = (unsigned)mode & 07777;
	f.uid = (long)uid;
	f.gid = (long)gid;
	c->seen.totals.linked++;
	return c->linked ? c->linked(c->linked_arg, &f, err) : 0;
}

int manifest_check_part(struct manifest_check *c, const void *data, size_t len, struct err *err)
{
	AUTO_STRV said = STRV_INIT;
	size_t pos = 0, seen_pos = 0;
	enum record_state state;

	while ((state = record_parse(data, len, &pos, &said)) == RECORD_OK) {
		if (c->ended || said.n < 2)
			return err_set(err, ERR_FAIL, c->ended ? "there is something behind the manifest's last line" :
				       "a line of the manifest is malformed");
		if (strcmp(said.v[0], "skipped") == 0) {
			c->seen.totals.skipped++;
			note(c, said.v[1], said.n > 2 ? said.v[2] : "skipped");
		} else if (strcmp(said.v[0], "base") == 0) {
			if (take_based(c, &said, err) < 0)
				return -1;
		} else if (strcmp(said.v[0], "linked") == 0) {
			if (take_linked(c, &said, err) < 0)
				return -1;
		} else if (strcmp(said.v[0], "end") == 0) {
			if (check_totals(c, &said, err) < 0)
				return -1;
		} else if (check_line(c, &said, &seen_pos, err) < 0) {
			return -1;
		}
	}
	if (state != RECORD_END)
		return err_set(err, ERR_FAIL, "a line of the manifest is damaged");
	if (seen_pos != c->seen.part.len)
		return err_set(err, ERR_FAIL, "the archive has members that its manifest does not name");
	buf_reset(&c->seen.part);
	return 0;
}

int manifest_check_end(const struct manifest_check *c, struct err *err)
{
	if (!c->ended)
		return err_set(err, ERR_FAIL, "the manifest has no end: the archive is not whole");
	return c->seen.part.len ? err_set(err, ERR_FAIL, "there are members behind the manifest") : 0;
}
