/* proves: heads of tar members are as tar has them, and ACLs go from the kernel's form to text and back in one order.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/posixacl.h"
#include "core/tarhead.h"

static void plain(void **state)
{
	AUTO_BUF out = BUF_INIT;
	struct tar_member m = { .path = "a/b", .type = '0', .mode = 0640, .uid = 33, .gid = 33, .mtime = 1700000000, .size = 5 };
	unsigned sum = 0, said;

	(void)state;
	tar_head(&out, &m);
	assert_int_equal(out.len, 512);
	assert_string_equal(out.p, "a/b");
	assert_string_equal(out.p + 100, "0000640");
	assert_string_equal(out.p + 124, "00000000005");
	assert_string_equal(out.p + 136, "14524770400");
	assert_memory_equal(out.p + 257, "ustar  ", 8);
	assert_int_equal(sscanf(out.p + 148, "%o", &said), 1);
	memset(out.p + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)out.p[i];
	assert_int_equal(sum, said);
}

static void what_does_not_fit(void **state)
{
	AUTO_BUF out = BUF_INIT;
	char path[151];
	struct tar_member m = { .path = path, .type = '5', .mode = 0755, .uid = 3000000, .mtime = -1 };

	(void)state;
	memset(path, 'x', 150);
	path[150] = '\0';
	tar_head(&out, &m);
	assert_int_equal(out.len, 3 * 512);
	assert_string_equal(out.p, "././@LongLink");
	assert_int_equal(out.p[156], 'L');
	assert_int_equal(strlen(out.p + 512), 151);	/* a directory's slash */
	assert_int_equal(out.p[512 + 150], '/');
	const unsigned char *b = (unsigned char *)out.p + 1024;

	assert_int_equal(b[108], 0x80);		/* 3000000 = 0x2dc6c0 */
	assert_memory_equal(b + 113, "\x2d\xc6\xc0", 3);
	assert_memory_equal(b + 136, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
	buf_reset(&out);
	path[100] = '\0';
	m.type = '0';
	tar_head(&out, &m);
	assert_int_equal(out.len, 512);	/* just fits */
	buf_reset(&out);
	m.path = "l";
	m.type = '2';
	memset(path, 'y', 150);
	m.target = path;
	tar_head(&out, &m);
	assert_int_equal(out.len, 3 * 512);
	assert_int_equal(out.p[156], 'K');
}

static void records(void **state)
{
	AUTO_BUF r = BUF_INIT, out = BUF_INIT;
	char name[] = "user.50%25%3Dhalf";
	struct tar_member m = { .path = "a", .type = '0', .records = &r };

	(void)state;
	tar_record(&r, "k", "v", 1);
	assert_string_equal(r.p, "6 k=v\n");
	buf_reset(&r);
	tar_record(&r, "key", "v\0w", 3);
	assert_int_equal(r.len, 11);	/* the length has two digits, which make it longer */
	assert_memory_equal(r.p, "11 key=v\0w\n", 11);
	buf_reset(&r);
	tar_record_xattr(&r, "user.50%=half", "x", 1);
	assert_string_equal(r.p, "36 SCHILY.xattr.user.50%25%3Dhalf=x\n");
	tar_xattr_name(name);
	assert_string_equal(name, "user.50%=half");
	tar_head(&out, &m);
	assert_int_equal(out.len, 3 * 512);
	assert_int_equal(out.p[156], 'x');
}

static const unsigned char kernel[] = {
	2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 0xe8, 3, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255,
	0x10, 0, 7, 0, 255, 255, 255, 255, 0x20, 0, 0, 0, 255, 255, 255, 255,
};

static void acls(void **state)
{
	CLEANUP(posixacl_release) struct posixacl a = POSIXACL_INIT, b = POSIXACL_INIT;
	AUTO_BUF text = BUF_INIT, value = BUF_INIT;

	(void)state;
	assert_true(posixacl_parse(&a, kernel, sizeof(kernel)));
	posixacl_text(&a, &text);
	assert_string_equal(text.p, "user::rw-,user:1000:r--,group::r-x,mask::rwx,other::---");
	for (size_t i = a.n; i-- > 0; )	/* backwards */
		posixacl_add(&b, a.v[i].tag, a.v[i].perm, a.v[i].id);
	posixacl_value(&b, &value);
	assert_int_equal(value.len, sizeof(kernel));
	assert_memory_equal(value.p, kernel, sizeof(kernel));
	posixacl_release(&a);
	assert_false(posixacl_parse(&a, kernel, sizeof(kernel) - 1));
	assert_false(posixacl_parse(&a, "\3\0\0", 4));
	assert_false(posixacl_parse(&a, "\2\0\0\0\3\0\7\0\0\0\0", 12));
	assert_false(posixacl_parse(&a, "", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain), cmocka_unit_test(what_does_not_fit), cmocka_unit_test(records), cmocka_unit_test(acls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
