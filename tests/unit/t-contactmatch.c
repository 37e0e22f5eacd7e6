// proves: relationships and contacts are paired off by patient, contact and role class; edited roles are only reported; copies of two tools are found and repaired only where it is certain
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "base/mem.h"
#include "core/contactmatch.h"

#define REL(i, c, r, d) { .id = (i), .contact = (c), .role = (r), .deleted = (d) }
#define ROW(i, c, r, d) { .id = (i), .contact = (c), .role = (r), .deleted = (d), .personal = true }
#define MATCH(rels, rows) contactmatch_rows(rels, ARRAY_LEN(rels), rows, ARRAY_LEN(rows))

static void classes(void **state)
{
	(void)state;
	assert_true(contactmatch_same_class("child", "son"));
	assert_true(contactmatch_same_class("daughter ", "child"));
	assert_true(contactmatch_same_class("wife", "spouse"));
	assert_true(contactmatch_same_class("husband", "wife"));
	assert_false(contactmatch_same_class("spouse", "son"));
	assert_true(contactmatch_same_class("power of attorney", "power of attorney"));
	assert_false(contactmatch_same_class("stepson", "son"));
	assert_true(contactmatch_same_class(NULL, ""));
	assert_true(contactmatch_same_class(NULL, NULL));
	assert_false(contactmatch_same_class(NULL, "son"));
}

static void fresh(void **state)
{
	struct contact_rel rels[] = { REL(1, "20", "spouse", false), REL(2, "20", "power of attorney", false), REL(3, "21", NULL, true) };

	(void)state;
	contactmatch_rows(rels, 3, NULL, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rels[i].match, CONTACT_NONE);
		assert_int_equal(rels[i].near, CONTACT_NONE);
		assert_false(rels[i].twin);
	}
}

/* D renamed the roles and dropped the second role of the same person. */
static void after_the_script(void **state)
{
	struct contact_rel rels[] = { REL(1, "20", "spouse", false), REL(2, "20", "power of attorney", false), REL(3, "21", "child", false) };
	struct contact_row rows[] = { ROW(100, "20", "wife", CONTACT_LIVE), ROW(101, "21", "son", CONTACT_LIVE) };

	(void)state;
	MATCH(rels, rows);
	assert_int_equal(rels[0].match, 0);
	assert_int_equal(rels[1].match, CONTACT_NONE);
	assert_int_equal(rels[1].near, CONTACT_NONE);	/* the wife is taken: this one was lost */
	assert_int_equal(rels[2].match, 1);
}

static void edited_role(void **state)
{
	struct contact_rel rels[] = { REL(1, "20", "friend", false), REL(2, "21", "mother", false) };
	struct contact_row rows[] = { ROW(100, "20", "partner", CONTACT_LIVE), ROW(101, "21", "mother", CONTACT_DELETED) };

	(void)state;
	MATCH(rels, rows);
	assert_int_equal(rels[0].match, CONTACT_NONE);
	assert_int_equal(rels[0].near, 0);
	assert_true(rows[0].near);
	/* deleted by a user since: it does not come back */
	assert_int_equal(rels[1].match, 1);
}

static void multiset(void **state)
{
	/* two identical ones and a deleted one: as many contacts, in the order (deleted, id) */
	struct contact_rel rels[] = { REL(3, "20", "son", true), REL(2, "20", "son", false), REL(1, "20", "child", false) };
	struct contact_row rows[] = { ROW(9, "20", "son", CONTACT_DELETED), ROW(8, "20", "son", CONTACT_LIVE) };

	(void)state;
	MATCH(rels, rows);
	assert_int_equal(rels[2].match, 1);
	assert_int_equal(rels[1].match, 0);	/* before the deleted one */
	assert_int_equal(rels[0].match, CONTACT_NONE);
	assert_int_equal(rels[0].near, CONTACT_NONE);
	assert_true(rels[1].twin);
	assert_false(rels[2].twin);
	assert_false(rels[0].twin);
	/* other patients' numbers that merely begin alike */
	struct contact_rel one[] = { REL(1, "2", "son", false) };
	struct contact_row other[] = { ROW(1, "20", "son", CONTACT_LIVE) };
	MATCH(one, other);
	assert_int_equal(one[0].match, CONTACT_NONE);
	assert_int_equal(one[0].near, CONTACT_NONE);
}

