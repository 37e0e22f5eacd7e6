#!/bin/bash
# proves: migrate roster does row by row what OSCAR's page does, goes on where that dies, can be taken back byte by byte
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_server
migrate_world

# no status provider enrolled reason middle -> enrolled reason, as the page leaves them (typed from its description)
rows() { cat <<'EOT'
1 'RO' '101' NULL NULL '' 101 NULL
2 'RO' '101' '' '' '' 101 
3 'RO' '101' ' ' NULL '' _ NULL
4 'RO' '101' '102' NULL '' 102 NULL
5 'RO' '' NULL NULL '' NULL NULL
6 'RO' NULL NULL NULL '' NULL NULL
7 'RO' ' ' NULL NULL '' _ NULL
8 'RO' '999998' NULL NULL '' 999998 NULL
9 'RO' '123456789012345678901234' NULL NULL '' 12345678901234567890 NULL
10 'TE' '101' NULL NULL '' 101 33
11 'TE' '101' '' '' '' 101 33
12 'TE' '101' '102' '12' '' 102 12
13 'TE' '' NULL NULL '' NULL 33
14 'TE' NULL '' '' ''  33
15 'TE' '101' NULL ' ' '' 101 _
16 'ro' '101' NULL NULL '' NULL NULL
17 'RO ' '101' NULL NULL '' NULL NULL
18 'te' '101' NULL NULL '' NULL NULL
19 'ROSTERED' '101' NULL NULL '' NULL NULL
20 'NR' '101' NULL NULL '' NULL NULL
21 'FS' '101' NULL NULL '' NULL NULL
22 '' '101' NULL NULL '' NULL NULL
23 NULL '101' NULL NULL '' NULL NULL
24 'XY' '101' '' '' ''  
25 'RO' '101' NULL NULL NULL 101 NULL
26 'TE' '101' NULL NULL NULL 101 33
27 'RO' 'é1' NULL NULL '' é1 NULL
EOT
}
fill() {
	local no status provider enrolled reason middle rest
	q "DELETE FROM demographic; DELETE FROM demographicArchive; DELETE FROM provider;
	   INSERT INTO provider (provider_no, last_name, first_name, provider_type, specialty, sex, status) VALUES ('101','A','B','doctor','','F','1'), ('102','C','D','doctor','','F','0')" ||
		BAIL "fill"
	# columns by a blank; 'RO ' and ' ' have one inside the quotes
	rows | python3 -c '
import re, sys
for line in sys.stdin:
    f = re.findall(r"\x27[^\x27]*\x27|\S+|(?<= )(?= |$)", line.rstrip("\n"))
    no, status, provider, enrolled, reason, middle = f[:6]
    print(f"INSERT INTO demographic (demographic_no, last_name, first_name, sex, lastUpdateDate, lastUpdateUser, province, hin, roster_status, provider_no, roster_enrolled_to, roster_termination_reason, middleNames, patient_status) VALUES ({no}, \x27L\x27, \x27F\x27, \x27F\x27, \x272001-02-03 04:05:06\x27, \x27u\x27, \x27 on\x27, {no}, {status}, {provider}, {enrolled}, {reason}, {middle}, \x27DE\x27);")
    print(f"INSERT INTO demographicArchive (id, demographic_no, last_name, roster_status, provider_no, roster_enrolled_to, roster_termination_reason, lastUpdateDate) VALUES (100+{no}, {no}, \x27L\x27, {status}, {provider}, {enrolled}, {reason}, \x272001-02-03\x27);")
    print(f"INSERT INTO demographicArchive (id, demographic_no, last_name, roster_status, provider_no, roster_enrolled_to) VALUES (200+{no}, 1000+{no}, \x27gone\x27, {status}, {provider}, {enrolled});")
' | { echo 'USE demo_db;'; echo "SET sql_mode='';"; cat; } | mariadb --no-defaults --default-character-set=utf8mb4 --socket="$MARIADB_SOCKET" || BAIL "fill"
	q "UPDATE demographic SET lastUpdateDate = '0000-00-00' WHERE demographic_no = 2"
}
mariadb_sql "SET GLOBAL sql_mode = ''"
fill
tables_dump >"$T/before"

