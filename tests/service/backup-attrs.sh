#!/bin/bash
# proves: extended attributes and ACLs of documents are stored, checked and given back, by us and by plain tar
# SPDX-License-Identifier: GPL-2.0-or-later
OWN_MOUNTS=1
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
for program in setfattr setfacl bsdtar; do command -v $program >/dev/null || skip_all "$program is not installed"; done
pgp_system
: "${R:?}" "${T:?}" "${STATE:?}"
backup() { "$BIN/maintkit-backup" --root "$R" -p demo "$@"; }
D=$R/var/lib/demo/documents
ok "a key" pgp ensure
second_key; key=$T/second-secret.asc
mkdir -p "$D/shared/below" "$D/plain"
setfacl -m u:1234:rx,g:777:r "$D/shared" 2>/dev/null && setfattr -n user.x -v y "$D/plain" 2>/dev/null ||
	skip_all "the file system of '$T' keeps no attributes"
setfacl -d -m u:1234:rwx,u:77:r,g:9:x "$D/shared"
echo inherits >"$D/shared/inherits"; echo one >"$D/one"; echo two >"$D/two"; echo three >"$D/plain/three"
chmod 640 "$D/one" "$D/two"
setfattr -n user.comment -v "scanned at the desk" "$D/one"
setfattr -n user.binary -v 0x00ff0a3d25 "$D/one"; setfattr -n 'user.50%=half' -v 1 "$D/one"; setfattr -n user.empty "$D/one"
setfattr -n user.long -v "$(printf 'l%.0s' $(seq 3000))" "$D/two"
setfacl -m u:33:rw,m::r "$D/two"; setfacl -m u:65534:- "$D/plain/three"
name=$(printf 'n%.0s' $(seq 150)); echo long >"$D/$name"; setfattr -n user.x -v z "$D/$name"; setfacl -m g:1:rwx "$D/$name"
chown -R 65534:65534 "$D"
# as bytes, so that nothing hides in a rendering
attrs() { (cd "$1" && getfattr -R -h -d -m '^(user|system\.posix_acl)' -e hex . 2>/dev/null; getfacl -R -n -p . 2>/dev/null; find . -printf '%p %m %U\n' | LC_ALL=C sort); }
attrs "$D" >"$T/want"
isnt "$(grep -c posix_acl_default "$T/want")" 0 "there is something to be kept"

ok "create" backup create --files-only --output "$T/b.gpg"
ok "verify" backup verify --key "$key" "$T/b.gpg"
ok "restore" backup restore --key "$key" --to "$T/to" "$T/b.gpg"
attrs "$T/to/files/var/lib/demo/documents" >"$T/got"
same "$T/got" "$T/want" "all of them are as they were, inherited ones too"
setfattr -x user.comment "$D/one"; setfacl -b "$D/two"; chmod 600 "$D/two"; setfacl -m u:5:rwx "$D/plain/three"; setfacl -k "$D/shared"
ok "restore in place" backup restore --only documents --key "$key" "$T/b.gpg"
attrs "$D" >"$T/got"
same "$T/got" "$T/want" "also in place"
ok "confirm" backup restore --confirm
mount --bind "$D" "$D"; setfacl -b "$D"; setfacl -m u:9:rwx "$D"; attrs "$D" >"$T/later"
ok "in place on a mount" backup restore --only documents --key "$key" "$T/b.gpg"
rm -rf "$T/aside"; mkdir "$T/aside"; cp -a "$D" "$T/aside/"; rm -rf "$T/aside/documents"/.maintkit*
attrs "$T/aside/documents" >"$T/got"
same "$T/got" "$T/want" "the top directory's too"
ok "revert" backup restore --revert
ok "discard" backup restore --discard
attrs "$D" >"$T/got"
same "$T/got" "$T/later" "and back"
umount "$D"

# plain tools
plain_gpg "$T/second" -d "$T/b.gpg" 2>/dev/null | zstd -dcq >"$T/b.tar"
mkdir "$T/gnu" "$T/bsd"
ok "GNU tar" sh -c 'tar --xattrs --acls -xpf "$1" -C "$2" 2>&1 | grep . && exit 1; exit 0' - "$T/b.tar" "$T/gnu"
attrs "$T/gnu/files/var/lib/demo/documents" >"$T/got"
same "$T/got" "$T/want" "restores all, without a word"
ok "bsdtar" bsdtar -xpf "$T/b.tar" --acls --xattrs -C "$T/bsd"
attrs "$T/bsd/files/var/lib/demo/documents" | sed 's/user\.50%25%3Dhalf/user.50%\\075half/' >"$T/got"
same "$T/got" "$T/want" "restores all"
ok "python" python3 -c 'import sys, tarfile; t = tarfile.open(sys.argv[1]); print(len(t.getmembers()))' "$T/b.tar"

# a changed bit
seal() { zstd -qc "$1" | plain_gpg "$T/second" --trust-model always -r s@example.org -e >"$T/sealed.gpg"; }
seal "$T/b.tar"
ok "sealed again it is the same" backup verify --key "$key" "$T/sealed.gpg"
LC_ALL=C sed 's/scanned at the desk/scanned at the dock/' "$T/b.tar" >"$T/x.tar"; seal "$T/x.tar"
rc_is 2 "another value" backup verify --key "$key" "$T/sealed.gpg"
like "$err" "documents/one' is not as it was" "is noticed"
LC_ALL=C sed 's/user:33:rw-/user:34:rw-/' "$T/b.tar" >"$T/x.tar"; seal "$T/x.tar"
rc_is 2 "another one in an ACL" backup verify --key "$key" "$T/sealed.gpg"
like "$err" "documents/two' is not as it was" "is noticed"
LC_ALL=C sed 's/default=user::rwx,user:77:r--/default=user::rwx,user:77:rw-/' "$T/b.tar" >"$T/x.tar"; seal "$T/x.tar"
rc_is 2 "another default for a directory" backup verify --key "$key" "$T/sealed.gpg"
like "$err" "dir 'files/var/lib/demo/documents/shared' is not as it was" "is noticed"

# where nothing of the kind is kept
mkdir "$T/ram" && mount -t ramfs ramfs "$T/ram"
if setfattr -n user.a -v b "$T/ram" 2>/dev/null; then
	skip "ramfs keeps attributes here" "a file system without attributes"
else
	ok "a file system without attributes" backup restore --key "$key" --to "$T/ram/to" "$T/b.gpg"
	is "$(grep -c 'keeps no extended attributes' <<<"$err")" 1 "is said once"
	ok "the content is there" diff -r "$D" "$T/ram/to/files/var/lib/demo/documents"
fi
umount "$T/ram"
is "$(agents)" 0 "no agent stays behind"
done_testing
