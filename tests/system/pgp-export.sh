#!/bin/bash
# proves: the web application's export, called as OSCAR calls it, is opened by plain gpg with the exported key or the passphrase, and by nothing less
# SPDX-License-Identifier: GPL-2.0-or-later
# WHERE="bullseye trixie:tomcat11-common": SUITE or SUITE:PACKAGE of another Tomcat; with SOAK=1 all that Debian has.
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"

where=bookworm
[ "${SOAK:-}" = 1 ] && where="bullseye bookworm trixie trixie:tomcat11-common"
WORKDIR=/var/lib/oscar-emr/OscarDocument/oscar/export

emr() { in_clinic oscar-emr "$@"; }
restarted() { emr app activate; }
# 0: there is a file for download in $T/got; else the application's words are in $T/page
export_patient() {
	rm -f "$T/got" "$T/page"
	sign_in oscardoc mac2002 1117 >"$T/page" || return
	grep -q 'LOGIN OK' "$T/page" && web -b "$WORK/jar" -d "demographic_no=$1" -o "$T/page" "$(url export.jsp)" &&
		grep -q 'EXPORT OK' "$T/page" && web -f -b "$WORK/jar" -o "$T/got" "$(url export.jsp)"
}
left_over() { in_clinic find "$WORKDIR" -mindepth 1; }
is_pgp() { [ "$(head -c 1 "$1" | od -An -tu1)" -ge 128 ]; }
# what is in the zip on stdin, as the one document it holds
document() { cat >"$T/x.zip"; unzip -p "$T/x.zip" "demographic_$1.xml"; }
# a person at another account, with plain gpg; stdin to stdout
colleague() { in_clinic runuser -u colleague -- env HOME=/home/colleague gpg --batch --quiet --pinentry-mode loopback "$@"; }

installed() { # SPEC
	local suite=${1%%:*} layer=
	[ "$suite" = bookworm ] || maintkit_of "$suite" || return
	case $1 in *:*) layer=$(lab_layer "${1#*:}" "$suite" "${1#*:}") || return ;; esac
	lifecycle_boot "$suite" "$layer" || return
	case $1 in
	*:tomcat11*) in_clinic sh -c 'mkdir -p /etc/oscar-emr; printf "[app]\ntomcat = 11\n" >/etc/oscar-emr/maintkit.conf' ;;
	esac
	in_clinic debconf-set-selections <<-'END'
		oscar-emr oscar-emr/demo-data boolean true
		oscar-emr oscar-emr/clinic-name string Clinique Sainte-Thérèse
		oscar-emr oscar-emr/clinic-email string clinic@example.org
		oscar-emr oscar-emr/export-passphrase password Phare & "baleine" $HOME \x 9
	END
	in_clinic useradd -m colleague
	in_clinic sh -c "apt-get -y install /srv/debs/maintkit_*.deb $(deb 19.0-1) >/srv/log 2>&1 || { tail -n 20 /srv/log; false; }"
}

