/* backup create --for-upgrade: whether one is needed, what it is encrypted to, and what when it cannot be made.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called in a preinst, before anything is unpacked, and once more before SQL
 * runs over data that no preinst could know of (kept by an earlier purge,
 * found after a database was down).
 */
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../core/policy.h"
#include "../core/record.h"
#include "../ext/statefile.h"
#include "backup_prepare.h"

#define TOKEN "tokens/no-backup"
#define TOKEN_HOURS 24
#define FRESH_S 3600		/* one made for the same upgrade so recently is that upgrade's */

/* -1 error, 0 none recorded. */
static long data_level(struct making *p, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_BUF use = BUF_INIT;

	buf_adds(&use, "USE ");
	if (db_quote_name(&use, p->db.name, err) < 0 || db_run(p->db.db, use.p, NULL, 0, NULL, err) < 0)
		return -1;
	if (!db_has_table(p->db.db, "maintkit_meta", NULL) || db_meta_get(p->db.db, "schema_level", &text, NULL) < 0)
		return 0;
	return strtol(text, NULL, 10);
}

/* ---- the same upgrade: preinst and postinst ask, and postinst again, maybe days later, when a step had failed ---- */

struct begun {
	long level;
	char *file;		/* "-": without a backup, as it was allowed */
};

static int on_begun(const struct strv *f, void *arg, struct err *err UNUSED)
{
	struct begun *b = arg;

	if (f->n < 3 || strcmp(f->v[0], "upgrade") != 0)
		return 0;
	b->level = strtol(f->v[1], NULL, 10);
	free(b->file);
	b->file = xstrdup(f->v[2]);
	return 0;
}

int upgrade_note(struct tool *t, const char *file, struct err *err)
{
	AUTO_FREE char *level = xasprintf("%ld", backup_options.level);
	const char *fields[] = { "upgrade", level, file ? file : "-" };
	AUTO_BUF text = BUF_INIT;

	record_format(&text, fields, ARRAY_LEN(fields));
	return statefile_write(t->profile, &t->root, POLICY_UPGRADE_BEGUN, &text, err);
}

/* No clock is asked: what was half changed meanwhile must not be taken for the way back. */
static int made_already(struct tool *t, struct err *err)
{
	struct begun b = { 0 };
	int made = 0;

	if (statefile_read(t->profile, &t->root, POLICY_UPGRADE_BEGUN, on_begun, &b, err) < 0)
		made = -1;
	else if (b.file && b.level == backup_options.level)
		made = strcmp(b.file, "-") == 0 || access(b.file, F_OK) == 0;
	if (made > 0 && strcmp(b.file, "-") == 0)
		log_warn("this upgrade goes on without a backup, as it was allowed");
	else if (made > 0)
		log_info("'%s' was made for this upgrade", b.file);
	free(b.file);
	return made;
}

int upgrade_due(struct making *p, struct tool *t, struct err *err)
{
	long level = 0;

	if (!backup_options.level)
		return 1;
	if (p->db.exists && (level = data_level(p, err)) < 0)
		return -1;
	if (level >= backup_options.level && !backup_options.sql) {
		log_info("the data has level %ld already", level);
		return 0;
	}
	if (!backup_options.once)
		return 1;
	int made = made_already(t, err);

	return made < 0 ? -1 : !made;
}

int upgrade_need_key(struct tool *t, struct err *err)
{
	CLEANUP(recipients_release) struct recipients r = RECIPIENTS_INIT;

	if (recipients_read(&r, t, err) < 0)
		return -1;
	if (r.keys.n || r.passphrase.len)
		return 0;
	if (recovery_make(t, err) < 0)
		return -1;
	log_warn("there is no key to encrypt to yet, so the backup opens with a recovery passphrase that was made now and is kept "
		 "for root; write it down: maintkit -p %s backup recovery", t->package);
	return 0;
}

/* ---- without ------------------------------------------------------------------------- */
static int make_tokens_dir(struct tool *t, struct err *err)
{
	AUTO_FREE char *dir = profile_state_path(t->profile, "tokens");

	return statefile_make_dir(t->profile, &t->root, err) < 0 ? -1 :
	       path_mkdirs(&t->root, dir, 0700, (uid_t)-1, (gid_t)-1, err);
}

int backup_run_forgo(struct tool *t, int argc UNUSED, char **argv UNUSED, struct err *err)
{
	AUTO_FREE char *until = xasprintf("%lld", (long long)time(NULL) + TOKEN_HOURS * 3600LL);
	const char *fields[] = { "no-backup", until, backup_options.reason };
	AUTO_BUF text = BUF_INIT;

	if (!backup_options.reason || !*backup_options.reason)
		return err_set(err, ERR_USAGE, "--reason is missing: what is lost without a way back is somebody's decision");
	record_format(&text, fields, ARRAY_LEN(fields));
	if (!t->dry_run && (make_tokens_dir(t, err) < 0 || statefile_write(t->profile, &t->root, TOKEN, &text, err) < 0))
		return -1;
	log_warn("within %d hours one upgrade of '%s' may go on although no backup can be made first (%s)", TOKEN_HOURS, t->package,
		 backup_options.reason);
	return 0;
}

struct token { bool good, used; };

/* Before it is used "no-backup UNTIL REASON", then "forgone WHEN LEVEL": preinst and postinst of one upgrade ask both. */
static int on_token(const struct strv *f, void *arg, struct err *err UNUSED)
{
	struct token *token = arg;
	long long when = f->n >= 3 ? strtoll(f->v[1], NULL, 10) : 0, now = (long long)time(NULL);

	token->good = f->n >= 3 && strcmp(f->v[0], "no-backup") == 0 && when > now && when <= now + TOKEN_HOURS * 3600LL;
	token->used = f->n >= 3 && strcmp(f->v[0], "forgone") == 0 && when <= now && when >= now - FRESH_S && backup_options.level &&
		      strtol(f->v[2], NULL, 10) == backup_options.level;
	return 0;
}

static int use_token(struct tool *t, struct err *err)
{
	AUTO_FREE char *when = xasprintf("%lld", (long long)time(NULL)), *level = xasprintf("%ld", backup_options.level);
	const char *fields[] = { "forgone", when, level };
	AUTO_BUF text = BUF_INIT;

	record_format(&text, fields, ARRAY_LEN(fields));
	return statefile_write(t->profile, &t->root, TOKEN, &text, err);
}

int upgrade_forgone(struct tool *t, struct err *err)
{
	struct token token = { 0 };
	struct err why = ERR_INIT;

	if (err->kind == ERR_USAGE || (t->defer && err->kind == ERR_BACKEND))
		return -1;
	if (statefile_read(t->profile, &t->root, TOKEN, on_token, &token, &why) == 0 &&
	    (token.used || (token.good && use_token(t, &why) == 0)) &&
	    (!backup_options.level || upgrade_note(t, NULL, &why) == 0)) {
		log_warn("%s", err->text);
		log_warn("the upgrade goes on without a backup, as it was allowed once");
		err_clear(err);
		return 0;
	}
	err_hint(err, "mend that, or let one upgrade go on without a way back: maintkit -p %s backup forgo --reason WHY", t->package);
	if (err->kind != ERR_BACKEND)
		err->kind = ERR_POLICY;
	return -1;
}
