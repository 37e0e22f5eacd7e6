#!/bin/bash
# proves: pgp ensure killed at any time leaves no second key, no agent and no half-written file; the next run finishes
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
pgp_system

as_web() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
secret_keys() { as_web gpg --homedir "$HOME_DIR" --batch --with-colons -K 2>/dev/null | grep -c '^sec'; }
# how long one undisturbed run takes, in milliseconds
from=$(date +%s%N)
ok "undisturbed" pgp ensure
span=$((($(date +%s%N) - from) / 1000000))
rounds=8
[ "${SOAK:-}" = 1 ] && rounds=60
for round in $(seq $rounds); do
	rm -rf "$HOME_DIR" "$STATE" "$R/etc/demo/demo.properties"
	for _ in 1 2; do	# killed twice, the second time perhaps behind the key
		"$BIN/maintkit-pgp" --root "$R" -p demo ensure 2>/dev/null &
		pid=$!
		sleep "$(awk -v n="$round" -v all="$rounds" -v span="$span" -v r=$RANDOM 'BEGIN { print (n - r / 32768) / all * span / 1000 }')"
		kill -9 $pid 2>/dev/null
		wait $pid 2>/dev/null
	done
	ok "round $round: ensure" pgp ensure
	is "$(secret_keys)" 1 "one key"
	is "$(grep -c "^PGP_KEY: *[0-9A-F]\{40\}$" "$R/etc/demo/demo.properties")" 1 "named by the properties"
	ok "that works" pgp verify
	is "$(find "$R" -name '*.maintkit-*' ! -path '*/run/*')" "" "nothing half-written"
	as_web gpgconf --homedir "$HOME_DIR" --kill all
done
done_testing
