/* proves: the effects journal tells the latest state of each effect, in order, and forgets what was undone
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
// ext: profile statefile effects
#include "with-profile.h"
#include "ext/effects.h"

static struct effect *list;
static size_t n;

static void read_list(const char *kind)
{
	effects_free(list, n);
	assert_works(effects_list(pkg, &root, kind, &list, &n, err), 0);
}

static void test_life(void **state UNUSED)
{
	read_list(NULL);
	assert_int_equal(n, 0);
	assert_works(effect_intend(pkg, &root, EFFECT_HOST, "property", "f:k", EFFECT_ABSENT, "v", err), 0);
	assert_works(effect_intend(pkg, &root, EFFECT_DATA, "database", "db", NULL, NULL, err), 0);
	assert_works(effect_done(pkg, &root, EFFECT_HOST, "property", "f:k", EFFECT_ABSENT, "v\nw", err), 0);
	read_list(NULL);
	assert_int_equal(n, 2);
	assert_string_equal(list[0].state, "done");
	assert_string_equal(list[0].new_value, "v\nw");
	assert_string_equal(list[0].old, EFFECT_ABSENT);
	assert_true(list[0].time > 1600000000);
	assert_int_equal(list[1].class, EFFECT_DATA);
	assert_string_equal(list[1].state, "intended");
	assert_string_equal(list[1].old, "");
	assert_ptr_equal(effects_find(list, n, "database", "db"), &list[1]);
	assert_null(effects_find(list, n, "database", "f:k"));
	read_list("database");
	assert_int_equal(n, 1);
	assert_works(effect_undone(pkg, &root, "database", "db", err), 0);
	read_list("database");
	assert_int_equal(n, 0);
	assert_works(effect_done(pkg, &root, EFFECT_DATA, "database", "db", "", "again", err), 0);
	read_list(NULL);
	assert_int_equal(n, 2);
	effects_free(list, n);
	list = NULL;
	n = 0;
}

static void test_batch_and_compact(void **state UNUSED)
{
	struct effect_note notes[100];
	char ids[100][8];

	for (int i = 0; i < 100; i++) {
		snprintf(ids[i], sizeof(ids[i]), "k%d", i);
		notes[i] = (struct effect_note){ "property", ids[i], NULL, "v" };
	}
	assert_works(effects_record(pkg, &root, "intended", notes, 100, err), 0);
	assert_works(effects_record(pkg, &root, "done", notes, 99, err), 0);
	assert_works(effects_record(pkg, &root, "undone", notes, 50, err), 0);
	assert_works(effects_record(pkg, &root, "done", notes, 0, err), 0);
	off_t before = stat_of(STATE "effects").st_size;

	read_list(NULL);
	assert_int_equal(n, 50);
	assert_works(effects_compact(pkg, &root, err), 0);
	assert_true(stat_of(STATE "effects").st_size < before / 4);
	read_list(NULL);
	assert_int_equal(n, 50);
	assert_string_equal(list[0].id, "k50");
	assert_string_equal(list[49].state, "intended");
	assert_works(effects_record(pkg, &root, "undone", notes, 100, err), 0);
	assert_works(effects_compact(pkg, &root, err), 0);
	assert_false(there_is(STATE "effects"));
	read_list(NULL);
	assert_int_equal(n, 0);
	effects_free(list, n);
	list = NULL;
}

static void test_damage(void **state UNUSED)
{
	assert_works(effect_done(pkg, &root, EFFECT_HOST, "link", "/x", "", "", err), 0);
	append_text(STATE "effects", "damaged\n");
	append_text(STATE "effects", "damaged\n");
	assert_fails(effects_list(pkg, &root, NULL, &list, &n, err), ERR_FAIL, "effects:2:");
	assert_null(list);
	assert_fails(effects_compact(pkg, &root, err), ERR_FAIL, "effects:2:");
	assert_fails(effect_done(pkg, &root, EFFECT_HOST, "link", "/y", "", "", err), ERR_FAIL, "effects journal");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PROFILE(test_life),
		WITH_PROFILE(test_batch_and_compact),
		WITH_PROFILE(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
