# shellcheck shell=bash
# firewall.sh - a machine "fw" with ufw, real sshd and listeners, and probes from the outside client.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Source it after tap.sh and lab.sh.  fw_machine SUITE boots it; then
#   fw ARGS...            maintkit firewall ARGS in the machine
#   fw_in CMD...          run in the machine
#   fw_reset              ufw as installed: off, no rules; no state of ours
#   fw_rules              "on"/"off" and the rules that ufw was told, one a line
#   fw_listening PORT...  wait until somebody listens on each
#   fw_open PORT...       prints the ports of these that the client reaches, "4:PORT 6:PORT ..."
#   fw_session PORT       a real ssh session, kept open; fw_alive: does it still answer?
# Listeners on 3306, 8080 and 8443 answer over IPv4 and IPv6.

fw() { lab_enter fw maintkit firewall "$@"; }
fw_in() { lab_enter fw "$@"; }

fw_machine() {
	local root
	lab_up fw "$1" "${2:-}" || return
	root=$(lab_root fw)
	mkdir -p "$root"/usr/libexec/maintkit "$root"/usr/share/oscar-emr "$root"/root/.ssh
	cp "$BIN/maintkit" "$root/usr/bin/"
	cp "$BIN"/maintkit-{firewall,pending} "$root/usr/libexec/maintkit/"
	cp "$TOP/debian/oscar-emr.maintkit" "$root/usr/share/oscar-emr/maintkit.conf"
	ssh-keygen -q -t ed25519 -N '' -f "$T/key" && cp "$T/key.pub" "$root/root/.ssh/authorized_keys"
	cat >"$root/root/listen.py" <<-'X'
		import select, socket
		all = []
		for port in (3306, 8080, 8443):
		    s = socket.socket(socket.AF_INET6)
		    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
		    s.bind(('::', port)); s.listen(50); all.append(s)
		while True:
		    for s in select.select(all, [], [])[0]:
		        s.accept()[0].close()
	X
	fw_in sh -eu -s <<-'X'
		systemctl stop mariadb
		systemctl is-active --quiet ssh || systemctl start ssh
		systemd-run -q --unit=listen python3 /root/listen.py
		cp -a /etc/ufw /root/ufw.orig; cp -a /etc/default/ufw /root/ufw.default
	X
	fw_listening 22 3306 8080 8443
}

fw_reset() {
	fw_in sh -eu -s <<-'X'
		rm -rf /etc/ufw /var/lib/maintkit/oscar-emr /etc/oscar-emr
		cp -a /root/ufw.orig /etc/ufw; cp -a /root/ufw.default /etc/default/ufw
		for t in iptables ip6tables; do
			printf '*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n' | $t-restore
		done
	X
}

fw_rules() {
	if [ "$(fw_in ufw status | head -n 1)" = 'Status: active' ]; then echo on; else echo off; fi
	fw_in ufw show added | sed -n 's/^ufw //p'
}

fw_listening() {
	local port end=$((SECONDS + 300))
	for port; do
		until [ -n "$(fw_in ss -H -ltn "sport = :$port")" ]; do
			[ "$SECONDS" -lt "$end" ] || BAIL "nobody listens on port $port after five minutes"
			sleep 0.1
		done
	done
}

fw_open() {
	local port list=''
	for port in "$@"; do
		lab_client fw nc -z -w 2 "$LAB_IP4" "$port" </dev/null 2>/dev/null && list+=" 4:$port"
		lab_client fw nc -z -w 2 "$LAB_IP6" "$port" </dev/null 2>/dev/null && list+=" 6:$port"
	done
	echo "${list# }"
}

fw_session() {
	coproc FW_SESSION { lab_client fw ssh -q -i "$T/key" -p "$1" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-o ServerAliveInterval=0 "root@$LAB_IP4" 'cat' 2>/dev/null; }
	fw_alive
}

fw_alive() {
	local line word=alive-$RANDOM
	{ echo "$word" >&"${FW_SESSION[1]}"; } 2>/dev/null || return
	read -r -t 10 line <&"${FW_SESSION[0]}" && [ "$line" = "$word" ]
}

fw_session_end() {
	local pid=$FW_SESSION_PID
	eval "exec ${FW_SESSION[1]}>&-"
	wait "$pid" 2>/dev/null
}
