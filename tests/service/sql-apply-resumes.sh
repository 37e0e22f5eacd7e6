#!/bin/bash
# proves: sql apply records what it did, stops with the place of an error, goes on from there, and refuses what was changed behind its back
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
. "$TOP/tests/lib/stop.sh"
mariadb_here || skip_all "$mariadb_why"
MARIADB_FAST=1 mariadb_new || BAIL "no server"

sql_world 'install = base data
demo = demo
[sql:extra]
file = extra.sql
on-install = yes
on-upgrade = offer
[sql:again]
file = again.sql
on-upgrade = yes
policy = repeatable'
script base <<'E'
CREATE TABLE a (id int AUTO_INCREMENT PRIMARY KEY, x varchar(20) NOT NULL DEFAULT 'q');
SET @n = 5;
E
script data <<'E'
INSERT INTO a (x) VALUES ('one'), ('two');
INSERT INTO a (x) VALUES (LAST_INSERT_ID());
-- a comment that moves
-- the lines
INSERT INTO a
  (x)
  VALUE S (3);
ALTER TABLE a ADD COLUMN y int;
E
echo "INSERT INTO a (x) VALUES ('demo');" | script demo
echo 'ALTER TABLE a ADD COLUMN z int;' | script extra
echo "ALTER TABLE a ADD COLUMN IF NOT EXISTS w int; INSERT INTO a (x) VALUES ('again');" | script again

rc_is 0 "create" sql create
rc_is 1 "plan --exit-code: something is due" sql plan --exit-code
is "$out" "" "and nothing on stdout, which is debconf's"
like "$(sql plan)" "due data: 4 statements" "plan says what"
ok "as JSON too" eval 'sql plan --json | python3 -c "import json,sys; d=json.load(sys.stdin); assert [s[\"script\"] for s in d[\"scripts\"]] == [\"base\",\"data\",\"extra\"], d"'
rc_is 0 "a dry run" sql apply --dry-run
is "$(q 'SHOW TABLES')" "maintkit_meta" "does nothing"

rc_is 2 "apply stops at an error" sql apply
like "$err" "/usr/share/demo/sql/data.sql:7:[0-9]+: You have an error" "with file, line, column"
like "$err" "error 1064, SQLSTATE 42000" "code and SQLSTATE"
like "$err" "statement 3: INSERT INTO a" "the statement's first line"
like "$err" "statements 1 to 2 of script 'data' are applied" "what is applied"
like "$err" "go on with: maintkit -p demo sql apply data" "and what to do"
is "$(q "SELECT COUNT(*) FROM a")" 3 "what was before it is kept"
like "$(sql status)" "running data: 2 statements" "status shows it"
like "$(sql status)" "stopped: .*data.sql:7" "and why it stopped"
like "$(sql plan)" "interrupted data: 4 statements, 2 of them done" "plan too"
rc_is 2 "again: the same error" sql apply
is "$(q "SELECT COUNT(*) FROM a")" 3 "and nothing twice"

