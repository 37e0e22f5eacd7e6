#!/bin/bash
# proves: serve, as an account that may do nothing else, has the right code in place all the time, and leaves none behind when it stops, is killed, loses the database or the clock is set
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/totp.sh"
. "$TOP/tests/lib/stop.sh"

[ "$(id -u)" = 0 ] || skip_all "totp is for root"
mariadb_here || skip_all "$mariadb_why"
command -v oathtool >/dev/null || skip_all "oathtool is not installed"
totp_setup && totp_columns && totp_program || BAIL "no database"

# An account that exists on every Debian stands for serve's own.
sed -i 's/^\[totp\]$/&\naccount = daemon/' "$ROOT/usr/share/oscar-emr/maintkit.conf"
as_daemon() { setpriv --reuid daemon --regid daemon --clear-groups "$@"; }
daemon_sql() { as_daemon mariadb --no-defaults --socket="$MARIADB_SOCKET" -N -B -e "$*"; }
chmod 600 "$ROOT/etc/oscar-emr/oscar.properties"
P=15	# the shortest period
code15() { code "$SECRET" -s ${P}s "$@"; }
add_user other 7777
mariadb_sql "UPDATE oscar_15.security SET lastUpdateDate='2019-01-02 08:00:00'"
ok "enroll" totp enroll oscardoc --secret-stdin --no-confirm --period $P <<<"$SECRET"
ok "prepare" totp prepare
ok "prepare again" totp prepare

# ---- what the account may do
is "$(mariadb_sql "SHOW GRANTS FOR daemon@localhost" | grep -vc 'USAGE\|EXECUTE ON PROCEDURE `oscar_15`.`maintkit_totp_refresh`')" 0 "it has one grant"
ok "it may call the procedure" daemon_sql "CALL oscar_15.maintkit_totp_refresh(NULL, NULL, 0)"
nok "it may not read the table" daemon_sql "SELECT pin FROM oscar_15.security"
nok "nor write it" daemon_sql "UPDATE oscar_15.security SET pin='1'"
nok "nor make another procedure" daemon_sql "CREATE PROCEDURE oscar_15.x() SELECT 1"
nok "nor read our own tables" daemon_sql "SELECT * FROM oscar_15.maintkit_totp"
tag=$(mariadb_sql "SELECT LEFT(SHA2(CONCAT_WS(' ', totp_secret, totp_algorithm, totp_digits, totp_period), 256), 16) FROM oscar_15.security WHERE user_name='other'")
no=$(sec security_no other)
ok "asked to set a user who is not enrolled" daemon_sql "CALL oscar_15.maintkit_totp_refresh('$(printf '%010d' "$no")${tag}06999999  ', 'salt', 1)"
is "$(sec pin other)" 7777 "it does not"
nok "another system user cannot log in as it" setpriv --reuid games --regid games --clear-groups mariadb --no-defaults --socket="$MARIADB_SOCKET" -u daemon -e 'SELECT 1'

# ---- running: systemd's protocol, then the codes
cat >"$T/notify.py" <<'P'
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o777)
fed = open(sys.argv[2], 'w')
while True:
    text = s.recv(4096).decode()
    print(text, flush=True)
    if 'WATCHDOG=1' in text: print(time.monotonic(), file=fed, flush=True)
P
python3 "$T/notify.py" "$T/notify.sock" "$T/fed" >"$T/notify.log" & at_exit "kill $!"
until_ok "the socket for notifications" test -S "$T/notify.sock"
echo 0 >"$T/shift"
${CC:-cc} -shared -fPIC -O2 -o "$T/clock-shift.so" "$TOP/tests/lib/clock-shift.c" || BAIL "no compiler"
preload=$T/clock-shift.so
# a build with sanitizers wants its own library first
asan=$(ldd "$TOTP" | awk '/libasan/ {print $3}')
serve() {
	(exec setpriv --reuid daemon --regid daemon --clear-groups env LD_PRELOAD="$asan $preload" CLOCK_SHIFT_FILE="$T/shift" ASAN_OPTIONS=detect_leaks=0 \
		NOTIFY_SOCKET="$T/notify.sock" WATCHDOG_USEC=1000000 \
		"$TOTP" --root "$ROOT" -p oscar-emr serve) </dev/null >>"$T/serve.log" 2>&1 &
	served=$!
	at_exit "kill -9 $served 2>/dev/null"
}
eventually() { in_time "$@"; }
right() { steady $P is_right; }
is_right() { [ "$(sec pin)" = "$(code15)" ]; }
shut() { [[ $(sec pin) =~ ^[0-9a-f]{32}$ ]]; }

