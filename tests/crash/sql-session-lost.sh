#!/bin/bash
# proves: what a killed run's session knew (settings, variables, transactions, temporary tables) is as it was when the script goes on, or the run stops and says so: it never silently ends in another database than an undisturbed run
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
mariadb_here || skip_all "$mariadb_why"
# CRASH_STEP: only every so-manieth request of each script (SOAK=1: all), from a random one on.
step=${CRASH_STEP:-${SOAK:-12}}
MARIADB_FAST=1 mariadb_new || BAIL "no server"
sql_world 'install = base
databases = other_db'
script base <<'E'
CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v varchar(60));
CREATE TABLE m (v varchar(60)) ENGINE=MyISAM;
E
sql create --quiet 2>"$T/err" && sql apply --quiet 2>>"$T/err" || BAIL "$(cat "$T/err")"
mariadb-dump --no-defaults --socket="$MARIADB_SOCKET" demo_db >"$T/base"

names=() says=() may_stop=()
# attack NAME WHAT [STOPS]: the script is stdin; with STOPS a run that goes on may stop with a message like that.
attack() { names+=("$1") says+=("$2") may_stop+=("${3:-}"); script "$1"; }

attack uservar 'user variables, also those that SELECT and UPDATE set' <<'E'
SET @a = 5, @w = 'x''é';
CREATE TABLE n1 (a int);
INSERT INTO t (v) VALUES (@a);
INSERT INTO t (v) SELECT @a := @a + 1;
CREATE TABLE n2 (a int);
INSERT INTO t (v) VALUES (@a), (@w);
UPDATE t SET v = (@a := @a + 1);
ALTER TABLE n2 ADD b int;
INSERT INTO n2 VALUES (@a, 1);
E
attack hidden 'what a procedure and a trigger make of the session' <<'E'
DELIMITER //
CREATE PROCEDURE ps() BEGIN SET SESSION sql_mode = 'ANSI_QUOTES', @hid = 'h'; SELECT 7 INTO @into; SET SESSION auto_increment_increment = 5; INSERT INTO t (v) VALUES ('ps'); END//
CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @trig = CONCAT(IFNULL(@trig, ''), NEW.v)//
DELIMITER ;
CALL ps();
CREATE TABLE n1 (a int);
INSERT INTO t (v) VALUES (@hid), (@into);
CREATE TABLE n2 (a varchar(90));
INSERT INTO n2 VALUES (@trig), (@@auto_increment_increment);
INSERT INTO t (v) VALUES (@@auto_increment_increment);
E
attack prepset 'prepared statements, also one that is a SET' <<'E'
SET @q = 'SET SESSION auto_increment_increment = 3';
PREPARE p FROM @q;
EXECUTE p;
CREATE TABLE n1 (a int);
INSERT INTO t (v) VALUES ('a'), ('b');
PREPARE p FROM 'INSERT INTO t (v) VALUES (@@auto_increment_increment)';
CREATE TABLE n2 (a int);
EXECUTE p;
ALTER TABLE n2 ADD b int;
EXECUTE p;
E
attack fk 'foreign_key_checks' <<'E'
SET SESSION foreign_key_checks=0;
CREATE TABLE c (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES p (id));
INSERT INTO c VALUES (1, 5);
CREATE TABLE p (id int PRIMARY KEY);
INSERT INTO c VALUES (2, 6);
SET SESSION foreign_key_checks=1;
CREATE TABLE n2 (a int);
E
attack autocommit0 'autocommit turned off and on' <<'E'
SET autocommit = 0;
INSERT INTO t (v) VALUES ('keep');
COMMIT;
INSERT INTO t (v) VALUES ('lose');
ROLLBACK;
CREATE TABLE n1 (a int);
INSERT INTO t (v) VALUES ('lose2');
ROLLBACK;
INSERT INTO t (v) VALUES ('keep2');
CREATE TABLE n2 (a int);
INSERT INTO t (v) VALUES ('keep3');
SET autocommit = 1;
INSERT INTO t (v) VALUES ('keep4');
E
attack chain 'COMMIT AND CHAIN' <<'E'
START TRANSACTION;
INSERT INTO t (v) VALUES ('keep');
COMMIT AND CHAIN;
INSERT INTO t (v) VALUES ('lose');
ROLLBACK;
CREATE TABLE n1 (a int);
E
attack savepoint 'savepoints' <<'E'
START TRANSACTION;
INSERT INTO t (v) VALUES ('a');
SAVEPOINT s1;
INSERT INTO t (v) VALUES ('lose');
ROLLBACK TO s1;
INSERT INTO t (v) VALUES ('b');
RELEASE SAVEPOINT s1;
COMMIT;
SAVEPOINT outside;
INSERT INTO t (v) VALUES ('c');
CREATE TABLE n1 (a int);
E
attack implicit 'transactions that are ended by what is not COMMIT' <<'E'
START TRANSACTION;
INSERT INTO t (v) VALUES ('a');
CREATE TABLE n1 (a int);
INSERT INTO t (v) VALUES ('b');
ROLLBACK;
START TRANSACTION;
INSERT INTO t (v) VALUES ('c');
LOCK TABLES t WRITE, m WRITE;
INSERT INTO t (v) VALUES ('d');
UNLOCK TABLES;
START TRANSACTION;
INSERT INTO t (v) VALUES ('e');
START TRANSACTION;
INSERT INTO t (v) VALUES ('f');
ROLLBACK;
E
attack myisamtx 'rows that the transaction around them does not undo' 'changed in tables that are not InnoDB' <<'E'
INSERT INTO t (v) VALUES ('a');
START TRANSACTION;
INSERT INTO t (v) VALUES ('b');
INSERT INTO m VALUES ('m1');
INSERT INTO t (v) VALUES ('c');
INSERT INTO m VALUES ('m2');
COMMIT;
INSERT INTO t (v) VALUES ('d');
E
attack myisamtrig 'rows that a trigger puts where no transaction undoes them' 'cannot be told whether it was done' <<'E'
DELIMITER //
CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW INSERT INTO m VALUES (CONCAT('trig ', NEW.v))//
DELIMITER ;
INSERT INTO t (v) VALUES ('a');
INSERT INTO t (v) VALUES ('b');
CREATE TABLE n1 (a int);
INSERT INTO t (v) VALUES ('c');
E
attack temp 'temporary tables' 'temporary tables that script' <<'E'
CREATE TEMPORARY TABLE x (a int);
CREATE TEMPORARY TABLE y (a int);
INSERT INTO x VALUES (1), (2);
DROP TEMPORARY TABLE IF EXISTS z;
DROP TEMPORARY TABLE y;
INSERT INTO t (v) SELECT a FROM x;
CREATE TABLE n1 (a int);
INSERT INTO n1 SELECT a FROM x;
DROP TABLE x;
INSERT INTO t (v) VALUES ('after');
CREATE TABLE n2 (a int);
E
attack hiddentemp 'a temporary table that a procedure makes, under the name of another one' 'temporary tables that script' <<'E'
CREATE TABLE x (a int);
INSERT INTO x VALUES (100);
DELIMITER //
CREATE PROCEDURE mk() BEGIN CREATE TEMPORARY TABLE x (a int); INSERT INTO x VALUES (1); END//
DELIMITER ;
CALL mk();
CREATE TABLE n1 (a int);
INSERT INTO n1 SELECT a FROM x;
INSERT INTO t (v) SELECT a FROM x;
E
attack lazy 'statements that may be done twice, but not in a row' <<'E'
CREATE TABLE d (a int, b int);
INSERT INTO d VALUES (1, 2);
ALTER TABLE d DROP COLUMN IF EXISTS b;
ALTER TABLE d CHANGE COLUMN IF EXISTS a b int;
CREATE OR REPLACE TABLE copy AS SELECT * FROM d;
ALTER TABLE d DROP COLUMN IF EXISTS b, ADD COLUMN IF NOT EXISTS c int;
INSERT INTO d VALUES (3);
E
attack swap 'one ALTER of many clauses; names that are swapped' '\(RENAME\) was begun' <<'E'
CREATE TABLE d (a int, b int, c int NOT NULL PRIMARY KEY, KEY k (a));
INSERT INTO d VALUES (1, 2, 3);
ALTER TABLE d CHANGE a b int, CHANGE b a int;
ALTER TABLE d DROP PRIMARY KEY, ADD PRIMARY KEY (c, a);
ALTER TABLE d DROP KEY k, ADD KEY k (b);
ALTER TABLE d MODIFY a varchar(20), ADD INDEX (b), ADD CHECK (b < 1000);
ALTER TABLE d ADD COLUMN e int, ADD INDEX (e);
ALTER TABLE d PARTITION BY RANGE (c) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20));
ALTER TABLE d ADD PARTITION (PARTITION p2 VALUES LESS THAN (30));
ALTER TABLE d DROP PARTITION p1;
CREATE TABLE IF NOT EXISTS cp AS SELECT a FROM d;
CREATE TABLE ch (x int, y int);
ALTER TABLE ch ADD FOREIGN KEY (x) REFERENCES t (id);
ALTER TABLE ch RENAME TO ch2, ADD z int;
CREATE INDEX yy ON ch2 (y);
DROP INDEX yy ON ch2;
RENAME TABLE cp TO tmp_, ch2 TO cp, tmp_ TO ch2;
E
attack once 'SET insert_id, which is for one statement' <<'E'
CREATE TABLE n0 (id int AUTO_INCREMENT PRIMARY KEY, v int);
SET insert_id = 100;
INSERT INTO t (v) VALUES ('hundred');
CREATE TABLE n1 (a int);
INSERT INTO n0 (v) VALUES (1);
SET insert_id = 200;
CREATE TABLE n2 (a int);
INSERT INTO n0 (v) VALUES (2);
CREATE TABLE n3 (a int);
INSERT INTO n0 (v) VALUES (3);
E
attack rowcount 'ROW_COUNT(), and strings that hold such words' 'cannot be told whether it was done|asks what the one before it did' <<'E'
INSERT INTO t (v) VALUES ('a'), ('b');
INSERT INTO t (v) SELECT ROW_COUNT();
INSERT INTO m VALUES ('x'), ('y');
INSERT INTO t (v) SELECT ROW_COUNT();
SET @n = ROW_COUNT();
CREATE TABLE n1 (a int);
INSERT INTO t (v) VALUES ('drug WARNINGS and row_count'), (@n);
INSERT INTO m VALUES ('ERRORS and WARNINGS');
INSERT INTO t (v) SELECT ROW_COUNT();
E
attack usedb 'another database' 'cannot be told whether it was done' <<'E'
CREATE TABLE n1 (a int AUTO_INCREMENT PRIMARY KEY, v int);
INSERT INTO n1 (v) VALUES (1);
INSERT INTO t (v) VALUES (1);
USE other_db
CREATE TABLE t (v varchar(9)) ENGINE=MyISAM;
INSERT INTO t (v) VALUES ('oth');
CREATE TABLE n1 (a int PRIMARY KEY, v int);
INSERT INTO n1 VALUES (1, 2), (2, 3);
USE demo_db
INSERT INTO t (v) VALUES (4);
INSERT INTO n1 (v) VALUES (5);
E
attack calls 'procedures and blocks' '\((BEGIN|INSERT)\) was begun' <<'E'
DELIMITER //
CREATE PROCEDURE two() BEGIN INSERT INTO t (v) VALUES ('c1'); INSERT INTO t (v) VALUES ('c2'); END//
CREATE PROCEDURE outs(OUT n int) BEGIN INSERT INTO t (v) VALUES ('o'); SELECT COUNT(*) INTO n FROM t; END//
CREATE PROCEDURE wm() BEGIN INSERT INTO m VALUES ('wm'); INSERT INTO t (v) VALUES ('wm'); END//
BEGIN NOT ATOMIC INSERT INTO t (v) VALUES ('b1'); INSERT INTO t (v) VALUES ('b2'); END//
INSERT INTO t (v) VALUES ('s1'); INSERT INTO t (v) VALUES ('s2')//
DELIMITER ;
DROP PROCEDURE wm;
CALL two();
CALL outs(@n);
CREATE TABLE n1 (a int);
INSERT INTO n1 VALUES (@n);
CALL two();
E
attack opentx 'a procedure that leaves a transaction open' '\(CALL\) was begun' <<'E'
DELIMITER //
CREATE PROCEDURE st() BEGIN START TRANSACTION; INSERT INTO t (v) VALUES ('st'); END//
DELIMITER ;
CALL st();
INSERT INTO t (v) VALUES ('x');
ROLLBACK;
CALL st();
INSERT INTO t (v) VALUES ('y');
COMMIT;
CREATE TABLE n1 (a int);
E
attack delim 'DELIMITER in the part that is done already' <<'E'
CREATE TABLE n1 (a int);
DELIMITER $$
CREATE TABLE n2 (a int)$$
INSERT INTO n1 VALUES (1)$$
CREATE TABLE n3 (a int)$$
INSERT INTO t (v) VALUES ('a;b')$$
DELIMITER ;
INSERT INTO t (v) VALUES ('c;d');
CREATE TABLE n4 (a int);
E

