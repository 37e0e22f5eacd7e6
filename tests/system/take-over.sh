#!/bin/bash
# proves: a machine that has run an oscar-emr of the old make is taken over by "apt install" with its settings, documents, database and ports, is handed back, and taken over again
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
. "$TOP/tests/lib/legacy.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"

docs=/usr/share/oscar-emr/OscarDocument
old=/usr/share/tomcat10/oscar.properties
new=/etc/oscar-emr/oscar.properties
LEGACY=19-97~3743
in_file() { in_clinic grep -qxF -- "$1" "$2"; }
not_in_file() { ! in_file "$@"; }
prop() { in_clinic oscar-emr props get "$1"; }
owner() { in_clinic stat -c %U:%G "$docs/$1"; }
unit() { in_clinic systemctl "$1" "$2"; }

eventually() { local i; for ((i = 0; i < 1000; i++)); do "$@" && return; sleep 0.2; done; return 1; }

# A clinic's machine as years of the old package leave it.
make_legacy() {
	local f root
	root=$(lab_root clinic) && legacy_deb $LEGACY "$T" && lab_put "$REPLY" clinic:/srv/ || return
	lab_put "$T/oscar_emr$LEGACY.deb" clinic:/srv/debs/ || return
	in_clinic mariadb -e 'CREATE DATABASE oscar_15 CHARACTER SET utf8' || return
	for f in "$TOP"/tests/fixtures/payload/sql/0[123]0-*.sql; do
		{ echo "USE oscar_15;"; cat "$f"; } | in_clinic mariadb || return
	done
	# a connector of its own on our port, besides the one in comments
	sed -i 's,<Service name="Catalina">,&\n<Connector port="8443" protocol="HTTP/1.1"/>,' "$root/etc/tomcat10/server.xml"
	in_clinic sh -eu <<-END
		mkdir -p /var/lib/tomcat10/webapps/oscar
		cat >$old <<-'PROPERTIES'
			# the clinic's own
			db_name = oscar_15?zeroDateTimeBehavior=round
			db_username=root
			db_password=geheim "und" \\\\ mehr
			BASE_DOCUMENT_DIR=$docs/
			clinic_motto : health\\u00e9
			buildtag=19.97~3743
		PROPERTIES
		chown root:tomcat $old; chmod 640 $old
		dpkg -i /srv/debs/oscar_emr$LEGACY.deb
		echo edited >$docs/oscar/eform/images/letterhead.png
		mkdir -p $docs/incomingdocs/1/Fax
		echo scan >$docs/oscar/document/scan1.pdf
		chmod 640 $docs/oscar/document/scan1.pdf
		chown -R tomcat:tomcat $docs
		groupadd scanner; chgrp -R scanner $docs/incomingdocs; chmod 2770 $docs/incomingdocs/1/Fax
		echo admin >$docs/note; chown daemon:daemon $docs/note
		ln -s /etc/shadow $docs/oscar/document/link; chown -h tomcat:tomcat $docs/oscar/document/link
		mkdir -p /var/spool/cron/crontabs
		printf '%s\n' '1 23 * * * /usr/share/oscar-emr/oscar_backup.sh' '* * * * * /usr/share/oscar-emr/reOscar.sh' '0 5 * * * /root/own.sh' >/var/spool/cron/crontabs/root
		chmod 600 /var/spool/cron/crontabs/root
		systemctl restart tomcat10
		mariadb -e 'ALTER USER root@localhost IDENTIFIED BY "geheim \"und\" \\\\ mehr"'
	END
}

ok "the packages build" lifecycle_debs || BAIL "no packages"
layer=$(lab_layer tomcat10 bookworm tomcat10) || BAIL "no layer"
lab_need && lab_up clinic bookworm "$layer" && lab_net_ready || BAIL "no machine"
in_clinic mkdir -p /srv/debs
for f in "$DEBS"/oscar-emr_1:19.0-1*.deb "$DEBS"/oscar-emr_1%3a19.0-1*.deb "$DEBS"/oscar-emr_19.0-1*.deb "$DEBS"/maintkit_*.deb; do
	[ ! -e "$f" ] || lab_put "$f" clinic:/srv/debs/
done
ok "a machine with $LEGACY of the old make" make_legacy || BAIL "no legacy machine"
ok "its Tomcat serves" eventually reachable 8443
nok "root is not let in to the database without a password" in_clinic mariadb -e 'SELECT 1'

