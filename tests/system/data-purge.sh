#!/bin/bash
# proves: dpkg --purge on booted machines: exit status, dpkg state, what is left on disk and in MariaDB, 200 names
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Rows of the table at the end; SOAK=1 takes all, else those marked "+". ROWS="4 9" takes rows by number.
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
. "$TOP/tests/lib/pgp.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"

# ---------------------------------------------------------------- the world
#
# 200 names that occur nowhere else: 001-100 in tables, 101-130 in documents (and their names), 131-150 in
# exports, 151-160 in incoming faxes, 161-180 in logs, 181-190 in comments of the properties, 191-200 in a
# backup only.
NAME='Plantagenet[0-9][0-9][0-9]x'
plant() {
	in_clinic sh -eu <<-'END'
		name() { printf 'Plantagenet%03dx' "$1"; }
		each() { for i in $(seq "$1" "$2"); do name "$i"; echo; done; }
		{
			each 1 80 | sed "s/.*/INSERT INTO demographic (last_name, first_name, lastUpdateDate) VALUES ('&', 'A', NOW());/"
			echo 'CREATE TABLE clinic_note (t text) COMMENT = "Plantagenet081x"; CREATE TABLE old_note (t text);'
			each 81 100 | sed "s/.*/INSERT INTO clinic_note VALUES ('seen: &');/"
			each 191 200 | sed "s/.*/INSERT INTO old_note VALUES ('seen: &');/"
			# statistics hold the least and the greatest value of a column
			echo 'ANALYZE TABLE demographic PERSISTENT FOR ALL;'
		} | mariadb oscar_15 >/dev/null
		docs=/var/lib/oscar-emr/OscarDocument
		mkdir -p $docs/oscar/document $docs/oscar/export $docs/incomingdocs/1/Fax
		for i in $(seq 101 130); do echo "letter about $(name $i)" >"$docs/oscar/document/$(name $i).txt"; done
		for i in $(seq 131 150); do echo "<Patient>$(name $i)</Patient>" >"$docs/oscar/export/$i.xml"; done
		for i in $(seq 151 160); do echo "fax $(name $i)" >"$docs/incomingdocs/1/Fax/$i.pdf"; done
		each 161 180 | sed 's/^/ERROR cannot save /' >>/var/log/oscar-emr/application.log
		each 181 190 | sed 's/^/# test user: /' >>/etc/oscar-emr/oscar.properties
		chown -R oscar-emr: $docs /var/log/oscar-emr
		# a unit, its link and a database account outside of our directories
		echo JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP | oscar-emr totp enroll oscardoc --no-confirm --secret-stdin
		systemctl is-enabled --quiet maintkit-totp@oscar-emr.service
		oscar-emr backup create
		oscar-emr backup verify /var/backups/oscar-emr/*.gpg
		mariadb -e 'DROP TABLE old_note' oscar_15
	END
}

install_it() { in_clinic sh -c "apt-get -y install /srv/debs/maintkit_*.deb $(deb 19.0-1)"; }
prepare() {
	plain_gpg "$T/offsite" --passphrase '' --quick-generate-key 'Off Site <off@example.org>' default default never
	plain_gpg "$T/offsite" --armor --export off@example.org >"$T/offsite.asc"
	lab_put "$T/offsite.asc" clinic:/etc/oscar-emr/offsite.asc
	printf '[backup]\nrecipients = /etc/oscar-emr/offsite.asc\n' >"$T/conf"
	lab_put "$T/conf" clinic:/etc/oscar-emr/maintkit.conf
	in_clinic systemctl stop oscar-emr
}

# A fresh machine in a state that was saved; our Tomcat is not started, it would only take time.
boot_state() { # LOWER
	lab_rm clinic
	lab_new clinic bookworm "$1" &&
		lab_start clinic --setenv=SYSTEMD_PROC_CMDLINE="systemd.mask=oscar-emr.service" &&
		lab_wait clinic >/dev/null
}

# ---------------------------------------------------------------- what was done before

no_data() {
	in_clinic sh -eu -c 'mariadb -e "DELETE FROM demographic; DROP TABLE clinic_note" oscar_15
		rm -rf /var/lib/oscar-emr/OscarDocument/* /var/backups/oscar-emr /var/log/oscar-emr/*'
}
authorize() { # HOST PATIENTS VALID: as it was made on the machine of these values
	in_clinic maintkit -p oscar-emr data authorize --purge --host clinic --database oscar_15 --patients "$2" --valid "${3:-24h}" &&
		in_clinic sh -c "sed -n 's/^[^ ]* //p' /var/lib/maintkit/oscar-emr/tokens/purge" >"$T/token"
}
token_is() { # HOST PATIENTS MADE EXPIRES: a token with these values, as another machine would have written it
	local id
	id=$(in_clinic cat /var/lib/maintkit/oscar-emr/identity)
	in_clinic mkdir -p -m 700 /var/lib/maintkit/oscar-emr/tokens
	python3 -c 'import sys,zlib; b="\t".join(sys.argv[1:]); print("%08x %s" % (zlib.crc32(b.encode()), b))' \
		purge "$1" oscar_15 "$id" "$2" "$3" "$4" >"$T/token"
	chmod 600 "$T/token"
	lab_put "$T/token" clinic:/var/lib/maintkit/oscar-emr/tokens/purge
}
before() { # HOW
	local now
	now=$(date +%s)
	case $1 in
	token) token_is clinic "$patients" $((now - 60)) $((now + 3600)) ;;
	token-host) token_is elsewhere "$patients" $((now - 60)) $((now + 3600)) ;;
	token-count) token_is clinic $((patients + 1)) $((now - 60)) $((now + 3600)) ;;
	token-expired) token_is clinic "$patients" $((now - 7200)) $((now - 3600)) ;;
	# one that was used up on the data that was here before: other data, another instance
	token-reused)
		token_is clinic "$patients" $((now - 60)) $((now + 3600))
		in_clinic sh -eu -c 'cd /var/lib/maintkit/oscar-emr; id=$(echo "$(cat identity)" | tr 0-9a-f f0-9a-e)
			echo "$id" >identity; mariadb -e "UPDATE maintkit_meta SET value = \"$id\" WHERE name = \"instance_id\"" oscar_15'
		;;
	preseeded)
		in_clinic sh -c 'for q in "purge select destroy" "purge-confirm string clinic"; do echo "oscar-emr oscar-emr/$q"; done |
			debconf-set-selections' ;;
	no-debconf) in_clinic dpkg --force-depends --purge debconf ;;
	esac
}
maintkit_gone() {
	in_clinic dpkg --force-depends --purge maintkit libmariadb3 >/dev/null
}
database() { # STATE
	case $1 in
	down) in_clinic systemctl stop mariadb ;;
	removed)
		in_clinic sh -c 'systemctl stop mariadb; dpkg --force-depends --purge $(dpkg-query -W -f "\${Package} " "mariadb-*")' >/dev/null ;;
	lost)
		database removed && in_clinic rm -rf /var/lib/mysql ;;
	esac
}

# ---------------------------------------------------------------- the purge itself

lab_terminal() { # FRONTEND LANGUAGE ANSWER...: as somebody at a terminal
	local frontend=$1 language=$2
	shift 2
	python3 "$TOP/tests/lib/on-a-terminal.py" "$T/terminal" "$@" -- "$TOP/tests/lib/lab.sh" enter clinic \
		env TERM=vt100 DEBIAN_FRONTEND="$frontend" LANGUAGE="$language" dpkg --purge oscar-emr </dev/null
}
# An editor that fills in what it is told to.
lab_editor() { # ANSWER CONFIRMATION
	in_clinic sh -c "printf '%s\n' '#!/bin/sh' 'cat \"\$1\" >>/root/edited' 'sed -i -e \"s/^oscar-emr.purge=.*/oscar-emr\/purge=\\\"$1\\\"/\" \
		-e \"s/^oscar-emr.purge-confirm=.*/oscar-emr\/purge-confirm=\\\"$2\\\"/\" \"\$1\"' >/root/editor; chmod 755 /root/editor"
	in_clinic env TERM=vt100 DEBIAN_FRONTEND=editor EDITOR=/root/editor dpkg --purge oscar-emr </dev/null
}
purge() { # HOW
	case $1 in
	keep) lab_terminal teletype en 1 ;;
	archive) lab_terminal teletype en 2 ;;
	destroy) lab_terminal teletype en 3 clinic ;;
	mistyped) lab_terminal teletype en 3 clinik ;;
	default) lab_terminal teletype en '' 1 ;; # it insists on an answer
	french) lab_terminal teletype fr 3 clinic ;;
	editor) lab_editor destroy clinic ;;
	*) in_clinic dpkg --purge oscar-emr </dev/null ;;
	esac
}

