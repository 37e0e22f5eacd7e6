#!/bin/bash
# proves: data without a database server: what purge keeps and destroys, tokens, retained sets, trees, bad input
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"

R=$T/root
S=$R/var/lib/maintkit/clinic
H=$(uname -n)
profile() {
	cat >"$T/profile" <<P
[package]
name = clinic
title = Clinic
[database]
name = clinic_1
[data]
patients = SELECT COUNT(*) FROM patient
documents = /var/lib/clinic/documents
keys = /var/lib/clinic/keys
disposable = /var/lib/clinic/tomcat
home = /var/lib/clinic
configuration = /etc/clinic
backups = /var/backups/clinic
P
}
data() { "$BIN/maintkit-data" -p clinic --root "$R" --profile "$T/profile" "$@"; }
stashed() { "$S/bin/maintkit-data" -p clinic --root "$R" "$@"; }
# A machine with the package's files; with documents, with backups only, or bare.
machine() {
	rm -rf "$R"
	mkdir -p "$R"/var/lib/clinic/{documents/a/b,keys,tomcat/conf} "$R/etc/clinic" "$R/var/log/maintkit" "$R/var/backups/clinic" "$R/usr"
	echo secret >"$R/etc/clinic/app.properties"
	echo x >"$R/var/lib/clinic/tomcat/conf/server.xml"
	echo k >"$R/var/lib/clinic/keys/ring"
	echo l >"$R/var/log/maintkit/clinic.log"
	echo l >"$R/var/log/maintkit/clinic.log.1.gz"
	[ "${1:-}" = bare ] || echo b >"$R/var/backups/clinic/1.backup"
	[ "${1:-}" != documents ] || { echo 'patient Tremblay' >"$R/var/lib/clinic/documents/a/1.txt"; echo 2 >"$R/var/lib/clinic/documents/a/b/2.txt"; }
	data stash || BAIL stash
}
left() { (cd "$R" && find . -mindepth 1 ! -type d | sort | xargs); }
profile

# stash
machine
ok 'the helper put aside needs nothing but libc' bash -c "! readelf -d '$S/bin/maintkit-data' | grep NEEDED | grep -vE 'lib(c|asan|ubsan|m)\.so'"
is "$(stat -c %a "$S/bin/maintkit-data" "$S" | xargs)" '700 700' 'it is for root only'
before=$(stat -c %i "$S/bin/maintkit-data")
ok 'stash again' data stash
is "$(stat -c %i "$S/bin/maintkit-data")" "$before" '... changes nothing'

# no data
machine bare
rm "$T/profile"
is "$(stashed purge --question)" "data='none'
host='$H'
database='clinic_1'
patients='0'
documents='0'
backup='-'
begun='no'
verified='-'" 'what the question at purge would show'
run stashed purge
is "$rc" 0 'no patient data: purge, with the package and its profile gone'
is "$out$err" '' '... says nothing'
is "$(left)" '' '... leaves nothing'
nok '... not its state' [ -e "$R/var/lib/maintkit" ]
nok '... not its logs' [ -e "$R/var/log/maintkit" ]
profile
machine
ok 'no patients, but backups' data purge
like "$err" 'which only the keys that are kept open' '... the keys that open them are kept'
ok '... they are there' [ -s "$R/var/lib/clinic/keys/ring" ]
ok 'with backups' data purge --with-backups
is "$(left)" '' '... nothing is left'
machine bare
mkdir -p "$R/usr/libexec/maintkit"
ok 'with maintkit still installed' data purge
ok '... its shared directories stay' [ -d "$R/var/lib/maintkit" ]
nok '... the state of the package does not' [ -e "$S" ]

machine bare
mkdir "$R/var/lib/maintkit/.clinic.purged"
ok 'a purge was killed in its last step, then installed again' data stash
nok '... that purge is over' [ -e "$R/var/lib/maintkit/.clinic.purged" ]

