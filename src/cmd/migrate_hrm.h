/* Pieces of the migration "hrm" of maintkit-migrate: where a report lies, and whom it is for.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAINTKIT_CMD_MIGRATE_HRM_H
#define MAINTKIT_CMD_MIGRATE_HRM_H

#include "../core/hrmrule.h"
#include "migrate.h"

/* ---- migrate_hrm_file.c ---- */

struct hrm_files;

/* Directories from profile and properties (maintkit.conf(5), [migrate]). */
int hrm_files_open(struct hrm_files **out, struct migrate *m, struct err *err) MUST_CHECK;
void hrm_files_close(struct hrm_files *f);
const char *hrm_files_documents(const struct hrm_files *f);
/* The schema that the web tool would use, as this process sees the path; NULL when there is none. */
const char *hrm_files_schema(const struct hrm_files *f);

enum hrm_place {
	HRM_AS_PAGE,		/* where the page looks for it */
	HRM_ELSEWHERE,		/* the page does not find it */
	HRM_MISSING,
	HRM_REFUSED,		/* a link, a device, outside of the directories, not to be opened */
};
/* The file of a row (reportFile, NULL for NULL), open for reading, to *fd.
 * page_only: only where the page looks. why: for HRM_REFUSED. */
enum hrm_place hrm_files_find(struct hrm_files *f, const char *name, bool page_only, int *fd, struct err *why);

/* ---- migrate_hrm_provider.c ---- */

struct hrm_providers {
	struct hrm_provider *v;
	size_t n;
	int64_t untyped;	/* have a number but no type */
	bool guess;
};
int hrm_providers_load(struct hrm_providers *p, struct migrate *m, bool guess, struct err *err) MUST_CHECK;
void hrm_providers_release(struct hrm_providers *p);
/* provider_no of the recipient, or NULL. Of several the first by provider_no, as the page gets it in practice. */
const char *hrm_providers_find(const struct hrm_providers *p, const char *recipient_id);

#endif
