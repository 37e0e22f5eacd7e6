#!/bin/bash
# proves: enrolment to disabling over a real MariaDB: what is refused changes nothing, what is enabled works, what was there comes back
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/totp.sh"

[ "$(id -u)" = 0 ] || skip_all "totp is for root"
mariadb_here || skip_all "$mariadb_why"
command -v oathtool >/dev/null || skip_all "oathtool is not installed"
totp_setup || BAIL "no database"
adopt() { totp enroll "$1" --secret-stdin "${@:2}" <<<"$SECRET"; }
all() { mariadb_sql 'SELECT * FROM oscar_15.security ORDER BY security_no'; }
other=MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPJBEGRCF

# ---- without the columns
rc_is 2 "without the columns nothing can be enrolled" adopt oscardoc --no-confirm
like "$err" "oscar-emr sql apply 2fa" "and the message says what to run"
ok "but adopt finds nothing to do" totp adopt
ok "2fa.sql" totp_columns
add_user "o'brien" 2222 && add_user 'per%' 3333 && add_user 'Zoë' 4444 || BAIL "users"
mariadb_sql "UPDATE oscar_15.security SET lastUpdateDate='2019-01-02 08:00:00', b_LocalLockSet=0"

# ---- refused: nothing changes
all >"$T/before"
refused() { rc_is "$1" "refused: $2" "${@:3}"; }
refused 2 "unknown user" adopt nobody --no-confirm
refused 2 "user name of another case" adopt OSCARDOC --no-confirm
like "$err" "one called 'oscardoc'" "the right name is told"
refused 2 "user name that is a pattern" adopt '%' --no-confirm
refused 2 "user name with an SQL quote" adopt "x' OR '1'='1" --no-confirm
refused 2 "user name that is not UTF-8" adopt $'\xff\xfe' --no-confirm
refused 2 "empty user name" adopt '' --no-confirm
refused 2 "secret that is not base32" totp enroll oscardoc --secret-stdin --no-confirm <<<"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1"
refused 2 "secret of 15 bytes" totp enroll oscardoc --secret-stdin --no-confirm <<<"GEZDGNBVGY3TQOJQGEZDGNBV"
like "$err" "15 bytes" "the reason is told"
unlike "$err" "GEZD" "but not the secret"
refused 2 "empty secret" totp enroll oscardoc --secret-stdin --no-confirm </dev/null
refused 2 "digits out of range" adopt oscardoc --no-confirm --digits 9
refused 2 "period out of range" adopt oscardoc --no-confirm --period 14
refused 2 "unknown algorithm" adopt oscardoc --no-confirm --algorithm md5
refused 2 "a secret that nobody would see" totp enroll oscardoc --no-confirm
refused 2 "PNG that cannot be written" totp enroll oscardoc --no-confirm --png /nowhere/at/all.png
is "$(all | diff "$T/before" -)" "" "the table is as it was"

# ---- two steps: waiting, then confirmed
ok "a secret can wait for its first code" adopt oscardoc
is "$(sec totp_enabled,totp_secret,pin)" "0		1117" "waiting changes nothing for the login"
like "$(totp list)" "oscardoc +waiting" "list shows it"
rc_is 1 "a wrong code is a no" totp confirm oscardoc <<<"$(code | tr 0-9 1-90)"
is "$(sec totp_enabled,totp_secret,pin)" "0		1117" "and changes nothing"
base=$EPOCHSECONDS	# what counts is the codes' order: the window is wide enough for a slow machine
at() { code "$SECRET" -N "@$((base + $1))"; }
ok "the right code switches it on" totp confirm oscardoc <<<"$(at 0)"
is "$(sec totp_enabled,totp_secret,totp_saved_pin)" "1	$SECRET	1117" "enabled, secret and former PIN are there"
is "$(sec b_LocalLockSet,b_RemoteLockSet)" "1	1" "the login asks everywhere"
isnt "$(sec pin)" 1117 "the former PIN is no longer valid"
like "$(sec pin)" '^[0-9a-f]{32}$' "without refresher no code is"
rc_is 1 "the code that confirmed cannot be used again" totp check oscardoc <<<"$(at 0)"
ok "confirm again is no error" totp confirm oscardoc </dev/null
ok "enroll again with the same secret is no error" adopt oscardoc --no-confirm
rc_is 4 "enroll with another secret is refused" totp enroll oscardoc --secret-stdin --no-confirm <<<"$other"
is "$(sec totp_secret)" "$SECRET" "and changes nothing"
is "$(grep TOTP "$ROOT/etc/oscar-emr/oscar.properties")" "TOTP=1" "the property is set"
# the code of the next step is new: it is within the window
ok "check accepts the next step's code" totp check oscardoc <<<"$(at 30)"
rc_is 1 "but only once" totp check oscardoc <<<"$(at 30)"
rc_is 1 "and no earlier one after it" totp check oscardoc <<<"$(at 0)"
rc_is 1 "check: a code of five steps away" totp check oscardoc <<<"$(at 150)"
ok "unless the window says so" totp check oscardoc --window 6 <<<"$(at 150)"
rc_is 1 "check: empty input" totp check oscardoc </dev/null
rc_is 2 "check: a user who is not enrolled" totp check "o'brien" <<<123456

