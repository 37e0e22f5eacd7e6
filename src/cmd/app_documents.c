/* The documents that a package which was not built on maintkit left: given to our account, writable for our unit.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * They stay where they are. The trees are those that [data] document-properties
 * of the live settings name and that lie outside of [data] home.
 *
 * Effects, class host: "owner", id the tree, OLD and NEW the accounts; "file" for
 * the drop-in of the unit.
 */
#include "app.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "../base/atomic.h"
#include "../base/child.h"
#include "../ext/effects.h"
#include "../ext/propsfile.h"

/* ---- which trees ---- */

bool app_is_below(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	return strncmp(dir, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* Nobody keeps documents there, and giving such a tree away would be fatal. */
static bool is_system(const char *path)
{
	static const char *const system[] = { "/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/run", "/sbin", "/sys",
					      "/usr/bin", "/usr/lib", "/usr/sbin", "/var/lib/dpkg", "/var/lib/maintkit" };
	static const char *const parents[] = { "/", "/home", "/media", "/mnt", "/opt", "/srv", "/tmp", "/usr", "/usr/local",
					       "/usr/share", "/var", "/var/lib", "/var/log", "/var/tmp" };

	for (size_t i = 0; i < ARRAY_LEN(system); i++)
		if (app_is_below(system[i], path))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(parents); i++)
		if (app_is_below(path, parents[i]))
			return true;
	return strstr(path, "/../") || (strlen(path) >= 3 && strcmp(path + strlen(path) - 3, "/..") == 0);
}

static void add_tree(struct strv *trees, const char *path)
{
	for (size_t i = 0; i < trees->n; i++)
		if (app_is_below(trees->v[i], path))
			return;
	strv_add(trees, path);
}

/* Where documents lie on a disk of their own, the setting may name a link. */
static int add_real_tree(const struct app *a, struct strv *trees, const char *path, struct err *err)
{
	AUTO_FREE char *real = path_real_dir(a->root, path, err);

	if (!real)
		return -1;
	if (is_system(real))
		log_warn("'%s' leads to '%s': no place for documents; it is left as it is", path, real);
	else
		add_tree(trees, real);
	return 0;
}

static int find_trees(const struct app *a, struct strv *trees, struct err *err)
{
	const char *file = profile_get(a->profile, "properties", "file"), *home = profile_get(a->profile, "data", "home");
	CLEANUP(props_cleanup) struct props *props = NULL;
	enum props_encoding enc;
	AUTO_STRV keys = STRV_INIT;
	struct err why = ERR_INIT;

	profile_words(a->profile, "data", "document-properties", &keys);
	if (!file || !keys.n)
		return 0;
	if (propsfile_encoding(a->profile, NULL, &enc, err) < 0)
		return -1;
	if (propsfile_read(a->root, file, enc, &props, NULL, NULL, &why) < 0)
		return why.kind == ERR_ABSENT ? 0 : (*err = why, -1);
	for (size_t i = 0; i < keys.n; i++) {
		const char *value = props_get(props, keys.v[i]);
		AUTO_FREE char *tree = value ? xstrdup(value) : NULL;
		struct stat st;

		if (!tree || tree[0] != '/' || (home && app_is_below(home, tree)))
			continue;
		for (size_t n = strlen(tree); n > 1 && tree[n - 1] == '/'; n--)
			tree[n - 1] = '\0';
		if (is_system(tree))
			log_warn("%s is '%s': no place for documents; it is left as it is", keys.v[i], tree);
		else if (path_stat(a->root, tree, &st, NULL) == 0 && add_real_tree(a, trees, tree, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- owners ---- */

/* chown(1) walks by descriptors and follows no link below the tree; --from
 * leaves alone what belongs to others. */
static int chown_tree(const struct app *a, const char *tree, const char *from, const char *to, struct err *err)
{
	AUTO_FREE char *host = app_host_path(a, tree);
	AUTO_FREE char *dir = xasprintf("%s/.", host);
	AUTO_FREE char *option = xasprintf("--from=%s", from);
	const char *argv[] = { "chown", "-RhP", option, to, dir, NULL };
	struct child c = { .argv = argv, .timeout_ms = -1 };
	AUTO_FD int fd = path_open_dir(a->root, tree, 0, err);	/* no link on the way that root did not make */

	return fd < 0 || child_check(&c, err) < 0 ? -1 : 0;
}

/* Owner and group one after the other: a group that an admin gave the scanner's directory stays. */
static int change_owner(const struct app *a, const char *tree, const char *from, const char *to, struct err *err)
{
	AUTO_FREE char *from_group = xasprintf(":%s", from);
	AUTO_FREE char *to_group = xasprintf(":%s", to);

	if (getpwnam(from) && getpwnam(to) && chown_tree(a, tree, from, to, err) < 0)
		return -1;
	if (getgrnam(from) && getgrnam(to) && chown_tree(a, tree, from_group, to_group, err) < 0)
		return -1;
	return 0;
}

/* Whose the tree is: by the owner of its top (chown changes that last), since a
 * walk for each account that there could be takes long. To be freed; NULL: ours already. */
static char *former_owner(const struct app *a, const char *tree)
{
	AUTO_FD int fd = path_open_dir(a->root, tree, 0, NULL);
	AUTO_STRV accounts = STRV_INIT;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	profile_words(a->profile, "app", "hand-over-groups", &accounts);
	for (size_t i = 0; i < accounts.n; i++) {
		const struct passwd *pw = getpwnam(accounts.v[i]);

		if (pw && st.st_uid == pw->pw_uid)
			return xstrdup(accounts.v[i]);
	}
	return NULL;
}

static int take_owner(const struct app *a, const char *tree, struct err *err)
{
	const char *user = profile_require(a->profile, "package", "user", err);
	AUTO_FREE char *from = NULL;
	struct effect *list = NULL;
	const struct effect *e;
	size_t n = 0;

	if (!user || effects_list(a->profile, a->root, "owner", &list, &n, err) < 0)
		return -1;
	e = effects_find(list, n, "owner", tree);
	/* intended: a run that was cut off, perhaps between owners and groups */
	from = !e ? former_owner(a, tree) : strcmp(e->state, "intended") == 0 ? xstrdup(e->old) : NULL;
	effects_free(list, n);
	if (!from)
		return 0;
	if (a->t->dry_run) {
		log_info("would give '%s' from '%s' to '%s'", tree, from, user);
		return 0;
	}
	if (effect_intend(a->profile, a->root, EFFECT_HOST, "owner", tree, from, user, err) < 0 ||
	    change_owner(a, tree, from, user, err) < 0 ||
	    effect_done(a->profile, a->root, EFFECT_HOST, "owner", tree, from, user, err) < 0)
		return -1;
	log_info("the documents in '%s' stay there; they belong to '%s' now", tree, user);
	return 0;
}

/* ---- the unit's sandbox ---- */

static bool plain_path(const char *path)
{
	return strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+@,:=~") == strlen(path);
}

static int reload_manager(const struct app *a, struct err *err)
{
	const char *argv[] = { "systemctl", "daemon-reload", NULL };
	struct child c = { .argv = argv };
	const char *why;

	return script_is_booted(a->root, &why) && child_check(&c, err) < 0 ? -1 : 0;
}

static int write_dropin(const struct app *a, const struct strv *trees, struct err *err)
{
	AUTO_FREE char *path = xasprintf("/etc/systemd/system/%s.d/50-maintkit-documents.conf", a->unit);
	AUTO_FREE char *dir = path_dirname(path);
	AUTO_FREE char *sum = NULL, *value = NULL;
	AUTO_BUF text = BUF_INIT, have = BUF_INIT;
	struct atomic_opts opts = ATOMIC_OPTS_INIT;

	buf_adds(&text, "# Written by maintkit: documents that lie outside of the unit's own directories.\n[Service]\n");
	for (size_t i = 0; i < trees->n; i++) {
		if (plain_path(trees->v[i]))
			buf_addf(&text, "ReadWritePaths=-%s\n", trees->v[i]);
		else
			log_warn("'%s' has characters that need care in a unit file: "
				 "run 'systemctl edit %s' and add it to ReadWritePaths", trees->v[i], a->unit);
	}
	if (!trees->n || a->t->dry_run)
		return 0;
	if (path_read_file(a->root, path, &have, FILE_MAX_SIZE, NULL, NULL) == 0 && have.len == text.len &&
	    memcmp(have.p, text.p, text.len) == 0)
		return 0;
	sum = app_sha256(&text);
	value = xasprintf("sha256:%s", sum);
	if (path_mkdirs(a->root, dir, 0755, (uid_t)-1, (gid_t)-1, err) < 0 ||
	    effect_intend(a->profile, a->root, EFFECT_HOST, "file", path, EFFECT_ABSENT, value, err) < 0 ||
	    atomic_replace(a->root, path, text.p, text.len, &opts, err) < 0 ||
	    effect_done(a->profile, a->root, EFFECT_HOST, "file", path, EFFECT_ABSENT, value, err) < 0)
		return -1;
	return reload_manager(a, err);
}

/* ---- the profile of this machine ---- */

/* A file that cannot be read as a profile counts as one that does. */
static bool sets_documents(const struct app *a, const char *file)
{
	CLEANUP(profile_cleanup) struct profile *p = NULL;
	struct err ignored = ERR_INIT;

	return profile_load(&p, a->root, profile_package(a->profile), file, &ignored) < 0 ||
	       profile_get(p, "data", "documents");
}

/* Backups and purge go by [data] documents: so the trees are named there, in the
 * file for this machine's settings. What an admin set there counts. */
static int name_trees(const struct app *a, const struct strv *trees, struct err *err)
{
	AUTO_FREE char *path = xasprintf("/etc/%s/maintkit.conf", profile_package(a->profile));
	AUTO_STRV named = STRV_INIT, missing = STRV_INIT;
	AUTO_BUF text = BUF_INIT;
	struct atomic_opts opts = ATOMIC_OPTS_INIT;
	struct err why = ERR_INIT;
	struct stat st = { .st_ino = 0 };

	profile_words(a->profile, "data", "documents", &named);
	for (size_t i = 0; i < trees->n; i++) {
		bool known = strpbrk(trees->v[i], " \t;") != NULL;

		for (size_t k = 0; k < named.n; k++)
			known = known || app_is_below(named.v[k], trees->v[i]);
		if (!known)
			strv_add(&missing, trees->v[i]);
		else if (strpbrk(trees->v[i], " \t;"))
			log_warn("'%s' cannot stand in [data] documents, so it is in no backup: move it", trees->v[i]);
	}
	if (!missing.n || a->t->dry_run)
		return 0;
	if (path_read_file(a->root, path, &text, FILE_MAX_SIZE, &st, &why) < 0 && why.kind != ERR_ABSENT) {
		*err = why;
		return -1;
	}
	if (text.len && sets_documents(a, path)) {
		log_warn("add '%s' to [data] documents in '%s': backups and purge go by it", missing.v[0], path);
		return 0;
	}
	if (text.len && text.p[text.len - 1] != '\n')
		buf_addc(&text, '\n');
	buf_adds(&text, "; documents of the installation before this one\n[data]\ndocuments =");
	for (size_t i = 0; i < named.n; i++)
		buf_addf(&text, " %s\n", named.v[i]);
	for (size_t i = 0; i < missing.n; i++)
		buf_addf(&text, " %s\n", missing.v[i]);
	opts.keep = true;
	opts.expect = &st;
	if (atomic_replace(a->root, path, text.p, text.len, &opts, err) < 0)
		return -1;
	log_info("'%s' names the documents' place now: backups and purge go by it", path);
	return 0;
}

int app_documents_take(const struct app *a, struct err *err)
{
	AUTO_STRV trees = STRV_INIT;

	if (app_shipped_restore(a, err) < 0 || find_trees(a, &trees, err) < 0)
		return -1;
	for (size_t i = 0; i < trees.n && !root_is_foreign(a->root); i++)
		if (take_owner(a, trees.v[i], err) < 0)
			return -1;
	return name_trees(a, &trees, err) < 0 || write_dropin(a, &trees, err) < 0 ? -1 : 0;
}

int app_documents_give(const struct app *a, struct err *err)
{
	struct effect *list = NULL;
	size_t n = 0;
	int rc = 0;

	if (effects_list(a->profile, a->root, "owner", &list, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = change_owner(a, list[i].id, list[i].new_value, list[i].old, err);
		if (rc == 0)
			rc = effect_undone(a->profile, a->root, "owner", list[i].id, err);
		if (rc == 0)
			log_info("the documents in '%s' belong to '%s' again", list[i].id, list[i].old);
	}
	effects_free(list, n);
	return rc;
}
