#!/bin/bash
# proves: the web user's key is made, adopted, shown, verified, prolonged and exported as that user, twice over without change
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
pgp_system

prop() { "$BIN/maintkit-props" --root "$R" -p demo get "$1"; }
secret_keys() { setpriv --reuid 65534 --regid 65534 --clear-groups gpg --homedir "$HOME_DIR" --batch --with-colons -K 2>/dev/null | grep -c '^sec'; }

ok "dry run" pgp ensure --dry-run
like "$err" "would make a key for 'Demonstration" "says what it would do"
nok "and makes nothing" test -e "$HOME_DIR"

rc_is 3 "without a running system there is no key" env -u MAINTKIT_ASSUME_BOOTED "$BIN/maintkit-pgp" --root "$R" -p demo ensure
nok "not even a directory" test -e "$HOME_DIR"

for bad in $'New\nline' $'ESC\e[2J' $'DEL\x7f' 'a<b' 'a>b' 'a"b' $'\x80' ' lead' 'trail '; do
	rc_is 2 "name '${bad@Q}' is refused" pgp ensure --name "$bad"
done
for bad in 'no-at' 'a@b@c' 'a b@c' '<a@b>' 'a"@b' $'a@b\t' $'a@b\nPassphrase: x' 'é@b'; do
	rc_is 2 "mail '${bad@Q}' is refused" pgp ensure --name Clinic --email "$bad"
done
nok "still nothing was made" test -e "$HOME_DIR"

ok "ensure makes a key" pgp ensure --name 'Clinique Éléphant' --email clinic@example.org
fpr=$(prop PGP_KEY)
like "$fpr" '^[0-9A-F]{40}$' "PGP_KEY is the fingerprint"
is "$(stat -c '%a %u' "$HOME_DIR")" "700 65534" "the directory is the web user's own"
is "$(find "$HOME_DIR" ! -user 65534 | wc -l)" 0 "nothing in it belongs to another"
is "$(prop PGP_ENV)" "GNUPGHOME=$HOME_DIR" "PGP_ENV"
is "$(prop PGP_CMD)" "-e" "PGP_CMD"
is "$(prop PGP_BIN)" "$T/bin/maintkit-pgp-encrypt" "PGP_BIN"
is "$(prop demographic.export.encryptedOnly)" true "no plaintext exports"
is "$(prop other)" 1 "other properties are kept"
is "$(stat -c '%a %u' "$STATE/pgp.passphrase")" "400 0" "the passphrase is root's"
is "$(stat -c '%a %u' "$STATE/clinic-secret.asc")" "400 0" "so is the copy of the secret key"
is "$(agents)" 0 "no agent stays behind"
ok "the journal knows the key" grep -q "data.*pgp-key.*$fpr.*done" "$STATE/effects"
pass=$(cat "$STATE/pgp.passphrase")
nok "the passphrase is nowhere else" grep -rqF "$pass" "$R" --exclude=pgp.passphrase

find "$R" -type f ! -name random_seed ! -name lock ! -name '*.log' -exec sha256sum {} + | sort -k2 >"$T/before"
ok "ensure again" pgp ensure --name Other --email other@example.org
find "$R" -type f ! -name random_seed ! -name lock ! -name '*.log' -exec sha256sum {} + | sort -k2 >"$T/after"
same "$T/after" "$T/before" "changes nothing"
is "$(secret_keys)" 1 "there is one key"

# can an export leave in plain text?
conf=$R/etc/demo/demo.properties
ok "exports" pgp exports
is "$out" "exports are encrypted to a key" "cannot leave unencrypted"
cp -p "$conf" "$T/conf"
for bad in 'demographic.export.encryptedOnly=true ' 'demographic.export.encryptedOnly=yes' 'PGP_BIN=/nonexistent' 'PGP_CMD=-e -a' 'PGP_ENV=HOME=/x'; do
	printf '%s\n' "$bad" >>"$conf"
	rc_is 1 "with ${bad@Q} they can" pgp exports
	like "$out" "can leave unencrypted.*(${bad%%=*}|nonexistent|environment|command)" "and the setting is named"
	run "$BIN/maintkit-status" --root "$R" -p demo
	like "$out" "wrong +exports +can leave UNENCRYPTED: .*run 'maintkit -p demo pgp ensure'" "status warns"
	cp -p "$T/conf" "$conf"
done
sed -i '/encryptedOnly/d' "$conf"
rc_is 1 "without the property too" pgp exports
ok "ensure puts it right" pgp ensure
ok "then they cannot" pgp exports

