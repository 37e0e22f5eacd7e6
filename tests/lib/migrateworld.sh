# shellcheck shell=bash
# migrateworld.sh - a package "demo" whose database has OSCAR's tables, below a root of its own, for tests of migrate.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source it after tap.sh; it sources mariadb.sh. A server must run before migrate_world.
#   migrate_needs        skip the test where it cannot run
#   migrate_server       the same, and start a server that does not wait for the disk
#   migrate_world        make $R with a profile, and the database demo_db with the tables of the demonstration payload, empty
#   migrate VERB ...     maintkit-migrate for it
#   guard VERB ...       maintkit-guard for it
#   q SQL                ask the database
#   tables_dump          the database as text, without maintkit's own tables
. "$TOP/tests/lib/mariadb.sh"

R=''
TABLES="demographic demographicArchive provider relationships DemographicContact Contact HRMDocument log Facility"
migrate_needs() {
	mariadb_here || skip_all "$mariadb_why"
	[ "$(id -u)" = 0 ] || skip_all "not root"
}
migrate_server() {
	migrate_needs
	MARIADB_FAST=1 mariadb_new || BAIL "no server"
}
migrate_world() {
	R=$T/root.$((++_worlds))
	mkdir -p "$R/usr/share/demo" "$R/etc/demo" "$R/var/lib" "$R/var/backups/demo" "$R/var/lib/dpkg"
	printf 'root:x:0:0:::\n' >"$R/etc/passwd"
	printf 'root:x:0:\n' >"$R/etc/group"
	printf '%s\n' '[package]' 'name = demo' 'title = Demo' 'user = root' 'unit = demo.service' \
		'[database]' 'name = demo_db' 'user = demo' 'host = localhost' \
		'[guard]' 'lineage = oscar' 'database-floor = 18' \
		'[backup]' 'dir = /var/backups/demo' "${@}" >"$R/usr/share/demo/maintkit.conf"
	mariadb_sql 'DROP DATABASE IF EXISTS demo_db; CREATE DATABASE demo_db CHARACTER SET utf8 COLLATE utf8_general_ci'
	{ echo 'USE demo_db; SET SESSION sql_mode = ""; SET SESSION innodb_strict_mode = OFF;'; cat "$TOP/tests/fixtures/payload/sql/010-schema.sql"; } | mariadb_sql
}
migrate() { "$BIN/maintkit-migrate" --root "$R" -p demo "$@"; }
guard() { "$BIN/maintkit-guard" --root "$R" -p demo "$@"; }
q() { mariadb_sql "USE demo_db; $*"; }
tables_dump() {
	mariadb-dump --no-defaults --socket="$MARIADB_SOCKET" --skip-dump-date --skip-comments --hex-blob --order-by-primary --skip-extended-insert \
		--ignore-table=demo_db.maintkit_meta --ignore-table=demo_db.maintkit_run --ignore-table=demo_db.maintkit_undo demo_db
}

# A sweep: kill VERB NAME at every step-th request to the server, run it again, compare.
#   kill_sweep STEP VERB NAME LOOK [SETUP...]
# The test defines KILL_TABLES (what the migration changes) and KILL_OPTIONS (of `run`). SETUP is run once and leaves what
# the command begins with; that is kept, and put back before each kill. LOOK prints what must be equal in the end.
# Environment: CRASH_ONLY="VERB NAME" (that one sweep), CRASH_FROM, CRASH_TO (requests, to take a long sweep in parts).
_kill_keep() {
	local t
	for t in $KILL_TABLES maintkit_run maintkit_undo maintkit_meta; do
		echo "DROP TABLE IF EXISTS kept_$t;"
		[ -z "$(q "SHOW TABLES LIKE '$t'")" ] || echo "CREATE TABLE kept_$t LIKE $t; INSERT INTO kept_$t SELECT * FROM $t;"
	done | { echo "USE demo_db;"; cat; } | mariadb_sql || BAIL "keep"
	rm -rf "$T/kept"
	[ ! -e "$R/var/lib/maintkit" ] || cp -a "$R/var/lib/maintkit" "$T/kept"
	_kill_again=$(q "SELECT CONCAT('CREATE TABLE IF NOT EXISTS ', SUBSTR(table_name, 6), ' LIKE ', table_name, '; DELETE FROM ', SUBSTR(table_name, 6), '; INSERT INTO ',
		SUBSTR(table_name, 6), ' SELECT * FROM ', table_name, ';') FROM information_schema.tables WHERE table_schema = 'demo_db' AND table_name LIKE 'kept\_%'")
	[ -n "$(q "SHOW TABLES LIKE 'kept\_maintkit\_run'")" ] || _kill_again="DROP TABLE IF EXISTS maintkit_undo, maintkit_run, maintkit_meta; $_kill_again"
}
_kill_restore() {
	q "$_kill_again" || BAIL "restore"
	rm -rf "$R/var/lib/maintkit"
	[ ! -e "$T/kept" ] || cp -a "$T/kept" "$R/var/lib/maintkit"
}
kill_sweep() {
	local step=$1 verb=$2 name=$3 look=$4 k bad=0 count=0 options=()
	shift 4
	[ "${CRASH_ONLY:-$verb $name}" = "$verb $name" ] || return 0
	[ "$verb" = undo ] || read -ra options <<<"$KILL_OPTIONS"
	"$@" >"$T/out" 2>&1 || BAIL "$*: $(cat "$T/out")"
	_kill_keep
	migrate "$verb" "$name" -q "${options[@]}" >"$T/out" 2>&1 || BAIL "$verb $name: $(cat "$T/out")"
	"$look" >"$T/want"
	for ((k = ${CRASH_FROM:-1 + RANDOM % step}; k <= ${CRASH_TO:-1000000}; k += step)); do
		_kill_restore
		{ strace -o /dev/null -e trace=sendto -e inject=sendto:signal=KILL:when=$k "$BIN/maintkit-migrate" --root "$R" -p demo -q "$verb" "$name" \
			"${options[@]}" >/dev/null 2>&1; rc=$?; } 2>/dev/null
		[ $rc = 137 ] || break
		count=$((count + 1))
		migrate "$verb" "$name" -q "${options[@]}" >"$T/out" 2>&1 || { bad=$((bad + 1)); diag "$verb $name $k: $(cat "$T/out")"; continue; }
		"$look" >"$T/got"
		cmp -s "$T/got" "$T/want" || { bad=$((bad + 1)); diag "$verb $name $k: differs" "$(diff "$T/want" "$T/got" | head -3)"; }
		[ "$(q "SELECT COUNT(*) FROM maintkit_run WHERE state NOT IN ('done', 'undone')")" = 0 ] || { bad=$((bad + 1)); diag "$verb $name $k: a run is left open"; }
	done
	is "$bad" 0 "$verb $name, killed at $count requests, every $step. of $k"
	[ "$count" -ge 2 ] && pass "enough of them" || fail "only $count"
}
