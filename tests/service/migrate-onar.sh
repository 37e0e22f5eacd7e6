#!/bin/bash
# proves: of the antenatal records it is told how many are copied, half copied, or cannot be, and nothing else is done with them
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_server
migrate_world
status() { migrate status onar; }
# OLD RECORD EXT1 EXT2: the IDs that the tables have; the form of patient N has ID N, with "x" behind it patient 900's
forms() {
	local table id
	q "DROP TABLE IF EXISTS formONAREnhanced, formONAREnhancedRecord, formONAREnhancedRecordExt1, formONAREnhancedRecordExt2"
	for table in '' Record RecordExt1 RecordExt2; do
		q "CREATE TABLE formONAREnhanced$table (ID int PRIMARY KEY, demographic_no int)"
		for id in $1; do q "INSERT INTO formONAREnhanced$table VALUES (${id%x}, IF('$id' LIKE '%x', 900, ${id%x}))"; done
		shift
	done
}
like "$(status)" "onar +not needed.*no table 'formONAREnhanced'" "without the old table: not needed"
forms "1 2 3" "" "" ""
like "$(status)" "onar +due in the application.*3 old forms; the numbers of 0 are in the new table, 0 .*; 0 are half copied" "nothing is copied"
like "$(status)" "warning: this is not migrated here: use OSCAR's own page" "with what to do"
unlike "$(status)" "migrate plan onar" "and no advice that does not work"
forms "1 2 3 4" "1 2 3x 4" "1 2 3" "1 3"
like "$(status)" "onar +not needed.*4 old forms; the numbers of 4 are in the new table, 1 of them with another patient's form; 2 are half copied" "half copied, taken"
like "$(status)" "warning: that page passes over forms that are half copied" "is warned of"
q "INSERT INTO log (dateTime, provider_no, action) VALUES (NOW(), '1', 'migrateToSplitOnArEnhancedForm')"
like "$(status)" "OSCAR's page was run" "its log is read"
forms "1 2" "1 2" "1 2" "1 2"
like "$(status)" "onar +not needed.*the numbers of 2 are" "all copied"
unlike "$(status)" "warning" "no warning"
q "DROP TABLE formONAREnhancedRecord, formONAREnhancedRecordExt1, formONAREnhancedRecordExt2"
like "$(status)" "onar +due in the application.*2 old forms; the numbers of 0" "no new tables yet"
for verb in plan run verify; do
	rc_is 2 "$verb" migrate $verb onar
	like "$err" "'onar' is detection only" "is refused"
done
rc_is 0 "undo" migrate undo onar
is "$(q "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'demo_db' AND table_name LIKE 'maintkit%'")" 0 "no table of ours was made"
done_testing