serve
ok "it says READY" eventually grep -q READY=1 "$T/notify.log"
ok "after the first refresh" right
like "$(cat "$T/notify.log")" "STATUS=1 of 1 enrolled users" "and a status"
# Right after a boundary it may still be the former one, for a second, and longer as this machine is slow: by a look's own time, of some milliseconds.
wrong='' looks=0 late=0
end=$((SECONDS + 3 * P))
while [ $SECONDS -lt $end ] || [ $looks -lt 100 ]; do
	begun=${EPOCHREALTIME/[.,]/}
	pin=$(sec pin)
	took=$((${EPOCHREALTIME/[.,]/} - begun)) now=$((begun / 1000000))
	[ $((EPOCHSECONDS / P)) = $((now / P)) ] || continue
	looks=$((looks + 1))
	[ "$pin" != "$(code15 -N "@$now")" ] || continue
	since=$((begun % (P * 1000000)))
	if [ "$pin" = "$(code15 -N "@$((now - P))")" ] && [ $since -lt $((1000000 + 10 * took)) ]; then late=$((late + 1)); else wrong+=" $since:$pin"; fi
done
note "$looks looks, $late of them at a boundary with the former code"
is "$wrong" "" "in three periods the PIN is the code, but for moments at a boundary"
is "$(sec lastUpdateDate)" "$(sec 'GREATEST(lastUpdateDate, "2026-01-01")')" "lastUpdateDate is the enrolment's"
before=$(sec lastUpdateDate)
ok "the watchdog is fed, in time as a rule" python3 -c 'import statistics, sys
t = [float(x) for x in open(sys.argv[1])]
assert len(t) > 20 and statistics.median(b - a for a, b in zip(t, t[1:])) < 1, t' "$T/fed"

# ---- a user enrolled, rotated or broken while it runs
totp enroll other --secret-stdin --no-confirm --period $P <<<"MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPJBEGRCF" 2>/dev/null
other_right() { [ "$(sec pin other)" = "$(code MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPJBEGRCF -s ${P}s)" ]; }
ok "a user enrolled meanwhile has a code at once" steady $P other_right
ok "disable while it runs" totp disable other
sleep $((P - $(date +%s) % P + 1))
is "$(sec pin other)" 7777 "the former PIN stays"

# ---- the clock is set
echo 1000 >"$T/shift"
ok "the clock is set: shut" eventually shut
ok "the status says so" eventually grep -q 'STATUS=the clock was changed' "$T/notify.log"
first=$(sec pin)
right_shifted() { [ "$(sec pin)" = "$(code15 -N "@$(($(date +%s) + 1000))")" ]; }
ok "open from the next period on, by the new clock" eventually right_shifted
echo 0 >"$T/shift"
ok "set back: shut" eventually shut
isnt "$(sec pin)" "$first" "with another random PIN"
ok "and open again" eventually right

# ---- the database goes and comes
mariadb_kill
sleep $((P - $(date +%s) % P + 1))	# over a boundary: now it must have noticed
ok "a lost database is said" eventually grep -q 'STATUS=no database' "$T/notify.log"
ok "and it goes on" kill -0 $served
mariadb_start
ok "within a second of its return the code is right" eventually right
mariadb_sql "KILL $(mariadb_sql "SELECT id FROM information_schema.processlist WHERE user='daemon'")"
sleep $((P - $(date +%s) % P + 1))
ok "a connection that was cut is made anew at the boundary" eventually right

# ---- stop, and being killed
kill -TERM $served
ok "stop" wait $served
ok "leaves no code" shut
like "$(cat "$T/notify.log")" "STOPPING=1" "and tells systemd"
serve
ok "started again" eventually right
kill -KILL $served; wait $served 2>/dev/null
ok "killed: what ExecStopPost runs, by the same account" as_daemon "$TOTP" --root "$ROOT" -p oscar-emr close
ok "leaves no code" shut
is "$(sec lastUpdateDate)" "$before" "lastUpdateDate is untouched by all of this"

# ---- it ends when it cannot work from the start
mariadb_sql 'DROP PROCEDURE oscar_15.maintkit_totp_refresh'
rc_is 2 "without its procedure it ends with an error" as_daemon timeout 120 "$TOTP" --root "$ROOT" -p oscar-emr serve

is "$(grep -cE "$SECRET|AddressSanitizer|runtime error" "$T/serve.log")" 0 "its messages hold no secret"
done_testing
