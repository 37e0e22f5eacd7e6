#!/bin/bash
# proves: backups are listed, test-restored and pruned by rules, and what still is needed never goes
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/backup.sh"
backup_system

field() { backup list --json | python3 -c 'import json,sys; print(json.load(sys.stdin)[int(sys.argv[1])][sys.argv[2]])' "$1" "$2"; }
scratches() { mariadb_sql "SHOW DATABASES LIKE 'maintkit%'"; }

rc_is 0 "no backup yet" backup list
like "$err" "no backup in" "and that is said"
rc_is 2 "nothing to verify" backup verify
ok "nothing to prune" backup prune
ok "a key" pgp ensure
mariadb_sql <<'SQL'
CREATE DATABASE demo CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
USE demo;
CREATE TABLE demographic (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60), born DATE, note TEXT, f DOUBLE);
INSERT INTO demographic (name, born, note, f) SELECT CONCAT('P', seq), '1970-01-01' + INTERVAL seq DAY, REPEAT('é', seq % 50), SQRT(seq) FROM seq_1_to_5000;
CREATE TABLE appointment (id INT PRIMARY KEY, f FLOAT); INSERT INTO appointment SELECT seq, SQRT(seq) FROM seq_1_to_100;
CREATE TABLE old (a INT) ENGINE=MyISAM; INSERT INTO old VALUES (1), (2);
CREATE TABLE parent (id INT PRIMARY KEY); CREATE TABLE child (p INT, FOREIGN KEY (p) REFERENCES parent (id));
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1);
CREATE VIEW v AS SELECT name FROM demographic;
SQL
mkdir -p "$R/var/lib/demo/documents"; echo one >"$R/var/lib/demo/documents/1"
sleep 1.1
ok "a backup" backup create
first=$(names)
is "$(field 0 verified) $(field 0 purpose)" "None hand" "it is not verified yet"
like "$(backup list)" "^DATE +VERSION +LEVEL +SIZE +VERIFIED +KEYS" "the list has a head"
like "$(backup list | sed -n 2p)" "^20[0-9]{2}-[0-9-]+ [0-9:]+Z .* no +[0-9A-F]{8}" "and a line with date and key"

# ---- the restore test
ok "restore test of the newest" backup verify --restore-test
like "$out" "all 5 tables have their rows; 5 are equal to the live ones" "all are compared, the one with FLOAT too"
is "$(scratches)" "" "the scratch database is gone"
is "$(field 0 verified_how)" loaded "the outcome is kept"
like "$(backup list)" "20[0-9-]+ loaded" "and listed"
# the archive's own text counts, so another boot's id is put where this machine has its own
cp /proc/sys/kernel/random/uuid "$T/boot"
another_boot() { unshare --mount --propagation private sh -c 'mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"' - "$T/boot" "$BIN/maintkit-backup" --root "$R" -p demo "$@"; }
ok "another boot" another_boot verify --restore-test
like "$err" "started again since, or a clock was set" "nobody knows what the clock did meanwhile"
like "$out" "0 are equal" "so nothing is compared, and nothing found bad"
mariadb_sql "INSERT INTO demo.demographic (name) VALUES ('later')"
ok "a table that was written to since" backup verify --restore-test
like "$out" "4 are equal" "is not compared"
ok "verify alone" backup verify --json
is "$(field 0 verified_how)" read "is the latest outcome"
is "$(grep -c ^verified= "$B/$first.info")" 1 "which is kept once"
# killed half-way: the next run takes the rest away
"$BIN/maintkit-backup" --root "$R" -p demo verify --restore-test >/dev/null 2>&1 & job=$!
ok "a test is on its way" stop_below $job mariadb 30000
kill -9 $job; wait $job 2>/dev/null; end_victim
isnt "$(scratches)" "" "a killed test leaves its database"
ok "the next" backup verify --restore-test
is "$(scratches)" "" "drops it"
mariadb_sql "CREATE EVENT demo.ev ON SCHEDULE EVERY 1 DAY DO DELETE FROM demo.old; SET GLOBAL event_scheduler = ON"
sleep 1.1
ok "a backup with an event" backup create
rc_is 4 "is not loaded while the server runs events" backup verify --restore-test
like "$err" "event_scheduler = OFF" "and what to do is said"
is "$(field 1 failed)" None "which is no fault of the backup"
mariadb_sql "SET GLOBAL event_scheduler = OFF"
ok "but when it does not" backup verify --restore-test
mariadb_stop
rc_is 3 "without a server" backup verify --restore-test
mariadb_start

