#!/bin/bash
# proves: migrate middle-names loses no name, holds what a person must decide and does what was decided; --compat is the manual's three statements; all can be taken back
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_server
migrate_world
mariadb_sql "SET GLOBAL sql_mode = ''"

# The rows of the table, first_name and middleNames as Python strings (None: NULL); after the
# manual's statements; after ours (None: held and left, but for NULL, which becomes '').
cat >"$T/rows.py" <<'EOT'
ROWS = [
 ("Mary", "", ("Mary", ""), ("Mary", "")),
 ("Mary", None, ("Mary", ""), ("Mary", "")),
 ("  Mary Anne  ", "", ("Mary", "Anne"), None),
 ("Sue  Anne", "", ("Sue", " Anne"), ("Sue", "Anne")),
 ("Sue   Anne", "", ("Sue", "  Anne"), ("Sue", "Anne")),
 ("Sue\tAnne", "", ("Sue\tAnne", ""), ("Sue", "Anne")),
 ("Sue\u00a0Anne", "", ("Sue\u00a0Anne", ""), ("Sue", "Anne")),
 ("Sue\u3000Anne", "", ("Sue\u3000Anne", ""), ("Sue", "Anne")),
 ("Sue\nAnne", "", ("Sue\nAnne", ""), ("Sue", "Anne")),
 ("Sue \tAnne", "", ("Sue", "\tAnne"), ("Sue", "Anne")),
 ("Sue Anne\r\n", "", ("Sue", "Anne\r\n"), ("Sue", "Anne")),
 ("Sue-Anne Lee", "", ("Sue-Anne", "Lee"), ("Sue-Anne", "Lee")),
 ("Sue - Anne", "", ("Sue", "- Anne"), None),
 ("Sue Anne", "Louise", ("Sue", "Louise"), None),
 ("Sue Anne", " ", ("Sue", "Anne"), ("Sue", "Anne")),
 ("Sue Anne", "\t", ("Sue", "\t"), ("Sue", "Anne")),
 ("Ren\u00e9e Zo\u00eb", "", ("Ren\u00e9e", "Zo\u00eb"), ("Ren\u00e9e", "Zo\u00eb")),
 ("\u00c9lo\u00efse \u00c9milie \u00c8ve No\u00eb", "", ("\u00c9lo\u00efse", "\u00c9milie \u00c8ve No\u00eb"), ("\u00c9lo\u00efse", "\u00c9milie \u00c8ve No\u00eb")),
 ("Robert (Bob)", "", ("Robert", "(Bob)"), None),
 ("John Jr", "", ("John", "Jr"), None),
 ("Jean Paul", "", ("Jean", "Paul"), None),
 ("Baby Boy", None, ("Baby", "Boy"), None),
 ("John A.", "", ("John", "A."), ("John", "A.")),
 ("JOHN ALEXANDER", "", ("JOHN", "ALEXANDER"), ("JOHN", "ALEXANDER")),
 ("Sue Anne", "ANNE", ("Sue", "ANNE"), ("Sue", "ANNE")),
 ("", "", ("", ""), ("", "")),
 ("Sue Anne", "Bo" * 49, ("Sue", "Bo" * 49), None),
]
EOT
# what: fill | manual | ours, as SQL
rows() { (cd "$T" && python3 - "$1") <<'EOT'
import sys
sys.path.insert(0, '.')
from rows import ROWS
def lit(s): return "NULL" if s is None else "CONVERT(0x" + s.encode().hex() + " USING utf8mb4)" if s else "''"
def cell(s): return "NULL" if s is None else s.encode().hex().upper()
for i, (first, middle, manual, ours) in enumerate(ROWS, 1):
    if sys.argv[1] == "fill":
        print(f"INSERT INTO demographic (demographic_no, last_name, first_name, middleNames, sex, lastUpdateDate) VALUES ({i}, 'L', {lit(first)}, {lit(middle)}, '', '2001-02-03');")
    else:
        after = manual if sys.argv[1] == "manual" else ours or (first, middle or "")
        print(f"{i}\t{cell(after[0])}\t{cell(after[1])}")
EOT
}
fill() { { echo "USE demo_db; SET sql_mode=''; DELETE FROM demographic;"; rows fill; } | mariadb_sql || BAIL "fill"; }
names() { q "SELECT demographic_no, HEX(first_name), HEX(middleNames) FROM demographic ORDER BY 1"; }
back() { rc_is 0 "undo" migrate undo middle-names; tables_dump >"$T/now"; same "$T/now" "$T/before" "as before, byte for byte"; }

