#!/bin/bash
# proves: without database, ufw or systemd the package configures, its steps wait, the app stays down, and the next boot finishes them
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"
ok "the packages build" lifecycle_debs || BAIL "no packages"


# ---- in a chroot: an image that is being built -----------------------------------
lab_need
lab_new clinic bookworm
root=$(lab_root clinic)
mkdir -p "$root/srv/debs" && cp "$DEBS"/*.deb "$root/srv/debs/"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mount -t proc proc "$root/proc"	# as every image builder does
before=$(iptables-save 2>/dev/null | sha256sum)
run env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive chroot "$root" \
	apt-get -y install "/srv/debs/$(basename "$(ls "$DEBS"/maintkit_*.deb)")" "$(deb 19.0-1)" <&-
is "$rc" 0 "in a chroot, with stdin closed, apt installs it"
[ "$rc" -eq 0 ] || diag "$out" "$err"
is "$(chroot "$root" dpkg-query -W -f '${db:Status-Abbrev}' oscar-emr)" "ii " "and it is configured"
run chroot "$root" maintkit -p oscar-emr pending list
like "$out" 'sql create' "the database step waits"
like "$out" 'app activate' "and so does starting the application"
like "$out" '1:19.0-1 was configured' "... and marking its level"
run env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive chroot "$root" \
	apt-get -y install "$(deb 19.1-1)" <&-
is "$rc" 0 "an upgrade of the image before its first boot"
run chroot "$root" maintkit -p oscar-emr pending list
unlike "$out" '1:19.0-1 was configured|~' "... leaves nothing of the former version waiting"
like "$out" '1:19.1-1 was configured' "... but its own steps"
is "$(grep -c 'app activate' <<<"$out")" 1 "... one activation"
is "$(iptables-save 2>/dev/null | sha256sum)" "$before" "the firewall of the running kernel was not touched"
rm "$root/usr/sbin/policy-rc.d"
umount "$root/proc"

# ---- its first boot -----------------------------------------------------------------
ok "the image boots" eval 'lab_start clinic && { lab_wait clinic; true; }'
ok "the application answers after the boot" answers 19.1
is "$(in_clinic maintkit -p oscar-emr pending list)" "" "nothing waits any more"
is "$(sql "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema='oscar_15' AND table_name='security' AND column_name LIKE 'totp%'" mysql)" 6 \
	"the schema is complete"
lab_rm clinic

# ---- on a running machine whose database is down ------------------------------------------
ok "a machine" lifecycle_boot bookworm
in_clinic systemctl stop mariadb
run in_clinic apt-get -y install "/srv/debs/$(basename "$(ls "$DEBS"/maintkit_*.deb)")" "$(deb 19.0-1)"
is "$rc" 0 "with the database down apt installs it"
[ "$rc" -eq 0 ] || diag "$out" "$err"
nok "the application does not run on a schema that is not there" in_clinic systemctl is-active --quiet oscar-emr
run in_clinic oscar-emr guard start-check
is "$rc" 4 "start-check refuses"
run in_clinic oscar-emr pending run
is "$rc" 3 "finishing it while the database is still down: exit 3"
in_clinic systemctl start mariadb
ok "with the database up, pending run finishes it" in_clinic oscar-emr pending run
ok "and the application answers" answers 19.0
lab_rm clinic

# ---- a wrong password for a database server elsewhere ---------------------------------------
ok "a machine" lifecycle_boot bookworm
in_clinic sh -c 'mkdir -p /etc/oscar-emr && umask 077 &&
	printf "[client]\nhost=127.0.0.1\nuser=admin\npassword=wrong\n" >/etc/oscar-emr/db.cnf
	mariadb -e "GRANT ALL ON *.* TO admin@localhost IDENTIFIED BY \"right\" WITH GRANT OPTION"'
run in_clinic apt-get -y install "/srv/debs/$(basename "$(ls "$DEBS"/maintkit_*.deb)")" "$(deb 19.0-1)"
isnt "$rc" 0 "with a wrong password configuring fails"
like "$out$err" '/etc/oscar-emr/db.cnf' "the message names the file"
like "$out$err" 'dpkg --configure' "and the command that resumes"
unlike "$out$err" 'password=wrong|using password: wrong' "and not the password"
in_clinic sed -i 's/password=wrong/password=right/' /etc/oscar-emr/db.cnf
ok "with the right one, dpkg --configure resumes" in_clinic dpkg --configure oscar-emr
ok "and the application answers" answers 19.0
done_testing