# ---------------------------------------------------------------- what is left

sql_names() {
	{ sql 'SELECT last_name FROM demographic'; sql 'SELECT t FROM clinic_note'; } 2>/dev/null | grep -oE "$NAME"
}
table_names() { # STATE: without a server what its files hold
	case $1 in
	up) sql_names ;;
	down) in_clinic systemctl start mariadb && sql_names ;;
	removed) in_clinic sh -c "cat /var/lib/mysql/oscar_15/*.ibd 2>/dev/null" | grep -aoE "$NAME" ;;
	esac | sort -u
}
file_names() {
	in_clinic sh -c "grep -rhoaE '$NAME' /var/lib/oscar-emr /var/log/oscar-emr /etc/oscar-emr 2>/dev/null" | sort -u
}
backup_names() {
	local f
	for f in "$(lab_root clinic)"/var/backups/oscar-emr/oscar-emr-*.gpg; do
		gpg --homedir "$T/offsite" --batch --quiet --decrypt "$f" 2>/dev/null | zstd -dc 2>/dev/null | grep -aoE "$NAME"
	done | sort -u
}
# All of the tree but what is named in the manual: the server's own logs and system tablespace.
everywhere() {
	in_clinic sh -c "cd / && { find . -xdev -name 'Plantagenet*'
		grep -rlaE --devices=skip '$NAME' ./boot ./etc ./home ./opt ./root ./run ./srv ./tmp ./usr ./var; } 2>/dev/null |
		grep -vE '^./var/lib/mysql/(ibdata1|ib_logfile0|ib_buffer_pool|undo[0-9]+|aria_log[._].*)$' | sort -u"
}
ours_left() {
	in_clinic sh -c "find / -xdev \( -name '*oscar*' -o -name 'maintkit-totp@*' -o -name 'maintkit-pending@*' \) 2>/dev/null |
		grep -vE '^/(srv/debs|var/backups/oscar-emr|var/cache/debconf|usr/share/maintkit|run/systemd/generator|usr/lib/systemd/system/maintkit-)|^/lib/systemd/system/maintkit-'"
}
# What was done to the system beside files: accounts in MariaDB, rules, units that run, debconf's answers.
effects_left() {
	sql "SELECT user FROM mysql.user WHERE user IN ('oscar', 'maintkit-totp')" mysql
	in_clinic sh -c 'systemctl list-units --plain --no-legend --state=active "maintkit-*@oscar-emr*" "oscar-emr*"
		! [ -x /usr/bin/debconf-show ] || debconf-show oscar-emr | grep oscar-emr/'
	# "comment=" and oscar-emr, as ufw writes it
	[ "$1" = purged ] || in_clinic sh -c 'grep -h "comment=6f736361722d656d72" /etc/ufw/user.rules | grep -vw 22'
}
kept_or_gone() { # COUNT WANTED
	case $1 in "$2") echo kept ;; 0) echo gone ;; *) echo "$1-of-$2" ;; esac
}

