#!/bin/bash
# proves: a backup that is killed or cannot write leaves no file that looks like a good one, and the next run clears up
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/pgp.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/crash.sh"
mariadb_here || skip_all "$mariadb_why"
pgp_system rsa2048
MARIADB_FAST=1
mariadb_new || BAIL "no database server"
: "${R:?}" "${T:?}"
mkdir -p "$R/var/lib/demo/documents/sub"
pgp ensure 2>/dev/null && second_key || BAIL "no key"
mariadb_sql "CREATE DATABASE demo; USE demo; CREATE TABLE demographic (id INT PRIMARY KEY, note TEXT) SELECT seq AS id, REPEAT(MD5(seq), 20) AS note FROM seq_1_to_2000; CREATE TABLE old_engine (a INT) ENGINE=MyISAM"
for ((i = 1; i <= 30; i++)); do head -c 20000 /dev/urandom >"$R/var/lib/demo/documents/sub/doc$i"; done
world=$R

backup() { "$BIN/maintkit-backup" --root "$R" -p demo "$@"; }
names() { find "$1/root/var/backups/demo" -name '[!.]*.gpg' 2>/dev/null | LC_ALL=C sort; }
whole() { backup verify --key "$T/second-secret.asc" "$1"; }
setup() { cp -a "$world" "$1/root"; }

# What has a backup's name is whole, and 'list' knows nothing else. The next one must have another name.
invariant() {
	local file
	R=$1/root
	while read -r file; do
		whole "$file" 2>&1 || { echo "$file is taken for a backup and is none"; return 1; }
		sleep 1.1
	done < <(names "$1")
	[ "$(backup list --json | grep -c '"name"')" = "$(names "$1" | wc -l)" ] || { backup list; return 1; }
}

# However many there are by now: the newest is good, and nothing else is there.
observe() {
	local file
	R=$1/root
	file=$(names "$1" | tail -n 1)
	whole "$file" >/dev/null 2>&1 && echo "good"
	sed -n -e 's/^\(tables\|rows\|members\|skipped\|changed\)=/&/p' "$file.info"
	find "$1/root/var/backups/demo" -printf '%P\n' | sed 's/[0-9]\{8\}T[0-9]\{6\}Z/TIME/' | LC_ALL=C sort -u
	find "$1/root/run" "$1/root/tmp" -mindepth 1 -printf '%P\n'
	ls "$1/root/var/lib/maintkit/demo/pending" 2>&1 | sed "s,$1,,"
}

soak() { if [ -n "${SOAK:-}" ]; then echo "$1"; else echo "$2"; fi; }
export CRASH_TIMEOUT=60 CRASH_STDOUT=no
create=("$BIN/maintkit-backup" --root @DIR@/root -p demo create)
CRASH_MAX=${CRASH_POINTS:-$(soak 300 20)} ok "a kill" crash_kill "${create[@]}"
find "$world/var/lib/demo/documents" -type f -exec touch -d '1 hour ago' {} +
CRASH_MAX=$(soak 300 12) ok "a kill, documents as hard links" crash_kill "${create[@]}" --documents=hardlink
# gpg waits for ever for a lock that it cannot make in its private directory in /run, and a socket is no disk.
CRASH_SKIP='-gnupg\.|socket:' CRASH_MAX=$(soak 60 3) CRASH_ERRORS=$(soak "ENOSPC+ EIO" ENOSPC+) ok "a full disk, a broken one" crash_fault "${create[@]}"
is "$(find "$world/var/backups" -mindepth 1)" "" "nothing was done elsewhere"
done_testing
