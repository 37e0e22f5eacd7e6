#!/bin/bash
# proves: props set and merge killed, out of disk, or without power at any system call leave the old file or the new one, and a second run ends as an undisturbed one
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2317
OWN_MOUNTS=1
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/crash.sh"
. "$TOP/tests/fixtures/props/root.sh"
F=$TOP/tests/fixtures/props

# ---- any file, no journal

setup() { cp "$F/app-1.properties" "$1/f"; }
invariant() { cmp -s "$1/f" "$T/old" || cmp -s "$1/f" "$T/new"; }
observe() { crash_tree "$1"; }
mkdir "$T/x" && setup "$T/x" && cp "$T/x/f" "$T/old"
ok "the wanted end" "$BIN/maintkit-props" set -f "$T/x/f" TOTP=1 db_pool=20 new=1
cp "$T/x/f" "$T/new"

sweep() {     # NAME CMD...
	local name=$1 why
	shift
	ok "$name: killed anywhere" crash_kill "$@"
	note "${out##*$'\n'}"
	ok "$name: disk full or broken anywhere" crash_fault "$@"
	note "${out##*$'\n'}"
	if why=$(crash_can_power); then
		ok "$name: power cut anywhere" crash_power "$@"
		note "${out##*$'\n'}"
	else
		skip "$why" "$name: power cut anywhere"
	fi
}
sweep "set" "$BIN/maintkit-props" set -f @DIR@/f TOTP=1 db_pool=20 new=1

# ---- the package's file, with its journal

setup() {
	props_root "$1"
	mkdir -p "$1/var/lib/maintkit/demo-app"
	chmod 700 "$1/var/lib/maintkit/demo-app"
	cp "$F/app-1.properties" "$1/etc/demo-app/app.properties"
	cp "$F/app-1.properties" "$1/var/lib/maintkit/demo-app/props-base"
	chmod 600 "$1/var/lib/maintkit/demo-app/props-base"
	cp "$F/app-2.properties" "$1/usr/share/demo-app/app.properties"
}
invariant() { cmp -s "$1/etc/demo-app/app.properties" "$T/old" || cmp -s "$1/etc/demo-app/app.properties" "$T/new"; }
# Times differ, and a second run may intend twice: of the journal, what counts in the end.
observe() {
	cat "$1/etc/demo-app/app.properties" "$1/var/lib/maintkit/demo-app/props-base"
	find "$1" -name '.*maintkit*' -printf 'left: %p\n'
	effects_of "$1"
}
effects_of() {
	cut -f 3- "$1/var/lib/maintkit/demo-app/effects" |
		awk -F '\t' '{ last[$1 FS $2] = $0 } END { for (i in last) print last[i] }' | LC_ALL=C sort
}
scenario() {     # NAME VERB WORDS...
	local name=$1
	shift
	rm -rf "$T/y" && mkdir "$T/y" && setup "$T/y"
	# shellcheck disable=SC2034
	P=$T/y
	cp "$T/y/etc/demo-app/app.properties" "$T/old" 2>/dev/null || : >"$T/old"
	ok "$name: the wanted end" p "$@"
	cp "$T/y/etc/demo-app/app.properties" "$T/new"
	sweep "$name" "$BIN/maintkit-props" "$1" --root @DIR@ -p demo-app "${@:2}"
}
scenario "set with journal" set db_name=clinic TOTP=1
scenario "merge" merge

# ---- the first set, which makes the file

setup() { props_root "$1"; }
invariant() { [ ! -e "$1/etc/demo-app/app.properties" ] || cmp -s "$1/etc/demo-app/app.properties" "$T/new"; }
observe() {
	cat "$1/etc/demo-app/app.properties"
	stat -c '%a %u:%g' "$1/etc/demo-app/app.properties"
	find "$1" -name '.*maintkit*' -printf 'left: %p\n'
	effects_of "$1"
}
scenario "set that makes the file" set db_name=clinic TOTP=1
done_testing
