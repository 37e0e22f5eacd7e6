#!/bin/bash
# proves: documents that are a file system of their own are restored in place, reverted and confirmed, entry by entry
# SPDX-License-Identifier: GPL-2.0-or-later
OWN_MOUNTS=1
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/restore.sh"
restore_system
: "${R:?}" "${T:?}" "${STATE:?}"

# The file systems first, so that documents are made on them: one below another.
mkdir -p "$D"
mount -t tmpfs -o size=200m,mode=2750,uid=65534,gid=65534 tmpfs "$D"
mkdir -m 700 "$D/lost+found"
restore_world 200 20 || BAIL "no data to work with"
second_key; key=$T/second-secret.asc
sleep 1.1; rm -f "$R"/var/backups/demo/*
backup create 2>/dev/null || BAIL "no backup"
B=$(newest)
state >"$T/good"
aside() { find "$D" -maxdepth 1 -name '.maintkit-restore-*'; }

# ---- a mount ------------------------------------------------------------------------------------------
later() {
	echo later >"$D/sub/later.txt"; echo other >"$D/sub/d2.txt"; rm "$D/sub/d3.txt"; echo new >"$D/newer"; mkdir "$D/dir"; echo x >"$D/dir/x"
	chown -R 65534:65534 "$D/newer" "$D/dir" "$D/sub"
	mariadb_sql "DELETE FROM demo.visit WHERE id > 50"
}
later
chmod 2770 "$D"
state >"$T/later"
inode=$(stat -c %i "$D")
ok "restore in place" backup restore --key "$key" "$B"
like "$err" "4 documents were added or changed since" "documents that came later are counted"
like "$err" "documents/.maintkit-restore-[0-9TZ]*/before/sub/later.txt" "and named, where they are kept"
is "$(state | diff "$T/good" -)" "" "all is the backup's, the tree's own mode too"
is "$(stat -c %i "$D")" "$inode" "the mount is the same"
is "$(stat -c '%a %u' "$(aside)")" "700 0" "what is kept is root's alone"
like "$(backup kept 2>&1)" "documents/.maintkit-restore-[0-9TZ]*/before" "and shown"
sleep 1.1
ok "a backup made now" backup create
ok "has nothing of it" backup verify --key "$key" "$(newest)"
is "$(info=$(newest).info; sed -n 's/^files=//p' "$info")" "$(sed -n 's/^files=//p' "$B.info")" "but the documents"
rm -f "$(newest)"*
ok "revert" backup restore --revert
is "$(state | diff "$T/later" -)" "" "is what was"
ok "and forth" backup restore --revert
ok "confirm" backup restore --confirm
is "$(state | diff "$T/good" -)$(left_over)" "" "all is the backup's, nothing is left over"
ok "lost+found is in its place" [ -d "$D/lost+found" ]

# ---- not mounted, somebody in between -------------------------------------------------------------------
# A plan as a run leaves it that was killed at the begin of its exchange; KEYWORD replaces the phase.
half_way() { # FROM TO
	python3 - "$STATE/restore" "$1" "$2" <<-'PY'
		import sys, zlib
		name, was, now = sys.argv[1:]
		out = b""
		for line in open(name, "rb"):
		    f = line[9:-1].split(b"\t")
		    if f[0] == b"restore":
		        assert f[3] == was.encode(), f
		        f[3] = now.encode(); f[4] = b"0"
		    body = b"\t".join(f)
		    out += b"%08x " % zlib.crc32(body) + body + b"\n"
		open(name, "wb").write(out)
	PY
}
later; state >"$T/later"
ok "restore" backup restore --only documents --key "$key" "$B"
half_way restored reverting
touch "$D/made-meanwhile"
mount --bind "$T" "$R/mnt" 2>/dev/null || { mkdir -p "$R/mnt"; }
mount --move "$D" "$R/mnt" || BAIL "cannot move a mount"
rc_is 3 "the file system is not mounted" backup restore --continue
like "$err" "nothing is mounted on '/var/lib/demo/documents'.*mount it" "is told"
mount --move "$R/mnt" "$D"
ok "mounted again it goes on" backup restore --continue
files() { (cd "$D" && find . -name '.maintkit*' -prune -o -type f -print0 | xargs -0 sha256sum | LC_ALL=C sort); }
is "$(cat "$D/sub/later.txt") $(cat "$D/newer")" "later new" "the former state is in use"
nok "without what was made on the other" [ -e "$D/made-meanwhile" ]
ok "which is kept with that" [ -e "$(aside)/restored/made-meanwhile" ]
ok "forth" backup restore --revert
ok "it comes back with it" [ -e "$D/made-meanwhile" ]
# one set is part in, part out, and a name of what is still out is taken
half_way restored swapping
mkdir "$(aside)/restored.part"; mv "$D/sub" "$(aside)/restored.part/"; mkdir "$D/sub"; echo mine >"$D/sub/mine"
ok "half in" backup restore --continue
like "$err" "'/var/lib/demo/documents/sub' was made while the restore was interrupted; it is now '.*/found-1-sub'" "what somebody made is put aside"
is "$(cat "$(aside)/found-1-sub/mine")" mine "and not lost"
ok "all is in" [ -e "$D/sub/d7.txt" ]
half_way restored reverting
mkdir "$(aside)/restored.part"; mv "$D/sub" "$(aside)/restored.part/"; mkdir "$D/sub"; echo mine >"$D/sub/mine"
ok "half out, turned round" backup restore --revert
ok "is the former state" [ -e "$D/sub/later.txt" ]
is "$(cat "$(aside)/found-2-sub/mine")" mine "nothing is lost"
ok "discard" backup restore --discard
is "$(state | diff "$T/later" - | grep -v '/documents 2\|^[0-9c,]*$\|^---')$(aside)" "" "and gone"

