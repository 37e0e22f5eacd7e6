/* The package profile: what maintkit knows about the package it works for (read by libinih).
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ini.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "profile.h"

struct entry {
	char *section, *key, *value;
};

struct profile {
	char *package;
	char *file;		/* of the base profile, for messages */
	struct entry *entries;
	size_t n;
};

#define PROFILE_MAX 65536

/* A section is one of these, or one of these and ":NAME". */
static const char *const known_sections[] = {
	"package", "properties", "database", "sql", "app", "pgp", "totp",
	"firewall", "guard", "data", "backup", "migrate",
};

/* Debian Policy 5.6.1; also keeps "/" and ".." out of the paths we make of it. */
static bool valid_package_name(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789+-.";
	size_t len = strlen(s);

	return len >= 2 && len <= 128 && strspn(s, allowed) == len && strchr("+-.", s[0]) == NULL;
}

static bool known_section(const char *section)
{
	size_t len = strcspn(section, ":");

	for (size_t i = 0; i < ARRAY_LEN(known_sections); i++)
		if (strlen(known_sections[i]) == len && strncmp(known_sections[i], section, len) == 0)
			return section[len] == '\0' || section[len + 1] != '\0';
	return false;
}

static struct entry *find(const struct profile *p, const char *section, const char *key)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->entries[i].section, section) == 0 && strcmp(p->entries[i].key, key) == 0)
			return &p->entries[i];
	return NULL;
}

static void put(struct profile *p, const char *section, const char *key, const char *value)
{
	struct entry *e = find(p, section, key);

	if (e) {
		free(e->value);
		e->value = xstrdup(value);
		return;
	}
	p->entries = xreallocarray(p->entries, p->n + 1, sizeof(*p->entries));
	p->entries[p->n++] = (struct entry){ xstrdup(section), xstrdup(key), xstrdup(value) };
}

struct reading {
	struct profile *p;
	struct strv seen;	/* "section\tkey" of this file, to tell first lines from continuations */
};

static int on_entry(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;
	AUTO_FREE char *id = xasprintf("%s\t%s", section, name);

	/* libinih reports a continuation line as the same name again. */
	if (strv_has(&r->seen, id)) {
		struct entry *e = find(r->p, section, name);
		AUTO_FREE char *joined = xasprintf("%s%s%s", e->value, *e->value ? " " : "", value);

		put(r->p, section, name, joined);
		return 1;
	}
	strv_add(&r->seen, id);
	put(r->p, section, name, value);
	return 1;
}

/* The lines of one file as they are checked before libinih sees them: it cuts
 * long lines in two and long names short, and joins a key that is set twice as
 * if it were continued, all without a word. */
struct checking {
	char *section;		/* NULL before the first */
	bool in_key;		/* an indented line now continues a value */
	struct strv seen;	/* "section\tkey" */
};

static void checking_release(struct checking *c)
{
	free(c->section);
	strv_release(&c->seen);
}

static char *check_section(struct checking *c, const char *line)
{
	size_t len = strcspn(line, "]");

	if (line[len] != ']')
		return xstrdup("a section's name ends with ']'");
	if (len - 1 > PROFILE_NAME_MAX)
		return xasprintf("a section's name has at most %d bytes", PROFILE_NAME_MAX);
	free(c->section);
	c->section = xstrndup(line + 1, len - 1);
	c->in_key = false;
	return known_section(c->section) ? NULL : xasprintf("unknown section [%s]", c->section);
}

static char *check_key(struct checking *c, const char *line)
{
	size_t len = strcspn(line, "=:");

	if (!line[len])
		return xstrdup("this is neither a [section], a 'key = value', nor a '; comment'");
	while (len && strchr(" \t", line[len - 1]))
		len--;
	if (!len || len > PROFILE_NAME_MAX)
		return xasprintf("a key has 1 to %d bytes", PROFILE_NAME_MAX);
	if (!c->section)
		return xstrdup("a key stands below a [section]");
	AUTO_FREE char *id = xasprintf("%s\t%.*s", c->section, (int)len, line);

	if (strv_has(&c->seen, id))
		return xasprintf("'%.*s' is set twice in [%s]", (int)len, line, c->section);
	strv_add(&c->seen, id);
	c->in_key = true;
	return NULL;
}