cp "$S/data.sql" "$T/data"
sed -i '1s/one/ONE/; s/VALUE S/VALUES/' "$S/data.sql"
rc_is 4 "the applied part changed: refused" sql apply
like "$err" "changed where it is already applied: statements 1 to 2" "saying which"
sed 's/VALUE S/VALUES/' "$T/data" >"$S/data.sql"
rc_is 0 "the failing statement mended: goes on" sql apply
like "$err" "resuming script 'data' at statement 3" "from there"
is "$(q "SELECT GROUP_CONCAT(x ORDER BY id) FROM a")" "one,two,1,3" "nothing twice, LAST_INSERT_ID as it was"
is "$(q "SELECT GROUP_CONCAT(column_name ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema='demo_db' AND table_name='a'")" "id,x,y,z" "the rest was done, the extra script on a new database too, the one for upgrades not"
rc_is 1 "then the script for upgrades is due" sql plan --exit-code
rc_is 0 "and applied by the next" sql apply
rc_is 0 "then nothing is due" sql plan --exit-code
rc_is 0 "apply again" sql apply
like "$err" "nothing is due" "does nothing"
is "$(q "SELECT COUNT(*) FROM a WHERE x = 'again'")" 1 "really"
rc_is 0 "demo data when asked" sql apply --demo
is "$(q "SELECT COUNT(*) FROM a WHERE x = 'demo'")" 1 "once"

echo '-- more' >>"$S/extra.sql"
rc_is 4 "an applied script changed: refused" sql apply
like "$err" "$(sha256sum "$S/extra.sql" | cut -c1-64).*applied [0-9a-f]{64}" "with both checksums"
sed -i '$d' "$S/extra.sql"
echo '-- more' >>"$S/again.sql"
rc_is 0 "a repeatable one is run again" sql apply
is "$(q "SELECT COUNT(*) FROM a WHERE x = 'again'")" 2 "from its beginning"
echo '-- a new version of the package has another schema' >>"$S/base.sql"
rc_is 0 "a changed script of the first installation does not concern this database" sql apply
rc_is 0 "nor plan" sql plan --exit-code
rc_is 4 "unless it is named" sql apply base

# Other runs and other programs.
hold() {	# SQL: another connection does that and stays, doing nothing, until let_go
	rm -f "$T/hold" && mkfifo "$T/hold"
	mariadb_sql <"$T/hold" >"$T/held" & holder=$!
	exec {hold}>"$T/hold"
	echo "$1;" >&"$hold"
}
let_go() { exec {hold}>&-; wait $holder; }
behind() {	# WORDS ARGS...: an apply in whose way it is, until that says WORDS; then it goes away
	local words=$1 pid
	shift
	"$BIN/maintkit-sql" --root "$R" -p demo apply "$@" >"$T/behind" 2>&1 {hold}>&- & pid=$!
	until_ok "'$words'" grep -q "$words" "$T/behind"
	let_go
	wait $pid
}
hold "DO GET_LOCK('maintkit_sql/demo_db', 5)"
await "another connection to hold the lock" "SELECT IS_USED_LOCK('maintkit_sql/demo_db') IS NOT NULL"
echo "INSERT INTO a (x) VALUES ('late');" | script late
rc_is 3 "another run holds the lock: not now" sql apply /usr/share/demo/sql/late.sql --wait 1
like "$err" "waiting up to 1 s" "after a message"
like "$err" "database connection [0-9]+" "that names the connection"
ok "waiting longer helps" behind "waiting up to 120 s" /usr/share/demo/sql/late.sql --wait 120
row_locked="SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_rows_locked > 0"
hold 'START TRANSACTION; UPDATE demo_db.a SET y = 1'
await "the other connection's transaction" "$row_locked"
echo "UPDATE a SET y = 2 WHERE x = 'late';" | script waits
ok "a row lock that goes away is waited for" behind "waits for a lock" /usr/share/demo/sql/waits.sql
like "$(cat "$T/behind")" "statement 1 waits for a lock; in its way: connection [0-9]+ of 'root'@'localhost' \(in a transaction for [0-9]+ s, idle\)" "naming who has it, meanwhile"
hold 'START TRANSACTION; UPDATE demo_db.a SET y = 1'
await "the other connection's transaction" "$row_locked"
sed -i 's/^dir = /session = lock_wait_timeout=1 innodb_lock_wait_timeout=1\n&/' "$R/usr/share/demo/maintkit.conf"
echo "ALTER TABLE a ADD COLUMN late int;" | script blocked
rc_is 3 "an open transaction blocks: not now" sql apply /usr/share/demo/sql/blocked.sql
like "$err" "blocked.sql:1:1: Lock wait timeout exceeded.*error 1205" "after lock_wait_timeout"
like "$err" "in its way: connection [0-9]+ of 'root'@'localhost'" "naming who"
let_go
rc_is 0 "when it is gone it works" sql apply /usr/share/demo/sql/blocked.sql

# What cannot be undone and leaves no trace.
q 'CREATE TABLE m (a int) ENGINE=MyISAM'
script isam <<'E'
INSERT INTO m VALUES (1);
INSERT INTO m SELECT 2 FROM (SELECT SLEEP(6)) s;
INSERT INTO m VALUES (3);
E
"$BIN/maintkit-sql" --root "$R" -p demo apply /usr/share/demo/sql/isam.sql >/dev/null 2>&1 & pid=$!
await "the second insert into MyISAM to be under way" "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%INSERT INTO m SELECT 2%' AND id <> CONNECTION_ID()"
{ kill -KILL $pid; wait $pid; } 2>/dev/null
# The server is still at work for the dead one, and holds the lock so long: the next run waits for that.
rc_is 2 "an insert into MyISAM that was cut off: a person must look" sql apply /usr/share/demo/sql/isam.sql
like "$err" "isam.sql:2:1: statement 2 of script 'isam' \(INSERT\) was begun at [0-9: -]+ by a run that was cut off" "told which"
like "$err" "statement 2: INSERT INTO m SELECT 2" "its first line"
like "$err" "mariadb demo_db -e 'SELECT \* FROM .m.'" "a query that shows it"
like "$err" "it was done, wholly: maintkit -p demo sql repair isam --done 2" "and how to say so"
like "$err" "it was not, or you have taken it back: maintkit -p demo sql repair isam --redo 2" "either way"
rc_is 2 "repair of another statement" sql repair isam --done 3
json() { python3 -c 'import json,sys; d = json.loads(sys.argv[1]); assert eval(sys.argv[2]), d' "$@"; }
ok "as JSON: which failed" json "$(sql repair isam --done 3 --json)" 'd["scripts"] == [] and "is 2, not 3" in d["error"]'
if [ "$(q 'SELECT COUNT(*) FROM m WHERE a = 2')" = 1 ]; then rc_is 0 "repair --done" sql repair isam --done 2 --json; how=done
else rc_is 0 "repair --redo" sql repair isam --redo 2 --json; how='not done'; fi
ok "what was recorded, as JSON" json "$out" "d == {'database': 'demo_db', 'scripts': [{'script': 'isam', 'file': None, 'outcome': '$how'}], 'error': None}"
rc_is 0 "then it goes on" sql apply /usr/share/demo/sql/isam.sql
is "$(q 'SELECT GROUP_CONCAT(a ORDER BY a) FROM m')" "1,2,3" "each once"

# A file that changes under a run, as an editor that writes in place or a copy that is not finished does it.
{ for ((i = 0; i < 4; i++)); do echo "INSERT INTO m VALUES ($((100 + i)));"; done; echo 'SELECT SLEEP(10);'; head -c 600000 /dev/zero | tr '\0' '\n'; echo 'INSERT INTO m VALUES (200);'; } | script moving
"$BIN/maintkit-sql" --root "$R" -p demo apply /usr/share/demo/sql/moving.sql >"$T/moving" 2>&1 & pid=$!
await "the script to be under way" "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(10)%'"
sed 's/200/201/' "$S/moving.sql" >"$T/moved"
cat "$T/moved" >"$S/moving.sql"
if wait $pid; then rc=0; else rc=$?; fi
is "$rc" 3 "a script that was changed while it was applied: not now"
like "$(cat "$T/moving")" "moving.sql' was changed while it was being applied" "says what happened"
is "$(q 'SELECT GROUP_CONCAT(a ORDER BY a) FROM m WHERE a >= 100')" "100,101,102,103" "nothing of the new text was run"
rc_is 0 "again" sql apply /usr/share/demo/sql/moving.sql
is "$(q 'SELECT GROUP_CONCAT(a ORDER BY a) FROM m WHERE a >= 100')" "100,101,102,103,201" "now it is the new text, each statement once"

# Two at once, of different scripts: one behind the other.
echo 'INSERT INTO m SELECT 300 + SLEEP(8); INSERT INTO m VALUES (301);' | script first
echo 'INSERT INTO m VALUES (302);' | script second
"$BIN/maintkit-sql" --root "$R" -p demo apply /usr/share/demo/sql/first.sql >/dev/null 2>&1 & pid=$!
await "the first to be under way" "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%300 + SLEEP%' AND id <> CONNECTION_ID()"
rc_is 0 "another script meanwhile" sql apply /usr/share/demo/sql/second.sql
like "$err" "another run holds the lock" "waits"
is "$(q 'SELECT GROUP_CONCAT(a ORDER BY a) FROM m WHERE a >= 300')" "300,301,302" "and comes behind it"
wait $pid

# Where a string ends is a matter of the session's mode, also for those who only read.
printf "SET sql_mode='NO_BACKSLASH_ESCAPES';\\nSELECT 'a\\\\'; SELECT 'b';\\nSET @m = CONCAT('ANSI', '_QUOTES');\\nSET SESSION sql_mode=@m;\\nCREATE TABLE \"q\\\\\" (a int);\\n" | script modes
like "$(sql plan /usr/share/demo/sql/modes.sql 2>&1)" 'due modes: 6 statements' "plan reads on in another SQL mode"
like "$(sql plan /usr/share/demo/sql/modes.sql 2>&1)" "6 line 5: CREATE TABLE \"q" "each statement"
is "$(q "SHOW TABLES LIKE 'q_'")" "" "and does nothing"
rc_is 0 "apply does the same" sql apply /usr/share/demo/sql/modes.sql
is "$(q "SHOW TABLES LIKE 'q_'")" 'q\\' "really"

# What a transaction took back is not called applied.
printf "INSERT INTO a (x) VALUES ('kept');\\nSTART TRANSACTION;\\nINSERT INTO a (x) VALUES ('taken back');\\nNONSENSE;\\nCOMMIT;\\n" | script halfway
rc_is 2 "an error in a transaction" sql apply /usr/share/demo/sql/halfway.sql
like "$err" "statements 1 to 1 of script 'halfway' are applied" "says what is applied"
is "$(q "SELECT GROUP_CONCAT(x) FROM a WHERE x IN ('kept', 'taken back')")" "kept" "and so it is"

# Read locks would lock out the journal.
printf "FLUSH TABLES WITH READ LOCK;\\nINSERT INTO a (x) VALUES ('under lock');\\nUNLOCK TABLES;\\nFLUSH TABLES a WITH READ LOCK;\\nUNLOCK TABLES;\\n" | script frozen
rc_is 0 "FLUSH TABLES WITH READ LOCK" sql apply /usr/share/demo/sql/frozen.sql

# A statement as long as the server takes leaves no room for a record in its packet.
packet=$(mariadb_sql 'SET GLOBAL max_allowed_packet = 1048576; SELECT @@GLOBAL.max_allowed_packet')
q 'CREATE TABLE big (a longblob) ENGINE=MyISAM'
{ printf "INSERT INTO big VALUES ('"; head -c $((packet - 2 - 27)) /dev/zero | tr '\0' x; printf "');\\n"; } | script long
is "$(head -n 1 "$S/long.sql" | wc -c)" "$packet" "the longest statement there can be"
rc_is 0 "is applied" sql apply /usr/share/demo/sql/long.sql
is "$(q 'SELECT COUNT(*) FROM big')" 1 "once"
mariadb_sql 'SET GLOBAL max_allowed_packet = DEFAULT'

# A person who waits wants to know how far it is.
for ((i = 0; i < 12; i++)); do echo 'INSERT INTO a (x) SELECT SLEEP(0.6);'; done | script slow
rc_is 0 "a script of seven seconds" sql apply /usr/share/demo/sql/slow.sql
like "$err" "script 'slow': [0-9]+%, statement [0-9]+, 0 MB, [1-9][0-9]* rows, about [0-9]+ s left" "tells what it is at"
sed 's/0.6/0.1/' "$S/slow.sql" | script bar
like "$(command script -qec "'$BIN/maintkit-sql' --root '$R' -p demo apply /usr/share/demo/sql/bar.sql" /dev/null </dev/null)" 'bar +\[#+ *\] +[0-9]+% statement [0-9]+, 0 MB, [0-9]+ rows' "on a terminal with a bar"

# Scripts that end in a transaction, leave their directory, or use client commands.
echo "START TRANSACTION; INSERT INTO a (x) VALUES ('lost');" | script open
rc_is 2 "a script without COMMIT" sql apply /usr/share/demo/sql/open.sql
like "$err" "lacks a COMMIT" "is told so"
mkdir -p "$S/sub"
printf 'source sub/inner.sql\nINSERT INTO a (x) VALUES ("outer");\n' | script outer
printf 'INSERT INTO a (x) VALUES ("inner");\nsource deeper.sql\n' >"$S/sub/inner.sql"
echo 'INSERT INTO a (x) VALUES ("deeper")' >"$S/sub/deeper.sql"
rc_is 0 "source, relative to the file that says it" sql apply /usr/share/demo/sql/outer.sql
is "$(q "SELECT GROUP_CONCAT(x ORDER BY id) FROM a WHERE x LIKE '%er'")" "inner,deeper,outer" "in its place"
rc_is 0 "again: nothing to do" sql apply /usr/share/demo/sql/outer.sql
echo '-- more' >>"$S/sub/deeper.sql"
rc_is 4 "a file that it takes in was changed: refused" sql apply /usr/share/demo/sql/outer.sql
like "$err" "file [0-9a-f]{64}, applied [0-9a-f]{64}" "with both checksums"
echo 'INSERT INTO a (x) VALUES ("deeper")' >"$S/sub/deeper.sql"
rc_is 0 "put back: nothing to do" sql apply /usr/share/demo/sql/outer.sql
echo 'source ../../../../etc/demo/demo.properties' | script climb
rc_is 4 "source out of the directory is refused" sql apply /usr/share/demo/sql/climb.sql
printf "INSERT INTO a (x) VALUES ('early');\nsource nowhere.sql\n" | script early
rc_is 2 "source of what is not there" sql apply /usr/share/demo/sql/early.sql
like "$err" "early.sql:2:1: source: .*nowhere.sql': No such file" "with its place"
is "$(q "SELECT COUNT(*) FROM a WHERE x = 'early'")" 1 "what was before it is kept"
like "$(sql status)" "running early: 1 statements, .*stopped: [^ ]*early.sql:2:1" "and the status knows"
echo 'source loop.sql' | script loop
rc_is 2 "a script that sources itself" sql apply /usr/share/demo/sql/loop.sql
echo 'system touch /tmp/never' | script shell
rc_is 2 "a shell command" sql apply /usr/share/demo/sql/shell.sql
echo "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE a" | script load
rc_is 4 "LOAD DATA LOCAL is refused" sql apply /usr/share/demo/sql/load.sql
like "$err" "load.sql:1:1: LOAD DATA LOCAL .* local-files = yes" "with its place, and how to allow it"
echo 'USE mysql; DROP TABLE user;' | script other
rc_is 4 "another database is refused" sql apply /usr/share/demo/sql/other.sql

q 'ALTER TABLE a MODIFY x varchar(30) NULL, DROP COLUMN z'
rc_is 1 "verify finds drift" sql verify
like "$out" "column a.z is missing" "what is missing"
rc_is 2 "apply as JSON, with an error" sql apply --json /usr/share/demo/sql/late.sql /usr/share/demo/sql/halfway.sql
ok "says what became of each script" python3 -c 'import json,sys
d = json.loads(sys.argv[1])
assert [(s["script"], s["outcome"]) for s in d["scripts"]] == [("late", "applied already"), ("halfway", "not applied")], d
assert "halfway.sql:4:1: You have an error" in d["error"], d' "$out"
rc_is 0 "status as JSON" eval 'sql status --json | python3 -m json.tool'
mariadb_kill
rc_is 3 "no server: not now" sql apply --wait 1
rc_is 3 "nor plan" sql plan
rc_is 0 "deferred when asked" sql apply --defer install
done_testing
