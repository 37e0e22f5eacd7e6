/* What every maintkit program shares: options, help, package choice, deferral, and the exit status.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../ext/pending.h"
#include "../ext/statefile.h"
#include "tool.h"

#ifndef MAINTKIT_VERSION
#define MAINTKIT_VERSION "unknown"
#endif

#define OPTS_MAX 64

/* Values of the options that all verbs share. */
static struct {
	const char *package, *root, *profile, *defer;
	bool quiet, verbose, help, version, json, dry_run;
} given;

static const struct opt common_opts[] = {
	{ "package", 'p', OPT_STRING, &given.package, "NAME", "the package to work for" },
	{ "root", 0, OPT_STRING, &given.root, "DIR", "work on the system below DIR" },
	{ "profile", 0, OPT_STRING, &given.profile, "FILE", "read this profile instead of the package's" },
	{ "quiet", 'q', OPT_FLAG, &given.quiet, NULL, "say only what went wrong" },
	{ "verbose", 'v', OPT_FLAG, &given.verbose, NULL, "say more" },
	{ "help", 'h', OPT_FLAG, &given.help, NULL, "show this help" },
	{ "version", 0, OPT_FLAG, &given.version, NULL, "show the version" },
	{ 0 },
};
static const struct opt dry_run_opt[] = {
	{ "dry-run", 'n', OPT_FLAG, &given.dry_run, NULL, "say what would be done, change nothing" }, { 0 },
};
static const struct opt json_opt[] = {
	{ "json", 0, OPT_FLAG, &given.json, NULL, "report as JSON on stdout" }, { 0 },
};
static const struct opt defer_opt[] = {
	{ "defer", 0, OPT_STRING, &given.defer, "CHAIN",
	  "when the backend is absent, leave the step to the next boot, in order within CHAIN" }, { 0 },
};

/* The tables in force for one verb, as one list and as getopt_long(3) wants it. */
struct options {
	const struct opt *opt[OPTS_MAX];
	struct option lng[OPTS_MAX + 1];
	char shrt[2 * OPTS_MAX + 3];
	int n;
};

static void add_table(struct options *o, const struct opt *table)
{
	size_t len = strlen(o->shrt);

	for (; table && table->name; table++) {
		if (o->n == OPTS_MAX)
			abort();	/* a programming error */
		o->lng[o->n] = (struct option){
			.name = table->name,
			.has_arg = table->type == OPT_FLAG ? no_argument : required_argument,
			.val = 256 + o->n,
		};
		if (table->letter) {
			o->shrt[len++] = table->letter;
			if (table->type != OPT_FLAG)
				o->shrt[len++] = ':';
		}
		o->opt[o->n++] = table;
	}
	o->shrt[len] = '\0';
}

/* "+": stop at the first word that is no option, ":" report what is missing. */
static void build_options(struct options *o, const struct verb *v)
{
	memset(o, 0, sizeof(*o));
	strcpy(o->shrt, v ? ":" : "+:");
	if (v)
		add_table(o, v->opts);	/* first: a verb may have an own meaning of "version" */
	add_table(o, common_opts);
	if (!v)
		return;
	if (v->flags & VERB_DRY_RUN)
		add_table(o, dry_run_opt);
	if (v->flags & VERB_JSON)
		add_table(o, json_opt);
	if (v->flags & VERB_DEFER)
		add_table(o, defer_opt);
}

static const struct opt *option_of(const struct options *o, int c)
{
	if (c >= 256)
		return o->opt[c - 256];
	for (int i = 0; i < o->n; i++)
		if (o->opt[i]->letter && o->opt[i]->letter == c)
			return o->opt[i];
	return NULL;
}

static int store_value(const struct opt *opt, const char *value, struct err *err)
{
	char *end;

	switch (opt->type) {
	case OPT_FLAG:
		*(bool *)opt->dest = true;
		return 0;
	case OPT_STRING:
		*(const char **)opt->dest = value;
		return 0;
	case OPT_LIST:
		strv_add(opt->dest, value);
		return 0;
	case OPT_INT:
		break;
	}
	errno = 0;
	*(long *)opt->dest = strtol(value, &end, 10);
	if (errno || end == value || *end)
		return err_set(err, ERR_USAGE, "--%s: '%s' is not a number", opt->name, value);
	return 0;
}

