// proves: hospital reports of every version and failure are read as the table beside them says; what is dangerous is refused; readers survive what kills one
// SPDX-License-Identifier: GPL-2.0-or-later
// ext: hrmxml hrmxml_pool
// libs: -lxml2
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "ext/hrmxml.h"

#define DIR_FIXTURES "tests/fixtures/hrm/"

static const unsigned lengths[HRM_COLUMNS] = { 100, 100, 10, 1, 20, 255, 255, 15, 255 };

static const char head[] = "<OmdCds xmlns=\"cds\" xmlns:d=\"cds_dt\"><PatientRecord><Demographics><Names><d:LegalName>"
			   "<d:LastName><d:Part>";
static const char tail[] = "</d:Part></d:LastName></d:LegalName></Names></Demographics></PatientRecord></OmdCds>";

static int file_of(const char *a, const char *b, const char *c)
{
	int fd = memfd_create("report", MFD_CLOEXEC);
	AUTO_BUF text = BUF_INIT;

	assert_true(fd >= 0);
	buf_addf(&text, "%s%s%s", a, b, c);
	assert_int_equal(buf_write_fd(&text, fd, NULL), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* The verdict as the table has it. */
static const char *verdict(const struct hrm_report *r, const struct hrm_values *v)
{
	return v->cut ? "over-long" : hrm_why(r) ? "recovered" : "same";
}

static void check_row(char *line)
{
	char *cell[11], *save = NULL;
	struct hrm_report r = HRM_REPORT_INIT;
	struct hrm_values v = HRM_VALUES_INIT;
	struct err e = ERR_INIT;
	AUTO_FREE char *path = NULL;
	int fd, rc;

	(void)save;
	for (size_t i = 0; i < ARRAY_LEN(cell); i++) {
		cell[i] = strsep(&line, "\t");
		assert_non_null(cell[i]);
	}
	path = xasprintf(DIR_FIXTURES "%s", cell[0]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	rc = hrmxml_read(fd, NULL, &r, &e);
	close(fd);
	if (strcmp(cell[1], "unparsable") == 0) {
		if (rc == 0)
			fail_msg("%s: was read", cell[0]);
		assert_int_equal(e.kind, ERR_FAIL);
		assert_int_equal(r.flags, 0);
		return;
	}
	if (rc < 0)
		fail_msg("%s: %s", cell[0], e.text);
	hrm_values(&v, &r, HRM_FIXED, lengths);
	if (strcmp(verdict(&r, &v), cell[1]) != 0)
		fail_msg("%s: %s, not %s (%s)", cell[0], verdict(&r, &v), cell[1], hrm_why_text(hrm_why(&r)));
	for (int c = 0; c < HRM_COLUMNS; c++) {
		const char *got = v.v[c] ? v.v[c] : "\\N", *want = cell[2 + c];
		char *lf = strstr(cell[2 + c], "\\n");

		if (lf) {
			*lf = '\n';
			memmove(lf + 1, lf + 2, strlen(lf + 2) + 1);
		}
		if (strcmp(got, want) != 0)
			fail_msg("%s: %s is '%s', not '%s'", cell[0], hrm_column_name[c], got, want);
	}
	hrm_values_release(&v);
	hrm_report_release(&r);
}

static void table(void **state)
{
	FILE *f = fopen(DIR_FIXTURES "expected.tsv", "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int rows = 0;

	(void)state;
	assert_non_null(f);
	while ((n = getline(&line, &room, f)) > 0) {
		if (*line == '#')
			continue;
		line[n - 1] = '\0';
		check_row(line);
		rows++;
	}
	free(line);
	fclose(f);
	assert_true(rows > 50);
}

static void refuses(const char *a, const char *b, const char *c, const char *why)
{
	struct hrm_report r = HRM_REPORT_INIT;
	struct err e = ERR_INIT;
	int fd = file_of(a, b, c);

	assert_int_equal(hrmxml_read(fd, NULL, &r, &e), -1);
	if (!strstr(e.text, why))
		fail_msg("'%s' has no '%s'", e.text, why);
	close(fd);
}

static void refused(void **state)
{
	AUTO_BUF deep = BUF_INIT;
	struct hrm_report r = HRM_REPORT_INIT;
	struct err e = ERR_INIT;
	int fd;

	(void)state;
	refuses("<!DOCTYPE OmdCds SYSTEM \"http://192.0.2.1/x.dtd\">", head, tail, "DOCTYPE");
	refuses("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY % x SYSTEM \"/etc/passwd\"> %x;]>", head, tail, "DOCTYPE");
	refuses(head, "a\x01" "b", tail, "line 1");
	refuses(head, "a<Doe", tail, "line 1");
	for (int i = 0; i < 300; i++)
		buf_adds(&deep, "<x>");
	refuses(head, deep.p, "", "deep");
	/* larger than the cap, without a byte on the disk */
	fd = file_of(head, "a", tail);
	assert_int_equal(ftruncate(fd, (off_t)HRMXML_MAX + 1), 0);
	assert_int_equal(hrmxml_read(fd, NULL, &r, &e), -1);
	assert_non_null(strstr(e.text, "larger than 64 MB"));
	close(fd);
}

/* A scanned letter: 12 MB in one text node, and as CDATA. */
static void large(void **state)
{
	static const char *const wrap[2][2] = { { "", "" }, { "<![CDATA[", "]]>" } };
	size_t n = 12u << 20;
	char *media = xmalloc(n + 1);
	struct rusage before, after;

	(void)state;
	memset(media, 'A', n);
	media[n] = '\0';
	for (int i = 0; i < 2; i++) {
		struct hrm_report r = HRM_REPORT_INIT;
		struct err e = ERR_INIT;
		AUTO_FREE char *end = xasprintf("%s</d:Media></Content><Class>Other Letter</Class></ReportsReceived>"
						"</PatientRecord></OmdCds>", wrap[i][1]);
		AUTO_FREE char *start = xasprintf("%sDoe</d:Part></d:LastName></d:LegalName></Names></Demographics>"
						  "<ReportsReceived><Content><d:Media>%s", head, wrap[i][0]);
		int fd = file_of(start, media, end);

		getrusage(RUSAGE_SELF, &before);
		assert_int_equal(hrmxml_read(fd, NULL, &r, &e), 0);
		getrusage(RUSAGE_SELF, &after);
#ifndef __SANITIZE_ADDRESS__
		/* KiB; a CDATA section is held whole, in a buffer that doubles */
		assert_true(after.ru_maxrss - before.ru_maxrss < (i ? 49152 : 2048));
#endif
		assert_string_equal(r.field[HRM_F_LAST], "Doe");
		assert_string_equal(r.field[HRM_F_CLASS], "Other Letter");
		hrm_report_release(&r);
		close(fd);
	}
	free(media);
}

/* A value longer than is kept: cut at a character, marked. */
static void long_value(void **state)
{
	AUTO_BUF name = BUF_INIT;
	struct hrm_report r = HRM_REPORT_INIT;
	struct err e = ERR_INIT;
	int fd;

	(void)state;
	buf_adds(&name, "x");
	for (int i = 0; i < 20000; i++)
		buf_adds(&name, "\xe2\x82\xac");
	fd = file_of(head, name.p, tail);
	assert_int_equal(hrmxml_read(fd, NULL, &r, &e), 0);
	assert_true(r.flags & HRM_CUT);
	assert_true(strlen(r.field[HRM_F_LAST]) <= HRM_FIELD_MAX);
	assert_true(hrm_chars(r.field[HRM_F_LAST]) > 1300);
	hrm_report_release(&r);
	close(fd);
}

/* What a schema on disk thinks of a report overrules our own judgement of it. */
static unsigned why_by(const char *content, const char *fixture, uint32_t *flags)
{
	static const char begin[] = "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" targetNamespace=\"cds\">"
				    "<xs:element name=\"OmdCds\"><xs:complexType><xs:sequence>"
				    "<xs:any processContents=\"skip\" minOccurs=\"0\" maxOccurs=\"unbounded\"/></xs:sequence>";
	int xsd = file_of(begin, content, "</xs:complexType></xs:element></xs:schema>");
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d", xsd), *file = xasprintf(DIR_FIXTURES "%s", fixture);
	struct hrmxml_schema *schema = hrmxml_schema_load(path);
	struct hrm_report r = HRM_REPORT_INIT;
	struct err e = ERR_INIT;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	unsigned why;

	assert_non_null(schema);
	assert_int_equal(hrmxml_read(fd, schema, &r, &e), 0);
	assert_string_equal(r.field[HRM_F_LAST], "Doe");
	*flags = r.flags;
	why = hrm_why(&r);
	hrm_report_release(&r);
	hrmxml_schema_free(schema);
	close(fd);
	close(xsd);
	return why;
}

static void schema(void **state)
{
	uint32_t flags;

	(void)state;
	assert_int_equal(why_by("", "version-1.0.xml", &flags), 0);
	assert_true((flags & HRM_VALID) && !(flags & HRM_INVALID));
	assert_int_equal(why_by("", "card-none.xml", &flags), HRM_WHY_NO_CARD);
	assert_int_equal(why_by("<xs:attribute name=\"must\" use=\"required\"/>", "version-1.1.1.xml", &flags), HRM_WHY_XSD);
	assert_true((flags & HRM_INVALID) && !(flags & HRM_VALID));
	assert_null(hrmxml_schema_load("/nonexistent.xsd"));
	assert_null(hrmxml_schema_load(DIR_FIXTURES "version-1.1.1.xml"));
}

/* ---- readers ---- */

struct seen { unsigned good, bad, wrong; char last_why[256]; };

static int on_done(void *arg, uint64_t id, struct hrm_report *report, const struct err *err)
{
	struct seen *s = arg;
	AUTO_FREE char *want = xasprintf("name %llu", (unsigned long long)id);

	if (err) {
		s->bad++;
		snprintf(s->last_why, sizeof s->last_why, "%.200s", err->text);
	} else if (strcmp(report->field[HRM_F_LAST], want) == 0) {
		s->good++;
	} else {
		s->wrong++;
	}
	return 0;
}

static void pool(void **state)
{
	struct hrmxml_options o = { .readers = 3 };
	struct hrmxml_pool *p = NULL;
	struct seen s = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(hrmxml_pool_open(&p, &o, on_done, &s, &e), 0);
	for (unsigned i = 0; i < 1000; i++) {
		AUTO_FREE char *name = xasprintf("name %u", i);

		assert_int_equal(hrmxml_pool_add(p, i, file_of(head, name, i % 10 ? tail : ""), &e), 0);
	}
	assert_int_equal(hrmxml_pool_drain(p, &e), 0);
	assert_int_equal(s.good, 900);
	assert_int_equal(s.bad, 100);
	assert_int_equal(s.wrong, 0);
	hrmxml_pool_close(p);
}

/* A file that never ends kills its reader, no other file is lost by it. */
static void pool_survives(void **state)
{
	struct hrmxml_options o = { .readers = 2, .file_seconds = 1 };
	struct hrmxml_pool *p = NULL;
	struct seen s = { 0 };
	struct err e = ERR_INIT;
	int pipefd[2];

	(void)state;
	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	assert_int_equal(hrmxml_pool_open(&p, &o, on_done, &s, &e), 0);
	for (unsigned i = 0; i < 20; i++) {
		AUTO_FREE char *name = xasprintf("name %u", i);
		int fd = i == 3 ? dup(pipefd[0]) : file_of(head, name, tail);

		assert_int_equal(hrmxml_pool_add(p, i, fd, &e), 0);
	}
	assert_int_equal(hrmxml_pool_drain(p, &e), 0);
	assert_int_equal(s.good, 19);
	assert_int_equal(s.bad, 1);
	assert_non_null(strstr(s.last_why, "the reader died of it"));
	hrmxml_pool_close(p);
	close(pipefd[0]);
	close(pipefd[1]);
}

/* What is held whole must fit into the memory of a reader; what comes after it is read as ever. */
static void pool_memory(void **state)
{
	static const struct { const char *before, *after; unsigned mb; bool good; } pieces[] = {
		{ "", "", 60, true }, { "<![CDATA[", "]]>", 12, true }, { "<![CDATA[", "]]>", 60, false },
		{ "<d:Media x=\"", "\"/>", 1, true }, { "<d:Media x=\"", "\"/>", 60, false }, { "<?x ", "?>", 60, false },
		{ "<", "/>", 60, false }, { "", "", 60, true },
	};
	struct hrmxml_options o = { .readers = 1 };
	struct hrmxml_pool *p = NULL;
	struct seen s = { 0 };
	struct err e = ERR_INIT;
	unsigned good = 0, bad = 0;
	struct rusage used;

	(void)state;
	assert_int_equal(hrmxml_pool_open(&p, &o, on_done, &s, &e), 0);
	for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		AUTO_FREE char *start = xasprintf("%sname %u</d:Part></d:LastName></d:LegalName></Names></Demographics><ReportsReceived><Content>%s",
						  head, i, pieces[i].before);
		AUTO_FREE char *end = xasprintf("%s</Content></ReportsReceived></PatientRecord></OmdCds>", pieces[i].after);
		AUTO_FREE char *text = xmalloc(((size_t)pieces[i].mb << 20) + 1);

		memset(text, 'A', (size_t)pieces[i].mb << 20);
		text[(size_t)pieces[i].mb << 20] = '\0';
		assert_int_equal(hrmxml_pool_add(p, i, file_of(start, text, end), &e), 0);
		assert_int_equal(hrmxml_pool_drain(p, &e), 0);
		good += pieces[i].good;
		bad += !pieces[i].good;
		assert_int_equal(s.good, good);
		assert_int_equal(s.bad, bad);
		if (!pieces[i].good)
			assert_non_null(strstr(s.last_why, "too long to be held in memory"));
	}
	hrmxml_pool_close(p);
	getrusage(RUSAGE_CHILDREN, &used);
#ifndef __SANITIZE_ADDRESS__
	assert_true(used.ru_maxrss < 65536);
#endif
}

static void pool_without_user(void **state)
{
	struct hrmxml_options o = { .readers = 1, .drop = true, .uid = 4000000, .gid = 4000000 };
	struct hrmxml_pool *p = NULL;
	struct seen s = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(hrmxml_pool_open(&p, &o, on_done, &s, &e), -1);
	assert_non_null(strstr(e.text, "become user"));
	assert_null(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_memory),	/* first: a reader begins with what we have used */
		cmocka_unit_test(table), cmocka_unit_test(refused), cmocka_unit_test(large), cmocka_unit_test(long_value), cmocka_unit_test(schema),
		cmocka_unit_test(pool), cmocka_unit_test(pool_survives), cmocka_unit_test(pool_without_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
