// proves: a hospital report's columns as the page makes them and as they should be: dates, names, lengths, the recipient; and why the page would fail
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "core/hrmrule.h"

/* Lengths of OSCAR's columns, in the order of enum hrm_column. */
static const unsigned lengths[HRM_COLUMNS] = { 100, 100, 10, 1, 20, 255, 255, 15, 255 };

static void set(struct hrm_report *r, enum hrm_field f, const char *text)
{
	free(r->field[f]);
	r->field[f] = text ? xstrdup(text) : NULL;
}

/* A report that the page takes. */
static struct hrm_report usual(void)
{
	struct hrm_report r = HRM_REPORT_INIT;

	r.flags = HRM_HAS_DEMOGRAPHICS | HRM_HAS_REPORT | HRM_HAS_TRANSACTION | HRM_HAS_CARD | HRM_DOB_DATE;
	set(&r, HRM_F_FACILITY_NO, "R-1");
	set(&r, HRM_F_CLASS, "Diagnostic Imaging Report");
	set(&r, HRM_F_SUBCLASS, "CT");
	set(&r, HRM_F_LAST, "Doe");
	set(&r, HRM_F_FIRST, "Jane");
	set(&r, HRM_F_DOB, "1980-05-07");
	set(&r, HRM_F_GENDER, "F");
	set(&r, HRM_F_HCN, "1234567890");
	set(&r, HRM_F_RECIPIENT_ID, "D012345");
	set(&r, HRM_F_RECIPIENT_LAST, "Smith");
	set(&r, HRM_F_RECIPIENT_FIRST, "Ann");
	return r;
}

static void expect(struct hrm_report *r, enum hrm_mode mode, enum hrm_column c, const char *want)
{
	struct hrm_values v = HRM_VALUES_INIT;

	hrm_values(&v, r, mode, lengths);
	if (want)
		assert_string_equal(v.v[c], want);
	else
		assert_null(v.v[c]);
	hrm_values_release(&v);
}

static void usual_report(void **state)
{
	static const char *const want[HRM_COLUMNS] = {
		"R-1", "Doe, Jane", "1980-05-07", "F", "1234567890", "Diagnostic Imaging Report", "CT", "D012345", "Smith, Ann",
	};
	struct hrm_report r = usual();

	(void)state;
	assert_int_equal(hrm_why(&r), 0);
	for (int mode = HRM_FIXED; mode <= HRM_COMPAT; mode++)
		for (int c = 0; c < HRM_COLUMNS; c++)
			expect(&r, (enum hrm_mode)mode, (enum hrm_column)c, want[c]);
	hrm_report_release(&r);
}

