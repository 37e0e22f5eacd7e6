#!/bin/bash
# proves: a statement of which nobody can tell whether a killed run did it is never guessed: the next run names it, and goes on as it is told to; what can be known is not asked
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
mariadb_here || skip_all "$mariadb_why"
MARIADB_FAST=1 mariadb_new || BAIL "no server"
sql_world
script base <<'E'
CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v varchar(20));
CREATE TABLE m (n int) ENGINE=MyISAM;
DELIMITER //
CREATE PROCEDURE makes() BEGIN INSERT INTO t (v) VALUES ('before'); CREATE TABLE made (a int); INSERT INTO t (v) VALUES ('behind'); END//
E
sql create --quiet 2>"$T/err" && sql apply --quiet 2>>"$T/err" || BAIL "$(cat "$T/err")"

# A transaction that a procedure ends in its middle.
script called <<'E'
START TRANSACTION;
INSERT INTO t (v) VALUES ('first');
CALL makes();
INSERT INTO t (v) VALUES ('last');
COMMIT;
INSERT INTO t (v) VALUES ('after');
E
called_undo='DROP TABLE IF EXISTS made; DELETE FROM t'
called_look='SELECT GROUP_CONCAT(v ORDER BY id) FROM t' called_want=first,before,behind,last,after
called_done="SELECT COUNT(*) FROM t WHERE v = 'behind'" called_number=3

# Rows of several tables, one of which a transaction does not undo.
script several <<'E'
INSERT INTO t (v) VALUES ('a');
UPDATE t AS x JOIN m AS y SET x.v = CONCAT(x.v, '+'), y.n = y.n + 1;
INSERT INTO t (v) VALUES ('b');
E
several_undo='DELETE FROM t; DELETE FROM m; INSERT INTO m VALUES (1)'
several_look='SELECT CONCAT((SELECT GROUP_CONCAT(v ORDER BY id) FROM t), n) FROM m' several_want='a+,b2'
several_done='SELECT n > 1 FROM m' several_number=2

# A file of the server's.
script file <<E
INSERT INTO t (v) VALUES ('a');
SELECT 1 INTO OUTFILE '$MARIADB_DIR/data/demo_db/outfile';
INSERT INTO t (v) VALUES ('b');
E
file_undo='DELETE FROM t'
file_look='SELECT GROUP_CONCAT(v ORDER BY id) FROM t' file_want=a,b
file_done="SELECT LOAD_FILE('$MARIADB_DIR/data/demo_db/outfile') IS NOT NULL" file_number=2

# What is prepared can be looked for by its own text.
script prepared <<'E'
SET @do = IF((SELECT COUNT(*) FROM t) = 0, 'ALTER TABLE t ADD COLUMN later int DEFAULT 7', 'nonsense');
PREPARE later FROM @do;
EXECUTE later;
INSERT INTO t (v) VALUES ('a');
EXECUTE IMMEDIATE 'CREATE TABLE made AS SELECT later FROM t';
DEALLOCATE PREPARE later;
E
prepared_undo='DROP TABLE IF EXISTS made; DELETE FROM t; ALTER TABLE t DROP COLUMN IF EXISTS later'
prepared_look='SELECT CONCAT(v, t.later, made.later) FROM t, made' prepared_want=a77
prepared_done='SELECT 1' prepared_number=0

begin_anew() {	# SCRIPT
	local undo=$1_undo
	rm -f "$MARIADB_DIR/data/demo_db/outfile"
	q "${!undo}; DELETE FROM maintkit_statement WHERE script = '$1'; DELETE FROM maintkit_script WHERE name = '$1'"
}
apply() { sql apply "/usr/share/demo/sql/$1.sql" >"$T/out" 2>&1; }

for s in called several file prepared; do
	look=${s}_look want=${s}_want done=${s}_done number=${s}_number
	begin_anew $s
	ok "$s: undisturbed" apply $s
	is "$(q "${!look}")" "${!want}" "$s: what is to come of it"
	asked=0 count=0 bad=0
	for ((k = 70; ; k++)); do
		begin_anew $s
		{ strace -f -o /dev/null -e trace=sendto -e inject=sendto:signal=KILL:when=$k \
			"$BIN/maintkit-sql" --root "$R" -p demo apply /usr/share/demo/sql/$s.sql >/dev/null 2>&1; rc=$?; } 2>/dev/null
		[ $rc = 137 ] || break
		count=$((count + 1))
		apply $s; rc=$?
		if [ $rc = 2 ] && grep -q "statement ${!number} of script '$s' .* cannot be told whether it was done" "$T/out"; then
			asked=$((asked + 1))
			if [ "$(q "${!done}")" = 1 ]; then how=--done; else how=--redo; fi
			sql repair $s $how "${!number}" >"$T/out" 2>&1 && apply $s
			rc=$?
		fi
		[ $rc = 0 ] && [ "$(q "${!look}")" = "${!want}" ] && continue
		bad=$((bad + 1))
		diag "$s $k: $rc, $(q "${!look}"): $(cat "$T/out")"
	done
	is "$bad" 0 "$s: killed at $count requests, each time the same comes of it"
	if [ "${!number}" = 0 ]; then is "$asked" 0 "$s: nobody was asked"
	else isnt "$asked" 0 "$s: $asked times it was a person who knew"; fi
	[ "$count" -ge 12 ] && pass "$s: enough of them" || fail "$s: only $count"
done

# A table that was there before is not the one that was to be made: its age tells.
echo 'CREATE TABLE old (a int); INSERT INTO t (v) VALUES (1);' | script age
begun() {	# SECONDS: the first statement was begun so long after the table was made
	begin_anew called
	q "CREATE OR REPLACE TABLE old (a int); DELETE FROM maintkit_statement WHERE script = 'age';
		INSERT INTO maintkit_script (name, sha256, state, version, started) VALUES ('age', '', 'running', '', NOW()) ON DUPLICATE KEY UPDATE state = 'running';
		INSERT INTO maintkit_statement (script, number, upto, line, sha256, state, started) VALUES ('age', 1, 1, 1,
		'$(printf 'CREATE TABLE old (a int)\0' | sha256sum | cut -c1-64)', 'intended', NOW() + INTERVAL $1 SECOND)"
}
begun 100
rc_is 2 "a table that is older than the statement that was to make it" sql apply /usr/share/demo/sql/age.sql
like "$err" "Table 'old' already exists" "ends as it would have without a cut"
begun -100
rc_is 0 "one that was made since" sql apply /usr/share/demo/sql/age.sql
is "$(q 'SELECT COUNT(*) FROM t')" 1 "was made by it"
done_testing
