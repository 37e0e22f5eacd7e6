/* maintkit-backup: encrypted, checked, restorable copies of database, documents, configuration and keys.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "backup_restore.h"

struct backup_options backup_options;

static const struct opt create_opts[] = {
	{ "output", 'o', OPT_STRING, &backup_options.output, "FILE", "write to FILE instead of the backup directory" },
	{ "recipient", 0, OPT_LIST, &backup_options.recipients, "FILE", "encrypt to the public key in FILE as well" },
	{ "documents", 0, OPT_STRING, &backup_options.documents, "HOW",
	  "full; since: leave those to the last full backup that have not changed; hardlink: only link to them" },
	{ "if-patients", 0, OPT_FLAG, &backup_options.if_patients, NULL, "make one only if there is patient data" },
	{ "for-upgrade", 0, OPT_FLAG, &backup_options.for_upgrade, NULL, "the same, and it is the way back of an upgrade" },
	{ "level", 0, OPT_INT, &backup_options.level, "N", "with --for-upgrade: none is needed when the data has this level already" },
	{ "once", 0, OPT_FLAG, &backup_options.once, NULL, "with --level: nor when this upgrade has one, however long ago it began" },
	{ "sql", 0, OPT_FLAG, &backup_options.sql, NULL, "with --level: one is needed all the same, because SQL will run" },
	{ "scheduled", 0, OPT_FLAG, &backup_options.scheduled, NULL, "refuse unless it can be opened without this machine" },
	{ "archive", 0, OPT_FLAG, &backup_options.archive, NULL, "the same, and 'prune' never removes it" },
	{ "files-only", 0, OPT_FLAG, &backup_options.files_only, NULL, "leave the database out" },
	{ "skip-unreadable", 0, OPT_FLAG, &backup_options.skip_unreadable, NULL,
	  "leave files out that cannot be read, and name them, instead of failing" },
	{ 0 },
};
static const struct opt verify_opts[] = {
	{ "restore-test", 0, OPT_FLAG, &backup_options.restore_test, NULL,
	  "load the dump into a scratch database as well, and compare that" },
	{ "skip-links", 0, OPT_FLAG, &backup_options.skip_links, NULL,
	  "do not read documents that are hard links beside it; the outcome is not kept then" },
	{ "scheduled", 0, OPT_FLAG, &backup_options.scheduled, NULL, "without FILE: the newest nightly one" },
	BACKUP_KEY_OPTS, { 0 },
};
static const struct opt prune_opts[] = {
	{ "unless-busy", 0, OPT_FLAG, &backup_options.unless_busy, NULL,
	  "do nothing, and succeed, while a backup is being made or read" },
	{ 0 },
};
static const struct opt forgo_opts[] = {
	{ "reason", 0, OPT_STRING, &backup_options.reason, "TEXT", "why, for the log" },
	{ 0 },
};
static const struct opt recovery_opts[] = {
	{ "new", 0, OPT_FLAG, &backup_options.renew, NULL, "make another one for backups from now on" },
	{ "confirm", 0, OPT_FLAG, &backup_options.confirm, NULL, "prove by typing it (standard input) that you have it" },
	{ 0 },
};
static const struct opt schedule_opts[] = {
	{ "off", 0, OPT_FLAG, &backup_options.off, NULL, "stop the nightly backups" },
	{ 0 },
};
static const struct verb verbs[] = {
	{ "create", "", "Make a backup now.",
	  VERB_DRY_RUN | VERB_NEEDS_ROOT | VERB_DEFER, 0, 0, create_opts, backup_run_create },
	{ "forgo", "", "Let the next upgrade go on even if no backup can be made first, once.",
	  VERB_DRY_RUN | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, forgo_opts, backup_run_forgo },
	{ "list", "", "Show the backups.", VERB_JSON, 0, 0, NULL, backup_run_list },
	{ "verify", "[FILE]", "Decrypt a backup (the newest) and compare every member, writing nothing.",
	  VERB_JSON | VERB_NEEDS_ROOT, 0, 1, verify_opts, backup_run_verify },
	/* these two take the lock themselves: dpkg's scripts, which they may run, want it too;
	 * create and verify do so that an upgrade does not wait for hours of documents */
	{ "restore", "[FILE]", "Put a backup in place of what is in use, which is kept aside.",
	  VERB_DRY_RUN | VERB_NEEDS_ROOT, 0, 1, restore_opts, backup_run_restore },
	{ "kept", "", "Show what the last restore keeps aside.", VERB_JSON | VERB_NEEDS_ROOT, 0, 0, NULL, backup_run_kept },
	{ "recipients", "", "Show who can open the backups, and where that secret lies.",
	  VERB_JSON | VERB_NEEDS_ROOT, 0, 0, NULL, backup_run_recipients },
	{ "recovery", "", "Make a recovery passphrase, which opens the backups when this machine is gone.",
	  VERB_NEEDS_ROOT, 0, 0, recovery_opts, backup_run_recovery },
	{ "schedule", "", "Make backups every night.",
	  VERB_DRY_RUN | VERB_LOCK | VERB_NEEDS_ROOT, 0, 0, schedule_opts, backup_run_schedule },
	{ "rollback", "", "Undo the last upgrade: the data of before, and the version it belongs to.",
	  VERB_DRY_RUN | VERB_NEEDS_ROOT, 0, 0, rollback_opts, backup_run_rollback },
	{ "prune", "", "Remove the backups that the keep rules do not hold.",
	  VERB_JSON | VERB_DRY_RUN | VERB_NEEDS_ROOT, 0, 0, prune_opts, backup_run_prune },
	{ 0 },
};

static const struct command command = {
	.name = "backup",
	.summary = "Encrypted, checked, restorable copies of database, documents, configuration and keys.",
	.verbs = verbs,
};

int main(int argc, char **argv)
{
	return tool_main(&command, argc, argv);
}
