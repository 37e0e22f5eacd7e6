/* What a plan or run adds up: counts, samples, problems, facts, and the report of them.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../core/json.h"
#include "migrate_frame.h"

#define SAMPLE_CHARS 60

enum entry_type { ENTRY_CHANGE = 'c', ENTRY_PROBLEM = 'p', ENTRY_COUNT = 'n' };

struct entry {
	enum entry_type type;
	char *kind, *table, *column;	/* "" where there is none */
	int64_t n;
	struct strv samples;
};
struct fact {
	char *key, *text;
	int64_t wrong;		/* of a check; -1: a fact */
};
struct migrate_ledger {
	long samples;
	struct entry *v;
	size_t n, last;
	struct fact *fact;
	size_t n_facts;
};

struct migrate_ledger *migrate_ledger_new(long samples)
{
	struct migrate_ledger *l = xcalloc(1, sizeof(*l));

	l->samples = samples;
	return l;
}

static void forget(struct migrate_ledger *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].kind);
		free(l->v[i].table);
		free(l->v[i].column);
		strv_release(&l->v[i].samples);
	}
	free(l->v);
	l->v = NULL;
	l->n = l->last = 0;
}

void migrate_ledger_free(struct migrate_ledger *l)
{
	if (!l)
		return;
	forget(l);
	for (size_t i = 0; i < l->n_facts; i++) {
		free(l->fact[i].key);
		free(l->fact[i].text);
	}
	free(l->fact);
	free(l);
}

static bool is(const struct entry *e, enum entry_type type, const char *kind, const char *table, const char *column)
{
	return e->type == type && !strcmp(e->kind, kind) && !strcmp(e->table, table) && !strcmp(e->column, column);
}

/* Mostly it is the one of the time before, or the one after that. */
static struct entry *entry_of(struct migrate_ledger *l, enum entry_type type, const char *kind, const char *table,
			      const char *column)
{
	for (size_t i = 0; i < l->n; i++) {
		size_t at = (l->last + i) % l->n;

		if (is(&l->v[at], type, kind, table, column)) {
			l->last = at;
			return &l->v[at];
		}
	}
	l->v = xreallocarray(l->v, l->n + 1, sizeof(*l->v));
	l->last = l->n++;
	l->v[l->last] = (struct entry){ .type = type, .kind = xstrdup(kind), .table = xstrdup(table), .column = xstrdup(column) };
	return &l->v[l->last];
}

static void show_value(const struct migrate_value *v, struct buf *out)
{
	if (!v->p) {
		buf_adds(out, "NULL");
		return;
	}
	buf_addc(out, '\'');
	for (size_t i = 0; i < v->len && i < SAMPLE_CHARS; i++) {
		unsigned char c = (unsigned char)v->p[i];

		if (c < 0x20 || c == 0x7f)
			buf_addf(out, "\\x%02X", c);
		else
			buf_addc(out, (char)c);
	}
	buf_adds(out, v->len > SAMPLE_CHARS ? "...'" : "'");
}

void migrate_ledger_change(struct migrate_ledger *l, const char *table, const char *column, const char *kind,
			   int64_t pk, const struct migrate_value *old, const struct migrate_value *now, int64_t n)
{
	struct entry *e = entry_of(l, ENTRY_CHANGE, kind, table, column ? column : "");

	e->n += n;
	if (!old || (long)e->samples.n >= l->samples)
		return;
	AUTO_BUF line = BUF_INIT;

	buf_addf(&line, "%" PRId64 ": ", pk);
	show_value(old, &line);
	buf_adds(&line, " -> ");
	show_value(now, &line);
	strv_add(&e->samples, line.p);
}

void migrate_ledger_problem(struct migrate_ledger *l, const char *table, const char *kind, int64_t pk, const char *text)
{
	struct entry *e = entry_of(l, ENTRY_PROBLEM, kind, table, "");

	e->n++;
	if (text && (long)e->samples.n < l->samples)
		strv_addf(&e->samples, "%" PRId64 ": %s", pk, text);
}

void migrate_problem(struct migrate *m, int table, int64_t pk, const char *kind, const char *fmt, ...)
{
	const char *name = m->what->tables[table].name;
	AUTO_BUF text = BUF_INIT;
	char key[24];
	va_list ap;

	if (m->mode != MIGRATE_PLAN) {	/* may name patients; a run is logged */
		migrate_ledger_problem(m->ledger, name, kind, pk, NULL);
		return;
	}
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	migrate_ledger_problem(m->ledger, name, kind, pk, text.p);
	if (!m->store->csv)
		return;
	snprintf(key, sizeof(key), "%" PRId64, pk);
	migrate_csv_cell(m->store->csv, MIGRATE_STR(kind));
	migrate_csv_cell(m->store->csv, MIGRATE_STR(name));
	migrate_csv_cell(m->store->csv, MIGRATE_STR(key));
	for (int i = 0; i < 3; i++)
		migrate_csv_cell(m->store->csv, i ? MIGRATE_NULL : MIGRATE_STR(""));
	migrate_csv_cell(m->store->csv, MIGRATE_STR(text.p));
	migrate_csv_end_row(m->store->csv);
}

void migrate_count(struct migrate *m, const char *kind, int64_t n)
{
	entry_of(m->ledger, ENTRY_COUNT, kind, "", "")->n += n;
}