/* NULL, or what is wrong with the line, to be freed. */
static char *check_line(struct checking *c, const char *line)
{
	const char *start = line + strspn(line, " \t\r");

	if (strlen(line) > PROFILE_LINE_MAX)
		return xasprintf("the line has %zu bytes; at most %d are read; break it and indent what follows",
				 strlen(line), PROFILE_LINE_MAX);
	if (!*start || *start == ';' || *start == '#')
		return NULL;
	if (start == line)
		return *start == '[' ? check_section(c, start) : check_key(c, start);
	if (!c->in_key)
		return xstrdup("an indented line continues a value, and there is none above it");
	/* Versions of libinih differ in whether this is a comment. */
	return strstr(start, " ;") || strstr(start, "\t;") ?
		xstrdup("a continued line can have no comment behind it") : NULL;
}

static int check_lines(const char *file, const char *text, struct err *err)
{
	CLEANUP(checking_release) struct checking c = { .seen = STRV_INIT };

	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)	/* a byte order mark, as libinih does */
		text += 3;
	for (int n = 1; *text; n++) {
		size_t len = strcspn(text, "\n");
		AUTO_FREE char *line = xstrndup(text, len);
		AUTO_FREE char *wrong = check_line(&c, line);

		if (wrong) {
			err_set(err, ERR_FAIL, "%s:%d: %s", file, n, wrong);
			err_hint(err, "mend that line; maintkit.conf(5) tells what may stand there");
			return -1;
		}
		text += len + (text[len] == '\n');
	}
	return 0;
}

static int parse(struct profile *p, const char *file, const struct buf *text, struct err *err)
{
	struct reading r = { .p = p, .seen = STRV_INIT };

	if (memchr(text->p, '\0', text->len))
		return err_set(err, ERR_FAIL, "'%s' contains a NUL byte; it is not a profile", file);
	if (check_lines(file, text->p, err) < 0)
		return -1;
	int line = ini_parse_string(text->p, on_entry, &r);

	strv_release(&r.seen);
	if (line)
		return err_set(err, ERR_FAIL, "'%s' cannot be read as a profile", file);
	return 0;
}

/* What root does is decided there: only root may have written it. */
static int check_owner(const struct root *root, const char *file, const struct stat *st, struct err *err)
{
	if (root_is_foreign(root) || geteuid() != 0 || (st->st_uid == 0 && !(st->st_mode & 022)))
		return 0;
	err_set(err, ERR_FAIL, "'%s' could have been written by somebody else than root and is not read", file);
	err_hint(err, "look at it, then run 'chown root %s' and 'chmod go-w %s'", file, file);
	return -1;
}

static int read_profile(struct profile *p, const struct root *root, const char *path, bool anyones,
			struct err *err)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_FREE char *file = xasprintf("%s%s", root->prefix, path);
	struct stat st;

	if (path_read_file(root, path, &text, PROFILE_MAX, &st, err) < 0 ||
	    (!anyones && check_owner(root, file, &st, err) < 0))
		return -1;
	return parse(p, file, &text, err);
}

/* The same, but a file that is not there is fine. */
static int read_if_there(struct profile *p, const struct root *root, const char *path, struct err *err)
{
	struct err why = ERR_INIT;

	if (read_profile(p, root, path, false, &why) == 0)
		return 1;
	if (why.kind == ERR_ABSENT)
		return 0;
	if (err)
		*err = why;
	return -1;
}

static int load_base(struct profile *p, const struct root *root, struct err *err)
{
	AUTO_FREE char *shipped = xasprintf("/usr/share/%s/maintkit.conf", p->package);
	AUTO_FREE char *kept = profile_state_path(p, "profile");
	int got = read_if_there(p, root, shipped, err);

	if (got > 0)
		p->file = xasprintf("%s%s", root->prefix, shipped);
	if (got == 0) {
		got = read_if_there(p, root, kept, err);
		p->file = xasprintf("%s%s", root->prefix, kept);
	}
	if (got != 0)
		return got < 0 ? -1 : 0;
	err_set(err, ERR_ABSENT, "package '%s' has no profile: neither '%s%s' nor '%s%s' exists",
		p->package, root->prefix, shipped, root->prefix, kept);
	err_hint(err, "name another with -p, or install the package");
	return -1;
}

/* A profile given with --profile is a path as the caller sees it, not below the root. */
static int load_file(struct profile *p, const char *file, struct err *err)
{
	struct root real = ROOT_INIT;
	char *absolute = realpath(file, NULL);

	if (!absolute)
		return err_sys(err, errno, "'%s'", file);
	p->file = absolute;
	int rc = root_init(&real, NULL, err);

	if (rc == 0)
		rc = read_profile(p, &real, absolute, true, err);
	root_release(&real);
	return rc;
}