row() { # NUMBER MARK FROM MAINTKIT DATABASE HOW DATA -> EXIT STATE TABLES FILES
	local number=$1 from=$3 mk=$4 db=$5 how=$6 data=$7 want="${*:8}" state=ii got rc0 patients=80
	local what="$number: from $from, maintkit $mk, database $db, $how, $data:" begin=$SECONDS
	[ "$mk" = "-" ] && mk=present
	ok "$what boots" boot_state "$(cat "$T/lower-$from")" || return
	[ "$data" = data ] || { ok "$what no data" no_data || return; patients=0; }
	ok "$what before" before "$how" || return
	[ "$mk" = present ] || ok "$what maintkit and libmariadb3 are purged" maintkit_gone || return
	database "$db" >/dev/null 2>&1
	: >"$T/terminal"
	run purge "$how"
	rc0=$rc
	printf '%s\n' "$out" "$err" >"$T/said"
	[ ! -s "$T/terminal" ] || tr -d '\r' <"$T/terminal" >>"$T/said"
	state=$(in_clinic dpkg-query -W -f '${db:Status-Abbrev}' oscar-emr 2>/dev/null | tr -d ' ')
	local tables=- files
	[ "$data" = data ] && [ "$db" != lost ] && tables=$(kept_or_gone "$(table_names "$db" | wc -l)" 100)
	[ "$data" = data ] && files=$(kept_or_gone "$(file_names | wc -l)" 90)
	[ "$data" = data ] || files=$(in_clinic sh -c 'ls -d /etc/oscar-emr /var/lib/oscar-emr /var/lib/maintkit/oscar-emr 2>/dev/null' | grep -q . && echo kept || echo gone)
	[ "$data" = data ] || tables=$([ "$db" = up ] && { sql "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name='oscar_15'" mysql | sed 's/1/kept/; s/0/gone/'; } || echo -)
	got="$rc0 ${state:-un} $tables $files"
	is "$got" "$want" "$what exit status, dpkg state, tables, files" || diag "$(cat "$T/said")"
	unlike "$(cat "$T/said")" "command not found|No such file|Permission denied" "$what no complaint of a shell"
	case $want in
	*' gone gone')
		[ "$data" != data ] || like "$(cat "$T/said")" 'destroyed on clinic: database .oscar_15., (account|80 patients).*checked to be gone' "$what says what it destroyed"
		is "$(everywhere)" '' "$what no name anywhere"
		is "$(in_clinic mariadb-dump --all-databases --events --routines --flush-privileges 2>/dev/null | grep -c Plantagenet)" 0 "$what no name in any database"
		is "$(ours_left)" '' "$what nothing of ours is left"
		is "$(effects_left "$mk" 2>&1)" '' "$what no account, rule, unit or answer"
		[ "$mk" = present ] || like "$(cat "$T/said")" 'firewall rule left in place: ' "$what rules that cannot be taken away without maintkit are named"
		[ "$data" != data ] || is "$(backup_names | wc -l)" 180 "$what the backup is untouched"
		;;
	*' kept kept')
		[ "$data" != data ] || is "$(backup_names | wc -l)" 180 "$what the backup is untouched"
		like "$(cat "$T/said")" "patient data of 'oscar-emr' is kept" "$what says that it is kept"
		unlike "$(cat "$T/said")" 'destroyed on' "$what does not say that anything was destroyed"
		;;
	esac
	[ "$db" != up ] || extra "$how" "$what"
	note "$number: $((SECONDS - begin)) s"
}
extra() { # HOW WHAT
	case $1 in
	destroy)
		like "$(tr -d '\r' <"$T/terminal")" "patient data on clinic.*Name of this machine, to destroy" "$2 two questions"
		like "$(tr -s '\r\n ' ' ' <"$T/terminal")" "Database oscar_15 on this machine holds 80 patients; there are 60 documents. Last backup that was read back: 20[0-9T:-]+Z /var/backups/oscar-emr/oscar-emr-" "$2 host, database, patients, documents, last verified backup"
		;;
	french)
		like "$(tr -s '\r\n ' ' ' <"$T/terminal")" "contient 80 patients ; il y a 60 documents" "$2 asked in French"
		like "$(tr -s '\r\n ' ' ' <"$T/terminal")" "Nom de cette machine" "$2 confirmed in French" ;;
	mistyped) like "$(cat "$T/terminal")" "not confirmed" "$2 says why" ;;
	archive)
		[ "$(find "$(lab_root clinic)/var/backups/oscar-emr" -name 'purge-*.gpg' | wc -l)" = 0 ] ||
			is "$(for f in "$(lab_root clinic)"/var/backups/oscar-emr/purge-*.gpg; do
				gpg --homedir "$T/offsite" --batch --quiet --decrypt "$f" 2>/dev/null | zstd -dc 2>/dev/null | grep -aoE "$NAME"
			done | sort -u | wc -l)" 170 "$2 the archive opens with the key from outside and holds tables, documents and properties" ;;
	editor) like "$(in_clinic cat /root/edited)" 'oscar-emr/purge="keep"' "$2 the default is to keep" ;;
	esac
}

