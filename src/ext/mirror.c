/* The mirror: what the guard last knew of a package's data, for when the database cannot be asked.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "mirror.h"

#include <string.h>

#include "../base/atomic.h"
#include "../core/record.h"

#define MIRROR_MAX (1u << 20)
#define MIRROR_FORMAT "1"

static char *leaf_path(const char *package, const char *leaf)
{
	return xasprintf("%s/%s/%s", MIRROR_STATE_DIR, package, leaf);
}

static long number(const char *s)
{
	long n = strtol(s, NULL, 10);

	return n < 0 || n > POLICY_LEVEL_MAX ? 0 : n;
}

static char *text_or_null(const char *s)
{
	return *s ? xstrdup(s) : NULL;
}

/* The records, with the number of fields each has at least. Kinds that a newer
 * version added are passed over. */
static void take_levels(struct policy_state *s, char **f)
{
	s->schema_level = number(f[1]);
	s->min_level = number(f[2]);
	s->since = strtoll(f[3], NULL, 10);
	s->reason = text_or_null(f[4]);
}

static void take_environment(struct policy_state *s, char **f)
{
	s->env_floor = text_or_null(f[1]);
	s->env_note = text_or_null(f[2]);
	s->env_no_legacy = strcmp(f[3], "1") == 0;
}

static void take_title(struct policy_state *s, char **f)
{
	s->title = text_or_null(f[1]);
}

static void take_lineage(struct policy_state *s, char **f)
{
	s->lineage = text_or_null(f[1]);
}

static void take_instance(struct policy_state *s, char **f)
{
	s->instance = text_or_null(f[1]);
}

static void take_backup_dir(struct policy_state *s, char **f)
{
	s->backup_dir = text_or_null(f[1]);
}

static void take_socket(struct policy_state *s, char **f)
{
	s->db_socket = text_or_null(f[1]);
}

static void take_backup_key(struct policy_state *s, char **f)
{
	strv_add(&s->backup_keys, f[1]);
}

static void take_allow(struct policy_state *s, char **f)
{
	struct policy_allowance a = {
		.version = f[1], .instance = f[2], .schema_level = number(f[3]), .min_level = number(f[4]),
		.made = strtoll(f[5], NULL, 10), .expires = strtoll(f[6], NULL, 10), .reason = f[7],
	};

	policy_state_add_allowance(s, &a);
}

static void take_release(struct policy_state *s, char **f)
{
	struct policy_release r = {
		.version = f[1], .level = number(f[2]), .reads_min = number(f[3]), .reads_max = number(f[4]),
	};

	policy_state_add_release(s, &r);
}

static const struct {
	const char *kind;
	size_t fields;
	bool once;
	void (*take)(struct policy_state *s, char **f);
} kinds[] = {
	{ "title", 2, true, take_title },
	{ "lineage", 2, true, take_lineage },
	{ "instance", 2, true, take_instance },
	{ "levels", 5, true, take_levels },
	{ "environment", 4, true, take_environment },
	{ "backup-dir", 2, true, take_backup_dir },
	{ "database-socket", 2, true, take_socket },
	{ "backup-key", 2, false, take_backup_key },
	{ "allow", 8, false, take_allow },
	{ "release", 5, false, take_release },
};

/* One record into s; false when it is malformed or a second one of its kind. */
static bool take(struct policy_state *s, const struct strv *f, unsigned *seen)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(f->v[0], kinds[i].kind) != 0)
			continue;
		if (f->n < kinds[i].fields || (kinds[i].once && (*seen & 1u << i)))
			return false;
		*seen |= 1u << i;
		kinds[i].take(s, f->v);
		return true;
	}
	return true;
}

static int parse(const char *path, const struct buf *text, struct policy_state *s, struct err *err)
{
	AUTO_STRV f = STRV_INIT;
	size_t pos = 0;
	unsigned seen = 0;

	for (unsigned long line = 1;; line++) {
		enum record_state state = record_parse(text->p, text->len, &pos, &f);
		bool good = state == RECORD_OK;

		if (state == RECORD_END && line > 1)
			return 0;
		if (good && line == 1)
			good = f.n >= 2 && strcmp(f.v[0], "maintkit-mirror") == 0 &&
			       strcmp(f.v[1], MIRROR_FORMAT) == 0;
		else if (good)
			good = take(s, &f, &seen);
		if (!good) {
			err_set(err, ERR_FAIL, "%s:%lu: the line is damaged or of an unknown format", path, line);
			err_hint(err, "'maintkit guard status --refresh' writes the file anew from the database");
			return -1;
		}
	}
}

int mirror_read(const struct root *root, const char *package, struct policy_state *s, struct err *err)
{
	AUTO_FREE char *path = leaf_path(package, "mirror");
	AUTO_BUF text = BUF_INIT;

	*s = (struct policy_state){ .package = xstrdup(package) };
	if (path_read_file(root, path, &text, MIRROR_MAX, NULL, err) < 0)
		return -1;
	if (parse(path, &text, s, err) < 0) {
		policy_state_release(s);
		s->package = xstrdup(package);
		return -1;
	}
	s->known = true;
	return 0;
}

