#!/bin/bash
# proves: for many starting states of ufw, the end state after apply and what remove leaves are exactly those of the table
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/lab.sh"
. "$TOP/tests/lib/firewall.sh"

[ "$(id -u)" = 0 ] || skip_all "machines need root"
command -v ssh-keygen >/dev/null || skip_all "ssh-keygen is not installed on this host"
fw_machine "${FW_SUITE:-bookworm}" "$(lab_layer nftables "${FW_SUITE:-bookworm}" nftables)" || BAIL "no machine"
c="comment 'oscar-emr'"
ours="allow 8443/tcp $c
deny 3306/tcp $c
deny 8080/tcp $c"

# state NAME 'SETUP' 'OPTIONS' STATUS AFTER-APPLY AFTER-REMOVE [MESSAGE]
# The two are what fw_rules prints. In the second, "=" means: as before apply.
state() {
	local name=$1 before message=${7:-}
	fw_reset
	fw_in sh -eu -c "$2" >/dev/null 2>&1 || diag "setup of '$name' failed"
	before=$(fw_rules)
	# shellcheck disable=SC2086
	rc_is "$4" "$name: apply $3" fw apply $3
	is "$(fw_rules)" "${5/#=/$before}" "$name: the end state"
	[ -z "$message" ] || { fw_in rm -f /var/lib/maintkit/oscar-emr/firewall.applied; run fw apply $3; like "$err" "$message" "$name: what is said"; }
	run fw apply $3
	is "$(fw_rules)" "${5/#=/$before}" "$name: a second apply changes nothing"
	rc_is 0 "$name: remove" fw remove
	is "$(fw_rules)" "${6/#=/$before}" "$name: what remove leaves"
	is "$(fw_in sh -c 'awk -F"\t" "{ s[\$3 FS \$4] = \$5 } END { for (k in s) if (s[k] != \"undone\") print k }" /var/lib/maintkit/oscar-emr/effects 2>/dev/null')" \
		'' "$name: no effect is left in the journal"
}

state 'off, no rules' true '' 0 \
	"off
allow 22/tcp $c
$ours" off
state 'off, no rules, switched on' true --enable 0 \
	"on
allow 22/tcp $c
$ours" "on
allow 22/tcp $c" 'nothing changed|there already'
state 'on already' 'ufw allow 22/tcp; ufw --force enable' '' 0 \
	"on
allow 22/tcp
$ours" =
state 'on, ssh by its profile' 'ufw allow OpenSSH; ufw --force enable' --enable 0 \
	"on
allow OpenSSH
$ours" =
state 'off, ssh limited: not replaced' 'ufw limit 22/tcp' --enable 0 \
	"on
limit 22/tcp
$ours" 'on
limit 22/tcp'
state 'on, ssh only for a network: not widened' 'ufw allow from 192.0.2.0/24 to any port 22 proto tcp; ufw --force enable' --enable 0 \
	"on
allow from 192.0.2.0/24 to any port 22 proto tcp
$ours" =
state 'on, the rules are there, by somebody' 'ufw allow 22; ufw allow 8443/tcp; ufw deny 3306; ufw reject 8080/tcp; ufw --force enable' '' 0 = = 
state '8443 only for a network: not widened' 'ufw allow 22/tcp; ufw allow from 10.0.0.0/8 to any port 8443 proto tcp; ufw --force enable' '' 0 \
	"on
allow 22/tcp
allow from 10.0.0.0/8 to any port 8443 proto tcp
deny 3306/tcp $c
deny 8080/tcp $c" = 'restricted by an administrator'
state '3306 open on purpose: reported, not overridden' 'ufw allow 22/tcp; ufw allow 3306/tcp; ufw --force enable' '' 0 \
	"on
allow 22/tcp
allow 3306/tcp
allow 8443/tcp $c
deny 8080/tcp $c" = "contradicted by an administrator: 'ufw allow 3306/tcp' stays"
state '3306 open for one machine: it keeps it' 'ufw allow 22/tcp; ufw allow from 10.1.2.3 to any port 3306 proto tcp; ufw --force enable' '' 0 \
	"on
allow 22/tcp
allow from 10.1.2.3 to any port 3306 proto tcp
$ours" =
state '8443 shut on purpose' 'ufw allow 22/tcp; ufw deny 8443/tcp; ufw --force enable' '' 0 \
	"on
allow 22/tcp
deny 8443/tcp
deny 3306/tcp $c
deny 8080/tcp $c" = "contradicted"
state 'off, ssh denied on purpose: not switched on' 'ufw deny 22/tcp' --enable 4 = = 
state 'a port range and a list cover ours' 'ufw allow 22/tcp; ufw allow 8000:8079/tcp; ufw allow 80,8443/tcp; ufw --force enable' '' 0 \
	"on
allow 22/tcp
allow 8000:8079/tcp
allow 80,8443/tcp
deny 3306/tcp $c
deny 8080/tcp $c" =
state 'IPv6 not managed' 'sed -i s/^IPV6=.*/IPV6=no/ /etc/default/ufw' --enable 0 \
	"on
allow 22/tcp $c
$ours" "on
allow 22/tcp $c" 'IPv6'
state 'default allow, off: default deny before it is switched on' 'ufw default allow incoming' --enable 0 \
	"on
allow 22/tcp $c
$ours" "on
allow 22/tcp $c"
state 'default allow, on: stays' 'ufw allow 22/tcp; ufw default allow incoming; ufw --force enable' '' 0 \
	"on
allow 22/tcp
$ours" = 'lets incoming packets in by default'
state 'default reject' 'ufw default reject incoming; ufw allow 22/tcp; ufw --force enable' '' 0 \
	"on
allow 22/tcp
$ours" =
state 'routed and outgoing rules' 'ufw route allow in on eth0 out on eth1; ufw deny out 25; ufw allow in on eth0 to any port 99; ufw allow 22/tcp; ufw --force enable' '' 0 \
	"on
route allow in on eth0 out on eth1
deny out 25
allow in on eth0 to any port 99
allow 22/tcp
$ours" =
state 'an nftables ruleset is in charge' 'nft add table inet mine; nft "add chain inet mine incoming { type filter hook input priority 0; policy drop; }"; nft add rule inet mine incoming accept' --enable 0 = = \
	'nftables .*is in charge'
fw_in nft delete table inet mine
state 'an iptables script is in charge' 'iptables -A INPUT -j ACCEPT; iptables -P INPUT DROP' --enable 0 = = 'is in charge'
fw_in sh -c 'printf "[Service]\nExecStart=/bin/sleep inf\n" >/etc/systemd/system/firewalld.service; systemctl daemon-reload; systemctl start firewalld'
state 'firewalld is in charge' true --enable 0 = = 'firewall-cmd --permanent'
fw_in sh -c 'systemctl stop firewalld; rm /etc/systemd/system/firewalld.service; systemctl daemon-reload'
state 'an optional rule' 'ufw allow 22/tcp; ufw --force enable' '--optional 80/tcp' 0 \
	"on
allow 22/tcp
allow 8443/tcp $c
allow 80/tcp $c
deny 3306/tcp $c
deny 8080/tcp $c" =

# a rule of ours that somebody changed is theirs now
fw_reset
fw apply --enable 2>/dev/null
fw_in ufw limit 8443/tcp comment 'mine now' >/dev/null
ok 'remove after a change' fw remove
like "$err" "'allow 8443/tcp' was changed" '... says so'
like "$(fw_rules)" "limit 8443/tcp comment 'mine now'" '... and leaves the rule'

# remove --disable
fw_reset
fw apply --enable 2>/dev/null
ok 'remove --disable' fw remove --disable
is "$(fw_rules)" off '... leaves ufw as it was: off, without rules'

# an optional rule goes again
fw_reset
fw apply --enable --optional 80/tcp 2>/dev/null
ok 'no-optional' fw apply --no-optional 80/tcp
unlike "$(fw_rules)" 'allow 80/tcp' '... takes it away'
rc_is 2 'what the profile does not offer cannot be chosen' fw apply --optional 23/tcp

# hostile profiles: nothing reaches ufw
for word in 0/tcp 70000/tcp 8000:9000/tcp ssh/tcp 22/sctp '8443/tcp;reboot' '--force' '8443/tcp@eth0' "8443/tcp@10.0.0.1/8"; do
	fw_reset
	fw_in sh -c "mkdir -p /etc/oscar-emr; printf '[firewall]\nallow = %s\n' '$word' >/etc/oscar-emr/maintkit.conf"
	rc_is 2 "allow = $word is refused" fw apply --enable
	is "$(fw_rules)" off '... and nothing was done'
done

# sources
fw_reset
fw_in sh -c "mkdir -p /etc/oscar-emr; printf '[firewall]\nfrom = 192.168.0.0/16 2001:DB8::/32\n' >/etc/oscar-emr/maintkit.conf"
ok 'sources of the profile' fw apply --enable
is "$(fw_rules)" "on
allow 22/tcp $c
allow from 192.168.0.0/16 to any port 8443 proto tcp $c
deny 3306/tcp $c
deny 8080/tcp $c
allow from 2001:db8::/32 to any port 8443 proto tcp $c" '... IPv4 and IPv6'
is "$(fw_open 8443)" '6:8443' '... hold: the client is in one of them'
ok '... a second time' fw apply --enable
ok '... remove' fw remove
is "$(fw_rules)" "on
allow 22/tcp $c" '... takes them away'

# ufw missing, broken, hanging
fw_reset
fw_in mv /usr/sbin/ufw /usr/sbin/ufw.away
rc_is 3 'no ufw: status 3' fw apply --enable
ok '... can be deferred' fw apply --enable --defer firewall
fw_in rm -rf /var/lib/maintkit/oscar-emr
fw_in sh -c 'printf "#!/bin/sh\nexit 1\n" >/usr/sbin/ufw; chmod 755 /usr/sbin/ufw'
rc_is 3 'a broken ufw: status 3' fw apply --enable
# adds rules, but lies about switching on
fw_in sh -c 'printf "#!/bin/sh\ncase \"\$*\" in *enable*) echo active; exit 0;; esac; exec /usr/sbin/ufw.away \"\$@\"\n" >/usr/sbin/ufw'
rc_is 2 'a ufw that says it is on and is not' fw apply --enable
like "$err" 'previous state was restored' '... is found out'
is "$(fw_rules)" off '... and taken back'
# switches on, but loses a rule
fw_in sh -c 'printf "#!/bin/sh\ncase \"\$*\" in *enable*) /usr/sbin/ufw.away \"\$@\"; iptables -D ufw-user-input -p tcp --dport 22 -j ACCEPT; exit 0;; esac; exec /usr/sbin/ufw.away \"\$@\"\n" >/usr/sbin/ufw'
rc_is 2 'a ruleset in the kernel that misses the rule for ssh' fw apply --enable
like "$err" 'port 22 is closed' '... is found out'
is "$(fw_rules)" off '... ufw is off again at once'
is "$(fw_open 22)" '4:22 6:22' '... and ssh is reached'
fw_in mv /usr/sbin/ufw.away /usr/sbin/ufw

lab_rm fw
done_testing