# ---- the refresher's work
mariadb_sql "UPDATE oscar_15.security SET lastUpdateDate='2019-01-02 08:00:00'"
ticked() { # WANTED-PIN [USER]: a command; compared with what tick made in the same period
	totp tick && pin=$(sec "${3:-pin}" "${2:-oscardoc}") && want=$(eval "$1") && [ "$pin" = "$want" ]
}
ok "tick: the PIN is the code of oathtool" steady 30 ticked code
is "$(sec lastUpdateDate)" "2019-01-02 08:00:00" "lastUpdateDate stays"
is "$(sec pin per%)" 3333 "a user who is not enrolled keeps the PIN"
ok "close" totp close
first=$(sec pin)
like "$first" '^[0-9a-f]{32}$' "after close the PIN is random"
is "$(sec lastUpdateDate)" "2019-01-02 08:00:00" "lastUpdateDate stays"
ok "close again" totp close
isnt "$(sec pin)" "$first" "and different each time"
ok "the quoted user" adopt "o'brien" --no-confirm --algorithm sha256 --digits 8 --period 60
ok "the user with a percent sign" adopt 'per%' --no-confirm
ok "the user that is not ASCII" adopt 'Zoë' --no-confirm
is "$(sec totp_enabled 'per%')" 1 "enabled"
ok "tick for all: sha256, 8 digits, 60 seconds" steady 60 ticked 'code "$SECRET" --totp=sha256 -d 8 -s 60s' "o'brien"
ok "and the others" steady 30 ticked code 'Zoë'

# ---- encrypted PINs: what OSCAR's encryptPIN makes of the code
encrypt() { perl -e '$j=0; for (split //, shift) { $j += ord; $j -= 127 if $j > 127; printf "%02X", $j }' "$1"; }
is "$(encrypt 1117)" 3162144B "the test's own encryptPIN"
sed -i 's/^IS_PIN_ENCRYPTED=.*/IS_PIN_ENCRYPTED= Yes /' "$ROOT/etc/oscar-emr/oscar.properties"
ok "tick with encrypted PINs: the PIN is the encrypted code" steady 30 ticked 'encrypt "$(code)"' oscardoc 'HEX(pin)'
sed -i 's/^IS_PIN_ENCRYPTED=.*/IS_PIN_ENCRYPTED=no/' "$ROOT/etc/oscar-emr/oscar.properties"

# ---- a row that no code can be made for is shut, not left
mariadb_sql "UPDATE oscar_15.security SET totp_secret='not base32!', pin='123456' WHERE user_name='per%'"
ok "tick with a broken row" totp tick
like "$err" "1 enrolled users" "is told"
like "$(sec pin 'per%')" '^[0-9a-f]{32}$' "and the user is shut out"
ok "the others are not" steady 30 ticked code
mariadb_sql "UPDATE oscar_15.security SET totp_secret='$SECRET', totp_digits=99 WHERE user_name='per%'"
ok "tick with impossible digits" totp tick
like "$(sec pin 'per%')" '^[0-9a-f]{32}$' "shut out too"