rc_is 0 "list" migrate list
like "$out" "roster +due" "says that it is due"
like "$out" "11 patients and 11 former states .* lack roster_enrolled_to, 5 with TE a reason" "with what it saw"
rc_is 0 "plan" migrate plan roster --csv "$T/plan.csv"
like "$out" "11  enrolled: demographic.roster_enrolled_to" "counts patients"
like "$out" "patients enrolled to provider '101': 7" "and who gets how many"
like "$out" "1  cut: demographic" "tells what is cut"
like "$out" "provider unknown" "and providers that nobody knows"
is "$(stat -c %a "$T/plan.csv")" 600 "the list is nobody else's"
like "$(cat "$T/plan.csv")" '"enrolled","demographic","1","roster_enrolled_to",\\N,"101",""' "NULL and text are told apart in it"
tables_dump >"$T/now"
same "$T/now" "$T/before" "nothing was changed by looking"

rc_is 4 "run without a backup is refused" migrate run roster
like "$err" "backup create" "saying which command makes one"
# Backups as `backup create` and `backup verify` leave them.
stamp() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ; }
backup() { # NAME CREATED VERIFIED DATABASE
	touch "$R/var/backups/demo/$1"
	printf 'format=1\ndatabase=%s\ncreated=%s\nverified=%s\n' "$4" "$(stamp "$2")" "${3:+$(stamp "$3")}" >"$R/var/backups/demo/$1.info"
}
backup old -2day -2day demo_db
backup other -1hour -1hour other_db
rc_is 4 "an old one and one of another database do not count" migrate run roster
backup ahead +10years -1hour demo_db
rc_is 4 "nor does one of a time that has not come yet: it may be of any age" migrate run roster
rm "$R/var/backups/demo/ahead"*
backup fresh -1hour '' demo_db
rc_is 4 "nor does one that was never read back" migrate run roster
like "$err" "run: maintkit -p demo backup verify /var/backups/demo/fresh;" "which is named"
backup fresh -1hour -1minute demo_db
q "CREATE TABLE maintkit_meta (name varchar(64) PRIMARY KEY, value text NOT NULL, reason text, changed timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP) ENGINE=InnoDB; INSERT INTO maintkit_meta (name, value, reason) VALUES ('schema_level', '15', 'an upgrade')"
rc_is 4 "nor one from before an upgrade" migrate run roster
q "UPDATE maintkit_meta SET changed = NOW() - INTERVAL 2 HOUR"
rc_is 0 "a good one does" migrate run roster
is "$(q "SELECT backup FROM maintkit_run")" /var/backups/demo/fresh "and is kept with the run"
rc_is 0 "it is taken back" migrate undo roster
rm -f "$R"/var/backups/demo/*
q "DROP TABLE maintkit_meta, maintkit_run, maintkit_undo"
rm -rf "$R/var/lib/maintkit"
tables_dump >"$T/now"
same "$T/now" "$T/before" "wholly"

mariadb_sql "SELECT GET_LOCK('maintkit_migrate/demo_db', 5), SLEEP(60)" >/dev/null 2>&1 & holder=$!
await "another run's lock" "SELECT IS_USED_LOCK('maintkit_migrate/demo_db') IS NOT NULL"
rc_is 3 "another run has the lock: not now" migrate run roster --without-backup "a test" --wait 1
like "$err" "another run holds the lock" "after having waited"
q "KILL $(mariadb_sql "SELECT IS_USED_LOCK('maintkit_migrate/demo_db')")"
wait $holder
q "CREATE USER demo@localhost IDENTIFIED BY 'x'; GRANT ALL ON demo_db.* TO demo@localhost"
mariadb --no-defaults --socket="$MARIADB_SOCKET" -udemo -px demo_db -e 'SELECT SLEEP(60)' >/dev/null 2>&1 & holder=$!
await "the application's connection" "SELECT COUNT(*) FROM information_schema.processlist WHERE user='demo'"
rc_is 4 "nor while the application is connected" migrate run roster --without-backup "a test"
like "$err" "1 connection to 'demo_db'.*--online" "saying so"
q "KILL $(q "SELECT id FROM information_schema.processlist WHERE user='demo'")"
wait $holder
await "the end of the application's connection" "SELECT COUNT(*) = 0 FROM information_schema.processlist WHERE user='demo'"
rc_is 0 "run" migrate run roster --without-backup "a test" --batch 4
like "$err" "roster.*is done: 27 cells" "says what it did"
q "SELECT demographic_no, IFNULL(REPLACE(roster_enrolled_to,' ','_'),'NULL'), IFNULL(REPLACE(roster_termination_reason,' ','_'),'NULL') FROM demographic ORDER BY 1" | tr '\t' ' ' >"$T/got"
rows | python3 -c '
import re, sys
for line in sys.stdin:
    line = line.rstrip("\n")
    f = re.findall(r"\x27[^\x27]*\x27|[^ ]+|(?<= )(?= |$)", line)
    print(f[0], f[-2] if len(f) > 6 else "", f[-1])' >"$T/want"
same "$T/got" "$T/want" "every patient as the page would have left it, and those that kill it too"
is "$(q "SELECT GROUP_CONCAT(id ORDER BY id) FROM demographicArchive WHERE roster_enrolled_to = LEFT(provider_no,20) AND LENGTH(provider_no) > 0")" \
	"101,102,107,108,109,110,111,115,125,126,127" "former states: those of patients that are there"
is "$(q "SELECT COUNT(*) FROM demographicArchive WHERE roster_termination_reason = '33'")" 0 "which get no reason"
is "$(q "SELECT COUNT(*) FROM demographic WHERE lastUpdateDate NOT IN ('2001-02-03 04:05:06', '0000-00-00') OR province <> ' on'")" 0 "nothing else is touched"
rc_is 0 "verify" migrate verify roster
like "$out" "ok +patients without roster_enrolled_to" "finds all well"
tables_dump >"$T/after"
rc_is 0 "run again" migrate run roster
like "$err" "nothing to do" "does nothing, and needs no backup for it"
tables_dump >"$T/now"
same "$T/now" "$T/after" "really"
rc_is 0 "status" migrate status roster
like "$out" "roster +done" "says done"
is "$(mariadb_sql "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'mk-%'")" 0 "the account that did it is gone"
like "$(guard status)" "min_app_level: 18" "the guard knows"
rc_is 4 "and refuses what cannot read it" guard check 15-88~844
like "$err" "data migration roster was run" "with the reason"
rc_is 0 "but not 18" guard check 18-7~928

q "UPDATE demographic SET roster_enrolled_to = '777' WHERE demographic_no = 1; UPDATE demographic SET roster_enrolled_to = NULL WHERE demographic_no = 8"
rc_is 2 "what will be left is not known before" migrate undo roster --dry-run --csv "$T/left.csv"
rc_is 0 "undo, two cells having been edited" migrate undo roster --samples 1 --csv "$T/left.csv"
like "$err" "25 changes taken back, 2 left" "says what it left"
is "$(cat "$T/left.csv")" '"run","table","key","column","before","written","now"
"1","demographic","1","roster_enrolled_to",\N,"101","777"
"1","demographic","8","roster_enrolled_to",\N,"999998",\N' "all of it, with what was there, what was written and what is there now"
is "$(stat -c %a "$T/left.csv")" 600 "for root only"
like "$out" "left as it is: demographic 1 roster_enrolled_to" "and which"
q "UPDATE demographic SET roster_enrolled_to = NULL WHERE demographic_no IN (1, 8)"
tables_dump >"$T/now"
same "$T/now" "$T/before" "but for those, it is as before, byte for byte"
rc_is 0 "the guard lets the old version in again" guard check 15-88~844
rc_is 0 "undo again" migrate undo roster
like "$err" "nothing to undo" "has nothing to do"
rc_is 0 "what was left can be had later, too" migrate undo roster --csv "$T/later.csv"
is "$(cut -d, -f1-6 "$T/later.csv")" "$(cut -d, -f1-6 "$T/left.csv")" "the same, with what is there by now"

rc_is 0 "with choices" migrate run roster --without-backup "a test" --no-invented-reason --skip-blank-providers
is "$(q "SELECT COUNT(*) FROM demographic WHERE roster_termination_reason = '33'")" 0 "no reason is invented"
is "$(q "SELECT roster_enrolled_to IS NULL FROM demographic WHERE demographic_no = 7")" 1 "no blank is copied"
rc_is 0 "verify knows the choices" migrate verify roster
rc_is 0 "undo" migrate undo roster
tables_dump >"$T/now"
same "$T/now" "$T/before" "as before"

# Bad input.
q "ALTER TABLE demographicArchive ENGINE=MyISAM"
rc_is 4 "a table that cannot roll back is refused" migrate run roster --without-backup x
like "$err" 'ALTER TABLE .demographicArchive. ENGINE=InnoDB' "with the way out"
q "ALTER TABLE demographicArchive ENGINE=InnoDB; ALTER TABLE demographic DROP roster_enrolled_to"
rc_is 2 "a missing column" migrate run roster --without-backup x
like "$err" "demographic.roster_enrolled_to' is missing; the statement that adds it is in OSCAR's update-2019-02-22.sql" "is named, and what adds it"
like "$(migrate list)" "roster +not possible" "list goes on"
rc_is 2 "an unknown migration" migrate run rooster
like "$err" "there are: roster" "names those there are"
rc_is 2 "an option of another one" migrate plan roster --join
done_testing
