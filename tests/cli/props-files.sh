#!/bin/bash
# proves: props refuses what is no properties file, keeps a file's attributes, and never writes over somebody else's change
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154
. "$(dirname "$0")/../lib/tap.sh"
props=$BIN/maintkit-props
cd "$T" || exit 2

refuses() {     # DESC FILE ERE
	local before=none
	[ ! -f "$2" ] || [ -p "$2" ] || before=$(cksum <"$2")
	rc_is 2 "$1 is refused" "$props" set -f "$2" a=1
	like "$err" "$3" "$1: the message says so"
	[ ! -f "$2" ] || [ -p "$2" ] || is "$(cksum <"$2")" "$before" "$1: the file is untouched"
}
printf 'a=0\nb=\0\n' >nul
printf 'ok=1\nbad=x\\u12y\n' >malformed
truncate -s 65M large
mkdir dir
mkfifo fifo
printf 'a=0\n' >real
ln -s real link
ln -s "$T" dirlink
refuses "a file with a NUL byte" nul "nul:2:3: "
refuses "a malformed escape" malformed "malformed:2:6: malformed .uXXXX"
refuses "a file of more than 64 MiB" large "large"
refuses "a directory" dir "not a regular file|directory"
refuses "a FIFO" fifo "not a regular file"
refuses "a symbolic link" link "symbolic link"
refuses "a device" /dev/null "not a regular file"
refuses "a missing directory" none/x "No such file"
rc_is 2 "a path with .. is refused below a root" "$props" set --root "$T" -f /dir/../real a=1
is "$(cat real)" a=0 "a link's target is untouched"

# attributes
printf 'a=0\n' >att
chmod 640 att
[ "$(id -u)" != 0 ] || chown 1:2 att
# setxattr alone, so that no other tool is needed: an ACL is one, version 2, (tag, rights, id) each.
cat >attr.py <<'PY'
import os, struct, sys
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in
    [(1, 6, 0xffffffff), (2, 4, 1), (4, 4, 0xffffffff), (16, 4, 0xffffffff), (32, 0, 0xffffffff)])
want = {"system.posix_acl_access": acl, "user.note": b"mine"}
name, verb, path = sys.argv[3], sys.argv[1], sys.argv[2]
if verb == "set":
    os.setxattr(path, name, want[name])
sys.exit(os.getxattr(path, name) != want[name])
PY
can=
for name in system.posix_acl_access user.note; do
	if python3 attr.py set att $name 2>/dev/null; then can="$can $name"; fi
done
before=$(stat -c '%a %u %g' att)
ok "set" "$props" set -f att a=1
is "$(stat -c '%a %u %g' att)" "$before" "mode, owner and group stay"
for name in system.posix_acl_access user.note; do
	case $can in
	*$name*) ok "$name stays" python3 attr.py get att $name ;;
	*) skip "this file system has none" "$name stays" ;;
	esac
done

# Changed by someone else while we work: the value comes from a FIFO, after the file was read.
printf 'a=0\nb=0\n' >race
mkfifo value
"$props" set -f race a=@value 2>race.err &
pid=$!
exec 8>value     # returns when the FIFO is opened for reading: the file was read then
echo 'b=admin' >>race
echo 1 >&8
exec 8>&-
wait "$pid"
is $? 3 "a file that was changed meanwhile: exit 3, try again"
is "$(cat race)" "$(printf 'a=0\nb=0\nb=admin')" "the other's change is there, ours is not"
like "$(cat race.err)" "changed by someone else" "the message says so"
ok "tried again" "$props" set -f race a=1
is "$(head -n 1 race)" a=1 "it is set"

# Many at once: each set that reports success is in the file.
printf 'x=0\n' >many
for i in 1 2 3 4 5 6 7 8; do
	{ until "$props" set -q -f many "k$i=$i" 2>>many.err; do [ $? = 3 ] || exit 1; done; } &
done
wait
is "$("$props" list -f many | sort | tr '\n' ' ')" "k1=1 k2=2 k3=3 k4=4 k5=5 k6=6 k7=7 k8=8 x=0 " "no set of eight at once got lost"
is "$(find . -name '.*maintkit*')" "" "no temporary file is left"

if [ "$(id -u)" = 0 ]; then
	skip "root may write anywhere; the sweep in tests/crash has a broken disk" "a read-only directory"
else
	mkdir ro && printf 'a=0\n' >ro/f && chmod 555 ro
	rc_is 2 "a read-only directory" "$props" set -f ro/f a=1
	is "$(cat ro/f)" a=0 "leaves the file as it was"
	chmod 755 ro
fi
done_testing
