#!/bin/bash
# proves: on a booted machine a user logs in to the web application with oathtool's codes in every second of two minutes, old and wrong ones are refused, and nothing is valid when the unit is stopped, killed or broken, nor after a reboot
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/lab.sh"
. "$TOP/tests/lib/stop.sh"
. "$TOP/tests/lib/totp.sh"

[ "$(id -u)" = 0 ] || skip_all "machines need root"
command -v oathtool >/dev/null || skip_all "oathtool is not installed"
suite=${TOTP_SUITE:-bookworm}
layer=$(lab_layer totp "$suite" liboath0 libqrencode4) || BAIL "no layer"
lab_up totp "$suite" "$layer" || BAIL "no machine"
root=$(lab_root totp)
inside() { lab_enter totp "$@"; }
totp() { lab_enter totp oscar-emr totp "$@"; }
sql() { lab_enter totp mariadb -N -B "$@"; }
SECRET=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ
unit=maintkit-totp@oscar-emr.service

# The packages' files as they will lie on disk, without dpkg: that is another test's.
install_by_hand() {
	local f
	mkdir -p "$root"/usr/libexec/maintkit "$root"/usr/share/oscar-emr/{war,tomcat} "$root"/etc/oscar-emr
	cp "$BIN/maintkit" "$root/usr/bin/"
	cp "$BIN"/maintkit-{app,pending,totp} "$root/usr/libexec/maintkit/"
	ln -s ../bin/maintkit "$root/usr/sbin/oscar-emr"
	cp "$TOP/debian/oscar-emr.maintkit" "$root/usr/share/oscar-emr/maintkit.conf"
	cp "$TOP/hooks/oscar-emr/2FA.sh" "$root/usr/share/oscar-emr/"
	cp "$TOP"/hooks/oscar-emr/tomcat/* "$root/usr/share/oscar-emr/tomcat/"
	cp "$TOP/debian/oscar-emr.service" "$TOP"/src/systemd/maintkit-{pending,totp}@.service "$root/usr/lib/systemd/system/"
	cp "$TOP/debian/oscar-emr.sysusers" "$root/usr/lib/sysusers.d/oscar-emr.conf"
	cp "$TOP/debian/maintkit.sysusers" "$root/usr/lib/sysusers.d/maintkit.conf"
	cp "$TOP/debian/oscar-emr.tmpfiles" "$root/usr/lib/tmpfiles.d/oscar-emr.conf"
	# the guard has tests of its own
	mkdir -p "$root/etc/systemd/system/oscar-emr.service.d"
	printf '[Service]\nExecStartPre=\n' >"$root/etc/systemd/system/oscar-emr.service.d/no-guard.conf"
	inside systemd-sysusers && inside systemd-tmpfiles --create oscar-emr.conf || return
	sql -e 'CREATE DATABASE oscar_15 CHARACTER SET utf8' || return
	for f in "$TOP"/tests/fixtures/payload/sql/0[12]0-*.sql "$TOP/hooks/oscar-emr/sql/2fa.sql"; do
		{ echo "USE oscar_15;"; cat "$f"; } | sql || return
	done
	sql -e "CREATE USER oscar@localhost IDENTIFIED BY 'Zq7'; GRANT SELECT, INSERT, UPDATE ON oscar_15.* TO oscar@localhost" || return
	sed 's/^db_password =.*/db_password = Zq7/' "$TOP/tests/fixtures/payload/oscar.properties" >"$root/etc/oscar-emr/oscar.properties"
	inside sh -eu -c 'chown root:oscar-emr /etc/oscar-emr/oscar.properties; chmod 640 /etc/oscar-emr/oscar.properties
		systemctl daemon-reload; systemctl -q enable oscar-emr'
	sh "$TOP/tests/fixtures/payload/build.sh" "$T/war" 1:19.0-1 && cp "$T/war/oscar.war" "$root/usr/share/oscar-emr/war/" || return
	inside oscar-emr app certificate --self-signed-if-missing && inside oscar-emr app deploy --version 1:19.0-1 &&
		inside oscar-emr app activate --version 1:19.0-1
}
login() { lab_client totp curl -ksS -m 60 -o /dev/null -w '%{http_code}' -d "username=oscardoc&password=mac2002" --data-urlencode "pin=$1" "https://$LAB_IP4:8443/oscar/login.jsp"; }
code() { oathtool -b --totp "$@" - <<<"$SECRET"; }
pin() { sql -e "SELECT pin FROM oscar_15.security WHERE user_name='oscardoc'"; }
eventually() { in_time "$@"; }
# the unit has a moment for it at the begin of a period
settled() { while [ $((EPOCHSECONDS % 30)) -lt 2 ]; do sleep 0.1; done; }
right() { steady 30 is_right; }
is_right() { settled; [ "$(pin)" = "$(code)" ]; }
shut() { [[ $(pin) =~ ^[0-9a-f]{32}$ ]]; }
serves() { [ "$(answer)" = 200 ]; }
answer_now() { settled; login "$(code)" >"$T/answer"; }
answer() { steady 30 answer_now; cat "$T/answer"; }

