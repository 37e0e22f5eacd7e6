#!/bin/bash
# proves: what would stop a migration half way, or keep another value than the one written, is found by plan and run before anything is changed, and named with the way out; undo looks for the same
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_server
mariadb_sql "SET GLOBAL sql_mode = ''"
migrate_world
q "CREATE TABLE seen (what varchar(20));
   INSERT INTO demographic (demographic_no, last_name, first_name, middleNames, sex, lastUpdateDate, roster_status, provider_no) VALUES (1, 'L', 'Sue Ann', NULL, 'F', NOW(), 'RO', '101'), (2, 'L', 'M', '', 'M', NOW(), 'TE', '102');
   INSERT INTO relationships (id, facility_id, demographic_no, relation_demographic_no, relation, creator, sub_decision_maker, deleted) VALUES (1, 1, 1, 2, 'Spouse', '101', '1', '0'), (2, 1, 2, 1, 'Spouse', '101', '0', '0')"
tables="demographic demographicArchive relationships DemographicContact"
for t in $tables; do q "CREATE TABLE was_$t LIKE $t; INSERT INTO was_$t SELECT * FROM $t"; done
again() {
	local t
	for t in $tables; do echo "DROP VIEW IF EXISTS $t; DROP TABLE IF EXISTS $t; CREATE TABLE $t LIKE was_$t; INSERT INTO $t SELECT * FROM was_$t;"; done | { echo "USE demo_db; DROP TABLE IF EXISTS kept_aside, maintkit_undo, maintkit_run, maintkit_meta;"; cat; } | mariadb_sql 2>/dev/null
	rm -rf "$R/var/lib/maintkit"
}
dump() { mariadb_sql "USE demo_db; SELECT * FROM demographic; SELECT * FROM demographicArchive; SELECT * FROM relationships; SELECT * FROM DemographicContact WHERE deleted = 0 OR active = 1" 2>&1; }
has_run() { q "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'demo_db' AND table_name = 'maintkit_run'"; }
C="ALTER TABLE DemographicContact"

# STATUS|MIGRATION|SQL|what is said. Status 0: it runs with that warning (or none), and is undone.
while IFS='|' read -r status name sql say; do
	again
	echo "USE demo_db; $sql" | mariadb_sql || BAIL "$sql"
	dump >"$T/before"
	run migrate plan "$name"
	is "$rc" "$status" "plan $name, $sql"
	like "$err" "$say" "... says it"
	like "$out" "changes:" "... and what would change, all the same"
	run migrate run "$name" --without-backup "a test"
	is "$rc" "$status" "... run"
	like "$err" "$say" "... says it, too"
	if [ "$status" = 0 ]; then
		like "$err" "is done" "... and does it"
		ok "... undone" migrate undo "$name" -q
	else
		is "$(has_run)" 0 "... before anything is written"
		like "$(migrate list)" "$name +due.*warning:.*$say" "... and list tells"
	fi
	dump >"$T/after"
	same "$T/after" "$T/before" "... nothing is changed in the end"
