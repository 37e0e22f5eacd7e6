/* Which scripts there are: those the profile names, and files named on the command line.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * [sql] dir, install, demo (names: NAME is the file NAME.sql of dir) and the
 * sections [sql:NAME] with file, on-install, on-upgrade. Keys of [sql] that a
 * section may set for itself: policy (once, repeatable), charset, session, local-files.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
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
		free(s->v[i].seen);
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

/* ---- checksums ---- */

struct reading {
	struct sql_script *script;
	struct tool *t;
	const char *top;		/* directory that SOURCE may not leave */
	struct sha256 all;		/* of the files' checksums */
	int files, depth;
};

static int digest(struct reading *g, const char *path, char hex[SHA256_HEX_SIZE], int64_t *bytes, struct err *err);

/* A line that takes in another file. One inside a string is no harm: it is the same each time.
 * What is not there, or not to be read, is for the run to complain about. */
static void look_at_line(struct reading *g, const char *path, const char *line, size_t len)
{
	AUTO_FREE char *text = xstrndup(line, len), *file = NULL;
	char *name = text + strspn(text, " \t"), hex[SHA256_HEX_SIZE];
	size_t word = strcspn(name, " \t");
	int64_t bytes = 0;

	if ((word != 6 || strncasecmp(name, "source", 6)) && strncmp(name, "\\.", 2))
		return;
	name += *name == '\\' ? 2 : word;
	name += strspn(name, " \t");
	for (size_t n = strlen(name); n && strchr("; \t\r", name[n - 1]); n--)
		name[n - 1] = '\0';
	file = *name && g->depth < SQL_SOURCE_DEPTH ? sql_path_below(g->top, path, name) : NULL;
	if (file && digest(g, file, hex, &bytes, NULL) == 0)
		g->files++;
}

/* Only the beginnings of lines are looked at: a line may be 16 MiB long. */
static void look_at_lines(struct reading *g, const char *path, struct buf *head, bool *inside, const char *p, size_t len)
{
	while (len) {
		const char *nl = memchr(p, '\n', len);
		size_t n = nl ? (size_t)(nl - p) : len;

		if (!*inside && head->len + n <= PATH_MAX)
			buf_add(head, p, n);
		else
			*inside = true;
		if (nl) {
			if (!*inside)
				look_at_line(g, path, head->p, head->len);
			buf_reset(head);
			*inside = false;
		}
		p += nl ? n + 1 : n;
		len -= nl ? n + 1 : n;
	}
}

static int remember(struct sql_script *s, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	s->seen = xreallocarray(s->seen, s->n_seen + 1, sizeof *s->seen);
	s->seen[s->n_seen++] = st;
	return 0;
}

static int digest(struct reading *g, const char *path, char hex[SHA256_HEX_SIZE], int64_t *bytes, struct err *err)
{
	AUTO_FD int fd = path_open(&g->t->root, path, O_RDONLY | O_NONBLOCK, 0, 0, err);
	AUTO_FREE char *chunk = xmalloc(1u << 18);
	AUTO_BUF head = BUF_INIT;
	bool inside = false;
	struct sha256 h;
	ssize_t n;

	if (fd < 0)
		return -1;
	if (remember(g->script, fd) < 0)
		return err_sys(err, errno, "'%s'", path);
	g->depth++;
	sha256_init(&h);
	while ((n = read(fd, chunk, 1u << 18)) > 0) {
		sha256_update(&h, chunk, (size_t)n);
		look_at_lines(g, path, &head, &inside, chunk, (size_t)n);
		*bytes += n;
	}
	if (n == 0)
		look_at_line(g, path, head.p, inside ? 0 : head.len);
	g->depth--;
	if (n < 0)
		return err_sys(err, errno, "'%s'", path);
	sha256_final_hex(&h, hex);
	sha256_update(&g->all, hex, strlen(hex));
	return 0;
}

int sql_script_read(struct tool *t, struct sql_script *s, struct err *err)
{
	AUTO_FREE char *top = path_dirname(s->path);
	struct reading g = { .t = t, .top = top, .script = s };

	sha256_init(&g.all);
	s->bytes = 0;
	s->n_seen = 0;
	if (digest(&g, s->path, s->sha256, &s->bytes, err) < 0) {
		err_prefix(err, "script '%s'", s->name);
		return -1;
	}
	if (g.files)
		sha256_final_hex(&g.all, s->sha256);
	return 0;
}
