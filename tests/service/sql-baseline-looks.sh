#!/bin/bash
# proves: sql baseline adopts an existing database only when its objects are there, and nothing of it is overwritten
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/sqlworld.sh"
mariadb_here || skip_all "$mariadb_why"
MARIADB_FAST=1 mariadb_new || BAIL "no server"

sql_world 'install = schema data
[sql:extra]
file = extra.sql
on-install = yes
on-upgrade = offer
[sql:later]
file = later.sql
on-upgrade = yes'
script schema <<'E'
CREATE TABLE person (id int PRIMARY KEY, name varchar(30) NOT NULL DEFAULT '');
CREATE TABLE old (a int);
DROP TABLE old;
CREATE TABLE visit (id int PRIMARY KEY, person int);
RENAME TABLE visit TO visits;
CREATE VIEW names AS SELECT name FROM person;
E
echo "INSERT INTO person VALUES (1, 'seed');" | script data
echo 'ALTER TABLE person ADD COLUMN IF NOT EXISTS secret varchar(9) NULL;' | script extra
echo 'ALTER TABLE person ADD COLUMN later int;' | script later

rc_is 2 "nothing to adopt" sql baseline
mariadb_sql "CREATE DATABASE demo_db"
q "CREATE TABLE person (id int PRIMARY KEY, name varchar(60)); INSERT INTO person VALUES (7, 'patient')"
rc_is 4 "apply refuses a database it does not know" sql apply
like "$err" "sql baseline" "and says what to do"
rc_is 4 "also by name" sql apply schema
rc_is 1 "plan says that something is to be done" sql plan --exit-code
rc_is 4 "baseline refuses while tables are missing" sql baseline --json
refused=$out
like "$err" "missing: table visits, view names" "and names them"
unlike "$err" "table old" "not those that the script dropped itself"
ok "as JSON, too" python3 -c 'import json,sys; d = json.loads(sys.argv[1]); assert "cannot be adopted" in d["error"] and d["scripts"][-1]["outcome"] == "not there", d' "$refused"
is "$(q 'SHOW TABLES')" "person" "and writes nothing"
q "CREATE TABLE visits (id int); CREATE VIEW names AS SELECT name FROM person"
rc_is 0 "the account is made without touching the tables" sql create
like "$err" "was adopted with the tables it has" "create says what it is"
rc_is 0 "baseline, dry" sql baseline --dry-run --json
ok "as JSON: what it found" python3 -c 'import json,sys; d = json.loads(sys.argv[1]); assert d["error"] is None and "would be adopted" in [s["outcome"] for s in d["scripts"]], d' "$out"
rc_is 4 "has recorded nothing" sql apply
rc_is 0 "baseline" sql baseline
like "$(sql status)" "baselined schema" "schema counts as there"
like "$(sql status)" "demo_db: baselined" "the database is known"
unlike "$(sql status)" "extra" "the extra column is not there, so it is not assumed"
rc_is 0 "again" sql baseline
rc_is 0 "apply now" sql apply
like "$err" "'extra' is offered" "offers what is offered on upgrades"
is "$(q "SELECT GROUP_CONCAT(column_name ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name='person' AND table_schema='demo_db'")" "id,name,later" "applies what upgrades bring"
is "$(q 'SELECT * FROM person')" "7	patient	NULL" "and the data is as it was"
rc_is 0 "the offer is taken by name" sql apply extra
is "$(q "SELECT COUNT(*) FROM information_schema.columns WHERE table_name='person' AND column_name='secret'")" 1 "then it is there"
rc_is 0 "a script of new installations is never run here" sql apply schema data
like "$err" "applied already" "it counts as applied"
rc_is 1 "verify compares with what the scripts promise" sql verify
like "$out" "column person.name is varchar\(60\), promised was varchar\(30\)" "and tells legacy drift"
done_testing
