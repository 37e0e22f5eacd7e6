#!/bin/bash
# proves: hrm and contacts, killed at any request, their undo too, end as undisturbed ones do when they are run again; a reader that is killed costs one report at most
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_needs
command -v strace >/dev/null || skip_all "strace is not installed"
# CRASH_STEP: only every so-manieth request (1 with SOAK=1); more: migrateworld.sh
step=${CRASH_STEP:-${SOAK:-193}}
mariadb_new || BAIL "no server"
migrate_world '[properties]' 'file = /etc/demo/demo.properties'
mariadb_sql "SET GLOBAL sql_mode = ''; SET GLOBAL innodb_flush_log_at_trx_commit = 0"
echo 'DOCUMENT_DIR=/srv' >"$R/etc/demo/demo.properties"
mkdir -p "$R/srv"
F=$TOP/tests/fixtures/hrm
sed -n '/^[^#]/s/\t.*//p' "$F/expected.tsv" >"$T/files"
for f in $(cat "$T/files"); do cp "$F/$f" "$R/srv/"; done
{
	echo "USE demo_db; CREATE TABLE was_reports LIKE HRMDocument; CREATE TABLE was_contacts LIKE DemographicContact;"
	awk '{ printf "INSERT INTO was_reports (id, reportFile) VALUES (%d, \"%s\");\n", 2 * NR, $1 }' "$T/files"
	echo "INSERT INTO relationships (id, facility_id, demographic_no, relation_demographic_no, relation, creation_date, creator, deleted)
		SELECT seq, 1, 1 + seq DIV 3, 1 + seq % 97, ELT(1 + seq % 3, 'Spouse', 'child', 'Mother'), '2010-01-02', '101', ELT(1 + seq % 4, '0', '1', NULL, '') FROM seq_1_to_160;
	INSERT INTO was_contacts (id, facilityId, creator, created, updateDate, deleted, demographicNo, contactId, role, type, category, active)
		SELECT 2 * id, 1, creator, creation_date, CURDATE(), deleted, demographic_no, relation_demographic_no, relation, 1, 'personal', 1 FROM relationships WHERE id % 5 < 3"
} | mariadb_sql || BAIL "fill"

fresh() {
	q "DROP TABLE IF EXISTS maintkit_undo, maintkit_run, maintkit_meta; TRUNCATE HRMDocument; TRUNCATE DemographicContact;
	   INSERT INTO HRMDocument SELECT * FROM was_reports; INSERT INTO DemographicContact SELECT * FROM was_contacts"
	rm -rf "$R/var/lib/maintkit"
}
# Without what a clock or a counter says: dates of now, numbers of new rows.
dump() {
	q "SELECT * FROM HRMDocument ORDER BY id;
	   SELECT IF(id > 320, 'new', id), deleted, active, created, demographicNo, contactId, role, sdm, ec, note, facilityId FROM DemographicContact ORDER BY demographicNo, contactId, role, deleted, active, 1"
}
live() { q "SELECT * FROM HRMDocument ORDER BY id; SELECT id, deleted, active, role FROM DemographicContact WHERE id <= 320 ORDER BY id; SELECT COUNT(*) FROM DemographicContact WHERE id > 320 AND deleted = 0"; }
go() { migrate run "$1" --batch 1 --without-backup test -q; }
fresh
live >"$T/before"
for name in hrm contacts; do ok "$name, undisturbed" go $name; done
dump >"$T/after"
is "$(q "SELECT GROUP_CONCAT(batch >= 50 ORDER BY run_id) FROM maintkit_run")" "1,1" "in 50 batches and more"
ok "undone" migrate undo contacts -q
ok "undone" migrate undo hrm -q
live >"$T/got"
same "$T/got" "$T/before" "as before, but for retired rows"

KILL_TABLES="HRMDocument DemographicContact" KILL_OPTIONS="--batch 1 --without-backup test"
before_undo() { fresh && go "$1"; }
for name in hrm contacts; do
	kill_sweep $step run $name dump fresh
	kill_sweep $step undo $name live before_undo $name
done

# Readers die one after the other while the migration goes on. The guard, its other child, has been told by then.
fresh
q "INSERT INTO HRMDocument (id, reportFile) SELECT 1000 * seq + id, reportFile FROM was_reports, seq_1_to_9"
go hrm >/dev/null 2>&1
q "SELECT * FROM HRMDocument ORDER BY id" >"$T/want"
fresh
q "INSERT INTO HRMDocument (id, reportFile) SELECT 1000 * seq + id, reportFile FROM was_reports, seq_1_to_9"
"$BIN/maintkit-migrate" --root "$R" -p demo -q run hrm --batch 1 --without-backup test >"$T/out" 2>&1 & pid=$!
killed=0
while kill -0 $pid 2>/dev/null && [ "$killed" -lt 4 ]; do
	[ "$(q "SELECT MAX(batch) FROM maintkit_run" 2>/dev/null || echo NULL)" != NULL ] || continue
	[ "$(q "SELECT MAX(batch) FROM maintkit_run")" -ge 2 ] || continue
	child=$(pgrep -P $pid | head -n 1)
	[ -z "$child" ] || { kill -KILL "$child" && killed=$((killed + 1)); } 2>/dev/null
done
if wait $pid; then rc=0; else rc=$?; fi
is "$rc" 0 "the migration ends well although $killed of its readers were killed"
[ "$killed" -ge 1 ] && pass "they were" || fail "no reader was seen: $(cat "$T/out")"
ok "again" go hrm
q "SELECT * FROM HRMDocument ORDER BY id" >"$T/got"
same "$T/got" "$T/want" "and what that cost comes with the next run"
is "$(pgrep -cf "$BIN/maintkit-migrate --root $R")" 0 "no reader is left"
done_testing
