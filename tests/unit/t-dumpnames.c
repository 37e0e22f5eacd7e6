/* proves: the database's name goes from the heads of triggers and the columns of views in a dump, and from nowhere else, however it is cut into pieces.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "core/dumpnames.h"

#define VIEW "/*!50001 VIEW "
#define HEAD "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 "

static const struct { const char *dump, *want; } cases[] = {
	{ "", "" },
	{ "x", "x" },
	{ "a\nb\n", "a\nb\n" },
	{ HEAD "TRIGGER demo.trg BEFORE INSERT ON demo.t FOR EACH ROW SET NEW.a = 1 */;;\n",
	  HEAD "TRIGGER trg BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1 */;;\n" },
	{ "DELIMITER ;;\n" HEAD "trigger `demo`. `a``b`\nbefore delete\non demo . `t`\nfor each row INSERT INTO demo.log VALUES (1) */;;\nDELIMITER ;\n",
	  "DELIMITER ;;\n" HEAD "trigger `a``b`\nbefore delete\non `t`\nfor each row INSERT INTO demo.log VALUES (1) */;;\nDELIMITER ;\n" },
	{ "x\n" HEAD "TRIGGER IF NOT EXISTS demo.trg AFTER UPDATE ON t FOR EACH ROW BEGIN END */;;\n",
	  "x\n" HEAD "TRIGGER IF NOT EXISTS trg AFTER UPDATE ON t FOR EACH ROW BEGIN END */;;\n" },
	{ "x\n" HEAD "TRIGGER \"demo\".\"on\" AFTER UPDATE ON \"demo\".\"for\" FOR EACH ROW BEGIN END */;;\n",
	  "x\n" HEAD "TRIGGER \"on\" AFTER UPDATE ON \"for\" FOR EACH ROW BEGIN END */;;\n" },
	/* two, the second as it should be */
	{ HEAD "TRIGGER d.a BEFORE INSERT ON t FOR EACH ROW SET @x = 1 */;;\n" HEAD "TRIGGER b BEFORE INSERT ON d.u FOR EACH ROW SET @x = 1 */;;\n",
	  HEAD "TRIGGER a BEFORE INSERT ON t FOR EACH ROW SET @x = 1 */;;\n" HEAD "TRIGGER b BEFORE INSERT ON u FOR EACH ROW SET @x = 1 */;;\n" },
	/* not triggers, and not at the beginning of a line */
	{ "\n/*!50003 CREATE*/ something ON demo.t FOR ;;\n", "\n/*!50003 CREATE*/ something ON demo.t FOR ;;\n" },
	{ "INSERT INTO t VALUES ('" HEAD "TRIGGER demo.trg BEFORE INSERT ON demo.t FOR');\n",
	  "INSERT INTO t VALUES ('" HEAD "TRIGGER demo.trg BEFORE INSERT ON demo.t FOR');\n" },
	/* views: columns of three parts, the first the database; not an alias, a string, another database, another statement */
	{ "x\n" VIEW "`v` AS select `de``mo`.`t`.`a` AS `a` from `t` */;\ny", "x\n" VIEW "`v` AS select `t`.`a` AS `a` from `t` */;\ny" },
	{ VIEW "`v` AS select `de``mo`.`a` AS `x.``de``mo`,`o`.`t`.`a` AS `de``mo` from (`o`.`t` join `t` `de``mo`) */;\n",
	  VIEW "`v` AS select `de``mo`.`a` AS `x.``de``mo`,`o`.`t`.`a` AS `de``mo` from (`o`.`t` join `t` `de``mo`) */;\n" },
	{ VIEW "`v` AS select 'it\\'s `de``mo`.`t`.`a`',`de``mo`.`t`.`b` AS `b`,'' AS `c` from `t` */;\n" VIEW "`w` AS select `de``mo`.`v`.`b` AS `b` from `v` */;\n",
	  VIEW "`v` AS select 'it\\'s `de``mo`.`t`.`a`',`t`.`b` AS `b`,'' AS `c` from `t` */;\n" VIEW "`w` AS select `v`.`b` AS `b` from `v` */;\n" },
	{ "/*!50001 CREATE VIEW `v` AS SELECT `de``mo`.`t`.`a` */;\n", "/*!50001 CREATE VIEW `v` AS SELECT `de``mo`.`t`.`a` */;\n" },
	{ VIEW "`v` AS select `de``mo`.`t`.`a` AS `a`\n*/;\n" HEAD "TRIGGER b BEFORE INSERT ON d.u FOR EACH ROW SET @x = 1 */;;\n" VIEW "`v` AS select `de``mo`.`t`.`a` */;\n",
	  VIEW "`v` AS select `t`.`a` AS `a`\n*/;\n" HEAD "TRIGGER b BEFORE INSERT ON d.u FOR EACH ROW SET @x = 1 */;;\n" VIEW "`v` AS select `t`.`a` */;\n" },
	/* cut off: as it is */
	{ "x\n" VIEW "`v` AS select `de``mo`.`t`.`a` AS", "x\n" VIEW "`v` AS select `de``mo`.`t`.`a` AS" },
	{ "x\n" HEAD "TRIGGER demo.trg BEFORE INSERT", "x\n" HEAD "TRIGGER demo.trg BEFORE INSERT" },
	{ "x\n/*!50003 CREA", "x\n/*!50003 CREA" },
};

static void pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = strlen(cases[i].dump);

		for (size_t step = 1; step <= len + 1; step++) {
			CLEANUP(dumpnames_release) struct dumpnames f = DUMPNAMES_INIT("de`mo");
			AUTO_BUF out = BUF_INIT;

			for (size_t at = 0; at < len; at += step)
				dumpnames_add(&f, cases[i].dump + at, len - at < step ? len - at : step, false, &out);
			dumpnames_add(&f, "", 0, true, &out);
			assert_string_equal(out.p, cases[i].want);
			assert_int_equal(out.len, strlen(cases[i].want));
		}
	}
}

/* What is no head does not make it hold the dump back. */
static void streams(void **state)
{
	CLEANUP(dumpnames_release) struct dumpnames f = DUMPNAMES_INIT("de`mo");
	AUTO_BUF out = BUF_INIT;
	AUTO_BUF in = BUF_INIT;

	(void)state;
	buf_adds(&in, "\n/*!50003 CREATE*/ ");
	while (in.len < 1u << 20)
		buf_adds(&in, "and then nothing of it ");
	for (size_t at = 0; at < in.len; at += 4096) {
		dumpnames_add(&f, in.p + at, in.len - at < 4096 ? in.len - at : 4096, false, &out);
		assert_true(f.held.len < 80 << 10);
	}
	dumpnames_add(&f, "", 0, true, &out);
	assert_int_equal(out.len, in.len);
	assert_memory_equal(out.p, in.p, in.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(pieces), cmocka_unit_test(streams) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
