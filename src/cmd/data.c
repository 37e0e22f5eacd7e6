/* maintkit-data: what happens to patient data at removal, purge and reinstallation.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../base/atomic.h"
#include "../core/json.h"
#include "data.h"

#define VALID_HOURS_DEFAULT 24
#define VALID_HOURS_MAX (24 * 31)

static struct {
	bool purge, with_backups, question;
	const char *host, *database, *patients, *valid, *decision;
} opt;

/* ---- authorize, and the same three values for destroy ---- */

static int need_values(struct err *err)
{
	char *end;

	if (!opt.host || !opt.database || !opt.patients)
		return err_set(err, ERR_USAGE, "--host, --database and --patients are all needed: look at 'data inventory'");
	errno = 0;
	if (strtoll(opt.patients, &end, 10) < 0 || errno || end == opt.patients || *end)
		return err_set(err, ERR_USAGE, "--patients: '%s' is not a number", opt.patients);
	return 0;
}

static int match_values(const struct data_facts *f, bool must_know, struct err *err)
{
	if (strcmp(opt.host, f->host) != 0)
		return err_set(err, ERR_POLICY, "this host is '%s', not '%s'", f->host, opt.host);
	if (strcmp(opt.database, f->base[0].name) != 0)
		return err_set(err, ERR_POLICY, "the database is '%s', not '%s'", f->base[0].name, opt.database);
	if (f->patients < 0 || f->trouble) {
		if (!must_know && f->patients < 0)
			return 0;
		if (must_know)
			return err_set(err, ERR_FAIL, "it cannot be told what data there is: %s",
				       f->trouble ? f->trouble : "the patients could not be counted");
	}
	if (strtoll(opt.patients, NULL, 10) != f->patients)
		return err_set(err, ERR_POLICY, "there are %" PRId64 " patients, not %s", f->patients, opt.patients);
	return 0;
}

/* "48", "48h" */
static int valid_hours(long *hours, struct err *err)
{
	char *end;

	*hours = VALID_HOURS_DEFAULT;
	if (!opt.valid)
		return 0;
	*hours = strtol(opt.valid, &end, 10);
	if (end == opt.valid || (*end && strcmp(end, "h") != 0) || *hours < 1 || *hours > VALID_HOURS_MAX)
		return err_set(err, ERR_USAGE, "--valid: '%s' is not 1h to %dh", opt.valid, VALID_HOURS_MAX);
	return 0;
}

static int run_authorize(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(data_facts_release) struct data_facts f = DATA_FACTS_QUICK;
	long long now = time(NULL);
	long hours;

	(void)argc;
	(void)argv;
	if (!opt.purge)
		return err_set(err, ERR_USAGE, "say what is authorized: --purge");
	if (need_values(err) < 0 || valid_hours(&hours, err) < 0 || data_facts_gather(&f, t, err) < 0 ||
	    match_values(&f, false, err) < 0)
		return -1;
	struct data_token k = {
		.host = f.host, .database = f.base[0].name, .instance = f.instance,
		.patients = strtoll(opt.patients, NULL, 10), .made = now, .expires = now + hours * 3600LL,
	};

	if (!t->dry_run && data_token_write(t, &k, err) < 0)
		return -1;
	log_info("within %ld hours a purge of '%s' may destroy database '%s' with %s patients on %s, once",
		 hours, t->package, opt.database, opt.patients, opt.host);
	return 0;
}

/* ---- purge ---- */

/* 'text' for a shell; our own words hold no quote. */
static void shell_line(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, "%s='", name);
	for (; *value; value++)
		if (*value != '\'' && (unsigned char)*value >= 0x20)
			buf_addc(out, *value);
	buf_adds(out, "'\n");
}

/* What the question at purge shows, for the maintainer script to eval. */
static int print_question(struct tool *t, struct err *err)
{
	CLEANUP(data_facts_release) struct data_facts f = DATA_FACTS_QUICK;
	AUTO_BUF out = BUF_INIT;

	if (data_facts_gather(&f, t, err) < 0)
		return -1;
	AUTO_FREE char *patients = f.patients < 0 ? xstrdup("unknown") : xasprintf("%" PRId64, f.patients);
	AUTO_FREE char *documents = xasprintf("%" PRIu64, f.documents.files);

	shell_line(&out, "data", data_state_word(f.data));
	shell_line(&out, "host", f.host);
	shell_line(&out, "database", f.base[0].name);
	shell_line(&out, "patients", patients);
	shell_line(&out, "documents", documents);
	shell_line(&out, "backup", f.verified_backup ? f.verified_backup : "-");
	shell_line(&out, "begun", f.begun ? "yes" : "no");
	shell_line(&out, "verified", f.verified ? f.verified : "-");
	return tool_print(&out, err);
}

