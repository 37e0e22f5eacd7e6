/* Hospital reports (OmdCds XML of schema 1.0, 1.1.1, 1.1.2) read by libxml2.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hrmxml.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_CDS "cds"
#define NS_DT "cds_dt"

/* ---- the elements that we know ---- */

enum node {
	N_NONE, N_OMDCDS, N_PATIENT,
	N_DEMOGRAPHICS, N_NAMES, N_LEGAL, N_LAST, N_LAST_PART, N_FIRST, N_FIRST_PART, N_OTHER, N_OTHER_PART,
	N_DOB, N_DATETIME, N_DATE, N_MONTH, N_YEAR, N_GENDER, N_CARD, N_CARD_NUMBER,
	N_REPORT, N_FACILITY_NO, N_CLASS, N_SUBCLASS,
	N_TRANSACTION, N_USER_ID, N_PROVIDER, N_PHYSICIAN,
	N_PROVIDER_LAST, N_PROVIDER_FIRST, N_PHYSICIAN_LAST, N_PHYSICIAN_FIRST,
	N_COUNT
};

#define NO_FIELD (-1)

static const struct {
	enum node parent;
	const char *name, *uri;
	int field;
	uint32_t flag;
} nodes[N_COUNT] = {
	[N_OMDCDS] = { N_NONE, "OmdCds", NS_CDS, NO_FIELD, 0 },
	[N_PATIENT] = { N_OMDCDS, "PatientRecord", NS_CDS, NO_FIELD, 0 },
	[N_DEMOGRAPHICS] = { N_PATIENT, "Demographics", NS_CDS, NO_FIELD, HRM_HAS_DEMOGRAPHICS },
	[N_NAMES] = { N_DEMOGRAPHICS, "Names", NS_CDS, NO_FIELD, 0 },
	[N_LEGAL] = { N_NAMES, "LegalName", NS_DT, NO_FIELD, 0 },
	[N_LAST] = { N_LEGAL, "LastName", NS_DT, NO_FIELD, 0 },
	[N_LAST_PART] = { N_LAST, "Part", NS_DT, HRM_F_LAST, 0 },
	[N_FIRST] = { N_LEGAL, "FirstName", NS_DT, NO_FIELD, 0 },
	[N_FIRST_PART] = { N_FIRST, "Part", NS_DT, HRM_F_FIRST, 0 },
	[N_OTHER] = { N_LEGAL, "OtherName", NS_DT, NO_FIELD, 0 },
	[N_OTHER_PART] = { N_OTHER, "Part", NS_DT, HRM_F_OTHERS, 0 },
	[N_DOB] = { N_DEMOGRAPHICS, "DateOfBirth", NS_CDS, NO_FIELD, 0 },
	[N_DATETIME] = { N_DOB, "DateTime", NS_DT, HRM_F_DOB, HRM_DOB_DATETIME },
	[N_DATE] = { N_DOB, "FullDate", NS_DT, HRM_F_DOB, HRM_DOB_DATE },
	[N_MONTH] = { N_DOB, "YearMonth", NS_DT, HRM_F_DOB, HRM_DOB_MONTH },
	[N_YEAR] = { N_DOB, "YearOnly", NS_DT, HRM_F_DOB, HRM_DOB_YEAR },
	[N_GENDER] = { N_DEMOGRAPHICS, "Gender", NS_CDS, HRM_F_GENDER, 0 },
	[N_CARD] = { N_DEMOGRAPHICS, "HealthCard", NS_CDS, NO_FIELD, HRM_HAS_CARD },
	[N_CARD_NUMBER] = { N_CARD, "Number", NS_DT, HRM_F_HCN, 0 },
	[N_REPORT] = { N_PATIENT, "ReportsReceived", NS_CDS, NO_FIELD, HRM_HAS_REPORT },
	[N_FACILITY_NO] = { N_REPORT, "SendingFacilityReportNumber", NS_CDS, HRM_F_FACILITY_NO, 0 },
	[N_CLASS] = { N_REPORT, "Class", NS_CDS, HRM_F_CLASS, 0 },
	[N_SUBCLASS] = { N_REPORT, "SubClass", NS_CDS, HRM_F_SUBCLASS, 0 },
	[N_TRANSACTION] = { N_PATIENT, "TransactionInformation", NS_CDS, NO_FIELD, HRM_HAS_TRANSACTION },
	[N_USER_ID] = { N_TRANSACTION, "DeliverToUserID", NS_CDS, HRM_F_RECIPIENT_ID, 0 },
	[N_PROVIDER] = { N_TRANSACTION, "Provider", NS_CDS, NO_FIELD, 0 },
	[N_PHYSICIAN] = { N_TRANSACTION, "Physician", NS_CDS, NO_FIELD, HRM_PHYSICIAN },
	[N_PROVIDER_LAST] = { N_PROVIDER, "LastName", NS_DT, HRM_F_RECIPIENT_LAST, 0 },
	[N_PROVIDER_FIRST] = { N_PROVIDER, "FirstName", NS_DT, HRM_F_RECIPIENT_FIRST, 0 },
	[N_PHYSICIAN_LAST] = { N_PHYSICIAN, "LastName", NS_DT, HRM_F_RECIPIENT_LAST, 0 },
	[N_PHYSICIAN_FIRST] = { N_PHYSICIAN, "FirstName", NS_DT, HRM_F_RECIPIENT_FIRST, 0 },
};