# ---- rotate
ok "rotate without confirmation" totp rotate oscardoc --secret-stdin --no-confirm <<<"$other"
is "$(sec totp_secret,totp_saved_pin)" "$other	1117" "the new secret, and still the first PIN kept"
rc_is 1 "the old secret's code is refused" totp check oscardoc <<<"$(code)"
wait_early
ok "the new one's is accepted" totp check oscardoc <<<"$(code "$other")"

# ---- recovery codes
ok "recovery codes with a new secret" totp rotate oscardoc --secret-stdin --no-confirm --recovery-codes 3 <<<"$SECRET"
mapfile -t recovery <<<"$out"
is "${#recovery[@]}" 3 "three are printed"
is "$(mariadb_sql "SELECT COUNT(*) FROM oscar_15.maintkit_totp_recovery WHERE hash = SHA2('${recovery[0]}', 256)")" 1 "only hashes are kept"
ok "one is accepted" totp check oscardoc <<<"${recovery[1]}"
rc_is 1 "once" totp check oscardoc <<<"${recovery[1]}"
lower=${recovery[0],,}
ok "also in small letters without dashes" totp check oscardoc <<<"${lower//-/}"
rc_is 1 "another user's is refused" totp check "o'brien" <<<"${recovery[2]}"

# ---- reports
ok "list as JSON" totp list --json
ok "which a parser reads" python3 -c 'import json,sys; d=json.load(sys.stdin); sys.exit(not (len(d["users"])==4 and d["adapter"]=="pin" and d["open"]))' <<<"$out"
rc_is 4 "show --secret without a terminal is refused" totp show oscardoc --secret
ok "show" totp show oscardoc
unlike "$out$err" "$SECRET" "without the secret"

# ---- disable
ok "disable" totp disable oscardoc
is "$(sec pin,totp_enabled,totp_secret,totp_saved_pin,b_LocalLockSet,b_RemoteLockSet)" "1117	0		NULL	0	1" "all is as it was before"
ok "disable again is no error" totp disable oscardoc
is "$(grep TOTP "$ROOT/etc/oscar-emr/oscar.properties")" "TOTP=1" "the property stays while others are enrolled"
for u in "o'brien" 'per%' 'Zoë'; do totp disable "$u" || fail "disable $u"; done 2>/dev/null
is "$(grep TOTP "$ROOT/etc/oscar-emr/oscar.properties")" "TOTP=0" "and is 0 after the last"
is "$(mariadb_sql 'SELECT user_name, pin FROM oscar_15.security WHERE user_name <> "oscardoc" ORDER BY pin' | cut -f2 | paste -sd' ')" "2222 3333 4444" "every PIN is back"
is "$(mariadb_sql 'SELECT COUNT(*) FROM oscar_15.maintkit_totp')" 0 "nothing is left in our table"

# ---- adopted from the legacy way: enabled by hand, no former PIN known
mariadb_sql "UPDATE oscar_15.security SET totp_enabled=1, totp_secret='$SECRET' WHERE user_name='oscardoc'"
ok "a user enabled by hand is served as any other" steady 30 ticked code
ok "disable says that the former PIN is not known" totp disable oscardoc
like "$err" "had no PIN" "and what to do"
is "$(sec pin)" NULL "no code stays behind"

