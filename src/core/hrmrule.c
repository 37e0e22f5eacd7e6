/* What a hospital report (Ontario's HRM, OmdCds) says, as the columns of OSCAR's table HRMDocument.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hrmrule.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "utf8.h"

const char *const hrm_column_name[HRM_COLUMNS] = {
	[HRM_FACILITY_NO] = "sourceFacilityReportNo", [HRM_NAME] = "formattedName", [HRM_DOB] = "dob",
	[HRM_GENDER] = "gender", [HRM_HCN] = "hcn", [HRM_CLASS] = "className",
	[HRM_SUBCLASS] = "subClassName", [HRM_RECIPIENT_ID] = "recipientId",
	[HRM_RECIPIENT_NAME] = "recipientName",
};

/* Schema 1.1.2 (2013-08-14). */
#define PART_MAX 50
#define FACILITY_NO_MAX 75
#define SUBCLASS_MAX 60
#define HCN_MAX 20
#define RECIPIENT_MAX 9

/* XMLGregorianCalendar.FIELD_UNDEFINED, printed: what the page puts for a month that is not there. */
#define UNDEFINED "0-2147483648"

static const char *const classes[] = {
	"Diagnostic Imaging Report", "Diagnostic Test Report", "Other Letter", "Consultant Report",
	"Medical Records Report", "Cardio Respiratory Report",
};

void hrm_report_release(struct hrm_report *r)
{
	for (size_t i = 0; i < HRM_FIELDS; i++)
		free(r->field[i]);
	*r = (struct hrm_report)HRM_REPORT_INIT;
}

void hrm_values_release(struct hrm_values *v)
{
	for (size_t i = 0; i < HRM_COLUMNS; i++)
		free(v->v[i]);
	*v = (struct hrm_values)HRM_VALUES_INIT;
}

/* ---- characters ---- */

long hrm_chars(const char *s)
{
	return utf8_count(s, strlen(s));
}

