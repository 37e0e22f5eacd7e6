/* The package profile: what maintkit knows about the package it works for (read by libinih).
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ini.h>
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
	char *bad_section;
	struct strv seen;	/* "section\tkey" of this file, to find duplicates */
};

static int on_entry(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;
	AUTO_FREE char *id = xasprintf("%s\t%s", section, name);

	if (!known_section(section)) {
		r->bad_section = xstrdup(section);
		return 0;
	}
	/* libinih reports a continuation line as the same name again. */
	if (strv_has(&r->seen, id)) {
		struct entry *e = find(r->p, section, name);
		AUTO_FREE char *joined = xasprintf("%s %s", e->value, value);

		put(r->p, section, name, joined);
		return 1;
	}
	strv_add(&r->seen, id);
	put(r->p, section, name, value);
	return 1;
}

static int parse(struct profile *p, const struct root *root, const char *path, struct err *err)
{
	AUTO_BUF text = BUF_INIT;
	struct reading r = { .p = p, .seen = STRV_INIT };

	if (path_read_file(root, path, &text, PROFILE_MAX, NULL, err) < 0)
		return -1;
	if (memchr(text.p, '\0', text.len))
		return err_set(err, ERR_FAIL, "'%s%s' contains a NUL byte; it is not a profile", root->prefix, path);
	int line = ini_parse_string(text.p, on_entry, &r);

	strv_release(&r.seen);
	if (line == 0)
		return 0;
	if (line < 0)
		return err_set(err, ERR_FAIL, "'%s%s' cannot be read as a profile", root->prefix, path);
	if (r.bad_section)
		err_set(err, ERR_FAIL, "%s%s:%d: unknown section [%s]", root->prefix, path, line, r.bad_section);
	else
		err_set(err, ERR_FAIL, "%s%s:%d: this is neither a [section], a 'key = value', nor a '; comment'",
			root->prefix, path, line);
	err_hint(err, "mend that line; maintkit.conf(5) tells what may stand there");
	free(r.bad_section);
	return -1;
}

/* parse, but a file that is not there is fine. */
static int parse_if_there(struct profile *p, const struct root *root, const char *path, struct err *err)
{
	struct err why = ERR_INIT;

	if (parse(p, root, path, &why) == 0)
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
	int got = parse_if_there(p, root, shipped, err);

	if (got > 0)
		p->file = xasprintf("%s%s", root->prefix, shipped);
	if (got == 0) {
		got = parse_if_there(p, root, kept, err);
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
		rc = parse(p, &real, absolute, err);
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

		if (load_base(p, root, err) < 0 || parse_if_there(p, root, local, err) < 0)
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
				buf_addf(&text, "%s = %s\n", p->entries[i].key, p->entries[i].value);
	}
	opts.mode = 0600;
	if (path_mkdirs(root, "/var/lib/maintkit", 0755, (uid_t)-1, (gid_t)-1, err) < 0 ||
	    path_mkdirs(root, dir, 0700, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	return atomic_replace(root, path, text.p, text.len, &opts, err) < 0 ? -1 : 0;
}

/* Add the names below dir for which DIR/NAME/leaf is a file. */
static int collect(const struct root *root, const char *dir, const char *leaf, struct strv *names,
		   struct err *err)
{
	AUTO_STRV all = STRV_INIT;
	struct err why = ERR_INIT;

	if (path_list(root, dir, &all, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	for (size_t i = 0; i < all.n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s/%s", dir, all.v[i], leaf);
		struct stat st;
		struct err ignored = ERR_INIT;

		if (valid_package_name(all.v[i]) && !strv_has(names, all.v[i]) &&
		    path_stat(root, path, &st, &ignored) == 0 && S_ISREG(st.st_mode))
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
	int fd = path_open(root, path, O_RDONLY, 0, 0, err);

	return fd < 0 ? NULL : fdopen(fd, "r");
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
