/* maintkit-status: one screen that tells what is done, pending and wrong, and the command that mends it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * It knows nothing by itself: it asks the other programs, which read only.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/child.h"
#include "../core/json.h"
#include "status.h"

#define ASK_MS 30000

static bool check;

static const char *const level_words[] = {
	[LEVEL_OK] = "ok", [LEVEL_NOTE] = "note", [LEVEL_WRONG] = "wrong", [LEVEL_UNKNOWN] = "unknown",
};

static void finding_release(struct finding *f)
{
	buf_release(&f->text);
	free(f->mend);
}

static char *program_of(const char *command)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');

	if (!slash)
		return xasprintf("/usr/libexec/maintkit/maintkit-%s", command);
	*slash = '\0';
	return xasprintf("%s/maintkit-%s", self, command);
}

/* The first error line of a program's stderr, without its "NAME: error: ". */
static void add_reason(struct buf *out, const struct buf *errs)
{
	const char *from = strstr(errs->p, ": error: ");

	from = from ? from + strlen(": error: ") : errs->p;
	buf_add(out, from, strcspn(from, "\n"));
	if (!*from)
		buf_adds(out, "it gave no reason");
}

/* Exit status of COMMAND VERB --json, its output and its messages; -1 when it could not be run. */
static int ask(struct tool *t, const char *command, const char *verb, struct buf *out, struct buf *errs, struct err *err)
{
	AUTO_FREE char *program = program_of(command);
	AUTO_STRV args = STRV_INIT;

	strv_add(&args, program);
	strv_addf(&args, "--package=%s", t->package);
	if (root_is_foreign(&t->root))
		strv_addf(&args, "--root=%s", t->root.prefix);
	if (t->profile_file) {
		AUTO_FREE char *absolute = realpath(t->profile_file, NULL);

		strv_addf(&args, "--profile=%s", absolute ? absolute : t->profile_file);
	}
	strv_add(&args, verb);
	strv_add(&args, "--json");
	const struct child c = {
		.argv = (const char *const *)args.v, .out = out, .errs = errs, .cap = 8u << 20, .timeout_ms = ASK_MS,
	};

	return child_run(&c, err);
}

static void look(struct tool *t, const struct area *a, struct finding *f)
{
	AUTO_BUF out = BUF_INIT, errs = BUF_INIT;
	AUTO_FREE char *program = program_of(a->command);
	struct err err = ERR_INIT;

	if (access(program, X_OK) < 0) {
		f->level = LEVEL_UNKNOWN;
		buf_addf(&f->text, "not known now: '%s' is not installed", program);
		return;
	}
	int status = ask(t, a->command, a->verb, &out, &errs, &err);

	if (status == 0 || status == 1) {	/* 1: a predicate's "no", its report is out */
		a->judge(t, out.p, f);
		return;
	}
	f->level = status < 0 || status == 3 ? LEVEL_UNKNOWN : LEVEL_WRONG;
	f->backend = f->level == LEVEL_UNKNOWN;
	if (f->backend)
		buf_adds(&f->text, "not known now: ");
	if (status < 0)
		buf_adds(&f->text, err.text);
	else
		add_reason(&f->text, &errs);
}

/* "1:19.0-1 installed" as dpkg has it; NULL when it does not know the package. */
static char *installed_version(struct tool *t)
{
	AUTO_BUF out = BUF_INIT, errs = BUF_INIT;
	AUTO_FREE char *admin = xasprintf("--admindir=%s/var/lib/dpkg", t->root.prefix);
	const char *const argv[] = { "dpkg-query", admin, "-W", "-f", "${Version} ${db:Status-Status}\n", t->package, NULL };
	const struct child c = { .argv = argv, .out = &out, .errs = &errs };

	if (child_run(&c, NULL) != 0)
		return NULL;
	buf_trim_end(&out);
	return out.len ? buf_steal(&out) : NULL;
}

static bool concerns(const struct tool *t, const struct area *a)
{
	AUTO_STRV sections = STRV_INIT;

	if (!a->section)
		return true;
	profile_sections(t->profile, a->section, &sections);
	return strv_has(&sections, a->section);
}

static bool is_wrong(const struct finding *f, bool booted)
{
	return f->level == LEVEL_WRONG || (f->backend && booted);
}

static void as_json(struct buf *out, const struct tool *t, const char *version, const struct finding *f,
		    const bool *shown, bool well)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_string(&j, "package", t->package);
	json_string(&j, "installed", version);
	json_bool(&j, "well", well);
	json_array(&j, "areas");
	for (size_t i = 0; i < status_n_areas; i++) {
		if (!shown[i])
			continue;
		json_object(&j, NULL);
		json_string(&j, "area", status_areas[i].name);
		json_string(&j, "state", level_words[f[i].level]);
		json_string(&j, "text", f[i].text.p);
		json_string(&j, "mend", f[i].mend);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
}

static void as_text(struct buf *out, const struct tool *t, const char *version, const struct finding *f, const bool *shown)
{
	buf_addf(out, "%s %s\n", t->package, version ? version : "is not installed");
	for (size_t i = 0; i < status_n_areas; i++) {
		if (!shown[i])
			continue;
		buf_addf(out, "%-8s %-14s %s\n", level_words[f[i].level], status_areas[i].name, f[i].text.p);
		if (f[i].mend)
			buf_addf(out, "%-23s run 'maintkit -p %s %s'\n", "", t->package, f[i].mend);
	}
}

static void as_line(struct buf *out, const struct tool *t, const struct finding *f, const bool *shown, bool booted)
{
	const char *between = "";

	buf_addf(out, "%s: ", t->package);
	for (size_t i = 0; i < status_n_areas; i++) {
		if (!shown[i] || !is_wrong(&f[i], booted))
			continue;
		buf_addf(out, "%s%s: %s", between, status_areas[i].name, f[i].text.p);
		between = "; ";
	}
	buf_adds(out, *between ? "\n" : "all well\n");
}

static int run_status(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	struct finding *f = xcalloc(status_n_areas, sizeof(*f));
	bool *shown = xcalloc(status_n_areas, sizeof(*shown));
	AUTO_FREE char *version = installed_version(t);
	AUTO_BUF out = BUF_INIT;
	bool booted = script_is_booted(&t->root, NULL), well = true;

	for (size_t i = 0; i < status_n_areas; i++) {
		f[i] = (struct finding)FINDING_INIT;
		shown[i] = concerns(t, &status_areas[i]);
		if (shown[i])
			look(t, &status_areas[i], &f[i]);
		well = well && !(shown[i] && is_wrong(&f[i], booted));
	}
	if (t->json)
		as_json(&out, t, version, f, shown, well);
	else if (check)
		as_line(&out, t, f, shown, booted);
	else
		as_text(&out, t, version, f, shown);
	for (size_t i = 0; i < status_n_areas; i++)
		finding_release(&f[i]);
	free(f);
	free(shown);
	if (tool_print(&out, err) < 0)
		return -1;
	return check && !well ? 1 : 0;
}

static const struct opt opts[] = {
	{ "check", 0, OPT_FLAG, &check, NULL, "for monitoring: one line, exit 1 when something is wrong" },
	{ 0 },
};
static const struct verb verbs[] = {
	{ .name = "", .help = "One screen: what is done, pending, wrong, and the command that mends it.",
	  .flags = VERB_JSON | VERB_NEEDS_ROOT, .opts = opts, .run = run_status },
	{ 0 },
};
static const struct command command = { "status", "What is done, pending and wrong.", verbs };

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}
