#!/bin/bash
# proves: a backup is put in place of what is in use or not at all; what was in use is kept, comes back, or is dropped
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/restore.sh"
. "$TOP/tests/lib/stop.sh"
restore_system
: "${R:?}" "${T:?}" "${STATE:?}" "${HOME_DIR:?}"

restore_world 3000 40 || BAIL "no data to work with"
B=$(newest)
state >"$T/good"

# ---- work goes on, an upgrade raises the level ------------------------------------------------------
mariadb_sql "INSERT INTO demo.visit (patient) VALUES (1), (2); DROP TABLE demo.old_engine; CREATE TABLE demo.newer (a INT); INSERT INTO demo.newer VALUES (5)"
echo "later" >"$D/sub/later.txt"; echo "other" >"$D/sub/d2.txt"; chown 65534:65534 "$D/sub/later.txt"
ok "levels go up" mk guard mark --level 19 --min 18 --reason "upgrade"
state >"$T/later"
rc_is 4 "the guard refuses 15" mk guard check 1:15.0-1 --level 15 --reads 12-15
way=$(sed -n 's/^ *maintkit -p demo \(backup restore .*\)$/\1/p' <<<"$err")
is "$way" "backup restore --stop-app ${B#"$R"}" "and names the way back, as a command"
ok "restore in place, by that command" backup restore --stop-app "$R${way##* }"
like "$err" "2 documents were added or changed since" "documents that came later are counted"
like "$err" "documents.before-restore-[0-9TZ]*/sub/later.txt" "and named, where they are kept"
is "$(state | diff "$T/good" -)" "" "database, documents, keys and settings are the backup's"
is "$(levels)" "15 12" "and so is the level"
ok "so the guard lets 15 in" mk guard check 1:15.0-1 --level 15 --reads 12-15
mariadb_sql "INSERT INTO demo.visit (patient) VALUES (1)"
is "$(mariadb_sql "SELECT n FROM demo.counted")" 1 "the trigger works where it is"
mariadb_sql "INSERT INTO demo.visit (patient) VALUES (100000)" 2>/dev/null
is "$(mariadb_sql "SELECT COUNT(*) FROM demo.visit WHERE patient = 100000")" 0 "and the foreign key"
ok "the account signs in with the password of the properties" signs_in
run backup restore "$B"
is "$rc" 0 "the same again"
like "$err" "restored already" "changes nothing and says so"
run backup kept --json
like "$out" '"state": "restored"' "what is kept can be asked for"
kept=$(sed -n 's/.*"database": "\(.*\)",/\1/p' <<<"$out")
is "$(mariadb_sql "SELECT COUNT(*) FROM $kept.newer; SELECT COUNT(*) FROM $kept.names; SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema='$kept'; SELECT COUNT(*) FROM information_schema.events WHERE event_schema='$kept'" | tr '\n' ' ')" \
	"1 3000 1 0 " "the former database is whole, but for its events, which would be run"

# ---- and back -----------------------------------------------------------------------------------------
ok "revert" backup restore --revert
is "$(state | diff "$T/later" -)" "" "the former state, all of it"
is "$(levels)" "19 18" "with its level"
ok "and forth" backup restore --revert
is "$(mariadb_sql "SELECT n FROM demo.counted")" 1 "with what was done on the restored one"
cp "$B" "$T/two.tar.zst.gpg"
rc_is 4 "another restore before that" backup restore "$T/two.tar.zst.gpg"
ok "confirm" backup restore --confirm
is "$(left_over)" "" "nothing is kept any more"
ok "confirm again" backup restore --confirm
rc_is 2 "there is nothing to revert" backup restore --revert

# ---- everything is gone ----------------------------------------------------------------------------------
mariadb_sql "DROP DATABASE demo; DROP USER demo@localhost"
rm -rf "$D" "$R/etc/demo" "$HOME_DIR"
ok "restore onto nothing" backup restore "$B"
is "$(state | diff "$T/good" -)" "" "gives all of it back"
ok "the account is there again" signs_in
ok "revert to nothing" backup restore --revert
is "$(ls -d "$D" "$HOME_DIR" 2>/dev/null)$(mariadb_sql "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='demo'")" 0 "is nothing"
ok "and forth again" backup restore --revert
ok "confirm" backup restore --confirm
is "$(state | diff "$T/good" -)$(left_over)" "" "all is there, nothing is left over"

