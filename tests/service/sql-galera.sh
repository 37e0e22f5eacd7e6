#!/bin/bash
# proves: on a Galera cluster a script is the same on all nodes, goes on through another node when one dies, and is run by one at a time
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/galera.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
. "$TOP/tests/lib/sqlmixed.sh"
galera_here || skip_all "$galera_why"
galera_new || BAIL "no cluster"

sql_world 'install = base
lease = 6'
cnf() {	# FILE PORT...
	local f=$1 hosts='' p
	shift
	for p; do hosts=$hosts${hosts:+, }127.0.0.1:$p; done
	(umask 077 && printf '[client]\nuser = clinic\npassword = galera\nhost = %s,\n' "$hosts" >"$f")
}
cnf "$R/etc/demo/db.cnf" 3301 3302 3303
for n in 1 2 3; do cnf "$R/etc/demo/node$n" 330$n; done
# Content as node N has it when it has taken in all that was committed before.
dump() {
	MARIADB_SOCKET=$(galera_socket "$1")
	galera_sql "$1" 'SET SESSION wsrep_sync_wait = 1; SELECT COUNT(*) FROM mysql.user' >/dev/null
	mariadb_dump "$2" --ignore-table="$2.maintkit_lease" | sed "s/AUTO_INCREMENT=[0-9]* //; s/DEFINER=[^ ]*/DEFINER/; s/$2/DB/g"
}
via() { local n=$1; shift; sql "$@" --defaults-file "/etc/demo/node$n"; }
same_on_all() {
	local n
	dump 1 demo_db >"$T/dump1"
	for n in 2 3; do dump $n demo_db >"$T/dump$n" && cmp "$T/dump1" "$T/dump$n" || return; done
}

# One run.
sql_mixed 5 | script base
rc_is 0 "create" sql create
rc_is 0 "a script of all kinds of statements" sql apply
ok "it is the same on all three nodes" same_on_all
galera_sql 1 'CREATE DATABASE by_client CHARACTER SET utf8mb4'
ok "the client runs it on the same node" eval 'mariadb --no-defaults --socket="$(galera_socket 1)" --default-character-set=utf8mb4 by_client <"$S/base.sql" >/dev/null'
dump 1 by_client >"$T/client"
same "$T/dump1" "$T/client" "and gets the same"
is "$(galera_sql 3 "SET wsrep_sync_wait = 1; SELECT owner FROM demo_db.maintkit_lease WHERE name = 'sql'")" "" "the lease is given back"
script isam <<'E'
CREATE TABLE m (a int) ENGINE=MyISAM;
INSERT INTO m VALUES (1);
E
rc_is 2 "rows of a table that the cluster does not copy" sql apply "/usr/share/demo/sql/isam.sql"
like "$err" "isam.sql:2:1: table 'm' has engine MyISAM, whose rows the cluster does not copy" "are refused with the reason"

# A script slow enough to be caught in the middle; every statement can be judged.
slow() {	# NAME STATEMENTS
	local i
	echo "CREATE TABLE $1 (id int PRIMARY KEY, a varchar(20), n int NOT NULL DEFAULT 0);"
	for ((i = 1; i <= $2; i++)); do
		echo "INSERT INTO $1 (id, a) SELECT $i, 'row' FROM (SELECT SLEEP(0.1)) s;"
		echo "UPDATE $1 SET n = n + 1;"
		((i % 4)) || echo "ALTER TABLE $1 ADD COLUMN c$i int NOT NULL DEFAULT $i;"
	done
}
rows() { galera_sql "$1" "SET wsrep_sync_wait = 1; SELECT CONCAT(COUNT(*), ' ', SUM(n), ' ', MAX(n)) FROM demo_db.$2"; }
want='30 465 30'	# each of 30 updates counts the rows so far
start() {	# the process itself, so that it can be killed
	"$BIN/maintkit-sql" --root "$R" -p demo apply "$1" >"$T/first" 2>&1 &
	pid=$!
}
under_way() {	# NODE TABLE
	local i
	for ((i = 0; i < 2000; i++)); do
		[ "$(galera_sql "$1" "SELECT COUNT(*) > 1 FROM demo_db.$2" 2>/dev/null)" = 1 ] && return 0
		sleep 0.05
	done
	BAIL "'$2' does not get under way"
}

# Two at once, through two nodes.
slow two 30 | script two
start /usr/share/demo/sql/two.sql
under_way 2 two
rc_is 3 "a second run through another node, which does not wait" via 2 apply /usr/share/demo/sql/two.sql --wait 0
like "$err" "another run has the lease on database 'demo_db': '.* pid [0-9]+ .*' through node 'node1', alive for [0-9]+ s more" "is told who and where"
rc_is 0 "one that waits" via 3 apply /usr/share/demo/sql/two.sql --wait 240
like "$err" "waiting up to 240 s" "does so"
like "$err" "script 'two' is applied already" "and finds it done"
wait $pid; is $? 0 "by the first"
is "$(rows 3 two)" "$want" "once"

# The first is thought dead and is not: it was stopped for longer than its lease.
slow three 30 | script three
start /usr/share/demo/sql/three.sql
under_way 2 three
kill -STOP $pid
rc_is 0 "another one takes over when the lease has expired" via 2 apply /usr/share/demo/sql/three.sql --wait 240
kill -CONT $pid
wait $pid; rc=$?
ok "the first goes on, and sees it or is refused (exit $rc)" [ $rc = 0 -o $rc = 3 ]
[ $rc = 0 ] || like "$(cat "$T/first")" "taken over the lease" "saying why"
is "$(rows 3 three)" "$want" "nothing was done twice"
ok "and all nodes agree" same_on_all

# The node that we talk to dies; the process goes on by itself.
slow four 30 | script four
start /usr/share/demo/sql/four.sql
under_way 2 four
{ galera_kill 1; } 2>/dev/null
wait $pid; is $? 0 "its node was killed: the run ends well"
like "$(cat "$T/first")" "waiting up to [0-9]+ s for the server" "after waiting"
like "$(cat "$T/first")" "using host '127.0.0.1:3302' \('127.0.0.1:3301': " "through another, and it says which"
is "$(rows 3 four)" "$want" "nothing missing, nothing twice"
galera_start 1
galera_ready 1 || BAIL "node 1 does not come back"
ok "node 1 comes back to the same" same_on_all

# Process and node die together.
slow five 30 | script five
start /usr/share/demo/sql/five.sql
under_way 2 five
{ kill -KILL $pid; galera_kill 1; wait $pid; } 2>/dev/null
rc_is 0 "process and node were killed: run again through another" via 3 apply /usr/share/demo/sql/five.sql --wait 240
like "$err" "resuming script 'five' at statement" "goes on where it was"
is "$(rows 2 five)" "$want" "nothing missing, nothing twice"

# What is left of the cluster is no quorum.
{ galera_kill 3; } 2>/dev/null
for ((i = 0; i < 1000; i++)); do
	galera_sql 2 'SELECT 1 FROM mysql.user LIMIT 1' >/dev/null 2>&1 || break
	sleep 0.1
done
rc_is 3 "a node without the others: not now" sql plan
like "$err" "none of the hosts can be used: '127.0.0.1:3301': .*'127.0.0.1:3302': the node is not connected to its cluster.*'127.0.0.1:3303':" "with the reason for each"
done_testing
