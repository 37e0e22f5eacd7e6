#!/bin/bash
# proves: no SQL text makes the splitter or the reader of statements crash, read out of bounds, or depend on the pieces it comes in
# SPDX-License-Identifier: GPL-2.0-or-later
# The fixtures, then 10,000 inputs; with SOAK=1 two minutes of new ones. SECONDS_EACH overrules.
. "$(dirname "$0")/../lib/tap.sh"

# The same inputs each time, unless somebody looks for new ones; then for so many seconds.
seconds=${SECONDS_EACH:-${SOAK:+120}}
if [ -n "$seconds" ]; then limit=(-max_total_time="$seconds") what="$seconds seconds of new inputs"
else limit=(-runs=10000 -seed=1) what="10000 inputs"; fi
command -v clang >/dev/null || skip_all "no clang here (package clang)"
echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' >"$T/x.c"
clang -fsanitize=fuzzer -o "$T/x" "$T/x.c" 2>/dev/null || skip_all "clang has no libFuzzer here (package libclang-rt-14-dev)"

printf '"%s"\n' "delimiter " 'delimiter //\x0a' '\x0d\x0a' '/*' '*/' '/*!' '/*M!' '-- ' '--' '\\\\g' '\\\\N' '\\\\d ' 'use ' 'source ' \
	"''" '``' 'ALTER TABLE ' 'ADD COLUMN ' 'CREATE TABLE ' 'IF NOT EXISTS ' 'CONSTRAINT ' 'DEFAULT ' '\xc3\xa9' '\xef\xbb\xbf' >"$T/dict"
mkdir "$T/seeds" "$T/new"
for f in "$TOP"/tests/fixtures/sql/split/*.sql "$TOP"/hooks/oscar-emr/sql/*.sql; do
	{ printf '\0\7'; cat "$f"; } >"$T/seeds/$(basename "$f")"
	# small seeds make small finds: each line is one too
	split -l 4 --additional-suffix=".$(basename "$f")" "$f" "$T/seeds/part."
done
ok "it compiles" clang -D_GNU_SOURCE -std=gnu11 -Wall -Wextra -g -O1 -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined -o "$T/any" "$TOP/tests/fuzz/sqlsplit-any.c" \
	"$TOP"/src/core/sql*.c "$TOP"/src/base/{buf,err,mem}.c
ok "the fixtures" "$T/any" -runs=0 "$T/seeds"
ok "$what" "$T/any" "${limit[@]}" -max_len=2000 -dict="$T/dict" \
	-artifact_prefix="$T/" -timeout=60 -rss_limit_mb=2048 "$T/new" "$T/seeds"
note "$(grep -E '^Done ' <<<"$err")"
done_testing
