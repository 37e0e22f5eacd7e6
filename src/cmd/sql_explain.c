/* Telling where a script stands: errors with their place, who blocks, progress.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <ctype.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sql.h"

/* "... near 'TEXT' at line N": the place inside the statement. */
static void find_place(const struct sql_run *r, const struct err *err, uint64_t *line, uint64_t *column)
{
	const char *at = strstr(err->text, "' at line "), *near = strstr(err->text, " near '");
	const char *text = r->item.text, *end = text + r->item.len, *found;
	uint64_t n;
	size_t len;

	*line = r->item.line;
	*column = r->item.column;
	if (err->lib != ER_PARSE_ERROR || !at || !near || near >= at)
		return;
	n = strtoull(at + 10, NULL, 10);
	for (uint64_t i = 1; i < n && text; i++) {
		text = memchr(text, '\n', (size_t)(end - text));
		text = text ? text + 1 : NULL;
	}
	if (!n || !text)
		return;
	near += 7;
	len = (size_t)(at - near);
	if (memchr(near, '\n', len))
		len = (size_t)((const char *)memchr(near, '\n', len) - near);
	found = len ? memmem(text, (size_t)(end - text), near, len) : NULL;
	*line = sqlsplit_file_line(r->file[r->depth - 1].sp, n);
	*column = found ? (uint64_t)(found - text) + 1 : 1;
	if (n == 1)
		*column += r->item.column - 1;
}

void sql_first_line(const struct sql_run *r, struct buf *out)
{
	size_t n = 0;

	buf_adds(out, r->item.command == SQLSPLIT_USE ? "use " : r->item.command == SQLSPLIT_CHARSET ? "charset " : "");
	while (n < r->item.len && n < 160 && r->item.text[n] != '\n')
		n++;
	buf_add(out, r->item.text, n);
	if (n < r->item.len)
		buf_adds(out, " ...");
}

void sql_explain(struct sql_run *r, struct err *err)
{
	AUTO_FREE char *text = xstrdup(err->text);
	AUTO_BUF head = BUF_INIT, applied = BUF_INIT;
	struct err e = *err;
	uint64_t line, column;

	find_place(r, err, &line, &column);
	sql_first_line(r, &head);
	if (r->recorded)
		buf_addf(&applied, "statements 1 to %lld of script '%s' are applied", (long long)r->recorded, r->script->name);
	else
		buf_addf(&applied, "nothing of script '%s' is applied", r->script->name);
	err_set(err, e.kind, "%s:%llu:%llu: %s\n  statement %lld: %s\n  %s; mend the cause and go on with: maintkit -p %s sql apply %s",
		r->file[r->depth - 1].path, (unsigned long long)line, (unsigned long long)column, text,
		(long long)r->number, head.p, applied.p, profile_package(r->t->profile),
		r->script->role == SQL_FILE ? r->script->path : r->script->name);
	err->lib = e.lib;
}

void sql_name_blockers(struct sql_run *r, struct err *err)
{
	AUTO_FREE char *seen = sql_watch_blockers(r->hold->watch);
	AUTO_BUF who = BUF_INIT;

	if (seen)
		buf_adds(&who, seen);
	else	/* it was too short for anybody to look */
		db_open_transactions(r->db, 0, &who);
	if (who.len)
		err_hint(err, "in its way: %s; stop that program or KILL the connection", who.p);
}

int sql_fenced_out(struct sql_run *r, struct err *err)
{
	r->fenced_out = true;
	return err_set(err, ERR_BUSY, "another run has taken over the lease on database '%s', because this one was silent for too long; what it committed is recorded, the rest was undone",
		       r->schema);
}

static double seconds_between(const struct timespec *a, const struct timespec *b)
{
	return (double)(b->tv_sec - a->tv_sec) + (double)(b->tv_nsec - a->tv_nsec) / 1e9;
}

/* A line every few seconds; on a terminal one that is rewritten. */
void sql_show_progress(struct sql_run *r, bool end)
{
	static int terminal = -1;
	struct timespec now;
	double took, share;
	char left[40];

	if (terminal < 0)
		terminal = isatty(STDERR_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!end && seconds_between(&r->told, &now) < (terminal ? 0.3 : 5))
		return;
	if (end && r->told.tv_sec == r->begun.tv_sec && r->told.tv_nsec == r->begun.tv_nsec)
		return;		/* it was quick: nothing was said, nothing to finish */
	r->told = now;
	took = seconds_between(&r->begun, &now);
	share = r->script->bytes && r->depth == 1 ? (double)r->item.offset / (double)r->script->bytes : 0;
	snprintf(left, sizeof left, share > 0.01 ? ", about %.0f s left" : "", share > 0.01 ? took / share - took : 0);
	if (terminal && !end) {
		int bars = (int)(share * 16);
		AUTO_FREE char *line = xasprintf("%-14.14s [%.*s%*s] %3d%% statement %lld, %lld MB, %lld rows%s", r->script->name,
						 bars, "################", 16 - bars, "", (int)(share * 100), (long long)r->number,
						 (long long)(r->item.offset >> 20), (long long)r->all_rows, left);

		fprintf(stderr, "\r%-79.79s", line);
		return;
	}
	if (terminal)
		fprintf(stderr, "\r%79s\r", "");
	if (!end)
		log_info("script '%s': %d%%, statement %lld, %lld MB, %lld rows%s", r->script->name, (int)(share * 100),
			 (long long)r->number, (long long)(r->item.offset >> 20), (long long)r->all_rows, left);
}
