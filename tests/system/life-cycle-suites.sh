#!/bin/bash
# proves: maintkit builds, with its unit tests, on Debian 11 and 13, and the whole life cycle holds there too
# SPDX-License-Identifier: GPL-2.0-or-later
# SUITES="trixie": only those.
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"

step() { note "$(date +%T) $suite: $1"; }

ok "the packages build" lifecycle_debs || BAIL "no packages"
for suite in ${SUITES:-bullseye trixie}; do
	step "build maintkit"
	ok "$suite: maintkit builds without a warning and its unit tests pass" maintkit_of "$suite" || continue
	ok "$suite: the machine boots" lifecycle_boot "$suite" || continue
	lifecycle_run
	lab_rm clinic
done
done_testing
