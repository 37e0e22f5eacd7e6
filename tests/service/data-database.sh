#!/bin/bash
# proves: purge with a real MariaDB: counts, whose database it is, destroyed means gone, killed anywhere it converges
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
mariadb_here || skip_all "$mariadb_why"
[ "$(id -u)" = 0 ] || skip_all 'the client must be root for the unix socket'
MARIADB_FAST=1
mariadb_new || BAIL 'the server does not start'

R=$T/root
S=$R/var/lib/maintkit/clinic
H=$(uname -n)
ID=00112233445566778899aabbccddeeff
cat >"$T/profile" <<P
[package]
name = clinic
[database]
name = clinic_1
[data]
patients = SELECT COUNT(*) FROM patient
databases = drugs other
documents = /var/lib/clinic/documents
keys = /var/lib/clinic/keys
disposable = /var/lib/clinic/tomcat
home = /var/lib/clinic
configuration = /etc/clinic
backups = /var/backups/clinic
P
data() { "$BIN/maintkit-data" -p clinic --root "$R" --profile "$T/profile" "$@"; }
record() { python3 -c 'import sys,zlib; b="\t".join(sys.argv[1:]); print("%08x %s" % (zlib.crc32(b.encode()), b))' "$@"; }
# machine PATIENTS DOCUMENTS: a server and a disk as the package leaves them
machine() {
	local i
	rm -rf "$R"
	mkdir -p "$R"/var/lib/clinic/{documents,keys,tomcat} "$R/etc/clinic" "$R/var/lib/dpkg" "$R/var/log/maintkit"
	data stash || BAIL stash
	echo "$ID" >"$S/identity"
	{ record 1780000000 data database clinic_1 done -absent clinic_1
	  record 1780000000 data database drugs done -absent drugs
	  record 1780000000 host db-user clinic@localhost done -absent clinic@localhost; } >"$S/effects"
	echo secret >"$R/etc/clinic/app.properties"
	for ((i = 0; i < $2; i++)); do echo "Patient$i" >"$R/var/lib/clinic/documents/$i.txt"; done
	mariadb_sql "DROP DATABASE IF EXISTS clinic_1; DROP DATABASE IF EXISTS drugs; DROP DATABASE IF EXISTS other; DROP USER IF EXISTS clinic@localhost;
		CREATE DATABASE clinic_1; CREATE DATABASE drugs; CREATE DATABASE other; CREATE USER clinic@localhost IDENTIFIED BY 'x';
		USE clinic_1; CREATE TABLE patient (name varchar(60)); CREATE TABLE note (t text); CREATE VIEW v AS SELECT * FROM note;
		CREATE TABLE maintkit_meta (name varchar(64) PRIMARY KEY, value text NOT NULL, reason text, changed timestamp);
		INSERT INTO maintkit_meta (name, value) VALUES ('instance_id', '$ID')" || BAIL 'SQL'
	for ((i = 0; i < $1; i++)); do echo "INSERT INTO clinic_1.patient VALUES ('Tremblay$i');"; done | mariadb_sql
}
databases() { mariadb_sql "SELECT schema_name FROM information_schema.schemata WHERE schema_name IN ('clinic_1','drugs','other') ORDER BY 1" | xargs; }
accounts() { mariadb_sql "SELECT COUNT(*) FROM mysql.user WHERE user = 'clinic'"; }
left() { (cd "$R" && find . -mindepth 1 ! -type d | sort | xargs); }

# inventory
machine 3 2
run data inventory --json
is "$(python3 -c 'import json,sys; j=json.load(sys.stdin); print(j["data"], j["patients"], j["documents"]["files"], [b["state"] for b in j["databases"]], j["databases"][0]["tables"])' <<<"$out")" \
	"present 3 2 ['ours', 'ours', 'unknown'] 4" 'inventory: patients, documents, databases and whose they are'
is "$(data purge --question | grep -E 'patients|data=' | xargs)" 'data=present patients=3' 'the question at purge'

# no patients
machine 0 0
run data purge
is "$rc:$err" '0:' 'no patients: purge, silently'
is "$(databases) $(accounts)" 'other 0' 'our databases and the account are gone, the one that we did not make stays'
is "$(left)" '' 'no file is left'

# keep
machine 3 2
ok 'patients, nobody asked: kept' data purge
is "$(databases) $(accounts)" 'clinic_1 drugs other 1' '... databases and account'
is "$(mariadb_sql 'SELECT COUNT(*) FROM clinic_1.patient')" 3 '... patients'
ok '... properties' [ -s "$R/etc/clinic/app.properties" ]
ok 'adopt after reinstallation' data adopt
rm -f "$S/retained"
run data purge
mariadb_sql "UPDATE clinic_1.maintkit_meta SET value = REPEAT('ab', 16)"
rc_is 4 'adopt of another database of that name' data adopt

