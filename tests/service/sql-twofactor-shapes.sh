#!/bin/bash
# proves: the second-factor script brings every known shape of OSCAR's table security to the same columns, keeps every value, may be repeated and be cut off
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
mariadb_here || skip_all "$mariadb_why"
MARIADB_FAST=1 mariadb_new || BAIL "no server"

sql_world "install =
session = innodb_strict_mode=OFF sql_mode=NO_ENGINE_SUBSTITUTION
[sql:2fa]
file = 2fa.sql
on-upgrade = offer
policy = repeatable"
cp "$TOP/hooks/oscar-emr/sql/2fa.sql" "$S/2fa.sql"
common="security_no int(6) NOT NULL AUTO_INCREMENT PRIMARY KEY, user_name varchar(30) UNIQUE, password varchar(80) NOT NULL DEFAULT ''"
declare -A shape=(
	[deb15]="$common, pin varchar(6) DEFAULT NULL COMMENT 'it''s'"
	[source]="$common, pin varchar(255) NOT NULL DEFAULT '', passwordUpdateDate datetime"
	[fork]="$common, pin varchar(255), usingMfa bool NOT NULL, mfaSecret varchar(255)"
	[v195]="$common, pin varchar(255), totp_enabled smallint(1) NOT NULL DEFAULT 0, totp_secret varchar(254) NOT NULL, totp_algorithm varchar(50) NOT NULL DEFAULT 'sha1', totp_digits smallint NOT NULL DEFAULT 6, totp_period smallint NOT NULL DEFAULT 30"
)
columns() { q "SELECT CONCAT(column_name, ' ', column_type, ' ', is_nullable, ' ', IFNULL(column_default, '-')) FROM information_schema.columns WHERE table_schema = 'demo_db' AND table_name = 'security' AND (column_name LIKE 'totp%') ORDER BY column_name"; }
fresh() {
	mariadb_sql 'DROP DATABASE IF EXISTS demo_db; CREATE DATABASE demo_db CHARACTER SET utf8mb3'
	q "CREATE TABLE security (${shape[$1]}) ENGINE=InnoDB; SET SESSION sql_mode = ''; INSERT INTO security (user_name, password, pin) VALUES ('oscardoc', '-51-282443', '1117'), ('b', 'x', NULL)"
	before=$(q "SELECT user_name, password, pin FROM security ORDER BY 1")
}
for s in deb15 source fork v195; do
	fresh $s
	rc_is 0 "$s: applied" sql apply 2fa
	columns >"$T/columns.$s"
	same "$T/columns.$s" "$T/columns.deb15" "$s: the same columns as on the others"
	is "$(q "SELECT user_name, password, pin FROM security ORDER BY 1")" "$before" "$s: every value is kept"
	[ $s = fork ] || ok "$s: an insert that knows nothing of them works in strict mode" q "SET SESSION sql_mode='STRICT_ALL_TABLES'; INSERT INTO security (user_name, password, pin) VALUES ('new', '', '')"
	like "$(q "SHOW CREATE TABLE security")" 'pin. varchar\(255\)' "$s: pin is wide enough"
	is "$(q "SELECT SUM(warnings) > 0 FROM maintkit_statement WHERE script = '2fa'")" "$([ $s = v195 ] && echo 1 || echo 0)" "$s: the journal tells whether the columns are OSCAR's own"
	dump=$(mariadb_dump demo_db)
	q "DELETE FROM maintkit_statement; DELETE FROM maintkit_script"
	rc_is 0 "$s: run once more with its journal lost" sql apply 2fa
	is "$(mariadb_dump demo_db)" "$dump" "$s: changes nothing"
done
like "$(cat "$T/columns.deb15")" "totp_secret varchar\(254\) NO ''" "the secret has a default"
fresh deb15; sql apply 2fa >"$T/out" 2>&1; want=$(mariadb_dump demo_db)
like "$(q 'SHOW CREATE TABLE security')" "COMMENT 'it''s'" "the comment of pin is kept"
bad=0
for ((k = 1; ; k++)); do
	fresh deb15
	{ strace -f -o /dev/null -e trace=sendto -e inject=sendto:signal=KILL:when=$k \
		"$BIN/maintkit-sql" --root "$R" -p demo apply 2fa >/dev/null 2>&1; rc=$?; } 2>/dev/null
	[ $rc = 137 ] || break
	sql apply 2fa >"$T/out" 2>&1 || { bad=$((bad + 1)); diag "$k: $(cat "$T/out")"; continue; }
	[ "$(mariadb_dump demo_db)" = "$want" ] || { bad=$((bad + 1)); diag "$k: differs"; }
done
is "$bad" 0 "cut off at each of its $((k - 1)) requests, the next run finishes it"
[ "$k" -gt 20 ] && pass "enough of them" || fail "only $k"
done_testing
