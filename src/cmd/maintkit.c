/* The front end: maintkit [-p PACKAGE] COMMAND ..., also as a link named after a package.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * It only finds the program of the command and becomes it. Called by another
 * name than "maintkit" (the link /usr/sbin/oscar-emr) that name is the package.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/buf.h"

#ifndef MAINTKIT_VERSION
#define MAINTKIT_VERSION "unknown"
#endif
#ifndef LIBEXECDIR
#define LIBEXECDIR "/usr/libexec/maintkit"
#endif

static const struct {
	const char *name, *summary;
} commands[] = {
	{ "status", "one screen: what is done, pending, wrong, and the command that mends it" },
	{ "props", "read and edit the properties file without losing a byte" },
	{ "pgp", "the key that exports are encrypted with" },
	{ "sql", "apply SQL scripts so that a killed run can be resumed" },
	{ "totp", "second factor for the users of the application" },
	{ "firewall", "ufw rules of this package, never locking ssh out" },
	{ "guard", "may this version be installed or started over this data?" },
	{ "migrate", "data migrations, with preview and undo" },
	{ "backup", "encrypted, verified copies of database, documents and keys" },
	{ "data", "what happens to patient data at remove, purge, reinstall" },
	{ "app", "the web application's instance and the version it serves" },
	{ "pending", "steps that wait for their backend" },
};

static void usage(FILE *f)
{
	fputs("Usage: maintkit [-p PACKAGE] [--root DIR] [--profile FILE] [-q|-v] COMMAND VERB [ARGUMENT]...\n"
	      "Manage the state of a package that dpkg does not manage.\n\nCommands:\n", f);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n'maintkit COMMAND --help' tells more; see maintkit(8).\n", f);
}

static bool known(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return true;
	return false;
}

static int complain(const char *front, const char *what, const char *behind)
{
	fprintf(stderr, "maintkit: error: %s '%s'%s\ntry 'maintkit --help'\n", front, what, behind);
	return 2;
}

/* Programs beside this one (a build tree) are preferred to the installed ones. */
static char *program_of(const char *command)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		char *beside = xasprintf("%s/maintkit-%s", self, command);

		if (access(beside, X_OK) == 0)
			return beside;
		free(beside);
	}
	return xasprintf("%s/maintkit-%s", LIBEXECDIR, command);
}

/* The value of an option that may stand as "-p X", "-pX", "--long X" or "--long=X". */
static const char *option_value(char **argv, int *i, const char *lng, const char *shrt)
{
	const char *a = argv[*i];
	size_t len = strlen(lng);

	if (strcmp(a, lng) == 0 || (shrt && strcmp(a, shrt) == 0))
		return argv[*i + 1] ? argv[++*i] : "";
	if (strncmp(a, lng, len) == 0 && a[len] == '=')
		return a + len + 1;
	if (shrt && strncmp(a, shrt, 2) == 0)
		return a + 2;
	return NULL;
}

static bool is_plain(const char *option)
{
	static const char *const plain[] = { "-q", "--quiet", "-v", "--verbose" };

	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (strcmp(option, plain[i]) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *called = argc > 0 ? (slash ? slash + 1 : argv[0]) : "maintkit";
	AUTO_STRV out = STRV_INIT;
	bool named = false;
	int i = 1;

	strv_add(&out, "");
	for (; i < argc && argv[i][0] == '-'; i++) {
		const char *v;

		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			usage(stdout);
			return fflush(stdout) == 0 ? 0 : 2;
		}
		if (strcmp(argv[i], "--version") == 0) {
			puts("maintkit " MAINTKIT_VERSION);
			return fflush(stdout) == 0 ? 0 : 2;
		}
		if ((v = option_value(argv, &i, "--package", "-p"))) {
			strv_addf(&out, "--package=%s", v);
			named = true;
		} else if ((v = option_value(argv, &i, "--root", NULL))) {
			strv_addf(&out, "--root=%s", v);
		} else if ((v = option_value(argv, &i, "--profile", NULL))) {
			strv_addf(&out, "--profile=%s", v);
		} else if (is_plain(argv[i])) {
			strv_add(&out, argv[i]);
		} else {
			return complain("there is no option", argv[i], " here");
		}
	}
	if (!named && strcmp(called, "maintkit") != 0)
		strv_addf(&out, "--package=%s", called);
	if (i >= argc) {
		usage(stderr);
		return 2;
	}
	if (!known(argv[i]))
		return complain("there is no command", argv[i], "");
	AUTO_FREE char *program = program_of(argv[i]);

	free(out.v[0]);
	out.v[0] = xstrdup(program);
	for (i++; i < argc; i++)
		strv_add(&out, argv[i]);
	execv(program, out.v);
	if (errno == ENOENT)
		return complain("this version does not have the command yet:", strrchr(program, '-') + 1, "");
	fprintf(stderr, "maintkit: error: '%s': %s\n", program, strerror(errno));
	return 2;
}
