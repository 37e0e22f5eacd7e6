#!/bin/bash
# proves: a backup of an older suite's MariaDB is restored on a newer one's with all that is in it, and the other way too or not at all
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Servers and clients are those of the lab's trees, run by chroot; the program is this machine's.
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/restore.sh"
[ -n "${SOAK:-}" ] || skip_all "only with SOAK=1"
declare -A tree
for suite in bullseye trixie; do
	for MARIADB_TREE in "${LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/maintkit-lab}/$suite"-*/; do
		MARIADB_TREE=${MARIADB_TREE%/}
		mariadb_here && tree[$suite]=$MARIADB_TREE
	done
	[ -n "${tree[$suite]:-}" ] || skip_all "no tree of $suite with a server (tests/lib/lab.sh up x $suite makes one)"
done
pgp_system
: "${R:?}" "${T:?}" "${D:?}" "${STATE:?}"
export MARIADB_FAST=1

# The clients of that suite, as the program would find them there.
server_of() { # SUITE
	local program
	MARIADB_TREE=${tree[$1]}
	mariadb_new || BAIL "no server of $1"
	mkdir -p "$T/clients"
	for program in mariadb mariadb-dump; do
		printf '#!/bin/bash\n%s\nMARIADB_TREE=%q MARIADB_DIR=%q\necho %s >>%q\n_mariadb_run %s "$@"\n' \
			"$(declare -f _mariadb_run)" "$MARIADB_TREE" "$MARIADB_DIR" "$program of $1" "$T/clients/used" "$program" >"$T/clients/$program"
	done
	chmod +x "$T"/clients/*
}
# The program knows its own PATH only, so they lie over this machine's.
# shellcheck disable=SC2016
mk() {
	local c=$1
	shift
	unshare -m sh -c 'for p in mariadb mariadb-dump; do mount --bind "$0/$p" "/usr/bin/$p" || exit 99; done; exec "$@"' \
		"$T/clients" "$BIN/maintkit-$c" --root "$R" -p demo "$@"
}
client_was() { sort -u "$T/clients/used"; : >"$T/clients/used"; }

# Not as a dump, which each version writes in its own way: what is in it, and what works.
content() { # DATABASE
	local table
	for table in demographic visit counted 'odd ``name (x),' old_engine names a_view_of_views a_first exotic; do
		echo "$table $(mariadb_sql "SELECT * FROM \`$1\`.\`$table\` ORDER BY 1, 2" 2>/dev/null | sha256sum) $(mariadb_sql "SELECT COUNT(*) FROM \`$1\`.\`$table\`")"
	done
	mariadb_sql "SELECT NEXTVAL(\`$1\`.numbers) >= 40;
		SELECT routine_name, routine_type FROM information_schema.routines WHERE routine_schema='$1' ORDER BY 1;
		SELECT trigger_name, event_object_table FROM information_schema.triggers WHERE trigger_schema='$1' ORDER BY 1;
		SELECT event_name, status FROM information_schema.events WHERE event_schema='$1';
		SELECT table_name, engine FROM information_schema.tables WHERE table_schema='$1' AND table_type='BASE TABLE' ORDER BY 1;
		SELECT constraint_name, delete_rule FROM information_schema.referential_constraints WHERE constraint_schema='$1' ORDER BY 1;
		SELECT name, value FROM \`$1\`.maintkit_meta ORDER BY 1"
}
works() {
	mariadb_sql "INSERT INTO demo.visit (patient) VALUES (1); CALL demo.p(); SELECT n FROM demo.counted; SELECT COUNT(*) FROM demo.old_engine" | tr '\n' ' '
	mariadb_sql "INSERT INTO demo.visit (patient) VALUES (100000)" 2>/dev/null && echo "the foreign key does not hold"
}

# ---- from the old one to the new one ------------------------------------------------------------------
server_of bullseye
version=$(mariadb_sql 'SELECT VERSION()')
like "$version" '^10\.5' "the server of bullseye ($version)"
restore_world 3000 20 2>/dev/null || BAIL "no data to work with"
mariadb_sql "CREATE TABLE demo.exotic (id INT PRIMARY KEY, zero DATETIME, day DATE, t TIMESTAMP NULL, amount DECIMAL(20,6), f DOUBLE, bits BIT(9),
	kind ENUM('a','é'), bin VARBINARY(40), old VARCHAR(40) CHARACTER SET latin1, three VARCHAR(40) CHARACTER SET utf8mb3, four TEXT CHARACTER SET utf8mb4, j JSON, y YEAR) ENGINE=InnoDB DEFAULT CHARSET=latin1;
	SET sql_mode=''; INSERT INTO demo.exotic VALUES
	(1, '0000-00-00 00:00:00', '0000-00-00', '2020-02-29 10:00:00', -1.5, 1e-300, b'101010101', 'é', UNHEX('00FF27225C0A'), CONVERT(UNHEX('E9E0') USING latin1), 'été', CONVERT(UNHEX('F09F9982') USING utf8mb4), '{\"a\": 1}', 1999),
	(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
rm -f "$R"/var/backups/demo/*
: >"$T/clients/used"
ok "a backup there" backup create
old=$T/old.tar.zst.gpg
is "$(client_was)" "mariadb-dump of bullseye" "by its own client"
mv "$(newest)" "$old"; rm -f "$R"/var/backups/demo/*
content demo >"$T/want"
files_state >"$T/want.files"
ok "restored on the same server" backup restore --database same "$old"
: >"$T/clients/used"
content same >"$T/got"
same "$T/got" "$T/want" "it is all there"
mariadb_stop

rm -rf "$D"; mkdir "$D"
server_of trixie
version=$(mariadb_sql 'SELECT VERSION()')
like "$version" '^11\.8' "the server of trixie ($version)"
ok "restored there, in place" backup restore "$old"
content demo >"$T/got"
same "$T/got" "$T/want" "it is all there"
files_state >"$T/got.files"
same "$T/got.files" "$T/want.files" "the documents, keys and settings too"
ok "the account signs in" signs_in
is "$(works)" "1 3 " "trigger, procedure and foreign key work"
is "$(client_was | tr '\n' ' ')" "mariadb of trixie mariadb-dump of trixie " "by its own clients"
ok "confirm" backup restore --confirm
ok "verified there with a restore test" backup verify --restore-test "$old"

# ---- and the other way ---------------------------------------------------------------------------------
content demo >"$T/want"
files_state >"$T/want.files"
ok "a backup there" backup create
new=$T/new.tar.zst.gpg
mv "$(newest)" "$new"; rm -f "$R"/var/backups/demo/*
mariadb_sql "CREATE TABLE demo.newer (a VARCHAR(20) COLLATE utf8mb4_uca1400_ai_ci, v VECTOR(3) NOT NULL)" || BAIL "no new types"
ok "and one with what only it has" backup create
newer=$T/newer.tar.zst.gpg
mv "$(newest)" "$newer"; rm -f "$R"/var/backups/demo/*
mariadb_stop

server_of bullseye
run backup restore "$newer"
is "$rc" 2 "what the old server does not have"
like "$err" "load the dump|Unknown collation" "is refused with the server's reason"
files_state >"$T/got.files"
same "$T/got.files" "$T/want.files" "and nothing is touched"
ok "what is left is thrown away" backup restore --discard
is "$(mariadb_sql "SHOW DATABASES LIKE 'demo%'")" "" "no database stays"
ok "what both have is restored" backup restore "$new"
content demo >"$T/got"
same "$T/got" "$T/want" "all of it"
is "$(works)" "2 4 " "and works"
done_testing
