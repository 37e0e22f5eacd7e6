/* What every maintkit program shares: options, help, package choice, deferral, and the exit status.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A program is one `struct command` with a table of verbs and
 *	int main(int argc, char **argv) { return tool_main(&command, argc, argv); }
 *
 * Options that every verb has: -p/--package NAME, --root DIR, --profile FILE,
 * -q/--quiet, -v/--verbose, --help, --version; by the verb's flags also
 * --dry-run, --json and --defer CHAIN. `maintkit-sql` without a verb prints
 * its help and exits 2; --help exits 0 and prints to stdout.
 */
#ifndef MAINTKIT_TOOL_H
#define MAINTKIT_TOOL_H

#include "../base/log.h"
#include "../base/script.h"
#include "../ext/profile.h"

struct tool {
	const struct command *command;
	const struct verb *verb;
	struct root root;
	struct profile *profile;	/* loaded unless VERB_NO_PROFILE; with VERB_PROFILE_OPTIONAL may be NULL */
	char *package;
	bool json, dry_run;
	const char *defer;		/* chain, or NULL */
	const char *profile_file;	/* --profile, or NULL */
	struct strv argv;		/* with --defer: command, verb, options in full, arguments, for pending */
	struct buf input;		/* what tool_read_input() read; kept for deferral; secret */
	bool input_read;
};

enum opt_type { OPT_FLAG /* bool * */, OPT_STRING /* const char ** */, OPT_INT /* long * */, OPT_LIST /* struct strv * */ };
struct opt {
	const char *name;	/* long name; the table ends with { 0 } */
	char letter;		/* or 0 */
	enum opt_type type;
	void *dest;		/* a static variable of the program */
	const char *arg;	/* name of the argument for --help */
	const char *help;
};

#define VERB_DRY_RUN 1u		/* changes something: has --dry-run */
#define VERB_JSON 2u		/* reports: has --json */
#define VERB_DEFER 4u		/* --defer: when its backend is absent, becomes pending */
#define VERB_NO_PROFILE 8u
#define VERB_PROFILE_OPTIONAL 16u
#define VERB_LOCK 32u		/* hold the package's lock while running */
#define VERB_NEEDS_ROOT 64u	/* refuse when not root, unless below --root */

struct verb {
	const char *name;
	const char *args;	/* e.g. "USER", "[FILE]..." */
	const char *help;	/* one sentence */
	unsigned flags;
	int min_args, max_args;	/* positional; max -1: any */
	const struct opt *opts;	/* or NULL */
	/* argv: positional arguments only. 0 done or already so; -1 err is
	 * filled and tool_main prints it; 1 a predicate's "no", nothing printed. */
	int (*run)(struct tool *t, int argc, char **argv, struct err *err);
};

struct command {
	const char *name;	/* "sql"; the program is maintkit-sql */
	const char *summary;
	const struct verb *verbs;	/* ends with { 0 } */
};

/* A command of one verb ("status") has a single verb with name "". */
int tool_main(const struct command *c, int argc, char **argv);

/* Read all of stdin (for a secret or a decision), once, up to max bytes,
 * trailing line end removed. Kept in t->input, wiped at the end. */
int tool_read_input(struct tool *t, size_t max, struct err *err) MUST_CHECK;
/* Take the package's lock, for a verb that must not hold it all the time (no
 * VERB_LOCK): a descriptor to be closed. ERR_BUSY. */
int tool_lock(struct tool *t, struct err *err) MUST_CHECK;
/* The package's backups: together with others who make or read one, or alone
 * (removing some, loading a test database, replacing what is backed up).
 * Whoever wants both locks takes the package's first. A descriptor; ERR_BUSY at once. */
int tool_lock_backups(struct tool *t, bool alone, struct err *err) MUST_CHECK;
/* Environment (struct child, env) for a maintkit program that a verb with
 * VERB_LOCK runs: it does not wait for the lock that we hold. Static. */
const char *const *tool_child_env(void);
/* Write text to stdout, checked. */
int tool_print(const struct buf *b, struct err *err) MUST_CHECK;

#endif