# documents: nobody asked
machine documents
run stashed purge
is "$rc" 0 'documents, nobody asked: kept, status 0'
like "$err" "patient data of 'clinic' is kept: nobody consented" '... said'
like "$err" "bin/maintkit-data -p clinic destroy --host $H --database clinic_1" '... with the command that destroys it'
ok '... documents are there' grep -rq Tremblay "$R/var/lib/clinic/documents"
ok '... configuration and keys too' [ -s "$R/etc/clinic/app.properties" -a -s "$R/var/lib/clinic/keys/ring" ]
nok '... what holds no data is gone' [ -e "$R/var/lib/clinic/tomcat" ]
like "$(stashed list)" "database 'clinic_1' on $H, 0 patients, 2 documents" 'list shows the retained set'
ok 'list --json is JSON' bash -c "'$S/bin/maintkit-data' -p clinic --root '$R' list --json | python3 -m json.tool"
ok 'purge again' stashed purge
ok '... still there' grep -rq Tremblay "$R/var/lib/clinic/documents"
rc_is 2 'destroy needs all three values' stashed destroy --host "$H" --database clinic_1
rc_is 4 'destroy on another host' stashed destroy --host other --database clinic_1 --patients 0
rc_is 4 'destroy of another database' stashed destroy --host "$H" --database clinic_2 --patients 0
rc_is 4 'destroy of another number of patients' stashed destroy --host "$H" --database clinic_1 --patients 7
ok 'destroy --dry-run' stashed destroy --dry-run --host "$H" --database clinic_1 --patients 0
ok '... destroys nothing' grep -rq Tremblay "$R/var/lib/clinic/documents"
ok 'destroy' stashed destroy --host "$H" --database clinic_1 --patients 0
like "$err" 'destroyed on .* 2 documents; checked to be gone' '... says what'
is "$(left)" './var/backups/clinic/1.backup' '... all is gone but the backups'

# adopt
machine documents
run data purge
ok 'adopt: the package is back' data adopt
ok '... nothing is retained any more' [ -z "$(data -q list)" ]
ok '... the documents are as they were' grep -rq Tremblay "$R/var/lib/clinic/documents"
ok 'adopt again' data adopt
rc_is 4 'destroy is for retained data only' data destroy --host "$H" --database clinic_1 --patients 0

# answers
machine documents
rc_is 2 'a decision that is none' data purge --decision yes
ok 'keep' data purge --decision keep
ok '... kept' [ -s "$R/var/lib/clinic/documents/a/1.txt" ]
rc_is 2 'archive without a backup program: kept, status 2' data purge --decision archive
ok '... kept' [ -s "$R/var/lib/clinic/documents/a/1.txt" ]
ok 'purge --dry-run' data purge --dry-run --decision destroy
like "$err" 'would destroy' '... says what it would do'
ok '... and does not' [ -s "$R/var/lib/clinic/documents/a/1.txt" ]
ok 'destroy' data purge --decision destroy
is "$(left)" './var/backups/clinic/1.backup' '... all is gone but the backups'

# installed
machine documents
mkdir -p "$R/usr/share/clinic"
cp "$T/profile" "$R/usr/share/clinic/maintkit.conf"
rc_is 4 'purge of an installed package by hand: refused' data purge --decision destroy
ok '... what it runs on is there' [ -s "$R/var/lib/clinic/tomcat/conf/server.xml" ]
ok "... its postrm may" env DPKG_MAINTSCRIPT_NAME=postrm DPKG_MAINTSCRIPT_PACKAGE=clinic "$BIN/maintkit-data" -p clinic --root "$R" --profile "$T/profile" purge

# tokens
authorize() { data authorize --purge --host "$H" --database clinic_1 --patients 0 "$@"; }
machine documents
rc_is 2 'authorize says what' data authorize --host "$H" --database clinic_1 --patients 0
rc_is 4 'authorize on another host' data authorize --purge --host other --database clinic_1 --patients 0
rc_is 4 'authorize another number' data authorize --purge --host "$H" --database clinic_1 --patients 3
for v in 0 -1 x 99999 1d; do rc_is 2 "authorize --valid $v" authorize --valid "$v"; done
for v in -1 x '' 1x; do rc_is 2 "authorize --patients '$v'" data authorize --purge --host "$H" --database clinic_1 --patients "$v"; done
ok 'authorize' authorize --valid 2h
is "$(stat -c %a "$S/tokens/purge")" 600 '... a token for root only'
cp -a "$S/tokens/purge" "$T/token"
ok 'purge with a token' data purge
is "$(left)" './var/backups/clinic/1.backup' '... destroys'
machine documents
mkdir -p "$S/tokens" "$R/var/lib/mysql/mysql"
printf '%032d\n' 7 >"$S/identity"
cp "$T/token" "$S/tokens/purge"
rc_is 4 'the same token for another instance: kept, status 4' data purge
like "$err" 'another instance' '... said'
ok '... kept' [ -s "$R/var/lib/clinic/documents/a/1.txt" ]
rm "$S/identity"
sed -i 's/clinic_1/clinic_2/' "$S/tokens/purge"
rc_is 4 'a token that was edited: kept, status 4' data purge
ok '... kept' [ -s "$R/var/lib/clinic/documents/a/1.txt" ]
if command -v faketime >/dev/null; then
	rm "$S/tokens/purge"
	run authorize --valid 1h
	ok 'an expired token: kept, status 0' env ASAN_OPTIONS=verify_asan_link_order=0 faketime '+2 hours' "$BIN/maintkit-data" -p clinic --root "$R" --profile "$T/profile" purge
	ok '... kept' [ -s "$R/var/lib/clinic/documents/a/1.txt" ]
	ok 'a clock set back by a day: kept' env ASAN_OPTIONS=verify_asan_link_order=0 faketime '-1 day' "$BIN/maintkit-data" -p clinic --root "$R" --profile "$T/profile" purge
	ok '... kept' [ -s "$R/var/lib/clinic/documents/a/1.txt" ]
