#!/bin/bash
# proves: a script killed at any request, or whose server is killed under it, ends as an undisturbed run does when it is run again
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
. "$TOP/tests/lib/sqlmixed.sh"
mariadb_here || skip_all "$mariadb_why"
# CRASH_STEP: only every so-manieth request (1, and with SOAK=1: all of them), from CRASH_START on (a random one);
# CRASH_SERVER: how often the server dies.
step=${CRASH_STEP:-${SOAK:-31}} server=${CRASH_SERVER:-${SOAK:+30}}
start=${CRASH_START:-$((1 + RANDOM % step))}
server=${server:-6}

sql_world
mariadb_new || BAIL "no server"
sql_mixed 12 | script base
statements=$(sql plan --json 2>/dev/null | grep -o '"statements": *[0-9]*' | grep -o '[0-9]*')
dump() { mariadb_dump "$1" | sed 's/AUTO_INCREMENT=[0-9]* //'; }

mariadb_sql 'CREATE DATABASE by_client CHARACTER SET utf8mb4'
ok "the client runs it" eval 'mariadb --no-defaults --socket="$MARIADB_SOCKET" --default-character-set=utf8mb4 by_client <"$S/base.sql" >/dev/null'
dump by_client | sed 's/by_client/demo_db/g' >"$T/want"

fresh() {
	mariadb_sql 'DROP DATABASE IF EXISTS demo_db' && sql create --quiet 2>"$T/create" || BAIL "create: $(cat "$T/create")"
}
fresh
rc_is 0 "so do we" sql apply
dump demo_db >"$T/got"
same "$T/got" "$T/want" "$statements statements, and the database is the same"

# $1 what happened: run again, compare.
recovers() {
	if ! sql apply >"$T/out" 2>&1; then
		diag "$1: $(cat "$T/out")"
		return 1
	fi
	dump demo_db >"$T/got"
	cmp -s "$T/got" "$T/want" && return 0
	diag "$1: the database differs" "$(diff "$T/want" "$T/got" | head -5)"
	return 1
}

# As long as the server lives, its commits need not reach the disk.
mariadb_sql 'SET GLOBAL innodb_flush_log_at_trx_commit = 0'
for what in sendto recvfrom; do
	bad=0 count=0
	for ((k = start; ; k += step)); do
		fresh
		{ strace -f -o /dev/null -e trace=$what -e inject=$what:signal=KILL:when=$k \
			"$BIN/maintkit-sql" --root "$R" -p demo apply >/dev/null 2>&1; rc=$?; } 2>/dev/null
		[ $rc = 137 ] || break
		count=$((count + 1))
		recovers "$what $k" || bad=$((bad + 1))
	done
	is "$bad" 0 "killed at $count $what calls, every $step. from $start to $k"
	[ "$count" -ge 20 ] && pass "enough of them" || fail "only $count"
done

# The server dies under us; it comes back while we wait, and the same process goes on. Points that are spread over
# the script: as soon as the journal knows of so many statements. It is slowed down, so that it does not get away meanwhile.
mariadb_sql 'SET GLOBAL innodb_flush_log_at_trx_commit = 1'
bad=0 lost=0
for ((k = 0; k < server; k++)); do
	fresh
	strace -f -o /dev/null -e trace=sendto -e inject=sendto:delay_enter=1500 \
		"$BIN/maintkit-sql" --root "$R" -p demo apply >"$T/apply" 2>&1 & pid=$!
	for ((i = 0; i < 2000; i++)); do
		at=$(q 'SELECT IFNULL(MAX(upto), 0) FROM maintkit_statement' 2>/dev/null)
		[ "${at:-0}" -lt $((k * statements / server)) ] && kill -0 $pid 2>/dev/null || break
	done
	{ mariadb_kill; } 2>/dev/null
	sleep 0.$((RANDOM % 10))
	mariadb_start || BAIL "the server does not come back"
	if wait $pid; then rc=0; else rc=$?; fi
	grep -q 'waiting up to' "$T/apply" && lost=$((lost + 1))
	[ $rc = 0 ] || [ $rc = 3 ] || { bad=$((bad + 1)); diag "server $k: exit $rc: $(cat "$T/apply")"; continue; }
	recovers "server $k (exit $rc)" || bad=$((bad + 1))
done
is "$bad" 0 "the server was killed $server times, $lost of them under a running script"
[ $((lost * 2)) -ge "$server" ] && pass "enough of them" || fail "only $lost"
done_testing