ok "verify" pgp verify
like "$out" "decrypt +ok" "the round trip came back"
unlike "$out" "broken" "no link is broken"
ok "verify --json" pgp verify --json
ok "is JSON" python3 -c 'import json,sys; assert all(x["state"]=="ok" for x in json.loads(sys.argv[1]) if x["link"] != "sandbox")' "$out"
is "$(agents)" 0 "no agent stays behind"
is "$(find "$HOME_DIR" -name '*probe*' | wc -l)" 0 "no probe stays behind"

run pgp show --json
is "$(python3 -c 'import json,sys; k=json.loads(sys.argv[1]); print(len(k), k[0]["in_use"], k[0]["secret_here"], k[0]["user"], k[0]["days_left"])' "$out")" \
	"1 True True Clinique Éléphant <clinic@example.org> 729" "show"

# Debian's pgpgpg takes the same properties
echo hello >"$T/plain.txt"
cp "$T/plain.txt" "$HOME_DIR/x.txt" && chown 65534 "$HOME_DIR/x.txt"
if [ -x /usr/bin/pgpgpg ]; then
	ok "pgpgpg resolves PGP_KEY" setpriv --reuid 65534 --regid 65534 --clear-groups sh -c "cd '$HOME_DIR' && GNUPGHOME='$HOME_DIR' pgpgpg -e x.txt $fpr"
else
	skip "pgpgpg is not installed" "pgpgpg resolves PGP_KEY"
fi
rm -f "$HOME_DIR"/x.txt*

chmod 600 "$T/plain.txt"
ok "encrypt a file that only root can read" pgp encrypt "$T/plain.txt"
mv "$T/plain.txt" "$T/original.txt"
ok "decrypt" pgp decrypt "$T/plain.txt.pgp"
same "$T/plain.txt" "$T/original.txt" "is what it was"
is "$(stat -c %a "$T/plain.txt")" 600 "and only root's"
printf 'x' | dd of="$T/plain.txt.pgp" bs=1 seek="$(($(stat -c %s "$T/plain.txt.pgp") - 20))" conv=notrunc status=none
rm "$T/plain.txt"
rc_is 2 "a damaged file is an error" pgp decrypt "$T/plain.txt.pgp"
nok "and gives nothing" test -e "$T/plain.txt"
is "$(find "$T" -maxdepth 1 -name '.*maintkit*' | wc -l)" 0 "nor a part of it"

# the secret key in another's hands, with plain gpg
ok "export" pgp export --output "$T/public.asc"
ok "export --secret" pgp export --secret --output "$T/secret.asc"
is "$(stat -c %a "$T/secret.asc")" 600 "the secret key is not for all"
ok "plain gpg imports it" plain_gpg "$T/other" --import "$T/secret.asc"
ok "encrypt again" pgp encrypt "$T/original.txt"
plain_gpg "$T/other" --pinentry-mode loopback --passphrase-fd 3 -d "$T/original.txt.pgp" 3<"$STATE/pgp.passphrase" >"$T/by-gpg" 2>/dev/null
same "$T/by-gpg" "$T/original.txt" "plain gpg elsewhere decrypts with the escrowed passphrase"

