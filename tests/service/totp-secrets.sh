#!/bin/bash
# proves: no secret, code or PIN shows in any process list or environment, file or log; serve sends codes to the database socket and to nothing else
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/../lib/tap.sh"
. "$TOP/tests/lib/mariadb.sh"
. "$TOP/tests/lib/totp.sh"
. "$TOP/tests/lib/stop.sh"

[ "$(id -u)" = 0 ] || skip_all "totp is for root"
mariadb_here || skip_all "$mariadb_why"
for program in oathtool strace perl; do
	command -v "$program" >/dev/null || skip_all "$program is not installed"
done
SECRET=$(head -c 30 /dev/urandom | base32 -w0)	# another test may show its own to us
shown=$(rev <<<"$SECRET")
totp_setup && totp_columns || BAIL "no database"
# Six digits are found everywhere by chance: in process numbers, in what other tests run. Eight are not.
code8() { code "$SECRET" -d 8 "$@"; }

watch_on() {
	nice -n -10 perl "$TOP/tests/lib/proc-watch.pl" "$T/seen" >"$T/watch" &
	watcher=$!
	local i
	for ((i = 0; i < 1200; i++)); do
		grep -q ready "$T/watch" 2>/dev/null && return
		sleep 0.05
	done
	BAIL "the watcher of processes is not ready after 60 s"
}
watch_off() {
	kill -TERM $watcher
	wait $watcher
	rate=$(tail -n 1 "$T/watch")
}

# ---- the process list during every verb, and every program that they start, whole
totp() { strace -f -v -s 100000 -e trace=execve -o "$T/exec.$((++execs))" "$TOTP" --root "$ROOT" -p oscar-emr "$@"; }
execs=0
watch_on
totp enroll oscardoc --secret-stdin --digits 8 --recovery-codes 1 <<<"$SECRET" >"$T/recovery" 2>"$T/err"
base=$EPOCHSECONDS
codes=("$(code8 -N "@$base")" "$(code8 -N "@$((base + 30))")")
{
	totp confirm oscardoc <<<"${codes[0]}"
	totp check oscardoc <<<"${codes[1]}"
	totp tick
	pin=$(sec pin)
	totp list; totp show oscardoc; totp close; totp tick
	PATH=$T/bin:$PATH; mkdir "$T/bin"
	# what 2FA.sh runs, without the wait for the end of the minute
	printf '#!/bin/sh\nset -- $(printf "%%s\\n" "$@" | sed "s/^--cover$/--quiet/; /^60$/d; /^-p$/d; /^oscar-emr$/d; /^totp$/d")\nexec "%s" --root "%s" -p oscar-emr "$@"\n' "$TOTP" "$ROOT" >"$T/bin/maintkit"
	chmod +x "$T/bin/maintkit"
	sed "s,^PATH=.*,PATH=$T/bin:$PATH," "$TOP/hooks/oscar-emr/2FA.sh" >"$T/2FA.sh"
	sh "$T/2FA.sh"
	totp check oscardoc <"$T/recovery"
	totp rotate oscardoc --secret-stdin --no-confirm <<<"MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPJBEGRCF"
	totp disable oscardoc
} >>"$T/out" 2>>"$T/err"
rc=$?
# one that does show it, so that we know the watcher sees such things
for i in $(seq 20); do sh -c 'sleep 0.02' "shown-$i" "$shown"; done
watch_off
is "$rc" 0 "all verbs ran"
served=$(for i in 0 30 60 90 120 150 180; do code8 -N "@$((base + i))"; done)	# the machine may be slow
ok "the PIN was the code" grep -qx "$pin" <<<"$served"
note "the process list was looked at $rate times a second"
is "$(grep -c "$shown" "$T/seen" | sed 's/^[1-9].*/some/')" some "the watcher sees a secret that is shown"
for word in "$SECRET" MFRGGZDFMZTWQ2LK "${codes[0]}" "${codes[1]}" "$pin" "$(head -c 9 "$T/recovery")"; do
	is "$(grep -F -e "$word" "$T/seen")" "" "no process showed ${word:0:3}..."
	is "$(cat "$T"/exec.* | grep -F -e "$word")" "" "no program was given it"
	is "$(grep -F -e "$word" "$T/out" "$T/err")" "" "no output did"
	is "$(grep -rF -e "$word" "$ROOT")" "" "no file did"
done

ok "every verb's programs were seen" test "$(cat "$T"/exec.* | grep -c execve)" -ge "$execs"

# ---- what serve writes
totp enroll oscardoc --secret-stdin --no-confirm --digits 8 <<<"$SECRET" 2>/dev/null
totp prepare
strace -f -s 100000 -e trace=write,pwrite64,writev,sendto,sendmsg,connect,socket,openat,creat -y -o "$T/trace" \
	"$TOTP" --root "$ROOT" -p oscar-emr serve >"$T/serve.out" 2>&1 &
tracer=$!
wrote() { served=$(sec pin) && [ "$served" = "$(code8)" ]; }
ok "serve wrote the code" in_time wrote
sleep 0.5
kill -TERM "$(pgrep -P $tracer)"
ok "serve ends" wait $tracer
isnt "$(sec pin)" "$served" "and shut the login"
is "$(grep -cF "$SECRET" "$T/trace")" 0 "the secret was written nowhere"
is "$(grep -F "$served" "$T/trace" | grep -cvE '^[0-9]+ +(write|sendto|sendmsg|writev)\([0-9]+<(UNIX|socket)[^>]*>')" 0 "the code went to sockets only"
isnt "$(grep -cF "$served" "$T/trace")" 0 "to the database's at least"
is "$(grep -oE 'connect\([^)]*sun_path="[^"]*"' "$T/trace" | grep -v "$MARIADB_SOCKET" | grep -cv nscd)" 0 "and there was no other connection"
is "$(grep -E 'openat|creat' "$T/trace" | grep -v ENOENT | grep -E 'O_WRONLY|O_RDWR|O_CREAT' | grep -cv /dev/null)" 0 "no file was opened for writing"
is "$(grep -F -e "$SECRET" -e "$served" "$T/serve.out")" "" "nothing of it was said"

done_testing
