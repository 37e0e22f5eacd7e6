/* May this version be put over that data? The guard's decision, and the words for it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A downgrade is legitimate (clinics leave a bad release that way); old code on
 * data that it cannot read is not. So the state of the data decides, never
 * dpkg's `<`. Two integers describe the data: schema_level, what it is now, and
 * min_level, the oldest application level that still reads it. A package of
 * ours says what it is and reads in control fields (Maintkit-Level: N,
 * Maintkit-Reads: MIN-MAX); a legacy package's level is its product number.
 *
 * Only a package that is positively known to be below is refused. What cannot
 * be placed is let through with a warning: a guard that stops dpkg on a guess
 * does more harm than the downgrade.
 */
#ifndef MAINTKIT_POLICY_H
#define MAINTKIT_POLICY_H

#include <stdbool.h>
#include "../base/buf.h"
#include "lineage.h"

#define POLICY_LEVEL_MAX 999999
/* A min_level with the reason "data migration NAME was run" is taken back by `migrate undo NAME`; refusals say so. */
#define POLICY_REASON_MIGRATION "data migration "
/* In the state directory: "upgrade LEVEL BACKUP" since an upgrade had its backup made, until the levels are marked or the
 * data is another (restored). */
#define POLICY_UPGRADE_BEGUN "upgrade-begun"

/* "Let this version in once": made by `guard allow`. It holds for one state of
 * one instance; a level that was raised since ends it. */
struct policy_allowance {
	char *version, *instance, *reason;
	long schema_level, min_level;
	long long made, expires;	/* seconds since 1970, UTC */
};

/* A release that was installed here once: gives "the oldest version" a name. */
struct policy_release {
	char *version;
	long level, reads_min, reads_max;
};

/* What is known about the installed data. Strings are owned; NULL: not known. */
struct policy_state {
	bool known;		/* false: nothing recorded, that is a new installation */
	char *package, *title;
	char *lineage;		/* scheme of its legacy versions; NULL: it has none */
	char *instance;		/* instance id of the data */
	long schema_level;	/* 0: not recorded */
	long min_level;		/* 0: anything reads it */
	char *reason;		/* why min_level is what it is */
	long long since;	/* when it was raised; 0: not known */
	/* environment: set when Java and Tomcat as installed rule out old legacy builds */
	char *env_floor;	/* legacy version, e.g. "15-88~844" */
	char *env_note;		/* "Java 17 and Tomcat 10.1" */
	bool env_no_legacy;	/* legacy packages cannot run on this Tomcat at all */
	char *backup_dir;	/* where to look for a backup to name */
	char *db_socket;	/* the local server's; NULL: not known, or the server is elsewhere */
	struct strv backup_keys;	/* key files; one of them is enough to encrypt a backup to */
	struct policy_allowance *allow;
	size_t n_allow;
	struct policy_release *release;
	size_t n_release;
};
void policy_state_release(struct policy_state *s);
/* Copies its arguments. */
void policy_state_add_allowance(struct policy_state *s, const struct policy_allowance *a);
/* Replaces the one of the same version. */
void policy_state_add_release(struct policy_state *s, const struct policy_release *r);
/* The stricter of two pictures of the same data: database and mirror. Levels:
 * the higher, with its reason and time; a instance id of *other when s has none. */
void policy_state_merge(struct policy_state *s, const struct policy_state *other);

/* The package that wants in. */
struct policy_incoming {
	const char *version;
	const char *level_field, *reads_field;	/* as in the control file; NULL: absent */
};

enum policy_verdict { POLICY_ALLOW, POLICY_WARN, POLICY_REFUSE };
enum policy_why {
	POLICY_FRESH,		/* allow: no data is known */
	POLICY_FITS,		/* allow */
	POLICY_BY_ALLOWANCE,	/* allow: would be refused without `guard allow` */
	POLICY_BELOW_MIN,	/* refuse: its level is below what the data needs */
	POLICY_NEWER_DATA,	/* refuse: the data is above what it reads */
	POLICY_OLDER_DATA,	/* refuse: the data is below what it reads; a step between is missing */
	POLICY_ENV_FLOOR,	/* refuse: does not run with the Java and Tomcat that are here */
	POLICY_ENV_NEVER,	/* warn: no legacy package runs on this Tomcat */
	POLICY_BAD_FIELDS,	/* warn: fields that make no sense */
	POLICY_UNPLACED,	/* warn: no fields and no legacy version */
};

enum policy_kind { POLICY_OURS, POLICY_LEGACY, POLICY_UNKNOWN };

struct policy_result {
	enum policy_verdict verdict;
	enum policy_why why;
	enum policy_why refused;	/* with POLICY_BY_ALLOWANCE: what it would have been */
	enum policy_kind kind;
	long level, reads_min, reads_max;	/* of the incoming package; 0 when unknown */
	const struct policy_allowance *allowance;	/* in the state; or NULL */
};

/* now: seconds since 1970. running: the version is installed already and wants
 * to start, so an allowance's expiry no longer matters. */
void policy_decide(const struct policy_state *s, const struct policy_incoming *in, long long now,
		   bool running, struct policy_result *r);

/* "MIN-MAX" or "N" with 0 <= MIN <= MAX; false when malformed. */
bool policy_parse_reads(const char *text, long *min, long *max);
/* A level: 1 to POLICY_LEVEL_MAX, digits only. */
bool policy_parse_level(const char *text, long *level);

/* Is there an allowance that fits? For `guard status`: why not, in one word,
 * or NULL when it is good: "expired", "not yet valid", "other instance", "level raised". */
const char *policy_allowance_flaw(const struct policy_state *s, const struct policy_allowance *a,
				  long long now, bool running);

/* A backup that is there. */
struct policy_backup {
	char *file;		/* full name, owned; only characters that need no quoting */
	long long made;		/* seconds since 1970 */
	bool levels_known;	/* the two below were recorded with it */
	long schema_level, min_level;
};
/* With the data of that backup, would the package that r is about be allowed? */
bool policy_backup_helps(const struct policy_state *s, const struct policy_result *r,
			 const struct policy_backup *b);

enum policy_lang { POLICY_EN, POLICY_FR };
/* Language by the values of LC_ALL, LC_MESSAGES and LANG, in this order. */
enum policy_lang policy_language(const char *lc_all, const char *lc_messages, const char *lang);

/* The text of a refusal or warning, several lines, the same on every route:
 * what, since when, why, the oldest version allowed, the ways out as commands
 * to copy. backup: the one to offer, or NULL when none helps. */
void policy_text(struct buf *out, const struct policy_state *s, const struct policy_incoming *in,
		 const struct policy_result *r, const struct policy_backup *backup, enum policy_lang lang);
/* What was allowed, and hands this machine over to a package that is not built
 * on maintkit: what that means. One line. */
void policy_handover_text(struct buf *out, const struct policy_state *s, const struct policy_incoming *in,
			  enum policy_lang lang);
/* Every rule, what it saw and what it decides (`guard explain`). */
void policy_explain(struct buf *out, const struct policy_state *s, const struct policy_incoming *in,
		    const struct policy_result *r, enum policy_lang lang);
/* One word per reason, for --json. */
const char *policy_why_name(enum policy_why why);

#endif
