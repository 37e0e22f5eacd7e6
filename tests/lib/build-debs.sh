#!/bin/bash
# Build the packages from the working tree into a directory.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: [PAYLOAD=...] [OSCAR_VERSION=...] [OSCAR_LEVEL=...] [OSCAR_READS=...] [OSCAR_MIN_LEVEL=...]
#        build-debs.sh [--only maintkit|oscar-emr] [OUT]
# OUT (default: $OUT or build/debs) gets the .deb files; they are built in a
# copy of the tree, so nothing is left behind in it.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
kind=binary
if [ "${1:-}" = --only ]; then
	case $2 in maintkit) kind=any ;; oscar-emr) kind=all ;; *) echo "unknown package '$2'" >&2; exit 2 ;; esac
	shift 2
fi
out=${1:-${OUT:-$top/build/debs}}
mkdir -p "$out"
out=$(cd "$out" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/maintkit
mkdir "$tree"
"$top/tests/lib/build-sources.sh" | tar -x -C "$tree" -f -
case ${PAYLOAD:-} in
'' | /*) ;;
*) PAYLOAD=$top/$PAYLOAD; [ -e "$PAYLOAD" ] || PAYLOAD=$tree/${PAYLOAD#"$top"/} ;;
esac
cd "$tree"
unset BUILD MAKEFLAGS MFLAGS MAKELEVEL
log=$work/log
if ! DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-nocheck parallel=$(nproc)}" \
	dpkg-buildpackage --build="$kind" -us -uc -d >"$log" 2>&1; then
	tail -n 40 "$log" >&2
	exit 2
fi
if [ -n "${BUILD_LOG:-}" ]; then cp "$log" "$BUILD_LOG"; fi
mv "$work"/*.deb "$out"/
