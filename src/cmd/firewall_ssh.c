/* The ports on which this machine is reached by ssh: from everybody who knows, added up.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One port too many open is better than the one that an administrator a
 * thousand kilometres away needs, closed: the sources are joined, none
 * overrules another.
 */
#include "firewall.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/child.h"

#define INCLUDE_DEPTH 4

void fw_ssh_release(struct fw_ssh *s)
{
	free(s->why);
	s->why = NULL;
}

/* stdout of a program; false when it failed */
static bool ask(const char *const *argv, struct buf *out)
{
	AUTO_BUF errs = BUF_INIT;
	struct child c = { .argv = argv, .out = out, .errs = &errs, .timeout_ms = 20000, .cap = 4u << 20 };

	return child_run(&c, NULL) == 0;
}

static unsigned from_sockets(struct fwssh_ports *p)
{
	static const char *const ss[] = { "ss", "-H", "-l", "-t", "-n", "-p", NULL };
	static const char *const units[] = { "ssh.socket", "sshd.socket", "dropbear.socket" };
	AUTO_BUF out = BUF_INIT;
	unsigned n = 0;

	if (ask(ss, &out))
		n += fwssh_parse_sockets(out.p, p);
	const char *active[] = { "systemctl", "is-active", units[0], units[1], units[2], NULL };
	AUTO_BUF states = BUF_INIT;
	AUTO_STRV lines = STRV_INIT;

	if (ask(active, &states))
		strv_split(&lines, states.p, "\n");
	for (size_t i = 0; i < ARRAY_LEN(units) && i < lines.n; i++) {
		const char *show[] = { "systemctl", "show", "-p", "Listen", units[i], NULL };
		AUTO_BUF said = BUF_INIT;

		if (strcmp(lines.v[i], "active") == 0 && ask(show, &said))
			n += fwssh_parse_units(said.p, p);
	}
	return n;
}

/* SSH_CONNECTION of this process or of an ancestor: sudo and apt clear the
 * environment, the shell of the session still has it. */
static void from_session(struct fwssh_ports *p)
{
	const char *own = getenv("SSH_CONNECTION");
	pid_t pid = getpid();

	if (own)
		fwssh_parse_connection(own, p);
	for (int depth = 0; pid > 1 && depth < 64; depth++) {
		CLEANUP(root_release) struct root here = ROOT_INIT;
		AUTO_FREE char *environ_path = xasprintf("/proc/%d/environ", (int)pid);
		AUTO_FREE char *stat_path = xasprintf("/proc/%d/stat", (int)pid);
		AUTO_BUF env = BUF_INIT, stat = BUF_INIT;
		const char *paren;
		int parent;

		if (root_init(&here, "/", NULL) < 0)
			return;
		if (path_read_file(&here, environ_path, &env, FILE_MAX_SIZE, NULL, NULL) == 0)
			for (size_t at = 0; at < env.len; at += strlen(env.p + at) + 1)
				if (strncmp(env.p + at, "SSH_CONNECTION=", 15) == 0)
					fwssh_parse_connection(env.p + at + 15, p);
		if (path_read_file(&here, stat_path, &stat, 4096, NULL, NULL) < 0)
			return;
		paren = strrchr(stat.p, ')');	/* the name before it may hold anything */
		if (!paren || sscanf(paren, ") %*c %d", &parent) != 1)
			return;
		pid = parent;
	}
}

/* sshd_config and what it includes. 0 read, -1 not certain. */
static int from_config(const char *path, struct fwssh_ports *p, int depth, struct err *err)
{
	CLEANUP(root_release) struct root here = ROOT_INIT;
	AUTO_BUF text = BUF_INIT;
	AUTO_STRV includes = STRV_INIT;

	if (depth > INCLUDE_DEPTH)
		return err_set(err, ERR_FAIL, "'%s': too many files include each other", path);
	if (root_init(&here, "/", err) < 0 || path_read_file(&here, path, &text, FILE_MAX_SIZE, NULL, err) < 0)
		return -1;
	if (fwssh_parse_config(text.p, p, &includes, err) < 0) {
		err_prefix(err, "%s", path);
		return -1;
	}
	for (size_t i = 0; i < includes.n; i++) {
		AUTO_FREE char *pattern = includes.v[i][0] == '/' ? xstrdup(includes.v[i]) : xasprintf("/etc/ssh/%s", includes.v[i]);
		glob_t found = { .gl_pathc = 0 };
		int rc = 0;

		if (glob(pattern, 0, NULL, &found) == 0)
			for (size_t k = 0; rc == 0 && k < found.gl_pathc; k++)
				rc = from_config(found.gl_pathv[k], p, depth + 1, err);
		globfree(&found);
		if (rc < 0)
			return -1;
	}
	return 0;
}

void fw_ssh_find(struct fw_ssh *s)
{
	static const char *const effective[] = { "sshd", "-T", NULL };
	AUTO_FREE char *sshd = child_find("sshd");
	AUTO_BUF out = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned before;
	bool listening;

	listening = from_sockets(&s->ports) > 0;
	from_session(&s->ports);
	s->known = true;
	if (!sshd)
		goto done;	/* none here, or one that the sockets told of */
	if (ask(effective, &out) && fwssh_parse_effective(out.p, &s->ports) > 0)
		goto done;
	before = s->ports.n;
	if (from_config("/etc/ssh/sshd_config", &s->ports, 0, &err) < 0) {
		/* a running one we have seen; only the next start is unknown */
		s->known = listening;
		s->why = xasprintf("'sshd -T' fails, and %s", err.text);
	} else if (s->ports.n == before && before == 0) {
		fwssh_add(&s->ports, 22);	/* sshd_config(5): the default */
	}
done:
	if (s->ports.overflow) {
		s->known = false;
		free(s->why);
		s->why = xasprintf("sshd listens on more than %d ports", FWSSH_MAX);
	}
}
