/* Files of a script: the script itself and what it takes in by SOURCE, never from outside its directory.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql.h"

#define CHUNK (256u << 10)

static enum sqlsplit_charset charset_of(const char *name)
{
	return strncmp(name, "utf8", 4) ? SQLSPLIT_LATIN1 : SQLSPLIT_UTF8;
}

void sql_file_set_charset(struct sql_run *r, const char *name)
{
	sqlsplit_set_charset(r->file[r->depth - 1].sp, charset_of(name));
}

void sql_file_set_modes(struct sql_run *r)
{
	unsigned status = r->my->server_status;

	sqlsplit_set_modes(r->file[r->depth - 1].sp, status & SERVER_STATUS_NO_BACKSLASH_ESCAPES, status & SERVER_STATUS_ANSI_QUOTES);
}

static bool is_same_state(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Is it the file whose checksum is going to be recorded? One that the checksum does not know of (SOURCE in a form that
 * sql_script_read() does not see) may be any. */
static bool is_as_read(const struct sql_run *r, const struct stat *st)
{
	const struct sql_script *s = r->script;

	for (size_t i = 0; i < s->n_seen; i++)
		if (is_same_state(&s->seen[i], st))
			return true;
	return s->n_seen == 0 || r->depth > 0;
}

static int changed(const char *path, struct err *err)
{
	return err_set(err, ERR_BUSY, "'%s' was changed while it was being applied; what is done is recorded, and nothing of the new text was run: look at it, and run the same command again",
		       path);
}

static int check_file(struct sql_run *r, int fd, const char *path, struct sql_file *f, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "'%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_FAIL, "'%s' is not a regular file", path);
	for (int i = 0; i < r->depth; i++)
		if (r->file[i].st.st_dev == st.st_dev && r->file[i].st.st_ino == st.st_ino)
			return err_set(err, ERR_FAIL, "'%s' sources itself", path);
	f->st = st;
	return is_as_read(r, &st) ? 0 : changed(path, err);
}

int sql_file_push(struct sql_run *r, const char *path, struct err *err)
{
	struct sql_file *f = &r->file[r->depth];
	AUTO_FD int fd = -1;

	if (r->depth == SQL_SOURCE_DEPTH)
		return err_set(err, ERR_FAIL, "files source each other more than %d deep", SQL_SOURCE_DEPTH);
	fd = path_open(&r->t->root, path, O_RDONLY, 0, 0, err);
	if (fd < 0)
		return -1;
	if (check_file(r, fd, path, f, err) < 0)
		return -1;
	f->fd = MOVE_FD(fd);
	f->path = xstrdup(path);
	f->sp = sqlsplit_new(charset_of(r->script->charset));
	if (r->depth)
		sqlsplit_inherit(f->sp, r->file[r->depth - 1].sp);
	r->depth++;
	return 0;
}

void sql_file_pop(struct sql_run *r)
{
	struct sql_file *f = &r->file[--r->depth];

	if (r->depth)
		sqlsplit_inherit(r->file[r->depth - 1].sp, f->sp);
	close(f->fd);
	free(f->path);
	sqlsplit_free(f->sp);
	*f = (struct sql_file){ .fd = -1 };
}

char *sql_path_below(const char *top, const char *file, const char *name)
{
	AUTO_FREE char *dir = path_dirname(file);
	AUTO_FREE char *path = *name == '/' ? xstrdup(name) : xasprintf("%s/%s", strcmp(dir, "/") ? dir : "", name);
	size_t n = strcmp(top, "/") ? strlen(top) : 0;
	AUTO_STRV parts = STRV_INIT;

	strv_split(&parts, name, "/");
	return strv_has(&parts, "..") || strncmp(path, top, n) || path[n] != '/' ? NULL : MOVE_PTR(path);
}

char *sql_file_path(const struct sql_run *r, const char *name)
{
	return sql_path_below(r->top, r->file[r->depth - 1].path, name);
}

int sql_file_source(struct sql_run *r, const char *name, struct err *err)
{
	const struct sql_file *f = &r->file[r->depth - 1];
	AUTO_FREE char *path = sql_file_path(r, name);

	if (!path)
		return err_set(err, ERR_POLICY, "%s:%llu:%llu: 'source %s' leads out of the script's directory '%s', which is not allowed",
			       f->path, (unsigned long long)r->item.line, (unsigned long long)r->item.column, name, r->top);
	if (sql_file_push(r, path, err) < 0) {
		err_prefix(err, "%s:%llu:%llu: source", f->path, (unsigned long long)r->item.line,
			   (unsigned long long)r->item.column);
		return -1;
	}
	return 0;
}

static int feed(struct sql_file *f, struct err *err)
{
	static char chunk[CHUNK];
	struct stat st;
	ssize_t n;

	do
		n = read(f->fd, chunk, sizeof chunk);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, errno, "'%s'", f->path);
	/* Behind the reading: what was read is from before. */
	if (fstat(f->fd, &st) < 0)
		return err_sys(err, errno, "'%s'", f->path);
	if (!is_same_state(&f->st, &st))
		return changed(f->path, err);
	sqlsplit_feed(f->sp, chunk, (size_t)n);
	return 0;
}

int sql_file_next(struct sql_run *r, struct err *err)
{
	while (r->depth) {
		struct sql_file *f = &r->file[r->depth - 1];

		switch (sqlsplit_next(f->sp, &r->item, err)) {
		case SQLSPLIT_MORE:
			if (feed(f, err) < 0)
				return -1;
			break;
		case SQLSPLIT_STATEMENT:
		case SQLSPLIT_COMMAND:
			return 1;
		case SQLSPLIT_END:
			sql_file_pop(r);
			break;
		case SQLSPLIT_ERROR:
			if (err) {	/* FILE:LINE:COLUMN: reason, without a blank after the name */
				AUTO_FREE char *text = xstrdup(err->text);

				err_set(err, ERR_FAIL, "%s:%s", f->path, text);
			}
			return -1;
		}
	}
	return 0;
}
