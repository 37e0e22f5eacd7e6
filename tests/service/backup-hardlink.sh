#!/bin/bash
# proves: documents as hard links beside a backup: quick, private, checked, restored as copies, gone with it, swept when killed
# SPDX-License-Identifier: GPL-2.0-or-later
OWN_MOUNTS=1
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
: "${R:?}" "${T:?}" "${STATE:?}"
pgp_system
backup() { "$BIN/maintkit-backup" --root "$R" -p demo "$@"; }
B=$R/var/backups/demo D=$R/var/lib/demo/documents
last() { ls "$B"/*.gpg | tail -n 1; }
info() { sed -n "s/^$2=//p" "$1.info"; }
tree() { (cd "$1" && find . -mindepth 1 \( -name '.maintkit*' -prune \) -o \( -type f -printf '%P f %m %U %G %T@ ' -exec sha256sum {} \; -o -printf '%P %y %m %U %G %l\n' \) | sed 's/\.[0-9]* / /' | LC_ALL=C sort); }
# The names have the second in them.
begun=0
create() {
	while [ "$EPOCHSECONDS" -le "$begun" ]; do sleep 0.05; done
	begun=$EPOCHSECONDS
	backup create --files-only "$@"
}
verify() { backup verify --key "$T/second-secret.asc" "$@"; }
no_reads() { ! grep -E 'pread64.* = [0-9]{5,}$' "$1"; } # of as much as a document has
restore() { backup restore --only documents --key "$T/second-secret.asc" "$@"; }

ok "a key" pgp ensure
second_key
mkdir -p "$D/sub/deep" "$D/empty"
for i in $(seq 40); do (echo "document $i"; head -c 20000 /dev/urandom) >"$D/sub/d$i"; done
echo deep >"$D/sub/deep/x"; printf x >"$D/sub/"$'caf\xe9'; printf y >"$D/sub/"$'new\nline'; ln -s d1 "$D/sub/link"; : >"$D/nothing"
head -c 3000000 /dev/urandom >"$D/big"
chown -R 65534:65534 "$D"; chmod 600 "$D/sub/d1"
find "$D" -type f -exec touch -d '2 hours ago' {} +
tree "$D" >"$T/want"

ok "create" create --documents=hardlink
H=$(last)
like "$err" "45 documents are hard links in '$H.documents'.*in place.*backup verify.*broken disk" "what it is, and is not, is said"
is "$(info "$H" documents) $(info "$H" linked) $(info "$H" files)" "hardlink 45 45" "and noted"
ok "it is small" [ "$(stat -c %s "$H")" -lt 100000 ]
is "$(stat -c '%a %u' "$H.documents")" "700 0" "the directory is root's alone"
is "$(find "$H.documents" -type d ! -perm 700 | wc -l)" 0 "and all in it"
is "$(stat -c '%i %h' "$D/sub/d1")" "$(stat -c '%i 2' "$H.documents/var/lib/demo/documents/sub/d1")" "it has the very file"
ok "verify" verify "$H"
like "$out" "45 documents that are hard links in" "counts them"
like "$(backup list)" "45 documents as hard links beside it" "list shows the kind"
ok "restore" backup restore --key "$T/second-secret.asc" --to "$T/to" "$H"
tree "$T/to/files/var/lib/demo/documents" >"$T/got"
same "$T/got" "$T/want" "all are as they were"
is "$(find "$T/to" -type f -links +1 | wc -l)" 0 "as copies"

# what hard links do not protect against, and what they do
rm "$D/sub/d2"; echo new >"$D/n"; mv "$D/n" "$D/sub/d3"
ok "removed and replaced documents" verify "$H"
tree "$D" >"$T/now"
ok "restore in place" restore "$H"
tree "$D" >"$T/got"
same "$T/got" "$T/want" "come back"
is "$(find "$D" -name '.maintkit*' -prune -o -type f -links +1 -print | wc -l)" 0 "as copies"
ok "revert" backup restore --revert
tree "$D" >"$T/got"
same "$T/got" "$T/now" "and back"
ok "discard" backup restore --discard
cp -a "$D/sub/d4" "$T/d4"; cp -a "$D/sub/d5" "$T/d5"
printf Z | dd of="$D/sub/d4" conv=notrunc status=none; touch -r "$T/d4" "$D/sub/d4"
echo more >>"$D/sub/deep/x"
rc_is 2 "what was rewritten in place" verify "$H"
like "$err" "/sub/d4: was written to since" "is found, also when size and time were put back"
like "$err" "/deep/x: was written to since" "all of it is named"
like "$err" "2 documents beside it.*are not as they were" "and counted"
like "$(backup list)" "BAD" "and noted"
rc_is 2 "nothing of it is restored" restore "$H"
like "$err" "accept-changed" "the way is named"
tree "$D" >"$T/now"
rm "$H.documents/var/lib/demo/documents/sub/d5"
ok "with that" restore --accept-changed "$H"
like "$err" "/sub/d5: is gone" "what is gone is named"
nok "and is not there" [ -e "$D/sub/d5" ]
is "$(tail -n 1 "$D/sub/deep/x")" more "what changed is as it is"
ok "and the rest is there" cmp "$D/sub/d3" "$T/to/files/var/lib/demo/documents/sub/d3"
ok "revert" backup restore --revert
ok "discard" backup restore --discard
ln "$D/sub/d5" "$H.documents/var/lib/demo/documents/sub/d5"
cp "$T/d4" "$D/sub/d4"; touch -r "$T/d4" "$D/sub/d4"; echo deep >"$D/sub/deep/x"
if setfattr -n user.a -v b "$D/sub/d6" 2>/dev/null; then
	rc_is 2 "another attribute" verify "$H"
	like "$err" "/sub/d6: has other attributes" "is found"
	setfattr -x user.a "$D/sub/d6"
fi
ok "put right it is good" verify "$H"
mv "$H.documents" "$T/away"; cp "$H.info" "$T/info"
ok "without a look at them" verify --skip-links "$H"
like "$out" "45 documents .*which were not read" "that is said"
same "$H.info" "$T/info" "and not kept as an outcome"
mv "$T/away" "$H.documents"
mv "$H.documents" "$T/away"
rc_is 2 "without the directory" verify "$H"
like "$err" "hard links in '$H.documents', which is missing" "it is named"
mv "$T/away" "$H.documents"
cp "$H" "$T/copy.gpg"; cp "$H.info" "$T/copy.gpg.info"
rc_is 2 "a copy of the file alone" verify "$T/copy.gpg"

# a second one, and since: a link changes the inode, not the document
find "$D" -type f -exec touch -d '1 hour ago' {} +
sleep 3.1	# what changed a moment ago is in no index
ok "full" create --documents=full
full=$(last)
is "$(info "$full" linked)" 0 "has no links"
ok "linked again" create --documents=hardlink
second=$(last)
is "$(info "$second" linked)" 44 "all are linked"
strace -f -e trace=pread64 -o "$T/trace" "$BIN/maintkit-backup" --root "$R" -p demo create --files-only --documents=hardlink --output "$B/t.tar.zst.gpg" 2>/dev/null
ok "documents that are known are not read" no_reads "$T/trace"
rm -r "$B"/t.tar*; sleep 3.1
ok "since, though every inode has changed" create --documents=since
since=$(last)
is "$(info "$since" base) $(info "$since" based)" "${full##*/} 44" "everything is left to the full one"
ok "verify" verify "$since"
strace -f -e trace=pread64 -o "$T/trace" "$BIN/maintkit-backup" --root "$R" -p demo create --files-only --documents=since --output "$B/t.tar.zst.gpg" 2>/dev/null
ok "and read once only" no_reads "$T/trace"
rm "$B"/t.tar*
printf Z | dd of="$D/sub/d7" conv=notrunc status=none; touch -d "$(stat -c %y "$D/sub/d8")" "$D/sub/d7"
if setfacl -m u:5:r "$D/sub/d8" 2>/dev/null; then want=42; else want=43; fi
ok "since" create --documents=since
is "$(info "$(last)" based)" $want "what was rewritten, or has another ACL, is stored"
sleep 1.1; tree "$D" >"$T/now"
ok "restore" backup restore --key "$T/second-secret.asc" --to "$T/to2" "$(last)"
tree "$T/to2/files/var/lib/demo/documents" >"$T/got"
same "$T/got" "$T/now" "as they are"

