/* What the guard knows: the database's own word, the mirror, and the stricter of the two.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../ext/mirror.h"
#include "guard.h"

#define CONNECT_S 2	/* start-check and preinst wait for it */

void guard_release(struct guard *g)
{
	policy_state_release(&g->state);
	policy_state_release(&g->in_db);
	db_close(g->db);
	g->db = NULL;
}

static void read_mirror(struct guard *g, struct tool *t)
{
	struct err why = ERR_INIT;

	if (mirror_read(&t->root, t->package, &g->state, &why) == 0 || why.kind == ERR_ABSENT)
		return;
	g->mirror_damaged = true;
	log_warn("%s", why.text);
}

/* A level out of maintkit_meta. What is no number was not written by us: the
 * mirror's word stands then. */
static long meta_level(struct db *db, const char *name, bool *there)
{
	AUTO_FREE char *text = NULL;
	struct err why = ERR_INIT;
	long level;

	if (db_meta_get(db, name, &text, &why) < 0) {
		if (why.kind != ERR_ABSENT)
			log_warn("maintkit_meta: %s", why.text);
		return 0;
	}
	*there = true;
	if (strcmp(text, "0") == 0)
		return 0;
	if (!policy_parse_level(text, &level)) {
		log_warn("maintkit_meta: '%s' is not a level; what the mirror says counts", name);
		return 0;
	}
	return level;
}

static void read_reason(struct db *db, struct policy_state *s)
{
	struct db_rows rows = DB_ROWS_INIT;

	if (db_run(db, "SELECT reason, UNIX_TIMESTAMP(changed) FROM maintkit_meta"
		   " WHERE name = 'min_app_level'", NULL, 0, &rows, NULL) == 0 && rows.rows) {
		const char *reason = db_cell(&rows, 0, 0), *when = db_cell(&rows, 0, 1);

		s->reason = reason ? xstrdup(reason) : NULL;
		s->since = when ? strtoll(when, NULL, 10) : 0;
	}
	db_rows_release(&rows);
}

/* A legacy database has no record of its own: [guard:NAME] sections of the
 * profile hold queries that find traces of one-way changes, each with the
 * floor that it implies (default: [guard] database-floor). A query that fails (no such table) found nothing. */
static int read_evidence(struct guard *g, struct tool *t, struct err *err)
{
	AUTO_STRV sections = STRV_INIT;
	long usual;

	if (profile_int(t->profile, "guard", "database-floor", 1, POLICY_LEVEL_MAX, 1, &usual, err) < 0)
		return -1;
	profile_sections(t->profile, "guard:", &sections);
	for (size_t i = 0; i < sections.n; i++) {
		const char *query = profile_require(t->profile, sections.v[i], "query", err);
		const char *reason = profile_get_or(t->profile, sections.v[i], "reason", sections.v[i] + 6);
		int64_t found = 0;
		long floor;

		if (!query || profile_int(t->profile, sections.v[i], "floor", 1, POLICY_LEVEL_MAX, usual, &floor, err) < 0)
			return -1;
		if (db_get_int(g->db, query, NULL, 0, &found, NULL) < 0 || found == 0 ||
		    floor <= g->in_db.min_level)
			continue;
		g->in_db.min_level = floor;
		g->in_db.since = time(NULL);
		free(g->in_db.reason);
		g->in_db.reason = xasprintf("%s (found in the database on that day)", reason);
	}
	return 0;
}

static int read_database(struct guard *g, struct tool *t, struct err *err)
{
	struct db_options o = { .database = "", .connect_timeout_s = CONNECT_S };
	bool levels = false;
	AUTO_FREE char *lineage = NULL;
	struct lineage legacy;

	if (db_open(&g->db, t->profile, &t->root, &o, &g->db_err) < 0)
		return 0;
	g->in_db.schema_level = meta_level(g->db, "schema_level", &levels);
	g->in_db.min_level = meta_level(g->db, "min_app_level", &levels);
	g->db_schema = g->in_db.schema_level;
	g->db_min = g->in_db.min_level;
	if (levels)
		read_reason(g->db, &g->in_db);
	else if (read_evidence(g, t, err) < 0)
		return -1;
	if (db_meta_get(g->db, "instance_id", &g->in_db.instance, NULL) == 0 &&
	    !mirror_instance_is_valid(g->in_db.instance)) {
		free(g->in_db.instance);
		g->in_db.instance = NULL;
	}
	if (!g->in_db.schema_level && db_meta_get(g->db, "lineage", &lineage, NULL) == 0 &&
	    lineage_parse(&legacy, lineage))
		g->in_db.schema_level = legacy.product;
	g->in_db.known = levels || g->in_db.min_level || g->in_db.instance || lineage;
	return 0;
}

/* The file `identity` is the authority; a database that names another one was
 * copied from elsewhere, or is not ours. */
static void settle_instance(struct guard *g, struct tool *t)
{
	char *id = NULL;

	if (mirror_instance(&t->root, t->package, &id, NULL) == 0) {
		free(g->state.instance);
		g->state.instance = id;
	}
	if (g->in_db.instance && g->state.instance && strcmp(g->in_db.instance, g->state.instance) != 0)
		log_warn("the database belongs to instance %.8s..., this machine is %.8s...; the stricter of both counts",
			 g->in_db.instance, g->state.instance);
}

static void set_text(char **field, const char *value)
{
	if (!value)
		return;
	free(*field);
	*field = xstrdup(value);
}

/* What a backup needs, for the hook, which reads no profile. A server that is
 * down now is where it was. */
static void note_backup_needs(struct guard *g, struct tool *t)
{
	const char *own = profile_get(t->profile, "pgp", "public-copy");

	if (g->db) {
		free(g->state.db_socket);
		g->state.db_socket = db_socket(g->db);
	}
	strv_release(&g->state.backup_keys);
	if (own)
		strv_add(&g->state.backup_keys, own);
	profile_words(t->profile, "backup", "recipients", &g->state.backup_keys);
}

int guard_gather(struct guard *g, struct tool *t, struct err *err)
{
	const char *backups = profile_get(t->profile, "backup", "dir");

	read_mirror(g, t);
	if (read_database(g, t, err) < 0)
		return -1;
	policy_state_merge(&g->state, &g->in_db);
	settle_instance(g, t);
	set_text(&g->state.lineage, profile_get(t->profile, "guard", "lineage"));
	set_text(&g->state.title, profile_get(t->profile, "package", "title"));
	set_text(&g->state.backup_dir, backups ? backups : profile_get(t->profile, "data", "backups"));
	note_backup_needs(g, t);
	guard_environment(&g->state, t);
	return 0;
}

int guard_keep(struct guard *g, struct tool *t, struct err *err)
{
	if (!g->state.known || (geteuid() != 0 && !root_is_foreign(&t->root)))
		return 0;
	return mirror_write(&t->root, &g->state, err) < 0 ? -1 : 0;
}
