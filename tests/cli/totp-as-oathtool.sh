#!/bin/bash
# proves: codes are oathtool's for 12,000 random secrets and times, all algorithms, digits and periods
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"

command -v oathtool >/dev/null || skip_all "oathtool is not installed"
[ -x "$BUILD/tests/t-otp" ] || skip_all "t-otp is not built"

SECRETS=480 WINDOW=24	# oathtool prints the codes of 25 steps in a run

# Random secrets of 16 to 64 bytes with random parameters, and a time before 2038.
awk -v n=$SECRETS 'BEGIN {
	srand(); split("sha1 sha256 sha512", algorithm, " ")
	for (i = 0; i < n; i++)
		print int(16 + rand() * 49), algorithm[i % 3 + 1], 6 + int(i / 3) % 3, 15 + int(rand() * 46), int(rand() * 2147400000)
}' >"$T/params"
while read -r bytes algorithm digits period when; do
	echo "$(head -c "$bytes" /dev/urandom | base32 -w0 | tr -d =) $algorithm $digits $period $when"
done <"$T/params" >"$T/cases"

while read -r secret algorithm digits period when; do
	oathtool -b --totp="$algorithm" -d "$digits" -s "${period}s" -N "@$when" -w $WINDOW - <<<"$secret" || exit
done <"$T/cases" >"$T/theirs"
awk -v w=$WINDOW '{ for (i = 0; i <= w; i++) print $1, $2, $3, $4, $5 + i * $4 }' "$T/cases" >"$T/pairs"
"$BUILD/tests/t-otp" codes <"$T/pairs" >"$T/ours"

is "$(wc -l <"$T/theirs")" "$((SECRETS * (WINDOW + 1)))" "oathtool made $((SECRETS * (WINDOW + 1))) codes"
same "$T/ours" "$T/theirs" "ours are the same"

# The comparison can fail: another second of another step gives other codes.
awk '{ $5 += 4000; print }' "$T/pairs" | "$BUILD/tests/t-otp" codes >"$T/other"
nok "codes of another time are others" cmp -s "$T/other" "$T/theirs"

done_testing