# in flux
echo fresh >"$D/sub/fresh"; touch -d '10 minutes' "$D/sub/fresh"	# and stays so, however long it takes to get there
ok "a document of this moment" create --documents=hardlink
is "$(info "$(last)" linked) $(info "$(last)" files)" "44 45" "is stored, not linked"
ok "verify" verify "$(last)"

# refused
for o in --scheduled --archive; do rc_is 4 "not with $o" create --recipient "$R/etc/demo/second.asc" --documents=hardlink $o; done
like "$err" "no copy" "and why"
mkdir "$T/other" && mount -t tmpfs tmpfs "$T/other"
rc_is 2 "to another file system" create --documents=hardlink --output "$T/other/x.tar.zst.gpg"
like "$err" "another file system than '$T/other'.*since or full" "is refused, with the way"
umount "$T/other"
mount --bind "$D/sub" "$D/sub"
rc_is 2 "from another mount" create --documents=hardlink
like "$err" "/sub/.*another file system" "too"
umount "$D/sub"
is "$(find "$B" -name '.*' -mindepth 1)" "" "nothing is left of these"
printf '[backup]\nupgrade-documents = hardlink\n' >"$R/etc/demo/maintkit.conf"
ok "for an upgrade, as the profile says" create --for-upgrade
is "$(info "$(last)" documents) $(info "$(last)" purpose)" "hardlink upgrade" "they are linked"
ok "and else" create
is "$(info "$(last)" documents)" full "they are not"

