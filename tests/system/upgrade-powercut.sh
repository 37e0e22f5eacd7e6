#!/bin/bash
# proves: the power fails in the middle of "apt install" of an upgrade: the machine boots, nothing serves data it cannot read, apt finishes the upgrade, and rollback, cut off or not, leads back to the data of before
# SPDX-License-Identifier: GPL-2.0-or-later
# SOAK=1: at every stage of upgrade and rollback, and at moments between them.
OWN_MOUNTS=1
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"
test_program fsdown >/dev/null || BAIL "fsdown does not build"

build() { lifecycle_oscar "$T/debs" "$@" "$2"; } # VERSION LEVEL READS: it lets in what reads its own level only
ok "the packages build" eval 'lifecycle_debs && mkdir "$T/debs" && build 1:18.0-1 18 15-18 && build 1:20.0-1 20 18-20' || BAIL "no packages"
# What nobody synced is lost: the machine has a disk whose power can be cut.
ok "the machine boots" eval 'LAB_DISK=4G lifecycle_boot bookworm' || BAIL "no machine"
for f in "$T"/debs/oscar-emr_*.deb; do lab_put "$f" clinic:/srv/debs/; done

documents=/var/lib/oscar-emr/OscarDocument/oscar/document
in_clinic debconf-set-selections <<-'END'
	oscar-emr oscar-emr/demo-data boolean true
	oscar-emr oscar-emr/firewall boolean true
	oscar-emr oscar-emr/2fa boolean true
END
in_clinic sh -c "apt -y install /srv/debs/maintkit_*.deb $(deb 18.0-1)" >"$T/said" 2>&1
ok "1:18.0-1 is installed" version_is 1:18.0-1 || diag "$(tail -n 20 "$T/said")"
in_clinic sh -es >/dev/null 2>&1 <<-END
	{
		for i in \$(seq 1 50); do
			echo "CREATE TABLE form_\$i (id INT PRIMARY KEY AUTO_INCREMENT, patient INT, text VARCHAR(200), KEY (patient)) ENGINE=InnoDB;"
			echo "INSERT INTO form_\$i (patient, text) SELECT seq, MD5(seq) FROM seq_1_to_500;"
		done
	} | mariadb oscar_15
	mkdir -p $documents
	cd $documents
	for i in \$(seq 1 500); do echo "report \$i" >d\$i.pdf; done
	chown -R oscar-emr:oscar-emr $documents
	oscar-emr props set appt_pollStep=7
END

# What no upgrade may change: rows, documents, a setting of the clinic's, its keys.
kept() {
	in_clinic sh -c "mariadb-dump --skip-comments --compact --no-create-info oscar_15 \$(seq -f form_%g 50) demographic | sha256sum
		cd $documents && sha256sum * | sha256sum
		oscar-emr props get appt_pollStep
		runuser -u oscar-emr -- gpg --homedir /var/lib/oscar-emr/gnupg --batch --with-colons -K | grep ^fpr"
}
# What is served after the boot, if anything, is the version that reads the data.
serves_what_it_reads() {
	local level served
	level=$(sql "SELECT value FROM maintkit_meta WHERE name = 'schema_level'")
	served=$(web "$(url health.jsp)" | sed -n 's/.*version: \([0-9]*\).*/\1/p')
	case $level:$served in 18: | 20: | 18:18 | 20:20) ;; *) echo "level '$level', served '$served'"; return 1 ;; esac
}

# cut COMMAND STAGE [SECONDS]: without power from SECONDS after the first line that has STAGE
cut() {
	local said job
	said=$(lab_root clinic)/srv/said
	in_clinic sh -c "rm -f /srv/said; sync"
	in_clinic sh -c "$1 >/srv/said 2>&1; echo over >>/srv/said" 2>/dev/null & job=$!
	for _ in $(seq 20000); do
		if grep -q -e "$2" -e '^over' "$said" 2>/dev/null; then break; fi
		sleep 0.05
	done
	sleep "${3:-0}"
	cp "$said" "$T/said"
	lab_powercut clinic 2 || BAIL "no power cut"
	wait "$job" 2>/dev/null
	grep -q "$2" "$T/said" && ! grep -q '^over' "$T/said"
}
boots() { lab_start clinic && { lab_wait clinic >/dev/null; in_clinic mariadb-admin --wait=120 ping; }; }

arrived() { # VERSION
	ok "$at: 1:$1-1 is installed" version_is "1:$1-1"
	ok "$at: and served" answers "$1"
	is "$(kept)" "$before" "$at: rows, documents, setting and keys are there"
	is "$(in_clinic oscar-emr pending list)" "" "$at: no step waits"
	ok "$at: every backup is whole" in_clinic sh -c 'for f in /var/backups/oscar-emr/*.gpg; do oscar-emr backup verify "$f" || exit; done'
}
rolled_back() {
	ok "$at: rollback" in_clinic oscar-emr backup rollback --yes
	arrived 18.0
	ok "$at: what the rollback kept is dropped" in_clinic oscar-emr backup restore --confirm
	# the next upgrade wants a backup of its own
	in_clinic sh -c 'rm -f /var/backups/oscar-emr/*'
}
upgrade="apt -y install $(deb 20.0-1)"
upgrade_cut() { # STAGE [SECONDS]
	at="upgrade, \"$1\"${2:+ and $2 s}"
	ok "$at: the power fails" cut "$upgrade" "$@" || diag "$(tail -n 20 "$T/said")"
	ok "$at: the machine boots" boots
	ok "$at: nothing is served that does not read the data" serves_what_it_reads
	ok "$at: apt goes on" in_clinic sh -c "{ dpkg --configure -a; $upgrade; } 2>&1"
	arrived 20.0
	ok "$at: status is content" in_clinic oscar-emr status --check
	rolled_back
}
rollback_cut() { # STAGE [SECONDS]
	at="rollback, \"$1\"${2:+ and $2 s}"
	ok "$at: after the upgrade" in_clinic sh -c "$upgrade 2>&1"
	ok "$at: the power fails" cut "oscar-emr backup rollback --yes" "$@" || diag "$(tail -n 20 "$T/said")"
	ok "$at: the machine boots" boots
	ok "$at: nothing is served that does not read the data" serves_what_it_reads
	in_clinic dpkg --configure -a
	rolled_back
}

ok "it answers" answers 18.0
before=$(kept)
isnt "$before" "" "there is something to keep"
upgrade_cut "schema_level 18 -> 20"
if [ -n "${SOAK:-}" ]; then
	for stage in "may be installed" "backup: made" "^Unpacking" "^Setting up" "reading back" "inserted: DemographicContact"; do
		upgrade_cut "$stage"
	done
	for seconds in 0.3 0.6 0.9 1.2 1.5 1.8 2.1 2.4 2.7 3 3.5 4; do upgrade_cut "may be installed" "$seconds"; done
	for seconds in 0.3 0.6 1 1.5 2 3; do rollback_cut "what will be done" "$seconds"; done
	for seconds in 0.1 0.2 0.4 0.6 0.8; do rollback_cut "stopping the application" "$seconds"; done
fi
upgrade_cut "maintkit-app: .*deployed"
rollback_cut "stopping the application"
done_testing
