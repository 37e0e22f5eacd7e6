#!/bin/bash
# proves: whatever happens around a migration (edits, deletions, a damaged record, odd character sets and modes, a full disk, a restart) loses nothing silently: it goes on, or refuses with the reason
# SPDX-License-Identifier: GPL-2.0-or-later
OWN_MOUNTS=1
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_needs
run_it() { migrate run "$1" --without-backup "a test" "${@:2}"; }
patients() { # FROM TO
	q "INSERT INTO demographic (demographic_no, last_name, first_name, middleNames, sex, lastUpdateDate, roster_status, provider_no) SELECT seq, 'L', 'Sue Ann', NULL, 'F', NOW(), 'RO', '101' FROM seq_$1_to_$2"
}
names() { q "SELECT demographic_no, HEX(first_name), HEX(middleNames), HEX(roster_enrolled_to), HEX(roster_termination_reason) FROM demographic ORDER BY 1; SELECT id, HEX(roster_enrolled_to) FROM demographicArchive ORDER BY 1"; }

# A server on a disk of its own, which is small.
mkdir "$T/disk"
mount -t tmpfs -o size=400M tmpfs "$T/disk" || skip_all "no tmpfs to be had"
end_disk() { umount -l "$T/disk"; }
at_exit end_disk
TMPDIR=$T/disk MARIADB_FAST=1 mariadb_new || BAIL "no server"
mariadb_sql "SET GLOBAL sql_mode = ''"
migrate_world

# ---- edited and deleted between run and undo ----
patients 1 6
names >"$T/before"
ok "run" run_it middle-names -q
q "UPDATE demographic SET middleNames = 'Anna' WHERE demographic_no = 2; DELETE FROM demographic WHERE demographic_no = 3"
rc_is 0 "undo" migrate undo middle-names
like "$out" "left as it is: demographic 2 middleNames.*demographic 3 first_name" "names what it left"
like "$err" "3 left because they were edited or deleted since.*migrate undo middle-names --csv FILE" "and where all of it can be had"
ok "which it can" migrate undo middle-names -q --csv "$T/left.csv"
like "$(cat "$T/left.csv")" '"1","demographic","2","middleNames",.N,"Ann","Anna"' "with what was there before"
is "$(q "SELECT GROUP_CONCAT(CONCAT(first_name, '/', IFNULL(middleNames, '-')) ORDER BY demographic_no) FROM demographic")" \
	"Sue Ann/-,Sue Ann/Anna,Sue Ann/-,Sue Ann/-,Sue Ann/-" "the edit stands, the rest is as before"
names >"$T/before"
for i in 1 2 3; do run_it middle-names -q && run_it roster -q && migrate undo middle-names -q && migrate undo roster -q; done 2>"$T/err"
names >"$T/after"
same "$T/after" "$T/before" "back and forth three times: as before"
is "$(cat "$T/err")" "" "quietly, where that is asked for"

# ---- edited between plan and run: what is there when it runs counts ----
migrate plan middle-names >"$T/out"
q "UPDATE demographic SET first_name = 'Mia Lou' WHERE demographic_no = 4; DELETE FROM demographic WHERE demographic_no = 5"
ok "run" run_it middle-names -q
is "$(q "SELECT CONCAT(first_name, '/', middleNames) FROM demographic WHERE demographic_no = 4")" "Mia/Lou" "the name that is there now"
migrate undo middle-names -q
is "$(q "SELECT first_name FROM demographic WHERE demographic_no = 4")" "Mia Lou" "and comes back"
names >"$T/before"

# ---- the record of what was changed is damaged ----
run_it middle-names -q
names >"$T/run"
q "CREATE TABLE kept_undo LIKE maintkit_undo; INSERT INTO kept_undo SELECT * FROM maintkit_undo; CREATE TABLE kept_run LIKE maintkit_run; INSERT INTO kept_run SELECT * FROM maintkit_run"
while IFS='|' read -r sql say; do
	q "$sql"
	rc_is 2 "$sql: undo refuses" migrate undo middle-names
	like "$err" "$say" "... says why"
	rc_is 2 "... beforehand, too" migrate undo middle-names --dry-run
	run migrate verify middle-names
	isnt "$rc" 0 "... verify tells it"
	names >"$T/after"
	same "$T/after" "$T/run" "... nothing was undone"
	q "DROP TABLE IF EXISTS maintkit_undo, maintkit_run; CREATE TABLE maintkit_undo LIKE kept_undo; INSERT INTO maintkit_undo SELECT * FROM kept_undo; CREATE TABLE maintkit_run LIKE kept_run; INSERT INTO maintkit_run SELECT * FROM kept_run"
