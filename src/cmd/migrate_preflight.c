/* Before the first change: would the tables, as they are here, take what a run writes, and give it back?
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Other programs add columns and triggers to an application's tables, and
 * people convert them. What would make the server refuse a row in the middle
 * of a run, or keep another value than the one written, is found here, by name.
 * Triggers are seen by accounts that may see them (privilege TRIGGER) only.
 */
#include <stdlib.h>
#include <string.h>

#include "../core/triggerset.h"
#include "migrate_frame.h"

int migrate_preflight_engine(const char *table, const struct migrate_seen *seen, struct err *err)
{
	if (seen->view) {
		err_set(err, ERR_FAIL, "'%s' is a view, not a table", table);
		err_hint(err, "what it shows is kept elsewhere: give the table itself this name for the migration");
		return -1;
	}
	if (strcasecmp(seen->engine, "InnoDB") == 0)
		return 0;
	err_set(err, ERR_POLICY, "table '%s' is kept by %s, which cannot undo a half done change", table, seen->engine);
	err_hint(err, "convert it once, with a backup made before: ALTER TABLE `%s` ENGINE=InnoDB", table);
	return -1;
}

/* ---- the key ---- */

static int check_key(const struct migrate_table *t, const struct migrate_seen *seen, struct err *err)
{
	const struct migrate_column *pk = migrate_schema_column(seen, t->pk);

	if (!pk->unique) {
		err_set(err, ERR_FAIL, "'%s.%s' is no key of its own: rows cannot be told apart by it", t->name, t->pk);
		err_hint(err, "make it one, as in OSCAR's schema: ALTER TABLE `%s` ADD PRIMARY KEY (`%s`)", t->name, t->pk);
		return -1;
	}
	if (!t->inserts || pk->numbered)
		return 0;
	err_set(err, ERR_FAIL, "'%s.%s' (%s) does not number new rows", t->name, t->pk, pk->declared);
	err_hint(err, "make it do so, as in OSCAR's schema: ALTER TABLE `%s` MODIFY `%s` %s NOT NULL AUTO_INCREMENT", t->name, t->pk,
		 pk->declared);
	return -1;
}

/* ---- columns that we do not know ---- */

/* What would do no harm in a column of this type, as SQL; NULL: nothing would. */
static const char *neutral(const struct migrate_column *c)
{
	if (c->in_unique || strstr(c->type, "blob") || strstr(c->type, "text"))
		return NULL;	/* the second row would collide; no defaults before MariaDB 10.2 */
	if (migrate_column_is_integer(c) || !strcmp(c->type, "decimal") || !strcmp(c->type, "float") || !strcmp(c->type, "double") ||
	    !strcmp(c->type, "bit"))
		return "0";
	return migrate_column_is_string(c) || !strcmp(c->type, "set") ? "''" : NULL;
}

static int lacks_value(const struct migrate *m, const struct migrate_table *t, const struct migrate_column *c, struct err *err)
{
	const char *value = neutral(c);

	err_set(err, ERR_FAIL, "column '%s.%s' (%s) is one that '%s' does not know; it is NOT NULL and has no default, so no row could be added",
		t->name, c->name, c->declared, m->what->name);
	if (value)
		err_hint(err, "ALTER TABLE `%s` ALTER `%s` SET DEFAULT %s gives it one, if %s means \"nothing\" to the program that it belongs to",
			 t->name, c->name, value, value);
	else
		err_hint(err, "no value is right for every new row: let it be empty with ALTER TABLE `%s` MODIFY `%s` %s NULL, if the program"
			 " that it belongs to can read that", t->name, c->name, c->declared);
	return -1;
}

static int check_inserts(const struct migrate *m, const struct migrate_table *t, const struct migrate_seen *seen,
			 const struct strv *given, struct err *err)
{
	for (size_t i = 0; t->inserts && i < seen->n; i++)
		if (seen->col[i].wanted && strcasecmp(seen->col[i].name, t->pk) != 0) {
			bool known = false;

			for (size_t k = 0; k < given->n; k++)
				known |= strcasecmp(given->v[k], seen->col[i].name) == 0;
			if (!known)
				return lacks_value(m, t, &seen->col[i], err);
		}
	return 0;
}

/* ---- columns that we write ---- */

static long digits_of(const char *type)
{
	static const struct { const char *type; long digits; } sizes[] = {
		{ "tinyint", 2 }, { "smallint", 4 }, { "mediumint", 6 }, { "int", 10 }, { "bigint", 18 },
	};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		if (strcmp(sizes[i].type, type) == 0)
			return sizes[i].digits;
	return 0;
}

/* "COLUMN:N", "COLUMN#N": see migrate.h. */
static int check_least(const struct migrate_table *t, const struct migrate_seen *seen, char *word, struct err *err)
{
	size_t len = strcspn(word, ":#");
	bool number = word[len] == '#';
	long least = strtol(word + len + 1, NULL, 10);

	word[len] = '\0';
	const struct migrate_column *c = migrate_schema_column(seen, word);
	bool integer = migrate_column_is_integer(c), string = migrate_column_is_string(c);
	long room = integer ? digits_of(c->type) : string ? (long)c->chars : 0;

	if ((number ? integer : integer || string) && room >= least)
		return 0;
	err_set(err, ERR_FAIL, "column '%s.%s' is of type '%s', which does not hold %s of %ld %s", t->name, c->name, c->declared,
		number ? "a number" : "text", least, number ? "digits" : "characters");
	err_hint(err, "give it back the type that OSCAR's schema has");
	return -1;
}

