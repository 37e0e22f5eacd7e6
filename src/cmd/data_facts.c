/* Finding out what patient data there is, and whose: database by database, tree by tree.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "../ext/mirror.h"
#include "data.h"

/* MariaDB error numbers (mysqld_error.h), which this program does not link. */
#define ER_NO_SUCH_TABLE 1146

void data_facts_release(struct data_facts *f)
{
	for (size_t i = 0; i < f->n_base; i++) {
		free(f->base[i].name);
		free(f->base[i].note);
	}
	free(f->base);
	free(f->instance);
	for (size_t i = 0; i < f->n_place; i++) {
		free(f->place[i].path);
		free(f->place[i].note);
	}
	free(f->place);
	strv_release(&f->copies);
	data_others_release(&f->others);
	free(f->newest_backup);
	free(f->verified_backup);
	free(f->verified);
	free(f->trouble);
	data_db_release(&f->db);
	effects_free(f->effects, f->n_effects);
	*f = (struct data_facts)DATA_FACTS_INIT;
}

/* The first trouble is the one that is told. */
static void trouble(struct data_facts *f, const char *text)
{
	if (!f->trouble)
		f->trouble = xstrdup(text);
}

static void add_database(struct data_facts *f, const char *name)
{
	f->base = xreallocarray(f->base, f->n_base + 1, sizeof *f->base);
	f->base[f->n_base++] = (struct data_database){
		.name = xstrdup(name), .state = DATA_DB_UNKNOWN, .bytes = -1, .tables = -1,
	};
}

/* One number out of the client's answer; -1 with err when there is none. */
static int query_number(const struct data_db *d, const char *database, const char *sql, int64_t *n,
			struct err *err)
{
	AUTO_BUF out = BUF_INIT;
	char *end;

	if (data_db_query(d, database, sql, &out, err) < 0)
		return -1;
	errno = 0;
	*n = strtoll(out.p, &end, 10);
	if (errno || end == out.p || (*end && *end != '\n'))
		return err_set(err, ERR_FAIL, "'%.40s' is not a number", out.p);
	return 0;
}

