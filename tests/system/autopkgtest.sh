#!/bin/bash
# proves: the autopkgtests of debian/tests pass against the installed packages
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
[ "$(id -u)" = 0 ] || skip_all "needs root"
. "$TOP/tests/lib/lab.sh"
top=$TOP WORK=$T
. "$TOP/tests/system/lifecycle.sh"
ok "the packages build" lifecycle_debs || BAIL "no packages"

lab_need
layer=$(lab_layer autopkgtest bookworm autopkgtest dpkg-dev) || BAIL "no layer"
ok "a machine" lab_up clinic bookworm "$layer"
in_clinic mkdir -p /srv/debs /srv/source
lab_put "$(ls "$DEBS"/maintkit_*.deb)" clinic:/srv/debs/
lab_put "$DEBS/oscar-emr_19.0-1_all.deb" clinic:/srv/debs/
tar -c -C "$TOP" debian | in_clinic tar -x -C /srv/source -f -
# The machine is thrown away, so what the null runner cannot promise does not matter.
run in_clinic sh -c 'exec autopkgtest --no-built-binaries --ignore-restrictions=breaks-testbed,isolation-container /srv/source /srv/debs/*.deb -- null'
is "$rc" 0 "autopkgtest"
like "$out" 'life-cycle +PASS' "the life cycle was tested, not skipped"
[ "$rc" -eq 0 ] || diag "$(printf '%s\n%s\n' "$out" "$err" | tail -n 60)"
done_testing
