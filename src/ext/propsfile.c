/* Edit the package's properties file as one atomic step, journalled, for every command that keeps a setting there.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "../base/atomic.h"
#include "../core/sha256.h"
#include "effects.h"
#include "propsfile.h"

static const char section[] = "properties";

bool propsfile_is_secret(const struct profile *p, const char *key)
{
	AUTO_STRV secret = STRV_INIT;

	if (p)
		profile_words(p, section, "secret", &secret);
	return strv_has(&secret, key);
}

int propsfile_encoding(const struct profile *p, const char *name, enum props_encoding *enc, struct err *err)
{
	static const struct {
		const char *name;
		enum props_encoding enc;
	} known[] = {
		{ "latin1", PROPS_LATIN1 }, { "iso-8859-1", PROPS_LATIN1 }, { "ascii", PROPS_LATIN1 },
		{ "utf8", PROPS_UTF8 }, { "utf-8", PROPS_UTF8 },
	};

	if (!name && p)
		name = profile_get(p, section, "encoding");
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcasecmp(known[i].name, name ? name : "latin1") == 0) {
			*enc = known[i].enc;
			return 0;
		}
	return err_set(err, ERR_USAGE, "there is no encoding '%s' here; use latin1 or utf8", name);
}

int propsfile_read(const struct root *root, const char *path, enum props_encoding enc, struct props **out,
		   struct buf *text, struct stat *st, struct err *err)
{
	AUTO_BUF own = BUF_SECRET_INIT;
	struct buf *b = text ? text : &own;
	struct err why = ERR_INIT;

	if (path_read_file(root, path, b, FILE_MAX_SIZE, st, err) < 0)
		return -1;
	if (props_parse(out, b->p, b->len, enc, &why) < 0)
		return err_set(err, why.kind, "%s%s:%s", root->prefix, path, why.text);
	return 0;
}

/* ---- opening ---- */

/* The content of a file that is to be created: the shipped defaults. */
static int read_default(struct propsfile *f, enum props_encoding enc, bool own, struct err *err)
{
	const char *def = own ? profile_get(f->profile, section, "default") : NULL;
	struct err why = ERR_INIT;

	memset(&f->st, 0, sizeof(f->st));
	if (def && propsfile_read(f->root, def, enc, &f->props, NULL, NULL, &why) == 0)
		return 0;
	if (def && why.kind != ERR_ABSENT) {
		if (err)
			*err = why;
		return -1;
	}
	return props_parse(&f->props, "", 0, enc, err);
}

int propsfile_open(struct propsfile *f, const struct profile *p, const struct root *root, const char *path,
		   const char *encoding, unsigned flags, struct err *err)
{
	const char *own = p ? profile_get(p, section, "file") : NULL;
	enum props_encoding enc;
	struct err why = ERR_INIT;

	if (!path && !p)
		return err_set(err, ERR_USAGE, "no package is known, so name the file with -f");
	if (!path && !(path = profile_require(p, section, "file", err)))
		return -1;
	if (propsfile_encoding(p, encoding, &enc, err) < 0)
		return -1;
	bool is_own = own && strcmp(own, path) == 0;

	f->profile = p;
	f->root = root;
	f->path = xstrdup(path);
	f->journal = p && (is_own || (flags & PROPSFILE_JOURNAL));
	if (f->journal && strchr(path, ':'))
		return err_set(err, ERR_FAIL, "'%s': a path with a colon cannot be journalled", path);
	if (propsfile_read(root, path, enc, &f->props, &f->text, &f->st, &why) == 0)
		return 0;
	if (why.kind == ERR_ABSENT && (flags & PROPSFILE_CREATE))
		return read_default(f, enc, is_own, err);
	if (err)
		*err = why;
	return -1;
}

void propsfile_release(struct propsfile *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->changes[i].key);
		mem_wipe_string(f->changes[i].old);
		mem_wipe_string(f->changes[i].new_value);
	}
	free(f->changes);
	free(f->path);
	props_free(f->props);
	buf_release(&f->text);
	*f = (struct propsfile)PROPSFILE_INIT;
}

/* ---- editing ---- */

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

