#!/bin/bash
# proves: without a server, or called wrongly, maintkit-sql changes nothing, says why, and exits as promised
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/sqlworld.sh"

sql_world 'install = base
[sql:extra]
file = sub/extra.sql'
echo 'CREATE TABLE a (x int);' | script base
before=$(cd "$R" && find . -type f -exec sha256sum {} + | sort)
export MAINTKIT_DB_SOCKET=$T/none

rc_is 2 "no verb: usage" sql
rc_is 0 "help" sql --help
like "$out" "baseline" "names the verbs"
for verb in create apply plan status verify baseline; do
	MAINTKIT_ASSUME_BOOTED='' rc_is 3 "$verb below another root: not now" sql $verb
	MAINTKIT_ASSUME_BOOTED=1 rc_is 3 "$verb without a server: not now" sql $verb --wait 1
	like "$err" "(error 2002|Can't connect)" "$verb: and says so"
done
export MAINTKIT_ASSUME_BOOTED=1
rc_is 2 "repair needs a script" sql repair
rc_is 2 "repair needs to be told" sql repair base
like "$err" "say --done N or --redo N" "which"
rc_is 2 "not both" sql repair base --done 1 --redo 1
rc_is 2 "a number" sql repair base --done x
rc_is 2 "an unknown option" sql apply --force
is "$(cd "$R" && find . -type f -not -path './var/*' -exec sha256sum {} + | sort)" "$before" "nothing was changed"

printf '[client]\npassword=geheim\n' >"$R/etc/demo/db.cnf"
chmod 640 "$R/etc/demo/db.cnf"
rc_is 2 "a defaults file that others can read" sql status
like "$err" "mode 0640.*run: chmod 600 '$R/etc/demo/db.cnf'" "names the file and the command"
unlike "$err" "geheim" "and not what is in it"
printf '[client]\nsocket=%s\n' "$T/other" >"$R/etc/demo/db.cnf"
chmod 600 "$R/etc/demo/db.cnf"
rc_is 3 "a good one is read by the library" sql status
like "$err" "$T/other" "its socket counts"
ln -s db.cnf "$R/etc/demo/link.cnf"
rc_is 2 "one behind a link is not" sql status --defaults-file /etc/demo/link.cnf
rc_is 2 "nor one that is not there" sql status --defaults-file /etc/demo/none.cnf
sed -i 's/^dir = .*//' "$R/usr/share/demo/maintkit.conf"
rc_is 2 "a profile without directory of scripts" sql apply
like "$err" "\[sql\] dir" "is told so"
done_testing
