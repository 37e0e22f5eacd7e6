#!/bin/bash
# proves: what lies beside a backup may be missing, damaged or another's: it is noticed and mended from the backup, and no good backup is taken for bad or thrown away
# SPDX-License-Identifier: GPL-2.0-or-later
OWN_MOUNTS=1
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/backup.sh"
MARIADB_FAST=1
backup_system
pgp ensure 2>/dev/null || BAIL "no key"
second_key
: "${B:?}" "${D:?}"
mariadb_sql "CREATE DATABASE demo; USE demo; CREATE TABLE demographic (id INT PRIMARY KEY); INSERT INTO demographic VALUES (1)"
mkdir -p "$D"; echo one >"$D/1"; touch -d 2020-01-01 "$D/1"
backup create 2>/dev/null && tick && echo two >"$D/2" && backup create 2>/dev/null || BAIL "no backup"
mapfile -t n < <(names)
check() { run backup verify --key "$T/second-secret.asc" "$B/$1"; }
swap() { mv "$B/${n[0]}$1" "$T/x" && mv "$B/${n[1]}$1" "$B/${n[0]}$1" && mv "$T/x" "$B/${n[1]}$1"; }
flip() { printf 'damage' | dd of="$1" bs=1 seek=$(($(stat -c %s "$1") / 2)) conv=notrunc status=none; }
lines() { grep -v -e ^verified -e ^recipient "$B/$1.info"; }

# ---- the description
for i in 0 1; do lines "${n[$i]}" >"$T/said$i"; done
rm "$B/${n[0]}.info"
check "${n[0]}"
is "$rc $(info "${n[0]}" verified_how)" "0 read" "missing: verified"
is "$(lines "${n[0]}" | diff "$T/said0" -)" "" "and as it was written, but for the names of the keys"
unlike "$(backup list)" "missing" "so it is listed again"
swap .info
check "${n[0]}"
is "$rc" 0 "two in each other's place: verified"
like "$err" "${n[0]}.info' is of another backup.*made again" "and noticed"
is "$(lines "${n[0]}" | diff "$T/said0" -)" "" "it is this one's again"
sed -i 's/^version=.*/version=9.9/; s/^purpose=.*/purpose=upgrade/' "$B/${n[1]}.info"
mkdir -p "$R/var/cache/maintkit/demo" "$T/deb/DEBIAN"
printf 'Package: demo\nVersion: 9.9\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' >"$T/deb/DEBIAN/control"
dpkg-deb -b "$T/deb" "$R/var/cache/maintkit/demo/demo_9.9_all.deb" >/dev/null
run backup rollback --yes --key "$T/second-secret.asc"
is "$rc" 2 "rollback to a version that another's description names"
like "$err" "made with version '', and what lies beside it says '9.9'" "is noticed before anything is touched"
is "$(backup kept --json)" "$(backup kept --json | grep -v restored)" "nothing was put in place"
check "${n[1]}"
is "$(lines "${n[1]}" | diff "$T/said1" -)" "" "verify mends that"
: >"$B/${n[0]}.info"
check "${n[0]}"
is "$(lines "${n[0]}" | diff "$T/said0" -)" "" "an empty one"

# ---- the checksum
swap .sha256
check "${n[0]}"
is "$rc" 2 "two checksums in each other's place"
like "$err" "${n[0]}.sha256' is of another file, the backup is as it was written" "are not the backups' fault"
is "$(info "${n[0]}" failed)$(info "${n[0]}" verified_how)" read "which stay good"
swap .sha256
echo gone >"$B/${n[0]}.sha256"
check "${n[0]}"
like "$rc $err" "2 .*holds no checksum; remove it" "one that is none"
is "$(info "${n[0]}" failed)" "" "says nothing about the backup"
rm "$B/${n[0]}.sha256"
check "${n[0]}"
like "$rc $out" "0 .*no .*sha256 beside it" "and is not needed"

# ---- the index
cp "$B/${n[0]}.index" "$B/${n[1]}.index"
tick
ok "since one whose index is another's" backup create --documents=since
like "$err" "${n[1]}.index' does not belong to its backup" "that is said"
is "$(info "$(last)" base)" "${n[0]}" "and the one before is gone back to"