struct reading {
	xmlParserCtxtPtr ctxt;
	struct hrm_report *out;
	enum node at;		/* innermost element that we know */
	unsigned depth;		/* of all elements */
	unsigned skip;		/* open elements below `at` that we do not know */
	uint64_t seen;		/* bit per node: only the first counts */
	bool collect;		/* the text goes into value */
	struct buf value;
	bool doctype, deep, wrong_root;
	int fd, sys;
	uint64_t total;
};

static enum node find(enum node parent, const char *name, const char *uri, bool *odd)
{
	if (uri && strcmp(uri, NS_CDS) != 0 && strcmp(uri, NS_DT) != 0)
		return N_NONE;
	for (int n = N_NONE + 1; n < N_COUNT; n++)
		if (nodes[n].parent == parent && strcmp(nodes[n].name, name) == 0) {
			*odd = !uri || strcmp(uri, nodes[n].uri) != 0;
			return (enum node)n;
		}
	return N_NONE;
}

static bool repeats(enum node n)
{
	return n == N_OTHER || n == N_OTHER_PART;
}

/* Physician beside Provider, or a second form of the date: the first one counts. */
static bool comes_too_late(const struct reading *r, enum node n)
{
	if (n == N_PHYSICIAN || n == N_PROVIDER)
		return r->seen & (1ull << N_PHYSICIAN | 1ull << N_PROVIDER);
	if (nodes[n].field == HRM_F_DOB)
		return r->out->field[HRM_F_DOB] != NULL;
	return !repeats(n) && (r->seen & 1ull << n);
}

static void stop(struct reading *r)
{
	xmlStopParser(r->ctxt);
}

static void on_start(void *arg, const xmlChar *name, const xmlChar *prefix UNUSED, const xmlChar *uri,
		     int n_ns UNUSED, const xmlChar **ns UNUSED, int n_attr UNUSED, int n_default UNUSED,
		     const xmlChar **attr UNUSED)
{
	struct reading *r = arg;
	bool odd = false;
	enum node n;

	if (++r->depth > HRMXML_DEPTH) {
		r->deep = true;
		stop(r);
		return;
	}
	if (r->skip) {
		r->skip++;
		return;
	}
	if (r->collect)
		r->out->flags |= HRM_NESTED;
	n = r->collect ? N_NONE : find(r->at, (const char *)name, (const char *)uri, &odd);
	if (n == N_NONE || comes_too_late(r, n)) {
		if (r->depth == 1) {
			r->wrong_root = true;
			stop(r);
		}
		r->skip = 1;
		return;
	}
	r->at = n;
	r->seen |= 1ull << n;
	r->out->flags |= nodes[n].flag | (odd ? HRM_NAMESPACE : 0);
	r->collect = nodes[n].field != NO_FIELD;
	if (r->collect)
		buf_reset(&r->value);
}