# ---------------------------------------------------------------- the states to start from

lab_need || BAIL "no machines here"
lifecycle_debs >"$T/build" 2>&1 || { diag "$(cat "$T/build")"; BAIL "no packages"; }
# what a Debian that speaks French has
i18n=$(lab_layer i18n bookworm debconf-i18n) || BAIL "no layer"
ok "a machine boots" lifecycle_boot bookworm "$i18n" || BAIL "no machine"
ok "installed" install_it || BAIL "not installed"
ok "a key outside of this machine" prepare || BAIL "no key"
ok "200 names are planted" plant || BAIL "not planted"
is "$({ sql_names; file_names; backup_names; } | sort -u | wc -l)" 200 "all of them are there"
lab_snapshot clinic "$T/ii" >"$T/lower-ii" || BAIL "no snapshot"
boot_state "$(cat "$T/lower-ii")" && in_clinic dpkg --remove oscar-emr >/dev/null 2>&1
lab_snapshot clinic "$T/rc" >"$T/lower-rc" || BAIL "no snapshot"
boot_state "$(cat "$T/lower-rc")" && in_clinic dpkg --purge oscar-emr >/dev/null 2>&1
ok "purged, kept, and installed again" install_it
is "$({ sql_names; file_names; backup_names; } | sort -u | wc -l)" 200 "all of the names are there"
is "$(in_clinic maintkit -p oscar-emr data list 2>/dev/null)" '' "nothing is retained any more"
in_clinic systemctl stop oscar-emr
lab_snapshot clinic "$T/re" >"$T/lower-re" || BAIL "no snapshot"

