#!/bin/bash
# proves: with real ufw and a client outside, our rules shut 3306 and 8080, open 8443, and never shut ssh, whichever way sshd listens
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/lab.sh"
. "$TOP/tests/lib/firewall.sh"

[ "$(id -u)" = 0 ] || skip_all "machines need root"
for p in ssh ssh-keygen nc; do command -v $p >/dev/null || skip_all "$p is not installed on this host"; done
fw_machine "${FW_SUITE:-bookworm}" || BAIL "no machine"
all='3306 8080 8443'

# One way of listening: PORTS..., with a session on the first of them
round() {
	local name=$1 p want=''
	shift
	for p in "$@"; do want+=" 4:$p 6:$p"; done
	fw_reset
	fw_listening "$@"
	# shellcheck disable=SC2086
	is "$(fw_open "$@" $all)" "${want# } 4:3306 6:3306 4:8080 6:8080 4:8443 6:8443" "$name: before, everything is reached"
	ok "$name: a session is open" fw_session "$1"
	ok "$name: apply without --enable" fw apply
	is "$(fw_rules | head -n 1)" off "$name: ... leaves ufw off"
	like "$(fw_rules)" "allow $1/tcp" "$name: ... but ssh's rule is there for the day it is switched on"
	ok "$name: apply --enable" fw apply --enable
	ok "$name: the session lives" fw_alive
	# shellcheck disable=SC2086
	is "$(fw_open "$@" $all)" "${want# } 4:8443 6:8443" "$name: after, only ssh and 8443"
	ok "$name: again" fw apply --enable
	like "$err" "nothing changed|there already" "$name: ... nothing to do"
	ok "$name: remove" fw remove
	# shellcheck disable=SC2086
	is "$(fw_open "$@" $all)" "${want# }" "$name: ... 8443 is shut again, ssh is not"
	ok "$name: the session lives on" fw_alive
	fw_session_end
}

round 'port 22' 22
fw_in sh -c 'echo "Port 2222" >/etc/ssh/sshd_config.d/t.conf; systemctl restart ssh'
round 'port 2222' 2222
fw_in sh -c 'printf "Port 22\nPort 2022\n" >/etc/ssh/sshd_config.d/t.conf; systemctl restart ssh'
round 'two ports' 2022 22
fw_in sh -c 'rm /etc/ssh/sshd_config.d/t.conf; systemctl stop ssh; mkdir -p /etc/systemd/system/ssh.socket.d
	printf "[Socket]\nListenStream=\nListenStream=2200\n" >/etc/systemd/system/ssh.socket.d/t.conf
	systemctl daemon-reload; systemctl start ssh.socket'
round 'socket activation on 2200' 2200
# stopped both: the service keeps the socket that it was given
fw_in sh -c 'systemctl stop ssh.socket ssh.service; rm /etc/systemd/system/ssh.socket.d/t.conf; systemctl daemon-reload
	mkdir -p /run/sshd; systemd-run -q --unit=odd -p RuntimeDirectory=sshd /usr/sbin/sshd -D -p 2404'
round 'an sshd that "sshd -T" knows nothing of, on 2404' 2404

# Called in a session whose environment sudo or apt has cleared: the ancestors know.
fw_reset
fw_in mv /usr/bin/ss /usr/bin/ss.away
ok 'apply from within the session, environment cleared, no ss' lab_client fw ssh -q -i "$T/key" -p 2404 -o StrictHostKeyChecking=no \
	-o UserKnownHostsFile=/dev/null "root@$LAB_IP6" 'env -i PATH=/usr/bin:/usr/sbin setsid -w maintkit firewall apply --enable; exit $?'
is "$(fw_open 2404)" '4:2404 6:2404' '... the port of the session is open'
fw_in mv /usr/bin/ss.away /usr/bin/ss

# sshd is there, and nobody can tell
fw_reset
fw_in sh -c 'systemctl stop odd; echo "Port ssh" >/etc/ssh/sshd_config.d/t.conf'
rc_is 4 'ports that cannot be told: status 4' fw apply --enable
like "$err" "ufw allow PORT/tcp.*ufw enable" '... the message says what to run'
is "$(fw_rules)" off '... and nothing was changed'
ok 'without --enable the rules go in' fw apply
fw_in rm /etc/ssh/sshd_config.d/t.conf
fw_in systemctl start ssh

# survives a reboot
fw_reset
ok 'apply --enable' fw apply --enable
ok 'reboot' lab_reboot fw
fw_in sh -c 'systemctl stop mariadb; systemctl start ssh; systemd-run -q --unit=listen python3 /root/listen.py'
fw_listening 22 3306 8080 8443
is "$(fw_open 22 3306 8080 8443)" '4:22 6:22 4:8443 6:8443' 'the rules are in force after a reboot'
is "$(fw_in ss -H -ltn 'sport = :3306' | wc -l)" 1 '... and 3306 does listen'

# not this system's firewall
fw_reset
rc_is 3 'in a chroot nothing is done: status 3' fw_in unshare -m sh -c 'mount -t tmpfs none /run/systemd && exec maintkit firewall apply --enable'
is "$(fw_in iptables -S INPUT)" '-P INPUT ACCEPT' '... the kernel is untouched'
ok '... --defer leaves it for the boot' fw_in unshare -m sh -c 'mount -t tmpfs none /run/systemd && exec maintkit firewall apply --enable --defer firewall'
ok '... where it is done' fw_in maintkit pending run
is "$(fw_rules | head -n 1)" on '... really'

lab_rm fw
done_testing
