#!/bin/bash
# proves: after every set, unset and merge on random hostile files, java.util.Properties reads exactly what was meant, and other lines keep their bytes
# SPDX-License-Identifier: GPL-2.0-or-later
# 5,000 cases of a fixed seed; with SOAK=1 100,000 of a fresh one, which is printed. SEED and CASES overrule.
# shellcheck disable=SC2154
. "$(dirname "$0")/../lib/tap.sh"

cases=${CASES:-5000} seed=${SEED:-1}
if [ "${SOAK:-0}" = 1 ]; then cases=${CASES:-100000} seed=${SEED:-$(date +%s)000000}; fi

# No skip: without Java nothing is proved.
ok "there is a Java" java -version
ok "the driver compiles" "${CC:-gcc}" -D_GNU_SOURCE -std=gnu11 -Wall -Wextra -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined -o "$T/driver" "$TOP/tests/fuzz/props-java.c" \
	"$TOP"/src/core/props*.c "$TOP"/src/base/{buf,err,mem}.c
ok "$cases cases, seed $seed" "$T/driver" "$cases" "$seed" "$TOP/tests/java/PropsOracle.java" "$TOP"/tests/fixtures/props/*.properties
note "$out"
like "$out" "^$cases cases, [1-9][0-9]+ files read by Java, [1-9][0-9]+ sets, [1-9][0-9]+ unsets, [1-9][0-9]+ merges" "all kinds of edits were among them"
done_testing
