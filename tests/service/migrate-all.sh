#!/bin/bash
# proves: all four migrations run on a database of OSCAR 15, the guard then keeps versions out that cannot read it, and undoing all of them lets those in again, with every byte as it was
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_server
migrate_world '[properties]' 'file = /etc/demo/demo.properties' 'encoding = latin1' '[app]' 'contexts = oscar=oscar.war'
mkdir -p "$R/srv/doc/oscar/document"
echo 'BASE_DOCUMENT_DIR=/srv/doc' >"$R/etc/demo/demo.properties"
plain=$(sed -n '/^[^#]/{s/\t.*//p;q}' "$TOP/tests/fixtures/hrm/expected.tsv")
cp "$TOP/tests/fixtures/hrm/$plain" "$R/srv/doc/oscar/document/"
for f in "$TOP"/tests/fixtures/payload/sql/0[23]0-*.sql; do { echo "USE demo_db; SET SESSION sql_mode = '';"; cat "$f"; } | mariadb_sql || BAIL "no data"; done
# No trace of a migration, as 15 leaves it.
q "UPDATE demographic SET middleNames = NULL, roster_enrolled_to = NULL; UPDATE demographicArchive SET roster_enrolled_to = NULL; DELETE FROM log WHERE action = 'MIGRATION';
   UPDATE demographic SET first_name = CONCAT(first_name, ' Ann') WHERE demographic_no % 7 = 0;
   INSERT INTO HRMDocument (id, reportFile, timeReceived) VALUES (1, '$plain', '2014-05-07 10:00:00'), (2, 'gone.xml', '2014-05-07 10:00:00')"
# A contact is never removed: undo marks it as deleted and not active.
last=$(q 'SELECT COALESCE(MAX(id), 0) FROM DemographicContact')
dump() { tables_dump | sed 's/ AUTO_INCREMENT=[0-9]*//' | awk -v last="$last" '!/^INSERT INTO `DemographicContact` VALUES \(/ { print; next } { id = $0; sub(/.*VALUES \(/, "", id); if (id + 0 <= last) print }'; }
dump >"$T/before"
migrations="roster middle-names hrm contacts"
rc_is 0 "list" migrate list
for m in $migrations; do like "$out" "$m +due" "$m is due"; done
ok "15 may come back" guard check 15-88~844
for m in $migrations; do
	ok "plan $m" migrate plan "$m"
	ok "run $m" migrate run "$m" --without-backup "a test"
	ok "verify $m" migrate verify "$m"
done
dump >"$T/migrated"
nok "the data is another" cmp -s "$T/migrated" "$T/before"
for m in $migrations; do ok "run $m again" migrate run "$m" --without-backup "a test"; done
dump >"$T/again"
same "$T/again" "$T/migrated" "run twice is run once"
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE id > $last AND deleted = 0") $(q "SELECT COUNT(*) FROM HRMDocument WHERE formattedName IS NOT NULL")" \
	"$(q "SELECT COUNT(*) FROM relationships WHERE COALESCE(deleted, '') <> '1'") 1" "relationships are contacts, the report with a file is read"
rc_is 4 "15 is refused" guard check 15-88~844
like "$err" "data migration roster was run" "because of the first of them"
like "$err" "maintkit -p demo migrate undo roster" "and how to take it back is told"
ok "18 is allowed" guard check 18-7~928
for m in contacts hrm roster; do ok "undo $m" migrate undo "$m"; done
rc_is 4 "one is still in force: 15 is refused" guard check 15-88~844
ok "undo the last" migrate undo middle-names
dump >"$T/after"
same "$T/after" "$T/before" "every byte is as it was"
ok "15 is let in again" guard check 15-88~844
done_testing
