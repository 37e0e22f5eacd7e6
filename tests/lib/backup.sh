# shellcheck shell=bash
# backup.sh - a system with a package "demo", keys and a database server, for tests of backup.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source it behind tap.sh; it sources pgp.sh, mariadb.sh and stop.sh. Gives:
#   backup_system    set all of it up, or skip the test
#   backup ARGS      maintkit-backup for that package
#   B, D             directories of the backups and of the documents
#   names, last      names of the backups, the oldest first; path of the newest
#   info FILE KEY    what is written beside a backup (a name or a path)
#   tick             wait until a backup made now gets another name

. "$TOP/tests/lib/pgp.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/stop.sh"

B=$R/var/backups/demo
D=$R/var/lib/demo/documents

backup_system() {
	mariadb_here || skip_all "$mariadb_why"
	pgp_system
	mariadb_new || BAIL "no database server"
}
backup() { "$BIN/maintkit-backup" --root "$R" -p demo "$@"; }
names() { find "$B" -maxdepth 1 -name '[!.]*.gpg' -printf '%f\n' 2>/dev/null | LC_ALL=C sort; }
last() { echo "$B/$(names | tail -n 1)"; }
info() {
	case $1 in /*) ;; *) set -- "$B/$1" "$2" ;; esac
	sed -n "s/^$2=//p" "$1.info"
}
tick() { sleep 1.1; }
