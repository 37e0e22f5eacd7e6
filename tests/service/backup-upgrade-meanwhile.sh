#!/bin/bash
# proves: a backup holds up the other programs of its package while it reads the database only, and scripts of dpkg wait for that; nothing removes or replaces what it reads
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/backup.sh"
backup_system
pgp ensure 2>/dev/null || BAIL "no key"
mariadb_sql "CREATE DATABASE demo; USE demo; CREATE TABLE demographic (id INT PRIMARY KEY, note VARCHAR(200)) ENGINE=InnoDB;
	INSERT INTO demographic SELECT seq, REPEAT(MD5(seq), 6) FROM seq_1_to_250000"
mkdir -p "$R/var/lib/demo/documents"
head -c 100000000 /dev/urandom >"$R/var/lib/demo/documents/scan.pdf"
ok "a first backup" backup create
first=$(echo "$R"/var/backups/demo/*.gpg)
sleep 1.1

# begin NAME BYTES: a create in the background ($job) whose program NAME is stopped when it has read so much
begin() {
	"$BIN/maintkit-backup" --root "$R" -p demo create >"$T/out" 2>"$T/err" & job=$!
	stop_below "$job" "$@"
}
end() { kill -CONT "$victim"; wait "$job"; }

ok "a backup among its documents" begin gpg 20000000
begun=$SECONDS
ok "another program of the package does not wait for it" backup recovery
ok "nor one that takes the package's lock" backup forgo --reason test
ok "nor verify" backup verify "$first"
ok "nor another backup, which an upgrade may need" backup create --output "$T/b.tar.zst.gpg"
rc_is 3 "restore says that one is being made" backup restore "$first"
like "$err" "a backup of demo is being made.*try again" "and what to do"
rc_is 3 "prune does not take away what it may go back to" backup prune
ok "what was stopped goes on" end
ok "and is good" backup verify
ok "prune now" backup prune
sleep 1.1

ok "a backup that reads the database" begin mariadb-dump -1
{ DPKG_MAINTSCRIPT_NAME=postinst DPKG_MAINTSCRIPT_PACKAGE=demo "$BIN/maintkit-backup" --root "$R" -p demo forgo --reason script; echo "rc $?"; } >"$T/script" 2>&1 & script=$!
until_ok "the script to wait" grep -q waiting "$T/script"
like "$(cat "$T/script")" "another program of ours works on demo.*waiting for it, at most 60 minutes" "a script of dpkg waits, and says so"
ok "it goes on" end
wait "$script"
like "$(cat "$T/script")" "rc 0" "and so does the script"
done_testing
