/* migrate run --for-upgrade: a migration that belongs to an upgrade, asked for by its maintainer script.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * It is run at most once. What decides are the version that was configured
 * before and the runs that the database knows of; one that was undone was
 * undone by a person, and stays so.
 *
 * The package is configured whatever comes of it. Only a server that is away
 * is waited for (--defer). Anything else leaves the migration to a person: the
 * reason is one line on stdout, for the script to repeat where it is read, and
 * "status" goes on saying that the migration is due. The step is noted as
 * pending before it begins, so that one that was killed is ended at the next
 * boot, before the application starts.
 */
#include <inttypes.h>
#include <string.h>

#include "../base/child.h"
#include "../base/script.h"
#include "../core/lineage.h"
#include "../ext/mirror.h"
#include "../ext/pending.h"
#include "migrate_frame.h"

#define STOP_MS 180000

/* Level of the version that was configured before; 0: there was none, or it cannot be told. */
static long level_before(struct tool *t)
{
	CLEANUP(policy_state_release) struct policy_state s = { 0 };
	const char *from = migrate_opts.from;
	struct err why = ERR_INIT;
	struct lineage legacy;
	long level = 0;

	if (!from || !*from)
		return 0;
	if (lineage_parse(&legacy, from))
		return legacy.product;
	if (mirror_read(&t->root, t->package, &s, &why) < 0 && why.kind != ERR_ABSENT)
		log_warn("%s", why.text);
	for (size_t i = 0; i < s.n_release; i++)
		if (strcmp(s.release[i].version, from) == 0)
			level = s.release[i].level;
	if (!level)
		log_info("which data version %s had is not known: nothing is migrated by itself", from);
	return level;
}

int migrate_upgrade_wants(struct tool *t, const char *name, struct err *err)
{
	const struct migration *what = migrate_find(name, err);
	long level;

	if (!what)
		return -1;
	if (!what->since)
		return err_set(err, ERR_USAGE, "'%s' belongs to no upgrade", name);
	level = level_before(t);
	return level && level < what->since;
}

enum past { PAST_NONE, PAST_INTERRUPTED, PAST_ENDED };

static int read_past(struct migrate *m, enum past *past, struct err *err)
{
	CLEANUP(db_rows_release) struct db_rows r = DB_ROWS_INIT;
	struct db_value v[] = { DBV_STR(m->what->name) };

	if (!db_has_table(m->db, "maintkit_run", NULL))
		return 0;
	if (db_run(m->db, "SELECT state FROM maintkit_run WHERE migration = ? ORDER BY state = 'running' DESC, run_id DESC LIMIT 1",
		   v, 1, &r, err) < 0)
		return -1;
	if (r.rows)
		*past = strcmp(db_cell(&r, 0, 0), "running") == 0 ? PAST_INTERRUPTED : PAST_ENDED;
	return 0;
}

/* 1 yes, 0 no. */
static int is_due(struct migrate *m, enum past *past, struct err *err)
{
	*past = PAST_NONE;
	/* A table that is odd is nobody's worry where there is nothing to do. */
	if (read_past(m, past, err) < 0)
		return -1;
	if (*past == PAST_INTERRUPTED)
		return 1;
	if (*past == PAST_ENDED) {
		log_info("'%s' has been run, or undone, before; it is not run by itself again", m->what->name);
		return 0;
	}
	/* A database without the table that is walked has nothing to migrate, whatever else it lacks. */
	if (!m->store->seen[m->what->stages[0].table].there)
		return 0;
	if (migrate_schema_check(m, err) < 0 || m->what->look(m, err) < 0)
		return -1;
	buf_reset(&m->need.evidence);
	buf_reset(&m->need.warning);
	return m->need.needed;
}

static int remember(struct migrate *m, struct err *err)
{
	if (!m->t->defer)
		return 0;
	return pending_add(m->t->profile, &m->t->root, m->t->defer, "it was begun and has not come to its end", &m->t->argv, NULL, err);
}

/* The script starts it again, with the new code. */
static int stop_application(struct migrate *m, struct err *err)
{
	const char *unit = profile_get(m->t->profile, "package", "unit");
	const char *const argv[] = { "deb-systemd-invoke", "stop", unit, NULL };
	AUTO_BUF said = BUF_INIT;
	const struct child c = { .argv = argv, .out = &said, .errs = &said, .timeout_ms = STOP_MS };

	if (!m->t->defer || !unit || root_is_foreign(&m->t->root) || !script_is_booted(&m->t->root, NULL) ||
	    !migrate_policy_unit_runs(unit))
		return 0;
	log_info("'%s' is stopped while the data changes", unit);
	return child_check(&c, err);
}

/* The way back of this migration is the way back of the upgrade; nobody has read that backup yet. */
static int settle_backup(struct migrate *m, struct err *err)
{
	AUTO_FREE char *file = NULL;
	AUTO_STRV words = STRV_INIT;
	bool verified;
	int rc;

	if (migrate_policy_upgrade_backup(m, &file, &verified, err) < 0) {
		if (err->kind == ERR_ABSENT)
			err->kind = ERR_POLICY;
		return -1;
	}
	if (!verified) {
		AUTO_FREE char *path = xasprintf("%s%s", root_is_foreign(&m->t->root) ? m->t->root.prefix : "", file);

		log_info("reading back '%s', before '%s' is run", path, m->what->name);
		strv_add(&words, "verify");
		strv_add(&words, "--skip-links");	/* made a moment ago; hours, where documents are large */
		strv_add(&words, path);
		rc = migrate_policy_program(m, "backup", &words, -1, err);
		if (rc < 0)
			return -1;
		if (rc > 0)
			return err_set(err, ERR_POLICY, "the upgrade's backup '%s' could not be read back (see above)", path);
	}
	m->store->backup = xasprintf("%.240s", file);
	return 0;
}

static int attempt(struct migrate *m, struct err *err)
{
	enum past past;
	int due = is_due(m, &past, err);

	if (due <= 0)
		return due;
	if (migrate_schema_check(m, err) < 0 || migrate_preflight(m, err) < 0 || remember(m, err) < 0 || stop_application(m, err) < 0 || (past == PAST_NONE && settle_backup(m, err) < 0))
		return -1;
	/* As a pending step that somebody does by hand: later, then, not never. */
	if (!m->t->defer && migrate_policy_quiet(m, err) < 0) {
		if (err->kind == ERR_POLICY)
			err->kind = ERR_BACKEND;
		return -1;
	}
	return migrate_run(m, err);
}

static int left_to_a_person(struct migrate *m, struct err *err)
{
	const char *package = m->t->package, *name = m->what->name;
	AUTO_BUF out = BUF_INIT;

	buf_addf(&out, "'%s' is not done: %s\n", name, err->text);
	log_warn("%.*s", (int)out.len - 1, out.p);
	log_warn("when that is mended, stop the application, make a backup and verify it, then run: maintkit -p %s migrate run %s",
		 package, name);
	err_clear(err);
	return tool_print(&out, err);
}

int migrate_upgrade(struct migrate *m, struct err *err)
{
	if (attempt(m, err) == 0)
		return 0;
	return err->kind == ERR_BACKEND || err->kind == ERR_USAGE ? -1 : left_to_a_person(m, err);
}