done <<'END'
DROP TABLE maintkit_undo|lacks old values of it, so it could be undone in part only; nothing was changed
DELETE FROM maintkit_undo WHERE pk = 4 AND kept = 0|lacks old values
INSERT INTO maintkit_undo (run_id, batch, tab, pk, col, old, now) SELECT run_id, batch, tab, 999, col, old, now FROM maintkit_undo WHERE kept = 0 LIMIT 1|has more than belongs to it
ALTER TABLE maintkit_undo DROP old|'maintkit_undo', .*lacks the column 'old'
ALTER TABLE maintkit_undo ENGINE=MyISAM|'maintkit_undo', .*not kept by InnoDB
DROP TABLE maintkit_run|'maintkit_run', .*does not know run [0-9]+, of which 'maintkit_undo' has the old values
END
q "DROP TABLE maintkit_run"
rc_is 2 "without the record of runs nothing new is begun" run_it roster
like "$(migrate list)" "roster +due.*warning: .*'maintkit_run'.*does not know run" "list tells"
q "CREATE TABLE maintkit_run LIKE kept_run; INSERT INTO maintkit_run SELECT * FROM kept_run"
ok "with the record all is undone" migrate undo middle-names -q
names >"$T/after"
same "$T/after" "$T/before" "as before"
q "DROP TABLE kept_undo, kept_run"

# What undo retired is told from what a person deleted by the record only.
q "INSERT INTO relationships (id, facility_id, demographic_no, relation_demographic_no, relation, creator, deleted) VALUES (1, 1, 1, 2, 'Spouse', '101', '0'), (2, 1, 1, 4, 'child', '101', '0')"
run_it contacts -q && migrate undo contacts -q
q "CREATE TABLE kept_undo LIKE maintkit_undo; INSERT INTO kept_undo SELECT * FROM maintkit_undo; DELETE FROM maintkit_undo WHERE col = 0"
rc_is 2 "contacts that undo retired are not taken for deleted ones" run_it contacts
like "$err" "of 2 contacts that an undo retired, 'maintkit_undo' knows 0" "says why"
q "REPLACE INTO maintkit_undo SELECT * FROM kept_undo"
ok "with the record" run_it contacts -q
is "$(q "SELECT COUNT(*), SUM(deleted) FROM DemographicContact")" "2	0" "the same ones come back"
ok "undone" migrate undo contacts -q

# ---- backups that are bad ----
stamp() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ; }
q "DROP TABLE maintkit_meta"
touch "$R/var/backups/demo/b"
printf 'format=1\ndatabase=demo_db\ncreated=%s\nverified=%s\nfailed=%s\nfailed_why=x\n' "$(stamp -1hour)" "$(stamp -1minute)" "$(stamp -2minute)" >"$R/var/backups/demo/b.info"
rc_is 4 "a backup that was found bad once and good once is not good" migrate run roster
like "$err" "'/var/backups/demo/b' was found bad" "said"
sed -i '/^failed/d' "$R/var/backups/demo/b.info"
ok "a good one is" migrate run roster -q
ok "undone" migrate undo roster -q

