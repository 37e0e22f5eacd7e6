#!/bin/bash
# proves: the front end finds its programs, passes everything on, and takes the package from the name it is called by
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
M=$BIN/maintkit
version=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$TOP/debian/changelog")

rc_is 0 "--help" "$M" --help
for c in status props pgp sql totp firewall guard backup data app pending; do
	like "$out" "
  $c " "names $c"
done
is "$err" "" "nothing on stderr"
rc_is 0 "--version" "$M" --version
is "$out" "maintkit $version" "as in debian/changelog"
rc_is 2 "no command" "$M"
is "$out" "" "help is not on stdout then"
like "$err" "^Usage:" "but on stderr"
rc_is 2 "unknown command" "$M" nonsense
like "$err" "there is no command 'nonsense'" "named"
rc_is 2 "a command is no path" "$M" ../../../bin/sh
rc_is 2 "unknown option" "$M" --nonsense list
rc_is 2 "stdout full" bash -c '"$0" --help >/dev/full' "$M"
rc_is 2 "stdout closed" bash -c '"$0" --version >&-' "$M"
rc_is 0 "options of the command pass" "$M" pending --version
is "$out" "maintkit-pending $version" "to it"

r=$T/root
for p in one two; do
	mkdir -p "$r/usr/share/$p"
	printf '[package]\nname = %s\n' "$p" >"$r/usr/share/$p/maintkit.conf"
done
rc_is 2 "two packages, none chosen" "$M" --root "$r" pending list
for form in "-p one" "-pone" "--package one" "--package=one"; do
	# shellcheck disable=SC2086
	rc_is 0 "$form" "$M" $form --root="$r" -q pending list
done
rc_is 2 "-p without a name" "$M" -p
rc_is 2 "an empty name" "$M" -p '' --root "$r" pending list
mkdir "$T/bin"
ln -s "$M" "$T/bin/one"
rc_is 0 "the link's name is the package" "$T/bin/one" --root "$r" pending list
rc_is 2 "-p comes before it" "$T/bin/one" -p gone --root "$r" pending list
like "$err" "'gone'" "named"
ln -s "$M" "$T/bin/gone"
rc_is 2 "a link named after no package" "$T/bin/gone" --root "$r" pending list
ok "exit status and stdout of the program are passed on" "$T/bin/one" --root "$r" pending list --json
is "$out" "[]" "as they are"
cp "$M" "$T/bin/maintkit"
rc_is 2 "a program that is not there" env -i "$T/bin/maintkit" -p one --root "$r" migrate list
like "$err" "migrate" "named"
rc_is 2 "no argv at all" perl -e 'exec { $ARGV[0] } "maintkit"' "$M"

done_testing
