#!/bin/sh
# Install by apt what building and testing needs, if anything is missing.
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: deps.sh [build]   "build": only what building the packages needs
set -eu

build="build-essential debhelper pkg-config po-debconf zip
	libarchive-dev libcmocka-dev libdpkg-dev libgpgme-dev libinih-dev libmariadb-dev
	libmd-dev liboath-dev libqrencode-dev libxml2-dev libzstd-dev"
test="mmdebstrap systemd-container iproute2 e2fsprogs strace util-linux zstd curl
	git perl openssh-client netcat-openbsd faketime lsof dpkg-dev acl attr libarchive-tools lintian mandoc piuparts autopkgtest unzip
	mariadb-server galera-4 rsync openjdk-17-jdk-headless oathtool zbar-tools imagemagick
	gnupg gpg-agent paperkey pgpgpg time clang libclang-rt-14-dev augeas-tools python3 openssl debconf"

want=$build
[ "${1:-}" = build ] || want="$build $test"

missing=
for p in $want; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) || state=
	[ "$state" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "deps.sh: error: these packages are missing:$missing; run this as root once, or install them by apt" >&2
	exit 2
fi
echo "installing by apt:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# A server that the tests never use must not start on this machine.
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	made=1
fi
trap '[ -z "$made" ] || rm -f $policy' EXIT
apt-get -qq update
# shellcheck disable=SC2086
apt-get -qq -y --no-install-recommends install $missing >/dev/null
