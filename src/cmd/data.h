/* Patient data of one package: where it is, whose it is, how it is kept or destroyed.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The program is put aside at configure time and runs at purge when everything
 * else may be gone, so it links libc only and asks the database through the
 * `mariadb` client if there is one.
 */
#ifndef MAINTKIT_DATA_H
#define MAINTKIT_DATA_H

#include <stdint.h>
#include "../base/tree.h"
#include "../core/consent.h"
#include "../ext/effects.h"
#include "tool.h"

/* ---- which trees are ours (data_places.c) ---- */

/* The directories of [data] KEY, appended. For "documents" also those of [data]
 * legacy that a property of [data] document-properties points into. doubts
 * (may be NULL) gets a sentence for a property that names any other directory. */
void data_places(struct tool *t, const char *key, struct strv *out, struct strv *doubts);
/* Is path in one of our trees or the state directory? */
bool data_is_below_ours(struct tool *t, const char *path);

/* The other packages that maintkit knows on this machine: installed, or kept by a purge. */
struct data_others {
	struct profile **profile;
	size_t n;
};
void data_others_release(struct data_others *o);
void data_others_find(struct data_others *o, struct tool *t, struct strv *doubts);
/* The package that names the same thing, or NULL. Valid as long as o. */
const char *data_others_database(const struct data_others *o, const char *name);
const char *data_others_account(const struct data_others *o, const char *id);	/* USER@HOST */
const char *data_others_tree(const struct data_others *o, const char *path);	/* the same, above or below */

/* ---- the database, by its client (data_db.c) ---- */

enum data_db_state {
	DATA_DB_ABSENT,		/* surely none of that name */
	DATA_DB_OURS,
	DATA_DB_FOREIGN,	/* proven another instance's */
	DATA_DB_UNKNOWN,	/* there may be one, or whose it is cannot be proven */
};
struct data_db {
	char *client;		/* program, or NULL */
	char *defaults_file;	/* NULL: root over the unix socket */
	char *down;		/* why the server cannot be asked; NULL: it can */
	bool remote;
};
void data_db_release(struct data_db *d);
/* Find client and server. Never fails: d->down says what is missing. */
void data_db_find(struct data_db *d, struct tool *t);
/* Run SQL with this database selected (NULL: none). out gets rows, columns
 * separated by tabs. On error err->lib is MariaDB's number where there is one. */
int data_db_query(const struct data_db *d, const char *database, const char *sql, struct buf *out,
		  struct err *err) MUST_CHECK;
/* Append `name` and 'text', quoted. */
void data_db_name(struct buf *b, const char *name);
void data_db_text(struct buf *b, const char *text);
/* Does the server's data directory on this machine show that there is no such
 * database? For when the server does not run. */
bool data_db_surely_absent(struct tool *t, const char *database);

/* ---- what there is (data_facts.c) ---- */

struct data_database {
	char *name, *note;	/* note: why it is not ours or not known */
	enum data_db_state state;
	int64_t bytes, tables;	/* -1 not known */
};
struct data_place {
	const char *kind;	/* "documents", "exports", ...: static */
	char *path, *note;	/* note: why it could not be looked at, or NULL */
	struct tree_count count;
};
struct data_facts {
	char host[256];
	char *instance;		/* NULL: none made */
	struct data_db db;
	struct data_database *base;	/* [0] is the main one */
	size_t n_base;
	int64_t patients;	/* -1 not known */
	struct strv copies;	/* other databases that carry this instance's id */
	struct data_place *place;	/* every tree that is there, for the inventory */
	size_t n_place;
	struct tree_count documents, keys, backups;	/* sums */
	char *newest_backup;
	char *verified_backup, *verified;	/* newest that was read back and when; NULL: none */
	struct data_others others;
	bool quick;		/* set before: files are counted, their sizes not looked at */
	char *trouble;		/* what could not be told, NULL: nothing */
	enum consent_data data;
	bool only_backups;	/* data is present, but in backups only, which our keys open */
	struct effect *effects;
	size_t n_effects;
	bool begun;		/* a destruction was begun */
	bool dropped;		/* ... and its databases are gone already */
};
#define DATA_FACTS_INIT { .patients = -1 }
#define DATA_FACTS_QUICK { .patients = -1, .quick = true }
void data_facts_release(struct data_facts *f);
int data_facts_gather(struct data_facts *f, struct tool *t, struct err *err) MUST_CHECK;
/* After a quick look: the size of the documents too. */
void data_facts_size(struct data_facts *f, struct tool *t);

