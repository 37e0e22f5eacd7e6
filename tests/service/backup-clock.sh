#!/bin/bash
# proves: a clock that was wrong by years decides nothing about backups: neither which is the newest, nor what is pruned, nor a name
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/backup.sh"
backup_system
pgp ensure 2>/dev/null || BAIL "no key"
second_key
mariadb_sql "CREATE DATABASE demo; USE demo; CREATE TABLE demographic (id INT PRIMARY KEY); INSERT INTO demographic VALUES (1)"
mkdir -p "$D"; echo one >"$D/1"; touch -d 2020-01-01 "$D/1"
shift_clock() { sed -i "s/^created=.*/created=$2/" "$1.info"; }
ours() { find "$B" -name '*.gpg' -size +1k -printf '%f\n' | LC_ALL=C sort; }

# ---- a name that is taken
ok "a backup" backup create
first=$(last)
is "$(info "$first" number)" 1 "it is counted"
tick
for ((i = 0; i < 300; i++)); do echo "another's" >"$B/demo-$(date -u -d "@$(($(date +%s) + i))" +%Y%m%dT%H%M%SZ).tar.zst.gpg"; done
ok "another, where the names of these minutes are taken" backup create
is "$(grep -Lx "another's" "$B"/*.gpg | wc -l) $(grep -lx "another's" "$B"/*.gpg | wc -l)" "2 300" "has one of its own, and all are as they were"
find "$B" -name '*.gpg' -size -1k -delete
second=$B/$(ours | tail -n 1)
ok "it is good" backup verify --key "$T/second-secret.asc" "$second"
is "$(info "$second" number)" 2 "and the second"

# ---- the first was made by a clock that was ten years ahead
shift_clock "$first" "$(date -u -d '10 years' +%FT%TZ)"
is "$(backup list --json | sed -n 's/^ *"number": "\(.*\)",*/\1/p' | tr '\n' ' ')" "1 2 " "the list has the one that was made first first"
ok "verify takes the newest" backup verify --key "$T/second-secret.asc"
like "$out" "${second##*/}" "which is not the one of the latest time"
tick
shift_clock "$second" "$(date -u -d '10 years' +%FT%TZ)"
ok "a backup since the last full one" backup create --documents=since
third=$B/$(ours | LC_ALL=C sort | grep -v -e "${first##*/}" -e "${second##*/}")
is "$(info "$third" documents) $(info "$third" number)" "full 3" "is full: the age of those of a time to come is not known"
for n in 1 2 3 4 5 6 7 8; do
	for end in '' .sha256 .info; do cp "$first$end" "$B/ahead$n.tar.zst.gpg$end"; done
	shift_clock "$B/ahead$n.tar.zst.gpg" "$(date -u -d "10 years $n days ago" +%FT%TZ | sed "s/^[0-9]*/$(date -d '9 years' +%Y)/")"
done
ok "what would go" backup prune --dry-run
like "$out" "keep +${third##*/}: the newest, day 1, week 1, month 1" "the one that was made now stands for today"
unlike "$out" "^go" "none goes"
is "$(grep -c "a time that has not come yet" <<<"$out")" 10 "those of a time to come wait for it"

# ---- the way back of the last upgrade
sed -i -e 's/^purpose=.*/purpose=upgrade/' -e 's/^version=.*/version=1.0/' "$first.info"
sed -i -e 's/^purpose=.*/purpose=upgrade/' -e 's/^version=.*/version=2.0/' "$third.info"
rc_is 2 "rollback" backup rollback --dry-run
like "$err" "demo 2.0 is in none of" "is to the version of before the last upgrade, not to that of the latest time"

# ---- a machine that wakes up in 1970
shift_clock "$third" 1970-01-01T00:05:00Z
is "$(backup list --json | sed -n 's/^ *"number": "\(.*\)",*/\1/p' | tail -n 1)" 3 "what it makes is the newest all the same"
like "$(backup prune --dry-run)" "keep +${third##*/}: the newest" "and stays"
done_testing
