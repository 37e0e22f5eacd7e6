#!/bin/bash
# proves: install, enrol, upgrade, downgrade refused and allowed, remove, reinstall, purge kept and destroyed, on a booted machine
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"

ok "the packages build" lifecycle_debs || BAIL "no packages"
ok "the machine boots" lifecycle_boot bookworm || BAIL "no machine"
lifecycle_run
done_testing
