#!/bin/bash
# proves: deploy, activate, upgrade, restart only on change, the certificate, stop and resume, on a booted machine with the real Tomcat
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/lab.sh"

[ "$(id -u)" = 0 ] || skip_all "machines need root"
suite=${APP_SUITE:-bookworm}
lab_up app "$suite" "${APP_LAYER:-}" || BAIL "no machine"
root=$(lab_root app)
in_app() { lab_enter app "$@"; }
app() { lab_enter app oscar-emr app "$@"; }
sql() { lab_enter app mariadb "$@"; }

# The package as it will lie on disk, without dpkg: that is another test's.
install_by_hand() {
	local f
	mkdir -p "$root"/usr/libexec/maintkit "$root"/usr/share/oscar-emr/{war,tomcat} "$root"/etc/oscar-emr
	cp "$BIN/maintkit" "$root/usr/bin/"
	cp "$BIN"/maintkit-{app,pending} "$root/usr/libexec/maintkit/"
	ln -s ../bin/maintkit "$root/usr/sbin/oscar-emr"
	cp "$TOP/debian/oscar-emr.maintkit" "$root/usr/share/oscar-emr/maintkit.conf"
	cp "$TOP"/hooks/oscar-emr/tomcat/* "$root/usr/share/oscar-emr/tomcat/"
	cp "$TOP/debian/oscar-emr.service" "$TOP"/src/systemd/maintkit-pending@.service "$root/lib/systemd/system/"
	cp "$TOP/debian/oscar-emr.sysusers" "$root/usr/lib/sysusers.d/oscar-emr.conf"
	cp "$TOP/debian/oscar-emr.tmpfiles" "$root/usr/lib/tmpfiles.d/oscar-emr.conf"
	[ -z "${APP_TOMCAT:-}" ] || printf "[app]\ntomcat = %s\n" "$APP_TOMCAT" >"$root/etc/oscar-emr/maintkit.conf"
	# the guard has tests of its own
	mkdir -p "$root/etc/systemd/system/oscar-emr.service.d"
	printf '[Service]\nExecStartPre=\n' >"$root/etc/systemd/system/oscar-emr.service.d/no-guard.conf"
	in_app systemd-sysusers && in_app systemd-tmpfiles --create oscar-emr.conf || return
	for f in 010-schema 020-base-data 030-demo-patients; do
		{ echo "CREATE DATABASE IF NOT EXISTS oscar_15; USE oscar_15;"; cat "$TOP/tests/fixtures/payload/sql/$f.sql"; } | sql || return
	done
	sql -e "CREATE USER oscar@localhost IDENTIFIED BY 'Zq7'; GRANT ALL ON oscar_15.* TO oscar@localhost" || return
	sed 's/^db_password =.*/db_password = Zq7/' "$TOP/tests/fixtures/payload/oscar.properties" >"$root/etc/oscar-emr/oscar.properties"
	printf '%s\n' 'PGP_BIN=/usr/bin/pgpgpg' 'PGP_CMD=-e' 'PGP_KEY=clinic@example.org' \
		'PGP_ENV=GNUPGHOME=/var/lib/oscar-emr/gnupg' >>"$root/etc/oscar-emr/oscar.properties"
	in_app sh -eu -s <<-'X'
		chown root:oscar-emr /etc/oscar-emr/oscar.properties; chmod 640 /etc/oscar-emr/oscar.properties
		install -d -o oscar-emr -g oscar-emr -m 700 /var/lib/oscar-emr/gnupg
		cd /; setpriv --reuid oscar-emr --regid oscar-emr --init-groups env GNUPGHOME=/var/lib/oscar-emr/gnupg \
			gpg --batch --quiet --passphrase '' --quick-gen-key 'Clinic <clinic@example.org>' default default never 2>&1
		systemctl daemon-reload; systemctl -q enable oscar-emr
	X
}
war() { sh "$TOP/tests/fixtures/payload/build.sh" "$T/war-$1" "$1" && cp "$T/war-$1/oscar.war" "$root/usr/share/oscar-emr/war/"; }
served() { in_app curl -ksS "https://localhost:8443/oscar/" | sed -n 's/.*<p>version \([^;]*\);.*/\1/p'; }
main_pid() { in_app systemctl show -p MainPID --value oscar-emr; }
outside() { lab_client app curl -ksS -o /dev/null -w '%{http_code}' -m 60 "$@"; }

ok "the package's files are in place" install_by_hand
rc_is 2 "nothing can be activated that is not deployed" app activate --version 1:19.0-1
like "$err" "app deploy" "and the message says what to do"
rc_is 0 "status before anything" app status
rc_is 0 "resume before anything is no error" app resume

