#!/bin/bash
# proves: guard with a real MariaDB: levels and mirror agree, the stricter counts, legacy evidence is found and kept
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
mariadb_here || skip_all "$mariadb_why"
MARIADB_FAST=1
mariadb_new || BAIL 'the server does not start'

R=$T/root
mkdir -p "$R/var/lib/dpkg"
: >"$R/var/lib/dpkg/status"
cat >"$T/profile" <<'P'
[package]
name = clinic
[database]
name = clinic_1
[guard]
lineage = oscar
database-floor = 18
[guard:roster]
query = SELECT EXISTS(SELECT 1 FROM patientArchive WHERE enrolledTo <> '')
reason = rosters were migrated
[guard:bcrypt]
query = SELECT EXISTS(SELECT 1 FROM account WHERE password LIKE '{bcrypt}%')
floor = 20
reason = passwords were changed to bcrypt
P
guard() { "$BIN/maintkit-guard" -p clinic --root "$R" --profile "$T/profile" "$@"; }
meta() { mariadb_sql "SELECT value FROM clinic_1.maintkit_meta WHERE name = '$1'"; }
mirror=$R/var/lib/maintkit/clinic/mirror
field() { guard status --json | python3 -c "import json,sys; print(json.load(sys.stdin)['$1'])"; }

# no database on a server that runs
ok 'no database: allowed' guard check 15-88~844
rc_is 3 'mark without a database: to be repeated' guard mark --level 15 --reason install
rm -rf "$R/var/lib/maintkit"

# a legacy database
mariadb_sql "CREATE DATABASE clinic_1; USE clinic_1; CREATE TABLE patientArchive (enrolledTo varchar(20)); CREATE TABLE account (password varchar(255)); INSERT INTO account VALUES ('-51-282');"
ok 'a legacy database without traces: allowed' guard check 15-88~844
mariadb_sql "INSERT INTO clinic_1.patientArchive VALUES ('17')"
rc_is 4 'rosters were migrated: 15 is refused' guard check 15-88~844
like "$err" 'why: rosters were migrated' '... with the reason of the trace'
ok '... 18 is not' guard check 18alpha-7~928
ok 'what was found is kept in the mirror' grep -q 'rosters were migrated' "$mirror"
is "$(mariadb_sql "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='clinic_1' AND table_name='maintkit_meta'")" 0 \
	'checking writes nothing to the database'
mariadb_sql "DROP TABLE clinic_1.patientArchive"
rc_is 4 'a trace that was seen once counts on' guard check 15-88~844
mariadb_sql "UPDATE clinic_1.account SET password = '{bcrypt}\$2a\$10\$x'"
rc_is 4 'bcrypt: no legacy version' guard check 19-97~3743
like "$err" 'bcrypt' '... with its reason'

# mark
ok 'mark' guard mark --level 20 --lineage 19-97~3743 --reason 'upgrade to 20'
is "$(meta schema_level) $(meta min_app_level) $(meta lineage)" '20 20 19-97~3743' 'the database has the levels, the evidence among them'
like "$(meta instance_id)" '^[0-9a-f]{32}$' '... and an instance id'
is "$(cat "$R/var/lib/maintkit/clinic/identity")" "$(meta instance_id)" '... the same as on disk'
before=$(mariadb_sql 'SELECT * FROM clinic_1.maintkit_meta'; md5sum "$mirror")
ok 'mark again' guard mark --level 20 --reason 'upgrade to 20'
is "$(mariadb_sql 'SELECT * FROM clinic_1.maintkit_meta WHERE name <> "lineage"'; md5sum "$mirror")" \
	"$(grep -v lineage <<<"$before")" '... changes nothing'
ok 'mark lower' guard mark --level 3 --min 2 --reason lower
is "$(meta schema_level) $(meta min_app_level)" '20 20' '... lowers nothing'
ok 'raise by a migration' guard mark --min 21 --level 21 --reason 'names were split'
rc_is 4 'ours of level 20 is refused now' guard check 1:20.0-1 --level 20 --reads 15-21
ok 'allow 1:20.0-1' guard allow 1:20.0-1 --reason 'needed for an hour'
ok 'the allowance is bound to the instance' grep -q "allow	1:20.0-1	$(meta instance_id)" "$mirror"

