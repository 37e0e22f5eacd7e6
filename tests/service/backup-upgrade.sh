#!/bin/bash
# proves: over patients' data of a lower level an upgrade has a fresh backup, needing no key, or is refused unless that was forgone
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
. "$TOP/tests/lib/mariadb.sh"
mariadb_here || skip_all "$mariadb_why"
pgp_system
MARIADB_FAST=1
mariadb_new || BAIL "no database server"
: "${R:?}" "${T:?}"
sed -i 's,^documents = .*,&\nlegacy = /usr/share/demo/OldDocuments,' "$R/usr/share/demo/maintkit.conf"
mkdir -p "$R/var/lib/dpkg" && : >"$R/var/lib/dpkg/status"

backup() { "$BIN/maintkit-backup" --root "$R" -p demo "$@"; }
asked() { run backup create --for-upgrade --level "$@"; }
count() { find "$R/var/backups/demo" -name '*.gpg' 2>/dev/null | wc -l; }

asked 15
is "$rc $(count)" "0 0" "a new installation needs none"
mariadb_sql "CREATE DATABASE demo; USE demo; CREATE TABLE demographic (id INT); INSERT INTO demographic VALUES (1), (2)"
mkdir -p "$R/usr/share/demo/OldDocuments"
echo "report" >"$R/usr/share/demo/OldDocuments/scan.txt"

# ---- a legacy installation: no key, no level ----------------------------------------------------------
asked 15
is "$rc $(count)" "0 1" "patients without a level: one is made"
like "$err" "no key.*recovery passphrase.*backup recovery" "for a recovery passphrase, and that is told"
is "$(stat -c '%a %u' "$STATE/recovery.passphrase")" "400 0" "which is root's alone"
B=$(find "$R/var/backups/demo" -name '*.gpg')
ok "it is good" backup verify "$B"
cp "$B" "$T/before-key.tar.zst.gpg"; cp "$B.sha256" "$T/before-key.tar.zst.gpg.sha256" 2>/dev/null
ok "it is unpacked with what was written down" sh -c "'$BIN/maintkit-backup' --root '$R' -p demo restore --to '$T/out' --recovery-stdin '$B' <'$STATE/recovery.passphrase'"
is "$(cat "$T/out/files/usr/share/demo/OldDocuments/scan.txt")" report "the documents of the legacy place are in it"
like "$(cat "$B.info")" "for_level=15" "it says for which level"
asked 15 --once
is "$rc $(count)" "0 1" "postinst asks again: that one is enough"
like "$err" "was made for this upgrade" "and it is named"
sed -i 's/^created=.*/created=2020-01-01T00:00:00Z/' "$B.info"
asked 15 --once
is "$rc $(count)" "0 1" "so it is when postinst is run again long after, over data half changed"
asked 15
is "$rc $(count)" "0 2" "another preinst is another upgrade: patients came since"
rm -f "$(ls "$R"/var/backups/demo/*.gpg | tail -n 1)"
asked 15 --once
is "$rc $(count)" "0 2" "one that is gone does not count"
"$BIN/maintkit-guard" --root "$R" -p demo mark --level 15 --reason "configured" 2>"$T/said" || diag "$(cat "$T/said")"
mariadb_sql "UPDATE demo.maintkit_meta SET value = '14' WHERE name = 'schema_level'"
asked 15 --once
is "$rc $(count)" "0 3" "the levels were marked: what comes is another upgrade"

# ---- levels -----------------------------------------------------------------------------------------------
mariadb_sql "CREATE OR REPLACE TABLE demo.maintkit_meta (name VARCHAR(64) PRIMARY KEY, value TEXT, reason TEXT, changed TIMESTAMP); INSERT INTO demo.maintkit_meta (name, value) VALUES ('schema_level', '19')"
rm -f "$R"/var/backups/demo/*
asked 19
is "$rc $(count)" "0 0" "the data has the level: none"
asked 19 --sql
is "$rc $(count)" "0 1" "but when SQL is going to run: one"
asked 20
is "$rc $(count)" "0 2" "a higher level: one"

# ---- it cannot be made --------------------------------------------------------------------------------------
mkdir "$T/tiny"
mount -t tmpfs -o size=300k tmpfs "$T/tiny"
mount --bind "$T/tiny" "$R/var/backups/demo"
asked 21
is "$rc $(count)" "4 0" "no space: refused"
like "$err" "not enough space.*backup forgo --reason" "with what to do"
rc_is 2 "forgo without a reason" backup forgo
ok "forgo" backup forgo --reason "the disk is full, the clinic has a copy"
asked 21
is "$rc $(count)" "0 0" "allowed once"
like "$err" "goes on without a backup" "and told"
asked 21 --once
is "$rc $(count)" "0 0" "postinst asks again: that is the same upgrade"
asked 22
is "$rc" 4 "another one is not allowed"
umount "$R/var/backups/demo"; umount "$T/tiny"
mariadb_stop
asked 23
is "$rc" 3 "the server is down: another kind of no"
run backup create --for-upgrade --level 21 --defer schema
is "$rc" 0 "which can wait"
like "$("$BIN/maintkit-pending" --root "$R" -p demo list)" "backup create --for-upgrade --level=21" "and does"

# ---- later there is a key, with a passphrase of its own ---------------------------------------------------
ok "a key is made" pgp ensure
ok "what was made before it is still opened" backup verify "$T/before-key.tar.zst.gpg"
done_testing
