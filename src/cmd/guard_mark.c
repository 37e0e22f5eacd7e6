/* Raising the levels of the data: in the mirror first, then in the database.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <time.h>

#include "../base/script.h"
#include "../ext/identity.h"
#include "../ext/mirror.h"
#include "../ext/statefile.h"
#include "guard_mark.h"

static int check_level(const char *option, long level, struct err *err)
{
	if (level != -1 && (level < 1 || level > POLICY_LEVEL_MAX))
		return err_set(err, ERR_USAGE, "%s must be 1 to %d", option, POLICY_LEVEL_MAX);
	return 0;
}

static int check_request(const struct guard_mark *m, struct err *err)
{
	struct lineage legacy;

	bool to_nothing = m->lower_from && m->min == 0;

	if (check_level("--level", m->level, err) < 0 || (!to_nothing && check_level("--min", m->min, err) < 0))
		return -1;
	if (m->lineage && !lineage_parse(&legacy, m->lineage))
		return err_set(err, ERR_USAGE, "--lineage: '%s' is no legacy version", m->lineage);
	if (m->lower_from && (check_level("--lower-from", m->lower_from, err) < 0))
		return -1;
	if (m->lower_from && (m->min < 0 || m->min >= m->lower_from || m->level != -1 || m->lineage || m->from_database))
		return err_set(err, ERR_USAGE, "--lower-from needs a lower --min, and nothing else with it");
	if (m->from_database && (m->level != -1 || m->min != -1 || m->lineage))
		return err_set(err, ERR_USAGE, "--from-database stands alone");
	if (m->level == -1 && m->min == -1 && !m->lineage && !m->from_database)
		return err_set(err, ERR_USAGE, "nothing to mark: give --level, --min or --lineage");
	if (!m->reason || !*m->reason)
		return err_set(err, ERR_USAGE, "--reason is missing: it is shown in every refusal");
	return 0;
}

static void raise_levels(struct policy_state *s, const struct guard_mark *m)
{
	struct lineage legacy;

	if (m->level > s->schema_level)
		s->schema_level = m->level;
	if (m->lineage && lineage_parse(&legacy, m->lineage) && legacy.product > s->schema_level)
		s->schema_level = legacy.product;
	if (m->min > s->min_level) {
		s->min_level = m->min;
		s->since = time(NULL);
		free(s->reason);
		s->reason = xstrdup(m->reason);
	}
	s->known = true;
}

/* The release that stands here now may be asked about later, when it is gone. */
static void remember_release(struct policy_state *s, struct tool *t)
{
	CLEANUP(guard_incoming_release) struct guard_incoming in = { 0 };
	struct policy_release r;

	if (guard_incoming_installed(&in, t, NULL) < 0 || !in.level || !in.reads ||
	    !policy_parse_level(in.level, &r.level) ||
	    !policy_parse_reads(in.reads, &r.reads_min, &r.reads_max))
		return;
	r.version = in.version;
	policy_state_add_release(s, &r);
}

static int set_meta_level(struct guard *g, const char *name, long had, long now, const char *reason,
			  struct err *err)
{
	AUTO_FREE char *text = xasprintf("%ld", now);

	return now > had ? db_meta_set(g->db, name, text, reason, err) : 0;
}

/* State directory and database carry one id from now on; a database of another
 * machine is not marked. Made on a running system only, never in an image. */
static int settle_identity(struct guard *g, struct tool *t, struct err *err)
{
	char *id = NULL;

	if (!g->db || !script_is_booted(&t->root, NULL))
		return 0;
	if (identity_bind(t->profile, &t->root, g->db, false, err) < 0 ||
	    mirror_instance(&t->root, t->package, &id, err) < 0)
		return -1;
	free(g->state.instance);
	g->state.instance = id;
	return 0;
}

static int write_database(struct guard *g, const struct guard_mark *m, struct err *err)
{
	if (!g->db) {
		if (err)
			*err = g->db_err;
		/* No such database yet: as good as a server that is down, to who defers. */
		if (g->db_err.kind == ERR_ABSENT && err)
			err->kind = ERR_BACKEND;
		err_hint(err, "the mirror has the new levels already; the database gets them when this is run again");
		return -1;
	}
	if (m->lineage && db_meta_set(g->db, "lineage", m->lineage, m->reason, err) < 0)
		return -1;
	if (set_meta_level(g, "schema_level", g->db_schema, g->state.schema_level, m->reason, err) < 0)
		return -1;
	return set_meta_level(g, "min_app_level", g->db_min, g->state.min_level,
			      g->state.reason ? g->state.reason : m->reason, err);
}

