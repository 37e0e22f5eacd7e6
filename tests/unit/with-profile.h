/* A profile of package "pkg" in the scratch directory, for unit tests of the state files.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WITH_PROFILE_H
#define WITH_PROFILE_H

#include "scratch.h"
#include "ext/profile.h"

#define STATE "var/lib/maintkit/pkg/"
#define WITH_PROFILE(f) cmocka_unit_test_setup_teardown(f, profile_setup, profile_teardown)

static struct profile *pkg;

static int profile_setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	put("conf", "[package]\nname = pkg\n", 0644);
	AUTO_FREE char *file = in_scratch("conf");

	return profile_load(&pkg, &root, "pkg", file, NULL);
}

static int profile_teardown(void **state)
{
	profile_free(pkg);
	pkg = NULL;
	return scratch_teardown(state);
}

/* Cut a file to its first len bytes, as a crash would. */
static void UNUSED cut(const char *name, off_t len)
{
	AUTO_FREE char *path = in_scratch(name);

	assert_int_equal(truncate(path, len), 0);
}

static void UNUSED append_text(const char *name, const char *text)
{
	AUTO_FREE char *path = in_scratch(name);
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

#endif
