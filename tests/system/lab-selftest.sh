#!/bin/bash
# proves: the laboratory's machines boot, keep, are cut off from outside, and vanish without a trace
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2154
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "machines need root"
. "$TOP/tests/lib/lab.sh"
. "$TOP/tests/lib/stop.sh"

# Everything of ours that the kernel knows.
traces() {
	grep -o "[^ ]*$LAB_ID-[^ ]*" /proc/self/mountinfo
	find /sys/fs/cgroup -name "maintkit-lab-$LAB_ID-*"
	find /run/netns "$LAB_RUN" "$LAB_UPPER" /run/systemd/nspawn -maxdepth 2 -name "*$LAB_ID-*" 2>/dev/null
	losetup -n -O BACK-FILE | grep "/$LAB_ID-"
	pgrep -a -f "systemd-nspawn.*maintkit-lab-$LAB_ID-"
}

ok "the host has what machines need" lab_need
ok "the bookworm tree is there or can be built" lab_base bookworm
tree=$out
ok "it is a Debian 12" grep -q '^12\.' "$tree/etc/debian_version"
is "$(lab_base bookworm)" "$tree" "the second time it is the same one"

ok "a machine boots" lab_up a bookworm
rc_is 0 "MariaDB answers root over its socket" lab_enter a mariadb -N -e 'select 6 * 7'
is "$out" 42 "and computes"
ok "sshd and ufw's unit are active" lab_enter a systemctl is-active ssh ufw
is "$(lab_enter a hostname)" a "its host name is its name"

# running commands in it
rc_is 7 "the exit status comes through" lab_enter a sh -c 'echo one; echo two >&2; exit 7'
is "$out/$err" one/two "so do stdout and stderr, apart"
is "$(echo three | lab_enter a cat)" three "and stdin"
rc_is 7 "as a service too" lab_exec a sh -c 'echo "$0 $HOME %n ${x-unset}"; echo two >&2; exit 7' '$HOME'
is "$out/$err" '$HOME /root %n unset/two' "with its words as they are"
is "$(echo three | lab_exec a cat)" three "and with stdin"
LAB_TIMEOUT=1 rc_is 124 "a service that hangs is killed" lab_exec a sh -c 'trap "" TERM; sleep 77 & sleep 77'
nok "with its children" lab_enter a pgrep -x sleep
rc_is 3 "a closed stdin does no harm" lab_exec a sh -c 'exit 3' <&-
nok "the host's clock is out of reach" lab_enter a date -s 2001-01-01
like "$err" 'not permitted' "for lack of the capability"
nok "it has no way out" lab_enter a ip route get 198.51.100.1

printf '#!/bin/sh\necho put\n' >"$T/script"
chmod 755 "$T/script"
ok "a file is put into it" lab_put "$T/script" a:/usr/local/bin/
is "$(lab_enter a /usr/local/bin/script)" put "with its mode"
mkdir -p "$T/dir/sub"
echo deep >"$T/dir/sub/file"
ok "a directory is put into its /tmp" lab_put "$T/dir" a:/tmp/there
is "$(lab_enter a cat /tmp/there/sub/file)" deep "whole"
ok "a file is got out of it" lab_get a:/etc/hostname "$T/got"
is "$(cat "$T/got")" a "as it is"

# the firewall, seen from outside; asserted open before, so that "shut" means the firewall
lab_enter a sh -c 'printf "[mysqld]\nbind-address = *\n" >/etc/mysql/mariadb.conf.d/99-lab.cnf; systemctl restart mariadb'
reach() { lab_client a nc -z -w 2 "$@"; }
ok "a port is reached from outside, IPv4" reach "$LAB_IP4" 3306
ok "and IPv6" reach "$LAB_IP6" 3306
ok "ufw is enabled" lab_enter a sh -c 'ufw default deny incoming; ufw allow 22/tcp; ufw --force enable'
nok "the port is shut, IPv4" reach "$LAB_IP4" 3306
nok "and IPv6" reach "$LAB_IP6" 3306
ok "the allowed port is reached" reach "$LAB_IP4" 22