# ---- too small ----------------------------------------------------------------------------------------------
mariadb_sql "DELETE FROM demo.visit WHERE id > 40"
head -c 150000000 /dev/zero >"$D/large"
before=$(files)
rc_is 2 "no room on that file system" backup restore --key "$key" "$B"
like "$err" "not enough space in '$D': about 64 MiB.*5[0-9] MiB are free" "is said before anything is written"
is "$(files)$(aside)" "$before" "nothing was touched"
rm "$D/large"
mount -o remount,nr_inodes=$(($(df --output=iused "$D" | tail -n 1) + 10)) "$D"
before=$(files)
rc_is 2 "a disk that is full in the middle" backup restore --only documents --key "$key" "$B"
like "$err" "No space left" "is said"
is "$(files)$(aside)" "$before" "nothing was touched, and nothing is left"
mount -o remount,nr_inodes=10000 "$D"

# ---- mounts below the tree ------------------------------------------------------------------------------------
umount "$D"
mkdir -p "$D/a/b/disk" "$D/a/c" "$T/bound"
mount -t tmpfs -o size=100m tmpfs "$D/a/b/disk"; mkdir "$D/bound" "$T/bound/deep"; mount --bind "$T/bound" "$D/bound"
fill() {
	rm -rf "$D"/x "$D/a/c" "$D/a/b/y" "$D/a/b/disk"/* "$T/bound"/*; mkdir -p "$D/a/c" "$T/bound/deep"
	for f in x a/x a/c/x a/b/y a/b/disk/z bound/q bound/deep/r; do echo "$1 $f" >"$D/$f"; done
}
fill good; files >"$T/files.good"
ok "a backup over several file systems" backup create --files-only --output "$T/several.gpg"
fill later; echo added >"$D/a/c/added"; echo added >"$D/a/b/disk/added"; chmod 700 "$D/a/b/disk"
files >"$T/files.later"
ok "restore" backup restore --only documents --key "$key" "$T/several.gpg"
is "$(files | diff "$T/files.good" -)" "" "each document is the backup's"
is "$(stat -c %a "$D/a/b/disk")" 1777 "and the mode of a mounted directory"
is "$(cat "$T/bound/deep/r")" "good bound/deep/r" "also on what is bound elsewhere"
ok "revert" backup restore --revert
is "$(files | diff "$T/files.later" -)" "" "each is the former"
ok "and forth" backup restore --revert
ok "confirm" backup restore --confirm
is "$(files | diff "$T/files.good" -)$(find "$D" "$T/bound" -name '.maintkit*')" "" "each is the backup's, and nothing is left"
mkdir -p "$D/a/newdisk"; mount -t tmpfs tmpfs "$D/a/newdisk"; echo keep >"$D/a/newdisk/keep"
ok "with a disk that the backup knows nothing of" backup restore --only documents --key "$key" "$T/several.gpg"
like "$err" "the backup holds no '/var/lib/demo/documents/a/newdisk'; the one in use stays" "which is said"
is "$(cat "$D/a/newdisk/keep")" keep "it stays, mounted where it was"
ok "confirm" backup restore --confirm
is "$(cat "$D/a/newdisk/keep")" keep "and stays"
umount "$D/a/newdisk" "$D/a/b/disk" "$D/bound"; rm -rf "$D/a" "$D/bound" "$D/x"
touch "$T/one"; echo a >"$D/file"; mount --bind "$T/one" "$D/file"
rc_is 2 "a file mounted on another" backup restore --only documents --key "$key" "$T/several.gpg"
like "$err" "documents/file' is a file that is mounted on another.*--only.*--to" "is refused, with the way"
umount "$D/file"

# ---- a directory in one that cannot be written -----------------------------------------------------------------
at_exit 'chattr -i "$R/var/lib/demo" 2>/dev/null'
if chattr +i "$R/var/lib/demo" 2>/dev/null; then
	fill later 2>/dev/null; rm -rf "${D:?}"/*; echo later >"$D/x"
	ok "in a directory that cannot be written" backup restore --only documents --key "$key" "$T/several.gpg"
	is "$(files | diff "$T/files.good" -)" "" "all is restored"
	ok "revert" backup restore --revert
	is "$(files | wc -l) $(cat "$D/x")" "1 later" "and reverted"
	ok "confirm" backup restore --confirm
	chattr -i "$R/var/lib/demo"
	is "$(aside)" "" "nothing is left"
else
	skip "no immutable directories here" "in a directory that cannot be written"
fi
done_testing
