#!/bin/bash
# proves: the life of the web application (app-life.sh) holds on trixie with Tomcat 11 (and with SOAK=1 with Tomcat 10) too
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/lab.sh"

[ "$(id -u)" = 0 ] || skip_all "machines need root"
layer=$(lab_layer tomcat11-common trixie tomcat11-common) || BAIL "no layer with Tomcat 11"
life() { env -u LAB_ID "$@" "$TOP/tests/service/app-life.sh"; }
[ -z "${SOAK:-}" ] || ok 'Tomcat 10 on trixie' life APP_SUITE=trixie
ok 'Tomcat 11 on trixie' life APP_SUITE=trixie "APP_LAYER=$layer" APP_TOMCAT=11
done_testing
