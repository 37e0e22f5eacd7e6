/* What a hospital report (Ontario's HRM, OmdCds) says, as the columns of OSCAR's table HRMDocument.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules of OSCAR's page admin/migrateHRMData.jsp and of the classes behind it,
 * as measured with its own parser; where the page gives garbage or gives up,
 * two modes differ: HRM_COMPAT has the page's value to the byte, HRM_FIXED the
 * right one. All text is UTF-8, lengths of columns are counted in characters.
 */
#ifndef MAINTKIT_HRMRULE_H
#define MAINTKIT_HRMRULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../base/buf.h"

/* ---- what was found in the file ---- */

/* First ReportsReceived, first TransactionInformation, Demographics. */
enum hrm_field {
	HRM_F_FACILITY_NO,	/* ReportsReceived/SendingFacilityReportNumber */
	HRM_F_CLASS, HRM_F_SUBCLASS,
	HRM_F_LAST,		/* LegalName/LastName/Part */
	HRM_F_FIRST,
	HRM_F_OTHERS,		/* each LegalName/OtherName/Part with a blank before it */
	HRM_F_DOB,		/* the date's text; which element it was in is in the flags */
	HRM_F_GENDER,
	HRM_F_HCN,		/* HealthCard/Number */
	HRM_F_RECIPIENT_ID,	/* TransactionInformation/DeliverToUserID */
	HRM_F_RECIPIENT_LAST, HRM_F_RECIPIENT_FIRST,
	HRM_FIELDS
};
#define HRM_FIELD_MAX 4096u	/* bytes kept of a field */

#define HRM_HAS_DEMOGRAPHICS 0x1u
#define HRM_HAS_REPORT 0x2u		/* ReportsReceived */
#define HRM_HAS_TRANSACTION 0x4u	/* TransactionInformation */
#define HRM_HAS_CARD 0x8u		/* HealthCard */
#define HRM_DOB_DATETIME 0x10u
#define HRM_DOB_DATE 0x20u
#define HRM_DOB_MONTH 0x40u
#define HRM_DOB_YEAR 0x80u
#define HRM_PHYSICIAN 0x100u		/* the recipient stands in Physician (version 1.0), not Provider */
#define HRM_NAMESPACE 0x200u		/* an element that we used was not in its namespace */
#define HRM_CUT 0x400u			/* a field was longer than HRM_FIELD_MAX */
#define HRM_NESTED 0x800u		/* an element within a value */
#define HRM_VALID 0x1000u		/* the schema on disk accepts it / refuses it; neither: not asked */
#define HRM_INVALID 0x2000u

struct hrm_report {
	uint32_t flags;
	char *field[HRM_FIELDS];	/* owned; NULL: no such element */
};
#define HRM_REPORT_INIT { 0 }
void hrm_report_release(struct hrm_report *r);

/* One report as bytes, for a pipe; the reader trusts nothing in it. */
void hrm_report_pack(struct buf *out, const struct hrm_report *r);
int hrm_report_unpack(struct hrm_report *r, const void *data, size_t len, struct err *err) MUST_CHECK;

/* ---- what it means ---- */

enum hrm_column {
	HRM_FACILITY_NO, HRM_NAME, HRM_DOB, HRM_GENDER, HRM_HCN, HRM_CLASS, HRM_SUBCLASS,
	HRM_RECIPIENT_ID, HRM_RECIPIENT_NAME,
	HRM_COLUMNS
};
extern const char *const hrm_column_name[HRM_COLUMNS];	/* as in the table */

enum hrm_mode { HRM_FIXED, HRM_COMPAT };

/* Why the page would not have come to our values. */
#define HRM_WHY_NAMESPACE 0x1u		/* the schema refuses: ... */
#define HRM_WHY_PHYSICIAN 0x2u
#define HRM_WHY_NAME 0x4u
#define HRM_WHY_PART_LONG 0x8u		/* a name part above 50, a number above its length */
#define HRM_WHY_DOB 0x10u
#define HRM_WHY_GENDER 0x20u
#define HRM_WHY_CLASS 0x40u
#define HRM_WHY_NESTED 0x80u
#define HRM_WHY_RECIPIENT 0x100u
#define HRM_WHY_XSD 0x200u		/* the schema on disk does, for another reason */
#define HRM_WHY_SCHEMA 0x3ffu		/* all of these: by rule (1.1.2) where no schema was asked */
#define HRM_WHY_NO_CARD 0x1000u		/* the page stops for good: ... */
#define HRM_WHY_NO_CLASS 0x2000u
#define HRM_WHY_BLANKS 0x4000u		/* around Gender or Class */
#define HRM_WHY_ID 0x8000u		/* recipient "D" or "N" alone */
#define HRM_WHY_STOP 0xf000u		/* all of these */
#define HRM_WHY_PARTIAL_DOB 0x10000u	/* the page stores garbage for a year or month alone */

unsigned hrm_why(const struct hrm_report *r);
/* The first reason in words, static; "" for 0. */
const char *hrm_why_text(unsigned why);

struct hrm_values {
	char *v[HRM_COLUMNS];	/* owned; NULL: SQL NULL */
	unsigned cut;		/* bit 1 << column: longer than the column, cut */
};
#define HRM_VALUES_INIT { 0 }
void hrm_values_release(struct hrm_values *v);

/* What the report gives. max: characters that each column takes (0: any). In
 * HRM_COMPAT only meaningful where hrm_why() has no bit of _SCHEMA and _STOP. */
void hrm_values(struct hrm_values *out, const struct hrm_report *r, enum hrm_mode mode,
		const unsigned max[HRM_COLUMNS]);

/* Stored by the page for a year or month alone: dob that has "-0-" in it. */
bool hrm_dob_is_artefact(const char *dob);

/* ---- the recipient's number ---- */

/* Which numbers of the table provider a recipient's id means: 'D' a physician's
 * (type CPSO), 'N' a nurse's (CNORNP, CNORN, CNORPN). Returns the number's
 * text within id, or NULL when it means none (then *kind is 0). */
const char *hrm_recipient_number(const char *id, char *kind);
/* Does a provider's practitionerNoType fit the kind? Compared as the column's
 * collation does for letters and trailing blanks. guess: with an empty type,
 * six characters are CPSO and seven CNORNP. */
bool hrm_type_fits(char kind, const char *type, const char *number, bool guess);

/* Characters of UTF-8 text; -1 when it is not valid. */
long hrm_chars(const char *s);

#endif