/* Cut to max characters. True when something was cut. */
static bool cut_chars(char *s, unsigned max)
{
	size_t len = strlen(s), at = 0, used;

	for (unsigned n = 0; at < len && n < max; n++, at += used)
		(void)utf8_next(s + at, len - at, &used);
	if (at >= len)
		return false;
	s[at] = '\0';
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* XML's white space off both ends; to be freed. */
static char *trimmed(const char *s)
{
	size_t len;

	while (blank(*s))
		s++;
	for (len = strlen(s); len && blank(s[len - 1]); len--)
		;
	return xstrndup(s, len);
}

static bool has_blanks(const char *s)
{
	return s && *s && (blank(*s) || blank(s[strlen(s) - 1]));
}

/* ---- dates ---- */

struct date { int year, month, day; };	/* 0: not there */

/* n digits; -1 when they are not there. */
static int digits(const char **p, int n)
{
	int v = 0;

	for (; n > 0; n--, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

static int month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* XML Schema's time zone: nothing, Z, or +hh:mm up to 14:00. */
static bool at_zone(const char *p)
{
	int h, m;

	if (!*p)
		return true;
	if (*p == 'Z')
		return !p[1];
	if (*p != '+' && *p != '-')
		return false;
	p++;
	h = digits(&p, 2);
	if (h < 0 || *p++ != ':')
		return false;
	m = digits(&p, 2);
	return m >= 0 && !*p && m < 60 && (h < 14 || (h == 14 && m == 0));
}

/* hh:mm:ss with a fraction. */
static bool skip_time(const char **p)
{
	int h = digits(p, 2), m, s;

	if (h < 0 || *(*p)++ != ':')
		return false;
	m = digits(p, 2);
	if (m < 0 || *(*p)++ != ':')
		return false;
	s = digits(p, 2);
	if (s < 0 || m > 59 || s > 59 || h > 23)
		return false;
	if (**p == '.') {
		if (!isdigit((unsigned char)*++*p))
			return false;
		while (isdigit((unsigned char)**p))
			(*p)++;
	}
	return true;
}

/* The lexical fields, no zone shift, by the element that the text stood in. */
static bool parse_dob(const char *text, unsigned flags, struct date *d)
{
	AUTO_FREE char *s = trimmed(text);
	const char *p = s;
	int n = 0;

	*d = (struct date){ 0, 0, 0 };
	while (isdigit((unsigned char)p[n]))
		n++;
	/* four digits, or more without a leading zero; there is no year 0 */
	if (n < 4 || n > 9 || (n > 4 && *p == '0') || (d->year = digits(&p, n)) == 0)
		return false;
	if (flags & HRM_DOB_YEAR)
		return at_zone(p);
	if (*p++ != '-' || (d->month = digits(&p, 2)) < 1 || d->month > 12)
		return false;
	if (flags & HRM_DOB_MONTH)
		return at_zone(p);
	if (*p++ != '-' || (d->day = digits(&p, 2)) < 1 || d->day > month_days(d->year, d->month))
		return false;
	if (flags & HRM_DOB_DATETIME)
		return *p++ == 'T' && skip_time(&p) && at_zone(p);
	return at_zone(p);
}

static char *dob_value(const struct hrm_report *r, enum hrm_mode mode)
{
	struct date d;

	if (!r->field[HRM_F_DOB] || !parse_dob(r->field[HRM_F_DOB], r->flags, &d))
		return NULL;
	/* the page does not pad the year */
	if (d.day)
		return xasprintf("%d-%02d-%02d", d.year, d.month, d.day);
	if (mode == HRM_FIXED)
		return d.month ? xasprintf("%04d-%02d", d.year, d.month) : xasprintf("%04d", d.year);
	return d.month ? xasprintf("%d-%02d-" UNDEFINED, d.year, d.month) :
			 xasprintf("%d-" UNDEFINED "-" UNDEFINED, d.year);
}

bool hrm_dob_is_artefact(const char *dob)
{
	return dob && strstr(dob, "-0-") != NULL;
}

/* ---- reasons ---- */

static bool longer(const char *s, long max)
{
	return s && hrm_chars(s) > max;
}

static unsigned why_patient(const struct hrm_report *r)
{
	const char *gender = r->field[HRM_F_GENDER];
	AUTO_FREE char *g = gender ? trimmed(gender) : NULL;
	unsigned why = 0;
	struct date d;

	if (!r->field[HRM_F_LAST] || !r->field[HRM_F_FIRST])
		why |= HRM_WHY_NAME;
	if (!r->field[HRM_F_DOB] || !parse_dob(r->field[HRM_F_DOB], r->flags, &d))
		why |= HRM_WHY_DOB;
	else if (!d.day)
		why |= HRM_WHY_PARTIAL_DOB;
	if (!g || !g[0] || g[1] || !strchr("MFOU", g[0]))
		why |= HRM_WHY_GENDER;
	else if (has_blanks(gender))
		why |= HRM_WHY_BLANKS;
	if (!(r->flags & HRM_HAS_CARD))
		why |= HRM_WHY_NO_CARD;
	if (longer(r->field[HRM_F_LAST], PART_MAX) || longer(r->field[HRM_F_FIRST], PART_MAX) ||
	    longer(r->field[HRM_F_HCN], HCN_MAX))
		why |= HRM_WHY_PART_LONG;
	return why;
}

static unsigned why_class(const char *text)
{
	AUTO_FREE char *c = trimmed(text);

	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (strcmp(classes[i], c) == 0)
			return has_blanks(text) ? HRM_WHY_BLANKS : 0;
	return HRM_WHY_CLASS;
}

unsigned hrm_why(const struct hrm_report *r)
{
	const char *id = r->field[HRM_F_RECIPIENT_ID];
	unsigned why = why_patient(r);

	if (r->flags & HRM_NAMESPACE)
		why |= HRM_WHY_NAMESPACE;
	if (r->flags & HRM_PHYSICIAN)
		why |= HRM_WHY_PHYSICIAN;
	if (r->flags & HRM_NESTED)
		why |= HRM_WHY_NESTED;
	if ((r->flags & HRM_CUT) || longer(r->field[HRM_F_FACILITY_NO], FACILITY_NO_MAX) ||
	    longer(r->field[HRM_F_SUBCLASS], SUBCLASS_MAX))
		why |= HRM_WHY_PART_LONG;
	if (r->flags & HRM_HAS_REPORT)
		why |= r->field[HRM_F_CLASS] ? why_class(r->field[HRM_F_CLASS]) : HRM_WHY_NO_CLASS;
	if (r->flags & HRM_HAS_TRANSACTION) {
		if (!id || longer(id, RECIPIENT_MAX))
			why |= HRM_WHY_RECIPIENT;
		else if (strcmp(id, "D") == 0 || strcmp(id, "N") == 0)
			why |= HRM_WHY_ID;
	}
	/* a date that is none gives no value, whatever the schema thinks of it */
	if (r->flags & HRM_VALID)
		why &= ~(HRM_WHY_SCHEMA & ~HRM_WHY_DOB);
	else if ((r->flags & HRM_INVALID) && !(why & HRM_WHY_SCHEMA))
		why |= HRM_WHY_XSD;
	return why;
}

const char *hrm_why_text(unsigned why)
{
	static const struct { unsigned bit; const char *text; } texts[] = {
		{ HRM_WHY_NAMESPACE, "elements are not in their namespace" },
		{ HRM_WHY_PHYSICIAN, "the recipient stands in Physician (schema 1.0)" },
		{ HRM_WHY_NAME, "a part of the legal name is missing" },
		{ HRM_WHY_NESTED, "an element stands within a value" },
		{ HRM_WHY_PART_LONG, "a value is longer than the schema allows" },
		{ HRM_WHY_DOB, "the date of birth is missing or no date" },
		{ HRM_WHY_GENDER, "gender is none of M F O U" },
		{ HRM_WHY_CLASS, "the report's class is none of the six" },
		{ HRM_WHY_RECIPIENT, "the recipient's id is missing or too long" },
		{ HRM_WHY_XSD, "the schema on disk refuses it" },
		{ HRM_WHY_NO_CARD, "no health card: the page stops here for good" },
		{ HRM_WHY_NO_CLASS, "no class: the page stops here for good" },
		{ HRM_WHY_BLANKS, "blanks around gender or class: the page stops here for good" },
		{ HRM_WHY_ID, "a recipient's id without number: the page stops here for good" },
		{ HRM_WHY_PARTIAL_DOB, "a date of birth without day: the page stores garbage" },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (why & texts[i].bit)
			return texts[i].text;
	return "";
}

/* ---- values ---- */

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static char *gender_value(const struct hrm_report *r)
{
	char *g = r->field[HRM_F_GENDER] ? trimmed(r->field[HRM_F_GENDER]) : NULL;

	/* a word is not cut to its first letter: that would be a guess */
	if (g && hrm_chars(g) != 1) {
		free(g);
		g = NULL;
	}
	return g;
}

static char *recipient_name(const struct hrm_report *r, enum hrm_mode mode)
{
	const char *last = r->field[HRM_F_RECIPIENT_LAST], *first = r->field[HRM_F_RECIPIENT_FIRST];

	/* the page's class has no Physician: a 1.0 schema on its disk lets such a file pass, without a name */
	if (mode == HRM_COMPAT && (r->flags & HRM_PHYSICIAN))
		return xstrdup("");
	if (last && first)
		return xasprintf("%s, %s", last, first);
	return xstrdup(last ? last : or_empty(first));
}

void hrm_values(struct hrm_values *out, const struct hrm_report *r, enum hrm_mode mode,
		const unsigned max[HRM_COLUMNS])
{
	bool report = r->flags & HRM_HAS_REPORT, transaction = r->flags & HRM_HAS_TRANSACTION;
	char **v = out->v;

	hrm_values_release(out);
	v[HRM_FACILITY_NO] = report ? copy(r->field[HRM_F_FACILITY_NO]) : xstrdup("");
	v[HRM_NAME] = xasprintf("%s, %s%s", or_empty(r->field[HRM_F_LAST]), or_empty(r->field[HRM_F_FIRST]),
				or_empty(r->field[HRM_F_OTHERS]));
	v[HRM_DOB] = dob_value(r, mode);
	v[HRM_GENDER] = gender_value(r);
	v[HRM_HCN] = copy(r->field[HRM_F_HCN]);
	v[HRM_CLASS] = !report ? xstrdup("") : r->field[HRM_F_CLASS] ? trimmed(r->field[HRM_F_CLASS]) : NULL;
	v[HRM_SUBCLASS] = report ? copy(r->field[HRM_F_SUBCLASS]) : xstrdup("");
	v[HRM_RECIPIENT_ID] = transaction ? copy(r->field[HRM_F_RECIPIENT_ID]) : xstrdup("");
	v[HRM_RECIPIENT_NAME] = recipient_name(r, mode);
	for (size_t i = 0; i < HRM_COLUMNS; i++)
		if (v[i] && max[i] && cut_chars(v[i], max[i]) && !(mode == HRM_COMPAT && i == HRM_DOB))
			out->cut |= 1u << i;
}

/* ---- the recipient's number ---- */

const char *hrm_recipient_number(const char *id, char *kind)
{
	*kind = id && (*id == 'D' || *id == 'N') && id[1] ? *id : '\0';
	return *kind ? id + 1 : NULL;
}

/* Equal for a collation that ignores the case of letters and trailing blanks. */
static bool same_word(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	while (n && a[n - 1] == ' ')
		n--;
	while (m && b[m - 1] == ' ')
		m--;
	return n == m && strncasecmp(a, b, n) == 0;
}

bool hrm_type_fits(char kind, const char *type, const char *number, bool guess)
{
	static const char *const nurse[] = { "CNORNP", "CNORN", "CNORPN" };
	long chars;

	if (guess && (!type || same_word(type, ""))) {
		chars = number ? hrm_chars(number) : 0;
		return (kind == 'D' && chars == 6) || (kind == 'N' && chars == 7);
	}
	if (!type)
		return false;
	if (kind == 'D')
		return same_word(type, "CPSO");
	for (size_t i = 0; kind == 'N' && i < ARRAY_LEN(nurse); i++)
		if (same_word(type, nurse[i]))
			return true;
	return false;
}

/* ---- through a pipe ---- */

static void put32(struct buf *out, uint32_t v)
{
	buf_add(out, &v, sizeof v);
}

static bool get32(const char **p, size_t *left, uint32_t *v)
{
	if (*left < sizeof *v)
		return false;
	memcpy(v, *p, sizeof *v);
	*p += sizeof *v;
	*left -= sizeof *v;
	return true;
}

void hrm_report_pack(struct buf *out, const struct hrm_report *r)
{
	put32(out, r->flags);
	for (size_t i = 0; i < HRM_FIELDS; i++) {
		size_t len = r->field[i] ? strlen(r->field[i]) : 0;

		put32(out, r->field[i] ? (uint32_t)len : UINT32_MAX);
		buf_add(out, or_empty(r->field[i]), len);
	}
}

int hrm_report_unpack(struct hrm_report *r, const void *data, size_t len, struct err *err)
{
	const char *p = data;
	uint32_t n;

	hrm_report_release(r);
	if (!get32(&p, &len, &r->flags))
		return err_set(err, ERR_FAIL, "the reader's answer is cut");
	for (size_t i = 0; i < HRM_FIELDS; i++) {
		if (!get32(&p, &len, &n) || (n != UINT32_MAX && (n > len || n > HRM_FIELD_MAX)))
			return err_set(err, ERR_FAIL, "the reader's answer is cut");
		if (n == UINT32_MAX)
			continue;
		r->field[i] = xstrndup(p, n);
		if (hrm_chars(r->field[i]) < 0)
			return err_set(err, ERR_FAIL, "the reader's answer is no text");
		p += n;
		len -= n;
	}
	return len ? err_set(err, ERR_FAIL, "the reader's answer is too long") : 0;
}
