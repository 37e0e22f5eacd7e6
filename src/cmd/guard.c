/* maintkit-guard: may this version be installed, or started, over this data?
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../core/json.h"
#include "../ext/backups.h"
#include "../ext/dpkgver.h"
#include "../ext/mirror.h"
#include "../ext/pending.h"
#include "guard_mark.h"

#define ALLOW_HOURS_DEFAULT 24
#define ALLOW_HOURS_MAX (24 * 31)

static struct {
	bool control, refresh, from_database;
	const char *level_field, *reads_field, *reason, *lineage;
	long level, min, hours, lower_from;
} opt = { .level = -1, .min = -1, .hours = ALLOW_HOURS_DEFAULT };

static enum policy_lang language(void)
{
	return policy_language(getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG"));
}

static int incoming(struct guard_incoming *in, const char *what, struct err *err)
{
	size_t len = strlen(what);

	if (opt.control || strchr(what, '/') || (len > 4 && strcmp(what + len - 4, ".deb") == 0))
		return guard_incoming_file(in, what, opt.control, err);
	return guard_incoming_version(in, what, opt.level_field, opt.reads_field, err);
}

static void words(struct buf *text, const struct guard *g, const struct policy_incoming *in,
		  const struct policy_result *r, struct tool *t)
{
	struct policy_backup backup = { NULL };
	bool way_out = r->verdict == POLICY_REFUSE && backups_way_out(&t->root, &g->state, r, &backup);

	policy_text(text, &g->state, in, r, way_out ? &backup : NULL, language());
	free(backup.file);
	buf_trim_end(text);
}

static int print_json(const struct policy_state *s, const struct policy_incoming *in,
		      const struct policy_result *r, const char *text, struct err *err)
{
	static const char *const verdicts[] = { "allow", "warn", "refuse" };
	AUTO_BUF out = BUF_INIT;
	struct json j = { .out = &out };

	json_object(&j, NULL);
	json_string(&j, "package", s->package);
	json_string(&j, "version", in->version);
	json_string(&j, "verdict", verdicts[r->verdict]);
	json_string(&j, "reason", policy_why_name(r->why));
	json_int(&j, "schema_level", s->schema_level);
	json_int(&j, "min_app_level", s->min_level);
	json_string(&j, "text", text);
	json_end(&j);
	return tool_print(&out, err);
}

/* Say the decision the way every verb says it. */
static int tell(const struct guard *g, const struct policy_incoming *in, const struct policy_result *r,
		struct tool *t, struct err *err)
{
	AUTO_BUF text = BUF_INIT;

	words(&text, g, in, r, t);
	if (t->json && print_json(&g->state, in, r, text.p, err) < 0)
		return -1;
	switch (r->verdict) {
	case POLICY_REFUSE:
		return err_set(err, ERR_POLICY, "%s", text.p);
	case POLICY_WARN:
		log_warn("%s", text.p);
		return 0;
	case POLICY_ALLOW:
		break;
	}
	if (r->why == POLICY_BY_ALLOWANCE)
		log_warn("%s", text.p);
	else
		log_info("%s", text.p);
	return 0;
}

static bool about_us(const struct guard_incoming *in, const struct tool *t)
{
	return !in->package || strcmp(in->package, t->package) == 0;
}

static int run_check(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(guard_release) struct guard g = GUARD_INIT;
	CLEANUP(guard_incoming_release) struct guard_incoming in = { 0 };
	struct policy_incoming view;
	struct policy_result r;

	(void)argc;
	if (incoming(&in, argv[0], err) < 0)
		return -1;
	if (!about_us(&in, t)) {
		log_info("'%s' is package '%s', not '%s': nothing to decide", argv[0], in.package, t->package);
		return 0;
	}
	if (guard_gather(&g, t, err) < 0 || guard_keep(&g, t, err) < 0)
		return -1;
	view = guard_view(&in);
	policy_decide(&g.state, &view, time(NULL), false, &r);
	return tell(&g, &view, &r, t, err);
}

static int run_explain(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(guard_release) struct guard g = GUARD_INIT;
	CLEANUP(guard_incoming_release) struct guard_incoming in = { 0 };
	AUTO_BUF out = BUF_INIT;
	struct policy_incoming view;
	struct policy_result r;

	(void)argc;
	if (incoming(&in, argv[0], err) < 0 || guard_gather(&g, t, err) < 0)
		return -1;
	view = guard_view(&in);
	policy_decide(&g.state, &view, time(NULL), false, &r);
	if (!g.db)
		buf_addf(&out, "(%s)\n", g.db_err.text);
	policy_explain(&out, &g.state, &view, &r, language());
	return tool_print(&out, err);
}

/* While SQL waits to be run, the code in place would meet a schema that it does
 * not expect. */
