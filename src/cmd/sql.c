/* maintkit-sql: the package's database, and SQL scripts applied to it statement by statement.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "sql.h"

struct sql_options sql_opts = { .wait = 30 };

#define CONNECTION \
	{ "defaults-file", 0, OPT_STRING, &sql_opts.defaults_file, "CNF", "how to reach the server ([client] group, mode 0600)" }, \
	{ "database", 0, OPT_STRING, &sql_opts.database, "DB", "this database instead of the profile's" }, \
	{ "wait", 0, OPT_INT, &sql_opts.wait, "SECONDS", "for another run to end, or the server to come back (30)" }

static const struct opt connection[] = { CONNECTION, { 0 } };
static const struct opt create_opts[] = {
	CONNECTION,
	{ "adopt", 0, OPT_FLAG, &sql_opts.adopt, NULL, "take over a database of another installation" },
	{ 0 },
};
static const struct opt apply_opts[] = {
	CONNECTION,
	{ "demo", 0, OPT_FLAG, &sql_opts.demo, NULL, "the demonstration data too" },
	{ 0 },
};
static const struct opt plan_opts[] = {
	CONNECTION,
	{ "demo", 0, OPT_FLAG, &sql_opts.demo, NULL, "as with apply --demo" },
	{ "exit-code", 0, OPT_FLAG, &sql_opts.exit_code, NULL, "exit 1 when something is due, 0 when nothing is" },
	{ 0 },
};
static const struct opt repair_opts[] = {
	CONNECTION,
	{ "done", 0, OPT_STRING, &sql_opts.done, "N", "statement N was done" },
	{ "redo", 0, OPT_STRING, &sql_opts.redo, "N", "statement N was not done; 1: begin the script anew" },
	{ 0 },
};

static const struct verb verbs[] = {
	{ "create", "", "Make the database and the application's account.", VERB_DRY_RUN | VERB_DEFER | VERB_LOCK | VERB_JSON,
	  0, 0, create_opts, sql_create },
	{ "apply", "[NAME | FILE.sql]...", "Apply what is due, or the scripts named.", VERB_DRY_RUN | VERB_DEFER | VERB_JSON,
	  0, -1, apply_opts, sql_apply },
	{ "plan", "[NAME | FILE.sql]...", "Show what apply would run.", VERB_JSON, 0, -1, plan_opts, sql_plan },
	{ "status", "", "Show which scripts were applied.", VERB_JSON, 0, 0, connection, sql_status },
	{ "verify", "", "Check that what applied scripts promised is there.", VERB_JSON, 0, 0, connection, sql_verify },
	{ "repair", "NAME", "Say what became of a statement that was cut off.", VERB_DRY_RUN | VERB_JSON, 1, 1, repair_opts, sql_repair },
	{ "baseline", "", "Adopt an existing database by looking at its tables.", VERB_DRY_RUN | VERB_DEFER | VERB_LOCK | VERB_JSON,
	  0, 0, connection, sql_baseline },
	{ 0 },
};

static const struct command command = { "sql", "The package's database and the SQL scripts applied to it.", verbs };

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}