# what was left over, and what goes
mkdir -p "$B/.demo-x.tar.zst.gpg.documents.maintkit-0123456789ab/var" "$B/demo-y.tar.zst.gpg.documents/var"
ln "$D/nothing" "$B/.demo-x.tar.zst.gpg.documents.maintkit-0123456789ab/var/x"; ln "$D/nothing" "$B/demo-y.tar.zst.gpg.documents/var/y"
ok "the next" create
is "$(find "$B" -name '*demo-[xy]*')" "" "sweeps what killed ones left"
rm -f "$B"/demo-*.info.old; sed -i 's/^created=.*/created=2019-01-01T00:00:00Z/; s/^purpose=upgrade/purpose=hand/' "$H.info" "$second.info"
printf '[backup]\nkeep-days = 1\nkeep-weeks = 0\nkeep-months = 0\n' >"$R/etc/demo/maintkit.conf"
ok "prune" backup prune
is "$(ls -d "$H"* 2>/dev/null)" "" "removes the links with their backup"
is "$(cat "$D/sub/deep/x")" deep "and not the documents"

# a purge that destroys the documents leaves no other name of them
ok "once more" create --documents=hardlink
isnt "$(find "$R" -name d10 | wc -l)" 1 "there are other names of a document"
printf '[package]\nname = demo\n[database]\nname = demo\n[data]\ndocuments = /var/lib/demo/documents\n[backup]\ndir = /var/backups/demo\n' >"$T/profile"
rm "$R/usr/share/demo/maintkit.conf"
ok "purge" "$BIN/maintkit-data" --root "$R" -p demo --profile "$T/profile" purge --decision destroy
is "$(find "$R" -name d10)" "" "no name of it is left"
ok "the backup itself is kept" [ -e "$(last)" ]
done_testing