static int check_written(const struct migrate_table *t, const struct migrate_seen *seen, const struct strv *written, struct err *err)
{
	AUTO_STRV least = STRV_INIT;

	for (size_t i = 0; i < written->n; i++) {
		const struct migrate_column *c = migrate_schema_column(seen, written->v[i]);

		if (!c->computed)
			continue;
		err_set(err, ERR_FAIL, "column '%s.%s' is computed by the server (GENERATED), nothing can be written there", t->name, c->name);
		err_hint(err, "give it back the type that OSCAR's schema has");
		return -1;
	}
	strv_split(&least, t->least ? t->least : "", " ");
	for (size_t i = 0; i < least.n; i++)
		if (check_least(t, seen, least.v[i], err) < 0)
			return -1;
	return 0;
}

/* What the server may refuse for one row and not for another. */
static int tell_constraints(struct migrate *m, const struct migrate_table *t, const struct migrate_seen *seen,
			    const struct strv *written, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	struct db_value v[] = { DBV_STR(t->name) };
	struct strv *notes = &m->store->notes;

	for (size_t i = 0; i < written->n; i++) {
		const struct migrate_column *c = migrate_schema_column(seen, written->v[i]);

		if (c->in_unique)
			strv_addf(notes, "'%s.%s' is part of a unique key: a row that would be the second of its kind stops the run there",
				  t->name, c->name);
	}
	if (db_run(m->db, "SELECT constraint_name, constraint_type FROM information_schema.table_constraints WHERE table_schema ="
		   " DATABASE() AND table_name = ? AND constraint_type IN ('FOREIGN KEY', 'CHECK')", v, 1, &r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.rows; i++)
		strv_addf(notes, "table '%s' has the %s constraint '%s': a row that does not meet it stops the run there", t->name,
			  db_cell(&r, i, 1), db_cell(&r, i, 0));
	return 0;
}

/* ---- triggers ---- */

static bool has_word(const char *list, const char *word)
{
	AUTO_STRV words = STRV_INIT;

	strv_split(&words, list ? list : "", ",");
	return strv_has(&words, word);
}

/* The column of ours that a trigger assigns to; NULL: none. */
static const char *assigned(const char *body, const char *modes, const struct strv *columns)
{
	AUTO_STRV set = STRV_INIT;

	triggerset_columns(body, has_word(modes, "ANSI_QUOTES"), has_word(modes, "NO_BACKSLASH_ESCAPES"), &set);
	for (size_t i = 0; i < set.n; i++)
		for (size_t k = 0; k < columns->n; k++)
			if (strcasecmp(set.v[i], columns->v[k]) == 0)
				return columns->v[k];
	return NULL;
}

int migrate_preflight_triggers(struct db *db, const char *table, const struct strv *columns, bool inserts, bool deletes,
			       struct migrate_seen *seen, struct strv *notes, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	struct db_value v[] = { DBV_STR(table), DBV_STR(columns->n ? "UPDATE" : ""), DBV_STR(inserts ? "INSERT" : ""),
				DBV_STR(deletes ? "DELETE" : "") };

	if (db_run(db, "SELECT trigger_name, action_timing, event_manipulation, action_statement, sql_mode FROM information_schema.triggers"
		   " WHERE event_object_schema = DATABASE() AND event_object_table = ? AND event_manipulation IN (?, ?, ?)"
		   " ORDER BY trigger_name", v, ARRAY_LEN(v), &r, err) < 0)
		return -1;
	for (size_t i = 0; i < r.rows; i++) {
		const char *name = db_cell(&r, i, 0), *event = db_cell(&r, i, 2);
		bool before = strcmp(db_cell(&r, i, 1), "BEFORE") == 0;
		const char *column = before ? assigned(db_cell(&r, i, 3), db_cell(&r, i, 4), columns) : NULL;

		if (column) {
			err_set(err, ERR_POLICY, "trigger '%s' on table '%s' (BEFORE %s) sets '%s' itself: it would not hold what is written",
				name, table, event, column);
			err_hint(err, "drop it for the time of the migration, and make it again; SHOW CREATE TRIGGER `%s` shows it", name);
			return -1;
		}
		seen->changed_before |= before && strcmp(event, "UPDATE") == 0;
		strv_addf(notes, "trigger '%s' on table '%s' (%s %s) runs for every row; what it does is not on record, and undo does not take it"
			  " back", name, table, before ? "BEFORE" : "AFTER", event);
	}
	return 0;
}

/* ---- all of it ---- */

static int check_table(struct migrate *m, const struct migrate_table *t, struct migrate_seen *seen, struct err *err)
{
	AUTO_STRV written = STRV_INIT;

	strv_split(&written, t->writes ? t->writes : "", " ");
	if (t->inserts)
		strv_split(&written, t->reads ? t->reads : "", " ");
	if (migrate_preflight_engine(t->name, seen, err) < 0 || check_key(t, seen, err) < 0 ||
	    check_written(t, seen, &written, err) < 0 || check_inserts(m, t, seen, &written, err) < 0)
		return -1;
	if (migrate_preflight_triggers(m->db, t->name, &written, t->inserts, false, seen, &m->store->notes, err) < 0)
		return -1;
	return tell_constraints(m, t, seen, &written, err);
}

int migrate_preflight(struct migrate *m, struct err *err)
{
	strv_release(&m->store->notes);
	for (int i = 0; m->what->tables[i].name; i++) {
		const struct migrate_table *t = &m->what->tables[i];

		if ((t->writes || t->inserts) && m->store->seen[i].there && check_table(m, t, &m->store->seen[i], err) < 0)
			return -1;
	}
	return 0;
}