static int schema_pending(struct tool *t, struct err *err)
{
	struct pending_step *list;
	size_t n;
	char *which = NULL;

	if (pending_list(t->profile, &t->root, &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && !which; i++)
		if (list[i].argv.n && (strcmp(list[i].argv.v[0], "sql") == 0 ||
				       strcmp(list[i].argv.v[0], "migrate") == 0 ||
				       strcmp(list[i].chain, "restore") == 0))
			which = xasprintf("%s %s", list[i].argv.v[0], list[i].argv.n > 1 ? list[i].argv.v[1] : "");
	pending_free(list, n);
	if (!which)
		return 0;
	err_set(err, ERR_POLICY, "'%s' is not started: the step '%s' on its database is still pending",
		t->package, which);
	err_hint(err, "run 'maintkit -p %s pending run', which says what is wrong", t->package);
	free(which);
	return -1;
}

static int run_start_check(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(guard_release) struct guard g = GUARD_INIT;
	CLEANUP(guard_incoming_release) struct guard_incoming in = { 0 };
	struct policy_incoming view;
	struct policy_result r;
	struct err why = ERR_INIT;

	(void)argc;
	(void)argv;
	if (schema_pending(t, err) < 0)
		return -1;
	if (guard_incoming_served(&in, t, &why) < 0 && why.kind != ERR_ABSENT)
		log_warn("%s; what dpkg has unpacked is judged instead", why.text);
	if (!in.version && guard_incoming_installed(&in, t, &why) < 0) {
		/* Not knowing is no reason to keep a clinic's program down. */
		log_warn("which version is installed cannot be told: %s", why.text);
		return 0;
	}
	if (guard_gather(&g, t, err) < 0)
		return -1;
	view = guard_view(&in);
	policy_decide(&g.state, &view, time(NULL), true, &r);
	if (r.verdict != POLICY_REFUSE)
		log_set_level(LOG_WARN_LEVEL);	/* a start that is fine says nothing */
	return tell(&g, &view, &r, t, err);
}

static void status_time(struct buf *out, long long t)
{
	time_t seconds = (time_t)t;
	struct tm tm;
	char text[40];

	if (t > 0 && gmtime_r(&seconds, &tm) && strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &tm))
		buf_adds(out, text);
	else
		buf_adds(out, "-");
}

static void status_text(struct buf *out, const struct guard *g, struct tool *t, long long now)
{
	const struct policy_state *s = &g->state;
	AUTO_FREE char *backup = s->backup_dir ? mirror_newest_file(&t->root, s->backup_dir) : NULL;

	buf_addf(out, "package:       %s\n", s->package);
	buf_addf(out, "database:      %s\n", g->db ? "asked just now" : g->db_err.text);
	if (!s->known)
		buf_adds(out, "data:          none recorded; every version may be installed\n");
	buf_addf(out, "instance:      %s\nschema_level:  %ld\nmin_app_level: %ld\n",
		 s->instance ? s->instance : "-", s->schema_level, s->min_level);
	buf_addf(out, "reason:        %s\nsince:         ", s->reason ? s->reason : "-");
	status_time(out, s->since);
	buf_addf(out, "\nenvironment:   %s\nnewest backup: %s\n", s->env_note ? s->env_note : "-", backup ? backup : "-");
	for (size_t i = 0; i < s->n_release; i++)
		buf_addf(out, "was installed: %s (level %ld, reads %ld to %ld)\n", s->release[i].version,
			 s->release[i].level, s->release[i].reads_min, s->release[i].reads_max);
	for (size_t i = 0; i < s->n_allow; i++) {
		const char *flaw = policy_allowance_flaw(s, &s->allow[i], now, false);

		buf_addf(out, "allowed:       %s (%s) until ", s->allow[i].version, s->allow[i].reason);
		status_time(out, s->allow[i].expires);
		buf_addf(out, "%s%s\n", flaw ? "; no longer counts: " : "", flaw ? flaw : "");
	}
}

