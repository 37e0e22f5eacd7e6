#!/bin/bash
# proves: by every route the same refusal with nothing touched, and every allowed step to a package of another make and back
# SPDX-License-Identifier: GPL-2.0-or-later
# SUITES="bullseye trixie": only those. SOAK=1: all three, and back and forth by every route.
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
. "$TOP/tests/lib/legacy.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"

OURS=1:19.1-1 BAD=15-88~844 GOOD=19-97~3743
apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y --allow-downgrades -o Dir::Etc::sourcelist=/srv/repo/list -o Dir::Etc::sourceparts=-)

# maintkit as the suite builds it; oscar-emr is the same package everywhere
maintkit_of() { # SUITE; sets MAINTKIT_DEBS
	MAINTKIT_DEBS=$DEBS
	[ "$1" != bookworm ] || return 0
	MAINTKIT_DEBS=$DEBS/$1
	[ -d "$MAINTKIT_DEBS" ] && return
	rm -rf "$MAINTKIT_DEBS.new"
	DEB_BUILD_OPTIONS="nocheck parallel=2" "$TOP/tests/lib/build-in-suite.sh" "$1" --only maintkit "$MAINTKIT_DEBS.new" &&
		mv "$MAINTKIT_DEBS.new" "$MAINTKIT_DEBS"
}

repository() { # DIR
	local v
	mkdir -p "$1"
	cp "$DEBS"/oscar-emr_{15.0,19.1}-1_all.deb "$1/" || return
	for v in "$BAD" "$GOOD"; do legacy_deb "$v" "$1" || return; done
	mkdir -p "$T/other/DEBIAN"
	printf 'Package: other\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: x\n' >"$T/other/DEBIAN/control"
	dpkg-deb -b "$T/other" "$1/other.deb" >/dev/null || return
	echo 'deb [trusted=yes] file:/srv/repo ./' >"$1/list"
	legacy_repository "$1"
}

# deb VERSION: its file in the machine
deb() {
	case $1 in
	1:*) echo "/srv/repo/oscar-emr_${1#1:}_all.deb" ;;
	*) echo "/srv/repo/oscar_emr$1.deb" ;;
	esac
}

# ---- routes: install VERSION ---------------------------------------------------
by_dpkg() { in_clinic dpkg -i "$(deb "$1")"; }
by_apt_file() { in_clinic "${apt[@]}" install "$(deb "$1")"; }
by_apt() { in_clinic "${apt[@]}" install "oscar-emr=$1"; }
by_unpack() { in_clinic dpkg --unpack "$(deb "$1")" && in_clinic dpkg --configure oscar-emr; }
by_force() { in_clinic dpkg --force-all -i "$(deb "$1")"; }
by_broken() { break_configure && by_dpkg "$1"; }
# No script of ours is called between the two: the hand-over is by hand, as the hook says.
by_removal() {
	in_clinic dpkg -r oscar-emr && in_clinic maintkit -p oscar-emr app hand-over && by_dpkg "$1"
}
# The disk of a machine that is mounted in another: no /proc, no /run, no systemd in it.
by_root() {
	in_clinic sh -c "mountpoint -q /mnt || mount --bind / /mnt
		dpkg --root=/mnt -i '$(deb "$1")'; rc=\$?; umount /mnt; exit \$rc"
}

# A configuration that fails, and is left so.
break_configure() {
	in_clinic sh -c 'dpkg --unpack "$1" && echo "[nonsense]" >/etc/oscar-emr/maintkit.conf && ! dpkg --configure oscar-emr' x "$(deb $OURS)"
	in_clinic rm /etc/oscar-emr/maintkit.conf
	[ "$(state)" = "iF $OURS" ]
}
mend_configure() { in_clinic dpkg --configure -a; }

# ---- what is looked at ---------------------------------------------------------
state() { in_clinic dpkg-query -W -f '${db:Status-Abbrev}${Version}' oscar-emr | tr -s ' '; }
legacy_calls() { in_clinic sh -c 'cat /var/log/legacy-calls 2>/dev/null; true'; }
# Between "refused" and the last way out, without the program's name in front.
refusal() { sed -n '/\(refused\|refusé\) *: /,/guard allow/p' <<<"$1" | sed 's/^maintkit-[a-z]*: [^:]*: \(refus\)/\1/'; }
patches() { sql 'SELECT COUNT(*) FROM legacy_patch' 2>/dev/null || echo 0; }
# Everything in the database but what the other package wrote, and our clock.
content() {
	in_clinic sh -c 'mariadb-dump --skip-dump-date --skip-comments --ignore-table=oscar_15.legacy_patch oscar_15 |
		grep -v "INSERT INTO .maintkit_meta" | sha256sum'
}
scripts_done() { in_clinic oscar-emr sql status; }
enabled() { in_clinic test -L /etc/systemd/system/multi-user.target.wants/oscar-emr.service; }
place() { in_clinic sh -c 'ls -d /usr/share/tomcat9 /usr/share/tomcat10 2>/dev/null | head -n 1'; }

