#!/bin/bash
# bench: 100,000 hospital reports and 100,000 relationships migrated, beside a python loop that only parses
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: migrate-hrm.sh [REPORTS [RELATIONSHIPS]]
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_needs
reports=${1:-100000} relationships=${2:-100000}
mariadb_new || BAIL "no server"
migrate_world '[properties]' 'file = /etc/demo/demo.properties' 'encoding = latin1'
docs=$R/srv/document
mkdir -p "$docs"
echo 'DOCUMENT_DIR=/srv/document' >"$R/etc/demo/demo.properties"

python3 - "$TOP/tests/fixtures/hrm/version-1.1.1.xml" "$docs" "$reports" >"$T/rows.sql" <<'END'
import sys
text = open(sys.argv[1]).read()
print("USE demo_db; START TRANSACTION;")
for n in range(1, int(sys.argv[3]) + 1):
    with open(f"{sys.argv[2]}/{n}.xml", "w") as f:
        f.write(text.replace("Doe", f"Doe{n}").replace("Nothing found.", "Nothing found. " * 40))
    print(f"INSERT INTO HRMDocument (id, reportFile, timeReceived) VALUES ({n}, '{n}.xml', NOW());")
print("COMMIT;")
END
mariadb_sql <"$T/rows.sql"
q "INSERT INTO provider (provider_no, last_name, first_name, lastUpdateDate, practitionerNo, practitionerNoType) VALUES ('101','A','B',NOW(),'012345','CPSO')"
q "INSERT INTO relationships (id, facility_id, demographic_no, relation_demographic_no, relation, creation_date, creator, notes)
	SELECT seq, 1, 1 + seq DIV 3, 1 + seq % 9973, ELT(1 + seq % 3, 'Spouse', 'child', 'Mother'), NOW(), '101', 'x' FROM seq_1_to_$relationships"
sync

# Processor time of the server, in hundredths of a second.
server() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$MARIADB_PID/stat"; }
# seconds WHAT CMD...: wall ($wall), processor time of ours and of the server, and memory
seconds() {
	local what=$1 before
	before=$(server)
	shift
	/usr/bin/env python3 - "$T/time" "$@" <<'END' 2>"$T/err" || { cat "$T/err"; BAIL "$what"; }
import resource, subprocess, sys, time
t = time.time()
rc = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL).returncode
u = resource.getrusage(resource.RUSAGE_CHILDREN)
open(sys.argv[1], "w").write(f"{time.time() - t:.2f} {u.ru_utime + u.ru_stime:.2f} {u.ru_maxrss // 1024}")
sys.exit(rc)
END
	read -r wall cpu rss <"$T/time"
	note "$what: $wall s; processor time: $cpu s, the server $(awk "BEGIN { printf \"%.2f\", ($(server) - $before) / 100 }") s; at most $rss MiB in one process"
}
m() { seconds "$1" "$BIN/maintkit-migrate" --root "$R" -p demo "${@:2}"; }

m "hrm, run, $reports reports" run hrm --without-backup bench
hrm=$wall
is "$(q "SELECT COUNT(*) FROM HRMDocument WHERE formattedName = CONCAT('Doe', id, ', Jane') AND recipientProviderNo = '101'")" "$reports" "all reports"
m "hrm, looked at again" plan hrm
m "hrm, undo" undo hrm
sample=$((reports < 5000 ? reports : 5000))
seconds "python, parsing $sample of them" python3 -c "
import xml.etree.ElementTree as E
for n in range(1, $sample + 1):
    E.parse('$docs/%d.xml' % n).getroot().find('.//{cds_dt}Part').text"
note "$(awk "BEGIN { printf \"a report migrated costs %.2f of what python's parser takes for it\", ($hrm / $reports) / ($wall / $sample) }")"

m "contacts, run, $relationships relationships" run contacts --without-backup bench
is "$(q "SELECT COUNT(*) FROM DemographicContact")" "$relationships" "all relationships"
contacts=$wall
m "contacts, looked at again" plan contacts
m "contacts, undo" undo contacts
q "CREATE TABLE peer LIKE DemographicContact"
q "SELECT id, demographic_no, relation_demographic_no, relation FROM relationships LIMIT 10000" |
	awk -F'\t' '{ printf "INSERT INTO peer (facilityId, creator, demographicNo, contactId, role, type, category) VALUES (1, 101, %d, %d, \"%s\", 1, \"personal\");\n", $2, $3, $4 }' >"$T/peer.sql"
seconds "10,000 plain INSERT statements in one transaction" sh -c "{ echo 'USE demo_db; START TRANSACTION;'; cat $T/peer.sql; echo 'COMMIT;'; } | mariadb --no-defaults --socket=$MARIADB_SOCKET"
note "$(awk "BEGIN { printf \"a contact costs %.2f of a plain INSERT\", ($contacts / $relationships) / ($wall / 10000) }")"
done_testing