/* No half character at the end. */
static size_t whole_chars(const char *s, size_t len)
{
	size_t back = 0;

	while (back < 3 && back < len && ((unsigned char)s[len - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back < len) {
		unsigned char lead = (unsigned char)s[len - 1 - back];
		size_t want = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

		if (want > back + 1)
			return len - 1 - back;
	}
	return len;
}

static void store(struct reading *r, int field)
{
	char **to = &r->out->field[field];
	struct buf *v = &r->value;

	if (v->len > HRM_FIELD_MAX) {
		buf_truncate(v, whole_chars(v->p, HRM_FIELD_MAX));
		r->out->flags |= HRM_CUT;
	}
	if (field != HRM_F_OTHERS) {
		*to = xstrdup(v->p);
		return;
	}
	AUTO_BUF all = BUF_INIT;
	buf_addf(&all, "%s %s", *to ? *to : "", v->p);
	if (all.len > HRM_FIELD_MAX) {
		buf_truncate(&all, whole_chars(all.p, HRM_FIELD_MAX));
		r->out->flags |= HRM_CUT;
	}
	free(*to);
	*to = buf_steal(&all);
}

static void on_end(void *arg, const xmlChar *name UNUSED, const xmlChar *prefix UNUSED, const xmlChar *uri UNUSED)
{
	struct reading *r = arg;

	r->depth--;
	if (r->skip) {
		r->skip--;
		return;
	}
	if (r->collect)
		store(r, nodes[r->at].field);
	r->collect = false;
	r->at = nodes[r->at].parent;
}

static void on_text(void *arg, const xmlChar *text, int len)
{
	struct reading *r = arg;
	size_t room;

	if (!r->collect || r->skip || len <= 0)
		return;
	/* a little more than is kept, so that store() sees that it was longer */
	room = HRM_FIELD_MAX + 8 - (r->value.len < HRM_FIELD_MAX + 8 ? r->value.len : HRM_FIELD_MAX + 8);
	buf_add(&r->value, text, (size_t)len < room ? (size_t)len : room);
}

/* Before anything of the DOCTYPE is read. */
static void on_doctype(void *arg, const xmlChar *name UNUSED, const xmlChar *public_id UNUSED,
		       const xmlChar *system_id UNUSED)
{
	struct reading *r = arg;

	r->doctype = true;
	stop(r);
}

/* ---- memory ---- */

/* libxml2 goes on after some failures to get memory as if nothing had been
 * there, so what it made of the file must not be believed then. */
static struct {
	bool on, refused;
	size_t used, most;
} memory;

static void give(void *p)
{
	memory.used += p ? malloc_usable_size(p) : 0;
}

static void take(void *p)
{
	size_t n = p ? malloc_usable_size(p) : 0;

	memory.used -= n < memory.used ? n : memory.used;
}

static void *limited_realloc(void *old, size_t size)
{
	size_t had = old ? malloc_usable_size(old) : 0;
	void *p = NULL;

	if (memory.used - (had < memory.used ? had : memory.used) + size <= memory.most) {
		take(old);
		p = realloc(old, size);
		give(p ? p : old);
	}
	memory.refused |= !p;
	return p;
}

static void *limited_malloc(size_t size)
{
	return limited_realloc(NULL, size);
}

static void limited_free(void *p)
{
	take(p);
	free(p);
}

static char *limited_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = limited_malloc(n);

	return p ? memcpy(p, s, n) : NULL;
}

void hrmxml_limit_memory(void)
{
	memory.on = true;
	memory.most = SIZE_MAX;
	xmlMemSetup(limited_free, limited_malloc, limited_realloc, limited_strdup);
}

/* ---- the schema ---- */

struct hrmxml_schema {
	xmlSchemaPtr schema;
};

static void quiet(void *arg UNUSED, const char *fmt UNUSED, ...)
{
}

struct hrmxml_schema *hrmxml_schema_load(const char *path)
{
	xmlSchemaParserCtxtPtr c;
	struct hrmxml_schema *s;
	xmlSchemaPtr schema;

	if (access(path, R_OK) < 0 || !(c = xmlSchemaNewParserCtxt(path)))
		return NULL;
	xmlSchemaSetParserErrors(c, quiet, quiet, NULL);
	xmlSetGenericErrorFunc(NULL, quiet);
	schema = xmlSchemaParse(c);
	xmlSchemaFreeParserCtxt(c);
	if (!schema)
		return NULL;
	s = xcalloc(1, sizeof *s);
	s->schema = schema;
	return s;
}

void hrmxml_schema_free(struct hrmxml_schema *s)
{
	if (s)
		xmlSchemaFree(s->schema);
	free(s);
}

/* ---- one file ---- */

static int parse_error(const struct reading *r, struct err *err)
{
	const xmlError *e = xmlCtxtGetLastError(r->ctxt);
	AUTO_BUF text = BUF_INIT;

	if (r->doctype)
		return err_set(err, ERR_FAIL, "it has a DOCTYPE, which is refused");
	if (r->deep)
		return err_set(err, ERR_FAIL, "its elements are more than %d deep", HRMXML_DEPTH);
	if (r->wrong_root)
		return err_set(err, ERR_FAIL, "it is no OmdCds document");
	buf_adds(&text, e && e->message ? e->message : "not well-formed");
	buf_trim_end(&text);
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.p[i] < ' ')
			text.p[i] = ' ';
	return err_set(err, ERR_FAIL, "line %d: %.200s", e ? e->line : 0, text.p);
}