int profile_load(struct profile **out, const struct root *root, const char *package,
		 const char *file, struct err *err)
{
	CLEANUP(profile_cleanup) struct profile *p = xcalloc(1, sizeof(*p));

	if (!valid_package_name(package))
		return err_set(err, ERR_USAGE, "'%s' is not a package name", package);
	p->package = xstrdup(package);
	if (file) {
		if (load_file(p, file, err) < 0)
			return -1;
	} else {
		AUTO_FREE char *local = xasprintf("/etc/%s/maintkit.conf", package);

		if (load_base(p, root, err) < 0 || read_if_there(p, root, local, err) < 0)
			return -1;
	}
	const char *name = profile_get(p, "package", "name");

	if (name && strcmp(name, package) != 0)
		return err_set(err, ERR_FAIL, "%s: the profile is for package '%s', not '%s'", p->file, name, package);
	*out = MOVE_PTR(p);
	return 0;
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->entries[i].section);
		free(p->entries[i].key);
		free(p->entries[i].value);
	}
	free(p->entries);
	free(p->file);
	free(p->package);
	free(p);
}

void profile_cleanup(struct profile **p)
{
	profile_free(*p);
}

/* "key = value", broken where a line would become too long to be read again.
 * A word that looks like a comment never begins a line. */
static void add_entry(struct buf *text, const struct entry *e)
{
	AUTO_STRV words = STRV_INIT;
	size_t column = strlen(e->key) + 2;

	if (column + 1 + strlen(e->value) <= PROFILE_LINE_MAX) {
		buf_addf(text, "%s = %s\n", e->key, e->value);
		return;
	}
	buf_addf(text, "%s =", e->key);
	strv_split(&words, e->value, " \t");
	for (size_t i = 0; i < words.n; i++) {
		size_t here = strlen(words.v[i]);
		size_t next = i + 1 < words.n && strchr(";#", words.v[i + 1][0]) ? strlen(words.v[i + 1]) + 1 : 0;
		bool wrap = column + 1 + here + next > PROFILE_LINE_MAX && !strchr(";#", words.v[i][0]);

		if (wrap) {
			buf_adds(text, "\n");
			column = 0;
		}
		buf_addf(text, " %s", words.v[i]);
		column += 1 + here;
	}
	buf_addc(text, '\n');
}

