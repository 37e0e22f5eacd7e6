#!/bin/bash
# proves: which trees purge takes: logs, legacy documents, what others own, foreign files; and what it undoes elsewhere
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"

R=$T/root
S=$R/var/lib/maintkit/clinic
L=$R/var/lib/clinic
H=$(uname -n)
cat >"$T/profile" <<'P'
[package]
name = clinic
[properties]
file = /etc/clinic/app.properties
[database]
name = clinic_1
[data]
patients = SELECT COUNT(*) FROM patient
documents = /var/lib/clinic/documents
exports = /var/lib/clinic/documents/export
incoming = /var/lib/clinic/documents/fax
keys = /var/lib/clinic/keys
logs = /var/log/clinic
legacy = /usr/share/old/documents
document-properties = BASE_DIR FAX_DIR
disposable = /var/lib/clinic/tomcat
home = /var/lib/clinic
configuration = /etc/clinic
backups = /var/backups/clinic
P
data() { "$BIN/maintkit-data" -p clinic --root "$R" --profile "$T/profile" "$@"; }
record() { python3 -c 'import sys,zlib; b="\t".join(sys.argv[1:]); print("%08x %s" % (zlib.crc32(b.encode()), b))' "$@"; }
machine() { # documents | bare
	rm -rf "$R"
	mkdir -p "$L"/{documents/{export,fax},keys,tomcat} "$R"/{etc/clinic,var/log/clinic,var/log/maintkit,var/backups/clinic,usr}
	printf 'BASE_DIR=/var/lib/clinic/documents/\nFAX_DIR: /var/lib/clinic/documents/fax\n' >"$R/etc/clinic/app.properties"
	echo 'cannot save Tremblay' >"$R/var/log/clinic/app.log"
	echo k >"$L/keys/ring"
	data stash || BAIL stash
	[ "$1" = bare ] || { echo 'letter about Tremblay' >"$L/documents/1.txt"; echo x >"$L/documents/export/2.xml"; }
}
left() { (cd "$R" && find . -mindepth 1 ! -type d | sort | xargs); }
json() { data inventory --json | python3 -c "import json,sys; j=json.load(sys.stdin); print($1)"; }

# logs
machine documents
ok 'keep' data purge
ok '... the logs that name patients are kept' grep -q Tremblay "$R/var/log/clinic/app.log"
ok 'destroy' data destroy --host "$H" --database clinic_1 --patients 0
is "$(left)" '' '... with the logs'
machine bare
ok 'no patient data' data purge
is "$(left)" '' '... logs too'

# what is not ours
machine bare
mkdir "$L/notes"
echo mine >"$L/notes/todo"
echo mine >"$L/.hidden"
run data purge
is "$rc" 0 'files of the admin in our home: purge'
is "$(left)" './var/lib/clinic/.hidden ./var/lib/clinic/notes/todo' '... they stay, nothing else does'
like "$err" "'/var/lib/clinic/.hidden' is left: it is not ours.*'/var/lib/clinic/notes' is left" '... and are named'
machine documents
echo mine >"$L/export-of-friday.csv"
ok 'destroy, with such a file' data purge --decision destroy
is "$(left)" './var/lib/clinic/export-of-friday.csv' '... it stays'
like "$err" 'export-of-friday.csv. is left: it is not ours; look into it' '... and is named'

# documents of an installation before this one
legacy() {
	mkdir -p "$R/usr/share/old/documents/fax"
	echo 'old letter' >"$R/usr/share/old/documents/9.txt"
}
machine bare
legacy
ok 'legacy documents that no property names' data purge
is "$(left)" './usr/share/old/documents/9.txt' '... are not ours'
machine bare
legacy
echo 'BASE_DIR = /usr/share/old/documents' >"$R/etc/clinic/app.properties"
is "$(json 'j["data"], [p["path"] for p in j["places"] if p["kind"] == "documents"]')" "present ['/var/lib/clinic/documents', '/usr/share/old/documents']" \
	'legacy documents that a property names: patient data'