static int measure_database(const struct data_db *d, struct data_database *b, int64_t *there, struct err *err)
{
	AUTO_BUF sql = BUF_INIT;

	buf_adds(&sql, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ");
	data_db_text(&sql, b->name);
	if (query_number(d, NULL, sql.p, there, err) < 0)
		return -1;
	if (!*there)
		return 0;
	buf_reset(&sql);
	buf_adds(&sql, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ");
	data_db_text(&sql, b->name);
	if (query_number(d, NULL, sql.p, &b->tables, err) < 0)
		return -1;
	buf_reset(&sql);
	buf_adds(&sql, "SELECT IFNULL(SUM(data_length + index_length), 0) FROM information_schema.tables"
		 " WHERE table_schema = ");
	data_db_text(&sql, b->name);
	return query_number(d, NULL, sql.p, &b->bytes, err);
}

static bool we_made(const struct data_facts *f, const char *database)
{
	const struct effect *e = effects_find(f->effects, f->n_effects, "database", database);

	return e && strcmp(e->old, EFFECT_ABSENT) == 0;
}

/* The id in the database against the one on this disk. Without an id there, it
 * is ours only when we made it and it is empty, or it never got one here either. */
static void prove_main(struct data_facts *f, struct data_database *b)
{
	AUTO_BUF id = BUF_INIT;
	struct err err = ERR_INIT;

	if (data_db_query(&f->db, b->name, "SELECT value FROM maintkit_meta WHERE name = 'instance_id'",
			  &id, &err) < 0 && err.lib != ER_NO_SUCH_TABLE) {
		b->note = xstrdup(err.text);
		return;
	}
	buf_trim_end(&id);
	if (id.len && f->instance && strcmp(id.p, f->instance) == 0) {
		b->state = DATA_DB_OURS;
	} else if (id.len) {
		b->state = DATA_DB_FOREIGN;
		b->note = xasprintf("it belongs to instance %.8s..., this is %.8s", id.p,
				    f->instance ? f->instance : "none");
	} else if (we_made(f, b->name) && (!f->instance || b->tables == 0)) {
		b->state = DATA_DB_OURS;
	} else {
		b->note = xstrdup("it carries no instance id, so whose it is cannot be proven");
	}
}

static bool is_base(const struct data_facts *f, const char *name)
{
	for (size_t i = 0; i < f->n_base; i++)
		if (strcmp(f->base[i].name, name) == 0)
			return true;
	return false;
}

/* What a restore loaded or keeps aside is ours as well. */
static void add_made(struct data_facts *f)
{
	for (size_t i = 0; i < f->n_effects; i++)
		if (strcmp(f->effects[i].kind, "database") == 0 && we_made(f, f->effects[i].id) && !is_base(f, f->effects[i].id))
			add_database(f, f->effects[i].id);
}

/* Databases under other names with our id: ours was renamed, or somebody made a copy. */
static void find_copies(struct data_facts *f)
{
	AUTO_BUF out = BUF_INIT;
	AUTO_STRV names = STRV_INIT;
	struct err err = ERR_INIT;

	if (f->db.down || !f->instance)
		return;
	if (data_db_query(&f->db, NULL, "SELECT table_schema FROM information_schema.tables WHERE table_name = 'maintkit_meta'",
			  &out, &err) < 0) {
		trouble(f, err.text);
		return;
	}
	strv_split(&names, out.p, "\n");
	for (size_t i = 0; i < names.n; i++) {
		AUTO_BUF id = BUF_INIT;

		if (is_base(f, names.v[i]) ||
		    data_db_query(&f->db, names.v[i], "SELECT value FROM maintkit_meta WHERE name = 'instance_id'", &id,
				  NULL) < 0)
			continue;
		buf_trim_end(&id);
		if (strcmp(id.p, f->instance) == 0)
			strv_add(&f->copies, names.v[i]);
	}
	/* an empty one was made in its place */
	if (f->copies.n && (f->base[0].state != DATA_DB_OURS || f->base[0].tables == 0) && !f->begun) {
		AUTO_FREE char *text = xasprintf("database '%s' is not there or empty, but '%s' carries its id; if it was renamed,"
						 " set [database] name in the package's maintkit.conf", f->base[0].name,
						 f->copies.v[0]);

		trouble(f, text);
	}
}

/* The server cannot be asked. Its data directory can show that there is no such
 * database; when it cannot, one that we never made is taken to be absent. */
static void look_without_server(struct data_facts *f, struct tool *t, struct data_database *b, bool expected)
{
	AUTO_FREE char *dir = xasprintf("/var/lib/mysql/%s", b->name);
	struct err err = ERR_INIT;
	struct stat st;
	bool gone = path_stat(&t->root, dir, &st, &err) < 0 && err.kind == ERR_ABSENT;

	if (!f->db.remote && gone && (!expected || data_db_surely_absent(t, b->name)))
		b->state = DATA_DB_ABSENT;
	else
		b->note = xstrdup(f->db.down);
}

static void look_at(struct data_facts *f, struct tool *t, struct data_database *b, bool main,
		    const struct strv *proven)
{
	struct err err = ERR_INIT;
	const char *other;
	int64_t there = 0;

	if (f->dropped) {
		b->state = DATA_DB_ABSENT;
		return;
	}
	if (f->db.down) {
		look_without_server(f, t, b, we_made(f, b->name) || (main && f->instance));
		return;
	}
	if (measure_database(&f->db, b, &there, &err) < 0) {
		b->note = xstrdup(err.text);
		return;
	}
	if (!there)
		b->state = DATA_DB_ABSENT;
	else if (strv_has(proven, b->name))
		b->state = DATA_DB_OURS;	/* before its first table was dropped */
	else if (main)
		prove_main(f, b);
	else if ((other = data_others_database(&f->others, b->name)) != NULL)
		b->note = xasprintf("the package '%s' names it too", other);
	else if (we_made(f, b->name))
		b->state = DATA_DB_OURS;
	else
		b->note = xstrdup("it was not made by us");
}

/* A main database without a single table has no patients; one with tables but
 * without the one that is asked for is no case to guess about. */
static void count_patients(struct data_facts *f, struct tool *t, struct data_database *b)
{
	const char *query = profile_get(t->profile, "data", "patients");
	struct err err = ERR_INIT;

	if (b->state == DATA_DB_ABSENT || (b->state == DATA_DB_OURS && b->tables == 0)) {
		f->patients = 0;
		return;
	}
	if (b->state != DATA_DB_OURS) {
		AUTO_FREE char *text = xasprintf("database '%s': %s", b->name, b->note ? b->note : "not known");

		trouble(f, text);
		return;
	}
	if (!query)
		trouble(f, "the profile does not say how to count patients ([data] patients)");
	else if (query_number(&f->db, b->name, query, &f->patients, &err) < 0)
		trouble(f, err.text);
}

static void add_place(struct data_facts *f, const char *kind, const char *path, const struct tree_count *c,
		      const char *note)
{
	if (!c->files && !c->dirs && !note)
		return;
	f->place = xreallocarray(f->place, f->n_place + 1, sizeof *f->place);
	f->place[f->n_place++] = (struct data_place){ kind, xstrdup(path), note ? xstrdup(note) : NULL, *c };
}

/* sum NULL: a part of the documents, told of and counted there. */
static void measure_trees(struct data_facts *f, struct tool *t, const char *key, struct tree_count *sum)
{
	AUTO_STRV paths = STRV_INIT, doubts = STRV_INIT;

	data_places(t, key, &paths, &doubts);
	for (size_t i = 0; i < doubts.n; i++)
		trouble(f, doubts.v[i]);
	for (size_t i = 0; i < paths.n; i++) {
		struct tree_count c = { 0 };
		struct err err = ERR_INIT;
		bool failed = tree_measure(&t->root, paths.v[i], !f->quick, &c, &err) < 0;
		const char *other = sum ? data_others_tree(&f->others, paths.v[i]) : NULL;
		AUTO_FREE char *shared = other ? xasprintf("'%s' belongs to the package '%s' too", paths.v[i], other) : NULL;

		add_place(f, key, paths.v[i], &c, failed ? err.text : shared);
		if (!sum)
			continue;
		if (failed || (shared && c.files))
			trouble(f, failed ? err.text : shared);
		sum->files += c.files;
		sum->dirs += c.dirs;
		sum->bytes += c.bytes;
		sum->mounts += c.mounts;
	}
}

/* "verified=2026-11-22T10:00:00Z" in the .info beside a backup (maintkit-backup). */
static void look_verified(struct data_facts *f, struct tool *t, const char *dir, const char *name)
{
	static const char key[] = "\nverified=";
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_BUF text = BUF_INIT;
	const char *at, *last = NULL;
	struct stat st;

	buf_addc(&text, '\n');
	if (path_read_file(&t->root, path, &text, 65536, NULL, NULL) < 0)
		return;
	for (at = text.p; (at = strstr(at, key)); at++)
		last = at + strlen(key);
	path[strlen(path) - strlen(".info")] = '\0';
	AUTO_FREE char *when = last ? xstrndup(last, strcspn(last, "\n")) : NULL;

	if (!when || path_stat(&t->root, path, &st, NULL) < 0 || (f->verified && strcmp(when, f->verified) <= 0))
		return;
	free(f->verified);
	free(f->verified_backup);
	f->verified = MOVE_PTR(when);
	f->verified_backup = MOVE_PTR(path);
}

static void find_backups(struct data_facts *f, struct tool *t)
{
	const char *dir = profile_get(t->profile, "data", "backups");
	AUTO_STRV names = STRV_INIT;
	struct err err = ERR_INIT;
	bool failed;

	if (!dir)
		dir = profile_get(t->profile, "backup", "dir");
	if (!dir)
		return;
	/* backups are never deleted unasked, so not being able to count them is no trouble */
	failed = tree_measure(&t->root, dir, !f->quick, &f->backups, &err) < 0;
	if (failed)
		log_warn("%s", err.text);
	add_place(f, "backups", dir, &f->backups, failed ? err.text : NULL);
	f->newest_backup = mirror_newest_file(&t->root, dir);
	if (path_list(&t->root, dir, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		const char *dot = strrchr(names.v[i], '.');

		if (dot && strcmp(dot, ".info") == 0)
			look_verified(f, t, dir, names.v[i]);
	}
}

static void measure_places(struct data_facts *f, struct tool *t)
{
	struct tree_count other = { 0 };

	measure_trees(f, t, "documents", &f->documents);
	if (!f->quick) {
		measure_trees(f, t, "exports", NULL);
		measure_trees(f, t, "incoming", NULL);
	}
	measure_trees(f, t, "keys", &f->keys);
	measure_trees(f, t, "logs", &other);
	measure_trees(f, t, "configuration", &other);
	find_backups(f, t);
}

void data_facts_size(struct data_facts *f, struct tool *t)
{
	AUTO_STRV paths = STRV_INIT;

	data_places(t, "documents", &paths, NULL);
	f->documents = (struct tree_count){ 0 };
	for (size_t i = 0; i < paths.n; i++)
		if (tree_measure(&t->root, paths.v[i], true, &f->documents, NULL) < 0)
			log_debug("'%s' could not be measured", paths.v[i]);
}

static int read_identity(struct data_facts *f, struct tool *t, struct err *err)
{
	struct err why = ERR_INIT;

	if (mirror_instance(&t->root, t->package, &f->instance, &why) < 0 && why.kind != ERR_ABSENT)
		trouble(f, why.text);
	if (effects_list(t->profile, &t->root, NULL, &f->effects, &f->n_effects, &why) < 0)
		trouble(f, why.text);
	if (gethostname(f->host, sizeof f->host - 1) < 0)
		return err_sys(err, errno, "the name of this host");
	return 0;
}

int data_facts_gather(struct data_facts *f, struct tool *t, struct err *err)
{
	const char *name = profile_require(t->profile, "database", "name", err);
	AUTO_STRV more = STRV_INIT, proven = STRV_INIT, doubts = STRV_INIT;

	if (!name || read_identity(f, t, err) < 0 ||
	    data_begun_read(t, f, &proven, err) < 0)
		return -1;
	add_database(f, name);
	profile_words(t->profile, "data", "databases", &more);
	for (size_t i = 0; i < more.n; i++)
		add_database(f, more.v[i]);
	add_made(f);
	data_others_find(&f->others, t, &doubts);
	for (size_t i = 0; i < doubts.n; i++)
		trouble(f, doubts.v[i]);
	data_db_find(&f->db, t);
	for (size_t i = 0; i < f->n_base; i++)
		look_at(f, t, &f->base[i], i == 0, &proven);
	count_patients(f, t, &f->base[0]);
	if (!f->dropped)
		find_copies(f);
	measure_places(f, t);
	if (f->begun && f->base[0].state == DATA_DB_OURS && f->patients < 0) {
		free(f->trouble);	/* the table that is counted was dropped already */
		f->trouble = NULL;
	}
	const struct consent_found found = {
		.base = f->base[0].state == DATA_DB_OURS ? CONSENT_BASE_OURS :
			f->base[0].state == DATA_DB_ABSENT ? CONSENT_BASE_ABSENT : CONSENT_BASE_UNPROVEN,
		.patients = f->patients, .documents = f->documents.files > 0, .doubt = f->trouble != NULL,
		.backups = f->backups.files > 0, .keys = f->keys.files > 0, .begun = f->begun,
	};

	f->data = consent_weigh(&found, &f->only_backups);
	return 0;
}