ok "the packages' files are in place, the application is served" install_by_hand
is "$(login 1117)" 200 "the PIN is accepted before"

# ---- in a minute
ok "enroll" lab_enter totp oscar-emr totp enroll oscardoc --secret-stdin --no-confirm <<<"$SECRET"
is "$(inside systemctl is-active $unit)" active "the unit was started"
is "$(inside systemctl is-enabled $unit)" enabled "and enabled"
ok "the code is in place at once" right
is "$(answer)" 200 "the code is accepted"
is "$(login 1117)" 401 "the former PIN is not"
like "$(inside cat /var/lib/maintkit/oscar-emr/effects)" "unit.$unit.done" "the unit is in the journal of effects"
like "$(inside cat /var/lib/maintkit/oscar-emr/effects)" "db-user.maintkit-totp@localhost.done" "the account too"
ok "enroll again" lab_enter totp oscar-emr totp enroll oscardoc --secret-stdin --no-confirm <<<"$SECRET"
level=$(inside systemd-analyze security $unit --no-pager | sed -n 's/.*exposure level.*: \([0-9.]*\) .*/\1/p')
note "systemd-analyze security: $level"
ok "exposure level is at most 1.5" awk "BEGIN { exit !($level <= 1.5) }"
like "$(inside systemctl show -p StatusText $unit)" "1 of 1 enrolled users have their code" "systemctl status says how many"
is "$(inside ps -o user= -p "$(inside systemctl show -p MainPID --value $unit)" | cut -c1-8)" maintkit "it runs as its own user"

# ---- two minutes, every second
good=0 refused=0 bad='' tried=0
begun=$EPOCHSECONDS
# An answer counts when it was asked for and had within a period, the two seconds at its begin and the one at its end left out.
try() { # WANTED CODE
	local now=$EPOCHSECONDS got
	[ $((now % 30)) -ge 2 ] || return 1
	got=$(login "$2")
	[ $((EPOCHSECONDS / 30)) = $((now / 30)) ] && [ $((EPOCHSECONDS % 30)) -le 28 ] || return 1
	[ "$got" = "$1" ] || bad="$bad $now:$got-for-$1"
}
while [ $((EPOCHSECONDS - begun)) -lt 120 ] || [ "$tried" -lt 90 ]; do
	[ $((EPOCHSECONDS - begun)) -lt 1500 ] || BAIL "90 logins take longer than 25 minutes"
	now=$EPOCHSECONDS
	current=$(code -N "@$now") old=$(code -N "@$((now - 30))") next=$(code -N "@$((now + 30))")
	if [ $((EPOCHSECONDS / 30)) = $((now / 30)) ] && try 200 "$current"; then
		good=$((good + 1)) tried=$((tried + 1))
		for wrong in "$old" "$next" "$(printf '%06d' $(((10#$current + 1) % 1000000)))"; do
			[ "$wrong" != "$current" ] && [ $((EPOCHSECONDS / 30)) = $((now / 30)) ] || continue
			try 401 "$wrong" && refused=$((refused + 1))
		done
	fi
	while [ "$EPOCHSECONDS" = "$now" ]; do sleep 0.05; done
done
note "$tried seconds: $good logins, $refused refusals"
is "$bad" "" "every right code was accepted, every old, early or wrong one refused"
ok "the others were tried as often" test "$refused" -ge 180

