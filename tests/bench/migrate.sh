#!/bin/bash
# proves: migrations with undo cost little more than the plain UPDATEs that do the same without, on the same server in the same run
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Environment: PATIENTS (roster, 100000), ARCHIVE (300000), NAMES (1000000), ROUNDS (2). Promised: both within 1.5
# of the plain UPDATEs, for names the three of OSCAR's manual; memory < 64 MiB.
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
mariadb_here || skip_all "$mariadb_why"
PATIENTS=${PATIENTS:-100000} ARCHIVE=${ARCHIVE:-300000} NAMES=${NAMES:-1000000} rounds=${ROUNDS:-2}
MARIADB_OPTIONS='--innodb-buffer-pool-size=1G --innodb-log-file-size=512M' mariadb_new || BAIL "no server"
migrate_world
mariadb_sql "SET GLOBAL sql_mode = ''"

# A million numbers; MariaDB's own sequence engine is not everywhere.
q "CREATE TABLE digits (d int PRIMARY KEY) ENGINE=InnoDB; INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9);
   CREATE TABLE numbers (n int PRIMARY KEY) ENGINE=InnoDB;
   INSERT INTO numbers SELECT 1+a.d+10*b.d+100*c.d+1000*d.d+10000*e.d+100000*f.d FROM digits a, digits b, digits c, digits d, digits e, digits f"

seconds() { python3 -c '
import resource, subprocess, sys, time
t = time.monotonic()
rc = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
t = time.monotonic() - t
print("%.2f %d" % (t, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024))
sys.exit(rc)' "$@"; }
ours() { seconds "$BIN/maintkit-migrate" --root "$R" -p demo -q "$@"; }
raw() { printf '%s\n' "$@" >"$T/raw.sql"; seconds mariadb --no-defaults --socket="$MARIADB_SOCKET" demo_db -e "source $T/raw.sql"; }
tell() { # WHAT OURS(s MiB) RAW(s MiB)
	note "$1: $2 s and $3 MiB; the plain UPDATEs $4 s, ratio $(awk "BEGIN { printf \"%.2f\", $2 / $4 }")"
	ok "less than 64 MiB" [ "$3" -lt 64 ]
}

# Not DELETE: the server would go on purging while the next side is measured.
fresh() {
	q "TRUNCATE demographicArchive; TRUNCATE demographic"
	q "TRUNCATE maintkit_undo; TRUNCATE maintkit_run" 2>/dev/null
}
roster_data() {
	fresh
	q "INSERT INTO demographic (demographic_no, last_name, first_name, sex, lastUpdateDate, roster_status, provider_no, middleNames, address, city)
		SELECT n, CONCAT('Last', n), 'First', 'F', '2001-02-03', ELT(1 + n % 5, 'RO', 'RO', 'RO', 'TE', 'NR'), 100000 + n % 20, '', '12 Main Street', 'Hamilton' FROM numbers WHERE n <= $PATIENTS;
	   INSERT INTO demographicArchive (demographic_no, last_name, first_name, sex, roster_status, provider_no, address, city)
		SELECT 1 + n % $PATIENTS, CONCAT('Last', n), 'First', 'F', ELT(1 + n % 5, 'RO', 'RO', 'RO', 'TE', 'NR'), 100000 + n % 20, '12 Main Street', 'Hamilton' FROM numbers WHERE n <= $ARCHIVE"
}
names_data() {
	fresh
	q "INSERT INTO demographic (demographic_no, last_name, first_name, sex, lastUpdateDate, middleNames, address, city)
		SELECT n, CONCAT('Last', n), ELT(1 + n % 4, 'Susan', 'Susan Ellen', 'Robert', 'Renée Zoë'), 'F', '2001-02-03', NULL, '12 Main Street', 'Hamilton' FROM numbers WHERE n <= $NAMES"
}
settle() { sync; sleep 1; }
# MIGRATION DATA WHAT SQL...: each side ROUNDS times, in turn; the best counts.
sides() {
	local name=$1 data=$2 what=$3 plain='' mine='' t m i
	shift 3
	for ((i = 0; i < rounds; i++)); do
		$data; settle
		read -r t _ < <(raw "$@")
		best plain "$t"
		$data; settle
		read -r t m < <(ours run "$name" --without-backup bench)
		best mine "$t"
	done
	tell "$name, $what" "$mine" "$m" "$plain"
	ok "$name: not above 1.5 of the UPDATEs" awk "BEGIN { exit !($mine <= 1.5 * $plain) }"
}
best() { [ -n "${!1:-}" ] && awk "BEGIN { exit !(${!1} <= $2) }" || printf -v "$1" %s "$2"; }

sides roster roster_data "$PATIENTS patients and $ARCHIVE former states" \
	"UPDATE demographicArchive a JOIN demographic d ON d.demographic_no = a.demographic_no SET a.roster_enrolled_to = a.provider_no WHERE CAST(a.roster_status AS BINARY) IN ('RO','TE') AND LENGTH(a.provider_no) > 0 AND (a.roster_enrolled_to IS NULL OR LENGTH(a.roster_enrolled_to) = 0);" \
	"UPDATE demographic SET roster_enrolled_to = provider_no WHERE CAST(roster_status AS BINARY) IN ('RO','TE') AND LENGTH(provider_no) > 0 AND (roster_enrolled_to IS NULL OR LENGTH(roster_enrolled_to) = 0);" \
	"UPDATE demographic SET roster_termination_reason = '33' WHERE CAST(roster_status AS BINARY) IN ('TE') AND (roster_termination_reason IS NULL OR LENGTH(roster_termination_reason) = 0);"
sides middle-names names_data "$NAMES patients" \
	"UPDATE demographic SET first_name = TRIM(first_name);" \
	"UPDATE demographic SET middleNames = SUBSTRING_INDEX(first_name, ' ', -(LENGTH(first_name) - LENGTH(REPLACE(first_name, ' ', '')))) WHERE middleNames IS NULL OR middleNames = '';" \
	"UPDATE demographic SET first_name = SUBSTRING_INDEX(first_name, ' ', 1);"
read -r ut um < <(ours undo middle-names)
note "its undo: $ut s and $um MiB"
done_testing
