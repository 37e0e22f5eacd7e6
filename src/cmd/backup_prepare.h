/* What "backup create" is going to do, settled before anything is written.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_CMD_BACKUP_PREPARE_H
#define MAINTKIT_CMD_BACKUP_PREPARE_H

#include "backup.h"

struct making {
	struct backup_db db;
	struct recipients to;
	struct strv trees;
	size_t documents;	/* so many of the trees, the first, are documents */
	char *state;
	struct buf info;
	char *output;		/* as the real system sees it */
	long long now;
	struct tree_size size;	/* of the documents that go in, and how many there are in all */
	uint64_t bytes;		/* of everything, before compression */
	char *base;		/* name of the full backup that this one goes back to, or NULL */
	int base_fd;
	struct index base_index;
	int lock;		/* the package's, until the database is in; -1 */
	bool linked;		/* documents become hard links */
	int known_fd;		/* -1: none */
	struct index known;	/* another index, that may know the content of documents */
	uint64_t work;		/* bytes, with what is only read */
};
#define MAKING_INIT { .db = BACKUP_DB_INIT, .to = RECIPIENTS_INIT, .info = BUF_INIT, .base_fd = -1, .known_fd = -1, \
	.lock = -1 }
void making_release(struct making *p);
/* 1 there is something to do; 0 no patient data, and only then one was asked for. */
int making_prepare(struct making *p, struct tool *t, struct err *err) MUST_CHECK;

/* backup_upgrade.c: does the version that comes need a backup of this data first? 1 yes, 0 no, and said why. */
int upgrade_due(struct making *p, struct tool *t, struct err *err) MUST_CHECK;
/* It is made, in file; or, NULL, the upgrade goes on without: --once asks for no other until the levels are marked. */
int upgrade_note(struct tool *t, const char *file, struct err *err) MUST_CHECK;
/* Something to encrypt to: where there is nothing yet, a recovery passphrase is made. */
int upgrade_need_key(struct tool *t, struct err *err) MUST_CHECK;
/* It could not be made: 0 when that was allowed once, else err says so and is a refusal. */
int upgrade_forgone(struct tool *t, struct err *err) MUST_CHECK;

/* In the state directory, what only this machine and this moment know. */
extern const char *const making_state_skip[];

#endif
