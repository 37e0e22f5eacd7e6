#!/bin/bash
# proves: links, hard links and pipes that the web user plants in the key and work directories change nothing outside, and are refused by name or harmless
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
pgp_system future-default
OUT=$T/outside PROG=$T/bin/maintkit-pgp-encrypt W=$R/var/lib/demo/work
chmod 755 "$T"
as_web() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
# A pipe that is waited for, or a socket that nobody answers at, shows as 124.
tool() { timeout 240 "$BIN/maintkit-pgp" --root "$R" -p demo "$@"; }
encryptor() { (cd "$W" && as_web env -i GNUPGHOME="$HOME_DIR" timeout 240 "$PROG" "$@" 2>&1); }

# Files that the web user may not read, and such as anybody may write: what is followed would change those.
quick_home "$HOME_DIR" 65534
ok "a key" tool ensure
fpr=$(sed -n 's/^PGP_KEY: *//p' "$R/etc/demo/demo.properties")
printf 'correct horse\n' >"$T/sym"
install -m 400 -o 65534 "$T/sym" "$HOME_DIR/maintkit-passphrase"
grip=$(cd "$HOME_DIR/private-keys-v1.d" && ls | head -n 1)
cp -a "$HOME_DIR" "$T/home"
mkdir "$OUT" "$OUT/dir" && chmod 777 "$OUT" "$OUT/dir"
for f in "$OUT/open" "$OUT/secret" "$OUT/dir/inside.key"; do echo "what is in ${f##*/}" >"$f"; done
chmod 666 "$OUT/open" "$OUT/dir/inside.key"; chmod 600 "$OUT/secret"
install -d -o 65534 -g 65534 "$W"

outside() { (cd "$OUT" && find . -printf '%p %i %y %m %U:%G %s %T@ %l\n' | sort; find . -type f -exec sha256sum {} + | sort -k2); }
outside >"$T/outside.before"
plant() { # KIND PATH
	rm -rf "$2"
	case $1 in
	link) ln -s "$OUT/open" "$2" ;;
	link-to-secret) ln -s "$OUT/secret" "$2" ;;
	link-to-dir) ln -s "$OUT/dir" "$2" ;;
	dangling) ln -s "$OUT/new" "$2" ;;
	hard) ln "$OUT/open" "$2" ;;
	hard-to-secret) ln "$OUT/secret" "$2" ;;
	pipe) mkfifo -m 666 "$2" ;;
	esac
	[ "${1#hard}" != "$1" ] || chown -h 65534:65534 "$2"
}
untouched() { outside >"$T/outside.now" && diff "$T/outside.before" "$T/outside.now"; }
fresh_home() { rm -rf "$HOME_DIR" && cp -a "$T/home" "$HOME_DIR"; }

# ---- in the key directory: whoever goes in says what is wrong and does not begin
refuses() { # NAME WANTED CMD...
	local name=$1 wanted=$2 said rc
	shift 2
	said=$("$@" 2>&1)
	rc=$?
	[ $rc = "$wanted" ] && [[ $said == *"$name'"*"refused"* || $said == *"$name'"*"belongs to user 0"* ]] && return
	echo "$*: status $rc: $said"
	return 1
}
all_refuse() {
	local n=$1
	refuses "$n" 2 tool ensure && refuses "$n" 1 tool verify && refuses "$n" 2 tool extend --days 900 &&
		refuses "$n" 2 tool export --secret && refuses "$n" 2 tool show && refuses "$n" 2 encryptor -e probe "$fpr" &&
		refuses "$n" 2 encryptor -c probe '' && untouched && [ "$(ls -A "$W")" = probe ] && [ "$(agents)" = 0 ]
}
install -o 65534 "$T/sym" "$W/probe"
# what gpg reads and writes, its locks, our own files and what a killed run leaves of them
for name in pubring.kbx pubring.kbx~ trustdb.gpg gpg.conf gpg-agent.conf random_seed .gpg-v21-migrated tofu.db \
	pubring.kbx.lock gnupg_spawn_agent_sentinel.lock .#lk0x0000.host.1 S.gpg-agent "private-keys-v1.d/$grip" private-keys-v1.d/new.key \
	maintkit-recipients maintkit-passphrase .maintkit-recipients.maintkit-0123456789ab maintkit-work-AAAAAA; do
	for kind in link hard pipe; do
		fresh_home
		plant $kind "$HOME_DIR/$name"
		ok "$kind as $name" all_refuse "$name"
	done