# ---- the crontab line of old
mkdir -p "$ROOT/etc/cron.d" "$ROOT/var/spool/cron/crontabs"
printf '# 2FA: /usr/share/oscar-emr/2FA.sh\n* * * * * /usr/share/oscar-emr/2FA.sh\n5 4 * * * /usr/share/oscar-emr/2FA.sh.bak\n' >"$ROOT/var/spool/cron/crontabs/root"
printf 'SHELL=/bin/sh\n* * * * * root /usr/share/oscar-emr/2FA.sh >/dev/null 2>&1' >"$ROOT/etc/crontab"
echo '1 1 * * * root true' >"$ROOT/etc/cron.d/other"
chmod 600 "$ROOT/var/spool/cron/crontabs/root"
mariadb_sql "UPDATE oscar_15.security SET totp_enabled=1, totp_secret='$SECRET' WHERE user_name='oscardoc'"
ok "adopt without a unit that could take over" totp adopt
is "$(grep -c '^\*' "$ROOT/var/spool/cron/crontabs/root" "$ROOT/etc/crontab" | cut -d: -f2 | paste -sd' ')" "1 1" "leaves the lines, they do the work"
mariadb_sql "UPDATE oscar_15.security SET totp_enabled=0, totp_secret='' WHERE user_name='oscardoc'"
ok "adopt --dry-run" totp adopt --dry-run
is "$(grep -c '^\*' "$ROOT/etc/crontab")" 1 "changes nothing"
ok "adopt with nobody enrolled" totp adopt
is "$(cat "$ROOT/var/spool/cron/crontabs/root")" '# 2FA: /usr/share/oscar-emr/2FA.sh
#maintkit: * * * * * /usr/share/oscar-emr/2FA.sh
5 4 * * * /usr/share/oscar-emr/2FA.sh.bak' "takes the line out, and only that"
is "$(cat "$ROOT/etc/crontab"; stat -c %a "$ROOT/var/spool/cron/crontabs/root")" 'SHELL=/bin/sh
#maintkit: * * * * * root /usr/share/oscar-emr/2FA.sh >/dev/null 2>&1600' "also in /etc/crontab, modes kept"
before=$(cat "$ROOT/var/lib/maintkit/oscar-emr/effects")
ok "adopt again" totp adopt
is "$(cat "$ROOT/var/lib/maintkit/oscar-emr/effects")" "$before" "does nothing"
like "$before" "cron-line./etc/crontab.done" "it is in the journal of effects"

# ---- a server that takes no writes
mariadb_stop; MARIADB_OPTIONS=--innodb-read-only mariadb_start
rc_is 2 "a read-only database: an error" adopt oscardoc --no-confirm
like "$err" "read.only" "that says so"
is "$(sec totp_enabled,totp_secret)" "0	" "and nothing is half enabled"
rc_is 2 "tick says so too" totp tick
mariadb_stop; mariadb_start

# ---- other shapes of the table
mariadb_sql "ALTER TABLE oscar_15.security ADD storageVersion int NOT NULL DEFAULT 2"
rc_is 4 "hashed PINs: refused" adopt 'per%' --no-confirm
like "$err" "hash" "with the reason"
mariadb_sql "ALTER TABLE oscar_15.security DROP storageVersion, ADD usingMfa BOOL NOT NULL DEFAULT 0, ADD mfaSecret VARCHAR(255)"
ok "the fork with mfa columns" adopt 'per%' --no-confirm
is "$(sec usingMfa,mfaSecret,totp_enabled,pin 'per%')" "1	$SECRET	0	3333" "is enrolled there, the PIN is left alone"
rc_is 4 "it knows six digits only" adopt "o'brien" --no-confirm --digits 8
ok "tick has nothing to do there" totp tick
ok "disable" totp disable 'per%'
is "$(sec usingMfa,mfaSecret 'per%')" "0	NULL" "takes it out again"
printf '[totp]\nadapter = pin\n' >"$ROOT/etc/oscar-emr/maintkit.conf"
rc_is 4 "four-digit PINs: the pin adapter is refused there" adopt 'per%' --no-confirm
like "$err" "four digits" "with the reason"
rm "$ROOT/etc/oscar-emr/maintkit.conf"
mariadb_sql "ALTER TABLE oscar_15.security DROP usingMfa, DROP mfaSecret, DROP totp_saved_pin, MODIFY totp_secret varchar(254) NOT NULL"
ok "OSCAR 19.5's own columns" adopt 'per%' --no-confirm
is "$(sec totp_enabled,totp_secret,pin 'per%')" "1	$SECRET	3333" "enrolment only, the PIN is left alone"
like "$(totp show 'per%')" "adapter: java" "adapter java"

# ---- no database
mariadb_stop
rc_is 3 "no database: try later" adopt oscardoc --no-confirm
rc_is 3 "also for tick" totp tick

is "$(grep -rl "$SECRET" "$ROOT" 2>/dev/null)" "" "no file below the root holds a secret"
done_testing