static int no_such_option(const char *arg, struct err *err)
{
	/* A wrong letter may stand among others; getopt tells only which it is. */
	if (arg[0] == '-' && arg[1] == '-')
		return err_set(err, ERR_USAGE, "there is no option '%s' here", arg);
	return err_set(err, ERR_USAGE, "there is no option '-%c' here", optopt);
}

/* A pending step repeats the options that were given, spelled in full, but not
 * those that it gets from whoever runs it. */
static void remember_option(struct strv *seen, const struct opt *opt)
{
	if (!seen || opt->dest == &given.defer || opt->dest == &given.package || opt->dest == &given.root ||
	    opt->dest == &given.profile)
		return;
	if (opt->type == OPT_FLAG)
		strv_addf(seen, "--%s", opt->name);
	else
		strv_addf(seen, "--%s=%s", opt->name, optarg);
}

/* Parse into the tables' destinations; optind is where the rest begins. */
static int parse_options(const struct options *o, int argc, char **argv, struct strv *seen, struct err *err)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, o->shrt, o->lng, NULL)) != -1) {
		if (c == ':')
			return err_set(err, ERR_USAGE, "option '%s' needs a value", argv[optind - 1]);
		const struct opt *opt = c == '?' ? NULL : option_of(o, c);

		if (!opt)
			return no_such_option(argv[optind - 1], err);
		if (store_value(opt, optarg, err) < 0)
			return -1;
		remember_option(seen, opt);
	}
	return 0;
}

static void help_options(struct buf *b, const struct opt *table)
{
	for (; table && table->name; table++) {
		char letter[5] = "    ";

		if (table->letter)
			snprintf(letter, sizeof(letter), "-%c, ", table->letter);
		AUTO_FREE char *left = xasprintf("%s--%s%s%s", letter, table->name,
						 table->arg ? " " : "", table->arg ? table->arg : "");
		buf_addf(b, "  %-26s %s\n", left, table->help);
	}
}

static void help_verb_line(struct buf *b, const struct verb *v)
{
	AUTO_FREE char *left = xasprintf("%s%s%s", v->name, v->args && *v->args ? " " : "",
					 v->args ? v->args : "");
	buf_addf(b, "  %-26s %s\n", left, v->help);
}

static void help_text(struct buf *b, const struct command *c, const struct verb *v)
{
	bool single = !c->verbs[0].name[0];

	if (!v) {
		buf_addf(b, "Usage: maintkit [-p PACKAGE] %s VERB [OPTION]... [ARGUMENT]...\n%s\n\nVerbs:\n",
			 c->name, c->summary);
		for (const struct verb *x = c->verbs; x->name; x++)
			help_verb_line(b, x);
	} else {
		buf_addf(b, "Usage: maintkit [-p PACKAGE] %s%s%s [OPTION]... %s\n%s\n", c->name,
			 single ? "" : " ", v->name, v->args ? v->args : "", v->help);
	}
	buf_adds(b, "\nOptions:\n");
	if (v) {
		help_options(b, v->opts);
		help_options(b, v->flags & VERB_DRY_RUN ? dry_run_opt : NULL);
		help_options(b, v->flags & VERB_JSON ? json_opt : NULL);
		help_options(b, v->flags & VERB_DEFER ? defer_opt : NULL);
	}
	help_options(b, common_opts);
	buf_addf(b, "\nExit status: 0 done or already so, 1 \"no\", 2 failed, 3 not possible now, 4 refused.\n"
		 "See maintkit-%s(8).\n", c->name);
}

int tool_print(const struct buf *b, struct err *err)
{
	if (buf_write_fd(b, STDOUT_FILENO, err) < 0) {
		err_prefix(err, "standard output");
		return -1;
	}
	return 0;
}

