# shellcheck shell=bash
# totp.sh - a database like OSCAR's and a package root around maintkit-totp, for its service tests.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source it after tap.sh and mariadb.sh.
#
#   totp_setup              private server, database oscar_15 with the demonstration tables and 2fa.sql,
#                           and root directory $ROOT with profile and properties
#   totp_program            let $TOTP be a copy that any user can run
#   totp ARGS               maintkit-totp in that root
#   sec COLUMNS [USER]      columns of a row of table security (oscardoc)
#   add_user NAME PIN       one more user
#   code [SECRET] [OPTIONS] what the phone shows, by oathtool
#   wait_early [PERIOD]     until at least 5 s of a period are left, so that a test does not straddle it
#   steady PERIOD CMD...    CMD's status from a run that began and ended in one period: else CMD is run anew

SECRET=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ	# 48 characters, as in OSCAR's manual
TOTP=$BIN/maintkit-totp

totp_setup() {
	mariadb_new || return
	mariadb_sql 'CREATE DATABASE oscar_15 CHARACTER SET utf8' || return
	local f
	for f in "$TOP"/tests/fixtures/payload/sql/0[12]0-*.sql; do
		{ echo 'USE oscar_15;'; cat "$f"; } | mariadb_sql || return
	done
	ROOT=$T/root
	mkdir -p "$ROOT/usr/share/oscar-emr" "$ROOT/etc/oscar-emr"
	cp "$TOP/debian/oscar-emr.maintkit" "$ROOT/usr/share/oscar-emr/maintkit.conf"
	# the groups of the machine the test runs on need not know this one
	sed -i 's/^group = oscar-emr$/group = root/' "$ROOT/usr/share/oscar-emr/maintkit.conf"
	printf 'db_name=oscar_15\nIS_PIN_ENCRYPTED=no\n' >"$ROOT/etc/oscar-emr/oscar.properties"
}
totp_columns() { { echo 'USE oscar_15;'; cat "$TOP/hooks/oscar-emr/sql/2fa.sql"; } | mariadb_sql; }
totp_program() { cp "$BIN/maintkit-totp" "$T/maintkit-totp" && chmod 755 "$T" "$T/maintkit-totp" && TOTP=$T/maintkit-totp; }
totp() { "$TOTP" --root "$ROOT" -p oscar-emr "$@"; }
sql_quote() { printf "'%s'" "${1//\'/\'\'}"; }
sec() { mariadb_sql "SELECT $1 FROM oscar_15.security WHERE user_name = $(sql_quote "${2:-oscardoc}")"; }
add_user() { mariadb_sql "INSERT INTO oscar_15.security (user_name, password, provider_no, pin) VALUES ($(sql_quote "$1"), 'x', '100001', '$2')"; }
code() {
	local totp=--totp
	[[ "${*:2}" != *--totp* ]] || totp=''
	oathtool -b $totp "${@:2}" - <<<"${1:-$SECRET}"
}
wait_early() {
	local left period=${1:-30}
	left=$((period - $(date +%s) % period))
	[ "$left" -ge 5 ] || sleep $((left + 1))
}
steady() {
	local period=$1 begun rc i
	shift
	for ((i = 0; i < 100; i++)); do
		begun=$((EPOCHSECONDS / period))
		"$@"
		rc=$?
		[ $((EPOCHSECONDS / period)) != "$begun" ] || return $rc
	done
	BAIL "'$*' takes longer than $period s, each time"
}
