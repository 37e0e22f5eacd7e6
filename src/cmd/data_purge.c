/* What `dpkg --purge` does with the data: gather facts, decide, act.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../base/child.h"
#include "data.h"

static int parse_decision(const char *text, enum consent_asked *asked, struct err *err)
{
	static const char *const names[] = {
		[CONSENT_ASKED_KEEP] = "keep", [CONSENT_ASKED_ARCHIVE] = "archive", [CONSENT_ASKED_DESTROY] = "destroy",
	};

	*asked = CONSENT_ASKED_NOTHING;
	for (size_t i = CONSENT_ASKED_KEEP; text && i < ARRAY_LEN(names); i++)
		if (strcmp(text, names[i]) == 0)
			*asked = (enum consent_asked)i;
	if (text && *asked == CONSENT_ASKED_NOTHING)
		return err_set(err, ERR_USAGE, "--decision: '%s' is none of keep, archive, destroy", text);
	return 0;
}

static int run_archiver(struct tool *t, const char *archiver, const char *verb, const char *option,
			const char *option2, const char *file, struct err *err)
{
	AUTO_STRV argv = STRV_INIT;
	AUTO_STRV env = STRV_INIT;
	struct child c = { .timeout_ms = -1, .out_fd = STDERR_FILENO };

	strv_add(&argv, archiver);
	strv_add(&argv, "-p");
	strv_add(&argv, t->package);
	if (root_is_foreign(&t->root))
		strv_addf(&argv, "--root=%s", t->root.prefix);
	strv_add(&argv, verb);
	if (option)
		strv_add(&argv, option);
	if (option2)
		strv_add(&argv, option2);
	strv_add(&argv, file);
	data_child_env(&env);
	c.argv = (const char *const *)argv.v;
	c.env = (const char *const *)env.v;
	return child_check(&c, err);
}

/* An archive counts when it was written and read back. */
static int archive(struct tool *t, const char *archiver, struct err *err)
{
	const char *dir = profile_get(t->profile, "data", "backups");
	time_t now = time(NULL);
	struct tm tm;
	char stamp[32];

	if (!dir)
		return err_set(err, ERR_FAIL, "the profile names no place for backups ([data] backups)");
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
	/* a file named on a command line is as the caller sees it, not below the root */
	AUTO_FREE char *file = xasprintf("%s%s/purge-%s.tar.zst.gpg", t->root.prefix, dir, stamp);

	if (path_mkdirs(&t->root, dir, 0700, (uid_t)-1, (gid_t)-1, err) < 0 ||
	    run_archiver(t, archiver, "create", "--archive", "--output", file, err) < 0 ||
	    run_archiver(t, archiver, "verify", NULL, NULL, file, err) < 0) {
		err_prefix(err, "archive");
		return -1;
	}
	log_info("archived in '%s'", file);
	return 0;
}

static void tell_kept(struct tool *t, const struct data_facts *f, const char *why, const char *detail)
{
	AUTO_FREE char *helper = profile_state_path(t->profile, "bin/maintkit-data");
	AUTO_STRV paths = STRV_INIT;

	profile_words(t->profile, "data", "documents", &paths);
	log_warn("patient data of '%s' is kept: %s%s%s", t->package, why, detail && *detail ? ": " : "",
		 detail ? detail : "");
	if (f->base[0].state == DATA_DB_ABSENT)
		log_warn("  database: none");
	else if (f->patients >= 0)
		log_warn("  database '%s' on %s: %" PRId64 " patients", f->base[0].name, f->host, f->patients);
	else
		log_warn("  database '%s' on %s: not known", f->base[0].name, f->host);
	for (size_t i = 0; i < paths.n; i++)
		log_warn("  documents in '%s'%s", paths.v[i], f->documents.files ? "" : ": none");
	if (f->only_backups)
		log_warn("  backups: %" PRIu64 " files, which only the keys that are kept open", f->backups.files);
	log_warn("  installing the package again takes it over; to destroy it:");
	log_warn("  %s -p %s destroy --host %s --database %s --patients N", helper, t->package, f->host, f->base[0].name);
}

