#!/bin/bash
# proves: what every program shares: help, version, bad usage, exit codes, choice of the package, --root, bad profiles
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
P=$BIN/maintkit-pending
version=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$TOP/debian/changelog")

rc_is 0 "--help" "$P" --help
like "$out" "^Usage: maintkit \[-p PACKAGE\] pending VERB" "help goes to stdout"
is "$err" "" "and nothing to stderr"
rc_is 0 "help of a verb" "$P" run -h
like "$out" "--dry-run" "it names the verb's options"
rc_is 0 "--version" "$P" --version
is "$out" "maintkit-pending $version" "as in debian/changelog"
rc_is 2 "no verb" "$P"
is "$out" "" "its help does not go to stdout"
like "$err" "Usage:.*error: say which verb" "but to stderr, with the reason"
rc_is 2 "unknown verb" "$P" nonsense
like "$err" "error: 'pending' has no verb 'nonsense'.*try 'maintkit pending --help'" "named, with a way on"
rc_is 2 "unknown long option" "$P" list --nonsense
like "$err" "there is no option '--nonsense' here" "named"
rc_is 2 "unknown letter among others" "$P" list -qZ
like "$err" "there is no option '-Z' here" "named"
rc_is 2 "option without its value" "$P" list -p
like "$err" "option '-p' needs a value" "named"
rc_is 2 "too many arguments" "$P" -p pkg list more
like "$err" "'pending list' takes no argument" "said"
rc_is 2 "an option of another verb" "$P" list --boot
rc_is 2 "a value for a flag" "$P" list --json=1

# ---- choice of the package
r=$T/root
mkdir -p "$r/usr/share" "$r/etc"
profile() { mkdir -p "$r/usr/share/$1"; printf '[package]\nname = %s\n' "$1" >"$r/usr/share/$1/maintkit.conf"; }
rc_is 2 "no package at all" "$P" --root "$r" list
like "$err" "no package on this system has a maintkit profile; name one with -p" "said"
profile one
rc_is 0 "the only one" "$P" --root "$r" list
profile two
rc_is 2 "several" "$P" --root "$r" list
like "$err" "several packages have a profile: one, two; choose one with -p" "are named"
rc_is 0 "-p chooses" "$P" --root "$r" list -p two
rc_is 0 "the maintainer script's package" env DPKG_MAINTSCRIPT_PACKAGE=one "$P" --root "$r" list
rc_is 2 "-p comes before it" env DPKG_MAINTSCRIPT_PACKAGE=one "$P" --root "$r" -p gone list
like "$err" "package 'gone' has no profile: neither '$r/usr/share/gone/maintkit.conf' nor" "with both places"
rc_is 0 "DPKG_ROOT is the root" env DPKG_ROOT="$r" "$P" -p one list
rc_is 2 "--root comes before it" env DPKG_ROOT="$r" "$P" --root / -p one list
rc_is 2 "a root that is not there" "$P" --root "$T/none" -p one list
rc_is 2 "a name that would lead elsewhere" "$P" --root "$r" -p ../one list
like "$err" "'../one' is not a package name" "is refused"

# ---- profiles
rc_is 0 "--profile" "$P" --root "$r" -p one list --profile "$r/usr/share/one/maintkit.conf"
rc_is 2 "--profile of another package" "$P" --root "$r" -p two list --profile "$r/usr/share/one/maintkit.conf"
printf '[package]\nname = one\nwhat is this\n' >"$r/usr/share/one/maintkit.conf"
rc_is 2 "a malformed line" "$P" --root "$r" -p one list
like "$err" "$r/usr/share/one/maintkit.conf:3: this is neither" "file and line"
mkdir -p "$r/etc/two"
printf '[pakage]\nname = two\n' >"$r/etc/two/maintkit.conf"
rc_is 2 "an unknown section in the local file" "$P" --root "$r" -p two list
like "$err" "$r/etc/two/maintkit.conf:1: unknown section \[pakage\]" "file and line"
printf '[package]\ntitle = %0200d\n' 1 >"$r/etc/two/maintkit.conf"
rc_is 2 "a line longer than is read" "$P" --root "$r" -p two list
like "$err" "$r/etc/two/maintkit.conf:2: the line has 208 bytes; at most 198 are read" "file and line"
printf '\033[31m = x\n' >"$r/etc/two/maintkit.conf"
rc_is 2 "control characters" "$P" --root "$r" -p two list
rm "$r/etc/two/maintkit.conf"
ln -s /dev/null "$r/etc/two/maintkit.conf"
rc_is 2 "a link in the profile's place" "$P" --root "$r" -p two list
like "$err" "is a symbolic link" "is not followed"
rm "$r/etc/two/maintkit.conf"
rc_is 2 "a package name with control characters" "$P" --root "$r" -p $'x\033[31m\nmaintkit: forged' list
unlike "$err" $'\033' "does not reach the terminal"

# ---- streams
rc_is 0 "stdin closed" bash -c '"$0" --root "$1" -p two list <&-' "$P" "$r"
rc_is 2 "stdout closed: what was asked for could not be given" bash -c '"$0" --help >&-' "$P"
like "$err" "standard output: write: Bad file descriptor" "said"
rc_is 2 "stdout full" bash -c '"$0" --help >/dev/full' "$P"
rc_is 2 "stderr closed: the exit status still tells" bash -c '"$0" nonsense 2>&-' "$P"
rc_is 2 "all closed" bash -c '"$0" --root "$1" -p two list --json <&- >&- 2>&-' "$P" "$r"
rc_is 0 "options behind arguments, whatever the environment says" env POSIXLY_CORRECT=1 "$P" list --root "$r" -p two

done_testing
