/* Which package wants in: by version text, .deb, control file, or as dpkg has it installed.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/child.h"
#include "../ext/debfile.h"
#include "../core/webapp.h"
#include "../ext/dpkgver.h"
#include "../ext/release.h"
#include "guard.h"

#define CONTROL_MAX (1u << 20)
#define QUERY_MS 20000
#define SERVER_XML_MAX (1u << 20)

void guard_incoming_release(struct guard_incoming *in)
{
	free(in->package);
	free(in->version);
	free(in->level);
	free(in->reads);
	*in = (struct guard_incoming){ 0 };
}

int guard_incoming_version(struct guard_incoming *in, const char *version, const char *level,
			   const char *reads, struct err *err)
{
	long n, max;

	if (dpkgver_check(version, err) < 0)
		return -1;
	if (!level != !reads)
		return err_set(err, ERR_USAGE, "--level and --reads go together");
	if (level && !policy_parse_level(level, &n))
		return err_set(err, ERR_USAGE, "--level: '%s' is no level (1 to %d)", level, POLICY_LEVEL_MAX);
	if (reads && !policy_parse_reads(reads, &n, &max))
		return err_set(err, ERR_USAGE, "--reads: '%s' is no range MIN-MAX", reads);
	in->version = xstrdup(version);
	in->level = level ? xstrdup(level) : NULL;
	in->reads = reads ? xstrdup(reads) : NULL;
	return 0;
}

static int take_control(struct guard_incoming *in, const char *text, struct err *err)
{
	in->package = debfile_field(text, "Package");
	in->version = debfile_field(text, "Version");
	in->level = debfile_field(text, "Maintkit-Level");
	in->reads = debfile_field(text, "Maintkit-Reads");
	in->from_file = true;
	if (!in->package || !*in->package || !in->version || !*in->version)
		return err_set(err, ERR_FAIL, "its control fields name no package or no version");
	return 0;
}

/* A named pipe or device given as file must not hang a maintainer script. */
static int open_regular(const char *path, struct err *err)
{
	struct stat st;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "'%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_FAIL, "'%s' is not a regular file", path);
	return MOVE_FD(fd);
}

int guard_incoming_file(struct guard_incoming *in, const char *path, bool control, struct err *err)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_FD int fd = open_regular(path, err);

	if (fd < 0)
		return -1;
	if ((control ? buf_read_fd(&text, fd, CONTROL_MAX, err) : debfile_read_control(fd, &text, err)) < 0 ||
	    take_control(in, text.p, err) < 0) {
		err_prefix(err, "'%s'", path);
		return -1;
	}
	return 0;
}

int guard_dpkg_query(struct tool *t, const char *format, const char *const *patterns, size_t n,
		     struct buf *out, struct err *err)
{
	AUTO_STRV argv = STRV_INIT;
	AUTO_BUF noise = BUF_INIT;	/* "no packages found matching" is an answer, not a problem */
	struct child c = { .out = out, .errs = &noise, .timeout_ms = QUERY_MS };

	strv_add(&argv, "dpkg-query");
	if (root_is_foreign(&t->root))
		strv_addf(&argv, "--admindir=%s/var/lib/dpkg", t->root.prefix);
	strv_add(&argv, "-W");
	strv_addf(&argv, "-f=%s", format);
	for (size_t i = 0; i < n; i++)
		strv_add(&argv, patterns[i]);
	c.argv = (const char *const *)argv.v;
	return child_run(&c, err) < 0 ? -1 : 0;
}

int guard_incoming_installed(struct guard_incoming *in, struct tool *t, struct err *err)
{
	AUTO_BUF out = BUF_INIT;
	AUTO_STRV line = STRV_INIT;
	const char *package = t->package;

	/* Every value has a letter in front, because strv_split leaves empty parts out. */
	if (guard_dpkg_query(t, "v${Version}\\tl${Maintkit-Level}\\tr${Maintkit-Reads}\\ts${db:Status-Status}\\n",
			     &package, 1, &out, err) < 0)
		return -1;
	strv_split(&line, out.p, "\t\n");
	if (line.n < 4 || !line.v[0][1] || strcmp(line.v[3], "sconfig-files") == 0 ||
	    strcmp(line.v[3], "snot-installed") == 0)
		return err_set(err, ERR_ABSENT, "package '%s' is not installed", package);
	in->version = xstrdup(line.v[0] + 1);
	in->level = line.v[1][1] ? xstrdup(line.v[1] + 1) : NULL;
	in->reads = line.v[2][1] ? xstrdup(line.v[2] + 1) : NULL;
	return 0;
}

/* The directory below `code` that server.xml serves from: its replacement is
 * what switches the code (app_instance.c). NULL: it names none. To be freed. */
static char *served_directory(const char *code, const char *xml)
{
	AUTO_BUF start = BUF_INIT;
	const char *at;
	size_t len;

	buf_adds(&start, "docBase=\"");
	webapp_xml_escape(&start, code);
	buf_adds(&start, "/");
	at = strstr(xml, start.p);
	if (!at)
		return NULL;
	at += start.len;
	len = strcspn(at, "/\"");
	return at[len] == '/' && len ? xasprintf("%s/%.*s", code, (int)len, at) : NULL;
}

int guard_incoming_served(struct guard_incoming *in, struct tool *t, struct err *err)
{
	const char *code = profile_get(t->profile, "app", "code");
	const char *base = profile_get(t->profile, "app", "base");
	CLEANUP(release_release) struct release r = { NULL };
	AUTO_FREE char *xml = base ? xasprintf("%s/conf/server.xml", base) : NULL;
	AUTO_FREE char *dir = NULL;
	AUTO_BUF text = BUF_INIT;

	if (!code || !xml)
		return err_set(err, ERR_ABSENT, "'%s' serves no web application", t->package);
	if (path_read_file(&t->root, xml, &text, SERVER_XML_MAX, NULL, err) < 0)
		return -1;
	dir = served_directory(code, text.p);
	if (!dir)
		return err_set(err, ERR_ABSENT, "'%s' names no code below '%s'", xml, code);
	if (release_read(&t->root, dir, &r, err) < 0)
		return -1;
	in->version = MOVE_PTR(r.version);
	in->level = MOVE_PTR(r.level);
	in->reads = MOVE_PTR(r.reads);
	return 0;
}
