# shellcheck shell=bash
# restore.sh - a database with all that can be in one, documents, keys and settings, and their state as text.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source it behind tap.sh; it sources pgp.sh and mariadb.sh. Gives:
#   restore_system       keys and a database server for package "demo", or skip the test
#   mk COMMAND ARGS      the program for package "demo"; backup ARGS; D the documents
#   restore_world ROWS DOCUMENTS   fill all of it, levels 15 and 12, and make a backup
#   newest               the newest backup
#   state                database, files, owners, modes, contents: what a restore gives back
#   left_over            databases and files that a restore keeps or forgot
#   levels               of the guard; signs_in: the application's account with its password

. "$TOP/tests/lib/pgp.sh"
. "$TOP/tests/lib/mariadb.sh"

D=$R/var/lib/demo/documents
restore_system() {
	mariadb_here || skip_all "$mariadb_why"
	pgp_system
	MARIADB_FAST=1
	mariadb_new || BAIL "no database server"
}
mk() { local c=$1; shift; "$BIN/maintkit-$c" --root "$R" -p demo "$@"; }
backup() { mk backup "$@"; }
newest() { ls "$R"/var/backups/demo/*.gpg | tail -n 1; }

database_state() {
	mariadb_dump "$1" | grep -v '^/\*M!999999'
	mariadb_sql "SELECT value FROM $1.maintkit_meta ORDER BY name; SELECT event_name, status FROM information_schema.events WHERE event_schema='$1'"
}
files_state() {
	(
		cd "$R" || exit
		find var/lib/demo/documents etc/demo var/lib/demo/gnupg var/lib/maintkit/demo/clinic*.asc var/lib/maintkit/demo/pgp.passphrase \
			\( -name 'S.*' -o -name '*.lock' -o -name '.#*' -o -name '.maintkit-restore-*' \) -prune -o \
			\( -type f -printf '%p %m %U:%G %T@\n' -o -printf '%p %y %m %U:%G %l\n' \) | sed 's/\.[0-9]*$//' | LC_ALL=C sort
		find var/lib/demo/documents etc/demo var/lib/demo/gnupg var/lib/maintkit/demo/clinic*.asc var/lib/maintkit/demo/pgp.passphrase \
			\( -name 'S.*' -o -name '*.lock' -o -name '.#*' -o -name '.maintkit-restore-*' \) -prune -o -type f -print0 | xargs -0 sha256sum | LC_ALL=C sort
	)
}
state() { database_state demo; files_state; }
left_over() {
	mariadb_sql "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'demo\_%'"
	find "$R" -name '*restore*'
}
levels() { mk guard status --json | python3 -c 'import json,sys; d=json.load(sys.stdin); print(d["schema_level"], d["min_app_level"])'; }
signs_in() {
	local password
	password=$(mk props get db_password) || return
	mariadb --no-defaults --socket="$MARIADB_SOCKET" -udemo -p"$password" demo -e 'SELECT 1 FROM names LIMIT 1'
}

# What RENAME TABLE moves by itself and what it does not, and references between them.
restore_schema() { # ROWS
	cat <<-SQL
		USE demo;
		CREATE TABLE demographic (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60), note TEXT) ENGINE=InnoDB;
		INSERT INTO demographic (name, note) SELECT CONCAT('P', seq), REPEAT('x;', seq % 50) FROM seq_1_to_$1;
		CREATE TABLE visit (id INT PRIMARY KEY AUTO_INCREMENT, patient INT,
			CONSTRAINT of_whom FOREIGN KEY (patient) REFERENCES demographic(id)) ENGINE=InnoDB;
		INSERT INTO visit (patient) SELECT id FROM demographic;
		CREATE TABLE counted (n INT);
		INSERT INTO counted VALUES (0);
		CREATE TABLE \`odd \`\`name (x),\` (a INT, g INT AS (a + 1) STORED);
		INSERT INTO \`odd \`\`name (x),\` (a) VALUES (1), (2), (3);
		CREATE TABLE old_engine (a INT) ENGINE=MyISAM;
		INSERT INTO old_engine VALUES (1), (2);
		CREATE SEQUENCE numbers START 40;
		CREATE FUNCTION shout(t VARCHAR(60)) RETURNS VARCHAR(60) DETERMINISTIC RETURN UPPER(t);
		CREATE VIEW a_first AS SELECT 1 AS one;
		CREATE VIEW names AS SELECT id, shout(name) AS name FROM demographic;
		CREATE VIEW a_view_of_views AS SELECT name FROM names, a_first;
		CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM counted WHERE n < 0;
		DELIMITER ;;
		CREATE PROCEDURE p() BEGIN
		INSERT INTO old_engine VALUES (9);
		END;;
		CREATE TRIGGER count_visits AFTER INSERT ON visit FOR EACH ROW BEGIN
		UPDATE counted SET n = n + 1;
		END;;
		DELIMITER ;
	SQL
}

restore_documents() { # COUNT
	local i
	mkdir -p "$D/sub"
	for ((i = 1; i <= $1; i++)); do echo "document $i" >"$D/sub/d$i.txt"; done
	printf 'latin1' >"$D/sub/"$'caf\xe9'
	printf 'nl' >"$D/sub/"$'new\nline'
	: >"$D/empty"
	ln -s /etc/shadow "$D/sub/link"
	chown -R 65534:65534 "$D"
	chmod 640 "$D/sub/d7.txt"
	chmod 2750 "$D/sub"
	touch -d 2020-02-03 "$D/sub/d1.txt"
}

restore_world() { # ROWS DOCUMENTS
	sed -i 's/^\[database\]$/&\nuser = demo\nhost = localhost\nprivileges = SELECT INSERT UPDATE\nproperty-name = db_name\nproperty-user = db_username\nproperty-password = db_password/' \
		"$R/usr/share/demo/maintkit.conf"
	mkdir -p "$R/var/lib/dpkg" "$R/etc/demo"
	: >"$R/var/lib/dpkg/status"
	echo "settings" >"$R/etc/demo/extra.conf"
	mk sql create && restore_schema "$1" | mariadb_sql && restore_documents "$2" && pgp ensure &&
		mk guard mark --level 15 --min 12 --reason "made for the test" && backup create
}