# escrow: to a passphrase of its own, and on paper
printf 'sealed envelope\n' >"$T/seal"
run pgp export --secret --new-passphrase-stdin -o "$T/escrow.asc" <"$T/seal"
is "$rc" 0 "the secret key goes out under another passphrase"
ok "plain gpg imports it" plain_gpg "$T/heir" --import "$T/escrow.asc"
plain_gpg "$T/heir" --pinentry-mode loopback --passphrase-file "$T/seal" -d "$T/original.txt.pgp" >"$T/by-heir" 2>/dev/null
same "$T/by-heir" "$T/original.txt" "the new passphrase alone opens exports"
gpgconf --homedir "$T/heir" --kill all
nok "the old one does not" plain_gpg "$T/heir" --pinentry-mode loopback --passphrase-file "$STATE/pgp.passphrase" -d "$T/original.txt.pgp"
ok "ours is as it was" pgp verify
run pgp export --secret --passphrase-stdin --new-passphrase-stdin < <(cat "$STATE/pgp.passphrase" "$T/seal")
is "$rc" 0 "both passphrases on standard input, one line each"
like "$out" "BEGIN PGP PRIVATE KEY" "prints it"
rc_is 2 "a new passphrase without the secret key" pgp export --new-passphrase-stdin
printf 'wrong\n' >"$T/wrong"
run pgp export --secret --passphrase-stdin --new-passphrase-stdin < <(cat "$T/wrong" "$T/seal")
is "$rc$out" 2 "a wrong passphrase gives nothing"
is "$(find "$HOME_DIR" -name 'maintkit-work*')$(agents)" 0 "no staging directory and no agent stay behind"
ok "on paper" pgp export --paper -o "$T/paper.txt"
is "$(stat -c %a "$T/paper.txt")" 600 "for its owner only"
like "$(cat "$T/paper.txt")" " 1: [0-9A-F ]+ [0-9A-F]{6}" "lines with checksums"
plain_gpg "$T/paper-home" --list-keys
gpg --dearmor <"$STATE/clinic.asc" >"$T/clinic.pgp"
paperkey --pubring "$T/clinic.pgp" --secrets "$T/paper.txt" 2>/dev/null | plain_gpg "$T/paper-home" --import
plain_gpg "$T/paper-home" --pinentry-mode loopback --passphrase-file "$STATE/pgp.passphrase" -d "$T/original.txt.pgp" >"$T/by-paper" 2>/dev/null
same "$T/by-paper" "$T/original.txt" "rebuilt from paper and the public key it opens exports"
sed '/ 3: /s/[0-9A-F]\{6\}$/000000/' "$T/paper.txt" >"$T/typo.txt"
nok "a mistyped line is found" paperkey --pubring "$T/clinic.pgp" --secrets "$T/typo.txt"

ok "extend" pgp extend --days 1000
run pgp show --json
like "$out" '"days_left": (999|1000),' "has a new expiry"
is "$(secret_keys)" 1 "and is no new key"

# the day after it expired
ok "let it expire soon" pgp extend --days 1
run pgp verify
like "$out" "expiry +warning.*pgp extend" "verify warns before"
ok "extend" pgp extend --days 1000

# a further recipient
plain_gpg "$T/offsite" --passphrase '' --quick-gen-key 'Off-site <off@example.org>' rsa2048 cert,sign never
off=$(plain_gpg "$T/offsite" --with-colons -K | awk -F: '/^fpr/ { print $10; exit }')
plain_gpg "$T/offsite" --armor --export >"$R/etc/demo/off.asc"
sed -i '/^program = /a recipients = /etc/demo/off.asc' "$R/usr/share/demo/maintkit.conf"
rc_is 2 "a recipient that cannot encrypt is refused" pgp ensure
like "$err" "no usable encryption subkey" "and says why"
plain_gpg "$T/offsite" --passphrase '' --quick-add-key "$off" rsa2048 encr never
plain_gpg "$T/offsite" --armor --export >"$R/etc/demo/off.asc"
ok "a further recipient" pgp ensure
ok "encrypt to both" pgp encrypt "$T/original.txt"
plain_gpg "$T/offsite" -d "$T/original.txt.pgp" >"$T/by-off" 2>/dev/null
same "$T/by-off" "$T/original.txt" "the off-site key decrypts too"
ok "verify with two recipients" pgp verify
own_ring() { setpriv --reuid 65534 --regid 65534 --clear-groups gpg --homedir "$HOME_DIR" --batch --with-colons -k "$@" 2>/dev/null; }
sed -i '/^recipients = /d' "$R/usr/share/demo/maintkit.conf"
ok "a recipient that is dropped" pgp ensure
nok "leaves the list" grep -q "$off" "$HOME_DIR/maintkit-recipients"
nok "and the keyring" own_ring "$off"
ok "encrypt" pgp encrypt "$T/original.txt"
nok "it opens nothing any more" plain_gpg "$T/offsite" -d "$T/original.txt.pgp"
setpriv --reuid 65534 --regid 65534 --clear-groups gpg --homedir "$HOME_DIR" --batch --quiet --import <"$R/etc/demo/off.asc"
sed -i '/^program = /a recipients = /etc/demo/off.asc' "$R/usr/share/demo/maintkit.conf"
ok "one whose key was there before" pgp ensure
sed -i '/^recipients = /d' "$R/usr/share/demo/maintkit.conf"
ok "dropped" pgp ensure
nok "leaves the list" grep -q "^$off" "$HOME_DIR/maintkit-recipients"
ok "but not the keyring" own_ring "$off"
sed -i '/^program = /a recipients = /etc/demo/off.asc' "$R/usr/share/demo/maintkit.conf"
ok "both again" pgp ensure

