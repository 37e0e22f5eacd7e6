#!/bin/bash
# Encrypting a large export: maintkit-pgp-encrypt against "gpg --encrypt" and pgpgpg, interleaved, in one run; and peak memory.
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: pgp-encrypt.sh [MIB] [ROUNDS]   default 1024 MiB, 3 rounds; the memory figure takes twice the size
set -eu
TOP=$(cd "$(dirname "$0")/../.." && pwd)
BIN=${BUILD:-$TOP/build}/bin
. "$TOP/tests/lib/owner.sh"
scratch_dir T
mib=${1:-1024} rounds=${2:-3}
prog=$BIN/maintkit-pgp-encrypt
H=$T/home W=$T/work
mkdir -m 700 "$H" "$W"
at_exit "gpgconf --homedir '$H' --kill all"
gpg --homedir "$H" --batch --quiet --passphrase '' --quick-gen-key 'Bench <bench@example.org>' future-default default never 2>/dev/null
fpr=$(gpg --homedir "$H" --batch --with-colons -K | awk -F: '/^fpr/ { print $10; exit }')
cd "$W" || exit
# neither zeros nor noise: what a zip of records looks like to a cipher does not matter, but sparse files would
openssl enc -aes-128-ctr -K 00 -iv 00 -nosalt </dev/zero 2>/dev/null | head -c "${mib}M" >big

# each leaves big.pgp
ours() { env -i GNUPGHOME="$H" "$prog" -e big "$fpr"; }
plain() { gpg --homedir "$H" --batch --quiet --trust-model always -r "$fpr" -o big.pgp -e big; }
stored() { gpg --homedir "$H" --batch --quiet --trust-model always -z 0 -r "$fpr" -o big.pgp -e big; }
wrapped() { env -i GNUPGHOME="$H" /usr/bin/pgpgpg -e big "$fpr" 2>/dev/null </dev/null; }
declare -A best
for _ in $(seq "$rounds"); do
	for who in ours plain stored wrapped; do
		rm -f big.pgp
		from=${EPOCHREALTIME/[.,]/}
		"$who" || { echo "$who failed" >&2; exit 2; }
		took=$((${EPOCHREALTIME/[.,]/} - from))
		[ -n "${best[$who]:-}" ] && [ "${best[$who]}" -le "$took" ] || best[$who]=$took
	done
done
line() { printf '%-32s %7.2f s  %5.2fx ours\n' "$1" "$(awk "BEGIN { print ${best[$2]} / 1e6 }")" "$(awk "BEGIN { print ${best[$2]} / ${best[ours]} }")"; }
echo "$mib MiB, best of $rounds:"
line "maintkit-pgp-encrypt -e" ours
line "gpg --encrypt" plain
line "gpg --encrypt, not compressed" stored
line "pgpgpg -e" wrapped
rm -f big.pgp
truncate -s "$((2 * mib))M" big
python3 - "$prog" "$H" "$fpr" <<'P'
import resource, subprocess, sys
prog, home, fpr = sys.argv[1:]
p = subprocess.Popen([prog, "-e", "big", fpr], env={"GNUPGHOME": home}, stdin=subprocess.DEVNULL)
peak = 0
import os, time
while p.poll() is None:
    total = 0
    for pid in [p.pid] + [int(c) for c in open(f"/proc/{p.pid}/task/{p.pid}/children").read().split()]:
        try:
            total += sum(int(l.split()[1]) for l in open(f"/proc/{pid}/smaps_rollup") if l.startswith("Pss:"))
        except OSError:
            pass
    peak = max(peak, total)
    time.sleep(0.05)
largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(f"peak memory for twice the size: {peak / 1024:.1f} MiB of us and gpg together, largest process {largest / 1024:.1f} MiB (aim: < 32)")
sys.exit(p.returncode)
P
