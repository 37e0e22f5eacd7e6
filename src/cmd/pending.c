/* maintkit-pending: list and finish the steps that waited for their backend.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/child.h"
#include "../base/lock.h"
#include "../core/json.h"
#include "../ext/pending.h"
#include "../ext/statefile.h"
#include "tool.h"

#define BOOT_WAIT_MS 3000

static bool at_boot;

static char *step_text(const struct pending_step *s)
{
	AUTO_BUF b = BUF_INIT;

	for (size_t i = 0; i < s->argv.n; i++)
		buf_addf(&b, "%s%s", i ? " " : "", s->argv.v[i]);
	return buf_steal(&b);
}

static void as_json(struct buf *out, const struct pending_step *list, size_t n)
{
	struct json j = { .out = out };

	json_array(&j, NULL);
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *text = step_text(&list[i]);

		json_object(&j, NULL);
		json_string(&j, "chain", list[i].chain);
		json_string(&j, "step", text);
		json_string(&j, "reason", list[i].reason);
		json_end(&j);
	}
	json_end(&j);
}

static int run_list(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	struct pending_step *list;
	size_t n;
	AUTO_BUF out = BUF_INIT;

	if (pending_list(t->profile, &t->root, &list, &n, err) < 0)
		return -1;
	if (t->json) {
		as_json(&out, list, n);
	} else {
		for (size_t i = 0; i < n; i++) {
			AUTO_FREE char *text = step_text(&list[i]);

			buf_addf(&out, "%-10s %s\n%-10s   waits because %s\n", list[i].chain, text, "", list[i].reason);
		}
	}
	pending_free(list, n);
	return tool_print(&out, err);
}

static char *program_of(const char *command)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return xasprintf("/usr/libexec/maintkit/maintkit-%s", command);
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	return xasprintf("%s/maintkit-%s", self, command);
}

static int read_step_input(struct tool *t, const struct pending_step *s, struct buf *input, struct err *err)
{
	if (!*s->input)
		return 0;
	AUTO_FREE char *leaf = xasprintf("pending.d/%s", s->input);
	AUTO_FREE char *path = profile_state_path(t->profile, leaf);

	return path_read_file(&t->root, path, input, FILE_MAX_SIZE, NULL, err);
}

/* Run one step as its own program; it takes the package's lock itself. */
static int run_step(struct tool *t, const struct pending_step *s, struct err *err)
{
	AUTO_BUF input = BUF_SECRET_INIT;
	AUTO_STRV args = STRV_INIT;
	AUTO_FREE char *program = program_of(s->argv.v[0]);
	AUTO_FREE char *text = step_text(s);

	if (read_step_input(t, s, &input, err) < 0)
		return -1;
	strv_add(&args, program);
	strv_addf(&args, "--package=%s", t->package);
	if (root_is_foreign(&t->root))
		strv_addf(&args, "--root=%s", t->root.prefix);
	for (size_t i = 1; i < s->argv.n; i++)
		strv_add(&args, s->argv.v[i]);
	const struct child c = {
		.argv = (const char *const *)args.v,
		.in = *s->input ? input.p : NULL, .in_len = input.len,
		.timeout_ms = -1,	/* a schema step may take hours; systemd's limit is the unit's */
	};

	log_info("doing what was left: %s", text);
	int status = child_run(&c, err);

	if (status < 0)
		return -1;
	if (status == 0)
		return 0;
	err_set(err, status == 3 ? ERR_BACKEND : status == 4 ? ERR_POLICY : ERR_FAIL,
		"'%s' ended with exit status %d and still waits", text, status);
	err_hint(err, "mend what it said above, then run 'maintkit -p %s pending run'", t->package);
	return -1;
}

/* The script that was asking for the steps anew did not come to its end. */
static void interrupted(struct tool *t, const struct pending_step *s, struct err *err)
{
	AUTO_FREE char *text = step_text(s);

	err_set(err, ERR_BACKEND, "'%s' waits for the end of a configuration that was interrupted", text);
	err_hint(err, "run 'dpkg --configure %s'", t->package);
}