done <<END
2|contacts|$C ADD priority int NOT NULL|column 'DemographicContact.priority' \(int\(11\)\) is one that 'contacts' does not know; it is NOT NULL .*ALTER TABLE .DemographicContact. ALTER .priority. SET DEFAULT 0 .* if 0 means
2|contacts|$C ADD colour varchar(7) NOT NULL|colour' \(varchar\(7\)\).* SET DEFAULT ''
2|contacts|$C ADD since date NOT NULL|since' \(date\).*no value is right .*MODIFY .since. date NULL
2|contacts|$C ADD story text NOT NULL|story' \(text\).*MODIFY .story. text NULL
2|contacts|$C ADD code int NOT NULL; SET @n = 0; UPDATE DemographicContact SET code = (@n := @n + 1); $C ADD UNIQUE (code)|code' \(int\(11\)\).*no value is right .*MODIFY .code. int\(11\) NULL
0|contacts|$C ADD priority int NOT NULL DEFAULT 5, ADD colour varchar(7) NULL, ADD kind enum('a','b') NOT NULL, ADD twice int AS (id * 2), ADD at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP|
2|contacts|$C MODIFY id int NOT NULL|'DemographicContact.id' \(int\(11\)\) does not number new rows; .*AUTO_INCREMENT
2|contacts|$C MODIFY id int NOT NULL, DROP PRIMARY KEY, ADD KEY (id)|'DemographicContact.id' is no key of its own
2|contacts|$C DROP sdm, ADD sdm varchar(10) AS (IF(type = 1, 'true', '')) PERSISTENT|'DemographicContact.sdm' is computed by the server
2|contacts|$C MODIFY contactId varchar(4)|'DemographicContact.contactId' is of type 'varchar\(4\)', which does not hold text of 10 characters
2|contacts|$C MODIFY deleted bit(1)|'DemographicContact.deleted' is of type 'bit\(1\)', which does not hold a number
2|contacts|$C MODIFY sdm enum('true','')|'DemographicContact.sdm' is of type 'enum
4|contacts|$C ENGINE=MyISAM|MyISAM.*ENGINE=InnoDB
4|contacts|CREATE TRIGGER t BEFORE INSERT ON DemographicContact FOR EACH ROW SET NEW.role = LOWER(NEW.role)|trigger 't' on table 'DemographicContact' \(BEFORE INSERT\) sets 'role' itself.*SHOW CREATE TRIGGER
0|contacts|CREATE TRIGGER t BEFORE INSERT ON DemographicContact FOR EACH ROW SET @x = NEW.role|trigger 't' on table 'DemographicContact' \(BEFORE INSERT\) runs for every row
0|contacts|CREATE TRIGGER t AFTER INSERT ON DemographicContact FOR EACH ROW INSERT INTO seen VALUES (NEW.role)|trigger 't' .*AFTER INSERT.*undo does not take it back
0|contacts|$C ADD UNIQUE (demographicNo, contactId, type)|'DemographicContact.contactId' is part of a unique key
0|contacts|$C ADD CONSTRAINT c CHECK (demographicNo > 0)|CHECK constraint 'c'
4|roster|CREATE TRIGGER t BEFORE UPDATE ON demographic FOR EACH ROW SET NEW.lastUpdateDate = NOW(), NEW.\`roster_enrolled_to\` = '999'|trigger 't' on table 'demographic' \(BEFORE UPDATE\) sets 'roster_enrolled_to' itself
0|roster|CREATE TRIGGER t AFTER DELETE ON demographic FOR EACH ROW INSERT INTO seen VALUES ('gone')|
2|roster|ALTER TABLE demographic MODIFY roster_termination_reason varchar(1)|'demographic.roster_termination_reason' is of type 'varchar\(1\)'
2|roster|ALTER TABLE demographicArchive MODIFY roster_enrolled_to varchar(3)|'demographicArchive.roster_enrolled_to' is of type 'varchar\(3\)'
2|roster|RENAME TABLE demographic TO kept_aside; CREATE VIEW demographic AS SELECT * FROM kept_aside|'demographic' is a view
2|middle-names|ALTER TABLE demographic MODIFY demographic_no int NOT NULL, DROP PRIMARY KEY|'demographic.demographic_no' is no key of its own
END

# ---- a trigger that cannot be read: what it did is read back ----
again
q "CREATE OR REPLACE PROCEDURE loud(INOUT x varchar(60)) SET x = UPPER(x)"
echo "USE demo_db; CREATE TRIGGER t BEFORE UPDATE ON demographic FOR EACH ROW CALL loud(NEW.middleNames)" | mariadb_sql
dump >"$T/before"
rc_is 2 "a procedure of a trigger changes the value" migrate run middle-names --without-backup "a test"
like "$err" "'demographic.middleNames' does not hold what was written to 1 rows: a trigger" "found out"
dump >"$T/after"
same "$T/after" "$T/before" "nothing of it is kept"
q "DROP TRIGGER t"
ok "without it the run goes on" migrate run middle-names --without-backup "a test" -q
is "$(q "SELECT CONCAT(first_name, '/', middleNames) FROM demographic WHERE demographic_no = 1")" "Sue/Ann" "to its end"

# ---- undo ----
dump >"$T/run"
echo "USE demo_db; CREATE TRIGGER t BEFORE UPDATE ON demographic FOR EACH ROW SET NEW.middleNames = TRIM(NEW.middleNames)" | mariadb_sql
rc_is 4 "undo does not write through a trigger that changes what it writes" migrate undo middle-names
like "$err" "trigger 't'.*'middleNames'" "which is named"
echo "USE demo_db; DROP TRIGGER t; CREATE TRIGGER t BEFORE UPDATE ON demographic FOR EACH ROW CALL loud(NEW.first_name)" | mariadb_sql
rc_is 2 "nor through a procedure" migrate undo middle-names
like "$err" "a trigger has changed it" "found out"
q "DROP TRIGGER t; ALTER TABLE demographic ENGINE=MyISAM"
rc_is 4 "nor into a table that cannot roll back" migrate undo middle-names
q "ALTER TABLE demographic ENGINE=InnoDB, CHANGE middleNames middle varchar(100)"
rc_is 2 "nor without the column" migrate undo middle-names
like "$err" "column 'demographic.middleNames' is no longer there" "which is named"
q "ALTER TABLE demographic CHANGE middle middleNames varchar(100)"
dump >"$T/after"
same "$T/after" "$T/run" "all of that changed nothing"
ok "then it is undone" migrate undo middle-names -q
dump >"$T/after"
same "$T/after" "$T/before" "wholly"
done_testing
