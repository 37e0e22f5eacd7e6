#!/bin/bash
# proves: the packages are lintian clean (no error, no warning) and two builds in different directories give the same bytes
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"

build() { # DIR TREE: build a copy of the sources that lies in TREE
	# not what lies in the tree besides: other tests build packages below it meanwhile
	mkdir -p "$2" && "$TOP/tests/lib/build-sources.sh" | tar -x -C "$2" -f - && "$2/tests/lib/build-debs.sh" "$1"
}

ok "the packages build" "$TOP/tests/lib/build-debs.sh" "$T/one"
run lintian --fail-on error,warning --tag-display-limit 0 "$T"/one/maintkit_*.deb "$T"/one/oscar-emr_*.deb
is "$rc" 0 "lintian has no error and no warning"
[ "$rc" -eq 0 ] || diag "$out"

# Another directory, time zone, umask, locale and order of files.
umask 077
ok "they build in another place" env TZ=Asia/Kathmandu LC_ALL=C bash -c "$(declare -f build); TOP=$TOP; build '$T/two' '$T/elsewhere/deeper/tree'"
for deb in "$T"/one/*.deb; do
	case $deb in *dbgsym*) continue ;; esac
	ok "${deb##*/} is the same, byte for byte" cmp "$deb" "$T/two/${deb##*/}"
done
done_testing