static void dates(void **state)
{
	static const struct { unsigned form; const char *text, *fixed, *compat; } rows[] = {
		{ HRM_DOB_DATE, "1980-05-07", "1980-05-07", "1980-05-07" },
		{ HRM_DOB_DATE, " 1980-05-07\n", "1980-05-07", "1980-05-07" },
		{ HRM_DOB_DATE, "1980-05-07Z", "1980-05-07", "1980-05-07" },
		{ HRM_DOB_DATE, "1980-05-07-05:00", "1980-05-07", "1980-05-07" },
		{ HRM_DOB_DATE, "0080-05-07", "80-05-07", "80-05-07" },
		{ HRM_DOB_DATE, "2000-02-29", "2000-02-29", "2000-02-29" },
		{ HRM_DOB_DATETIME, "1980-05-07T23:30:00-05:00", "1980-05-07", "1980-05-07" },
		{ HRM_DOB_DATETIME, "1980-05-07T00:00:00.000Z", "1980-05-07", "1980-05-07" },
		{ HRM_DOB_MONTH, "1980-05", "1980-05", "1980-05-0-" },
		{ HRM_DOB_YEAR, "1980", "1980", "1980-0-214" },
	};
	static const struct { unsigned form; const char *text; } bad[] = {
		{ HRM_DOB_DATE, "" }, { HRM_DOB_DATE, "80-05-07" }, { HRM_DOB_DATE, "1980-02-30" },
		{ HRM_DOB_DATE, "1900-02-29" }, { HRM_DOB_DATE, "1980-13-01" }, { HRM_DOB_DATE, "1980-5-7" },
		{ HRM_DOB_DATE, "1980-05-07T00:00:00" }, { HRM_DOB_DATE, "0000-01-01" }, { HRM_DOB_DATE, "19800507" },
		{ HRM_DOB_DATE, "1980-05-07+15:00" }, { HRM_DOB_DATE, "99999999999-01-01" },
		{ HRM_DOB_DATETIME, "1980-05-07" }, { HRM_DOB_DATETIME, "1980-05-07T25:00:00" },
		{ HRM_DOB_MONTH, "1980-00" }, { HRM_DOB_YEAR, "1980-05" }, { HRM_DOB_YEAR, "about 1980" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows) + ARRAY_LEN(bad); i++) {
		struct hrm_report r = usual();
		bool good = i < ARRAY_LEN(rows);
		size_t b = i - ARRAY_LEN(rows);

		r.flags = (r.flags & ~HRM_DOB_DATE) | (good ? rows[i].form : bad[b].form);
		set(&r, HRM_F_DOB, good ? rows[i].text : bad[b].text);
		expect(&r, HRM_FIXED, HRM_DOB, good ? rows[i].fixed : NULL);
		expect(&r, HRM_COMPAT, HRM_DOB, good ? rows[i].compat : NULL);
		assert_int_equal(hrm_why(&r), !good ? HRM_WHY_DOB :
				 r.flags & (HRM_DOB_MONTH | HRM_DOB_YEAR) ? HRM_WHY_PARTIAL_DOB : 0);
		hrm_report_release(&r);
	}
	assert_true(hrm_dob_is_artefact("1980-05-0-"));
	assert_true(hrm_dob_is_artefact("1980-0-214"));
	assert_false(hrm_dob_is_artefact("1980-05-07"));
	assert_false(hrm_dob_is_artefact(NULL));
}

static void names(void **state)
{
	static const struct { const char *last, *first, *others, *want; } rows[] = {
		{ "", "", NULL, ", " },
		{ " Doe ", "Jane\nAnn", NULL, " Doe , Jane\nAnn" },
		{ "Doe", "Jane", " Mary Louise", "Doe, Jane Mary Louise" },
		{ "O\xe2\x80\x99" "Brien", "Ren\xc3\xa9" "e", " \xe5\x8d\x83", "O\xe2\x80\x99" "Brien, Ren\xc3\xa9" "e \xe5\x8d\x83" },
	};
	char part[51], whole[128];
	struct hrm_values v = HRM_VALUES_INIT;
	struct hrm_report r = usual();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		set(&r, HRM_F_LAST, rows[i].last);
		set(&r, HRM_F_FIRST, rows[i].first);
		set(&r, HRM_F_OTHERS, rows[i].others);
		assert_int_equal(hrm_why(&r), 0);
		expect(&r, HRM_FIXED, HRM_NAME, rows[i].want);
	}
	set(&r, HRM_F_OTHERS, NULL);
	/* two parts of 50, as the schema allows: 102 characters for 100 */
	memset(part, 'x', 50);
	part[50] = '\0';
	set(&r, HRM_F_LAST, part);
	set(&r, HRM_F_FIRST, part);
	assert_int_equal(hrm_why(&r), 0);
	hrm_values(&v, &r, HRM_FIXED, lengths);
	assert_int_equal(v.cut, 1u << HRM_NAME);
	assert_int_equal(strlen(v.v[HRM_NAME]), 100);
	/* characters, not bytes */
	for (size_t i = 0; i < 50; i++)
		memcpy(whole + 2 * i, "\xc3\xa9", 2);
	whole[100] = '\0';
	set(&r, HRM_F_LAST, whole);
	set(&r, HRM_F_FIRST, "x");
	hrm_values(&v, &r, HRM_FIXED, lengths);
	assert_int_equal(v.cut, 0);
	assert_int_equal(hrm_why(&r), 0);
	set(&r, HRM_F_FIRST, NULL);
	assert_int_equal(hrm_why(&r), HRM_WHY_NAME);
	hrm_values_release(&v);
	hrm_report_release(&r);
}