# ---- certificate
rc_is 0 "a self-signed certificate is made" app certificate --self-signed-if-missing
before=$(in_app sha256sum /etc/oscar-emr/tls.p12)
rc_is 0 "asked again, it stays" app certificate --self-signed-if-missing
is "$(in_app sha256sum /etc/oscar-emr/tls.p12)" "$before" "byte for byte"
is "$(in_app stat -c '%U:%G %a' /etc/oscar-emr/tls.p12 /etc/oscar-emr/tls.password | sort -u)" "root:oscar-emr 640" \
	"key and password: root writes, the web user reads, nobody else"

# ---- deploy and activate
war 1:19.0-1
rc_is 0 "version 1 is deployed" app deploy --version 1:19.0-1
stamp=$(in_app stat -c %y /var/lib/oscar-emr/webapp/1_19.0-1/oscar)
rc_is 0 "deploying it again" app deploy --version 1:19.0-1
is "$(in_app stat -c %y /var/lib/oscar-emr/webapp/1_19.0-1/oscar)" "$stamp" "changes nothing"
rc_is 0 "version 1 is activated" app activate --version 1:19.0-1
is "$(served)" "1:19.0-1" "and served"
is "$(outside "https://$LAB_IP4:8443/oscar/")" 200 "from outside over IPv4"
is "$(outside "https://[$LAB_IP6]:8443/oscar/")" 200 "and IPv6"
outside "http://$LAB_IP4:8080/oscar/" >/dev/null; is $? 7 "8080 does not listen outside"
is "$(in_app curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/oscar/)" 200 "but on loopback"
in_app curl -s -m 60 telnet://127.0.0.1:8005 </dev/null; is $? 7 "there is no shutdown port"
pid=$(main_pid)
rc_is 0 "activating it again" app activate --version 1:19.0-1
is "$(main_pid)" "$pid" "restarts nothing"
is "$(in_app find /var/lib/oscar-emr/webapp /var/lib/oscar-emr/tomcat/conf -not -user root)" "" "code and configuration are root's"
is "$(in_app find /var/lib/oscar-emr/webapp /var/lib/oscar-emr/tomcat/conf -type f -perm /022)" "" "and not writable by others"
unlike "$(in_app curl -ksS https://localhost:8443/nothing)" "Tomcat|Apache" "error pages do not tell the server's version"

# ---- what OSCAR does inside the sandbox
jar=/tmp/jar
ok "sign in" in_app curl -fksS -c $jar -d 'username=oscardoc&password=mac2002&pin=1117' https://localhost:8443/oscar/login.jsp
run in_app curl -ksS -b $jar -d demographic_no=1 https://localhost:8443/oscar/export.jsp
like "$out" "EXPORT OK .*\.pgp " "an export is encrypted by gpg in the sandboxed unit"
uid=$(in_app id -u oscar-emr)
for p in /var/lib/oscar-emr/webapp/x /etc/oscar-emr/x /var/lib/oscar-emr/tomcat/conf/x /usr/x /var/backups/x /var/lib/maintkit/x; do
	nok "the unit cannot write $p" in_app nsenter -t "$(main_pid)" -m setpriv --reuid "$uid" --regid "$uid" --clear-groups touch "$p"
