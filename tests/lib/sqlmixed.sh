# shellcheck shell=bash
# sqlmixed.sh - a SQL script of mixed statements that can all be judged after a crash.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# sql_mixed N    print a script of about 16 * N + 20 statements

sql_mixed() {
	local i
	cat <<'E'
-- Mixed statements; each is undone with its transaction, or leaves a trace.
SET NAMES utf8mb4;
/*!40101 SET @saved_mode = @@sql_mode, sql_mode = 'NO_AUTO_VALUE_ON_ZERO' */;
CREATE TABLE parent (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(40) NOT NULL, n int DEFAULT 0);
CREATE TABLE child (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, parent int NOT NULL, note text);
CREATE TABLE counter (c int NOT NULL);
INSERT INTO counter VALUES (0);
DELIMITER //
CREATE PROCEDURE bump(IN by_ int) BEGIN UPDATE counter SET c = c + by_; INSERT INTO child (parent, note) VALUES (0, 'bump;'); END//
CREATE TRIGGER on_parent BEFORE INSERT ON parent FOR EACH ROW BEGIN SET NEW.n = NEW.n + 1; END//
CREATE FUNCTION twice(x int) RETURNS int DETERMINISTIC RETURN 2 * x//
CREATE FUNCTION noted(x int) RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO child (parent, note) VALUES (x, 'noted'); RETURN x + 1; END//
CREATE PROCEDURE found(OUT n int) SELECT COUNT(*) INTO n FROM child//
DELIMITER ;
E
	for ((i = 1; i <= $1; i++)); do
		cat <<E
INSERT INTO parent (name) VALUES ('p$i; a'), ('it''s $i');
INSERT INTO child (parent, note) VALUES (LAST_INSERT_ID(), 'child of $i');
SET @last = LAST_INSERT_ID(), @text = CONCAT('é', $i);
CREATE TABLE t$i (a int, b varchar(20), KEY (a));
INSERT INTO child (parent, note) VALUES (@last, @text);
UPDATE counter SET c = c + $i;
ALTER TABLE t$i ADD COLUMN c$i int NOT NULL DEFAULT $i, ADD INDEX ic (c$i);
INSERT INTO t$i (a, b) SELECT id, name FROM parent WHERE id > (SELECT MAX(id) FROM parent) - 3;
START TRANSACTION;
DELETE FROM child WHERE note = 'child of $((i - 1))';
UPDATE counter SET c = twice(c) % 1000003;
COMMIT;
E
		((i % 5)) || cat <<E
LOCK TABLES t$i WRITE;
/*!40000 ALTER TABLE t$i DISABLE KEYS */;
INSERT INTO t$i VALUES (1, 'x', 2), (3, _utf8mb4 'y;', 4);
UNLOCK TABLES;
ALTER TABLE t$i CHANGE b renamed varchar(30), DROP INDEX ic;
RENAME TABLE t$i TO r$i;
CREATE VIEW v$i AS SELECT a FROM r$i;
START TRANSACTION;
UPDATE counter SET c = -1;
ROLLBACK;
SET @side = noted($i);
SET @third = 1e0 / 3, @bytes = X'00ff', @word = _latin1 X'e9' COLLATE latin1_general_ci;
ALTER TABLE r$i ADD COLUMN side int;
UPDATE r$i SET side = @side, renamed = CONCAT(@third * 3, CHARSET(@bytes), COLLATION(@word));
UPDATE parent p JOIN child c ON c.parent = p.id SET p.n = p.n + 1, c.note = CONCAT(c.note, '.');
START TRANSACTION;
UPDATE counter SET c = c + 1;
CALL bump(2);
ROLLBACK;
START TRANSACTION;
CALL bump(3);
CALL found(@found);
INSERT INTO child (parent, note) VALUES (@found, 'found');
COMMIT;
SET @do = IF((SELECT COUNT(*) FROM counter) > 0, 'ALTER TABLE r$i ADD COLUMN later int DEFAULT $i', 'SELECT 1');
PREPARE later FROM @do;
EXECUTE later;
DEALLOCATE PREPARE later;
PREPARE more FROM 'UPDATE counter SET c = c + ?';
EXECUTE more USING @side;
EXECUTE IMMEDIATE 'CREATE TABLE x$i (a int)';
CREATE TEMPORARY TABLE scratch (s int);
INSERT INTO scratch VALUES ($i), ($i + 1);
INSERT INTO child (parent, note) SELECT s, 'from scratch' FROM scratch;
DROP TEMPORARY TABLE scratch;
CREATE UNIQUE INDEX u ON r$i (renamed, a);
E
	done
	cat <<'E'
DROP TABLE t1, t2;
SET sql_mode = @saved_mode;
SELECT COUNT(*) FROM parent;
INSERT INTO child (parent, note) SELECT ROW_COUNT(), @text;
E
}
