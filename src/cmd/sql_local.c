/* LOAD DATA LOCAL: the server asks for a file by name; it gets those of the script's own directory, while it is told to load.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * By the protocol a server may answer any statement with the request for any
 * file, so the name is never trusted: it must lead below the script's
 * directory, without links, and the statement at hand must be one that loads.
 */
#include <errmsg.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql.h"

struct local_file {
	struct sql_run *r;
	int fd;
	struct err err;
};

static int open_file(const struct sql_run *r, const char *name, struct err *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_FD int fd = -1;
	struct stat st;

	if (!r->loads)
		return err_set(err, ERR_POLICY, "the server asks for file '%s', which no statement told it to load", name);
	path = sql_file_path(r, name);
	if (!path)
		return err_set(err, ERR_POLICY, "file '%s' leads out of the script's directory '%s', which is not allowed", name, r->top);
	fd = path_open(&r->t->root, path, O_RDONLY | O_NONBLOCK, 0, 0, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "'%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_FAIL, "'%s' is not a regular file", path);
	return MOVE_FD(fd);
}

/* The library calls file_end and, after an error, file_error in each case. */
static int file_begin(void **arg, const char *name, void *run)
{
	struct local_file *f = xcalloc(1, sizeof *f);

	f->r = run;
	f->fd = open_file(run, name, &f->err);
	*arg = f;
	return f->fd < 0;
}

static int file_read(void *arg, char *out, unsigned size)
{
	struct local_file *f = arg;
	ssize_t n;

	do
		n = read(f->fd, out, size);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		f->r->load_failed = true;
		err_sys(&f->err, errno, "file to load");
	}
	return (int)n;
}

static void file_end(void *arg)
{
	struct local_file *f = arg;

	if (f && f->fd >= 0)
		close(f->fd);
	free(f);
}

static int file_error(void *arg, char *out, unsigned size)
{
	struct local_file *f = arg;

	if (size) {
		size_t n = strlen(f->err.text);

		n = n < size ? n : size - 1;
		memcpy(out, f->err.text, n);
		out[n] = '\0';
	}
	return CR_UNKNOWN_ERROR;
}

void sql_local_prepare(struct sql_run *r)
{
	mysql_set_local_infile_handler(r->my, file_begin, file_read, file_end, file_error, r);
}
