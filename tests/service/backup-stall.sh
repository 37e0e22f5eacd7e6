#!/bin/bash
# proves: a program that gets no further is stopped after the time that the profile says, nothing is left of the attempt, and one that is only slow is let alone
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/backup.sh"
backup_system
pgp ensure 2>/dev/null || BAIL "no key"
mkdir -p "$R/etc/demo" "$R/var/lib/demo/documents"
limit() { printf '[backup]\nstalled-after = %d\n' "$1" >"$R/etc/demo/maintkit.conf"; }
# more than a busy machine takes from a program at once
limit 3
mariadb_sql "CREATE DATABASE demo; USE demo; CREATE TABLE demographic (id INT PRIMARY KEY, note VARCHAR(200)) ENGINE=InnoDB;
	INSERT INTO demographic SELECT seq, REPEAT(MD5(seq), 6) FROM seq_1_to_300000"
# noise does not shrink, so that pipes fill
head -c 30000000 /dev/urandom >"$R/var/lib/demo/documents/scan.pdf"

left() { ls -A "$R/var/backups/demo" "$R/run" 2>/dev/null | grep -cv ':$\|^$'; }

# stopped NAME BYTES COMMAND...: run it, and stop NAME when it has read more than BYTES
stopped() {
	local name=$1 bytes=$2
	shift 2
	"$@" >"$T/out" 2>"$T/err" & local job=$!
	local rc=0
	stop_below "$job" "$name" "$bytes" || { diag "$name did not run, or came through before it was stopped"; rc=1; }
	wait "$job"; status=$? said=$(cat "$T/err")
	[ -n "$victim" ] || return 1
	! kill -0 "$victim" 2>/dev/null || { diag "$name is still there"; end_victim; return 1; }
	return $rc
}

ok "gpg hangs in the middle: it is stopped" stopped gpg 2000000 "$BIN/maintkit-backup" --root "$R" -p demo create
is "$status" 3 "as what may work later"
like "$said" "gpg' got no further for 3 seconds" "and named"
is "$(left)" 0 "nothing is left"
ok "the dump hangs: it is stopped" stopped mariadb-dump -1 "$BIN/maintkit-backup" --root "$R" -p demo create
is "$status" 3 "as what may work later"
like "$said" "mariadb-dump' got no further for 3 seconds" "and named"
is "$(left)" 0 "nothing is left"

# who shall come through has more time than that
limit 15
ok "nobody hangs: it is made" backup create
limit 3
file=$(echo "$R"/var/backups/demo/*.gpg)
ok "the client hangs while the dump is loaded: it is stopped" stopped mariadb -1 "$BIN/maintkit-backup" --root "$R" -p demo verify --restore-test "$file"
is "$status" 3 "as what may work later"
like "$said" "got no further for 3 seconds" "and named"
is "$(mariadb_sql "SHOW DATABASES LIKE 'maintkit%'")" "" "its scratch database is dropped"
limit 3
# a server that works on one statement for longer than the limit: each row makes it hash 400 kB
mariadb_sql "SET SESSION check_constraint_checks = OFF; USE demo; TRUNCATE demographic;
	ALTER TABLE demographic ADD CHECK (LENGTH(SHA2(REPEAT(note, 2000), 512)) > 0);
	INSERT INTO demographic SELECT seq, REPEAT(MD5(seq), 6) FROM seq_1_to_9000"
ok "a backup of a table that is slow to load" backup create --output "$T/slow.tar.zst.gpg"
begun=$SECONDS
ok "is loaded all the same" backup verify --restore-test "$T/slow.tar.zst.gpg"
note "that took $((SECONDS - begun)) s"
is "$(agents)" 0 "no agent stays behind"
done_testing
