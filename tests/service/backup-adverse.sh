#!/bin/bash
# proves: odd, changing and unreadable documents, a disk that fills, every flipped byte, a newer format: an error or a name in the manifest, never a bad backup
# SPDX-License-Identifier: GPL-2.0-or-later
#
# FLIP_STRIDE: every so-manieth byte (default: 60 of them; SOAK=1: all). FILES: how many for the memory test (SOAK=1: 200000).
OWN_MOUNTS=1
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/backup.sh"
backup_system
ok "a key" pgp ensure
mariadb_sql "CREATE DATABASE demo; CREATE TABLE demo.demographic (id INT PRIMARY KEY AUTO_INCREMENT, b LONGBLOB)"
mkdir -p "$D/sub"

# ---- odd documents
name=$'n\nl \xe9\xff \\ "\' \t'
echo odd >"$D/sub/$name"; mkdir "$D/sub/dir $name"; echo in >"$D/sub/dir $name/x"
ln -s /etc/passwd "$D/sub/link"; ln -s "$name" "$D/sub/link $name"; ln -s nowhere "$D/dangling"
mkfifo "$D/fifo"; mknod "$D/device" c 1 3; python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$D/socket"
truncate -s 5M "$D/sparse"; printf '' >"$D/empty"; long=$(printf 'l%.0s' $(seq 250)); echo long >"$D/$long"
deep=$D; for i in $(seq 60); do deep=$deep/$i; done; mkdir -p "$deep"; echo deep >"$deep/x"
ok "create" backup create
like "$err" "3 files or values were left out" "fifo, device and socket are left out and counted"
ok "verify" backup verify "$(last)"
like "$out" "fifo: a named pipe" "the pipe is named"
like "$out" "device: a device" "and the device"
ok "restore" backup restore --to "$T/odd" "$(last)"
rm "$D/fifo" "$D/device" "$D/socket"
ok "everything else is as it was" diff -r --no-dereference "$D" "$T/odd/files/var/lib/demo/documents"
mkdir "$T/little" && mount -t tmpfs -o size=20m tmpfs "$T/little"
rc_is 2 "no room to unpack" backup restore --to "$T/little/odd" "$(last)"
like "$err" "not enough space in '$T/little'" "is seen before"
is "$(ls -A "$T/little")" "" "and nothing is left there"
umount "$T/little"
ln -sfn /etc "$T/elsewhere"
rm -f "$B"/*
# a disk of its own, reached by a link of root's
mkdir "$R/disk"; mv "$D" "$R/disk/docs"; ln -s /disk/docs "$D"
ok "documents behind a link" backup create
ok "restore" backup restore --to "$T/linked" "$(last)"
ok "they are all there, and not just the link" diff -r --no-dereference "$R/disk/docs" "$T/linked/files/disk/docs"
ln -sfn /nowhere "$D"
rc_is 2 "a link that leads nowhere" backup create
like "$err" "/nowhere|documents" "is said"
rm "$D"; mv "$R/disk/docs" "$D"
rm -f "$B"/*

# ---- unreadable, vanishing, changing
refuse() { strace -f -o /dev/null -P "$1" -e trace=openat -e inject=openat:error="$2" "$BIN/maintkit-backup" --root "$R" -p demo "${@:3}"; }
echo secret >"$D/unreadable"
# strace -P needs the path as the call has it: relative to the directory
rc_is 2 "a document that cannot be read" refuse unreadable EACCES create
like "$err" "documents/unreadable.*skip-unreadable" "is named, with the way out"
is "$(ls -A "$B" 2>/dev/null)" "" "and nothing is left"
rc_is 2 "a disk that is dying" refuse unreadable EIO create
ok "when told so it is left out" refuse unreadable EACCES create --skip-unreadable
ok "verify" backup verify "$(last)"
like "$out" "unreadable: cannot be read" "and named"
rm -f "$B"/* "$D/unreadable"
for i in $(seq 200); do head -c 30000 /dev/urandom >"$D/sub/d$i"; done; head -c 4000000 /dev/urandom >"$D/busy"
(while :; do
	for i in $(seq 1 200); do mv "$D/sub/d$i" "$D/sub/e$i"; echo more >>"$D/busy"; mv "$D/sub/e$i" "$D/sub/d$i"; truncate -s 3900000 "$D/busy"; done
done) & busy=$!
for i in 1 2 3; do
	ok "while documents come, go and change ($i)" backup create --output "$T/busy$i.tar.zst.gpg"
	ok "it is whole" backup verify "$T/busy$i.tar.zst.gpg"
done
kill $busy; wait $busy 2>/dev/null
rm -rf "$D/busy" "$D/sub"

# ---- a disk that fills half-way
mariadb_sql "USE demo; INSERT INTO demographic (b) SELECT UNHEX(CONCAT(SHA2(seq, 512), SHA2(-seq, 512), SHA2(seq * 7, 512), SHA2(seq * 11, 512), SHA2(seq * 13, 512), SHA2(seq * 17, 512))) FROM seq_1_to_60000"
mkdir "$T/small" && mount -t tmpfs -o size=120m tmpfs "$T/small"
"$BIN/maintkit-backup" --root "$R" -p demo create --output "$T/small/x.tar.zst.gpg" 2>"$T/said" & job=$!
ok "a backup is on its way" stop_below $job gpg 3000000
dd if=/dev/zero of="$T/small/other" bs=1M status=none 2>/dev/null; kill -CONT "$victim"
wait $job; rc=$?
is "$rc" 2 "the disk fills while it is made"
like "$(cat "$T/said")" "No space left" "is said"
is "$(ls -A "$T/small")" other "and nothing else is there"
umount "$T/small"

# ---- a newer format, something else
ok "a small one" backup create --files-only --output "$T/one.tar.zst.gpg"
pass=$STATE/pgp.passphrase
fpr=$(pgp show --json | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["fingerprint"])')
plain_gpg "$T/other" --pinentry-mode loopback --passphrase-file "$pass" --import "$STATE/clinic-secret.asc" 2>/dev/null
plain_gpg "$T/other" --pinentry-mode loopback --passphrase-file "$pass" -d "$T/one.tar.zst.gpg" 2>/dev/null | zstd -dqc >"$T/one.tar"
seal() { zstd -qc "$1" | plain_gpg "$T/other" --trust-model always -r "$fpr" -e >"$T/sealed.gpg"; }
sed 's/^format=1$/format=9/' "$T/one.tar" >"$T/newer.tar"; seal "$T/newer.tar"
rc_is 2 "a newer format" backup verify "$T/sealed.gpg"
like "$err" "has format 9.*use a newer maintkit" "is told as such"
mkdir "$T/x"; echo hello >"$T/x/hello"; tar cf "$T/any.tar" -C "$T/x" .; seal "$T/any.tar"
rc_is 2 "any other archive" backup verify "$T/sealed.gpg"
like "$err" "not a backup of maintkit" "is told as such"
plain_gpg "$T/other" --trust-model always -r "$fpr" -e >"$T/sealed.gpg" <"$T/x/hello"
rc_is 2 "no archive at all" backup verify "$T/sealed.gpg"

# ---- every byte
size=$(stat -c %s "$T/one.tar.zst.gpg")
stride=${FLIP_STRIDE:-${SOAK:-$((size / 60))}}
mv "$STATE/clinic-secret.asc" "$T/"
cat >"$T/flip.py" <<'PY'
# Flip one bit of every so-manieth byte; each time verify must end with one of these statuses. Prints how many it missed,
# how many it tried.
import random, subprocess, sys
random.seed(1)
file, stride, wanted, command = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), sys.argv[4:]
data, missed, tried = bytearray(open(file, "rb").read()), 0, 0
for at in sorted(set(range(random.randrange(stride), len(data), stride)) | {0, len(data) - 1}):
    bit = 1 << random.randrange(8)
    data[at] ^= bit
    with open(file, "r+b") as f:
        f.seek(at); f.write(data[at:at + 1])
    rc = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    data[at] ^= bit
    with open(file, "r+b") as f:
        f.seek(at); f.write(data[at:at + 1])
    tried += 1
    if str(rc) not in wanted:
        missed += 1; print("byte", at, "bit", bit, "rc", rc, file=sys.stderr)
print(missed, tried)
PY
python3 "$T/flip.py" "$T/one.tar.zst.gpg" "$stride" 2 "$BIN/maintkit-backup" --root "$R" -p demo verify "$T/one.tar.zst.gpg" >"$T/flips" 2>"$T/missed"
is "$(cut -d' ' -f1 "$T/flips")" 0 "a bit flipped in $(cut -d' ' -f2 "$T/flips") of $size bytes: each is noticed, without the key" || diag "$(cat "$T/missed")"
mv "$T/clinic-secret.asc" "$STATE/"
rm -f "$T/one.tar.zst.gpg.info"; mv "$T/one.tar.zst.gpg.sha256" "$T/sum"
# a flip in the number of the key makes it a backup for another one (3)
python3 "$T/flip.py" "$T/one.tar.zst.gpg" $((size / ${FLIPS:-12})) 2,3 "$BIN/maintkit-backup" --root "$R" -p demo verify "$T/one.tar.zst.gpg" >"$T/flips" 2>"$T/missed"
is "$(cut -d' ' -f1 "$T/flips")" 0 "with the key and without a checksum beside it: $(cut -d' ' -f2 "$T/flips") of them" || diag "$(cat "$T/missed")"
ok "unharmed it is good" backup verify "$T/one.tar.zst.gpg"

# ---- many files, constant memory
files=${FILES:-${SOAK:+200000}} files=${files:-5000}
rm -rf "$D"; mkdir -p "$D"
python3 - "$D" "$files" <<'PY'
import os, sys
for i in range(int(sys.argv[2])):
    with open(f"{sys.argv[1]}/document-{i:07d}.txt", "w") as f:
        f.write(f"{i}\n")
PY
sleep 3.1
measured() { command time -o "$T/time" -f %M "$BIN/maintkit-backup" --root "$R" -p demo "$@"; }
for how in full since; do
	ok "$files documents, $how" measured create --documents=$how
	ok "in less than 64 MiB ($(($(tail -1 "$T/time") / 1024)))" [ "$(tail -1 "$T/time")" -lt 65536 ]
	ok "verify" measured verify "$(last)"
	said=$out
	ok "in less than 64 MiB ($(($(tail -1 "$T/time") / 1024)))" [ "$(tail -1 "$T/time")" -lt 65536 ]
	sleep 1.1
done
like "$said" "$files documents that are in" "all of them in the full one"
is "$(agents)" 0 "no agent stays behind"
done_testing
