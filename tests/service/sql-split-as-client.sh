#!/bin/bash
# proves: the splitter sends a server the very same statements, byte for byte, as the real mariadb client does, and what is applied comes out the same
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
mariadb_here || skip_all "$mariadb_why"

# SQL_CORPUS names a directory of more files to compare, to be used by hand.
${CC:-cc} -std=gnu11 -D_GNU_SOURCE ${SANITIZE:+-fsanitize=address,undefined} $(pkg-config --cflags libmariadb) -o "$T/sqlsend" "$TOP/tests/lib/sqlsend.c" \
	"$TOP"/src/core/sqlsplit*.c "$TOP"/src/base/{mem,buf,err}.c -lmariadb || BAIL "sqlsend does not compile"
MARIADB_FAST=1 MARIADB_OPTIONS='--general-log=1 --log-output=TABLE' mariadb_new || BAIL "no server"

# What the server says that the connection ID sent: one line per request.
heard() {
	mariadb_sql "SELECT CONCAT(command_type, ' ', HEX(argument)) FROM mysql.general_log
		WHERE thread_id = $1 AND command_type IN ('Query', 'Init DB')"	# in the order of the file; two may have the same time
}

fresh() {
	mariadb_sql 'DROP DATABASE IF EXISTS differ; DROP DATABASE IF EXISTS differ_other;
		CREATE DATABASE differ; CREATE DATABASE differ_other; TRUNCATE mysql.general_log'
}

# The client's connection is the one that says so first; both sides begin after that.
by_client() {
	local id
	fresh
	mariadb --no-defaults --socket="$MARIADB_SOCKET" --default-character-set="$2" --force -D differ \
		--init-command="SELECT 'client_begins'" <"$1" >"$T/client.out" 2>"$T/client.err"
	id=$(mariadb_sql "SELECT thread_id FROM mysql.general_log WHERE argument = 'SELECT ''client_begins''' LIMIT 1")
	heard "$id" | sed '0,/^Query 53454C4543542027636C69656E745F626567696E7327$/d' |
		grep -v '^Query 53454C4543542044415441424153452829$' >"$T/want"	# SELECT DATABASE(): its own, before USE
}

by_us() {
	local id
	fresh
	id=$("$T/sqlsend" "$MARIADB_SOCKET" differ "$2" "$1" 2>"$T/our.err")
	heard "$id" >"$T/got"
}

compare() {	# FILE CHARSET DESC
	by_client "$1" "$2"
	by_us "$1" "$2"
	[ -s "$T/want" ] || { fail "$3: the client sent nothing"; return; }
	same "$T/got" "$T/want" "$3: $(wc -l <"$T/want") requests" && return
	diff <(cut -c1-400 "$T/want") <(cut -c1-400 "$T/got") | sed -n 2,9p | while read -r side kind hex; do
		diag "$side $kind $(printf '%s' "$hex" | cut -c1-300 | xxd -r -p 2>/dev/null | tr '\n' '~')"
	done
	diag "$(head -3 "$T/our.err")"
}

for f in "$TOP"/tests/fixtures/sql/split/*.sql; do
	name=$(basename "$f")
	case $name in latin1*) cs=latin1 ;; *) cs=utf8mb4 ;; esac
	compare "$f" $cs "$name"
done
# The same with a window that ends everywhere.
for f in "$TOP"/tests/fixtures/sql/split/*.sql; do
	"$T/sqlsend" - x utf8mb4 "$f" >"$T/whole" 2>&1
	CHUNK=1 "$T/sqlsend" - x utf8mb4 "$f" >"$T/bytewise" 2>&1
	same "$T/bytewise" "$T/whole" "$(basename "$f"): byte by byte the same"
done

# Applied, with the journal around each statement: the same database, or the same first error.
. "$TOP/tests/lib/sqlworld.sh"
sql_world "install =
session = innodb_strict_mode=OFF sql_mode=NO_ENGINE_SUBSTITUTION timestamp=1700000000
$(for f in "$TOP"/tests/fixtures/sql/split/latin1*.sql; do printf '[sql:%s]\nfile = %s\ncharset = latin1\n' "$(basename "$f" .sql)" "$(basename "$f")"; done)"
cp "$TOP"/tests/fixtures/sql/split/*.sql "$S/"
for f in "$S"/*.sql; do
	name=$(basename "$f" .sql)
	case $name in latin1*) cs=latin1 ;; usedb) continue ;; *) cs=utf8mb4 ;; esac	# that one leaves the database
	fresh
	mariadb_sql 'DROP DATABASE IF EXISTS demo_db; CREATE DATABASE demo_db'
	mariadb --no-defaults --socket="$MARIADB_SOCKET" --default-character-set=$cs -D differ \
		--init-command="SET SESSION innodb_strict_mode=OFF, sql_mode='NO_ENGINE_SUBSTITUTION', timestamp=1700000000" <"$f" >/dev/null 2>"$T/client.err"
	want=$(grep -m 1 -oE '^ERROR [0-9]+ ' "$T/client.err" | tr -dc 0-9)
	case $cs in latin1) what=$name ;; *) what=/usr/share/demo/sql/$name.sql ;; esac
	sql apply "$what" >"$T/our.err" 2>&1 && got='' || got=$(grep -m 1 -oE 'error [0-9]+, SQLSTATE' "$T/our.err" | tr -dc 0-9)
	is "$got" "$want" "$name applied: ${want:-no error}" || diag "$(head -3 "$T/client.err" "$T/our.err")"
	mariadb_dump differ | sed 's/differ/demo_db/g' >"$T/want"
	mariadb_dump demo_db >"$T/got"
	same "$T/got" "$T/want" "$name: the same database"
done

if [ -n "${SQL_CORPUS:-}" ]; then
	while IFS= read -r -d '' f; do
		compare "$f" utf8mb4 "${f#"$SQL_CORPUS"/}"
	done < <(find "$SQL_CORPUS" -name '*.sql' -size +0 -print0 | sort -z)
fi
done_testing
