#!/bin/bash
# proves: LOAD DATA LOCAL, once the profile allows it, loads what the client loads, and never a file from outside the script's directory
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
mariadb_here || skip_all "$mariadb_why"
MARIADB_FAST=1 mariadb_new || BAIL "no server"

sql_world 'install = base
local-files = yes
[sql:never]
local-files = no'
mkdir "$S/data"
awk 'BEGIN { print "code,name"; for (i = 1; i <= 30000; i++) printf "%d,\"name %d, of it\"\r\n", i, i }' >"$S/data/codes.csv"
printf '1\tone\n2\t\\N\n' >"$S/few.txt"
cat >"$S/base.sql" <<'E'
CREATE TABLE codes (code int PRIMARY KEY, name varchar(40));
CREATE TABLE few (a int, b varchar(20));
LOAD DATA LOCAL INFILE 'data/codes.csv' INTO TABLE codes FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"'
  LINES TERMINATED BY '\r\n' IGNORE 1 LINES;
load data local infile 'few.txt' into table few;
INSERT INTO few VALUES (3, 'behind');
E
rc_is 0 "create" sql create
mariadb_sql 'CREATE DATABASE by_client CHARACTER SET utf8mb4'
ok "the client loads" eval '(cd "$S" && mariadb --no-defaults --local-infile=1 --socket="$MARIADB_SOCKET" --default-character-set=utf8mb4 by_client <base.sql)'
rc_is 0 "so do we" sql apply
mariadb_dump by_client | sed 's/by_client/DB/' >"$T/want"
mariadb_dump demo_db | sed 's/demo_db/DB/' >"$T/got"
same "$T/got" "$T/want" "the same: $(q 'SELECT COUNT(*) FROM codes') rows"
rc_is 0 "an absolute name below the directory" eval 'echo "LOAD DATA LOCAL INFILE \"/usr/share/demo/sql/few.txt\" INTO TABLE few" | script abs && sql apply /usr/share/demo/sql/abs.sql'

refused() {	# DESC NAME PATTERN
	local name=bad$((++refusals))
	echo "LOAD DATA LOCAL INFILE '$2' INTO TABLE few" | script $name
	rc_is 2 "$1" sql apply "/usr/share/demo/sql/$name.sql"
	like "$err" "$name.sql:1:1: .*$3" "says why"
}
before=$(q 'SELECT COUNT(*) FROM few')
echo 'db_password=secret' >"$R/etc/demo/secret"
ln -s ../../../../etc/demo/secret "$S/link.txt"
mkfifo "$S/fifo"
refused "a file outside" /etc/demo/secret "leads out of the script's directory"
refused "a way out" ../../../../etc/demo/secret "leads out of the script's directory"
refused "a link" link.txt "link.txt"
refused "a FIFO" fifo "not a regular file"
refused "no such file" nothing.txt "No such file"
is "$(q 'SELECT COUNT(*) FROM few')" "$before" "and nothing was loaded"
echo "LOAD DATA LOCAL INFILE 'few.txt' INTO TABLE few" | script never
rc_is 4 "a script of which the profile says no" sql apply /usr/share/demo/sql/never.sql
rc_is 0 "the connection is of use after a refusal" sql status
done_testing
