#!/bin/bash
# proves: sql create makes database and account once, with a secret that is nowhere but in the properties file, and an interrupted one is finished by the next
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
mariadb_here || skip_all "$mariadb_why"
MARIADB_FAST=1 MARIADB_OPTIONS="--general-log=1 --general-log-file=/dev/null --log-output=TABLE" mariadb_new || BAIL "no server"

json() { python3 -c 'import json,sys; d = json.loads(sys.argv[1]); assert eval(sys.argv[2]), d' "$@"; }
sql_world
echo 'CREATE TABLE a (x int);' | script base
rc_is 2 "apply before create fails" sql apply
like "$err" "sql create" "and says what to do"
rc_is 0 "dry run" sql create --dry-run
is "$(mariadb_sql "SHOW DATABASES LIKE 'demo_db'")" "" "makes nothing"
rc_is 0 "dry, as JSON" sql create --dry-run --json
ok "it says what would be made" json "$out" 'd["outcome"] == d["account-outcome"] == "would be created" and d["error"] is None'
rc_is 0 "create" sql create --json
like "$err" "created" "and says so"
ok "also as JSON" json "$out" 'd == {"database": "demo_db", "outcome": "created", "account": "demo@localhost", "account-outcome": "created", "error": None}'
json_says_no_secret=$out
rc_is 0 "again" sql create --json
ok "it is there already" json "$out" 'd["outcome"] == d["account-outcome"] == "there"'
P=$R/etc/demo/demo.properties
is "$(stat -c %a "$P")" 640 "the properties file is 0640"
pw=$(sed -n 's/^db_password=//p' "$P")
like "$pw" '^[A-Za-z0-9]{30,}$' "the password is long and random"
like "$(cat "$P")" 'db_username=demo' "the user is in the properties"
like "$(cat "$P")" 'db_name=demo_db' "and the database"
like "$(cat "$P")" 'other=x' "and everything else as it was"
printf '[client]\nuser=demo\npassword=%s\nsocket=%s\n' "$pw" "$MARIADB_SOCKET" >"$T/demo.cnf"
chmod 600 "$T/demo.cnf"
is "$(mariadb --defaults-file="$T/demo.cnf" -N -B -e 'SELECT CURRENT_USER()')" demo@localhost "the account gets in with it"
nok "but not into other databases" mariadb --defaults-file="$T/demo.cnf" -e 'CREATE TABLE mysql.t (a int)'
nok "nor without a privilege" mariadb --defaults-file="$T/demo.cnf" -D demo_db -e 'CREATE TABLE t (a int)'
is "$(mariadb_sql "SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE '%$pw%' AND argument NOT LIKE '%general_log%'")" 0 "the server's log never saw the password"
nok "nor is it in any file of ours" grep -rqF "$pw" "$R/var"
nok "nor was it printed" grep -qF "$pw" <<<"$err $json_says_no_secret"
id=$(cat "$R/var/lib/maintkit/demo/identity")
like "$id" '^[0-9a-f]{32}$' "an identity"
is "$(q "SELECT value FROM maintkit_meta WHERE name='instance_id'")" "$id" "that the database has too"
is "$(q "SELECT value FROM maintkit_meta WHERE name='sql_origin'")" created "the database knows that we made it"
cp "$P" "$T/before"
cp "$R/var/lib/maintkit/demo/effects" "$T/effects"
rc_is 0 "create again" sql create
same "$P" "$T/before" "changes no property"
same "$R/var/lib/maintkit/demo/effects" "$T/effects" "and journals nothing"

mariadb_sql "ALTER USER demo@localhost IDENTIFIED BY 'other'"
rc_is 0 "create after somebody changed the account's password" sql create
same "$P" "$T/before" "keeps the one in the file"
is "$(mariadb --defaults-file="$T/demo.cnf" -N -B -e 'SELECT 1')" 1 "and makes the account obey it"
mariadb_sql "REVOKE DELETE ON \`demo\\_db\`.* FROM demo@localhost"
rc_is 0 "create after a lost privilege" sql create
is "$(mariadb_sql "SELECT COUNT(*) FROM information_schema.schema_privileges WHERE grantee LIKE '%demo%' AND privilege_type='DELETE'")" 1 "gives it back"

echo 0123456789abcdef0123456789abcdef >"$R/var/lib/maintkit/demo/identity"
rc_is 4 "another installation's database is refused" sql create
like "$err" "belongs to another installation" "clearly"
rc_is 0 "unless it is to be adopted" sql create --adopt
is "$(cat "$R/var/lib/maintkit/demo/identity")" "$id" "then its id counts"
rm "$R/var/lib/maintkit/demo/identity"
rc_is 0 "a lost state directory" sql create
like "$err" "taken over" "takes the database's id over"

# Cut off at every request to the server (and at every fsync), then run again.
count=0 bad=0
for what in sendto fsync; do
	for ((k = 1; k < 60; k++)); do
		mariadb_sql 'DROP DATABASE IF EXISTS demo_db; DROP USER IF EXISTS demo@localhost'
		sql_world
		{ strace -f -o /dev/null -e trace=$what -e inject=$what:signal=KILL:when=$k \
			"$BIN/maintkit-sql" --root "$R" -p demo create >/dev/null 2>&1; rc=$?; } 2>/dev/null
		[ $rc = 137 ] || break
		count=$((count + 1))
		if ! sql create >"$T/out" 2>&1; then
			bad=$((bad + 1)); diag "$what $k: $(cat "$T/out")"; continue
		fi
		pw=$(sed -n 's/^db_password=//p' "$R/etc/demo/demo.properties")
		printf '[client]\nuser=demo\npassword=%s\nsocket=%s\n' "$pw" "$MARIADB_SOCKET" >"$T/demo.cnf"
		[ "$(mariadb --defaults-file="$T/demo.cnf" -N -B -D demo_db -e 'SELECT COUNT(*) FROM maintkit_meta WHERE name="sql_origin" AND value="created"' 2>&1)" = 1 ] ||
			{ bad=$((bad + 1)); diag "$what $k: account or origin wrong"; }
		grep -q "db-user" "$R/var/lib/maintkit/demo/effects" && grep -q "database.*done" "$R/var/lib/maintkit/demo/effects" ||
			{ bad=$((bad + 1)); diag "$what $k: effects incomplete"; }
	done
done
is "$bad" 0 "killed at $count places, the next run always finished it"
[ "$count" -gt 25 ] && pass "enough places" || fail "only $count places"

mariadb_kill
rc_is 3 "no server: not now" sql create
rc_is 0 "deferred when asked" sql create --defer install
ok "the step waits" grep -q 'sql.*create' "$R/var/lib/maintkit/demo/pending"
MAINTKIT_ASSUME_BOOTED='' rc_is 3 "no system is running here" sql create
done_testing