# ---- a full disk, when there is something bad to note
mkdir "$T/tiny"
mount -t tmpfs -o size=400k tmpfs "$T/tiny" || BAIL "no file system"
cp "$B/${n[1]}" "$B/${n[1]}.info" "$B/${n[1]}.sha256" "$T/tiny/"
dd if=/dev/zero of="$T/tiny/fill" bs=1k 2>/dev/null
run backup verify --key "$T/second-secret.asc" "$T/tiny/${n[1]}"
is "$rc $(info "$T/tiny/${n[1]}" verified_how)" "0 read" "a good one on a full disk: what was known stays"
like "$err" "outcome cannot be kept.*No space" "and that is said"
flip "$T/tiny/${n[1]}"
run backup verify --key "$T/second-secret.asc" "$T/tiny/${n[1]}"
is "$rc $(find "$T/tiny" -name '*.info*')" "2 " "a bad one: nothing goes on saying that it is good"
umount "$T/tiny"

# ---- all are damaged
for f in $(names); do flip "$B/$f"; check "$f"; done
is "$(backup list --json | grep -c '"failed": "2')" 3 "all are damaged"
ok "prune" backup prune
is "$(names | wc -l)" 3 "leaves them: most of what is in one can be had"
tick
ok "a good one" backup create
ok "prune" backup prune
is "$(names | wc -l)" 1 "then they go"

# ---- whose directory it is
chmod 777 "$B"; tick
ok "where others can write" backup create
like "$err" "not root's alone .uid 0, mode 777.*chown root: .* && chmod 700" "is told"
chmod 700 "$B"; chown 65534 "$B"; tick
ok "that is somebody else's" backup create
like "$err" "not root's alone .uid 65534" "too"
chown 0 "$B"
mv "$B" "$T/elsewhere"; ln -s ../elsewhere "$B"; chown -h 65534 "$B"
rc_is 2 "a link that is not root's" backup create
like "$err" "symbolic link, which is not followed" "is not followed"
rm "$B"; mv "$T/elsewhere" "$B"

# ---- definitions by an account that is gone
gone() { mariadb_sql "USE demo; CREATE USER gone@localhost; GRANT ALL ON demo.* TO gone@localhost; $1; DROP USER gone@localhost"; }
gone "CREATE DEFINER=gone@localhost VIEW v AS SELECT id, 'demo.demographic.id' AS t FROM demographic;
	CREATE DEFINER=gone@localhost TRIGGER tr AFTER INSERT ON demographic FOR EACH ROW SET @x = 1;
	CREATE DEFINER=gone@localhost PROCEDURE p() SELECT 1; CREATE DEFINER=gone@localhost FUNCTION f() RETURNS INT RETURN 1;
	CREATE DEFINER=gone@localhost EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1"
objects() {
	mariadb_sql "USE demo; SHOW CREATE VIEW v; SELECT trigger_name, definer FROM information_schema.triggers WHERE trigger_schema = 'demo';
		SELECT routine_name, definer FROM information_schema.routines WHERE routine_schema = 'demo';
		SELECT event_name, definer FROM information_schema.events WHERE event_schema = 'demo'"
}
objects >"$T/objects"
tick
ok "views, triggers, routines and events of an account that is gone" backup create
ok "load elsewhere" backup verify --restore-test --key "$T/second-secret.asc"
gone "INSERT INTO demographic VALUES (2); CREATE DEFINER=gone@localhost VIEW calls AS SELECT f() AS a"
ok "and in place, also of a view that cannot be shown" backup restore --key "$T/second-secret.asc" "$(last)"
is "$(objects | diff "$T/objects" -)" "" "as they were"
ok "back" backup restore --revert
is "$(objects | diff "$T/objects" -)$(mariadb_sql "SELECT COUNT(*) FROM demo.demographic")" 2 "too"
ok "confirm" backup restore --confirm
gone "CREATE OR REPLACE DEFINER=gone@localhost VIEW calls AS SELECT f() AS a"
tick
rc_is 2 "a view that the server does not show" backup create
like "$err" "'gone'@'localhost'.*make the account that is named" "is a failure that says what to do"
mariadb_sql "CREATE USER gone@localhost ACCOUNT LOCK; GRANT EXECUTE ON demo.* TO gone@localhost"
ok "that helps" backup create
done_testing