static void gender_class_card(void **state)
{
	struct hrm_report r = usual();

	(void)state;
	set(&r, HRM_F_GENDER, " F\n");
	assert_int_equal(hrm_why(&r), HRM_WHY_BLANKS);
	expect(&r, HRM_FIXED, HRM_GENDER, "F");
	set(&r, HRM_F_GENDER, "Female");
	assert_int_equal(hrm_why(&r), HRM_WHY_GENDER);
	expect(&r, HRM_FIXED, HRM_GENDER, NULL);
	set(&r, HRM_F_GENDER, NULL);
	assert_int_equal(hrm_why(&r), HRM_WHY_GENDER);
	expect(&r, HRM_FIXED, HRM_GENDER, NULL);
	set(&r, HRM_F_GENDER, "U");
	set(&r, HRM_F_CLASS, " Other Letter ");
	assert_int_equal(hrm_why(&r), HRM_WHY_BLANKS);
	expect(&r, HRM_FIXED, HRM_CLASS, "Other Letter");
	set(&r, HRM_F_CLASS, "Letter");
	assert_int_equal(hrm_why(&r), HRM_WHY_CLASS);
	expect(&r, HRM_FIXED, HRM_CLASS, "Letter");
	set(&r, HRM_F_CLASS, NULL);
	assert_int_equal(hrm_why(&r), HRM_WHY_NO_CLASS);
	expect(&r, HRM_FIXED, HRM_CLASS, NULL);
	set(&r, HRM_F_CLASS, "Cardio Respiratory Report");
	r.flags &= ~HRM_HAS_CARD;
	set(&r, HRM_F_HCN, NULL);
	assert_int_equal(hrm_why(&r), HRM_WHY_NO_CARD);
	expect(&r, HRM_FIXED, HRM_HCN, NULL);
	r.flags |= HRM_HAS_CARD;
	set(&r, HRM_F_HCN, " 1 ");
	expect(&r, HRM_FIXED, HRM_HCN, " 1 ");
	set(&r, HRM_F_HCN, "123456789012345678901");
	assert_int_equal(hrm_why(&r), HRM_WHY_PART_LONG);
	hrm_report_release(&r);
}

/* An absent part of the report is '', an absent element in a part that is there NULL. */
static void absent(void **state)
{
	struct hrm_report r = usual();

	(void)state;
	set(&r, HRM_F_FACILITY_NO, NULL);
	set(&r, HRM_F_SUBCLASS, NULL);
	assert_int_equal(hrm_why(&r), 0);
	expect(&r, HRM_FIXED, HRM_FACILITY_NO, NULL);
	expect(&r, HRM_FIXED, HRM_SUBCLASS, NULL);
	set(&r, HRM_F_CLASS, NULL);
	r.flags &= ~HRM_HAS_REPORT;
	assert_int_equal(hrm_why(&r), 0);
	expect(&r, HRM_FIXED, HRM_FACILITY_NO, "");
	expect(&r, HRM_FIXED, HRM_CLASS, "");
	expect(&r, HRM_FIXED, HRM_SUBCLASS, "");
	set(&r, HRM_F_RECIPIENT_ID, NULL);
	set(&r, HRM_F_RECIPIENT_LAST, NULL);
	set(&r, HRM_F_RECIPIENT_FIRST, NULL);
	r.flags &= ~HRM_HAS_TRANSACTION;
	assert_int_equal(hrm_why(&r), 0);
	expect(&r, HRM_FIXED, HRM_RECIPIENT_ID, "");
	expect(&r, HRM_FIXED, HRM_RECIPIENT_NAME, "");
	hrm_report_release(&r);
}

