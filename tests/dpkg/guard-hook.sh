#!/bin/bash
# proves: dpkg's pre-invoke hook stops exactly the .debs that cannot read the data, and never dpkg itself
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
command -v dpkg-deb >/dev/null || skip_all 'dpkg is not installed'

R=$T/root
new_root() {
	rm -rf "$R"
	mkdir -p "$R"/var/lib/dpkg/{info,updates} "$R"/usr/bin
	touch "$R"/var/lib/dpkg/{status,available}
}

# deb FILE PACKAGE VERSION [COMPRESSION [FIELD...]]
deb() {
	local d=$T/pkg file=$1 name=$2 version=$3 z=${4:-xz}
	rm -rf "$d"
	mkdir -p "$d/DEBIAN"
	printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: a <a@example.org>\n' "$name" "$version" >"$d/DEBIAN/control"
	[ $# -lt 5 ] || printf '%s\n' "${@:5}" >>"$d/DEBIAN/control"
	printf 'Description: x\n' >>"$d/DEBIAN/control"
	dpkg-deb --nocheck --root-owner-group --uniform-compression -Z"$z" -b "$d" "$file" >/dev/null 2>&1 || BAIL "dpkg-deb $file"
}

# The line of the hook as it is installed, with the program that was built.
hook=$(sed -n 's/^pre-invoke=//p' "$TOP/hooks/dpkg.cfg.d/maintkit")
hook=${hook//\/usr\/libexec\/maintkit\/maintkit-hook/$BIN/maintkit-hook}
DPKG=(dpkg "--root=$R" --force-not-root --force-script-chrootless --log=/dev/null)
d() { "${DPKG[@]}" --pre-invoke="$hook" "$@"; }
guard() { "$BIN/maintkit-guard" -p oscar-emr --root "$R" --profile "$T/profile" "$@"; }
state() { dpkg-query --admindir="$R/var/lib/dpkg" -W -f '${db:Status-Abbrev}${Version}' "$1" 2>/dev/null; }
mark() { guard -q mark --reason 'roster migrated' "$@" 2>/dev/null || [ $? = 3 ]; }

printf '[package]\nname = oscar-emr\ntitle = OSCAR EMR\n[guard]\nlineage = oscar\n[backup]\ndir = /var/backups/oscar-emr\n' >"$T/profile"
mkdir -p "$T/debs dir/sub"
cd "$T/debs dir" || exit 1
deb new.deb oscar-emr 1:20.0-1 xz 'Maintkit-Level: 20' 'Maintkit-Reads: 15-20'
deb newer.deb oscar-emr 1:22.0-1 xz 'Maintkit-Level: 22' 'Maintkit-Reads: 15-22'
deb old.deb oscar-emr 15-88~844 gzip
deb 'ok old.deb' oscar-emr 19-97~3743 zstd
deb plain.deb oscar-emr 15-88~844 none
deb sub/deep.deb oscar-emr 15-71~691 xz
deb beta.deb oscar-emr 19beta-1~932 xz
deb other.deb hello 1.0 xz
deb lying.deb oscar-emr 1:20.0-2 xz 'Maintkit-Level: 20' 'Maintkit-Reads: 9-3'
deb lookalike.deb oscar-emr-doc 15-1~1 xz
cp old.deb -- -dash.deb

new_root
ok 'without a mirror everything goes in' d -i old.deb
new_root
mark --level 19 --min 18 || BAIL 'mark'

for f in old.deb plain.deb "$T/debs dir/old.deb" ./old.deb; do
	rc_is 2 "dpkg -i $f: refused" d -i "$f"
	like "$err" 'refused: oscar-emr 15-88~844' '... and says so'
	is "$(state oscar-emr)" '' '... before anything was unpacked'
done
rc_is 2 'dpkg --unpack' d --unpack old.deb
rc_is 2 'dpkg --install among other options' d -D 0 -BE --abort-after 3 --status-fd 1 --install old.deb
rc_is 2 'with --force-all' d --force-all -i old.deb
rc_is 2 'behind --' d -i -- -dash.deb
rc_is 2 'dpkg -R DIR' d -R -i .
rc_is 2 'dpkg -iR DIR: found in a directory below' d -iR sub
rc_is 2 'one of ours among several' d -i other.deb lookalike.deb old.deb
is "$(state hello)" '' 'nothing of that run was installed'
rc_is 0 'dpkg --no-act tells and does not stop' d --no-act -i old.deb
like "$err" 'refused: oscar-emr 15-88~844' '... it told'

ok 'the same version of another package goes in' d -i other.deb lookalike.deb
ok 'a legacy version that reads the data goes in, in spite of a blank in its name' d -i 'ok old.deb'
is "$(state oscar-emr)" 'ii 19-97~3743' '... and is installed'
ok 'what dpkg calls an upgrade and is none goes in too: product 19 reads the data' d -i beta.deb
mark --min 20
rc_is 2 'but not when the data needs level 20' d -i 'ok old.deb'
ok 'ours goes in' d -i new.deb
ok 'removal is never stopped' d -r oscar-emr
rc_is 2 'remove, then older: refused' d -i old.deb
ok 'fields that make no sense are told, not refused' d -i lying.deb
like "$err" 'make no sense' '... told'

ok 'allow' guard allow 15-88~844 --reason 'the vendor said so'
ok 'allowed once: it goes in' d -i old.deb
like "$err" 'allowed once: oscar-emr 15-88~844 \(the vendor said so\)' '... and the hook says why'
mark --min 21
rc_is 2 'a level raised since ends the allowance' d -i old.deb

run env LC_ALL=fr_CA.UTF-8 "${DPKG[@]}" --pre-invoke="$hook" -i old.deb
like "$err" 'refusé : oscar-emr 15-88~844' 'in French for a French speaker'
# which backup leads out: one whose data the version reads, the newest of those
B=$R/var/backups/oscar-emr
mkdir -p "$B"
backup() { # NAME CREATED [LEVELS...]
	: >"$B/$1"
	printf '%s\n' "created=$2" "${@:3}" >"$B/$1.info"
}
run d -i old.deb
like "$err" 'no backup here is known to hold such' 'no backup: none is named'
like "$err" 'maintkit -p oscar-emr backup list' '... but where to look'
backup a.gpg 2026-01-01T10:00:00Z schema_level=15 min_app_level=12
backup b.gpg 2026-02-01T10:00:00Z schema_level=15 min_app_level=15
backup c.gpg 2026-03-01T10:00:00Z schema_level=19 min_app_level=18
backup 'd;x.gpg' 2026-02-02T10:00:00Z schema_level=15 min_app_level=15
: >"$B/e.gpg"
run d -i old.deb
like "$err" 'backup of 2026-02-01 10:00 UTC' 'of the backups that help the newest is named, with its date'
like "$err" "backup restore --stop-app $(printf '%q' /var/backups/oscar-emr/b.gpg)"$'\n' '... to be copied'
run d -i 'ok old.deb'
like "$err" 'backup restore --stop-app /var/backups/oscar-emr/c.gpg' 'another version has another way back'
backup f.gpg 2026-04-01T10:00:00Z
run d -i old.deb
like "$err" 'backup restore --stop-app /var/backups/oscar-emr/f.gpg' 'one without levels counts by its age: made before the change'
backup g.gpg 2999-01-01T10:00:00Z
run d -i old.deb
like "$err" 'backup restore --stop-app /var/backups/oscar-emr/f.gpg' '... and not by being made after it'
rm -r "$B"

# what is unpacked already and waits for its configuration
new_root
ok 'unpacked while nothing is known' d --unpack old.deb other.deb
mark --level 19 --min 18
rc_is 2 'then the data goes beyond it: it is not configured' d --configure oscar-emr
like "$err" 'refused: oscar-emr 15-88~844' '... in the same words'
rc_is 2 'nor with -a' d --configure -a
rc_is 2 'nor with --pending' d --configure --pending
ok 'another package is' d --configure hello
is "$(state hello)" 'ii 1.0' '... configured'
ok 'a newer one goes over it' d --unpack new.deb
ok '... and is configured' d --configure -a
is "$(state oscar-emr)" 'ii 1:20.0-1' '... which leads out'

# what the package's own scripts would stop at, told beforehand
mark --level 20
M=$R/var/lib/maintkit/oscar-emr/mirror
crc() { python3 -c 'import sys,zlib; b=sys.argv[1].encode().decode("unicode_escape").encode(); sys.stdout.write("%08x %s\n" % (zlib.crc32(b), b.decode()))' "$1"; }
crc 'database-socket\t/run/mysqld/mysqld.sock' >>"$M"
crc 'backup-key\t/var/lib/maintkit/oscar-emr/clinic.asc' >>"$M"
run d -i newer.deb
is "$rc" 0 'a version that changes the data goes in'
like "$err" "oscar-emr 1:22.0-1 changes the data and stops unless a backup can be made first" '... what it will stop at is told'
like "$err" 'database server does not run' '... the server'
like "$err" 'maintkit -p oscar-emr pgp ensure' '... the key'
mkdir -p "$R/run/mysqld" "$B"
touch "$R/run/mysqld/mysqld.sock" "$R/var/lib/maintkit/oscar-emr/clinic.asc"
run d -i newer.deb
unlike "$err" 'stops unless' 'with both there is nothing to tell'
: >"$B/big.gpg"
truncate -s 15T "$B/big.gpg"
run d -i newer.deb
like "$err" "'/var/backups/oscar-emr' has [0-9]+ MiB free; the last backup has [0-9]+ MiB" '... too little space is told'
run env LC_ALL=fr_CA.UTF-8 "${DPKG[@]}" --pre-invoke="$hook" -i newer.deb
like "$err" 'Mio libres' '... in French too'
run d -i new.deb
unlike "$err" 'stops unless' 'a version of the same level makes no backup: nothing is told'
rm -r "$B"
mark --min 21
mark --min 22 --level 22

# apt's hook, protocol version 3
apt() {
	{ printf 'VERSION 3\nAPT::Architecture=amd64\n%s\n\n' "${2:-RootDir=$R}"
	  printf 'hello - - none < 1.0 all none %s\n' "$PWD/other.deb"
	  printf 'oscar-emr 1:20.0-1 all none > 15-88~844 all none %s\n' "$1"; } |
		APT_HOOK_INFO_FD=0 "$BIN/maintkit-hook" apt
}
rc_is 4 'apt: refused, with a blank in the path' apt "$PWD/old.deb"
like "$err" 'refused: oscar-emr 15-88~844' '... in the same words'
ok 'apt: ours of a level that fits goes in' apt "$PWD/newer.deb"
ok 'apt: configuring and removing are not asked about' apt '**REMOVE**'
ok 'apt: another root, without a mirror' apt "$PWD/old.deb" "RootDir=$T"
ok 'apt: nothing on its descriptor' env APT_HOOK_INFO_FD=0 "$BIN/maintkit-hook" apt </dev/null
ok 'apt: version 2 of the protocol is told and let through' bash -c "echo 'VERSION 2' | '$BIN/maintkit-hook' apt"
is "$(sed -n 's/^DPkg::Pre-Install-Pkgs { "\([^ ]*\) .*/\1/p' "$TOP/hooks/apt.conf.d/60maintkit")" \
	"$(sed -n 's/^DPkg::Tools::Options::\(.*\)::Version.*/\1/p' "$TOP/hooks/apt.conf.d/60maintkit")" \
	'the options in apt.conf.d are keyed by the first word of the command'

# dpkg goes on whatever becomes of the hook
mark --min 22
good=$hook
new_root
for broken in /nonexistent/hook /bin/false 'sh -c "kill -9 \$\$"' 'sh -c "kill -SEGV \$\$"' 'sh -c "exit 127"' "$BIN/maintkit-hook nonsense"; do
	hook="$broken dpkg || test \$? -ne 4"
	ok "the hook is '${broken//$TOP/}': dpkg goes on" d -i old.deb
done
hook=$good
ok 'called by something that is not dpkg: status 0' "$BIN/maintkit-hook" dpkg
like "$err" 'not found in /proc' '... with a warning'
start=${EPOCHREALTIME/./}
mkfifo "$T/silent"
run timeout 120 bash -c "exec 9<>'$T/silent'; exec '$BIN/maintkit-hook' apt <&9"
note "after $(( (${EPOCHREALTIME/./} - start) / 1000 )) ms"
like "$err" 'gave up after too long a wait' 'a hang ends by the own timer, with a warning'
is "$rc" 0 '... and status 0'

# a library that is not there: the name in a copy of the program is changed
if sed 's/libzstd\.so\.1/libzstd.so.X/' "$BIN/maintkit-hook" >"$T/unlinked" && ! cmp -s "$T/unlinked" "$BIN/maintkit-hook"; then
	chmod 755 "$T/unlinked"
	hook="$T/unlinked dpkg || test \$? -ne 4"
	ok 'a library of the hook is missing: dpkg goes on' d -i old.deb
	like "$err" 'libzstd.so.X' '... the loader said so'
	hook=$good
fi
if run unshare -rm true && [ "$rc" = 0 ]; then
	run unshare -rm sh -c 'mount -t tmpfs none /proc && shift && exec "$@"' x x "${DPKG[@]}" --pre-invoke="$hook" -i old.deb
	is "$rc" 0 '/proc is hidden: dpkg goes on'
	like "$err" 'was not found in /proc' '... with a warning'
else
	skip 'no namespaces here' '/proc is hidden'
fi

# damaged and odd files
new_root
mark --level 19 --min 18
head -c 100 old.deb >oscar-emr_short.deb
head -c 1000 /dev/zero >oscar-emr_zero.deb
mkfifo oscar-emr_fifo.deb
{ printf '!<arch>\n%-16s%-12s%-6s%-6s%-8s%-10s`\n' debian-binary 0 0 0 100644 4; printf '2.0\n'
  printf '%-16s%-12s%-6s%-6s%-8s%-10s`\n' control.tar.xz 0 0 0 100644 9999999999; } >oscar-emr_huge.deb
for f in oscar-emr_short.deb oscar-emr_zero.deb oscar-emr_huge.deb /nonexistent.deb; do
	run d -i "$f"
	unlike "$err" 'refused' "$f is left to dpkg"
done
run timeout 120 bash -c "exec 9<>oscar-emr_fifo.deb; DPKG_HOOK_ACTION=install $BIN/maintkit-hook dpkg"
is "$rc" 0 'a named pipe does not hang it'

# fields that lie or are not there; many files
raw() { # FILE FIELD...: a .deb with these fields only
	rm -rf "$T/pkg"
	mkdir -p "$T/pkg/DEBIAN"
	printf '%s\n' "${@:2}" >"$T/pkg/DEBIAN/control"
	dpkg-deb --nocheck --root-owner-group -Zxz -b "$T/pkg" "$1" >/dev/null 2>&1 || BAIL "dpkg-deb $1"
}
hook_on() { # FILE...: the hook alone, by apt's list: dpkg itself takes none of these
	{ printf 'VERSION 3\nRootDir=%s\n\n' "$R"; for f; do printf 'oscar-emr - - none < 1 all none %s\n' "$PWD/$f"; done; } |
		APT_HOOK_INFO_FD=0 "$BIN/maintkit-hook" apt
}
long=$(printf '1%.0s' {1..300})
for v in '' ' ' '1:1:15-88~844' ':15' '15-88~' 'a' "$long" '15-88~844~1' '-1' $'15\t2'; do
	raw lies.deb 'Package: oscar-emr' "Version: $v" 'Description: x'
	rc_is 0 "version '${v:0:20}' cannot be placed: let through" hook_on lies.deb
	like "$err" 'may not work on this machine' '... and told'
done
raw lies.deb 'Package: oscar-emr' 'Description: x'
rc_is 0 'no version' hook_on lies.deb
raw lies.deb 'Description: x'
rc_is 0 'no package name' hook_on lies.deb
raw lies.deb 'Version: 15-88~844' 'Package: hello' 'Package: oscar-emr'
rc_is 0 'two names: the first is what dpkg takes' hook_on lies.deb
for f in '20 15-20-30' '999999999999 1-2' '-1 1-2' '20 20-15' '20 1-19' ' ' '0 0-0' "$long 1-2"; do
	raw lies.deb 'Package: oscar-emr' 'Version: 1:20-1' "Maintkit-Level: ${f% *}" "Maintkit-Reads: ${f#* }" 'Description: x'
	rc_is 0 "fields '${f:0:20}' make no sense: let through" hook_on lies.deb
done
raw lies.deb 'Package: oscar-emr' 'Version: 1:20-1' 'Maintkit-Level: 15' 'Maintkit-Reads: 15-15' 'Description: x'
rc_is 4 'one whose fields say that it is below is taken at its word' hook_on lies.deb
raw lies.deb 'Package: oscar-emr' 'Version: 15-88~844' 'Maintkit-Level: 20' 'Maintkit-Reads: 15-20' 'Description: x'
rc_is 0 'a legacy version number with fields of ours: the fields count' hook_on lies.deb
mkdir many
for i in {1..200}; do cp other.deb "many/h$i.deb"; done
cp old.deb many/m100.deb
rc_is 2 'one of ours among 200 others, under another name' d -i many/*.deb
is "$(grep -c 'refused:' <<<"$err")" 1 '... said once'
rm -r many; mkdir many
for i in {1..10}; do cp old.deb "many/oscar-emr_$i.deb"; done
rc_is 2 'ten of ours' d -i many/*.deb
rm -r many

# allowances that do not fit: another host's, another version's, of another time
A=$R/var/lib/maintkit/oscar-emr/mirror
cp "$A" "$T/mirror"
now=$(date +%s)
id=$(sed -n 's/^[0-9a-f]* instance\t//p' "$A")
token() { cp "$T/mirror" "$A"; crc "allow\\t$1\\t$2\\t$3\\t$4\\t$5\\t$6\\twhy" >>"$A"; }
token '15-88~844' "$id" 19 18 "$now" $((now + 3600))
rc_is 0 'an allowance that fits' hook_on old.deb
token '15-88~845' "$id" 19 18 "$now" $((now + 3600))
rc_is 4 'for another version' hook_on old.deb
token '15-88~844' 0123456789abcdef0123456789abcdef 19 18 "$now" $((now + 3600))
rc_is 4 'for another host' hook_on old.deb
token '15-88~844' "$id" 19 17 "$now" $((now + 3600))
rc_is 4 'for another state of the data' hook_on old.deb
token '15-88~844' "$id" 19 18 $((now - 7200)) $((now - 3600))
rc_is 4 'of yesterday' hook_on old.deb
token '15-88~844' "$id" 19 18 $((now + 86400)) $((now + 90000))
rc_is 4 'of tomorrow: one of the two clocks is wrong' hook_on old.deb
token '15-88~844' "$id" 19 18 -5 99999999999999999999
rc_is 0 'with a time beyond all clocks it still fits' hook_on old.deb
cp "$T/mirror" "$A"
printf 'garbage\n' >"$R/var/lib/maintkit/oscar-emr/mirror"
ok 'a damaged mirror is told, dpkg goes on' d -i old.deb
like "$err" 'mirror:1: the line is damaged' '... told'

done_testing
