#!/bin/bash
# proves: the include rule of the source tree, and what every source file and test must begin with
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
cd "$TOP" || exit 1

# FILES that include something other than ALLOWED (a regular expression over the path in the quotes)
strays() {
	local dir=$1 allowed=$2
	grep -Hn '^#include "' "src/$dir"/*.[ch] | grep -Ev "\"($allowed)\"" || true
}

is "$(strays base '[a-z_]+\.h')" "" "base includes only base"
is "$(strays core '[a-z0-9_]+\.h|\.\./base/(err|buf|mem)\.h')" "" "core includes only core and base's err, buf, mem"
is "$(strays ext '[a-z0-9_]+\.h|\.\./(base|core)/[a-z0-9_]+\.h')" "" "ext includes only ext, core and base"
is "$(strays cmd '[a-z0-9_]+\.h|\.\./(base|core|ext)/[a-z0-9_]+\.h')" "" "cmd includes only cmd, ext, core and base"

# System headers through which core would reach the outside world.
is "$(grep -Hn '^#include <' src/core/*.[ch] | grep -E '<(unistd|fcntl|sys/[a-z]+|dirent|signal|poll|pwd|grp|netdb|arpa/.*|sys/.*)\.h>' || true)" "" \
	"core is pure: no header of system calls"

is "$(for f in src/*/*.[ch]; do sed -n '1,2p' "$f" | grep -q '^ \* SPDX-License-Identifier: GPL-2.0-or-later' || echo "$f"; done)" "" \
	"every source file begins with its purpose and licence"
tests=$(ls tests/{cli,dpkg,service,system,crash,fault,fuzz}/*.sh 2>/dev/null | grep -v -e /demo.sh -e /lifecycle.sh)
is "$(for f in $tests; do sed -n 2p "$f" | grep -q '^# proves: ' || echo "$f"; done)" "" \
	"every test says in its second line what it proves"
is "$(for f in $tests; do [ -x "$f" ] || echo "$f"; done)" "" \
	"every test is executable"
is "$(for f in src/*/*.c; do n=$(wc -l <"$f"); [ "$n" -le 600 ] || echo "$f: $n lines"; done)" "" "no source file is longer than 600 lines"

done_testing
