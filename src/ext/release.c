/* What data a deployed web application reads: a small file beside its code.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "release.h"

#include "../base/atomic.h"
#include "../core/record.h"

#define FIELDS 3
#define RELEASE_MAX 4096

static char *file_in(const char *dir)
{
	return xasprintf("%s/release", dir);
}

void release_release(struct release *r)
{
	free(r->version);
	free(r->level);
	free(r->reads);
	*r = (struct release){ NULL };
}

int release_write(const struct root *root, const char *dir, const char *version, const char *level,
		  const char *reads, struct err *err)
{
	AUTO_FREE char *path = file_in(dir);
	const char *const fields[FIELDS] = { version, level, reads };
	struct atomic_opts opts = ATOMIC_OPTS_INIT;
	AUTO_BUF text = BUF_INIT;

	record_format(&text, fields, FIELDS);
	return atomic_replace(root, path, text.p, text.len, &opts, err) < 0 ? -1 : 0;
}

int release_forget(const struct root *root, const char *dir, struct err *err)
{
	AUTO_FREE char *path = file_in(dir);

	return path_unlink(root, path, err) < 0 ? -1 : 0;
}

int release_read(const struct root *root, const char *dir, struct release *r, struct err *err)
{
	AUTO_FREE char *path = file_in(dir);
	AUTO_BUF text = BUF_INIT;
	AUTO_STRV f = STRV_INIT;
	size_t pos = 0;

	*r = (struct release){ NULL };
	if (path_read_file(root, path, &text, RELEASE_MAX, NULL, err) < 0)
		return -1;
	if (record_parse(text.p, text.len, &pos, &f) != RECORD_OK || f.n < FIELDS)
		return err_set(err, ERR_FAIL, "'%s' is damaged", path);
	r->version = xstrdup(f.v[0]);
	r->level = xstrdup(f.v[1]);
	r->reads = xstrdup(f.v[2]);
	return 0;
}
