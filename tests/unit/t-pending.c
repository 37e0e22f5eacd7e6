/* proves: deferred steps keep their order and their input, and nothing of a secret stays when they are done
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
// ext: profile statefile pending
#include "with-profile.h"
#include "ext/pending.h"

static int add(const char *chain, const char *words, const char *input, struct err *err)
{
	AUTO_STRV argv = STRV_INIT;
	AUTO_BUF in = BUF_INIT;

	strv_split(&argv, words, " ");
	buf_adds(&in, input ? input : "");
	return pending_add(pkg, &root, chain, "no database", &argv, input ? &in : NULL, err);
}

static int take_away(const char *words, struct err *err)
{
	AUTO_STRV argv = STRV_INIT;

	strv_split(&argv, words, " ");
	return pending_remove(pkg, &root, &argv, err);
}

/* "chain:word word[=input]" of each step, one a line */
static void assert_list(const char *want)
{
	struct pending_step *list;
	size_t n;
	AUTO_BUF got = BUF_INIT;

	assert_works(pending_list(pkg, &root, &list, &n, err), 0);
	for (size_t i = 0; i < n; i++) {
		buf_addf(&got, "%s:", list[i].chain);
		for (size_t k = 0; k < list[i].argv.n; k++)
			buf_addf(&got, "%s%s", k ? " " : "", list[i].argv.v[k]);
		if (*list[i].input) {
			AUTO_FREE char *path = xasprintf("/" STATE "pending.d/%s", list[i].input);

			buf_addc(&got, '=');
			assert_works(path_read_file(&root, path, &got, 100, NULL, err), 0);
		}
		buf_addc(&got, '\n');
	}
	pending_free(list, n);
	assert_string_equal(got.p, want);
}

static void test_order(void **state UNUSED)
{
	assert_list("");
	assert_works(pending_waits(pkg, &root, NULL, err), 0);
	assert_works(add("db", "sql apply a", NULL, err), 0);
	assert_works(add("app", "app activate", NULL, err), 0);
	assert_works(add("db", "sql apply b", NULL, err), 0);
	assert_works(add("db", "sql apply a", NULL, err), 0);	/* waits already */
	assert_list("db:sql apply a\napp:app activate\ndb:sql apply b\n");
	assert_works(pending_waits(pkg, &root, "db", err), 1);
	assert_works(pending_waits(pkg, &root, "other", err), 0);
	assert_works(pending_waits(pkg, &root, NULL, err), 1);
	assert_works(take_away("sql apply", err), 0);	/* no such step */
	assert_works(take_away("sql apply a", err), 0);
	assert_list("app:app activate\ndb:sql apply b\n");
	assert_works(take_away("sql apply b", err), 0);
	assert_works(take_away("app activate", err), 0);
	assert_false(there_is(STATE "pending"));	/* the unit's ConditionPathExists */
}

static void test_input(void **state UNUSED)
{
	assert_works(add("c", "totp enroll u --secret-stdin", "first", err), 0);
	assert_works(add("c", "totp enroll v --secret-stdin", "other", err), 0);
	assert_works(add("c", "totp enroll u --secret-stdin", "second", err), 0);
	assert_list("c:totp enroll u --secret-stdin=second\nc:totp enroll v --secret-stdin=other\n");
	assert_int_equal(entries_in(STATE "pending.d"), 2);
	assert_int_equal(stat_of(STATE "pending.d").st_mode & 07777, 0700);
	AUTO_FREE char *dir = in_scratch(STATE "pending.d");
	DIR *d = opendir(dir);

	for (struct dirent *e; (e = readdir(d)); )
		if (e->d_name[0] != '.') {
			AUTO_FREE char *name = xasprintf(STATE "pending.d/%s", e->d_name);

			assert_int_equal(stat_of(name).st_mode & 07777, 0600);
		}
	closedir(d);
	/* What crashes left: an input that no step names. */
	put(STATE "pending.d/0123", "orphan", 0600);
	put(STATE "pending.d/.0123.maintkit-0123456789ab", "orphan", 0600);
	assert_works(add("c", "totp enroll u --secret-stdin", NULL, err), 0);	/* now without */
	assert_int_equal(entries_in(STATE "pending.d"), 1);
	assert_works(take_away("totp enroll v --secret-stdin", err), 0);
	assert_int_equal(entries_in(STATE "pending.d"), 0);
	assert_list("c:totp enroll u --secret-stdin\n");
}

static void add_many(int who)
{
	for (int i = 0; i < 20; i++) {
		AUTO_FREE char *words = xasprintf("cmd verb %d-%d", who, i);

		if (add("c", words, "in", NULL) < 0)
			_exit(1);
	}
	_exit(0);
}

/* Two maintainer scripts at once: no step gets lost. */
static void test_concurrent(void **state UNUSED)
{
	pid_t pids[3];
	int status;
	struct pending_step *list;
	size_t n;

	for (int i = 0; i < 3; i++)
		if ((pids[i] = forked()) == 0)
			add_many(i);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_works(pending_list(pkg, &root, &list, &n, err), 0);
	pending_free(list, n);
	assert_int_equal(n, 60);
	assert_int_equal(entries_in(STATE "pending.d"), 60);
}

/* A script is run again and asks for other steps than before. */
static void test_renew(void **state UNUSED)
{
	char *chains[] = { (char []){ "db" }, (char []){ "app" } };

	assert_works(pending_renew(pkg, &root, chains, 2, err), 0);	/* nothing there */
	assert_works(pending_renewed(pkg, &root, chains, 2, err), 0);
	assert_works(add("db", "sql apply --demo", NULL, err), 0);
	assert_works(add("db", "sql apply", "secret", err), 0);
	assert_works(add("db", "guard mark 21", NULL, err), 0);
	assert_works(add("mine", "totp enroll u", NULL, err), 0);
	assert_works(add("db", "app activate 21", NULL, err), 0);
	assert_works(pending_renew(pkg, &root, chains, 2, err), 0);
	assert_list("db~:sql apply --demo\ndb~:sql apply=secret\ndb~:guard mark 21\nmine:totp enroll u\ndb~:app activate 21\n");
	assert_works(pending_waits(pkg, &root, "db", err), 0);	/* a new step may be run at once */
	assert_works(pending_waits(pkg, &root, NULL, err), 1);
	assert_works(pending_renew(pkg, &root, chains, 2, err), 0);	/* killed and begun again */
	assert_works(add("db", "sql new", NULL, err), 0);
	assert_works(add("db", "sql apply", "secret", err), 0);
	assert_works(add("db", "guard mark 19", NULL, err), 0);
	assert_list("db~:sql apply --demo\ndb~:guard mark 21\nmine:totp enroll u\ndb~:app activate 21\n"
		    "db:sql new\ndb:sql apply=secret\ndb:guard mark 19\n");
	assert_works(pending_renewed(pkg, &root, chains, 2, err), 0);
	assert_list("mine:totp enroll u\ndb:sql new\ndb:sql apply=secret\ndb:guard mark 19\n");
}

static void test_damage(void **state UNUSED)
{
	assert_works(add("c", "sql apply a", NULL, err), 0);
	append_text(STATE "pending", "x\ny\n");
	assert_fails(add("c", "sql apply b", NULL, err), ERR_FAIL, "pending:2:");
	assert_fails(pending_waits(pkg, &root, NULL, err), ERR_FAIL, "pending:2:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PROFILE(test_order),
		WITH_PROFILE(test_input),
		WITH_PROFILE(test_concurrent),
		WITH_PROFILE(test_renew),
		WITH_PROFILE(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