static void both_tools(void **state)
{
	static const struct {
		bool w_untouched, d_untouched;
		enum contact_deleted w, d;
		enum contact_repair want;
	} table[] = {
		{ true, true, CONTACT_LIVE, CONTACT_LIVE, CONTACT_KEEP_WEB },
		{ true, true, CONTACT_LIVE, CONTACT_UNKNOWN, CONTACT_KEEP_WEB },
		{ false, true, CONTACT_LIVE, CONTACT_LIVE, CONTACT_KEEP_WEB_EDITED },
		{ true, false, CONTACT_LIVE, CONTACT_LIVE, CONTACT_KEEP_OTHER },
		{ false, false, CONTACT_LIVE, CONTACT_LIVE, CONTACT_REPORT },
		{ true, false, CONTACT_LIVE, CONTACT_DELETED, CONTACT_SETTLED },
		{ false, true, CONTACT_DELETED, CONTACT_LIVE, CONTACT_SETTLED },
		{ true, false, CONTACT_LIVE, CONTACT_UNKNOWN, CONTACT_REPORT },
		{ true, true, CONTACT_DELETED, CONTACT_DELETED, CONTACT_SETTLED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct contact_row rows[] = {
			ROW(200, "20", "spouse", table[i].w), ROW(100, "20", "wife", table[i].d),
			ROW(201, "20", "power of attorney", CONTACT_LIVE), ROW(101, "21", "son", CONTACT_LIVE),
		};
		rows[0].web = rows[2].web = true;
		rows[0].untouched = table[i].w_untouched;
		rows[1].untouched = table[i].d_untouched;
		contactmatch_rows(NULL, 0, rows, 4);
		contactmatch_tools(rows, 4);
		assert_int_equal(rows[0].twin, 1);
		assert_int_equal(rows[1].twin, 0);
		assert_int_equal(rows[2].twin, CONTACT_NONE);	/* W restored what D had lost */
		assert_int_equal(rows[3].twin, CONTACT_NONE);
		assert_int_equal(contactmatch_repair(&rows[0], &rows[1]), table[i].want);
	}
}

static void both_tools_not(void **state)
{
	struct contact_row rows[] = { ROW(200, "20", "son", CONTACT_LIVE), ROW(100, "20", "son", CONTACT_LIVE), ROW(101, "20", "son", CONTACT_LIVE) };

	(void)state;
	/* without a log row nobody is W: nothing is certain */
	contactmatch_tools(rows, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rows[i].twin, CONTACT_NONE);
	/* another category is not D's */
	rows[0].web = true;
	rows[1].personal = false;
	contactmatch_tools(rows, 3);
	assert_int_equal(rows[0].twin, 2);
	assert_int_equal(rows[1].twin, CONTACT_NONE);
}

static void unknown_deleted(void **state)
{
	struct contact_rel rels[] = { REL(1, "20", "son", false), REL(2, "22", "friend", false) };
	struct contact_row rows[] = {
		ROW(10, "20", "son", CONTACT_UNKNOWN), ROW(11, "20", "son", CONTACT_UNKNOWN), ROW(12, "20", "son", CONTACT_UNKNOWN),
		ROW(13, "21", "mother", CONTACT_UNKNOWN), ROW(14, "21", "mother", CONTACT_UNKNOWN), ROW(15, "22", "partner", CONTACT_UNKNOWN),
		ROW(16, "23", "aunt", CONTACT_UNKNOWN), ROW(17, "23", "aunt", CONTACT_LIVE),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		rows[i].shape = true;
	rows[2].shape = false;
	MATCH(rels, rows);
	assert_int_equal(contactmatch_null(rows, 8, 0), CONTACT_NULL_SHOW);
	assert_int_equal(contactmatch_null(rows, 8, 1), CONTACT_NULL_RETIRE);
	assert_int_equal(contactmatch_null(rows, 8, 2), CONTACT_NULL_REPORT);	/* somebody edited it */
	assert_int_equal(contactmatch_null(rows, 8, 3), CONTACT_NULL_SHOW);	/* its relationship is gone */
	assert_int_equal(contactmatch_null(rows, 8, 4), CONTACT_NULL_RETIRE);
	assert_int_equal(contactmatch_null(rows, 8, 5), CONTACT_NULL_REPORT);
	assert_int_equal(contactmatch_null(rows, 8, 6), CONTACT_NULL_REPORT);	/* W's? nobody knows */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes), cmocka_unit_test(fresh), cmocka_unit_test(after_the_script),
		cmocka_unit_test(edited_role), cmocka_unit_test(multiset), cmocka_unit_test(both_tools),
		cmocka_unit_test(both_tools_not), cmocka_unit_test(unknown_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