static void add_fact(struct migrate_ledger *l, const char *key, char *text, int64_t wrong)
{
	l->fact = xreallocarray(l->fact, l->n_facts + 1, sizeof(*l->fact));
	l->fact[l->n_facts++] = (struct fact){ xstrdup(key), text, wrong };
}

void migrate_fact(struct migrate *m, const char *key, const char *fmt, ...)
{
	AUTO_BUF text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	add_fact(m->ledger, key, xstrdup(text.p), -1);
}

void migrate_check(struct migrate *m, const char *what, int64_t wrong)
{
	add_fact(m->ledger, what, xasprintf("%" PRId64, wrong), wrong);
}

void migrate_ledger_save(const struct migrate_ledger *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++)
		buf_addf(out, "%c\t%s\t%s\t%s\t%" PRId64 "\n", l->v[i].type, l->v[i].kind, l->v[i].table, l->v[i].column, l->v[i].n);
}

void migrate_ledger_load(struct migrate_ledger *l, const char *text)
{
	forget(l);
	while (*text) {
		size_t len = strcspn(text, "\n");
		AUTO_FREE char *line = xstrndup(text, len);
		char *field[5] = { line };
		int n = 1;

		for (char *p = line; *p && n < 5; p++)
			if (*p == '\t') {
				*p = '\0';
				field[n++] = p + 1;
			}
		if (n == 5)
			entry_of(l, (enum entry_type)field[0][0], field[1], field[2], field[3])->n = strtoll(field[4], NULL, 10);
		text += len + (text[len] != '\0');
	}
}

static int64_t sum(const struct migrate_ledger *l, enum entry_type type)
{
	int64_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].type == type)
			n += l->v[i].n;
	return n;
}

int64_t migrate_ledger_changes(const struct migrate_ledger *l)
{
	return sum(l, ENTRY_CHANGE);
}

int64_t migrate_ledger_problems(const struct migrate_ledger *l)
{
	return sum(l, ENTRY_PROBLEM);
}

int64_t migrate_ledger_wrong(const struct migrate_ledger *l)
{
	int64_t n = 0;

	for (size_t i = 0; i < l->n_facts; i++)
		if (l->fact[i].wrong > 0)
			n += l->fact[i].wrong;
	return n;
}

static void text_entries(const struct migrate_ledger *l, enum entry_type type, const char *title, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; i < l->n; i++) {
		const struct entry *e = &l->v[i];

		if (e->type != type)
			continue;
		buf_addf(out, "%s", first ? title : "");
		first = false;
		buf_addf(out, "  %10" PRId64 "  %s%s%s%s%s\n", e->n, e->kind, *e->table ? ": " : "", e->table, *e->column ? "." : "",
			 e->column);
		for (size_t s = 0; s < e->samples.n; s++)
			buf_addf(out, "              %s\n", e->samples.v[s]);
	}
}

void migrate_ledger_text(const struct migrate_ledger *l, struct buf *out)
{
	bool first = true;

	text_entries(l, ENTRY_CHANGE, "changes:\n", out);
	text_entries(l, ENTRY_COUNT, "looked at:\n", out);
	text_entries(l, ENTRY_PROBLEM, "left as they are, or to be looked at:\n", out);
	for (size_t i = 0; i < l->n_facts; i++) {
		if (l->fact[i].wrong >= 0)
			continue;
		buf_addf(out, "%s  %s: %s\n", first ? "totals:\n" : "", l->fact[i].key, l->fact[i].text);
		first = false;
	}
	for (size_t i = 0; i < l->n_facts; i++)
		if (l->fact[i].wrong >= 0)
			buf_addf(out, "%-6s %s%s%s\n", l->fact[i].wrong ? "WRONG" : "ok", l->fact[i].key, l->fact[i].wrong ? ": " : "",
				 l->fact[i].wrong ? l->fact[i].text : "");
}

static void json_entries(const struct migrate_ledger *l, enum entry_type type, const char *key, struct json *j)
{
	json_array(j, key);
	for (size_t i = 0; i < l->n; i++) {
		const struct entry *e = &l->v[i];

		if (e->type != type)
			continue;
		json_object(j, NULL);
		json_string(j, "kind", e->kind);
		if (*e->table)
			json_string(j, "table", e->table);
		if (*e->column)
			json_string(j, "column", e->column);
		json_int(j, "count", e->n);
		if (e->samples.n) {
			json_array(j, "samples");
			for (size_t s = 0; s < e->samples.n; s++)
				json_string(j, NULL, e->samples.v[s]);
			json_end(j);
		}
		json_end(j);
	}
	json_end(j);
}

void migrate_ledger_json(const struct migrate_ledger *l, struct json *j)
{
	json_entries(l, ENTRY_CHANGE, "changes", j);
	json_entries(l, ENTRY_COUNT, "counts", j);
	json_entries(l, ENTRY_PROBLEM, "problems", j);
	json_array(j, "totals");
	for (size_t i = 0; i < l->n_facts; i++) {
		if (l->fact[i].wrong >= 0)
			continue;
		json_object(j, NULL);
		json_string(j, "what", l->fact[i].key);
		json_string(j, "value", l->fact[i].text);
		json_end(j);
	}
	json_end(j);
	json_array(j, "checks");
	for (size_t i = 0; i < l->n_facts; i++) {
		if (l->fact[i].wrong < 0)
			continue;
		json_object(j, NULL);
		json_string(j, "what", l->fact[i].key);
		json_int(j, "wrong", l->fact[i].wrong);
		json_end(j);
	}
	json_end(j);
}