int profile_save_copy(const struct profile *p, const struct root *root, struct err *err)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_STRV sections = STRV_INIT;
	AUTO_FREE char *dir = profile_state_path(p, "");
	AUTO_FREE char *path = profile_state_path(p, "profile");
	struct atomic_opts opts = ATOMIC_OPTS_INIT;

	profile_sections(p, "", &sections);
	buf_adds(&text, "; Written by maintkit from the profile in force, for use when the package is gone.\n");
	for (size_t s = 0; s < sections.n; s++) {
		buf_addf(&text, "[%s]\n", sections.v[s]);
		for (size_t i = 0; i < p->n; i++)
			if (strcmp(p->entries[i].section, sections.v[s]) == 0)
				add_entry(&text, &p->entries[i]);
	}
	opts.mode = 0600;
	if (path_mkdirs(root, "/var/lib/maintkit", 0755, (uid_t)-1, (gid_t)-1, err) < 0 ||
	    path_mkdirs(root, dir, 0700, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	return atomic_replace(root, path, text.p, text.len, &opts, err) < 0 ? -1 : 0;
}

static bool has_leaf(int dir, const char *name, const char *leaf)
{
	char path[NAME_MAX + 64];
	char *end = stpcpy(path, name);

	*end++ = '/';
	stpcpy(end, leaf);
	return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Add the names below dir for which DIR/NAME/leaf is a file. */
static int collect(const struct root *root, const char *dir, const char *leaf, struct strv *names,
		   struct err *err)
{
	AUTO_STRV all = STRV_INIT;
	struct err why = ERR_INIT;
	/* /usr/share has thousands of entries: most are sorted out by one call,
	 * which must not follow a link out of a foreign root. */
	AUTO_FD int quick = path_open_dir(root, dir, 0, &why);

	if (quick < 0 || path_list(root, dir, &all, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	for (size_t i = 0; i < all.n; i++) {
		if (!valid_package_name(all.v[i]) || strv_has(names, all.v[i]))
			continue;
		if (!root_is_foreign(root) && !has_leaf(quick, all.v[i], leaf))
			continue;
		AUTO_FREE char *path = xasprintf("%s/%s/%s", dir, all.v[i], leaf);
		struct stat st;
		struct err ignored = ERR_INIT;

		if (path_stat(root, path, &st, &ignored) == 0 && S_ISREG(st.st_mode))
			strv_add(names, all.v[i]);
	}
	return 0;
}

int profile_packages(const struct root *root, struct strv *names, struct err *err)
{
	if (collect(root, "/usr/share", "maintkit.conf", names, err) < 0)
		return -1;
	return collect(root, "/var/lib/maintkit", "profile", names, err);
}

const char *profile_package(const struct profile *p)
{
	return p->package;
}

const char *profile_get(const struct profile *p, const char *section, const char *key)
{
	const struct entry *e = find(p, section, key);

	return e && e->value[0] ? e->value : NULL;
}

const char *profile_get_or(const struct profile *p, const char *section, const char *key, const char *fallback)
{
	const char *value = profile_get(p, section, key);

	return value ? value : fallback;
}

const char *profile_require(const struct profile *p, const char *section, const char *key, struct err *err)
{
	const char *value = profile_get(p, section, key);

	if (!value)
		err_set(err, ERR_FAIL, "%s: [%s] %s is missing", p->file, section, key);
	return value;
}

bool profile_bool(const struct profile *p, const char *section, const char *key, bool fallback)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	const char *value = profile_get(p, section, key);

	if (!value)
		return fallback;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (strcasecmp(value, yes[i]) == 0)
			return true;
	return false;
}

int profile_int(const struct profile *p, const char *section, const char *key, long min, long max,
		long fallback, long *out, struct err *err)
{
	const char *value = profile_get(p, section, key);
	char *end;

	*out = fallback;
	if (!value)
		return 0;
	errno = 0;
	long n = strtol(value, &end, 10);

	if (errno || *end || n < min || n > max)
		return err_set(err, ERR_FAIL, "%s: [%s] %s: '%s' is not a number from %ld to %ld",
			       p->file, section, key, value, min, max);
	*out = n;
	return 0;
}

void profile_words(const struct profile *p, const char *section, const char *key, struct strv *out)
{
	const char *value = profile_get(p, section, key);

	if (value)
		strv_split(out, value, " \t\n");
}

void profile_sections(const struct profile *p, const char *prefix, struct strv *out)
{
	for (size_t i = 0; i < p->n; i++)
		if (strncmp(p->entries[i].section, prefix, strlen(prefix)) == 0 &&
		    !strv_has(out, p->entries[i].section))
			strv_add(out, p->entries[i].section);
}

char *profile_state_path(const struct profile *p, const char *leaf)
{
	return xasprintf("/var/lib/maintkit/%s%s%s", p->package, *leaf ? "/" : "", leaf);
}

static void close_stream(FILE **f)
{
	if (*f)
		fclose(*f);
}

static FILE *open_stream(const struct root *root, const char *path, struct err *err)
{
	int fd = path_open(root, path, O_RDONLY | O_NONBLOCK, 0, 0, err);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !f) {
		err_sys(err, errno, "'%s%s'", root->prefix, path);
		close(fd);
	}
	return f;
}

/* The root's own passwd and group: below a foreign root the host's numbers would be wrong. */
int profile_user(const struct profile *p, const struct root *root, uid_t *uid, gid_t *gid, struct err *err)
{
	const char *user = profile_require(p, "package", "user", err);

	if (!user)
		return -1;
	if (!root_is_foreign(root)) {
		const struct passwd *pw = getpwnam(user);

		if (!pw)
			return err_set(err, ERR_ABSENT, "there is no user '%s'", user);
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
		return 0;
	}
	CLEANUP(close_stream) FILE *f = open_stream(root, "/etc/passwd", err);

	if (!f)
		return -1;
	for (const struct passwd *pw; (pw = fgetpwent(f)); )
		if (strcmp(pw->pw_name, user) == 0) {
			*uid = pw->pw_uid;
			*gid = pw->pw_gid;
			return 0;
		}
	return err_set(err, ERR_ABSENT, "there is no user '%s' below '%s'", user, root->prefix);
}
