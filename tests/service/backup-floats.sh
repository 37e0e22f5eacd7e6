#!/bin/bash
# proves: every value of a FLOAT column comes back from a backup as it was, triggers and changing times undisturbed, also by plain tools; what cannot is named
# SPDX-License-Identifier: GPL-2.0-or-later
#
# MARIADB_TREE=DIR: with the server in a lab tree.
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
. "$TOP/tests/lib/mariadb.sh"
mariadb_here || skip_all "$mariadb_why"
pgp_system
quick_home "$T/gpg" root
mariadb_new || BAIL "no server"
pgp ensure 2>/dev/null || BAIL "no key"
second_key
plain_gpg "$T/gpg" --import "$T/second-secret.asc" 2>/dev/null
backup() { "$BIN/maintkit-backup" --root "$R" -p demo "$@"; }

mariadb_sql <<'SQL'
CREATE DATABASE demo; USE demo;
CREATE TABLE demographic (id INT PRIMARY KEY, note VARCHAR(20)) ENGINE=InnoDB;
INSERT INTO demographic VALUES (1, 'no floats here');
CREATE TABLE dose (id INT PRIMARY KEY, f FLOAT, g FLOAT(10,2), d DOUBLE, `odd ``name` FLOAT,
	changed TIMESTAMP DEFAULT '2020-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP, touched INT DEFAULT 0, twice FLOAT AS (f * 2)) ENGINE=InnoDB;
INSERT INTO dose (id, f, g, d, `odd ``name`) VALUES (1, 0.1, 0.1, 0.1, 2.5), (2, 1234567, 12345678.12, 1234567.891234567, 0.30000001),
	(3, 1e-7, 0, 1e-300, NULL), (4, 16777217, 1, 2e0/3, 16777215), (5, -1234567, -99999.99, -1, -0.0), (6, NULL, NULL, NULL, NULL),
	(7, 1e0/3, 0.33, 1e0/3, 3.4028234e38), (8, -1.17549435e-38, 7, 0, 1.4e-45), (9, 100, 0, 0, 8388608.5);
CREATE TRIGGER touch BEFORE UPDATE ON dose FOR EACH ROW SET NEW.touched = NEW.touched + 1;
CREATE TABLE keyed (a VARCHAR(20) CHARACTER SET latin1, b VARBINARY(8), c DATETIME(3), d DECIMAL(9,3), e BIT(9), t TIMESTAMP NULL, f FLOAT UNSIGNED,
	PRIMARY KEY (a, b, c, d, e)) ENGINE=InnoDB;
INSERT INTO keyed VALUES ('Zoë''s', 0x00FF27, '2024-02-29 12:00:00.123', 1.500, 257, NULL, 7654321), ('', '', '1000-01-01', -1, 0, NULL, 1e0/7),
	('a', '', '1000-01-01', -1, 0, NULL, 0.5);
CREATE TABLE timed (t TIMESTAMP DEFAULT '2021-01-01 12:00:00' PRIMARY KEY, f FLOAT) ENGINE=MyISAM;
INSERT INTO timed VALUES ('2024-07-01 12:00:00', 7654321);
CREATE TABLE nokey (f FLOAT, n INT) ENGINE=InnoDB;
INSERT INTO nokey VALUES (1.5, 1);
SQL
# all values with all their digits
values() {
	mariadb_sql "SELECT id, CAST(f AS DOUBLE), CAST(g AS DOUBLE), d, CAST(\`odd \`\`name\` AS DOUBLE), changed, touched, CAST(twice AS DOUBLE) FROM $1.dose ORDER BY id;
		SELECT HEX(a), HEX(b), c, d, e + 0, CAST(f AS DOUBLE) FROM $1.keyed ORDER BY a;
		SELECT t, CAST(f AS DOUBLE) FROM $1.timed; SELECT CAST(f AS DOUBLE), n FROM $1.nokey ORDER BY n"
}
values demo >"$T/before"

ok "a backup" backup create --output "$T/a.tar.zst.gpg"
like "$err" "[0-9]+ values of FLOAT columns have more than six digits" "it says what it has to mend"
unlike "$err" "left out" "nothing is left out"
ok "restored" backup restore "$T/a.tar.zst.gpg" --database again
values again | sed 's/again/demo/' >"$T/after"
same "$T/after" "$T/before" "every value is what it was; triggers have not run, times have not changed"
mariadb_sql "UPDATE again.dose SET f = 1 WHERE id = 1"
is "$(mariadb_sql "SELECT touched FROM again.dose WHERE id = 1")" 1 "the trigger is there"

mkdir "$T/x"
plain_gpg "$T/gpg" -d "$T/a.tar.zst.gpg" 2>/dev/null | zstd -d | tar x -C "$T/x"
mariadb_sql "CREATE DATABASE plain"
cat "$T"/x/database/*.sql | mariadb --no-defaults --socket="$MARIADB_SOCKET" plain
values plain >"$T/after"
same "$T/after" "$T/before" "plain tools bring back the same"

mariadb_stop; mariadb_start	# MariaDB knows no times of changes from before: write once more
mariadb_sql "UPDATE demo.demographic SET note = 'now'; UPDATE demo.keyed SET f = 1e0/3 WHERE a = 'a'"
sleep 2
ok "a restore test" backup create --output "$T/b.tar.zst.gpg"
ok "of tables with FLOAT columns" backup verify --restore-test "$T/b.tar.zst.gpg"
like "$out" "3 are equal to the live ones" "compares them with the live ones"

mariadb_sql "INSERT INTO demo.nokey VALUES (7654321, 2), (7654321, 3), (2.5, 4)"
ok "a table without a primary key" backup create --output "$T/c.tar.zst.gpg"
like "$err" "table 'nokey' has 2 values of FLOAT columns with more digits" "whose values have too many digits is warned of"
ok "read" backup verify --restore-test "$T/c.tar.zst.gpg"
like "$out" "database/nokey: 2 values of FLOAT columns" "and the backup itself says so"

# many rows, more than one member
mariadb_sql "USE demo; DROP TABLE nokey; TRUNCATE dose; INSERT INTO dose (id, f) SELECT seq, seq + 1e0/3 FROM seq_1_to_50000"
ok "many" backup create --output "$T/d.tar.zst.gpg"
ok "come back" backup restore "$T/d.tar.zst.gpg" --database many
# not CHECKSUM TABLE, which is another one each time where a column is virtual
content() { mariadb_sql "SELECT COUNT(*), BIT_XOR(CRC32(CONCAT_WS(',', id, CAST(f AS DOUBLE), changed, touched))) FROM $1.dose; CHECKSUM TABLE $1.keyed" | sed "s/^$1//"; }
is "$(content many)" "$(content demo)" "all of them"

# somebody writes for long: the backup waits a little and goes on
mkfifo "$T/long"
mariadb --no-defaults --socket="$MARIADB_SOCKET" <"$T/long" & holder=$!
exec {long}>"$T/long"
echo "START TRANSACTION; UPDATE demo.dose SET g = 1 WHERE id = 1;" >&"$long"
await "the long transaction" "SELECT COUNT(*) FROM information_schema.innodb_trx"
ok "a long transaction" backup create --output "$T/e.tar.zst.gpg"
like "$err" "somebody works on tables with FLOAT columns" "is told"
exec {long}>&-; wait "$holder"
done_testing
