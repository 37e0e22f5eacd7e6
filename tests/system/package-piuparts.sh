#!/bin/bash
# proves: piuparts: install, upgrade, remove, reinstall and purge in a bare chroot leave nothing behind
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
lab_need

# A bare system with our dependencies' packages in apt's cache, but not installed.
base=$LAB_CACHE/piuparts-bookworm.tar.gz
make_base() {
	mkdir -p "$LAB_CACHE"
	mmdebstrap --mode=root --variant=minbase --include=ca-certificates bookworm "$base.$$.tar.gz" &&
		mv "$base.$$.tar.gz" "$base"
}
[ -s "$base" ] || ok "base tarball" make_base || BAIL "no base tarball"

ok "previous version builds" env OSCAR_VERSION=1:19.0-1 "$TOP/tests/lib/build-debs.sh" "$T/repo"
ok "this version builds" env OSCAR_VERSION=1:19.1-1 "$TOP/tests/lib/build-debs.sh" --only oscar-emr "$T/debs"
rm -f "$T"/repo/*dbgsym*
ok "a repository of the previous version" sh -c "cd '$T/repo' && dpkg-scanpackages -m . >Packages"
chmod -R go+rX "$T"

piu() { piuparts -d bookworm -b "$base" --keep-sources-list --warn-on-others --no-eatmydata \
	--extra-repo "deb [trusted=yes] file:$T/repo ./" --bindmount "$T/repo" --skip-logrotatefiles-test "$@"; }

check() {
	local desc=$1
	shift
	run piu "$@"
	is "$rc" 0 "$desc"
	[ "$rc" -eq 0 ] || diag "$(printf '%s\n' "$out" | tail -n 60)"
}
check "maintkit alone" --install-remove-install "$T"/repo/maintkit_*.deb
check "oscar-emr, upgraded from the previous version, purged and installed again" \
	--install-remove-install "$T"/debs/oscar-emr_*.deb
done_testing