# a second machine beside it, on another layer
cat >"$T/layer" <<EOF
: $LAB_ID: of this run only, for it is removed in the end
echo layered >/etc/layered
rm /etc/issue
EOF
ok "a layer is made by a script" lab_layer selftest bookworm "$T/layer"
layer=$out
ok "a second machine boots on it" lab_up b bookworm "$layer"
is "$(lab_enter b cat /etc/layered)" layered "what the layer added is there"
nok "what it removed is not" lab_enter b test -e /etc/issue
nok "the first machine knows nothing of it" lab_enter a test -e /etc/layered
nok "a name is not given twice" lab_new b bookworm
like "$err" "exists already" "with the reason"

# what stays
lab_enter a mariadb -e 'create database kept'
boot=$(lab_enter a stat -c %z /proc/1)
ok "it reboots" lab_reboot a
isnt "$(lab_enter a stat -c %z /proc/1)" "$boot" "it really did"
is "$(lab_enter a mariadb -N -e 'show databases like "kept"')" kept "the database is still there"
nok "the firewall came back by itself: shut" reach "$LAB_IP4" 3306
ok "the firewall came back by itself: open" reach "$LAB_IP4" 22
lab_enter a sh -c 'ufw disable' >/dev/null
ok "with ufw disabled it reboots" lab_reboot a
ok "and the port is open again: no rule outlived" reach "$LAB_IP4" 3306

ok "it crashes" lab_kill a
nok "nothing runs in it then" lab_enter a true
ok "it boots after the crash" lab_start a
is "$(lab_wait a)" running "up to running"
is "$(lab_enter a mariadb -N -e 'show databases like "kept"')" kept "with its database"

ok "its state is copied" lab_snapshot a "$T/snapshot"
ok "a new machine starts from the copy" lab_up c bookworm "$out"
is "$(lab_enter c mariadb -N -e 'show databases like "kept"')" kept "with the database in it"
isnt "$(lab_enter c cat /etc/machine-id)" "$(cat "$T/snapshot/etc/machine-id")" "but as another machine"
is "$(lab_enter c hostname)" c "with its own name"

# a machine whose power fails keeps what MariaDB acknowledged, and loses what nobody synced
LAB_DISK=2G ok "a machine with a disk of its own boots" lab_up disk bookworm
lab_enter disk mariadb -e 'create database p; create table p.t (n int auto_increment primary key)'
lab_enter disk sync -f /
lab_enter disk sh -c 'i=0; while i=$((i + 1)); do echo "insert into p.t () values ();"; echo "select $i;"; done |
	mariadb --skip-column-names --unbuffered' >"$T/acknowledged" 2>/dev/null &
load=$!
worked() { [ "$(grep -cx '[0-9]*' "$T/acknowledged")" -gt 200 ]; }
until_ok "work that could be lost" worked
lab_enter disk sh -c 'echo lost >/var/lib/unsynced'
ok "its power is cut while it works" lab_powercut disk
wait $load
said=$(grep -x '[0-9]*' "$T/acknowledged" | tail -n 1)
ok "it boots again" lab_start disk
is "$(lab_wait disk)" running "up to running"
kept=$(lab_enter disk mariadb -N -e 'select count(*) from p.t')
note "acknowledged $said, kept $kept"
ok "it had work to lose" test "${said:-0}" -gt 100
ok "every acknowledged commit is there" test "$kept" -ge "$said"
nok "the file that nobody synced is not: the cut was real" lab_enter disk test -s /var/lib/unsynced
rc_is 2 "a machine without such a disk says so" lab_powercut b

# what a script that died leaves behind, the next one removes; in a place of its own, or another test
# that starts just now would be that next one
mkdir "$T/run"
(
	LAB_RUN=$T/run
	bash -c '. "$0/tests/lib/lab.sh"; echo $LAB_ID; lab_up orphan bookworm; kill -KILL $$' "$TOP" >"$T/orphan"
) 2>/dev/null
orphan=$(cat "$T/orphan")
is "$(LAB_RUN=$T/run lab_list)" "$orphan-orphan orphan running" "a machine whose owner was killed still runs"
LAB_RUN=$T/run ok "the sweep" lab_sweep
is "$(LAB_RUN=$T/run LAB_ID=$orphan traces)" "" "removes all of it"

isnt "$(traces)" "" "there are traces of the machines that exist"
ok "they are removed" lab_cleanup_all
is "$(traces)" "" "no mount, cgroup, namespace, directory or process is left"
remove_tree "$layer"

done_testing