try() {
	local fpr old
	note "$1: Tomcat $(in_clinic sh -c '. /var/lib/maintkit/oscar-emr/app.env; basename $CATALINA_HOME'), gpg $(in_clinic gpg --version | head -n 1)"

	# ---- the passphrase that debconf was told
	nok "$1: it is nowhere on the machine" in_clinic grep -rqF 'baleine' /var/cache/debconf /var/lib /etc /var/log /srv/log /run
	nok "$1: none was made up" in_clinic test -e /var/lib/maintkit/oscar-emr/pgp.passphrase

	# ---- to the key
	fpr=$(emr props get PGP_KEY)
	run emr pgp verify --passphrase-stdin <"$T/pass"
	is "$rc" 0 "$1: verify: every link of the chain"
	[ "$rc" = 0 ] || diag "$out$err"
	like "$out" 'sandbox +ok +.*oscar-emr.service' "$1: tried in the sandbox of the unit"
	like "$out" 'decrypt +ok' "$1: and back"
	ok "$1: patient 3 is exported" export_patient 3 || diag "$(cat "$T/page")"
	like "$(cat "$T/page")" 'EXPORT OK export_3_[0-9]+\.zip\.pgp' "$1: as an encrypted file"
	ok "$1: that is an OpenPGP message" is_pgp "$T/got"
	is "$(left_over)" "" "$1: nothing stays in the work directory"
	cp "$T/got" "$T/to-key"
	run emr pgp export --secret --passphrase-stdin -o /home/colleague/secret.asc <"$T/pass"
	is "$rc" 0 "$1: the secret key is exported"
	lab_put "$T/pass" clinic:/home/colleague/
	in_clinic sh -c 'chown colleague /home/colleague/*'
	nok "$1: without the key it does not open" colleague -d <"$T/to-key"
	colleague --import /home/colleague/secret.asc
	colleague --passphrase-file /home/colleague/pass -d <"$T/to-key" 2>/dev/null | document 3 >"$T/by-key"
	like "$(cat "$T/by-key")" '<demographic_no>3</demographic_no>' "$1: plain gpg of another user opens it with that key"

	# ---- a sandbox that somebody made too tight
	like "$(emr pgp verify)" 'directory +ok' "$1: verify tries the work directory too"
	for drop in InaccessiblePaths=/var/lib/oscar-emr/gnupg ReadOnlyPaths=/var/lib/oscar-emr/OscarDocument; do
		in_clinic sh -c "mkdir -p /etc/systemd/system/oscar-emr.service.d; printf '[Service]\\n# tight\\n$drop\\n' >/etc/systemd/system/oscar-emr.service.d/x.conf; systemctl daemon-reload"
		rc_is 1 "$1: verify finds ${drop%%=*}" emr pgp verify
		like "$out" 'broken' "$1: and names the link"
		note "$(grep broken <<<"$out")"
	done
	in_clinic rm -r /etc/systemd/system/oscar-emr.service.d
	in_clinic systemctl daemon-reload
	ok "$1: verify without it" emr pgp verify
	is "$(in_clinic sh -c 'ls /run/systemd/system/ /run/*.out 2>/dev/null | grep probe')" "" "$1: nothing of it stays in /run"

	# ---- to a passphrase
	printf 'correct horse, battery\n' >"$T/sym"
	emr pgp ensure --symmetric <"$T/sym"
	is "$? $(emr props get PGP_CMD)" "0 -c" "$1: symmetric mode"
	ok "$1: verify" emr pgp verify
	ok "$1: restart" restarted
	ok "$1: an export" export_patient 3 || diag "$(cat "$T/page")"
	in_clinic rm -rf /home/colleague/.gnupg
	lab_put "$T/sym" clinic:/home/colleague/ && in_clinic chown colleague /home/colleague/sym
	colleague --passphrase-file /home/colleague/sym -d <"$T/got" 2>/dev/null | document 3 >"$T/by-passphrase"
	same "$T/by-passphrase" "$T/by-key" "$1: opens by the passphrase alone, to the same"
	nok "$1: the passphrase is not in the properties" in_clinic grep -q 'battery' /etc/oscar-emr/oscar.properties
	is "$(left_over)" "" "$1: nothing stays in the work directory"

	# ---- with the key of an earlier installation
	in_clinic sh -eu -s <<-'X'
		useradd --system --home-dir /var/lib/tomcat8 --create-home tomcat8
		echo old-pass >/var/lib/tomcat8/pass; chown tomcat8 /var/lib/tomcat8/pass
		cd /; runuser -u tomcat8 -- env HOME=/var/lib/tomcat8 gpg --batch --quiet --pinentry-mode loopback \
			--passphrase-file /var/lib/tomcat8/pass --quick-gen-key 'Old <old@example.org>' default default 1y 2>/dev/null
		runuser -u tomcat8 -- gpgconf --kill all
		rm -rf /var/lib/oscar-emr/gnupg
		oscar-emr props set 'PGP_KEY=Old <old@example.org>' PGP_ENV=GNUPGHOME=/var/lib/tomcat8/.gnupg
	X
	old=$(in_clinic runuser -u tomcat8 -- env HOME=/var/lib/tomcat8 gpg --batch --with-colons -K | awk -F: '/^fpr/ { print $10; exit }')
	rc_is 0 "$1: ensure where only an earlier installation has a key" emr pgp ensure
	[ "$rc" = 0 ] || diag "$err"
	is "$(emr props get PGP_KEY)" "$old" "$1: that key is taken over"
	ok "$1: restart" restarted
	ok "$1: an export" export_patient 3 || diag "$(cat "$T/page")"
	in_clinic runuser -u tomcat8 -- env HOME=/var/lib/tomcat8 gpg --batch --quiet --pinentry-mode loopback \
		--passphrase-file /var/lib/tomcat8/pass -d <"$T/got" 2>/dev/null | document 3 >"$T/by-old"
	same "$T/by-old" "$T/by-key" "$1: the earlier installation's own gpg opens it"

	# ---- refused rather than plain
	emr props set "PGP_KEY=$fpr"	# not in the directory any more
	restarted
	nok "$1: with a key that is not there nothing is exported" export_patient 3
	like "$(cat "$T/page")" 'EXPORT REFUSED' "$1: and the user is told"
	is "$(left_over)" "" "$1: no plain file stays behind"
	rc_is 1 "$1: verify finds it" emr pgp verify
	emr props set demographic.export.encryptedOnly=false
	restarted
	ok "$1: where plain exports are allowed" export_patient 3
	document 3 <"$T/got" >"$T/plain"
	same "$T/plain" "$T/by-key" "$1: the source is what the decrypted ones were"
	lab_rm clinic
}

printf '%s\n' 'Phare & "baleine" $HOME \x 9' >"$T/pass"
ok "the packages build" lifecycle_debs || BAIL "no packages"
for spec in ${WHERE:-$where}; do
	ok "$spec: oscar-emr is installed" installed "$spec" && try "$spec"
done
done_testing