void propsfile_note(struct propsfile *f, const char *key, const char *old, const char *new_value)
{
	struct propsfile_change *c = NULL;

	/* The same key again: what it was at first stays. */
	for (size_t i = 0; i < f->n && !c; i++)
		if (strcmp(f->changes[i].key, key) == 0)
			c = &f->changes[i];
	if (c) {
		mem_wipe_string(c->new_value);
	} else {
		f->changes = xreallocarray(f->changes, f->n + 1, sizeof(*f->changes));
		c = &f->changes[f->n++];
		c->key = xstrdup(key);
		c->old = copy(old);
	}
	c->new_value = copy(new_value);
}

int propsfile_set(struct propsfile *f, const char *key, const char *value, struct err *err)
{
	const char *now = props_get(f->props, key);
	char *old = copy(now);
	int rc;

	if (value)
		rc = props_set(f->props, key, value, err);
	else if (propsfile_is_secret(f->profile, key))
		rc = props_unset_secret(f->props, key, err);
	else
		rc = props_unset(f->props, key, err);
	if (rc >= 0)
		propsfile_note(f, key, old, value);
	mem_wipe_string(old);
	return rc;
}

/* ---- journal ---- */

/* The journal's word for a value. */
static char *journal_value(const struct propsfile *f, const char *key, const char *value)
{
	char hex[SHA256_HEX_SIZE];

	if (!value)
		return xstrdup(EFFECT_ABSENT);
	if (!propsfile_is_secret(f->profile, key))
		return xstrdup(value);
	sha256_hex(value, strlen(value), hex);
	return xasprintf("sha256:%s", hex);
}

static char *content_sum(const struct buf *text)
{
	char hex[SHA256_HEX_SIZE];

	sha256_hex(text->p, text->len, hex);
	return xasprintf("sha256:%s", hex);
}

struct notes {
	struct effect_note *v;
	size_t n;
};

static void notes_release(struct notes *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free((void *)(uintptr_t)s->v[i].kind);
		free((void *)(uintptr_t)s->v[i].id);
		mem_wipe_string((char *)(uintptr_t)s->v[i].old);
		mem_wipe_string((char *)(uintptr_t)s->v[i].new_value);
	}
	free(s->v);
}