static void recipients(void **state)
{
	static const struct { const char *last, *first, *want; } rows[] = {
		{ "Smith", "Ann", "Smith, Ann" }, { "Smith", NULL, "Smith" }, { NULL, "Ann", "Ann" },
		{ "Smith", "", "Smith, " }, { NULL, NULL, "" },
	};
	static const struct { const char *id; char kind; const char *number; } ids[] = {
		{ "D012345", 'D', "012345" }, { "N1234567", 'N', "1234567" }, { "d012345", 0, NULL }, { "n1", 0, NULL },
		{ " D012345", 0, NULL }, { "X1", 0, NULL }, { "D", 0, NULL }, { "N", 0, NULL }, { "", 0, NULL }, { NULL, 0, NULL },
	};
	struct hrm_report r = usual();
	char kind;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		set(&r, HRM_F_RECIPIENT_LAST, rows[i].last);
		set(&r, HRM_F_RECIPIENT_FIRST, rows[i].first);
		assert_int_equal(hrm_why(&r), 0);
		expect(&r, HRM_COMPAT, HRM_RECIPIENT_NAME, rows[i].want);
	}
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		const char *number = hrm_recipient_number(ids[i].id, &kind);

		assert_int_equal(kind, ids[i].kind);
		if (ids[i].number)
			assert_string_equal(number, ids[i].number);
		else
			assert_null(number);
	}
	set(&r, HRM_F_RECIPIENT_ID, "D");
	assert_int_equal(hrm_why(&r), HRM_WHY_ID);
	set(&r, HRM_F_RECIPIENT_ID, "D123456789");
	assert_int_equal(hrm_why(&r), HRM_WHY_RECIPIENT);
	expect(&r, HRM_FIXED, HRM_RECIPIENT_ID, "D123456789");
	/* the element of version 1.0: ours reads it, the page has no field for it */
	set(&r, HRM_F_RECIPIENT_ID, "D012345");
	set(&r, HRM_F_RECIPIENT_LAST, "Smith");
	set(&r, HRM_F_RECIPIENT_FIRST, "Ann");
	r.flags |= HRM_PHYSICIAN;
	assert_int_equal(hrm_why(&r), HRM_WHY_PHYSICIAN);
	expect(&r, HRM_FIXED, HRM_RECIPIENT_NAME, "Smith, Ann");
	expect(&r, HRM_COMPAT, HRM_RECIPIENT_NAME, "");
	r.flags |= HRM_VALID;
	assert_int_equal(hrm_why(&r), 0);
	r.flags = (r.flags & ~(HRM_VALID | HRM_PHYSICIAN)) | HRM_INVALID;
	assert_int_equal(hrm_why(&r), HRM_WHY_XSD);
	hrm_report_release(&r);
}

static void provider_types(void **state)
{
	(void)state;
	assert_true(hrm_type_fits('D', "CPSO", "1", false));
	assert_true(hrm_type_fits('D', "cpso  ", "1", false));
	assert_false(hrm_type_fits('D', " CPSO", "1", false));
	assert_false(hrm_type_fits('N', "CPSO", "1", false));
	assert_true(hrm_type_fits('N', "CNORNP", "1", false));
	assert_true(hrm_type_fits('N', "CNORN", "1", false));
	assert_true(hrm_type_fits('N', "CNORPN", "1", false));
	assert_false(hrm_type_fits('D', "CNORN", "1", false));
	assert_false(hrm_type_fits('D', "", "012345", false));
	assert_false(hrm_type_fits('D', NULL, "012345", false));
	assert_true(hrm_type_fits('D', "", "012345", true));
	assert_true(hrm_type_fits('D', NULL, "012345", true));
	assert_false(hrm_type_fits('D', "", "12345", true));
	assert_true(hrm_type_fits('N', " ", "1234567", true));
	assert_false(hrm_type_fits('D', "CNORN", "012345", true));
}

static void packing(void **state)
{
	struct hrm_report r = usual(), back = HRM_REPORT_INIT;
	AUTO_BUF b = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	set(&r, HRM_F_SUBCLASS, NULL);
	set(&r, HRM_F_FACILITY_NO, "");
	hrm_report_pack(&b, &r);
	assert_int_equal(hrm_report_unpack(&back, b.p, b.len, &e), 0);
	assert_int_equal(back.flags, r.flags);
	for (int i = 0; i < HRM_FIELDS; i++) {
		assert_int_equal(!back.field[i], !r.field[i]);
		if (r.field[i])
			assert_string_equal(back.field[i], r.field[i]);
	}
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(hrm_report_unpack(&back, b.p, len, &e), -1);
	buf_addc(&b, 'x');
	assert_int_equal(hrm_report_unpack(&back, b.p, b.len, &e), -1);
	/* a reader that was taken over sends no text that is none */
	set(&r, HRM_F_CLASS, "\xff");
	buf_reset(&b);
	hrm_report_pack(&b, &r);
	assert_int_equal(hrm_report_unpack(&back, b.p, b.len, &e), -1);
	hrm_report_release(&r);
	hrm_report_release(&back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usual_report), cmocka_unit_test(dates), cmocka_unit_test(names),
		cmocka_unit_test(gender_class_card), cmocka_unit_test(absent), cmocka_unit_test(recipients),
		cmocka_unit_test(provider_types), cmocka_unit_test(packing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