taken_over() {  # what the shipped document must be

	ok "our instance answers on 8443" serves_version 19.0
	is "$(unit is-enabled tomcat10)/$(unit is-active tomcat10)" "disabled/inactive" "the machine's Tomcat, which had our port, is stopped and disabled"
	is "$(prop clinic_motto)" "healthé" "the clinic's settings are in force"
	is "$(prop BASE_DOCUMENT_DIR)" "$docs/" "the documents' place too"
	is "$(prop db_name)" "oscar_15?zeroDateTimeBehavior=round" "the driver's parameters stay with the database's name"
	is "$(prop db_username)" oscar "the application has an account of its own"
	is "$(in_clinic stat -c '%a %U:%G' $new)" "640 root:oscar-emr" "the settings are not for everybody"
	is "$(owner oscar/document/scan1.pdf) $(in_clinic stat -c %a $docs/oscar/document/scan1.pdf)" "oscar-emr:oscar-emr 640" "a document is the application's"
	is "$(owner incomingdocs/1/Fax)" "oscar-emr:scanner" "an admin's group stays"
	is "$(owner note)" "daemon:daemon" "what was somebody else's stays theirs"
	is "$(in_clinic stat -c %U /etc/shadow)" root "no link was followed"
	is "$(in_clinic cat $docs/oscar/eform/images/letterhead.png)" "$1" "a document that was shipped was not deleted by dpkg"
	is "$(in_clinic sh -c "find $docs -name '.maintkit*'")" "" "no second names are left"
	like "$(in_clinic systemctl show -p ReadWritePaths oscar-emr)" "$docs" "the documents are writable in the sandbox"
	is "$(in_clinic sh -c "cd / && nsenter -t \$(systemctl show -p MainPID --value oscar-emr) -m setpriv --reuid oscar-emr --regid oscar-emr --clear-groups sh -c 'echo x >$docs/oscar/document/new && rm $docs/oscar/document/new && echo written'")" written "the application can write there"
	like "$(in_clinic oscar-emr data inventory)" "$docs" "the inventory has them"
	ok "signing in works" contains "$(sign_in oscardoc mac2002 1117)" "LOGIN OK"
}

ok "apt install" show "apt-get -y install /srv/debs/maintkit_*.deb $(deb 19.0-1)" ||
	{ in_clinic journalctl -n 30 --no-pager | sed 's/^/# /'; }
taken_over edited
ok "a backup was made before anything was changed" in_clinic sh -c 'ls /var/backups/oscar-emr/*.tar.zst.gpg'
ok "it is good" in_clinic sh -c 'oscar-emr backup verify /var/backups/oscar-emr/*.tar.zst.gpg'
is "$(in_clinic stat -c %a /etc/oscar-emr/db.cnf)" 600 "the administrator's login is in db.cnf, for root only"
is "$(in_clinic mariadb --defaults-file=/etc/oscar-emr/db.cnf -N -B -e 'SELECT COUNT(*) FROM oscar_15.demographic')" 300 "and works; no patient is lost"
ok "the old settings stay as they were" in_file 'db_password=geheim "und" \\ mehr' $old
like "$(in_clinic cat /var/spool/cron/crontabs/root)" '#maintkit: 1 23 .*oscar_backup.sh.*#maintkit: .*reOscar.sh.*'$'\n''0 5 ' "crontab lines of scripts that are gone are comments, others stay"
pid=$(main_pid)
ok "once more" show "dpkg-reconfigure -f noninteractive oscar-emr"
is "$(main_pid)" "$pid" "changes nothing: no restart"

ok "handed back: dpkg -i of the old package" show "dpkg -i /srv/debs/oscar_emr$LEGACY.deb"
is "$(in_clinic dpkg-query -W -f '${Version}' oscar-emr)" "$LEGACY" "it is installed"
is "$(unit is-active oscar-emr)" inactive "our instance is stopped"
is "$(unit is-enabled tomcat10)" enabled "the machine's Tomcat is enabled"
is "$(owner oscar/document/scan1.pdf) $(owner incomingdocs/1/Fax)" "tomcat:tomcat tomcat:scanner" "the documents are its account's"
ok "and taken over again" show "apt-get -y install $(deb 19.0-1)"
taken_over "as shipped by $LEGACY"
is "$(sql 'SELECT COUNT(*) FROM demographic' 2>/dev/null || in_clinic mariadb --defaults-file=/etc/oscar-emr/db.cnf -N -B -e 'SELECT COUNT(*) FROM oscar_15.demographic')" 300 "all patients are there"
done_testing