# ---- a bad one is remembered
cp "$B/$first" "$T/kept"
printf 'x' | dd of="$B/$first" bs=1 seek=5000 conv=notrunc status=none
rc_is 2 "a byte changed" backup verify "$first"
like "$(backup list)" "BAD 20" "is listed as bad"
like "$(field 0 failed_why)" "not what was written" "and why"
is "$(field 0 verified)" None "nobody takes it for a verified one"
like "$(field 0 was_verified)" "^20" "when it had been good is known"
ok "the other is fine" backup verify
cp "$T/kept" "$B/$first"
ok "mended" backup verify "$first"
is "$(field 0 failed)" None "it is bad no more"

# ---- prune: backups of many days, made from one
second=$(names | tail -1)
make() {	# NAME DATE [SED]
	cp "$B/$second" "$B/$1.tar.zst.gpg"; cp "$B/$second.sha256" "$B/$1.tar.zst.gpg.sha256"
	sed -e "s/^created=.*/created=$2/" -e '/^verified/d' -e "s/^purpose=.*/${3:-purpose=hand}/" "$B/$second.info" >"$B/$1.tar.zst.gpg.info"
	[ -z "${4:-}" ] || echo "$4" >>"$B/$1.tar.zst.gpg.info"
}
rm "$B/$first"*
for i in $(seq 1 60); do make "d$i" "$(date -u -d "2026-06-30 - $i days" +%FT01:00:00Z)"; done
make up1 2026-01-02T00:00:00Z purpose=upgrade
make up2 2026-01-03T00:00:00Z purpose=upgrade
make purge 2025-01-01T00:00:00Z purpose=archive
make full 2026-02-01T00:00:00Z
make since 2026-06-29T02:00:00Z '' base=full.tar.zst.gpg
make orphan 2026-06-30T02:00:00Z '' base=gone.tar.zst.gpg
echo verified=2026-05-03T00:00:00Z >>"$B/d58.tar.zst.gpg.info"
rm "$B/$second.info"; mv "$B/$second" "$B/strange.tar.zst.gpg"
: >"$B/vanished.tar.zst.gpg.info"
printf '[backup]\nkeep-months = 3\n' >"$R/etc/demo/maintkit.conf"
ok "what would go" backup prune --dry-run
is "$(names | wc -l)" 67 "nothing goes by asking"
like "$out" "keep +since.*day 1" "the newest day"
like "$out" "go +d1.tar" "which another of that day does not stand for"
like "$out" "go +orphan.tar[^:]*: it cannot be restored" "nor one whose base is gone"
ok "prune" backup prune
names >"$T/left"
is "$(sort "$T/left" | tr '\n' ' ')" "$(printf '%s.tar.zst.gpg\n' since d2 d3 d4 d5 d6 d7 d9 d16 d30 d58 up2 purge full strange | sort | tr '\n' ' ')" "what the rules hold is left"
is "$(ls "$B" | grep -c 'vanished\|up1')" 0 "nothing beside the others"
ok "again" backup prune
like "$err" "0 of 15 backups" "there is nothing to do"
printf '[backup]\nkeep-days = many\n' >"$R/etc/demo/maintkit.conf"
rc_is 2 "a rule that is no number" backup prune
is "$(names | wc -l)" 15 "removes nothing"
printf '[backup]\nkeep-days = 0\nkeep-weeks = 0\nkeep-months = 0\n' >"$R/etc/demo/maintkit.conf"
ok "no rule at all" backup prune
is "$(names | sort | tr '\n' ' ')" "$(printf '%s.tar.zst.gpg\n' since d58 up2 purge full strange | sort | tr '\n' ' ')" "leaves the newest, the verified, the named and their base"
done_testing
