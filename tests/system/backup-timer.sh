#!/bin/bash
# proves: on a booted machine the nightly backup can be switched on only with a key outside of it, and its hardened unit makes, verifies and prunes
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"
ok "the packages build" lifecycle_debs || BAIL "no packages"
emr() { in_clinic oscar-emr "$@"; }
unit=maintkit-backup@oscar-emr

lifecycle_boot bookworm || BAIL "no machine"
in_clinic debconf-set-selections <<<'oscar-emr oscar-emr/demo-data boolean true'
in_clinic sh -c "apt-get -y install /srv/debs/maintkit_*.deb $(deb 19.0-1) >/srv/log 2>&1 || { tail -n 20 /srv/log; false; }" || BAIL "not installed"
in_clinic sh -c 'mkdir -p /var/lib/oscar-emr/OscarDocument/scans; for i in 1 2 3; do echo scan $i >/var/lib/oscar-emr/OscarDocument/scans/$i; done; chown -R oscar-emr: /var/lib/oscar-emr/OscarDocument/scans'

is "$(in_clinic systemctl is-enabled $unit.timer)" disabled "off at first"
rc_is 4 "it is not switched on while only this machine could open the backups" emr backup schedule
like "$(emr status)" "note +backup keys +clinic key [0-9A-F]{16} \(this machine: [^)]*\); nothing outside" "status says where the secret lies"
run in_clinic systemctl start $unit.service
isnt "$rc" 0 "nor does its service make any by hand"
ok "a recovery passphrase" eval 'emr backup recovery </dev/null'
ok "that somebody has" in_clinic sh -c 'oscar-emr backup recovery --confirm </var/lib/maintkit/oscar-emr/recovery.passphrase'
ok "now it is" emr backup schedule
is "$(in_clinic systemctl is-active $unit.timer)" active "the timer waits"
like "$(in_clinic systemctl show -p NextElapseUSecRealtime $unit.timer)" "=.*0[123]:[0-9:]+" "for the night"
ok "again: nothing to do" emr backup schedule
ok "the service makes one in its sandbox" in_clinic systemctl start $unit.service || diag "$(in_clinic journalctl -u $unit.service -n 30 --no-pager)"
run emr backup list --json
is "$(python3 -c 'import json,sys; b=json.loads(sys.argv[1]); print(len(b), b[0]["purpose"], bool(b[0]["verified"]), b[0]["skipped"], b[0]["version"])' "$out")" "1 scheduled True 0 1:19.0-1" "a whole and verified one"
like "$(emr status)" "ok +backups +1, newest of" "status is content"
like "$(emr status)" "ok +backup keys .*passphrase \(on paper, confirmed" "with the keys too"
ok "the dump loads" emr backup verify --restore-test
level=$(in_clinic systemd-analyze security $unit.service --no-pager 2>/dev/null | sed -n 's/.*Overall exposure level[^:]*: \([0-9.]*\).*/\1/p')
note "systemd-analyze security: $level"
ok "exposure below 4" awk "BEGIN { exit !($level < 4) }"
in_clinic apt-get -y remove oscar-emr >/dev/null 2>&1
ok "removed, the timer does nothing" in_clinic systemctl start $unit.service
is "$(in_clinic sh -c 'ls /var/backups/oscar-emr/*.gpg | wc -l')" 1 "no further backup"
done_testing
