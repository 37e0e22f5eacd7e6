#!/bin/bash
# proves: maintkit builds, with its unit tests, on Debian 11 and 13, and the whole life cycle holds there too
# SPDX-License-Identifier: GPL-2.0-or-later
# SUITES="trixie": only those. SOAK=1: SQL scripts too, with the suite's own server, client and library; PARTS="sql": only that.
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"

step() { note "$(date +%T) $suite: $1"; }

# The tests of SQL scripts themselves, in a machine of the suite with the package's programs.
sql_tests='service/sql-apply-resumes service/sql-baseline-looks service/sql-create-converges service/sql-local-files
	service/sql-over-tls service/sql-server-gone service/sql-split-as-client service/sql-twofactor-shapes
	crash/sql-killed crash/sql-in-question fuzz/sqlsplit-client'
sql_machine() {
	local layer
	layer=$(lab_layer cc "$suite" gcc libc6-dev libmariadb-dev pkg-config) && lifecycle_boot "$suite" "$layer" &&
		tar -C "$TOP" -c src tests hooks | in_clinic sh -c 'mkdir /srv/src /srv/b && tar -x -C /srv/src' &&
		in_clinic sh -c 'dpkg -i /srv/debs/maintkit_*.deb && ln -s /usr/libexec/maintkit /srv/b/bin && systemctl stop mariadb'
}
sql_run() {
	local t
	ok "$suite: a machine with a compiler" sql_machine || return
	for t in $sql_tests; do
		ok "$suite: $t" in_clinic env BUILD=/srv/b timeout 1500 "/srv/src/tests/$t.sh" </dev/null
	done
}

ok "the packages build" lifecycle_debs || BAIL "no packages"
parts=life
[ "${SOAK:-}" != 1 ] || parts='life sql'
for suite in ${SUITES:-bullseye trixie}; do
	step "build maintkit"
	ok "$suite: maintkit builds without a warning and its unit tests pass" maintkit_of "$suite" || continue
	for part in ${PARTS:-$parts}; do
		case $part in
		life)
			ok "$suite: the machine boots" lifecycle_boot "$suite" || continue
			lifecycle_run
			;;
		sql) sql_run ;;
		esac
		lab_rm clinic
	done
done
done_testing
