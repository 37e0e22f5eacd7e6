#!/bin/bash
# proves: check names each slip with its line and the way to mend it, and exits 1 only when there is one
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/fixtures/props/root.sh"
props_root "$T/root"
file=$P/etc/demo-app/app.properties

cp "$TOP/tests/fixtures/props/app-1.properties" "$file"
chmod 640 "$file"
rc_is 0 "the shipped defaults are clean" p check
is "$out" "" "and nothing is printed"
printf 'db_name=a\n#db_username=x\ndb_pasword=x\ndocument_dir=C:\\dir\nfile_types=a,\\\ndb_pool=1\ndb_name=${NAME}\nsession_minutes=5 \n' >"$file"
rc_is 1 "a file with slips" p check
want="1: duplicate: 'db_name'
2: commented: 'db_username'
3: unknown: 'db_pasword' is not among the shipped defaults; did you mean 'db_password'
4: backslash: 'document_dir'
6: swallowed: 'db_pool' looks set here, but the line continues the value of 'file_types'
7: placeholder: the value of 'db_name'
8: trailing-blank: the value of 'session_minutes'"
while read -r line; do
	like "$out" "app.properties:$line" "finds $line"
done <<<"$want"
is "$(wc -l <<<"$out")" 7 "and nothing else"
ok "--json" python3 -c 'import json,subprocess,sys
l = json.loads(subprocess.run(sys.argv[1:], stdout=subprocess.PIPE).stdout)
assert [x["line"] for x in l] == [1,2,3,4,6,7,8] and l[2]["finding"] == "unknown" and "db_password" in l[2]["fix"], l' \
	"$BIN/maintkit-props" check --json --root "$P" -p demo-app
cp "$file" "$T/x"
rc_is 1 "any file, without defaults" "$BIN/maintkit-props" check -f "$T/x"
unlike "$out" "unknown|commented" "then nothing is known about keys"
rc_is 1 "any file, with defaults" "$BIN/maintkit-props" check -f "$T/x" --defaults "$TOP/tests/fixtures/props/app-1.properties"
like "$out" unknown "then it is"
rc_is 2 "a file that cannot be read is no clean file" "$BIN/maintkit-props" check -f "$T/none"
done_testing
