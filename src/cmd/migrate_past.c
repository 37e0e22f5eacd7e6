/* A run as it was recorded, and whether that record is whole.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "migrate_undo.h"

void migrate_past_release(struct past *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->tab[i].name);
		free(p->tab[i].pk);
		strv_release(&p->tab[i].columns);
		strv_release(&p->tab[i].charsets);
		strv_release(&p->tab[i].rows);
		migrate_schema_release(&p->tab[i].seen);
	}
	p->n = 0;
}

static struct tab *tab_of(struct past *p, int number)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->tab[i].number == number)
			return &p->tab[i];
	return NULL;
}

static int bad_layout(const struct past *p, const char *line, struct err *err)
{
	return err_set(err, ERR_FAIL, "run %" PRId64 ": its layout is damaged: '%.80s'", p->run, line);
}

/* "TAB NAME PK C:COLUMN:CHARSET ..." */
static int parse_table(struct past *p, const struct strv *words, const char *line, struct err *err)
{
	if (words->n < 3 || p->n == TABS_MAX)
		return bad_layout(p, line, err);
	struct tab *t = &p->tab[p->n++];

	*t = (struct tab){ .number = (int)strtol(words->v[0], NULL, 10), .name = xstrdup(words->v[1]), .pk = xstrdup(words->v[2]) };
	strv_add(&t->columns, "");
	strv_add(&t->charsets, "");
	for (size_t i = 3; i < words->n; i++) {
		AUTO_STRV part = STRV_INIT;

		strv_split(&part, words->v[i], ":");
		if (part.n != 3 || strtoul(part.v[0], NULL, 10) != i - 2)
			return bad_layout(p, line, err);
		strv_add(&t->columns, part.v[1]);
		strv_add(&t->charsets, part.v[2]);
	}
	return 0;
}

static int parse_layout(struct past *p, const char *text, struct err *err)
{
	AUTO_STRV lines = STRV_INIT;

	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		AUTO_STRV words = STRV_INIT;

		strv_split(&words, lines.v[i], " ");
		if (words.n < 2)
			return bad_layout(p, lines.v[i], err);
		if (strcmp(words.v[0], "rows") != 0) {
			if (parse_table(p, &words, lines.v[i], err) < 0)
				return -1;
			continue;
		}
		struct tab *t = tab_of(p, (int)strtol(words.v[1], NULL, 10));

		if (!t)
			return bad_layout(p, lines.v[i], err);
		for (size_t w = 2; w < words.n; w++)
			strv_add(&t->rows, words.v[w]);
	}
	return 0;
}

/* Of the migration's own table of that name. Kept there, because the account that does the work sees no triggers. */
static bool *changed_before(struct migrate *m, const char *table)
{
	for (int i = 0; m->what->tables[i].name; i++)
		if (strcmp(m->what->tables[i].name, table) == 0)
			return &m->store->seen[i].changed_before;
	return NULL;
}

int migrate_past_read(struct migrate *m, int64_t run, struct past *p, struct err *err)
{
	struct db_value v[] = { DBV_INT(run) };
	AUTO_FREE char *layout = NULL;

	p->run = run;
	if (db_get_str(m->db, "SELECT layout FROM maintkit_run WHERE run_id = ?", v, 1, &layout, err) < 0 ||
	    parse_layout(p, layout, err) < 0)
		return -1;
	for (size_t i = 0; i < p->n; i++) {
		const bool *before = changed_before(m, p->tab[i].name);

		if (migrate_schema_read(m->db, p->tab[i].name, &p->tab[i].seen, err) < 0)
			return -1;
		p->tab[i].seen.changed_before = before && *before;
	}
	return 0;
}

/* ---- is the record whole, and can it be followed? ---- */

int migrate_past_missing(struct migrate *m, const struct past *p, int64_t *missing, struct err *err)
{
	struct db_value v[] = { DBV_INT(p->run) };
	int64_t wanted, there = 0;

	/* While undoing, pos is what is still to be done; before that every cell and row has its undo row. */
	if (db_get_int(m->db, "SELECT IF(state = 'undoing', pos, cells + inserted) FROM maintkit_run WHERE run_id = ?", v, 1, &wanted, err) < 0)
		return -1;
	if (db_has_table(m->db, "maintkit_undo", NULL) &&
	    db_get_int(m->db, "SELECT COUNT(*) FROM maintkit_undo WHERE run_id = ? AND kept = 0", v, 1, &there, err) < 0)
		return -1;
	*missing = wanted - there;
	return 0;
}

int migrate_past_whole(struct migrate *m, struct past *p, struct err *err)
{
	struct db_value v[] = { DBV_INT(p->run) };
	AUTO_FREE char *backup = NULL;
	int64_t missing;

	if (migrate_past_missing(m, p, &missing, err) < 0)
		return -1;
	if (!missing)
		return 0;
	if (db_get_str(m->db, "SELECT backup FROM maintkit_run WHERE run_id = ?", v, 1, &backup, err) < 0)
		return -1;
	err_set(err, ERR_FAIL, "run %" PRId64 " of '%s': the record 'maintkit_undo' %s of it, so it could be undone in part only;"
		" nothing was changed", p->run, m->what->name, missing > 0 ? "lacks old values" : "has more than belongs to it");
	if (*backup == '/')
		err_hint(err, "%" PRId64 " of them; put the table back from a backup made since, or all from the one before the run: '%s'",
			 missing > 0 ? missing : -missing, backup);
	else
		err_hint(err, "%" PRId64 " of them; put the table back from a backup made since", missing > 0 ? missing : -missing);
	return -1;
}

static int check_table(struct migrate *m, struct tab *t, struct err *err)
{
	bool deletes = t->rows.n && !m->what->retire, *before = changed_before(m, t->name);
	AUTO_STRV columns = STRV_INIT;

	if (migrate_preflight_engine(t->name, &t->seen, err) < 0)
		return -1;
	for (size_t c = 1; c < t->columns.n; c++) {
		if (!migrate_schema_column(&t->seen, t->columns.v[c]))
			return err_set(err, ERR_FAIL, "column '%s.%s' is no longer there; nothing was changed", t->name, t->columns.v[c]);
		strv_add(&columns, t->columns.v[c]);
	}
	if (migrate_preflight_triggers(m->db, t->name, &columns, false, deletes, &t->seen, &m->store->notes, err) < 0)
		return -1;
	if (before)
		*before |= t->seen.changed_before;
	return 0;
}

int migrate_past_tables(struct migrate *m, struct past *p, struct err *err)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->tab[i].seen.there && check_table(m, &p->tab[i], err) < 0)
			return -1;
	return 0;
}
