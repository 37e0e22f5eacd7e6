#!/bin/bash
# proves: killed with its children at system calls all over "firewall apply --enable", ssh is reached at every such moment and a second run converges
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/lab.sh"
. "$TOP/tests/lib/firewall.sh"
. "$TOP/tests/lib/crash.sh"

[ "$(id -u)" = 0 ] || skip_all "machines need root"
for p in ssh-keygen nc; do command -v $p >/dev/null || skip_all "$p is not installed on this host"; done
fw_machine "${FW_SUITE:-bookworm}" || BAIL "no machine"

setup() { fw_reset; }
invariant() { lab_client fw nc -z -w 3 "$LAB_IP4" 22 </dev/null && lab_client fw nc -z -w 3 "$LAB_IP6" 22 </dev/null; }
observe() {
	fw_rules
	fw_in iptables -S ufw-user-input
	fw_in sh -c 'awk -F"\t" "{ s[\$3 FS \$4] = \$5 FS \$6 FS \$7 } END { for (k in s) print k, s[k] }" /var/lib/maintkit/oscar-emr/effects | sort'
}
# the program and its ufw make thousands of calls, and a run takes a second: a spread of them
export CRASH_MAX=${CRASH_MAX:-${SOAK:+200}}
CRASH_MAX=${CRASH_MAX:-16}
export CRASH_TIMEOUT=60 CRASH_DURABLE=no CRASH_STDOUT=no
ok "ssh is reached at every moment, and a second run ends the same" \
	crash_kill "$TOP/tests/lib/lab.sh" enter fw maintkit firewall apply --enable
note "$out"

lab_rm fw
done_testing