done
level=$(in_app systemd-analyze security oscar-emr --no-pager | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
note "systemd-analyze security: $level"
ok "exposure level is at most 2.0" awk "BEGIN { exit !($level <= 2.0) }"

# ---- a change of what it was started from
in_app sed -i 's/^login_lock = .*/login_lock = true/' /etc/oscar-emr/oscar.properties
like "$(app status --json)" '"restart_due": true' "status sees that the properties changed"
rc_is 0 "activate after a change of properties" app activate
isnt "$(main_pid)" "$pid" "restarts"
pid=$(main_pid)
in_app sh -c 'echo "<!-- mine -->" >>/var/lib/oscar-emr/tomcat/conf/server.xml'
rc_is 0 "activate after somebody edited server.xml" app activate
like "$err" "server.xml' was edited" "says so"
ok "and keeps the edited file" in_app grep -q mine /var/lib/oscar-emr/tomcat/conf/server.xml.edited

# ---- upgrade
war 1:19.0-2
rc_is 0 "version 2 is deployed" app deploy --version 1:19.0-2
is "$(served)" "1:19.0-1" "version 1 is still served"
rc_is 0 "version 2 is activated" app activate --version 1:19.0-2
is "$(served)" "1:19.0-2" "version 2 is served, not pages compiled before"
is "$(in_app ls /var/lib/oscar-emr/webapp | xargs)" "1_19.0-1 1_19.0-2" "the previous code stays"
is "$(in_app ls /var/lib/oscar-emr/tomcat/work | wc -l)" 1 "compiled pages of the previous version do not"
rc_is 0 "back to version 1" app activate --version 1:19.0-1
is "$(served)" "1:19.0-1" "it is served"
war 1:19.0-3
app deploy --version 1:19.0-3 2>/dev/null && app activate --version 1:19.0-3 2>/dev/null
is "$(in_app ls /var/lib/oscar-emr/webapp | xargs)" "1_19.0-1 1_19.0-3" "of three versions the one in use and the one before stay"

# ---- an own certificate
in_app sh -c 'cd /root && openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 10 -subj /CN=clinic.example.org &&
	openssl req -x509 -newkey rsa:2048 -nodes -keyout k2.pem -out c2.pem -days 10 -subj /CN=other' 2>/dev/null
rc_is 2 "a key of another certificate is refused" app certificate --cert /root/c.pem --key /root/k2.pem
is "$(in_app sha256sum /etc/oscar-emr/tls.p12)" "$before" "and nothing changed"
rc_is 0 "certificate and key are taken over" app certificate --cert /root/c.pem --key /root/k.pem
rc_is 0 "activate" app activate
like "$(in_app sh -c 'openssl s_client -connect localhost:8443 </dev/null 2>/dev/null | openssl x509 -noout -subject')" \
	"clinic.example.org" "serves it"
rc_is 0 "a foreign certificate is not replaced" app certificate --self-signed-if-missing
like "$(app status)" "CN ?= ?clinic.example.org" "status shows it"
in_app grep -rlE 'BEGIN [A-Z ]*PRIVATE KEY' /var/lib/maintkit /var/log /tmp /var/tmp /etc/oscar-emr >"$T/leaks"
is "$(cat "$T/leaks")" "" "no key in clear lies about"

# ---- policy, an administrator's disable, stop and resume
in_app sh -c 'printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d'
pid=$(main_pid)
rc_is 0 "activate where policy-rc.d forbids it" app activate --version 1:19.0-1
is "$(main_pid)" "$pid" "does not restart"
in_app rm /usr/sbin/policy-rc.d
rc_is 0 "allowed again" app activate --version 1:19.0-1
is "$(served)" "1:19.0-1" "it does"
rc_is 0 "deactivate" app deactivate
is "$(in_app systemctl is-active oscar-emr)" inactive "stops"
rc_is 0 "deactivate twice" app deactivate
rc_is 0 "resume" app resume
is "$(in_app systemctl is-active oscar-emr)" active "starts again"
rc_is 0 "deactivate --disable" app deactivate --disable
is "$(in_app systemctl is-enabled oscar-emr)" disabled "disables"
rc_is 0 "resume enables what we disabled" app resume
is "$(in_app systemctl is-enabled oscar-emr)$(in_app systemctl is-active oscar-emr)" enabledactive "and starts it"
in_app systemctl -q disable --now oscar-emr
rc_is 0 "activate where an administrator disabled the unit" app activate
is "$(in_app systemctl is-active oscar-emr)" inactive "leaves it alone"
in_app systemctl -q enable --now oscar-emr

# ---- no backend is no failure
in_app mkdir -p /srv/c
rc_is 0 "without a system manager activate is deferred" in_app unshare -m sh -c \
	'mount -t tmpfs none /run/systemd && exec oscar-emr app activate --version 1:19.0-3 --defer schema'
like "$err" "left for the next boot" "and says so"
rc_is 3 "and without --defer it is status 3" in_app unshare -m sh -c \
	'mount -t tmpfs none /run/systemd && exec oscar-emr app activate --version 1:19.0-3'
in_app systemctl -q enable maintkit-pending@oscar-emr.service
ok "reboot" lab_reboot app
. "$TOP/tests/lib/stop.sh"
in_time eval '[ "$(served 2>/dev/null)" = 1:19.0-3 ]'
is "$(served)" "1:19.0-3" "the deferred activation was done at boot, and did not wait for itself"
is "$(in_app systemctl is-active maintkit-pending@oscar-emr.service)$(in_app ls -s /var/lib/maintkit/oscar-emr/pending 2>/dev/null | cut -c1)" \
	"inactive${pending_left:-}" "nothing is pending"
is "$(in_app systemctl show -p NRestarts --value oscar-emr)" 0 "one start was enough"

lab_rm app
done_testing