done
for name in private-keys-v1.d openpgp-revocs.d maintkit-work-AAAAAA; do
	for kind in link-to-dir dangling; do
		fresh_home
		plant $kind "$HOME_DIR/$name"
		ok "$kind as $name" all_refuse "$name"
	done
done
fresh_home
ok "without them it works" tool verify

# ---- before there is a key
mv "$STATE" "$T/state"; cp -p "$R/etc/demo/demo.properties" "$T/properties"
for name in pubring.kbx trustdb.gpg private-keys-v1.d gpg-agent.conf; do
	rm -rf "$HOME_DIR" "$STATE" "$R/etc/demo/demo.properties"
	install -d -m 700 -o 65534 "$HOME_DIR"
	plant dangling "$HOME_DIR/$name"
	ok "no key is made with $name elsewhere" refuses "$name" 2 tool ensure
	ok "nothing outside" untouched
done
chown 65534 "$R/var/lib/demo"	# the directory above may be the web user's too
for kind in link link-to-dir dangling hard pipe; do
	plant $kind "$HOME_DIR"
	rc_is 2 "$kind as the directory itself" tool ensure
	like "$err" "key directory '$HOME_DIR' is (a symbolic link|not a directory)" "is named"
	ok "nothing outside" untouched
done
rm -rf "$STATE"; mv "$T/state" "$STATE"; cp -p "$T/properties" "$R/etc/demo/demo.properties"
fresh_home

# ---- in the work directory
clear_work() { rm -rf "$W" && install -d -o 65534 -g 65534 "$W" && install -o 65534 -g 65534 "$T/sym" "$W/probe"; }
comes_back() { # is what lies in the work directory as probe.pgp our file, and a plain one?
	[ -f "$W/probe.pgp" ] && [ ! -L "$W/probe.pgp" ] && [ "$(stat -c %h "$W/probe.pgp")" = 1 ] &&
		tool decrypt "$W/probe.pgp" -o "$T/back" && cmp "$T/back" "$T/sym"
}
for kind in link link-to-secret pipe; do
	clear_work
	plant $kind "$W/probe"
	rc_is 2 "$kind as FILE: the encryptor" encryptor -e probe "$fpr"
	rc_is 2 "$kind as FILE: root's encrypt" tool encrypt "$W/probe"
	is "$(ls -A "$W")" probe "gives nothing"
	plant $kind "$W/probe.pgp"
	rc_is 2 "$kind as FILE.pgp: root's decrypt" tool decrypt "$W/probe.pgp" -o "$T/none"
	ok "nothing outside" untouched
done
clear_work
plant hard-to-secret "$W/probe"
rc_is 2 "hard link as FILE, to what the web user cannot read" encryptor -e probe "$fpr"
ok "nothing outside" untouched
TEMPS=".maintkit-encrypt.maintkit-0123456789ab .probe.pgp.maintkit-0123456789ab .probe.maintkit-0123456789ab .public.maintkit-0123456789ab"
for kind in link link-to-secret dangling hard pipe; do
	clear_work
	for t in $TEMPS probe.pgp; do plant $kind "$W/$t"; done
	ok "$kind as FILE.pgp and temporary names: the encryptor" encryptor -e probe "$fpr"
	ok "it is encrypted" comes_back
	cp "$W/probe.pgp" "$T/good"
	# root's own commands replace files, and nothing else
	wanted=2
	[ $kind = hard ] && wanted=0
	plant $kind "$W/probe.pgp"
	rc_is $wanted "$kind as FILE.pgp: root's encrypt" tool encrypt "$W/probe"
	[ $wanted = 0 ] || like "$err" "probe.pgp' is not a regular file" "is named"
	rm -f "$W/probe.pgp" && cp "$T/good" "$W/probe.pgp"
	plant $kind "$W/probe"
	rc_is $wanted "$kind as the result of decrypt" tool decrypt "$W/probe.pgp"
	plant $kind "$W/public"
	rc_is $wanted "$kind as the result of export" tool export -o "$W/public"
	ok "nothing outside" untouched
done
clear_work
mkdir -m 700 "$T/closed" && cp "$T/sym" "$T/closed/probe"
rm -r "$W" && ln -s "$T/closed" "$W" && chown -h 65534 "$W"
rc_is 2 "a link in place of the work directory" tool encrypt "$W/probe"
like "$err" "link" "is named"
is "$(ls -A "$T/closed")" probe "and not followed"
done_testing
