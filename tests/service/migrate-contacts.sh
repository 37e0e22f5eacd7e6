#!/bin/bash
# proves: migrate contacts gives each relationship its contact once, fresh or after OSCAR's tools, mends only doubles that are certain, and takes back what it did
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_server
mariadb_sql "SET GLOBAL sql_mode = ''"
run_contacts() { migrate run contacts --without-backup "a test" "$@"; }

# Patients 1 to 9 (odd: F); twelve relationships; contacts of other types whose numbers look like patients'.
world() {
	local i
	migrate_world
	q "INSERT INTO Facility (id, name, lastUpdated) VALUES (4, 'clinic', NOW())"
	for i in 1 2 3 4 5 6 7 8 9; do
		q "INSERT INTO demographic (demographic_no, last_name, first_name, sex, lastUpdateDate) VALUES ($i, 'L', 'F', IF($i % 2, 'F', 'M'), NOW())"
	done
	q "INSERT INTO DemographicContact (id, facilityId, creator, created, updateDate, deleted, demographicNo, contactId, role, type, category) VALUES
		(1, 1, '101', '2011-01-01', '2011-01-01 09:00:00', 0, 4, '6', 'Brother', 2, 'personal'),
		(2, 1, '101', '2011-01-01', '2011-01-01 09:00:00', 0, 5, '7', 'Cardiologist', 3, 'professional'),
		(3, 1, '101', '2011-01-01', '2011-01-01 09:00:00', 0, 5, '8', 'Child', 2, 'personal'),
		(4, 1, '101', '2011-01-01', '2011-01-01 09:00:00', 0, 2, '3', 'child', 2, 'personal');
	INSERT INTO relationships (id, facility_id, demographic_no, relation_demographic_no, relation, creation_date, creator, sub_decision_maker, emergency_contact, notes, deleted) VALUES
		(11, 1, 1, 2, 'Spouse', '2010-01-02 03:04:05', '101', '0', '1', 'first', '0'),
		(12, 1, 1, 2, 'Power of Attorney', '2010-01-02 03:04:06', '101', '1', '0', NULL, '0'),
		(13, 2, 1, 3, 'child', '2010-01-02 03:04:07', '102', 'Y', NULL, '', '0'),
		(14, 1, 2, 1, 'SPOUSE', '2010-01-02 03:04:08', '101', '1', '1', 'x', '0'),
		(15, 1, 3, 1, 'Mère', '2010-01-02 03:04:09', '101', '0', '0', CONCAT(REPEAT('é', 200), 'lost'), '0'),
		(16, 1, 4, 5, 'friend', '2010-01-02 03:04:10', '101', '0', '0', NULL, '1'),
		(17, 1, 4, 5, 'friend', '2010-01-02 03:04:11', '101', '0', '0', NULL, '0'),
		(18, 1, 4, 6, 'Brother', '2010-01-02 03:04:12', '101', '1', '0', NULL, '0'),
		(19, NULL, 5, 7, NULL, '2010-01-02 03:04:13', '101', '0', '0', NULL, '0'),
		(20, 1, 5, 8, 'Child', NULL, '101', '0', '0', NULL, ''),
		(21, 1, 2, 3, 'child', '0000-00-00 00:00:00', '101', '0', '0', NULL, '0'),
		(22, 1, 6, 7, 'Neighbour', '2010-01-02 03:04:14', '101', '0', '0', NULL, NULL)"
}
# The legacy package's SQL, as it is described.
script_tool() {
	q "INSERT INTO DemographicContact (facilityId, creator, created, updateDate, deleted, demographicNo, contactId, role, type, category, sdm, ec, note, consentToContact, active)
		SELECT 1, creator, IFNULL(creation_date, NOW()), CURDATE(), deleted, demographic_no, relation_demographic_no, relation, 1, 'personal', sub_decision_maker, emergency_contact, LEFT(notes, 200), 1, 1 FROM relationships ORDER BY id;
	DELETE b FROM DemographicContact a JOIN DemographicContact b ON a.id < b.id AND a.demographicNo = b.demographicNo AND a.contactId = b.contactId AND a.deleted = b.deleted;
	UPDATE DemographicContact SET sdm = 'true' WHERE sdm = '1'; UPDATE DemographicContact SET ec = 'true' WHERE ec = '1';
	UPDATE DemographicContact c JOIN demographic d ON d.demographic_no = c.contactId SET role = IF(d.sex = 'F', 'Daughter', 'Son') WHERE role = 'child';
	UPDATE DemographicContact c JOIN demographic d ON d.demographic_no = c.contactId SET role = IF(d.sex = 'F', 'Wife', 'Husband') WHERE role = 'spouse'"
}
# The web helper; stops at a facility that is NULL, as it does.
web_tool() {
	local id facility dc
	while read -r id facility; do
		[ "$facility" != NULL ] || return 0
		dc=$(q "INSERT INTO DemographicContact (facilityId, creator, created, updateDate, deleted, demographicNo, contactId, role, type, category, sdm, ec, note, consentToContact, active)
			SELECT facility_id, creator, IFNULL(creation_date, NOW()), NOW(), IF(deleted = '1', 1, 0), demographic_no, relation_demographic_no, relation, 1, 'personal', IF(sub_decision_maker = '1', 'true', ''), IF(emergency_contact = '1', 'true', ''), LEFT(notes, 200), 1, IF(deleted = '1', 0, 1) FROM relationships WHERE id = $id;
			SELECT LAST_INSERT_ID()")
		q "INSERT INTO log (dateTime, provider_no, action, content, contentId) VALUES (NOW(), '101', 'MIGRATION', 'NewContacts', '$id->$dc'); DELETE FROM relationships WHERE id = $id"
	done < <(q "SELECT id, facility_id FROM relationships ORDER BY demographic_no, id")
}
# Live contacts of type 1, what a person sees of them.
live() { q "SELECT demographicNo, contactId, role, sdm, ec, LEFT(note, 6) FROM DemographicContact WHERE type = 1 AND deleted = 0 ORDER BY 1, 2, 3"; }
others() { q "SELECT * FROM DemographicContact WHERE type <> 1 ORDER BY id; SELECT * FROM relationships ORDER BY id"; }
of_kind() { sed -n "s/^\"$1\",\"[A-Za-z]*\",\"\([0-9]*\)\".*/\1/p" "$T/plan.csv" | sort -nu | tr '\n' ' '; }
origins() { sed -n 's/^"inserted".*"new row, from key \([0-9]*\)".*/\1/p' "$T/plan.csv" | sort -n | tr '\n' ' '; }
plan() { rm -f "$T/plan.csv"; migrate plan contacts --csv "$T/plan.csv"; }

# ---- fresh ----
world
others >"$T/others"
tables_dump >"$T/before"
ok "plan" plan
is "$(origins)" "11 12 13 14 15 16 17 18 19 20 21 22 " "all twelve are to be inserted"
is "$(of_kind over-long)" "15 " "a note that is too long is told"
is "$(of_kind date)" "21 " "and a date that is none"
is "$(of_kind facility)" "19 " "and a facility that is missing"
ok "run" run_contacts
is "$(q "SELECT facilityId, creator, IF(created > '2020-01-01', 'now', created), deleted, demographicNo, contactId, role, category, sdm, ec, IF(CHAR_LENGTH(note) = 200, 'cut', note), consentToContact, active
	FROM DemographicContact WHERE type = 1 ORDER BY demographicNo, id")" \
"1	101	2010-01-02 03:04:05	0	1	2	Spouse	personal		true	first	1	1
1	101	2010-01-02 03:04:06	0	1	2	Power of Attorney	personal	true		NULL	1	1
2	102	2010-01-02 03:04:07	0	1	3	child	personal				1	1
1	101	2010-01-02 03:04:08	0	2	1	SPOUSE	personal	true	true	x	1	1
1	101	now	0	2	3	child	personal			NULL	1	1
1	101	2010-01-02 03:04:09	0	3	1	Mère	personal			cut	1	1
1	101	2010-01-02 03:04:10	1	4	5	friend	personal			NULL	1	0
1	101	2010-01-02 03:04:11	0	4	5	friend	personal			NULL	1	1
1	101	2010-01-02 03:04:12	0	4	6	Brother	personal	true		NULL	1	1
4	101	2010-01-02 03:04:13	0	5	7	NULL	personal			NULL	1	1
1	101	now	0	5	8	Child	personal			NULL	1	1
1	101	2010-01-02 03:04:14	0	6	7	Neighbour	personal			NULL	1	1" "mapped as the web helper does"
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND ABS(TIMESTAMPDIFF(SECOND, updateDate, NOW())) > 600")" 0 "updateDate is now"
others >"$T/now"; same "$T/now" "$T/others" "relationships and other contacts are as they were"
is "$(q "SELECT GROUP_CONCAT(CONCAT(CAST(u.old AS CHAR), '=', c.demographicNo, ',', c.contactId) ORDER BY c.id SEPARATOR ' ') FROM maintkit_undo u JOIN DemographicContact c ON c.id = u.pk WHERE u.col = 0 AND c.demographicNo = 4")" \
	"16=4,5 17=4,5 18=4,6" "which relationship became which contact is on record"
tables_dump >"$T/after"; live >"$T/live"
ok "once more" run_contacts
tables_dump >"$T/again"; same "$T/again" "$T/after" "is the same as once"
ok "verify" migrate verify contacts
q "UPDATE DemographicContact SET note = 'edited', created = created WHERE demographicNo = 6 AND type = 1"
ok "undo" migrate undo contacts
is "$(live)" "6	7	Neighbour			edited" "leaves only what was edited since"
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND (deleted <> 1 OR active <> 0)")" 1 "the others are deleted as the application deletes"
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND created > '2020-01-01'")" 2 "and keep their dates"
n=$(q "SELECT COUNT(*) FROM DemographicContact")
q "UPDATE DemographicContact SET note = NULL, created = created WHERE note = 'edited'"
ok "run after undo" run_contacts
live >"$T/now"; same "$T/now" "$T/live" "brings them back"
is "$(q "SELECT COUNT(*) FROM DemographicContact")" "$n" "the same rows"
ok "undo that" migrate undo contacts
ok "and run" run_contacts
live >"$T/now"; same "$T/now" "$T/live" "as often as one likes"
q "UPDATE DemographicContact SET deleted = 1, created = created WHERE demographicNo = 4 AND contactId = '6' AND type = 1"
ok "after a user deleted one" run_contacts
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE demographicNo = 4 AND contactId = '6' AND type = 1 AND deleted = 0")" 0 "it does not come back"

# ---- after the legacy package's script ----
world
script_tool
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1")" 7 "the script lost five"
others >"$T/others"
tables_dump >"$T/before"
ok "plan" plan
is "$(origins)" "12 18 19 20 21 " "exactly these are inserted"
is "$(of_kind shown)" "$(q "SELECT id FROM DemographicContact WHERE demographicNo = 6") " "and a hidden one is shown"
like "$(migrate list)" "traces of the legacy package's script" "list tells of the script"
ok "run" run_contacts
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND deleted = 0")" 11 "eleven are live"
is "$(q "SELECT role FROM DemographicContact WHERE type = 1 AND demographicNo = 1 AND contactId = '3'")" Daughter "what the script renamed stays"
others >"$T/now"; same "$T/now" "$T/others" "nothing else"
tables_dump >"$T/after"
ok "again" run_contacts
tables_dump >"$T/again"; same "$T/again" "$T/after" "changes nothing"
ok "undo" migrate undo contacts
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND deleted = 0")" 5 "as before: live"
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND deleted IS NULL")" 1 "hidden"
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND id <= (SELECT MAX(id) FROM DemographicContact) - 5 AND created > '2020-01-01' AND demographicNo > 3")" 0 "dates kept"

# ---- the script run twice: rows whose mark is NULL multiply ----
world
script_tool; script_tool
ok "after the script twice" run_contacts
is "$(q "SELECT GROUP_CONCAT(CONCAT(deleted, active) ORDER BY id) FROM DemographicContact WHERE demographicNo = 6")" 01,10 "one shown, its copy retired"
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND deleted = 0")" 11 "eleven are live"

# ---- a role that a user edited; a relationship twice ----
world
q "DELETE FROM relationships WHERE id NOT IN (11, 17); INSERT INTO relationships (id, facility_id, demographic_no, relation_demographic_no, relation, creator, deleted) VALUES (30, 1, 4, 5, 'friend', '101', '0')"
ok "run" run_contacts
like "$err" "identical" "two identical relationships are told"
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND demographicNo = 4 AND deleted = 0")" 2 "and both copied"
q "UPDATE DemographicContact SET role = 'Partner', created = created WHERE demographicNo = 1; DELETE FROM maintkit_undo; DELETE FROM maintkit_run"
ok "plan" plan
is "$(of_kind role-edited)" "11 " "an edited role is told"
is "$(origins)" "" "and not inserted again"

# ---- the web tool, half way ----
world
web_tool
is "$(q "SELECT COUNT(*) FROM relationships")" 3 "the web tool stopped"
like "$(migrate list)" "the web tool" "list tells of it"
ok "run" run_contacts
is "$(q "SELECT GROUP_CONCAT(CONCAT(demographicNo, '-', contactId, ':', facilityId) ORDER BY demographicNo, contactId) FROM DemographicContact WHERE type = 1 AND demographicNo IN (5, 6)")" \
	"5-7:4,5-8:1,6-7:1" "the rest is there"
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND deleted = 0")" 11 "all eleven once"

# ---- the script, then the web tool: doubles ----
both() {
	world
	q "UPDATE relationships SET facility_id = 1 WHERE facility_id IS NULL"
	script_tool; web_tool
}
both
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND deleted = 0")" 16 "five doubles are live"
tables_dump >"$T/before"
ok "run" run_contacts
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND deleted = 0")" 11 "eleven remain"
is "$(q "SELECT GROUP_CONCAT(CONCAT(role, '/', created, '/', facilityId) ORDER BY id SEPARATOR ';') FROM DemographicContact WHERE type = 1 AND deleted = 0 AND demographicNo = 1 AND contactId IN ('2', '3')")" \
	"Husband/2010-01-02 03:04:05/1;Power of Attorney/2010-01-02 03:04:06/1;Daughter/2010-01-02 03:04:07/2" \
	"the web tool's rows with their dates and the script's roles"
is "$(q "SELECT COUNT(*) FROM DemographicContact WHERE type = 1 AND deleted IS NULL")" 0 "none is hidden"
ok "undo" migrate undo contacts
tables_dump >"$T/undone"
same "$T/undone" "$T/before" "takes back every byte: nothing had been inserted"
# edited since: the edited one stays; both edited: nobody decides but a person
q "UPDATE DemographicContact SET ec = 'true', updateDate = NOW() + INTERVAL 1 HOUR, created = created WHERE type = 1 AND demographicNo = 1 AND contactId = '3' AND role = 'Daughter';
   UPDATE DemographicContact SET ec = 'true', updateDate = NOW() + INTERVAL 1 HOUR, created = created WHERE type = 1 AND demographicNo = 2 AND contactId = '1';
   UPDATE DemographicContact SET note = 'web', updateDate = NOW() + INTERVAL 1 HOUR, created = created WHERE type = 1 AND demographicNo = 3 AND TIME(updateDate) <> 0"
ok "run" run_contacts
is "$(q "SELECT GROUP_CONCAT(CONCAT(demographicNo, role, ec) ORDER BY id) FROM DemographicContact WHERE type = 1 AND deleted = 0 AND ((demographicNo = 1 AND contactId = '3') OR (demographicNo = 2 AND contactId = '1'))")" \
	"1Daughtertrue,2Wifetrue,2SPOUSEtrue" "the script's edited row is kept, two edited rows both"
is "$(q "SELECT note FROM DemographicContact WHERE type = 1 AND deleted = 0 AND demographicNo = 3")" web "the web tool's edited row is kept"
like "$err" "double" "and told"
# without the log nothing is certain
both
q "DELETE FROM log"
ok "plan" plan
is "$(of_kind 'double retired')" "" "without the log none is retired"
isnt "$(of_kind 'suspected double')" "" "but suspected"

# ---- the third tool's rows count as well ----
world
q "INSERT INTO DemographicContact (facilityId, creator, created, updateDate, deleted, demographicNo, contactId, role, type, category, sdm, ec, note, consentToContact, active)
	SELECT 1, creator, creation_date, NOW(), 0, demographic_no, relation_demographic_no, relation, 1, 'personal', 'false', 'false', notes, 1, 1 FROM relationships WHERE id IN (11, 18)"
like "$(migrate list)" "contacts page" "list tells of the page"
ok "plan" plan
is "$(origins)" "12 13 14 15 16 17 19 20 21 22 " "what the page copied is there"

# ---- what is missing ----
q "DROP TABLE log; DROP TABLE Facility"
ok "without log and facilities" run_contacts
is "$(q "SELECT facilityId FROM DemographicContact WHERE type = 1 AND demographicNo = 5 AND contactId = '7'")" 1 "facility 1 then"
q "ALTER TABLE DemographicContact DROP COLUMN active"
rc_is 2 "without a column" run_contacts
like "$err" "DemographicContact.active" "which is named"
done_testing
