# shellcheck shell=bash
# The life cycle of oscar-emr on a booted machine, arrow by arrow; told by demo.sh, checked by life-cycle.sh.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The file that sources this one has sourced lab.sh, and tap.sh or something that defines
#   ok DESC CMD... a check; its status
# and may define anew what is made for TAP here:
#   step TITLE     a new arrow begins
#   say TEXT       something a person wants to know
#   show COMMAND   run COMMAND (a string for sh) in the machine, with its output shown; its status
# The machine is called "clinic".

step() { note "$1"; }
say() { note "$1"; }
# Indented by "# ": what a command prints must not be taken for TAP.
show() {
	local status
	in_clinic sh -c "$1" >"$T/shown" 2>&1 && status=0 || status=$?
	sed 's/^/# /' "$T/shown"
	return "$status"
}

in_clinic() { lab_enter clinic "$@"; }

# BUILD is the build directory. MAINTKIT_DEBS: a directory with another maintkit.
# lifecycle_debs: build all packages that the story installs, once for each state
# of the sources (tests that run at the same time share them); sets DEBS.
lifecycle_debs() {
	local key lock
	key=$(cd "$top" && find Makefile src debian hooks tests/fixtures/payload tests/lib/build-*.sh -type f -print0 |
		sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16) || return
	DEBS=$BUILD/debs-$key
	mkdir -p "$BUILD" || return
	exec {lock}>"$BUILD/debs.lock"
	flock "$lock"
	if [ ! -e "$DEBS" ]; then
		rm -rf "$BUILD"/debs-* && lifecycle_build "$DEBS.new" && mv "$DEBS.new" "$DEBS"
	fi
	local rc=$?
	exec {lock}>&-
	return "$rc"
}
lifecycle_build() {
	local dir=$1 v
	mkdir -p "$dir"
	"$top/tests/lib/build-debs.sh" --only maintkit "$dir" || return
	for v in 1:19.0-1 1:19.1-1 1:19.1-2; do lifecycle_oscar "$dir" "$v" 19 15-19 18 || return; done
	lifecycle_oscar "$dir" 1:15.0-1 15 12-15 12
}
lifecycle_oscar() { # DIR VERSION LEVEL READS MIN_LEVEL
	OSCAR_VERSION=$2 OSCAR_LEVEL=$3 OSCAR_READS=$4 OSCAR_MIN_LEVEL=$5 "$top/tests/lib/build-debs.sh" --only oscar-emr "$1"
}

# oscar-emr is the very package that was built on bookworm, maintkit is the suite's
# own. maintkit_of SUITE: build it, once for each state of the sources; sets MAINTKIT_DEBS.
maintkit_of() {
	MAINTKIT_DEBS=$DEBS/$1
	[ -d "$MAINTKIT_DEBS" ] && return
	rm -rf "$MAINTKIT_DEBS.new"
	BUILD_LOG=$WORK/log "$top/tests/lib/build-in-suite.sh" "$1" --only maintkit "$MAINTKIT_DEBS.new" &&
		! grep '^src.*warning: ' "$WORK/log" && mv "$MAINTKIT_DEBS.new" "$MAINTKIT_DEBS"
}

lifecycle_boot() { # SUITE [LAYER]
	# shellcheck disable=SC2086
	lab_need && lab_up clinic $1 ${2:-} && lab_net_ready || return
	in_clinic mkdir -p /srv/debs || return
	local f
	for f in "$DEBS"/oscar-emr_*.deb "${MAINTKIT_DEBS:-$DEBS}"/maintkit_*.deb; do
		lab_put "$f" clinic:/srv/debs/ || return
	done
	# oathtool is the phone, ssh keeps the admin's way in
	in_clinic systemctl is-active --quiet mariadb
}
lab_net_ready() { lab_client clinic true; }

deb() { echo "/srv/debs/oscar-emr_${1}_all.deb"; }
version_is() { [ "$(in_clinic dpkg-query -W -f '${db:Status-Abbrev}${Version}' oscar-emr)" = "ii $1" ]; }
sql() { in_clinic mariadb -N -B -e "$1" "${2:-oscar_15}"; }
equals() { [ "$1" = "$2" ] || { echo "got '$1', want '$2'"; return 1; }; }
contains() { case $1 in *"$2"*) ;; *) printf "no '%s' in: %s\n" "$2" "$1"; return 1 ;; esac; }

# From outside, as a browser.
web() { lab_client clinic curl -sk --max-time 60 "$@"; }
url() { echo "https://$LAB_IP4:8443/oscar/$1"; }
serves_version() { contains "$(web "$(url health.jsp)")" "version: $1"; }
answers() { # VERSION: soon
	for _ in $(seq 240); do
		serves_version "$1" >/dev/null 2>&1 && return 0
		sleep 1
	done
	serves_version "$1"
}
sign_in() { # USER PASSWORD PIN -> text of the answer
	web -c "$WORK/jar" --data-urlencode "username=$1" --data-urlencode "password=$2" \
		--data-urlencode "pin=$3" "$(url login.jsp)"
}
reachable() { lab_client clinic nc -z -w 2 "$LAB_IP4" "$1"; }
unreachable() { ! reachable "$1"; }
main_pid() { in_clinic systemctl show -p MainPID --value oscar-emr.service; }

