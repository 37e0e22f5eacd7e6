#!/bin/bash
# proves: of thousands of generated names (a million with SOAK=1) no word is lost, running twice is running once, and undo gives back every byte
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/migrateworld.sh"
migrate_needs
# NAMES: how many; SEED: which (with SOAK=1 others each time).
NAMES=${NAMES:-${SOAK:+1000000}} NAMES=${NAMES:-20000} SEED=${SEED:-${SOAK:+$RANDOM}} SEED=${SEED:-1}
MARIADB_FAST=1 mariadb_new || BAIL "no server"
migrate_world
mariadb_sql "SET GLOBAL sql_mode = ''; SET GLOBAL max_allowed_packet = 16777216"
note "$NAMES names, seed $SEED"

python3 - "$NAMES" "$SEED" >"$T/fill.sql" <<'EOT'
import random, sys
n, seed = int(sys.argv[1]), int(sys.argv[2])
r = random.Random(seed)
words = ["Sue", "Anne", "Renée", "Zoë", "Éloïse", "O'Neil", "李四", "Ольга", "محمد", "Łukasz", "Mary-Lou"] * 8 + ["Mary", "Jean", "Paul", "Jr", "III", "J.", "A", "(Bob)", '"Kit"',
         "-", "Baby", "Boy", "and", "&", "et", "2", "N\u0303u", "\u200bTom", "ß", "İ", "ı", "ĳ", "\\", "'", "%", "_", "x" * 14]
blanks = [" "] * 12 + ["  ", "   ", "\t", "\n", "\r\n", "\u00a0", "\u1680", "\u2003", "\u200a", "\u202f", "\u205f", "\u3000"]
ends = [""] * 8 + blanks[10:]
def text(least, most):
    k = r.randint(least, most)
    s = r.choice(ends)
    for i in range(k):
        s += (r.choice(blanks) if i else "") + r.choice(words)
    return s + r.choice(ends)
def lit(s): return "NULL" if s is None else "CONVERT(0x%s USING utf8mb4)" % s.encode().hex() if s else "''"
print("USE demo_db; SET autocommit = 0;")
for i in range(1, n + 1):
    first = text(0, r.choice([1, 2, 2, 2, 3, 4]))[:30]
    tokens = first.split()
    middle = r.choice([None, "", "", "", " ", " ".join(tokens[1:]), " ".join(tokens[2:]).upper(), text(1, 2), text(0, 6)[:100], (tokens or [""])[-1].lower()])
    if i % 500 == 1: print(";\nINSERT INTO demographic (demographic_no, last_name, first_name, middleNames, sex, lastUpdateDate) VALUES" if i > 1 else "INSERT INTO demographic (demographic_no, last_name, first_name, middleNames, sex, lastUpdateDate) VALUES")
    print(("" if i % 500 == 1 else ",") + f"({i * 3},'L',{lit(first)},{lit(middle)},'','2001-02-03')")
print("; COMMIT;")
EOT
mariadb_sql <"$T/fill.sql" || BAIL "fill"
names() { q "SELECT demographic_no, COALESCE(HEX(first_name), 'N'), COALESCE(HEX(middleNames), 'N'), lastUpdateDate FROM demographic ORDER BY 1"; }
names >"$T/before"
is "$(wc -l <"$T/before")" "$NAMES" "they are there"
rc_is 0 "run" migrate run middle-names --without-backup "a test"
names >"$T/after"
# By the words of the rule, not by our code: separators, and what may not get lost.
ok "no word is lost, and a name that is changed is in order" python3 - "$T/before" "$T/after" <<'EOT'
import re, sys
SEP = re.compile("[ \t\n\r\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
def words(s): return [w for w in SEP.split(s) if w]
def text(x): return "" if x == "N" else bytes.fromhex(x).decode()
changed = moved = 0
for a, b in zip(open(sys.argv[1]), open(sys.argv[2])):
    ka, f0, m0, d0 = a.rstrip("\n").split("\t"); kb, f1, m1, d1 = b.rstrip("\n").split("\t")
    assert (ka, d0) == (kb, d1), (ka, kb)
    assert m1 != "N", f"{ka}: NULL"
    old, new = words(text(f0)) + words(text(m0)), words(text(f1)) + words(text(m1))
    have = {w.casefold() for w in new}
    assert all(w.casefold() in have for w in old), f"{ka}: {text(f0)!r}/{text(m0)!r} -> {text(f1)!r}/{text(m1)!r}"
    assert all(w.casefold() in {o.casefold() for o in old} for w in new), f"{ka}: invented {text(f1)!r}/{text(m1)!r}"
    if f0 != f1:
        changed += 1
        assert text(f1) == "".join(words(text(f0))[:1]), f"{ka}: {text(f0)!r} -> {text(f1)!r}"
        moved += len(words(text(f0))) > 1
print(changed, moved)
assert moved > len(open(sys.argv[1]).readlines()) / 20
EOT
note "changed, taken apart: $out"
rc_is 0 "run again" migrate run middle-names --without-backup "a test"
names >"$T/again"
same "$T/again" "$T/after" "is the same as once"
rc_is 0 "verify" migrate verify middle-names
rc_is 0 "undo" migrate undo middle-names
names >"$T/now"
same "$T/now" "$T/before" "gives back every byte"
done_testing