# what verify names
sed -i 's/^PGP_KEY.*/PGP_KEY: nobody at all/' "$R/etc/demo/demo.properties"
rc_is 1 "verify notices a wrong key" pgp verify
like "$out" "key +broken" "and names the link"
ok "ensure puts it right" pgp ensure
is "$(prop PGP_KEY)" "$fpr" "the same key again"
chmod 755 "$HOME_DIR"
ok "a home open to others" pgp ensure
is "$(stat -c %a "$HOME_DIR")" 700 "is closed"

# a home that is a link, or another's
mv "$HOME_DIR" "$HOME_DIR.real" && ln -s "$HOME_DIR.real" "$HOME_DIR"
rc_is 2 "a link instead of the home is refused" pgp ensure
rc_is 1 "verify says so" pgp verify
like "$out" "home +broken.*symbolic link" "by name"
rm "$HOME_DIR" && mv "$HOME_DIR.real" "$HOME_DIR"
chown 1 "$HOME_DIR"
rc_is 2 "another's home is refused" pgp ensure
chown 65534 "$HOME_DIR"

# a second key: not ours to choose, but ours is remembered
setpriv --reuid 65534 --regid 65534 --clear-groups gpg --homedir "$HOME_DIR" --batch --quiet --pinentry-mode loopback --passphrase x --quick-gen-key 'Second <2@example.org>' rsa2048
gpgconf --homedir "$HOME_DIR" --kill all; setpriv --reuid 65534 --clear-groups gpgconf --homedir "$HOME_DIR" --kill all
ok "with two keys" pgp ensure
is "$(prop PGP_KEY)" "$fpr" "the one of the journal is kept"

# symmetric mode
printf 'correct horse\n' >"$T/sym"
run pgp ensure --symmetric <"$T/sym"
is "$rc" 0 "symmetric mode"
is "$(prop PGP_CMD)" "-c" "is in the properties"
is "$(stat -c '%a %u' "$HOME_DIR/maintkit-passphrase")" "400 65534" "its passphrase is the web user's alone"
nok "and not in the properties" grep -q horse "$R/etc/demo/demo.properties"
ok "ensure without a word about it" pgp ensure
is "$(prop PGP_CMD)" "-c" "leaves it on"
ok "verify" pgp verify
like "$out" "decrypt +ok" "the round trip came back"
is "$(agents)" 0 "no agent stays behind"

ok "back to the key" pgp ensure --no-symmetric
is "$(prop PGP_CMD)" "-e" "on request"
nok "the passphrase is gone" test -e "$HOME_DIR/maintkit-passphrase"

# a key that expired long ago, its passphrase the one we keep; and one whose passphrase nobody knows
as_web() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
old_key() {
	rm -rf "$HOME_DIR" "$STATE/effects"
	quick_home "$HOME_DIR" 65534
	as_web gpg --homedir "$HOME_DIR" --batch --quiet --faked-system-time 20200101T000000! --pinentry-mode loopback \
		--passphrase-fd 3 --quick-gen-key 'Old <old@example.org>' default default 1y 3<"$1" 2>/dev/null
	as_web gpgconf --homedir "$HOME_DIR" --kill all
}
old_key "$STATE/pgp.passphrase"
run pgp show
like "$out" "problem: expired on 2020-12-31" "an expired key is shown as such"
ok "ensure prolongs it" pgp ensure
like "$err" "prolonged key" "and says so"
is "$(secret_keys)" 1 "it is the same key"
ok "the chain works with it" pgp verify
rm "$STATE/pgp.passphrase"
printf 'another\n' >"$T/another" && old_key "$T/another"
rc_is 2 "an expired key whose passphrase is not known is an error" pgp ensure
like "$err" "expired on 2020-12-31; prolong it with 'pgp extend'" "that says what to do"
run pgp extend --passphrase-stdin <"$T/another"
is "$rc" 0 "extend takes the passphrase from stdin"
ok "then it is adopted" pgp ensure
like "$err" "passphrase of key .* is not known here" "with a word about the copy for root"
ok "verify" pgp verify
like "$out" "decrypt +not tested" "the way back needs the passphrase"
run pgp verify --passphrase-stdin <"$T/another"
like "$out" "decrypt +ok" "and works with it"
run pgp verify --passphrase-stdin <"$T/sym"
is "$rc" 1 "a wrong passphrase is found out"
is "$(agents)" 0 "no agent stays behind"

done_testing
