#!/bin/bash
# proves: a server that goes away in the middle of a script is waited for, with a message, and the script goes on; or exit 3, and the next run goes on
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
. "$TOP/tests/lib/stop.sh"
mariadb_here || skip_all "$mariadb_why"
MARIADB_FAST=1 mariadb_new || BAIL "no server"
gone=${SOAK:+20}
gone=${gone:-3}

sql_world
# From a row on each takes two minutes, but not on a server that was started again: so it is caught there.
slow() {	# NAME ROWS
	local i
	mariadb_sql "SET GLOBAL max_connect_errors = 4711"
	echo "CREATE TABLE $1 (id int AUTO_INCREMENT PRIMARY KEY, n int NOT NULL DEFAULT 0);"
	for ((i = 1; i <= 16; i++)); do
		if [ $i -le "$2" ]; then echo "INSERT INTO $1 (n) SELECT SLEEP(0.1);"
		else echo "INSERT INTO $1 (n) SELECT SLEEP(IF(@@GLOBAL.max_connect_errors = 4711, 120, 0.1));"; fi
		echo "UPDATE $1 SET n = n + 1;"
		((i % 4)) || echo "ALTER TABLE $1 ADD COLUMN c$i int NOT NULL DEFAULT $i;"
		((i % 5)) || echo "START TRANSACTION; UPDATE $1 SET n = n + 0; DO SLEEP(0.1); COMMIT;"
	done
}
start() {	# NAME OPTION...
	local name=$1
	shift
	"$BIN/maintkit-sql" --root "$R" -p demo apply "/usr/share/demo/sql/$name.sql" "$@" >"$T/said" 2>&1 &
	pid=$!
}
under_way() {	# NAME ROWS
	local i
	for ((i = 0; i < 2000; i++)); do
		[ "$(q "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; SELECT COUNT(*) >= $2 FROM $1" 2>/dev/null)" = 1 ] && return 0
		sleep 0.05
	done
	BAIL "'$1' does not get under way"
}
rows() { q "SELECT CONCAT(COUNT(*), ' ', SUM(n), ' ', MAX(n), ' ', MAX(id)) FROM $1"; }
want='16 136 16 16'
script base </dev/null
sql create --quiet 2>"$T/err" && sql apply --quiet 2>>"$T/err" || BAIL "$(cat "$T/err")"

at=3
for how in stop kill; do
	for name in "${how}a" "${how}b"; do
		slow $name $at | script $name
		start $name --wait $((gone + 300))
		under_way $name $at
		at=$((at + 3))
		{ mariadb_$how; } 2>/dev/null
		in_time grep -q 'waiting up to' "$T/said"
		sleep $gone
		like "$(cat "$T/said")" "error (10|19|20)[0-9][0-9],.*; waiting up to [0-9]+ s for the server" "$name: the server is gone: it says so and waits"
		ok "$name: and is still there" kill -0 $pid
		mariadb_start || BAIL "the server does not come back"
		wait $pid; is $? 0 "$name: the server is back after $gone s: it ends well"
		like "$(cat "$T/said")" "resuming script '$name' at statement [0-9]+|statement [0-9]+ of script '$name' .* was cut off" "$name: having gone on where it was"
		is "$(rows $name)" "$want" "$name: nothing missing, nothing twice, no number left out"
	done
done

slow never 5 | script never
start never --wait 1
under_way never 5
{ mariadb_kill; } 2>/dev/null
wait $pid; is $? 3 "it does not come back: not now"
like "$(cat "$T/said")" "what is done is recorded; run the same command again to go on" "and what to do"
mariadb_start || BAIL "the server does not come back"
like "$(sql status)" "running never: [0-9]+ statements" "the status knows how far it got"
rc_is 0 "run again" sql apply /usr/share/demo/sql/never.sql
is "$(rows never)" "$want" "nothing missing, nothing twice"

# A script that turns autocommit off: also what we record at its end has to stay.
printf 'SET autocommit = 0;\nINSERT INTO never (n) VALUES (99);\nCOMMIT;\n' | script manual
rc_is 0 "a script that commits by itself" sql apply /usr/share/demo/sql/manual.sql
like "$(sql status)" "done manual: 3 statements" "is recorded as done"
done_testing