# The phone: an independent implementation makes the code from the secret that
# was adopted by the enrolment.
PHONE_SECRET=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP
phone_code() { printf '%s\n' "$PHONE_SECRET" | in_clinic oathtool --totp -b -; }
# Not in the last seconds of a period: the code would change on its way.
await_fresh_period() { while [ $(($(date +%s) % 30)) -gt 22 ]; do sleep 1; done; }
sign_in_with_phone() {
	await_fresh_period
	contains "$(sign_in oscardoc mac2002 "$(phone_code)")" "LOGIN OK oscardoc"
}
wrong_code_refused() {
	local code wrong
	await_fresh_period
	code=$(phone_code)
	wrong=$(printf '%06d' $(((10#$code + 1) % 1000000)))
	contains "$(sign_in oscardoc mac2002 "$wrong")" "LOGIN REFUSED"
}

step_install() {
	step "Install maintkit and oscar-emr 1:19.0-1 with apt, from two files"
	in_clinic debconf-set-selections <<-'END'
		oscar-emr oscar-emr/demo-data boolean true
		oscar-emr oscar-emr/firewall boolean true
		oscar-emr oscar-emr/clinic-name string Clinique Sainte-Thérèse
		oscar-emr oscar-emr/clinic-email string clinic@example.org
	END
	ok "apt install" show "apt-get -y install /srv/debs/maintkit_*.deb $(deb 19.0-1)"
	ok "dpkg says: installed, 1:19.0-1" version_is 1:19.0-1
	ok "our own Tomcat instance answers https on 8443, from outside" serves_version 19.0
	ok "the database oscar_15 has 300 patients" equals "$(sql 'SELECT COUNT(*) FROM demographic')" 300
	ok "the application has a database account of its own" \
		equals "$(sql "SELECT COUNT(*) FROM mysql.user WHERE User='oscar'" mysql)" 1
	ok "the users' table has the columns for the second factor" \
		equals "$(sql "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema='oscar_15' AND table_name='security' AND column_name LIKE 'totp%'" mysql)" 6
	ok "oscar.properties is 0640 root:oscar-emr" \
		equals "$(in_clinic stat -c '%a %U:%G' /etc/oscar-emr/oscar.properties)" "640 root:oscar-emr"
	ok "it names the key for exports" in_clinic maintkit -p oscar-emr props get PGP_KEY
	ok "there is exactly one secret key, usable by the web application's user" key_is_there
	ok "8443 and ssh are reachable from outside" eval 'reachable 8443 && reachable 22'
	ok "the database and port 8080 are not" eval 'unreachable 3306 && unreachable 8080'
	show "oscar-emr status"
}
key_is_there() {
	equals "$(in_clinic runuser -u oscar-emr -- gpg --homedir /var/lib/oscar-emr/gnupg --batch --with-colons -K | grep -c '^sec:')" 1
}

step_totp() {
	step "Enrol oscardoc for two-factor sign-in"
	ok "before: password and PIN are enough" contains "$(sign_in oscardoc mac2002 1117)" "LOGIN OK oscardoc"
	say "the secret is handed over on stdin, never on a command line"
	ok "oscar-emr totp enroll oscardoc" enroll
	show "oscar-emr totp list"
	ok "sign in over https with user, password and the phone's current code" sign_in_with_phone
	ok "a wrong code is refused" wrong_code_refused
	ok "the old PIN is refused" contains "$(sign_in oscardoc mac2002 1117)" "LOGIN REFUSED"
}
enroll() {
	printf '%s\n' "$PHONE_SECRET" | in_clinic oscar-emr totp enroll oscardoc --no-confirm --secret-stdin
}

step_backup() {
	step "A backup, encrypted and read back"
	ok "oscar-emr backup create" show "oscar-emr backup create"
	local file
	file=$(in_clinic sh -c 'ls /var/backups/oscar-emr/*.gpg | head -n 1')
	ok "plain gpg sees an encrypted message" in_clinic gpg --batch --list-packets --list-only "$file"
	ok "oscar-emr backup verify: every member compared" show "oscar-emr backup verify '$file'"
}

step_upgrade() {
	step "Upgrade to 1:19.1-1"
	ok "a setting that the admin made" in_clinic oscar-emr props set appt_pollStep=7
	ok "apt install" show "apt-get -y install $(deb 19.1-1)"
	ok "dpkg says: installed, 1:19.1-1" version_is 1:19.1-1
	ok "the new code is served" serves_version 19.1
	ok "the admin's setting is still there" equals "$(in_clinic oscar-emr props get appt_pollStep)" 7
	ok "all patients are there" equals "$(sql 'SELECT COUNT(*) FROM demographic')" 300
	ok "sign-in with the phone's code works as before" sign_in_with_phone
}

step_noop() {
	step "An upgrade that changes nothing: 1:19.1-2 has the same code"
	local pid props
	pid=$(main_pid) props=$(in_clinic sha256sum /etc/oscar-emr/oscar.properties)
	ok "apt install" show "apt-get -y install $(deb 19.1-2)"
	ok "dpkg says: installed, 1:19.1-2" version_is 1:19.1-2
	ok "Tomcat was not restarted (same process)" equals "$(main_pid)" "$pid"
	ok "oscar.properties is the same file, byte for byte" \
		equals "$(in_clinic sha256sum /etc/oscar-emr/oscar.properties)" "$props"
}

step_refused() {
	step "A downgrade below the floor: 1:15.0-1 cannot read this data"
	local said rc
	say "clinic# dpkg -i $(deb 15.0-1)"
	said=$(in_clinic dpkg -i "$(deb 15.0-1)" 2>&1) && rc=0 || rc=$?
	printf '%s\n' "$said" | sed 's/^/        /'
	ok "dpkg failed" test "$rc" -ne 0
	ok "the message names the oldest version allowed" contains "$said" "18"
	ok "and the ways out: the backups (none of them is old enough, and it says so)" contains "$said" "backup list"
	ok "and to allow it" contains "$said" "guard allow"
	ok "apt refuses it too" eval '! in_clinic apt-get -y --allow-downgrades install "$(deb 15.0-1)"'
	ok "dpkg still says: installed, 1:19.1-2" version_is 1:19.1-2
	ok "and it is still served" serves_version 19.1
}

step_allowed() {
	step "A downgrade that the data survives: back to 1:19.0-1"
	ok "apt install --allow-downgrades" show "apt-get -y --allow-downgrades install $(deb 19.0-1)"
	ok "dpkg says: installed, 1:19.0-1" version_is 1:19.0-1
	ok "the old code is served again" serves_version 19.0
	ok "sign-in with the phone's code works" sign_in_with_phone
}

step_remove() {
	step "Remove: everything of the clinic is kept"
	ok "apt remove" show "apt-get -y remove oscar-emr"
	ok "nothing answers on 8443" unreachable_service
	ok "all patients are there" equals "$(sql 'SELECT COUNT(*) FROM demographic')" 300
	ok "configuration and key are there" in_clinic test -s /etc/oscar-emr/oscar.properties -a -d /var/lib/oscar-emr/gnupg
}
unreachable_service() { ! web -o /dev/null "$(url health.jsp)"; }

step_reinstall() {
	step "Install again: the data is taken up"
	ok "apt install" show "apt-get -y install $(deb 19.1-2)"
	ok "it is served" serves_version 19.1
	ok "the same 300 patients" equals "$(sql 'SELECT COUNT(*) FROM demographic')" 300
	ok "the same key" key_is_there
	ok "the enrolment still holds: phone's code accepted" sign_in_with_phone
	ok "and a wrong one refused" wrong_code_refused
}

step_purge_kept() {
	step "Purge without consent: nobody answered, so the data stays"
	ok "apt purge" show "apt-get -y purge oscar-emr"
	ok "all patients are there" equals "$(sql 'SELECT COUNT(*) FROM demographic')" 300
	ok "the documents' directory is there" in_clinic test -d /var/lib/oscar-emr/OscarDocument
	ok "it is recorded as retained" contains "$(in_clinic maintkit -p oscar-emr data list)" oscar_15
	ok "ssh is still reachable" reachable 22
}

step_purge_destroyed() {
	step "Purge with consent: gone, and counted"
	ok "install again" in_clinic apt-get -y install "$(deb 19.1-2)"
	ok "the data was taken up" equals "$(in_clinic maintkit -p oscar-emr data list)" ""
	ok "with all its patients" equals "$(sql 'SELECT COUNT(*) FROM demographic')" 300
	in_clinic sh -c 'echo "report of patient 17" >/var/lib/oscar-emr/OscarDocument/scan.txt'
	ok "consent, given beforehand: right host, database and number of patients" \
		show 'oscar-emr data authorize --purge --host "$(hostname)" --database oscar_15 --patients 300'
	ok "apt purge" show "apt-get -y purge oscar-emr"
	ok "the database is gone" equals "$(sql "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name='oscar_15'" mysql)" 0
	ok "its account is gone" equals "$(sql "SELECT COUNT(*) FROM mysql.user WHERE User='oscar'" mysql)" 0
	ok "documents, keys, configuration and state are gone" \
		in_clinic sh -c '! ls -d /var/lib/oscar-emr /etc/oscar-emr /var/lib/maintkit/oscar-emr 2>/dev/null'
	ok "ssh is still reachable" reachable 22
	ok "dpkg knows nothing of it any more" eval '! in_clinic dpkg-query -W oscar-emr'
}

lifecycle_run() {
	step_install
	step_totp
	step_backup
	step_upgrade
	step_noop
	step_refused
	step_allowed
	step_remove
	step_reinstall
	step_purge_kept
	step_purge_destroyed
}
