#!/bin/bash
# Build the packages from the working tree inside another Debian release.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: [variables of build-debs.sh] build-in-suite.sh SUITE [--only maintkit|oscar-emr] OUT
# SUITE: bullseye, bookworm or trixie. OUT gets the .deb files. As root; the build
# itself runs as an ordinary user, without a network, in a throwaway overlay of a cached
# tree of the suite that has what debian/control names in Build-Depends. The unit
# tests run too, unless DEB_BUILD_OPTIONS has nocheck. PAYLOAD must lie in the tree.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/lab.sh
. "$top/tests/lib/lab.sh"

usage() { sed -n 's/^# usage: //p' "$0" >&2; exit 2; }
suite=${1:-}
shift || usage
only=()
if [ "${1:-}" = --only ]; then only=(--only "${2:-}"); shift 2 || usage; fi
[ $# = 1 ] || usage
mkdir -p "$1"
out=$(cd "$1" && pwd)

# debian/control's Build-Depends, on one line.
build_depends() {
	sed -n '/^Build-Depends:/,/^[^ ]/{s/^Build-Depends://;/^[^ ]/d;p}' "$top/debian/control" | tr -d '\n' | tr -s ' '
}
depends=$(build_depends)
[ -n "$depends" ] || { echo "build-in-suite.sh: error: no Build-Depends in debian/control" >&2; exit 2; }
work=
scratch_dir work

# The suite's own apt reads them: versions, profiles, virtual packages. The
# security archive of a release that has come to its end may list packages that
# it serves no more: then the build takes what it needs from the release itself.
{ printf 'want="build-essential,%s"\n' "$depends"; cat <<'END'; } >"$work/depends"
satisfy() { apt-get -q -y --no-install-recommends "$@" satisfy "$want"; }
apt-get -q update
satisfy || {
	. /etc/os-release
	printf 'Package: *\nPin: release n=%s\nPin-Priority: 1001\n' "$VERSION_CODENAME" >/tmp/preferences
	satisfy --allow-downgrades -o Dir::Etc::Preferences=/tmp/preferences
}
END
base=$(lab_base "$suite")
layer=$(lab_layer build "$suite" "$work/depends")

mkdir "$work/up" "$work/root"
"$top/tests/lib/build-sources.sh" >"$work/sources.tar"

pass=()
for v in PAYLOAD OSCAR_VERSION OSCAR_LEVEL OSCAR_READS OSCAR_MIN_LEVEL; do
	[ -z "${!v:-}" ] || pass+=("$v=${!v}")
done
case ${PAYLOAD:-} in /*) echo "build-in-suite.sh: error: PAYLOAD '$PAYLOAD' is not a path in the tree" >&2; exit 2 ;; esac

# Everything that is mounted or runs ends with this namespace.
# shellcheck disable=SC2016
unshare --mount --pid --net --fork --kill-child --mount-proc --propagation private bash -euc '
	lower=$1 work=$2 options=$3; shift 3
	root=$work/root
	mount -t tmpfs -o mode=755 up "$work/up"
	mkdir "$work/up/up" "$work/up/work"
	mount -t overlay build -o "lowerdir=$lower,upperdir=$work/up/up,workdir=$work/up/work" "$root"
	mount -t proc proc "$root/proc"
	mount -t tmpfs -o mode=755 dev "$root/dev"
	for d in null zero full random urandom; do : >"$root/dev/$d"; mount --bind "/dev/$d" "$root/dev/$d"; done
	ln -s /proc/self/fd "$root/dev/fd"
	mount -t tmpfs -o mode=1777 tmp "$root/tmp"
	ip link set lo up
	mkdir "$root/tmp/tree" "$root/tmp/debs"
	tar -x -C "$root/tmp/tree" -f "$work/sources.tar" --no-same-owner
	chmod 1777 "$root/tmp/debs"
	echo builder:x:1000:1000::/nonexistent:/bin/sh >>"$root/etc/passwd"
	chroot "$root" /usr/bin/setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs \
		env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/nonexistent LANG=C.UTF-8 \
		"DEB_BUILD_OPTIONS=$options" BUILD_LOG=/tmp/log "$@" </dev/null
	mkdir "$work/debs"
	cp "$root"/tmp/debs/*.deb "$root"/tmp/log "$work/debs/"
' build-in-suite "$layer:$base" "$work" "${DEB_BUILD_OPTIONS-parallel=$(nproc)}" "${pass[@]}" \
	/tmp/tree/tests/lib/build-debs.sh "${only[@]}" /tmp/debs >&2
if [ -n "${BUILD_LOG:-}" ]; then cp "$work/debs/log" "$BUILD_LOG"; fi
mv "$work"/debs/*.deb "$out/"
