#!/bin/bash
# proves: no input makes the properties lexer, editor or merge crash, read out of bounds, lose a setting, or change what it was not asked to
# SPDX-License-Identifier: GPL-2.0-or-later
# The kept corpus, then 10,000 inputs a target; with SOAK=1 two minutes of new ones. SECONDS_EACH overrules.
# By hand, to extend the corpus: SECONDS_EACH=600 KEEP_CORPUS=1 tests/fuzz/props-libfuzzer.sh
# shellcheck disable=SC2154
. "$(dirname "$0")/../lib/tap.sh"

# The same inputs each time, unless somebody looks for new ones; then for so many seconds.
seconds=${SECONDS_EACH:-${SOAK:+120}}
if [ -n "$seconds" ]; then limit=(-max_total_time="$seconds") what="$seconds seconds of new inputs"
else limit=(-runs=10000 -seed=1) what="10000 inputs"; fi
command -v clang >/dev/null || skip_all "no clang here (package clang)"
echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' >"$T/x.c"
clang -fsanitize=fuzzer -o "$T/x" "$T/x.c" 2>/dev/null || skip_all "clang has no libFuzzer here (package libclang-rt-14-dev)"

cat >"$T/dict" <<'EOF2'
"\\\x0a"
"\\\x0d\x0a"
"\\u0041"
"\\ud83d\\ude00"
"%%\x0a"
"# (maintkit) the new default is "
"\x0d\x0a"
"k1="
"#k1="
" : "
EOF2
for target in lex merge; do
	corpus=$TOP/tests/fuzz/props-corpus/$target
	ok "$target compiles" clang -D_GNU_SOURCE -std=gnu11 -Wall -Wextra -g -O1 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o "$T/$target" "$TOP/tests/fuzz/props-$target.c" \
		"$TOP"/src/core/props*.c "$TOP"/src/base/{buf,err,mem}.c
	ok "$target: the kept corpus" "$T/$target" -runs=0 "$corpus"
	mkdir -p "$T/new-$target"
	ok "$target: $what" "$T/$target" "${limit[@]}" -max_len=1000 \
		-dict="$T/dict" -artifact_prefix="$T/" -timeout=60 -rss_limit_mb=2048 "$T/new-$target" "$corpus"
	note "$(grep -E '^Done ' <<<"$err")"
	[ -z "${KEEP_CORPUS:-}" ] || "$T/$target" -merge=1 "$corpus" "$T/new-$target"
done
done_testing
