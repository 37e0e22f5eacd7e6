/* What a purge does with the data: the decision table, and nothing else.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "consent.h"

#define OK 0
#define FAILED 2	/* destruction was asked for and did not happen */
#define REFUSED 4	/* consent that does not fit this machine */

static struct consent_outcome outcome(enum consent_action action, int status, enum consent_why why)
{
	return (struct consent_outcome){ action, status, why };
}

/* Nothing can be proven: keep, and fail when somebody expects it to be gone. */
static struct consent_outcome unknown_data(const struct consent_case *c)
{
	bool expected = c->asked == CONSENT_ASKED_ARCHIVE || c->asked == CONSENT_ASKED_DESTROY ||
			(c->asked == CONSENT_ASKED_NOTHING &&
			 (c->token == CONSENT_TOKEN_GOOD || c->token == CONSENT_TOKEN_WRONG || c->begun));

	return outcome(CONSENT_KEEP, expected ? FAILED : OK, CONSENT_CANNOT_TELL);
}

/* Without an answer of a person the token decides. */
static struct consent_outcome by_token(const struct consent_case *c)
{
	if (c->begun)
		return outcome(CONSENT_DESTROY, OK, CONSENT_CONTINUED);
	switch (c->token) {
	case CONSENT_TOKEN_GOOD:
		return outcome(CONSENT_DESTROY, OK, CONSENT_BY_TOKEN);
	case CONSENT_TOKEN_WRONG:
		return outcome(CONSENT_KEEP, REFUSED, CONSENT_WRONG_TOKEN);
	case CONSENT_TOKEN_EXPIRED:
		return outcome(CONSENT_KEEP, OK, CONSENT_OLD_TOKEN);
	case CONSENT_TOKEN_ABSENT:
		break;
	}
	return outcome(CONSENT_KEEP, OK, CONSENT_NOT_ASKED);
}

struct consent_outcome consent_decide(const struct consent_case *c)
{
	if (c->data == CONSENT_DATA_NONE)
		return outcome(CONSENT_REMOVE, OK, CONSENT_NO_DATA);
	if (c->asked == CONSENT_ASKED_KEEP)
		return outcome(CONSENT_KEEP, OK, CONSENT_PERSON);
	if (c->data == CONSENT_DATA_UNKNOWN)
		return unknown_data(c);
	if (c->asked == CONSENT_ASKED_NOTHING)
		return by_token(c);
	if (c->remote && c->token != CONSENT_TOKEN_GOOD)
		return outcome(CONSENT_KEEP, FAILED, CONSENT_REMOTE);
	if (c->asked == CONSENT_ASKED_DESTROY)
		return outcome(CONSENT_DESTROY, OK, CONSENT_PERSON);
	if (!c->can_archive)
		return outcome(CONSENT_KEEP, FAILED, CONSENT_NO_ARCHIVER);
	return outcome(CONSENT_ARCHIVE, OK, CONSENT_PERSON);
}

const char *consent_words(enum consent_why why)
{
	switch (why) {
	case CONSENT_NO_DATA:
		return "there is no patient data";
	case CONSENT_NOT_ASKED:
		return "nobody consented to its destruction";
	case CONSENT_PERSON:
		return "as answered";
	case CONSENT_BY_TOKEN:
		return "authorized beforehand";
	case CONSENT_CONTINUED:
		return "consented to before it was interrupted";
	case CONSENT_CANNOT_TELL:
		return "it cannot be told what data there is";
	case CONSENT_WRONG_TOKEN:
		return "the authorization does not fit this machine and its data";
	case CONSENT_OLD_TOKEN:
		return "the authorization has expired";
	case CONSENT_NO_ARCHIVER:
		return "an archive needs the backup program and a recipient outside this machine ([backup] recipients)";
	case CONSENT_REMOTE:
		return "the database is on another machine, and only 'data authorize' names it";
	}
	return "";
}