begin_anew() {
	mariadb_sql 'SET foreign_key_checks = 0; DROP DATABASE IF EXISTS demo_db; DROP DATABASE IF EXISTS other_db;
		CREATE DATABASE demo_db CHARACTER SET utf8mb4; CREATE DATABASE other_db'
	mariadb --no-defaults --socket="$MARIADB_SOCKET" demo_db <"$T/base"
}
dump() { { mariadb_dump demo_db && mariadb_dump other_db; } | sed 's/AUTO_INCREMENT=[0-9]* //' >"$1"; }
apply() { sql apply "/usr/share/demo/sql/$1.sql" >"$T/out" 2>&1; }

all=0
for n in "${!names[@]}"; do
	s=${names[n]}
	[[ ${ONLY:-$s} = "$s" ]] || continue
	begin_anew
	ok "$s: the client runs it" eval 'mariadb --no-defaults --socket="$MARIADB_SOCKET" --default-character-set=utf8mb4 demo_db <"$S/$s.sql" >/dev/null'
	dump "$T/want"
	begin_anew
	ok "$s: so do we" apply $s
	dump "$T/got"
	same "$T/got" "$T/want" "$s: with the same result"
	bad=0 count=0 stopped=0
	for ((k = 75 + RANDOM % step; ; k += step)); do
		begin_anew
		{ strace -f -o /dev/null -e trace=sendto -e inject=sendto:signal=KILL:when=$k \
			"$BIN/maintkit-sql" --root "$R" -p demo apply "/usr/share/demo/sql/$s.sql" >/dev/null 2>&1; rc=$?; } 2>/dev/null
		[ $rc = 137 ] || break
		count=$((count + 1))
		apply $s; rc=$?
		dump "$T/got"
		if [ $rc = 0 ]; then
			cmp -s "$T/got" "$T/want" && continue
			diag "$s $k: the database differs: $(diff "$T/want" "$T/got" | head -6)"
		elif [ $rc = 2 ] && [ -n "${may_stop[n]}" ] && grep -Eq "${may_stop[n]}" "$T/out"; then
			stopped=$((stopped + 1))
			continue
		else
			diag "$s $k: exit $rc: $(cat "$T/out")"
		fi
		bad=$((bad + 1))
	done
	all=$((all + count))
	is "$bad" 0 "${says[n]}: killed at $count requests, $stopped times it said what it lost"
	[ "$step" -gt 1 ] || [ -z "${may_stop[n]}" ] || isnt "$stopped" 0 "$s: it did so"
