#!/bin/bash
# proves: destroying 200,000 documents (20 GiB, sparse) takes no longer than 1.1 times rm -rf
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "an ext4 of its own needs root"

FILES=${FILES:-200000} PER_DIR=${PER_DIR:-20000}
S=$T/disk/root/var/lib/maintkit/clinic
cat >"$T/profile" <<P
[package]
name = clinic
[database]
name = clinic_1
[data]
documents = /var/lib/clinic/documents
keys = /var/lib/clinic/keys
home = /var/lib/clinic
configuration = /etc/clinic
P
data() { "$BIN/maintkit-data" -q -p clinic --root "$T/disk/root" --profile "$T/profile" "$@"; }
# The way they come to be: one after the other, in the order of their names, 1 in 100 with blocks.
documents() {
	mkdir -p "$1" &&
		perl -e '($dir, $n, $per) = @ARGV; for (0 .. $n - 1) { my $d = sprintf "%s/%03d", $dir, $_ / $per; mkdir $d;
			open my $f, ">", sprintf("%s/scan-%08d.pdf", $d, ($_ * 7919) % 99999989) or die $!;
			print $f "x" x 4096 unless $_ % 100; truncate $f, 107374 or die $! }' "$1" "$FILES" "$PER_DIR"
}
cold() { sync; umount "$T/disk" && mount -o loop "$T/image" "$T/disk"; }
seconds() { # CMD...: wall time in milliseconds, the writing included
	local from=$EPOCHREALTIME
	"$@" || return
	sync -f "$T/disk"
	echo $(((${EPOCHREALTIME/[.,]/} - ${from/[.,]/}) / 1000))
}

truncate -s 8G "$T/image" && mkfs.ext4 -q -F -N 500000 "$T/image" && mkdir "$T/disk" && mount -o loop "$T/image" "$T/disk" || BAIL "no ext4"
at_exit 'umount "$T/disk" 2>/dev/null'

best_ours=999999999 best_rm=999999999
for round in 1 2 3; do
	for who in ours rm; do
		rm -rf "$T/disk/root" && mkdir -p "$T/disk/root"/{usr,etc/clinic,var/lib/clinic/keys,var/log/maintkit}
		documents "$T/disk/root/var/lib/clinic/documents" || BAIL "no documents"
		data stash || BAIL "stash"
		cold
		if [ $who = ours ]; then
			ms=$(seconds data purge --decision destroy)
			[ ! -e "$T/disk/root/var/lib/clinic" ] || fail "round $round: it is gone"
			[ "$ms" -ge "$best_ours" ] || best_ours=$ms
		else
			ms=$(seconds rm -rf "$T/disk/root/var/lib/clinic")
			[ "$ms" -ge "$best_rm" ] || best_rm=$ms
		fi
		note "round $round: $who $ms ms"
	done
done
note "best of three: purge $best_ours ms, rm -rf $best_rm ms, ratio $((best_ours * 100 / best_rm)) %; the purge counts them, decides and looks afterwards"
ok "no more than 1.1 times rm -rf" test $((best_ours * 10)) -le $((best_rm * 11))
done_testing
