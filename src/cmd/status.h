/* maintkit-status: the areas it looks at, and what it finds there.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_STATUS_H
#define MAINTKIT_STATUS_H

#include "tool.h"

enum level {
	LEVEL_OK,
	LEVEL_NOTE,	/* worth knowing, nothing is wrong */
	LEVEL_WRONG,
	LEVEL_UNKNOWN,	/* cannot be told now */
};

struct finding {
	enum level level;
	bool backend;	/* unknown because a backend that should be there does not answer */
	struct buf text;
	char *mend;	/* command and verb that mend it, or NULL */
};
#define FINDING_INIT { .text = BUF_INIT }

struct area {
	const char *name;
	const char *section;		/* of the profile that must be there, or NULL */
	const char *command, *verb;	/* the program that is asked, with --json */
	void (*judge)(const struct tool *t, const char *json, struct finding *f);
};

extern const struct area status_areas[];
extern const size_t status_n_areas;

/* Values out of our own programs' JSON (core/json.h writes one member a line).
 * The first member of that name, unescaped, to be freed; NULL: null or absent. */
char *status_value(const char *json, const char *key);
/* The objects that a document which is an array consists of. */
void status_objects(const char *json, struct strv *objects);

#endif
