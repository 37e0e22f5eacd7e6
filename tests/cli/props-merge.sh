#!/bin/bash
# proves: merge takes over new defaults, keeps the admin's settings and comments, remembers its base, and changes nothing twice
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/fixtures/props/root.sh"
F=$TOP/tests/fixtures/props
props_root "$T/root"
file=$P/etc/demo-app/app.properties

ok "the first merge" p merge
same "$file" "$F/app-1.properties" "makes the file: the defaults as they are"
same "$P/var/lib/maintkit/demo-app/props-base" "$F/app-1.properties" "and remembers them"
ok "a second one" p merge
like "$err" "nothing to merge" "changes nothing"

# the admin's hand
sed -i -e 's/^db_pool: 10/# we have many users\ndb_pool: 100/' -e 's/^session_minutes = 30/#session_minutes = 30/' "$file"
echo '# our own' >>"$file"
echo 'clinic = north' >>"$file"
cp "$file" "$T/admin"
cp "$F/app-2.properties" "$P/usr/share/demo-app/app.properties"

ok "merge --dry-run" p merge --dry-run
like "$err" "'TOTP' is new, would be added with '1'" "says what would be"
same "$file" "$T/admin" "changes nothing"
ok "merge with the new defaults" p merge
same "$file" "$F/app-merged.properties" "gives what it should"
like "$err" "'document_dir' set to the new default '/srv/demo-app/documents'" "reports what it took"
like "$err" "'db_pool' keeps your value; the new default is '25'" "what both changed"
like "$err" "'obsolete_switch' is no longer among" "what is gone upstream"
like "$err" "'session_minutes', which you took out, has the new default '20'" "what was taken out"
like "$err" "'LANG' is new, added with 'en'" "and what is new"
like "$(grep 'document_dir.done' "$P/var/lib/maintkit/demo-app/effects")" $'\t/var/lib/demo-app/documents\t/srv/demo-app/documents' "the journal has the old value"
cp -p "$file" "$T/once"
ok "merge again" p merge
same "$file" "$T/once" "changes nothing"
unlike "$err" "LANG|db_pool|document_dir" "and reports nothing that is settled"
cp "$F/app-1.properties" "$P/usr/share/demo-app/old"
ok "merge from the old base once more" p merge --base /usr/share/demo-app/old
same "$file" "$T/once" "changes nothing either"
ok "--json" python3 -c 'import json,subprocess,sys
l = json.loads(subprocess.check_output(sys.argv[1:], stderr=subprocess.DEVNULL))
assert {"key": "db_pool", "what": "conflict", "mine": "100", "new": "25"} in l, l' \
	"$BIN/maintkit-props" merge --json -n --root "$P" -p demo-app --base /usr/share/demo-app/old

run p diff
is "$rc" 0 "diff exits 0"
is "$out" "$(printf -- '- db_pool=25\n+ db_pool=100\n+ obsolete_switch=yes\n+ clinic=north\n- session_minutes=20')" "diff shows what differs from the defaults"
ok "diff --json" python3 -c 'import json,subprocess,sys
l = json.loads(subprocess.check_output(sys.argv[1:]))
assert {"key": "db_pool", "default": "25", "mine": "100"} in l and len(l) == 4, l' "$BIN/maintkit-props" diff --json --root "$P" -p demo-app

# Without a base: a file from before us.
rm "$P/var/lib/maintkit/demo-app/props-base"
cp "$T/admin" "$file"
ok "merge without a known base" p merge
run p get document_dir; is "$out" /var/lib/demo-app/documents "keeps every value"
run p get LANG;         is "$out" en "adds what is new"
rc_is 1 "but not what stands there commented out" p get session_minutes
nok "and notes nothing" grep -q "(maintkit)" "$file"
ok "afterwards the base is known" test -e "$P/var/lib/maintkit/demo-app/props-base"

# Any file, without a profile.
cp "$F/app-1.properties" "$T/a"
ok "merge of any file" "$BIN/maintkit-props" merge -f "$T/a" --base "$F/app-1.properties" --new "$F/app-2.properties"
ok "is what java would want" test "$("$BIN/maintkit-props" get -f "$T/a" file_types)" = pdf,tif,txt,png
rc_is 2 "without new defaults there is nothing to merge" "$BIN/maintkit-props" merge -f "$T/a"
rc_is 2 "a base that is not there" "$BIN/maintkit-props" merge -f "$T/a" --base "$T/none" --new "$F/app-2.properties"
done_testing