ok '... nobody asked' data purge
ok '... kept' [ -s "$R/usr/share/old/documents/9.txt" ]
ok 'destroy' data purge --decision destroy
is "$(left)" '' '... they go'
machine bare
legacy
ln -s ../../../etc "$R/usr/share/old/documents/fax/link"
echo 'FAX_DIR=/usr/share/old/documents/fax' >"$R/etc/clinic/app.properties"
mkdir -p "$R/srv/scans"
echo z >"$R/srv/scans/z"
for dir in /srv/scans /usr/share/old/documents/../../../../srv/scans /usr/share/oldish /srv; do
	mkdir -p "$R/usr/share/oldish"
	echo "BASE_DIR=$dir" >"$R/etc/clinic/app.properties"
	rc_is 2 "the property names '$dir', which the profile does not: kept, status 2" data purge --decision destroy
	like "$err" "the property BASE_DIR names '$dir'" '... said'
done
echo 'BASE_DIR=/srv/not-there' >"$R/etc/clinic/app.properties"
ok '... a directory that does not exist is no doubt' data purge
ok '... what is there elsewhere stays' [ -s "$R/srv/scans/z" ]

# another package
other() {
	mkdir -p "$R/var/lib/maintkit/lab"
	printf '[package]\nname = lab\n[database]\nname = lab\nuser = lab\n[data]\n%s\n' "$1" >"$R/var/lib/maintkit/lab/profile"
	chmod -R go-w "$R/var/lib/maintkit/lab"
}
for theirs in 'documents = /var/lib/clinic/documents/lab' 'home = /var/lib/clinic' 'logs = /var/log/clinic'; do
	machine documents
	other "$theirs"
	rc_is 2 "another package with $theirs: kept, status 2" data purge --decision destroy
	like "$err" "belongs to the package 'lab' too" '... said'
	ok '... kept' [ -s "$L/documents/1.txt" ]
done
machine documents
other 'disposable = /var/lib/clinic/tomcat'
echo x >"$L/tomcat/x"
ok 'another package with our disposable tree' data purge
ok '... it stays' [ -s "$L/tomcat/x" ]
machine documents
other 'documents = /var/lib/clinics'
ok 'a name that only begins like ours' data purge --decision destroy
is "$(left)" './var/lib/maintkit/lab/profile' '... is another tree'
machine documents
other 'nonsense'
rc_is 2 'a profile of another package that cannot be read: kept, status 2' data purge --decision destroy

# inventory
machine documents
echo f >"$L/documents/fax/3.pdf"
for n in 1 2 3; do
	echo b >"$R/var/backups/clinic/$n.backup"
	printf 'created=x\nsize=2\n' >"$R/var/backups/clinic/$n.backup.info"
done
echo verified=2026-05-01T10:00:00Z >>"$R/var/backups/clinic/1.backup.info"
echo verified=2026-04-01T10:00:00Z >>"$R/var/backups/clinic/2.backup.info"
echo verified=2026-06-01T10:00:00Z >"$R/var/backups/clinic/4.backup.info"
is "$(json '[(p["kind"], p["path"], p["files"], p["bytes"]) for p in j["places"]][:3], j["verified_backup"], j["verified"], j["retained"]')" \
	"[('documents', '/var/lib/clinic/documents', 3, 26), ('exports', '/var/lib/clinic/documents/export', 1, 2), ('incoming', '/var/lib/clinic/documents/fax', 1, 2)] /var/backups/clinic/1.backup 2026-05-01T10:00:00Z False" \
	'inventory: documents, exports, faxes; the backup that was read back last and is there'
is "$(json '[p["kind"] for p in j["places"]][3:]')" "['keys', 'logs', 'configuration', 'backups']" '... keys, logs, configuration, backups'
like "$(data inventory)" 'exports: +/var/lib/clinic/documents/export: 1 files, 2 bytes.*last verified: +2026-05-01T10:00:00Z' '... as a table'
is "$(data purge --question | grep -E 'backup|verified' | xargs)" 'backup=/var/backups/clinic/1.backup verified=2026-05-01T10:00:00Z' '... in the question'
run data purge
like "$(data inventory)" 'retained: +since a purge' '... and what is retained'

