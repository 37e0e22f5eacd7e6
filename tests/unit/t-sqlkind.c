/* proves: of a SQL statement it is known what undoes it, and by which objects it can be seen to have been done.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/sha1.h"
#include "core/sqlkind.h"

static const char *const kinds[] = { "table", "column", "index", "columns", "constraint", "view", "trigger", "routine",
				     "event", "sequence", "database" };

/* "CLASS[r][u] +column s.t.n -index t.n?" : r repeatable, u unknown, ? conditional. */
static void describe(const char *sql, struct buf *b)
{
	static const char *const classes[] = { "dml", "ddl", "session", "begin", "commit", "rollback", "lock", "opaque" };
	CLEANUP(sql_kind_release) struct sql_kind k = SQL_KIND_INIT;

	sql_kind_of(&k, sql, strlen(sql), false, false, true);
	buf_addf(b, "%s%s%s%s", classes[k.class], k.repeatable ? " r" : "", k.unknown ? " u" : "", k.only_variables ? " v" : "");
	if (k.class == SQL_DML)
		buf_addf(b, " %s%s%s", k.reads_only ? "reads " : "", k.table ? k.table : "?", k.temporary ? " temp" : "");
	for (size_t i = 0; i < k.variables.n; i++)
		buf_addf(b, " %s", k.variables.v[i]);
	for (size_t i = 0; i < k.n_traces; i++) {
		const struct sql_trace *t = &k.trace[i];

		buf_addf(b, " %c%s %s%s%s%s%s%s", t->gone ? '-' : '+', kinds[t->kind], t->schema ? t->schema : "",
			 t->schema ? "." : "", t->table ? t->table : "", t->table && t->name ? "." : "", t->name ? t->name : "",
			 t->conditional ? "?" : "");
	}
}

static void is(const char *sql, const char *want)
{
	AUTO_BUF b = BUF_INIT;

	describe(sql, &b);
	assert_string_equal(b.p, want);
}

static void classes(void **state)
{
	(void)state;
	is("SELECT 1", "dml reads ?");
	is("(SELECT 1) UNION (SELECT 2)", "dml reads ?");
	is("insert ignore into `a b` values (1)", "dml a b");
	is("INSERT LOW_PRIORITY db.t SET a=1", "dml t");
	is("UPDATE t SET a=1", "dml t");
	is("UPDATE t, u SET a=1", "dml ?");
	is("UPDATE t JOIN u SET a=1", "dml ?");
	is("UPDATE t AS x LEFT OUTER JOIN u y USING (b) SET x.a=1", "dml ?");
	is("UPDATE t x STRAIGHT_JOIN u SET x.a=1", "dml ?");
	is("UPDATE t x, (SELECT 1 AS a) y SET x.a=1", "dml ?");
	is("UPDATE t x SET x.a=(SELECT 1 FROM u JOIN v), x.b=2", "dml t");
	is("DELETE FROM t WHERE a", "dml t");
	is("DELETE t FROM t JOIN u", "dml ?");
	is("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", "dml t");
	is("START TRANSACTION", "begin");
	is("BEGIN", "begin");
	is("BEGIN NOT ATOMIC SELECT 1; END", "opaque");
	is("COMMIT", "commit");
	is("ROLLBACK", "rollback");
	is("ROLLBACK TO s", "dml reads ?");
	is("LOCK TABLES a WRITE", "lock");
	is("FLUSH TABLES a, b WITH READ LOCK", "lock");
	is("FLUSH TABLES a FOR EXPORT", "lock");
	is("FLUSH TABLES", "ddl r");
	is("ANALYZE TABLE t", "ddl r");
	is("ANALYZE UPDATE t SET a=a+1", "opaque");
	is("CALL p()", "opaque u");
	is("CALL p(1, @a, @@x, @b)", "opaque u @a @b");
	is("SELECT 1 INTO OUTFILE '/x'", "opaque");
	is("SELECT a FROM (SELECT 1 AS a) t INTO DUMPFILE '/x'", "opaque");
	is("SELECT 1; SET @a = 2", "opaque u @a");
	is("SELECT 1; DROP TABLE a", "opaque u");
	is("/*!40101 SET NAMES utf8 */", "session");
	is("SET @a = 1, @b := @c + 1, @@sql_mode = ''", "session @a @b");
	is("SET @a = f(1, @c), @b := (SELECT 1, 2)", "session v @a @b");
	is("SET @a = 1, sql_mode = ''", "session @a");
	is("SET sql_mode = '', @a = 1", "session @a");
	is("SELECT a INTO @x, @y FROM t WHERE b = @z", "dml reads ? @x @y");
	is("SET GLOBAL x = 1", "ddl r");
	is("SET STATEMENT lock_wait_timeout=1 FOR DROP TABLE a", "ddl -table a");
	is("TRUNCATE t", "ddl r");
}

