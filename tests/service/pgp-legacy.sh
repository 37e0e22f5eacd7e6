#!/bin/bash
# proves: a usable key of an earlier installation is copied and used, its directory is left as it is; what cannot be taken is named
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
pgp_system future-default
# the web user of the earlier installation is another one
L=$R/var/lib/tomcat8/.gnupg OWNER=1
as() { local u=$1; shift; setpriv --reuid "$u" --regid "$u" --clear-groups "$@"; }
legacy_gpg() { as $OWNER gpg --homedir "$L" --batch --quiet --pinentry-mode loopback --passphrase-file "$T/pass" "$@" 2>/dev/null; }
stop() { as $OWNER gpgconf --homedir "${1:-$L}" --kill all; }
prop() { "$BIN/maintkit-props" --root "$R" -p demo get "$1"; }
secret_keys() { as 65534 gpg --homedir "$HOME_DIR" --batch --with-colons -K 2>/dev/null | grep -c '^sec'; }
fingerprints() { legacy_gpg --with-colons -K "$@" | awk -F: '$1 == "sec" { want = 1 } $1 == "fpr" && want { print $10; want = 0 }'; }
tree() { (cd "$1" && find . -printf '%p %y %m %U:%G %l\n' | sort; find . -type f -exec sha256sum {} + | sort -k2); }
echo 'old secret' >"$T/pass"; chmod 644 "$T/pass"
chmod 755 "$T"
sed -i "/^program = /a legacy = /var/lib/tomcat9/.gnupg /var/lib/tomcat8/.gnupg" "$R/usr/share/demo/maintkit.conf"
install -d -o $OWNER -g $OWNER "$R/var/lib/tomcat8"
fresh() { as 65534 gpgconf --homedir "$HOME_DIR" --kill all 2>/dev/null; rm -rf "$HOME_DIR" "$STATE" "$R/etc/demo/demo.properties"; }
new_legacy() { stop 2>/dev/null; rm -rf "$L"; quick_home "$L" $OWNER; }
make_key() { legacy_gpg "${@:2}" --quick-gen-key "$1" future-default default 2y; }
trap 'stop; fresh' EXIT

# ---- one key
new_legacy
make_key 'Old Clinic <old@example.org>'
stop
one=$(fingerprints); stop
tree "$L" >"$T/legacy"
ok "a dry run" pgp ensure --dry-run
like "$err" "would take over a usable key from '.*/var/lib/tomcat8/.gnupg'" "tells where it would look"
ok "ensure takes it over" pgp ensure
like "$err" "took over key $one .*tomcat8/.gnupg', which stays as it is" "and says so"
is "$(prop PGP_KEY) $(prop PGP_ENV)" "$one GNUPGHOME=$HOME_DIR" "the properties name it, in our directory"
is "$(secret_keys)" 1 "no other key was made"
nok "nor a passphrase" test -e "$STATE/pgp.passphrase"
tree "$L" >"$T/now"; same "$T/now" "$T/legacy" "the old directory is as it was"
is "$(find "$HOME_DIR" ! -user 65534 -o -type f -perm /077 | wc -l)" 0 "everything in ours belongs to the web user alone"
ok "the revocation certificate came along" test -s "$HOME_DIR/openpgp-revocs.d/$one.rev"
ok "the journal says adopted" grep -q "pgp-key	$one	done	adopted" "$STATE/effects"
run pgp verify --passphrase-stdin <"$T/pass"
like "$out" "decrypt +ok" "exports with it can be decrypted"
is "$(agents)" 0 "no agent stays behind"
is "$(find "$HOME_DIR" -name 'maintkit-work*')" "" "nor a staging directory"
tree "$HOME_DIR" | grep -v -e random_seed -e trustdb >"$T/before"
ok "ensure again" pgp ensure
tree "$HOME_DIR" | grep -v -e random_seed -e trustdb >"$T/now"; same "$T/now" "$T/before" "changes nothing"

# ---- as GnuPG 1 kept it (Debian 8): pubring.gpg and secring.gpg
legacy_gpg --export-secret-keys "$one" >"$T/secring"
legacy_gpg --export "$one" >"$T/pubring"
new_legacy
install -m 600 -o $OWNER "$T/secring" "$L/secring.gpg"; install -m 600 -o $OWNER "$T/pubring" "$L/pubring.gpg"
fresh
tree "$L" >"$T/legacy"
ok "secring.gpg is taken over" pgp ensure
is "$(prop PGP_KEY)" "$one" "the same key"
tree "$L" >"$T/now"; same "$T/now" "$T/legacy" "and was not converted where it lies"
run pgp verify --passphrase-stdin <"$T/pass"
like "$out" "decrypt +ok" "it decrypts"

