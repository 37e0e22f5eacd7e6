#!/bin/bash
# proves: applying SQL with a journal costs no more than promised against the mariadb client on the same server in the same run
# SPDX-License-Identifier: GPL-2.0-or-later
#
# DDL: a schema of 520 tables. Rows: 20,000 single-row inserts, and a dump of extended inserts of MB megabytes (default
# 200; 1024 for the whole promise). Promised: DDL <= 1.25, data <= 1.0, memory < 64 MiB. Each side ROUNDS times (3), the best
# counts. ONLY: some of create ddl rows bulk.
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

# Wall time and CPU time (of the client and of the server for it), in ms. On a machine with other work
# the wall says little; the CPU time does not see who waits for the disk.
now() { date +%s%N; }
server_cpu() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / hz) }' "/proc/$MARIADB_PID/stat"; }
timed() {	# CMD...   sets wall, cpu, memory (KiB)
	local t c
	sync
	c=$(server_cpu) t=$(now)
	command time -o "$T/time" -f '%U %S %M' "$@" || return
	wall=$((($(now) - t) / 1000000))
	read -r u s memory <"$T/time"
	cpu=$(awk -v u="$u" -v s="$s" -v c="$(($(server_cpu) - c))" 'BEGIN { print int((u + s) * 1000 + c) }')
}
client() { timed sh -c 'exec mariadb --no-defaults --socket="$1" --default-character-set=utf8mb4 demo_db <"$2" >/dev/null' - "$MARIADB_SOCKET" "$S/$1.sql"; }
ours() { timed "$BIN/maintkit-sql" --root "$R" -p demo apply "/usr/share/demo/sql/$1.sql" --quiet; }
again() { q "DELETE FROM maintkit_statement; DELETE FROM maintkit_script" 2>/dev/null; }
empty() { q "SELECT CONCAT('DROP TABLE demo_db.', table_name, ';') FROM information_schema.tables WHERE table_schema = 'demo_db' AND table_name LIKE 'form%'" | mariadb_sql; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
best() { [ "${!1:-0}" != 0 ] && [ "${!1}" -le "$2" ] || printf -v "$1" %s "$2"; }

measure() {	# NAME LIMIT
	local client_wall=0 client_cpu=0 our_wall=0 our_cpu=0 i
	for ((i = 0; i < rounds; i++)); do
		[ "$1" = create ] && empty
		client "$1" || BAIL "client: $1"
		best client_wall $wall; best client_cpu $cpu
		[ "$1" = create ] && empty
		again
		ours "$1" || BAIL "ours: $1"
		best our_wall $wall; best our_cpu $cpu
	done
	note "$1: wall $client_wall ms, ours $our_wall, ratio $(ratio $our_wall $client_wall); CPU $client_cpu ms, ours $our_cpu, ratio $(ratio $our_cpu $client_cpu); memory $((memory / 1024)) MiB; load $(cut -d' ' -f1 /proc/loadavg)"
	ok "$1: not above $2 of the client" awk "BEGIN { exit !($our_wall <= $2 * $client_wall) }"
	ok "$1: less than 64 MiB" [ "$memory" -lt 65536 ]
}
for what in ${ONLY:-create ddl rows bulk}; do
	case $what in
	create|ddl) measure $what 1.25 ;;
	*) measure $what 1.0 ;;
	esac
done
done_testing
