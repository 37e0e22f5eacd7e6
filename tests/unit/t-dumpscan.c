/* proves: the rows of each table are counted in mariadb-dump's text, however it is cut into pieces.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "core/dumpscan.h"

static const char dump[] =
	"/*M!999999\\- enable the sandbox mode */\n"
	"-- INSERT INTO `comment` VALUES (1)\n"
	"CREATE TABLE `one` (\n  `a` int COMMENT 'INSERT INTO `x` VALUES (1)'\n);\n"
	"LOCK TABLES `one` WRITE;\n"
	"INSERT INTO `one` VALUES\n(1,'it\\'s; (a\\n),(\\\\'),\n(2,NULL),\n(3,0xABCD);\n"
	"INSERT INTO `one` VALUES (4,'x'),(5,'(');\n"
	"CREATE TABLE `empty` (\n  `a` int\n);\n"
	"CREATE TABLE `odd ``name (V),` (\n  `a` int,\n  `g` int\n);\n"
	"INSERT INTO `odd ``name (V),` (`a`, `VALUES (`) VALUES (1,(2)),(2,3);\n"
	"/*!50001 CREATE VIEW `v` AS SELECT 1*/;\n"
	"DELIMITER ;;\n"
	"CREATE PROCEDURE `p`()\nBEGIN\nINSERT INTO `one` VALUES (9);\nCREATE TABLE `inner` (a INT);\nEND ;;\n"
	"DELIMITER ;\n";
static const char last[] = "-- Dump completed on 2026-01-01  0:00:00\n";
static const char want[] = "one=5 empty=0 odd `name (V),=2 ";

static void found(void *arg, const char *table, uint64_t rows)
{
	buf_addf(arg, "%s=%llu ", table, (unsigned long long)rows);
}

static bool scan(const char *text, size_t len, size_t step, struct buf *out)
{
	struct dumpscan s;

	dumpscan_init(&s, found, out);
	for (size_t at = 0; at < len; at += step)
		dumpscan_add(&s, text + at, len - at < step ? len - at : step);
	bool whole = dumpscan_end(&s);

	dumpscan_release(&s);
	return whole;
}

static void in_pieces(void **state)
{
	AUTO_BUF text = BUF_INIT;

	(void)state;
	buf_adds(&text, dump);
	buf_adds(&text, last);
	for (size_t step = 1; step <= text.len; step++) {
		AUTO_BUF out = BUF_INIT;

		assert_true(scan(text.p, text.len, step, &out));
		assert_string_equal(out.p, want);
	}
}

/* Where the rows of a table have ended, a statement of ours may stand. */
static void rows_end(void **state)
{
	static const char text[] = "CREATE TABLE `t` (\n);\nLOCK TABLES `t` WRITE;\nINSERT INTO `t` VALUES\n('\\nUNLOCK TABLES;\\n');\n"
		"UNLOCK TABLES;\nDELIMITER ;;\nUNLOCK TABLES;\n;;\nDELIMITER ;\n";
	const char *end = strstr(text, "DELIMITER");

	(void)state;
	for (size_t cut = 0; cut < sizeof(text); cut++) {
		AUTO_BUF out = BUF_INIT;
		struct dumpscan s;
		size_t at = 0, found_at = 0, times = 0;

		dumpscan_init(&s, found, &out);
		while (at < sizeof(text) - 1) {
			at += dumpscan_add_rows(&s, text + at, (at < cut ? cut : sizeof(text) - 1) - at);
			if (!s.rows_end)
				continue;
			assert_string_equal(s.table.p, "t");
			found_at = at;
			times++;
		}
		assert_int_equal(found_at, end - text);
		assert_int_equal(times, 1);
		dumpscan_release(&s);
	}
}

static void cut_off(void **state)
{
	AUTO_BUF text = BUF_INIT;

	(void)state;
	buf_adds(&text, dump);
	for (size_t len = 0; len <= text.len; len += 7) {
		AUTO_BUF out = BUF_INIT;

		assert_false(scan(text.p, len, 64, &out));
	}
}

static void end_inside_a_routine_is_no_end(void **state)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF out = BUF_INIT;

	(void)state;
	buf_adds(&text, "DELIMITER ;;\n");
	buf_adds(&text, last);
	assert_false(scan(text.p, text.len, 5, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_pieces),
		cmocka_unit_test(rows_end), cmocka_unit_test(cut_off), cmocka_unit_test(end_inside_a_routine_is_no_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
