#!/bin/bash
# proves: ensure (new key, legacy key) and extend killed at any system call: the next run finishes, and there never is a second key
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
. "$TOP/tests/lib/crash.sh"
# gpg's children too are stopped at their calls: that is hundreds of points
CRASH_MAX=${CRASH_MAX:-6} CRASH_TIMEOUT=120 CRASH_STDOUT=no
[ "${SOAK:-}" = 1 ] && CRASH_MAX=0
as_web() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

R=$T/root HOME_DIR=$T/root/var/lib/demo/gnupg
pgp_system future-default
sed -i "/^program = /a legacy = /var/lib/tomcat8/.gnupg" "$R/usr/share/demo/maintkit.conf"
quick_home "$HOME_DIR" 65534
mv "$R" "$T/system"
R=@DIR@/root

# How many secret keys, and of whom; the settings; nothing half-done. Not the bytes: gpg salts and dates them.
observe() {
	local home=$1/root/var/lib/demo/gnupg
	as_web gpg --homedir "$home" --batch --with-colons -K 2>/dev/null | awk -F: '$1 == "sec" { n++ } $1 == "uid" { print $10 } END { print n + 0, "keys" }'
	as_web gpgconf --homedir "$home" --kill all
	sed -n 's/^\(PGP_[A-Z]*\)[:= ]*\(-e\|[0-9A-F]\{40\}\|GNUPGHOME\).*/\1 set/p; s/^demographic.*=true/gate/p' "$1/root/etc/demo/demo.properties" 2>/dev/null
	find "$1/root" \( -name 'maintkit-work*' -o -name '*.maintkit-*' \) ! -path '*/run/*'
}
# at every moment: not more than one key
invariant() {
	local n home=$1/root/var/lib/demo/gnupg
	[ -d "$home" ] || return 0
	n=$(as_web gpg --homedir "$home" --batch --with-colons -K 2>/dev/null | grep -c '^sec')
	as_web gpgconf --homedir "$home" --kill all
	[ "$n" -le 1 ] || echo "$n keys"
}
reachable() { # the web user passes the directory above
	local d=$1
	while [ "$d" != / ]; do chmod a+x "$d"; d=$(dirname "$d"); done
}

setup() { reachable "$1" && cp -a "$T/system" "$1/root"; }
# gpg's own files torn: it shows no key then and says nothing
mkdir "$T/torn" && setup "$T/torn"
"$BIN/maintkit-pgp" --root "$T/torn/root" -p demo ensure 2>/dev/null
observe "$T/torn" >"$T/torn.want"
truncate -s -20 "$T/torn/root/var/lib/demo/gnupg/trustdb.gpg"
ok "with a torn trust database" "$BIN/maintkit-pgp" --root "$T/torn/root" -p demo ensure
mv "$T/torn/root/var/lib/demo/gnupg/pubring.kbx" "$T/torn/root/var/lib/demo/gnupg/pubring.kbx~"
ok "with the keyring's backup alone" "$BIN/maintkit-pgp" --root "$T/torn/root" -p demo ensure
observe "$T/torn" >"$T/torn.got"
same "$T/torn.got" "$T/torn.want" "the key that is there is used"
ok "a new key, killed" crash_kill "$BIN/maintkit-pgp" --root @DIR@/root -p demo ensure

# the legacy key is made once
quick_home "$T/legacy" 1
chmod 755 "$T"
echo old >"$T/pass"; chmod 644 "$T/pass"
setpriv --reuid 1 --regid 1 --clear-groups gpg --homedir "$T/legacy" --batch --quiet --pinentry-mode loopback \
	--passphrase-file "$T/pass" --quick-gen-key 'Old <old@example.org>' future-default default 2y 2>/dev/null
setpriv --reuid 1 --regid 1 --clear-groups gpgconf --homedir "$T/legacy" --kill all
setup() { reachable "$1" && cp -a "$T/system" "$1/root" && mkdir "$1/root/var/lib/tomcat8" && cp -a "$T/legacy" "$1/root/var/lib/tomcat8/.gnupg"; }
(cd "$T/legacy" && find . -type f -exec sha256sum {} + | sort) >"$T/legacy.sums"
invariant_base=$(declare -f invariant)
eval "${invariant_base/invariant/one_key}"
invariant() { one_key "$1" && (cd "$1/root/var/lib/tomcat8/.gnupg" && find . -type f -exec sha256sum {} + | sort) | cmp -s - "$T/legacy.sums"; }
ok "a legacy key, killed" crash_kill "$BIN/maintkit-pgp" --root @DIR@/root -p demo ensure

# extending a key that is there, with its passphrase
eval "${invariant_base}"
dir=$T/made && mkdir "$dir" && cp -a "$T/system" "$dir/root" && chmod 755 "$dir"
"$BIN/maintkit-pgp" --root "$dir/root" -p demo ensure 2>/dev/null
setup() { reachable "$1" && cp -a "$T/made/root" "$1/root"; }
observe_base=$(declare -f observe)
eval "${observe_base/observe/state}"
observe() {
	state "$1"
	as_web gpg --homedir "$1/root/var/lib/demo/gnupg" --batch --with-colons -k 2>/dev/null |
		awk -F: -v now="$(date +%s)" '$1 == "pub" || $1 == "sub" { print $1, int(($7 - now) / 86400 / 30), "months" }'
}
ok "extend, killed" crash_kill "$BIN/maintkit-pgp" --root @DIR@/root -p demo extend --days 1000
done_testing
