#!/bin/bash
# proves: an upgrade from before 19 runs contacts once, over its own backup that is read back first; killed, or without a server, it ends as a pending step; anything else leaves it to a person, and says so
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_needs
command -v strace >/dev/null || skip_all "strace is not installed"
export MAINTKIT_ASSUME_BOOTED=1
MARIADB_FAST=1 mariadb_new || BAIL "no server"
mariadb_sql "SET GLOBAL sql_mode = ''"

world() {
	migrate_world '[data]' 'patients = SELECT COUNT(*) FROM demographic'
	mkdir -p "$R/run"; : >"$R/var/lib/dpkg/status"
	q "INSERT INTO demographic (demographic_no, last_name, first_name, middleNames, sex, lastUpdateDate) VALUES (1, 'L', 'F', '', 'F', NOW()), (2, 'L', 'M', '', 'M', NOW());
	   INSERT INTO relationships (id, facility_id, demographic_no, relation_demographic_no, relation, creation_date, creator, sub_decision_maker, emergency_contact, deleted)
		VALUES (1, 1, 1, 2, 'Spouse', '2010-01-02', '101', '1', '0', '0'), (2, 1, 2, 1, 'Spouse', '2010-01-02', '101', '0', '0', '0')"
}
backup() { "$BIN/maintkit-backup" --root "$R" -p demo -q "$@"; }
pending() { "$BIN/maintkit-pending" --root "$R" -p demo "$@"; }
# The waiting step, as the next boot does it; the environment that leads to our server does not reach it there.
later() {
	local words
	read -ra words < <(pending list | sed -n 's/^schema *migrate //p')
	migrate "${words[@]}" && pending renew schema && pending renewed schema
}
# What preinst and postinst do around it.
made() { backup create --for-upgrade --level 19 2>/dev/null; }
upgrade() { run migrate run contacts --for-upgrade --from "$1" --defer schema; }
contacts() { q "SELECT COUNT(*) FROM DemographicContact WHERE deleted = 0"; }
state() { q "SELECT COALESCE(GROUP_CONCAT(state ORDER BY run_id), '') FROM maintkit_run WHERE migration = 'contacts'"; }
info() { cat "$R"/var/backups/demo/*.info; }

world
made || BAIL "no backup"
unlike "$(info)" "verified=" "nobody has read the upgrade's backup"
for v in 19-97~3743 1:19.0-1 ''; do
	upgrade "$v"
	is "$rc $out $(contacts)" "0  0" "from '$v': nothing"
done
is "$(pending list)" "" "and nothing waits"
rc_is 2 "another migration belongs to no upgrade" migrate run roster --for-upgrade --from 15-88~844
rc_is 2 "--from alone" migrate run contacts --from 15-88~844
upgrade 15-88~844
is "$rc $out $(contacts) $(state)" "0  2 done" "from 15: done"
like "$(info)" "verified=20" "its backup was read back before"
like "$(q "SELECT backup FROM maintkit_run")" "/var/backups/demo/demo-.*gpg" "and stands with the run"
like "$(migrate status contacts)" "contacts +done.*web tool" "status says done, and to leave the web tool alone"
rc_is 4 "15 is kept out" guard check 15-88~844
is "$(pending list)" "" "nothing waits"
q "INSERT INTO relationships (id, facility_id, demographic_no, relation_demographic_no, relation, creator) VALUES (3, 1, 1, 2, 'Guardian', '101')"
upgrade 15-88~844
is "$rc $out $(contacts) $(state)" "0  2 done" "once, whatever is due since"
ok "undone" migrate undo contacts -q
upgrade 15-88~844
is "$rc $out $(contacts) $(state)" "0  0 undone" "what a person took back stays so"
like "$err" "run, or undone, before" "and that is said"
ok "15 may come back" guard check 15-88~844

# A version of ours says its level in the mirror.
world
made
"$BIN/maintkit-guard" --root "$R" -p demo -q mark --level 15 --min 12 --reason test
upgrade 1:15.0-1
is "$rc $(contacts)" "0 0" "a version of ours that is not on record: nothing by itself"

# ---- it cannot be done, or not over that backup -------------------------------------------------
world
upgrade 15-88~844
is "$rc $(contacts)" "0 0" "no backup (it was forgone): not run"
like "$out" "'contacts' is not done: the upgrade made no backup of 'demo_db'" "in one line for the script to repeat"
like "$err" "make a backup and verify it, then run: maintkit -p demo migrate run contacts" "with what to do"
is "$(pending list)" "" "it does not wait: a person decides"
like "$(migrate status contacts)" "contacts +due" "status goes on saying it"
made
printf x | dd of="$(echo "$R"/var/backups/demo/*.gpg)" bs=1 seek=300 conv=notrunc status=none
upgrade 15-88~844
is "$rc $(contacts)" "0 0" "a damaged backup: not run"
like "$out" "could not be read back" "said"
rm "$R"/var/backups/demo/*
made
q "ALTER TABLE DemographicContact ENGINE=MyISAM"
upgrade 15-88~844
is "$rc $(contacts)" "0 0" "MyISAM: not run"
like "$out" "MyISAM.*ALTER TABLE" "said"
q "ALTER TABLE DemographicContact ENGINE=InnoDB"
q "CREATE TRIGGER t BEFORE INSERT ON DemographicContact FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not today'"
upgrade 15-88~844
is "$rc $(contacts) $(state)" "0 0 running" "an error of the server: the script goes on"
like "$out" "'contacts' is not done: .*not today" "the reason is said"
like "$(migrate status contacts)" "contacts +interrupted.*go on with: maintkit -p demo migrate run contacts" "and how to go on"
q "DROP TRIGGER t"
ok "which works" migrate run contacts -q
is "$(contacts)" 2 "to the end"

# ---- the server is away, the run is killed ------------------------------------------------------------
world
made
mariadb_stop
upgrade 15-88~844
is "$rc $out" "0 " "the server is down: the script goes on"
like "$(pending list)" "schema +migrate run --for-upgrade --from=15-88~844 contacts" "the step waits"
mariadb_start || BAIL "no server"
ok "at the next boot" later
is "$(contacts) $(pending list)" "2 " "it is done"
bad=0 n=0
for ((k = 1; ; k += 9)); do
	q "DROP TABLE IF EXISTS maintkit_undo, maintkit_run; TRUNCATE DemographicContact"
	{ strace -o /dev/null -e trace=sendto -e inject=sendto:signal=KILL:when=$k "$BIN/maintkit-migrate" --root "$R" -p demo -q run contacts \
		--for-upgrade --from 15-88~844 --batch 1 --defer schema >/dev/null 2>&1; rc=$?; } 2>/dev/null
	[ $rc = 137 ] || break
	waits=$(pending list)
	[ -z "$waits" ] || later >/dev/null 2>&1 || { bad=$((bad + 1)); diag "$k: the pending step"; }
	# killed before it was known that there is something to do, it is asked for again by the script
	[ -n "$waits" ] || { upgrade 15-88~844; n=$((n + 1)); }
	[ "$(contacts) $(state) $(pending list)" = "2 done " ] || { bad=$((bad + 1)); diag "$k: $(contacts) $(state) $(pending list)"; }
done
is "$bad" 0 "killed at every 9th of $k requests, the pending step ends it"
[ "$n" -lt $((k / 9)) ] && pass "$n of them before it was noted" || fail "never noted"

# Done by hand while the application is connected: it waits on.
world
made
mariadb_stop; upgrade 15-88~844; mariadb_start || BAIL "no server"
mariadb_sql "CREATE OR REPLACE USER demo@localhost IDENTIFIED BY 'x'; GRANT ALL ON demo_db.* TO demo@localhost"
mariadb --no-defaults --socket="$MARIADB_SOCKET" -udemo -px demo_db -e 'SELECT SLEEP(600)' >/dev/null 2>&1 & sleeper=$!
await "the application's connection" "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'demo' AND command = 'Query'"
run later
is "$rc $(contacts)" "3 0" "not while the application is connected"
like "$err" "stop the application first" "said"
kill $sleeper; wait $sleeper 2>/dev/null
await "the end of the application's connection" "SELECT COUNT(*) = 0 FROM information_schema.processlist WHERE user = 'demo'"
ok "then" later
is "$(contacts)" 2 "it is done"

# In an image, upgraded before it was ever booted: the step waits; the first boot finds nothing to do.
image() { env -u MAINTKIT_ASSUME_BOOTED "$BIN/maintkit-$1" --root "$R" -p demo "${@:2}"; }
for sql in "DELETE FROM relationships" "DROP TABLE relationships"; do
	world
	q "$sql"
	run image migrate run contacts --for-upgrade --from 15-88~844 --defer schema
	is "$rc $out" "0 " "$sql, in an image: the script goes on"
	run image status
	like "$out" "note +pending +1 step waits, first 'migrate run --for-upgrade" "... status tells of the step"
	unlike "$out" "wrong +pending" "... without alarm"
	run image status --check
	unlike "$out" "pending" "... nor is it one for monitoring"
	run later
	is "$rc $out $err" "0  " "... at the first boot it ends, and says nothing"
	is "$(pending list)" "" "... and is taken off"
	is "$(q "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'demo_db' AND table_name LIKE 'maintkit\_%'")" 0 "... nothing was begun"
done
world
upgrade 19-97~3743
is "$(pending list)" "" "from a version that has it: no step at all"
done_testing
