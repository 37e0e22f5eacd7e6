#!/bin/bash
# proves: whose a database is: renamed, copied, two instances on one server, shared drug tables and accounts, bad names
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
mariadb_here || skip_all "$mariadb_why"
[ "$(id -u)" = 0 ] || skip_all 'the client must be root for the unix socket'
MARIADB_FAST=1
mariadb_new || BAIL 'the server does not start'

R=$T/root
H=$(uname -n)
ID_a=00112233445566778899aabbccddeeff ID_b=ffeeddccbbaa99887766554433221100
data() { # PACKAGE ARGS
	local p=$1
	shift
	"$BIN/maintkit-data" -p "$p" --root "$R" "$@"
}
# As after removal: nothing but the copy of the profile that was put aside.
purge() { data "$1" purge "${@:2}"; }
record() { python3 -c 'import sys,zlib; b="\t".join(sys.argv[1:]); print("%08x %s" % (zlib.crc32(b.encode()), b))' "$@"; }
instance() { # PACKAGE DATABASE ID PATIENTS [DRUGS ACCOUNT]
	local p=$1 db=$2 id=$3 s=$R/var/lib/maintkit/$1
	mkdir -p "$s" "$R/var/lib/$p/documents" "$R/etc/$p" "$R/var/log/maintkit" "$R/usr"
	chmod 700 "$s"
	cat >"$s/profile" <<-P
		[package]
		name = $p
		[database]
		name = $db
		user = ${6:-$p}
		[data]
		patients = SELECT COUNT(*) FROM patient
		${5:+databases = $5}
		documents = /var/lib/$p/documents
		home = /var/lib/$p
		configuration = /etc/$p
	P
	echo "$id" >"$s/identity"
	{ record 1780000000 data database "$db" done -absent "$db"
	  [ -z "${5:-}" ] || record 1780000000 data database "$5" done -absent "$5"
	  record 1780000000 host db-user "${6:-$p}@localhost" done -absent "${6:-$p}@localhost"; } >"$s/effects"
	echo "letter of $p" >"$R/var/lib/$p/documents/1.txt"
	mariadb_sql "CREATE DATABASE \`$db\`; CREATE USER IF NOT EXISTS ${6:-$p}@localhost IDENTIFIED BY 'x';
		${5:+CREATE DATABASE IF NOT EXISTS $5;}
		USE \`$db\`; CREATE TABLE patient (name varchar(60));
		CREATE TABLE maintkit_meta (name varchar(64) PRIMARY KEY, value text NOT NULL, reason text, changed timestamp);
		INSERT INTO maintkit_meta (name, value) VALUES ('instance_id', '$id')" || BAIL 'SQL'
	for ((i = 0; i < $4; i++)); do echo "INSERT INTO \`$db\`.patient VALUES ('Tremblay$i');"; done | mariadb_sql
}
fresh() {
	rm -rf "$R"
	mariadb_sql "SELECT CONCAT('DROP DATABASE \`', schema_name, '\`;') FROM information_schema.schemata
		WHERE schema_name NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')" | mariadb_sql
	mariadb_sql "DROP USER IF EXISTS aa@localhost, bb@localhost, shared@localhost"
}
databases() { mariadb_sql "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY 1" | xargs; }
accounts() { mariadb_sql "SELECT user FROM mysql.user WHERE user IN ('aa', 'bb', 'shared') ORDER BY 1" | xargs; }

# renamed
fresh
instance aa clinic_a "$ID_a" 3
mariadb_sql 'CREATE DATABASE moved; RENAME TABLE clinic_a.patient TO moved.patient, clinic_a.maintkit_meta TO moved.maintkit_meta; DROP DATABASE clinic_a'
rc_is 2 'the database was renamed: kept, status 2' purge aa --decision destroy
like "$err" "'clinic_a' is not there or empty, but 'moved' carries its id" '... said'
is "$(databases)" moved '... nothing was dropped'
ok '... nobody asked: kept' purge aa
ok '... documents too' [ -s "$R/var/lib/aa/documents/1.txt" ]
like "$(data aa inventory)" 'moved \(carries the same instance' '... in the inventory'
printf '[database]\nname = moved\n' >"$R/etc/aa/maintkit.conf"
chmod 644 "$R/etc/aa/maintkit.conf"
ok 'the new name is set: destroyed' data aa destroy --host "$H" --database moved --patients 3
is "$(databases)" '' '... gone'

# renamed, with an empty one in its place
fresh
instance aa clinic_a "$ID_a" 3
mariadb_sql 'CREATE DATABASE moved; RENAME TABLE clinic_a.patient TO moved.patient, clinic_a.maintkit_meta TO moved.maintkit_meta'
rc_is 2 'renamed, and another one in its place: kept, status 2' purge aa --decision destroy
is "$(databases)" 'clinic_a moved' '... nothing was dropped'

# copied
fresh
instance aa clinic_a "$ID_a" 3
mariadb_sql 'CREATE DATABASE training; CREATE TABLE training.patient AS SELECT * FROM clinic_a.patient; CREATE TABLE training.maintkit_meta AS SELECT * FROM clinic_a.maintkit_meta'
ok 'somebody made a copy: destroy' purge aa --decision destroy
is "$(databases)" training '... the copy was not made by us and stays'
like "$err" "'training' carries the same instance and was not touched" '... and is named'

# two instances on one server
fresh
instance aa clinic_a "$ID_a" 3
instance bb clinic_b "$ID_b" 2
ok 'two instances: one is destroyed' purge aa --decision destroy
is "$(databases) $(accounts)" 'clinic_b bb' '... the other is not'
is "$(cat "$R/var/lib/bb/documents/1.txt") $(mariadb_sql 'SELECT COUNT(*) FROM clinic_b.patient')" 'letter of bb 2' '... its patients and documents'
ok '... then the other' purge bb --decision destroy
is "$(databases) $(accounts)" ' ' '... nothing is left'

# both name the same database
fresh
instance aa clinic_a "$ID_a" 3
mkdir -p "$R/var/lib/maintkit/bb"
sed 's/name = aa/name = bb/' "$R/var/lib/maintkit/aa/profile" | sed 's,/aa\>,/bb,' >"$R/var/lib/maintkit/bb/profile"
echo "$ID_b" >"$R/var/lib/maintkit/bb/identity"
rc_is 2 'another package whose profile names our database: not its own' purge bb --decision destroy
like "$err" 'belongs to instance 00112233' '... said'
is "$(databases)" clinic_a '... nothing was dropped'

# drug tables and an account that both use
fresh
instance aa clinic_a "$ID_a" 3 drugref shared
instance bb clinic_b "$ID_b" 2 drugref shared
ok 'drug tables and account are shared: one is destroyed' purge aa --decision destroy
is "$(databases) $(accounts)" 'clinic_b drugref shared' '... what the other uses stays'
like "$err" "account 'shared@localhost' is left: the package 'bb' uses it too" '... said'
ok '... then the other' purge bb --decision destroy
is "$(databases) $(accounts)" ' ' '... nothing is left'

# names that need quoting
fresh
odd='a"; DROP DATABASE `x`; -- é'
instance aa "${odd//\`/}" "$ID_a" 1
mariadb_sql 'CREATE DATABASE x'
ok 'a database with an odd name' purge aa --decision destroy
is "$(databases)" x '... is the one that goes'

# statistics that hold the first and the last name
fresh
instance aa clinic_a "$ID_a" 9
mariadb_sql 'ANALYZE TABLE clinic_a.patient PERSISTENT FOR ALL' >/dev/null
ok "the server's statistics hold names" grep -qa Tremblay "$MARIADB_DIR/data/mysql/column_stats.MAD"
ok 'destroy' purge aa --decision destroy
like "$err" "InnoDB's system tablespace.*undo and redo logs" '... what is not in our reach is named'
nok '... they do no more' grep -qa Tremblay "$MARIADB_DIR/data/mysql/column_stats.MAD"

# a server that writes logs
mariadb_stop
MARIADB_OPTIONS="--log-bin=$MARIADB_DIR/data/bin --general-log" mariadb_start
fresh
instance aa clinic_a "$ID_a" 9
ok 'destroy on a server that writes logs' purge aa --decision destroy
like "$err" 'logs that hold what was entered: binary log \(PURGE BINARY LOGS\), general log' '... they are named'

done_testing