static int run_purge(struct tool *t, int argc, char **argv, struct err *err)
{
	AUTO_FREE char *installed = xasprintf("/usr/share/%s/maintkit.conf", t->package);
	struct script script;
	struct stat st;

	(void)argc;
	(void)argv;
	if (opt.question)
		return print_question(t, err);
	script_read(&script);
	if (!t->dry_run && !script.name && path_stat(&t->root, installed, &st, NULL) == 0) {
		err_set(err, ERR_POLICY, "'%s' is installed, and a purge takes away what it runs on", t->package);
		err_hint(err, "run 'apt purge %s', which asks about the data", t->package);
		return -1;
	}
	return data_purge(t, opt.decision, opt.with_backups, err);
}

/* ---- retained sets ---- */

static int run_list(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(data_retained_release) struct data_retained r = { 0 };
	struct err why = ERR_INIT;
	AUTO_BUF out = BUF_INIT;
	struct json j = { .out = &out };
	char stamp[40];
	struct tm tm;

	(void)argc;
	(void)argv;
	if (data_retained_read(t, &r, &why) < 0 && why.kind != ERR_ABSENT) {
		*err = why;
		return -1;
	}
	time_t since = (time_t)r.since;

	if (!gmtime_r(&since, &tm) || !strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M UTC", &tm))
		stamp[0] = '\0';
	if (t->json) {
		json_array(&j, NULL);
		if (r.host) {
			json_object(&j, NULL);
			json_int(&j, "since", r.since);
			json_string(&j, "host", r.host);
			json_string(&j, "database", r.database);
			json_string(&j, "instance", r.instance);
			json_int(&j, "patients", r.patients);
			json_int(&j, "documents", (int64_t)r.documents);
			json_int(&j, "bytes", (int64_t)r.bytes);
			json_end(&j);
		}
		json_end(&j);
	} else if (r.host) {
		buf_addf(&out, "%s: database '%s' on %s, ", stamp, r.database, r.host);
		buf_addf(&out, r.patients < 0 ? "patients not known" : "%" PRId64 " patients", r.patients);
		buf_addf(&out, ", %" PRIu64 " documents (%" PRIu64 " bytes)\n", r.documents, r.bytes);
	} else {
		log_info("nothing of '%s' is retained", t->package);
	}
	return tool_print(&out, err);
}

static int run_adopt(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(data_facts_release) struct data_facts f = DATA_FACTS_QUICK;
	CLEANUP(data_retained_release) struct data_retained r = { 0 };
	struct err why = ERR_INIT;

	(void)argc;
	(void)argv;
	if (data_retained_read(t, &r, &why) < 0) {
		if (why.kind == ERR_ABSENT) {
			log_info("%s", why.text);
			return 0;
		}
		*err = why;
		return -1;
	}
	if (data_facts_gather(&f, t, err) < 0)
		return -1;
	if (f.db.down && f.base[0].state != DATA_DB_ABSENT)
		return err_set(err, ERR_BACKEND, "%s", f.db.down);
	if (*r.instance && f.base[0].state != DATA_DB_ABSENT && f.base[0].state != DATA_DB_OURS) {
		err_set(err, ERR_POLICY, "database '%s' is not the one that was retained", f.base[0].name);
		if (f.base[0].note)
			err_hint(err, "%s", f.base[0].note);
		return -1;
	}
	if (f.base[0].state == DATA_DB_ABSENT && r.patients > 0)
		log_warn("the database '%s' that was retained with %" PRId64 " patients is gone", r.database, r.patients);
	if (!t->dry_run && data_retained_forget(t, err) < 0)
		return -1;
	log_info("taken over: database '%s', %" PRIu64 " documents", f.base[0].name, f.documents.files);
	return 0;
}

static int run_destroy(struct tool *t, int argc, char **argv, struct err *err)
{
	CLEANUP(data_facts_release) struct data_facts f = DATA_FACTS_QUICK;
	CLEANUP(data_retained_release) struct data_retained r = { 0 };

	(void)argc;
	(void)argv;
	if (need_values(err) < 0)
		return -1;
	if (data_retained_read(t, &r, err) < 0) {
		if (err->kind == ERR_ABSENT) {
			err->kind = ERR_POLICY;
			err_hint(err, "what is in use goes by a purge of the package");
		}
		return -1;
	}
	if (data_facts_gather(&f, t, err) < 0)
		return -1;
	if (!(f.begun && f.patients < 0 && !f.trouble) && match_values(&f, true, err) < 0)
		return -1;
	if (t->dry_run) {
		log_info("would destroy database '%s' with %" PRId64 " patients and %" PRIu64 " documents",
			 f.base[0].name, f.patients, f.documents.files);
		return 0;
	}
	return data_destroy_all(t, &f, false, opt.with_backups, err);
}

/* ---- stash ---- */

/* At purge the package's files are deleted before its postrm runs, so program
 * and profile are put aside while they are there. */
static int run_stash(struct tool *t, int argc, char **argv, struct err *err)
{
	AUTO_FREE char *path = profile_state_path(t->profile, "bin/maintkit-data");
	AUTO_FREE char *dir = profile_state_path(t->profile, "bin");
	struct atomic_opts o = ATOMIC_OPTS_INIT;
	AUTO_BUF self = BUF_INIT;
	AUTO_FD int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)argc;
	(void)argv;
	if (fd < 0)	/* a bare chroot may have no /proc */
		fd = open(LIBEXECDIR "/maintkit-data", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "'%s'", LIBEXECDIR "/maintkit-data");
	if (buf_read_fd(&self, fd, FILE_MAX_SIZE, err) < 0)
		return -1;
	if (t->dry_run) {
		log_info("would put this program aside as '%s'", path);
		return 0;
	}
	/* It is in use again: an interrupted destruction is not to be gone on with
	 * at a later purge, when there is other data. */
	if (data_begun_forget(t, err) < 0 || data_purged_forget(t, err) < 0)
		return -1;
	o.mode = 0700;
	if (profile_save_copy(t->profile, &t->root, err) < 0 ||
	    path_mkdirs(&t->root, dir, 0700, (uid_t)-1, (gid_t)-1, err) < 0)
		return -1;
	return atomic_replace(&t->root, path, self.p, self.len, &o, err) < 0 ? -1 : 0;
}