# ---- character sets, collations, modes, names ----
sql() { { echo "USE demo_db; SET NAMES utf8mb4, sql_mode = '';"; cat; } | mariadb_sql; }
mariadb_sql "SET GLOBAL sql_mode = 'STRICT_ALL_TABLES,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,NO_ZERO_DATE,NO_ZERO_IN_DATE,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH,ONLY_FULL_GROUP_BY,IGNORE_SPACE'"
sql <<'END' || BAIL "fill"
DELETE FROM demographic;
ALTER TABLE demographic CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, MODIFY first_name varchar(255) NULL, MODIFY middleNames varchar(255) NULL;
ALTER TABLE demographicArchive CONVERT TO CHARACTER SET latin1;
ALTER TABLE provider CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT INTO provider (provider_no, last_name, first_name, provider_type, specialty, sex, status) VALUES ('101', 'A', 'B', 'doctor', '', 'F', '1'), ('Ab', 'A', 'B', 'doctor', '', 'F', '1');
INSERT INTO demographic (demographic_no, last_name, first_name, middleNames, sex, lastUpdateDate, roster_status, provider_no) VALUES
 (1, 'L', NULL, NULL, 'F', NOW(), 'RO', '101'),
 (2, 'L', REPEAT('é', 255), '', 'F', NOW(), 'RO', 'a\\b'),
 (3, 'L', CONCAT(REPEAT('x', 127), ' ', REPEAT('y', 127)), '', 'F', NOW(), 'RO', 'it''s'),
 (4, 'L', '     ', NULL, 'F', NOW(), 'RO', '"q"'),
 (5, 'L', CONVERT(_binary 0x537565C2A0416E6E USING utf8mb4), CONVERT(_binary 0xC2A0 USING utf8mb4), 'F', NOW(), 'TE', 'Ab'),
 (6, 'L', CONVERT(_binary 0x52656E65CC8165205A6F65CC88 USING utf8mb4), '', 'F', NOW(), 'TE', NULL),
 (7, 'L', 'O''Brien \\x', '', 'F', NOW(), 'TE', 'ab'),
 (8, 'L', CONVERT(_binary 0x53756520F09F9880 USING utf8mb4), '', 'F', NOW(), 'RO', 'ł1'),
 (9, 'L', 'A\\', 'B\\', 'F', NOW(), 'ro', '101'),
 (10, 'L', CONVERT(_binary 0xE28083E38080 USING utf8mb4), CONVERT(_binary 0xE28083 USING utf8mb4), 'F', NOW(), 'RO', '101');
INSERT INTO demographicArchive (demographic_no, last_name, first_name, roster_status, provider_no) SELECT demographic_no, 'L', '', roster_status, provider_no FROM demographic WHERE demographic_no < 8;
ALTER TABLE demographicArchive MODIFY provider_no varchar(250) CHARACTER SET utf8mb4;
UPDATE demographicArchive SET provider_no = 'ł1' WHERE demographic_no = 1;
END
names >"$T/before"
ok "roster: two collations can be compared" migrate plan roster
like "$out" "1  character: demographicArchive.*provider_no 'ł1' has characters that the column cannot hold: it is left" "what latin1 cannot hold is told"
like "$out" "provider unknown: demographic.*: 'a.b'.*: 'ab'|provider unknown" "as is who nobody knows"
ok "run" run_it roster -q
is "$(q "SELECT COUNT(*) FROM demographic WHERE roster_enrolled_to = provider_no COLLATE utf8mb4_bin")" 8 "every provider as it was"
is "$(q "SELECT GROUP_CONCAT(demographic_no ORDER BY 1) FROM demographicArchive WHERE roster_enrolled_to IS NULL AND roster_status IN ('RO', 'TE')")" 1,6 "but the one that would become another one, and none"
ok "roster holds" migrate verify roster
like "$(migrate list)" "roster +done" "and is not due again"
ok "middle-names" run_it middle-names -q
sql >"$T/got" <<'END'
SELECT demographic_no, HEX(first_name), HEX(middleNames) FROM demographic WHERE demographic_no IN (1, 4, 5, 6, 7, 8, 9, 10) ORDER BY 1;
SELECT demographic_no, CHAR_LENGTH(first_name), CHAR_LENGTH(middleNames) FROM demographic WHERE demographic_no IN (2, 3) ORDER BY 1;
END
is "$(cat "$T/got")" "1	NULL	
4		
5	537565	416E6E
6	52656E65CC8165	5A6F65CC88
7	4F27427269656E	5C78
8	537565	F09F9880
9	415C	425C
10		
2	255	0
3	127	127" "names of every kind: split at any blank, no letter lost, NULL stays"
ok "verify" migrate verify middle-names
migrate undo middle-names -q && migrate undo roster -q
names >"$T/after"
same "$T/after" "$T/before" "undone: as before, byte by byte"
sql <<<"ALTER TABLE demographic MODIFY roster_status varchar(20) CHARACTER SET utf16, MODIFY provider_no varchar(250) CHARACTER SET utf16"
ok "a status in utf16" run_it roster -q
is "$(q "SELECT COUNT(roster_enrolled_to), COUNT(roster_termination_reason) FROM demographic")" "8	3" "is recognized all the same"
ok "undone" migrate undo roster -q

