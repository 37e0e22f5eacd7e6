/* pgp ensure, behind the key: root's copies of it, the journal, and the properties that name it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include "../base/atomic.h"
#include "../ext/effects.h"
#include "../ext/propsfile.h"
#include "pgp_ensure.h"

#define WARN_DAYS 60
#define KEY_FILE_MAX (1u << 20)

static int copy_for_root(struct tool *t, const char *path, const char *text, mode_t mode, struct err *err)
{
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	AUTO_FREE char *dir = path ? path_dirname(path) : NULL;

	if (!path || !*text)
		return 0;
	o.mode = mode;
	if (path_mkdirs(&t->root, dir, 0700, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	return atomic_replace(&t->root, path, text, strlen(text), &o, err);
}

static int journal_key(struct tool *t, const struct found *f, const char *home, struct err *err)
{
	struct effect *list;
	size_t n;

	if (effects_list(t->profile, &t->root, "pgp-key", &list, &n, err) < 0)
		return -1;
	const struct effect *known = effects_find(list, n, "pgp-key", f->fpr);
	bool there = known && strcmp(known->state, "done") == 0;

	effects_free(list, n);
	return there ? 0 : effect_done(t->profile, &t->root, EFFECT_DATA, "pgp-key", f->fpr,
				       f->made ? EFFECT_ABSENT : "adopted", home, err);
}

/* Asked for now, or before: an upgrade must not change how a clinic's exports are opened. */
static bool keeps_symmetric(struct tool *t, const struct found *f)
{
	const char *property = profile_get(t->profile, "pgp", "property-command");
	AUTO_FREE char *command = NULL;

	if (pgp_options.symmetric)
		return true;
	return f->symmetric && property && propsfile_get(t->profile, &t->root, property, &command, NULL) == 0 &&
	       strcmp(command, "-c") == 0;
}

/* The four that name key, directory, command and program, and what [pgp]
 * settings adds. 1 changed, 0 was so. */
static int set_properties(struct tool *t, const struct found *f, const struct place *p, struct err *err)
{
	static const char *const names[] = { "property-key", "property-env", "property-command", "property-program" };
	AUTO_FREE char *env = xasprintf("GNUPGHOME=%s", p->home);
	const char *values[] = { f->fpr, env,
		keeps_symmetric(t, f) ? "-c" : profile_get_or(t->profile, "pgp", "command", "-e"),
		profile_get(t->profile, "pgp", "program") };
	struct propsfile_edit edits[16];
	AUTO_STRV settings = STRV_INIT;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *key = profile_get(t->profile, "pgp", names[i]);

		if (key && values[i])
			edits[n++] = (struct propsfile_edit){ key, values[i] };
	}
	profile_words(t->profile, "pgp", "settings", &settings);
	for (size_t i = 0; i < settings.n && n < ARRAY_LEN(edits); i++) {
		char *eq = strchr(settings.v[i], '=');

		if (!eq)
			return err_set(err, ERR_FAIL, "[pgp] settings: '%s' is not KEY=VALUE", settings.v[i]);
		*eq = '\0';
		edits[n++] = (struct propsfile_edit){ settings.v[i], eq + 1 };
	}
	return propsfile_edit(t->profile, &t->root, edits, n, err);
}

static void say_result(const struct found *f, bool has_secret, int changed)
{
	if (f->made)
		log_info("made key %s (%s), valid until %s", f->fpr, f->uid, pgp_date(f->expires));
	else if (f->prolonged)
		log_info("prolonged key %s (%s) until %s", f->fpr, f->uid, pgp_date(f->expires));
	else
		log_info("key %s (%s) is in use", f->fpr, f->uid);
	if (changed)
		log_info("the properties name it now; the application reads them when it is restarted");
	if (f->expires && pgp_days_left(f->expires) < WARN_DAYS)
		log_warn("key %s expires on %s; run 'pgp extend'", f->fpr, pgp_date(f->expires));
	if (!has_secret)
		log_warn("the passphrase of key %s is not known here, so there is no copy of the secret key for root; "
			 "keep one elsewhere with 'pgp export --secret'", f->fpr);
}

bool pgp_has_secret_copy(struct tool *t)
{
	const char *path = pgp_secret_copy_path(t);
	struct stat st;

	return !path || path_stat(&t->root, path, &st, NULL) == 0;
}

bool pgp_has_public_copy(struct tool *t, const struct found *f)
{
	const char *path = profile_get(t->profile, "pgp", "public-copy");
	AUTO_BUF now = BUF_INIT;

	return !path || (path_read_file(&t->root, path, &now, KEY_FILE_MAX, NULL, NULL) == 0 && strcmp(now.p, f->public) == 0);
}

/* Two exports of one secret key are never equal (each has a new salt): it is
 * copied when there is no copy, or when the public half shows a change. The
 * public half goes last, so that a run that is killed between is noticed. */
static int copy_key(struct tool *t, const struct found *f, struct err *err)
{
	if (copy_for_root(t, pgp_secret_copy_path(t), f->secret, 0400, err) < 0)
		return -1;
	return copy_for_root(t, profile_get(t->profile, "pgp", "public-copy"), f->public, 0644, err) < 0 ? -1 : 0;
}

int pgp_publish(struct tool *t, const struct found *f, const struct place *p, struct err *err)
{
	/* A copy of the secret key lies beside the public one that it belongs to. */
	bool has_secret = *f->secret || (pgp_has_secret_copy(t) && pgp_has_public_copy(t, f));

	if (copy_key(t, f, err) < 0 || journal_key(t, f, p->below, err) < 0)
		return -1;
	int changed = set_properties(t, f, p, err);

	if (changed >= 0)
		say_result(f, has_secret, changed);
	return changed < 0 ? -1 : 0;
}
