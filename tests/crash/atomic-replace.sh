#!/bin/bash
# proves: an atomic replacement that is killed, cut off or starved at any system call leaves old or new, and a second run finishes
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

head -c 5000 /dev/zero | tr '\0' o >"$T/old"
head -c 8192 /dev/zero | tr '\0' n >"$T/new"
setup() {
	mkdir "$1/d" && cp "$T/old" "$1/d/f" && chmod 640 "$1/d/f" &&
		: >"$1/d/.f.maintkit-0123456789ab"	# of a run that was killed before
}
invariant() {
	{ cmp -s "$1/d/f" "$T/old" || cmp -s "$1/d/f" "$T/new"; } && [ "$(stat -c %a "$1/d/f")" = 640 ] &&
		{ [ ! -e "$1/d/sub" ] || [ "$(stat -c %a "$1/d/sub")" = 750 ]; } &&
		{ [ ! -e "$1/d/sub/new" ] || cmp -s "$1/d/sub/new" "$T/new"; }
}
ok "killed at any system call" crash_kill "$T/drive" replace @DIR@
note "$out"
ok "a full or broken disk" crash_fault "$T/drive" replace @DIR@
note "$out"
if why=$(crash_can_power); then
	ok "power cut at any system call" crash_power "$T/drive" replace @DIR@
	note "$out"
else
	skip "$why" "power cut at any system call"
fi
done_testing