# ---- parts ----------------------------------------------------------------------------------------------------
echo "changed" >"$D/sub/d3.txt"; echo "x=1" >>"$R/etc/demo/demo.properties"; mariadb_sql "DELETE FROM demo.visit"
before=$(sha256sum <"$R/etc/demo/demo.properties")
ok "only the documents" backup restore --only documents "$B"
is "$(cat "$D/sub/d3.txt") $(sha256sum <"$R/etc/demo/demo.properties") $(mariadb_sql "SELECT COUNT(*) FROM demo.visit")" \
	"document 3 $before 0" "brings nothing else"
ok "confirm" backup restore --confirm
ok "only the database" backup restore --only database "$B"
is "$(mariadb_sql "SELECT COUNT(*) FROM demo.visit") $(sha256sum <"$R/etc/demo/demo.properties")" "3000 $before" "brings nothing else"
ok "confirm" backup restore --confirm
# how this machine reaches its server is not the backup's to say
echo "[client]" >"$R/etc/demo/db.cnf"; echo "socket=$MARIADB_SOCKET" >>"$R/etc/demo/db.cnf"; chmod 600 "$R/etc/demo/db.cnf"
printf '[database]\ndefaults-file = /etc/demo/db.cnf\n' >>"$R/usr/share/demo/maintkit.conf"
ok "only the properties" backup restore --only properties "$B"
nok "brings them" grep -qx x=1 "$R/etc/demo/demo.properties"
is "$(stat -c '%a %u' "$R/etc/demo/db.cnf") $(tail -n 1 "$R/etc/demo/db.cnf")" "600 0 socket=$MARIADB_SOCKET" "but not the way to the server, which stays"
ok "confirm" backup restore --confirm
rm "$R/etc/demo/db.cnf"; sed -i '/^defaults-file/d' "$R/usr/share/demo/maintkit.conf"
ok "only the keys" backup restore --only keys "$B"
ok "confirm" backup restore --confirm
is "$(state | diff "$T/good" -)$(left_over)" "" "together they are the whole"
rc_is 2 "--only something else" backup restore --only everything "$B"
rc_is 2 "no file" backup restore

# ---- refused, and nothing touched ---------------------------------------------------------------------------------
untouched() { is "$(state | diff "$T/good" -)$(left_over)" "" "... nothing was touched"; }
mv "$STATE/identity" "$T/identity"; echo 0123456789abcdef0123456789abcdef >"$STATE/identity"
rc_is 4 "another installation's backup" backup restore "$B"
like "$err" "another installation.*--adopt" "is refused, and the way is named"
mv "$T/identity" "$STATE/identity"
untouched
mariadb --no-defaults --socket="$MARIADB_SOCKET" -e 'SELECT SLEEP(300)' demo >/dev/null 2>&1 & conn=$!
await "the connection" "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"
rc_is 4 "somebody works with the database" backup restore "$B"
like "$err" "1 connections use database 'demo'.*stop" "is told"
mariadb_sql "KILL $(mariadb_sql "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'")"; wait "$conn" 2>/dev/null
untouched
cp "$B" "$T/bad.gpg"; truncate -s -100 "$T/bad.gpg"
rc_is 2 "cut off" backup restore "$T/bad.gpg"
untouched
size=$(stat -c %s "$B")
cp "$B" "$T/bad.gpg"; printf '\x55\x55\x55' | dd of="$T/bad.gpg" bs=1 seek=$((size / 2)) conv=notrunc status=none
rc_is 2 "damaged in the middle" backup restore "$T/bad.gpg"
untouched
plain_gpg "$T/other" --passphrase '' --quick-gen-key 'Other <o@example.org>' rsa2048 default never 2>/dev/null
plain_gpg "$T/other" --armor --export-secret-keys >"$T/other-secret.asc"
rc_is 2 "a wrong key" backup restore --key "$T/other-secret.asc" "$B"
untouched
echo wrong >"$T/wrong"
run backup restore --key "$STATE/clinic-secret.asc" --passphrase-stdin "$B" <"$T/wrong"
is "$rc" 2 "a wrong passphrase"
untouched
# changed inside, correctly sealed
pass=$STATE/pgp.passphrase
plain_gpg "$T/mine" --pinentry-mode loopback --passphrase-file "$pass" --import "$STATE/clinic-secret.asc" 2>/dev/null
fpr=$(pgp show --json | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["fingerprint"])')
plain_gpg "$T/mine" --pinentry-mode loopback --passphrase-file "$pass" -d "$B" 2>/dev/null | zstd -dcq >"$T/plain.tar"
forge() { LC_ALL=C sed "$1" "$T/plain.tar" | zstd -qc | plain_gpg "$T/mine" --trust-model always -r "$fpr" -e >"$T/forged.gpg"; }
forge 's/format=1$/format=9/'
rc_is 2 "a newer format" backup restore "$T/forged.gpg"
like "$err" "format 9.*newer maintkit" "is named"
untouched
forge 's/document 9$/document 8/'
rc_is 2 "a document that is not as it was" backup restore "$T/forged.gpg"
untouched
mkdir "$T/small"
mount -t tmpfs -o size=40M tmpfs "$T/small" && cp -a "$R/var/lib/demo" "$T/small/" && mount --bind "$T/small/demo" "$R/var/lib/demo"
rc_is 2 "not enough space" backup restore "$B"
like "$err" "not enough space" "is seen before"
umount "$R/var/lib/demo"; umount "$T/small"
untouched
mariadb_stop
rc_is 3 "the server is down" backup restore "$B"
ok "the documents need none" backup restore --only documents "$B"
ok "confirm" backup restore --confirm
mariadb_start
untouched

