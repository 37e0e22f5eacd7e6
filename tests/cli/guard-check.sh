#!/bin/bash
# proves: guard's verbs without a database: answers, exit codes, what the mirror remembers, bad input
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"

R=$T/root
mkdir -p "$R"
printf '[package]\nname = oscar-emr\ntitle = OSCAR EMR\n[guard]\nlineage = oscar\n' >"$T/profile"
guard() { "$BIN/maintkit-guard" -p oscar-emr --root "$R" --profile "$T/profile" "$@"; }
mirror=$R/var/lib/maintkit/oscar-emr/mirror

# fresh
ok 'nothing recorded: everything is allowed' guard check 15-88~844
like "$err" 'no data is recorded' '... and says so'
nok 'checking leaves no state behind' [ -e "$R/var/lib/maintkit" ]
ok 'allow with nothing recorded has nothing to do' guard allow 15-88~844 --reason x
nok '... and leaves no mirror' [ -e "$mirror" ]

# mark
rc_is 2 'mark needs a reason' guard mark --level 19
rc_is 2 'mark needs something to mark' guard mark --reason x
for n in 0 -5 1000000 x 1x ''; do rc_is 2 "mark --level '$n'" guard mark --level "$n" --reason x; done
ok 'mark --dry-run' guard mark --dry-run --level 19 --min 18 --reason 'roster'
nok '... writes nothing' [ -e "$mirror" ]
rc_is 3 'mark without a database: status 3, to be repeated' guard mark --level 19 --min 18 --reason 'roster migrated'
ok '... the mirror has it all the same' [ -s "$mirror" ]
is "$(stat -c %a "$mirror" "${mirror%/*}" | xargs)" '600 700' 'mirror 0600 in a directory 0700'
run guard mark --level 17 --min 16 --reason 'lower'
like "$err" 'so already' 'levels are never lowered'
rc_is 4 '... still' guard check 17-1~800
like "$err" 'why: roster migrated' '... and the reason is still the first one'
ok 'mark --defer leaves the step for the next boot' guard mark --defer db --level 19 --min 18 --reason 'roster migrated'
like "$(cat "$R/var/lib/maintkit/oscar-emr/pending")" 'guard.*mark' '... as pending'

# check
rc_is 4 'a legacy version below the floor' guard check 15-88~844
ok 'a legacy version on the floor' guard check 18alpha-7~928
ok 'dpkg would say newer, product says it fits' guard check 19beta-1~932
ok 'ours, by options' guard check 1:20.0-1 --level 20 --reads 15-20
rc_is 4 'ours, reads too little' guard check 1:19.0-1 --level 18 --reads 15-18
rc_is 4 'ours, has lost the way up' guard check 1:22.0-1 --level 22 --reads 20-22
like "$err" 'version in between' '... says what helps'
ok 'unknown: warned, not refused' guard check 1:99.0-1
like "$err" 'warning: .*may not work' '... warned'
rc_is 2 '--level alone' guard check 1:20 --level 20
rc_is 2 '--reads malformed' guard check 1:20 --level 20 --reads 5-3
is "$(guard check --json 15-88~844 2>/dev/null | tr -d ' \n' | grep -o '"verdict":"refuse","reason":"below-minimum"')" \
	'"verdict":"refuse","reason":"below-minimum"' 'check --json'

# bad versions
long=$(printf '1%.0s' {1..300})
for v in '' ' ' '1:1:1' ':1' 'a:1' '1:' '1 2' "$long" $'1\t2' '1_2' '-1'; do
	rc_is 2 "version '${v:0:20}' is bad input" guard check -- "$v"
done

# files
printf 'Package: oscar-emr\nVersion: 15-88~844\n' >"$T/control"
rc_is 4 'check --control' guard check --control "$T/control"
printf 'package: oscar-emr\nVERSION:1:20.0-1\nmaintkit-level:  20 \nMaintkit-Reads:\t15-20\n' >"$T/control"
ok 'field names in any case, any blanks' guard check --control "$T/control"
printf 'Package: hello\nVersion: 1\n' >"$T/control"
ok 'a package that is not ours' guard check --control "$T/control"
like "$err" 'nothing to decide' '... is told'
printf 'Version: 1\n' >"$T/control"
rc_is 2 'no package name' guard check --control "$T/control"
: >"$T/control"
rc_is 2 'an empty control file' guard check --control "$T/control"
rc_is 2 'no such file' guard check "$T/none.deb"
rc_is 2 'a directory' guard check "$T/"
head -c 4096 /dev/urandom >"$T/x.deb"
rc_is 2 'a .deb that is none' guard check "$T/x.deb"
mkdir -p "$T/p/DEBIAN"
printf 'Package: oscar-emr\nVersion: 15-71~691\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: x\n' >"$T/p/DEBIAN/control"
for z in none gzip xz zstd; do
	dpkg-deb --nocheck --uniform-compression -Z$z -b "$T/p" "$T/$z.deb" >/dev/null 2>&1
	rc_is 4 "a .deb, control compressed by $z" guard check "$T/$z.deb"
	for cut in 1 60 100 130 200; do
		head -c $cut "$T/$z.deb" >"$T/cut.deb"
		rc_is 2 "... cut at byte $cut" guard check "$T/cut.deb"
	done
done

# every byte of a small .deb flipped: an answer or an error, never a crash or another package's answer
rc=0
size=$(stat -c %s "$T/gzip.deb") bad=''
for ((i = 8; i < size && i < 400; i += 7)); do
	cp "$T/gzip.deb" "$T/flip.deb"
	printf '\xff' | dd of="$T/flip.deb" bs=1 seek=$i conv=notrunc status=none
	"$BIN/maintkit-guard" -q -p oscar-emr --root "$R" --profile "$T/profile" check "$T/flip.deb" >/dev/null 2>&1
	case $? in 0 | 2 | 4) ;; *) bad+=" $i" ;; esac
done
is "$bad" '' 'a .deb with one byte changed ends with status 0, 2 or 4'

# allow
rc_is 2 'allow needs a reason' guard allow 15-88~844
rc_is 2 'allow for 0 hours' guard allow 15-88~844 --reason x --valid 0
ok 'allow' guard allow 15-88~844 --reason 'vendor: no data was migrated here'
ok '... lets it in' guard check 15-88~844
like "$err" 'allowed once: .*vendor: no data' '... and says by what'
ok 'allow again' guard allow 15-88~844 --reason again
like "$err" 'already' '... is done already'
is "$(grep -c '	again' "$mirror")" 0 '... and wrote nothing'
rc_is 4 'no other version' guard check 15-87~840
run guard mark --min 19 --reason 'HRM migrated'
rc_is 4 'a level raised since ends it' guard check 15-88~844
like "$(guard status)" 'no longer counts: level raised' 'status says why'

# explain, status, refresh
run guard explain 15-88~844
is "$rc" 0 'explain'
like "$out" 'is it new enough for the data: no \(15 < 19\)' '... tells each rule'
LC_ALL=C run guard explain 15-88~844
like "$(LC_MESSAGES=fr_CA.UTF-8 LC_ALL='' guard explain 15-88~844)" 'est-il assez récent pour les données : non|est-il assez récent pour les données: non' '... in French'
ok 'status --json is JSON' bash -c "'$BIN/maintkit-guard' -p oscar-emr --root '$R' --profile '$T/profile' status --json | python3 -m json.tool"

# a mirror that is damaged
cp "$mirror" "$T/mirror.good"
sed -i '3s/./x/' "$mirror"
ok 'a damaged mirror refuses nothing' guard check 15-88~844
like "$err" 'mirror:3: the line is damaged' '... and is told'
cp "$T/mirror.good" "$mirror"
rc_is 4 'the whole one does' guard check 15-88~844

# start-check
crc() { python3 -c 'import sys,zlib; b=sys.argv[1].encode().decode("unicode_escape").encode(); sys.stdout.write("%08x %s\n" % (zlib.crc32(b), b.decode()))' "$1"; }
mkdir -p "$R/var/lib/dpkg/info"
installed() {
	printf 'Package: oscar-emr\nStatus: install ok installed\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: x\nVersion: %s\n%s\n' "$1" "$2" >"$R/var/lib/dpkg/status"
}
rm -f "$R/var/lib/maintkit/oscar-emr/pending"
: >"$R/var/lib/dpkg/status"
ok 'start-check, not installed: not known is no reason to refuse' guard start-check
installed 1:20.0-1 'Maintkit-Level: 20
Maintkit-Reads: 15-20'
ok 'start-check: the installed version reads the data' guard start-check
is "$err" '' '... and says nothing'
run guard mark --level 21 --min 21 --reason 'names split'
rc_is 4 'start-check: the data has gone beyond it' guard start-check
ok 'the release that stood here is remembered' grep -q 'release	1:20.0-1	20	15	20' "$mirror"
ok 'allowed' guard allow 1:20.0-1 --reason 'tested' --valid 1
ok 'start-check: allowed' guard start-check
faketime=$(command -v faketime)
if [ -n "$faketime" ]; then
	rc_is 4 'expired: it may no longer be installed' env ASAN_OPTIONS=verify_asan_link_order=0 faketime '+2 days' "$BIN/maintkit-guard" -p oscar-emr --root "$R" --profile "$T/profile" check 1:20.0-1
	ok '... but goes on being started' env ASAN_OPTIONS=verify_asan_link_order=0 faketime '+2 days' "$BIN/maintkit-guard" -p oscar-emr --root "$R" --profile "$T/profile" start-check
else
	skip 'faketime is not installed' 'an expired allowance'
fi
installed 1:22.0-1 'Maintkit-Level: 22
Maintkit-Reads: 15-22'
ok 'start-check of a newer version' guard start-check

# the code that is served decides, not what dpkg has unpacked
printf '[app]\nbase = /var/lib/oscar-emr/tomcat\ncode = /var/lib/oscar-emr/webapp\n' >>"$T/profile"
W=$R/var/lib/oscar-emr
mkdir -p "$W/tomcat/conf" "$W/webapp/20.0_p_1/oscar" "$W/webapp/22.0_p_1/oscar"
serves() { printf '<Server>\n <Context path="/oscar" docBase="/var/lib/oscar-emr/webapp/%s/oscar"\n  workDir="x"/>\n</Server>\n' "$1" >"$W/tomcat/conf/server.xml"; }
serves 20.0_p_1
ok 'the served code does not say what it reads: dpkg is asked' guard start-check
crc '1:20.0-1\t20\t15-20' >"$W/webapp/20.0_p_1/release"
crc '1:22.0-1\t22\t15-22' >"$W/webapp/22.0_p_1/release"
guard mark --level 22 --min 22 --reason 'addresses split' 2>/dev/null
rc_is 4 'dpkg has the new package, the old code is still served: not started' guard start-check
like "$err" 'refused: oscar-emr 1:20.0-1' '... it is the code that is named'
serves 22.0_p_1
installed 1:20.0-1 'Maintkit-Level: 20
Maintkit-Reads: 15-20'
ok 'dpkg has the old package, the new code is still served: started' guard start-check
printf 'x\n' >"$W/webapp/22.0_p_1/release"
rc_is 4 'damaged: what dpkg has decides' guard start-check
like "$err" "release' is damaged" '... which is told'
rm -r "$W"
installed 1:22.0-1 'Maintkit-Level: 22
Maintkit-Reads: 15-22'

run guard mark --defer db --level 22 --reason x
ok 'a pending step that is no schema step' guard start-check
crc 'db\tno server\t\tsql\tapply' >>"$R/var/lib/maintkit/oscar-emr/pending"
rc_is 4 'a pending schema step keeps it down' guard start-check
like "$err" "step 'sql apply' on its database is still pending" '... and says so'

done_testing