static void status_json(struct buf *out, const struct guard *g, long long now)
{
	const struct policy_state *s = &g->state;
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_string(&j, "package", s->package);
	json_bool(&j, "known", s->known);
	json_bool(&j, "database", g->db != NULL);
	json_bool(&j, "mirror_damaged", g->mirror_damaged);
	json_string(&j, "instance", s->instance);
	json_int(&j, "schema_level", s->schema_level);
	json_int(&j, "min_app_level", s->min_level);
	json_string(&j, "reason", s->reason);
	json_int(&j, "since", s->since);
	json_string(&j, "environment", s->env_note);
	json_array(&j, "allowed");
	for (size_t i = 0; i < s->n_allow; i++) {
		json_object(&j, NULL);
		json_string(&j, "version", s->allow[i].version);
		json_string(&j, "reason", s->allow[i].reason);
		json_int(&j, "expires", s->allow[i].expires);
		json_string(&j, "flaw", policy_allowance_flaw(s, &s->allow[i], now, false));
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
}

static int run_status(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(guard_release) struct guard g = GUARD_INIT;
	AUTO_BUF out = BUF_INIT;

	(void)argc;
	(void)argv;
	if (guard_gather(&g, t, err) < 0 || (opt.refresh && guard_keep(&g, t, err) < 0))
		return -1;
	if (t->json)
		status_json(&out, &g, time(NULL));
	else
		status_text(&out, &g, t, time(NULL));
	return tool_print(&out, err);
}

static int run_allow(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(guard_release) struct guard g = GUARD_INIT;
	struct policy_incoming in = { .version = argv[0] };
	AUTO_FREE char *reason = opt.reason ? xstrdup(opt.reason) : NULL;
	struct policy_result r;
	long long now = time(NULL);

	(void)argc;
	if (dpkgver_check(argv[0], err) < 0)
		return -1;
	if (!reason || !*reason)
		return err_set(err, ERR_USAGE, "--reason is missing: it is kept with the allowance");
	if (opt.hours < 1 || opt.hours > ALLOW_HOURS_MAX)
		return err_set(err, ERR_USAGE, "--valid must be 1 to %d hours", ALLOW_HOURS_MAX);
	if (guard_gather(&g, t, err) < 0)
		return -1;
	if (!g.state.known) {
		log_info("no data is recorded for '%s': nothing needs to be allowed", t->package);
		return 0;
	}
	policy_decide(&g.state, &in, now, false, &r);
	if (r.why == POLICY_BY_ALLOWANCE) {
		log_info("%s %s is allowed already", t->package, argv[0]);
		return 0;
	}
	struct policy_allowance a = {
		.version = argv[0], .instance = g.state.instance, .reason = reason, .made = now,
		.schema_level = g.state.schema_level, .min_level = g.state.min_level,
		.expires = now + opt.hours * 3600LL,
	};

	policy_state_add_allowance(&g.state, &a);
	if (!t->dry_run && guard_keep(&g, t, err) < 0)
		return -1;
	log_info("%s %s may be installed over this data within %ld hours (%s); the way back needs a backup",
		 t->package, argv[0], opt.hours, reason);
	return 0;
}

static int run_mark(struct tool *t, int argc, char **argv, struct err *err)
{
	struct guard_mark m = {
		.level = opt.level, .min = opt.min, .lineage = opt.lineage, .reason = opt.reason,
		.from_database = opt.from_database, .lower_from = opt.lower_from,
	};

	(void)argc;
	(void)argv;
	return guard_mark(t, &m, err);
}

static const struct opt check_opts[] = {
	{ "control", 0, OPT_FLAG, &opt.control, NULL, "the argument is a control file" },
	{ "level", 0, OPT_STRING, &opt.level_field, "N", "the version's Maintkit-Level" },
	{ "reads", 0, OPT_STRING, &opt.reads_field, "MIN-MAX", "the version's Maintkit-Reads" },
	{ 0 },
};
static const struct opt status_opts[] = {
	{ "refresh", 0, OPT_FLAG, &opt.refresh, NULL, "write what is known to the mirror" }, { 0 },
};
static const struct opt mark_opts[] = {
	{ "level", 0, OPT_INT, &opt.level, "N", "the data is now at this schema level" },
	{ "min", 0, OPT_INT, &opt.min, "N", "no version below this level reads it any more" },
	{ "lineage", 0, OPT_STRING, &opt.lineage, "VERSION", "the legacy version that the data comes from" },
	{ "from-database", 0, OPT_FLAG, &opt.from_database, NULL,
	  "a backup was restored: take the database's word, also when it is lower" },
	{ "lower-from", 0, OPT_INT, &opt.lower_from, "N", "a migration was undone: if --min was N by it, make it what is given" },
	{ "reason", 0, OPT_STRING, &opt.reason, "TEXT", "why; shown in every refusal" },
	{ 0 },
};
static const struct opt allow_opts[] = {
	{ "reason", 0, OPT_STRING, &opt.reason, "TEXT", "why; kept and logged" },
	{ "valid", 0, OPT_INT, &opt.hours, "HOURS", "how long it may be installed (default 24)" },
	{ 0 },
};

static const struct verb verbs[] = {
	{ "check", "VERSION | FILE.deb | --control FILE", "May it be installed over this data?",
	  VERB_JSON, 1, 1, check_opts, run_check },
	{ "explain", "VERSION | FILE.deb", "Show every rule, what it saw and what it decides.",
	  0, 1, 1, check_opts, run_explain },
	{ "status", "", "Show what is known about the data.", VERB_JSON, 0, 0, status_opts, run_status },
	{ "mark", "", "Raise the levels of the data.",
	  VERB_DRY_RUN | VERB_DEFER | VERB_NEEDS_ROOT | VERB_LOCK, 0, 0, mark_opts, run_mark },
	{ "allow", "VERSION", "Let a refused version be installed, once, for this state of the data.",
	  VERB_DRY_RUN | VERB_NEEDS_ROOT | VERB_LOCK, 1, 1, allow_opts, run_allow },
	{ "start-check", "", "May the installed version be started over this data?",
	  0, 0, 0, NULL, run_start_check },
	{ 0 },
};

static const struct command command = {
	"guard", "Decide by the state of the data which versions may be put over it.", verbs,
};

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}
