/* proves: buffers are always terminated, wipe what is secret, and move all bytes through a descriptor
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scratch.h"

static void test_invariants(void **state UNUSED)
{
	AUTO_BUF b = BUF_INIT;

	assert_string_equal(b.p, "");
	buf_add(&b, "", 0);
	buf_adds(&b, "");
	buf_truncate(&b, 5);
	buf_trim_end(&b);
	assert_string_equal(b.p, "");
	assert_int_equal(b.cap, 0);
	for (int i = 0; i < 1000; i++) {
		buf_addc(&b, (char)('a' + i % 26));
		assert_int_equal(b.p[b.len], '\0');
	}
	assert_int_equal(b.len, 1000);
	buf_addf(&b, "%5d|%s", 42, "x");
	assert_string_equal(b.p + 1000, "   42|x");
	buf_truncate(&b, 2000);
	assert_int_equal(b.len, 1007);
	buf_truncate(&b, 3);
	assert_string_equal(b.p, "abc");
	buf_add(&b, "\0z \r\n\t ", 7);
	buf_trim_end(&b);
	assert_int_equal(b.len, 5);
	assert_memory_equal(b.p, "abc\0z", 6);
	AUTO_FREE char *mine = buf_steal(&b);

	assert_memory_equal(mine, "abc\0z", 6);
	assert_string_equal(b.p, "");
	AUTO_FREE char *empty = buf_steal(&b);

	assert_string_equal(empty, "");
	buf_reset(&b);
	buf_adds(&b, "again");
	assert_string_equal(b.p, "again");
	/* A string longer than any stack buffer. */
	AUTO_FREE char *big = xmalloc(100001);

	memset(big, 'y', 100000);
	big[100000] = '\0';
	buf_addf(&b, "%s", big);
	assert_int_equal(b.len, 100005);
	buf_release(&b);
	buf_release(&b);
	assert_string_equal(b.p, "");
}

static void test_secret(void **state UNUSED)
{
	AUTO_BUF b = BUF_SECRET_INIT;

	buf_adds(&b, "password");
	buf_truncate(&b, 4);
	assert_memory_equal(b.p, "pass\0\0\0\0", 8);
	buf_reset(&b);
	assert_memory_equal(b.p, "\0\0\0\0", 4);
	for (int i = 0; i < 500; i++)
		buf_adds(&b, "password");
	assert_int_equal(b.len, 4000);
	buf_release(&b);
	assert_true(b.secret);
}

static void test_descriptors(void **state UNUSED)
{
	AUTO_BUF in = BUF_INIT, out = BUF_INIT;
	int p[2];

	for (int i = 0; i < 60000; i++)
		buf_addc(&in, (char)i);		/* NUL bytes too */
	assert_int_equal(pipe(p), 0);
	assert_works(buf_write_fd(&in, p[1], err), 0);
	close(p[1]);
	buf_adds(&out, "front");
	assert_works(buf_read_fd(&out, p[0], in.len, err), 0);
	assert_int_equal(out.len, in.len + 5);
	assert_memory_equal(out.p + 5, in.p, in.len);
	close(p[0]);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "123456", 6), 6);
	close(p[1]);
	assert_fails(buf_read_fd(&out, p[0], 5, err), ERR_FAIL, "more than 5 bytes");
	close(p[0]);
	assert_fails(buf_read_fd(&out, p[0], 5, err), ERR_FAIL, "Bad file descriptor");
	assert_fails(buf_write_fd(&in, p[0], err), ERR_FAIL, "Bad file descriptor");
	AUTO_FD int full = open("/dev/full", O_WRONLY);

	assert_fails(buf_write_fd(&in, full, err), ERR_FAIL, "No space left");
}

static void test_vectors(void **state UNUSED)
{
	AUTO_STRV v = STRV_INIT;

	assert_null(v.v);
	assert_false(strv_has(&v, "a"));
	strv_split(&v, " ,a,,b c ", ", ");
	strv_split(&v, "", ",");
	strv_split(&v, ",", ",");
	strv_addf(&v, "%d", 5);
	assert_int_equal(v.n, 4);
	assert_string_equal(v.v[2], "c");
	assert_null(v.v[4]);
	assert_true(strv_has(&v, "5"));
	assert_false(strv_has(&v, ""));
	size_t n = v.n;

	strv_remove(&v, n - 1);
	assert_int_equal(v.n, n - 1);
	assert_null(v.v[v.n]);
	assert_false(strv_has(&v, "5"));
	strv_remove(&v, 0);
	assert_int_equal(v.n, n - 2);
	assert_null(v.v[v.n]);
	strv_release(&v);
	strv_release(&v);
	assert_int_equal(v.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_invariants),
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