# the stricter of the two
mariadb_sql "UPDATE clinic_1.maintkit_meta SET value = '1' WHERE name LIKE '%level'"
rc_is 4 'levels lowered in the database by somebody else: the mirror counts' guard check 18-1~900
mariadb_sql "UPDATE clinic_1.maintkit_meta SET value = '-1 OR 1=1' WHERE name LIKE '%level'"
rc_is 4 'nonsense in the database' guard check 18-1~900
like "$err" 'is not a level' '... is told'
mariadb_sql "UPDATE clinic_1.maintkit_meta SET value = '30' WHERE name = 'min_app_level'"
rc_is 4 'higher in the database (a replica, another tool): the database counts' guard check 1:21.0-1 --level 21 --reads 15-21
mariadb_sql "DROP TABLE clinic_1.maintkit_meta"
rc_is 4 'the table is gone: the mirror counts' guard check 18-1~900
ok 'mark writes it again' guard mark --level 21 --reason 'again'
is "$(meta min_app_level)" 30 '... with what was known'

# the server is down
id=$(meta instance_id)
mariadb_stop
rc_is 4 'server down: refused from the mirror' guard check 15-88~844
rc_is 4 'the same words' guard check 18-1~900
run guard check 1:30.0-1 --level 30 --reads 15-30
is "$rc" 0 'server down: what fits is allowed'
if command -v strace >/dev/null; then
	strace -f -o "$T/trace" -e trace=nanosleep,clock_nanosleep,connect "$BIN/maintkit-guard" -p clinic --root "$R" --profile "$T/profile" check 1:30.0-1 --level 30 --reads 15-30 2>/dev/null
	is "$(grep -cE 'sleep.*(tv_sec=[1-9]|tv_nsec=[0-9]{7})' "$T/trace") $(grep -c "connect(.*$MARIADB_SOCKET" "$T/trace")" "0 1" '... at once: it asks for the server once and does not wait a millisecond'
else
	skip 'strace is not installed' '... at once'
fi
rc_is 3 'mark with the server down: the mirror only' guard mark --min 31 --reason 'while it was down'
rc_is 4 '... which counts' guard check 1:30.0-1 --level 30 --reads 15-30
mariadb_start
is "$(meta min_app_level)" 30 'the server is back and does not know yet'
ok 'mark again' guard mark --min 31 --reason 'while it was down'
is "$(meta min_app_level)" 31 '... and now it does'

# after a restore
mariadb_sql "UPDATE clinic_1.maintkit_meta SET value = '19' WHERE name = 'schema_level'; UPDATE clinic_1.maintkit_meta SET value = '18' WHERE name = 'min_app_level'"
rc_is 2 'mark --from-database needs a reason' guard mark --from-database
ok 'mark --from-database: a backup was restored' guard mark --from-database --reason 'restored the backup of May'
is "$(field schema_level) $(field min_app_level)" '19 18' 'the levels are those of the restored data'
ok 'what reads it is allowed again' guard check 19-97~3743

# another machine's database
mariadb_sql "UPDATE clinic_1.maintkit_meta SET value = REPEAT('ab', 16) WHERE name = 'instance_id'"
rc_is 4 'mark on the database of another instance is refused' guard mark --level 22 --reason x
is "$(cat "$R/var/lib/maintkit/clinic/identity")" "$id" '... the id on disk stays'
ok 'check goes on' guard check 19-97~3743
like "$err" 'belongs to instance abababab' '... with a warning'

# state directory lost
rm -rf "$R/var/lib/maintkit"
ok 'state lost: mark takes the id of the database' guard mark --level 19 --reason x
is "$(cat "$R/var/lib/maintkit/clinic/identity")" "$(meta instance_id)" '... both the same'

done_testing
