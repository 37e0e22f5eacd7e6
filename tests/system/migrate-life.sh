#!/bin/bash
# proves: a database of OSCAR 15 is taken over by "apt install", all four migrations run, the guard then keeps versions out that cannot read it, and undoing all of them lets those in again, with every byte as it was
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
. "$TOP/tests/lib/legacy.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"

docs=/var/lib/oscar-emr/OscarDocument/oscar/document
in_oscar() { in_clinic mariadb -N -B oscar_15 -e "$1"; }
migrate() { in_clinic oscar-emr migrate "$@"; }
eventually() { local i; for ((i = 0; i < 240; i++)); do "$@" && return; sleep 1; done; return 1; }
# A contact is never removed: undo marks it as deleted and not active.
dump() {
	local opts='--skip-dump-date --skip-comments --hex-blob --order-by-primary --skip-extended-insert --default-character-set=utf8mb4'
	# shellcheck disable=SC2086
	{ in_clinic mariadb-dump $opts oscar_15 demographic demographicArchive relationships Contact HRMDocument provider
	in_clinic mariadb-dump $opts "--where=NOT (deleted = 1 AND active = 0 AND id > $contacts)" oscar_15 DemographicContact; } | sed 's/ AUTO_INCREMENT=[0-9]*//'
}

ok "the packages build" lifecycle_debs || BAIL "no packages"
# A release that itself reads what 15 reads: only the migrations raise the floor.
mkdir -p "$T/debs"
ok "and one that reads the data of 15" env OSCAR_VERSION=1:19.0-1 OSCAR_LEVEL=19 OSCAR_READS=15-19 OSCAR_MIN_LEVEL=15 \
	"$TOP/tests/lib/build-debs.sh" --only oscar-emr "$T/debs" || BAIL "no package"
layer=$(lab_layer tomcat10 bookworm tomcat10) || BAIL "no layer"
lab_need && lab_up clinic bookworm "$layer" && lab_net_ready || BAIL "no machine"
in_clinic mkdir -p /srv/debs
for f in "$T"/debs/oscar-emr_*.deb "${MAINTKIT_DEBS:-$DEBS}"/maintkit_*.deb; do lab_put "$f" clinic:/srv/debs/; done
legacy_deb 15-88~844 "$T" && lab_put "$REPLY" clinic:/srv/debs/ || BAIL "no legacy package"

in_clinic mariadb -e 'CREATE DATABASE oscar_15 CHARACTER SET utf8'
for f in "$TOP"/tests/fixtures/payload/sql/0[123]0-*.sql; do { echo "USE oscar_15;"; cat "$f"; } | in_clinic mariadb || BAIL "no database"; done
# No trace of a migration, as 15 leaves it.
in_oscar "UPDATE demographic SET middleNames = NULL, roster_enrolled_to = NULL; UPDATE demographicArchive SET roster_enrolled_to = NULL;
	DELETE FROM log WHERE action = 'MIGRATION'; UPDATE demographic SET first_name = CONCAT(first_name, ' Ann') WHERE demographic_no % 7 = 0;
	INSERT INTO HRMDocument (id, reportFile, timeReceived) VALUES (1, 'plain.xml', '2014-05-07 10:00:00'), (2, 'gone.xml', '2014-05-07 10:00:00')"