static void add(struct buf *out, size_t n, const char *const *fields)
{
	record_format(out, fields, n);
}
#define ADD(out, ...) add(out, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
			  (const char *const[]){ __VA_ARGS__ })

static void format_allowance(struct buf *out, const struct policy_allowance *a)
{
	AUTO_FREE char *schema = xasprintf("%ld", a->schema_level);
	AUTO_FREE char *min = xasprintf("%ld", a->min_level);
	AUTO_FREE char *made = xasprintf("%lld", a->made);
	AUTO_FREE char *expires = xasprintf("%lld", a->expires);

	ADD(out, "allow", a->version, a->instance, schema, min, made, expires, a->reason);
}

static void format_release(struct buf *out, const struct policy_release *r)
{
	AUTO_FREE char *level = xasprintf("%ld", r->level);
	AUTO_FREE char *min = xasprintf("%ld", r->reads_min);
	AUTO_FREE char *max = xasprintf("%ld", r->reads_max);

	ADD(out, "release", r->version, level, min, max);
}

int mirror_write(const struct root *root, const struct policy_state *s, struct err *err)
{
	AUTO_FREE char *path = leaf_path(s->package, "mirror");
	AUTO_FREE char *dir = path_dirname(path);
	AUTO_FREE char *schema = xasprintf("%ld", s->schema_level);
	AUTO_FREE char *min = xasprintf("%ld", s->min_level);
	AUTO_FREE char *since = xasprintf("%lld", s->since);
	struct atomic_opts opts = ATOMIC_OPTS_INIT;
	AUTO_BUF out = BUF_INIT;

	ADD(&out, "maintkit-mirror", MIRROR_FORMAT);
	ADD(&out, "title", s->title);
	ADD(&out, "lineage", s->lineage);
	ADD(&out, "instance", s->instance);
	ADD(&out, "levels", schema, min, since, s->reason);
	ADD(&out, "environment", s->env_floor, s->env_note, s->env_no_legacy ? "1" : "0");
	ADD(&out, "backup-dir", s->backup_dir);
	if (s->db_socket)
		ADD(&out, "database-socket", s->db_socket);
	for (size_t i = 0; i < s->backup_keys.n; i++)
		ADD(&out, "backup-key", s->backup_keys.v[i]);
	for (size_t i = 0; i < s->n_allow; i++)
		format_allowance(&out, &s->allow[i]);
	for (size_t i = 0; i < s->n_release; i++)
		format_release(&out, &s->release[i]);
	opts.mode = 0600;
	if (path_mkdirs(root, MIRROR_STATE_DIR, 0755, (uid_t)-1, (gid_t)-1, err) < 0 ||
	    path_mkdirs(root, dir, 0700, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	return atomic_replace(root, path, out.p, out.len, &opts, err);
}

int mirror_packages(const struct root *root, struct strv *names, struct err *err)
{
	AUTO_STRV all = STRV_INIT;
	struct err why = ERR_INIT;

	if (path_list(root, MIRROR_STATE_DIR, &all, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	for (size_t i = 0; i < all.n; i++) {
		AUTO_FREE char *path = leaf_path(all.v[i], "mirror");
		struct stat st;

		/* with a dot: what a purge was deleting when it was killed */
		if (all.v[i][0] != '.' && path_stat(root, path, &st, NULL) == 0 && S_ISREG(st.st_mode))
			strv_add(names, all.v[i]);
	}
	return 0;
}

static bool is_companion(const char *name)
{
	const char *dot = strrchr(name, '.');

	return name[0] == '.' || (dot && (strcmp(dot, ".info") == 0 || strcmp(dot, ".sha256") == 0 || strcmp(dot, ".index") == 0));
}

char *mirror_newest_file(const struct root *root, const char *dir)
{
	AUTO_STRV names = STRV_INIT;
	struct timespec best = { 0 };
	char *found = NULL;

	if (path_list(root, dir, &names, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, names.v[i]);
		struct stat st;

		if (is_companion(names.v[i]) || path_stat(root, path, &st, NULL) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (found && (st.st_mtim.tv_sec < best.tv_sec ||
			      (st.st_mtim.tv_sec == best.tv_sec && st.st_mtim.tv_nsec < best.tv_nsec)))
			continue;
		best = st.st_mtim;
		free(found);
		found = MOVE_PTR(path);
	}
	return found;
}

bool mirror_instance_is_valid(const char *id)
{
	return id && strlen(id) == INSTANCE_LEN && strspn(id, "0123456789abcdef") == INSTANCE_LEN;
}

int mirror_instance(const struct root *root, const char *package, char **id, struct err *err)
{
	AUTO_FREE char *path = leaf_path(package, "identity");
	AUTO_BUF text = BUF_INIT;

	*id = NULL;
	if (path_read_file(root, path, &text, 4096, NULL, err) < 0)
		return -1;
	buf_trim_end(&text);
	if (!mirror_instance_is_valid(text.p))
		return err_set(err, ERR_FAIL, "'%s' holds no instance id (%d hexadecimal digits)",
			       path, INSTANCE_LEN);
	*id = buf_steal(&text);
	return 0;
}
