#!/bin/bash
# proves: killed or short of disk at any system call, deploy leaves the old or the new code complete, and a second run converges
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/crash.sh"

for p in unzip zip; do command -v $p >/dev/null || skip_all "$p is not installed"; done
sh "$TOP/tests/fixtures/payload/build.sh" "$T/one" 1:1.0 && sh "$TOP/tests/fixtures/payload/build.sh" "$T/two" 1:1.0+two || BAIL "no WAR"
export CRASH_MAX=${CRASH_MAX:-${SOAK:+2000}}
CRASH_MAX=${CRASH_MAX:-60}

# version 1.0 is deployed from one WAR; the run under test deploys another one as the same version
setup() {
	mkdir -p "$1"/usr/share/oscar-emr/war "$1"/usr/share/tomcat9/{bin,lib} "$1"/etc "$1"/var/lib
	cp "$TOP/debian/oscar-emr.maintkit" "$1/usr/share/oscar-emr/maintkit.conf"
	touch "$1"/usr/share/tomcat9/bin/{catalina.sh,bootstrap.jar} "$1"/usr/share/tomcat9/lib/catalina.jar
	cp "$T/one/oscar.war" "$1/usr/share/oscar-emr/war/"
	"$BIN/maintkit-app" -p oscar-emr --root "$1" -q deploy --version 1:1.0 || return
	cp "$T/two/oscar.war" "$1/usr/share/oscar-emr/war/"
}
code=var/lib/oscar-emr/webapp/1_1.0
observe() { (cd "$1/$code" && find . -type f -exec sha256sum {} + | sort; find . -printf '%p %m\n' | sort); }
# whoever looks finds a whole tree: one or two, and the mark never stands beside the wrong one
invariant() {
	local v n
	v=$(cat "$1/$code/oscar/WEB-INF/version") || return
	n=$(find "$1/$code/oscar" -type f | wc -l)
	[ "$n" = "$files" ] || { echo "$n files of $files"; return 1; }
	case $v in
	1:1.0) want=$T/one/oscar.war ;;
	1:1.0+two) want=$T/two/oscar.war ;;
	*) echo "version $v"; return 1 ;;
	esac
	[ ! -e "$1/$code/oscar.deployed" ] || grep -q "^$(sha256sum <"$want" | cut -c1-64) " "$1/$code/oscar.deployed"
}
files=$(unzip -Z1 "$T/one/oscar.war" | grep -vc '/$')
run=("$BIN/maintkit-app" -p oscar-emr --root @DIR@ deploy --version 1:1.0)
ok 'a kill at any system call' crash_kill "${run[@]}"
ok 'a full or broken disk at any system call' crash_fault "${run[@]}"
done_testing
