#!/bin/bash
# proves: on a booted machine: an upgrade backs up first, also while the nightly backup is made; rollback undoes it, all that is destroyed comes back, a cut-off exchange ends at boot
# SPDX-License-Identifier: GPL-2.0-or-later
# SOAK=1: 100,000 rows and 20,000 documents.
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"
if [ -n "${SOAK:-}" ]; then rows=250 documents=20000; else rows=20 documents=500; fi

# Two levels: the second's data is not for the first.
build() { lifecycle_oscar "$T/debs" "$@" "$2"; } # VERSION LEVEL READS: it lets in what reads its own level only
ok "the packages build" eval 'lifecycle_debs && mkdir "$T/debs" && build 1:18.0-1 18 15-18 && build 1:20.0-1 20 18-20 && build 1:20.0-2 20 18-20' ||
	BAIL "no packages"
ok "the machine boots" lifecycle_boot bookworm || BAIL "no machine"
for f in "$T"/debs/oscar-emr_*.deb; do lab_put "$f" clinic:/srv/debs/; done
docs=/var/lib/oscar-emr/OscarDocument
backups() { in_clinic sh -c 'ls /var/backups/oscar-emr/*.gpg 2>/dev/null'; }
installed() { in_clinic dpkg-query -W -f '${db:Status-Abbrev}${Version}' oscar-emr; }
count() { sql 'SELECT COUNT(*) FROM form_1'; }

