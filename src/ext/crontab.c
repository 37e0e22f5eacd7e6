/* Crontab lines of another package's programs.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "crontab.h"

#include <string.h>

#include "../base/atomic.h"
#include "../base/log.h"
#include "effects.h"

#define CRON_MAX (1u << 20)

static bool is_comment(const char *line, size_t len)
{
	while (len && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	return !len || *line == '#';
}

static bool calls(const char *line, size_t len, const char *program)
{
	size_t n = strlen(program);

	if (is_comment(line, len))
		return false;
	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(line + i, program, n) == 0 && (i + n == len || strchr(" \t;&|>)\"'\r", line[i + n])))
			return true;
	return false;
}

/* Copy text with the lines that call the program commented out; the first of them to *found. */
static size_t comment_lines(const struct buf *text, const char *program, struct buf *out, char **found)
{
	size_t changed = 0;

	for (size_t at = 0; at < text->len;) {
		const char *line = text->p + at, *nl = memchr(line, '\n', text->len - at);
		size_t len = nl ? (size_t)(nl - line) : text->len - at;

		if (calls(line, len, program)) {
			buf_adds(out, CRONTAB_MARK);
			if (!changed++)
				*found = xstrndup(line, len);
		}
		buf_add(out, line, len + (nl != NULL));
		at += len + (nl != NULL);
	}
	return changed;
}

static int replace(const struct crontab_job *j, const char *path, const struct stat *read, const struct buf *text,
		   const char *line, struct err *err)
{
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	AUTO_FD int lock = -1;

	o.keep = true;
	o.expect = read;
	if (j->lock && (lock = j->lock(j->arg, err)) < 0)
		return -1;
	if (effect_intend(j->profile, j->root, EFFECT_HOST, "cron-line", path, line, CRONTAB_MARK, err) < 0 ||
	    atomic_replace(j->root, path, text->p, text->len, &o, err) < 0 ||
	    effect_done(j->profile, j->root, EFFECT_HOST, "cron-line", path, line, CRONTAB_MARK, err) < 0)
		return -1;
	log_info("'%s': '%s' is commented out, %s", path, line, j->instead);
	return 0;
}

/* One crontab. A file that is not there has no line. */
static int comment_file(const struct crontab_job *j, const char *path, struct err *err)
{
	AUTO_BUF text = BUF_INIT, out = BUF_INIT;
	AUTO_FREE char *line = NULL;
	struct err e = ERR_INIT;
	struct stat st;
	size_t n;

	if (path_read_file(j->root, path, &text, CRON_MAX, &st, &e) < 0) {
		if (e.kind != ERR_ABSENT)
			log_warn("%s", e.text);
		return 0;
	}
	n = comment_lines(&text, j->program, &out, &line);
	if (n && j->dry_run)
		log_info("'%s': '%s' would be commented out", path, line);
	else if (n && replace(j, path, &st, &out, line, err) < 0)
		return -1;
	return (int)n;
}

int crontab_comment_out(const struct crontab_job *j, struct err *err)
{
	static const char *const dirs[] = { "/etc/cron.d", "/var/spool/cron/crontabs" };
	int total = comment_file(j, "/etc/crontab", err);

	for (size_t d = 0; d < ARRAY_LEN(dirs) && total >= 0; d++) {
		AUTO_STRV names = STRV_INIT;

		if (path_list(j->root, dirs[d], &names, NULL) < 0)
			continue;
		for (size_t i = 0; i < names.n && total >= 0; i++) {
			AUTO_FREE char *path = xasprintf("%s/%s", dirs[d], names.v[i]);
			struct stat st;
			int n = 0;

			if (path_stat(j->root, path, &st, NULL) == 0 && S_ISREG(st.st_mode))
				n = comment_file(j, path, err);
			total = n < 0 ? -1 : total + n;
		}
	}
	return total;
}