/* A step that failed stops its chain, not the others. The first failure is reported at the end. */
static int run_all(struct tool *t, const struct pending_step *list, size_t n, struct err *err)
{
	AUTO_STRV stopped = STRV_INIT;
	struct err first = ERR_INIT;

	for (size_t i = 0; i < n; i++) {
		struct err why = ERR_INIT;

		if (strv_has(&stopped, list[i].chain))
			continue;
		if (pending_is_superseded(&list[i]))
			interrupted(t, &list[i], &why);
		else if (run_step(t, &list[i], &why) == 0 &&
			 pending_remove(t->profile, &t->root, &list[i].argv, &why) == 0)
			continue;
		strv_add(&stopped, list[i].chain);
		if (first.kind == ERR_NONE)
			first = why;
		else
			log_err(&why);
	}
	if (first.kind == ERR_NONE)
		return 0;
	*err = first;
	return -1;
}

/* The application's unit pulls ours in and waits for it. Whoever restarts the
 * application from a maintkit command ("app activate") holds the package's lock
 * until that restart is over: steps that waited for the lock would wait for
 * themselves. 1 free, 0 somebody keeps it. */
static int package_is_free(struct tool *t, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(t->profile, "lock");
	struct err why = ERR_INIT;
	AUTO_FD int lock = lock_file(&t->root, path, BOOT_WAIT_MS, &why);

	if (lock >= 0)
		return 1;
	if (why.kind == ERR_BUSY)
		return 0;
	*err = why;
	return -1;
}

static int run_run(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	struct pending_step *list;
	size_t n;
	AUTO_FREE char *path = profile_state_path(t->profile, "pending.lock");

	if (pending_list(t->profile, &t->root, &list, &n, err) < 0)
		return -1;
	if (!n) {
		log_info("nothing is pending");
		return 0;
	}
	pending_free(list, n);
	if (t->dry_run)
		return run_list(t, 0, NULL, err);
	/* The package's own lock is for the steps; this one keeps two runs apart.
	 * What a run before us has done meanwhile is not done again. */
	struct err why = ERR_INIT;
	AUTO_FD int lock = lock_file(&t->root, path, 0, &why);
	int free_now = lock >= 0 && at_boot ? package_is_free(t, err) : 1;

	if (at_boot && (free_now == 0 || (lock < 0 && why.kind == ERR_BUSY))) {
		log_info("another maintkit command is at work: the steps wait for the next start of '%s'", t->package);
		return 0;
	}
	if (lock < 0)
		*err = why;
	if (lock < 0 || free_now < 0 || pending_list(t->profile, &t->root, &list, &n, err) < 0)
		return -1;
	int rc = run_all(t, list, n, err);

	pending_free(list, n);
	return rc;
}

static int run_renew(struct tool *t, int argc, char **argv, struct err *err)
{
	return pending_renew(t->profile, &t->root, argv, (size_t)argc, err);
}

static int run_renewed(struct tool *t, int argc, char **argv, struct err *err)
{
	return pending_renewed(t->profile, &t->root, argv, (size_t)argc, err);
}

static const struct opt run_opts[] = {
	{ "boot", 0, OPT_FLAG, &at_boot, NULL, "called by the unit: leave the steps when another maintkit command is at work" },
	{ 0 },
};
static const struct verb verbs[] = {
	{ .name = "list", .help = "show the waiting steps, in order", .flags = VERB_JSON, .run = run_list },
	{ .name = "run", .help = "do them now", .flags = VERB_DRY_RUN | VERB_NEEDS_ROOT,
	  .opts = run_opts, .run = run_run },
	{ .name = "renew", .args = "CHAIN...", .help = "for maintainer scripts: all steps of these chains are about to be asked for anew",
	  .flags = VERB_NEEDS_ROOT, .min_args = 1, .max_args = -1, .run = run_renew },
	{ .name = "renewed", .args = "CHAIN...", .help = "... and were: forget what was not asked for again",
	  .flags = VERB_NEEDS_ROOT, .min_args = 1, .max_args = -1, .run = run_renewed },
	{ 0 },
};
static const struct command command = { "pending", "Steps that wait for their backend.", verbs };

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}