# ---------------------------------------------------------------- the table

number=0
while read -r mark rest; do
	case $mark in '' | '#'*) continue ;; esac
	number=$((number + 1))
	if [ -n "${ROWS:-}" ]; then
		case " $ROWS " in *" $number "*) ;; *) continue ;; esac
	elif [ -z "${SOAK:-}" ] && [ "$mark" != + ]; then
		continue
	fi
	# shellcheck disable=SC2086
	row "$number" "$mark" $rest </dev/null
done <<'END'
# from maintkit database how            data     exit state tables files
- ii  present  up       noninteractive data     0 un kept kept
+ ii  present  up       preseeded      data     0 un kept kept
- ii  present  up       keep           data     0 un kept kept
+ ii  present  up       archive        data     0 un gone gone
+ ii  present  up       destroy        data     0 un gone gone
- ii  present  up       mistyped       data     0 un kept kept
- ii  present  up       default        data     0 un kept kept
- ii  present  up       token          data     0 un gone gone
- ii  present  up       token-host     data     1 pc kept kept
- ii  present  up       token-count    data     1 pc kept kept
- ii  present  up       token-expired  data     0 un kept kept
- ii  present  up       token-reused   data     1 pc kept kept
- ii  present  up       no-debconf     data     0 un kept kept
+ ii  present  up       noninteractive none     0 un gone gone
- ii  present  up       editor         data     0 un gone gone
- ii  purged   up       noninteractive data     0 un kept kept
- ii  purged   up       destroy        data     0 un gone gone
- ii  purged   up       archive        data     1 pc kept kept
- ii  purged   up       token          data     0 un gone gone
- ii  purged   up       token-count    data     1 pc kept kept
- ii  purged   up       noninteractive none     0 un gone gone
- ii  purged   up       no-debconf     data     0 un kept kept
- ii  present  down     noninteractive data     0 un kept kept
- ii  present  down     destroy        data     1 pc kept kept
+ ii  present  down     token          data     1 pc kept kept
- ii  present  down     noninteractive none     0 un - kept
- ii  present  removed  noninteractive data     0 un kept kept
- ii  present  removed  destroy        data     1 pc kept kept
- ii  purged   removed  token          data     1 pc kept kept
- ii  present  lost     noninteractive data     0 un - kept
- ii  present  lost     destroy        data     1 pc - kept
- rc  present  up       noninteractive data     0 un kept kept
- rc  present  up       destroy        data     0 un gone gone
- rc  present  up       token          data     0 un gone gone
- rc  present  up       archive        data     0 un gone gone
- rc  present  up       noninteractive none     0 un gone gone
- rc  present  down     destroy        data     1 pc kept kept
- rc  purged   up       noninteractive data     0 un kept kept
+ rc  purged   up       french         data     0 un gone gone
- rc  purged   up       token          data     0 un gone gone
- rc  purged   up       noninteractive none     0 un gone gone
+ rc  purged   removed  noninteractive data     0 un kept kept
- rc  purged   up       no-debconf     data     0 un kept kept
- re  present  up       noninteractive data     0 un kept kept
+ re  present  up       token          data     0 un gone gone
- re  present  up       noninteractive none     0 un gone gone
- re  purged   up       destroy        data     0 un gone gone
- re  present  down     token-expired  data     0 un kept kept
END
# ---------------------------------------------------------------- killed

