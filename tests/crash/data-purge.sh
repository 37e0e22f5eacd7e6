#!/bin/bash
# proves: a purge killed at any system call: the next one finishes it or everything is kept, never half of it unnoticed
# SPDX-License-Identifier: GPL-2.0-or-later
# SOAK=1: every point; else a sample.
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
mariadb_here || skip_all "$mariadb_why"
[ "$(id -u)" = 0 ] || skip_all 'the client must be root for the unix socket'
. "$TOP/tests/lib/crash.sh"
MARIADB_FAST=1
mariadb_new || BAIL 'the server does not start'
[ -n "${SOAK:-}" ] || CRASH_MAX=${CRASH_MAX:-15}

ID=00112233445566778899aabbccddeeff
cat >"$T/profile" <<'P'
[package]
name = clinic
[database]
name = clinic_1
[data]
patients = SELECT COUNT(*) FROM patient
documents = /var/lib/clinic/documents
keys = /var/lib/clinic/keys
logs = /var/log/clinic
disposable = /var/lib/clinic/tomcat
home = /var/lib/clinic
configuration = /etc/clinic
backups = /var/backups/clinic
P
record() { python3 -c 'import sys,zlib; b="\t".join(sys.argv[1:]); print("%08x %s" % (zlib.crc32(b.encode()), b))' "$@"; }
# made once, copied for every point
W=$T/world
mkdir -p "$W"/var/lib/clinic/{documents/a/b,keys,tomcat} "$W"/{etc/clinic,usr,var/log/clinic,var/log/maintkit,var/backups/clinic}
"$BIN/maintkit-data" -p clinic --root "$W" --profile "$T/profile" stash || BAIL stash
S=$W/var/lib/maintkit/clinic
rm "$S/bin/maintkit-data"
echo "$ID" >"$S/identity"
{ record 1780000000 data database clinic_1 done -absent clinic_1
  record 1780000000 host db-user clinic@localhost done -absent clinic@localhost; } >"$S/effects"
for f in etc/clinic/app.properties var/lib/clinic/{documents/{1,2,a/3,a/b/4},keys/ring,tomcat/x} var/log/clinic/app.log var/log/maintkit/clinic.log var/backups/clinic/1; do
	echo "$f Tremblay" >"$W/$f"
done

setup() {
	cp -a "$W/." "$1/"
	[ -z "${TOKEN:-}" ] || cp -a "$T/token" "$1/var/lib/maintkit/clinic/tokens"
	mariadb_sql "DROP DATABASE IF EXISTS clinic_1; DROP USER IF EXISTS clinic@localhost; CREATE DATABASE clinic_1; CREATE USER clinic@localhost IDENTIFIED BY 'x';
		USE clinic_1; CREATE TABLE patient (name varchar(60)); INSERT INTO patient VALUES ('Tremblay'), ('Gagnon');
		CREATE TABLE maintkit_meta (name varchar(64) PRIMARY KEY, value text NOT NULL, reason text, changed timestamp);
		INSERT INTO maintkit_meta (name, value) VALUES ('instance_id', '$ID')"
}
observe() {
	mariadb_sql "SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'clinic_1'; SELECT user FROM mysql.user WHERE user = 'clinic'"
	(cd "$1" && find . ! -type d | sort)
}
whole() {
	[ "$(cd "$1" && grep -rls Tremblay etc/clinic var/lib/clinic/documents var/lib/clinic/keys var/log/clinic | wc -l)" = 7 ] &&
		[ "$(mariadb_sql 'SELECT COUNT(*) FROM clinic_1.patient' 2>/dev/null)" = 2 ]
}
# All is there; or it is on record that only our own state is still to go; or it is on record that a destruction was begun; or nothing is there any more.
invariant() {
	whole "$1" || [ -s "$1/var/lib/maintkit/clinic/destroying" ] ||
		[ "$(observe "$1")" = ./var/backups/clinic/1 ] ||
		{ [ -d "$1/var/lib/maintkit/.clinic.purged" ] && [ "$(observe "$1" | grep -v '^./var/lib/maintkit/clinic/')" = ./var/backups/clinic/1 ]; } ||
		{ observe "$1"; return 1; }
}
ok 'destroy, answered by a person' crash_kill "$BIN/maintkit-data" -p clinic --root @DIR@ --profile "$T/profile" purge --decision destroy
note "$CRASH_POINTS points"

# the token is spent early; what was begun with it is finished without it
mkdir -p "$T/token"
now=$(date +%s)
record purge "$(uname -n)" clinic_1 "$ID" 2 $((now - 60)) $((now + 36000)) >"$T/token/purge"
chmod 700 "$T/token" && chmod 600 "$T/token/purge"
TOKEN=1
ok 'destroy, authorized beforehand' crash_kill "$BIN/maintkit-data" -p clinic --root @DIR@ --profile "$T/profile" purge
TOKEN=

# keep
invariant() { whole "$1"; }
observe() {
	whole "$1" && echo whole
	(cd "$1" && find . ! -type d | sort)
	[ ! -e "$1/var/lib/maintkit/clinic/retained" ] || cut -f 1,3-6 "$1/var/lib/maintkit/clinic/retained" | sed 's/^[^ ]* //'
}
ok 'keep' crash_kill "$BIN/maintkit-data" -p clinic --root @DIR@ --profile "$T/profile" purge

done_testing
