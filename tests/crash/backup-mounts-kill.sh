#!/bin/bash
# proves: documents on file systems of their own: a restore killed anywhere leaves the old ones, the new ones, or a plan that gets there or back
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
. "$TOP/tests/lib/crash.sh"
pgp_system rsa2048
: "${R:?}" "${T:?}" "${STATE:?}"
D=$R/var/lib/demo/documents
world=$R
pgp ensure 2>/dev/null && second_key || BAIL "no key"

# The tree is on disk "one", and below it a directory is on disk "two". Both are in their places only
# in the command's own namespace; who looks at the state afterwards looks at the disks.
cat >"$T/with" <<-'E'
	#!/bin/sh
	# DIR COMMAND...: with the disks of DIR in their places
	exec unshare --mount --propagation private sh -c 'dir=$1; shift
		mount --bind "$dir/one" "$dir/root/var/lib/demo/documents" &&
		mount --bind "$dir/two" "$dir/root/var/lib/demo/documents/sub/disk" && exec "$@"' - "$@"
E
chmod +x "$T/with"
inside() { "$T/with" "$1" "$BIN/maintkit-backup" --root "$1/root" -p demo "${@:2}" 2>"$T/said" || { cat "$T/said"; return 2; }; }
fill() { # DIR WHAT
	local i
	for ((i = 1; i <= 8; i++)); do echo "$2 $i" >"$1/one/$i"; echo "$2 $i" >"$1/one/sub/$i"; echo "$2 $i" >"$1/two/$i"; done
	chown -R 65534:65534 "$1/one" "$1/two"
}
docs() { (cd "$1" && find one two -name '.*maintkit-restore-*' -prune -o -printf '%p %y %m %U ' \( -type f -exec cat {} \; -o -printf '\n' \) | LC_ALL=C sort); }
mkdir -p "$D" "$T/later/one/sub/disk" "$T/later/two" && mv "$world" "$T/later/root" || BAIL "no data"
chmod 2750 "$T/later/one/sub"
fill "$T/later" good
inside "$T/later" create --files-only --output "$T/backup.gpg" || BAIL "no backup"
docs "$T/later" >"$T/good.docs"
fill "$T/later" later
rm "$T/later/one/3" "$T/later/two/4"; echo new >"$T/later/one/sub/new"; echo new >"$T/later/two/new"
chmod 770 "$T/later/one" "$T/later/two" "$T/later/one/sub"
docs "$T/later" >"$T/later.docs"
restore=(restore --only documents --key "$T/second-secret.asc" "$T/backup.gpg")
cp -a "$T/later" "$T/restored" && inside "$T/restored" "${restore[@]}" || BAIL "it is not restored"
cp -a "$T/restored" "$T/reverted" && inside "$T/reverted" restore --revert || BAIL "it is not reverted"

timeless() { sed 's/[0-9]\{8\}[Tt][0-9]\{6\}[Zz]/TIME/g'; }
phase() { awk -F'\t' '$1 ~ / restore$/ { print $4 }' "$1/root/var/lib/maintkit/demo/restore" 2>/dev/null; }
observe() {
	docs "$1"
	find "$1/one" "$1/two" -path '*maintkit-restore-*' -printf '%P %y %m %U\n' | timeless | LC_ALL=C sort
	phase "$1"
	ls "$1/root/var/lib/maintkit/demo/pending" 2>&1 | sed "s,$1,,"
}
# What is half way has every document once, in use or aside, and a step that waits; else it is one state or the other.
bodies() { sed 's/.* //' | LC_ALL=C sort; }
invariant() {
	local want
	case $(phase "$1") in
	swapping | reverting)
		grep -q restore "$1/root/var/lib/maintkit/demo/pending" || { echo "nothing is pending"; return 1; }
		(cd "$1" && find one two -type f -exec cat {} \;) | bodies >"$T/got.bodies"
		awk '$2 == "f"' "$T/good.docs" "$T/later.docs" | bodies | diff - "$T/got.bodies"
		return
		;;
	restored) want=good ;;
	reverted) want=later ;;
	*) want=$quiet ;;
	esac
	docs "$1" | cmp -s - "$T/$want.docs" || { echo "phase '$(phase "$1")', but not the state '$want'"; docs "$1" | diff "$T/$want.docs" - | head -n 4; return 1; }
}
soak() { if [ -n "${SOAK:-}" ]; then echo "$1"; else echo "$2"; fi; }
export CRASH_TIMEOUT=60 CRASH_STDOUT=no

quiet=later
setup() { cp -a "$T/later/." "$1/"; }
CRASH_MAX=$(soak 250 8) ok "restore" crash_kill "$T/with" @DIR@ "$BIN/maintkit-backup" --root @DIR@/root -p demo "${restore[@]}"

# Without gpg before it, so that more points fall on the exchange itself. A second --revert would exchange
# once more, so what was interrupted is finished by --continue, and else begun.
cat >"$T/revert" <<-E
	#!/bin/sh
	case \$(cut -f 4 <"\$1/root/var/lib/maintkit/demo/restore" | head -n 1) in
	reverting | reverted) set -- "\$1" --continue ;;
	*) set -- "\$1" --revert ;;
	esac
	exec "$T/with" "\$1" "$BIN/maintkit-backup" --root "\$1/root" -p demo restore "\$2"
E
# There and back; what is half way there turns round.
cat >"$T/turn" <<-E
	#!/bin/sh
	go() { "$T/with" "\$1" "$BIN/maintkit-backup" --root "\$1/root" -p demo restore "\$2"; }
	case \$(cut -f 4 <"\$1/root/var/lib/maintkit/demo/restore" | head -n 1) in
	reverted) go "\$1" --revert && go "\$1" --revert ;;
	reverting) go "\$1" --continue ;;
	*) go "\$1" --revert ;;
	esac
E
chmod +x "$T/revert" "$T/turn"
setup() { cp -a "$T/restored/." "$1/"; }
quiet=good
CRASH_MAX=$(soak 250 14) ok "revert" crash_kill "$T/revert" @DIR@
setup() { cp -a "$T/reverted/." "$1/"; }
quiet=later
CRASH_MAX=$(soak 400 14) ok "forth, and turned round" crash_kill "$T/turn" @DIR@
setup() { cp -a "$T/restored/." "$1/"; }
quiet=good
CRASH_MAX=$(soak 100 3) ok "confirm" crash_kill "$T/with" @DIR@ "$BIN/maintkit-backup" --root @DIR@/root -p demo restore --confirm
done_testing
