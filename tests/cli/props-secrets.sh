#!/bin/bash
# proves: values of secret keys come in by file or descriptor only, and come out only when asked for
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/fixtures/props/root.sh"
props_root "$T/root"
secret=Tr0ub4dor-3

rc_is 2 "a secret on the command line is refused" p set "db_password=$secret"
like "$err" "use db_password=@FILE or --stdin" "with the way to go"
unlike "$err" "$secret" "without repeating it"
ok "nothing was written" test ! -e "$P/etc/demo-app/app.properties"

printf '%s\n' "$secret" >"$T/pw"
ok "set from a file" p set "db_password=@$T/pw"
unlike "$out$err" "$secret" "is not printed"
printf 'token = %s\n' "$secret-2" >"$T/lines"
ok "set from stdin" p set --stdin <"$T/lines"
unlike "$out$err" "$secret" "is not printed"
run p get db_password; is "$out" "$secret" "get, which asks for it, prints it"
is "$(stat -c %a "$P/etc/demo-app/app.properties")" 640 "the file was made 0640"
[ "$(id -u)" != 0 ] || is "$(stat -c %u:%g "$P/etc/demo-app/app.properties")" 0:4711 "for root and the group of the root's own /etc/group"

run p list;          unlike "$out" "$secret" "list hides it"
like "$out" "db_password=\(hidden\)" "and says so"
run p list --json;   unlike "$out" "$secret" "list --json hides it"
run p diff;          unlike "$out$err" "$secret|changeme" "diff hides both sides"
run p check;         unlike "$out$err" "$secret" "check does not tell it"
run p list --show-secrets; like "$out" "db_password=$secret" "--show-secrets shows it"
run p diff --show-secrets; like "$out" "token=$secret-2" "diff --show-secrets too"
cp "$TOP/tests/fixtures/props/app-2.properties" "$T/2"
sed -i s/changeme/betterme/ "$T/2"
cp "$T/2" "$P/usr/share/demo-app/app.properties"
run p merge;         unlike "$out$err" "$secret|betterme" "merge hides it"
nok "it is nowhere else" grep -rq "$secret" "$P/var"

ok "unset" p unset db_password
nok "leaves no copy in a comment" grep -q "$secret\$" "$P/etc/demo-app/app.properties"
ok "but the key" grep -q '^#db_password=$' "$P/etc/demo-app/app.properties"

chmod 644 "$P/etc/demo-app/app.properties"
rc_is 1 "check finds a secret that everyone can read" p check
like "$out" "mode: every user can read" "and says so"

# From the first byte: nobody else can ever open the file on its way.
if command -v strace >/dev/null; then
	# the leak checker of a sanitized build cannot be traced
	ok "strace" env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$T/trace" "$BIN/maintkit-props" set --root "$P" -p demo-app "db_password=@$T/pw"
	ok "the new file is made 0600" grep -qE 'openat\(.*app.properties.maintkit-.*O_CREAT.*, 0600' "$T/trace"
	nok "no file is made with more than 0600" grep -E 'openat\(.*O_CREAT.*, 0(6[1-7]|[0-57]|6.[1-7])' "$T/trace"
	nok "the secret is in no argument, environment or write but the file's" grep -E "(execve|sendto|write\([12],).*$secret" "$T/trace"
else
	skip "no strace here" "files are made 0600"
fi
done_testing