/* For libxml2's pull parser. It streams text; its push parser would take
 * quadratic time for a long CDATA section, comment or attribute. */
static int next_bytes(void *arg, char *to, int room)
{
	struct reading *r = arg;
	ssize_t n;

	do
		n = read(r->fd, to, (size_t)room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		r->sys = errno;
	r->total += n > 0 ? (uint64_t)n : 0;
	if (r->total > HRMXML_MAX || memory.refused)
		return -1;
	return (int)n;
}

static int feed(struct reading *r, struct err *err)
{
	xmlParseDocument(r->ctxt);
	if (r->sys)
		return err_sys(err, r->sys, "cannot be read");
	if (r->total > HRMXML_MAX)
		return err_set(err, ERR_FAIL, "it is larger than %u MB", HRMXML_MAX >> 20);
	if (memory.refused)
		return err_set(err, ERR_FAIL, "a piece of it (a CDATA section, a comment, an attribute, a name) is too long to be held in memory");
	if (!r->total)
		return err_set(err, ERR_FAIL, "it is empty");
	return r->ctxt->wellFormed && !r->doctype && !r->deep && !r->wrong_root ? 0 : parse_error(r, err);
}

static int read_with(struct reading *r, xmlSchemaPtr schema, struct err *err)
{
	xmlSchemaValidCtxtPtr valid = schema ? xmlSchemaNewValidCtxt(schema) : NULL;
	xmlSchemaSAXPlugPtr plug = NULL;
	int rc;

	if (valid) {
		xmlSchemaSetValidErrors(valid, quiet, quiet, NULL);
		plug = xmlSchemaSAXPlug(valid, &r->ctxt->sax, &r->ctxt->userData);
	}
	rc = feed(r, err);
	if (rc == 0 && plug)
		r->out->flags |= xmlSchemaIsValid(valid) == 1 ? HRM_VALID : HRM_INVALID;
	if (plug)
		xmlSchemaSAXUnplug(plug);
	if (valid)
		xmlSchemaFreeValidCtxt(valid);
	return rc;
}

int hrmxml_read(int fd, const struct hrmxml_schema *schema, struct hrm_report *out, struct err *err)
{
	struct reading r = { .out = out, .value = BUF_INIT, .fd = fd };
	xmlSAXHandler sax;
	struct stat st;
	int rc;

	hrm_report_release(out);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot be read");
	if (S_ISREG(st.st_mode) && st.st_size > (off_t)HRMXML_MAX)
		return err_set(err, ERR_FAIL, "it is larger than %u MB", HRMXML_MAX >> 20);
	memory.refused = false;
	memory.most = memory.on ? memory.used + HRMXML_MEMORY : 0;
	memset(&sax, 0, sizeof sax);
	sax.initialized = XML_SAX2_MAGIC;
	sax.startElementNs = on_start;
	sax.endElementNs = on_end;
	sax.characters = sax.ignorableWhitespace = sax.cdataBlock = on_text;
	sax.internalSubset = on_doctype;
	xmlSetGenericErrorFunc(NULL, quiet);	/* it tells a lack of memory there, whatever the options */
	r.ctxt = xmlCreateIOParserCtxt(&sax, &r, next_bytes, NULL, &r, XML_CHAR_ENCODING_NONE);
	if (!r.ctxt)
		return err_set(err, ERR_FAIL, "out of memory");
	xmlCtxtUseOptions(r.ctxt, XML_PARSE_NONET | XML_PARSE_NOWARNING | XML_PARSE_NOERROR | XML_PARSE_HUGE);
	rc = read_with(&r, schema && st.st_size <= (off_t)HRMXML_VALIDATE_MAX ? schema->schema : NULL, err);
	if (r.ctxt->myDoc)
		xmlFreeDoc(r.ctxt->myDoc);
	xmlFreeParserCtxt(r.ctxt);
	buf_release(&r.value);
	if (rc == 0 && !(out->flags & HRM_HAS_DEMOGRAPHICS))
		rc = err_set(err, ERR_FAIL, "it has no patient");
	if (rc < 0)
		hrm_report_release(out);
	return rc;
}
