# shellcheck shell=bash
# legacy.sh - oscar-emr packages of the old make, as clinics have them installed, for tests.
# SPDX-License-Identifier: GPL-2.0-or-later
#
#   . "$TOP/tests/lib/legacy.sh"
#   legacy_deb 15-88~844 "$T"          # makes $T/oscar_emr15-88~844.deb, the path is in REPLY
#   legacy_deb 19-97~3743 "$T" oscar.war schema.sql...    # with these files in it
#   legacy_repository "$T/repo"        # index the .debs in a directory for apt: "deb [trusted=yes] file:DIR ./"
#
# The maintainer scripts do what those of the real packages do, defects included, as far as a
# neighbour notices it (they were written anew after a reading of the packages 15-71 to 19-65):
#   - no control fields of ours, no epoch, file name oscar_emrVERSION.deb, control.tar.gz
#   - prerm: everything but "remove" and "deconfigure" is agreed to, failed-upgrade too; it stops
#     Tomcat in every case, fails without oscar.properties, and fails on "deconfigure"
#   - postinst configure: a database that is there is patched if the version is another one than the
#     last "buildtag" of oscar.properties says, with the account that oscar.properties names;
#     buildtag is appended before that is done. abort-upgrade, -remove and -deconfigure: exit 1
#   - postrm purge drops the database, without a question
#   - oscar.properties lies in /usr/share/tomcatN, N the first of 9 8 7 10 11 that has that directory
# Each run of a script appends a line to /var/log/legacy-calls: a test sees which ran, and how often.
# What patch.sql did is one row in the table legacy_patch for each time.

_legacy_common() {
	cat <<'END'
#!/bin/bash
echo "SCRIPT $*" >>/var/log/legacy-calls
SRC=/usr/share/oscar-emr
db_name=oscar_15
TOMCAT=
for n in 9 8 7 10 11; do
	if [ -d "/usr/share/tomcat$n" ]; then TOMCAT=tomcat$n; break; fi
done
PROPS=/usr/share/$TOMCAT/oscar.properties
log() { mkdir -p "$SRC"; echo "$*" >>"$SRC/OscarPRODUCTinstall.log"; }
value() { grep "^$1" "$PROPS" | tail -n 1 | cut -d = -f 2 | tr -d ' '; }
client() { mysql "-u$(value db_username)" "-p$(value db_password)" "$db_name"; }
tomcat() { systemctl "$1" "$TOMCAT" 2>/dev/null || true; }
END
}

_legacy_postinst() {
	_legacy_common
	cat <<'END'
case "$1" in
configure) ;;
*) exit 1 ;;
esac
log "configure VERSION"
if [ ! -f "$PROPS" ]; then
	[ -n "$TOMCAT" ] || exit 1
	printf 'db_name = oscar_15\ndb_username=root\ndb_password=%s\nbuildtag=TAG\n' liyi >"$PROPS"
	# "no further setup needed", or not reachable: installed, either way
	exit 0
fi
if [ "$(value buildtag)" != TAG ]; then
	echo 'buildtag=TAG' >>"$PROPS"
	client <"$SRC/patch.sql" || log "patch.sql: $?"
	tomcat restart
fi
exit 0
END
}

_legacy_prerm() {
	_legacy_common
	cat <<'END'
set -e
log "prerm $1"
tomcat stop
[ -f "$PROPS" ] || exit 1
case "$1" in
remove)
	rm -f "/usr/share/$TOMCAT/drugref2.properties"
	echo 'DROP DATABASE IF EXISTS drugref' | client || true
	;;
upgrade | failed-upgrade) ;;
*) exit 1 ;;
esac
exit 0
END
}

_legacy_postrm() {
	_legacy_common
	cat <<'END'
case "$1" in
purge)
	echo "DROP DATABASE $db_name" | client
	rm -f "$PROPS"
	if [ -f "$SRC/" ]; then rm -rf "$SRC"; fi
	;;
esac
exit 0
END
}

legacy_deb() {
	local version=$1 out=$2 tree product script file
	shift 2
	product=${version%%[!0-9]*}
	tree=$(mktemp -d) || return
	mkdir -p "$out" "$tree/DEBIAN" "$tree/usr/share/oscar-emr/OscarDocument/oscar/document"
	cat >"$tree/DEBIAN/control" <<-END
		Package: oscar-emr
		Version: $version
		Section: base
		Priority: optional
		Architecture: all
		Maintainer: a clinic <clinic@example.org>
		Installed-Size: 348160
		Description: OSCAR, packaged the old way
	END
	for script in postinst prerm postrm; do
		"_legacy_$script" | sed "s/SCRIPT/$script/; s/PRODUCT/$product/; s/VERSION/$version/; s/TAG/${version/-/.}/" \
			>"$tree/DEBIAN/$script"
		chmod 755 "$tree/DEBIAN/$script"
	done
	mkdir -p "$tree/usr/share/oscar-emr/OscarDocument/oscar/eform/images"
	echo "as shipped by $version" >"$tree/usr/share/oscar-emr/OscarDocument/oscar/eform/images/letterhead.png"
	cat >"$tree/usr/share/oscar-emr/patch.sql" <<-END
		CREATE TABLE IF NOT EXISTS legacy_patch (version varchar(40));
		INSERT INTO legacy_patch VALUES ('$version');
	END
	for file; do cp "$file" "$tree/usr/share/oscar-emr/" || return; done
	chmod -R u=rwX,go=rX "$tree"
	REPLY=$out/oscar_emr$version.deb
	dpkg-deb --nocheck --root-owner-group --uniform-compression -Zgzip -b "$tree" "$REPLY" >/dev/null 2>&1
	set -- $?
	rm -rf "$tree"
	[ "$1" = 0 ] || { echo "dpkg-deb cannot build '$REPLY'" >&2; return 2; }
}

# Packages and Release, made without apt-utils (it is not on every host).
legacy_repository() {
	local deb
	(
		cd "$1" || exit
		for deb in *.deb; do
			dpkg-deb -f "$deb" | sed '/^$/d'
			printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum <"$deb" | cut -d ' ' -f 1)"
		done >Packages
		printf 'Origin: test\nSuite: stable\nDate: %s\nSHA256:\n %s %s Packages\n' "$(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S UTC')" \
			"$(sha256sum <Packages | cut -d ' ' -f 1)" "$(stat -c %s Packages)" >Release
	)
}