fill
tables_dump >"$T/before"
rc_is 0 "plan" migrate plan middle-names --holds "$T/holds.csv" --csv "$T/all.csv"
like "$out" "2  held: it may be a double name" "tells what is held, and why"
is "$(wc -l <"$T/holds.csv")" 9 "eight names wait for a decision"
is "$(stat -c %a "$T/holds.csv")" 600 "in a file that is nobody else's"
rc_is 0 "run" migrate run middle-names --without-backup "a test" --batch 5
rows ours >"$T/want"
names >"$T/got"
same "$T/got" "$T/want" "every name as the rules say"
rc_is 0 "verify" migrate verify middle-names
like "$out" "names that wait for a decision: 8" "counts what waits"
like "$(migrate status middle-names)" "middle-names +done" "and that is no reason to be due"
rc_is 0 "again" migrate run middle-names --without-backup "a test"
names >"$T/got"
same "$T/got" "$T/want" "changes nothing"
is "$(q "SELECT COUNT(*) FROM demographic WHERE lastUpdateDate <> '2001-02-03'")" 0 "the date of the last change is not touched"
like "$(guard status)" "reason: +data migration middle-names was run" "the guard knows"
back

# Decisions, by a spreadsheet: CRLF, some quotes gone, a byte order mark.
python3 - "$T/holds.csv" "$T/decided.csv" <<'EOT'
import csv, sys
rows = list(csv.reader(open(sys.argv[1], newline='')))
at = {name: i for i, name in enumerate(rows[0])}
todo = {"3": ("split", "", ""), "13": ("keep", "", ""), "14": ("join", "", ""), "19": ("set", "Robert", "Bob"), "22": ("split", "", "")}
for r in rows[1:]:
    r[at["decision"]], r[at["new_first"]], r[at["new_middle"]] = todo.get(r[0], ("", "", ""))
    if r[0] == "20":
        r[at["decision"]], r[at["first_name"]] = "split", "Johnny Jr"
csv.writer(open(sys.argv[2], "w", newline='', encoding="utf-8-sig"), lineterminator="\r\n").writerows(rows)
EOT
rc_is 0 "plan with decisions" migrate plan middle-names --decisions "$T/decided.csv"
like "$out" "decision about other names: demographic" "one was made about another name"
rc_is 0 "run with decisions" migrate run middle-names --decisions "$T/decided.csv" --without-backup "a test"
is "$(q "SELECT GROUP_CONCAT(first_name, '/', middleNames ORDER BY demographic_no SEPARATOR ' ') FROM demographic WHERE demographic_no IN (3,13,14,19,20,21,22)")" \
	"Mary/Anne Sue - Anne/ Sue/Anne Louise Robert/Bob John Jr/ Jean Paul/ Baby/Boy" "does what was decided, and only that"
back
sed 's/"split"\|split,/maybe,/' "$T/decided.csv" >"$T/bad.csv"
rc_is 2 "a decision that is none" migrate plan middle-names --decisions "$T/bad.csv"
like "$err" "row [0-9]+: decision: 'maybe' is none of split, join, keep, set" "is named with its row"
rc_is 0 "--join" migrate plan middle-names --join --csv "$T/join.csv"
like "$(cat "$T/join.csv")" '"second name","demographic","14","middleNames","Louise","Anne Louise",""' "keeps both"
sed -i 's/^.migrate.$/&\ncompound-names = Sue/' "$R/usr/share/demo/maintkit.conf"
grep -q '^\[migrate\]' "$R/usr/share/demo/maintkit.conf" || printf '[migrate]\ncompound-names = Sue\n' >>"$R/usr/share/demo/maintkit.conf"
rc_is 0 "another list of double names" migrate plan middle-names --holds "$T/own.csv"
like "$(cat "$T/own.csv")" '"4","Sue  Anne","","it may be a double name"' "is the profile's"
unlike "$(cat "$T/own.csv")" 'Jean Paul' "and replaces ours"
sed -i '/compound-names/d' "$R/usr/share/demo/maintkit.conf"