contacts=$(in_oscar 'SELECT COALESCE(MAX(id), 0) FROM DemographicContact')
live() { in_oscar "SELECT COUNT(*) FROM DemographicContact WHERE id > $contacts AND deleted = 0"; }
plain=$(sed -n '/^[^#]/{s/\t.*//p;q}' "$TOP/tests/fixtures/hrm/expected.tsv")
ok "version 15 of the old make" in_clinic sh -c 'printf "db_name = oscar_15\ndb_username=root\ndb_password=x\nbuildtag=15.88~844\n" >/usr/share/tomcat10/oscar.properties && dpkg -i /srv/debs/oscar_emr15-88~844.deb' || BAIL "no legacy package"
dump >"$T/before"
ok "apt install" show "apt-get -y install /srv/debs/maintkit_*.deb $(deb 19.0-1)" || in_clinic journalctl -n 30 --no-pager | sed 's/^/# /'
is "$(in_oscar 'SELECT COUNT(*) FROM demographic')" 300 "the database is the one that was there"
like "$(migrate status contacts)" "contacts +done.*the web tool.*backup: /var/backups/oscar-emr/" "it has run contacts, over its backup"
is "$(live)" "$(in_oscar "SELECT COUNT(*) FROM relationships WHERE COALESCE(deleted, '') <> '1'")" "each relationship is a contact"
like "$(in_clinic sh -c 'cat /var/backups/oscar-emr/*.info')" "verified=20" "the backup was read back"
like "$(in_clinic oscar-emr status)" "migrations +.*contacts done: do not run the web tool" "status says so"
ok "the application is served" eventually serves_version 19.0
ok "configured once more" show "dpkg-reconfigure -f noninteractive oscar-emr"
is "$(in_oscar "SELECT COUNT(*) FROM maintkit_run WHERE migration = 'contacts'")" 1 "it is not run again"
rc_is 4 "15 is refused" in_clinic oscar-emr guard check 15-88~844
like "$err" "data migration contacts was run" "because of it"
like "$err" "migrate undo contacts" "and told how to take it back"
in_clinic mkdir -p $docs
lab_put "$TOP/tests/fixtures/hrm/$plain" "clinic:$docs/plain.xml"
in_clinic chown -R oscar-emr: /var/lib/oscar-emr/OscarDocument
show "oscar-emr migrate list"
for m in roster middle-names hrm; do
	like "$(migrate list)" "$m +due" "$m is due"
done
in_clinic systemctl stop oscar-emr
ok "undone: contacts" migrate undo contacts
ok "15 may come back" in_clinic oscar-emr guard check 15-88~844
in_clinic systemctl start oscar-emr

rc_is 4 "not while the application runs" migrate run roster
like "$err" "'oscar-emr.service' is running" "is said"
in_clinic systemctl stop oscar-emr
rc_is 4 "the upgrade's backup is older than the level: not over that one" migrate run roster
like "$err" "backup create" "is said"
ok "a backup" show "oscar-emr backup create"
rc_is 4 "not with one that nobody has read back" migrate run roster
like "$err" "backup verify" "is said"
file=$(in_clinic sh -c 'ls /var/backups/oscar-emr/*.tar.zst.gpg' | tail -1)
ok "verified" show "oscar-emr backup verify '$file'"
for m in roster middle-names hrm contacts; do
	ok "plan $m" migrate plan $m
	ok "run $m" show "oscar-emr migrate run $m"
	ok "verify $m" migrate verify $m
	before=$(dump | sha256sum)
	ok "run $m again" migrate run $m
	is "$(dump | sha256sum)" "$before" "changes nothing"
done
isnt "$(dump | sha256sum)" "$(sha256sum <"$T/before")" "the data is another"
is "$(in_oscar "SELECT formattedName IS NOT NULL FROM HRMDocument ORDER BY id" | tr '\n' ' ')" "1 0 " "the report with a file is read"
is "$(in_clinic mariadb -N -B -e "SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'mk-%'")" 0 "no account is left"
show "oscar-emr migrate status"
rc_is 4 "the guard refuses 15-88~844" in_clinic oscar-emr guard check 15-88~844
like "$err" "data migration roster was run" "because of the migrations"
nok "so does dpkg" in_clinic dpkg -i /srv/debs/oscar_emr15-88~844.deb
ok "18 is allowed" in_clinic oscar-emr guard check 18-7~928
in_clinic systemctl start oscar-emr
ok "the application runs on the migrated data" eventually serves_version 19.0
in_clinic systemctl stop oscar-emr

for m in contacts hrm roster; do ok "undo $m" show "oscar-emr migrate undo $m"; done
rc_is 4 "one is still in force: 15 is refused" in_clinic oscar-emr guard check 15-88~844
ok "undo the last" show "oscar-emr migrate undo middle-names"
dump >"$T/after"
same "$T/after" "$T/before" "every byte is as it was"
ok "the guard lets 15-88~844 in again" in_clinic oscar-emr guard check 15-88~844
lab_reboot clinic
ok "after a reboot the application runs" eventually serves_version 19.0
like "$(in_clinic oscar-emr status)" "migrations +roster undone" "and status tells"
done_testing
