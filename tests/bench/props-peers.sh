#!/bin/bash
# proves: nothing (a measurement): 30 settings in a 1,500-line, 57 KB file, against the legacy loop, augtool and python, in one run
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Prints the best of RUNS wall-clock times (milliseconds) and ratios to ours, on a disk (TMPDIR, where
# ours waits for two fsyncs, python for one, the others for none) and on tmpfs (the work alone). Then:
# time per megabyte of files of 10, 50 and 100 MB, in memory; the same figure for all is linear.
set -eu
TOP=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-$TOP/build}
RUNS=${RUNS:-7}
props=$BUILD/bin/maintkit-props
disk=$(mktemp -d)
memory=$(mktemp -d /dev/shm/props-bench.XXXXXX)
trap 'rm -rf "$disk" "$memory"' EXIT
cd "$disk"

# In the mix of the real one: 'k=v', 'k = v', 'k: v', comments, commented settings, blank lines.
awk 'BEGIN {
	for (i = 1; i <= 1500; i++) {
		if (i % 4 == 0) printf "# explains what setting %d below does\n", i
		else if (i % 7 == 0) printf "#setting_number_%d=value\n", i
		else if (i % 5 == 0) print ""
		else if (i % 11 == 0) printf "setting_number_%d = some value of it\n", i
		else if (i % 37 == 0) printf "setting_number_%d: some value of it\n", i
		else printf "setting_number_%d=some value of the setting here\n", i
	}
}' >master
keys=$(grep -oE '^setting_number_[0-9]+' master | awk 'NR % 22 == 1' | awk 'NR <= 25')
keys="$keys new_1 new_2 new_3 new_4 new_5"
set -- $keys
echo "file: $(wc -l <master) lines, $(wc -c <master) bytes; $# settings"

ours() { "$props" set -q -f "$PWD/f" "${words[@]}"; }
words=()
for k in $keys; do words+=("$k=changed"); done

# As the legacy postinst: look the old value up, then append the new one.
legacy() {
	for k in $keys; do
		old=$(sed '/^\#/d' f | grep "$k" | tail -n 1 | cut -d "=" -f2-)
		[ "$old" = changed ] || echo "$k=changed" >>f
	done
}

augeas() {
	{ for k in $keys; do echo "set /files$PWD/f/$k changed"; done; echo save; } >script
	augtool --noautoload --transform "Properties incl $PWD/f" --autosave -f script >aug.out 2>&1 ||
		{ cat aug.out; return 1; }
}

# What one would write: a line-based editor, atomic as ours, with one fsync for the file.
cat >edit.py <<'PY'
import os, re, sys
new = dict(a.split("=", 1) for a in sys.argv[2:])
lines = open(sys.argv[1], encoding="latin-1").read().splitlines(True)
for i in range(len(lines) - 1, -1, -1):
    m = re.match(r"\s*([^=:\s#!]+)(\s*[=:]\s*)", lines[i])
    if m and m[1] in new:
        lines[i] = m[0] + new.pop(m[1]) + "\n"
lines += [k + "=" + v + "\n" for k, v in new.items()]
with open(sys.argv[1] + ".new", "w", encoding="latin-1") as f:
    f.writelines(lines)
    f.flush()
    os.fsync(f.fileno())
os.rename(sys.argv[1] + ".new", sys.argv[1])
PY
python() { /usr/bin/python3 edit.py f "${words[@]}"; }

measure() {     # NAME: best time of $RUNS in microseconds, in REPLY
	local i start us
	REPLY=
	for ((i = 0; i < RUNS; i++)); do
		cp master f
		sync f
		start=${EPOCHREALTIME/[.,]/}
		"$1"
		us=$((${EPOCHREALTIME/[.,]/} - start))
		[ -n "$REPLY" ] && [ "$REPLY" -le "$us" ] || REPLY=$us
	done
}

# All must have done it, or the times mean nothing.
verify() {
	local k
	for k in $keys; do
		[ "$("$props" get -f "$PWD/f" "$k")" = changed ] || { echo "$1 did not set $k"; exit 1; }
	done
}

for dir in "$disk" "$memory"; do
	cp -n master edit.py "$dir"/ 2>/dev/null || :
	cd "$dir"
	echo "on $(stat -f -c %T .):"
	for who in ours legacy augeas python; do
		command -v augtool >/dev/null || [ $who != augeas ] || { echo "augeas: no augtool here"; continue; }
		measure $who
		verify $who
		[ $who != ours ] || base=$REPLY
		awk -v w=$who -v t="$REPLY" -v b="$base" 'BEGIN { printf "  %-8s %8.2f ms   %6.1fx\n", w, t / 1000, t / b }'
	done
done

"${CC:-gcc}" -D_GNU_SOURCE -std=gnu11 -O2 -o large "$TOP/tests/bench/props-large.c" \
	"$TOP"/src/core/props*.c "$TOP"/src/base/{buf,err,mem}.c
./large