# As the manual's statements do it.
rc_is 0 "run --compat" migrate run middle-names --compat --without-backup "a test"
rows manual >"$T/want"
names >"$T/got"
same "$T/got" "$T/want" "--compat: the table of what was measured"
rc_is 0 "verify knows" migrate verify middle-names
back
# More names, against the statements themselves on a copy.
python3 - >"$T/many.sql" <<'EOT'
import random
random.seed(5)
words = ["Mary", "Anne", "\u00c9ve", "Zo\u00eb", "J.", "-", "\u674e", "O'N", "B\\x", "Lou\u2003x"]
def text():
    return "".join(random.choice(["", " ", " ", "  ", "\t"]) + random.choice(words) for _ in range(random.randint(0, 4)))[:28] + random.choice(["", "", " "])
for i in range(1000, 1600):
    first, middle = text(), random.choice(["NULL", "''", "' '", "'  '", "x"])
    if middle == "x": middle = "0x" + ("Q" + text()).encode().hex()
    print(f"INSERT INTO demographic (demographic_no, last_name, first_name, middleNames, sex, lastUpdateDate) VALUES ({i}, 'L', CONVERT(0x{first.encode().hex() or '20'} USING utf8mb4), {middle}, '', '2001-02-03');")
EOT
{ echo 'USE demo_db;'; cat "$T/many.sql"; } | mariadb_sql || BAIL "fill"
tables_dump >"$T/before"
rc_is 0 "600 more" migrate run middle-names --compat --without-backup "a test"
names >"$T/got"
back
q "UPDATE demographic SET first_name = TRIM(first_name)
   ; UPDATE demographic SET middleNames = SUBSTRING_INDEX(first_name, ' ', -(LENGTH(first_name) - LENGTH(REPLACE(first_name, ' ', '')))) WHERE middleNames IS NULL OR middleNames = ''
   ; UPDATE demographic SET first_name = SUBSTRING_INDEX(first_name, ' ', 1)"
names >"$T/want"
same "$T/got" "$T/want" "as the statements"

# Tables in Latin-1, and bytes that are no UTF-8.
q "DROP TABLE maintkit_undo, maintkit_run; DELETE FROM demographic; ALTER TABLE demographic CONVERT TO CHARACTER SET latin1"
q "INSERT INTO demographic (demographic_no, last_name, first_name, middleNames, sex, lastUpdateDate) VALUES (1, 'L', CONVERT(0x52656EE9652041E9 USING latin1), NULL, '', '2001-02-03'),
   (2, 'L', CONVERT(0x5375A0416E6E65 USING latin1), 'x', '', '2001-02-03')"
tables_dump >"$T/before"
rc_is 0 "Latin-1" migrate run middle-names --without-backup "a test"
is "$(names | tr '\t\n' '  ')" "1 52656EE965 41E9 2 5375A0416E6E65 78 " "stays Latin-1; the name with another middle name is held"
back
q "ALTER TABLE demographic CONVERT TO CHARACTER SET utf8; DELETE FROM demographic; DROP TABLE maintkit_undo, maintkit_run
   ; ALTER TABLE demographic MODIFY first_name varbinary(90) NOT NULL, DROP KEY name
   ; INSERT INTO demographic (demographic_no, last_name, first_name, sex, lastUpdateDate) VALUES (1, 'L', 0x537565FF20416E6E65, '', '2001-02-03'), (2, 'L', 'Sue Anne', '', '2001-02-03')"
rc_is 0 "bytes that are no UTF-8" migrate plan middle-names
like "$out" "held: it is not valid UTF-8: demographic" "are held"
# A full disk, and a place that cannot be written.
if [ -c /dev/full ] && mkdir "$T/small" && mount -t tmpfs -o size=16k tmpfs "$T/small" 2>/dev/null; then
	at_exit "umount '$T/small' 2>/dev/null"
	{ echo 'USE demo_db;'; for i in $(seq 100 900); do echo "INSERT INTO demographic (demographic_no, last_name, first_name, sex, lastUpdateDate) VALUES ($i, 'L', 'Sue Anne', '', '2001-02-03');"; done; } | mariadb_sql
	rc_is 2 "the list does not fit" migrate plan middle-names --csv "$T/small/list.csv"
	like "$err" "No space left on device" "is said"
	is "$(ls -A "$T/small")" "" "and no part of it is left"
	umount "$T/small"
else
	skip "no mount here" "a full disk"
fi
done_testing
