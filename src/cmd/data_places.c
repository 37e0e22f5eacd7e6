/* Which trees are ours: those of the profile, those an earlier package left in use, none that another package claims.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "../ext/propsfile.h"
#include "data.h"

/* Does dir hold path, or is it the same? Both absolute. */
static bool holds(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	return strncmp(dir, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static const char *holder(const struct strv *dirs, const char *path)
{
	for (size_t i = 0; i < dirs->n; i++)
		if (holds(dirs->v[i], path))
			return dirs->v[i];
	return NULL;
}

static bool climbs(const char *path)
{
	size_t n = strlen(path);

	return strstr(path, "/../") || (n >= 3 && strcmp(path + n - 3, "/..") == 0);
}

/* One property that names a directory of documents. */
static void follow_property(struct tool *t, const char *key, const char *value, const struct strv *legacy,
			    struct strv *out, struct strv *doubts)
{
	const char *in;
	struct err err = ERR_INIT;
	struct stat st;

	if (value[0] != '/' || (!climbs(value) && holder(out, value)))
		return;
	in = climbs(value) ? NULL : holder(legacy, value);
	/* a link to a disk of its own, which [data] documents names */
	AUTO_FREE char *real = path_real_dir(&t->root, in ? in : value, &err);

	if (real && holder(out, real))
		return;
	err_clear(&err);
	if (in)
		strv_add(out, in);
	else if (path_stat(&t->root, value, &st, &err) == 0 || err.kind != ERR_ABSENT)
		strv_addf(doubts, "the property %s names '%s', which the profile does not ([data] documents)", key, value);
}

static void follow_properties(struct tool *t, struct strv *out, struct strv *doubts)
{
	const char *file = profile_get(t->profile, "properties", "file");
	AUTO_STRV keys = STRV_INIT, legacy = STRV_INIT;
	enum props_encoding enc = PROPS_LATIN1;
	CLEANUP(props_cleanup) struct props *props = NULL;
	struct err err = ERR_INIT;

	profile_words(t->profile, "data", "document-properties", &keys);
	profile_words(t->profile, "data", "legacy", &legacy);
	if (!file || !keys.n)
		return;
	if (propsfile_encoding(t->profile, NULL, &enc, &err) < 0 ||
	    propsfile_read(&t->root, file, enc, &props, NULL, NULL, &err) < 0) {
		if (err.kind != ERR_ABSENT)
			strv_add(doubts, err.text);
		return;
	}
	for (size_t i = 0; i < keys.n; i++) {
		const char *value = props_get(props, keys.v[i]);

		if (value)
			follow_property(t, keys.v[i], value, &legacy, out, doubts);
	}
}

void data_places(struct tool *t, const char *key, struct strv *out, struct strv *doubts)
{
	AUTO_STRV ignored = STRV_INIT;

	profile_words(t->profile, "data", key, out);
	if (strcmp(key, "documents") == 0)
		follow_properties(t, out, doubts ? doubts : &ignored);
}

/* ---- other packages ---- */

void data_others_release(struct data_others *o)
{
	for (size_t i = 0; i < o->n; i++)
		profile_free(o->profile[i]);
	free(o->profile);
	*o = (struct data_others){ 0 };
}

void data_others_find(struct data_others *o, struct tool *t, struct strv *doubts)
{
	AUTO_STRV names = STRV_INIT;
	struct err err = ERR_INIT;

	if (profile_packages(&t->root, &names, &err) < 0) {
		strv_add(doubts, err.text);
		return;
	}
	for (size_t i = 0; i < names.n; i++) {
		struct profile *p = NULL;

		if (strcmp(names.v[i], t->package) == 0)
			continue;
		if (profile_load(&p, &t->root, names.v[i], NULL, &err) < 0) {
			strv_addf(doubts, "what belongs to '%s' is not known: %s", names.v[i], err.text);
			continue;
		}
		o->profile = xreallocarray(o->profile, o->n + 1, sizeof *o->profile);
		o->profile[o->n++] = p;
	}
}

const char *data_others_database(const struct data_others *o, const char *name)
{
	for (size_t i = 0; i < o->n; i++) {
		const char *main = profile_get(o->profile[i], "database", "name");
		AUTO_STRV more = STRV_INIT;

		profile_words(o->profile[i], "data", "databases", &more);
		if ((main && strcmp(main, name) == 0) || strv_has(&more, name))
			return profile_package(o->profile[i]);
	}
	return NULL;
}

const char *data_others_account(const struct data_others *o, const char *id)
{
	const char *at = strrchr(id, '@');

	for (size_t i = 0; i < o->n; i++) {
		const char *user = profile_get(o->profile[i], "database", "user");

		if (user && at && strlen(user) == (size_t)(at - id) && strncmp(user, id, (size_t)(at - id)) == 0)
			return profile_package(o->profile[i]);
	}
	return NULL;
}

const char *data_others_tree(const struct data_others *o, const char *path)
{
	static const char *const keys[] = { "documents", "keys", "logs", "disposable", "home", "configuration", "backups" };

	for (size_t i = 0; i < o->n; i++) {
		AUTO_STRV theirs = STRV_INIT;

		for (size_t k = 0; k < ARRAY_LEN(keys); k++)
			profile_words(o->profile[i], "data", keys[k], &theirs);
		for (size_t k = 0; k < theirs.n; k++)
			if (holds(theirs.v[k], path) || holds(path, theirs.v[k]))
				return profile_package(o->profile[i]);
	}
	return NULL;
}

bool data_is_below_ours(struct tool *t, const char *path)
{
	static const char *const keys[] = { "documents", "keys", "logs", "disposable", "home", "configuration" };
	AUTO_FREE char *state = profile_state_path(t->profile, "");
	AUTO_STRV ours = STRV_INIT;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		data_places(t, keys[i], &ours, NULL);
	return holder(&ours, path) || holds(state, path);
}