static bool asks(const char *sql)
{
	CLEANUP(sql_kind_release) struct sql_kind k = SQL_KIND_INIT;

	sql_kind_of(&k, sql, strlen(sql), false, false, false);
	return k.wants_row_count;
}

static void asking_back(void **state)
{
	(void)state;
	assert_true(asks("INSERT INTO t SELECT row_count()"));
	assert_true(asks("SHOW WARNINGS"));
	assert_true(asks("SET @a = @@warning_count"));
	assert_false(asks("INSERT INTO t VALUES ('ROW_COUNT() and WARNINGS')"));
	assert_false(asks("INSERT INTO `warnings_t` VALUES (1) /* FOUND_ROWS() */"));
}

static void creating(void **state)
{
	(void)state;
	is("CREATE TABLE t (a int, `b` varchar(3) DEFAULT 'x,)', PRIMARY KEY (a), KEY k (b(2)))",
	   "ddl +table t +column t.a? +column t.b? +index t.PRIMARY? +index t.k?");
	is("CREATE TABLE IF NOT EXISTS d.t LIKE u", "ddl r +table d.t?");
	is("CREATE TABLE IF NOT EXISTS t AS SELECT 1", "ddl +table t?");
	is("CREATE OR REPLACE TABLE t (a int)", "ddl r +table t? +column t.a?");
	is("CREATE TEMPORARY TABLE t (a int)", "dml ? temp +table t +column t.a?");
	is("CREATE UNIQUE INDEX i USING BTREE ON t (a)", "ddl +index t.i");
	is("CREATE ALGORITHM=MERGE DEFINER=`a`@`b` SQL SECURITY INVOKER VIEW v AS SELECT 1", "ddl +view v");
	is("CREATE DEFINER=root@localhost TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a=1; END", "ddl +trigger g");
	is("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END", "ddl +routine p");
	is("CREATE USER IF NOT EXISTS a@b", "ddl r u");
}

static void altering(void **state)
{
	(void)state;
	is("ALTER TABLE t ADD a int", "ddl +column t.a");
	is("ALTER TABLE t ADD COLUMN IF NOT EXISTS a int NOT NULL DEFAULT 0", "ddl r +column t.a?");
	is("ALTER TABLE t ADD (a int, b enum('x','y')), ADD INDEX (a, b(3))", "ddl +column t.a +column t.b +columns t.a,b");
	is("ALTER IGNORE TABLE t ADD UNIQUE KEY u (a), ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES x (b) ON DELETE CASCADE",
	   "ddl +index t.u +constraint t.f");
	is("ALTER TABLE t ADD CONSTRAINT p PRIMARY KEY (a)", "ddl +index t.PRIMARY");
	is("ALTER TABLE t DROP a, DROP INDEX i, DROP PRIMARY KEY, DROP FOREIGN KEY f",
	   "ddl -column t.a -index t.i -index t.PRIMARY -constraint t.f");
	is("ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (b), ADD c int", "ddl -index t.PRIMARY? +index t.PRIMARY? +column t.c");
	is("ALTER TABLE t CHANGE a b int, CHANGE b a int", "ddl +column t.b? -column t.a? +column t.a? -column t.b?");
	is("ALTER TABLE t CHANGE COLUMN IF EXISTS a b int", "ddl +column t.b? -column t.a?");
	is("ALTER TABLE t ADD a int, RENAME TO u", "ddl +column t.a? -table t +table u");
	is("ALTER TABLE t MODIFY a varchar(5), ENGINE=InnoDB", "ddl r +column t.a?");
	is("ALTER TABLE t CHANGE a b int, CHANGE c C text", "ddl +column t.b -column t.a +column t.C?");
	is("ALTER TABLE t RENAME TO u", "ddl -table t +table u");
	is("ALTER TABLE t RENAME COLUMN a TO b", "ddl -column t.a +column t.b");
	is("ALTER TABLE t DROP PARTITION p", "ddl u");
	is("ALTER TABLE t ALTER a SET DEFAULT '', ALTER COLUMN b DROP DEFAULT", "ddl r +column t.a? +column t.b?");
	is("ALTER TABLE t ALTER INDEX i IGNORED", "ddl r");
	is("/*!40000 ALTER TABLE t DISABLE KEYS */", "ddl r");
	is("RENAME TABLE a TO b, c TO d.e", "ddl -table a +table b -table c +table d.e");
	is("DROP TABLE IF EXISTS a, b", "ddl r -table a? -table b?");
	is("DROP INDEX i ON t", "ddl -index t.i");
	is("DROP PROCEDURE p", "ddl -routine p");
}

