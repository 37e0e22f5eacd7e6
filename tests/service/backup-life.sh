#!/bin/bash
# proves: a backup holds database, documents, keys and configuration, opens with plain tools, and a damaged one is noticed
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/stop.sh"
mariadb_here || skip_all "$mariadb_why"
pgp_system
mariadb_new || BAIL "no database server"

backup() { "$BIN/maintkit-backup" --root "$R" -p demo "$@"; }
newest() { ls "$R"/var/backups/demo/*.gpg | tail -1; }
count() { find "$R/var/backups/demo" -name "$1" | wc -l; }

rc_is 2 "without a key there is no backup" backup create
like "$err" "pgp ensure" "and it says what to do"
is "$(find "$R/var/backups" -type f | wc -l)" 0 "nothing is left"
ok "a key" pgp ensure
pass=$STATE/pgp.passphrase

ok "no database yet: the files" backup create
like "$err" "no database to put into it" "and says so"
ok "verify" backup verify "$(newest)"
rm -f "$R"/var/backups/demo/*

ok "no patients yet: no backup for an upgrade" backup create --for-upgrade
is "$(count '*.gpg')" 0 "none was made"

mariadb_sql <<'SQL'
CREATE DATABASE demo CHARACTER SET utf8mb3;
USE demo;
CREATE TABLE demographic (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60), note TEXT, b BLOB);
INSERT INTO demographic (name, note, b) SELECT CONCAT('P', seq), CONCAT('it''s; (', seq, '\n),(\\\\'), UNHEX(SHA2(seq, 256)) FROM seq_1_to_30000;
CREATE TABLE empty_one (a INT);
CREATE TABLE `odd ``name (x),` (a INT, g INT AS (a + 1) STORED);
INSERT INTO `odd ``name (x),` (a) VALUES (1), (2), (3);
CREATE TABLE old (a INT) ENGINE=MyISAM;
INSERT INTO old VALUES (1), (2);
CREATE VIEW v AS SELECT name FROM demographic;
DELIMITER ;;
CREATE PROCEDURE p() BEGIN
INSERT INTO `old` VALUES (9);
END;;
CREATE TRIGGER demo.trig BEFORE INSERT ON demo.old FOR EACH ROW
INSERT INTO empty_one VALUES (1);;
DELIMITER ;
SQL
mkdir -p "$R/var/lib/demo/documents/sub"
D=$R/var/lib/demo/documents
for i in $(seq 40); do echo "document $i" >"$D/sub/d$i.txt"; done
head -c 3000000 /dev/urandom >"$D/big.pdf"
printf 'latin1' >"$D/sub/"$'caf\xe9'; printf 'nl' >"$D/sub/"$'new\nline'
ln -s /etc/shadow "$D/sub/link"; mkfifo "$D/sub/pipe"; : >"$D/empty"
chown -R 65534:65534 "$D"; chmod 640 "$D/big.pdf"; touch -d 2020-02-03 "$D/big.pdf"

ok "create" backup create
like "$err" "4 tables with 30005 rows" "with the rows that the dump has"
like "$err" "1 files or values were left out" "and names what it left out"
like "$err" "1 tables know no transactions" "and what it locked"
B=$(newest)
is "$(stat -c '%a %u' "$B") $(stat -c %a "$R/var/backups/demo")" "600 0 700" "it is root's alone"
ok "its checksum" sh -c "cd '$R/var/backups/demo' && sha256sum -c *.sha256"
is "$(ls "$R/run")" "" "no gpg directory stays behind"
is "$(agents)" 0 "nor an agent"
ok "the journal knows it" grep -q "data.*backup.*$B.*done.*sha256:" "$STATE/effects"
ok "verify" backup verify "$(basename "$B")"
like "$out" "whole: [0-9]+ members, [0-9]+ bytes, 4 tables, 30005 rows" "it holds what it says"
like "$out" "pipe: a named pipe" "and names what it does not hold"
run backup list --json
is "$(python3 -c 'import json,sys; b=json.loads(sys.argv[1]); print(len(b), b[0]["rows"], b[0]["database"], bool(b[0]["verified"]))' "$out")" \
	"1 30005 demo True" "list knows it and that it was verified"
nok "no patient data beside it" grep -rqa 'document 7' "$R/var/backups"

# plain tools, no maintkit
plain_gpg "$T/other" --pinentry-mode loopback --passphrase-file "$pass" --import "$STATE/clinic-secret.asc" 2>/dev/null
mkdir "$T/out"
plain_gpg "$T/other" --pinentry-mode loopback --passphrase-file "$pass" -d "$B" 2>/dev/null | zstd -dc | tar -x -C "$T/out" -f -
is "${PIPESTATUS[*]}" "0 0 0" "gpg -d | zstd -d | tar x"
ok "the documents are what they were" diff -r --no-dereference --exclude=pipe "$D" "$T/out/files/var/lib/demo/documents"
is "$(stat -c '%a %u %Y' "$T/out/files/var/lib/demo/documents/big.pdf")" "$(stat -c '%a %u %Y' "$D/big.pdf")" "with mode, owner and time"
ok "the properties too" cmp "$R/etc/demo/demo.properties" "$T/out/files/etc/demo/demo.properties"
ok "and the keyring" cmp "$HOME_DIR/pubring.kbx" "$T/out/files/var/lib/demo/gnupg/pubring.kbx"
mariadb_sql 'CREATE DATABASE again CHARACTER SET utf8mb3'
cat "$T"/out/database/*.sql | mariadb --socket="$MARIADB_SOCKET" again
is "$?" 0 "the dump loads"
for t in demographic 'odd ``name (x),' old; do
	is "$(mariadb_sql "CHECKSUM TABLE again.\`$t\`" | cut -f2)" "$(mariadb_sql "CHECKSUM TABLE demo.\`$t\`" | cut -f2)" "table '$t' is equal"
done
is "$(mariadb_sql "SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema='again'; SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema='again'; SELECT COUNT(*) FROM again.v" | tr '\n' ' ')" \
	"1 1 30000 " "with routine, trigger and view"

ok "patients: a backup for an upgrade" backup create --for-upgrade --output "$T/up.tar.zst.gpg"
rc_is 3 "never over an existing file" backup create --output "$T/up.tar.zst.gpg"
# an off-site key alone opens it too
plain_gpg "$T/off" --passphrase '' --quick-gen-key 'Off-site <off@example.org>' rsa2048 default never 2>/dev/null
off=$(plain_gpg "$T/off" --with-colons -K | awk -F: '/^fpr/ { print $10; exit }')
plain_gpg "$T/off" --passphrase '' --quick-add-key "$off" rsa2048 encr never 2>/dev/null
plain_gpg "$T/off" --armor --export >"$T/off.asc"
plain_gpg "$T/off" --armor --export-secret-keys >"$T/off-secret.asc"
ok "a second recipient" backup create --recipient "$T/off.asc" --output "$T/two.tar.zst.gpg"
ok "verify with the second's key" backup verify --key "$T/off-secret.asc" "$T/two.tar.zst.gpg"
rc_is 2 "the first backup does not open with it" backup verify --key "$T/off-secret.asc" "$B"
like "$err" "secret key" "and says why"

# restore: a new directory, a new database, or nothing
ok "restore" backup restore --to "$T/restored" --database demo2 "$B"
ok "the documents are what they were" diff -r --no-dereference --exclude=pipe "$D" "$T/restored/files/var/lib/demo/documents"
is "$(stat -c '%a %u %Y' "$T/restored/files/var/lib/demo/documents/big.pdf")" "$(stat -c '%a %u %Y' "$D/big.pdf")" "with mode, owner and time"
is "$(mariadb_sql 'CHECKSUM TABLE demo2.demographic' | cut -f2)" "$(mariadb_sql 'CHECKSUM TABLE demo.demographic' | cut -f2)" "the table is equal"
rc_is 2 "not over a directory" backup restore --to "$T/restored" "$B"
rc_is 2 "not over a database" backup restore --database demo2 "$B"
rc_is 2 "--to and a part of it do not go together" backup restore --to "$T/new" --only documents "$B"
cp "$B" "$T/bad.gpg"; truncate -s -100 "$T/bad.gpg"
rc_is 2 "a bad backup" backup restore --to "$T/bad" --database bad "$T/bad.gpg"
is "$(find "$T" -maxdepth 1 -name '*bad*')$(mariadb_sql "SHOW DATABASES LIKE 'bad'")" "$T/bad.gpg" "leaves neither directory nor database"

# the secret is elsewhere
mv "$STATE/clinic-secret.asc" "$T/clinic-secret.asc"
rc_is 3 "without the secret key only the file is checked" backup verify "$B"
like "$err" "as it was written" "and that is said"
run backup verify --key "$T/clinic-secret.asc" --passphrase-stdin "$B" <"$pass"
is "$rc" 0 "with key and passphrase it is read"
echo wrong >"$T/wrong"
run backup verify --key "$T/clinic-secret.asc" --passphrase-stdin "$B" <"$T/wrong"
is "$rc" 2 "a wrong passphrase"
like "$err" "passphrase" "is named"
mv "$T/clinic-secret.asc" "$STATE/clinic-secret.asc"

# damage
cp "$B" "$T/cut.gpg"
for cut in 1 100 100000 1000000; do
	truncate -s -$cut "$T/cut.gpg"
	rc_is 2 "cut off by $cut bytes" backup verify "$T/cut.gpg"
done
: >"$T/cut.gpg"
rc_is 2 "an empty file" backup verify "$T/cut.gpg"
rc_is 2 "no file" backup verify "$T/none.gpg"
rc_is 2 "a directory" backup verify "$T/out"
ok "a small backup" backup create --files-only --output "$T/small.gpg"
size=$(stat -c %s "$T/small.gpg")
flipped() {
	cp "$T/small.gpg" "$T/flip.gpg"
	local byte
	byte=$(od -An -tu1 -j "$1" -N1 "$T/flip.gpg" | tr -d ' ')
	printf "\\x$(printf %02x $((byte ^ 32)))" | dd of="$T/flip.gpg" bs=1 seek="$1" conv=notrunc status=none
}
for at in 0 3 100 $((size / 3)) $((size - 30)) $((size - 1)); do
	flipped "$at"
	rc_is 2 "byte $at of $size flipped" backup verify "$T/flip.gpg"
done
cp "$T/small.gpg.sha256" "$T/flip.gpg.sha256"
for at in 0 $((size / 2)) $((size - 1)); do
	flipped "$at"
	rc_is 2 "byte $at of $size flipped, a checksum beside it" backup verify "$T/flip.gpg"
	like "$err" "not what was written" "is noticed by the checksum"
done

# an archive whose content was exchanged, correctly encrypted
rm -rf "$T/forge" && mkdir "$T/forge"
plain_gpg "$T/other" --pinentry-mode loopback --passphrase-file "$pass" -d "$T/small.gpg" 2>/dev/null | zstd -dc >"$T/forge.tar"
seal() { zstd -qc "$1" | plain_gpg "$T/other" --trust-model always -r "$(pgp show --json | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["fingerprint"])')" -e >"$T/forged.gpg"; }
seal "$T/forge.tar"
ok "the same archive sealed again is whole" backup verify "$T/forged.gpg"
sed 's/document 7$/document 8/' "$T/forge.tar" >"$T/forge2.tar"; seal "$T/forge2.tar"
rc_is 2 "a document exchanged" backup verify "$T/forged.gpg"
like "$err" "d7.txt' is not as it was" "is named"
tar --delete -f "$T/forge.tar" files/var/lib/demo/documents/sub/d9.txt && seal "$T/forge.tar"
rc_is 2 "a document taken out" backup verify "$T/forged.gpg"

# failures on the way
mkdir "$T/tiny" && mount -t tmpfs -o size=300k tmpfs "$T/tiny"
rc_is 2 "too little space is seen before" backup create --output "$T/tiny/x.gpg"
like "$err" "not enough space" "and said"
umount "$T/tiny"
mariadb_stop
rc_is 3 "the database is down" backup create
is "$(count '.*')" 0 "and nothing is left"
ok "files only" backup create --files-only
mariadb_start
sleep 1
mariadb_sql "INSERT INTO demo.demographic (name, note) SELECT name, REPEAT(note, 20) FROM demo.demographic"
before=$(count '*.gpg')
"$BIN/maintkit-backup" --root "$R" -p demo create >/dev/null 2>"$T/said" &
job=$!
ok "a dump is on its way" stop_below $job mariadb-dump -1
end_victim
wait $job; rc=$? err=$(cat "$T/said")
like "$err" "mariadb-dump.*137|not complete" "the dump is killed"
is "$rc" 2 "the dump killed"
is "$(count '*.gpg') $(count '.*')" "$before 0" "gives no backup and leaves nothing"
"$BIN/maintkit-backup" --root "$R" -p demo create >/dev/null 2>"$T/said" &
job=$!
ok "a dump is on its way" stop_below $job mariadb-dump -1
mariadb_kill
kill -CONT "$victim"
wait $job; rc=$? err=$(cat "$T/said")
like "$rc" '^[23]$' "the server killed"
like "$err" "no backup was made: .*(mariadb-dump|server)" "is said"
is "$(count '*.gpg') $(count '.*')" "$before 0" "gives no backup and leaves nothing"
mariadb_start
"$BIN/maintkit-backup" --root "$R" -p demo create 2>/dev/null & job=$!
ok "half of it is written" stop_below $job gpg 2000000
isnt "$(count '.*maintkit*')" 0 "under another name"
kill -9 $job; wait $job 2>/dev/null; end_victim
is "$(count '*.gpg')" "$before" "killed, there is no backup"
sleep 1.1
ok "the next one" backup create
is "$(count '.*')" 0 "sweeps what was left"
is "$(ls "$R/run")" "" "also for gpg"
is "$(agents)" 0 "no agent stays behind"
done_testing
