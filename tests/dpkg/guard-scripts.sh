#!/bin/bash
# proves: called from maintainer scripts of real packages, guard and data decide rightly and leave dpkg in a clean state
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
command -v dpkg-deb >/dev/null || skip_all 'dpkg is not installed'

R=$T/root
export BIN PROFILE=$T/profile
DPKG=(dpkg "--root=$R" --force-not-root --force-script-chrootless --log=/dev/null)
state() { dpkg-query --admindir="$R/var/lib/dpkg" -W -f '${db:Status-Abbrev}${Version}' clinic 2>/dev/null | tr -s ' '; }
cat >"$PROFILE" <<'P'
[package]
name = clinic
[database]
name = clinic_1
[guard]
lineage = oscar
[data]
patients = SELECT COUNT(*) FROM patient
documents = /var/lib/clinic/documents
home = /var/lib/clinic
configuration = /etc/clinic
P

# ours VERSION LEVEL READS: a package with the scripts that call us
ours() {
	local d=$T/pkg
	rm -rf "$d"
	mkdir -p "$d/DEBIAN" "$d/usr/share/clinic"
	cp "$PROFILE" "$d/usr/share/clinic/maintkit.conf"
	printf 'Package: clinic\nVersion: %s\nMaintkit-Level: %s\nMaintkit-Reads: %s\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: x\n' "$1" "$2" "$3" >"$d/DEBIAN/control"
	cat >"$d/DEBIAN/preinst" <<-S
		#!/bin/sh
		set -e
		case "\$1" in install | upgrade) "\$BIN/maintkit-guard" --profile "\$PROFILE" check $1 --level $2 --reads $3 ;; esac
	S
	cat >"$d/DEBIAN/postinst" <<-S
		#!/bin/sh
		set -e
		[ "\$1" = configure ] || exit 0
		"\$BIN/maintkit-data" -q stash
		"\$BIN/maintkit-data" -q adopt
		"\$BIN/maintkit-guard" mark --level $2 --reason "version $1" || [ \$? = 3 ]
	S
	cat >"$d/DEBIAN/prerm" <<-'S'
		#!/bin/sh
		set -e
		case "$1" in upgrade) "$BIN/maintkit-guard" check --control "$DPKG_ADMINDIR/tmp.ci/control" ;; esac
	S
	cat >"$d/DEBIAN/postrm" <<-'S'
		#!/bin/sh
		set -e
		helper=$DPKG_ROOT/var/lib/maintkit/clinic/bin/maintkit-data
		if [ "$1" = purge ] && [ -x "$helper" ]; then "$helper" -p clinic purge </dev/null; fi
	S
	chmod 755 "$d"/DEBIAN/p*
	dpkg-deb --nocheck --root-owner-group -b "$d" "$T/clinic_${1#*:}.deb" >/dev/null 2>&1 || BAIL dpkg-deb
}
# A package of another make, whose prerm lets everything pass.
legacy() {
	local d=$T/pkg
	rm -rf "$d"
	mkdir -p "$d/DEBIAN"
	printf 'Package: clinic\nVersion: %s\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: x\n' "$1" >"$d/DEBIAN/control"
	printf '#!/bin/sh\nexit 0\n' >"$d/DEBIAN/prerm"
	chmod 755 "$d/DEBIAN/prerm"
	dpkg-deb --nocheck --root-owner-group -b "$d" "$T/clinic_$1.deb" >/dev/null 2>&1 || BAIL dpkg-deb
}
ours 1:20.0-1 20 15-20
ours 1:20.1-1 20 15-21
ours 1:21.0-1 21 15-21
legacy '15-88~844'
legacy '19-97~3743'
mkdir -p "$R"/var/lib/dpkg/{info,updates} "$R"/usr/bin
touch "$R"/var/lib/dpkg/{status,available}
mark() { "$BIN/maintkit-guard" -q -p clinic --root "$R" mark "$@" 2>/dev/null || [ $? = 3 ]; }

ok 'a new installation' "${DPKG[@]}" -i "$T/clinic_20.0-1.deb"
is "$(state)" 'ii 1:20.0-1' '... is installed'
ok 'the levels are in the mirror, the release is remembered' grep -q 'release	1:20.0-1	20	15	20' "$R/var/lib/maintkit/clinic/mirror"
ok 'upgrade' "${DPKG[@]}" -i "$T/clinic_21.0-1.deb"
is "$(state)" 'ii 1:21.0-1' '... done'
nok 'down to one that does not read level 21: refused' "${DPKG[@]}" -i "$T/clinic_20.0-1.deb"
like "$err" 'the data has level 21; it reads only 15 to 20' '... with the reason'
is "$(state)" 'ii 1:21.0-1' '... the state is clean'
ok 'down to one that does' "${DPKG[@]}" -i "$T/clinic_20.1-1.deb"
is "$(state)" 'ii 1:20.1-1' '... done'
ok 'a legacy package while nothing stands against it' "${DPKG[@]}" -i "$T/clinic_19-97~3743.deb"
ok '... and back' "${DPKG[@]}" -i "$T/clinic_21.0-1.deb"
is "$(state)" 'ii 1:21.0-1' '... done'
mark --min 21 --reason 'names were split'
ok 'remove' "${DPKG[@]}" -r clinic
nok 'remove, then one of ours that is too old: its preinst refuses' "${DPKG[@]}" -i "$T/clinic_20.1-1.deb"
like "$err" 'why: names were split' '... with the reason'

# purge by dpkg, from the state that only postrm is left
ok 'install again' "${DPKG[@]}" -i "$T/clinic_21.0-1.deb"
mkdir -p "$R/var/lib/clinic/documents" "$R/etc/clinic"
echo x >"$R/var/lib/clinic/documents/1.txt"
echo x >"$R/etc/clinic/app.properties"
ok 'remove' "${DPKG[@]}" -r clinic
ok '... keeps data and configuration' [ -s "$R/var/lib/clinic/documents/1.txt" -a -s "$R/etc/clinic/app.properties" ]
ok 'purge with documents and nobody asked' "${DPKG[@]}" -P clinic
ok '... keeps them' [ -s "$R/var/lib/clinic/documents/1.txt" -a -s "$R/etc/clinic/app.properties" ]
is "$(state)" '' '... and the package is purged'
like "$("$BIN/maintkit-data" -p clinic --root "$R" list)" '1 documents' '... they are listed as retained'
ok 'the guard goes on knowing the data' "$BIN/maintkit-guard" -p clinic --root "$R" status
nok '... and refuses what is too old' "${DPKG[@]}" -i "$T/clinic_20.1-1.deb"
ok 'install again' "${DPKG[@]}" -i "$T/clinic_21.0-1.deb"
is "$("$BIN/maintkit-data" -q -p clinic --root "$R" list)" '' '... takes them over'
rm "$R/var/lib/clinic/documents/1.txt"
ok 'purge without data' "${DPKG[@]}" -P clinic
is "$(cd "$R" && find . ! -path './var/lib/dpkg*' -mindepth 1 ! -name usr ! -name bin ! -name var ! -name lib ! -name share ! -name etc | sort)" '' \
	'... leaves nothing behind'

done_testing