static void column(const char *definition, const char *type, int nullable, const char *fallback)
{
	CLEANUP(sql_column_release) struct sql_column c;

	sql_column_parse(&c, definition);
	assert_string_equal(c.type, type);
	assert_int_equal(c.nullable, nullable);
	if (fallback)
		assert_string_equal(c.fallback, fallback);
	else
		assert_null(c.fallback);
}

static void columns(void **state)
{
	AUTO_FREE char *reduced = sql_type_reduce("bigint(20) unsigned");

	(void)state;
	assert_string_equal(reduced, "bigint unsigned");
	column("int(10) NOT NULL auto_increment", "int", 0, NULL);
	column("varchar( 20 ) default NULL COMMENT 'not null'", "varchar(20)", -1, "NULL");
	column("BOOL NULL DEFAULT true", "tinyint", 1, "1");
	column("decimal DEFAULT '1.50'", "decimal(10,0)", -1, "1.50");
	column("enum('a','b;') NOT NULL DEFAULT 'b;' AFTER x", "enum('a','b;')", 0, "b;");
	column("timestamp DEFAULT current_timestamp() ON UPDATE current_timestamp()", "timestamp", -1, NULL);
	column("int DEFAULT -1", "int", -1, "-1");
	column("national character varying(20) DEFAULT 'it''s \\'x\\''", "varchar(20)", -1, "it's 'x'");
	column("nvarchar(3)", "varchar(3)", -1, NULL);
	column("SERIAL", "bigint unsigned", 0, NULL);
	assert_true(sql_default_is("varchar(9)", "''", "''''''"));
	assert_true(sql_default_is("varchar(9)", "a\\b", "'a\\\\b'"));
	assert_false(sql_default_is("varchar(9)", "b", "'a'"));
	assert_true(sql_default_is("varchar(9)", "NULL", NULL));
	assert_false(sql_default_is("int", "0", NULL));
	assert_true(sql_default_is("decimal(10,2)", "0", "0.00"));
	assert_true(sql_default_is("datetime", "2020-01-01", "'2020-01-01 00:00:00'"));
	assert_false(sql_default_is("date", "2020-01-01", "'2020-01-02'"));
	assert_false(sql_default_is("date", "2020-01-01", NULL));
}

static void password_hash(void **state)
{
	unsigned char d[SHA1_SIZE];
	/* FIPS 180-1, appendix A */
	static const unsigned char abc[] = { 0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
					     0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d };
	static const unsigned char two[] = { 0x84, 0x98, 0x3e, 0x44, 0x1c, 0x3b, 0xd2, 0x6e, 0xba, 0xae,
					     0x4a, 0xa1, 0xf9, 0x51, 0x29, 0xe5, 0xe5, 0x46, 0x70, 0xf1 };

	(void)state;
	sha1("abc", 3, d);
	assert_memory_equal(d, abc, sizeof d);
	sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, d);
	assert_memory_equal(d, two, sizeof d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes), cmocka_unit_test(asking_back), cmocka_unit_test(creating), cmocka_unit_test(altering),
		cmocka_unit_test(columns), cmocka_unit_test(password_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
