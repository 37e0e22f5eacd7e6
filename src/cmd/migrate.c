/* maintkit-migrate: OSCAR's data migrations, with preview, undo and proof.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "migrate_frame.h"

struct migrate_options migrate_opts = { .rows = 5000, .wait = 30, .samples = 5 };

/* In the order in which `list` shows them. */
const struct migration *const migrate_all[] = {
	&migrate_roster,
	&migrate_middle_names,
	&migrate_hrm,
	&migrate_contacts,
	&migrate_onar,
	NULL,
};

const struct migration *migrate_find(const char *name, struct err *err)
{
	AUTO_BUF names = BUF_INIT;

	for (size_t i = 0; migrate_all[i]; i++) {
		if (strcmp(migrate_all[i]->name, name) == 0)
			return migrate_all[i];
		buf_addf(&names, "%s%s", i ? ", " : "", migrate_all[i]->name);
	}
	err_set(err, ERR_USAGE, "there is no migration '%s'; there are: %s", name, names.p);
	return NULL;
}

#define CONNECTION \
	{ "defaults-file", 0, OPT_STRING, &migrate_opts.defaults_file, "CNF", "how to reach the server ([client] group, mode 0600)" }, \
	{ "database", 0, OPT_STRING, &migrate_opts.database, "DB", "a copy to work on instead of the profile's database" }

/* What decides the outcome; each migration takes some of them. */
#define CHOICES \
	{ "batch", 0, OPT_INT, &migrate_opts.rows, "ROWS", "rows in a transaction (default 5000)" }, \
	{ "compat", 0, OPT_FLAG, &migrate_opts.compat, NULL, "exactly as OSCAR's own tool does it (hrm, middle-names)" }, \
	{ "no-invented-reason", 0, OPT_FLAG, &migrate_opts.no_invented, NULL, "no termination reason 33 where none is known (roster)" }, \
	{ "skip-blank-providers", 0, OPT_FLAG, &migrate_opts.skip_blank, NULL, "do not copy a provider that is only blanks (roster)" }, \
	{ "decisions", 0, OPT_STRING, &migrate_opts.decisions, "FILE", "the list of --holds with its decisions filled in (middle-names)" }, \
	{ "join", 0, OPT_FLAG, &migrate_opts.join, NULL, "both names where old and new middle names differ (middle-names)" }, \
	{ "providers-only", 0, OPT_FLAG, &migrate_opts.providers_only, NULL, "only look the recipients up again (hrm)" }, \
	{ "guess-provider-types", 0, OPT_FLAG, &migrate_opts.guess, NULL, "6 digits CPSO, 7 CNORNP where the type is empty (hrm)" }, \
	{ "samples", 0, OPT_INT, &migrate_opts.samples, "N", "examples of each kind to show (default 5)" }

static const struct opt look_opts[] = { CONNECTION, { 0 } };
static const struct opt plan_opts[] = {
	CONNECTION,
	CHOICES,
	{ "csv", 0, OPT_STRING, &migrate_opts.csv, "FILE", "write every change to FILE (mode 600)" },
	{ "holds", 0, OPT_STRING, &migrate_opts.holds, "FILE", "write what waits for a person's decision to FILE (middle-names)" },
	{ "exit-code", 0, OPT_FLAG, &migrate_opts.exit_code, NULL, "exit 1 when something would change, 0 when nothing would" },
	{ 0 },
};
static const struct opt run_opts[] = {
	CONNECTION,
	CHOICES,
	{ "online", 0, OPT_FLAG, &migrate_opts.online, NULL, "although the web application runs" },
	{ "without-backup", 0, OPT_STRING, &migrate_opts.without_backup, "REASON", "although there is no verified backup" },
	{ "wait", 0, OPT_INT, &migrate_opts.wait, "SECONDS", "for another run to end, or the server to come back (30)" },
	{ "for-upgrade", 0, OPT_FLAG, &migrate_opts.for_upgrade, NULL, "for maintainer scripts: once, if the data comes from a version that needs it (contacts)" },
	{ "from", 0, OPT_STRING, &migrate_opts.from, "VERSION", "with --for-upgrade: the version configured before" },
	{ 0 },
};
static const struct opt undo_opts[] = {
	CONNECTION,
	{ "online", 0, OPT_FLAG, &migrate_opts.online, NULL, "although the web application runs" },
	{ "csv", 0, OPT_STRING, &migrate_opts.csv, "FILE", "write every cell that was left to FILE (mode 600)" },
	{ "samples", 0, OPT_INT, &migrate_opts.samples, "N", "cells that were left to name, a table (default 5)" },
	{ "wait", 0, OPT_INT, &migrate_opts.wait, "SECONDS", "for another run to end, or the server to come back (30)" },
	{ 0 },
};

static const struct verb verbs[] = {
	{ "list", "", "Show which migrations there are and which this database needs.", VERB_JSON, 0, 0, look_opts, migrate_verb_list },
	{ "status", "[NAME]", "Show what was run, and what is due.", VERB_JSON, 0, 1, look_opts, migrate_verb_status },
	{ "plan", "NAME", "Show what a run would change.", VERB_JSON, 1, 1, plan_opts, migrate_verb_plan },
	{ "run", "NAME", "Migrate, or go on with a run that was cut off.", VERB_JSON | VERB_DRY_RUN | VERB_DEFER, 1, 1, run_opts, migrate_verb_run },
	{ "undo", "NAME", "Put back every cell that still holds what was written.", VERB_JSON | VERB_DRY_RUN, 1, 1, undo_opts, migrate_verb_undo },
	{ "verify", "NAME", "Check that what a run promised holds.", VERB_JSON, 1, 1, look_opts, migrate_verb_verify },
	{ 0 },
};

static const struct command command = { "migrate", "Data migrations of the package's database.", verbs };

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}
