/* What a purge does with the data: the decision table, and nothing else.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "consent.h"

#define OK 0
#define FAILED 2	/* destruction was asked for and did not happen */
#define REFUSED 4	/* consent that does not fit this machine */

#define CLOCK_SLACK_S 3600

enum consent_data consent_weigh(const struct consent_found *f, bool *only_backups)
{
	*only_backups = false;
	/* a destruction that was begun may have dropped the table that is counted */
	if (f->begun && f->base == CONSENT_BASE_OURS && f->patients < 0)
		return CONSENT_DATA_PRESENT;
	if (f->doubt || f->patients < 0 || f->base == CONSENT_BASE_UNPROVEN)
		return CONSENT_DATA_UNKNOWN;
	if (f->patients > 0 || f->documents)
		return CONSENT_DATA_PRESENT;
	/* A database that was lost and made anew is empty: the keys go with nothing
	 * else then, and without them the backups would be lost as well. */
	*only_backups = f->backups && f->keys;
	return *only_backups ? CONSENT_DATA_PRESENT : CONSENT_DATA_NONE;
}

/* The first thing that does not fit, or NULL. */
static const char *misfit(const struct consent_paper *token, const struct consent_paper *machine)
{
	if (strcmp(token->host, machine->host) != 0)
		return "it names another host";
	if (strcmp(token->database, machine->database) != 0)
		return "it names another database";
	if (strcmp(token->instance, machine->instance) != 0)
		return "it was made for another instance of the data";
	if (machine->patients >= 0 && token->patients != machine->patients)
		return "the number of patients has changed since";
	return NULL;
}

enum consent_token consent_check(const struct consent_paper *token, const struct consent_paper *machine,
				 long long now, const char **why)
{
	const char *wrong = misfit(token, machine);

	if (wrong) {
		*why = wrong;
		return CONSENT_TOKEN_WRONG;
	}
	if (now >= token->expires) {
		*why = "it has expired";
		return CONSENT_TOKEN_EXPIRED;
	}
	/* a clock that was set back would make it valid for ever */
	if (now + CLOCK_SLACK_S < token->made) {
		*why = "it was made in the future of this clock";
		return CONSENT_TOKEN_EXPIRED;
	}
	return CONSENT_TOKEN_GOOD;
}

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
		return "an archive needs the backup program and a recipient outside this machine ('backup recovery', or [backup] recipients)";
	case CONSENT_REMOTE:
		return "the database is on another machine, and only 'data authorize' names it";
	}
	return "";
}