# dpkg and all that it runs, after so many milliseconds; then as an admin does: again.
killed() { # MILLISECONDS
	local ms=$1 what="dpkg --purge killed after $1 ms:" first then state
	ok "$what boots" boot_state "$(cat "$T/lower-rc")" || return
	patients=80
	before token
	first=$(in_clinic sh -c "setsid dpkg --purge oscar-emr >/root/first 2>&1 & p=\$!; sleep $(printf '%d.%03d' $((ms / 1000)) $((ms % 1000))); kill -KILL -\$p; wait \$p; echo \$?" 2>/dev/null)
	# an answer of the first run that it was destroyed must be true already
	if in_clinic grep -q 'checked to be gone' /root/first; then
		is "$({ sql_names; file_names; } | sort -u | wc -l)" 0 "$what what it said was so"
	fi
	in_clinic dpkg --configure -a >/dev/null 2>&1
	then=$(in_clinic dpkg --purge oscar-emr 2>&1 </dev/null)
	state=$(in_clinic dpkg-query -W -f '${db:Status-Abbrev}' oscar-emr 2>/dev/null | tr -d ' ')
	note "$what status $first, then: $(tail -n 1 <<<"$then")"
	is "${state:-un}" un "$what purged by the next run" || diag "$then"
	is "$({ sql_names; file_names; } | sort -u | wc -l)" 0 "$what as authorized, all is gone" || diag "$then"
	is "$(everywhere)$(ours_left)" '' "$what nothing is left"
}
if [ -z "${ROWS:-}" ]; then
	for ms in 60 300 ${SOAK:+30 100 150 200 250 350 400 450 500 600 700 800 1000 1300}; do killed "$ms"; done
fi
done_testing