done
[ "$all" -ge 15 ] && pass "enough of them: $all" || fail "only $all"

# What cannot be taken up again is not begun.
begin_anew
echo "XA START 'a'; INSERT INTO t (v) VALUES (1); XA END 'a'; XA PREPARE 'a'; XA COMMIT 'a';" | script xa
rc_is 2 "XA" sql apply /usr/share/demo/sql/xa.sql
like "$err" "xa.sql:1:1: XA transactions are not supported" "is refused"
echo "SET completion_type = 1; INSERT INTO t (v) VALUES (1);" | script completion
rc_is 2 "completion_type" sql apply /usr/share/demo/sql/completion.sql
like "$err" "completion_type is not supported" "is refused"
is "$(q 'SELECT COUNT(*) FROM t')" 0 "before anything is done"

# A transaction that left something behind: a person takes it back and says so.
begin_anew
printf "START TRANSACTION;\nINSERT INTO t (v) VALUES ('t');\nINSERT INTO m VALUES ('m');\nNONSENSE;\nCOMMIT;\n" | script left
rc_is 2 "a transaction with an error behind rows that it does not undo" sql apply /usr/share/demo/sql/left.sql
sed -i /NONSENSE/d "$S/left.sql"
rc_is 2 "again" sql apply /usr/share/demo/sql/left.sql
like "$err" "undone it, except what statement 3" "it is told what is there"
like "$err" "maintkit -p demo sql repair left --redo 3" "and what to do"
rc_is 2 "that it was done, nobody can say" sql repair left --done 3
q 'DELETE FROM m'
rc_is 0 "taken back" sql repair left --redo 3
rc_is 0 "and it goes on" sql apply /usr/share/demo/sql/left.sql
is "$(q 'SELECT CONCAT(t.v, m.v) FROM t, m')" tm "with each row once"
done_testing
