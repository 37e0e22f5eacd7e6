#!/bin/sh
# Put the OSCAR payload into one shape for packaging, whatever it comes as.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: payload.sh SOURCE OUTDIR
#   SOURCE  a directory with payload.conf and war/ sources (build.sh makes the
#           WAR), or with oscar.war, sql/, oscar.properties ready-made, or a
#           legacy oscar-emr .deb, out of which they are taken.
#   OUTDIR  gets war/*.war, sql/*.sql, oscar.properties, payload.conf.
set -eu

src=${1:?SOURCE} out=${2:?OUTDIR}

die() {
	echo "payload.sh: error: $*" >&2
	exit 2
}

# The product number of a legacy version is its level; it reads what it made.
conf_from_legacy() {
	v=$(dpkg-deb -f "$1" Version)
	product=$(echo "$v" | sed -n 's/^\([0-9][0-9]*\).*/\1/p')
	[ -n "$product" ] || die "'$1': version '$v' does not start with a product number"
	printf '[payload]\nversion = 1:%s\nlevel = %s\nreads = 15-%s\nmin_level = %s\n' \
		"$(echo "$v" | tr '~-' '..')-1" "$product" "$product" "$product"
}

from_legacy() {
	dir=$(mktemp -d)
	# shellcheck disable=SC2064
	trap "rm -rf '$dir'" EXIT
	dpkg-deb -x "$1" "$dir"
	war=$(find "$dir" -name oscar.war | head -n 1)
	[ -n "$war" ] || die "'$1' has no oscar.war in it"
	mkdir -p "$out/war" "$out/sql"
	cp "$war" "$out/war/oscar.war"
	find "$dir" -name 'drugref*.war' -exec cp {} "$out/war/drugref.war" \;
	find "$dir" -name '*.sql' -exec cp {} "$out/sql/" \;
	find "$dir" -name 'oscar*.properties' | sort | head -n 1 | while read -r p; do
		cp "$p" "$out/oscar.properties"
	done
	[ -e "$out/oscar.properties" ] || die "'$1' has no oscar.properties in it: give a directory that has one"
	conf_from_legacy "$1" >"$out/payload.conf"
}

from_dir() {
	[ -e "$1/payload.conf" ] || die "'$1' has no payload.conf"
	[ -e "$1/oscar.properties" ] || die "'$1' has no oscar.properties"
	mkdir -p "$out/war" "$out/sql"
	if [ -e "$1/oscar.war" ]; then
		cp "$1"/*.war "$out/war/"
	else
		# The application's version: neither epoch nor packaging revision, so
		# that a new revision of the package has the very same code in it.
		v=${OSCAR_VERSION:-$(sed -n 's/^version *= *//p' "$1/payload.conf")}
		v=${v#*:}
		"$1/build.sh" "$out/war" "${v%-*}"
	fi
	cp "$1"/sql/*.sql "$out/sql/"
	cp "$1/oscar.properties" "$1/payload.conf" "$out/"
}

rm -rf "$out"
mkdir -p "$out"
case "$src" in
*.deb) from_legacy "$src" ;;
*) from_dir "$src" ;;
esac
