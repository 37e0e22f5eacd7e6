/* maintkit-migrate: OSCAR's data migrations, with preview, undo and proof.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "migrate.h"

struct migrate_options migrate_opts = { .wait = 30, .samples = 5 };

/* In the order in which `list` shows them. */
static const struct migration *const migrations[] = {
	NULL,
};

static int run_list(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_BUF out = BUF_INIT;

	(void)t;
	for (const struct migration *const *m = migrations; *m; m++)
		buf_addf(&out, "%-14s %s\n", (*m)->name, (*m)->summary);
	return tool_print(&out, err);
}

static const struct verb verbs[] = {
	{ "list", "", "Show which migrations there are.", 0, 0, 0, NULL, run_list },
	{ 0 },
};

static const struct command command = { "migrate", "Data migrations of the package's database.", verbs };

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}
