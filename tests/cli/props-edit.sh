#!/bin/bash
# proves: get, set, unset and list do what is asked to exactly the bytes that are asked for
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154
. "$(dirname "$0")/../lib/tap.sh"
props=$BIN/maintkit-props
F=$TOP/tests/fixtures/props
cd "$T" || exit 2

cp "$F/hostile-latin1.properties" l
run "$props" get -f l name;               is "$out" "Café" "get prints UTF-8 from ISO-8859-1"
run "$props" get -f l path;               is "$out" 'C:\dir\' "escapes are undone"
run "$props" get -f l "key with=odd:chars"; is "$out" 1 "a key with escapes is found by its name"
run "$props" get -f l "";                 is "$out" nokey "the empty key too"
rc_is 1 "get exits 1 for a key that is not set" "$props" get -f l nokey
is "$out$err" "" "and prints nothing"
run "$props" get --encoding utf8 -f "$F/hostile-utf8.properties" κλειδί; is "$out" τιμή "--encoding utf8"
rc_is 2 "a file that is not UTF-8 is refused as UTF-8" "$props" get --encoding utf8 -f l name
like "$err" "l:2:9: byte 0xE9" "with line and column"
rc_is 2 "an unknown encoding is refused" "$props" get --encoding ebcdic -f l name

ok "several keys in one call" "$props" set -f l name=Bär "path=D:\\" new=1 "uni=  x "
like "$err" "'name' set.*'path' set.*'new' set" "it says which"
LC_ALL=C sed -e 's/^name=.*/name=B\\u00E4r/' -e 's/^path=.*/path=D:\\\\/' -e 's/^uni=.*/uni=\\  x\\u0020/' \
	"$F/hostile-latin1.properties" >want
echo new=1 >>want
same l want "only their values changed, one line came"
cp -p l before
touch -d "2001-01-01" l
ok "set again" "$props" set -f l name=Bär new=1
like "$err" "nothing to change" "it says that nothing changed"
is "$(stat -c %Y l)" "$(date -d 2001-01-01 +%s)" "the file was not written"
rc_is 2 "all or nothing: one bad word" "$props" set -f l name=Other nonsense
same l before "leaves the file as it was"
ok "--dry-run" "$props" set -n -f l name=Other
like "$err" "would be set" "says what would be"
same l before "and leaves the file as it was"

cp "$F/hostile-crlf.properties" c
ok "edits of a CRLF file" "$props" set -f c k=two list=x KEY=y brand=new end=there
is "$(grep -c $'\r$' c)" "$(wc -l <c)" "have CRLF line ends"
run "$props" list -f c
is "$out" "$(printf 'k=two\nlist=x\nlast=v \\u0020\nKEY=y\ndup=2\nbrand=new\nend=there')" "list prints each key once, escaped"

printf 'KEY = a\\tb\n# no setting\nlist = 1,\\\n  2\nname: Jos\xc3\xa9\nwith@at = @home\n' >lines
ok "--stdin takes escaped lines in UTF-8" "$props" set -f c --stdin <lines
run "$props" get -f c KEY;     is "$out" $'a\tb' "an escape"
run "$props" get -f c list;    is "$out" 1,2 "a continuation"
run "$props" get -f c name;    is "$out" José "a letter"
run "$props" get -f c with@at; is "$out" @home "no meaning for @ there"
printf 'one\ntwo\n' >value
ok "KEY=@FILE" "$props" set -f c "file=@value" at=@@x
run "$props" get -f c file;    is "$out" $'one\ntwo' "takes the file without its last line feed"
run "$props" get -f c at;      is "$out" @x "@@ is an @"
ok "KEY=@/dev/fd/N" "$props" set -f c fd=@/dev/fd/9 9<<<"from a descriptor"
run "$props" get -f c fd;      is "$out" "from a descriptor" "takes a descriptor's bytes"
rc_is 2 "a value file that is not there" "$props" set -f c x=@nothing

ok "unset" "$props" unset -f c dup fd
like "$err" "built into the application" "says that the built-in default holds"
rc_is 1 "the key is gone, all of it" "$props" get -f c dup
is "$(grep -a -c '^#dup=' c)" 2 "as comments"
ok "unset again is done already" "$props" unset -f c dup
unlike "$err" "built into" "and needs no warning"

ok "--json is JSON" python3 -c 'import json,subprocess,sys
l = json.loads(subprocess.check_output(sys.argv[1:]))
assert {"key": "name", "value": "José", "secret": False} in l, l' "$props" list --json -f c

rc_is 2 "a file that is not there" "$props" set -f nothing a=1
rc_is 0 "--create makes it" "$props" set --create -f nothing a=1
is "$(stat -c %a nothing)" 600 "for its owner only"
rc_is 2 "no verb" "$props"
rc_is 2 "an unknown verb" "$props" frobnicate
rc_is 2 "set without anything to set" "$props" set -f c
rc_is 0 "--help" "$props" --help
done_testing