static int show_help(const struct command *c, const struct verb *v, struct err *err)
{
	AUTO_BUF b = BUF_INIT;

	help_text(&b, c, v);
	return tool_print(&b, err);
}

static const struct verb *find_verb(const struct command *c, const char *name)
{
	for (const struct verb *v = c->verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

int tool_read_input(struct tool *t, size_t max, struct err *err)
{
	if (t->input_read)
		return 0;
	t->input_read = true;
	if (buf_read_fd(&t->input, STDIN_FILENO, max, err) < 0) {
		err_prefix(err, "standard input");
		return -1;
	}
	if (t->input.len && t->input.p[t->input.len - 1] == '\n')
		buf_truncate(&t->input, t->input.len - 1);
	if (t->input.len && t->input.p[t->input.len - 1] == '\r')
		buf_truncate(&t->input, t->input.len - 1);
	return 0;
}

/* -p, then the maintainer script's package, then the only one that is here. */
static int choose_package(struct tool *t, struct err *err)
{
	struct script script;
	AUTO_STRV names = STRV_INIT;

	script_read(&script);
	if (given.package) {
		t->package = xstrdup(given.package);
		return 0;
	}
	if (script.package && *script.package) {
		t->package = xstrdup(script.package);
		return 0;
	}
	if (profile_packages(&t->root, &names, err) < 0)
		return -1;
	if (names.n == 1) {
		t->package = xstrdup(names.v[0]);
		return 0;
	}
	if (!names.n)
		return err_set(err, ERR_USAGE, "no package on this system has a maintkit profile; name one with -p");
	AUTO_BUF list = BUF_INIT;

	for (size_t i = 0; i < names.n; i++)
		buf_addf(&list, "%s%s", i ? ", " : "", names.v[i]);
	return err_set(err, ERR_USAGE, "several packages have a profile: %s; choose one with -p", list.p);
}

static int load_profile(struct tool *t, struct err *err)
{
	struct err why = ERR_INIT;

	if (t->verb->flags & VERB_NO_PROFILE)
		return 0;
	if (choose_package(t, &why) == 0 &&
	    profile_load(&t->profile, &t->root, t->package, given.profile, &why) == 0)
		return 0;
	bool absent = why.kind == ERR_ABSENT || (why.kind == ERR_USAGE && !t->package);

	if ((t->verb->flags & VERB_PROFILE_OPTIONAL) && absent && !given.package)
		return 0;
	*err = why;
	return -1;
}

static int setup(struct tool *t, struct err *err)
{
	struct script script;

	script_read(&script);
	if (root_init(&t->root, given.root ? given.root : script.root, err) < 0)
		return -1;
	if ((t->verb->flags & VERB_NEEDS_ROOT) && geteuid() != 0 && !root_is_foreign(&t->root))
		return err_set(err, ERR_FAIL, "'%s %s' must be run by root", t->command->name, t->verb->name);
	if (load_profile(t, err) < 0)
		return -1;
	t->json = given.json;
	t->dry_run = given.dry_run;
	t->defer = given.defer;
	t->profile_file = given.profile;
	if (t->profile && (t->verb->flags & VERB_DRY_RUN) && !t->dry_run && geteuid() == 0) {
		AUTO_FREE char *log = xasprintf("/var/log/maintkit/%s.log", t->package);

		log_open_file(&t->root, log);
	}
	return 0;
}

/* Command, verb, options, arguments: what a pending step repeats. */
static int remember_argv(struct tool *t, const struct strv *options, int n, char **args, struct err *err)
{
	strv_add(&t->argv, t->command->name);
	if (t->verb->name[0])
		strv_add(&t->argv, t->verb->name);
	for (size_t i = 0; i < options->n; i++)
		strv_add(&t->argv, options->v[i]);
	if (given.profile) {
		AUTO_FREE char *absolute = realpath(given.profile, NULL);

		if (!absolute)
			return err_sys(err, errno, "'%s'", given.profile);
		strv_addf(&t->argv, "--profile=%s", absolute);
	}
	bool marked = false;

	for (int i = 0; i < n; i++) {
		if (args[i][0] == '-' && !marked)
			strv_add(&t->argv, "--");
		marked = marked || args[i][0] == '-';
		strv_add(&t->argv, args[i]);
	}
	return 0;
}

/* Options named "...stdin" announce bytes on stdin; a step that is deferred
 * before it ran must take them along. */
static bool wants_input(const struct strv *argv)
{
	for (size_t i = 0; i < argv->n; i++) {
		size_t len = strlen(argv->v[i]);

		if (len > 5 && strncmp(argv->v[i], "--", 2) == 0 && strcmp(argv->v[i] + len - 5, "stdin") == 0)
			return true;
	}
	return false;
}

static int defer(struct tool *t, const char *reason, struct err *err)
{
	AUTO_FREE char *why = xstrdup(reason);	/* reason may lie in err */

	if (wants_input(&t->argv) && tool_read_input(t, FILE_MAX_SIZE, err) < 0)
		return -1;
	if (pending_add(t->profile, &t->root, t->defer, why, &t->argv,
			t->input_read ? &t->input : NULL, err) < 0) {
		err_prefix(err, "this step could not be left for later (%s)", why);
		return -1;
	}
	log_info("'%s %s' is left for the next boot: %s", t->command->name, t->verb->name, why);
	if (script_is_booted(&t->root, NULL))
		log_info("  or until 'maintkit -p %s pending run'", t->package);
	return 0;
}

static int run_locked(struct tool *t, int argc, char **argv, struct err *err)
{
	AUTO_FD int lock = -1;

	if ((t->verb->flags & VERB_LOCK) && t->profile && !t->dry_run) {
		lock = tool_lock(t, err);
		if (lock < 0)
			return -1;
	}
	return t->verb->run(t, argc, argv, err);
}

static bool same_words(const struct strv *a, const struct strv *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return a->n == b->n;
}

/* Is this step what its chain waits for? Asked for again (a repeated
 * configuration, the backend being back) it is tried, not put behind itself. */
static int is_first_of_chain(struct tool *t, struct err *err)
{
	struct pending_step *list;
	size_t n, i = 0;

	if (pending_list(t->profile, &t->root, &list, &n, err) < 0)
		return -1;
	while (i < n && strcmp(list[i].chain, t->defer) != 0)
		i++;
	int first = i < n && same_words(&list[i].argv, &t->argv);

	pending_free(list, n);
	return first;
}

static int run_or_defer(struct tool *t, int argc, char **argv, struct err *err)
{
	if (!t->defer || t->dry_run)
		return run_locked(t, argc, argv, err);
	if (!t->profile)
		return err_set(err, ERR_USAGE, "--defer needs a package; name one with -p");
	int waits = pending_waits(t->profile, &t->root, t->defer, err);

	if (waits < 0)
		return -1;
	int first = waits ? is_first_of_chain(t, err) : 0;

	if (first < 0)
		return -1;
	if (waits && !first)
		return defer(t, "steps that come before it are waiting", err);
	int rc = run_locked(t, argc, argv, err);

	if (rc < 0 && err->kind == ERR_BACKEND)
		return defer(t, err->text, err);
	/* It may wait from an earlier run of the script too, in a chain that is being renewed. */
	if (rc == 0 && pending_remove(t->profile, &t->root, &t->argv, err) < 0)
		return -1;
	return rc;
}

static int check_count(const struct tool *t, int n, struct err *err)
{
	const struct verb *v = t->verb;

	const char *blank = v->name[0] ? " " : "";

	if (n < v->min_args)
		return err_set(err, ERR_USAGE, "'%s%s%s' needs %s", t->command->name, blank, v->name, v->args);
	if (v->max_args < 0 || n <= v->max_args)
		return 0;
	if (!v->max_args)
		return err_set(err, ERR_USAGE, "'%s%s%s' takes no argument", t->command->name, blank, v->name);
	return err_set(err, ERR_USAGE, "'%s%s%s' takes no more than %d argument%s", t->command->name, blank,
		       v->name, v->max_args, v->max_args == 1 ? "" : "s");
}

/* Find the verb behind the common options. 0 go on, 1 all done (help), -1 error. */
static int pick_verb(struct tool *t, int argc, char **argv, int *verb_at, struct err *err)
{
	const struct command *c = t->command;
	struct options o;

	if (!c->verbs[0].name[0]) {
		t->verb = &c->verbs[0];
		*verb_at = 0;
		return 0;
	}
	build_options(&o, NULL);
	if (parse_options(&o, argc, argv, NULL, err) < 0)
		return -1;
	if (given.version)
		return 0;
	if (given.help)
		return show_help(c, NULL, err) < 0 ? -1 : 1;
	if (optind >= argc) {
		AUTO_BUF b = BUF_INIT;

		help_text(&b, c, NULL);
		fputs(b.p, stderr);
		return err_set(err, ERR_USAGE, "say which verb");
	}
	*verb_at = optind;
	t->verb = find_verb(c, argv[optind]);
	if (!t->verb)
		return err_set(err, ERR_USAGE, "'%s' has no verb '%s'", c->name, argv[optind]);
	return 0;
}

static int run(struct tool *t, int argc, char **argv, struct err *err)
{
	struct options o;
	AUTO_STRV seen = STRV_INIT;
	int verb_at = 0;
	int rc = pick_verb(t, argc, argv, &verb_at, err);

	if (rc == 0 && !given.version) {
		build_options(&o, t->verb);
		optind = 0;	/* glibc: start anew */
		rc = parse_options(&o, argc - verb_at, argv + verb_at, &seen, err);
	}
	if (rc)
		return rc < 0 ? -1 : 0;
	if (given.version) {
		AUTO_BUF b = BUF_INIT;

		buf_addf(&b, "maintkit-%s %s\n", t->command->name, MAINTKIT_VERSION);
		return tool_print(&b, err);
	}
	if (given.help)
		return show_help(t->command, t->verb, err);
	if (given.quiet)
		log_set_level(LOG_WARN_LEVEL);
	if (given.verbose)
		log_set_level(LOG_DEBUG_LEVEL);
	char **args = argv + verb_at + optind;
	int n = argc - verb_at - optind;

	if (check_count(t, n, err) < 0 || setup(t, err) < 0 ||
	    (t->defer && remember_argv(t, &seen, n, args, err) < 0))
		return -1;
	return run_or_defer(t, n, args, err);
}

/* Descriptors 0-2 must be open, or the next file we open becomes stdout. What
 * was closed is opened the wrong way round, so that reading a secret from a
 * closed stdin, or reporting to a closed stdout, is an error and no silence. */
static void ensure_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			while (open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY) < 0 && errno == EINTR)
				;
}

int tool_main(const struct command *c, int argc, char **argv)
{
	struct tool t = { .command = c, .root = ROOT_INIT, .input = BUF_SECRET_INIT };
	struct err err = ERR_INIT;
	AUTO_FREE char *program = xasprintf("maintkit-%s", c->name);

	ensure_streams();
	unsetenv("POSIXLY_CORRECT");	/* options may stand behind arguments, whoever calls */
	umask(022);
	log_init(program);
	int rc = run(&t, argc, argv, &err);
	int status = rc < 0 ? err_exit_status(&err) : rc;

	if (rc < 0) {
		if (status == 0)
			status = 2;	/* failed without a kind: a bug, but never success */
		if (err.text[0] || status != 1)
			log_err(&err);
		if (err.kind == ERR_USAGE)
			fprintf(stderr, "try 'maintkit %s --help'\n", c->name);
	}
	buf_release(&t.input);
	profile_free(t.profile);
	root_release(&t.root);
	strv_release(&t.argv);
	free(t.package);
	err_clear(&err);
	return status;
}