# refused ROUTE STATE: nothing was touched, and the text is the one of every other route
refused() {
	local route=$1 want=$2 pid calls said
	pid=$(main_pid) calls=$(legacy_calls)
	run "by_$route" "$BAD"
	said=$out$'\n'$err
	ok "$suite, $route: refused" [ "$rc" -ne 0 ]
	is "$(refusal "$said")" "$reference" "$suite, $route: ... in the same words"
	is "$(state)" "$want" "$suite, $route: ... dpkg's state is as before"
	is "$(legacy_calls)" "$calls" "$suite, $route: ... no script of the other package was run"
	if [ "$want" != "rc $OURS" ]; then
		is "$(main_pid)" "$pid" "$suite, $route: ... the same process serves on"
		ok "$suite, $route: ... and answers" serves_version 19.1
	fi
}

# allowed ROUTE BACK: to the other make by ROUTE, and up again by BACK
allowed() {
	local route=$1 back=$2 had before settings p
	had=$(content)$(scripts_done) before=$(patches) settings=$(in_clinic sha256sum /etc/oscar-emr/oscar.properties)
	ok "$suite, $route: the data survives it, so it goes in" "by_$route" "$GOOD" || return
	is "$(state)" "ii $GOOD" "$suite, $route: ... dpkg says so"
	if [ "$route" = root ]; then
		nok "$suite, $route: ... it will not be started at the next boot" enabled
		in_clinic systemctl stop oscar-emr
	elif [ "$route" = removal ]; then
		nok "$suite, $route: ... ours does not run" in_clinic systemctl is-active -q oscar-emr
	else
		nok "$suite, $route: ... ours was stopped" in_clinic systemctl is-active -q oscar-emr
		nok "$suite, $route: ... and disabled" enabled
	fi
	ok "$suite, $route: ... 8443 is free" in_clinic sh -c '! ss -Hltn sport = :8443 | grep .'
	p=$(place)/oscar.properties
	ok "$suite, $route: ... the settings lie where it looks" in_clinic grep -q '^db_username *= *oscar$' "$p"
	is "$(in_clinic stat -c '%a %U' "$p" | tr 4 0)" '600 root' "$suite, $route: ... readable for nobody but its group"
	[ "$route" = root ] || # the database was not to be reached from there
		is "$(patches)" $((before + 1)) "$suite, $route: ... they let it into the database"
	ok "$suite, $route: back by $back" "by_$back" $OURS || return
	is "$(state)" "ii $OURS" "$suite, $route: ... dpkg says so"
	ok "$suite, $route: ... it is served" serves_version 19.1
	ok "$suite, $route: ... and enabled" enabled
	is "$(content)$(scripts_done)" "$had" "$suite, $route: ... nothing was applied twice, nothing is gone"
	is "$(in_clinic sha256sum /etc/oscar-emr/oscar.properties)" "$settings" "$suite, $route: ... the settings are as they were"
	ok "$suite, $route: ... and no copy is left" in_clinic test ! -e "$(place)/oscar.properties"
}

prepare() {
	in_clinic debconf-set-selections <<-'END'
		oscar-emr oscar-emr/demo-data boolean false
		oscar-emr oscar-emr/firewall boolean false
		oscar-emr oscar-emr/clinic-name string Clinique
		oscar-emr oscar-emr/clinic-email string clinic@example.org
	END
	lab_put "$T/repo" clinic:/srv/repo
	ok "$suite: oscar-emr of level 15 is installed" in_clinic sh -c "dpkg -i /srv/debs/maintkit_*.deb && dpkg -i $(deb 1:15.0-1)"
	ok "$suite: it has a patient" sql "INSERT INTO demographic (last_name, first_name, lastUpdateDate) VALUES ('Tremblay', 'Luc', NOW())"
	ok "$suite: apt knows the repository" in_clinic "${apt[@]}" update
	ok "$suite: an upgrade that changes the data" by_apt $OURS
	ok "$suite: ... made a backup before" in_clinic sh -c 'ls /var/backups/oscar-emr/*.tar.zst.gpg'
	ok "$suite: ... and is served" serves_version 19.1
}

