/* The guard's parts: what is known about the data, and which package wants in.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_GUARD_H
#define MAINTKIT_GUARD_H

#include "../core/policy.h"
#include "../ext/db.h"
#include "tool.h"

struct guard {
	struct policy_state state;	/* the stricter of database and mirror */
	struct policy_state in_db;	/* what the database says by itself; .known: there is one with our data */
	long db_schema, db_min;		/* the two levels as maintkit_meta has them, without evidence; 0: not there */
	struct db *db;			/* NULL: not reachable, or there is no such database */
	bool mirror_damaged;
	struct err db_err;		/* why db is NULL; kind ERR_NONE or ERR_ABSENT: no database */
};
#define GUARD_INIT { .db_err = ERR_INIT }
void guard_release(struct guard *g);

/* Ask mirror, database and dpkg. Never fails because one of them is missing;
 * -1 only for errors that make an answer worthless (a bad profile). */
int guard_gather(struct guard *g, struct tool *t, struct err *err) MUST_CHECK;
/* Write what is known to the mirror; nothing when nothing is known or we are not root. */
int guard_keep(struct guard *g, struct tool *t, struct err *err) MUST_CHECK;
/* Java and Tomcat as dpkg has them, against the profile's floors; fills s->env_*. */
void guard_environment(struct policy_state *s, struct tool *t);

/* A package asked about. Strings are owned. */
struct guard_incoming {
	char *package, *version, *level, *reads;	/* package NULL: ours */
	bool from_file;
};
void guard_incoming_release(struct guard_incoming *in);
static inline struct policy_incoming guard_view(const struct guard_incoming *in)
{
	return (struct policy_incoming){ in->version, in->level, in->reads };
}
/* By version text, with the fields given as options (NULL: none). */
int guard_incoming_version(struct guard_incoming *in, const char *version, const char *level,
			   const char *reads, struct err *err) MUST_CHECK;
/* By a .deb, or by a control file (control true), path as the caller sees it. */
int guard_incoming_file(struct guard_incoming *in, const char *path, bool control,
			struct err *err) MUST_CHECK;
/* What dpkg has installed; ERR_ABSENT: not installed, ERR_BACKEND: no dpkg to ask. */
int guard_incoming_installed(struct guard_incoming *in, struct tool *t, struct err *err) MUST_CHECK;

/* The code that is activated, which may be another than dpkg's: an upgrade that
 * stopped half-way has the new package and the old code. ERR_ABSENT: none, or
 * it was deployed without saying what it reads. */
int guard_incoming_served(struct guard_incoming *in, struct tool *t, struct err *err) MUST_CHECK;

/* Run dpkg-query -W below the tool's root with this format; out gets its lines. */
int guard_dpkg_query(struct tool *t, const char *format, const char *const *patterns, size_t n,
		     struct buf *out, struct err *err) MUST_CHECK;

#endif
