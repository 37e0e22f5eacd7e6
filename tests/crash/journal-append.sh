#!/bin/bash
# proves: the effects journal and the pending list, killed, cut off or starved at any system call, never lose or invent a record
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2317
OWN_MOUNTS=1
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/crash.sh"

san=$(nm "$BUILD/libbase.a" 2>/dev/null | grep -q __asan && echo -fsanitize=address,undefined)
# shellcheck disable=SC2086
ok "the driver is built" gcc -std=gnu11 -D_GNU_SOURCE -I"$TOP/src" $san -o "$T/drive" "$TOP/tests/crash/atomic-drive.c" \
	"$BUILD"/ext/{profile,statefile,effects,pending}.o "$BUILD"/libcore.a "$BUILD"/libbase.a -l:libinih.a
[ "$rc" = 0 ] || done_testing

S=var/lib/maintkit/pkg
setup() {
	mkdir -p "$1/usr/share/pkg" && printf '[package]\nname = pkg\n' >"$1/usr/share/pkg/maintkit.conf"
}
# The records of a file without time and checksum; a torn end is not one.
records() { [ ! -e "$1" ] || grep -a . "$1" | cut -d ' ' -f 2- | sed 's/^[0-9]\{10\}\t//'; }

# What was changed outside must be in the journal: no file without its intention.
invariant() {
	[ ! -e "$1/made" ] || grep -qa 'intended\|done' "$1/$S/effects"
}
observe() { records "$1/$S/effects"; cat "$1/made"; find "$1" -name '.*maintkit-*'; }
ok "journal: killed at any system call" crash_kill "$T/drive" journal @DIR@
note "$out"
ok "journal: a full or broken disk" crash_fault "$T/drive" journal @DIR@
note "$out"
if why=$(crash_can_power); then
	ok "journal: power cut at any system call" crash_power "$T/drive" journal @DIR@
	note "$out"
else
	skip "$why" "journal: power cut at any system call"
fi

# A step that announces its input has it, whole; no input is readable for others.
invariant() {
	local f
	for f in "$1/$S"/pending.d/*; do
		[ ! -e "$f" ] || [ "$(stat -c %a "$f") $(cat "$f")" = "600 secret" ] || return 1
	done
	! grep -qa secret-stdin "$1/$S/pending" 2>/dev/null || [ -e "$f" ]
}
observe() { records "$1/$S/pending"; cat "$1/$S"/pending.d/*; find "$1" -name '.*maintkit-*'; }
ok "pending: killed at any system call" crash_kill "$T/drive" pending @DIR@
note "$out"
ok "pending: a full or broken disk" crash_fault "$T/drive" pending @DIR@
note "$out"
if why=$(crash_can_power); then
	ok "pending: power cut at any system call" crash_power "$T/drive" pending @DIR@
	note "$out"
else
	skip "$why" "pending: power cut at any system call"
fi
done_testing
