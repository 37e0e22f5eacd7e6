#!/bin/bash
# proves: a schema that lacks something, or has it otherwise, is told with what mends it before anything is changed, or makes no difference
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_server
mariadb_sql "SET GLOBAL sql_mode = ''"
migrate_world '[properties]' 'file = /etc/demo/demo.properties'
echo 'DOCUMENT_DIR=/srv' >"$R/etc/demo/demo.properties"
mkdir -p "$R/srv" && cp "$TOP/tests/fixtures/hrm/version-1.1.1.xml" "$R/srv/a.xml"
# zero dates everywhere
q "INSERT INTO demographic (demographic_no, last_name, first_name, middleNames, sex, lastUpdateDate, roster_status, provider_no) VALUES (1, 'L', 'Sue Ann', NULL, 'F', '0000-00-00', 'RO', '101'), (2, 'L', 'M', '', 'M', '0000-00-00', 'TE', '102');
   INSERT INTO demographicArchive (id, demographic_no, roster_status, provider_no, lastUpdateDate) VALUES (1, 1, 'RO', '101', '0000-00-00');
   INSERT INTO HRMDocument (id, reportFile, timeReceived) VALUES (1, 'a.xml', '0000-00-00');
   INSERT INTO relationships (id, facility_id, demographic_no, relation_demographic_no, relation, creation_date, creator, sub_decision_maker, emergency_contact, deleted, notes)
	VALUES (1, 1, 1, 2, 'Spouse', '0000-00-00', '101', '1', '0', '0', 'x'), (2, 1, 2, 1, 'Spouse', '2010-01-02', '101', '0', '0', '0', NULL)"
tables="demographic demographicArchive HRMDocument relationships DemographicContact provider log Facility"
for t in $tables; do q "CREATE TABLE was_$t LIKE $t; INSERT INTO was_$t SELECT * FROM $t"; done
again() {
	local t
	for t in $tables; do echo "DROP TABLE IF EXISTS $t; CREATE TABLE $t LIKE was_$t; INSERT INTO $t SELECT * FROM was_$t;"; done | { echo "USE demo_db; DROP TABLE IF EXISTS maintkit_undo, maintkit_run, maintkit_meta;"; cat; } | mariadb_sql
	rm -rf "$R/var/lib/maintkit"
}
dump() { mariadb_sql "USE demo_db; SELECT * FROM demographic; SELECT * FROM demographicArchive; SELECT * FROM HRMDocument; SELECT * FROM relationships; SELECT * FROM DemographicContact WHERE deleted = 0 OR active = 1" 2>&1; }

# MIGRATION|SQL|what is said; nothing: it runs, and is undone
while IFS='|' read -r name sql say; do
	again
	q "$sql" || BAIL "$sql"
	dump >"$T/before"
	run migrate run "$name" --without-backup "a test"
	if [ -n "$say" ]; then
		is "$rc" 2 "$name, $sql: refused"
		like "$err" "$say" "... and why"
		rc_is 2 "... by plan too" migrate plan "$name"
		is "$(q "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'demo_db' AND table_name = 'maintkit_run'")" 0 "... before anything is written"
	else
		is "$rc" 0 "$name, $sql: runs" || diag "$err"
		isnt "$(q "SELECT SUM(cells + inserted) FROM maintkit_run")" 0 "... and does something"
		ok "... undone" migrate undo "$name" -q
		dump >"$T/after"
		same "$T/after" "$T/before" "... as before"
	fi
done <<'END'
roster|DROP TABLE demographic|table 'demographic' is missing; it is in the application's first schema
roster|DROP TABLE demographicArchive|table 'demographicArchive' is missing; the statement that adds it is in OSCAR's update-2010-10-07.sql
roster|DROP TABLE provider|
roster|ALTER TABLE demographic DROP roster_termination_reason|column 'demographic.roster_termination_reason' is missing; .* update-2011-10-14.sql
roster|ALTER TABLE demographicArchive DROP roster_enrolled_to|column 'demographicArchive.roster_enrolled_to' is missing; .* update-2019-02-22.sql
roster|ALTER TABLE demographic MODIFY roster_enrolled_to int|'demographic.roster_enrolled_to' is of type 'int' and cannot hold any text
roster|ALTER TABLE demographic MODIFY roster_enrolled_to enum('101','x')|is of type 'enum'
roster|ALTER TABLE demographic MODIFY provider_no int|
roster|ALTER TABLE demographic MODIFY roster_enrolled_to varbinary(20)|
roster|ALTER TABLE demographic MODIFY roster_enrolled_to varchar(20) CHARACTER SET utf16|character set 'utf16', which is not handled; convert the table
roster|ALTER TABLE demographic MODIFY roster_status char(2) CHARACTER SET utf16|
roster|ALTER TABLE demographic MODIFY demographic_no varchar(20) NOT NULL|the key 'demographic.demographic_no' is of type 'varchar', not an integer
middle-names|ALTER TABLE demographic DROP middleNames|column 'demographic.middleNames' is missing; .* update-2019-02-22.sql
middle-names|ALTER TABLE demographic MODIFY middleNames text|
middle-names|ALTER TABLE demographic MODIFY middleNames varchar(2)|
middle-names|UPDATE demographic SET middleNames = ''; ALTER TABLE demographic MODIFY middleNames int|'demographic.middleNames' is of type 'int'
hrm|DROP TABLE HRMDocument|table 'HRMDocument' is missing; .* update-2011-06-18.sql
hrm|ALTER TABLE HRMDocument DROP hcn|column 'HRMDocument.hcn' is missing; .* update-2019-03-11.sql
hrm|ALTER TABLE provider DROP practitionerNoType|column 'provider.practitionerNoType' is missing; .* update-2018-01-15.sql
hrm|ALTER TABLE HRMDocument MODIFY dob date|'HRMDocument.dob' is of type 'date'
hrm|ALTER TABLE HRMDocument MODIFY formattedName tinytext|
contacts|DROP TABLE relationships|table 'relationships' is missing
contacts|DROP TABLE DemographicContact|table 'DemographicContact' is missing; .* update-2011-04-01.sql
contacts|ALTER TABLE DemographicContact DROP sdm|column 'DemographicContact.sdm' is missing; .* update-2011-04-01.sql
contacts|ALTER TABLE DemographicContact DROP facilityId|column 'DemographicContact.facilityId' is missing; .* update-2012-03-30.sql
contacts|ALTER TABLE relationships MODIFY demographic_no varchar(10)|
contacts|ALTER TABLE relationships MODIFY creation_date varchar(30); UPDATE relationships SET creation_date = 'gestern'|
contacts|ALTER TABLE DemographicContact MODIFY contactId int|
contacts|ALTER TABLE DemographicContact MODIFY role varchar(3)|
contacts|ALTER TABLE relationships CONVERT TO CHARACTER SET utf8mb4; UPDATE relationships SET notes = CONVERT(0x61F09F988062 USING utf8mb4), relation = CONVERT(0xF09F9880 USING utf8mb4)|
contacts|DROP TABLE log|
contacts|DROP TABLE Facility|
END
done_testing
