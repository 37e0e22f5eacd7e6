/* Hospital reports (OmdCds XML of schema 1.0, 1.1.1, 1.1.2) read by libxml2, and the readers that do it apart.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reading is tolerant where the page's parser is strict: unknown elements,
 * lengths and a recipient in Physician are no error, elements without or with
 * the other one of the two namespaces ("cds", "cds_dt") are taken and marked.
 * Refused: a DOCTYPE (and with it every entity of one's own), elements more
 * than HRMXML_DEPTH deep, files above HRMXML_MAX, what is not well-formed or
 * not in the encoding that it declares. Text is streamed: a file of 12 MB
 * costs no more memory than a small one. One CDATA section, comment or
 * attribute is held whole; a reader has HRMXML_MEMORY for it, which is enough
 * for a document of 12 MB in CDATA, and refuses the file that needs more.
 *
 * The files come from outside and lie where the web user can write, so a
 * program that is root opens them itself and has them parsed by readers:
 * children that have become the web user, hold nothing but the descriptor of
 * the file, and may die of it without harm. One reader for each core.
 */
#ifndef MAINTKIT_HRMXML_H
#define MAINTKIT_HRMXML_H

#include <stdint.h>
#include <sys/types.h>
#include "../core/hrmrule.h"

#define HRMXML_MAX (64u << 20)
#define HRMXML_DEPTH 256
#define HRMXML_MEMORY (32u << 20)	/* libxml2 2.9.10 needs more than 24 for 12 MB of CDATA */
#define HRMXML_VALIDATE_MAX (4u << 20)	/* larger files are not validated: a validator keeps whole values */

struct hrmxml_schema;
/* The web tool's own schema (it includes others beside it). NULL when it is
 * not there or not usable: then hrm_why() judges by rule. */
struct hrmxml_schema *hrmxml_schema_load(const char *path);
void hrmxml_schema_free(struct hrmxml_schema *s);

/* Read the report that fd holds, from its current position. ERR_FAIL with the
 * reason (no data of the file but names of elements and a line number). */
int hrmxml_read(int fd, const struct hrmxml_schema *schema, struct hrm_report *out, struct err *err) MUST_CHECK;

/* Before libxml2 is first used in this process: each file that is read has HRMXML_MEMORY and no more. */
void hrmxml_limit_memory(void);

/* ---- readers ---- */

struct hrmxml_pool;

struct hrmxml_options {
	unsigned readers;	/* 0: one for each core, at most 16 */
	bool drop;		/* become uid/gid */
	uid_t uid;
	gid_t gid;
	const char *schema;	/* path, or NULL */
	unsigned file_seconds;	/* 0: 60; a reader that takes longer for one file is killed */
};

/* Called for each file in any order, at the latest within _drain(). err is NULL
 * when report is what the file says. */
typedef int hrmxml_fn(void *arg, uint64_t id, struct hrm_report *report, const struct err *err);

int hrmxml_pool_open(struct hrmxml_pool **out, const struct hrmxml_options *o, hrmxml_fn *done, void *arg,
		     struct err *err) MUST_CHECK;
/* Hand over one file; fd is closed in any case. May call done for others. -1
 * when no reader can be had any more, or done returned -1 (err is the caller's then). */
int hrmxml_pool_add(struct hrmxml_pool *p, uint64_t id, int fd, struct err *err) MUST_CHECK;
/* Until all that was added is done. */
int hrmxml_pool_drain(struct hrmxml_pool *p, struct err *err) MUST_CHECK;
void hrmxml_pool_close(struct hrmxml_pool *p);
void hrmxml_pool_cleanup(struct hrmxml_pool **p);

#endif