static const struct opt authorize_opts[] = {
	{ "purge", 0, OPT_FLAG, &opt.purge, NULL, "authorize destruction at purge" },
	{ "host", 0, OPT_STRING, &opt.host, "HOST", "this machine's name" },
	{ "database", 0, OPT_STRING, &opt.database, "NAME", "the database's name" },
	{ "patients", 0, OPT_STRING, &opt.patients, "N", "how many patients are in it" },
	{ "valid", 0, OPT_STRING, &opt.valid, "HOURS", "how long (default 24h)" },
	{ 0 },
};
static const struct opt purge_opts[] = {
	{ "decision", 0, OPT_STRING, &opt.decision, "WORD", "a person's answer: keep, archive or destroy" },
	{ "question", 0, OPT_FLAG, &opt.question, NULL, "print what the question is about, for a shell" },
	{ "with-backups", 0, OPT_FLAG, &opt.with_backups, NULL, "destroy the backups too" },
	{ 0 },
};
static const struct opt destroy_opts[] = {
	{ "host", 0, OPT_STRING, &opt.host, "HOST", "this machine's name" },
	{ "database", 0, OPT_STRING, &opt.database, "NAME", "the database's name" },
	{ "patients", 0, OPT_STRING, &opt.patients, "N", "how many patients are in it" },
	{ "with-backups", 0, OPT_FLAG, &opt.with_backups, NULL, "destroy the backups too" },
	{ 0 },
};

#define CHANGES (VERB_DRY_RUN | VERB_NEEDS_ROOT | VERB_LOCK)
static const struct verb verbs[] = {
	{ "inventory", "", "Show what patient data is where.", VERB_JSON, 0, 0, NULL, data_inventory },
	{ "authorize", "", "Consent in advance to the destruction of exactly this data.", CHANGES, 0, 0,
	  authorize_opts, run_authorize },
	{ "purge", "", "Decide about the data at purge (called by postrm).", CHANGES, 0, 0, purge_opts, run_purge },
	{ "list", "", "Show what an earlier purge kept.", VERB_JSON, 0, 0, NULL, run_list },
	{ "adopt", "", "Take over what an earlier purge kept.", CHANGES | VERB_DEFER, 0, 0, NULL, run_adopt },
	{ "destroy", "", "Destroy what an earlier purge kept.", CHANGES, 0, 0, destroy_opts, run_destroy },
	{ "stash", "", "Put this program and the profile aside for the purge.", CHANGES, 0, 0, NULL, run_stash },
	{ 0 },
};

static const struct command command = {
	"data", "Keep patient data at removal, and destroy it at purge only with consent.", verbs,
};

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}
