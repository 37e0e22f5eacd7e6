#!/bin/bash
# proves: "archive" at purge destroys only after a backup that a key outside this machine opens was read back
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
. "$TOP/tests/lib/mariadb.sh"
mariadb_here || skip_all "$mariadb_why"
pgp_system
MARIADB_FAST=1
mariadb_new || BAIL 'no database server'

# as postrm: by hand a purge of an installed package is refused
data() { DPKG_MAINTSCRIPT_NAME=postrm DPKG_MAINTSCRIPT_PACKAGE=demo "$BIN/maintkit-data" --root "$R" -p demo "$@"; }
patients() { mariadb_sql 'SELECT COUNT(*) FROM demo.demographic' 2>/dev/null; }
id=$(printf '%032d' 7)
mkdir -p "$STATE" "$R/var/lib/demo/documents" && chmod 700 "$STATE"
echo "$id" >"$STATE/identity"
echo 'letter about Tremblay' >"$R/var/lib/demo/documents/1.txt"
mariadb_sql "CREATE DATABASE demo; USE demo; CREATE TABLE demographic (name varchar(60)); INSERT INTO demographic VALUES ('Tremblay'), ('Gagnon');
	CREATE TABLE maintkit_meta (name varchar(64) PRIMARY KEY, value text NOT NULL, reason text, changed timestamp);
	INSERT INTO maintkit_meta (name, value) VALUES ('instance_id', '$id')"
ok 'a key of the clinic' pgp ensure

rc_is 2 'without a recipient outside this machine: kept, status 2' data purge --decision archive
is "$(patients)" 2 '... kept'

plain_gpg "$T/offsite" --passphrase '' --quick-generate-key 'Off Site <off@example.org>' default default never
plain_gpg "$T/offsite" --armor --export off@example.org >"$R/etc/offsite.asc"
echo 'recipients = /etc/offsite.asc' >>"$R/usr/share/demo/maintkit.conf"

chmod 0 "$R/etc/offsite.asc"
mv "$R/etc/offsite.asc" "$R/etc/offsite.away"
rc_is 2 'the backup fails: kept, status 2' data purge --decision archive
is "$(patients)" 2 '... kept'
ok '... the document too' [ -s "$R/var/lib/demo/documents/1.txt" ]
mv "$R/etc/offsite.away" "$R/etc/offsite.asc"
chmod 644 "$R/etc/offsite.asc"

echo 'backups = /var/backups/demo' >"$T/line"
sed -i "/^\[data\]/r $T/line" "$R/usr/share/demo/maintkit.conf"
ok 'archive' data purge --decision archive
archive=$(find "$R/var/backups/demo" -name 'purge-*.gpg')
is "$(patients)" '' '... the database is gone'
nok '... the documents too' [ -e "$R/var/lib/demo/documents" ]
nok '... and the key that was here' [ -e "$HOME_DIR" ]
ok 'the archive opens with the key from outside' bash -c "gpg --homedir '$T/offsite' --batch --quiet --decrypt '$archive' >'$T/plain'"
ok '... and holds patients and documents' bash -c "mkdir '$T/x' && tar --zstd -xf '$T/plain' -C '$T/x' && grep -rqa Gagnon '$T/x' && grep -rqa 'letter about Tremblay' '$T/x'"

done_testing