/* After `backup restore` the data is older, and the mirror's higher levels are
 * about data that no longer exists. Only root can say so: a database that was
 * tampered with cannot lower anything by itself. */
static int take_database_word(struct guard *g, struct tool *t, struct err *err)
{
	struct policy_state *s = &g->state;

	if (!g->db) {
		if (err)
			*err = g->db_err;
		return -1;
	}
	s->schema_level = g->in_db.schema_level;
	s->min_level = g->in_db.min_level;
	s->since = g->in_db.since;
	free(s->reason);
	s->reason = g->in_db.reason ? xstrdup(g->in_db.reason) : NULL;
	s->known = true;
	return t->dry_run ? 0 : guard_keep(g, t, err);
}

static int lower_database(struct guard *g, const struct guard_mark *m, struct err *err)
{
	AUTO_FREE char *from = xasprintf("%ld", m->lower_from);
	AUTO_FREE char *to = xasprintf("%ld", m->min);
	struct db_value v[] = { DBV_STR(to), DBV_STR(m->reason), DBV_STR(from) };

	if (g->db_min != m->lower_from)
		return 0;	/* a former call was cut off behind this */
	if (m->min == 0)
		return db_run(g->db, "DELETE FROM maintkit_meta WHERE name = 'min_app_level' AND value = ?", &v[2], 1, NULL, err);
	return db_run(g->db, "UPDATE maintkit_meta SET value = ?, reason = ? WHERE name = 'min_app_level' AND value = ?", v, 3, NULL, err);
}

/* A migration was taken back. Only exactly the level that it had set is
 * lowered; a stricter one of anybody else, in the database or in the mirror,
 * stands. The database first: killed in between, the mirror's stricter word counts. */
static int lower(struct guard *g, struct tool *t, const struct guard_mark *m, struct err *err)
{
	CLEANUP(guard_release) struct guard after = GUARD_INIT;

	if (!g->db) {
		if (err)
			*err = g->db_err;
		return -1;
	}
	if (g->state.min_level != m->lower_from || g->db_min > m->lower_from) {
		log_info("min_app_level is %ld, not %ld: it stays", g->state.min_level, m->lower_from);
		return 0;
	}
	if (t->dry_run) {
		log_info("min_app_level would be lowered from %ld to %ld", m->lower_from, m->min);
		return 0;
	}
	if (lower_database(g, m, err) < 0 || guard_gather(&after, t, err) < 0)
		return -1;
	if (!after.db) {
		if (err)
			*err = after.db_err;
		return -1;
	}
	/* What the database shows now counts, also by its traces of other one-way changes. */
	g->state.min_level = after.in_db.min_level > m->min ? after.in_db.min_level : m->min;
	g->state.since = g->state.min_level ? after.in_db.since : 0;
	free(g->state.reason);
	g->state.reason = g->state.min_level ? xstrdup(after.in_db.reason ? after.in_db.reason : m->reason) : NULL;
	log_info("min_app_level %ld -> %ld (%s)", m->lower_from, g->state.min_level, m->reason);
	return guard_keep(g, t, err);
}

/* What "backup create --for-upgrade --once" asks about is over. */
static int end_upgrade(struct tool *t, struct err *err)
{
	AUTO_BUF none = BUF_INIT;

	return statefile_write(t->profile, &t->root, POLICY_UPGRADE_BEGUN, &none, err);
}

int guard_mark(struct tool *t, const struct guard_mark *m, struct err *err)
{
	CLEANUP(guard_release) struct guard g = GUARD_INIT;
	long had_schema, had_min;

	if (check_request(m, err) < 0 || guard_gather(&g, t, err) < 0)
		return -1;
	if (m->lower_from)
		return lower(&g, t, m, err);
	had_schema = g.state.schema_level;
	had_min = g.state.min_level;
	if (m->from_database) {
		if (take_database_word(&g, t, err) < 0)
			return -1;
	} else {
		raise_levels(&g.state, m);
		remember_release(&g.state, t);
	}
	if (g.state.schema_level == had_schema && g.state.min_level == had_min)
		log_info("schema_level %ld and min_app_level %ld: so already", had_schema, had_min);
	else
		log_info("schema_level %ld -> %ld, min_app_level %ld -> %ld (%s)", had_schema,
			 g.state.schema_level, had_min, g.state.min_level, m->reason);
	if (t->dry_run)
		return 0;
	if (m->from_database)
		return end_upgrade(t, err);
	/* Mirror first: killed in between, the stricter of the two counts. */
	if (settle_identity(&g, t, err) < 0 || guard_keep(&g, t, err) < 0)
		return -1;
	if (write_database(&g, m, err) < 0)
		return -1;
	return m->level > 0 ? end_upgrade(t, err) : 0;
}