# ---- several
make_key 'Second <second@example.org>'
stop
mapfile -t all < <(fingerprints); stop
is "${#all[@]}" 2 "(two keys)"
second=${all[1]}
fresh
rc_is 2 "of several usable keys none is guessed" pgp ensure
like "$err" "tomcat8/.gnupg'.*several usable secret keys .*choose one with --key" "they are named, with the way out"
nok "no key was made meanwhile" grep -q pgp-key "$STATE/effects"
is "$(secret_keys)" 0 "nor copied"
printf 'PGP_KEY: Second <second@example.org>\n' >"$R/etc/demo/demo.properties"
ok "the one that PGP_KEY names" pgp ensure
is "$(prop PGP_KEY)" "$second" "is taken over"
ok "another one by --key, beside it" pgp ensure --key "$one"
is "$(prop PGP_KEY) $(secret_keys)" "$one 2" "is copied and used"
ok "then without --key" pgp ensure
is "$(prop PGP_KEY)" "$one" "it stays the one in use"
fresh
printf 'PGP_KEY: example.org\n' >"$R/etc/demo/demo.properties"
rc_is 2 "a PGP_KEY that matches two" pgp ensure
like "$err" "'example.org' matches several keys" "is no choice"
rc_is 2 "a --key that is nowhere" pgp ensure --key nobody@example.org
like "$err" "no usable secret key matches 'nobody@example.org'" "is an error, not a new key"
is "$(secret_keys)" 0 "indeed"

# ---- a second directory with another key; the properties name a third
install -d -m 755 -o $OWNER "$R/var/lib/tomcat9"
new_legacy; make_key 'A <a@example.org>'; a=$(fingerprints); stop
mv "$L" "$R/var/lib/tomcat9/.gnupg"
new_legacy; make_key 'B <b@example.org>'; b=$(fingerprints); stop
fresh
rc_is 2 "usable keys in two directories" pgp ensure
like "$err" "tomcat9.*$a.*tomcat8.*$b.*--key" "are named"
mkdir -p "$R/srv" && mv "$R/var/lib/tomcat9/.gnupg" "$R/srv/keys"
fresh
printf 'PGP_ENV: GNUPGHOME=/srv/keys/\nPGP_KEY: A <a@example.org>\n' >"$R/etc/demo/demo.properties"
ok "the directory that PGP_ENV names" pgp ensure
is "$(prop PGP_KEY)" "$a" "is looked at too"
rm -rf "$R/srv/keys"

# ---- of no use
new_legacy
legacy_gpg --faked-system-time 20200101T000000! --quick-gen-key 'Gone <gone@example.org>' future-default default 1y
make_key 'Revoked <revoked@example.org>'
rev=$(fingerprints revoked@example.org)
sed 's/^:-----BEGIN/-----BEGIN/' "$L/openpgp-revocs.d/$rev.rev" >"$T/rev"
legacy_gpg --import "$T/rev"
make_key 'Sign only <sign@example.org>' >/dev/null
sign=$(fingerprints sign@example.org)
legacy_gpg --command-fd 0 --edit-key "$sign" >/dev/null <<<$'key 1\ndelkey\ny\nsave'
make_key 'On a card <card@example.org>'
legacy_gpg --with-colons -K card@example.org | awk -F: '$1 == "ssb" { want = 1 } $1 == "grp" && want { print $10 }' |
	while read -r grip; do rm "$L/private-keys-v1.d/$grip.key"; done
stop
fresh
ok "nothing usable: a key is made" pgp ensure
like "$err" "Gone.*not taken over: expired on 2020-12-31" "the expired one is named"
like "$err" "Revoked.*not taken over: revoked" "the revoked one"
like "$err" "Sign only.*not taken over: has no usable encryption subkey" "the one that cannot encrypt"
like "$err" "card.*not taken over: the secret half that decrypts is not there" "the one without its secret half"
is "$(secret_keys)" 1 "one key is there"

# ---- what the other user may have planted: nothing is followed, nothing changes
new_legacy; make_key 'Real <real@example.org>'; real=$(fingerprints); stop
mkdir "$T/secrets" && echo 'root only' >"$T/secrets/x.key" && cp "$T/secrets/x.key" "$T/secrets/victim" && chmod 600 "$T"/secrets/*
ln -s "$T/secrets/x.key" "$L/private-keys-v1.d/link.key"
ln "$T/secrets/victim" "$L/private-keys-v1.d/hard.key"
mkfifo "$L/private-keys-v1.d/fifo.key" "$L/secring.gpg"
tree "$T/secrets" >"$T/secrets.before"
fresh
ok "links and pipes among the files are passed over" pgp ensure
like "$err" "fifo.key' is left out" "with a word"
is "$(prop PGP_KEY)" "$real" "the key is taken"
nok "nothing of root's came along" grep -rq 'root only' "$R/var/lib/demo"
mv "$L" "$L.real"
for target in "$L.real" "$T/secrets" /nonexistent; do
	ln -sfn "$target" "$L"
	fresh
	ok "a link in place of the directory, to ${target##*/}" pgp ensure
	like "$err" "keys in '.*tomcat8/.gnupg' are not looked at:" "is not followed, with a word"
	nok "its key is not taken" grep -q "$real" "$R/etc/demo/demo.properties"
done
tree "$T/secrets" >"$T/now"; same "$T/now" "$T/secrets.before" "nothing outside changed"
done_testing
