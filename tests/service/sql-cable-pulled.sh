#!/bin/bash
# proves: a server on another machine that falls silent, without a word of farewell, is noticed within a minute; when it is back the script goes on
# SPDX-License-Identifier: GPL-2.0-or-later
if [ -z "${_sql_net:-}" ] && unshare --net true 2>/dev/null; then
	export _sql_net=1
	exec unshare --net -- "$0" "$@"
fi
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
mariadb_here || skip_all "$mariadb_why"
[ -n "${_sql_net:-}" ] && ip link set lo up || skip_all "no network namespace can be made"
server_address=10.66.0.1

# Two machines and a cable: the server is in this namespace, maintkit in that of $other.
unshare --net -- sleep 3600 & other=$!
at_exit end_other
end_other() { kill "$other" 2>/dev/null; }
for ((i = 0; i < 2000; i++)); do
	[ "$(readlink "/proc/$other/ns/net")" != "$(readlink /proc/self/ns/net)" ] && break
	sleep 0.05
done
ip link add cable type veth peer name far && ip link set far netns "$other" && ip addr add $server_address/24 dev cable &&
	ip link set cable up && nsenter -t "$other" -n sh -c 'ip addr add 10.66.0.2/24 dev far && ip link set far up' ||
	skip_all "no pair of interfaces can be made"
MARIADB_FAST=1 MARIADB_OPTIONS="--skip-networking=0 --port=3399 --bind-address=$server_address" mariadb_new || BAIL "no server"
mariadb_sql "CREATE USER clinic@'%' IDENTIFIED BY 'geheim'; GRANT ALL ON *.* TO clinic@'%' WITH GRANT OPTION"

sql_world
{ echo 'CREATE TABLE a (n int);'; for i in 1 2 3 4 5 6; do echo "INSERT INTO a SELECT $i + SLEEP(1);"; done; } | script base
(umask 077; printf '[client]\nprotocol = tcp\nhost = %s\nport = 3399\nuser = clinic\npassword = geheim\n' $server_address >"$R/etc/demo/db.cnf")
far() { nsenter -t "$other" -n "$BIN/maintkit-sql" --root "$R" -p demo "$@"; }
ok "create, over the cable" far create

far apply --wait 600 >"$T/said" 2>&1 & pid=$!
await "the script to be under way" "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT INTO a SELECT 3%'"
ip link set cable down
for ((i = 0; i < 3000; i++)); do
	grep -q 'waiting up to' "$T/said" && break
	kill -0 $pid 2>/dev/null || break
	sleep 0.1
done
like "$(cat "$T/said")" "waiting up to 600 s for the server" "the silence is noticed, and it waits"
ok "it is still there" kill -0 $pid
ip link set cable up
wait $pid; is $? 0 "the cable is back: it ends well"
is "$(q 'SELECT GROUP_CONCAT(n ORDER BY n) FROM a')" 1,2,3,4,5,6 "nothing missing, nothing twice"
note "$(cat "$T/said")"
done_testing
