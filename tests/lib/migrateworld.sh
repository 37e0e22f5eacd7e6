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
