/* New rows that a step says: many in one statement, where the server numbers them one after the other.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <mysql.h>
#include <stdio.h>
#include <string.h>

#include "migrate_frame.h"

#define ROWS_MAX 1000

static void csv_insert(struct migrate *m, int table, int64_t origin, const struct strv *names,
		       const struct migrate_value *values, const char *kind)
{
	char key[24];
	AUTO_BUF row = BUF_INIT;

	snprintf(key, sizeof(key), "%" PRId64, origin);
	for (size_t i = 0; i < names->n; i++) {
		buf_addf(&row, "%s%s=", i ? " " : "", names->v[i]);
		if (values[i].p)
			buf_add(&row, values[i].p, values[i].len);
		else
			buf_adds(&row, "\\N");
	}
	migrate_csv_cell(m->store->csv, MIGRATE_STR(kind));
	migrate_csv_cell(m->store->csv, MIGRATE_STR(m->what->tables[table].name));
	migrate_csv_cell(m->store->csv, MIGRATE_STR(""));
	migrate_csv_cell(m->store->csv, MIGRATE_STR(""));
	migrate_csv_cell(m->store->csv, MIGRATE_NULL);
	migrate_csv_cell(m->store->csv, ((struct migrate_value){ row.p, row.len }));
	AUTO_FREE char *note = xasprintf("new row, from key %s", key);

	migrate_csv_cell(m->store->csv, MIGRATE_STR(note));
	migrate_csv_end_row(m->store->csv);
}

/* The keys of one INSERT are consecutive unless innodb_autoinc_lock_mode is 2
 * (MariaDB manual, AUTO_INCREMENT Handling in InnoDB). */
static int ask_numbering(struct migrate *m, struct err *err)
{
	struct migrate_store *s = m->store;
	int64_t mode;

	if (s->key_step)
		return 0;
	if (db_get_int(m->db, "SELECT @@innodb_autoinc_lock_mode", NULL, 0, &mode, err) < 0 ||
	    db_get_int(m->db, "SELECT @@auto_increment_increment", NULL, 0, &s->key_step, err) < 0)
		return -1;
	s->inserts_max = mode < 2 ? ROWS_MAX : 1;
	return 0;
}

int migrate_flush_inserts(struct migrate *m, struct err *err)
{
	struct migrate_store *s = m->store;

	if (!s->n_inserts)
		return 0;
	if (db_settle(m->db, err) < 0)
		return -1;
	if (mysql_real_query(db_handle(m->db), s->inserts.p, s->inserts.len))
		return db_error(m->db, err);
	int64_t first = (int64_t)mysql_insert_id(db_handle(m->db));

	for (size_t i = 0; i < s->n_inserts; i++) {
		migrate_undo_row(s, s->inserts_table, first + (int64_t)i * s->key_step, 0);
		buf_addf(&s->rows, "'%" PRId64 "', NULL)", s->origins[i]);
	}
	s->last_key = first + (int64_t)(s->n_inserts - 1) * s->key_step;
	s->n_inserts = 0;
	return 0;
}

static int begin_insert(struct migrate *m, int table, const struct strv *words, const char *names, struct err *err)
{
	struct migrate_store *s = m->store;
	const char *name = m->what->tables[table].name;

	if (s->n_inserts && (s->inserts_table != table || strcmp(s->inserts_names, names) != 0) && migrate_flush_inserts(m, err) < 0)
		return -1;
	if (s->n_inserts) {
		buf_adds(&s->inserts, ", ");
		return 0;
	}
	s->inserts_table = table;
	s->inserts_names = names;
	buf_reset(&s->inserts);
	buf_adds(&s->inserts, "INSERT INTO ");
	migrate_sql_name(&s->inserts, name);
	for (size_t i = 0; i < words->n; i++) {
		const struct migrate_column *c = migrate_schema_column(&s->seen[table], words->v[i]);

		if (!c)
			return err_set(err, ERR_FAIL, "column '%s.%s' is missing", name, words->v[i]);
		buf_adds(&s->inserts, i ? ", " : " (");
		migrate_sql_name(&s->inserts, c->name);
	}
	buf_adds(&s->inserts, ") VALUES ");
	return 0;
}

int migrate_insert(struct migrate *m, int table, const char *names, const struct migrate_value *values,
		   size_t n, int64_t origin, const char *kind, int64_t *id, struct err *err)
{
	struct migrate_store *s = m->store;
	AUTO_STRV words = STRV_INIT;

	strv_split(&words, names, " ");
	if (words.n != n)
		abort();	/* a programming error */
	if (id)
		*id = 0;
	migrate_ledger_change(m->ledger, m->what->tables[table].name, NULL, kind, origin, NULL, NULL, 1);
	if (m->mode == MIGRATE_PLAN) {
		if (s->csv)
			csv_insert(m, table, origin, &words, values, kind);
		return 0;
	}
	if (ask_numbering(m, err) < 0 || begin_insert(m, table, &words, names, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		buf_adds(&s->inserts, i ? ", " : "(");
		if (values[i].p) {
			buf_adds(&s->inserts, "CONVERT(_binary");
			db_quote_string(m->db, &s->inserts, values[i].p, values[i].len);
			buf_adds(&s->inserts, " USING utf8mb4)");
		} else {
			buf_adds(&s->inserts, "NULL");
		}
	}
	buf_addc(&s->inserts, ')');
	if (!s->origins)
		s->origins = xcalloc(ROWS_MAX, sizeof(*s->origins));
	s->origins[s->n_inserts++] = origin;
	if ((id || s->n_inserts >= s->inserts_max || s->inserts.len >= MIGRATE_FLUSH_BYTES) && migrate_flush_inserts(m, err) < 0)
		return -1;
	if (id)
		*id = s->last_key;
	return s->rows.len >= MIGRATE_FLUSH_BYTES ? migrate_flush(m, err) : 0;
}