# As many tables as a clinic has, and rows and documents of which there are many.
fill() {
	in_clinic sh -es <<-END
		{
			for i in \$(seq 1 500); do
				echo "CREATE TABLE form_\$i (id INT PRIMARY KEY AUTO_INCREMENT, patient INT, text VARCHAR(200), b BLOB, KEY (patient)) ENGINE=InnoDB;"
				echo "INSERT INTO form_\$i (patient, text, b) SELECT seq, CONCAT('it''s \\\\\\\\ \\"', seq), UNHEX(SHA2(seq, 256)) FROM seq_1_to_$rows;"
			done
			echo "CREATE VIEW latest AS SELECT last_name FROM demographic;"
			echo "CREATE TABLE touched (n INT); INSERT INTO touched VALUES (0);"
			echo "CREATE TRIGGER touch AFTER INSERT ON form_1 FOR EACH ROW UPDATE touched SET n = n + 1;"
		} | mariadb oscar_15
		mkdir -p $docs/oscar/document
		cd $docs/oscar/document
		for i in \$(seq 1 $documents); do echo "report \$i" >d\$i.pdf; done
		chmod 640 d7.pdf
		touch -d 2019-05-06 d1.pdf
		chown -R oscar-emr:oscar-emr $docs/oscar
	END
}
database_state() {
	in_clinic sh -c "mariadb-dump --skip-comments --routines --triggers --events --hex-blob --ignore-table=oscar_15.maintkit_meta oscar_15 | sha256sum"
	in_clinic mariadb -N -e 'SELECT name, value FROM maintkit_meta ORDER BY name' oscar_15
}
files_state() {
	in_clinic sh -c "cd / && find ${docs#/} etc/oscar-emr var/lib/oscar-emr/gnupg \( -name 'S.*' -o -name '*.lock' -o -name '.#*' \) -prune -o -printf '%p %y %m %U:%G\n' | LC_ALL=C sort
		find ${docs#/} etc/oscar-emr var/lib/oscar-emr/gnupg \( -name 'S.*' -o -name '*.lock' -o -name '.#*' \) -prune -o -type f -print0 | xargs -0 sha256sum | LC_ALL=C sort"
}
state() { database_state; files_state; }
signs_in() { contains "$(sign_in oscardoc mac2002 1117)" "LOGIN OK oscardoc"; }

# ---- an installation of level 18 ---------------------------------------------------------------------
in_clinic debconf-set-selections <<-'END'
	oscar-emr oscar-emr/demo-data boolean true
	oscar-emr oscar-emr/firewall boolean false
END
in_clinic sh -c "apt -y install /srv/debs/maintkit_*.deb $(deb 18.0-1)" >"$T/said" 2>&1
is "$(installed)" "ii 1:18.0-1" "1:18.0-1 is installed" || diag "$(tail -n 20 "$T/said")"
ok "a clinic's data" fill
ok "sign in" signs_in
ok "a setting" in_clinic oscar-emr props set appt_pollStep=7
before=$(count)
state >"$T/before"
is "$(sql "SELECT COUNT(*) >= 500 FROM information_schema.tables WHERE table_schema = 'oscar_15'")" 1 "a table for every form"

# ---- the upgrade ------------------------------------------------------------------------------------------
is "$(backups)" "" "no backup yet"
kept() { in_clinic sh -c 'ls /var/cache/maintkit/oscar-emr' | tr '\n' ' '; }
is "$(kept)" "oscar-emr_1%3a18.0-1_all.deb " "its package file is kept, which apt forgets"
is "$(in_clinic stat -c %a /var/cache/maintkit/oscar-emr /var/cache/maintkit/oscar-emr/oscar-emr_1%3a18.0-1_all.deb | tr '\n' ' ')" "700 600 " "for root"
in_clinic sh -c "apt -y install $(deb 20.0-1)" >"$T/said" 2>&1
is "$(installed)" "ii 1:20.0-1" "the upgrade to 1:20.0-1" || diag "$(tail -n 20 "$T/said")"
B=$(backups)
like "$B" '^/var/backups/oscar-emr/oscar-emr-[0-9TZ]*\.tar\.zst\.gpg$' "made one backup first"
like "$(in_clinic oscar-emr backup list --json)" '"purpose": "upgrade"' "which says what for"
like "$(in_clinic cat "$B.info")" 'version=1:18.0-1' "and of which version"
ok "it is served" answers 20.0
in_clinic sh -c "apt -y install $(deb 20.0-2)" >"$T/said" 2>&1
is "$(kept)" "oscar-emr_1%3a18.0-1_all.deb oscar-emr_1%3a20.0-1_all.deb oscar-emr_1%3a20.0-2_all.deb " "kept: what a rollback needs, the former and the present one"
is "$(backups)" "$B" "an upgrade that changes nothing makes none"
sql "INSERT INTO form_1 (patient) VALUES (4711)"
in_clinic sh -c "echo later >$docs/oscar/document/later.pdf; chown oscar-emr:oscar-emr $docs/oscar/document/later.pdf"

# ---- the way back, as the refusal prints it --------------------------------------------------------------------
run in_clinic dpkg -i "$(deb 18.0-1)"
isnt "$rc" 0 "1:18.0-1 is refused"
way=$(sed -n 's/^ *\(maintkit -p oscar-emr backup restore .*\)$/\1/p' <<<"$err$out")
is "$way" "maintkit -p oscar-emr backup restore --stop-app $B" "the refusal names the backup, as a command"
run in_clinic sh -c "oscar-emr backup restore '$B'"
is "$rc" 4 "while the application runs it is refused"
like "$err" "stop it.*--stop-app" "with what to do"
ok "that command" in_clinic sh -c "$way"
like "$err" "1 documents were added or changed since" "tells what came later"
like "$err" "before-restore-.*later.pdf" "and where it is"
is "$(count)" "$before" "the rows of then"
ok "the application is started again" answers 20.0
ok "sign in" signs_in
ok "and back, before anything is dropped" in_clinic oscar-emr backup restore --revert --stop-app
is "$(count)" "$((before + 1))" "what was entered later is there again"
ok "it is dropped" in_clinic oscar-emr backup restore --confirm

# ---- the whole upgrade undone -------------------------------------------------------------------------------------
in_clinic mv /var/cache/maintkit/oscar-emr/oscar-emr_1%3a18.0-1_all.deb /srv/
run in_clinic oscar-emr backup rollback --yes
is "$rc" 2 "rollback without the older package"
like "$err" "oscar-emr 1:18.0-1 is in none of.*--deb" "says which it needs"
run in_clinic oscar-emr backup rollback --deb "$(deb 18.0-1)"
is "$rc" 4 "rollback asks, and nobody is there"
like "$err" "load the backup.*install oscar-emr 1:18.0-1 .* in place of 1:20.0-2" "after it told what it would do"
is "$(count)" "$((before + 1))" "nothing was done"
in_clinic mv /srv/oscar-emr_1%3a18.0-1_all.deb /var/cache/maintkit/oscar-emr/
ok "rollback" in_clinic oscar-emr backup rollback --yes
like "$err" "back at oscar-emr 1:18.0-1" "says where it is now"
is "$(installed)" "ii 1:18.0-1" "dpkg says the same"
is "$(count)" "$before" "with the data of then"
ok "its code is served" answers 18.0
ok "sign in" signs_in
# the scripts of 1:18.0-1 and the sign-in have written to the database since
files_state >"$T/files"
ok "files, modes and owners are as they were before the upgrade" eval 'tail -n "$(wc -l <"$T/files")" "$T/before" | diff - "$T/files"'
ok "the later document is kept" in_clinic sh -c "cat /var/lib/oscar-emr/OscarDocument.before-restore-*/oscar/document/later.pdf"
ok "rollback again" in_clinic oscar-emr backup rollback --yes
like "$err" "restored already" "changes nothing"
like "$(in_clinic oscar-emr status 2>&1)" "restore.*kept" "status shows that something is kept"
ok "it is dropped" in_clinic oscar-emr backup restore --confirm
is "$(in_clinic sh -c 'find / -xdev -name "*restore-20*"; ls /var/lib/maintkit/oscar-emr/restore* 2>/dev/null')" "" "all of it"

# ---- everything is destroyed ------------------------------------------------------------------------------------------
ok "a backup" in_clinic oscar-emr backup create
B=$(backups | tail -n 1)
state >"$T/before"
in_clinic sh -c "systemctl stop oscar-emr; mariadb -e 'DROP DATABASE oscar_15; DROP USER oscar@localhost'; rm -rf $docs /etc/oscar-emr /var/lib/oscar-emr/gnupg"
nok "nothing works" signs_in
SECONDS=0
ok "restore" in_clinic oscar-emr backup restore "$B"
note "restored in $SECONDS s: $((rows * 500)) rows, $documents documents"
ok "every row, file, mode and owner is back" eval 'state | diff "$T/before" - >"$T/diff" || { head "$T/diff"; false; }'
ok "the application is switched on" in_clinic oscar-emr app activate
ok "sign in" signs_in
is "$(sql "INSERT INTO form_1 (patient) VALUES (1); SELECT n FROM touched")" 1 "the trigger works"
ok "confirm" in_clinic oscar-emr backup restore --confirm

# ---- the machine stops while things change places -----------------------------------------------------------------------
in_clinic systemctl stop oscar-emr
ok "restore once more" in_clinic oscar-emr backup restore "$B"
plan=$(lab_root clinic)/var/lib/maintkit/oscar-emr/restore
in_clinic oscar-emr backup restore --revert >/dev/null 2>&1 &
end=$((SECONDS + 300)) lines=()	# no process is started to look: it is over soon
until [[ ${lines[*]} == *reverting* ]] || [ "$SECONDS" -gt "$end" ]; do mapfile -t lines <"$plan"; done 2>/dev/null
lab_kill clinic
wait $! 2>/dev/null
ok "the machine stops in the middle" grep -q reverting "$plan"
ok "it boots" eval 'lab_start clinic && { lab_wait clinic; true; }'
ok "the application answers after the boot" answers 18.0
ok "the exchange was finished before" grep -q reverted "$plan"
ok "sign in" signs_in
is "$(in_clinic maintkit -p oscar-emr pending list)$(sql "SELECT n FROM touched")" 1 "nothing waits; the data is one state, the former"
ok "confirm" in_clinic oscar-emr backup restore --confirm

# ---- apt upgrades while the nightly backup is made ----------------------------------------------------------------------
unit=maintkit-backup@oscar-emr
in_clinic sh -es >/dev/null 2>&1 <<-END
	mkdir /srv/repo; cd /srv/repo; cp $(deb 20.0-2) .
	apt-ftparchive packages . >Packages; apt-ftparchive release . >Release
	echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list.d/repo.list
	apt-get -qq update
	mkdir $docs/scans; head -c ${SCANS:-150000000} /dev/urandom >$docs/scans/1.tiff; chown -R oscar-emr: $docs/scans
	oscar-emr backup recovery </dev/null
	oscar-emr backup recovery --confirm </var/lib/maintkit/oscar-emr/recovery.passphrase
END
backups >"$T/had"
ok "the night begins" in_clinic systemctl start --no-block $unit
run in_clinic apt-get -y -o "DPkg::Pre-Invoke::=systemctl is-active $unit >/srv/during; true" upgrade
is "$rc $(installed)" "0 ii 1:20.0-2" "apt upgrade" || diag "$(tail -n 20 <<<"$out$err")"
is "$(in_clinic cat /srv/during)" activating "while a backup is made"
for _ in $(seq 600); do [ "$(in_clinic systemctl is-active $unit)" = activating ] || break; sleep 0.5; done
is "$(in_clinic systemctl show -p Result --value $unit)" success "which ends well" || diag "$(in_clinic journalctl -u $unit -n 20 --no-pager)"
backups | LC_ALL=C sort | comm -13 <(LC_ALL=C sort "$T/had") - >"$T/new"
while read -r f; do
	ok "what was made is good" in_clinic oscar-emr backup verify "$f" </dev/null
	in_clinic cat "$f.info" </dev/null
done <"$T/new" >"$T/infos"
is "$(grep -e ^purpose= -e ^version= "$T/infos" | LC_ALL=C sort | tr '\n' ' ')" \
	"purpose=scheduled purpose=upgrade version=1:18.0-1 version=1:18.0-1 " "the night's and the upgrade's"
ok "the new version is served" answers 20.0
done_testing
