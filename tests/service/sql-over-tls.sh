#!/bin/bash
# proves: over the network db.cnf's TLS settings hold: the server's certificate is verified, and a wrong one ends it before anything is sent
# SPDX-License-Identifier: GPL-2.0-or-later
if [ -z "${_sql_net:-}" ] && unshare --net --mount true 2>/dev/null; then
	export _sql_net=1
	exec unshare --net --mount -- "$0" "$@"	# its ports are all free, and so are its names
fi
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
mariadb_here || skip_all "$mariadb_why"
[ -n "${_sql_net:-}" ] && ip link set lo up || skip_all "no network namespace can be made"

# "localhost" would be the socket.
name=db.clinic.example
mount --make-rprivate / 2>/dev/null
printf '127.0.0.1 localhost %s\n127.0.0.1 other.clinic.example\n127.0.1.1 %s\n' $name "$(hostname)" >"$T/hosts"
mount --bind "$T/hosts" /etc/hosts || skip_all "names cannot be set"
key() { openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$2" -addext "subjectAltName = DNS:$2" -keyout "$T/$1.key" -out "$T/$1.pem" 2>/dev/null; }
key server $name && key other $name || BAIL "no certificates"
chmod 644 "$T"/*.key
MARIADB_FAST=1 MARIADB_OPTIONS="--skip-networking=0 --port=3399 --bind-address=127.0.0.1 --ssl-cert=$T/server.pem --ssl-key=$T/server.key" mariadb_new || BAIL "no server"
mariadb_sql "CREATE USER clinic@'%' IDENTIFIED BY 'geheim' REQUIRE SSL; GRANT ALL ON *.* TO clinic@'%' WITH GRANT OPTION"

sql_world
echo 'CREATE TABLE a (id int)' | script base
cnf() { (umask 077; printf '[client]\nprotocol = tcp\nport = 3399\nuser = clinic\npassword = geheim\n%s\n' "$1" >"$R/etc/demo/db.cnf"); }
cnf "host = $name
ssl-ca = $T/server.pem
ssl-verify-server-cert = 1"
rc_is 0 "create, with the right certificate" sql create
rc_is 0 "apply" sql apply
is "$(mariadb_sql "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'demo_db' AND table_name = 'a'")" 1 "is done"
cnf "host = $name
ssl-ca = $T/other.pem
ssl-verify-server-cert = 1"
ok "another authority: refused" eval '! sql status'
like "$err" "[Cc]ertificate|TLS|SSL" "because of the certificate"
unlike "$err$out" "geheim" "and nothing tells the password"
cnf "host = other.clinic.example
ssl-ca = $T/server.pem
ssl-verify-server-cert = 1"
ok "another name: refused" eval '! sql status'
like "$err" "[Cc]ertificate|TLS|SSL" "because of the certificate"
cnf "host = $name
ssl-ca = $T/server.pem
ssl-verify-server-cert"
rc_is 2 "a setting that the library would take for its contrary" sql status
like "$err" "db.cnf': 'ssl-verify-server-cert' without a value would verify nothing" "is refused"
cnf "host = 127.0.0.9:1, $name
ssl-ca = $T/server.pem"
rc_is 0 "a list of hosts over TLS" sql status
done_testing
