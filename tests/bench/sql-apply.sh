#!/bin/bash
# proves: applying SQL with a journal costs no more than promised against the mariadb client on the same server in the same run
# SPDX-License-Identifier: GPL-2.0-or-later
#
# DDL: a schema of 520 tables. Rows: 20,000 single-row inserts, and a dump of extended inserts of MB megabytes (default
# 200; 1024 for the whole promise). Promised: DDL <= 1.25, data <= 1.0, memory < 64 MiB. Each side three times, the best counts.
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
mariadb_here || skip_all "$mariadb_why"
mb=${MB:-200} rounds=${ROUNDS:-3}

sql_world 'install ='
mariadb_new || BAIL "no server"
sql create --quiet 2>"$T/err" || BAIL "$(cat "$T/err")"

awk 'BEGIN { for (t = 1; t <= 520; t++) {
	printf "DROP TABLE IF EXISTS form%d;\nCREATE TABLE form%d (\n  id int(10) NOT NULL AUTO_INCREMENT,\n", t, t
	for (c = 1; c <= 12 + t % 30; c++) printf "  field%d %s,\n", c, (c % 3 ? "varchar(40) DEFAULT NULL" : c % 2 ? "int(10) NOT NULL DEFAULT 0" : "text")
	printf "  PRIMARY KEY (id),\n  KEY f1 (field1)\n) ENGINE=InnoDB;\n"
	if (t % 4 == 0) printf "ALTER TABLE form%d ADD COLUMN extra varchar(20) NOT NULL DEFAULT \x27x\x27;\n", t
} }' >"$S/ddl.sql"
grep -v '^DROP' "$S/ddl.sql" >"$S/create.sql"
awk 'BEGIN { print "DROP TABLE IF EXISTS single; CREATE TABLE single (id int AUTO_INCREMENT PRIMARY KEY, a varchar(60), b int);"
	for (i = 1; i <= 20000; i++) printf "INSERT INTO single (a, b) VALUES (\x27row number %d; with text\x27, %d);\n", i, i * 7 % 1000 }' >"$S/rows.sql"
awk -v mb="$mb" 'BEGIN { print "DROP TABLE IF EXISTS bulk;\nCREATE TABLE bulk (id int PRIMARY KEY, a varchar(200), b longblob);"
	pad = sprintf("%180s", ""); gsub(/ /, "lorem;ip\\\x27sum ", pad); pad = substr(pad, 1, 170)
	sub(/\\$/, "x", pad); n = 0; bytes = 0
	while (bytes < mb * 1048576) { line = "INSERT INTO `bulk` VALUES "
		for (i = 0; i < 2000; i++) line = line (i ? "," : "") "(" ++n ",\x27" pad "\x27,0xDEADBEEF" n % 10 n % 10 ")"
		print line ";"; bytes += length(line) } }' >"$S/bulk.sql"

now() { date +%s%N; }
client() { mariadb --no-defaults --socket="$MARIADB_SOCKET" --default-character-set=utf8mb4 demo_db <"$S/$1.sql" >/dev/null; }
ours() { command time -o "$T/time" -f %M "$BIN/maintkit-sql" --root "$R" -p demo apply "/usr/share/demo/sql/$1.sql" --quiet; }
again() { q "DELETE FROM maintkit_statement; DELETE FROM maintkit_script" 2>/dev/null; }

empty() { q "SELECT CONCAT('DROP TABLE demo_db.', table_name, ';') FROM information_schema.tables WHERE table_schema = 'demo_db' AND table_name LIKE 'form%'" | mariadb_sql; }

measure() {	# NAME LIMIT
	local best_client=0 best_ours=0 i t memory=0
	for ((i = 0; i < rounds; i++)); do
		[ "$1" = create ] && empty
		sync
		t=$(now); client "$1" || BAIL "client: $1"; t=$(($(now) - t))
		[ $best_client != 0 ] && [ $t -ge $best_client ] || best_client=$t
		[ "$1" = create ] && empty
		again; sync
		t=$(now); ours "$1" || BAIL "ours: $1"; t=$(($(now) - t))
		[ $best_ours != 0 ] && [ $t -ge $best_ours ] || best_ours=$t
		memory=$(cat "$T/time")
	done
	note "$1: client $((best_client / 1000000)) ms, we $((best_ours / 1000000)) ms, ratio $(awk "BEGIN { printf \"%.2f\", $best_ours / $best_client }"), memory $((memory / 1024)) MiB"
	ok "$1: not above $2 of the client" awk "BEGIN { exit !($best_ours <= $2 * $best_client) }"
	ok "$1: less than 64 MiB" [ "$memory" -lt 65536 ]
}
measure create 1.25
measure ddl 1.25
measure rows 1.0
measure bulk 1.0
done_testing