# ---- a copy beside the database, at the same time ----
mariadb_sql "CREATE DATABASE copy; SET sql_mode = ''; CREATE TABLE copy.demographic LIKE demo_db.demographic; INSERT INTO copy.demographic SELECT * FROM demo_db.demographic"
run_it middle-names --database copy -q --batch 1 2>"$T/copy" & pid=$!
ok "the database" run_it middle-names -q --batch 1
wait $pid; is "$?" 0 "and its copy" || diag "$(cat "$T/copy")"
ok "the copy undone" migrate undo middle-names --database copy -q
ok "the other one still holds" migrate verify middle-names
like "$(migrate undo middle-names --dry-run)" "would undo 1 run" "and can be undone"
is "$(mariadb_sql "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'mk-%'")" 0 "no account is left"
migrate undo middle-names -q

# ---- the server takes no changes, has no room, is restarted ----
mariadb_sql "SET GLOBAL sql_mode = ''; SET GLOBAL read_only = 1"
rc_is 3 "read_only: not now" run_it middle-names
like "$err" "takes no changes now \(read_only\)" "said"
mariadb_sql "SET GLOBAL read_only = 0"
patients 11 40000
names >"$T/before"
room=$(df --output=avail -k "$T/disk" | tail -n 1)
head -c $(((room - 4096) * 1024)) /dev/zero >"$T/disk/full"
rc_is 2 "the server's disk is full" run_it middle-names
like "$err" "is full .*when that is mended, the same command goes on" "said, with how to go on"
rm "$T/disk/full"
ok "with room it does" run_it middle-names -q
ok "and holds" migrate verify middle-names
mariadb_sql "CREATE USER demo@localhost IDENTIFIED BY 'x'; GRANT ALL ON demo_db.* TO demo@localhost"
: >"$T/go"
application() { while [ -e "$T/go" ]; do mariadb --no-defaults --socket="$MARIADB_SOCKET" -udemo -px demo_db -e "UPDATE demographic SET middleNames = 'Edited' WHERE demographic_no = $((RANDOM % 20000 + 20))" 2>/dev/null; done; }
application & app=$!
migrate undo middle-names --online -q >"$T/out" 2>&1 & pid=$!
await "the undo" "SELECT COUNT(*) > 0 FROM demo_db.maintkit_run WHERE state = 'undoing' OR undone > '$(q "SELECT UTC_TIMESTAMP()")'"
mariadb_stop; mariadb_start || BAIL "the server does not come back"
wait $pid; rc=$?; rm "$T/go"; wait $app
# lost between two steps of its own it says "not now"; the same command goes on
[ "$rc" != 3 ] || { migrate undo middle-names --online -q >>"$T/out" 2>&1; rc=$?; }
is "$rc" 0 "undo beside the application, over a restart of the server" || diag "$(cat "$T/out")"
is "$(q "SELECT COUNT(*) FROM demographic WHERE first_name = 'Sue' OR middleNames = 'Ann'")" 0 "nothing of ours is left"
is "$(q "SELECT COUNT(*) FROM maintkit_undo u JOIN demographic d ON d.demographic_no = u.pk WHERE u.kept = 1 AND u.run_id = (SELECT MAX(run_id) FROM maintkit_run) AND d.middleNames <> 'Edited'")" 0 "what it left is what the application wrote"
mariadb_stop
MARIADB_OPTIONS=--innodb-read-only mariadb_start || BAIL "no server"
rc_is 3 "innodb_read_only: not now" run_it middle-names
like "$err" "takes no changes now \(innodb_read_only\)" "said"
mariadb_stop
done_testing