static int keep(struct tool *t, struct data_facts *f, const struct consent_outcome *o, const char *detail,
		struct err *err)
{
	data_undo_host(t, f);
	data_delete_disposable(t, f);
	data_facts_size(f, t);
	if (data_retained_write(t, f, err) < 0 || profile_save_copy(t->profile, &t->root, err) < 0)
		return -1;
	/* a person who now says keep takes an earlier consent back */
	if (o->why == CONSENT_PERSON && f->begun && data_begun_forget(t, err) < 0)
		return -1;
	tell_kept(t, f, consent_words(o->why), detail);
	if (o->status == 0)
		return 0;
	err_set(err, o->status == 4 ? ERR_POLICY : ERR_FAIL,
		"the data was to be destroyed and was kept: %s%s%s", consent_words(o->why),
		detail && *detail ? ": " : "", detail ? detail : "");
	if (o->why == CONSENT_WRONG_TOKEN) {
		AUTO_FREE char *token = profile_state_path(t->profile, "tokens/purge");

		err_hint(err, "to keep the data, delete '%s' and purge again", token);
	} else {
		err_hint(err, "mend that and purge again, or purge again and answer 'keep'");
	}
	return -1;
}

/* A remote server may serve others: an empty database there is left alone. */
static void spare_remote(struct data_facts *f)
{
	if (!f->db.remote)
		return;
	for (size_t i = 0; i < f->n_base; i++)
		if (f->base[i].state == DATA_DB_OURS) {
			log_info("database '%s' on another server is left there: it holds no patients", f->base[i].name);
			f->base[i].state = DATA_DB_ABSENT;
		}
}

static const char *action_word(enum consent_action action)
{
	static const char *const words[] = {
		[CONSENT_REMOVE] = "remove everything", [CONSENT_KEEP] = "keep",
		[CONSENT_ARCHIVE] = "archive, then destroy", [CONSENT_DESTROY] = "destroy",
	};

	return words[action];
}

int data_purge(struct tool *t, const char *decision, bool with_backups, struct err *err)
{
	CLEANUP(data_facts_release) struct data_facts f = DATA_FACTS_QUICK;
	AUTO_BUF token_why = BUF_INIT;
	AUTO_FREE char *archiver = data_find_program("maintkit-backup");
	AUTO_FREE char *recovery = profile_state_path(t->profile, "recovery.confirmed");
	AUTO_STRV recipients = STRV_INIT;
	struct stat st;
	struct consent_case c = { .data = CONSENT_DATA_UNKNOWN };
	struct consent_outcome o;
	const char *detail;

	if (parse_decision(decision, &c.asked, err) < 0 || data_facts_gather(&f, t, err) < 0)
		return -1;
	/* readable only with keys that are destroyed along with it, it is no archive;
	 * the program itself looks closer */
	profile_words(t->profile, "backup", "recipients", &recipients);
	c.can_archive = archiver && (recipients.n > 0 || path_stat(&t->root, recovery, &st, NULL) == 0);
	c.data = f.only_backups && with_backups ? CONSENT_DATA_NONE : f.data;
	c.remote = f.db.remote;
	c.begun = f.begun;
	c.token = data_token_judge(t, &f, time(NULL), &token_why);
	o = consent_decide(&c);
	detail = o.why == CONSENT_CANNOT_TELL ? f.trouble :
		 o.why == CONSENT_WRONG_TOKEN || o.why == CONSENT_OLD_TOKEN ? token_why.p : NULL;
	if (t->dry_run) {
		log_info("would %s: %s%s%s", action_word(o.action), consent_words(o.why),
			 detail && *detail ? ": " : "", detail ? detail : "");
		return 0;
	}
	switch (o.action) {
	case CONSENT_KEEP:
		return keep(t, &f, &o, detail, err);
	case CONSENT_ARCHIVE:
		if (archive(t, archiver, err) < 0)
			return -1;
		break;
	case CONSENT_REMOVE:
		spare_remote(&f);
		break;
	case CONSENT_DESTROY:
		break;
	}
	return data_destroy_all(t, &f, o.action == CONSENT_REMOVE, with_backups, err);
}
