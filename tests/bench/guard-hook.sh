#!/bin/bash
# proves: the hook adds less than 3 ms to a dpkg call that is not about us, and nothing to be seen to one of 500 packages
# SPDX-License-Identifier: GPL-2.0-or-later
# The peer is the same dpkg with /bin/true as its hook; the two take turns, so that a busy machine slows both.
# Judged is the processor time, which a busy machine does not change; the medians of the time by the clock are told.
. "$(dirname "$0")/../lib/tap.sh"
command -v dpkg-deb >/dev/null || skip_all 'dpkg is not installed'

R=$T/root
mkdir -p "$R"/var/lib/dpkg/{info,updates} "$R/usr/bin" "$T/debs"
touch "$R"/var/lib/dpkg/{status,available}
printf '[package]\nname = oscar-emr\n[guard]\nlineage = oscar\n' >"$T/profile"
"$BIN/maintkit-guard" -q -p oscar-emr --root "$R" --profile "$T/profile" mark --level 19 --min 18 --reason x 2>/dev/null
[ -s "$R/var/lib/maintkit/oscar-emr/mirror" ] || BAIL "no mirror"

deb() { # FILE PACKAGE
	local d=$T/pkg
	mkdir -p "$d/DEBIAN"
	printf 'Package: %s\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: x\n' "$2" >"$d/DEBIAN/control"
	dpkg-deb --nocheck --root-owner-group --uniform-compression -Zxz -b "$d" "$1" >/dev/null 2>&1 || BAIL "dpkg-deb $1"
}
deb "$T/debs/p0.deb" p0
for ((i = 1; i < 500; i++)); do
	cp "$T/debs/p0.deb" "$T/debs/p$i.deb"
done

hook=$(sed -n 's/^pre-invoke=//p' "$TOP/hooks/dpkg.cfg.d/maintkit")
hook=${hook//\/usr\/libexec\/maintkit\/maintkit-hook/$BIN/maintkit-hook}
dpkg_with() { # HOOK ARGS...
	dpkg "--root=$R" --force-not-root --force-script-chrootless --log=/dev/null --pre-invoke="$1" "${@:2}" >/dev/null 2>&1
}

# Processor time of our children so far, in clock ticks (10 ms).
ticks() { awk '{ sub(/.*\) /, ""); print $14 + $15 }' /proc/$$/stat; }
# taken HOOK ARGS...: sets REPLY, microseconds by the clock, and cpu, ticks of processor time
taken() {
	local start=${EPOCHREALTIME/./} before
	before=$(ticks)
	dpkg_with "$@"
	cpu=$(($(ticks) - before))
	REPLY=$((${EPOCHREALTIME/./} - start))
}
median() { sort -n "$1" | sed -n "$((($(wc -l <"$1") + 1) / 2))p"; }
# compare ROUNDS ARGS...; sets ours, peer (medians, microseconds), ours_cpu, peer_cpu (microseconds a call)
compare() {
	local n=$1 i
	shift
	rm -f "$T/ours" "$T/peer"
	ours_cpu=0 peer_cpu=0
	for ((i = 0; i < n; i++)); do
		taken "$hook" "$@" && echo "$REPLY" >>"$T/ours" && ours_cpu=$((ours_cpu + cpu))
		taken /bin/true "$@" && echo "$REPLY" >>"$T/peer" && peer_cpu=$((peer_cpu + cpu))
	done
	ours=$(median "$T/ours") peer=$(median "$T/peer")
	ours_cpu=$((ours_cpu * 10000 / n)) peer_cpu=$((peer_cpu * 10000 / n))
}
more() { # WHAT
	note "$1: our hook $ours us by the clock, $ours_cpu of a processor; /bin/true $peer and $peer_cpu; $((ours_cpu - peer_cpu)) us more"
}

compare 200 --no-act -i "$T/debs/p0.deb"
more 'one .deb that is not about us'
ok "less than 3 ms more" [ $((ours_cpu - peer_cpu)) -lt 3000 ]
compare 200 --no-act -r p0
more 'dpkg -r'
ok "less than 3 ms more" [ $((ours_cpu - peer_cpu)) -lt 3000 ]
compare 5 --no-act -i "$T"/debs/p*.deb
more '500 .debs on one command line'
ok "less than a tenth more" [ $(((ours_cpu - peer_cpu) * 10)) -lt "$peer_cpu" ]

# apt hands the same over in a list
{ printf 'VERSION 3\nRootDir=%s\n\n' "$R"
  for ((i = 0; i < 500; i++)); do printf 'p%d - - none < 1.0 all none %s\n' "$i" "$T/debs/p$i.deb"; done; } >"$T/list"
before=$(ticks)
for ((i = 0; i < 100; i++)); do APT_HOOK_INFO_FD=0 "$BIN/maintkit-hook" apt <"$T/list" || BAIL "apt"; done
each=$((($(ticks) - before) * 100))
note "apt's list of 500: $each us of a processor"
ok "less than 3 ms: the names are in the list, no file is opened" [ "$each" -lt 3000 ]

if command -v strace >/dev/null; then
	APT_HOOK_INFO_FD=0 strace -f -o "$T/trace" "$BIN/maintkit-hook" apt <"$T/list"
	is "$(grep -cE 'socket\(|connect\(|mysql|mariadb|fork|clone|execve\(' "$T/trace")" 1 \
		"no socket, no database, no process: one execve, its own, in $(wc -l <"$T/trace") system calls"
else
	skip "strace is not installed" "no socket, no database, no process"
fi
done_testing
