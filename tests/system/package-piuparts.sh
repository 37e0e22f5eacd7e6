#!/bin/bash
# proves: piuparts: install, upgrade, remove, reinstall and purge in a bare chroot leave nothing behind
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
lab_need

# A bare system; with systemd, because that leaves directories behind when it is
# purged as a dependency of ours.
base=$LAB_CACHE/piuparts-bookworm-systemd.tar.gz
make_base() {
	mkdir -p "$LAB_CACHE"
	mmdebstrap --mode=root --variant=minbase --include=ca-certificates,systemd bookworm "$base.$$.tar.gz" &&
		mv "$base.$$.tar.gz" "$base"
}
[ -s "$base" ] || ok "base tarball" make_base || BAIL "no base tarball"

ok "previous version builds" env OSCAR_VERSION=1:19.0-1 "$TOP/tests/lib/build-debs.sh" "$T/repo"
ok "this version builds" env OSCAR_VERSION=1:19.1-1 "$TOP/tests/lib/build-debs.sh" --only oscar-emr "$T/debs"
rm -f "$T"/repo/*dbgsym*
ok "a repository of the previous version" sh -c "cd '$T/repo' && dpkg-scanpackages -m . >Packages"
chmod -R go+rX "$T"

# The upgrade test finds the previous version through apt.
mkdir "$T/scripts"
cat >"$T/scripts/post_chroot_unpack_repository" <<END
#!/bin/sh
echo "deb [trusted=yes] file:$T/repo ./" >/etc/apt/sources.list.d/previous.list
END
chmod 755 "$T/scripts/post_chroot_unpack_repository"
TMPDIR=/dev/shm scratch_dir CHROOTS

piu() {
	piuparts -d bookworm -t "$CHROOTS" -b "$base" --keep-sources-list --warn-on-others \
		--scriptsdir "$T/scripts" --bindmount "$T/repo" --skip-logrotatefiles-test "$@"
}

check() {
	local desc=$1
	shift
	run piu "$@"
	is "$rc" 0 "$desc"
	[ "$rc" -eq 0 ] || diag "$(printf '%s\n' "$out" | grep -A20 'ERROR' | tail -n 60)"
}
check "maintkit alone" --no-upgrade-test --install-remove-install "$T"/repo/maintkit_*.deb
check "oscar-emr, upgraded from the previous version, purged and installed again" \
	--install-remove-install "$T"/debs/oscar-emr_*.deb
done_testing