# ---- stopped, killed, broken
inside systemctl stop $unit
ok "stopped: shut" shut
is "$(login "$(code)")" 401 "the right code is refused"
is "$(login "$(pin)")" 200 "(only who can read the database could log in)"
ok "started: right again" inside systemctl start $unit
is "$(answer)" 200 "accepted again"
mkdir -p "$root/etc/systemd/system/$unit.d"
printf '[Service]\nRestart=no\n' >"$root/etc/systemd/system/$unit.d/once.conf"
inside systemctl daemon-reload
inside systemctl kill -s KILL $unit
ok "killed without restart: shut" eventually shut
is "$(login "$(code)")" 401 "the right code is refused"
rm "$root/etc/systemd/system/$unit.d/once.conf"
inside systemctl daemon-reload
inside systemctl start $unit
first=$(inside systemctl show -p MainPID --value $unit)
inside systemctl kill -s KILL $unit
restarted() { now=$(inside systemctl show -p MainPID --value $unit); [ "$now" != 0 ] && [ "$now" != "$first" ] && right; }
ok "killed with restart: right again within seconds" eventually restarted

# ---- the database restarts
inside systemctl restart mariadb
ok "the database restarted: the code goes on being right" eventually right
inside systemctl stop mariadb; sleep $((31 - $(date +%s) % 30)); inside systemctl start mariadb
ok "also when that took it over a boundary" eventually right
is "$(inside systemctl is-active $unit)" active "the unit is up"

# ---- a reboot: no code of before is accepted
old=$(code)
lab_reboot totp
ok "after a reboot the code is right" eventually right
ok "and accepted" eventually serves
inside systemctl stop $unit
printf '[Service]\nExecStart=\nExecStart=/bin/false\n' >"$root/etc/systemd/system/$unit.d/broken.conf"
sql -e "UPDATE oscar_15.security SET pin='123456'"	# as a power cut would leave it
lab_reboot totp
ok "booted with a unit that fails: shut" eventually shut
answers() { [ "$(login 123456)" = 401 ]; }
ok "the stale code is refused" eventually answers
rm "$root/etc/systemd/system/$unit.d/broken.conf"
inside systemctl daemon-reload
inside systemctl restart $unit
ok "mended: right" eventually right

# ---- the crontab line of old
ok "2FA.sh has nothing to do while the unit runs" inside timeout 25 /usr/share/oscar-emr/2FA.sh
inside systemctl stop $unit
# in the first half of a minute, so that both of its codes are ours
while [ $((10#$(date +%S))) -gt 12 ]; do sleep 1; done
inside sh -c 'setsid /usr/share/oscar-emr/2FA.sh >/tmp/2FA.log 2>&1 </dev/null & :'
ok "without it, it writes the code" eventually right
sleep $((31 - $(date +%s) % 30))
is_over() { ! inside pgrep -f 'totp.* tick' >/dev/null; }
nok "it stays for the rest of the minute" is_over
ok "and writes the next code" eventually right
for ((i = 0; i < 80; i++)); do is_over && break; sleep 1; done
ok "when no other job follows, it leaves no code behind" shut
is "$(inside cat /tmp/2FA.log | grep -vc 'nobody refreshes')" 0 "it says so and nothing else"

# ---- off again
inside systemctl start $unit
ok "disable" totp disable oscardoc
is "$(inside systemctl is-enabled $unit)" disabled "the unit is off with the last user"
is "$(login 1117)" 200 "the former PIN is accepted"

# ---- from the legacy way: enrolled by hand, refreshed by cron
sql -e "UPDATE oscar_15.security SET totp_enabled=1, totp_secret='$SECRET' WHERE user_name='oscardoc'"
echo '* * * * * root /usr/share/oscar-emr/2FA.sh' >>"$root/etc/crontab"
ok "adopt" totp adopt
is "$(inside systemctl is-active $unit)" active "the unit runs"
is "$(answer)" 200 "the code is accepted"
is "$(tail -n 1 "$root/etc/crontab")" '#maintkit: * * * * * root /usr/share/oscar-emr/2FA.sh' "the crontab line is out of use"
is "$(inside journalctl -u $unit -o cat | grep -cE "$SECRET|[0-9]{6}")" 0 "the journal holds no secret and no code"

done_testing
