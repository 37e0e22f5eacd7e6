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
#include <stdint.h>

enum consent_data {
	CONSENT_DATA_NONE,	/* surely no patient data */
	CONSENT_DATA_PRESENT,
	CONSENT_DATA_UNKNOWN,	/* database down, count failed, database not proven ours */
};
enum consent_asked { CONSENT_ASKED_NOTHING, CONSENT_ASKED_KEEP, CONSENT_ASKED_ARCHIVE, CONSENT_ASKED_DESTROY };
enum consent_token {
	CONSENT_TOKEN_ABSENT,	/* none, or spent */
	CONSENT_TOKEN_GOOD,
	CONSENT_TOKEN_WRONG,	/* damaged, or another host, database, instance or patient count */
	CONSENT_TOKEN_EXPIRED,
};

/* ---- is there patient data? ---- */

enum consent_base {
	CONSENT_BASE_ABSENT,	/* surely no such database */
	CONSENT_BASE_OURS,
	CONSENT_BASE_UNPROVEN,	/* the server is down, or whose it is cannot be proven */
};
struct consent_found {
	enum consent_base base;
	int64_t patients;	/* -1: could not be counted */
	bool documents;		/* at least one file */
	bool doubt;		/* something could not be looked at */
	bool backups, keys;	/* backups, and the keys that open them */
	bool begun;		/* a destruction was begun: the table that is counted may be gone */
};
/* *only_backups: there is nothing but backups, and keys that would be lost for them. */
enum consent_data consent_weigh(const struct consent_found *f, bool *only_backups);

/* ---- does a token fit? ---- */

struct consent_paper {		/* a token, or the machine as it is now */
	const char *host, *database, *instance;
	int64_t patients;	/* of the machine: -1 not known, and then not compared */
	long long made, expires;	/* of the token: seconds since 1970 */
};
/* *why: the first thing that does not fit (static text); unchanged when it is good. */
enum consent_token consent_check(const struct consent_paper *token, const struct consent_paper *machine,
				 long long now, const char **why);

/* ---- what happens ---- */

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
