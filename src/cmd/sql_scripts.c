/* Which scripts there are: those the profile names, and files named on the command line.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * [sql] dir, install, demo (names: NAME is the file NAME.sql of dir) and the
 * sections [sql:NAME] with file, on-install, on-upgrade. Keys of [sql] that a
 * section may set for itself: policy (once, repeatable), charset, session, local-files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sql.h"

#define DEFAULT_CHARSET "utf8mb4"

void sql_scripts_release(struct sql_scripts *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].name);
		free(s->v[i].path);
		strv_release(&s->v[i].session);
	}
	free(s->v);
	*s = (struct sql_scripts)SQL_SCRIPTS_INIT;
}

static struct sql_script *add(struct tool *t, struct sql_scripts *s, const char *name, enum sql_role role)
{
	const struct profile *p = t->profile;
	AUTO_FREE char *section = xasprintf("sql:%s", name);
	const char *dir = profile_get_or(p, "sql", "dir", "");
	const char *file = profile_get(p, section, "file"), *policy;
	struct sql_script *x;

	s->v = xreallocarray(s->v, s->n + 1, sizeof *s->v);
	x = &s->v[s->n++];
	*x = (struct sql_script){ .name = xstrdup(name), .role = role };
	x->path = file && *file == '/' ? xstrdup(file) :
		  file ? xasprintf("%s/%s", dir, file) : xasprintf("%s/%s.sql", dir, name);
	policy = profile_get_or(p, section, "policy", profile_get_or(p, "sql", "policy", "once"));
	x->repeatable = !strcmp(policy, "repeatable");
	x->charset = profile_get_or(p, section, "charset", profile_get_or(p, "sql", "charset", DEFAULT_CHARSET));
	x->local_files = profile_bool(p, section, "local-files", profile_bool(p, "sql", "local-files", false));
	x->on_install = profile_bool(p, section, "on-install", false);
	x->on_upgrade = profile_get_or(p, section, "on-upgrade", "no");
	profile_words(p, "sql", "session", &x->session);
	profile_words(p, section, "session", &x->session);
	return x;
}

static void add_words(struct tool *t, struct sql_scripts *s, const char *key, enum sql_role role)
{
	AUTO_STRV words = STRV_INIT;

	profile_words(t->profile, "sql", key, &words);
	for (size_t i = 0; i < words.n; i++)
		(void)add(t, s, words.v[i], role);
}

int sql_scripts_load(struct tool *t, struct sql_scripts *s, struct err *err)
{
	AUTO_STRV sections = STRV_INIT;

	if (!profile_require(t->profile, "sql", "dir", err))
		return -1;
	add_words(t, s, "install", SQL_INSTALL);
	profile_sections(t->profile, "sql:", &sections);
	for (size_t i = 0; i < sections.n; i++) {
		const char *name = sections.v[i] + 4;
		bool known = false;

		/* A section may also only say more about a script of the lists. */
		for (size_t k = 0; k < s->n; k++)
			known |= !strcmp(s->v[k].name, name);
		if (!known && profile_get(t->profile, sections.v[i], "file"))
			(void)add(t, s, name, SQL_EXTRA);
	}
	add_words(t, s, "demo", SQL_DEMO);
	return 0;
}

static bool looks_like_file(const char *name)
{
	size_t n = strlen(name);

	return strchr(name, '/') || (n > 4 && !strcmp(name + n - 4, ".sql"));
}

static struct sql_script *add_file(struct tool *t, struct sql_scripts *s, const char *file, struct err *err)
{
	const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	AUTO_FREE char *name = xstrdup(base), *cwd = NULL;
	struct sql_script *x;

	if (strlen(name) > 4 && !strcmp(name + strlen(name) - 4, ".sql"))
		name[strlen(name) - 4] = '\0';
	if (!*name || strlen(name) > SCRIPT_NAME_MAX) {
		err_set(err, ERR_USAGE, "'%s' makes no name for a script", file);
		return NULL;
	}
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].name, name) && !strcmp(s->v[i].path, file))
			return &s->v[i];
	x = add(t, s, name, SQL_FILE);
	free(x->path);
	cwd = *file == '/' ? NULL : getcwd(NULL, 0);
	x->path = cwd ? xasprintf("%s/%s", cwd, !strncmp(file, "./", 2) ? file + 2 : file) : xstrdup(file);
	return x;
}

struct sql_script *sql_scripts_find(struct tool *t, struct sql_scripts *s, const char *name, struct err *err)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].name, name))
			return &s->v[i];
	if (looks_like_file(name))
		return add_file(t, s, name, err);
	err_set(err, ERR_USAGE, "the profile knows no script '%s'; a file is named by its path", name);
	return NULL;
}

int sql_script_read(struct tool *t, struct sql_script *s, struct err *err)
{
	AUTO_FD int fd = path_open(&t->root, s->path, O_RDONLY, 0, 0, err);
	AUTO_FREE char *chunk = xmalloc(1u << 18);
	struct sha256 h;
	ssize_t n;

	if (fd < 0) {
		err_prefix(err, "script '%s'", s->name);
		return -1;
	}
	sha256_init(&h);
	s->bytes = 0;
	while ((n = read(fd, chunk, 1u << 18)) > 0) {
		sha256_update(&h, chunk, (size_t)n);
		s->bytes += n;
	}
	if (n < 0)
		return err_sys(err, errno, "'%s'", s->path);
	sha256_final_hex(&h, s->sha256);
	return 0;
}