# tokens
machine 3 2
rc_is 4 'authorize with a wrong count' data authorize --purge --host "$H" --database clinic_1 --patients 4
ok 'authorize' data authorize --purge --host "$H" --database clinic_1 --patients 3
mariadb_sql "INSERT INTO clinic_1.patient VALUES ('Gagnon')"
rc_is 4 'a patient was added since: kept, status 4' data purge
like "$err" 'number of patients has changed' '... said'
is "$(mariadb_sql 'SELECT COUNT(*) FROM clinic_1.patient')" 4 '... kept'
mariadb_sql "DELETE FROM clinic_1.patient WHERE name = 'Gagnon'"
exec {held}<>"$S/backup.lock"
flock -s "$held"
rc_is 3 'while a backup is made or read: not now' data purge
is "$(mariadb_sql 'SELECT COUNT(*) FROM clinic_1.patient') $(find "$R/var/lib/clinic/documents" -type f | wc -l)" '3 2' '... nothing is touched'
exec {held}>&-
ok 'as authorized, which was not spent: destroyed' data purge
is "$(databases) $(accounts)" 'other 0' '... databases and account'
is "$(left)" '' '... files'

# the right server
machine 3 2
mariadb_sql "UPDATE clinic_1.maintkit_meta SET value = REPEAT('ab', 16)"
rc_is 2 'the database of another instance: kept, status 2' data purge --decision destroy
like "$err" 'belongs to instance abababab' '... said'
is "$(databases)" 'clinic_1 drugs other' '... nothing was dropped'
ok '... no document was deleted' [ -s "$R/var/lib/clinic/documents/0.txt" ]
mariadb_sql 'DROP TABLE clinic_1.maintkit_meta'
rc_is 2 'a database that carries no id: kept, status 2' data purge --decision destroy
is "$(databases)" 'clinic_1 drugs other' '... nothing was dropped'
machine 3 2
mariadb_sql 'RENAME TABLE clinic_1.patient TO clinic_1.person'
rc_is 2 'patients cannot be counted: kept, status 2' data purge --decision destroy
ok '... status 0 when nothing was asked' data purge
is "$(databases)" 'clinic_1 drugs other' '... nothing was dropped'

# remote
machine 3 2
printf '[client]\nsocket=%s\nuser=root\n' "$MARIADB_SOCKET" >"$R/etc/clinic/db.cnf"
chmod 600 "$R/etc/clinic/db.cnf"
rc_is 2 'a server elsewhere: an answer at purge is not enough' data purge --decision destroy
like "$err" 'another machine' '... said'
ok 'authorize names it' data authorize --purge --host "$H" --database clinic_1 --patients 3
ok '... and then it goes' data purge
is "$(databases)" 'other' '... gone'

# destroy
machine 200 50
ok 'a person answers: destroy' data purge --decision destroy
like "$err" "database 'clinic_1', database 'drugs', 200 patients, 50 documents; checked to be gone" 'counts are told'
is "$(databases) $(accounts)" 'other 0' 'databases and account are gone'
is "$(left)" '' 'no file is left'
is "$(find "$MARIADB_DIR/data/clinic_1" 2>/dev/null)" '' "the server's own directory of it is gone"
is "$(mariadb-dump --no-defaults --socket="$MARIADB_SOCKET" --all-databases 2>/dev/null | grep -c Tremblay)" 0 'no name is found in any database'

# archive
machine 3 2
rc_is 2 'archive without a recipient outside this machine: kept, status 2' data purge --decision archive
like "$err" 'recipient outside this machine' '... said'
is "$(databases)" 'clinic_1 drugs other' '... nothing was dropped'

# the server is down
machine 3 2
mariadb_stop
ok 'server down, nobody asked: kept' data purge
rc_is 2 'server down, destroy: kept, status 2' data purge --decision destroy
ok '... documents are there' [ -s "$R/var/lib/clinic/documents/0.txt" ]
rc_is 3 'adopt has to wait' data adopt
ok '... or is left for the next boot' data adopt --defer data
mariadb_start

# killed at many moments: the next run finishes or keeps, and never says done when it is not
bad='' killed=0
for ms in 1 3 5 8 12 16 20 25 30 35 40 45 50 60 70 80 90 100 120 140 160 200; do
	machine 5 20
	"$BIN/maintkit-data" -p clinic --root "$R" --profile "$T/profile" purge --decision destroy >/dev/null 2>&1 &
	pid=$!
	sleep "$(printf '0.%03d' "$ms")"
	kill -KILL $pid 2>/dev/null && killed=$((killed + 1))
	wait $pid 2>/dev/null
	while pgrep -f "batch.*socket=$MARIADB_SOCKET|socket=$MARIADB_SOCKET.*batch" >/dev/null; do sleep 0.02; done    # the client that it ran
	if [ -e "$S/destroying" ]; then
		data purge >"$T/out" 2>&1 || { bad+=" $ms:status"; diag "$(cat "$T/out")"; }
		[ "$(databases)" = other ] || bad+=" $ms:databases"
		[ -z "$(left)" ] || bad+=" $ms:files"
	elif [ -e "$R/var/lib/clinic" ]; then
		[ "$(mariadb_sql 'SELECT COUNT(*) FROM clinic_1.patient')" = 5 ] || bad+=" $ms:half"
	fi
done
is "$bad" '' "killed at 22 moments ($killed times before its end): the next run finishes what was begun"
machine 5 20
record destroying "$ID" clinic_1 drugs >"$S/destroying"
mariadb_sql 'DROP TABLE clinic_1.maintkit_meta, clinic_1.patient'
ok 'cut off in the middle of DROP DATABASE: finished without being asked again' data purge
is "$(databases)" 'other' '... gone'

done_testing