else
	skip 'faketime is not installed' 'expired tokens'
fi

# cannot tell
machine bare
printf '%032d\n' 7 >"$S/identity"
run data purge
is "$rc" 0 'there was a database, its server cannot be asked: kept, status 0'
like "$err" 'cannot be told' '... said'
ok '... configuration is there' [ -s "$R/etc/clinic/app.properties" ]
rc_is 2 '... status 2 when destruction was asked for' data purge --decision destroy
ok '... configuration is there' [ -s "$R/etc/clinic/app.properties" ]
mkdir -p "$R/var/lib/mysql/mysql"
ok 'the server is gone and left a data directory without our database' data purge
is "$(left)" '' '... nothing to keep'
machine
mkdir -p "$R"/var/lib/mysql/{mysql,clinic_1}
run data purge
is "$rc" 0 'a data directory with our database in it, no server: kept'
ok '... kept' [ -s "$R/etc/clinic/app.properties" ]

# trees
machine documents
mkdir "$T/elsewhere"
echo precious >"$T/elsewhere/file"
ln -s "$T/elsewhere" "$R/var/lib/clinic/documents/link"
ln -s "$T/elsewhere/file" "$R/var/lib/clinic/documents/a/link"
ok 'links in the documents' data purge --decision destroy
is "$(cat "$T/elsewhere/file")" precious '... what they point to is untouched'
nok '... the links are gone' [ -e "$R/var/lib/clinic" ]
machine documents
mv "$R/var/lib/clinic/documents" "$R/var/lib/clinic/moved"
ln -s moved "$R/var/lib/clinic/documents"
rc_is 2 'the document directory is a link: cannot tell, kept' data purge --decision destroy
ok '... kept' [ -s "$R/var/lib/clinic/moved/a/1.txt" ]
machine documents
d=$R/var/lib/clinic/documents
for i in {1..200}; do d=$d/deep; done
mkdir -p "$d" && echo x >"$d/file"
ok '200 levels deep, odd names' bash -c "cd '$R/var/lib/clinic/documents' && touch -- '-rf' \$'new\nline' '*' ' '"
ok '... are gone' data purge --decision destroy
nok '... really' [ -e "$R/var/lib/clinic" ]
if [ "$(id -u)" = 0 ]; then
	machine documents
	if chattr +i "$R/var/lib/clinic/documents/a/1.txt" 2>/dev/null; then
		rc_is 2 'a file that cannot be deleted: status 2' data purge --decision destroy
		like "$err" 'left: /var/lib/clinic/documents/a/1.txt: Operation not permitted' '... named'
		ok '... the state is there for the next run' [ -e "$S/destroying" ]
		chattr -i "$R/var/lib/clinic/documents/a/1.txt"
		ok 'mended: the next purge finishes without being asked again' data purge
		is "$(left)" './var/backups/clinic/1.backup' '... all is gone'
		machine documents
		chattr +i "$R/var/lib/clinic/documents/a/1.txt"
		run data purge --decision destroy
		chattr -i "$R/var/lib/clinic/documents/a/1.txt"
		ok 'half destroyed, then installed again' data stash
		ok '... a purge years later' data purge
		ok '... goes on with nothing: kept' [ -s "$R/var/lib/clinic/documents/a/1.txt" ]
	else
		skip 'the file system has no immutable files' 'immutable files'
	fi
	machine documents
	mkdir "$T/other" "$R/var/lib/clinic/documents/mnt"
	echo precious >"$T/other/file"
	if mount --bind "$T/other" "$R/var/lib/clinic/documents/mnt" 2>/dev/null; then
		at_exit 'umount "$R/var/lib/clinic/documents/mnt" 2>/dev/null'
		rc_is 2 'something is mounted in the documents: status 2' data purge --decision destroy
		is "$(cat "$T/other/file")" precious '... it was not entered'
		umount "$R/var/lib/clinic/documents/mnt"
		ok 'unmounted: finished' data purge
		nok '... gone' [ -e "$R/var/lib/clinic" ]
	else
		skip 'mounts are not possible here' 'mount points'
	fi
fi

done_testing
