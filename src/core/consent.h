/* What a purge does with the data: the decision table, and nothing else.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Fail-closed: patient data goes only with consent, and what cannot be told
 * counts as patient data. Consent is an answer that a person gave in this purge,
 * or a token that was made before and matches the machine in every value.
 */
#ifndef MAINTKIT_CONSENT_H
#define MAINTKIT_CONSENT_H

#include <stdbool.h>

enum consent_data {
	CONSENT_DATA_NONE,	/* surely no patient data */
	CONSENT_DATA_PRESENT,
	CONSENT_DATA_UNKNOWN,	/* database down, count failed, database not proven ours */
};
enum consent_asked { CONSENT_ASKED_NOTHING, CONSENT_ASKED_KEEP, CONSENT_ASKED_ARCHIVE, CONSENT_ASKED_DESTROY };
enum consent_token {
	CONSENT_TOKEN_ABSENT,	/* none, or spent */
	CONSENT_TOKEN_GOOD,
	CONSENT_TOKEN_WRONG,	/* another host, database, instance or patient count */
	CONSENT_TOKEN_EXPIRED,
};

struct consent_case {
	enum consent_data data;
	enum consent_asked asked;
	enum consent_token token;
	bool remote;		/* the database is on another machine: only a token names it */
	bool can_archive;	/* the backup program and a recipient outside this machine are there */
	bool begun;		/* a destruction that was consented to was cut off before its end */
};

enum consent_action {
	CONSENT_REMOVE,		/* everything of ours, silently */
	CONSENT_KEEP,
	CONSENT_ARCHIVE,	/* encrypted and verified copy, then destroy */
	CONSENT_DESTROY,
};
enum consent_why {
	CONSENT_NO_DATA,
	CONSENT_NOT_ASKED,	/* nobody consented */
	CONSENT_PERSON,		/* the answer of a person */
	CONSENT_BY_TOKEN,
	CONSENT_CONTINUED,	/* consent was given before the interruption */
	CONSENT_CANNOT_TELL,
	CONSENT_WRONG_TOKEN,
	CONSENT_OLD_TOKEN,
	CONSENT_NO_ARCHIVER,
	CONSENT_REMOTE,
};

struct consent_outcome {
	enum consent_action action;
	int status;		/* exit status when the action itself succeeds */
	enum consent_why why;
};

struct consent_outcome consent_decide(const struct consent_case *c);
/* One sentence, no line feed. */
const char *consent_words(enum consent_why why);

#endif
