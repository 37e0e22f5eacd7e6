#!/bin/bash
# proves: on mutilated SQL files too the splitter sends what the mariadb client sends
# SPDX-License-Identifier: GPL-2.0-or-later
# MUTANTS files, each made of pieces of the fixtures: 60 of a fixed seed; with SOAK=1 1500 of a fresh one, which is printed.
# MUTANTS and SEED overrule.
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
mariadb_here || skip_all "$mariadb_why"
command -v python3 >/dev/null || skip_all "no python3 here"
mutants=${MUTANTS:-60} seed=${SEED:-1}
if [ "${SOAK:-0}" = 1 ]; then mutants=${MUTANTS:-1500} seed=${SEED:-$RANDOM$RANDOM}; fi

${CC:-cc} -std=gnu11 -D_GNU_SOURCE $(pkg-config --cflags libmariadb) -o "$T/sqlsend" "$TOP/tests/lib/sqlsend.c" \
	"$TOP"/src/core/sqlsplit*.c "$TOP"/src/base/{mem,buf,err}.c -lmariadb || BAIL "sqlsend does not compile"
MARIADB_FAST=1 MARIADB_OPTIONS='--general-log=1 --log-output=TABLE' mariadb_new || BAIL "no server"
mariadb_sql 'CREATE DATABASE differ; CREATE DATABASE differ_other'

# Commands that reach out of the client are left out: they are refused by us, and must not run here.
cat >"$T/mutate.py" <<'PY'
import random, re, sys, glob
seed, count, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
rnd = random.Random(seed)
texts = [open(f, 'rb').read() for f in sys.argv[4:]]
bits = [b"'", b'"', b'`', b';', b'\\', b'/*', b'*/', b'/*!', b'--', b'-- ', b'#', b'\n', b'\r\n', b'\\g', b'\\N', b'\\\'', b'delimiter //\n',
        b'\ndelimiter ;\n', b'//', b'\\c', b'use differ_other\n', b' ', b'\t', b'\xc3\xa9', b'\xe9', b'/*M!100 ', b"''", b'\\\n', b'\nquit\n', b'\\p',
        b'\\d //\n', b'\ndelimiter\t"$$"\n', b'delimiter', b'\\u differ_other', b'\nuse `differ`;', b'\r', b'\ncharset latin1\n', b'\\C utf8mb4\n', b'\\G',
        b';;', b'\xef\xbb\xbf', b'/*!50000 ', b'*/;', b"N'", b"x'", b'\x0b', b'\nuse\n', b'\n\n']
bad = re.compile(rb'(?i)\\[!TPers.\-]|\\\r?\n?[!TPers.]|^\s*(status|system|tee|pager|edit|connect|source|prompt)\b|mysql\b|general_log', re.M)
n = 0
while n < count:
    t = bytearray()
    for _ in range(rnd.randint(1, 3)):
        src = rnd.choice(texts)
        a = rnd.randrange(len(src)); t += src[a:a + rnd.randint(5, 400)]
    for _ in range(rnd.randint(0, 12)):
        p = rnd.randrange(len(t) + 1)
        k = rnd.random()
        if k < .6: t[p:p] = rnd.choice(bits)
        elif k < .8: del t[p:p + rnd.randint(1, 8)]
        else: t[p:p + 1] = bytes([rnd.choice(b" -*/;'\"`\\#\nxN\t\r")])
    if bad.search(t) or 0 in t: continue
    open('%s/m%04d.sql' % (out, n), 'wb').write(t); n += 1
PY
mkdir "$T/m"
python3 "$T/mutate.py" "$seed" "$mutants" "$T/m" "$TOP"/tests/fixtures/sql/split/[!d]*.sql "$TOP"/tests/fixtures/sql/split/d[eo]*.sql || BAIL "no mutants"

heard() {
	mariadb_sql "SELECT CONCAT(command_type, ' ', HEX(argument)) FROM mysql.general_log
		WHERE thread_id = $1 AND command_type IN ('Query', 'Init DB')"	# in the order of the file; two may have the same time
}
bad=0 sent=0
for f in "$T"/m/*.sql; do
	mariadb_sql 'TRUNCATE mysql.general_log'
	timeout 120 mariadb --no-defaults --socket="$MARIADB_SOCKET" --default-character-set=utf8mb4 --force -D differ \
		--init-command="SELECT 'client_begins'" <"$f" >"$T/client.out" 2>"$T/client.err"
	id=$(mariadb_sql "SELECT thread_id FROM mysql.general_log WHERE argument = 'SELECT ''client_begins''' LIMIT 1")
	heard "$id" | sed '0,/^Query 53454C4543542027636C69656E745F626567696E7327$/d' |
		grep -vE '^Query (53454C4543542044415441424153452829|73686F77207761726E696E6773)$' >"$T/want"
	id=$("$T/sqlsend" "$MARIADB_SOCKET" differ utf8mb4 "$f" 2>"$T/our.err")
	heard "$id" >"$T/got"
	# Where we refuse a command, the client went on: up to there it must be the same.
	[ ! -s "$T/our.err" ] || head -n "$(wc -l <"$T/got")" "$T/want" >"$T/want.head" && [ ! -s "$T/our.err" ] || mv "$T/want.head" "$T/want"
	sent=$((sent + $(wc -l <"$T/want")))
	cmp -s "$T/got" "$T/want" && continue
	bad=$((bad + 1))
	diag "seed $seed, $(basename "$f"): $(head -c 300 "$T/our.err")" "$(diff "$T/want" "$T/got" | head -3 | cut -c1-300)"
	[ -z "${KEEP_MUTANTS:-}" ] || cp "$f" "$KEEP_MUTANTS/"
done
is "$bad" 0 "$mutants mutants (seed $seed), $sent requests"
done_testing