/* ---- the verb (data_inventory.c) ---- */

int data_inventory(struct tool *t, int argc, char **argv, struct err *err);
/* "none", "present", "unknown" */
const char *data_state_word(enum consent_data data);

/* ---- records in the state directory (data_record.c) ---- */

struct data_token {
	char *host, *database, *instance;
	int64_t patients;
	long long made, expires;
};
void data_token_release(struct data_token *k);
int data_token_write(struct tool *t, const struct data_token *k, struct err *err) MUST_CHECK;
enum consent_token data_token_judge(struct tool *t, const struct data_facts *f, long long now,
				    struct buf *why);
/* It is spent once it was used. */
int data_token_spend(struct tool *t, struct err *err) MUST_CHECK;

struct data_retained {
	long long since;
	char *host, *database, *instance;
	int64_t patients;	/* -1 not known */
	uint64_t documents, bytes;
};
void data_retained_release(struct data_retained *r);
/* ERR_ABSENT: nothing is retained. */
int data_retained_read(struct tool *t, struct data_retained *r, struct err *err) MUST_CHECK;
int data_retained_write(struct tool *t, const struct data_facts *f, struct err *err) MUST_CHECK;
int data_retained_forget(struct tool *t, struct err *err) MUST_CHECK;

/* The destruction that was consented to, so that a killed one is finished:
 * names of the databases that were proven ours before the first was dropped. */
int data_begun_write(struct tool *t, const struct data_facts *f, struct err *err) MUST_CHECK;
/* The databases were looked for and are gone; what leads to them (db.cnf) may go now. */
int data_begun_dropped(struct tool *t, const struct data_facts *f, struct err *err) MUST_CHECK;
/* Whatever was begun is not gone on with. */
int data_begun_forget(struct tool *t, struct err *err) MUST_CHECK;
/* The package is in use again: a purge that was killed in its last step is over
 * (directory /var/lib/maintkit/.PKG.purged; postrm knows it too). */
int data_purged_forget(struct tool *t, struct err *err) MUST_CHECK;
/* Fills f->begun and f->dropped for f->instance, and the names. */
int data_begun_read(struct tool *t, struct data_facts *f, struct strv *databases, struct err *err) MUST_CHECK;

/* ---- doing it (data_purge.c, data_destroy.c) ---- */

int data_purge(struct tool *t, const char *decision, bool with_backups, struct err *err) MUST_CHECK;
/* Databases, account, trees, host effects, logs, state; verified gone. */
int data_destroy_all(struct tool *t, struct data_facts *f, bool quiet, bool with_backups,
		     struct err *err) MUST_CHECK;
/* Trees without patient data: they go at every purge. Never fails; what is left is told. */
void data_delete_disposable(struct tool *t, const struct data_facts *f);

/* ---- host effects (data_undo.c) ---- */

/* Another program of ours: beside this one, or where it is installed. To be
 * freed; NULL when it is gone. */
char *data_find_program(const char *name);
/* Environment for it: that we hold the package's lock, and which private server
 * a test uses (unset on a real system). env: entries added, NULL-terminated by strv. */
void data_child_env(struct strv *env);

/* What purge takes away even when the data stays: firewall rules, units, crontab
 * lines, links and files outside of our trees. Never fails; what is left is told. */
void data_undo_host(struct tool *t, const struct data_facts *f);

#endif