# crontab lines
cron='*/2 * * * * root /usr/share/old/2FA.sh >/dev/null'
effects() { { record 1780000000 "$@"; } >>"$S/effects"; }
machine documents
mkdir -p "$R/etc/cron.d" "$R/usr/share/old"
touch "$R/usr/share/old/2FA.sh"
printf '# ours\n#maintkit: %s\n17 * * * * root x\n#maintkit: %s\n' "$cron" "$cron" >"$R/etc/cron.d/old"
effects host cron-line /etc/cron.d/old done "$cron" '#maintkit: '
effects host cron-line /etc/cron.d/gone done "$cron" '#maintkit: '
ok 'a crontab line that was taken over' data purge
is "$(cat "$R/etc/cron.d/old")" "# ours
$cron
17 * * * * root x
$cron" '... is back'
like "$err" "'/etc/cron.d/old': '.*2FA.sh.* is back" '... said'
printf '#maintkit: %s\n' "$cron" >"$R/etc/cron.d/old"
ok 'purge again' data purge
is "$(cat "$R/etc/cron.d/old")" "#maintkit: $cron" '... undoes nothing twice'
effects host cron-line /etc/cron.d/old done "$cron" '#maintkit: '
rm "$R/usr/share/old/2FA.sh"
ok 'a line whose program is gone' data purge
is "$(cat "$R/etc/cron.d/old")" "#maintkit: $cron" '... stays a comment'
like "$err" "stays commented out: '/usr/share/old/2FA.sh' is not there" '... said'

# links, files, units elsewhere
machine documents
mkdir -p "$R/etc/systemd/system/multi-user.target.wants" "$R/etc/systemd/system/x.service.d" "$R/usr/lib/systemd/system"
ln -s /usr/lib/systemd/system/m@.service "$R/etc/systemd/system/multi-user.target.wants/m@clinic.service"
for f in drop edited; do
	echo "[Service]" >"$R/etc/systemd/system/x.service.d/$f.conf"
	effects host file "/etc/systemd/system/x.service.d/$f.conf" done -absent "sha256:$(sha256sum <"$R/etc/systemd/system/x.service.d/$f.conf" | cut -d' ' -f1)"
done
echo '# mine' >>"$R/etc/systemd/system/x.service.d/edited.conf"
mkdir -p "$R/opt"
ln -s /var/lib/clinic "$R/opt/clinic"
ln -s /elsewhere "$R/opt/clinic2"
effects host link /opt/clinic done -absent /var/lib/clinic
effects host link /opt/clinic2 done -absent /var/lib/clinic
effects host unit m@clinic.service done -absent enabled
effects host file /etc/clinic/app.properties done -absent sha256:00
run data purge
is "$rc" 0 'effects elsewhere'
is "$(cd "$R" && find etc/systemd opt ! -type d | sort | xargs)" 'etc/systemd/system/x.service.d/edited.conf opt/clinic2' \
	'... what is as we left it is undone: link, drop-in, unit'
like "$err" "edited.conf' was changed since.*clinic2' was changed since" '... what is not is named'
unlike "$err" 'app.properties' '... a file in our own directory goes or stays with that'
ok '... and stays' [ -s "$R/etc/clinic/app.properties" ]

# where nothing can be deleted, and mounts
if [ "$(id -u)" = 0 ]; then
	machine documents
	at_exit 'umount "$L/documents" 2>/dev/null'
	mount -t tmpfs tmpfs "$L/documents" 2>/dev/null && echo 'on a disk of its own' >"$L/documents/1.txt" && mount -o remount,ro "$L/documents"
	if mountpoint -q "$L/documents"; then
		rc_is 2 'documents on a read-only file system: status 2' data purge --decision destroy
		like "$err" 'read-only: nothing was destroyed' '... said'
		ok '... nothing was' [ -s "$L/keys/ring" -a -s "$R/etc/clinic/app.properties" -a ! -e "$S/destroying" ]
		mount -o remount,rw "$L/documents"
		ok 'a disk of its own for the documents' data purge --decision destroy
		like "$err" "documents' is empty and stays: something is mounted there" '... is emptied'
		is "$(left)" '' '... and all else is gone'
		umount "$L/documents"
	else
		skip 'mounts are not possible here' 'a disk of its own'
	fi
fi

# twice
machine documents
ok 'purge' data purge --decision destroy
rm -rf "$S"
run data purge --decision destroy
is "$rc:$err" '0:' 'purge of what is gone already: nothing to do, nothing claimed'

done_testing
