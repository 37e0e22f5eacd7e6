#!/bin/bash
# proves: firewall never calls ufw for a system that is not the running one, and refuses bad words before it asks anybody
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"

R=$T/root
profile=$R/usr/share/oscar-emr/maintkit.conf
mkdir -p "${profile%/*}"
cp "$TOP/debian/oscar-emr.maintkit" "$profile"
fw() { "$BIN/maintkit-firewall" -p oscar-emr --root "$R" "$@"; }

for verb in plan 'plan --enable' apply 'apply --enable' 'apply --dry-run' status; do
	# shellcheck disable=SC2086
	rc_is 3 "$verb below another root: status 3" fw $verb
	like "$err" 'left alone' '... and says why'
done
nok 'nothing was recorded' [ -e "$R/var/lib/maintkit/oscar-emr/effects" ]
ok 'remove with nothing of ours is done' fw remove
ok 'apply --defer leaves the step for the boot' fw apply --enable --defer firewall
like "$(cat "$R/var/lib/maintkit/oscar-emr/pending")" 'firewall.apply.--enable' '... with its options, without --defer'
DPKG_ROOT=$R rc_is 3 'DPKG_ROOT counts the same' "$BIN/maintkit-firewall" -p oscar-emr apply --enable
rc_is 2 'an unknown option' fw apply --force
rc_is 2 'an argument too many' fw apply 22/tcp
rc_is 2 'no verb' fw

if [ "$(id -u)" = 0 ]; then
	rc_is 2 'the real system needs root' setpriv --reuid 65534 --regid 65534 --clear-groups "$BIN/maintkit-firewall" -p x status
else
	rc_is 2 'the real system needs root' "$BIN/maintkit-firewall" -p x status
fi
done_testing