# ---- half way ---------------------------------------------------------------------------------------------------------
ok "restore" backup restore "$B"
sed 's/ restore\t1\t\([^\t]*\)\trestored\t/ restore\t1\t\1\treverting\t/' "$STATE/restore" >"$T/plan"
isnt "$(cut -f 4 "$T/plan" | head -n 1)" restored "a plan that is half way"
python3 - "$T/plan" "$STATE/restore" <<-'PY'
	import sys, zlib
	out = b""
	for line in open(sys.argv[1], "rb"):
	    body = line[9:-1]
	    out += b"%08x " % zlib.crc32(body) + body + b"\n"
	open(sys.argv[2], "wb").write(out)
PY
rc_is 4 "confirm waits for its end" backup restore --confirm
ok "which --continue brings" backup restore --continue

is "$(state | diff "$T/good" -)" "" "the former state is in use"
ok "confirm" backup restore --confirm
untouched

# ---- the server is lost while the dump is loaded ---------------------------------------------------------------------
slow() { mariadb_sql "SET GLOBAL innodb_flush_log_at_trx_commit=1, sync_binlog=1"; }
slow
backup restore "$B" >"$T/said" 2>&1 & job=$!
ok "a dump is being loaded" stop_below $job mariadb 100000
mariadb_kill
kill -CONT "$victim"
wait $job; lost=$?
isnt "$lost" 0 "the server is lost while the dump is loaded"
diag "$(tail -n 1 "$T/said")"
mariadb_start
ok "what is left is thrown away" backup restore --discard
untouched
ok "and it is restored with the next" backup restore --adopt "$B"
ok "confirm" backup restore --confirm
untouched

# ---- a trigger that was typed with its database's name ------------------------------------------------
visits() { mariadb_sql "INSERT INTO demo.visit (patient) VALUES (1); SELECT n - $1 FROM demo.counted"; }
mariadb_sql "DROP TRIGGER demo.count_visits; CREATE TRIGGER demo.count_visits AFTER INSERT ON demo.visit FOR EACH ROW UPDATE demo.counted SET n = n + 1"
ok "a backup of it" backup create --output "$T/named.tar.zst.gpg"
n=$(mariadb_sql "SELECT n FROM demo.counted")
ok "restored in place" backup restore "$T/named.tar.zst.gpg"
is "$(visits "$n")" 1 "it works where it is"
ok "revert" backup restore --revert
is "$(visits "$n")" 1 "as the former one does"
ok "restore test" backup verify --restore-test "$T/named.tar.zst.gpg"
ok "confirm" backup restore --confirm
is "$(ls "$R/run")$(agents)" "0" "no agent, no directory of gpg's stays behind"
done_testing