/* Takes id, old and new_value over. */
static void notes_add(struct notes *s, const char *kind, char *id, char *old, char *new_value)
{
	s->v = xreallocarray(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = (struct effect_note){ xstrdup(kind), id, old, new_value };
}

/* One change. OLD stays what it was before we first touched the key, as long as
 * nobody else has changed it since. */
static void note_change(const struct propsfile *f, const struct propsfile_change *c,
			const struct effect *list, size_t n, struct notes *out)
{
	char *now = journal_value(f, c->key, c->old), *new_value = journal_value(f, c->key, c->new_value);

	if (strcmp(now, new_value) != 0) {
		char *id = xasprintf("%s:%s", f->path, c->key);
		const struct effect *e = effects_find(list, n, "property", id);
		bool ours = e && strcmp(e->new_value, now) == 0;
		bool hide = c->old && propsfile_is_secret(f->profile, c->key);

		notes_add(out, "property", id, xstrdup(ours ? e->old : hide ? EFFECT_SECRET : now), MOVE_PTR(new_value));
	}
	mem_wipe_string(now);
	mem_wipe_string(new_value);
}

/* The file itself, when we made it and nobody else has changed it since. */
static void note_file(const struct propsfile *f, const struct buf *text, const struct effect *list, size_t n,
		      struct notes *out)
{
	const struct effect *e = effects_find(list, n, "file", f->path);
	AUTO_FREE char *before = content_sum(&f->text);

	if (!f->st.st_ino || (e && strcmp(e->new_value, before) == 0))
		notes_add(out, "file", xstrdup(f->path), xstrdup(EFFECT_ABSENT), content_sum(text));
}

/* The effect's key when it is one of this file. */
static const char *key_in(const struct effect *e, const char *path)
{
	size_t len = strlen(path);

	return strncmp(e->id, path, len) == 0 && e->id[len] == ':' ? e->id + len + 1 : NULL;
}

/* What a killed run has written, but could not record as done. */
static void note_unfinished(const struct propsfile *f, const struct effect *e, struct notes *out)
{
	const char *key = strcmp(e->kind, "property") == 0 ? key_in(e, f->path) : NULL;
	bool is_file = strcmp(e->kind, "file") == 0 && strcmp(e->id, f->path) == 0;
	char *now;

	if (strcmp(e->state, "intended") != 0 || !f->st.st_ino || (!key && !is_file))
		return;
	for (size_t i = 0; i < out->n; i++)
		if (strcmp(out->v[i].kind, e->kind) == 0 && strcmp(out->v[i].id, e->id) == 0)
			return;
	now = key ? journal_value(f, key, props_get(f->props, key)) : content_sum(&f->text);
	if (strcmp(now, e->new_value) == 0)
		notes_add(out, e->kind, xstrdup(e->id), xstrdup(e->old), xstrdup(e->new_value));
	mem_wipe_string(now);
}

static int collect_notes(const struct propsfile *f, const struct buf *text, bool changed, struct notes *out,
			 struct err *err)
{
	struct effect *list;
	size_t n;

	if (!f->journal)
		return 0;
	if (effects_list(f->profile, f->root, NULL, &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < f->n; i++)
		note_change(f, &f->changes[i], list, n, out);
	if (changed)
		note_file(f, text, list, n, out);
	for (size_t i = 0; i < n; i++)
		note_unfinished(f, &list[i], out);
	effects_free(list, n);
	return 0;
}

static int record(const struct propsfile *f, const char *state, const struct notes *s, struct err *err)
{
	return s->n ? effects_record(f->profile, f->root, state, s->v, s->n, err) : 0;
}

/* ---- writing ---- */

static void close_stream(FILE **s)
{
	if (*s)
		fclose(*s);
}

/* Below a foreign root the host's numbers would be wrong, so its own file is read. */
static int group_id(const struct root *root, const char *name, gid_t *gid, struct err *err)
{
	const struct group *gr = NULL;

	if (!root_is_foreign(root)) {
		if ((gr = getgrnam(name)))
			*gid = gr->gr_gid;
	} else {
		int fd = path_open(root, "/etc/group", O_RDONLY, 0, 0, err);
		CLEANUP(close_stream) FILE *s = fd < 0 ? NULL : fdopen(fd, "r");

		if (!s)
			return -1;
		while ((gr = fgetgrent(s)) && strcmp(gr->gr_name, name) != 0)
			;
		if (gr)
			*gid = gr->gr_gid;
	}
	if (!gr)
		return err_set(err, ERR_FAIL, "there is no group '%s', which [properties] group of the profile names",
			       name);
	return 0;
}

/* Mode and owner of a new file; without the right to give files away it stays ours. */
static int new_file_opts(const struct propsfile *f, struct atomic_opts *o, struct err *err)
{
	const char *mode = f->profile ? profile_get(f->profile, section, "mode") : NULL;
	const char *group = f->profile ? profile_get(f->profile, section, "group") : NULL;
	char *end = NULL;
	unsigned long bits = mode ? strtoul(mode, &end, 8) : (f->journal ? 0640 : 0600);

	if (mode && (*end || bits > 0777))
		return err_set(err, ERR_FAIL, "[properties] mode: '%s' is not an octal file mode", mode);
	o->mode = (mode_t)bits;
	if (!f->journal || geteuid() != 0)
		return 0;
	o->uid = 0;
	o->gid = 0;
	return group ? group_id(f->root, group, &o->gid, err) : 0;
}

static int write_text(const struct propsfile *f, const struct buf *text, struct err *err)
{
	struct atomic_opts opts = ATOMIC_OPTS_INIT;

	opts.keep = true;
	opts.expect = &f->st;
	if (!f->st.st_ino) {
		AUTO_FREE char *dir = path_dirname(f->path);

		if (new_file_opts(f, &opts, err) < 0 ||
		    (f->journal && path_mkdirs(f->root, dir, 0755, (uid_t)-1, (gid_t)-1, err) < 0))
			return -1;
	}
	return atomic_replace(f->root, f->path, text->p, text->len, &opts, err) < 0 ? -1 : 0;
}

int propsfile_commit(struct propsfile *f, struct err *err)
{
	AUTO_BUF text = BUF_SECRET_INIT;
	CLEANUP(notes_release) struct notes notes = { NULL, 0 };

	props_text(f->props, &text);
	bool changed = !f->st.st_ino || text.len != f->text.len || memcmp(text.p, f->text.p, text.len) != 0;

	if (collect_notes(f, &text, changed, &notes, err) < 0)
		return -1;
	if (changed && (record(f, "intended", &notes, err) < 0 || write_text(f, &text, err) < 0))
		return -1;
	if (record(f, "done", &notes, err) < 0)
		return -1;
	return changed;
}

int propsfile_edit(const struct profile *p, const struct root *root, const struct propsfile_edit *edits,
		   size_t n, struct err *err)
{
	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;

	if (propsfile_open(&f, p, root, NULL, NULL, PROPSFILE_CREATE, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (propsfile_set(&f, edits[i].key, edits[i].value, err) < 0)
			return -1;
	return propsfile_commit(&f, err);
}

int propsfile_get(const struct profile *p, const struct root *root, const char *key, char **value,
		  struct err *err)
{
	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;

	*value = NULL;
	if (propsfile_open(&f, p, root, NULL, NULL, 0, err) < 0)
		return -1;
	const char *now = props_get(f.props, key);

	if (!now)
		return err_set(err, ERR_ABSENT, "'%s' is not set in '%s%s'", key, root->prefix, f.path);
	*value = xstrdup(now);
	return 0;
}

/* ---- undoing ---- */

static int put_back(struct propsfile *f, const char *key, const struct effect *e, struct err *err)
{
	const char *now = props_get(f->props, key);
	char *word = journal_value(f, key, now);
	bool ours = strcmp(word, e->new_value) == 0;

	mem_wipe_string(word);
	if (!ours)
		return 0;
	if (strcmp(e->old, EFFECT_ABSENT) != 0 && strcmp(e->old, EFFECT_SECRET) != 0)
		return props_set(f->props, key, e->old, err);
	return props_remove(f->props, key, err);
}

static int undo_file(const struct profile *p, const struct root *root, const char *path,
		     const struct effect *list, size_t n, bool dry_run, struct err *err)
{
	CLEANUP(propsfile_release) struct propsfile f = PROPSFILE_INIT;
	struct err why = ERR_INIT;
	int count = 0;

	if (propsfile_open(&f, p, root, path, NULL, 0, &why) < 0) {
		if (why.kind == ERR_ABSENT)
			return 0;
		if (err)
			*err = why;
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		const char *key = key_in(&list[i], path);
		int rc = key ? put_back(&f, key, &list[i], err) : 0;

		if (rc < 0)
			return -1;
		count += rc;
	}
	f.journal = false;
	return !dry_run && propsfile_commit(&f, err) < 0 ? -1 : count;
}

static int undo_all(const struct profile *p, const struct root *root, const struct effect *list, size_t n,
		    bool dry_run, struct err *err)
{
	AUTO_STRV paths = STRV_INIT;
	CLEANUP(notes_release) struct notes notes = { NULL, 0 };
	int count = 0;

	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *path = xstrndup(list[i].id, strcspn(list[i].id, ":"));

		if (!strv_has(&paths, path))
			strv_add(&paths, path);
		notes_add(&notes, "property", xstrdup(list[i].id), xstrdup(""), xstrdup(""));
	}
	for (size_t i = 0; i < paths.n; i++) {
		int rc = undo_file(p, root, paths.v[i], list, n, dry_run, err);

		if (rc < 0)
			return -1;
		count += rc;
	}
	return !dry_run && effects_record(p, root, "undone", notes.v, notes.n, err) < 0 ? -1 : count;
}

int propsfile_undo(const struct profile *p, const struct root *root, bool dry_run, struct err *err)
{
	struct effect *list;
	size_t n;

	if (effects_list(p, root, "property", &list, &n, err) < 0)
		return -1;
	int rc = undo_all(p, root, list, n, dry_run, err);

	effects_free(list, n);
	return rc;
}
