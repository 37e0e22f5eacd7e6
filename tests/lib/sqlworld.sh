# shellcheck shell=bash
# sqlworld.sh - a package "demo" with a profile, a properties file and SQL scripts, below a root of its own.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source it after tap.sh and mariadb.sh.
#   sql_world [LINES]    make $R; LINES go into [sql] and what follows of the profile; scripts lie in $S
#   sql VERB ...         maintkit-sql for it
#   script NAME          stdin becomes $S/NAME.sql
#   q SQL                ask the database demo_db
R='' S=''
sql_world() {
	R=$T/root.$((++_worlds)) S=$R/usr/share/demo/sql
	mkdir -p "$R/usr/share/demo/sql" "$R/etc/demo" "$R/var/lib"
	: >"$R/etc/passwd"
	printf 'root:x:0:\n%s:x:%s:\n' "$(id -gn)" "$(id -g)" >"$R/etc/group"
	printf '# settings\ndb_name=\n#db_username=\nother=x\n' >"$R/usr/share/demo/demo.properties"
	printf '%s\n' '[package]' 'name = demo' 'title = Demo' "user = $(id -un)" '[properties]' 'file = /etc/demo/demo.properties' \
		'default = /usr/share/demo/demo.properties' 'encoding = latin1' 'mode = 0640' "group = $(id -gn)" \
		'secret = db_password' '[database]' 'name = demo_db' 'charset = utf8mb4' 'user = demo' 'host = localhost' \
		'privileges = SELECT INSERT UPDATE DELETE CREATE_TEMPORARY_TABLES' 'property-name = db_name' \
		'property-user = db_username' 'property-password = db_password' '[sql]' 'dir = /usr/share/demo/sql' \
		"${1:-install = base}" >"$R/usr/share/demo/maintkit.conf"
}
sql() { "$BIN/maintkit-sql" --root "$R" -p demo "$@"; }
script() { cat >"$S/$1.sql"; }
q() { mariadb_sql "USE demo_db; $*"; }
