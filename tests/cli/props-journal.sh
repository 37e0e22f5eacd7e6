#!/bin/bash
# proves: every change is journalled with the value before our first touch, and revert puts back only what is still ours
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/fixtures/props/root.sh"
props_root "$T/root"
file=$P/etc/demo-app/app.properties
id=/etc/demo-app/app.properties

ok "set makes the file from the defaults" p set db_name=clinic TOTP=1
sed -e 's/^db_name=.*/db_name=clinic/' -e 's/^#TOTP=0/&\nTOTP=1/' "$P/usr/share/demo-app/app.properties" >"$T/want"
same "$file" "$T/want" "comments and all"
is "$(journal)" "$(printf 'property\t%s:db_name\tintended\tapp\tclinic\nproperty\t%s:TOTP\tintended\t-absent\t1\nfile\t%s\tintended\t-absent\tsha256:%s\nproperty\t%s:db_name\tdone\tapp\tclinic\nproperty\t%s:TOTP\tdone\t-absent\t1\nfile\t%s\tdone\t-absent\tsha256:%s' \
	$id $id $id "$(sha256sum <"$file" | cut -d' ' -f1)" $id $id $id "$(sha256sum <"$file" | cut -d' ' -f1)")" "intended, then done, and the file itself"
lines=$(journal | wc -l)
ok "set again" p set db_name=clinic TOTP=1
is "$(journal | wc -l)" "$lines" "writes no journal"
ok "set to something else" p set db_name=other
like "$(journal | grep 'db_name.done' | tail -n 1)" $'\tapp\tother$' "keeps the value from before our first touch"
sed -i 's/^db_name=.*/db_name=admins/' "$file"
ok "set over an admin's change" p set db_name=again
like "$(journal | grep 'db_name.done' | tail -n 1)" $'\tadmins\tagain$' "remembers the admin's value"
printf 's3cret' >"$T/pw"
ok "a secret" p set "db_password=@$T/pw"
like "$(journal | tail -n 2 | head -n 1)" $'\t-secret\tsha256:'"$(sha256sum <"$T/pw" | cut -d' ' -f1)"'$' "is journalled by its sum"
ok "unset" p unset session_minutes
like "$(journal | grep 'session_minutes.done')" $'\t30\t-absent$' "is journalled"
ok "another file of the admin's" "$BIN/maintkit-props" set --root "$P" -p demo-app --create -f /etc/other.properties a=1
nok "is not" grep -q other.properties "$P/var/lib/maintkit/demo-app/effects"
ok "but that of a maintainer script" env DPKG_MAINTSCRIPT_PACKAGE=demo-app "$BIN/maintkit-props" set --root "$P" -f /etc/other.properties b=2
ok "is" grep -q other.properties:b "$P/var/lib/maintkit/demo-app/effects"

ok "the admin changes one of ours" p get TOTP
sed -i 's/^TOTP=1/TOTP=2/' "$file"
ok "revert --dry-run" p revert --dry-run
run p get db_name; is "$out" again "changes nothing"
ok "revert" p revert
run p get db_name;         is "$out" admins "the old value is back"
run p get TOTP;            is "$out" 2 "the admin's stays"
run p get session_minutes; is "$out" 30 "what was commented out is set again"
rc_is 1 "a secret is taken away, its old value was never written down" p get db_password
is "$(cat "$P/etc/other.properties")" a=1 "a line that we added is gone"
ok "revert again" p revert
like "$err" "0 settings" "has nothing to do"

# A run that was killed between the write and the journal's "done".
ok "set" p set db_pool=99
sed -i '$d' "$P/var/lib/maintkit/demo-app/effects"
like "$(journal | tail -n 1)" "intended" "the journal ends with an intention"
ok "set again" p set db_pool=99
like "$(journal | grep -a db_pool | tail -n 1)" $'done\t10\t99$' "completes it"
ok "revert" p revert
run p get db_pool; is "$out" 10 "and it can be undone"
done_testing
