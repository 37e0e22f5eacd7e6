#!/bin/bash
# proves: a migration or its undo, killed at any request or with the server killed under it, ends as an undisturbed one does when it is run again
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_needs
command -v strace >/dev/null || skip_all "strace is not installed"
# CRASH_STEP: only every so-manieth request (1 with SOAK=1); CRASH_SERVER: how often the server dies; more: migrateworld.sh.
step=${CRASH_STEP:-${SOAK:-127}} server=${CRASH_SERVER:-${SOAK:+30}}
server=${server:-3}
batch=5		# 300 patients and 38 former states: 68 batches of roster, 60 of middle-names
mariadb_new || BAIL "no server"
migrate_world
mariadb_sql "SET GLOBAL sql_mode = ''; SET GLOBAL innodb_flush_log_at_trx_commit = 0"
q "CREATE TABLE digits (d int PRIMARY KEY); INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9);
   CREATE TABLE was_patients LIKE demographic; CREATE TABLE was_states LIKE demographicArchive;
   INSERT INTO was_patients (demographic_no, last_name, first_name, middleNames, sex, lastUpdateDate, roster_status, provider_no, roster_enrolled_to)
	SELECT n, 'L', ELT(1 + n % 6, 'Sue', 'Sue Ann', 'Renée  Zoë', ' Bob', 'Jean Paul', 'Kim\tLou'), ELT(1 + n % 4, NULL, '', ' ', 'Ann'), '', '2001-02-03',
	ELT(1 + n % 4, 'RO', 'TE', 'ro', 'RO '), ELT(1 + n % 3, '101', '', '102'), ELT(1 + n % 5, NULL, '', NULL, ' ', '7')
	FROM (SELECT 1 + 3 * (a.d + 10 * b.d + 100 * c.d) AS n FROM digits a, digits b, digits c WHERE c.d < 3) x;
   INSERT INTO was_states (id, demographic_no, roster_status, provider_no, roster_enrolled_to) SELECT 2 * demographic_no, demographic_no, roster_status, provider_no, roster_enrolled_to FROM was_patients WHERE demographic_no % 8 = 1"

fresh() {
	q "DROP TABLE IF EXISTS maintkit_undo, maintkit_run, maintkit_meta; DELETE FROM demographic; DELETE FROM demographicArchive;
	   INSERT INTO demographic SELECT * FROM was_patients; INSERT INTO demographicArchive SELECT * FROM was_states"
	rm -rf "$R/var/lib/maintkit"
}
dump() { q "SELECT demographic_no, HEX(first_name), HEX(middleNames), HEX(roster_enrolled_to), HEX(roster_termination_reason), lastUpdateDate FROM demographic ORDER BY 1;
	SELECT id, HEX(roster_enrolled_to), HEX(roster_termination_reason) FROM demographicArchive ORDER BY 1"; }
go() { migrate run "$1" --batch $batch --without-backup test -q; }
all() { go roster && go middle-names; }
undone() { migrate undo middle-names -q && migrate undo roster -q; }
fresh
dump >"$T/before"
ok "both migrations, undisturbed" all
dump >"$T/after"
nok "they change something" cmp -s "$T/before" "$T/after"
is "$(q "SELECT GROUP_CONCAT(batch > 50 ORDER BY run_id) FROM maintkit_run")" "1,1" "in more than 50 batches each"
ok "undone" undone
dump >"$T/got"
same "$T/got" "$T/before" "as before"

KILL_TABLES="demographic demographicArchive" KILL_OPTIONS="--batch $batch --without-backup test"
before_undo_roster() { fresh && all && migrate undo middle-names -q; }
before_undo_names() { fresh && all; }
kill_sweep $step run roster dump fresh
kill_sweep $step run middle-names dump fresh
kill_sweep $step undo roster dump before_undo_roster
kill_sweep $step undo middle-names dump before_undo_names
is "$(mariadb_sql "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'mk-%'")" 0 "no account is left by runs that ended"

# The server dies under us; it comes back while we wait, and the same process goes on.
mariadb_sql 'SET GLOBAL innodb_flush_log_at_trx_commit = 1'
bad=0 lost=0
for ((k = 1; k <= server; k++)); do
	fresh
	{ migrate run roster --batch 1 --without-backup test && migrate run middle-names --batch 1 --without-backup test; } >"$T/run" 2>&1 & pid=$!
	sleep "$((RANDOM % 2)).$((RANDOM % 9 + 1))"
	{ mariadb_kill; } 2>/dev/null
	sleep 0.$((RANDOM % 10))
	mariadb_start || BAIL "the server does not come back"
	if wait $pid; then rc=0; else rc=$?; fi
	grep -q 'waiting up to' "$T/run" && lost=$((lost + 1))
	[ $rc = 0 ] || [ $rc = 3 ] || { bad=$((bad + 1)); diag "server $k: exit $rc: $(cat "$T/run")"; continue; }
	all >"$T/out" 2>&1 || { bad=$((bad + 1)); diag "server $k: $(cat "$T/out")"; continue; }
	dump >"$T/got"
	cmp -s "$T/got" "$T/after" || { bad=$((bad + 1)); diag "server $k: differs" "$(diff "$T/after" "$T/got" | head -3)"; }
done
is "$bad" 0 "the server was killed $server times, $lost of them under a run"
done_testing