same_in_french() {
	local french=$reference_fr r said
	for r in 'dpkg -i' "${apt[*]} install" 'dpkg --force-all --unpack'; do
		# shellcheck disable=SC2086
		said=$(in_clinic env LC_MESSAGES=fr_CA.UTF-8 $r "$(deb $BAD)" 2>&1)
		is "$(refusal "$said")" "$french" "$suite: in French, ${r##* }"
	done
}

# paste WORDS: the line of the refusal that has these words, given to a shell as it stands
paste() {
	local line
	line=$(sed -n "s/^      //p" <<<"$reference" | grep -- "$1")
	ok "$suite: pasted: $line" in_clinic sh -c "${line/apt-get/${apt[*]}}"
}
ways_out() {
	local said
	paste apt-get
	paste 'guard allow'
	said=$(in_clinic dpkg -i "$(deb $BAD)" 2>&1)
	is "$(state)" "ii $BAD" "$suite: what was allowed by hand goes in"
	like "$said" "allowed once: oscar-emr $BAD \(WHY\)" "$suite: ... and the hook says why"
	ok "$suite: and back" by_apt_file $OURS
	ok "$suite: ... it is served" serves_version 19.1
	paste 'backup restore'
	said=$(in_clinic dpkg -i "$(deb $BAD)" 2>&1)
	is "$(state)" "ii $BAD" "$suite: over the data of the backup it goes in"
	unlike "$said" "allowed once" "$suite: ... without an allowance: that was for other data"
	is "$(sql "SELECT last_name FROM demographic")" Tremblay "$suite: ... which has the patient"
}

# The hooks' files stay when maintkit is removed, and go when it is purged.
without_maintkit() {
	local how said
	for how in -r -P; do
		ok "$suite: dpkg $how maintkit" in_clinic dpkg "$how" maintkit
		said=$(in_clinic sh -c "dpkg -i /srv/repo/other.deb && ${apt[*]} --reinstall install other" 2>&1)
		is "$?" 0 "$suite: ... dpkg and apt go on"
		unlike "$said" "maintkit|not found|rror" "$suite: ... and say nothing about it"
	done
	nok "$suite: purged, the hooks' files are gone" in_clinic sh -c 'ls /etc/dpkg/dpkg.cfg.d/maintkit /etc/apt/apt.conf.d/60maintkit'
}

one_suite() {
	local r
	prepare
	run by_dpkg $BAD
	reference=$(refusal "$out$err")
	like "$reference" "backup restore --stop-app /var/backups/oscar-emr/oscar-emr-[0-9TZ]+\.tar\.zst\.gpg" "$suite: the backup of before the upgrade is named"
	reference_fr=$(refusal "$(in_clinic env LC_MESSAGES=fr_CA.UTF-8 maintkit -p oscar-emr guard check $BAD 2>&1)")
	like "$reference_fr" "refusé : oscar-emr $BAD.*solutions.*sauvegarde du" "$suite: guard check says it in French"
	is "$(refusal "$(in_clinic maintkit -p oscar-emr guard check $BAD 2>&1)")" "$reference" "$suite: guard check says the same"
	same_in_french
	for r in dpkg apt_file apt unpack force root; do refused $r "ii $OURS"; done
	refused broken "iF $OURS"
	ok "$suite: the configuration is mended" mend_configure
	allowed dpkg apt
	allowed broken apt_file
	if [ "${SOAK:-}" = 1 ]; then
		allowed apt_file dpkg
		allowed apt unpack
		allowed unpack force
		allowed force apt
	fi
	allowed root dpkg
	ok "$suite: it is removed" in_clinic dpkg -r oscar-emr
	refused removed "rc $OURS"
	ok "$suite: and installed again" by_dpkg $OURS
	allowed removal apt
	ways_out
	without_maintkit
}
by_removed() { by_dpkg "$1"; }

ok "the packages build" lifecycle_debs || BAIL "no packages"
ok "packages of another make, and a repository" repository "$T/repo" || BAIL "no packages"
suites=bookworm
[ "${SOAK:-}" != 1 ] || suites="bookworm bullseye trixie"
for suite in ${SUITES:-$suites}; do
	note "$suite"
	ok "$suite: maintkit" maintkit_of "$suite" || continue
	ok "$suite: the machine boots" lifecycle_boot "$suite" || continue
	one_suite
	lab_rm clinic
done
done_testing
